//! One look at the node: its files, and the kubelet's word.

use std::path::PathBuf;

use vmberth_decide::node::config::Config;
use vmberth_decide::node::facts::Facts;

use crate::{kubelet, scan};

/// Everything that can be read below `root`.
///
/// # Errors
/// If the thread that reads ended without a word.
pub async fn at(root: PathBuf, config: Config) -> Result<Facts, tokio::task::JoinError> {
    let socket = root.join(kubelet::SOCKET.trim_start_matches('/'));
    let read = tokio::task::spawn_blocking(move || scan::scan(&root, &config));
    let mut facts = read.await?;
    match kubelet::ask(&socket).await {
        Ok(answer) => facts.kubelet = Some(answer),
        Err(error) => {
            facts.problems.push(error.problem());
            facts.problems.sort();
        }
    }
    Ok(facts)
}
