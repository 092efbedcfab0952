//! Load on a running webhook over TLS with keep-alive; prints one JSON object with rate, p50 and p99.
//!
//! ```text
//! cargo run --release -p vmberth-webhook --example load -- \
//!     --address 127.0.0.1:8443 --ca ca.crt --review review.json --rate 1000 --seconds 10
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// Body that is sent again and again
    #[arg(long)]
    review: PathBuf,
    /// Reviews a second, all connections together; 0 is as fast as answers come
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// How long
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 8)]
    connections: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    vmberth_serve::tls::install_provider();
    let args = Args::parse();
    let body = Bytes::from(std::fs::read(&args.review).context("--review")?);
    let start = Instant::now() + Duration::from_millis(200);
    let mut tasks = Vec::new();
    for number in 0..args.connections {
        let sender = connect(&args).await?;
        tasks.push(tokio::spawn(send(
            args.clone(),
            number,
            sender,
            body.clone(),
            start,
        )));
    }
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(task.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
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
    body: Bytes,
    start: Instant,
) -> anyhow::Result<Vec<u32>> {
    let end = start + Duration::from_secs(args.seconds.into());
    let gap = (args.rate > 0)
        .then(|| Duration::from_secs_f64(f64::from(args.connections) / f64::from(args.rate)));
    let mut due = start + gap.unwrap_or_default() * number / args.connections;
    let mut micros = Vec::new();
    let mut late = false;
    sleep_until(due).await;
    while due < end {
        let request = Request::post("/mutate")
            .header("host", &args.server_name)
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))?;
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
