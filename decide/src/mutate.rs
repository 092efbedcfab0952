//! From a review and a policy to the edits, or to the reason why there are none.
//!
//! Idempotent: a review of the edited object yields no edit. The API server relies on it
//! (`reinvocationPolicy: IfNeeded`), and so does `kubectl apply` of an unchanged manifest.

mod addresses;
mod berth;
mod cloud_init;
mod cmk_cores;
mod daemon_sets;
mod guest;
mod hugepages;
mod machines;
mod metadata;
mod more;
mod networks;
mod opt_out;
mod pods;
mod record;
mod resources;
mod restore;
mod scheduler;
mod ssh_keys;
mod storage;
mod tolerations;
mod vf_resources;
mod vfs;
mod wishes;

use std::fmt;

use crate::denial::Denial;
use crate::edit::Edit;
use crate::policy::Policy;
use crate::subject::{Operation, PodRole, Review, View};
use crate::surroundings::Surroundings;
use crate::view::Metadata;
use crate::warning::Warning;

use guest::Guest;
use opt_out::OptOut;

/// What becomes of an admitted object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mutation {
    /// These are applied, in this order.
    pub edits: Vec<Edit>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// What was left out and why, for the log.
    pub notes: Vec<Note>,
    /// Why there is no edit; `None` if there is one.
    pub left_alone: Option<LeftAlone>,
}

/// Why nothing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAlone {
    /// Not an object of a VM, or nothing that we change at this operation.
    NotOurs,
    /// Its namespace is exempt by policy.
    ExemptNamespace,
    /// Its label says so.
    OptedOut,
    /// KubeVirt would take it back: what the owner's template says wins.
    OwnedByMachine,
    /// The user did not touch what we would change, and a running VM would have to be restarted.
    NotTouched,
    /// Everything is there already.
    Complete,
}

/// Something that was left out, and nobody can be told but the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// A pod of CDI whose claim is not to be found, so that its class is not known.
    #[error(
        "{claim}: no such claim is known, so its class is not; scheduler and binding are left as they are"
    )]
    ClaimUnknown {
        /// The claim, or what stands in its place.
        claim: String,
    },
    /// A network of the pod is not known, so the resources cannot be counted.
    #[error(
        "network {0}: no such NetworkAttachmentDefinition; virtual functions are left as they are"
    )]
    NetworkUnknown(String),
    /// Networks are not watched, or not yet.
    #[error("networks are not watched; virtual functions are left as they are")]
    NetworksUnwatched,
    /// The annotation of the pod's networks cannot be read.
    #[error(
        "annotation k8s.v1.cni.cncf.io/networks cannot be read; virtual functions are left as they are"
    )]
    NetworksUnreadable,
    /// The pod has no container of that name.
    #[error("no container {0}; virtual functions are left as they are")]
    NoContainer(&'static str),
}

/// What a decision is made from, beside the object.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    /// The policy in force.
    policy: &'c Policy,
    /// Namespace of the object.
    namespace: &'c str,
    /// Other objects.
    surroundings: &'c dyn Surroundings,
}

/// Decides about one review.
///
/// # Errors
/// If the object carries a wish of its user that we cannot follow.
pub fn mutate(
    review: &Review<'_>,
    policy: &Policy,
    surroundings: &dyn Surroundings,
) -> Result<Mutation, Denial> {
    if !is_ours(review, policy) {
        return Ok(Mutation::left_alone(LeftAlone::NotOurs));
    }
    if policy.exempts(&review.namespace) {
        return Ok(Mutation::left_alone(LeftAlone::ExemptNamespace));
    }
    let context = Context {
        policy,
        namespace: &review.namespace,
        surroundings,
    };
    let mut mutation = match opt_out::of(review)? {
        OptOut::Yes => Mutation::left_alone(LeftAlone::OptedOut),
        OptOut::ToTemplate => opt_out::to_template(review),
        OptOut::No => match &review.object {
            View::Pod(pod) => pods::decide(pod, context),
            View::DataVolume(volume) => storage::data_volume(volume, context),
            View::Claim(claim) => storage::claim(claim, context),
            View::DaemonSet(set) => daemon_sets::decide(set, review.old.as_ref(), context),
            View::Machine(_) | View::Instance(_) | View::Pool(_) => {
                machines::decide(review, context)?
            }
            View::Other => Mutation::left_alone(LeftAlone::NotOurs),
        },
    };
    if mutation.edits.is_empty() {
        mutation.left_alone.get_or_insert(LeftAlone::Complete);
    } else {
        let old = review.old.as_ref().and_then(own_metadata);
        let record = record::of(&mutation.edits, own_metadata(&review.object), old);
        mutation.edits.extend(record);
    }
    Ok(mutation)
}

/// Whether the object is of a kind, role and operation that something is decided about.
///
/// Pods, instances, DataVolumes and claims are made by controllers or are immutable: CREATE only. Templates also on
/// UPDATE.
fn is_ours(review: &Review<'_>, policy: &Policy) -> bool {
    let create = review.operation == Operation::Create;
    let write = create || review.operation == Operation::Update;
    match &review.object {
        View::Pod(pod) => create && pod.spec.is_some() && pods::role(pod) != PodRole::Foreign,
        View::Instance(_) => create && Guest::of(&review.object, false).is_some(),
        View::Machine(_) | View::Pool(_) => write && Guest::of(&review.object, false).is_some(),
        View::DataVolume(volume) => create && volume.spec.is_some(),
        View::Claim(claim) => create && claim.spec.is_some(),
        View::DaemonSet(set) => write && daemon_sets::is_opted_in(set, &review.namespace, policy),
        View::Other => false,
    }
}

/// Metadata of the object itself, where the record stands.
fn own_metadata<'v>(view: &'v View<'v>) -> Option<&'v Metadata<'v>> {
    match view {
        View::Pod(pod) => pod.metadata.as_ref(),
        View::Instance(instance) => instance.metadata.as_ref(),
        View::Machine(machine) => machine.metadata.as_ref(),
        View::Pool(pool) => pool.metadata.as_ref(),
        View::DataVolume(volume) => volume.metadata.as_ref(),
        View::Claim(claim) => claim.metadata.as_ref(),
        View::DaemonSet(set) => set.metadata.as_ref(),
        View::Other => None,
    }
}

impl Mutation {
    fn left_alone(why: LeftAlone) -> Self {
        Self {
            left_alone: Some(why),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("policy", self.policy)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "not an object of a VM",
            Self::ExemptNamespace => "namespace is exempt by policy",
            Self::OptedOut => "label vmberth.io/inject says false",
            Self::OwnedByMachine => "the VirtualMachine that owns it decides",
            Self::NotTouched => "the update does not touch what would be changed",
            Self::Complete => "everything is there already",
        })
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
