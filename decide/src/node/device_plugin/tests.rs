mod bounds;

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::*;
use crate::node::assess::{Finding, PoolVerdict, assess};
use crate::node::config::VfPool;
use crate::node::facts::{Area, Facts, KubeletFacts, Problem};

const RESOURCE: &str = "intel.com/intel_sriov_vm";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn pool() -> PoolVerdict {
    PoolVerdict {
        resource: RESOURCE.to_owned(),
        ..PoolVerdict::default()
    }
}

fn of(pool: PoolVerdict) -> Assessment {
    Assessment {
        pools: vec![pool],
        ..Assessment::default()
    }
}

fn in_sync() -> Assessment {
    of(pool())
}

fn differing() -> Assessment {
    of(PoolVerdict {
        unadvertised: vec!["0000:3b:02.0".to_owned()],
        ..pool()
    })
}

fn silent() -> Assessment {
    let finding = Finding {
        kind: ConditionKind::DevicePluginInSync,
        status: Status::Unknown,
        reason: "KubeletSilent",
        message: String::new(),
    };
    Assessment {
        findings: vec![finding],
        ..in_sync()
    }
}

fn plugin_pod() -> Pod {
    Pod {
        namespace: "kube-system".to_owned(),
        name: "sriovdp-x".to_owned(),
        uid: "1".to_owned(),
        labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
        ..Pod::default()
    }
}

fn cluster(pods: Vec<Pod>) -> Cluster {
    Cluster {
        pods,
        ..Cluster::default()
    }
}

fn config() -> Config {
    let device_plugin = DevicePlugin {
        restart: true,
        ..DevicePlugin::default()
    };
    Config {
        device_plugin,
        ..Config::default()
    }
}

fn wait(count: u64, awaited: Awaited) -> Decision {
    Decision::Wait(seconds(count), awaited)
}

fn restart() -> Decision {
    Decision::Restart {
        namespace: "kube-system".to_owned(),
        pod: "sriovdp-x".to_owned(),
        uid: "1".to_owned(),
    }
}

/// Differs since 0, and the grace is over.
fn late() -> Restarts {
    Restarts {
        differs_since: Some(Duration::ZERO),
        ..Restarts::default()
    }
}

#[rstest]
#[case::unadvertised(differing())]
#[case::stale(of(PoolVerdict { stale: vec!["0000:3b:02.0".to_owned()], ..pool() }))]
fn restarts_once_the_grace_is_over(#[case] assessment: Assessment) {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = Restarts::default();
    let mut at = |now| decide(&assessment, &cluster, &config(), &mut memory, seconds(now));
    assert_eq!(at(100), wait(60, Awaited::Grace));
    assert_eq!(at(159), wait(1, Awaited::Grace));
    assert_eq!(at(160), restart());
    assert_eq!(at(161), wait(59, Awaited::BackOff));
}

#[test]
fn longer_grace_counts_after_a_restart_too() {
    let mut config = config();
    config.device_plugin.grace = seconds(200);
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = late();
    let mut at = |now| decide(&differing(), &cluster, &config, &mut memory, seconds(now));
    assert_eq!(at(200), restart());
    assert_eq!(at(300), wait(100, Awaited::BackOff));
}

#[test]
fn starts_anew_once_all_is_well() {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = Restarts {
        differs_since: Some(seconds(100)),
        last: Some(seconds(100)),
        in_a_row: 4,
        ..Restarts::default()
    };
    let mut at =
        |assessment, now| decide(&assessment, &cluster, &config(), &mut memory, seconds(now));
    assert_eq!(at(differing(), 200), wait(3500, Awaited::BackOff));
    assert_eq!(at(in_sync(), 300), Decision::Nothing);
    assert_eq!(at(differing(), 400), wait(60, Awaited::Grace));
    assert_eq!(at(differing(), 460), restart());
}

#[test]
fn silent_kubelet_is_neither_in_sync_nor_not() {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = Restarts {
        last: Some(Duration::ZERO),
        in_a_row: 4,
        ..late()
    };
    let before = memory.clone();
    let decision = decide(&silent(), &cluster, &config(), &mut memory, seconds(9999));
    assert_eq!(decision, Decision::Nothing);
    assert_eq!(memory, before);
}

