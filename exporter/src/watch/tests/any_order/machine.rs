//! What can be read of a node, and how it changes.

use std::fs;
use std::path::Path;

use crate::tree::{Card, Function, Tree};

/// What is at the path of a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Place {
    #[default]
    Nothing,
    Empty,
    Disk(u64),
    Files(u8),
    Link,
    File,
}

/// What can be read of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Machine {
    pub(super) volumes: [Place; 4],
    /// One for each function of a card; without any there is no card.
    pub(super) drivers: Vec<Option<&'static str>>,
    /// Huge pages, all and free ones.
    pub(super) pages: Option<(u64, u64)>,
    /// Pods and the volumes that the kubelet has mounted for them.
    pub(super) mounts: Vec<(u8, u8)>,
}

pub(super) fn uid_of(pod: u8) -> String {
    format!("pod-uid-{pod}")
}

pub(super) fn path_of(volume: u8) -> String {
    format!("/var/vd/vol{volume}")
}

pub(super) fn address_of(function: usize) -> String {
    format!("0000:3b:02.{function}")
}

/// Makes the one from the other, and touches nothing else.
pub(super) fn bring(tree: &Tree, was: &Machine, now: &Machine) {
    for (number, (was, now)) in (0..).zip(was.volumes.iter().zip(&now.volumes)) {
        if was != now {
            place(tree, &path_of(number), *now);
        }
    }
    if was.drivers.len() == now.drivers.len() {
        for (index, driver) in now.drivers.iter().enumerate() {
            let link = format!("/sys/bus/pci/devices/{}/driver", address_of(index));
            remove(&tree.path(&link));
            if let Some(driver) = driver {
                tree.bind(&address_of(index), driver).unwrap();
            }
        }
    } else {
        card(tree, &now.drivers);
    }
    match now.pages {
        Some((total, free)) => tree.pages(2048, &[(total, free.min(total))]).unwrap(),
        None => {
            remove(&tree.path("/sys/kernel/mm/hugepages"));
            remove(&tree.path("/sys/devices/system/node"));
        }
    }
    let mounts: Vec<(String, String)> = now
        .mounts
        .iter()
        .map(|(pod, volume)| (uid_of(*pod), path_of(*volume)))
        .collect();
    let mounts: Vec<(&str, &str)> = mounts.iter().map(|(uid, path)| (&**uid, &**path)).collect();
    tree.mounts(&mounts).unwrap();
}

fn place(tree: &Tree, path: &str, place: Place) {
    remove(&tree.path(path));
    match place {
        Place::Nothing => Ok(()),
        Place::Empty => tree.directory(path),
        Place::Disk(mib) => tree.disk(path, mib << 20),
        Place::Files(count) => {
            (0..count).try_for_each(|number| tree.file(&format!("{path}/file{number}"), "x"))
        }
        Place::Link => tree.link(path, "/tmp"),
        Place::File => tree.file(path, "x"),
    }
    .unwrap();
}

fn card(tree: &Tree, drivers: &[Option<&'static str>]) {
    let folders = [
        "/sys/bus/pci/devices",
        "/sys/class/net",
        "/sys/kernel/iommu_groups",
    ];
    for folder in folders {
        remove(&tree.path(folder));
        tree.directory(folder).unwrap();
    }
    if drivers.is_empty() {
        return;
    }
    let function = |(index, driver): (usize, &Option<&str>)| Function {
        address: address_of(index),
        driver: driver.map(str::to_owned),
        group: u32::try_from(index).ok(),
    };
    tree.card(&Card {
        address: "0000:3b:00.0".to_owned(),
        interface: Some("ens1f0".to_owned()),
        total_vfs: 8,
        vfs: drivers.iter().enumerate().map(function).collect(),
        ..Card::default()
    })
    .unwrap();
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}
