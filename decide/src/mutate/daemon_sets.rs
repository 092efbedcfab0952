//! DaemonSets that opted in: their controller decides by the template whether a node gets a pod, so a toleration on the
//! pod alone comes too late (facts: domain 0.7). The SR-IOV CNI and device plugin need it on tainted nodes.

use crate::edit::Token;
use crate::names;
use crate::policy::Policy;
use crate::subject::View;
use crate::view::{DaemonSet, PodSpec};

use super::{Context, LeftAlone, Mutation, tolerations};

/// Whether a person asked for it, by label or in the policy.
pub(super) fn is_opted_in(set: &DaemonSet<'_>, namespace: &str, policy: &Policy) -> bool {
    let listed = || {
        let listed = |(space, name): &(String, String)| space == namespace && name == set.name();
        policy.daemon_sets.iter().any(listed)
    };
    pods(set).is_some() && (set.label(names::INJECT_LABEL) == Some("true") || listed())
}

/// Decides about a DaemonSet that is opted in.
pub(super) fn decide(
    set: &DaemonSet<'_>,
    before: Option<&View<'_>>,
    context: Context<'_>,
) -> Mutation {
    let Some(spec) = pods(set) else {
        return Mutation::left_alone(LeftAlone::NotOurs);
    };
    // A changed template rolls the pods, so an update is followed only where the user changed the same or has just
    // opted in; by label also one that the policy lists, since it may be older than the policy.
    if let Some(View::DaemonSet(before)) = before
        && is_opted_in(before, context.namespace, context.policy)
        && before.label(names::INJECT_LABEL) == set.label(names::INJECT_LABEL)
        && pods(before).map(|pods| &pods.tolerations) == Some(&spec.tolerations)
    {
        return Mutation::left_alone(LeftAlone::NotTouched);
    }
    let path = ["spec", "template", "spec", "tolerations"].map(Token::Borrowed);
    Mutation {
        edits: tolerations::missing(&path, spec.tolerations.as_deref(), context.policy),
        ..Mutation::default()
    }
}

fn pods<'v>(set: &'v DaemonSet<'v>) -> Option<&'v PodSpec<'v>> {
    set.spec.as_ref()?.template.as_ref()?.spec.as_ref()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::mutate::testing::{Cluster, admitted, decide};
    use crate::policy::Policy;
    use crate::subject::Kind;

    fn policy() -> Policy {
        Policy {
            daemon_sets: [("edge".to_owned(), "listed".to_owned())].into(),
            ..Policy::default()
        }
    }

    fn set(name: &str, label: &Value, tolerations: &Value, image: &str) -> Value {
        json!({
            "metadata": {"name": name, "labels": {"vmberth.io/inject": label}},
            "spec": {"template": {"spec": {
                "tolerations": tolerations, "containers": [{"name": "c", "image": image}],
            }}},
        })
    }

    #[rstest]
    #[case::by_label("any", json!("true"), true)]
    #[case::by_policy("listed", json!(null), true)]
    #[case::listed_and_opted_out("listed", json!("false"), false)]
    #[case::neither("any", json!(null), false)]
    fn opted_in(#[case] name: &str, #[case] label: Value, #[case] tolerates: bool) {
        let others = json!([{"key": "other", "operator": "Exists"}]);
        let object = set(name, &label, &others, "i");
        let (after, _) = admitted(Kind::DaemonSet, &object, &policy(), &Cluster::default());
        let mut expected = object;
        if tolerates {
            let list = &mut expected["spec"]["template"]["spec"]["tolerations"];
            *list = json!([{"key": "other", "operator": "Exists"}, {"key": "cmk", "operator": "Exists"}]);
            let record = "spec.template.spec.tolerations+=cmk (policy tolerations[0])";
            expected["metadata"]["annotations"] = json!({"vmberth.io/injected": record});
        }
        assert_eq!(after, expected);
    }

    #[rstest]
    #[case::new_image("any", json!("true"), json!(null), 0)]
    #[case::opts_in_now("any", json!(null), json!(null), 2)]
    #[case::listed_and_labelled_now("listed", json!(null), json!(null), 2)]
    #[case::tolerations_taken_away("any", json!("true"), json!([{"key": "cmk", "operator": "Exists"}]), 2)]
    fn updates(
        #[case] name: &str,
        #[case] label_before: Value,
        #[case] before: Value,
        #[case] edits: usize,
    ) {
        let old = set(name, &label_before, &before, "old");
        let new = set(name, &json!("true"), &json!(null), "new");
        let decision = decide(
            Kind::DaemonSet,
            &new,
            Some(&old),
            &policy(),
            &Cluster::default(),
        );
        assert_eq!(decision.unwrap().edits.len(), edits);
    }
}
