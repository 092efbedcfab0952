//! Words that the tests of injections share: an object in, the object after and what was told out.

use std::collections::BTreeMap;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};

use super::*;
use crate::edit::Edit;
use crate::profile::{Profile, Selector};
use crate::subject::Kind;
use crate::surroundings::{ClaimKnown, NetworkKnown};
use crate::wish::VfWish;

/// Networks and claims of a cluster by `namespace/name`: the network's resource, the claim's class.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) networks: BTreeMap<&'static str, Option<&'static str>>,
    pub(super) claims: BTreeMap<&'static str, &'static str>,
}

impl Surroundings for Cluster {
    fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
        match self.networks.get(format!("{namespace}/{name}").as_str()) {
            None => NetworkKnown::Missing,
            Some(None) => NetworkKnown::WithoutResource,
            Some(Some(resource)) => NetworkKnown::Resource(resource),
        }
    }

    fn class_of_claim(&self, namespace: &str, name: &str) -> ClaimKnown<'_> {
        let class = self.claims.get(format!("{namespace}/{name}").as_str());
        class.map_or(ClaimKnown::Missing, |class| ClaimKnown::Class(class))
    }
}

/// The decision about an object in the namespace `edge`.
pub(super) fn decide(
    kind: Kind,
    object: &Value,
    old: Option<&Value>,
    policy: &Policy,
    cluster: &Cluster,
) -> Result<Mutation, Denial> {
    let (object, old) = (object.to_string(), old.map(ToString::to_string));
    let review = Review {
        kind,
        operation: old
            .as_ref()
            .map_or(Operation::Create, |_| Operation::Update),
        namespace: "edge".into(),
        object: View::read(kind, &object).unwrap(),
        old: old.as_deref().map(|old| View::read(kind, old).unwrap()),
    };
    mutate(&review, policy, cluster)
}

/// The object after admission, and everything that was told; a second review changes nothing.
pub(super) fn admitted(
    kind: Kind,
    object: &Value,
    policy: &Policy,
    cluster: &Cluster,
) -> (Value, String) {
    let decision = decide(kind, object, None, policy, cluster);
    let told = crate::explain::explain(&decision);
    let after = applied(object, &decision.unwrap_or_default().edits);
    let again = decide(kind, &after, None, policy, cluster);
    if !told.starts_with("denied") {
        assert_eq!(
            again.map(|again| again.edits),
            Ok(Vec::new()),
            "the second review of {after}"
        );
    }
    (after, told)
}

/// The object with these edits.
pub(super) fn applied(object: &Value, edits: &[Edit]) -> Value {
    let operation = |edit: &Edit| {
        let path = PointerBuf::from_tokens(edit.path.iter().map(AsRef::<str>::as_ref));
        PatchOperation::Add(AddOperation {
            path,
            value: edit.value.clone(),
        })
    };
    let mut object = object.clone();
    let patch = Patch(edits.iter().map(operation).collect());
    json_patch::patch(&mut object, &patch).unwrap();
    object
}

/// A VM named `vm` with these annotations on its template and this spec of its instance.
pub(super) fn vm(annotations: &Value, spec: &Value) -> Value {
    json!({
        "metadata": {"name": "vm"},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": spec}},
    })
}

/// A policy that does nothing but what a test adds.
pub(super) fn quiet() -> Policy {
    Policy {
        tolerations: Vec::new(),
        ..Policy::default()
    }
}

/// A profile that gives every VM one virtual function of the first pool.
pub(super) fn one_function_for_all() -> Profile {
    let function = VfWish {
        network: None,
        count: 1,
    };
    Profile {
        name: "new".to_owned(),
        selector: Some(Selector::default()),
        hugepages: None,
        vfs: Some(vec![function]),
        ssh_keys: None,
    }
}
