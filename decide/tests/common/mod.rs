//! What the laws are tried on: objects as people and controllers write them, policies, clusters, and junk.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "each test uses its part, and may stop at the first thing that is not as it should be"
)]

pub mod guests;
pub mod json;
pub mod objects;
pub mod pods;
pub mod policies;
pub mod storage;

use serde_json::Value;
use vmberth_decide::denial::Denial;
use vmberth_decide::edit::{Dotted, Edit, Why};
use vmberth_decide::mutate::{Mutation, mutate};
use vmberth_decide::names;
use vmberth_decide::policy::Policy;
use vmberth_decide::subject::{Kind, Operation, Review, View};
use vmberth_decide::surroundings::{ClaimKnown, NetworkKnown, Surroundings};

/// Namespace of every object.
pub const NAMESPACE: &str = "edge";
/// The resource of the networks that have virtual functions.
pub const VFS: &str = "intel.com/intel_sriov_vm";

/// Other objects of the cluster, whose names the generators know.
#[derive(Debug, Clone, Copy)]
pub enum Cluster {
    /// Nothing is watched.
    Unwatched,
    /// `default/sriov-openness-vm` and `edge/fast` have virtual functions, `edge/plain` is there without any.
    Watched,
}

impl Surroundings for Cluster {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        match (self, namespace, name) {
            (Self::Unwatched, _, _) => NetworkKnown::Unwatched,
            (_, "default", "sriov-openness-vm") | (_, "edge", "fast") => {
                NetworkKnown::Resource(VFS)
            }
            (_, "edge", "slow") => NetworkKnown::Resource("intel.com/slow"),
            (_, "edge", "plain") => NetworkKnown::WithoutResource,
            _ => NetworkKnown::Missing,
        }
    }

    fn class_of_claim(&self, _: &str, name: &str) -> ClaimKnown<'_> {
        match (self, name) {
            (Self::Unwatched, _) => ClaimKnown::Unwatched,
            (_, "managed") => ClaimKnown::Class("local-vd"),
            (_, "foreign") => ClaimKnown::Class("ceph"),
            _ => ClaimKnown::Missing,
        }
    }
}

/// What a decision is made from, beside objects.
#[derive(Debug, Clone)]
pub struct World {
    pub policy: Policy,
    pub cluster: Cluster,
}

impl World {
    /// The decision about an object; `None` if it cannot be read, which the webhook answers before anything is decided.
    pub fn decide(
        &self,
        kind: Kind,
        object: &Value,
        old: Option<&Value>,
    ) -> Option<Result<Mutation, Denial>> {
        let (object, old) = (object.to_string(), old.map(ToString::to_string));
        let operation = match old {
            Some(_) => Operation::Update,
            None => Operation::Create,
        };
        let old = old.as_deref().map(|old| View::read(kind, old)).transpose();
        let review = Review {
            kind,
            operation,
            namespace: NAMESPACE.into(),
            object: View::read(kind, &object).ok()?,
            old: old.ok()?,
        };
        Some(mutate(&review, &self.policy, &self.cluster))
    }

    /// The edits of a new object; none if it is refused.
    pub fn edits(&self, kind: Kind, object: &Value) -> Vec<Edit> {
        let decision = self
            .decide(kind, object, None)
            .expect("the object is readable");
        decision.map(|mutation| mutation.edits).unwrap_or_default()
    }

    /// The object after admission, if it is admitted.
    pub fn admitted(&self, kind: Kind, object: &Value) -> Option<Value> {
        let mutation = self.decide(kind, object, None)?.ok()?;
        Some(applied(object, &mutation.edits))
    }
}

/// The object with these edits; stops at an edit that takes something away or changes an order.
pub fn applied(object: &Value, edits: &[Edit]) -> Value {
    let mut object = object.clone();
    for edit in edits {
        apply(&mut object, edit);
    }
    object
}

/// RFC 6902's `add` by the tokens themselves, and only where it adds.
fn apply(object: &mut Value, edit: &Edit) {
    let (last, steps) = edit.path.split_last().expect("an edit has a path");
    let place = Dotted(&edit.path).to_string();
    let mut parent = object;
    for step in steps {
        parent = match parent {
            Value::Object(fields) => fields.get_mut(&**step),
            Value::Array(list) => list.get_mut(step.parse::<usize>().unwrap()),
            _ => None,
        }
        .unwrap_or_else(|| panic!("{place}: no {step} to write to"));
    }
    match parent {
        Value::Array(list) => {
            assert_eq!(last, "-", "{place}: an element is put between others");
            list.push(edit.value.clone());
        }
        Value::Object(fields) => {
            let before = fields.insert(last.to_string(), edit.value.clone());
            let before = before.unwrap_or_default();
            assert!(
                before.is_null() || may_replace(edit, last, &before),
                "{place}: {before} is lost ({})",
                edit.why
            );
        }
        other => panic!("{place}: {other} can hold nothing"),
    }
}

/// The few values of a user that are replaced, and by which reason.
fn may_replace(edit: &Edit, field: &str, before: &Value) -> bool {
    let text = before.as_str();
    match &edit.why {
        Why::WholePages(_) => {
            matches!(field, "memory" | "guest" | "maxGuest")
                && (text.is_some() || before.is_number())
        }
        Why::ManagedClass(_) => match field {
            "storage" => text.is_some() || before.is_number(),
            "accessModes" => *before == Value::Array(Vec::new()),
            "volumeMode" => text == Some(""),
            _ => false,
        },
        Why::Policy("schedulerName") => matches!(text, Some("" | names::DEFAULT_SCHEDULER)),
        Why::Annotation(names::ADDRESSES_ANNOTATION) => match field {
            "networkData" => {
                text.is_some_and(|text| text.is_empty() || text.starts_with("# by vmberth"))
            }
            "macAddress" => text == Some(""),
            _ => false,
        },
        Why::Networks => field == VFS || field == "intel.com/slow",
        Why::Record => field == names::INJECTED_ANNOTATION && text.is_some(),
        _ => false,
    }
}
