use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use futures::stream;
use kube::client::Body;
use kube::runtime::watcher::Event;
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use tower::BoxError;
use vmberth_cluster::follow;
use vmberth_decide::surroundings::{ClaimKnown, Surroundings};
use vmberth_serve::ready::Ready;

use super::*;
use crate::metrics::Metrics;

/// A sink and what came into it.
struct Seen {
    sink: Sink,
    ready: Ready,
    registry: Registry,
}

impl Seen {
    fn nothing() -> Self {
        let (ready, registry) = (Ready::default(), Registry::new());
        let metrics = Metrics::register(&registry).unwrap().watch("things");
        let sink = Sink {
            known: Arc::default(),
            listed: ready.condition("things"),
            metrics,
        };
        Self {
            sink,
            ready,
            registry,
        }
    }

    async fn follow(&self, events: Vec<watcher::Result<Event<PersistentVolumeClaim>>>) {
        let keep = |claim: &PersistentVolumeClaim| Some((CLAIMS.value)(claim));
        let hear = |change| self.sink.hear(&CLAIMS, change);
        follow(stream::iter(events), &self.sink.metrics, keep, hear).await;
    }

    fn known(&self) -> Arc<Known> {
        self.sink.known.load_full()
    }

    fn shows(&self, metric: &str, value: u8) -> bool {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        let line = format!("vmberth_webhook_watch_{metric}{{resource=\"things\"}} {value}\n");
        text.unwrap().contains(&line)
    }

    /// Waits in the test's own time.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to that: {:?}", self.known());
    }
}

fn object(namespace: &str, name: &str, class: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"storageClassName": class}})
}

fn claim(namespace: &str, name: &str, class: &str) -> PersistentVolumeClaim {
    serde_json::from_value(object(namespace, name, class)).unwrap()
}

fn apply(name: &str, class: &str) -> watcher::Result<Event<PersistentVolumeClaim>> {
    Ok(Event::Apply(claim("edge", name, class)))
}

fn list(names: &[&str]) -> Vec<watcher::Result<Event<PersistentVolumeClaim>>> {
    let objects = names
        .iter()
        .map(|name| Ok(Event::InitApply(claim("edge", name, "x"))));
    [Ok(Event::Init)]
        .into_iter()
        .chain(objects)
        .chain([Ok(Event::InitDone)])
        .collect()
}

fn status(code: u16) -> kube::Error {
    let status = kube::core::Status::failure("page not found", "NotFound").with_code(code);
    kube::Error::Api(Box::new(status))
}

#[tokio::test]
async fn nothing_is_known_before_the_list_is_complete() {
    let seen = Seen::nothing();
    let first = Ok(Event::InitApply(claim("edge", "a", "x")));
    seen.follow(vec![Ok(Event::Init), first, apply("b", "x")])
        .await;
    assert_eq!(
        seen.known().class_of_claim("edge", "a"),
        ClaimKnown::Unwatched
    );
    assert_eq!(seen.ready.missing(), ["things"]);
}

#[tokio::test]
async fn events_are_followed_and_a_new_list_replaces_all() {
    let seen = Seen::nothing();
    seen.follow(list(&["a"])).await;
    let deleted = Ok(Event::Delete(claim("edge", "a", "x")));
    seen.follow(vec![apply("b", "y"), deleted]).await;
    let known = seen.known();
    assert_eq!(known.class_of_claim("edge", "a"), ClaimKnown::Missing);
    assert_eq!(known.class_of_claim("edge", "b"), ClaimKnown::Class("y"));
    assert!(seen.ready.missing().is_empty());
    seen.follow(list(&["c"])).await;
    let known = seen.known();
    assert_eq!(known.class_of_claim("edge", "b"), ClaimKnown::Missing);
    assert_eq!(known.class_of_claim("edge", "c"), ClaimKnown::Class("x"));
}

#[tokio::test]
async fn status_of_a_claim_changes_nothing() {
    let seen = Seen::nothing();
    seen.follow(list(&["a"])).await;
    let before = seen.known();
    seen.follow(vec![apply("a", "x")]).await;
    assert!(Arc::ptr_eq(&before, &seen.known()));
    seen.follow(vec![apply("a", "y")]).await;
    assert!(!Arc::ptr_eq(&before, &seen.known()));
}

#[tokio::test]
async fn other_tables_are_shared_when_one_changes() {
    let seen = Seen::nothing();
    seen.follow(list(&["a"])).await;
    let networks = Arc::new(Table::default());
    seen.sink
        .change(&NETWORKS, |slot| *slot = Some(Arc::clone(&networks)));
    seen.follow(vec![apply("a", "y")]).await;
    assert!(
        seen.known()
            .networks
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, &networks))
    );
}

