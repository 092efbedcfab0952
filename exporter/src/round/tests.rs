use clap::Parser;
use prometheus::Registry;
use vmberth_decide::node::facts::Problem;

use super::*;
use crate::fake::ApiServer;

#[test]
fn a_root_that_was_not_seen_is_nothing_fresh() {
    let with = |area, path: &str| Facts {
        problems: vec![Problem {
            area,
            path: path.to_owned(),
            reason: "Input/output error (os error 5)".to_owned(),
        }],
        ..Facts::default()
    };
    assert!(root_was_seen(&Facts::default()));
    assert!(root_was_seen(&with(Area::Volumes, "/var/vd/vol3")));
    assert!(root_was_seen(&with(Area::Kubelet, "/")));
    assert!(!root_was_seen(&with(Area::Volumes, "/")));
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let config = vmberth_decide::node::config::Config::default();
    let roots = Roots::new(missing, crate::roots::KUBELET);
    assert!(!root_was_seen(&crate::scan::scan(&roots, &config)));
}

/// Neither before the cluster is known nor while nobody tells of the node: readiness keeps its old time.
#[tokio::test]
async fn what_the_api_server_does_not_have_is_not_fresh() {
    let node = tempfile::tempdir().unwrap();
    let root = node.path().display().to_string();
    let args = ["vmberth-exporter", "--node-name=edge1", "--host-root"];
    let args = Args::parse_from(args.into_iter().chain([root.as_str()]));
    let api = ApiServer::silent();
    let changed = Arc::new(Notify::new());
    let state = Arc::new(ClusterState::new("edge1", Arc::clone(&changed)));
    let config = ConfigFile::load(None).unwrap();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let mut agent = Agent::new(&args, api.client(), config, state, changed, metrics);
    for is_known in [false, true] {
        let ended = agent.round(|| is_known, &Shutdown::default()).await;
        assert!(!ended.unwrap().is_fresh);
    }
    assert!(api.requests().is_empty(), "{:?}", api.requests());
}
