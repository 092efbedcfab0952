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

    use super::*;

    /// Long for what does not hang, on a machine that is busy.
    const LIMIT: Duration = Duration::from_secs(1);

    fn patience() -> (Patience, Arc<Notify>) {
        let returned = Arc::new(Notify::new());
        (Patience::new(LIMIT, Arc::clone(&returned)), returned)
    }

    #[tokio::test]
    async fn what_hangs_is_left_alone_until_it_returns() {
        let (mut patience, returned) = patience();
        let (release, hang) = mpsc::channel::<()>();
        let begun = patience.with(move || hang.recv()).await.unwrap();
        assert!(begun.is_none());
        let second = patience.with(|| panic!("a second thread")).await.unwrap();
        assert_eq!(second, None::<()>);
        drop(release);
        returned.notified().await;
        assert_eq!(patience.with(|| 7).await.unwrap(), Some(7));
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_told() {
        // To write a backtrace takes long.
        let mut patient = Patience::new(LIMIT * 100, Arc::default());
        let panicked = patient.with(|| -> () { panic!("on purpose") }).await;
        assert!(panicked.unwrap_err().is_panic());
        let (mut patience, returned) = patience();
        let (release, hang) = mpsc::channel::<()>();
        let late = patience.with(move || hang.recv().unwrap()).await;
        assert_eq!(late.unwrap(), None);
        drop(release);
        returned.notified().await;
        let told = patience.with(|| ()).await;
        assert!(told.unwrap_err().is_panic());
    }
}
