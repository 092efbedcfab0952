//! The label by which a user keeps an object as it is.

use crate::denial::Denial;
use crate::names;
use crate::subject::View;

use super::Reach;

/// Whether the user wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptOut {
    /// No label, or it says true.
    No,
    /// The label says false.
    Yes(Reach),
}

/// Reads the label on the object and on its templates; one `false` is enough.
///
/// A value that is neither true nor false is a denial where a person wrote it. On a pod it is nobody's to fix at
/// this moment, so it counts as absent: the denial was given when the template was written.
pub(super) fn of(view: &View<'_>) -> Result<OptOut, Denial> {
    match view {
        View::Other => Ok(OptOut::No),
        View::Pod(pod) => Ok(match pod.inject_label() {
            Some("false") => OptOut::Yes(Reach::Whole),
            Some(_) | None => OptOut::No,
        }),
        View::Instance(instance) => {
            let own = read("metadata", instance.inject_label())?;
            Ok(combine(&[], own))
        }
        View::Machine(machine) => {
            let own = read("metadata", machine.inject_label())?;
            let template = machine
                .spec
                .as_ref()
                .and_then(|spec| spec.template.as_ref());
            let template = template.and_then(|template| template.inject_label());
            Ok(combine(&[own], read("spec.template.metadata", template)?))
        }
        View::Pool(pool) => {
            let own = read("metadata", pool.inject_label())?;
            let machine = pool.spec.as_ref().and_then(|spec| spec.machine.as_ref());
            let label = machine.and_then(|machine| machine.inject_label());
            let machine_label = read("spec.virtualMachineTemplate.metadata", label)?;
            let template = machine.and_then(|machine| machine.spec.as_ref()?.template.as_ref());
            let label = template.and_then(|template| template.inject_label());
            let path = "spec.virtualMachineTemplate.spec.template.metadata";
            Ok(combine(&[own, machine_label], read(path, label)?))
        }
    }
}

/// What one label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Inject,
    LeaveAlone,
}

/// `innermost` is the label that pods inherit.
fn combine(outer: &[Wish], innermost: Wish) -> OptOut {
    if innermost == Wish::LeaveAlone {
        OptOut::Yes(Reach::Whole)
    } else if outer.contains(&Wish::LeaveAlone) {
        OptOut::Yes(Reach::WithoutPods)
    } else {
        OptOut::No
    }
}

fn read(metadata: &str, label: Option<&str>) -> Result<Wish, Denial> {
    match label {
        None | Some("true") => Ok(Wish::Inject),
        Some("false") => Ok(Wish::LeaveAlone),
        Some(found) => Err(Denial::BadValue {
            path: format!("{metadata}.labels[{}]", names::INJECT_LABEL),
            found: found.to_owned(),
            expected: "\"true\" or \"false\"",
        }),
    }
}
