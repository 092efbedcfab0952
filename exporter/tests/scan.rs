//! Scans of trees of files, sound and broken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use rstest::rstest;
use rustix::fs::{FileType, XattrFlags, setxattr};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use tempfile::TempDir;
use vmberth_decide::node::assess::{ConditionKind, Status, assess};
use vmberth_decide::node::cluster::{self, Cluster};
use vmberth_decide::node::config::{Config, VolumePattern};
use vmberth_decide::node::facts::{
    Area, CellPages, Content, DirectoryFacts, DiskFormat, Facts, Foreign, Interface,
};
use vmberth_exporter::roots::{self, Roots};
use vmberth_exporter::scan::scan;
use vmberth_exporter::tree::{Card, Function, Tree};

const PF: &str = "0000:3b:00.0";
const DEVICES: &str = "/sys/bus/pci/devices";

/// A node and where it lies until the test ends.
struct Node {
    _folder: TempDir,
    tree: Tree,
}

impl Node {
    fn new() -> Self {
        // In memory, if that can be had: thousands of files.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let tree = Tree::new(folder.path().join("host")).unwrap();
        Self {
            _folder: folder,
            tree,
        }
    }

    /// With a card of so many functions on vfio-pci, each in a group of its own.
    fn with_vfs(count: u32) -> Self {
        let node = Self::new();
        node.tree.card(&card(count)).unwrap();
        node
    }

    fn scan(&self) -> Facts {
        scan(&at(self.tree.root()), &config("/var/vd/", "vol", 64))
    }

    fn volume(&self, name: &str) -> DirectoryFacts {
        directory(&self.scan(), name)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        self.tree.file(path, "").unwrap();
        fs::write(self.tree.path(path), bytes).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.tree.path(path)).unwrap();
    }
}

/// With the kubelet in its usual place.
fn at(host: impl AsRef<Path>) -> Roots {
    Roots::new(host.as_ref(), roots::KUBELET)
}

fn card(count: u32) -> Card {
    Card {
        address: PF.to_owned(),
        interface: Some("ens1f0".to_owned()),
        total_vfs: 64,
        numa: 1,
        vfs: (0..count)
            .map(|index| Function {
                address: vf(index),
                driver: Some("vfio-pci".to_owned()),
                group: Some(40 + index),
            })
            .collect(),
    }
}

fn vf(index: u32) -> String {
    format!("0000:3b:{:02x}.{}", 2 + index / 8, index % 8)
}

fn config(directory: &str, prefix: &str, max: u16) -> Config {
    Config {
        volumes: vec![VolumePattern {
            directory: directory.to_owned(),
            prefix: prefix.to_owned(),
            max,
            slash_added: false,
            offer: None,
        }],
        ..Config::default()
    }
}

fn directory(facts: &Facts, name: &str) -> DirectoryFacts {
    match content(facts, name) {
        Content::Directory(directory) => directory,
        other @ (Content::NotADirectory { .. } | Content::Unreadable { .. }) => {
            panic!("{name} is {other:?}")
        }
    }
}

fn content(facts: &Facts, name: &str) -> Content {
    let volume = facts.volumes.iter().find(|volume| volume.name == name);
    volume.unwrap().content.clone()
}

/// Paths and reasons of one area's problems.
fn problems(facts: &Facts, area: Area) -> Vec<(String, String)> {
    let of_area = facts.problems.iter().filter(|problem| problem.area == area);
    of_area
        .map(|problem| (problem.path.clone(), problem.reason.clone()))
        .collect()
}

#[test]
fn an_empty_node_has_nothing_and_no_problem() {
    let mut facts = Node::new().scan();
    assert_eq!(facts.machine.virtualization.take().as_deref(), Some("vmx"));
    assert_eq!(facts, Facts::default());
}

#[test]
fn a_root_that_is_not_there_is_a_problem_of_every_area() {
    let facts = scan(&at("/nowhere"), &Config::default());
    assert_eq!(facts.problems.len(), 5);
    let reason = "the host's root /nowhere: No such file or directory (os error 2)";
    assert!(
        facts
            .problems
            .iter()
            .all(|problem| problem.reason == reason)
    );
}

#[test]
fn the_same_scan_twice_is_equal() {
    let node = Node::with_vfs(64);
    node.tree.volumes("/var/vd/vol", 65).unwrap();
    node.tree.disk("/var/vd/vol7", 15 << 30).unwrap();
    node.tree.pages(2048, &[(512, 500), (512, 512)]).unwrap();
    // Others write to the file system that the tree lies on.
    let scan = || {
        let mut facts = node.scan();
        let file_system = &mut facts.file_systems[0];
        (file_system.free, file_system.inodes_free) = (0, 0);
        facts
    };
    let facts = scan();
    assert_eq!(facts.volumes.len(), 65);
    assert_eq!(facts.functions[0].vfs.len(), 64);
    assert_eq!(facts.problems, []);
    assert!(scan() == facts, "differs");
}

#[test]
fn volumes_are_sorted_by_number_and_end_with_the_last_one() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 70).unwrap();
    node.tree.directory("/var/vd/volume").unwrap();
    node.tree.directory("/var/vd/vol007").unwrap();
    let names: Vec<String> = node.scan().volumes.into_iter().map(|v| v.name).collect();
    let expected: Vec<String> = (0..=64).map(|number| format!("vol{number}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn a_volume_has_owner_mode_and_path() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    let path = node.tree.path("/var/vd/vol0");
    std::os::unix::fs::chown(&path, Some(107), Some(108)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o2770)).unwrap();
    let facts = node.scan();
    assert_eq!(facts.volumes[0].path, "/var/vd/vol0");
    let volume = directory(&facts, "vol0");
    assert_eq!((volume.uid, volume.gid, volume.mode), (107, 108, 0o2770));
    assert_eq!(volume.device, facts.file_systems[0].device);
    assert_eq!(volume.device.to_string(), node.tree.device().unwrap());
    assert_eq!(volume.stat_device, volume.device);
    assert!(volume.inode > 0 && volume.is_empty());
    let created = fs::metadata(&path).unwrap().created().ok();
    let since_1970 = created.map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_nanos());
    assert_eq!(
        volume.born,
        since_1970.map(|born| i128::try_from(born).unwrap())
    );
    assert_eq!(volume.also_at, BTreeSet::new());
}

