//! From the first signal to the end of the process.

use std::io;

use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Told to everybody who has to end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stopping: CancellationToken,
}

impl Shutdown {
    /// Begins the shutdown; more than once is the same as once.
    pub fn begin(&self) {
        self.stopping.cancel();
    }

    /// Waits until the shutdown begins.
    pub async fn begun(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.stopping.is_cancelled()
    }
}

/// Runs a program until it ends by itself or a second SIGTERM or SIGINT comes; the first one begins the shutdown that it
/// is given. Signals are listened for before it starts, so that none ends it without a word.
///
/// # Errors
/// What the program says, and [`SignalError`].
pub async fn until_signalled<P, E>(program: impl FnOnce(Shutdown) -> P) -> Result<(), E>
where
    P: Future<Output = Result<(), E>>,
    E: From<SignalError>,
{
    let terminate = signal(SignalKind::terminate()).map_err(SignalError::Listen)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(SignalError::Listen)?;
    let shutdown = Shutdown::default();
    tokio::select! {
        ended = program(shutdown.clone()) => ended,
        () = second(terminate, interrupt, shutdown) => Err(SignalError::Aborted.into()),
    }
}

/// Why a program did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The system does not let us.
    #[error("cannot listen for signals")]
    Listen(#[source] io::Error),
    /// The user does not want to wait.
    #[error("aborted by a second signal")]
    Aborted,
}

async fn second(mut terminate: Signal, mut interrupt: Signal, shutdown: Shutdown) {
    for attempt in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if attempt == 0 {
            tracing::info!("signal received, shutting down; a second one aborts");
            shutdown.begin();
        }
    }
    tracing::warn!("second signal received, aborting");
}

/// Tells the client of every answer after the first signal that its HTTP/1.1 connection ends with it.
///
/// The API server speaks HTTP/1.1 to webhooks (apiserver/pkg/util/webhook/client.go) and does not repeat a POST whose
/// connection we close while it is being sent: it must be the one that stops using it. HTTP/2 has GOAWAY for this.
pub async fn say_last(State(shutdown): State<Shutdown>, request: Request, next: Next) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if shutdown.has_begun() && version <= Version::HTTP_11 {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
