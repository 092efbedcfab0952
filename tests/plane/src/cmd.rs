//! Runs other programs: every run is bounded in time, stops on Ctrl-C and names itself when it fails.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt;

/// How long a program may take when nothing else was said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a program that is asked to end may take for it.
const GRACE: Duration = Duration::from_secs(5);

/// One program to run.
#[derive(Debug)]
pub struct Cmd {
    command: Command,
    stdin: Option<Vec<u8>>,
    log: Option<PathBuf>,
    timeout: Duration,
}

impl Cmd {
    /// A run of `program`, found in PATH.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.env("PATH", path()).process_group(0);
        Self {
            command,
            stdin: None,
            log: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets environment variables.
    #[must_use]
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        all: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(all);
        self
    }

    /// Runs in this directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Gives this text on standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Appends standard error (and standard output of [`Cmd::run`]) to this file.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Ends the program after this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The program's name with the end of what it printed, if it could not start, failed, took too
    /// long or was interrupted.
    pub fn run(self) -> Result<()> {
        self.output().map(drop)
    }

    /// Runs to the end and returns standard output.
    ///
    /// # Errors
    /// As [`Cmd::run`].
    pub fn output(mut self) -> Result<String> {
        let line = self.line();
        let (status, out, err) = self
            .collect()
            .with_context(|| format!("running `{line}`"))?;
        if !status.success() {
            let words = if err.trim().is_empty() { &out } else { &err };
            bail!("`{line}` ended with {status}:\n{}", tail(words, 20));
        }
        Ok(out)
    }

    /// Runs to the end; `true` if it succeeded. For questions whose "no" is an exit code.
    ///
    /// # Errors
    /// If it could not start, took too long or was interrupted.
    pub fn succeeds(mut self) -> Result<bool> {
        let line = self.line();
        Ok(self
            .collect()
            .with_context(|| format!("running `{line}`"))?
            .0
            .success())
    }

    fn line(&self) -> String {
        let args = self
            .command
            .get_args()
            .map(|a| a.to_string_lossy().into_owned());
        let line = std::iter::once(self.command.get_program().to_string_lossy().into_owned())
            .chain(args)
            .collect::<Vec<_>>()
            .join(" ");
        line.chars().take(400).collect()
    }

    fn collect(&mut self) -> Result<(std::process::ExitStatus, String, String)> {
        interrupt::check()?;
        let stdin = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn()?;
        if let (Some(text), Some(mut pipe)) = (self.stdin.take(), child.stdin.take()) {
            thread::spawn(move || pipe.write_all(&text));
        }
        let log = self.log.as_deref().map(append).transpose()?;
        let out = read_all(
            child.stdout.take(),
            log.as_ref().map(File::try_clone).transpose()?,
        );
        let err = read_all(child.stderr.take(), log);
        let status = wait(&mut child, self.timeout)?;
        let text = |reader: thread::JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
        };
        Ok((status, text(out), text(err)))
    }
}

/// The last lines of a text.
#[must_use]
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.trim_end().lines().collect();
    all.get(all.len().saturating_sub(lines)..)
        .unwrap_or_default()
        .join("\n")
}

fn append(path: &Path) -> Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    Ok(OpenOptions::new().create(true).append(true).open(path)?)
}

fn read_all(
    from: Option<impl Read + Send + 'static>,
    mut log: Option<File>,
) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut buffer = [0; 8192];
        let Some(mut from) = from else { return all };
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let chunk = buffer.get(..n).unwrap_or_default();
            all.extend_from_slice(chunk);
            if let Some(log) = &mut log {
                drop(log.write_all(chunk));
            }
        }
        all
    })
}

fn wait(child: &mut Child, timeout: Duration) -> Result<std::process::ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let stop = interrupt::check().err().or_else(|| {
            (start.elapsed() > timeout)
                .then(|| anyhow::anyhow!("not done after {} s, ended", timeout.as_secs()))
        });
        if let Some(reason) = stop {
            end(child)?;
            return Err(reason);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Ends a program and what it started: first it is asked, so that apt and compilers can tidy up.
fn end(child: &mut Child) -> Result<()> {
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::TERM);
    let start = Instant::now();
    while child.try_wait()?.is_none() && start.elapsed() < GRACE {
        thread::sleep(Duration::from_millis(20));
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait()?;
    Ok(())
}

/// PATH, with the directories that a plain `su` leaves out.
#[must_use]
pub fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_and_its_words() {
        let error = Cmd::new("sh")
            .args(["-c", "echo no such thing >&2; exit 3"])
            .run();
        let text = format!("{:#}", error.unwrap_err());
        assert!(
            text.contains("no such thing") && text.contains("exit status: 3"),
            "{text}"
        );
    }

    #[test]
    fn a_run_is_bounded() {
        let error = Cmd::new("sleep")
            .arg("60")
            .timeout(Duration::from_millis(50))
            .run();
        assert!(format!("{:#}", error.unwrap_err()).contains("not done after"));
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