#[test]
fn a_volume_has_the_other_paths_that_lead_to_it() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 2).unwrap();
    let device = node.tree.device().unwrap();
    let lines = format!(
        "1 0 {device} / / rw - ext4 /dev/sda rw\n2 1 {device} /var/vd/vol1 /mnt/disks/a rw - ext4 /dev/sda rw\n"
    );
    node.tree.file("/proc/1/mountinfo", &lines).unwrap();
    assert_eq!(node.volume("vol0").also_at, BTreeSet::new());
    let expected = BTreeSet::from(["/mnt/disks/a".to_owned()]);
    assert_eq!(node.volume("vol1").also_at, expected);
}

#[test]
fn a_file_system_knows_the_directories_where_volumes_may_be_made() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    let expected = BTreeSet::from(["/var/vd/".to_owned()]);
    assert_eq!(node.scan().file_systems[0].directories, expected);
}

#[test]
fn a_sparse_disk_has_its_size_and_what_it_takes_up() {
    let node = Node::new();
    node.tree.disk("/var/vd/vol0", 15 << 30).unwrap();
    let disk = node.volume("vol0").disk.unwrap();
    assert_eq!(disk.format, DiskFormat::Raw);
    assert_eq!(disk.virtual_bytes, 15 << 30);
    assert_eq!(disk.allocated_bytes, 0);
    assert!(disk.modified > 1_000_000_000);
    assert_eq!(node.volume("vol0").foreign, Foreign::default());
}

#[test]
fn a_written_disk_takes_up_blocks() {
    let node = Node::new();
    node.write("/var/vd/vol0/disk.img", &[1; 10_000]);
    let disk = node.volume("vol0").disk.unwrap();
    assert_eq!(disk.virtual_bytes, 10_000);
    assert!(disk.allocated_bytes >= 10_000 && disk.allocated_bytes.is_multiple_of(512));
}

#[rstest]
#[case::whole(32, DiskFormat::Qcow2)]
#[case::magic_only(4, DiskFormat::Qcow2)]
#[case::less_than_the_magic(3, DiskFormat::Raw)]
#[case::empty(0, DiskFormat::Raw)]
fn size_in_a_header_is_the_guests_word_and_is_not_taken(
    #[case] length: usize,
    #[case] format: DiskFormat,
) {
    let node = Node::new();
    let mut header = b"QFI\xfb\0\0\0\x03".to_vec();
    header.extend([0; 16]);
    header.extend(u64::MAX.to_be_bytes());
    node.write("/var/vd/vol0/disk.img", &header[..length]);
    let disk = node.volume("vol0").disk.unwrap();
    assert_eq!((disk.format, disk.virtual_bytes), (format, length as u64));
}

#[rstest]
#[case::pipe(FileType::Fifo, 0, 0)]
#[case::socket(FileType::Socket, 0, 0)]
#[case::tape_without_drive(FileType::CharacterDevice, 9, 0)]
fn what_is_no_file_is_foreign_and_never_opened(
    #[case] kind: FileType,
    #[case] major: u32,
    #[case] minor: u32,
) {
    let node = Node::new();
    node.tree
        .special("/var/vd/vol0/disk.img", kind, major, minor)
        .unwrap();
    let volume = node.volume("vol0");
    assert_eq!(volume.disk, None);
    assert_eq!(volume.foreign.names, ["disk.img"]);
}

#[test]
fn a_link_as_disk_is_foreign() {
    let node = Node::new();
    node.tree
        .link("/var/vd/vol0/disk.img", "/proc/cmdline")
        .unwrap();
    let volume = node.volume("vol0");
    assert_eq!(volume.disk, None);
    assert_eq!(volume.foreign.names, ["disk.img"]);
}

#[test]
fn foreign_files_are_counted_and_the_first_are_named() {
    let node = Node::new();
    node.tree.disk("/var/vd/vol0", 1).unwrap();
    for name in ["d", "b", "a", "c", "two\nlines"] {
        node.write(&format!("/var/vd/vol0/{name}"), b"");
    }
    let foreign = node.volume("vol0").foreign;
    assert_eq!(
        (foreign.count, foreign.names),
        (5, ["a", "b", "c"].map(str::to_owned).to_vec())
    );
}

#[test]
fn names_without_line_feeds() {
    let node = Node::new();
    node.write("/var/vd/vol0/two\nlines", b"");
    assert_eq!(node.volume("vol0").foreign.names, ["two?lines"]);
}

#[rstest]
#[case(999)]
#[case(1_000)]
#[case(1_100)]
fn no_more_than_a_thousand_are_counted(#[case] files: u64) {
    let node = Node::new();
    node.tree.disk("/var/vd/vol0", 1).unwrap();
    for number in 0..files {
        node.write(&format!("/var/vd/vol0/{number}"), b"");
    }
    let volume = node.volume("vol0");
    assert_eq!(volume.foreign.count, files.min(Foreign::MOST));
    assert_eq!(volume.foreign.names.len(), Foreign::NAMED);
    assert!(volume.disk.is_some());
}

#[rstest]
#[case::of_its_own_file_system(true, 0, 0)]
#[case::with_something_found(true, 1, 1)]
#[case::of_somebody(false, 0, 1)]
fn lost_and_found(#[case] own: bool, #[case] files: u32, #[case] foreign: u64) {
    let node = Node::new();
    node.tree.directory("/var/vd/vol0/lost+found").unwrap();
    for number in 0..files {
        node.write(&format!("/var/vd/vol0/lost+found/{number}"), b"");
    }
    if own {
        let device = node.tree.device().unwrap();
        let line = format!("90 22 {device} / /var/vd/vol0 rw - ext4 /dev/sdb rw\n");
        node.tree.file("/proc/1/mountinfo", &line).unwrap();
    }
    assert_eq!(node.volume("vol0").foreign.count, foreign);
}

