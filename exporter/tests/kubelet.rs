//! The kubelet's client, against stand-ins that listen on a unix socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod standin_kubelet;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message;
use standin_kubelet::{Answer, answer, of};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use vmberth_decide::node::facts::{Area, KubeletFacts, Problem};
use vmberth_exporter::kubelet::messages::{
    Allocatable, Container, Devices, Memory, Numa, Pod, PodResources, Topology,
};
use vmberth_exporter::kubelet::{KubeletError, ask};

const RESOURCE: &str = "intel.com/intel_sriov_vm";

/// A kubelet that answers each method with the same bytes, as gRPC puts them on the wire.
struct StandIn {
    folder: TempDir,
    task: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    fn new(allocatable: Answer, list: Answer) -> Self {
        Self::serving(move |stream| answer(stream, allocatable.clone(), list.clone()))
    }

    fn serving<F>(serve: impl Fn(UnixStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream).await;
            }
        });
        Self { folder, task }
    }

    async fn ask(&self) -> Result<KubeletFacts, KubeletError> {
        ask(&self.folder.path().join("s")).await
    }
}

fn nodes(ids: &[i64]) -> Option<Topology> {
    let nodes = ids.iter().map(|&id| Numa { id }).collect();
    Some(Topology { nodes })
}

fn devices(resource: &str, ids: &[&str], cells: &[i64]) -> Devices {
    Devices {
        resource: resource.to_owned(),
        ids: ids.iter().map(|&id| id.to_owned()).collect(),
        topology: nodes(cells),
    }
}

fn container(name: &str, devices: Vec<Devices>, cpus: &[i64]) -> Container {
    Container {
        name: name.to_owned(),
        devices,
        cpus: cpus.to_vec(),
    }
}

fn pod(name: &str, containers: Vec<Container>) -> Pod {
    Pod {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        containers,
    }
}

#[tokio::test]
async fn what_can_be_handed_out_and_what_has_been() {
    let block = |kind: &str, size, cells| Memory {
        kind: kind.to_owned(),
        size,
        topology: nodes(cells),
    };
    let allocatable = Allocatable {
        devices: vec![
            devices(RESOURCE, &["0000:3b:02.1", "0000:3b:02.0"], &[0]),
            devices(RESOURCE, &["0000:af:02.0"], &[1]),
            devices(RESOURCE, &["0000:af:02.1"], &[]),
            devices("devices.kubevirt.io/kvm", &[], &[]),
        ],
        cpus: vec![3, 2, -1],
        memory: vec![
            block("hugepages-2Mi", 5, &[1]),
            block("hugepages-2Mi", 7, &[1]),
            block("memory", 9, &[0, 1]),
            block("memory", 11, &[]),
        ],
    };
    let held = devices(RESOURCE, &["0000:3b:02.1"], &[0]);
    let pods = PodResources {
        pods: vec![
            pod("z", vec![container("c", Vec::new(), &[7])]),
            pod(
                "b",
                vec![
                    container("none", Vec::new(), &[]),
                    container("compute", vec![held], &[5, 4]),
                ],
            ),
        ],
    };
    let facts = StandIn::new(of(&allocatable), of(&pods))
        .ask()
        .await
        .unwrap();
    let pool = &facts.allocatable[RESOURCE];
    assert_eq!(facts.allocatable.len(), 1);
    assert_eq!(pool.len(), 4);
    assert_eq!(pool["0000:3b:02.0"], BTreeSet::from([0]));
    assert_eq!(pool["0000:af:02.1"], BTreeSet::new());
    assert_eq!(facts.cpus, BTreeSet::from([2, 3]));
    assert_eq!(facts.memory["hugepages-2Mi"], BTreeMap::from([(1, 12)]));
    assert_eq!(facts.memory["memory"], BTreeMap::from([(0, 9)]));
    let names: Vec<_> = facts
        .containers
        .iter()
        .map(|c| (&*c.pod, &*c.container))
        .collect();
    assert_eq!(names, [("b", "compute"), ("z", "c")]);
    let ids = &facts.containers[0].devices[RESOURCE];
    assert_eq!(ids, &BTreeSet::from(["0000:3b:02.1".to_owned()]));
    assert_eq!(facts.containers[0].cpus, BTreeSet::from([4, 5]));
}

