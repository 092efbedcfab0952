use rstest::rstest;

use super::*;
use crate::node::cluster::Phase;
use crate::node::config::{Offer, VolumePattern};
use crate::node::facts::{Content, Facts};
use crate::node::file_systems::rooms;
use crate::node::testing::*;
use crate::node::volumes;

/// What CDI 1.65 asks for a disk of 15Gi (facts: kubevirt-cdi 4), and what 1.44 did (15.96Gi).
#[rstest]
#[case::target(17_072_495_002)]
#[case::scratch(17_072_914_432)]
#[case::older_target(17_134_178_043)]
fn upload_of_15gi_fits(#[case] asked: u64) {
    let capacity = for_disk(15 * GIB, 0.06);
    assert_eq!(capacity, 17_135_828_992);
    assert!(asked <= capacity);
    assert!(capacity.is_multiple_of(MIB));
}

#[rstest]
#[case::no_overhead(GIB, 0.0, GIB + MIB)]
#[case::not_whole(1, 0.0, 2 * MIB)]
#[case::half(GIB, 0.5, 2 * GIB + MIB)]
#[case::negative_counts_as_none(GIB, -1.0, GIB + MIB)]
#[case::more_than_all_does_not_divide_by_zero(1, 7.0, 2 * MIB)]
#[case::largest(u64::MAX, 0.06, u64::MAX / MIB * MIB)]
fn capacity_for_a_disk(#[case] disk: u64, #[case] overhead: f64, #[case] expected: u64) {
    assert_eq!(for_disk(disk, overhead), expected);
}

#[rstest]
#[case::all(100, 1.0, 100)]
#[case::half(100, 0.5, 50)]
#[case::twice(100, 2.0, 200)]
#[case::no_number(100, f64::NAN, 0)]
#[case::endless(u64::MAX, 1e6, u64::MAX)]
fn limit_of_a_file_system(#[case] size: u64, #[case] overcommit: f64, #[case] expected: u64) {
    assert_eq!(limit(size, overcommit), expected);
}

fn fair() -> Offer {
    Offer {
        capacity: Capacity::Fair,
        ..offer()
    }
}

/// Of the volumes up to this number.
fn fair_up_to(max: u16) -> Config {
    let mut config = config_of(fair());
    config.volumes[0].max = max;
    config
}

fn all_free(mut facts: Facts) -> Facts {
    facts.file_systems[0].free = 100 * GIB;
    facts
}

/// Capacities of new volumes in GiB, by name; 0 if there is no room.
fn shares(
    volumes: &[(&str, Content)],
    cluster: &super::super::cluster::Cluster,
    config: &Config,
) -> Vec<(String, u64)> {
    let facts = all_free(facts(volumes.iter().cloned()));
    let verdicts = volumes::verdicts(&facts, cluster, config);
    let decided = capacities(&verdicts, rooms(&facts, cluster, &verdicts), config);
    decided
        .into_iter()
        .map(|(path, decided)| (path, decided.unwrap_or(0) / GIB))
        .collect()
}

fn named(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs
        .iter()
        .map(|(path, size)| ((*path).to_owned(), *size))
        .collect()
}

#[test]
fn fair_shares_are_even() {
    let volumes: Vec<(&str, Content)> = ["/var/vd/vol0", "/var/vd/vol1", "/var/vd/vol2"]
        .into_iter()
        .zip([1, 2, 3].map(directory))
        .collect();
    let found = shares(&volumes, &cluster([]), &fair_up_to(2));
    let third = 100 / 3;
    let expected = [
        ("/var/vd/vol0", third),
        ("/var/vd/vol1", third),
        ("/var/vd/vol2", third),
    ];
    assert_eq!(found, named(&expected));
}

#[test]
fn fair_shares_leave_what_is_promised_and_wait_for_those_that_are_not_empty() {
    let mut bound = ours("/var/vd/vol0");
    bound.capacity = 20 * GIB;
    let mut foreign = of_others("/var/vd/other");
    foreign.capacity = 30 * GIB;
    let volumes = [
        ("/var/vd/vol0", directory(1)),
        ("/var/vd/vol1", directory(2)),
        ("/var/vd/vol2", Content::Directory(with_disk(3))),
    ];
    let found = shares(&volumes, &cluster([bound, foreign]), &fair_up_to(2));
    assert_eq!(found, named(&[("/var/vd/vol1", 25)]));
}

