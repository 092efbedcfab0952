//! From the first signal to the end of the process.

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
