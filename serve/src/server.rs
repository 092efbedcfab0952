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
use tokio::time::{Instant, interval, sleep, sleep_until};

use crate::accept::Acceptor;
use crate::admin::{self, Admin};
use crate::args::ServeArgs;
use crate::client_ca::ClientCa;
use crate::limits::{self, Limits};
use crate::metrics::{ProcessMetrics, ServeMetrics};
use crate::ready::{Condition, Ready};
use crate::shutdown::{Shutdown, say_last};
use crate::tls::{Certificate, TlsError};

/// While there is no certificate at all, every second of it delays our readiness.
const FIRST_CERTIFICATE_POLL: Duration = Duration::from_secs(1);

/// What a server is made of.
#[derive(Debug)]
pub struct Parts {
    /// Routes of the TLS port.
    pub app: Router,
    /// All metrics of the process.
    pub registry: Registry,
    /// Prefix of the shell's metrics, like `vmberth_webhook`.
    pub metrics_prefix: &'static str,
    /// Readiness, shared with the parts that have conditions of their own.
    pub ready: Ready,
}

/// A server whose ports are bound but not served yet.
#[derive(Debug)]
pub struct Server {
    args: ServeArgs,
    app: Router,
    admin: Admin,
    metrics: ServeMetrics,
    // Added before the plain port answers, so that it never says ready too early.
    certificate: Condition,
    running: Condition,
    tls_port: TcpListener,
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
        let metrics = ServeMetrics::register(&parts.registry, parts.metrics_prefix)?;
        let tls_port = listen(args.listen).await?;
        let admin_port = listen(args.admin_listen).await?;
        let process = ProcessMetrics::register(&parts.registry, parts.metrics_prefix)?;
        let (certificate, running) = (
            parts.ready.condition("certificate"),
            parts.ready.condition("running"),
        );
        let admin = Admin {
            registry: parts.registry,
            ready: parts.ready,
            process,
        };
        Ok(Self {
            args,
            app: parts.app,
            admin,
            metrics,
            certificate,
            running,
            tls_port,
            admin_port,
        })
    }

    /// The TLS port's address, with the port that the system chose if the flag said 0.
    ///
    /// # Errors
    /// If the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tls_port.local_addr()
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
            .serve(admin::app(self.admin).into_make_service());
        let secured = Secured {
            args: &self.args,
            metrics: &self.metrics,
            certificate: self.certificate,
            running: self.running,
        };
        let secured = async {
            let result = secured.serve(self.app, self.tls_port, shutdown).await;
            admin_handle.shutdown();
            admin_handle.graceful_shutdown(Some(Duration::ZERO));
            result
        };
        tokio::try_join!(secured, async { plain.await.map_err(ServeError::Serve) })?;
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Bind { address, source })
}

/// What the TLS port needs besides the app.
struct Secured<'a> {
    args: &'a ServeArgs,
    metrics: &'a ServeMetrics,
    certificate: Condition,
    running: Condition,
}

impl Secured<'_> {
    async fn serve(
        self,
        app: Router,
        port: TcpListener,
        shutdown: &Shutdown,
    ) -> Result<(), ServeError> {
        let args = self.args;
        let clients = args.client_ca.as_deref().map(ClientCa::load).transpose()?;
        let mut certificate = Certificate::new(&args.tls_dir, clients, self.metrics.clone())?;
        tokio::select! {
            loaded = first_certificate(&mut certificate, args) => loaded?,
            () = shutdown.begun() => return Ok(()),
        }
        let handle = Handle::new();
        let acceptor = Acceptor::new(certificate.config(), args, self.metrics.clone());
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
        self.certificate.set(true);
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
            () = keep_fresh(&mut certificate, args.tls_poll) => {}
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

/// Waits for a certificate, saying so; cert rotation and we may start in any order.
async fn first_certificate(
    certificate: &mut Certificate,
    args: &ServeArgs,
) -> Result<(), ServeError> {
    let deadline = Instant::now() + args.tls_wait;
    let mut wrong = None;
    loop {
        if let Err(error) = certificate.refresh() {
            let text = error.to_string();
            if wrong.as_ref().is_none_or(|(told, _)| *told != text) {
                let wait = args.tls_wait.as_secs();
                tracing::warn!(error = %text, at_most_seconds = wait, "waiting for a certificate");
            }
            wrong = Some((text, error));
        }
        if certificate.is_loaded() {
            return Ok(());
        }
        if Instant::now() >= deadline
            && let Some((_, source)) = wrong
        {
            return Err(ServeError::NoCertificate {
                waited: args.tls_wait,
                source,
            });
        }
        sleep_until(deadline.min(Instant::now() + args.tls_poll.min(FIRST_CERTIFICATE_POLL))).await;
    }
}

async fn keep_fresh(certificate: &mut Certificate, every: Duration) {
    let mut timer = interval(every.max(Duration::from_millis(10)));
    let mut told = String::new();
    loop {
        timer.tick().await;
        match certificate.refresh() {
            Ok(()) => {}
            Err(error) => {
                let text = error.to_string();
                if told != text {
                    tracing::error!(%error, "changed certificate refused, the old one is kept");
                    told = text;
                }
                continue;
            }
        }
        told.clear();
    }
}
