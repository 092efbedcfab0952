//! Laws of a node's volumes that hold for every node, however strange; plans are carried out by a small simulation.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use vmberth_decide::inventory::VolumeState;
use vmberth_decide::names;
use vmberth_decide::node::assess::{ConditionKind, Status, VolumeVerdict, assess};
use vmberth_decide::node::cluster::{ClaimRef, Cluster, Node, PersistentVolume, Phase, Pod};
use vmberth_decide::node::config::{Capacity, Config, Offer, Reclaim, VolumePattern};
use vmberth_decide::node::facts::{
    Content, Device, DirectoryFacts, DiskFacts, DiskFormat, Facts, FileSystemFacts, Foreign,
    VolumeFacts,
};
use vmberth_decide::node::file_systems::rooms;
use vmberth_decide::node::local_volumes::{Action, Mend, NewVolume, ReclaimOrder, plan};
use vmberth_decide::node::sizes::limit;

const GIB: u64 = 1 << 30;
const HOSTNAME: &str = "edge-1.example";

/// Everything that decisions about a node read.
#[derive(Debug, Clone)]
struct World {
    facts: Facts,
    cluster: Cluster,
    config: Config,
}

impl World {
    fn plan(&self) -> Vec<Action> {
        let assessment = assess(&self.facts, &self.cluster, &self.config);
        plan(&assessment, &self.cluster, &self.config)
    }

    fn volumes(&self) -> Vec<VolumeVerdict> {
        assess(&self.facts, &self.cluster, &self.config).volumes
    }

    /// Its words may stand behind those of another reason.
    fn is_overpromised(&self) -> bool {
        let findings = assess(&self.facts, &self.cluster, &self.config).findings;
        let mut findings = findings.iter();
        findings.any(|it| {
            it.kind == ConditionKind::DiskPressure && it.message.contains("at overcommit")
        })
    }

    /// As the exporter would, and the PV controller behind it.
    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Create(new) => self.create(new),
                Action::Mend(mend) => self.mend(&mend),
                Action::Reclaim(order) => self.reclaim(&order),
            }
        }
    }

    fn create(&mut self, new: NewVolume) {
        let taken = self.cluster.volumes.iter().any(|pv| pv.name == new.name);
        assert!(!taken, "second volume of the name {}", new.name);
        self.cluster.volumes.push(PersistentVolume {
            uid: format!("uid of {}", new.name),
            name: new.name,
            labels: new.labels,
            annotations: new.annotations,
            class: new.class,
            capacity: new.capacity,
            path: new.path,
            hostnames: BTreeSet::from([new.hostname]),
            phase: Phase::Available,
            ..PersistentVolume::default()
        });
    }

    fn volume(&mut self, name: &str, uid: &str) -> &mut PersistentVolume {
        let mut volumes = self.cluster.volumes.iter_mut();
        volumes
            .find(|pv| pv.name == name && pv.uid == uid)
            .expect("only volumes that are there are touched")
    }

    fn mend(&mut self, mend: &Mend) {
        let pv = self.volume(&mend.name, &mend.uid);
        set(&mut pv.labels, &mend.labels);
        set(&mut pv.annotations, &mend.annotations);
    }

    fn reclaim(&mut self, order: &ReclaimOrder) {
        let directory = self.directory_mut(&order.path).unwrap();
        let freed = directory.disk.take().map_or(0, |disk| disk.allocated_bytes);
        directory.foreign = Foreign::default();
        let mut file_systems = self.facts.file_systems.iter_mut();
        if let Some(file_system) = file_systems.find(|fs| fs.device == order.directory.device) {
            file_system.free += freed;
        }
        let pv = self.volume(&order.name, &order.uid);
        pv.claim = None;
        pv.phase = Phase::Available;
    }

    fn directory_mut(&mut self, path: &str) -> Option<&mut DirectoryFacts> {
        let mut volumes = self.facts.volumes.iter_mut();
        match &mut volumes.find(|volume| volume.path == path)?.content {
            Content::Directory(directory) => Some(directory),
            Content::NotADirectory { .. } | Content::Unreadable { .. } => None,
        }
    }

    fn directory(&self, path: &str) -> Option<&DirectoryFacts> {
        let mut volumes = self.facts.volumes.iter();
        match &volumes.find(|volume| volume.path == path)?.content {
            Content::Directory(directory) => Some(directory),
            Content::NotADirectory { .. } | Content::Unreadable { .. } => None,
        }
    }

    fn read_only(&self, device: Device) -> bool {
        let mut file_systems = self.facts.file_systems.iter();
        file_systems.any(|fs| fs.device == device && fs.read_only)
    }

    fn overcommit(&self) -> f64 {
        let offers = self.config.volumes.iter();
        let offers = offers.filter_map(|pattern| pattern.offer.as_ref());
        offers.map(|offer| offer.overcommit).fold(0.0, f64::max)
    }
}

