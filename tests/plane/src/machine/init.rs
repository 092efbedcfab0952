//! PID 1 of a machine: makes its mounts, starts the parts it is told to start, collects the dead.
//!
//! It talks through files in the machine's directory, so that neither side needs the other to live:
//! `pid` and `ready` are written here; `parts/NAME.json` asks for a part; `parts/NAME.pid` and, when
//! the part has ended, `parts/NAME.exit` answer. When this process dies the kernel ends everything
//! in its PID namespace, and with the last process the network and the mounts go too.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{WaitOptions, WaitStatus};

use super::{Mount, Part, Spec};
use crate::layout;

/// How often requests and deaths are looked for.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs as PID 1 until it is killed.
///
/// # Errors
/// If the mounts can't be made.
pub fn run(spec_file: &Path) -> Result<()> {
    let text = fs::read(spec_file).with_context(|| spec_file.display().to_string())?;
    let spec: Spec = serde_json::from_slice(&text)?;
    // The old /proc still counts in the outer namespace: its "self" is what `down` has to kill.
    let outer_pid = fs::read_link("/proc/self").context("/proc/self")?;
    make_mounts(&spec)?;
    layout::write(
        &spec.dir.join("pid"),
        outer_pid.as_os_str().as_encoded_bytes(),
    )?;
    layout::write(&spec.dir.join("ready"), "")?;
    let requests = spec.dir.join("parts");
    fs::create_dir_all(&requests)?;
    let mut running = BTreeMap::new();
    loop {
        start_requested(&spec, &requests, &mut running)?;
        collect_dead(&requests, &mut running)?;
        std::thread::sleep(PERIOD);
    }
}

fn make_mounts(spec: &Spec) -> Result<()> {
    let root = Path::new("/");
    let rec = MountPropagationFlags::REC;
    rustix::mount::mount_change(root, MountPropagationFlags::DOWNSTREAM | rec)?;
    rustix::mount::mount_change(root, MountPropagationFlags::SHARED | rec)?;
    rustix::mount::mount("proc", "/proc", "proc", MountFlags::empty(), None)?;
    for mount in &spec.mounts {
        let target = mount.target();
        fs::create_dir_all(target).with_context(|| target.display().to_string())?;
        make_mount(mount).with_context(|| format!("{mount:?}"))?;
        rustix::mount::mount_change(target, MountPropagationFlags::SHARED)?;
    }
    rustix::system::sethostname(spec.name.as_bytes())?;
    Ok(())
}

fn make_mount(mount: &Mount) -> Result<()> {
    match mount {
        Mount::Bind { source, target } => {
            fs::create_dir_all(source)?;
            rustix::mount::mount_bind(source, target)?;
        }
        Mount::Tmpfs { target } => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV;
            rustix::mount::mount("tmpfs", target, "tmpfs", flags, None)?;
        }
        Mount::Device {
            device,
            fstype,
            options,
            target,
        } => {
            let options = std::ffi::CString::new(options.as_str())?;
            let options = (!options.is_empty()).then_some(options.as_c_str());
            rustix::mount::mount(
                device,
                target,
                fstype.as_str(),
                MountFlags::NOATIME,
                options,
            )?;
        }
    }
    Ok(())
}

fn start_requested(
    spec: &Spec,
    requests: &Path,
    running: &mut BTreeMap<i32, String>,
) -> Result<()> {
    for entry in fs::read_dir(requests)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let part: Part = serde_json::from_slice(&fs::read(&path)?)?;
        // Before the request, whose end is waited for: an earlier end of the part is no end of this one.
        remove_if_there(&requests.join(format!("{}.exit", part.name)))?;
        fs::remove_file(&path)?;
        match start(spec, &part) {
            Ok(pid) => {
                running.insert(pid, part.name.clone());
                layout::write(
                    &requests.join(format!("{}.pid", part.name)),
                    pid.to_string(),
                )?;
            }
            Err(e) => {
                let words = format!("could not start: {e:#}");
                layout::write(&requests.join(format!("{}.exit", part.name)), words)?;
            }
        }
    }
    Ok(())
}

fn start(spec: &Spec, part: &Part) -> Result<i32> {
    let log = spec.dir.join("log").join(format!("{}.log", part.name));
    let cwd = spec.dir.join("cwd").join(&part.name);
    fs::create_dir_all(spec.dir.join("log"))?;
    fs::create_dir_all(&cwd)?;
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let (program, args) = part.argv.split_first().context("no program")?;
    let child = Command::new(program)
        .args(args)
        .current_dir(cwd)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| program.clone())?;
    Ok(i32::try_from(child.id())?)
}

fn collect_dead(requests: &Path, running: &mut BTreeMap<i32, String>) -> Result<()> {
    // ECHILD, no child at all, is an error of the call and nothing to say.
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if let Some(name) = running.remove(&pid.as_raw_nonzero().get()) {
            remove_if_there(&requests.join(format!("{name}.pid")))?;
            layout::write(&requests.join(format!("{name}.exit")), describe(status))?;
        }
    }
    Ok(())
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".to_owned(),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}
