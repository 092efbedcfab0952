//! One look without a cluster, for who asks over ssh: the same scan and the same verdicts as the agent's.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use vmberth_decide::node::assess::assess;
use vmberth_decide::node::cluster::Cluster;

use crate::args::{Args, Output};
use crate::config_file::ConfigFile;
use crate::look::Looker;
use crate::{inventory, table};

/// What a table leaves open, and why that is no fault of the node.
const WITHOUT_CLUSTER: &str = "--once asks no cluster: PersistentVolumes, claims, and what the kubelet has told the cluster are not known here.";

/// Prints what there is.
///
/// # Errors
/// If the config is bad or standard output is closed.
pub async fn print(args: &Args) -> anyhow::Result<()> {
    let file = ConfigFile::load(args.config.clone()).context("--config refused")?;
    let mut looker = Looker::new(args.roots(), Arc::default());
    let facts = looker.look(file.config()).await?;
    let assessment = assess(&facts, &Cluster::default(), file.config());
    let text = match args.output {
        Output::Table => format!("{}\n{WITHOUT_CLUSTER}", table::table(&assessment)),
        Output::Json => serde_json::to_string_pretty(&table::json(&assessment))?,
    };
    Ok(written(&text)?)
}

/// Prints the CustomResourceDefinition.
///
/// # Errors
/// If standard output is closed.
pub fn print_crd() -> anyhow::Result<ExitCode> {
    let text = serde_json::to_string_pretty(&inventory::crd())?;
    written(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn written(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        // Whoever read it has seen enough: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
