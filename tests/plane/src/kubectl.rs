//! kubectl, as the plane itself uses it: inside the control plane's network, bounded.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cmd::{self, Cmd};
use crate::interrupt;
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
            .envs(environment(self.layout))
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
            Err(_) => interrupt::check().map(|()| None),
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
        let seen = wait::until(what, limit, || {
            for machine in Machine::all(self.layout)? {
                machine.check_parts()?;
            }
            Ok(self.get(words)?.filter(&good).map(drop))
        });
        seen.map_err(|e| match interrupt::check() {
            Ok(()) => e.context(self.pods()),
            Err(interrupted) => interrupted,
        })
    }

    /// All pods as a table: what one looks at first when a wait has ended in vain.
    fn pods(&self) -> String {
        let table = self
            .cmd()
            .args(["get", "pods", "-A", "-o", "wide"])
            .output();
        format!("the pods were:\n{}", table.unwrap_or_default())
    }
}

/// What kubectl, helm and virtctl find their way by: nothing of the user's, nothing left in $HOME.
#[must_use]
pub fn environment(layout: &Layout) -> Vec<(&'static str, OsString)> {
    let mut path = layout.cluster.join("bin").into_os_string();
    path.push(":");
    path.push(cmd::path());
    let home = layout.cluster.join("home");
    vec![
        ("PATH", path),
        ("KUBECONFIG", layout.kubeconfig().into()),
        ("KUBECACHEDIR", home.join("kube").into()),
        ("HELM_CACHE_HOME", home.join("helm-cache").into()),
        ("HELM_CONFIG_HOME", home.join("helm-config").into()),
        ("HELM_DATA_HOME", home.join("helm-data").into()),
        ("NO_PROXY", "*".into()),
    ]
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
