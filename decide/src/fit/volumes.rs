//! Every claim of a VM on a volume of its own, all on one node, or why not.
//!
//! Exact, where kube-scheduler is greedy: it takes the smallest volume that fits, claim after claim, sees only the claims of
//! the pod in hand, and of a disk nothing but what the volume promises (facts: scheduler-extender 2). Its choice for these is
//! its own and comes first (`chosen.rs`). All other claims are matched together with what is left, and on each file system all of
//! their bytes must fit into what is really free. Of all such choices the one that wastes least is returned.

mod chosen;
mod misfit;
mod one;
mod search;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::counted::VmName;
use crate::profile::Selector;

pub(super) use chosen::worst_waste;
pub use misfit::{Chosen, Harm, VolumeMisfit};
pub(super) use one::{least_waste_of_one, waste_of_one};

/// A claim that has no volume yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimDemand {
    /// Its name, for words.
    pub name: String,
    /// Its class.
    pub class: Arc<str>,
    /// Bytes that it requests.
    pub bytes: u64,
    /// A file system or a block device.
    pub mode: VolumeMode,
    /// Access modes that it asks for; the volume must have all of them.
    pub access: AccessModes,
    /// Labels that its volume must have.
    pub selector: Option<Selector>,
}

/// A volume of a node that nobody has and that is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeVolume {
    /// Its PersistentVolume.
    pub name: Arc<str>,
    /// Its class.
    pub class: Arc<str>,
    /// Its capacity in bytes.
    pub bytes: u64,
    /// A file system or a block device.
    pub mode: VolumeMode,
    /// Access modes that it has.
    pub access: AccessModes,
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Its file system's place among those of the node; `None` if nothing is known of it.
    pub file_system: Option<usize>,
}

/// Labels of a PersistentVolume.
pub type Labels = std::collections::BTreeMap<String, String>;

/// A file system that holds volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemOffer {
    /// Bytes that are free when every disk on it has grown to its size and every promise is kept.
    pub free_bytes: u64,
}

/// Volumes of a node, and what is behind them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Volumes<'o> {
    /// Free and healthy ones.
    pub(super) usable: &'o [FreeVolume],
    /// Those that can't be used, which kube-scheduler takes for free ones all the same.
    pub(super) spoilt: &'o [FreeVolume],
    /// File systems behind the usable ones.
    pub(super) file_systems: &'o [FileSystemOffer],
}

/// `volumeMode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeMode {
    /// A directory; Kubernetes' default.
    #[default]
    Filesystem,
    /// A device.
    Block,
}

/// A set of access modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessModes(u8);

impl AccessModes {
    const NAMES: [&str; 4] = [
        "ReadWriteOnce",
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOncePod",
    ];

    /// The modes of these names; names that Kubernetes does not know yet are left out.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let bit = |name| Self::NAMES.iter().position(|known| *known == name);
        let bits = names.into_iter().filter_map(bit);
        Self(bits.fold(0, |all, bit| all | 1 << bit))
    }

    /// Whether all of these are among them.
    #[must_use]
    pub fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// Which claim gets which volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// Places of the volumes, in the order of the claims.
    pub volumes: Vec<usize>,
    /// Bytes of the volumes that no claim asked for.
    pub waste: u64,
}

impl Volumes<'_> {
    /// Bytes behind a volume; `None` if nothing is known of them.
    fn room_of(&self, volume: &FreeVolume) -> Option<u64> {
        let file_system = self.file_systems.get(volume.file_system?)?;
        Some(file_system.free_bytes)
    }
}

impl Matching {
    /// Bytes of the volumes chosen that these claims, its first ones, did not ask for.
    pub(super) fn waste_of(&self, claims: &[ClaimDemand], volumes: &[FreeVolume]) -> u64 {
        let chosen = self.volumes.iter().filter_map(|at| volumes.get(*at));
        let wastes = chosen.zip(claims);
        wastes.fold(0, |sum: u64, (volume, claim)| {
            sum.saturating_add(volume.bytes.saturating_sub(claim.bytes))
        })
    }
}

impl ClaimDemand {
    /// Whether this volume would do: the rules of Kubernetes' `FindMatchingVolume`, for a volume of the node.
    fn takes(&self, volume: &FreeVolume) -> bool {
        self.bytes <= volume.bytes
            && (Arc::ptr_eq(&self.class, &volume.class) || self.class == volume.class)
            && self.mode == volume.mode
            && volume.access.has(self.access)
            && (self.selector.as_ref()).is_none_or(|selector| {
                selector.selects_by(|key| volume.labels.get(key).map(String::as_str))
            })
    }

