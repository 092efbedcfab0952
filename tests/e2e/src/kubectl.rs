//! kubectl, for what only a person at a terminal sees: warnings, and how `apply` works out changes.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::story::Scene;
use crate::tool::Tool;

/// What it said.
#[derive(Debug)]
pub struct Said {
    /// The end of a line for each object: `created`, `unchanged`, ...
    pub done: String,
    /// What admission warned of.
    pub warnings: Vec<String>,
}

impl Said {
    /// A warning with all of these words is there.
    ///
    /// # Errors
    /// The warnings that are there.
    pub fn assert_warned(&self, words: &[&str]) -> Result<&str> {
        let found = self
            .warnings
            .iter()
            .find(|warning| words.iter().all(|word| warning.contains(word)));
        let Some(found) = found else {
            anyhow::bail!("no warning with {words:?} in {:?}", self.warnings);
        };
        Ok(found)
    }
}

impl Scene {
    /// `kubectl VERB... -f -` with this object, in the story's namespace.
    ///
    /// # Errors
    /// kubectl's words.
    pub async fn kubectl(&self, verb: &[&str], object: &Value) -> Result<Said> {
        let namespace = format!("--namespace={}", self.namespace);
        let rest = [namespace.as_str(), "-f", "-"];
        let args = verb.iter().copied().chain(rest);
        let tool = Tool::new("kubectl", args).stdin(object.to_string());
        let output = tool.outcome().await?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        ensure!(output.status.success(), "kubectl {verb:?}: {out}{err}");
        let warnings = err
            .lines()
            .filter_map(|line| line.strip_prefix("Warning: "))
            .map(str::to_owned);
        Ok(Said {
            done: out.trim().to_owned(),
            warnings: warnings.collect(),
        })
    }
}
