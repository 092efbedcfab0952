//! How many, and what happens meanwhile: from the environment, so that the same race runs small and large.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

/// One race.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `VMS`: so many VMs.
    pub(crate) vms: usize,
    /// `NODES`: so many of the simulated nodes are the fleet.
    pub(crate) nodes: usize,
    /// `SEED`: the same seed makes the same VMs and nodes.
    pub(crate) seed: u64,
    /// `SLACK`: so many percent more functions, pages and volumes than a solution needs, on each node.
    pub(crate) slack: u64,
    /// `FAULTS`: servers are killed, agents are silent.
    pub(crate) faults: bool,
    /// `SCHEDULER`: vmberth's own; off: the cluster's, as negative control.
    pub(crate) own: bool,
    /// `LIMIT`: after so many seconds it is counted, whatever there is.
    pub(crate) limit: Duration,
    /// `QUIET`: after so many seconds in which no pod was placed, it is counted.
    pub(crate) quiet: Duration,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// Which one can't be read.
    pub(crate) fn read() -> Result<Self> {
        Ok(Self {
            vms: number("VMS", 1000)?,
            nodes: number("NODES", 200)?,
            seed: number("SEED", 1)?,
            slack: number("SLACK", 5)?,
            faults: choice("FAULTS", "no", ["yes", "no"])?,
            own: choice("SCHEDULER", "own", ["own", "off"])?,
            limit: Duration::from_secs(number("LIMIT", 2400)?),
            quiet: Duration::from_secs(number("QUIET", 120)?),
        })
    }

    /// Name of the race in the results.
    pub(crate) fn name(&self) -> String {
        let scheduler = if self.own { "own" } else { "off" };
        let faults = if self.faults { ", faults" } else { "" };
        let (vms, nodes, slack) = (self.vms, self.nodes, self.slack);
        format!("{vms} VMs, {nodes} nodes, slack {slack} %, scheduler {scheduler}{faults}")
    }
}

fn number<T: FromStr>(name: &str, default: T) -> Result<T> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map_err(|_| anyhow!("{name}={text}: expected a number")),
        _ => Ok(default),
    }
}

/// Whether the first of two words was said.
fn choice(name: &str, default: &str, [yes, no]: [&str; 2]) -> Result<bool> {
    let said = std::env::var(name).unwrap_or_default();
    let said = if said.is_empty() { default } else { &said };
    match said {
        said if said == yes => Ok(true),
        said if said == no => Ok(false),
        other => bail!("{name}={other}: expected {yes} or {no}"),
    }
}