#[rstest]
#[case::link("a symbolic link")]
#[case::file("a file")]
#[case::pipe("a pipe")]
fn a_volume_that_is_no_directory(#[case] expected: &'static str) {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    let path = "/var/vd/vol1";
    match expected {
        "a symbolic link" => node.tree.link(path, "vol0").unwrap(),
        "a file" => node.tree.file(path, "").unwrap(),
        _ => node.tree.special(path, FileType::Fifo, 0, 0).unwrap(),
    }
    let facts = node.scan();
    assert_eq!(
        content(&facts, "vol1"),
        Content::NotADirectory { kind: expected }
    );
    assert!(directory(&facts, "vol0").is_empty());
}

#[test]
fn a_dangling_link_is_there() {
    let node = Node::new();
    node.tree.link("/var/vd/vol0", "/nowhere").unwrap();
    let kind = "a symbolic link";
    assert_eq!(
        content(&node.scan(), "vol0"),
        Content::NotADirectory { kind }
    );
}

#[test]
fn a_file_in_place_of_the_parent_is_a_problem() {
    let node = Node::new();
    node.tree.file("/var/vd", "").unwrap();
    let facts = node.scan();
    assert_eq!(facts.volumes, []);
    let expected = (
        "/var/vd/".to_owned(),
        "Not a directory (os error 20)".to_owned(),
    );
    assert_eq!(problems(&facts, Area::Volumes), [expected]);
}

#[test]
fn a_link_on_the_way_to_the_volumes_is_a_problem() {
    let node = Node::new();
    node.tree.volumes("/data/vd/vol", 3).unwrap();
    node.tree.link("/var/vd", "/data/vd").unwrap();
    let facts = node.scan();
    assert_eq!(facts.volumes, []);
    let [(path, reason)] = &problems(&facts, Area::Volumes)[..] else {
        panic!("{facts:?}");
    };
    assert_eq!(path, "/var/vd/");
    assert!(reason.contains("real path"), "{reason}");
}

#[test]
fn links_never_lead_out_of_the_root() {
    let node = Node::new();
    let outside = node.tree.root().parent().unwrap().join("cmdline");
    fs::write(&outside, "isolcpus=1").unwrap();
    node.remove("/proc/cmdline");
    symlink(&outside, node.tree.path("/proc/cmdline")).unwrap();
    let facts = node.scan();
    assert_eq!(facts.machine.isolated_cpus, None);
    assert_eq!(problems(&facts, Area::Machine)[0].0, "/proc/cmdline");
    // One that goes up further than the root ends at the root.
    node.tree
        .link("/proc/cmdline", "../../../../cmdline")
        .unwrap();
    assert_eq!(node.scan().machine.isolated_cpus, None);
    node.tree.file("/cmdline", "isolcpus=2").unwrap();
    assert_eq!(node.scan().machine.isolated_cpus.as_deref(), Some("2"));
}

#[test]
fn a_file_system_has_size_and_type() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 3).unwrap();
    let facts = node.scan();
    let [file_system] = &facts.file_systems[..] else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (&*file_system.mount_point, &*file_system.kind),
        ("/", "ext4")
    );
    assert!(file_system.size > file_system.free && file_system.free > 0);
    assert!(file_system.inodes >= file_system.inodes_free);
    assert!(!file_system.read_only);
}

#[rstest]
#[case::the_mount("ro,relatime", "rw", true)]
#[case::after_an_error("rw,relatime", "ro,errors=remount-ro", true)]
#[case::after_an_error_since_linux_6_12("rw,relatime", "rw,emergency_ro,errors=remount-ro", true)]
#[case::shut_down("rw,relatime", "rw,shutdown,inode64", true)]
#[case::neither("rw,relatime", "rw,errors=remount-ro", false)]
fn a_file_system_is_read_only(
    #[case] mount: &str,
    #[case] file_system: &str,
    #[case] expected: bool,
) {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    let device = node.tree.device().unwrap();
    let lines = format!(
        "1 0 99:1 / / rw - xfs /dev/sda rw\n2 1 {device} / /var {mount} shared:1 master:2 - ext4 /dev/sdb {file_system}\n"
    );
    node.tree.file("/proc/1/mountinfo", &lines).unwrap();
    let facts = node.scan();
    assert_eq!(facts.file_systems[0].read_only, expected);
    assert_eq!(facts.file_systems[0].mount_point, "/var");
}

#[test]
fn devices_that_mountinfo_does_not_know_are_found_by_path() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    let lines = "1 0 0:30 /@ / rw - btrfs /dev/sda rw\n\
                 2 1 0:30 /@/var/vd/vol0 /var/lib/kubelet/pods/u-1/volumes/kubernetes.io~local-volume/a rw - btrfs /dev/sda rw\n";
    node.tree.file("/proc/1/mountinfo", lines).unwrap();
    let facts = node.scan();
    assert_eq!(facts.file_systems[0].kind, "btrfs");
    assert_eq!(facts.file_systems[0].device.to_string(), "0:30");
    assert_eq!(
        directory(&facts, "vol0").mounted_by,
        BTreeSet::from(["u-1".to_owned()])
    );
}

#[test]
fn pods_that_have_a_volume_mounted() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 11).unwrap();
    let mounts = [
        ("u-1", "/var/vd/vol1"),
        ("u-10", "/var/vd/vol10"),
        ("u-2", "/var/vd/vol1"),
    ];
    node.tree.mounts(&mounts).unwrap();
    let facts = node.scan();
    let holders = |name| {
        directory(&facts, name)
            .mounted_by
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(holders("vol0"), [""; 0]);
    assert_eq!(holders("vol1"), ["u-1", "u-2"]);
    assert_eq!(holders("vol10"), ["u-10"]);
}

