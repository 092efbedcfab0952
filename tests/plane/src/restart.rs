//! `plane restart`: a part ends as by a crash, and is started again with the arguments that it had.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::machine::{Machine, Part};
use crate::wait;

/// Kills `MACHINE/PART` and starts it anew; returns as soon as it runs, ready or not.
///
/// # Errors
/// If there is no such part, or it does not start.
pub fn restart(layout: &Layout, full_name: &str) -> Result<()> {
    let (machine, name) = full_name
        .split_once('/')
        .context("expected MACHINE/PART, such as control-plane/kube-apiserver")?;
    let machine = Machine::open(machine, &layout.machine(machine))?
        .with_context(|| format!("there is no machine {machine}: is the cluster up?"))?;
    let part = |suffix: &str| machine.dir.join("parts").join(format!("{name}.{suffix}"));
    // A number of the machine's own PID namespace, as are those below the /proc that it mounted.
    let pid = fs::read_to_string(part("pid"))
        .with_context(|| format!("no part {name}; there are: {}", machine.parts().join(", ")))?;
    let line = fs::read(machine.path(&format!("/proc/{pid}/cmdline")))?;
    let line = String::from_utf8(line).context("its command line")?;
    let argv = line.split_terminator('\0').map(str::to_owned).collect();
    machine
        .inside("sh")
        .args(["-c", &format!("kill -KILL {pid}")])
        .run()?;
    wait::until(
        &format!("{full_name} to end"),
        Duration::from_secs(10),
        || Ok(part("exit").exists().then_some(())),
    )?;
    let name = name.to_owned();
    machine.run(&Part { name, argv })
}
