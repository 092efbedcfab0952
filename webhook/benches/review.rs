//! What a review costs without network, step by step, with its allocations; docs/adr/0004 reads the numbers.
//!
//! ```text
//! cargo bench -p vmberth-webhook --bench review
//! ```
#![allow(
    clippy::unwrap_used,
    reason = "a measurement may stop at the first thing that is not as it should be"
)]

use divan::{AllocProfiler, Bencher};
use vmberth_decide::mutate::mutate;
use vmberth_decide::policy::Policy;
use vmberth_decide::surroundings::{ClaimKnown, NetworkKnown, Surroundings};
use vmberth_webhook::decode::decode;
use vmberth_webhook::respond;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Reviews in tests/fixtures/recorded.
const KINDS: [&str; 4] = [
    "launcher-pod",
    "vm-vfs-hugepages",
    "data-volume",
    "foreign-pod",
];

/// A cluster whose networks all have virtual functions and whose claims are all of one class.
struct Cluster;

impl Surroundings for Cluster {
    fn network(&self, _: &str, _: &str) -> NetworkKnown<'_> {
        NetworkKnown::Resource("intel.com/intel_sriov_vm")
    }

    fn class_of_claim(&self, _: &str, _: &str) -> ClaimKnown<'_> {
        ClaimKnown::Class("local-vd")
    }
}

fn main() {
    divan::main();
}

/// The file as the API server would send it.
fn body(kind: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/recorded");
    let text = std::fs::read_to_string(format!("{folder}/{kind}.json")).unwrap();
    let review: serde_json::Value = serde_json::from_str(&text).unwrap();
    review.to_string().into_bytes()
}

fn policy() -> Policy {
    Policy::from_yaml(include_str!("../../tests/fixtures/recorded/policy.yaml")).unwrap()
}

/// Bytes into what is decided about.
#[divan::bench(args = KINDS)]
fn decoding(bencher: Bencher<'_, '_>, kind: &str) {
    let body = body(kind);
    bencher.bench_local(|| decode(&body).unwrap());
}

/// The decision.
#[divan::bench(args = KINDS)]
fn deciding(bencher: Bencher<'_, '_>, kind: &str) {
    let (body, policy) = (body(kind), policy());
    let request = decode(&body).unwrap();
    bencher.bench_local(|| mutate(&request.review, &policy, &Cluster).unwrap());
}

/// The decision into the bytes of the answer, its patch included.
#[divan::bench(args = KINDS)]
fn responding(bencher: Bencher<'_, '_>, kind: &str) {
    let body = body(kind);
    let request = decode(&body).unwrap();
    let decision = mutate(&request.review, &policy(), &Cluster);
    bencher.bench_local(|| respond::review(&request.uid, &decision).unwrap());
}

/// All of it.
#[divan::bench(args = KINDS)]
fn whole(bencher: Bencher<'_, '_>, kind: &str) {
    let (body, policy) = (body(kind), policy());
    bencher.bench_local(|| {
        let request = decode(&body).unwrap();
        let decision = mutate(&request.review, &policy, &Cluster);
        respond::review(&request.uid, &decision).unwrap()
    });
}
