//! Stands in for network-resources-injector: a webhook over TLS that answers reviews of pods, and
//! reads the networks of the cluster in $KUBECONFIG. Prints where it listens, and by which
//! certificate it is known; ends when it is killed.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json's values answer null for what they do not have"
)]

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::kind;
use vmberth_e2e::seen::text;
use vmberth_e2e::standin::injector;

/// The control plane's own address: nobody outside of the cluster reaches it.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let cluster = Cluster::connect().await?;
    let listener = TcpListener::bind((ADDRESS, 0)).context("the control plane's network")?;
    listener.set_nonblocking(true)?;
    let url = format!("https://{}/mutate", listener.local_addr()?);
    let own = rcgen::generate_simple_self_signed([ADDRESS.to_string()])?;
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = RustlsConfig::from_pem(certificate.clone().into(), key.into()).await?;
    let ready = json!({"url": url, "certificate": certificate});
    writeln!(std::io::stdout(), "{ready}")?;
    let app = Router::new()
        .route("/mutate", post(answer))
        .with_state(cluster);
    axum_server::from_tcp_rustls(listener, tls)?
        .serve(app.into_make_service())
        .await?;
    Ok(())
}

async fn answer(
    State(cluster): State<Cluster>,
    body: String,
) -> Result<([(HeaderName, &'static str); 1], String), (StatusCode, String)> {
    match review(&cluster, &body).await {
        Ok(answer) => Ok(([(CONTENT_TYPE, "application/json")], answer.to_string())),
        Err(e) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{e:#}"))),
    }
}

async fn review(cluster: &Cluster, body: &str) -> Result<Value> {
    let review: Value = serde_json::from_str(body)?;
    let request = &review["request"];
    let pod = &request["object"];
    let mut resources = Vec::new();
    for (namespace, name) in injector::networks(pod, text(&request["namespace"])) {
        let network = cluster.get(kind::NETWORK, &namespace, &name).await?;
        let annotations = &network["metadata"]["annotations"];
        let resource = text(&annotations["k8s.v1.cni.cncf.io/resourceName"]);
        if !resource.is_empty() {
            resources.push(resource.to_owned());
        }
    }
    let patch = Value::from(injector::patch(pod, &resources));
    Ok(json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": request["uid"],
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": STANDARD.encode(patch.to_string()),
        },
    }))
}
