mod any_order;
mod holds;
mod nominated;
mod promises;
mod verdicts;

use super::*;
use crate::fit::counted::Counted;
use crate::inventory::{self, FileSystem, HugePages, NodeInventoryStatus, VfPool, VolumeState};

const GI: u64 = 1 << 30;
const POOL: &str = "intel.com/intel_sriov_vm";

fn node(name: &str, hostname: &str) -> Event {
    Event::Node(
        name.into(),
        Some(Node {
            hostname: hostname.into(),
            ..Node::default()
        }),
    )
}

fn volume(name: &str, hostname: &str) -> Event {
    Event::Volume(name.into(), Some(free(hostname)))
}

fn free(hostname: &str) -> Volume {
    Volume {
        class: "local-vd".into(),
        bytes: 15 * GI,
        hostnames: [hostname.into()].into(),
        is_free: true,
        ..Volume::default()
    }
}

fn entry(volume: &str, state: VolumeState) -> inventory::Volume {
    inventory::Volume {
        persistent_volume: Some(volume.to_owned()),
        file_system: "8:1".to_owned(),
        state,
        ..inventory::Volume::default()
    }
}

fn inventory(name: &str, volumes: Vec<inventory::Volume>) -> Event {
    let status = NodeInventoryStatus {
        volumes,
        file_systems: vec![FileSystem {
            device: "8:1".to_owned(),
            mount_point: "/var/vd".to_owned(),
            free_after_promises_bytes: 100 * GI,
            ..FileSystem::default()
        }],
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: 8,
            free: 1,
            allocated: 4,
            advertised: 6,
            functions: vec![],
        }],
        huge_pages: vec![HugePages {
            size: "2Mi".to_owned(),
            total: 1024,
            free: 500,
            advertised: 1000,
            numa_nodes: vec![],
        }],
        ..NodeInventoryStatus::default()
    };
    Event::Inventory(name.into(), Some(Box::new(status)))
}

fn index(events: impl IntoIterator<Item = Event>) -> Index {
    let mut index = Index::default();
    events.into_iter().for_each(|event| index.apply(event));
    index
}

fn names(offer: &Offer) -> Vec<&str> {
    offer.volumes.iter().map(|it| &*it.name).collect()
}

#[test]
fn offer_has_the_volumes_of_its_hostname_and_the_inventory_of_its_name() {
    let known = index([
        volume("a", "edge1.site"),
        volume("b", "edge2.site"),
        inventory("edge1", vec![entry("a", VolumeState::Available)]),
        node("edge1", "edge1.site"),
    ]);
    let offer = known.offer("edge1").unwrap();
    assert_eq!(names(offer), ["a"]);
    assert_eq!(offer.volumes[0].file_system, Some(0));
    assert_eq!(offer.file_systems[0].free_bytes, 100 * GI);
    let vfs = &offer.counted[&Counted::Vfs(POOL.into())];
    assert_eq!((vfs.total, vfs.allocated, vfs.unusable), (8, 4, 3));
    assert_eq!(vfs.free_for(None), 1);
    let pages = &offer.counted[&Counted::Pages(crate::pages::PageSize::Mi2)];
    assert_eq!((pages.unusable, pages.free_for(None)), (24, 500));
}

#[test]
fn node_of_which_too_little_is_known_says_what() {
    let known = index([node("edge1", "edge1"), inventory("edge2", vec![])]);
    assert_eq!(known.offer("edge1"), Err(Unknown::Inventory));
    assert_eq!(known.offer("edge2"), Err(Unknown::Node));
    assert_eq!(known.offer("edge3"), Err(Unknown::Node));
}

/// The API server's word on who has a volume is newer; the agent's on its health is the only one.
#[test]
fn volume_is_free_if_nobody_says_otherwise() {
    let taken = Volume {
        is_free: false,
        ..free("edge1")
    };
    let known = index([
        node("edge1", "edge1"),
        inventory(
            "edge1",
            vec![
                entry("sick", VolumeState::Unhealthy),
                entry("kept", VolumeState::Retained),
                entry("back", VolumeState::Bound),
                entry("taken", VolumeState::Available),
            ],
        ),
        volume("sick", "edge1"),
        volume("kept", "edge1"),
        volume("back", "edge1"),
        volume("by-hand", "edge1"),
        Event::Volume("taken".into(), Some(taken)),
    ]);
    let offer = known.offer("edge1").unwrap();
    assert_eq!(names(offer), ["back", "by-hand"]);
    // kube-scheduler would take them.
    let spoilt: Vec<&str> = offer.spoilt.iter().map(|it| &*it.name).collect();
    assert_eq!(spoilt, ["kept", "sick"]);
}

#[test]
fn renamed_node_has_the_volumes_of_its_new_hostname() {
    let mut known = index([
        inventory("edge1", vec![]),
        node("edge1", "old"),
        volume("a", "old"),
        volume("b", "new"),
    ]);
    known.apply(node("edge1", "new"));
    assert_eq!(names(known.offer("edge1").unwrap()), ["b"]);
    known.apply(volume("a", "new"));
    assert_eq!(names(known.offer("edge1").unwrap()), ["a", "b"]);
}

#[test]
fn revision_grows_with_offers_only() {
    let mut known = index([node("edge1", "edge1"), inventory("edge1", vec![])]);
    let before = known.revision();
    for event in [
        node("edge1", "edge1"),
        volume("a", "elsewhere"),
        inventory("edge1", vec![]),
    ] {
        known.apply(event);
    }
    assert_eq!(known.revision(), before);
    known.apply(volume("b", "edge1"));
    assert!(known.revision() > before);
}

#[test]
fn nothing_is_kept_of_what_is_gone() {
    let gone = [
        Event::Node("edge1".into(), None),
        Event::Inventory("edge1".into(), None),
        Event::Volume("a".into(), None),
    ];
    let there = [
        node("edge1", "edge1"),
        inventory("edge1", vec![]),
        volume("a", "edge1"),
    ];
    assert_eq!(index(there.into_iter().chain(gone)), Index::default());
}
