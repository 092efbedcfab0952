//! DataVolumes and claims of managed classes: class, modes, size, and what CDI should know beforehand.
//!
//! A claim of CDI that is not its own target is left alone, its scratch claims above all: the scheduler ties scratch of a
//! WaitForFirstConsumer class to the node of its target, since one pod mounts both.

use std::borrow::Cow;

use serde_json::Value;

use crate::edit::{Dotted, Edit, Token, Why};
use crate::names;
use crate::policy::{BindingMode, ManagedClass, Policy};
use crate::quantity::{format_bytes, parse_bytes};
use crate::view::{Claim, ClaimSpec, DataVolume, DataVolumeSpec, DataVolumeTemplate, Metadata};
use crate::warning::Warning;

use super::machines::Change;
use super::{Context, Mutation, metadata};

/// What a DataVolume says of its claim: in `pvc` to the byte, or in `storage`, which CDI completes.
#[derive(Debug, Clone, Copy)]
struct Wanted<'v> {
    field: &'static str,
    spec: &'v ClaimSpec<'v>,
}

/// Class and modes of the DataVolumes that will be made for a VM.
///
/// Nothing else: the DataVolume is reviewed itself when it is made, and a size that were fitted here would be fitted
/// there once more. On UPDATE only of templates in which the user touched just that.
pub(super) fn of_templates(change: Change<'_>, context: Context<'_>, out: &mut Mutation) {
    let Some((path, machine)) = change.now.guest.machine else {
        return;
    };
    let before = change.before.and_then(|before| before.guest.machine);
    let before = before.and_then(|(_, machine)| machine.data_volume_templates.as_deref());
    for (at, template) in machine.data_volume_templates.iter().flatten().enumerate() {
        let same = |known: &&DataVolumeTemplate<'_>| known.name() == template.name();
        let mut known = before.unwrap_or_default().iter().filter(same);
        let Some(wanted) = Wanted::of(template.spec.as_ref()) else {
            continue;
        };
        // Any of them, should two have one name.
        if known.any(|known| looked_at(Wanted::of(known.spec.as_ref())) == looked_at(Some(wanted)))
        {
            continue;
        }
        let steps = path.iter().copied().map(Cow::Borrowed);
        let template = [
            "dataVolumeTemplates".into(),
            at.to_string().into(),
            "spec".into(),
        ];
        let path: Vec<Token> = steps.chain(template).collect();
        class_and_modes(wanted, &path, context.policy, out);
    }
}

/// A DataVolume that is made.
pub(super) fn data_volume(volume: &DataVolume<'_>, context: Context<'_>) -> Mutation {
    let mut out = Mutation::default();
    let Some(wanted) = Wanted::of(volume.spec.as_ref()) else {
        return out;
    };
    let Some(class) = class_and_modes(wanted, &["spec".into()], context.policy, &mut out) else {
        return out;
    };
    if let Some(fit) = Fit::of(wanted, class) {
        fit.apply(volume, class, &mut out);
    }
    let source = volume.spec.as_ref().and_then(|spec| spec.source.as_ref());
    let own = volume.metadata.as_ref();
    // CDI copies annotations of a DataVolume to its claim (1.65, controller-base.go, `newPersistentVolumeClaim`).
    if source.is_some_and(|source| source.upload.is_some()) && waits(class) {
        annotate(own, names::BIND_IMMEDIATE_ANNOTATION, class, &mut out);
    }
    // Else the first importer pod finds out that it needs scratch space, and a second one has to be placed.
    if source.is_some_and(|source| source.http.is_some()) && class.require_scratch {
        annotate(own, names::REQUIRES_SCRATCH_ANNOTATION, class, &mut out);
    }
    out
}

/// A claim that is made: one that waits for an upload is bound at once, since the upload's pod is its first consumer and
/// CDI makes that only after. All others are left alone.
pub(super) fn claim(claim: &Claim<'_>, context: Context<'_>) -> Mutation {
    let mut out = Mutation::default();
    let spec = claim.spec.as_ref();
    let class = spec
        .and_then(|spec| spec.storage_class_name.as_deref())
        .and_then(|name| context.policy.managed(name));
    if let Some(class) = class.filter(|class| waits(class))
        && claim.annotation(names::UPLOAD_TARGET_ANNOTATION).is_some()
    {
        let own = claim.metadata.as_ref();
        annotate(own, names::BIND_IMMEDIATE_ANNOTATION, class, &mut out);
    }
    out
}

fn waits(class: &ManagedClass) -> bool {
    class.binding_mode == BindingMode::WaitForFirstConsumer
}

impl<'v> Wanted<'v> {
    /// `None` if the DataVolume says neither or both: CDI refuses it in its own words.
    fn of(spec: Option<&'v DataVolumeSpec<'v>>) -> Option<Self> {
        let spec = spec?;
        let (field, spec) = match (&spec.pvc, &spec.storage) {
            (Some(claim), None) => ("pvc", claim),
            (None, Some(claim)) => ("storage", claim),
            (None, None) | (Some(_), Some(_)) => return None,
        };
        Some(Self { field, spec })
    }

    /// Whether CDI completes what is not said.
    fn is_completed(self) -> bool {
        self.field == "storage"
    }

    fn volume_mode(self) -> Option<&'v str> {
        let mode = self.spec.volume_mode.as_deref();
        mode.filter(|mode| !mode.is_empty())
    }

    fn has_access_modes(self) -> bool {
        let modes = self.spec.access_modes.as_deref();
        modes.is_some_and(|modes| !modes.is_empty())
    }
}

fn looked_at(wanted: Option<Wanted<'_>>) -> impl PartialEq {
    wanted.map(|wanted| {
        let class = wanted.spec.storage_class_name.as_deref();
        let modes = (wanted.spec.access_modes.as_deref(), wanted.volume_mode());
        (wanted.field, class, modes)
    })
}