    /// The same, by the name that tells it from those of other VMs.
    pub(super) fn of_vm(&self, (namespace, vm): &VmName) -> Self {
        Self {
            name: format!("{} of {namespace}/{vm}", self.name),
            ..self.clone()
        }
    }

    /// Whether nothing but the name differs.
    fn is_like(&self, other: &Self) -> bool {
        let same = |one: &Self| (one.bytes, one.mode, one.access);
        same(self) == same(other) && self.class == other.class && self.selector == other.selector
    }
}

/// Finds a volume for each claim.
///
/// # Errors
/// The claims that stand in each other's way, or the space that is missing.
pub fn matching(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    file_systems: &[FileSystemOffer],
) -> Result<Matching, VolumeMisfit> {
    let candidates: Vec<Vec<usize>> = claims
        .iter()
        .map(|claim| {
            let fits = volumes.iter().enumerate().filter(|(_, it)| claim.takes(it));
            fits.map(|(at, _)| at).collect()
        })
        .collect();
    matching_among(claims, volumes, file_systems, &candidates)
}

/// The same, where each claim may have these volumes only.
fn matching_among(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    file_systems: &[FileSystemOffer],
    candidates: &[Vec<usize>],
) -> Result<Matching, VolumeMisfit> {
    if claims.is_empty() {
        return Ok(Matching::default());
    }
    if let Some(crowd) = crowd(candidates, volumes.len()) {
        return Err(too_few(claims, volumes, candidates, &crowd));
    }
    search::least_waste(claims, volumes, file_systems, candidates)
        .ok_or_else(|| no_space(claims, volumes, file_systems, candidates))
}

/// Claims that are more than the volumes that they could take, if there are such (Kuhn's algorithm, and Hall's theorem).
fn crowd(candidates: &[Vec<usize>], volumes: usize) -> Option<BTreeSet<usize>> {
    let mut holder: Vec<Option<usize>> = vec![None; volumes];
    for claim in 0..candidates.len() {
        let mut asked = vec![false; volumes];
        if !place(claim, candidates, &mut holder, &mut asked) {
            let holders = holder.iter().zip(&asked).filter(|(_, asked)| **asked);
            let others = holders.filter_map(|(holder, _)| *holder);
            return Some(others.chain([claim]).collect());
        }
    }
    None
}

/// Gives the claim a volume, if need be one that its holder can do without. As deep as there are claims.
fn place(
    claim: usize,
    candidates: &[Vec<usize>],
    holder: &mut [Option<usize>],
    asked: &mut [bool],
) -> bool {
    for &volume in candidates.get(claim).into_iter().flatten() {
        let (Some(now), Some(asked_now)) = (holder.get(volume).copied(), asked.get_mut(volume))
        else {
            continue;
        };
        if std::mem::replace(asked_now, true) {
            continue;
        }
        if now.is_none_or(|other| place(other, candidates, holder, asked)) {
            if let Some(slot) = holder.get_mut(volume) {
                *slot = Some(claim);
            }
            return true;
        }
    }
    false
}

fn too_few(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    candidates: &[Vec<usize>],
    crowd: &BTreeSet<usize>,
) -> VolumeMisfit {
    let members = || crowd.iter().filter_map(|at| claims.get(*at));
    // Volumes of two classes are never fought for, so all of them are of one.
    let class = members().next().map_or("", |claim| &claim.class);
    let fit: BTreeSet<_> = (crowd.iter().filter_map(|at| candidates.get(*at)))
        .flatten()
        .collect();
    VolumeMisfit::TooFew {
        claims: members().map(|claim| claim.name.clone()).collect(),
        class: class.to_owned(),
        bytes: members().map(|claim| claim.bytes).min().unwrap_or(0),
        fit: fit.len(),
        free: volumes.iter().filter(|it| &*it.class == class).count(),
    }
}

fn no_space(
    claims: &[ClaimDemand],
    volumes: &[FreeVolume],
    file_systems: &[FileSystemOffer],
    candidates: &[Vec<usize>],
) -> VolumeMisfit {
    let used = candidates
        .iter()
        .flatten()
        .filter_map(|at| volumes.get(*at));
    let places: BTreeSet<usize> = used.filter_map(|volume| volume.file_system).collect();
    let free = places.iter().filter_map(|at| file_systems.get(*at));
    VolumeMisfit::NoSpace {
        needs: claims
            .iter()
            .fold(0, |sum, it| sum.saturating_add(it.bytes)),
        free: free.fold(0, |sum, it| sum.saturating_add(it.free_bytes)),
    }
}

#[cfg(test)]
mod tests;
