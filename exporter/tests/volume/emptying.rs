//! Emptying a volume, in this process or in one of its own.

use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use vmberth_exporter::wipe::{Held, WipeError, Wiped};

use super::{Volume, take};

/// What the chart gives with `allowWipe`.
pub(crate) const CAPABILITIES: CapabilitySet = CapabilitySet::DAC_OVERRIDE
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::SYS_PTRACE);

/// Takes and empties it.
pub(crate) fn wipe(volume: &Volume) -> Result<Wiped, WipeError> {
    wipe_held(volume, &take(volume.root(), &volume.order())?)
}

/// Empties what is taken.
pub(crate) fn wipe_held(volume: &Volume, held: &Held) -> Result<Wiped, WipeError> {
    held.wipe(&volume.proc(), &mut |_| ControlFlow::Continue(()))
}

/// Empties with these capabilities and no others, as user 0.
pub(crate) fn wipe_with(volume: &Volume, capabilities: CapabilitySet) -> Result<Wiped, WipeError> {
    with(capabilities, || wipe(volume))
}

/// Runs it with these capabilities and no others, as user 0.
pub(crate) fn with<T: Send>(capabilities: CapabilitySet, run: impl FnOnce() -> T + Send) -> T {
    let run = || {
        let sets = CapabilitySets {
            effective: capabilities,
            permitted: capabilities,
            inheritable: CapabilitySet::empty(),
        };
        // Of this thread alone.
        set_capabilities(None, sets).unwrap();
        run()
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// As a guest's programs leave it: in a sticky directory, only its owner and the file's may remove a file.
pub(crate) fn sticky(volume: &Volume) {
    let inner = volume.path().join("tmp");
    fs::create_dir(&inner).unwrap();
    for (name, owner) in [("disk.img", 107), ("of-another", 108), ("tmp/deep", 108)] {
        let path = volume.path().join(name);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
    }
    for (directory, mode) in [(inner.as_path(), 0o1700), (volume.path(), 0o1777)] {
        std::os::unix::fs::chown(directory, Some(107), Some(107)).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Runs an ignored test of this file in a process of its own, with `before` in front of it.
pub(crate) fn alone(before: &[&str], test: &str, set: &[(&str, OsString)]) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut words: Vec<OsString> = before.iter().map(Into::into).collect();
    words.push(program.into());
    words.extend(["--exact", "--ignored", "--nocapture", test].map(Into::into));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for (key, value) in set {
        command.env(key, value);
    }
    command.output().unwrap()
}

/// Runs an ignored test of this file, which must pass, with `before` in front of it.
pub(crate) fn passes_alone(before: &[&str], test: &str) {
    let output = alone(before, test, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("1 passed"), "{text}");
}