#[rstest]
#[case::own_kubelet_directory(
    "8:1",
    "/data/vd/vol0",
    "/opt/k/pods/u/volumes/kubernetes.io~local-volume/a",
    true
)]
#[case::sub_path("8:1", "/data/vd/vol0/x", "/k/pods/u/volume-subpaths/a/c/0", true)]
#[case::other_file_system("8:2", "/data/vd/vol0", "/k/pods/u/volumes/l/a", false)]
#[case::other_volume("8:1", "/data/vd/vol01", "/k/pods/u/volumes/l/a", false)]
#[case::no_pod("8:1", "/data/vd/vol0", "/mnt/volumes/a", false)]
#[case::path_of_the_node("8:1", "/var/vd/vol0", "/k/pods/u/volumes/l/a", false)]
#[case::escaped("8:1", "/data/vd/vol0", "/with\\040blank/pods/u/volumes/l/a", true)]
fn a_mount_of_a_volume(
    #[case] device: &str,
    #[case] root: &str,
    #[case] point: &str,
    #[case] expected: bool,
) {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    // /var is /data of a file system.
    let lines = format!(
        "1 0 8:3 / / rw - xfs /dev/sda3 rw\n2 1 8:1 /data /var rw - xfs /dev/sda1 rw\n3 1 {device} {root} {point} rw - xfs /dev/sda1 rw\n"
    );
    node.tree.file("/proc/1/mountinfo", &lines).unwrap();
    let expected = if expected {
        vec!["u".to_owned()]
    } else {
        Vec::new()
    };
    assert_eq!(Vec::from_iter(node.volume("vol0").mounted_by), expected);
}

#[rstest]
#[case::absent(None, "No such file or directory (os error 2)")]
#[case::garbage(Some("no mount\n"), "expected a mount, found \"no mount\"")]
#[case::bad_device(
    Some("1 0 8 / / rw - xfs a rw"),
    "expected a mount, found \"1 0 8 / / rw - xfs a rw\""
)]
fn mounts_that_cannot_be_read(#[case] text: Option<&str>, #[case] reason: &str) {
    let node = Node::new();
    match text {
        Some(text) => node.tree.file("/proc/1/mountinfo", text).unwrap(),
        None => node.remove("/proc/1/mountinfo"),
    }
    let facts = node.scan();
    let expected = [("/proc/1/mountinfo".to_owned(), reason.to_owned())];
    assert_eq!(problems(&facts, Area::Volumes), expected);
    assert_eq!(problems(&facts, Area::FileSystems), expected);
}

#[test]
fn a_card_and_its_functions() {
    let facts = Node::with_vfs(12).scan();
    assert_eq!(facts.problems, []);
    let [pf] = &facts.functions[..] else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (&*pf.address, &*pf.vendor, &*pf.device),
        (PF, "8086", "158b")
    );
    assert_eq!((pf.total_vfs, pf.num_vfs, pf.numa), (64, 12, Some(1)));
    assert_eq!(pf.driver.as_deref(), Some("i40e"));
    let interface = Interface {
        name: "ens1f0".to_owned(),
        operstate: "up".to_owned(),
        carrier: Some(true),
        up: true,
        ..Interface::default()
    };
    assert_eq!(pf.interfaces, [interface]);
    let indexes: Vec<u32> = pf.vfs.iter().map(|vf| vf.index).collect();
    assert_eq!(indexes, Vec::from_iter(0..12));
    let tenth = &pf.vfs[10];
    assert_eq!(
        (&*tenth.address, &*tenth.vendor, &*tenth.device),
        ("0000:3b:03.2", "8086", "154c")
    );
    assert_eq!(tenth.driver.as_deref(), Some("vfio-pci"));
    assert_eq!((tenth.numa, tenth.interfaces.len()), (Some(1), 0));
    let group = tenth.group.as_ref().unwrap();
    assert_eq!((group.number, &group.name), (50, &None));
    assert!(group.others.is_empty());
}

#[test]
fn devices_may_be_links_as_on_a_real_machine() {
    let node = Node::with_vfs(2);
    let before = node.scan();
    for address in [PF.to_owned(), vf(0), vf(1)] {
        let real = format!("/sys/devices/pci0000:3a/{address}");
        let listed = format!("{DEVICES}/{address}");
        node.tree.directory("/sys/devices/pci0000:3a").unwrap();
        fs::rename(node.tree.path(&listed), node.tree.path(&real)).unwrap();
        node.tree
            .link(&listed, &format!("../../../devices/pci0000:3a/{address}"))
            .unwrap();
    }
    assert_eq!(node.scan(), before);
    // An absolute link stays below the root as well.
    node.tree
        .link(
            &format!("{DEVICES}/{PF}"),
            &format!("/sys/devices/pci0000:3a/{PF}"),
        )
        .unwrap();
    assert_eq!(node.scan(), before);
}

#[rstest]
#[case::no_sriov(None, 0)]
#[case::none_possible(Some("0\n"), 0)]
#[case::capable(Some("8\n"), 1)]
fn only_cards_with_functions_are_told(#[case] total: Option<&str>, #[case] expected: usize) {
    let node = Node::with_vfs(0);
    let path = format!("{DEVICES}/{PF}/sriov_totalvfs");
    match total {
        Some(total) => node.tree.file(&path, total).unwrap(),
        None => node.remove(&path),
    }
    let facts = node.scan();
    assert_eq!(
        (facts.functions.len(), facts.problems),
        (expected, Vec::new())
    );
}

#[rstest]
#[case::num_vfs("sriov_numvfs", "many", "expected a number, found \"many\"")]
#[case::negative("sriov_numvfs", "-1", "expected a number, found \"-1\"")]
#[case::total(
    "sriov_totalvfs",
    "\u{0}\u{1}",
    "expected a number, found \"\\0\\u{1}\""
)]
#[case::vendor("vendor", "8086", "expected 0x and four digits, found \"8086\"")]
#[case::device("device", "0x", "expected 0x and four digits, found \"0x\"")]
#[case::numa("numa_node", "x", "expected a number, found \"x\"")]
#[case::flags("net/ens1f0/flags", "", "expected flags such as 0x1003, found \"\"")]
fn garbage_in_a_file(#[case] file: &str, #[case] text: &str, #[case] reason: &str) {
    let node = Node::with_vfs(1);
    let path = format!("{DEVICES}/{PF}/{file}");
    node.tree.file(&path, text).unwrap();
    assert_eq!(
        problems(&node.scan(), Area::Functions),
        [(path, reason.to_owned())]
    );
}

