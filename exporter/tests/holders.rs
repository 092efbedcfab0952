//! Who holds something in a volume, so that nothing of it is removed: real processes, locks, and loop devices.
//!
//! Tests marked as ignored are run by others in here, in a process or a PID namespace of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod volume;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rstest::rstest;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::thread::CapabilitySet;
use vmberth_exporter::wipe::WipeError;

use volume::emptying::{CAPABILITIES, passes_alone, sticky, wipe, wipe_with, with};
use volume::{Volume, take};

/// Ends with the test, also with one that fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Process {
    fn of(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Lives on for long after it has said that it is ready.
    fn ready(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// Of another user, with the file open.
    fn with_open(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let mut command = Command::new("sleep");
        Self::of(command.arg("600").stdin(file).uid(107).gid(107))
    }

    fn number(&self) -> u32 {
        self.0.id()
    }
}

fn assert_held_by(error: &WipeError, process: u32) {
    assert!(
        matches!(error, WipeError::Held { holder, .. } if *holder == format!("process {process}")),
        "{error}"
    );
}

#[rstest]
#[case::a_disk("disk.img")]
#[case::a_file_deep_in_it("deep/inner/data")]
#[case::a_directory("deep/inner")]
fn what_is_open_is_not_removed(#[case] name: &str) {
    let volume = Volume::new();
    volume.disk();
    fs::create_dir_all(volume.path().join("deep/inner")).unwrap();
    fs::write(volume.path().join("deep/inner/data"), "x").unwrap();
    let open = File::open(volume.path().join(name)).unwrap();

    let error = wipe(&volume).unwrap_err();

    assert_held_by(&error, std::process::id());
    assert_eq!(volume.entries(), 4);
    drop(open);
    assert_eq!(wipe(&volume).unwrap().removed, 4);
}

#[test]
fn a_volume_of_nothing_but_directories_is_looked_at_as_well() {
    let volume = Volume::new();
    fs::create_dir_all(volume.path().join("restored/etc")).unwrap();
    let open = File::open(volume.path().join("restored/etc")).unwrap();
    assert_held_by(&wipe(&volume).unwrap_err(), std::process::id());
    drop(open);
    assert_eq!(wipe(&volume).unwrap().removed, 2);
}

#[test]
fn who_has_it_mounted_elsewhere_holds_it_as_well() {
    let volume = Volume::new();
    volume.disk();
    let elsewhere = volume.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let script = "mount --bind $0 $1; exec 3<$1/disk.img; echo ready; exec sleep 600";
    let holder = Process::ready(
        Command::new("unshare")
            .args(["--mount", "sh", "-ec", script])
            .args([volume.path(), &elsewhere]),
    );
    volume.shows(holder.number());
    assert_held_by(&wipe(&volume).unwrap_err(), holder.number());
    drop(holder);
    assert_eq!(wipe(&volume).unwrap().removed, 1);
}

#[test]
fn what_has_no_name_any_longer_keeps_nothing() {
    let volume = Volume::new();
    volume.disk();
    let open = File::open(volume.path().join("disk.img")).unwrap();
    fs::remove_file(volume.path().join("disk.img")).unwrap();
    fs::write(volume.path().join("other"), "x").unwrap();
    assert_eq!(wipe(&volume).unwrap().removed, 1);
    drop(open);
}

#[test]
fn the_charts_capabilities_show_what_other_users_have_open() {
    let volume = Volume::new();
    sticky(&volume);
    let holder = Process::with_open(&volume.path().join("disk.img"));
    volume.shows(holder.number());
    let error = wipe_with(&volume, CAPABILITIES).unwrap_err();
    assert_held_by(&error, holder.number());
    drop(holder);
    wipe_with(&volume, CAPABILITIES).unwrap();
}

/// As AppArmor's profile for containers has it: the table can be listed, with `CAP_DAC_OVERRIDE`, and what is in it can't
/// be followed.
#[rstest]
#[case::of_another_user(true)]
#[case::of_root_with_more_capabilities(false)]
fn who_does_not_show_what_it_has_open_stops_it(#[case] other_user: bool) {
    let volume = Volume::new();
    sticky(&volume);
    let disk = volume.path().join("disk.img");
    let holder = match other_user {
        true => Process::with_open(&disk),
        false => Process::of(
            Command::new("sleep")
                .arg("600")
                .stdin(File::open(&disk).unwrap()),
        ),
    };
    volume.shows(holder.number());
    let blind = CAPABILITIES.difference(CapabilitySet::SYS_PTRACE);
    let table = Path::new("/proc")
        .join(holder.number().to_string())
        .join("fd");
    let listed = with(blind, || fs::read_dir(table).unwrap().count());
    assert!(listed > 0, "the table is listed");

    let error = wipe_with(&volume, blind).unwrap_err();

    assert!(
        matches!(error, WipeError::Unseen { process, .. } if process == holder.number()),
        "{error}"
    );
    let text = error.to_string();
    for word in [
        "SYS_PTRACE",
        "appArmorProfile",
        "nothing is removed",
        "Permission denied",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(volume.entries(), 4);
    drop(holder);
    wipe_with(&volume, blind).unwrap();
}

/// `hidepid` leaves processes out of the list that one may not trace, the first among them.
#[test]
fn a_list_without_the_first_process_is_not_believed() {
    let volume = Volume::new();
    volume.disk();
    fs::remove_dir_all(volume.proc().join("1")).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert!(
        matches!(error, WipeError::Unseen { process: 1, .. }),
        "{error}"
    );
    assert_eq!(volume.names(), ["disk.img"]);
}

#[test]
fn ordinary_processes_hide_nothing_from_the_charts_capabilities() {
    let namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    passes_alone(&namespace, "all_processes");
}

/// A whole `/proc`, of this namespace: a machine may hide processes of its own even from root.
#[test]
#[ignore = "run by ordinary_processes_hide_nothing_from_the_charts_capabilities in a PID namespace of its own"]
fn all_processes() {
    let volume = Volume::new();
    sticky(&volume);
    let elsewhere = volume.root().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    let _other_user = Process::with_open(&elsewhere);
    let not_dumpable = "import ctypes,time\n\
        assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0\n\
        print('ready', flush=True)\n\
        time.sleep(600)";
    let _not_dumpable = Process::ready(Command::new("python3").args(["-c", not_dumpable]));
    let _of_a_user_namespace = Process::ready(Command::new("unshare").args([
        "--user",
        "--map-root-user",
        "sh",
        "-ec",
        "echo ready; exec sleep 600",
    ]));
    // Says that it is ready by its end, and is a zombie until it is waited for.
    let _zombie = Process::ready(Command::new("echo").arg("ready"));
    let held = take(volume.root(), &volume.order()).unwrap();
    let proc = Path::new("/proc");

    let blind = CAPABILITIES.difference(CapabilitySet::SYS_PTRACE);
    let error = with(blind, || held.refuse_held(proc)).unwrap_err();
    assert!(matches!(error, WipeError::Unseen { .. }), "{error}");

    let wipe = || held.wipe(proc, &mut |_| ControlFlow::Continue(()));
    assert_eq!(with(CAPABILITIES, wipe).unwrap().removed, 4);
}

#[test]
fn without_a_look_at_processes_nothing_is_removed() {
    let volume = Volume::new();
    volume.disk();
    fs::remove_dir_all(volume.proc()).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(error, WipeError::Holders { .. }), "{error}");
    assert_eq!(volume.names(), ["disk.img"]);
}

/// As QEMU does: a lock on a part of the image, by a process that is not in the list.
#[rstest]
#[case::at_the_top("disk.img")]
#[case::deep_in_it("deep/inner/disk.img")]
fn a_locked_disk_is_not_removed_even_by_who_sees_no_process(#[case] name: &str) {
    let volume = Volume::new();
    let disk = volume.path().join(name);
    fs::create_dir_all(disk.parent().unwrap()).unwrap();
    fs::write(&disk, "guest").unwrap();
    let script = "import fcntl,struct,sys,time\n\
        f=open(sys.argv[1],'rb')\n\
        fcntl.fcntl(f,37,struct.pack('hhqqi',fcntl.F_RDLCK,0,100,1,0))\n\
        print('ready',flush=True)\n\
        time.sleep(600)";
    let holder = Process::ready(Command::new("python3").args(["-c", script]).arg(&disk));
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(error, WipeError::Held { .. }), "{error}");
    assert!(error.to_string().contains("locked"), "{error}");
    assert!(disk.exists());
    drop(holder);
    wipe(&volume).unwrap();
    assert!(!disk.exists());
}

