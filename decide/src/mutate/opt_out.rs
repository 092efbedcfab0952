//! The label by which a user keeps an object, and the pods made of it, as they are.
//!
//! A launcher pod inherits the labels of its instance, and that one those of `spec.template.metadata`; a label of a
//! VirtualMachine itself goes no further. So the template's label is the one that counts, and where only the object
//! carries it, it is copied there: pods could not be told apart otherwise.

use serde_json::Value;

use crate::denial::Denial;
use crate::edit::{Edit, Why};
use crate::names;
use crate::subject::{Review, View};
use crate::warning::Warning;

use super::guest::Guest;
use super::{LeftAlone, Mutation, metadata};

/// Whether the user wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptOut {
    /// No label, or it says true.
    No,
    /// The label says false, and every pod will carry it.
    Yes,
    /// The object's label says false, but its pods would not carry it.
    ToTemplate,
}

/// What one label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Inject,
    LeaveAlone,
}

/// Reads the label on the object and on its templates; the innermost one that is there counts.
///
/// A value that is neither true nor false is a denial, where a person writes it. On a pod, or where the update leaves
/// it as it was, it is nobody's to fix at this moment, so it counts as absent.
pub(super) fn of(review: &Review<'_>) -> Result<OptOut, Denial> {
    let labels = labels(&review.object);
    let before = review.old.as_ref().map(self::labels).unwrap_or_default();
    let of_pod = matches!(review.object, View::Pod(_) | View::Claim(_));
    let mut wish = Wish::Inject;
    for (at, label) in labels.iter().enumerate() {
        match label.1 {
            None => {}
            Some("true") => wish = Wish::Inject,
            Some("false") => wish = Wish::LeaveAlone,
            Some(_) if of_pod || before.get(at) == Some(label) => {}
            Some(found) => {
                return Err(Denial::BadValue {
                    path: format!("{}.labels[{}]", label.0, names::INJECT_LABEL),
                    found: found.to_owned(),
                    expected: "\"true\" or \"false\"",
                });
            }
        }
    }
    let innermost = labels.last().and_then(|label| label.1);
    Ok(match (wish, innermost) {
        (Wish::Inject, _) => OptOut::No,
        (Wish::LeaveAlone, Some(_)) => OptOut::Yes,
        // An update that does not touch the label: the template is not ours to change now.
        (Wish::LeaveAlone, None) if before == labels => OptOut::Yes,
        (Wish::LeaveAlone, None) => OptOut::ToTemplate,
    })
}

/// Whether the innermost label that is there says false.
pub(super) fn is_out(view: &View<'_>) -> bool {
    labels(view).iter().rev().find_map(|label| label.1) == Some("false")
}

/// Copies the label to the template, if the object has one.
pub(super) fn to_template(review: &Review<'_>) -> Mutation {
    let guest = Guest::of(&review.object, false).filter(Guest::is_template);
    let Some(guest) = guest else {
        return Mutation::left_alone(LeftAlone::OptedOut);
    };
    let template = guest.metadata;
    let has_labels = template.map(|metadata| metadata.labels.is_some());
    let label = ["labels", names::INJECT_LABEL];
    let (path, value) = metadata::entry(
        &guest.metadata_path(),
        has_labels,
        label,
        Value::from("false"),
    );
    Mutation {
        edits: vec![Edit {
            path,
            value,
            what: format!("{}=false", names::INJECT_LABEL),
            why: Why::OptOut,
        }],
        warnings: vec![Warning::OptOutCopied],
        ..Mutation::default()
    }
}

/// Where a label may stand and what it says, outermost first.
fn labels<'v>(view: &'v View<'v>) -> Vec<(&'static str, Option<&'v str>)> {
    match view {
        View::Other => Vec::new(),
        View::Pod(pod) => vec![("metadata", pod.label(names::INJECT_LABEL))],
        View::Instance(instance) => vec![("metadata", instance.label(names::INJECT_LABEL))],
        View::DataVolume(volume) => vec![("metadata", volume.label(names::INJECT_LABEL))],
        View::Claim(claim) => vec![("metadata", claim.label(names::INJECT_LABEL))],
        View::DaemonSet(set) => vec![("metadata", set.label(names::INJECT_LABEL))],
        View::Machine(machine) => {
            let template = machine
                .spec
                .as_ref()
                .and_then(|spec| spec.template.as_ref());
            vec![
                ("metadata", machine.label(names::INJECT_LABEL)),
                (
                    "spec.template.metadata",
                    template.and_then(|template| template.label(names::INJECT_LABEL)),
                ),
            ]
        }
        View::Pool(pool) => {
            let machine = pool.spec.as_ref().and_then(|spec| spec.machine.as_ref());
            let template = machine.and_then(|machine| machine.spec.as_ref()?.template.as_ref());
            vec![
                ("metadata", pool.label(names::INJECT_LABEL)),
                (
                    "spec.virtualMachineTemplate.metadata",
                    machine.and_then(|machine| machine.label(names::INJECT_LABEL)),
                ),
                (
                    "spec.virtualMachineTemplate.spec.template.metadata",
                    template.and_then(|template| template.label(names::INJECT_LABEL)),
                ),
            ]
        }
    }
}
