//! kubectl, as the plane itself uses it: inside the control plane's network, bounded.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cmd::Cmd;
use crate::layout::Layout;
use crate::machine::Machine;
use crate::wait;

/// How to reach the cluster.
#[derive(Debug, Clone, Copy)]
pub struct Kubectl<'a> {
    layout: &'a Layout,
    control_plane: &'a Machine,
}

impl<'a> Kubectl<'a> {
    /// kubectl of this cluster.
    #[must_use]
    pub fn new(layout: &'a Layout, control_plane: &'a Machine) -> Self {
        Self {
            layout,
            control_plane,
        }
    }

    /// kubectl with the administrator's rights; the caller adds the verb.
    #[must_use]
    pub fn cmd(&self) -> Cmd {
        self.control_plane
            .in_network(self.layout.bin("kubectl"))
            .env("KUBECONFIG", self.layout.kubeconfig())
            .arg("--request-timeout=30s")
    }

    /// Applies a stream of objects, by the server; tries again for a while, since webhooks and
    /// definitions of freshly installed operators need a moment.
    ///
    /// # Errors
    /// What the API server said last.
    pub fn apply(&self, what: &str, objects: &str) -> Result<()> {
        let mut last = None;
        let done = wait::until(
            &format!("{what} to be accepted"),
            Duration::from_secs(60),
            || {
                let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
                match self.cmd().args(apply).stdin(objects).run() {
                    Ok(()) => Ok(Some(())),
                    Err(e) => {
                        last = Some(e);
                        Ok(None)
                    }
                }
            },
        );
        done.map_err(|e| last.map_or(e, |words| words.context(format!("applying {what}"))))
    }

    /// One object or list as JSON; `None` if it is not there or can't be read just now.
    ///
    /// # Errors
    /// If kubectl can't be run or was interrupted.
    pub fn get(&self, words: &[&str]) -> Result<Option<Value>> {
        let get = self.cmd().arg("get").args(words).args(["-o", "json"]);
        match get.output() {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(_) => crate::interrupt::check().map(|()| None),
        }
    }

    /// Waits until an object says what `good` looks for.
    ///
    /// # Errors
    /// What was waited for, and the part of the cluster that has ended if one has.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        words: &[&str],
        good: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        wait::until(what, limit, || {
            self.control_plane.check_parts()?;
            Ok(self.get(words)?.filter(&good).map(drop))
        })
    }
}

/// Whether a condition of this type is "True".
#[must_use]
pub fn condition(object: &Value, kind: &str) -> bool {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .is_some_and(|all| {
            all.iter()
                .any(|c| c["type"] == kind && c["status"] == "True")
        })
}