/// Ours is refused whatever the kind of lock.
#[test]
fn a_disk_locked_by_flock_is_not_removed() {
    let volume = Volume::new();
    volume.disk();
    volume.hides_us();
    let file = File::open(volume.path().join("disk.img")).unwrap();
    rustix::fs::flock(&file, FlockOperation::LockShared).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(error, WipeError::Held { .. }), "{error}");
    assert!(fcntl_lock(&file, FlockOperation::Unlock).is_ok());
}

#[test]
fn a_program_that_runs_is_not_removed() {
    let volume = Volume::new();
    let program = volume.path().join("program");
    // By a process of its own: a child of another test would inherit the open file, and could not be executed then.
    let copied = Command::new("cp").arg("/bin/sleep").arg(&program).status();
    assert!(copied.unwrap().success());
    let runs = Process::of(Command::new(&program).arg("600"));
    let error = wipe(&volume).unwrap_err();
    assert!(error.to_string().contains("executes it"), "{error}");
    drop(runs);
    assert_eq!(wipe(&volume).unwrap().removed, 1);
}

#[rstest]
#[case::a_disk("/var/vd/vol0/disk.img\n", true)]
#[case::deep_in_it("/var/vd/vol0/deep/disk.img\n", true)]
#[case::of_another_volume("/var/vd/vol01/disk.img\n", false)]
#[case::of_nobody("/srv/backup/var/vd/vol0/disk.img\n", false)]
fn a_disk_under_a_loop_device_is_not_removed(#[case] file: &str, #[case] held: bool) {
    let volume = Volume::new();
    volume.disk();
    for (device, file) in [("loop6", Some(file)), ("loop7", None), ("dm-0", None)] {
        let device = volume.loops().join(device);
        fs::create_dir(&device).unwrap();
        if let Some(file) = file {
            fs::create_dir(device.join("loop")).unwrap();
            fs::write(device.join("loop/backing_file"), file).unwrap();
        }
    }
    match (wipe(&volume), held) {
        (Ok(wiped), false) => assert_eq!(wiped.removed, 1),
        (Err(error), true) => {
            assert!(
                error.to_string().contains("losetup --detach /dev/loop6"),
                "{error}"
            );
            assert_eq!(volume.names(), ["disk.img"]);
        }
        (result, _) => panic!("{result:?}"),
    }
}

