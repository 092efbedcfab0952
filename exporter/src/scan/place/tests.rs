use rstest::rstest;

use super::*;

/// The node: a root, and a disk of its own at `/data`.
const NODE: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    23 22 8:2 / /data rw - xfs /dev/sda2 rw\n";

#[rstest]
#[case::the_same("8:1 /var/vd", NODE, false)]
#[case::a_link_on_the_same_disk("8:1 /srv/vd", NODE, true)]
#[case::a_link_to_another_disk("8:2 /vd", NODE, true)]
#[case::of_a_bind_mount(
    "8:2 /vd",
    "22 1 8:1 / / rw - ext4 a rw\n23 22 8:2 /vd /var/vd rw - xfs b rw\n",
    false
)]
#[case::mounted_there_later(
    "8:1 /var/vd",
    "22 1 8:1 / / rw - ext4 a rw\n23 22 8:2 / /var rw - xfs b rw\n",
    true
)]
#[case::unmounted_there_later("8:2 /", "22 1 8:1 / / rw - ext4 a rw\n", true)]
#[case::nobody_knows("8:1 /srv/vd", "", false)]
fn in_a_pod(#[case] own: &str, #[case] node: &str, #[case] expected: bool) {
    let own = format!(
        "40 1 0:9 / / ro - overlay overlay ro\n41 40 {own} /host/var/vd ro master:1 - ext4 x rw\n"
    );
    let found = Found {
        mount: 41,
        root: "/host".to_owned(),
        directory: "/host/var/vd".to_owned(),
    };
    let elsewhere = found.is_elsewhere(&Mounts::of(&own), &Mounts::of(node), "/var/vd/");
    assert_eq!(elsewhere, expected);
}

#[rstest]
#[case::the_whole_root_at_once("40 1 8:1 / /host ro - ext4 x rw", "/host", "/host/var/vd")]
#[case::a_tree_of_a_test("40 1 0:9 / /tmp rw - tmpfs x rw", "/tmp/t/host", "/tmp/t/host/var/vd")]
#[case::on_the_node_itself("40 1 8:3 /x /var rw - ext4 x rw", "/", "/var/vd")]
#[case::unknown("41 1 8:3 /x /host/var rw - ext4 x rw", "/host", "/host/var/vd")]
fn one_tree_is_not_judged(#[case] own: &str, #[case] root: &str, #[case] directory: &str) {
    let found = Found {
        mount: 40,
        root: root.to_owned(),
        directory: directory.to_owned(),
    };
    assert!(!found.is_elsewhere(&Mounts::of(own), &Mounts::of(NODE), "/var/vd/"));
}