#[rstest]
#[case::both(directory(1), &[("/var/vd/more0", 50), ("/var/vd/vol0", 50)])]
#[case::one_is_not_empty(Content::Directory(with_disk(1)), &[("/var/vd/more0", 50)])]
#[case::one_is_a_link(Content::NotADirectory { kind: "a symbolic link" }, &[("/var/vd/more0", 50)])]
fn two_fair_patterns_on_one_file_system_get_the_same(
    #[case] first: Content,
    #[case] expected: &[(&str, u64)],
) {
    let mut config = fair_up_to(0);
    config.volumes.push(VolumePattern {
        max: 0,
        ..pattern("more", Some(fair()))
    });
    let volumes = [("/var/vd/vol0", first), ("/var/vd/more0", directory(2))];
    let found = shares(&volumes, &cluster([]), &config);
    assert_eq!(found, named(expected));
}

/// Ansible makes directories one by one, and disks may be mounted late.
#[rstest]
#[case::first_of_four(&[0], 3, 25)]
#[case::second_of_four(&[0, 1], 3, 25)]
#[case::one_of_many(&[7], 99, 1)]
#[case::all(&[0, 1], 1, 50)]
fn fair_shares_do_not_depend_on_which_directories_are_there_yet(
    #[case] numbers: &[u64],
    #[case] max: u16,
    #[case] share: u64,
) {
    let paths = numbers.iter().map(|number| format!("/var/vd/vol{number}"));
    let paths: Vec<String> = paths.collect();
    let volumes: Vec<(&str, Content)> = (paths.iter().map(String::as_str))
        .zip((1..).map(directory))
        .collect();
    let expected: Vec<(&str, u64)> = paths.iter().map(|path| (path.as_str(), share)).collect();
    let found = shares(&volumes, &cluster([]), &fair_up_to(max));
    assert_eq!(found, named(&expected));
}

/// Those that are missing would be made on the file system of the directory above.
#[rstest]
#[case::of_its_own("/mnt/ssd/", 1)]
#[case::of_the_directory_above("/var/vd/", 65)]
fn volume_on_a_file_system_of_its_own_has_it_all(
    #[case] directory_on_it: &str,
    #[case] among: u64,
) {
    let mut facts = all_free(facts([("/var/vd/vol0", directory(1))]));
    facts.file_systems[0].directories = BTreeSet::from([directory_on_it.to_owned()]);
    let config = fair_up_to(64);
    let verdicts = volumes::verdicts(&facts, &cluster([]), &config);
    let decided = capacities(&verdicts, rooms(&facts, &cluster([]), &verdicts), &config);
    assert_eq!(decided["/var/vd/vol0"], Ok(100 * GIB / among / MIB * MIB));
}

#[test]
fn fixed_ones_come_first_and_fair_ones_share_the_rest() {
    let mut config = fair_up_to(0);
    config.volumes.push(pattern("fixed", Some(offer())));
    let volumes = [
        ("/var/vd/vol0", directory(1)),
        ("/var/vd/fixed0", directory(2)),
    ];
    let found = shares(&volumes, &cluster([]), &config);
    assert_eq!(
        found,
        named(&[("/var/vd/fixed0", 15), ("/var/vd/vol0", 84)])
    );
}

#[test]
fn what_does_not_fit_is_told_with_both_numbers() {
    let volumes: Vec<(String, Content)> = (0..7)
        .map(|number| (format!("/var/vd/vol{number}"), directory(number + 1)))
        .collect();
    let facts = all_free(facts(
        volumes
            .iter()
            .map(|(path, content)| (path.as_str(), content.clone())),
    ));
    let verdicts = volumes::verdicts(&facts, &cluster([]), &config());
    let told: Vec<bool> = verdicts
        .iter()
        .map(|verdict| reason(verdict).starts_with("a PersistentVolume of 16342Mi is made"))
        .collect();
    assert_eq!(told, [true, true, true, true, true, true, false]);
    let refused = "does not fit: file system /var/vd may promise 100Gi and has promised 98052Mi, this one needs 16342Mi";
    assert!(reason(&verdicts[6]).starts_with(refused), "{verdicts:#?}");
}