#[rstest]
#[case::num_vfs("sriov_numvfs")]
#[case::vendor("vendor")]
#[case::operstate("net/ens1f0/operstate")]
fn a_missing_file(#[case] file: &str) {
    let node = Node::with_vfs(1);
    let path = format!("{DEVICES}/{PF}/{file}");
    node.remove(&path);
    let reason = "No such file or directory (os error 2)".to_owned();
    let facts = node.scan();
    assert_eq!(problems(&facts, Area::Functions), [(path, reason)]);
    assert_eq!(facts.functions[0].vfs.len(), 1);
}

#[test]
fn a_file_that_is_too_large() {
    let node = Node::with_vfs(0);
    let path = format!("{DEVICES}/{PF}/vendor");
    node.tree.file(&path, &"8".repeat(65_537)).unwrap();
    let expected = (path, "larger than 65536 bytes".to_owned());
    assert_eq!(problems(&node.scan(), Area::Functions), [expected]);
}

#[test]
fn a_pipe_or_a_directory_instead_of_a_file_blocks_nothing() {
    let node = Node::with_vfs(0);
    let (vendor, device) = (
        format!("{DEVICES}/{PF}/vendor"),
        format!("{DEVICES}/{PF}/device"),
    );
    node.remove(&vendor);
    node.tree.special(&vendor, FileType::Fifo, 0, 0).unwrap();
    node.remove(&device);
    node.tree.directory(&device).unwrap();
    let reason = "is not a file".to_owned();
    let expected = [(device, reason.clone()), (vendor, reason)];
    assert_eq!(problems(&node.scan(), Area::Functions), expected);
}

#[test]
fn a_loop_of_links() {
    let node = Node::with_vfs(1);
    let path = format!("{DEVICES}/{PF}/vendor");
    node.tree.link(&path, "device").unwrap();
    node.tree
        .link(&format!("{DEVICES}/{PF}/device"), "vendor")
        .unwrap();
    let facts = node.scan();
    assert_eq!(problems(&facts, Area::Functions).len(), 2);
    assert!(
        facts.problems[0].reason.contains("os error 40"),
        "{facts:?}"
    );
}

#[test]
fn a_function_whose_device_is_gone() {
    let node = Node::with_vfs(3);
    let gone = format!("{DEVICES}/{}", vf(1));
    fs::remove_dir_all(node.tree.path(&gone)).unwrap();
    let facts = node.scan();
    let indexes: Vec<u32> = facts.functions[0].vfs.iter().map(|vf| vf.index).collect();
    assert_eq!(indexes, [0, 2]);
    let expected = (
        format!("{DEVICES}/{PF}/virtfn1"),
        format!("{gone} is not there"),
    );
    assert_eq!(problems(&facts, Area::Functions), [expected]);
}

#[test]
fn a_function_without_driver_group_and_numa_node() {
    let node = Node::new();
    let mut card = card(1);
    card.numa = -1;
    card.vfs[0].driver = None;
    card.vfs[0].group = None;
    node.tree.card(&card).unwrap();
    node.remove(&format!("{DEVICES}/{PF}/numa_node"));
    let facts = node.scan();
    let vf = &facts.functions[0].vfs[0];
    assert_eq!((&vf.driver, &vf.group, vf.numa), (&None, &None, None));
    assert_eq!((facts.functions[0].numa, facts.problems.len()), (None, 0));
}

#[test]
fn a_function_on_a_driver_of_the_host() {
    let node = Node::with_vfs(1);
    node.tree.bind(&vf(0), "iavf").unwrap();
    node.tree.interface(&vf(0), "ens1f0v0").unwrap();
    let facts = node.scan();
    let vf = &facts.functions[0].vfs[0];
    assert_eq!(vf.driver.as_deref(), Some("iavf"));
    assert_eq!(vf.interfaces[0].name, "ens1f0v0");
}

#[test]
fn a_driver_that_is_no_link() {
    let node = Node::with_vfs(0);
    let path = format!("{DEVICES}/{PF}/driver");
    node.remove(&path);
    node.tree.file(&path, "i40e").unwrap();
    let expected = (path, "is not a symbolic link".to_owned());
    assert_eq!(problems(&node.scan(), Area::Functions), [expected]);
}

#[test]
fn a_group_with_a_bridge_and_another_function() {
    let node = Node::with_vfs(2);
    let bridge = "0000:3a:00.0";
    node.tree
        .device_files(&format!("{DEVICES}/{bridge}"), "0x2030", 0)
        .unwrap();
    node.tree.bind(bridge, "pcieport").unwrap();
    node.tree.group(bridge, 40).unwrap();
    node.tree.group(&vf(1), 40).unwrap();
    let facts = node.scan();
    let others = &facts.functions[0].vfs[0].group.as_ref().unwrap().others;
    let others: Vec<_> = others
        .iter()
        .map(|(a, d)| (a.as_str(), d.as_deref()))
        .collect();
    assert_eq!(
        others,
        [(bridge, Some("pcieport")), (&*vf(1), Some("vfio-pci"))]
    );
    let others = &facts.functions[0].vfs[1].group.as_ref().unwrap().others;
    assert_eq!(others.keys().collect::<Vec<_>>(), [bridge, &vf(0)]);
}

#[test]
fn a_group_without_protection() {
    let node = Node::with_vfs(1);
    node.tree
        .file("/sys/kernel/iommu_groups/40/name", "vfio-noiommu\n")
        .unwrap();
    let facts = node.scan();
    let group = facts.functions[0].vfs[0].group.as_ref().unwrap();
    assert_eq!(group.name.as_deref(), Some("vfio-noiommu"));
}

#[test]
fn a_group_that_is_no_number() {
    let node = Node::with_vfs(1);
    let path = format!("{DEVICES}/{}/iommu_group", vf(0));
    node.tree
        .link(&path, "../../../../kernel/iommu_groups/x")
        .unwrap();
    let facts = node.scan();
    assert_eq!(facts.functions[0].vfs[0].group, None);
    assert_eq!(problems(&facts, Area::Functions)[0].0, path);
}

