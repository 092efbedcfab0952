//! Emptying of volumes, on real directories: what is removed, what never is, and what a kill in between leaves.
//!
//! Tests marked as ignored are run by others in here, in a process or a mount namespace of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod volume;

use std::ffi::OsString;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, mkdirat, openat};
use rustix::process::{Signal, getpid, kill_process};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use vmberth_exporter::wipe::{Held, Remains, Step, WipeError, Wiped};

use volume::{PROC, Volume, take};

/// Which volume a process of its own works on, and after how many steps it dies.
const ROOT: &str = "VMBERTH_TEST_ROOT";
const STEPS: &str = "VMBERTH_TEST_STEPS";

fn wipe(volume: &Volume) -> Result<Wiped, WipeError> {
    take(volume.root(), &volume.order())?.wipe(Path::new(PROC), &mut |_| ControlFlow::Continue(()))
}

/// Runs an ignored test of this file in a process of its own, with `before` in front of it.
fn alone(before: &[&str], test: &str, set: &[(&str, OsString)]) -> Output {
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

fn in_mount_namespace(test: &str) {
    let output = alone(&["unshare", "--mount"], test, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn everything_in_it_is_removed_and_the_directory_is_as_it_was_made() {
    let volume = Volume::new();
    volume.disk();
    fs::write(volume.path().join(".hidden"), "x").unwrap();
    fs::write(volume.path().join("a\nname \u{fe}"), "x").unwrap();
    fs::create_dir_all(volume.path().join("a/b/c")).unwrap();
    fs::write(volume.path().join("a/b/file"), "x").unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    std::os::unix::fs::chown(volume.path(), None, Some(107)).unwrap();

    let wiped = wipe(&volume).unwrap();

    assert_eq!(wiped.removed, 7);
    assert_eq!(wiped.not_restored, None);
    let made = fs::metadata(volume.path()).unwrap();
    assert_eq!((made.mode() & 0o7777, made.gid()), (0o755, made.uid()));
    assert_eq!(volume.names(), Vec::<String>::new());
    assert_eq!(wipe(&volume).unwrap().removed, 0, "again is the same");
}

#[test]
fn links_are_removed_and_never_followed() {
    let volume = Volume::new();
    let outside = volume.root().join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    fs::write(outside.join("deep/precious"), "precious").unwrap();
    symlink(&outside, volume.path().join("directory")).unwrap();
    symlink(
        outside.join("deep/precious"),
        volume.path().join("disk.img"),
    )
    .unwrap();
    symlink("..", volume.path().join("up")).unwrap();
    fs::create_dir(volume.path().join("inner")).unwrap();
    symlink("../../../../outside", volume.path().join("inner/relative")).unwrap();

    assert_eq!(wipe(&volume).unwrap().removed, 5);

    let kept = fs::read_to_string(outside.join("deep/precious")).unwrap();
    assert_eq!(kept, "precious");
}

#[test]
fn a_link_in_place_of_the_volume_or_on_the_way_is_not_followed() {
    let volume = Volume::new();
    volume.disk();
    let order = volume.order();
    let moved = volume.root().join("var/vd/moved");
    fs::rename(volume.path(), &moved).unwrap();
    symlink(&moved, volume.path()).unwrap();
    let error = take(volume.root(), &order).unwrap_err();
    assert!(matches!(error, WipeError::Open { .. }), "{error}");

    fs::rename(volume.root().join("var"), volume.root().join("real")).unwrap();
    symlink("real", volume.root().join("var")).unwrap();
    let error = take(volume.root(), &order).unwrap_err();
    assert!(matches!(error, WipeError::Open { .. }), "{error}");
    assert!(volume.root().join("real/vd/moved/disk.img").exists());
}

#[test]
fn paths_that_lead_out_are_refused() {
    let volume = Volume::new();
    for path in ["/var/vd/../../etc", "var/vd/vol0", "/", "", "/var/./vd"] {
        let order = vmberth_decide::node::local_volumes::ReclaimOrder {
            path: path.to_owned(),
            ..volume.order()
        };
        let error = take(volume.root(), &order).unwrap_err();
        assert!(matches!(error, WipeError::Path(_)), "{path}: {error}");
    }
}

#[test]
fn a_directory_made_anew_is_another_one() {
    let volume = Volume::new();
    let order = volume.order();
    // The old one stays, so that its number is not given out again.
    fs::rename(volume.path(), volume.root().join("old")).unwrap();
    fs::create_dir(volume.path()).unwrap();
    volume.disk();
    let error = take(volume.root(), &order).unwrap_err();
    assert!(matches!(error, WipeError::Changed { .. }), "{error}");
    assert_eq!(volume.names(), ["disk.img"]);
}

#[test]
fn other_names_of_a_file_keep_it() {
    let volume = Volume::new();
    volume.disk();
    let other = volume.root().join("backup.img");
    fs::hard_link(volume.path().join("disk.img"), &other).unwrap();
    fs::hard_link(&other, volume.path().join("second")).unwrap();
    assert_eq!(wipe(&volume).unwrap().removed, 2);
    assert_eq!(fs::read_to_string(other).unwrap(), "guest");
}

#[test]
fn ten_thousand_files_are_counted_one_by_one() {
    let volume = Volume::new();
    for number in 0..10_000 {
        File::create(volume.path().join(format!("file-{number}"))).unwrap();
    }
    let mut last = 0;
    let held = take(volume.root(), &volume.order()).unwrap();
    let wiped = held
        .wipe(Path::new(PROC), &mut |step| {
            if let Step::Removed(count) = step {
                assert_eq!(count, last + 1);
                last = count;
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((wiped.removed, last), (10_000, 10_000));
}

#[test]
fn two_thousand_levels_need_few_descriptors() {
    let volume = Volume::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = rustix::fs::open(volume.path(), flags, Mode::empty()).unwrap();
    for _ in 0..2_000 {
        mkdirat(&here, "d", Mode::RWXU).unwrap();
        mkdirat(&here, "e", Mode::RWXU).unwrap();
        here = openat(&here, "d", flags, Mode::empty()).unwrap();
    }
    drop(here);
    assert_eq!(wipe(&volume).unwrap().removed, 4_000);
    assert_eq!(volume.names(), Vec::<String>::new());
}

#[test]
fn an_open_disk_is_not_removed() {
    let volume = Volume::new();
    volume.disk();
    let open = File::open(volume.path().join("disk.img")).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(&error, WipeError::Held { holder, .. }
        if *holder == format!("process {}", std::process::id())));
    assert_eq!(volume.names(), ["disk.img"]);
    drop(open);
    assert_eq!(wipe(&volume).unwrap().removed, 1);
}

/// What the chart gives with `allowWipe`.
const CAPABILITIES: CapabilitySet = CapabilitySet::DAC_OVERRIDE
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::SYS_PTRACE);

/// Empties with these capabilities and no others, as user 0.
fn wipe_with(volume: &Volume, capabilities: CapabilitySet) -> Result<Wiped, WipeError> {
    let wipe = || {
        let sets = CapabilitySets {
            effective: capabilities,
            permitted: capabilities,
            inheritable: CapabilitySet::empty(),
        };
        // Of this thread alone.
        set_capabilities(None, sets).unwrap();
        wipe(volume)
    };
    std::thread::scope(|scope| scope.spawn(wipe).join().unwrap())
}

/// As a guest's programs leave it: in a sticky directory, only its owner and the file's may remove a file.
fn sticky(volume: &Volume) {
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

#[test]
fn the_charts_capabilities_are_enough_and_each_is_needed() {
    let volume = Volume::new();
    sticky(&volume);
    let wiped = wipe_with(&volume, CAPABILITIES).unwrap();
    assert_eq!((wiped.removed, wiped.not_restored), (4, None));
    assert_eq!(volume.names(), Vec::<String>::new());
    let made = fs::metadata(volume.path()).unwrap();
    assert_eq!(made.mode() & 0o7777, 0o755);

    for missing in [CapabilitySet::DAC_OVERRIDE, CapabilitySet::FOWNER] {
        let volume = Volume::new();
        sticky(&volume);
        let error = wipe_with(&volume, CAPABILITIES.difference(missing)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("ermission denied") || text.contains("not permitted"),
            "{missing:?}: {text}"
        );
    }
}

#[test]
fn the_charts_capabilities_show_what_other_users_have_open() {
    let volume = Volume::new();
    sticky(&volume);
    let open = File::open(volume.path().join("disk.img")).unwrap();
    let mut holder = Command::new("sleep")
        .arg("600")
        .stdin(open)
        .uid(107)
        .gid(107)
        .spawn()
        .unwrap();
    let error = wipe_with(&volume, CAPABILITIES).unwrap_err();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(matches!(&error, WipeError::Held { holder: who, .. }
        if *who == format!("process {}", holder.id())));
    wipe_with(&volume, CAPABILITIES).unwrap();
}

/// As QEMU does: a lock on a part of the image. Its table of open files is hidden by an empty `/proc`, as it is from an
/// agent without capabilities.
#[test]
fn a_locked_disk_is_not_removed_even_by_who_sees_no_process() {
    let volume = Volume::new();
    volume.disk();
    let nothing = volume.root().join("no-processes");
    fs::create_dir(&nothing).unwrap();
    let script = "import fcntl,struct,sys\n\
        f=open(sys.argv[1],'rb')\n\
        fcntl.fcntl(f,37,struct.pack('hhqqi',fcntl.F_RDLCK,0,100,1,0))\n\
        print('locked',flush=True)\n\
        sys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(volume.path().join("disk.img"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "locked\n");

    let held = take(volume.root(), &volume.order()).unwrap();
    let run = || held.wipe(&nothing, &mut |_| ControlFlow::Continue(()));
    let error = run().unwrap_err();
    assert!(matches!(error, WipeError::Held { .. }), "{error}");
    assert_eq!(volume.names(), ["disk.img"]);

    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert_eq!(run().unwrap().removed, 1);
}

#[test]
fn without_a_look_at_processes_nothing_is_removed() {
    let volume = Volume::new();
    volume.disk();
    let held = take(volume.root(), &volume.order()).unwrap();
    let missing = volume.root().join("proc");
    let error = held
        .wipe(&missing, &mut |_| ControlFlow::Continue(()))
        .unwrap_err();
    assert!(matches!(error, WipeError::Holders { .. }), "{error}");
    assert_eq!(volume.names(), ["disk.img"]);
}

#[test]
fn a_second_agent_waits() {
    let volume = Volume::new();
    let first = take(volume.root(), &volume.order()).unwrap();
    let error = take(volume.root(), &volume.order()).unwrap_err();
    assert!(matches!(error, WipeError::Locked(_)), "{error}");
    assert_eq!(first.remains().unwrap(), Remains::Nothing);
    drop(first);
    take(volume.root(), &volume.order()).unwrap();
}

#[test]
fn what_comes_meanwhile_is_noticed() {
    let volume = Volume::new();
    volume.disk();
    let held = take(volume.root(), &volume.order()).unwrap();
    let path = volume.path();
    let error = held
        .wipe(Path::new(PROC), &mut |step| {
            if step == Step::Removed(1) {
                fs::create_dir(path.join("late")).unwrap();
                fs::write(path.join("late/file"), "x").unwrap();
            }
            if step == Step::Removed(2) {
                fs::write(path.join("late/more"), "x").unwrap();
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, WipeError::Stopped), "{error}");
    assert_eq!(held.remains().unwrap(), Remains::Something);
}

#[test]
fn a_kill_after_each_step_leaves_less_and_the_next_run_goes_on() {
    let fill = |volume: &Volume| {
        volume.disk();
        fs::create_dir_all(volume.path().join("a/b")).unwrap();
        fs::write(volume.path().join("a/b/c"), "x").unwrap();
        fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    };
    let mut killed = 0;
    for steps in 1.. {
        let volume = Volume::new();
        fill(&volume);
        let set = [
            (ROOT, volume.root().into()),
            (STEPS, steps.to_string().into()),
        ];
        let output = alone(&[], "dies_after_some_steps", &set);
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
        killed += 1;
        let there = volume.entries();
        let wiped = wipe(&volume).unwrap();
        assert_eq!(wiped.removed, there, "after {steps} steps");
        let mode = fs::metadata(volume.path()).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "after {steps} steps");
    }
    assert_eq!(
        killed, 8,
        "checked, four removed, verified, restored, synced"
    );
}

#[test]
#[ignore = "run by a_kill_after_each_step_leaves_less_and_the_next_run_goes_on"]
fn dies_after_some_steps() {
    let root = PathBuf::from(std::env::var_os(ROOT).unwrap());
    let mut left: u32 = std::env::var(STEPS).unwrap().parse().unwrap();
    let held = take(&root, &volume::order(&root)).unwrap();
    held.wipe(Path::new(PROC), &mut |_| {
        left -= 1;
        if left == 0 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap();
}

#[test]
fn a_file_system_mounted_inside_is_named_and_kept() {
    in_mount_namespace("mounted_inside");
}

#[test]
#[ignore = "run by a_file_system_mounted_inside_is_named_and_kept in a mount namespace of its own"]
fn mounted_inside() {
    for kind in ["another file system", "the same, bound"] {
        let volume = Volume::new();
        let inner = volume.path().join("deep/inner");
        fs::create_dir_all(&inner).unwrap();
        let outside = volume.root().join("outside");
        fs::create_dir(&outside).unwrap();
        if kind == "the same, bound" {
            mount(&["--bind"], &outside, &inner);
        } else {
            mount(&["-t", "tmpfs"], Path::new("tmpfs"), &inner);
        }
        fs::write(inner.join("precious"), "precious").unwrap();

        let error = wipe(&volume).unwrap_err();

        assert!(matches!(error, WipeError::Mounted(_)), "{kind}: {error}");
        assert!(error.to_string().contains("inner"), "{kind}: {error}");
        assert_eq!(
            fs::read_to_string(inner.join("precious")).unwrap(),
            "precious"
        );
        unmount(&inner);
        wipe(&volume).unwrap();
    }
}

#[test]
fn a_file_mounted_over_is_named_and_kept() {
    in_mount_namespace("file_mounted_over");
}

#[test]
#[ignore = "run by a_file_mounted_over_is_named_and_kept in a mount namespace of its own"]
fn file_mounted_over() {
    let volume = Volume::new();
    let (file, outside) = (volume.path().join("data"), volume.root().join("outside"));
    fs::write(&file, "").unwrap();
    fs::write(&outside, "precious").unwrap();
    mount(&["--bind"], &outside, &file);
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(error, WipeError::Mounted(_)), "{error}");
    unmount(&file);
    assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
}

#[test]
fn a_read_only_volume_is_told() {
    in_mount_namespace("read_only");
}

#[test]
#[ignore = "run by a_read_only_volume_is_told in a mount namespace of its own"]
fn read_only() {
    let volume = Volume::new();
    volume.disk();
    mount(&["--bind"], volume.path(), volume.path());
    mount(&["-o", "remount,bind,ro"], volume.path(), volume.path());
    let held = take(volume.root(), &volume.order()).unwrap();
    assert_eq!(held.remains().unwrap(), Remains::Something);
    let error = wipe_held(&held).unwrap_err();
    assert!(
        error.to_string().contains("Read-only file system"),
        "{error}"
    );
    drop(held);
    unmount(volume.path());
    assert_eq!(volume.names(), ["disk.img"]);
}

fn wipe_held(held: &Held) -> Result<Wiped, WipeError> {
    held.wipe(Path::new(PROC), &mut |_| ControlFlow::Continue(()))
}

#[test]
fn lost_and_found_of_a_file_system_of_its_own_stays() {
    in_mount_namespace("own_file_system");
}

#[test]
#[ignore = "run by lost_and_found_of_a_file_system_of_its_own_stays in a mount namespace of its own"]
fn own_file_system() {
    let volume = Volume::new();
    mount(&["-t", "tmpfs"], Path::new("tmpfs"), volume.path());
    let recovered = volume.path().join("lost+found");
    fs::create_dir_all(recovered.join("#12/deep")).unwrap();
    fs::write(recovered.join("#13"), "x").unwrap();
    fs::create_dir_all(volume.path().join("more/lost+found")).unwrap();
    volume.disk();

    let held = take(volume.root(), &volume.order()).unwrap();
    assert_eq!(held.remains().unwrap(), Remains::Something);
    assert_eq!(wipe_held(&held).unwrap().removed, 6);
    assert_eq!(volume.names(), ["lost+found"]);
    assert_eq!(fs::read_dir(&recovered).unwrap().count(), 0);
    assert_eq!(held.remains().unwrap(), Remains::Nothing);
    assert_eq!(wipe_held(&held).unwrap().removed, 0, "again is the same");
    drop(held);
    unmount(volume.path());

    fs::create_dir(volume.path().join("lost+found")).unwrap();
    assert_eq!(
        wipe(&volume).unwrap().removed,
        1,
        "elsewhere it is a name like any"
    );
}

/// Another process has it locked as a whole; ours is refused whatever the kind of lock.
#[test]
fn a_disk_locked_by_flock_is_not_removed() {
    let volume = Volume::new();
    volume.disk();
    let nothing = volume.root().join("no-processes");
    fs::create_dir(&nothing).unwrap();
    let file = File::open(volume.path().join("disk.img")).unwrap();
    rustix::fs::flock(&file, FlockOperation::LockShared).unwrap();
    let held = take(volume.root(), &volume.order()).unwrap();
    let error = held
        .wipe(&nothing, &mut |_| ControlFlow::Continue(()))
        .unwrap_err();
    assert!(matches!(error, WipeError::Held { .. }), "{error}");
    assert!(fcntl_lock(&file, FlockOperation::Unlock).is_ok());
}

fn mount(options: &[&str], source: &Path, target: &Path) {
    let status = Command::new("mount")
        .args(options)
        .arg(source)
        .arg(target)
        .status();
    assert!(status.unwrap().success());
}

fn unmount(target: &Path) {
    assert!(
        Command::new("umount")
            .arg(target)
            .status()
            .unwrap()
            .success()
    );
}