#[test]
fn without_a_look_at_loop_devices_nothing_is_removed() {
    let volume = Volume::new();
    volume.disk();
    fs::remove_dir(volume.loops()).unwrap();
    fs::rename(volume.root().join("sys"), volume.root().join("away")).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert!(matches!(error, WipeError::Holders { .. }), "{error}");
    fs::rename(volume.root().join("away"), volume.root().join("sys")).unwrap();
    assert_eq!(wipe(&volume).unwrap().removed, 1, "a kernel without any");
}

#[test]
fn twenty_thousand_files_need_few_descriptors() {
    passes_alone(&["prlimit", "--nofile=48"], "twenty_thousand_files");
}

#[test]
#[ignore = "run by twenty_thousand_files_need_few_descriptors in a process with few"]
fn twenty_thousand_files() {
    let volume = Volume::new();
    for number in 0..200 {
        let directory = volume.path().join(format!("directory-{number}"));
        fs::create_dir(&directory).unwrap();
        for number in 0..100 {
            File::create(directory.join(format!("file-{number}"))).unwrap();
        }
    }
    let open = File::open(volume.path().join("directory-117/file-71")).unwrap();
    let error = wipe(&volume).unwrap_err();
    assert_held_by(&error, std::process::id());
    assert!(error.to_string().contains("file-71"), "{error}");
    drop(open);
    assert_eq!(wipe(&volume).unwrap().removed, 20_200);
}
