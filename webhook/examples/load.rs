//! Load on a running webhook over TLS with keep-alive; prints one JSON object with rate, p50 and p99.
//!
//! HTTP/1.1, one request at a time on each connection: the API server calls webhooks so, too (kubernetes#75791).
//!
//! ```text
//! cargo run --release -p vmberth-webhook --example load -- \
//!     --address 127.0.0.1:8443 --ca ca.crt --review review.json --rate 1000 --seconds 10
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;

#[derive(Debug, Clone, Parser)]
struct Args {
    /// Where the webhook listens
    #[arg(long)]
    address: SocketAddr,
    /// Certificate that signed the server's
    #[arg(long)]
    ca: PathBuf,
    /// Name in the server's certificate
    #[arg(long, default_value = "localhost")]
    server_name: String,
    /// AdmissionReview that is sent again and again, without the white space of its file
    #[arg(long)]
    review: PathBuf,
    /// Reviews a second, all connections together; 0 is as fast as answers come
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// How long at most
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How many reviews at most, all connections together
    #[arg(long, default_value_t = u32::MAX)]
    reviews: u32,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 8)]
    connections: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    vmberth_serve::tls::install_provider();
    let args = Args::parse();
    let body = body_of(&args.review).context("--review")?;
    let mut senders = Vec::new();
    for _ in 0..args.connections {
        let mut sender = connect(&args).await?;
        probe(&args, &mut sender, &body).await?;
        senders.push(sender);
    }
    let plan = Plan {
        start: Instant::now() + Duration::from_millis(100),
        left: Arc::new(AtomicU32::new(args.reviews)),
        body: body.clone(),
    };
    let tasks: Vec<_> = (0..)
        .zip(senders)
        .map(|(number, sender)| tokio::spawn(send(args.clone(), number, sender, plan.clone())))
        .collect();
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(task.await??);
    }
    let seconds = plan.start.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |percent: usize| {
        micros
            .get(micros.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    let count = u32::try_from(micros.len())?;
    let report = serde_json::json!({
        "reviews": count,
        "reviews_per_s": (f64::from(count) / seconds).round(),
        "p50_us": at(50),
        "p99_us": at(99),
        "max_us": micros.last(),
        "connections": args.connections,
        "body_bytes": body.len(),
    });
    std::io::Write::write_all(&mut std::io::stdout(), format!("{report}\n").as_bytes())?;
    Ok(())
}

/// What all connections share.
#[derive(Debug, Clone)]
struct Plan {
    start: Instant,
    left: Arc<AtomicU32>,
    body: Bytes,
}

/// The file's JSON as the API server would send it.
fn body_of(file: &Path) -> anyhow::Result<Bytes> {
    let review: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
    Ok(review.to_string().into())
}

/// One review that is not measured: what is refused would be quick, and no measure of anything.
async fn probe(
    args: &Args,
    sender: &mut SendRequest<Full<Bytes>>,
    body: &Bytes,
) -> anyhow::Result<()> {
    let response = sender.send_request(request(args, body)?).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    let json: serde_json::Value = serde_json::from_slice(&answer)?;
    let allowed = json.pointer("/response/allowed");
    if !status.is_success() || allowed != Some(&true.into()) {
        bail!("answered {status}: {}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

fn request(args: &Args, body: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
    Ok(Request::post("/mutate")
        .header("host", &args.server_name)
        .header("content-type", "application/json")
        .body(Full::new(body.clone()))?)
}

async fn connect(args: &Args) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&args.ca).context("--ca")? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(args.address)
        .await
        .context("--address")?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(args.server_name.clone())?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One connection: its share of the rate, evenly spaced. A review that is late because the one before it was slow
/// counts from when it was due, so that a stall is not hidden by the reviews that were not sent during it.
async fn send(
    args: Args,
    number: u32,
    mut sender: SendRequest<Full<Bytes>>,
    plan: Plan,
) -> anyhow::Result<Vec<u32>> {
    let start = plan.start;
    let end = start + Duration::from_secs(args.seconds.into());
    let gap = (args.rate > 0)
        .then(|| Duration::from_secs_f64(f64::from(args.connections) / f64::from(args.rate)));
    let mut due = start + gap.unwrap_or_default() * number / args.connections;
    let mut micros = Vec::new();
    let mut late = false;
    sleep_until(due).await;
    let one_less = |left: u32| left.checked_sub(1);
    while due < end
        && plan
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    {
        let request = request(&args, &plan.body)?;
        let from = if late { due } else { Instant::now() };
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            bail!("answered {}", response.status());
        }
        response.into_body().collect().await?;
        micros.push(u32::try_from(from.elapsed().as_micros())?);
        due = match gap {
            Some(gap) => due + gap,
            None => Instant::now(),
        };
        late = gap.is_some() && due < Instant::now();
        sleep_until(due).await;
    }
    Ok(micros)
}