#[tokio::test]
async fn a_kubelet_without_anything() {
    let nothing = Answer::Message(Vec::new());
    let facts = StandIn::new(nothing.clone(), nothing).ask().await.unwrap();
    assert_eq!(facts, KubeletFacts::default());
}

#[tokio::test]
async fn fields_that_nobody_knows_are_skipped() {
    let mut list = PodResources::default().encode_to_vec();
    // Field 99, of two bytes.
    list.extend([0x9a, 0x06, 0x02, b'h', b'i']);
    let stand_in = StandIn::new(Answer::Message(Vec::new()), Answer::Message(list));
    assert_eq!(stand_in.ask().await.unwrap(), KubeletFacts::default());
}

#[tokio::test]
async fn messages_of_more_than_four_mebibytes() {
    let ids: Vec<String> = (0..100_000).map(|id| format!("{id:0>64}")).collect();
    let all = Devices {
        ids,
        ..devices(RESOURCE, &[], &[])
    };
    let allocatable = Allocatable {
        devices: vec![all],
        ..Allocatable::default()
    };
    let stand_in = StandIn::new(of(&allocatable), Answer::Message(Vec::new()));
    assert_eq!(
        stand_in.ask().await.unwrap().allocatable[RESOURCE].len(),
        100_000
    );
}

#[tokio::test]
async fn messages_of_more_than_sixteen_are_refused() {
    let large = Answer::Message(vec![0; (16 << 20) + 1]);
    let error = StandIn::new(large.clone(), large).ask().await.unwrap_err();
    assert!(error.to_string().contains("OutOfRange"), "{error}");
}

#[tokio::test]
async fn no_socket() {
    let error = ask("/nowhere/kubelet.sock".as_ref()).await.unwrap_err();
    let expected = Problem {
        area: Area::Kubelet,
        path: "/var/lib/kubelet/pod-resources/kubelet.sock".to_owned(),
        reason: "No such file or directory (os error 2)".to_owned(),
    };
    assert_eq!(
        error.problem("/var/lib/kubelet/pod-resources/kubelet.sock"),
        expected
    );
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    let error = ask(&path).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Connection refused (os error 111)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_names_the_method_and_the_reason() {
    let refusal = Answer::Refusal(8, "rejected by rate limit");
    let stand_in = StandIn::new(Answer::Message(Vec::new()), refusal);
    let error = stand_in.ask().await.unwrap_err().to_string();
    let expected = "/v1.PodResourcesLister/List: rejected by rate limit (ResourceExhausted)";
    assert!(error.ends_with(expected), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_message() {
    let garbage = Answer::Message(vec![0xff; 40]);
    let error = StandIn::new(garbage.clone(), garbage)
        .ask()
        .await
        .unwrap_err();
    assert!(matches!(error, KubeletError::Call { .. }), "{error}");
}

#[tokio::test]
async fn a_server_of_something_else() {
    let stand_in = StandIn::serving(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        // The client hangs up first, so that it reads the answer.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = stand_in.ask().await.unwrap_err();
    assert!(
        matches!(
            error,
            KubeletError::Call { .. } | KubeletError::Connection(_)
        ),
        "{error}"
    );
}

/// The clock stands still until nothing else is left to do, so this takes no five seconds.
#[tokio::test(start_paused = true)]
async fn a_silent_kubelet() {
    let stand_in = StandIn::serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let before = tokio::time::Instant::now();
    let error = stand_in.ask().await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 5 s");
    assert_eq!(before.elapsed().as_secs(), Duration::from_secs(5).as_secs());
}

#[tokio::test]
async fn one_that_hangs_up() {
    let stand_in = StandIn::serving(|stream| async move { drop(stream) });
    let error = stand_in.ask().await.unwrap_err();
    assert!(!matches!(error, KubeletError::Silent), "{error}");
}