fn set(map: &mut BTreeMap<String, String>, changes: &BTreeMap<String, Option<String>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

fn device(minor: u32) -> Device {
    Device { major: 8, minor }
}

prop_compose! {
    fn offers()(
        class in select(vec!["local-vd", "other"]),
        capacity in prop_oneof![Just(Capacity::Fair), (1..30_u64).prop_map(|n| Capacity::Fixed(n * GIB))],
        overcommit in select(vec![0.5, 1.0, 2.0]),
        reclaim in select(vec![Reclaim::Retain, Reclaim::Wipe]),
        scratch_reclaim in select(vec![Reclaim::Retain, Reclaim::Wipe]),
    ) -> Offer {
        Offer {
            class: class.to_owned(), capacity, filesystem_overhead: 0.06, overcommit, reclaim, scratch_reclaim,
        }
    }
}

prop_compose! {
    fn patterns()(prefix in select(vec!["vol", "vol1", "x"]), max in 0..16_u16, offer in option::weighted(0.9, offers()))
        -> VolumePattern {
        VolumePattern { directory: "/var/vd/".into(), prefix: prefix.into(), max, slash_added: false, offer }
    }
}

prop_compose! {
    fn file_systems()(sizes in vec((1..300_u64, 0..=100_u64, 0..10_u8), 0..3)) -> Vec<FileSystemFacts> {
        let mounts = ["/var/vd", "/"];
        let file_systems = sizes.into_iter().zip(mounts).zip(1..);
        file_systems.map(|(((size, free, luck), mount), minor)| FileSystemFacts {
            device: device(minor), mount_point: mount.into(), read_only: luck == 0,
            size: size * GIB, free: size * GIB / 100 * free,
            directories: (minor == 1).then(|| "/var/vd/".to_owned()).into_iter().collect(),
            ..FileSystemFacts::default()
        }).collect()
    }
}

prop_compose! {
    fn directories()(
        minor in 1..3_u32,
        inode in prop_oneof![20 => 10..u64::MAX, 1 => Just(1)],
        disk in option::of(1..40_u64),
        files in prop_oneof![2 => Just(0), 1 => 1..9_u64],
        mounted in option::weighted(0.2, select(vec!["p0", "p1", "ghost"])),
        born in option::of(0..2_i128),
        other in option::weighted(0.2, select(vec!["/mnt/disks/d0", "/mnt/disks/d1"])),
    ) -> DirectoryFacts {
        let also_at = other.map(str::to_owned).into_iter().collect();
        DirectoryFacts {
            device: device(minor), stat_device: device(minor), inode, mode: 0o755, born, also_at,
            disk: disk.map(|size| DiskFacts {
                format: DiskFormat::Raw, virtual_bytes: size * GIB, allocated_bytes: GIB, modified: 0,
            }),
            foreign: Foreign { count: files, names: (files > 0).then(|| "file".into()).into_iter().collect() },
            mounted_by: mounted.map(str::to_owned).into_iter().collect(),
            ..DirectoryFacts::default()
        }
    }
}

fn contents() -> impl Strategy<Value = Content> {
    let link = Content::NotADirectory {
        kind: "a symbolic link",
    };
    let unreadable = Content::Unreadable {
        reason: "EIO".into(),
    };
    let empty = directories().prop_map(|directory| DirectoryFacts {
        disk: None,
        foreign: Foreign::default(),
        mounted_by: BTreeSet::new(),
        ..directory
    });
    prop_oneof![
        6 => empty.prop_map(Content::Directory),
        6 => directories().prop_map(Content::Directory),
        1 => Just(link),
        1 => Just(unreadable),
    ]
}

fn paths() -> impl Strategy<Value = String> {
    let numbered = |(prefix, number)| format!("/var/vd/{prefix}{number}");
    (select(vec!["vol", "x"]), 0..16_u16).prop_map(numbered)
}

/// Of PersistentVolumes, some of which name a directory by another path.
fn named_paths() -> impl Strategy<Value = String> {
    let elsewhere = select(vec!["/mnt/disks/d0", "/mnt/disks/d1", "/mnt/disks/d1/sub"]);
    prop_oneof![9 => paths(), 1 => elsewhere.prop_map(str::to_owned)]
}

fn scanned() -> impl Strategy<Value = Vec<VolumeFacts>> {
    let volume = |(path, content): (String, Content)| VolumeFacts {
        name: path.rsplit('/').next().unwrap().to_owned(),
        path,
        content,
    };
    let volumes = proptest::collection::btree_map(paths(), contents(), 0..14);
    volumes.prop_map(move |volumes| volumes.into_iter().map(volume).collect())
}

prop_compose! {
    fn claims()(name in select(vec!["c0", "c1", "c0-scratch"]), uid in select(vec!["u0", "u1", ""])) -> ClaimRef {
        ClaimRef { namespace: "default".into(), name: name.into(), uid: uid.into() }
    }
}

/// Ours and in order more often than not.
fn usually(value: &'static str, others: Vec<&'static str>) -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(value), 1 => select(others)]
}

