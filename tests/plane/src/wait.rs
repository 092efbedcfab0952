//! Waiting: always bounded, always with a name, always stopped by Ctrl-C.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt;
use crate::progress::say_raw;

/// A wait longer than this says that it goes on, and again after every such time.
const REMINDER: Duration = Duration::from_secs(20);

/// Asks until the answer is `Some`.
///
/// # Errors
/// That of the question; "interrupted"; or, after `limit`, what was waited for.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut question: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    until_even_if_interrupted(what, limit, || {
        interrupt::check()?;
        question()
    })
}

/// As [`until`], but goes on when interrupted: for cleaning up.
///
/// # Errors
/// That of the question, or, after `limit`, what was waited for.
pub fn until_even_if_interrupted<T>(
    what: &str,
    limit: Duration,
    mut question: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(10);
    let mut reminder = REMINDER;
    loop {
        if let Some(answer) = question()? {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        if start.elapsed() > reminder {
            let (now, all) = (start.elapsed().as_secs(), limit.as_secs());
            say_raw(&format!(
                "         still waiting for {what} ({now} of at most {all} s)"
            ));
            reminder += REMINDER;
        }
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
    }
}