/// Fills in class and modes where they are not said, and tells the class if it is a managed one.
fn class_and_modes<'p>(
    wanted: Wanted<'_>,
    path: &[Token],
    policy: &'p Policy,
    out: &mut Mutation,
) -> Option<&'p ManagedClass> {
    let Wanted { field, spec } = wanted;
    let at = |name: &'static str| -> Vec<Token> {
        let own = [field, name].map(Token::Borrowed);
        path.iter().cloned().chain(own).collect()
    };
    let class = match spec.storage_class_name.as_deref() {
        // An empty name means that there shall be none; no managed class has it.
        Some(name) => policy.managed(name)?,
        // A certain volume is of a certain class, which is not for us to guess.
        None if spec
            .volume_name
            .as_deref()
            .is_some_and(|name| !name.is_empty()) =>
        {
            return None;
        }
        None => {
            let class = policy.default_class()?;
            out.edits.push(Edit {
                path: at("storageClassName"),
                value: class.name.as_str().into(),
                what: class.name.clone(),
                why: Why::Policy("storageClasses"),
            });
            class
        }
    };
    // CDI takes them from the StorageProfile, which for local volumes mirrors volumes that happen to be there, in the
    // order of a Go map (facts: kubevirt-cdi 4).
    let mut set = |name, value: Value, what: &str| {
        out.edits.push(Edit {
            path: at(name),
            value,
            what: what.to_owned(),
            why: Why::ManagedClass(class.name.clone()),
        });
    };
    if wanted.is_completed() && !wanted.has_access_modes() {
        let mode = "ReadWriteOnce";
        set("accessModes", vec![mode].into(), mode);
    }
    if wanted.is_completed() && wanted.volume_mode().is_none() {
        let mode = "Filesystem";
        set("volumeMode", mode.into(), mode);
    }
    Some(class)
}

/// A size that CDI will make larger, and what to ask for instead.
#[derive(Debug)]
struct Fit<'v> {
    text: &'v str,
    bytes: u64,
    fitted: u64,
}

impl<'v> Fit<'v> {
    /// `None` if the size is not given, not readable, less than a MiB (CDI says so itself), or fits as it is.
    fn of(wanted: Wanted<'v>, class: &ManagedClass) -> Option<Self> {
        // CDI adds the overhead to `storage` only, and only to file systems.
        let inflated =
            wanted.is_completed() && matches!(wanted.volume_mode(), None | Some("Filesystem"));
        if !class.fit_overhead || !inflated {
            return None;
        }
        let requests = wanted.spec.resources.as_ref()?.requests.as_ref()?;
        let text: &str = requests.storage.as_ref()?;
        let bytes = parse_bytes(text).ok()?;
        let fitted = fitted(bytes, class.overhead_millionths)?;
        (fitted != bytes).then_some(Self {
            text,
            bytes,
            fitted,
        })
    }

    /// Once: a size that the record says to be ours is not made smaller again.
    fn apply(&self, volume: &DataVolume<'_>, class: &ManagedClass, out: &mut Mutation) {
        let record = volume.annotation(names::INJECTED_ANNOTATION).unwrap_or("");
        let standing = Self::edit(self.bytes, class).to_string();
        if record.split("; ").any(|entry| entry == standing) {
            return;
        }
        let edit = Self::edit(self.fitted, class);
        out.warnings.push(Warning::SizeFitted {
            path: Dotted(&edit.path).to_string(),
            from: self.text.to_owned(),
            to: edit.what.clone(),
        });
        out.edits.push(edit);
    }

    fn edit(bytes: u64, class: &ManagedClass) -> Edit {
        let path = ["spec", "storage", "resources", "requests", "storage"];
        let size = format_bytes(bytes);
        Edit {
            path: path.map(Token::Borrowed).to_vec(),
            value: size.as_str().into(),
            what: size,
            why: Why::ManagedClass(class.name.clone()),
        }
    }
}

/// The most to ask for, so that a volume of `bytes` holds both claims that CDI makes of it: the target, rounded up to
/// whole MiB and then inflated, and its scratch space, which is the target rounded up to whole MiB once more (1.65,
/// pkg/util, `GetRequiredSpace`; pkg/controller/util.go, `createScratchPersistentVolumeClaim`).
fn fitted(bytes: u64, overhead_millionths: u32) -> Option<u64> {
    const MIB: u128 = 1 << 20;
    const MILLION: u128 = 1_000_000;
    let overhead = u128::from(overhead_millionths);
    let room = u128::from(bytes) / MIB * MIB;
    // CDI multiplies floating-point numbers and rounds up, so it may want a byte more than is exact.
    let room = room.checked_sub(u128::from(overhead > 0))?;
    let fitted = room * MILLION / (MILLION + overhead) / MIB * MIB;
    u64::try_from(fitted).ok().filter(|fitted| *fitted > 0)
}

/// Sets an annotation to true, unless it is there already: what it says then is the user's.
fn annotate(
    own: Option<&Metadata<'_>>,
    name: &'static str,
    class: &ManagedClass,
    out: &mut Mutation,
) {
    if own.is_some_and(|own| own.annotation(name).is_some()) {
        return;
    }
    let room = metadata::room(&out.edits, own);
    let what = match room {
        Some(true) => "true".to_owned(),
        None | Some(false) => format!("{name}=true"),
    };
    let (path, value) = metadata::entry(&["metadata"], room, ["annotations", name], "true".into());
    out.edits.push(Edit {
        path,
        value,
        what,
        why: Why::ManagedClass(class.name.clone()),
    });
}

#[cfg(test)]
mod tests;