#[test]
fn never_when_it_is_off() {
    let cluster = cluster(vec![plugin_pod()]);
    let mut memory = late();
    let decision = decide(
        &differing(),
        &cluster,
        &Config::default(),
        &mut memory,
        seconds(9999),
    );
    assert_eq!(decision, Decision::Nothing);
    assert_eq!(memory.differs_since, None);
}

#[rstest]
#[case::machine(Pod { machine: Some("vm1".to_owned()), starting: true, ..Pod::default() }, false)]
#[case::launcher_by_label(
    Pod { labels: BTreeMap::from([("kubevirt.io".to_owned(), "virt-launcher".to_owned())]), starting: true, ..Pod::default() },
    false
)]
#[case::other_pod_that_asks_for_a_function(
    Pod { requests: BTreeMap::from([(RESOURCE.to_owned(), 1)]), starting: true, ..Pod::default() },
    false
)]
#[case::machine_that_runs(Pod { machine: Some("vm1".to_owned()), ..Pod::default() }, true)]
#[case::machine_that_failed(
    Pod { machine: Some("vm1".to_owned()), starting: true, ended: true, ..Pod::default() },
    true
)]
#[case::other_pod(Pod { starting: true, ..Pod::default() }, true)]
fn waits_for_pods_that_take_functions(#[case] pod: Pod, #[case] restarts: bool) {
    let name = "vm1-x".to_owned();
    let cluster = cluster(vec![Pod { name, ..pod }, plugin_pod()]);
    let decision = decide(&differing(), &cluster, &config(), &mut late(), seconds(60));
    let is_awaited =
        matches!(&decision, Decision::Wait(LATER, Awaited::Pod { name, .. }) if name == "vm1-x");
    assert_eq!(decision == restart(), restarts, "{decision:?}");
    assert_eq!(is_awaited, !restarts, "{decision:?}");
}

#[rstest]
#[case::none(vec![])]
#[case::other_namespace(vec![Pod { namespace: "default".to_owned(), ..plugin_pod() }])]
#[case::other_labels(vec![Pod { labels: BTreeMap::new(), ..plugin_pod() }])]
#[case::ended(vec![Pod { ended: true, ..plugin_pod() }])]
#[case::starts_already(vec![Pod { starting: true, ..plugin_pod() }])]
fn waits_for_a_pod_to_restart(#[case] pods: Vec<Pod>) {
    let mut memory = late();
    let decision = decide(
        &differing(),
        &cluster(pods),
        &config(),
        &mut memory,
        seconds(60),
    );
    assert_eq!(decision, Decision::Wait(LATER, Awaited::DevicePlugin));
    assert_eq!(memory, late());
}

#[test]
fn without_labels_no_pod_is_the_device_plugin() {
    let plugin = DevicePlugin {
        labels: BTreeMap::new(),
        ..DevicePlugin::default()
    };
    assert_eq!(pod_of(&plugin, &cluster(vec![plugin_pod()])), None);
}

/// A card that can't be read has functions that nobody sees: what the kubelet advertises of it is not stale.
#[rstest]
#[case::all_is_readable(None, restart())]
#[case::a_card_is_not(Some(Area::Functions), Decision::Nothing)]
#[case::the_kubelet_is_not(Some(Area::Kubelet), Decision::Nothing)]
#[case::volumes_do_not_matter(Some(Area::Volumes), restart())]
fn only_what_could_be_read_is_a_reason(#[case] area: Option<Area>, #[case] expected: Decision) {
    let devices = BTreeMap::from([("0000:3b:02.0".to_owned(), BTreeSet::new())]);
    let problem = |area| Problem {
        area,
        path: "/some/path".to_owned(),
        reason: "I/O error".to_owned(),
    };
    let facts = Facts {
        kubelet: Some(KubeletFacts {
            allocatable: BTreeMap::from([(RESOURCE.to_owned(), devices)]),
            ..KubeletFacts::default()
        }),
        problems: area.map(problem).into_iter().collect(),
        ..Facts::default()
    };
    let config = Config {
        vf_pools: vec![VfPool {
            resource: RESOURCE.to_owned(),
            vendors: BTreeSet::new(),
            devices: BTreeSet::new(),
            interfaces: BTreeSet::new(),
        }],
        ..config()
    };
    let cluster = cluster(vec![plugin_pod()]);
    let assessment = assess(&facts, &cluster, &config);
    let now = seconds(1000);
    assert_eq!(
        decide(&assessment, &cluster, &config, &mut late(), now),
        expected
    );
}
