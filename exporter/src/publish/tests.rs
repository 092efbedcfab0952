use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use vmberth_decide::inventory::{Condition, HugePages};

use super::*;
use crate::fake::{ApiServer, Given};

const OBJECT: &str = "/apis/vmberth.io/v1alpha1/nodeinventories/edge1";
const STATUS: &str = "/apis/vmberth.io/v1alpha1/nodeinventories/edge1/status";

fn node() -> Node {
    Node {
        name: "edge1".to_owned(),
        uid: "u1".to_owned(),
        ..Node::default()
    }
}

fn status(hostname: &str) -> NodeInventoryStatus {
    let condition = Condition {
        kind: "VolumesHealthy".to_owned(),
        last_transition_time: "2026-01-01T00:00:00Z".to_owned(),
        ..Condition::default()
    };
    NodeInventoryStatus {
        hostname: Some(hostname.to_owned()),
        conditions: vec![condition],
        ..NodeInventoryStatus::default()
    }
}

/// An inventory whose owner has this UID.
fn inventory(uid: &str, status: Option<&NodeInventoryStatus>) -> Given {
    let mut body = json!({
        "apiVersion": "vmberth.io/v1alpha1", "kind": "NodeInventory",
        "metadata": {"name": "edge1", "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "edge1", "uid": uid}]},
    });
    if let Some(status) = status {
        body["status"] = json!(status);
    }
    (200, body)
}

fn missing() -> Given {
    let details = json!({"name": "edge1", "kind": "nodeinventories"});
    (
        404,
        json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "m", "code": 404, "details": details}),
    )
}

struct Run {
    api: ApiServer,
    registry: Registry,
    publisher: Publisher,
}

impl Run {
    fn with(answers: Vec<Given>) -> Self {
        let (api, registry) = (ApiServer::new(answers), Registry::new());
        let metrics = Metrics::register(&registry).unwrap();
        let publisher = Publisher::new(api.client(), "edge1", metrics);
        Self {
            api,
            registry,
            publisher,
        }
    }

    async fn round(&mut self, hostname: &str) -> Published {
        self.publisher.round(&node(), |_| status(hostname)).await
    }

    fn lines(&self) -> Vec<String> {
        self.api.requests().into_iter().map(|it| it.line).collect()
    }

    fn bodies(&self) -> Vec<Value> {
        self.api.requests().into_iter().map(|it| it.body).collect()
    }

