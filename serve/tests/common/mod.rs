//! A server on loopback, certificates for it, and a client that speaks just enough HTTP.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its part, and may stop at the first thing that is not as it should be"
)]

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Parser;
use prometheus::Registry;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vmberth_serve::ready::Ready;
use vmberth_serve::shutdown::Shutdown;
use vmberth_serve::{Parts, ServeArgs, ServeError, Server};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
#[command(args_override_self = true)]
struct Flags {
    #[command(flatten)]
    serve: ServeArgs,
}

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub shutdown: Shutdown,
    pub folder: TempDir,
    task: JoinHandle<Result<(), ServeError>>,
}

/// A self-signed certificate and its key.
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub der: CertificateDer<'static>,
}

pub fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Identity {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().clone(),
    }
}

impl Identity {
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("tls.key"), &self.key).unwrap();
        std::fs::write(folder.join("tls.crt"), &self.certificate).unwrap();
    }
}

/// A CA that signs clients.
pub struct Authority {
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a client shows.
pub struct ClientIdentity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

pub fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority {
        certificate: params.self_signed(&key).unwrap().pem(),
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    pub fn client(&self) -> ClientIdentity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ClientIdentity {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

/// Starts a server without a certificate; flags come after the ones that make it quick.
pub async fn start(app: Router, flags: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::bind(args(&folder, flags), parts(app))
        .await
        .unwrap();
    run(server, folder)
}

/// Starts a server without TLS, or says why not.
pub async fn start_plain(app: Router, flags: &[&str]) -> Result<Running, ServeError> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::bind_plain(args(&folder, flags), parts(app)).await?;
    Ok(run(server, folder))
}

fn args(folder: &TempDir, flags: &[&str]) -> ServeArgs {
    vmberth_serve::tls::install_provider();
    let tls_dir = format!("--tls-dir={}", folder.path().display());
    let quick = [
        "test",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--tls-poll=0.02",
        "--shutdown-delay=0",
        &tls_dir,
    ];
    Flags::parse_from(quick.iter().chain(flags)).serve
}

fn parts(app: Router) -> Parts {
    Parts {
        app,
        registry: Registry::new(),
        metrics_prefix: "test",
        ready: Ready::default(),
        shown: Router::new(),
    }
}

fn run(server: Server, folder: TempDir) -> Running {
    let (address, admin) = (server.address().unwrap(), server.admin_address().unwrap());
    let shutdown = Shutdown::default();
    let told = shutdown.clone();
    let task = tokio::spawn(async move { server.run(&told).await });
    Running {
        address,
        admin,
        shutdown,
        folder,
        task,
    }
}

/// Starts a server that is ready.
pub async fn start_ready(app: Router, flags: &[&str]) -> (Running, Identity) {
    let running = start(app, flags).await;
    let identity = identity();
    identity.write(running.folder.path());
    running
        .until("ready", async || {
            running.admin("/readyz").await.starts_with("HTTP/1.1 200")
        })
        .await;
    (running, identity)
}

impl Running {
    /// How the server ended.
    pub async fn ended(self) -> Result<(), ServeError> {
        timeout(PATIENCE, self.task)
            .await
            .expect("the server ends")
            .unwrap()
    }

    /// A connection that trusts `identity` and nothing else.
    pub async fn connect(&self, identity: &Identity) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_as(identity, None, rustls::DEFAULT_VERSIONS)
            .await
    }

    /// The same in these versions of TLS, with a certificate of the client's own.
    pub async fn connect_as(
        &self,
        identity: &Identity,
        client: Option<&ClientIdentity>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(identity.der.clone()).unwrap();
        let config = ClientConfig::builder_with_protocol_versions(versions);
        let config = config.with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some(client) => {
                let key = PrivateKeyDer::try_from(client.key.clone()).unwrap();
                let chain = vec![client.certificate.clone()];
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// The whole answer of the plain port.
    pub async fn admin(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        get(&mut stream, path).await
    }

    /// Waits until a line of the metrics says so.
    pub async fn until_counted(&self, line: &str) {
        self.until(line, async || {
            self.admin("/metrics")
                .await
                .lines()
                .any(|found| found == line)
        })
        .await;
    }

    /// Waits until something holds.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let waited = timeout(PATIENCE, async {
            while !holds().await {
                sleep(Duration::from_millis(10)).await;
            }
        });
        if waited.await.is_err() {
            panic!("never happened: {what}\n{}", self.admin("/metrics").await);
        }
    }
}

/// Sends a request on its own and reads until the server closes.
pub async fn get(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(stream).await
}

/// Sends a request and reads its answer of a known body; the connection stays open.
pub async fn get_and_keep(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
    body: &str,
) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(body.as_bytes()) {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(
            read > 0,
            "closed after {:?}",
            String::from_utf8_lossy(&text)
        );
        text.extend_from_slice(piece.get(..read).unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// Everything until the server closes, however it does.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    let _closed_or_broken = read.expect("the server closes");
    String::from_utf8_lossy(&text).into_owned()
}
