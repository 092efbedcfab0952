//! When to try again what failed.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Waits twice as long after each failure in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    step: Option<Duration>,
    until: Option<Instant>,
    told: String,
}

impl Backoff {
    /// How long still to wait.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Next time there is no reason to wait.
    pub(super) fn succeeded(&mut self) {
        if !self.told.is_empty() {
            tracing::info!("NodeInventory can be read and written again");
        }
        *self = Self::default();
    }

    /// How long to wait before the next attempt. The same failure is logged once.
    pub(super) fn failed(&mut self, now: Instant, error: &str) -> Duration {
        if self.told != error {
            tracing::warn!(error, "NodeInventory not up to date; tried again");
            error.clone_into(&mut self.told);
        }
        let wait = self
            .step
            .map_or(FIRST, |step| step.saturating_mul(2).min(LONGEST));
        self.step = Some(wait);
        self.until = now.checked_add(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_end_with_success() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed(now, "x").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(now), Some(LONGEST));
        assert_eq!(backoff.wait(now + LONGEST), None);
        backoff.succeeded();
        assert_eq!(backoff.wait(now), None);
    }
}
