use std::sync::Mutex;

use axum::http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use prometheus::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const EVERY: Duration = Duration::from_secs(2);
const HEAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";

/// How the API server is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Refusing,
    Silent,
}

/// An API server with a ConfigMap, and the notes of the Events that were written.
#[derive(Debug, Clone)]
struct ApiServer {
    mood: Arc<Mutex<Mood>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl ApiServer {
    fn new(mood: Mood) -> Self {
        Self {
            mood: Arc::new(Mutex::new(mood)),
            notes: Arc::default(),
        }
    }

    fn events(&self) -> PolicyEvents {
        let server = self.clone();
        let answer = move |request| {
            let server = server.clone();
            async move { Ok::<_, tower::BoxError>(server.answer(request).await) }
        };
        let client = Client::new(tower::service_fn(answer), "default");
        PolicyEvents::new(client, "vmberth", "policy".to_owned())
    }

    async fn answer(&self, request: Request<Body>) -> Response<axum::body::Body> {
        let mood = *self.mood.lock().unwrap();
        let (code, body) = match mood {
            Mood::Silent => std::future::pending().await,
            Mood::Refusing => (500, json!({"kind": "Status", "code": 500, "reason": "x"})),
            Mood::Well if request.method() == Method::GET => {
                let metadata = json!({"name": "policy", "namespace": "vmberth", "uid": "u"});
                (200, json!({ "metadata": metadata }))
            }
            Mood::Well => {
                let body = request.into_body().collect_bytes().await.unwrap();
                let event: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(event["regarding"]["uid"], "u");
                let note = event["note"].as_str().unwrap().to_owned();
                self.notes.lock().unwrap().push(note);
                (201, event)
            }
        };
        let mut response = Response::new(axum::body::Body::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        response
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

/// The policy's file, which is followed while a story happens.
struct Story {
    folder: TempDir,
    policy: ArcSwap<Policy>,
}

impl Story {
    fn new() -> Self {
        let story = Self {
            folder: tempfile::tempdir().unwrap(),
            policy: ArcSwap::from_pointee(Policy::default()),
        };
        story.write("");
        story
    }

    fn write(&self, policy: &str) {
        std::fs::write(
            self.folder.path().join("policy.yaml"),
            format!("{HEAD}{policy}"),
        )
        .unwrap();
    }

    fn taint(&self) -> String {
        self.policy.load().tolerations[0].key.clone()
    }

    async fn follow(&self, server: &ApiServer, story: impl Future<Output = ()>) {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let file = PolicyFile::new(&self.folder.path().join("policy.yaml"));
        let events = server.events();
        tokio::select! {
            () = file.follow(&self.policy, &metrics, Some(&events), EVERY) => {}
            () = story => {}
        }
    }
}

/// In the test's own time.
async fn pass(times: u32) {
    tokio::time::sleep(EVERY * times + EVERY / 2).await;
}

#[tokio::test(start_paused = true)]
async fn refusal_is_told_again_until_it_is_written_and_then_no_more() {
    let (story, server) = (Story::new(), ApiServer::new(Mood::Refusing));
    let happens = async {
        story.write("hugepages: 3Mi\n");
        pass(5).await;
        assert_eq!(server.notes(), [""; 0]);
        server.is(Mood::Well);
        pass(5).await;
    };
    story.follow(&server, happens).await;
    let notes = server.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let note = notes.concat();
    assert!(note.contains("hugepages: found \"3Mi\""), "{note}");
}

#[tokio::test(start_paused = true)]
async fn each_refusal_is_told_in_its_own_words() {
    let (story, server) = (Story::new(), ApiServer::new(Mood::Well));
    let happens = async {
        for value in ["3Mi", "4Mi"] {
            story.write(&format!("hugepages: {value}\n"));
            pass(3).await;
        }
    };
    story.follow(&server, happens).await;
    let notes = server.notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].contains("3Mi") && notes[1].contains("4Mi"),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn repaired_policy_does_not_wait_for_an_api_server_that_is_silent() {
    let (story, server) = (Story::new(), ApiServer::new(Mood::Silent));
    let happens = async {
        story.write("hugepages: 3Mi\n");
        pass(2).await;
        story.write("tolerations: [{key: repaired, operator: Exists}]\n");
        tokio::time::sleep(EVERY + Duration::from_secs(5)).await;
        assert_eq!(story.taint(), "repaired");
        // What is over is not told any more.
        server.is(Mood::Well);
        pass(5).await;
    };
    story.follow(&server, happens).await;
    assert_eq!(server.notes(), [""; 0]);
}
