//! Signals, sent to this process: one file, so that no other test of the crate runs in it.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::process::{Command, id};

use vmberth_serve::shutdown::{SignalError, until_signalled};

fn terminate() {
    let sent = Command::new("kill")
        .args(["-TERM", &id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn signal_at_the_very_start_begins_the_shutdown_and_a_second_one_aborts() {
    let ended = until_signalled(async |shutdown| {
        terminate();
        shutdown.begun().await;
        Ok::<_, SignalError>(())
    });
    assert!(ended.await.is_ok());

    let aborted = until_signalled(async |shutdown| {
        terminate();
        shutdown.begun().await;
        terminate();
        std::future::pending::<Result<(), SignalError>>().await
    });
    assert!(matches!(aborted.await, Err(SignalError::Aborted)));
}
