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

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::process::{Signal, getpid, kill_process};
use rustix::thread::CapabilitySet;
use vmberth_exporter::wipe::{Remains, Step, WipeError};

use volume::emptying::{CAPABILITIES, alone, passes_alone, sticky, wipe, wipe_held, wipe_with};
use volume::{Volume, take};

/// Which volume a process of its own works on, and after how many steps it dies.
const ROOT: &str = "VMBERTH_TEST_ROOT";
const STEPS: &str = "VMBERTH_TEST_STEPS";

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
        .wipe(&volume.proc(), &mut |step| {
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
        .wipe(&volume.proc(), &mut |step| {
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
    held.wipe(&root.join("proc"), &mut |step| {
        left -= u32::from(step != Step::Reading);
        if left == 0 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap();
}

#[test]
fn a_file_system_mounted_inside_is_named_and_kept() {
    passes_alone(&["unshare", "--mount"], "mounted_inside");
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
        volume.disk();

        let error = wipe(&volume).unwrap_err();

        assert!(matches!(error, WipeError::Mounted(_)), "{kind}: {error}");
        assert!(error.to_string().contains("inner"), "{kind}: {error}");
        assert_eq!(volume.names(), ["deep", "disk.img"], "{kind}");
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
    passes_alone(&["unshare", "--mount"], "file_mounted_over");
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

/// A directory of an overlay lists what was removed from the layer below it for as long as somebody has read it: so do
/// damaged file systems.
#[test]
fn what_is_listed_and_not_there_ends() {
    passes_alone(
        &["timeout", "60", "unshare", "--mount"],
        "listed_and_not_there",
    );
}

#[test]
#[ignore = "run by what_is_listed_and_not_there_ends in a mount namespace of its own"]
fn listed_and_not_there() {
    let volume = Volume::new();
    let layer = |name| {
        let path = volume.root().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (lower, upper, work) = (layer("lower"), layer("upper"), layer("work"));
    fs::write(upper.join("ghost"), "").unwrap();
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let overlay = Path::new("overlay");
    mount(&["-t", "overlay", "-o", &layers], overlay, volume.path());
    let mut reader = fs::read_dir(volume.path()).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    fs::remove_file(upper.join("ghost")).unwrap();
    assert_eq!(volume.names(), ["ghost"]);
    assert!(!volume.path().join("ghost").exists());

    let error = wipe(&volume).unwrap_err();

    assert!(matches!(error, WipeError::Moving(_)), "{error}");
    drop(reader);
    unmount(volume.path());
}

#[test]
fn who_stops_it_is_heard_before_each_directory_too() {
    let volume = Volume::new();
    fs::create_dir_all(volume.path().join("a/b/c")).unwrap();
    for before in 1..=3 {
        let held = take(volume.root(), &volume.order()).unwrap();
        let mut steps = Vec::new();
        let error = held
            .wipe(&volume.proc(), &mut |step| {
                steps.push(step);
                match steps.len() > before {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
            .unwrap_err();
        assert!(matches!(error, WipeError::Stopped), "{error}");
        assert_eq!(steps[0], Step::Checked);
        assert_eq!(steps[1..], vec![Step::Reading; before]);
        assert_eq!(volume.entries(), 3, "nothing is removed yet");
    }
}

#[test]
fn a_read_only_volume_is_told() {
    passes_alone(&["unshare", "--mount"], "read_only");
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
    let error = wipe_held(&volume, &held).unwrap_err();
    assert!(
        error.to_string().contains("Read-only file system"),
        "{error}"
    );
    drop(held);
    unmount(volume.path());
    assert_eq!(volume.names(), ["disk.img"]);
}

#[test]
fn lost_and_found_of_a_file_system_of_its_own_stays() {
    passes_alone(&["unshare", "--mount"], "own_file_system");
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
    assert_eq!(wipe_held(&volume, &held).unwrap().removed, 6);
    assert_eq!(volume.names(), ["lost+found"]);
    assert_eq!(fs::read_dir(&recovered).unwrap().count(), 0);
    assert_eq!(held.remains().unwrap(), Remains::Nothing);
    assert_eq!(
        wipe_held(&volume, &held).unwrap().removed,
        0,
        "again is the same"
    );
    drop(held);
    unmount(volume.path());

    fs::create_dir(volume.path().join("lost+found")).unwrap();
    assert_eq!(
        wipe(&volume).unwrap().removed,
        1,
        "elsewhere it is a name like any"
    );
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
