//! One look at the node: its files, and the kubelet's word.

use vmberth_decide::node::config::Config;
use vmberth_decide::node::facts::Facts;

use crate::roots::Roots;
use crate::{kubelet, scan};

/// Everything that can be read of a node.
///
/// # Errors
/// If the thread that reads ended without a word.
pub async fn at(roots: Roots, config: Config) -> Result<Facts, tokio::task::JoinError> {
    let path = roots.kubelet(kubelet::SOCKET);
    let socket = roots.below(&path);
    let read = tokio::task::spawn_blocking(move || scan::scan(&roots, &config));
    let mut facts = read.await?;
    match kubelet::ask(&socket).await {
        Ok(answer) => facts.kubelet = Some(answer),
        Err(error) => {
            facts.problems.push(error.problem(&path));
            facts.problems.sort();
        }
    }
    Ok(facts)
}
