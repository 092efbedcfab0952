//! What a person sees while the plane works: one line a step, with the time it took and may take.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The clock of one command.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    start: Instant,
}

impl Progress {
    /// Starts the clock.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Prints one line with the time since the start.
    pub fn say(&self, text: &str) {
        let seconds = self.elapsed().as_secs();
        say_raw(&format!("[{:>3}:{:02}] {text}", seconds / 60, seconds % 60));
    }

    /// Does one step: says what begins and how long it is expected to take, then how long it took.
    ///
    /// # Errors
    /// Those of the step.
    pub fn step<T>(
        &self,
        what: &str,
        expected: Duration,
        step: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let begin = Instant::now();
        self.say(&format!("{what} (about {} s)", expected.as_secs()));
        let result = step()?;
        self.say(&format!(
            "{what}: done in {:.1} s",
            begin.elapsed().as_secs_f32()
        ));
        Ok(result)
    }
}

/// Prints a line to standard error; a closed terminal is no reason to stop.
pub fn say_raw(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