#[tokio::test]
async fn kind_that_is_not_served_has_no_objects_and_is_no_failure() {
    let seen = Seen::nothing();
    let error = watcher::Error::InitialListFailed(status(404));
    seen.follow(vec![Ok(Event::Init), Err(error)]).await;
    assert_eq!(
        seen.known().class_of_claim("edge", "a"),
        ClaimKnown::Missing
    );
    assert!(seen.ready.missing().is_empty());
    assert!(seen.shows("failing", 0) && seen.shows("interruptions_total", 0));
}

#[tokio::test]
async fn what_may_not_be_listed_is_a_failure_and_not_ready() {
    let seen = Seen::nothing();
    let error = || Err(watcher::Error::InitialListFailed(status(403)));
    seen.follow(vec![Ok(Event::Init), error(), error()]).await;
    assert_eq!(
        seen.known().class_of_claim("edge", "a"),
        ClaimKnown::Unwatched
    );
    assert_eq!(seen.ready.missing(), ["things"]);
    assert!(seen.shows("failing", 1) && seen.shows("interruptions_total", 2));
}

/// What the API server answers, one after the other; then nothing.
fn api_server(answers: Vec<(u16, Value)>) -> Client {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let answer = move |_: Request<Body>| {
        let next = answers.lock().unwrap().pop_front();
        async move {
            let Some((code, body)) = next else {
                return std::future::pending().await;
            };
            // A watch without events stays open.
            let body = match body.is_null() {
                true => {
                    axum::body::Body::from_stream(stream::pending::<Result<Vec<u8>, BoxError>>())
                }
                false => axum::body::Body::from(body.to_string()),
            };
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, BoxError>(response)
        }
    };
    Client::new(tower::service_fn(answer), "default")
}

fn listed(names: &[&str]) -> (u16, Value) {
    let items: Vec<_> = names.iter().map(|name| object("edge", name, "x")).collect();
    (
        200,
        json!({"metadata": {"resourceVersion": "1"}, "items": items}),
    )
}

fn refused(code: u16) -> (u16, Value) {
    let reason = "NotFound";
    (
        code,
        json!({"kind": "Status", "status": "Failure", "message": "m", "reason": reason, "code": code}),
    )
}

const IDLE: (u16, Value) = (200, Value::Null);

/// Follows claims of such an API server until it came to this.
async fn watched(answers: Vec<(u16, Value)>, until: impl Fn(&Seen) -> bool) -> Seen {
    let seen = Seen::nothing();
    let client = heard_by(&api_server(answers), &seen.sink.metrics);
    tokio::select! {
        () = seen.sink.follow(Api::all(client), &CLAIMS) => {},
        () = seen.until(until) => {},
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn idle_watch_that_is_taken_up_again_is_no_failure_any_longer() {
    let answers = vec![listed(&["a"]), refused(500), refused(403)];
    let failing = watched(answers.clone(), |seen| seen.shows("interruptions_total", 2)).await;
    assert!(failing.shows("failing", 1));
    let known = failing.known();
    assert_eq!(known.class_of_claim("edge", "a"), ClaimKnown::Class("x"));
    // Nothing but the beginning of the answer says so.
    let answers = [answers, vec![IDLE]].concat();
    let again = |seen: &Seen| seen.shows("interruptions_total", 2) && seen.shows("failing", 0);
    watched(answers, again).await;
}

#[tokio::test(start_paused = true)]
async fn kind_that_goes_away_is_forgotten_and_listed_when_it_is_back() {
    let knows = |class| move |seen: &Seen| seen.known().class_of_claim("edge", "b") == class;
    let gone = vec![listed(&["a", "b"]), refused(404), refused(404)];
    let seen = watched(gone.clone(), knows(ClaimKnown::Missing)).await;
    assert_eq!(
        seen.known().class_of_claim("edge", "a"),
        ClaimKnown::Missing
    );
    assert!(seen.shows("failing", 0));
    let back = [gone, vec![refused(404), listed(&["b", "c"]), IDLE]].concat();
    let seen = watched(back, |seen| {
        seen.known().class_of_claim("edge", "c") == ClaimKnown::Class("x")
    });
    let seen = seen.await;
    assert_eq!(
        seen.known().class_of_claim("edge", "a"),
        ClaimKnown::Missing
    );
}
