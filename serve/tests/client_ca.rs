//! The check of clients' certificates on a real listener: none, wrong, right, and CAs that change.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::path::PathBuf;

use axum::Router;
use axum::routing::get;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use vmberth_serve::ServeError;
use vmberth_serve::tls::TlsError;

use common::{ClientIdentity, Identity, Running, authority, rest, start, start_ready};

fn app() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// A file with this content, and the flag that names it.
fn client_ca(content: &str) -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, content).unwrap();
    let flag = format!("--client-ca={}", file.display());
    (folder, file, flag)
}

/// Whether this client gets an answer. In TLS 1.3 a client that is refused learns it after its own handshake.
async fn is_served(
    running: &Running,
    identity: &Identity,
    client: Option<&ClientIdentity>,
) -> bool {
    let mut served = Vec::new();
    for version in [&TLS12, &TLS13] {
        let connected = running.connect_as(identity, client, &[version]).await;
        let Ok(mut stream) = connected else {
            served.push(false);
            continue;
        };
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let _refused_already = stream.write_all(request).await;
        served.push(rest(&mut stream).await.ends_with("hello"));
    }
    assert_eq!(served.first(), served.last(), "TLS 1.2 and 1.3");
    served.into_iter().all(|served| served)
}

#[tokio::test]
async fn only_clients_of_the_ca_are_served() {
    let ours = authority();
    let (_folder, _, flag) = client_ca(&ours.certificate);
    let (running, identity) = start_ready(app(), &[&flag]).await;
    assert!(is_served(&running, &identity, Some(&ours.client())).await);
    assert!(!is_served(&running, &identity, None).await);
    assert!(!is_served(&running, &identity, Some(&authority().client())).await);
    running
        .until_counted("test_tls_handshake_failures_total{reason=\"client_refused\"} 4")
        .await;
    assert!(running.admin("/readyz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn any_ca_of_the_file_will_do() {
    let (first, second) = (authority(), authority());
    let both = format!("{}{}", first.certificate, second.certificate);
    let (_folder, _, flag) = client_ca(&both);
    let (running, identity) = start_ready(app(), &[&flag]).await;
    for authority in [first, second] {
        assert!(is_served(&running, &identity, Some(&authority.client())).await);
    }
}

#[tokio::test]
async fn changed_ca_counts_from_the_next_connection_on() {
    let (old, new) = (authority(), authority());
    let (of_old, of_new) = (old.client(), new.client());
    let (_folder, file, flag) = client_ca(&old.certificate);
    let (running, identity) = start_ready(app(), &[&flag]).await;
    assert!(is_served(&running, &identity, Some(&of_old)).await);

    std::fs::write(&file, "no certificate").unwrap();
    running
        .until_counted("test_certificate_reloads_total{outcome=\"refused\"} 1")
        .await;
    assert!(is_served(&running, &identity, Some(&of_old)).await);
    std::fs::remove_file(&file).unwrap();
    assert!(is_served(&running, &identity, Some(&of_old)).await);

    std::fs::write(&file, &new.certificate).unwrap();
    running
        .until_counted("test_certificate_reloads_total{outcome=\"loaded\"} 2")
        .await;
    assert!(is_served(&running, &identity, Some(&of_new)).await);
    assert!(!is_served(&running, &identity, Some(&of_old)).await);
}

#[tokio::test]
async fn file_without_a_ca_is_an_error_at_start() {
    let key = common::identity().key;
    for content in ["", "no certificate", &key] {
        let (_folder, file, flag) = client_ca(content);
        let error = start(app(), &[&flag]).await.ended().await.unwrap_err();
        assert!(matches!(error, ServeError::Tls(TlsError::ClientCa { .. })));
        assert_eq!(
            error.to_string(),
            format!(
                "{}: expected at least one PEM certificate of a CA",
                file.display()
            )
        );
    }
}

#[tokio::test]
async fn missing_file_is_an_error_at_start() {
    let running = start(app(), &["--client-ca=/nowhere/ca.crt"]).await;
    let error = running.ended().await.unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/ca.crt: cannot be read");
}