/// Of 100Gi, images and logs take what is neither free nor in a disk: nobody may be promised that. 15Gi need 16342Mi.
#[rstest]
#[case::much(40, &[], 2)]
#[case::exactly_enough(16, &[], 1)]
#[case::too_little(15, &[], 0)]
#[case::disks_take_what_was_promised_already(27, &[5], 1)]
#[case::disk_that_is_full_leaves_what_is_free(32, &[20], 2)]
#[case::disk_above_its_promise_takes_what_is_of_others(11, &[90], 0)]
fn only_what_can_be_kept_is_promised(
    #[case] free: u64,
    #[case] disks: &[u64],
    #[case] expected: usize,
) {
    let named = |number: usize| format!("/var/vd/vol{number}");
    let with = |allocated: u64| {
        let mut directory = with_disk(allocated);
        directory.disk.as_mut().unwrap().allocated_bytes = allocated * GIB;
        Content::Directory(directory)
    };
    let all = disks.iter().copied().map(with);
    let all = all.chain((1001..1004).map(directory)).enumerate();
    let all: Vec<(String, Content)> = all.map(|(n, content)| (named(n), content)).collect();
    let mut facts = facts(all.iter().map(|(path, it)| (path.as_str(), it.clone())));
    facts.file_systems[0].free = free * GIB;
    let bound = (0..disks.len()).map(|n| in_phase(ours(&named(n)), Phase::Bound, "disk"));
    let cluster = cluster(bound);
    let verdicts = volumes::verdicts(&facts, &cluster, &config());
    let decided = capacities(&verdicts, rooms(&facts, &cluster, &verdicts), &config());
    let made = decided.values().filter(|decided| decided.is_ok()).count();
    assert_eq!((decided.len(), made), (3, expected), "{decided:?}");
}

#[rstest]
#[case::as_the_config_makes_it(17_135_828_992, None)]
#[case::as_large_as_the_disk(15 * GIB, Some(17_135_828_992))]
#[case::larger(17 * GIB, Some(17_135_828_992))]
fn another_capacity_than_the_config_makes(#[case] found: u64, #[case] expected: Option<u64>) {
    assert_eq!(differs(found, &offer()), expected);
    assert_eq!(differs(found, &fair()), None);
}

#[test]
fn overcommit_lets_more_in() {
    let mut bound = ours("/var/vd/vol0");
    bound.capacity = 100 * GIB;
    let twice = Offer {
        overcommit: 2.0,
        ..offer()
    };
    let volumes = [
        ("/var/vd/vol0", directory(1)),
        ("/var/vd/vol1", directory(2)),
    ];
    let once = shares(&volumes, &cluster([bound.clone()]), &config());
    assert_eq!(once, named(&[("/var/vd/vol1", 0)]));
    let found = shares(&volumes, &cluster([bound]), &config_of(twice));
    assert_eq!(found, named(&[("/var/vd/vol1", 15)]));
}

#[test]
fn share_of_less_than_a_mib_is_none() {
    let mut bound = ours("/var/vd/vol0");
    bound.capacity = 100 * GIB - MIB;
    let volumes = [
        ("/var/vd/vol0", directory(1)),
        ("/var/vd/vol1", directory(2)),
        ("/var/vd/vol2", directory(3)),
    ];
    let found = shares(&volumes, &cluster([bound]), &fair_up_to(2));
    assert_eq!(found, named(&[("/var/vd/vol1", 0), ("/var/vd/vol2", 0)]));
}

#[test]
fn nothing_is_promised_of_a_file_system_that_could_not_be_read() {
    let mut facts = facts([("/var/vd/vol0", directory(1))]);
    facts.file_systems[0].mount_point.clear();
    let verdicts = volumes::verdicts(&facts, &cluster([]), &config());
    assert!(reason(&verdicts[0]).contains("can't be read"));
    facts.file_systems.clear();
    let verdicts = volumes::verdicts(&facts, &cluster([]), &config());
    assert!(reason(&verdicts[0]).contains("can't be read"));
}
