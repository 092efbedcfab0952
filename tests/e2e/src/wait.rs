//! Waiting: always for something, never longer than said, and never in vain without a word.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(250);

/// Limits are for a machine that does nothing else. One with neighbours may take so many times as long.
pub const NEIGHBOURS: u32 = 2;

/// What one look gave.
#[derive(Debug)]
pub enum Look<T> {
    /// What was waited for.
    Found(T),
    /// What there is instead, in words.
    NotYet(String),
}

impl<T> Look<T> {
    /// `Found` if there is one, else the words.
    pub fn of(found: Option<T>, words: impl FnOnce() -> String) -> Self {
        found.map_or_else(|| Self::NotYet(words()), Self::Found)
    }
}

/// Looks until it is there, for `limit`, [`NEIGHBOURS`] allowed for.
///
/// # Errors
/// What was waited for, how long, and what was seen last; at once if looking itself fails.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let limit = limit.saturating_mul(NEIGHBOURS);
    let start = Instant::now();
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let last = match look().await? {
            Look::Found(found) => return Ok(found),
            Look::NotYet(last) => last,
        };
        if start.elapsed() > limit {
            bail!("waited {} s for {what}; last seen: {last}", limit.as_secs());
        }
    }
}

/// Looks for this long, and fails as soon as one look fails.
///
/// # Errors
/// What did not hold, and after how long.
pub async fn holds(
    what: &str,
    time: Duration,
    mut look: impl AsyncFnMut() -> Result<()>,
) -> Result<()> {
    let start = Instant::now();
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while start.elapsed() < time {
        ticks.tick().await;
        if let Err(e) = look().await {
            return Err(e.context(format!("{what} held for {:?} only", start.elapsed())));
        }
    }
    Ok(())
}
