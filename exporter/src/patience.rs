//! Work that may hang in the kernel, as on the disk or the server of a file system that does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Between the word that work has returned and the end of its task.
const MOMENT: Duration = Duration::from_millis(50);

/// Does one kind of work on a thread of its own, and waits for it only so long. Nobody can end a thread that hangs, so no
/// second one begins before it returns: each would hang as well.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    returned: Arc<Notify>,
    hangs: Option<JoinHandle<Result<(), JoinError>>>,
}

impl Patience {
    /// Waits for `limit`; `returned` is told when work returns that nobody waited for any longer.
    #[must_use]
    pub fn new(limit: Duration, returned: Arc<Notify>) -> Self {
        Self {
            limit,
            returned,
            hangs: None,
        }
    }

    /// How long it waits.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What `work` returns; nothing if that takes too long, or earlier work still hangs. What comes too late is dropped: it
    /// says how things were before.
    ///
    /// # Errors
    /// If the thread ended without a word.
    pub async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, JoinError> {
        if let Some(mut hanging) = self.hangs.take() {
            match timeout(MOMENT, &mut hanging).await {
                Ok(ended) => ended??,
                Err(_) => {
                    self.hangs = Some(hanging);
                    return Ok(None);
                }
            }
        }
        let mut working = spawn_blocking(work);
        if let Ok(done) = timeout(self.limit, &mut working).await {
            return done.map(Some);
        }
        let returned = Arc::clone(&self.returned);
        self.hangs = Some(tokio::spawn(async move {
            let late = working.await;
            returned.notify_one();
            late.map(drop)
        }));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    /// In the time of the tests, which stands still unless it is moved, and never moves by itself while a thread is at work.
    const LIMIT: Duration = Duration::from_secs(10);

    fn patience() -> (Patience, Arc<Notify>) {
        let returned = Arc::new(Notify::new());
        (Patience::new(LIMIT, Arc::clone(&returned)), returned)
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_left_alone_until_it_returns() {
        let (mut patience, returned) = patience();
        let (release, hang) = mpsc::channel::<()>();
        let (begun, ()) = tokio::join!(patience.with(move || hang.recv()), advance(LIMIT));
        assert!(begun.unwrap().is_none());
        let second = patience.with(|| panic!("a second thread"));
        let (second, ()) = tokio::join!(second, advance(MOMENT));
        assert_eq!(second.unwrap(), None::<()>);
        drop(release);
        returned.notified().await;
        assert_eq!(patience.with(|| 7).await.unwrap(), Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_panics_is_told() {
        let (mut patience, returned) = patience();
        let panicked = patience.with(|| -> () { panic!("on purpose") }).await;
        assert!(panicked.unwrap_err().is_panic());
        let (release, hang) = mpsc::channel::<()>();
        let (late, ()) = tokio::join!(patience.with(move || hang.recv().unwrap()), advance(LIMIT));
        assert_eq!(late.unwrap(), None);
        drop(release);
        returned.notified().await;
        let told = patience.with(|| ()).await;
        assert!(told.unwrap_err().is_panic());
    }
}
