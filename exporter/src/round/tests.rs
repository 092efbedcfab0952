mod functions;

use clap::Parser;
use prometheus::{Registry, TextEncoder};
use serde_json::json;
use tokio::time::advance;
use vmberth_decide::node::cluster::Node;
use vmberth_decide::node::facts::{
    Area, Content, DirectoryFacts, FileSystemFacts, Problem, VolumeFacts,
};

use super::*;
use crate::fake::ApiServer;
use crate::look::tests::{LIMIT, Stage};

/// An agent of the node edge1 below this root, with what it counts.
fn agent(root: &str, api: &ApiServer, config: ConfigFile) -> (Agent, Registry) {
    let args = ["vmberth-exporter", "--node-name=edge1", "--host-root", root];
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let changed = Arc::new(Notify::new());
    let state = Arc::new(ClusterState::new("edge1", Arc::clone(&changed)));
    let args = Args::parse_from(args);
    let agent = Agent::new(&args, api.client(), config, state, changed, metrics);
    (agent, registry)
}

/// When the node was seen last, as the metric says; 0 is never.
fn last_good_scan(registry: &Registry) -> String {
    let page = TextEncoder::new().encode_to_string(&registry.gather());
    let name = "vmberth_exporter_last_good_scan_timestamp_seconds ";
    let page = page.unwrap();
    let mut lines = page.lines().filter_map(|line| line.strip_prefix(name));
    lines.next().unwrap().to_owned()
}

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
    let api = ApiServer::silent();
    let (mut agent, _) = agent(&root, &api, ConfigFile::load(None).unwrap());
    for is_known in [false, true] {
        let ended = agent.round(|| is_known, &Shutdown::default()).await;
        assert!(!ended.unwrap().is_fresh);
    }
    assert!(api.requests().is_empty(), "{:?}", api.requests());
}

#[tokio::test]
async fn only_a_look_that_saw_the_node_is_a_good_one() {
    let node = tempfile::tempdir().unwrap();
    let missing = node.path().join("missing").display().to_string();
    let (api, config) = (ApiServer::silent(), ConfigFile::load(None).unwrap());
    let (mut agent, registry) = agent(&missing, &api, config);
    let shutdown = Shutdown::default();
    agent.round(|| false, &shutdown).await.unwrap();
    assert_eq!(last_good_scan(&registry), "0");
    let stage = Stage::new();
    stage.sees(Facts::default());
    agent.looker = stage.looker;
    agent.round(|| false, &shutdown).await.unwrap();
    assert_ne!(last_good_scan(&registry), "0");
}

/// What a node with one empty directory looks like, of which a PersistentVolume is to be made.
fn with_an_empty_directory() -> Facts {
    let directory = DirectoryFacts::default();
    let file_system = FileSystemFacts {
        mount_point: "/".to_owned(),
        size: 100 << 30,
        free: 100 << 30,
        inodes: 1000,
        inodes_free: 1000,
        ..FileSystemFacts::default()
    };
    Facts {
        volumes: vec![VolumeFacts {
            name: "vol0".to_owned(),
            path: "/var/vd/vol0".to_owned(),
            content: Content::Directory(directory),
        }],
        file_systems: vec![file_system],
        ..Facts::default()
    }
}

/// The cluster is told that nobody knows, and nothing is done by what was seen before.
#[tokio::test(start_paused = true)]
async fn a_file_system_that_hangs_is_told_and_nothing_is_done() {
    let node = tempfile::tempdir().unwrap();
    let root = node.path().display().to_string();
    let path = node.path().join("exporter.yaml");
    let config = "{apiVersion: vmberth.io/v1alpha1, kind: ExporterConfig, volumes: [{directory: /var/vd/, prefix: vol, \
                  max: 0, storageClass: local-vd, capacity: 15Gi}]}";
    std::fs::write(&path, config).unwrap();
    let details = json!({"name": "edge1", "kind": "nodeinventories"});
    let absent = json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "m", "code": 404, "details": details});
    let object = json!({"apiVersion": "vmberth.io/v1alpha1", "kind": "NodeInventory", "metadata": {"name": "edge1"}});
    let api = ApiServer::new(vec![(404, absent), (200, object.clone()), (200, object)]);
    let (mut agent, registry) = agent(&root, &api, ConfigFile::load(Some(path)).unwrap());
    let stage = Stage::new();
    stage.sees(with_an_empty_directory());
    let release = stage.hangs();
    agent.looker = stage.looker;
    let shutdown = Shutdown::default();
    agent.round(|| false, &shutdown).await.unwrap();
    let seen = last_good_scan(&registry);
    agent.state.knows(Node {
        name: "edge1".to_owned(),
        uid: "u1".to_owned(),
        hostname: Some("edge1".to_owned()),
        ..Node::default()
    });
    let (ended, ()) = tokio::join!(agent.round(|| true, &shutdown), advance(LIMIT));
    assert!(!ended.unwrap().is_fresh);
    let begun = format!("{:?}", agent.work);
    assert_eq!(begun, format!("{:?}", Work::default()));
    assert_eq!(last_good_scan(&registry), seen);
    let asked = api.requests();
    let status = &asked[2].body["status"];
    assert_eq!(status["volumes"][0]["name"], "vol0");
    let healthy = &status["conditions"][0];
    assert_eq!(healthy["status"], "Unknown");
    assert_eq!(
        healthy["message"],
        "can't be read: /: no answer within 10 s: a file system hangs; see the kernel's log"
    );
    drop(release);
}
