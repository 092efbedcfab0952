//! The host as anybody can see it: compared before a cluster and after it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// Everything that a cluster could leave behind, and how often it is there: `traces.sh`.
pub(crate) type Traces = BTreeMap<String, usize>;

/// Looks at the host.
pub(crate) fn traces() -> Traces {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/traces.sh");
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut all = Traces::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        *all.entry(line.to_owned()).or_default() += 1;
    }
    all
}

/// Fails with what is there now and was not before, or the reverse. Processes of others come and go,
/// and with them their namespaces: a difference has a few seconds to go away.
pub(crate) fn assert_same(before: &Traces) {
    let start = Instant::now();
    loop {
        let after = traces();
        let more: Vec<_> = after
            .iter()
            .filter(|(k, n)| before.get(*k) != Some(n))
            .collect();
        let less: Vec<_> = before
            .iter()
            .filter(|(k, n)| after.get(*k) != Some(n))
            .collect();
        if more.is_empty() && less.is_empty() {
            return;
        }
        let patience = start.elapsed() < Duration::from_secs(30);
        assert!(patience, "there now: {more:#?}\nthere before: {less:#?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}