#[test]
fn several_interfaces_of_one_card() {
    let node = Node::with_vfs(0);
    node.tree.interface(PF, "ens1f0_0").unwrap();
    let down = format!("{DEVICES}/{PF}/net/ens1f0_0");
    node.tree
        .file(&format!("{down}/flags"), "0x1002\n")
        .unwrap();
    node.tree
        .file(&format!("{down}/operstate"), "down\n")
        .unwrap();
    node.tree.file(&format!("{down}/speed"), "-1\n").unwrap();
    // The kernel answers EINVAL; a tree has no file that does, but one that can't be opened.
    node.remove(&format!("{down}/carrier"));
    node.tree
        .link(&format!("{down}/carrier"), "carrier")
        .unwrap();
    let facts = node.scan();
    let interfaces = &facts.functions[0].interfaces;
    let names: Vec<&str> = interfaces.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["ens1f0", "ens1f0_0"]);
    assert_eq!((interfaces[1].carrier, interfaces[1].up), (None, false));
    assert_eq!(interfaces[1].operstate, "down");
    assert_eq!(facts.problems, []);
}

#[test]
fn the_default_route_of_an_interface() {
    let node = Node::with_vfs(0);
    node.tree
        .routes(&[("ens1f0", true), ("eth9", false)])
        .unwrap();
    let interface = &node.scan().functions[0].interfaces[0];
    assert!(interface.default_route && interface.routed && !interface.enslaved);
    node.tree
        .routes(&[("ens1f0", false), ("eth9", true)])
        .unwrap();
    let interface = &node.scan().functions[0].interfaces[0];
    assert!(!interface.default_route && interface.routed);
}

#[test]
fn the_default_route_of_a_vlan_on_a_bond_on_an_interface() {
    let node = Node::with_vfs(0);
    let net = format!("{DEVICES}/{PF}/net/ens1f0");
    node.tree
        .link(&format!("{net}/master"), "../../../../virtual/net/bond0")
        .unwrap();
    node.tree.directory("/sys/class/net/bond0").unwrap();
    node.tree
        .link("/sys/class/net/bond0/upper_bond0.7", "../bond0.7")
        .unwrap();
    node.tree.routes(&[("bond0.7", true)]).unwrap();
    let interface = &node.scan().functions[0].interfaces[0];
    assert!(interface.default_route && interface.routed && interface.enslaved);
}

#[rstest]
#[case::global("20010db8000000000000000000000000 40", "00000001", true, false)]
#[case::default("00000000000000000000000000000000 00", "00000003", true, true)]
#[case::link_local("fe800000000000000000000000000000 40", "00000001", false, false)]
#[case::multicast("ff000000000000000000000000000000 08", "00000001", false, false)]
#[case::unreachable("00000000000000000000000000000000 00", "00200200", false, false)]
fn routes_of_the_newer_protocol(
    #[case] destination: &str,
    #[case] flags: &str,
    #[case] routed: bool,
    #[case] default: bool,
) {
    let node = Node::with_vfs(0);
    let zero = "0".repeat(32);
    let line =
        format!("{destination} {zero} 00 {zero} 00000400 00000001 00000000 {flags}   ens1f0\n");
    node.tree.file("/proc/1/net/ipv6_route", &line).unwrap();
    let facts = node.scan();
    let interface = &facts.functions[0].interfaces[0];
    assert_eq!(
        (interface.routed, interface.default_route),
        (routed, default)
    );
    assert_eq!(facts.problems, []);
}

#[test]
fn routes_of_our_own_namespace_where_there_is_no_first_process() {
    let node = Node::with_vfs(0);
    node.tree.routes(&[("ens1f0", true)]).unwrap();
    node.tree.directory("/proc/net").unwrap();
    fs::rename(
        node.tree.path("/proc/1/net/route"),
        node.tree.path("/proc/net/route"),
    )
    .unwrap();
    node.remove("/proc/1/net/ipv6_route");
    let facts = node.scan();
    assert!(facts.functions[0].interfaces[0].default_route);
    assert_eq!(facts.problems, []);
    node.remove("/proc/net/route");
    assert_eq!(
        problems(&node.scan(), Area::Functions)[0].0,
        "/proc/1/net/route"
    );
}

#[test]
fn routes_that_cannot_be_read() {
    let node = Node::with_vfs(0);
    node.tree
        .file("/proc/1/net/route", "Iface\nens1f0 x\n")
        .unwrap();
    let expected = (
        "/proc/1/net/route".to_owned(),
        "expected a route, found \"ens1f0 x\"".to_owned(),
    );
    assert_eq!(problems(&node.scan(), Area::Functions), [expected]);
}

#[test]
fn huge_pages_by_size_and_node() {
    let node = Node::new();
    node.tree.pages(1_048_576, &[(4, 0)]).unwrap();
    node.tree.pages(2048, &[(512, 500), (256, 256)]).unwrap();
    node.tree
        .file(
            "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages",
            "7\n",
        )
        .unwrap();
    node.tree
        .file(
            "/sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages",
            "3\n",
        )
        .unwrap();
    node.tree
        .directory("/sys/devices/system/node/power")
        .unwrap();
    let facts = node.scan();
    let sizes: Vec<u64> = facts.pages.iter().map(|pages| pages.size).collect();
    assert_eq!(sizes, [2 << 20, 1 << 30]);
    let small = &facts.pages[0];
    assert_eq!(
        (small.total, small.free, small.reserved, small.surplus),
        (768, 756, 7, 3)
    );
    let cells: Vec<(u32, CellPages)> = small.cells.clone().into_iter().collect();
    let expected = [(0, (512, 500)), (1, (256, 256))];
    assert_eq!(
        cells,
        expected.map(|(cell, (total, free))| (cell, CellPages { total, free }))
    );
    assert_eq!(facts.pages[1].cells.len(), 1);
    assert_eq!(facts.problems, []);
}

#[test]
fn pages_that_cannot_be_read() {
    let node = Node::new();
    node.tree.pages(2048, &[(512, 500)]).unwrap();
    let free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    node.tree.file(free, "all").unwrap();
    let facts = node.scan();
    assert_eq!(facts.pages[0].total, 512);
    let expected = (
        free.to_owned(),
        "expected a number, found \"all\"".to_owned(),
    );
    assert_eq!(problems(&facts, Area::Pages), [expected]);
}

