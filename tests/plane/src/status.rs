//! `plane status`: what runs, for people and for programs.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::complete::running;
use crate::layout::Layout;
use crate::lock;
use crate::machine::Machine;

/// Prints the state of the cluster; the exit code says whether it is up.
///
/// # Errors
/// If it can't be read.
pub fn print(layout: &Layout, as_json: bool) -> Result<ExitCode> {
    let machines = Machine::all(layout)?;
    let state = running(layout);
    let up = matches!(state, Ok(Some(_)));
    let words = match &state {
        Ok(Some(complete)) => format!("up, started by {}", complete.checkout.display()),
        Ok(None) if machines.is_empty() => "down".to_owned(),
        Ok(None) if lock::is_held(layout) => "a plane command is at work".to_owned(),
        Ok(None) => "unfinished: `plane up` recovers it, `plane down` removes it".to_owned(),
        Err(e) => format!("broken (`plane up` makes it anew, `plane down` removes it): {e:#}"),
    };
    let mut out = std::io::stdout().lock();
    if as_json {
        let machines: Vec<_> = machines
            .iter()
            .map(|m| json!({"name": m.name, "pid": m.pid, "parts": m.parts()}))
            .collect();
        let status = json!({
            "up": up,
            "state": words,
            "kubeconfig": layout.kubeconfig(),
            "bin": layout.cluster.join("bin"),
            "cache": layout.cache,
            "machines": machines,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        writeln!(out, "cluster: {words}")?;
        for machine in &machines {
            writeln!(
                out,
                "{:<14} pid {:<8} {}",
                machine.name,
                machine.pid,
                machine.parts().join(" ")
            )?;
        }
    }
    Ok(if up {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
