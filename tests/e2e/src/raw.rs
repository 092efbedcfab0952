//! HTTP by hand, so that a test can say exactly which bytes a server gets, and when.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest time for one exchange, if nothing else is said.
const LIMIT: Duration = Duration::from_secs(20);

/// An answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its code.
    pub status: u16,
    /// The rest of the head.
    pub head: String,
    /// The body.
    pub body: String,
}

/// A request that asks for the connection to be closed after it.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(method, path, headers, body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Its head only, for a body of this length.
#[must_use]
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (key, value) in headers {
        let _ = write!(head, "{key}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {length}\r\n\r\n");
    head
}

/// A plain GET of HTTP/1.0, whose answer is never chunked.
///
/// # Errors
/// If the server does not answer.
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    let stream = plain(address).await?;
    exchange(stream, request.as_bytes())
        .await
        .with_context(|| format!("{address}{path}"))
}

/// A connection without TLS.
///
/// # Errors
/// If nobody listens.
pub async fn plain(address: SocketAddr) -> Result<TcpStream> {
    let connect = timeout(LIMIT, TcpStream::connect(address)).await;
    connect
        .context("no connection in time")?
        .with_context(|| format!("connecting to {address}"))
}

/// A connection with TLS, that trusts only these certificates.
///
/// # Errors
/// If the handshake fails.
pub async fn tls(address: SocketAddr, name: &str, roots: &[u8]) -> Result<TlsStream<TcpStream>> {
    let mut trusted = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots) {
        trusted.add(certificate.context("CA certificate")?)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name.to_owned())?;
    let stream = plain(address).await?;
    let handshake = timeout(LIMIT, connector.connect(name, stream)).await;
    handshake
        .context("no handshake in time")?
        .context("handshake")
}

/// Sends all, and reads to the end of the connection.
///
/// # Errors
/// If no whole answer came.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> Result<Answer> {
    exchange_within(LIMIT, stream, async |to| to.write_all(request).await).await
}

/// Sends as the closure says, and reads what comes meanwhile and after it; a server may answer, and
/// close, before it has read everything.
///
/// # Errors
/// If no whole answer came.
pub async fn exchange_within<S: AsyncRead + AsyncWrite + Unpin>(
    limit: Duration,
    stream: S,
    send: impl AsyncFnOnce(&mut tokio::io::WriteHalf<S>) -> std::io::Result<()>,
) -> Result<Answer> {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut bytes = Vec::new();
    let sent = async {
        let sent = send(&mut to).await;
        drop(to.flush().await);
        sent
    };
    let read = async {
        // An unclean end after the answer is no failure: the answer is looked at.
        let end = from.read_to_end(&mut bytes).await;
        end.err()
    };
    tokio::pin!(sent);
    tokio::pin!(read);
    // What is read ends the exchange, also while still sending.
    let ended = timeout(limit, async {
        let mut sending = true;
        loop {
            tokio::select! {
                end = &mut read => return end,
                _ = &mut sent, if sending => sending = false,
            }
        }
    })
    .await
    .with_context(|| format!("no answer within {limit:?}"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some(answer) = answer(&text) else {
        bail!(
            "no answer, but {:?} ({ended:?})",
            text.chars().take(200).collect::<String>()
        );
    };
    Ok(answer)
}

fn answer(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