#[test]
fn the_machine() {
    let node = Node::with_vfs(1);
    let line = "ro isolcpus=2-7 default_hugepagesz=1G hugepagesz=1G hugepages=4 isolcpus=2-9\n";
    node.tree.file("/proc/cmdline", line).unwrap();
    node.tree
        .special("/dev/kvm", FileType::CharacterDevice, 10, 232)
        .unwrap();
    let state = r#"{"policyName":"static","defaultCpuSet":"0-1","checksum":1}"#;
    node.tree
        .file("/var/lib/kubelet/cpu_manager_state", state)
        .unwrap();
    node.tree
        .file(
            "/var/lib/kubelet/memory_manager_state",
            r#"{"policyName":"None"}"#,
        )
        .unwrap();
    let configuration = "kind: KubeletConfiguration\ntopologyManagerPolicy: single-numa-node\n";
    node.tree
        .file("/var/lib/kubelet/config.yaml", configuration)
        .unwrap();
    let facts = node.scan();
    assert_eq!(facts.problems, []);
    let machine = facts.machine;
    assert_eq!(machine.virtualization.as_deref(), Some("vmx"));
    assert!(machine.kvm && machine.iommu);
    assert_eq!(machine.isolated_cpus.as_deref(), Some("2-9"));
    let expected = ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=4"];
    assert_eq!(machine.hugepage_arguments, expected);
    assert_eq!(machine.cpu_manager.as_deref(), Some("static"));
    assert_eq!(machine.memory_manager.as_deref(), Some("None"));
    assert_eq!(
        machine.topology_manager.as_deref(),
        Some("single-numa-node")
    );
}

#[rstest]
#[case::svm("flags : fpu svm", Some("svm"))]
#[case::neither("flags : fpu vmxx", None)]
#[case::arm("Features : fp asimd", None)]
fn the_processor(#[case] line: &str, #[case] expected: Option<&str>) {
    let node = Node::new();
    node.tree
        .file("/proc/cpuinfo", &format!("processor : 0\n{line}\n"))
        .unwrap();
    assert_eq!(node.scan().machine.virtualization.as_deref(), expected);
}

#[test]
fn a_long_processor_list_is_read_from_its_beginning() {
    let node = Node::new();
    let text = "flags : svm\n".repeat(100_000);
    node.tree.file("/proc/cpuinfo", &text).unwrap();
    let facts = node.scan();
    assert_eq!(facts.machine.virtualization.as_deref(), Some("svm"));
    assert_eq!(facts.problems, []);
}

#[test]
fn a_topology_manager_that_nobody_configured() {
    let node = Node::new();
    node.tree
        .file(
            "/var/lib/kubelet/config.yaml",
            "kind: KubeletConfiguration\n",
        )
        .unwrap();
    assert_eq!(
        node.scan().machine.topology_manager.as_deref(),
        Some("none")
    );
}

#[rstest]
#[case::cpu_manager("/var/lib/kubelet/cpu_manager_state")]
#[case::memory_manager("/var/lib/kubelet/memory_manager_state")]
#[case::configuration("/var/lib/kubelet/config.yaml")]
fn garbage_of_the_kubelet(#[case] path: &str) {
    let node = Node::new();
    node.tree.file(path, "{[").unwrap();
    assert_eq!(problems(&node.scan(), Area::Machine)[0].0, path);
}

/// In its pod the agent has no /dev, and nothing of the kubelet but two directories.
#[test]
fn the_machine_without_devices_and_files_of_the_kubelet() {
    let node = Node::new();
    node.tree
        .directory("/sys/devices/virtual/misc/kvm")
        .unwrap();
    let facts = node.scan();
    assert_eq!(facts.problems, []);
    let machine = facts.machine;
    assert!(machine.kvm);
    assert_eq!(
        (
            machine.cpu_manager,
            machine.memory_manager,
            machine.topology_manager
        ),
        (None, None, None)
    );
}

#[test]
fn a_kubelet_in_another_place() {
    let node = Node::new();
    let state = r#"{"policyName":"static"}"#;
    node.tree
        .file("/mnt/kubelet/cpu_manager_state", state)
        .unwrap();
    let roots = Roots::new(node.tree.root(), "/mnt/kubelet/");
    let facts = scan(&roots, &Config::default());
    assert_eq!(facts.machine.cpu_manager.as_deref(), Some("static"));
    assert_eq!(facts.problems, []);
}

/// A size that is not known is not one without pages: the kubelet would be told to be outdated.
#[rstest]
#[case::total("nr")]
#[case::surplus("surplus")]
fn pages_whose_number_cannot_be_read_are_unknown(#[case] file: &str) {
    let node = Node::new();
    node.tree.pages(2048, &[(512, 500)]).unwrap();
    let path = format!("/sys/kernel/mm/hugepages/hugepages-2048kB/{file}_hugepages");
    node.tree.link(&path, &format!("{file}_hugepages")).unwrap();
    let kubelet = BTreeMap::from([("hugepages-2Mi".to_owned(), 512 << 21)]);
    let cluster = Cluster {
        node: Some(cluster::Node {
            capacity: kubelet.clone(),
            allocatable: kubelet,
            ..cluster::Node::default()
        }),
        ..Cluster::default()
    };
    let facts = node.scan();
    assert_eq!(facts.pages, []);
    let findings = assess(&facts, &cluster, &Config::default()).findings;
    let told = findings
        .iter()
        .find(|finding| finding.kind == ConditionKind::HugePagesInSync)
        .unwrap();
    assert_eq!((told.status, told.reason), (Status::Unknown, "Unreadable"));
    let expected =
        format!("can't be read: {path}: Too many levels of symbolic links (os error 40)");
    assert_eq!(told.message, expected);
}

/// Nobody knows how many of the free ones are promised.
#[test]
fn pages_whose_promises_cannot_be_read_are_not_free() {
    let node = Node::new();
    node.tree.pages(2048, &[(512, 500)]).unwrap();
    node.remove("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages");
    let pages = &node.scan().pages[0];
    assert_eq!((pages.total, pages.free, pages.reserved), (512, 0, 0));
}

#[test]
fn kvm_that_is_no_device() {
    let node = Node::new();
    node.tree.file("/dev/kvm", "").unwrap();
    assert!(!node.scan().machine.kvm);
}

