//! The policy's tolerations, appended where none covers them.
//!
//! Set on templates and on pods: on an instance owned by a VirtualMachine they would be taken away again, and
//! pods of CDI can be reached only as pods (facts: kubevirt-cdi 0.2, 0.5).

use serde_json::Value;

use crate::edit::{Edit, Token, Why};
use crate::policy::Policy;
use crate::view;

use super::target::Target;

/// One edit for each toleration that is missing, in the policy's order.
pub(super) fn inject(target: &Target<'_>, policy: &Policy) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let existing = target.tolerations.unwrap_or_default();
    for (at, toleration) in policy.tolerations.iter().enumerate() {
        let covered = existing
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
        let mut path = target.path("tolerations");
        let mut value = toleration.to_json();
        if target.tolerations.is_none() && edits.is_empty() {
            value = Value::Array(vec![value]);
        } else {
            path.push(Token::Borrowed("-"));
        }
        let what = toleration.to_string();
        edits.push(Edit {
            path,
            value,
            what,
            why: Why::PolicyToleration(at),
        });
    }
    edits
}

/// Whether an earlier entry of the policy makes this one needless.
fn covers(earlier: &crate::toleration::Toleration, later: &crate::toleration::Toleration) -> bool {
    let text = earlier.to_json().to_string();
    serde_json::from_str::<view::Toleration<'_>>(&text)
        .is_ok_and(|earlier| later.covered_by(&earlier))
}
