use rstest::rstest;

use super::*;

const STAT: Device = Device {
    major: 0,
    minor: 31,
};

/// Stat says 0:31 of the volume.
#[rstest]
#[case::subvolume_below_a_mount("22 1 0:30 /@ / rw - btrfs /dev/sda rw\n", "0:30")]
#[case::subvolume_that_is_a_mount(
    "22 1 8:1 / / rw - ext4 a rw\n23 22 0:30 /vols/1 /var/vd/vol1 rw - btrfs b rw\n",
    "0:30"
)]
#[case::mount_of_that_very_device(
    "22 1 0:30 / / rw - btrfs a rw\n23 22 0:31 / /var/vd rw - tmpfs b rw\n",
    "0:31"
)]
#[case::others_have_one_device_for_all("22 1 8:1 / / rw - ext4 a rw\n", "0:31")]
#[case::no_mount("", "0:31")]
fn file_system_of_a_volume(#[case] mounts: &str, #[case] expected: &str) {
    let found = Mounts::of(mounts).file_system("/var/vd/vol1", STAT);
    assert_eq!(found.to_string(), expected);
}

/// The volume is `/vd/vol1` of the file system that is mounted at `/var`.
#[rstest]
#[case::nowhere_else("", &[])]
#[case::bind_mount("30 22 0:31 /vd/vol1 /mnt/disks/a rw - ext4 b rw\n", &["/mnt/disks/a"])]
#[case::of_something_in_it("30 22 0:31 /vd/vol1/sub /mnt/disks/a rw - ext4 b rw\n", &["/mnt/disks/a"])]
#[case::of_a_directory_above("30 22 0:31 /vd /mnt/disks rw - ext4 b rw\n", &["/mnt/disks/vol1"])]
#[case::of_the_whole_file_system("30 22 0:31 / /data rw - ext4 b rw\n", &["/data/vd/vol1"])]
#[case::two(
    "30 22 0:31 / /data rw - ext4 b rw\n31 22 0:31 /vd/vol1 /mnt/a rw - ext4 b rw\n",
    &["/data/vd/vol1", "/mnt/a"]
)]
#[case::hidden_by_a_later_mount(
    "30 22 0:31 / /data rw - ext4 b rw\n31 30 8:9 / /data/vd rw - ext4 c rw\n", &[]
)]
#[case::of_a_pod("30 22 0:31 /vd/vol1 /k/pods/u/volumes/l/a rw - ext4 b rw\n", &[])]
#[case::of_its_neighbour("30 22 0:31 /vd/vol10 /mnt/disks/a rw - ext4 b rw\n", &[])]
#[case::of_another_file_system("30 22 8:9 /vd/vol1 /mnt/disks/a rw - ext4 b rw\n", &[])]
fn other_paths_of_a_volume(#[case] more: &str, #[case] expected: &[&str]) {
    let mounts = format!("20 1 8:1 / / rw - ext4 a rw\n21 20 0:31 / /var rw - ext4 b rw\n{more}");
    let found = Mounts::of(&mounts).other_paths("/var/vd/vol1", STAT);
    assert_eq!(Vec::from_iter(found), expected);
}

#[test]
fn other_paths_of_a_file_system_of_its_own() {
    let mounts = "20 1 8:1 / / rw - ext4 a rw\n21 20 0:31 / /var/vd/vol1 rw - ext4 b rw\n\
                  22 20 0:31 / /mnt/disks/ssd rw - ext4 b rw\n";
    let found = Mounts::of(mounts).other_paths("/var/vd/vol1", STAT);
    assert_eq!(Vec::from_iter(found), ["/mnt/disks/ssd"]);
}

#[test]
fn no_more_other_paths_than_can_be_kept() {
    let more = (0..1_000).map(|n| format!("{} 20 0:31 / /mnt/{n} rw - ext4 b rw\n", 100 + n));
    let mounts = format!("20 1 0:31 / / rw - ext4 b rw\n{}", more.collect::<String>());
    let found = Mounts::of(&mounts).other_paths("/var/vd/vol1", STAT);
    assert_eq!(found.len(), DirectoryFacts::PATHS);
}