#[rstest]
#[case("/sys/bus/pci/devices", Area::Functions)]
#[case("/sys/kernel/mm/hugepages", Area::Pages)]
#[case("/sys/kernel/iommu_groups", Area::Machine)]
fn a_file_in_place_of_a_directory(#[case] path: &str, #[case] area: Area) {
    let node = Node::new();
    let _ = fs::remove_dir_all(node.tree.path(path));
    node.tree.file(path, "").unwrap();
    let expected = (path.to_owned(), "Not a directory (os error 20)".to_owned());
    assert_eq!(problems(&node.scan(), area), [expected]);
}

/// Bytes that no file of the kernel holds make problems, never a panic.
#[test]
fn every_file_with_garbage_in_it() {
    let node = Node::with_vfs(1);
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    node.tree.pages(2048, &[(1, 1)]).unwrap();
    let mut folders = vec![node.tree.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => fs::write(entry.path(), b"\xff\0\\ - \n,").unwrap(),
                _ => {}
            }
        }
    }
    let facts = node.scan();
    assert!(facts.problems.len() > 5, "{facts:?}");
    assert_eq!(facts.volumes.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Words of the kernel's tables in any order, and anything else, are read the same way twice.
    #[test]
    fn any_text_in_the_kernels_tables(
        text in "((ens1f0|/|/var|8:1|1|rw|ro| - |-|0003|00000000|[0-9a-f]{32}|\\\\[0-7]{3}|\\PC{0,4})[ \t\n]){0,40}",
    ) {
        let node = Node::with_vfs(1);
        node.tree.volumes("/var/vd/vol", 1).unwrap();
        for path in [
            "/proc/1/mountinfo",
            "/proc/1/net/route",
            "/proc/1/net/ipv6_route",
            "/proc/cmdline",
            "/proc/cpuinfo",
            "/var/lib/kubelet/config.yaml",
            "/sys/kernel/iommu_groups/40/name",
        ] {
            node.tree.file(path, &text).unwrap();
        }
        let facts = node.scan();
        prop_assert_eq!(facts.functions[0].vfs.len(), 1);
        prop_assert_eq!(facts.problems, node.scan().problems);
    }
}

/// The machine that the tests run on has no SR-IOV, but its kernel is real: mounts, file system, routes, pages.
#[test]
fn this_machine() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("vol0")).unwrap();
    let facts = scan(
        &at("/"),
        &config(&format!("{}/", folder.path().display()), "vol", 1),
    );
    assert_eq!(facts.problems, []);
    assert_eq!(facts.volumes.len(), 1);
    let [file_system] = &facts.file_systems[..] else {
        panic!("{facts:?}");
    };
    assert!(folder.path().starts_with(&file_system.mount_point));
    assert!(!file_system.kind.is_empty() && !file_system.read_only);
    assert!(facts.pages.iter().all(|pages| pages.cells.contains_key(&0)));
}

#[test]
fn the_label_of_selinux() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 1).unwrap();
    assert_eq!(node.volume("vol0").selinux, None);
    let label = "system_u:object_r:container_file_t:s0";
    let value = format!("{label}\0");
    let path = node.tree.path("/var/vd/vol0");
    let flags = XattrFlags::empty();
    setxattr(path, "security.selinux", value.as_bytes(), flags).unwrap();
    assert_eq!(node.volume("vol0").selinux.as_deref(), Some(label));
}

/// As the chart runs it: uid 0, but without CAP_DAC_OVERRIDE and every other capability.
fn scan_without_capabilities(node: &Node) -> Facts {
    let scan = || {
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        // Of this thread alone.
        set_capabilities(None, none).unwrap();
        node.scan()
    };
    std::thread::scope(|scope| scope.spawn(scan).join().unwrap())
}

/// Makes something belong to qemu, with these permissions.
fn of_qemu(node: &Node, path: &str, mode: u32) {
    let path = node.tree.path(path);
    std::os::unix::fs::chown(&path, Some(107), Some(107)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_capabilities_a_disk_that_may_not_be_read_still_has_a_size() {
    let node = Node::new();
    node.tree.disk("/var/vd/vol0", 15 << 30).unwrap();
    of_qemu(&node, "/var/vd/vol0/disk.img", 0o660);
    let facts = scan_without_capabilities(&node);
    let disk = directory(&facts, "vol0").disk.unwrap();
    assert_eq!(
        (disk.format, disk.virtual_bytes),
        (DiskFormat::Unknown, 15 << 30)
    );
    assert_eq!(facts.problems, []);
}

#[test]
fn without_capabilities_a_volume_may_be_unreadable() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 3).unwrap();
    of_qemu(&node, "/var/vd/vol1", 0o700);
    of_qemu(&node, "/var/vd/vol2", 0o755);
    let facts = scan_without_capabilities(&node);
    let reason = "Permission denied (os error 13)".to_owned();
    assert_eq!(content(&facts, "vol1"), Content::Unreadable { reason });
    assert!(directory(&facts, "vol0").is_empty() && directory(&facts, "vol2").is_empty());
    assert_eq!(facts.file_systems.len(), 1);
}

#[test]
fn without_capabilities_a_parent_may_be_unreadable() {
    let node = Node::new();
    node.tree.volumes("/var/vd/vol", 3).unwrap();
    of_qemu(&node, "/var/vd", 0o700);
    let facts = scan_without_capabilities(&node);
    let reason = "Permission denied (os error 13)".to_owned();
    assert_eq!(
        problems(&facts, Area::Volumes),
        [("/var/vd/".to_owned(), reason)]
    );
    assert_eq!(facts.volumes, []);
}

#[test]
fn without_capabilities_what_others_keep_to_themselves_is_a_problem_each() {
    let node = Node::with_vfs(1);
    node.tree
        .file("/var/lib/kubelet/cpu_manager_state", "{}")
        .unwrap();
    let paths = ["/proc/1/mountinfo", "/var/lib/kubelet/cpu_manager_state"];
    for path in paths {
        of_qemu(&node, path, 0o600);
    }
    let facts = scan_without_capabilities(&node);
    let found: BTreeSet<&str> = facts.problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(found, BTreeSet::from(paths));
    assert_eq!(facts.functions[0].vfs.len(), 1);
}