    fn shows(&self, line: &str) -> bool {
        let page = TextEncoder::new().encode_to_string(&self.registry.gather());
        page.unwrap()
            .lines()
            .any(|it| it == format!("vmberth_exporter_{line}"))
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn absent_inventory_is_made_with_its_owner_and_then_its_status() {
    let mut run = Run::with(vec![
        missing(),
        inventory("u1", None),
        inventory("u1", Some(&status("a"))),
    ]);
    assert_eq!(run.round("a").await, Published::Written);
    assert_eq!(
        run.lines(),
        [
            format!("GET {OBJECT}"),
            format!("PATCH {OBJECT}"),
            format!("PATCH {STATUS}")
        ]
    );
    let bodies = run.bodies();
    let owner = json!([{"apiVersion": "v1", "kind": "Node", "name": "edge1", "uid": "u1"}]);
    assert_eq!(bodies[1]["metadata"]["ownerReferences"], owner);
    assert_eq!(bodies[1].get("spec"), None);
    assert_eq!(bodies[2]["metadata"], json!({"name": "edge1"}));
    assert_eq!(bodies[2]["status"], json!(status("a")));
    let queries = run.api.requests();
    assert!(
        queries[2].query.contains("force=true")
            && queries[2].query.contains("fieldManager=vmberth-exporter")
    );
    assert!(run.shows("writes_total{object=\"inventory\",result=\"ok\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn unchanged_node_makes_no_write_also_after_a_restart() {
    let mut run = Run::with(vec![inventory("u1", Some(&status("a")))]);
    for _ in 0..100 {
        assert_eq!(run.round("a").await, Published::Unchanged);
        tokio::time::advance(SECOND).await;
    }
    assert_eq!(run.lines(), [format!("GET {OBJECT}")]);
}

#[tokio::test(start_paused = true)]
async fn times_of_conditions_survive_a_restart() {
    let mut run = Run::with(vec![inventory("u1", Some(&status("a")))]);
    let mut before = None;
    let keep = |there: Option<&NodeInventoryStatus>| {
        before = there.cloned();
        there.cloned().unwrap_or_default()
    };
    run.publisher.round(&node(), keep).await;
    assert_eq!(before, Some(status("a")));
}

#[tokio::test(start_paused = true)]
async fn burst_of_changes_is_one_write_a_second() {
    let stored = || inventory("u1", Some(&status("x")));
    let mut run = Run::with(vec![stored(), stored(), stored()]);
    assert_eq!(run.round("a").await, Published::Written);
    assert!(matches!(run.round("b").await, Published::Later(wait) if wait <= SECOND));
    tokio::time::advance(SECOND / 2).await;
    assert_eq!(run.round("c").await, Published::Later(SECOND / 2));
    tokio::time::advance(SECOND / 2).await;
    assert_eq!(run.round("d").await, Published::Written);
    assert_eq!(run.bodies()[2]["status"]["hostname"], "d");
}

#[tokio::test(start_paused = true)]
async fn failed_write_is_tried_again_with_growing_waits() {
    let refused = || {
        (
            500,
            json!({"kind": "Status", "code": 500, "message": "no", "reason": "InternalError"}),
        )
    };
    let stored = || inventory("u1", Some(&status("x")));
    let mut run = Run::with(vec![stored(), refused(), refused(), stored()]);
    assert_eq!(run.round("a").await, Published::Later(SECOND));
    assert!(matches!(run.round("a").await, Published::Later(_)));
    tokio::time::advance(SECOND).await;
    assert_eq!(run.round("a").await, Published::Later(SECOND * 2));
    tokio::time::advance(SECOND * 2).await;
    assert_eq!(run.round("a").await, Published::Written);
    assert_eq!(run.lines().len(), 4);
    assert!(run.shows("writes_total{object=\"inventory\",result=\"failed\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn missing_definition_is_told_by_a_metric_until_it_is_there() {
    let unknown = || (404, json!("404 page not found\n"));
    let mut run = Run::with(vec![
        unknown(),
        missing(),
        inventory("u1", None),
        inventory("u1", None),
    ]);
    assert_eq!(run.round("a").await, Published::Later(SECOND));
    assert!(run.shows("inventory_served 0"));
    tokio::time::advance(SECOND).await;
    assert_eq!(run.round("a").await, Published::Written);
    assert!(run.shows("inventory_served 1"));
}

#[tokio::test(start_paused = true)]
async fn inventory_of_an_earlier_node_of_that_name_is_taken_over() {
    let mut run = Run::with(vec![
        inventory("u0", Some(&status("a"))),
        inventory("u1", None),
        inventory("u1", None),
    ]);
    let mut before = Some(status("never"));
    let fresh = |there: Option<&NodeInventoryStatus>| {
        before = there.cloned();
        status("a")
    };
    assert_eq!(
        run.publisher.round(&node(), fresh).await,
        Published::Written
    );
    assert_eq!(before, None);
    assert_eq!(
        run.bodies()[1]["metadata"]["ownerReferences"][0]["uid"],
        "u1"
    );
}

#[tokio::test(start_paused = true)]
async fn inventory_that_somebody_deleted_comes_back() {
    let stored = || inventory("u1", Some(&status("a")));
    let mut run = Run::with(vec![
        stored(),
        missing(),
        missing(),
        inventory("u1", None),
        stored(),
    ]);
    assert_eq!(run.round("a").await, Published::Unchanged);
    // A change finds out at once.
    assert_eq!(run.round("b").await, Published::Later(SECOND));
    tokio::time::advance(READ_AGAIN).await;
    assert_eq!(run.round("b").await, Published::Written);
    // Without a change, it is found when it is read again.
    run.api.then(missing());
    run.api.then(inventory("u1", None));
    run.api.then(stored());
    tokio::time::advance(READ_AGAIN).await;
    assert_eq!(run.round("b").await, Published::Written);
}

#[tokio::test(start_paused = true)]
async fn status_that_is_cut_by_an_older_definition_is_not_written_for_ever() {
    let cut = || inventory("u1", Some(&status("cut")));
    let mut run = Run::with(vec![inventory("u1", None), cut(), cut(), cut()]);
    assert_eq!(run.round("a").await, Published::Written);
    for _ in 0..2 {
        tokio::time::advance(READ_AGAIN).await;
        assert_eq!(run.round("a").await, Published::Unchanged);
    }
    assert_eq!(
        run.lines()
            .iter()
            .filter(|line| line.starts_with("PATCH"))
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn api_server_that_is_away_is_not_waited_for() {
    let mut run = Run::with(vec![]);
    let before = Instant::now();
    assert_eq!(run.round("a").await, Published::Later(SECOND));
    assert_eq!(before.elapsed(), DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn node_that_is_made_anew_gets_an_inventory_of_its_own_at_once() {
    let old = inventory("u1", Some(&status("a")));
    let new = || inventory("u2", None);
    let mut run = Run::with(vec![old, missing(), new(), new()]);
    assert_eq!(run.round("a").await, Published::Unchanged);
    let again = Node {
        uid: "u2".to_owned(),
        ..node()
    };
    let published = run.publisher.round(&again, |_| status("a")).await;
    assert_eq!(published, Published::Written);
    assert_eq!(
        run.bodies()[2]["metadata"]["ownerReferences"][0]["uid"],
        "u2"
    );
}

#[tokio::test(start_paused = true)]
async fn guests_that_boot_are_one_write_a_minute() {
    let stored = || inventory("u1", Some(&status("x")));
    let mut run = Run::with(vec![stored(), stored(), stored(), stored()]);
    let with = |hostname: &str, free| {
        let mut status = status(hostname);
        let pages = HugePages {
            free,
            ..HugePages::default()
        };
        status.huge_pages = vec![pages];
        status
    };
    let (publisher, node) = (&mut run.publisher, node());
    let first = publisher.round(&node, |_| with("a", 0)).await;
    assert_eq!(first, Published::Written);
    for free in 1..60 {
        tokio::time::advance(SECOND).await;
        let published = publisher.round(&node, |_| with("a", free)).await;
        let left = SECOND * (60 - u32::try_from(free).unwrap());
        assert_eq!(published, Published::Near(left));
    }
    tokio::time::advance(SECOND).await;
    let minute = publisher.round(&node, |_| with("a", 60)).await;
    assert_eq!(minute, Published::Written);
    tokio::time::advance(SECOND).await;
    let more = publisher.round(&node, |_| with("b", 61)).await;
    assert_eq!(more, Published::Written, "something else changed");
    assert_eq!(run.lines().len(), 4);
}
