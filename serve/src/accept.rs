//! From a TCP stream to a TLS stream, or a plain one on loopback: connection limit, handshake with a time limit, failures
//! counted.

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
use tokio_util::either::Either;

use crate::args::ServeArgs;
use crate::connection::{Connection, Slot};
use crate::metrics::{HandshakeFailure, ServeMetrics};

/// TLS, or the bytes as they come.
pub type Stream = Either<TlsStream<TcpStream>, TcpStream>;

/// axum-server drops handshake errors silently, so this acceptor counts them.
#[derive(Clone)]
pub struct Acceptor {
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
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
    /// An acceptor with the limits of the flags; without a configuration of TLS it takes plain HTTP.
    #[must_use]
    pub fn new(
        tls: Option<Arc<ArcSwap<ServerConfig>>>,
        args: &ServeArgs,
        metrics: ServeMetrics,
    ) -> Self {
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

    async fn take(self, stream: TcpStream) -> io::Result<Connection<Stream>> {
        let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.connections_refused.inc();
            return Err(io::Error::other("too many connections"));
        };
        let slot = Slot::new(self.metrics.connections.clone(), permit);
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            Some(tls) => Either::Left(self.secure(tls.load_full(), stream).await?),
            None => Either::Right(stream),
        };
        Ok(Connection::new(stream, self.idle, slot))
    }

    async fn secure(
        &self,
        tls: Arc<ServerConfig>,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let tls = TlsAcceptor::from(tls);
        let outcome = timeout(self.handshake, tls.accept(stream)).await;
        let failure = match outcome {
            Ok(Ok(stream)) => return Ok(stream),
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
    type Stream = Connection<Stream>;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let acceptor = self.clone();
        Box::pin(async move { Ok((acceptor.take(stream).await?, service)) })
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
