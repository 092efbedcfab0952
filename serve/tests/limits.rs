//! Limits and the end of a server on a real listener.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use common::{get as ask, get_and_keep, rest, start_ready};

/// `/wait` answers when told to.
fn app(go: &Arc<Notify>) -> Router {
    let go = Arc::clone(go);
    let wait = move || {
        let go = Arc::clone(&go);
        async move {
            go.notified().await;
            "at last"
        }
    };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/wait", get(wait))
        .route("/read", post(async |body: Bytes| body.len().to_string()))
        .route("/panic", get(panicking))
}

async fn panicking() {
    panic!("on purpose");
}

#[tokio::test]
async fn panic_is_a_500_and_the_server_lives() {
    let (running, identity) = start_ready(app(&Arc::default()), &[]).await;
    let mut stream = running.connect(&identity).await.unwrap();
    assert!(ask(&mut stream, "/panic").await.starts_with("HTTP/1.1 500"));
    let mut stream = running.connect(&identity).await.unwrap();
    assert!(ask(&mut stream, "/").await.starts_with("HTTP/1.1 200"));
    running
        .until_counted("test_requests_total{code=\"500\"} 1")
        .await;
    running
        .until_counted("test_requests_total{code=\"200\"} 1")
        .await;
}

#[tokio::test]
async fn request_too_many_is_a_429() {
    let go = Arc::new(Notify::new());
    let (running, identity) = start_ready(app(&go), &["--max-requests=1"]).await;
    let mut first = running.connect(&identity).await.unwrap();
    first
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let refused = async || {
        let mut second = running.connect(&identity).await.unwrap();
        ask(&mut second, "/").await.starts_with("HTTP/1.1 429")
    };
    running.until("429", refused).await;
    go.notify_one();
    assert!(rest(&mut first).await.ends_with("at last"));
    running.until("200", async || !refused().await).await;
}

#[tokio::test]
async fn slow_handler_and_slow_body_are_a_408() {
    let flags = ["--request-timeout=0.1"];
    let (running, identity) = start_ready(app(&Arc::default()), &flags).await;
    let mut stream = running.connect(&identity).await.unwrap();
    assert!(ask(&mut stream, "/wait").await.starts_with("HTTP/1.1 408"));
    let mut stream = running.connect(&identity).await.unwrap();
    let half =
        b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf";
    stream.write_all(half).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 408"));
    running
        .until_counted("test_requests_total{code=\"408\"} 2")
        .await;
}

#[tokio::test]
async fn connection_too_many_is_closed() {
    let (running, identity) = start_ready(app(&Arc::default()), &["--max-connections=1"]).await;
    let mut first = running.connect(&identity).await.unwrap();
    get_and_keep(&mut first, "/", "hello").await;
    assert!(running.connect(&identity).await.is_err());
    running
        .until_counted("test_connections_refused_total 1")
        .await;
    drop(first);
    running
        .until("free again", async || {
            running.connect(&identity).await.is_ok()
        })
        .await;
}

#[tokio::test]
async fn shutdown_drains_what_runs() {
    let go = Arc::new(Notify::new());
    let (running, identity) = start_ready(app(&go), &["--shutdown-delay=3"]).await;
    let mut waiting = running.connect(&identity).await.unwrap();
    waiting
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut idle = running.connect(&identity).await.unwrap();
    get_and_keep(&mut idle, "/", "hello").await;

    running.shutdown.begin();
    running
        .until("not ready", async || {
            running
                .admin("/readyz")
                .await
                .ends_with("not ready: running\n")
        })
        .await;
    let mut late = running.connect(&identity).await.unwrap();
    let answer = get_and_keep(&mut late, "/", "hello").await;
    assert!(
        answer.contains("\r\nconnection: close\r\n"),
        "served while endpoints forget us, and told to come no more: {answer}"
    );
    assert_eq!(rest(&mut late).await, "", "closed by both sides");
    assert_eq!(rest(&mut idle).await, "", "idle connections are closed");
    go.notify_one();
    assert!(rest(&mut waiting).await.ends_with("at last"));
    running.ended().await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (running, identity) = start_ready(app(&Arc::default()), &["--shutdown-grace=0.1"]).await;
    let mut waiting = running.connect(&identity).await.unwrap();
    waiting
        .write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.shutdown.begin();
    running.ended().await.unwrap();
}
