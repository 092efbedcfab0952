//! A server without TLS: on loopback, and nowhere else.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpStream;
use vmberth_serve::ServeError;

use common::{get as ask, get_and_keep, rest, start_plain};

fn app() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn loopback_is_served_without_a_certificate() {
    let running = start_plain(app(), &[]).await.unwrap();
    running
        .until("ready", async || {
            running.admin("/readyz").await.ends_with("ok\n")
        })
        .await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    get_and_keep(&mut stream, "/", "hello").await;
    assert!(ask(&mut stream, "/").await.ends_with("hello"));
    running
        .until_counted("test_requests_total{code=\"200\"} 2")
        .await;
    running.shutdown.begin();
    running.ended().await.unwrap();
}

#[tokio::test]
async fn connection_too_many_is_closed() {
    let running = start_plain(app(), &["--max-connections=1"]).await.unwrap();
    let mut first = TcpStream::connect(running.address).await.unwrap();
    get_and_keep(&mut first, "/", "hello").await;
    let mut second = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    running
        .until_counted("test_connections_refused_total 1")
        .await;
    get_and_keep(&mut first, "/", "hello").await;
}

#[tokio::test]
async fn silence_is_ended() {
    let running = start_plain(app(), &["--idle-timeout=0.1"]).await.unwrap();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    running.until_counted("test_connections 0").await;
}

#[tokio::test]
async fn other_addresses_are_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let listen = format!("--listen={address}");
        let refused = start_plain(app(), &[&listen]).await.err().unwrap();
        assert!(matches!(refused, ServeError::Exposed { .. }), "{refused}");
    }
}
