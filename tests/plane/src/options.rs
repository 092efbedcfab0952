//! What `up` can be asked for.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Parts of the cluster that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Extra {
    /// CDI: fills the disks.
    Cdi,
    /// KubeVirt: runs the VMs.
    Kubevirt,
    /// Prometheus.
    Prometheus,
}

/// Flags of `up`; a running cluster remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Options {
    /// Real nodes: edge-1, edge-2, ...
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub nodes: u8,

    /// Taint of every real node, set when all else is up, as CMK's installer does; "" for none
    #[arg(long, default_value = "cmk=true:NoSchedule", value_parser = taint)]
    pub taint: String,

    /// Local volumes of each real node: /var/vd/vol0, vol1, ...
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=128))]
    pub volumes: u16,

    /// Huge pages of 2Mi that the machine sets aside for its nodes
    #[arg(long, default_value_t = 256)]
    pub huge_pages: u32,

    /// Simulated nodes (KWOK) beside the real ones
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=5000))]
    pub simulated_nodes: u16,

    /// Leave out what is not needed
    #[arg(long, value_delimiter = ',', value_enum)]
    pub without: Vec<Extra>,
}

impl Options {
    /// Whether CDI is wanted.
    #[must_use]
    pub fn with_cdi(&self) -> bool {
        !self.without.contains(&Extra::Cdi)
    }

    /// Whether KubeVirt is wanted.
    #[must_use]
    pub fn with_kubevirt(&self) -> bool {
        !self.without.contains(&Extra::Kubevirt)
    }

    /// Whether Prometheus is wanted.
    #[must_use]
    pub fn with_prometheus(&self) -> bool {
        !self.without.contains(&Extra::Prometheus)
    }

    /// Whether the binaries of this family are needed; those of CDI and KubeVirt always are, since
    /// one store of images serves every cluster.
    #[must_use]
    pub fn wants(&self, family: &str) -> bool {
        match family {
            "kwok" => self.simulated_nodes > 0,
            "prometheus" => self.with_prometheus(),
            _ => true,
        }
    }

    /// Whether a cluster with these options serves somebody who asks for `other`: it may have more.
    #[must_use]
    pub fn serves(&self, other: &Self) -> bool {
        let more = self
            .without
            .iter()
            .all(|extra| other.without.contains(extra));
        // Simulated nodes are tainted: whoever asks for fewer of them does not notice the others.
        let simulated = self.simulated_nodes >= other.simulated_nodes;
        let rest = |options: &Self| Self {
            without: Vec::new(),
            simulated_nodes: 0,
            ..options.clone()
        };
        more && simulated && rest(self) == rest(other)
    }
}

fn taint(text: &str) -> Result<String, String> {
    let (key, effect) = text.split_once(':').unwrap_or((text, ""));
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    if !text.is_empty() && (key.is_empty() || !effects.contains(&effect)) {
        return Err(format!(
            "expected KEY[=VALUE]:EFFECT with an effect of {effects:?}"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Options {
        Cli::parse_from([&["up"], args].concat()).options
    }

    #[test]
    fn a_fuller_cluster_serves_a_smaller_wish_but_not_the_reverse() {
        let full = parse(&[]);
        let small = parse(&["--without", "prometheus"]);
        assert!(full.serves(&small) && !small.serves(&full));
        assert!(!full.serves(&parse(&["--nodes", "1"])));
        let wide = parse(&["--simulated-nodes", "20"]);
        assert!(wide.serves(&full) && !full.serves(&wide));
    }

    #[test]
    fn a_taint_needs_an_effect() {
        assert_eq!(
            taint("cmk=true:NoSchedule"),
            Ok("cmk=true:NoSchedule".to_owned())
        );
        assert!(taint("cmk").is_err() && taint(":NoExecute").is_err());
    }
}
