//! Both ports from bind to drain.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::accept::Acceptor;
use crate::admin::{self, Admin};
use crate::args::ServeArgs;
use crate::client_ca::ClientCa;
use crate::limits::{self, Limits};
use crate::metrics::{ProcessMetrics, ServeMetrics};
use crate::ready::{Condition, Ready};
use crate::renew;
use crate::shutdown::{Shutdown, say_last};
use crate::tls::{Certificate, TlsError};

/// What a server is made of.
#[derive(Debug)]
pub struct Parts {
    /// Routes of the port of requests.
    pub app: Router,
    /// All metrics of the process.
    pub registry: Registry,
    /// Prefix of the shell's metrics, like `vmberth_webhook`.
    pub metrics_prefix: &'static str,
    /// Readiness, shared with the parts that have conditions of their own.
    pub ready: Ready,
    /// Further routes of the plain port: what people may read.
    pub shown: Router,
}

/// A server whose ports are bound but not served yet.
#[derive(Debug)]
pub struct Server {
    args: ServeArgs,
    app: Router,
    admin: Router,
    metrics: ServeMetrics,
    // Added before the plain port answers, so that it never says ready too early; without TLS there is no certificate.
    certificate: Option<Condition>,
    running: Condition,
    port: TcpListener,
    admin_port: TcpListener,
}

/// Why a server ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A port is taken or not ours to take.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address of the flag.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Without TLS, everybody who reaches the port could ask.
    #[error(
        "{address}: found an address that others reach, expected one of loopback, since TLS is off"
    )]
    Exposed {
        /// The address of the flag.
        address: SocketAddr,
    },
    /// A port could not be served any longer.
    #[error("serving ended")]
    Serve(#[from] io::Error),
    /// No certificate came in time.
    #[error("no certificate within {} s", waited.as_secs())]
    NoCertificate {
        /// How long it was waited for.
        waited: Duration,
        /// What was wrong last.
        source: TlsError,
    },
    /// TLS cannot be configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A metric's name is taken.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

impl Server {
    /// Binds both ports and registers the shell's metrics.
    ///
    /// # Errors
    /// If a port cannot be bound or a metric's name is taken.
    pub async fn bind(args: ServeArgs, parts: Parts) -> Result<Self, ServeError> {
        let certificate = parts.ready.condition("certificate");
        Self::bind_with(args, parts, Some(certificate)).await
    }

    /// The same without TLS, for clients of the same machine or pod.
    ///
    /// # Errors
    /// As [`Server::bind`], or if the address is not one of loopback.
    pub async fn bind_plain(args: ServeArgs, parts: Parts) -> Result<Self, ServeError> {
        if !is_loopback(args.listen) {
            let address = args.listen;
            return Err(ServeError::Exposed { address });
        }
        Self::bind_with(args, parts, None).await
    }

    async fn bind_with(
        args: ServeArgs,
        parts: Parts,
        certificate: Option<Condition>,
    ) -> Result<Self, ServeError> {
        let metrics = ServeMetrics::register(&parts.registry, parts.metrics_prefix)?;
        let port = listen(args.listen).await?;
        let admin_port = listen(args.admin_listen).await?;
        let process = ProcessMetrics::register(&parts.registry, parts.metrics_prefix)?;
        let running = parts.ready.condition("running");
        let admin = Admin {
            registry: parts.registry,
            ready: parts.ready,
            process,
        };
        Ok(Self {
            args,
            app: parts.app,
            admin: admin::app(admin).merge(parts.shown),
            metrics,
            certificate,
            running,
            port,
            admin_port,
        })
    }

    /// Address of the port of requests, with the port that the system chose if the flag said 0.
    ///
    /// # Errors
    /// If the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// The plain port's address.
    ///
    /// # Errors
    /// If the system does not know it.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin_port.local_addr()
    }

    /// Serves until the shutdown has begun and everything is drained.
    ///
    /// # Errors
    /// If no certificate comes in time or a port cannot be served any longer.
    pub async fn run(self, shutdown: &Shutdown) -> Result<(), ServeError> {
        let admin_handle = Handle::<SocketAddr>::new();
        let plain = axum_server::Server::from_listener(self.admin_port)
            .handle(admin_handle.clone())
            .serve(self.admin.into_make_service());
        let served = Served {
            args: &self.args,
            metrics: &self.metrics,
            certificate: self.certificate,
            running: self.running,
        };
        let served = async {
            let result = served.serve(self.app, self.port, shutdown).await;
            admin_handle.shutdown();
            admin_handle.graceful_shutdown(Some(Duration::ZERO));
            result
        };
        tokio::try_join!(served, async { plain.await.map_err(ServeError::Serve) })?;
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Bind { address, source })
}

/// Whether nobody but this machine, or this pod, reaches an address.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// What the port of requests needs besides the app.
struct Served<'a> {
    args: &'a ServeArgs,
    metrics: &'a ServeMetrics,
    certificate: Option<Condition>,
    running: Condition,
}

impl Served<'_> {
    async fn serve(
        self,
        app: Router,
        port: TcpListener,
        shutdown: &Shutdown,
    ) -> Result<(), ServeError> {
        let args = self.args;
        let mut certificate = None;
        if let Some(condition) = &self.certificate {
            let clients = args.client_ca.as_deref().map(ClientCa::load).transpose()?;
            let mut own = Certificate::new(&args.tls_dir, clients, self.metrics.clone())?;
            tokio::select! {
                loaded = renew::first(&mut own, args) => loaded?,
                () = shutdown.begun() => return Ok(()),
            }
            condition.set(true);
            certificate = Some(own);
        }
        let handle = Handle::new();
        let tls = certificate.as_ref().map(Certificate::config);
        let acceptor = Acceptor::new(tls, args, self.metrics.clone());
        let mut server = axum_server::Server::from_listener(port)
            .acceptor(acceptor)
            .handle(handle.clone());
        limit_connections(&mut server, args);
        let limits = Limits {
            concurrency: args.max_requests,
            time: args.request_timeout,
        };
        let app = limits::guard(app, limits, self.metrics.clone());
        let app = app.layer(from_fn_with_state(shutdown.clone(), say_last));
        self.running.set(!shutdown.has_begun());
        tracing::info!(listen = %args.listen, admin = %args.admin_listen, "serving");

        let drain = async {
            shutdown.begun().await;
            self.running.set(false);
            sleep(args.shutdown_delay).await;
            tracing::info!(connections = handle.connection_count(), "draining");
            handle.graceful_shutdown(Some(args.shutdown_grace));
            pending::<()>().await;
        };
        tokio::select! {
            served = server.serve(app.into_make_service()) => served?,
            () = renew::keep_fresh(certificate, args.tls_poll) => {}
            () = drain => {}
        }
        tracing::info!("drained");
        Ok(())
    }
}

fn limit_connections(server: &mut axum_server::Server<SocketAddr, Acceptor>, args: &ServeArgs) {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        // Hyper's clock for a header starts when the answer before it was sent.
        .header_read_timeout(args.idle_timeout)
        // A request line and headers of the API server are under 2 KiB.
        .max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(args.idle_timeout / 2)
        .keep_alive_timeout(args.handshake_timeout)
        .max_header_list_size(16 << 10)
        .max_concurrent_streams(128);
}
