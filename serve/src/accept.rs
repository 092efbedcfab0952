//! From a TCP stream to a TLS stream: connection limit, handshake with a time limit, failures counted.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum_server::accept::Accept;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::args::ServeArgs;
use crate::connection::{Connection, Slot};
use crate::metrics::{HandshakeFailure, ServeMetrics};

/// axum-server drops handshake errors silently, so this acceptor counts them.
#[derive(Clone)]
pub struct Acceptor {
    tls: Arc<ArcSwap<ServerConfig>>,
    slots: Arc<Semaphore>,
    handshake: Duration,
    idle: Duration,
    metrics: ServeMetrics,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// An acceptor with the limits of the flags.
    #[must_use]
    pub fn new(tls: Arc<ArcSwap<ServerConfig>>, args: &ServeArgs, metrics: ServeMetrics) -> Self {
        Self {
            tls,
            slots: Arc::new(Semaphore::new(
                args.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            handshake: args.handshake_timeout,
            idle: args.idle_timeout,
            metrics,
        }
    }

    async fn secure(self, stream: TcpStream) -> io::Result<Connection<TlsStream<TcpStream>>> {
        let Ok(permit) = self.slots.try_acquire_owned() else {
            self.metrics.connections_refused.inc();
            return Err(io::Error::other("too many connections"));
        };
        let slot = Slot::new(self.metrics.connections.clone(), permit);
        stream.set_nodelay(true)?;
        let tls = TlsAcceptor::from(self.tls.load_full());
        let outcome = timeout(self.handshake, tls.accept(stream)).await;
        let failure = match outcome {
            Ok(Ok(stream)) => return Ok(Connection::new(stream, self.idle, slot)),
            Ok(Err(error)) => error,
            Err(_) => io::Error::from(io::ErrorKind::TimedOut),
        };
        let reason = reason_of(&failure);
        self.metrics.handshake_failed(reason);
        tracing::debug!(error = %failure, reason = reason.as_str(), "TLS handshake failed");
        Err(failure)
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Connection<TlsStream<TcpStream>>;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let acceptor = self.clone();
        Box::pin(async move { Ok((acceptor.secure(stream).await?, service)) })
    }
}

fn reason_of(error: &io::Error) -> HandshakeFailure {
    if error.kind() == io::ErrorKind::TimedOut {
        return HandshakeFailure::Timeout;
    }
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidMessage(_)) => HandshakeFailure::NotTls,
        Some(rustls::Error::AlertReceived(_)) => HandshakeFailure::RefusedByClient,
        // A server checks no other certificates than those of its clients.
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            HandshakeFailure::ClientRefused
        }
        Some(_) => HandshakeFailure::Other,
        None => HandshakeFailure::Closed,
    }
}
