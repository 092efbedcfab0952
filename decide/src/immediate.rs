//! Claims of classes that bind at once: before there is a pod, so that neither scheduler nor extender is ever asked.
//!
//! Whoever is first asked about such a claim chooses its node, with what the extender would know and by the same rules, and
//! restricts it to volumes of that node by a selector. A DataVolume and a claim can't be changed later, so that is when they are
//! made, and for the disks that a VM brings along when the VM is made: all of them at once, for one node. Scratch space goes where
//! its target is. What a person wrote, a selector or a volume, is never touched.

mod choice;
mod disks;
mod needs;
mod words;

use std::collections::BTreeSet;

use serde_json::json;

use crate::edit::{Edit, Token, Why};
use crate::event::ObjectName;
use crate::index::Index;
use crate::mutate::Mutation;
use crate::names;
use crate::policy::{BindingMode, Policy};
use crate::subject::{Kind, Operation, Review};
use crate::view::{Claim, DataVolume, Fields, placed};
use crate::warning::Warning;

use disks::Disk;
use words::NotChosen;

/// An object that is made, as it will be after all other edits.
#[derive(Debug, Clone, PartialEq)]
pub enum Made<'m> {
    /// A VM, whose templates become DataVolumes.
    Machine(Box<placed::Machine<'m>>),
    /// A DataVolume, which becomes a claim.
    DataVolume(DataVolume<'m>),
    /// A claim.
    Claim(Claim<'m>),
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restriction {
    /// Selectors.
    pub edits: Vec<Edit>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl<'m> Made<'m> {
    /// Decodes what is read of an object of this kind; `None` if it is of another, or can't be read.
    #[must_use]
    pub fn read(kind: Kind, json: &'m str) -> Option<Self> {
        match kind {
            Kind::VirtualMachine => {
                let machine: Fields<placed::Machine<'m>> = serde_json::from_str(json).ok()?;
                Some(Self::Machine(Box::new(machine.0)))
            }
            Kind::DataVolume => {
                let volume: Fields<DataVolume<'m>> = serde_json::from_str(json).ok()?;
                Some(Self::DataVolume(volume.0))
            }
            Kind::Claim => {
                let claim: Fields<Claim<'m>> = serde_json::from_str(json).ok()?;
                Some(Self::Claim(claim.0))
            }
            Kind::Pod
            | Kind::VirtualMachineInstance
            | Kind::ReplicaSet
            | Kind::Pool
            | Kind::DaemonSet
            | Kind::Other => None,
        }
    }
}

/// Whether a claim of this object may bind at once, so that it is worth reading as a whole.
#[must_use]
pub fn may_bind(policy: &Policy, review: &Review<'_>, mutation: &Mutation) -> bool {
    let is_made = review.operation == Operation::Create;
    let kinds = [Kind::VirtualMachine, Kind::DataVolume, Kind::Claim];
    has_immediate(policy) && is_made && kinds.contains(&review.kind) && mutation.is_of_ours()
}

/// Whether claims of a class of the policy bind at once.
#[must_use]
pub fn has_immediate(policy: &Policy) -> bool {
    let mut classes = policy.storage_classes.iter();
    classes.any(|class| class.binding_mode == BindingMode::Immediate)
}

/// Restricts each claim of this object that binds at once to the node that is the best for all of its VM; `index` is `None` while
/// not all of the cluster is known.
#[must_use]
pub fn restrict(
    index: Option<&Index>,
    policy: &Policy,
    made: &Made<'_>,
    name: &ObjectName,
) -> Restriction {
    let (is_of_a_vm, scratch_of) = match made {
        Made::Machine(_) | Made::DataVolume(_) => (true, None),
        Made::Claim(claim) => {
            let target = disks::target_of_scratch(claim, name);
            let is_scratch = target.is_some();
            (is_scratch || disks::is_of_a_vm(index, claim, name), target)
        }
    };
    let mut disks = disks::of(policy, made, name);
    disks.retain(|disk| is_of_a_vm && index.is_none_or(|index| disk.is_open(index)));
    let Some(first) = disks.first() else {
        return Restriction::default();
    };
    match (index, scratch_of) {
        (Some(index), Some(target)) => beside(index, first, &target),
        // Nobody would hear it.
        (None, Some(_)) => Restriction::default(),
        (None, None) => warning(first, &disks, &NotChosen::Unlisted.to_string()),
        (Some(index), None) => match choice::choose(index, policy, made, (name, &disks)) {
            Ok(chosen) => Restriction {
                edits: disks.iter().map(|it| edit(it, &chosen.node)).collect(),
                ..warning(first, &disks, &chosen.to_string())
            },
            Err(why) => warning(first, &disks, &why.to_string()),
        },
    }
}

/// Scratch space of this target, which one pod mounts beside it. Where no volume says which node it is of, it may be anywhere.
fn beside(index: &Index, scratch: &Disk<'_>, target: &ObjectName) -> Restriction {
    let node = index.node_of(target);
    let node = node.filter(|node| !choice::is_unlabelled(index, scratch, node));
    Restriction {
        edits: node.iter().map(|node| edit(scratch, node)).collect(),
        warnings: Vec::new(),
    }
}

fn edit(disk: &Disk<'_>, node: &str) -> Edit {
    let mut path = disk.path.clone();
    path.push(Token::Borrowed("selector"));
    Edit {
        path,
        value: json!({"matchLabels": {names::NODE_LABEL: node}}),
        what: format!("{}={node}", names::NODE_LABEL),
        why: Why::ManagedClass(disk.class.name.clone()),
    }
}

fn warning(first: &Disk<'_>, all: &[Disk<'_>], what: &str) -> Restriction {
    let classes: BTreeSet<&str> = all.iter().map(|it| it.class.name.as_str()).collect();
    let warning = Warning::BindsAtOnce {
        path: first.said_at(),
        class: classes.into_iter().collect::<Vec<_>>().join(", "),
        what: what.to_owned(),
    };
    Restriction {
        edits: Vec::new(),
        warnings: vec![warning],
    }
}

#[cfg(test)]
mod tests;
