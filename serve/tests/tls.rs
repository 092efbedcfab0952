//! The certificate on a real listener: awaited, swapped, refused.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use vmberth_serve::ServeError;

use common::{get as ask, get_and_keep, identity, rest, start, start_ready};

fn app() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn certificate_is_awaited_and_then_served() {
    let running = start(app(), &[]).await;
    let answer = running.admin("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.ends_with("not ready: certificate, running\n"),
        "{answer}"
    );
    assert!(running.admin("/livez").await.starts_with("HTTP/1.1 200"));

    let identity = identity();
    identity.write(running.folder.path());
    running
        .until("ready", async || {
            running.admin("/readyz").await.ends_with("ok\n")
        })
        .await;
    let mut stream = running.connect(&identity).await.unwrap();
    assert!(ask(&mut stream, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn missing_certificate_is_not_awaited_for_ever() {
    let running = start(app(), &["--tls-wait=0.1"]).await;
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, ServeError::NoCertificate { .. }), "{error}");
}

#[tokio::test]
async fn certificate_that_never_fits_is_not_awaited_for_ever() {
    let running = start(app(), &["--tls-wait=0.3"]).await;
    std::fs::write(running.folder.path().join("tls.crt"), "no certificate").unwrap();
    std::fs::write(running.folder.path().join("tls.key"), "no key").unwrap();
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, ServeError::NoCertificate { .. }), "{error}");
}

#[tokio::test]
async fn changed_certificate_is_served_and_old_connections_live_on() {
    let (running, first) = start_ready(app(), &[]).await;
    let mut old = running.connect(&first).await.unwrap();
    get_and_keep(&mut old, "/", "hello").await;

    let second = identity();
    second.write(running.folder.path());
    running
        .until("new certificate", async || {
            running.connect(&second).await.is_ok()
        })
        .await;
    assert!(running.connect(&first).await.is_err());
    get_and_keep(&mut old, "/", "hello").await;
    running
        .until_counted("test_certificate_reloads_total{outcome=\"loaded\"} 2")
        .await;
}

#[tokio::test]
async fn key_of_another_certificate_is_refused_and_the_old_pair_stays() {
    let (running, first) = start_ready(app(), &[]).await;
    std::fs::write(running.folder.path().join("tls.key"), identity().key).unwrap();
    running
        .until_counted("test_certificate_reloads_total{outcome=\"refused\"} 1")
        .await;
    running.connect(&first).await.unwrap();
    std::fs::remove_file(running.folder.path().join("tls.crt")).unwrap();
    running.connect(&first).await.unwrap();

    let second = identity();
    second.write(running.folder.path());
    running
        .until("new certificate", async || {
            running.connect(&second).await.is_ok()
        })
        .await;
}

#[tokio::test]
async fn expiry_is_shown() {
    let (running, _) = start_ready(app(), &[]).await;
    let metrics = running.admin("/metrics").await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("test_certificate_expiry_timestamp_seconds "));
    assert!(line.unwrap().parse::<f64>().unwrap() > 1.7e9, "{metrics}");
    assert!(metrics.contains("test_build_info{"), "{metrics}");
    assert!(
        metrics.contains("process_resident_memory_bytes "),
        "{metrics}"
    );
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_counted() {
    let (running, identity) = start_ready(app(), &[]).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let _ = ask(&mut stream, "/").await;
    running
        .until_counted("test_tls_handshake_failures_total{reason=\"not_tls\"} 1")
        .await;
    running.connect(&identity).await.unwrap();
}

#[tokio::test]
async fn client_that_does_not_trust_us_is_counted() {
    let (running, _) = start_ready(app(), &[]).await;
    assert!(running.connect(&identity()).await.is_err());
    running
        .until_counted("test_tls_handshake_failures_total{reason=\"refused_by_client\"} 1")
        .await;
}

#[tokio::test]
async fn client_that_goes_away_is_counted() {
    let (running, _) = start_ready(app(), &[]).await;
    drop(TcpStream::connect(running.address).await.unwrap());
    running
        .until_counted("test_tls_handshake_failures_total{reason=\"closed\"} 1")
        .await;
}

#[tokio::test]
async fn silence_before_the_handshake_is_ended() {
    let (running, _) = start_ready(app(), &["--handshake-timeout=0.1"]).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    running
        .until_counted("test_tls_handshake_failures_total{reason=\"timeout\"} 1")
        .await;
}

#[tokio::test]
async fn silence_after_the_handshake_is_ended() {
    let (running, identity) = start_ready(app(), &["--idle-timeout=0.1"]).await;
    let mut stream = running.connect(&identity).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    running.until_counted("test_connections 0").await;
}

#[tokio::test]
async fn header_that_never_ends_is_ended() {
    let (running, identity) = start_ready(app(), &["--idle-timeout=0.3"]).await;
    let mut stream = running.connect(&identity).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    // Never silent for long.
    while stream.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(20)).await;
    }
    running.until_counted("test_connections 0").await;
}

#[tokio::test]
async fn connection_between_two_requests_is_kept_for_longer_than_a_handshake_takes() {
    let (running, identity) = start_ready(app(), &["--handshake-timeout=1"]).await;
    let mut stream = running.connect(&identity).await.unwrap();
    get_and_keep(&mut stream, "/", "hello").await;
    sleep(Duration::from_millis(2500)).await;
    get_and_keep(&mut stream, "/", "hello").await;
}
