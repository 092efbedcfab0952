//! The policy's tolerations, appended where none covers them.
//!
//! Set on templates and on pods: on an instance owned by a VirtualMachine they would be taken away again, and
//! pods of CDI can be reached only as pods (facts: kubevirt-cdi 0.2, 0.5).

use crate::edit::{Edit, Token, Why};
use crate::policy::Policy;
use crate::view;

use super::machines::Change;
use super::{Context, Mutation};

/// On a guest's template, or a bare instance.
pub(super) fn of_guest(change: Change<'_>, context: Context<'_>, out: &mut Mutation) {
    // An empty list is as good as none: a client that writes one has not touched it.
    if !change.touches(|asked| asked.guest.spec.tolerations.as_deref().unwrap_or_default()) {
        return;
    }
    let guest = &change.now.guest;
    let path = guest.path(&["spec", "tolerations"]);
    let edits = missing(&path, guest.spec.tolerations.as_deref(), context.policy);
    out.edits.extend(edits);
}

/// One edit for each toleration that is missing in the list at `path`, in the policy's order.
pub(super) fn missing(
    path: &[Token],
    existing: Option<&[view::Toleration<'_>]>,
    policy: &Policy,
) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for (at, toleration) in policy.tolerations.iter().enumerate() {
        let covered = existing
            .unwrap_or_default()
            .iter()
            .any(|existing| toleration.covered_by(existing))
            || policy
                .tolerations
                .iter()
                .take(at)
                .any(|earlier| toleration.covered_by_ours(earlier));
        if covered {
            continue;
        }
        edits.push(Edit::append(
            path.to_vec(),
            existing.is_some() || !edits.is_empty(),
            toleration.to_json(),
            toleration.to_string(),
            Why::PolicyToleration(at),
        ));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needless_entry_of_the_policy_is_left_out_and_the_others_keep_their_places() {
        let policy = Policy::from_yaml(
            "{apiVersion: vmberth.io/v1alpha1, kind: Policy, tolerations: [\
             {key: a, operator: Exists}, {key: a, value: x}, {key: b, value: x, effect: NoSchedule}, {key: b, value: x}]}",
        );
        let edits = missing(&["t".into()], None, &policy.unwrap());
        let told: Vec<String> = edits.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "t+=a (policy tolerations[0])",
                "t+=b=x:NoSchedule (policy tolerations[2])",
                "t+=b=x (policy tolerations[3])",
            ]
        );
    }
}
