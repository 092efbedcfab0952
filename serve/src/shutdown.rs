//! From the first signal to the end of the process.

use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use tokio::signal::unix::{SignalKind, signal};
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

    /// Begins the shutdown at the first SIGTERM or SIGINT and returns at the second: then nothing is waited for.
    ///
    /// # Errors
    /// If the process cannot listen for signals.
    pub async fn follow_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        for attempt in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if attempt == 0 {
                tracing::info!("signal received, shutting down; a second one aborts");
                self.begin();
            }
        }
        tracing::warn!("second signal received, aborting");
        Ok(())
    }
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
