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
                .any(|earlier| covers(earlier, toleration));
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

/// Whether an earlier entry of the policy makes this one needless.
fn covers(earlier: &crate::toleration::Toleration, later: &crate::toleration::Toleration) -> bool {
    let text = earlier.to_json().to_string();
    serde_json::from_str::<view::Toleration<'_>>(&text)
        .is_ok_and(|earlier| later.covered_by(&earlier))
}
