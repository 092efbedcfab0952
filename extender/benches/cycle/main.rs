//! What a scheduling cycle costs in the server, and what the index of a large cluster costs; one JSON object a line.
//!
//! A cycle is `/filter` and then `/prioritize` with the nodes that passed, through the routes, without network and log.
//!
//! ```text
//! cargo bench -p vmberth-extender --bench cycle
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement may stop at the first thing that is not as it should be"
)]

mod cluster;
#[path = "../../tests/common/fleet.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests, each of which uses its part"
)]
mod fleet;

use std::io::Write;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::BodyExt;
use prometheus::Registry;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use vmberth_cluster::feed::RESOURCES;
use vmberth_decide::index::Index;
use vmberth_decide::placement::Verdicts;
use vmberth_extender::http::{AppState, app};
use vmberth_extender::lists::Lists;
use vmberth_extender::metrics::Metrics;
use vmberth_extender::wake::Refusals;
use vmberth_serve::body::BodyBudget;
use vmberth_serve::ready::Ready;

use cluster::{NODES, name_of};

fn main() {
    let mut index = Index::default();
    build(&mut index);
    events(&mut index);
    let bench = Bench::of(index);
    for (names, times) in [(100, 2_000), (1_000, 500), (5_000, 100)] {
        let [filter, prioritize, both] = bench.cycle(&launcher(), names, times, Memory::Keeps);
        row(&format!("extender.cycle_{names}_p50_us"), both, "us");
        let [_, _, first] = bench.cycle(&launcher(), names, times / 5, Memory::Forgets);
        row(&format!("extender.cycle_{names}_first_p50_us"), first, "us");
        row(&format!("extender.filter_{names}_p50_us"), filter, "us");
        row(
            &format!("extender.prioritize_{names}_p50_us"),
            prioritize,
            "us",
        );
    }
    let [_, _, both] = bench.cycle(&foreign(), 100, 2_000, Memory::Keeps);
    row("extender.foreign_p50_us", both, "us");
    let [_, _, both] = bench.cycle(&foreign(), 1_000, 500, Memory::Keeps);
    row("extender.foreign_1000_p50_us", both, "us");
}

fn row(name: &str, value: f64, unit: &str) {
    let value = (value * 100.0).round() / 100.0;
    let line = format!("{}\n", json!({"name": name, "value": value, "unit": unit}));
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Only the index is timed, not who makes the events.
fn build(index: &mut Index) {
    let mut took = Duration::ZERO;
    cluster::list(|event| {
        let began = Instant::now();
        index.apply(event);
        took += began.elapsed();
    });
    row("extender.index_ready_s", took.as_secs_f64(), "s");
    row("extender.index_rss_mib", resident_mebibytes(), "MiB");
}

/// The slowest kind is the number.
fn events(index: &mut Index) {
    let mut slowest: f64 = 0.0;
    for (kind, there_and_back) in cluster::changes() {
        let mut micros = Vec::new();
        for node in (0..NODES).step_by(7) {
            for event in there_and_back(node) {
                let began = Instant::now();
                index.apply(event);
                micros.push(micros_of(began.elapsed()));
            }
        }
        let p50 = median(&mut micros);
        row(&format!("extender.event_{kind}_us"), p50, "us");
        slowest = slowest.max(p50);
    }
    row("extender.event_us", slowest, "us");
}

fn resident_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .unwrap()
        .trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024.0
}

fn micros_of(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// As virt-controller makes it, with a claim, two functions and huge pages.
fn launcher() -> Value {
    let mut pod = recorded("launcher-pod");
    let own = fleet::launcher("mover");
    for field in ["name", "namespace", "uid"] {
        pod["metadata"][field] = own["metadata"][field].clone();
    }
    let requests = &own["spec"]["containers"][0]["resources"]["requests"];
    for (resource, amount) in requests.as_object().unwrap() {
        pod["spec"]["containers"][0]["resources"]["requests"][resource] = amount.clone();
    }
    let volumes = pod["spec"]["volumes"].as_array_mut().unwrap();
    volumes.push(own["spec"]["volumes"][0].clone());
    pod
}

fn foreign() -> Value {
    recorded("foreign-pod")
}

/// The object of a recorded review.
fn recorded(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/recorded");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    let mut review: Value = serde_json::from_str(&text).unwrap();
    review["request"]["object"].take()
}

/// Whether the extender remembers what it found when somebody asked for the same before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    Keeps,
    Forgets,
}

/// The routes over an index.
struct Bench {
    app: Router,
    runtime: Runtime,
    verdicts: Arc<Mutex<Verdicts>>,
}

impl Bench {
    fn of(index: Index) -> Self {
        let lists = Lists::awaited(&Ready::default());
        for resource in RESOURCES {
            lists.complete(resource);
        }
        let verdicts = Arc::<Mutex<Verdicts>>::default();
        let state = AppState {
            refusals: Refusals::default(),
            verdicts: Arc::clone(&verdicts),
            last: Arc::default(),
            log: Arc::default(),
            index: Arc::new(RwLock::new(index)),
            lists,
            bodies: BodyBudget::new(16 << 20, 32 << 20),
            metrics: Metrics::register(&Registry::new()).unwrap(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            app: app(state),
            runtime: { runtime }.build().unwrap(),
            verdicts,
        }
    }

    /// Medians of `/filter`, of `/prioritize`, and of both.
    fn cycle(&self, pod: &Value, nodes: usize, times: usize, memory: Memory) -> [f64; 3] {
        let names: Vec<String> = (0..nodes).map(|at| name_of(at * NODES / nodes)).collect();
        let filter = question(pod, &json!(names));
        let (answer, _) = self.call("/filter", &filter);
        let passed = &answer["NodeNames"];
        assert!(passed.as_array().unwrap().len() > nodes / 2, "{answer}");
        let prioritize = question(pod, passed);
        let mut micros: [Vec<f64>; 3] = Default::default();
        for _ in 0..times {
            if memory == Memory::Forgets {
                *self.verdicts.lock().unwrap() = Verdicts::default();
            }
            let (_, first) = self.call("/filter", &filter);
            let (_, second) = self.call("/prioritize", &prioritize);
            for (all, one) in micros.iter_mut().zip([first, second, first + second]) {
                all.push(one);
            }
        }
        micros.map(|mut micros| median(&mut micros))
    }

    /// The answer, and how long it took until its last byte.
    fn call(&self, path: &str, body: &Bytes) -> (Value, f64) {
        let request = Request::post(path).body(Body::from(body.clone())).unwrap();
        let (app, began) = (self.app.clone(), Instant::now());
        let bytes = self.runtime.block_on(async {
            let response = app.oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        });
        let took = micros_of(began.elapsed());
        (serde_json::from_slice(&bytes).unwrap(), took)
    }
}

/// In the order in which Go writes the fields.
fn question(pod: &Value, names: &Value) -> Bytes {
    let question = format!(r#"{{"Pod":{pod},"Nodes":null,"NodeNames":{names}}}"#);
    Bytes::from(question)
}
