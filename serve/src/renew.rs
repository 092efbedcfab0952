//! The certificate over the life of a server: awaited at its start, then kept fresh.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep_until};

use crate::args::ServeArgs;
use crate::server::ServeError;
use crate::tls::Certificate;

/// While there is no certificate at all, every second of it delays our readiness.
const FIRST_POLL: Duration = Duration::from_secs(1);

/// Waits for a certificate, saying so; cert rotation and we may start in any order.
pub(crate) async fn first(
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
        sleep_until(deadline.min(Instant::now() + args.tls_poll.min(FIRST_POLL))).await;
    }
}

/// Looks for a changed one, for ever; without TLS there is nothing to look for.
pub(crate) async fn keep_fresh(certificate: Option<Certificate>, every: Duration) {
    let Some(mut certificate) = certificate else {
        return std::future::pending().await;
    };
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