prop_compose! {
    fn persistent_volumes()(
        (path, slash) in (named_paths(), option::weighted(0.1, Just("/"))),
        (owner, provisioner) in (usually("edge-1", vec!["old", ""]), usually(names::PROVISIONER, vec!["someone"])),
        uid in usually("node-uid", vec!["old"]),
        host in usually(HOSTNAME, vec!["edge-2", ""]),
        class in usually("local-vd", vec!["other"]),
        capacity in 1..40_u64,
        phase in prop_oneof![
            3 => Just(Phase::Released),
            2 => select(vec![Phase::Pending, Phase::Available, Phase::Bound, Phase::Failed]),
        ],
        claim in option::weighted(0.8, claims()),
        marks in vec(select(vec![
            (names::KEEP_ANNOTATION, "true"),
            (names::KEEP_ANNOTATION, "Yes"),
            (names::KEEP_ANNOTATION, "false"),
            (names::CLAIM_KIND_ANNOTATION, "scratch"),
            (names::CLAIM_KIND_ANNOTATION, "scratch/u0"),
            (names::CLAIM_KIND_ANNOTATION, "scratch/"),
            (names::MOUNT_POINT_ANNOTATION, "/var/vd"),
            (names::MOUNT_POINT_ANNOTATION, "/"),
            (names::DIRECTORY_ANNOTATION, "1"),
            (names::DIRECTORY_ANNOTATION, "1:0"),
            (names::VIRTUAL_MACHINE_ANNOTATION, "default/old"),
        ]), 0..2),
        deleting in prop::bool::weighted(0.1),
    ) -> PersistentVolume {
        let mut annotations = BTreeMap::from([
            (names::PROVISIONED_BY_ANNOTATION.to_owned(), provisioner.to_owned()),
            (names::NODE_UID_ANNOTATION.to_owned(), uid.to_owned()),
        ]);
        annotations.extend(marks.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
        PersistentVolume {
            path: format!("{path}{}", slash.unwrap_or_default()),
            labels: BTreeMap::from([(names::NODE_LABEL.to_owned(), owner.to_owned())]),
            annotations, class: class.to_owned(), capacity: capacity * GIB, phase, claim, deleting,
            hostnames: Some(host.to_owned()).filter(|host| !host.is_empty()).into_iter().collect(),
            ..PersistentVolume::default()
        }
    }
}

prop_compose! {
    fn pods()(
        ended in any::<bool>(),
        of_cdi in any::<bool>(),
        machine in option::of(Just("web".to_owned())),
        claims in vec(select(vec!["c0", "c1", "c0-scratch"]), 0..2),
    ) -> Pod {
        let claims = claims.into_iter().map(str::to_owned).collect();
        let labels = of_cdi.then(|| (names::CDI_APP_LABEL.to_owned(), names::CDI_APP.to_owned()));
        let labels = labels.into_iter().collect();
        Pod { namespace: "default".into(), ended, machine, claims, labels, ..Pod::default() }
    }
}

prop_compose! {
    fn worlds()(
        patterns in vec(patterns(), 1..3),
        volumes in scanned(),
        file_systems in file_systems(),
        mut held in vec(persistent_volumes(), 0..8),
        mut pods in vec(pods(), 0..3),
        scratch in vec(select(vec!["u0", "u1"]), 0..2),
        hostname in option::weighted(0.95, Just(HOSTNAME.to_owned())),
    ) -> World {
        for (number, pv) in held.iter_mut().enumerate() {
            pv.name = format!("pv{number}");
            pv.uid = format!("uid{number}");
        }
        for (number, pod) in pods.iter_mut().enumerate() {
            pod.name = format!("pod{number}");
            pod.uid = format!("p{number}");
        }
        let node = Node { name: "edge-1".into(), uid: "node-uid".into(), hostname, ..Node::default() };
        World {
            facts: Facts { volumes, file_systems, ..Facts::default() },
            cluster: Cluster {
                node: Some(node), volumes: held, pods, scratch: scratch.into_iter().map(str::to_owned).collect(),
            },
            config: Config { volumes: patterns, ..Config::default() },
        }
    }
}

/// The same, in another order.
fn shuffled(world: World) -> impl Strategy<Value = (World, World)> {
    let volumes = Just(world.facts.volumes.clone()).prop_shuffle();
    let file_systems = Just(world.facts.file_systems.clone()).prop_shuffle();
    let held = Just(world.cluster.volumes.clone()).prop_shuffle();
    let pods = Just(world.cluster.pods.clone()).prop_shuffle();
    (volumes, file_systems, held, pods).prop_map(move |(volumes, file_systems, held, pods)| {
        let mut other = world.clone();
        other.facts.volumes = volumes;
        other.facts.file_systems = file_systems;
        other.cluster.volumes = held;
        other.cluster.pods = pods;
        (world.clone(), other)
    })
}

fn created(actions: &[Action]) -> impl Iterator<Item = &NewVolume> {
    actions.iter().filter_map(|action| match action {
        Action::Create(new) => Some(new),
        Action::Mend(_) | Action::Reclaim(_) => None,
    })
}

fn ordered(actions: &[Action]) -> impl Iterator<Item = &ReclaimOrder> {
    actions.iter().filter_map(|action| match action {
        Action::Reclaim(order) => Some(order),
        Action::Create(_) | Action::Mend(_) => None,
    })
}

/// For disks of so many GiB.
fn fixed(disk: u64) -> Offer {
    Offer {
        class: "local-vd".into(),
        capacity: Capacity::Fixed(disk * GIB),
        filesystem_overhead: 0.06,
        overcommit: 1.0,
        reclaim: Reclaim::Retain,
        scratch_reclaim: Reclaim::Retain,
    }
}

fn empty_volume(number: u64) -> VolumeFacts {
    VolumeFacts {
        name: format!("vol{number}"),
        path: format!("/var/vd/vol{number}"),
        content: Content::Directory(DirectoryFacts {
            device: device(1),
            inode: number,
            ..DirectoryFacts::default()
        }),
    }
}

/// Volumes `vol0` to `vol<max>`, none of which is there, on a file system of so many GiB.
fn one_file_system(free: u64, max: u16, offer: Offer) -> World {
    World {
        facts: Facts {
            file_systems: vec![FileSystemFacts {
                device: device(1),
                mount_point: "/".into(),
                size: free * GIB,
                free: free * GIB,
                directories: BTreeSet::from(["/var/vd/".to_owned()]),
                ..FileSystemFacts::default()
            }],
            ..Facts::default()
        },
        cluster: Cluster {
            node: Some(Node {
                name: "edge-1".into(),
                uid: "node-uid".into(),
                hostname: Some(HOSTNAME.into()),
                ..Node::default()
            }),
            ..Cluster::default()
        },
        config: Config {
            volumes: vec![VolumePattern {
                directory: "/var/vd/".into(),
                prefix: "vol".into(),
                max,
                slash_added: false,
                offer: Some(offer),
            }],
            ..Config::default()
        },
    }
}

/// What becomes known as scratch space.
fn marked(actions: &[Action]) -> impl Iterator<Item = &Mend> {
    let mends = actions.iter().filter_map(|action| match action {
        Action::Mend(mend) => Some(mend),
        Action::Create(_) | Action::Reclaim(_) => None,
    });
    mends.filter(|mend| {
        matches!(
            mend.annotations.get(names::CLAIM_KIND_ANNOTATION),
            Some(Some(_))
        )
    })
}

/// A PersistentVolume that pods of this node may get.
fn is_here(pv: &PersistentVolume) -> bool {
    pv.hostnames.is_empty() || pv.hostnames.contains(HOSTNAME)
}

proptest! {
    #[test]
    fn new_volumes_never_promise_more_than_overcommit_allows(mut world in worlds()) {
        let before = rooms(&world.facts, &world.cluster, &world.volumes());
        let disks = |world: &World, device: Device| -> u64 {
            let volumes = world.volumes();
            let held = volumes.iter().filter(|volume| volume.capacity.is_some());
            let on = held.filter_map(|volume| volume.directory.as_ref()).filter(|on| on.device == device);
            on.filter_map(|directory| directory.disk.as_ref()).map(|disk| disk.allocated_bytes).sum()
        };
        let actions = world.plan();
        world.carry_out(actions);
        for (device, room) in rooms(&world.facts, &world.cluster, &world.volumes()) {
            let free = world.facts.file_systems.iter().find(|fs| fs.device == device).unwrap().free;
            prop_assert!(room.promisable <= free + disks(&world, device));
            let most = limit(room.promisable, world.overcommit()).max(before[&device].promised);
            prop_assert!(room.promised <= most, "{device}: {} of {most}", room.promised);
        }
    }

    /// What is made is within what the condition calls promised too much.
    #[test]
    fn new_volumes_are_never_told_as_overpromised(mut world in worlds()) {
        if !world.is_overpromised() {
            let actions = world.plan().into_iter();
            world.carry_out(actions.filter(|action| matches!(action, Action::Create(_))).collect());
            prop_assert!(!world.is_overpromised());
        }
    }

    #[test]
    fn only_what_pods_of_this_node_get_is_available(mut world in worlds()) {
        for pv in &mut world.cluster.volumes {
            (pv.phase, pv.claim) = (Phase::Available, None);
        }
        let node = world.cluster.node.as_ref().unwrap();
        for volume in world.volumes() {
            let pv = world.cluster.volumes.iter().find(|pv| Some(&pv.name) == volume.persistent_volume.as_ref());
            let is_here = pv.is_some_and(|pv| node.hostname.as_ref().is_some_and(|it| pv.hostnames.contains(it)));
            prop_assert!(is_here || volume.state != VolumeState::Available, "{volume:?}");
        }
    }

    /// Directories that are not there are bad where one of ours is lost, and nowhere else.
    #[test]
    fn node_without_directories_is_well_unless_it_lost_one(mut world in worlds()) {
        world.facts.volumes.clear();
        world.facts.file_systems.clear();
        let assessment = assess(&world.facts, &world.cluster, &world.config);
        let ours = world.cluster.volumes.iter().any(|pv| {
            pv.labels[names::NODE_LABEL] == "edge-1"
                && pv.annotations[names::PROVISIONED_BY_ANNOTATION] == names::PROVISIONER
        });
        let healthy = &assessment.findings[0];
        let expected = if ours { (Status::False, "VolumesUnhealthy") } else { (Status::True, "NoVolumes") };
        prop_assert_eq!((healthy.kind, (healthy.status, healthy.reason)), (ConditionKind::VolumesHealthy, expected));
        prop_assert_eq!(assessment.advice.iter().any(|advice| advice.reason == "NoVolumes"), false);
    }

    /// A volume that was given back loses what it noted of its claim, one that was marked as scratch space may be given
    /// back, and that is all.
    #[test]
    fn plan_that_is_carried_out_leaves_nothing_to_do(mut world in worlds()) {
        let mut before = world.plan();
        world.carry_out(before.clone());
        for _ in 0..2 {
            let given_back: BTreeSet<String> = ordered(&before).map(|order| order.name.clone()).collect();
            let next = world.plan();
            for action in &next {
                let follows = match action {
                    Action::Create(_) => false,
                    Action::Mend(mend) => given_back.contains(&mend.name),
                    Action::Reclaim(order) => marked(&before).any(|mend| mend.name == order.name),
                };
                prop_assert!(follows, "{action:?}");
            }
            world.carry_out(next.clone());
            before = next;
        }
        prop_assert_eq!(world.plan(), []);
    }

    /// Whatever part of a plan is carried out before a crash, the next one comes to the same end.
    #[test]
    fn crash_between_actions_changes_nothing(world in worlds(), done in any::<prop::sample::Index>()) {
        let settled = |mut world: World, first: Vec<Action>| {
            world.carry_out(first);
            for _ in 0..3 {
                let actions = world.plan();
                world.carry_out(actions);
            }
            world.cluster.volumes.sort_by(|a, b| a.name.cmp(&b.name));
            world
        };
        let all = world.plan();
        let some = all[..done.index(all.len() + 1)].to_vec();
        let (whole, broken) = (settled(world.clone(), all), settled(world, some));
        let names = |world: &World| -> Vec<String> {
            world.cluster.volumes.iter().map(|pv| pv.name.clone()).collect()
        };
        prop_assert_eq!(names(&whole), names(&broken));
        prop_assert_eq!(broken.plan(), []);
    }

    #[test]
    fn only_empty_directories_without_a_persistent_volume_get_one(world in worlds()) {
        for new in created(&world.plan()) {
            let directory = world.directory(&new.path).unwrap();
            prop_assert!(directory.is_empty() && directory.mounted_by.is_empty());
            prop_assert!(!world.read_only(directory.device));
            let held = |pv: &PersistentVolume| pv.path.trim_end_matches('/') == new.path && is_here(pv);
            prop_assert!(!world.cluster.volumes.iter().any(held));
        }
    }

    /// Whenever directories are made or emptied, those that come last still get what the first got.
    #[test]
    fn fair_shares_are_the_same_for_all_whoever_comes_first(
        (order, late) in (1..9_u16)
            .prop_flat_map(|count| (Just((0..count).collect::<Vec<_>>()).prop_shuffle(), vec(any::<bool>(), 9))),
        free in 1..300_u64,
        overcommit in select(vec![0.5, 1.0, 2.0]),
    ) {
        let count = u64::try_from(order.len()).unwrap();
        let offer = Offer { capacity: Capacity::Fair, ..fixed(1) };
        let offer = Offer { overcommit, ..offer };
        let mut world = one_file_system(free, u16::try_from(count - 1).unwrap(), offer);
        for number in order.iter().copied() {
            world.facts.volumes.push(empty_volume(u64::from(number)));
            let directory = world.directory_mut(&format!("/var/vd/vol{number}")).unwrap();
            directory.foreign.count = u64::from(late[usize::from(number)]);
            let actions = world.plan();
            world.carry_out(actions);
        }
        for number in &order {
            world.directory_mut(&format!("/var/vd/vol{number}")).unwrap().foreign = Foreign::default();
            let actions = world.plan();
            world.carry_out(actions);
        }
        let sizes: Vec<u64> = world.cluster.volumes.iter().map(|pv| pv.capacity).collect();
        prop_assert_eq!(sizes.len(), order.len());
        let most = limit(free * GIB, overcommit);
        prop_assert!(sizes.iter().sum::<u64>() <= most);
        let share = most / count;
        prop_assert!(sizes.iter().all(|size| size.abs_diff(share) <= count << 20), "{sizes:?}, not {share}");
    }

    #[test]
    fn only_what_nobody_keeps_or_uses_is_given_back(world in worlds()) {
        for order in ordered(&world.plan()) {
            let pv = world.cluster.volumes.iter().find(|pv| pv.uid == order.uid).unwrap();
            prop_assert!(pv.phase == Phase::Released && !pv.deleting);
            let says = |key: &str, value: &str| pv.annotations.get(key).is_some_and(|found| found == value);
            prop_assert_eq!(pv.labels.get(names::NODE_LABEL).map(String::as_str), Some("edge-1"));
            prop_assert!(says(names::PROVISIONED_BY_ANNOTATION, names::PROVISIONER));
            prop_assert!(says(names::NODE_UID_ANNOTATION, "node-uid"));
            prop_assert!(pv.annotations.get(names::KEEP_ANNOTATION).is_none_or(|value| value == "false"));
            let claim = pv.claim.as_ref().unwrap();
            prop_assert!(!claim.uid.is_empty() && *claim == order.claim);
            let directory = world.directory(&order.path).unwrap();
            prop_assert!(directory.mounted_by.is_empty() && !world.read_only(directory.device));
            if let Some(made_on) = pv.annotations.get(names::MOUNT_POINT_ANNOTATION) {
                let mut file_systems = world.facts.file_systems.iter();
                let now = file_systems.find(|fs| fs.device == directory.device).map(|fs| &fs.mount_point);
                prop_assert_eq!(now, Some(made_on));
            }
            let marks = [directory.mark(), directory.inode.to_string()];
            let made_of = pv.annotations.get(names::DIRECTORY_ANNOTATION);
            prop_assert!(made_of.is_none_or(|made_of| marks.contains(made_of)));
            let by_another_path = |other: &&PersistentVolume| {
                let path = other.path.trim_end_matches('/').trim_end_matches("/sub");
                directory.also_at.contains(path) && is_here(other)
            };
            prop_assert_eq!(world.cluster.volumes.iter().filter(by_another_path).count(), 0);
            let names_it = |other: &&PersistentVolume| other.path.trim_end_matches('/') == order.path && is_here(other);
            prop_assert_eq!(world.cluster.volumes.iter().filter(names_it).count(), 1);
            let offers = world.config.volumes.iter().filter_map(|pattern| pattern.offer.as_ref());
            let wipes = |offer: &Offer| {
                let scratch = says(names::CLAIM_KIND_ANNOTATION, &format!("scratch/{}", claim.uid));
                let policy = if scratch { offer.scratch_reclaim } else { offer.reclaim };
                offer.class == pv.class && policy == Reclaim::Wipe
            };
            prop_assert!(offers.into_iter().any(wipes));
        }
    }

    #[test]
    fn order_of_what_is_read_does_not_matter((world, other) in worlds().prop_flat_map(shuffled)) {
        prop_assert_eq!(
            assess(&world.facts, &world.cluster, &world.config),
            assess(&other.facts, &other.cluster, &other.config)
        );
        prop_assert_eq!(world.plan(), other.plan());
    }

    #[test]
    fn no_directory_ever_gets_two_persistent_volumes(mut world in worlds()) {
        let actions = world.plan();
        let new: Vec<String> = created(&actions).map(|new| new.path.clone()).collect();
        world.carry_out(actions);
        for path in new {
            let here = world.cluster.volumes.iter().filter(|pv| is_here(pv));
            let id = |path: &str| {
                let directory = world.directory(path.trim_end_matches('/'))?;
                Some((directory.device, directory.inode))
            };
            prop_assert_eq!(here.filter(|pv| id(&pv.path) == id(&path)).count(), 1);
        }
    }

    /// Others' volumes, and those of an earlier node, stay as they are.
    #[test]
    fn what_is_not_ours_is_not_touched(world in worlds()) {
        let mut after = world.clone();
        after.carry_out(world.plan());
        for (pv, now) in world.cluster.volumes.iter().zip(&after.cluster.volumes) {
            let ours = pv.labels[names::NODE_LABEL] == "edge-1"
                && pv.annotations[names::PROVISIONED_BY_ANNOTATION] == names::PROVISIONER
                && pv.annotations[names::NODE_UID_ANNOTATION] == "node-uid";
            prop_assert!(ours || pv == now);
            prop_assert_eq!((&pv.path, pv.capacity, &pv.class), (&now.path, now.capacity, &now.class));
        }
    }

    /// Where there is room, every empty directory is offered.
    #[test]
    fn empty_directories_are_offered(count in 1..16_u64, disk in 1..30_u64) {
        let mut world = one_file_system(1000, 64, fixed(disk));
        world.facts.volumes = (0..count).map(empty_volume).collect();
        prop_assert_eq!(u64::try_from(world.plan().len()).unwrap(), count);
    }
}
