//! Runs the tools that people use: virtctl, helm, kubectl, qemu-img.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::wait::NEIGHBOURS;

/// One run of a tool; ended when it is dropped.
#[derive(Debug)]
pub struct Tool {
    line: String,
    command: Command,
    stdin: Option<String>,
    limit: Duration,
}

impl Tool {
    /// A program in PATH with its arguments.
    pub fn new(program: &str, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let args: Vec<String> = args.into_iter().map(Into::into).collect();
        let mut command = Command::new(program);
        command
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let line = format!("{program} {}", args.join(" "));
        Self {
            line,
            command,
            stdin: None,
            limit: Duration::from_secs(120),
        }
    }

    /// Gives it this text.
    #[must_use]
    pub fn stdin(mut self, text: String) -> Self {
        self.stdin = Some(text);
        self
    }

    /// How long it may take; two minutes if nothing is said.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs to the end and returns what it printed.
    ///
    /// # Errors
    /// The command and its words, if it failed or took too long.
    pub async fn output(self) -> Result<String> {
        let line = self.line.clone();
        let output = self.outcome().await?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let err = String::from_utf8_lossy(&output.stderr);
            bail!("`{line}` ended with {}:\n{out}{err}", output.status);
        }
        Ok(out)
    }

    /// Runs to the end, well or not.
    ///
    /// # Errors
    /// If it could not be started or took too long.
    pub async fn outcome(mut self) -> Result<Output> {
        let stdin = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = self
            .command
            .stdin(stdin)
            .spawn()
            .with_context(|| format!("`{}`", self.line))?;
        let (text, pipe) = (self.stdin.take().unwrap_or_default(), child.stdin.take());
        let feed = async move {
            let Some(mut pipe) = pipe else { return Ok(()) };
            // A tool that ends early says why itself.
            drop(pipe.write_all(text.as_bytes()).await);
            pipe.shutdown().await
        };
        let run = async { futures::join!(feed, child.wait_with_output()).1 };
        let limit = self.limit.saturating_mul(NEIGHBOURS);
        let output = timeout(limit, run).await;
        let output = output.with_context(|| format!("`{}` not done after {limit:?}", self.line))?;
        output.with_context(|| format!("`{}`", self.line))
    }
}
