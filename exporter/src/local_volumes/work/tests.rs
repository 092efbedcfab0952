use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::*;
use crate::local_volumes::Done;
use crate::local_volumes::testing::{mend, reclaim};

/// Tasks that end when they are told to.
#[derive(Default)]
struct Stage {
    work: Work,
    begun: Arc<Mutex<Vec<String>>>,
    ends: Arc<Notify>,
}

impl Stage {
    /// What begins of it.
    fn begin(&mut self, planned: Vec<Action>) -> Vec<String> {
        let (begun, ends) = (Arc::clone(&self.begun), Arc::clone(&self.ends));
        let start = |actions: Vec<Action>| {
            let names: Vec<String> = actions.iter().map(|it| name_of(it).to_owned()).collect();
            begun.lock().unwrap().extend(names.clone());
            let ends = Arc::clone(&ends);
            tokio::spawn(async move {
                ends.notified().await;
                let done = |volume| Outcome {
                    volume,
                    result: Ok(Done::Mended),
                };
                names.into_iter().map(done).collect()
            })
        };
        self.work.begin(planned, &Retries::default(), start);
        std::mem::take(&mut *self.begun.lock().unwrap())
    }

    /// What is heard after all tasks were let go.
    async fn ended(&mut self) -> Vec<String> {
        tokio::task::yield_now().await;
        self.ends.notify_waiters();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let outcomes = self.work.ended().await.unwrap();
        outcomes.into_iter().map(|it| it.volume).collect()
    }
}

/// CDI's scratch space is there for seconds, and a wipe takes minutes.
#[tokio::test]
async fn a_mark_does_not_wait_until_a_directory_is_empty() {
    let mut stage = Stage::default();
    assert_eq!(stage.begin(vec![reclaim("a")]), ["a"]);
    assert_eq!(
        stage.begin(vec![mend("b"), reclaim("a"), reclaim("c")]),
        ["b"]
    );
    assert!(stage.begin(vec![mend("d"), reclaim("c")]).is_empty());
    assert_eq!(stage.ended().await, ["a", "b"]);
    assert_eq!(stage.begin(vec![mend("d"), reclaim("c")]), ["c", "d"]);
}

#[tokio::test]
async fn a_directory_does_not_wait_until_all_else_is_done() {
    let mut stage = Stage::default();
    assert_eq!(stage.begin(vec![mend("a")]), ["a"]);
    assert_eq!(
        stage.begin(vec![mend("a"), reclaim("a"), reclaim("b")]),
        ["b"]
    );
    assert!(stage.work.ended().await.unwrap().is_empty());
    assert_eq!(stage.ended().await, ["b", "a"]);
    assert_eq!(stage.begin(vec![reclaim("a")]), ["a"]);
}

#[tokio::test]
async fn the_end_waits_for_what_was_begun() {
    let mut stage = Stage::default();
    stage.begin(vec![mend("a"), reclaim("b")]);
    let Stage { work, ends, .. } = stage;
    let mut end = std::pin::pin!(work.end());
    assert!(futures::poll!(&mut end).is_pending());
    tokio::task::yield_now().await;
    assert!(futures::poll!(&mut end).is_pending());
    ends.notify_waiters();
    end.await;
}
