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

use super::metadata;
use super::target::Target;

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
    let of_pod = matches!(review.object, View::Pod(_));
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
        (Wish::LeaveAlone, None) => OptOut::ToTemplate,
    })
}

/// The edit that copies the label to the template; none if the object has no template.
pub(super) fn to_template(target: &Target<'_>) -> Option<Edit> {
    let template = target.template.as_ref()?;
    let has_labels = template
        .metadata
        .is_some_and(|metadata| metadata.labels.is_some());
    let (path, value) = metadata::entry(
        template.path,
        template.metadata.is_some().then_some(has_labels),
        ["labels", names::INJECT_LABEL],
        Value::from("false"),
    );
    Some(Edit {
        path,
        value,
        what: format!("{}=false", names::INJECT_LABEL),
        why: Why::OptOut,
    })
}

/// Where a label may stand and what it says, outermost first.
fn labels<'v>(view: &'v View<'v>) -> Vec<(&'static str, Option<&'v str>)> {
    match view {
        View::Other => Vec::new(),
        View::Pod(pod) => vec![("metadata", pod.inject_label())],
        View::Instance(instance) => vec![("metadata", instance.inject_label())],
        View::Machine(machine) => {
            let template = machine
                .spec
                .as_ref()
                .and_then(|spec| spec.template.as_ref());
            vec![
                ("metadata", machine.inject_label()),
                (
                    "spec.template.metadata",
                    template.and_then(|template| template.inject_label()),
                ),
            ]
        }
        View::Pool(pool) => {
            let machine = pool.spec.as_ref().and_then(|spec| spec.machine.as_ref());
            let template = machine.and_then(|machine| machine.spec.as_ref()?.template.as_ref());
            vec![
                ("metadata", pool.inject_label()),
                (
                    "spec.virtualMachineTemplate.metadata",
                    machine.and_then(|machine| machine.inject_label()),
                ),
                (
                    "spec.virtualMachineTemplate.spec.template.metadata",
                    template.and_then(|template| template.inject_label()),
                ),
            ]
        }
    }
}
