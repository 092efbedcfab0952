//! Which claims of an object bind at once, and where it says what is wanted of them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::edit::{Dotted, Token};
use crate::event::{Claim, ObjectName};
use crate::guest::{Template, claim_of};
use crate::index::Index;
use crate::names;
use crate::policy::{BindingMode, ManagedClass, Policy};
use crate::scratch;
use crate::subject;
use crate::view::{self, ClaimSpec, DataVolumeSpec, Metadata};

use super::Made;

const MIB: u64 = 1 << 20;
const MILLION: u128 = 1_000_000;

/// A claim that will bind at once, and that nobody has restricted yet.
#[derive(Debug, Clone)]
pub(super) struct Disk<'p> {
    /// The claim's name.
    pub(super) name: ObjectName,
    /// Its class.
    pub(super) class: &'p ManagedClass,
    /// What stands for the spec of the claim.
    pub(super) path: Vec<Token>,
    /// What it will be.
    pub(super) template: Template,
}

impl Disk<'_> {
    /// Whether it is still to come, and of volumes that are there or not.
    pub(super) fn is_open(&self, index: &Index) -> bool {
        index.claim(&self.name).is_none() && index.is_local(&self.template.claim.class)
    }

    /// Where that is said, for people.
    pub(super) fn said_at(&self) -> String {
        match self.path.as_slice() {
            // Of several templates, the list.
            [spec, list, _, ..] if list == "dataVolumeTemplates" => format!("{spec}.{list}"),
            path => Dotted(path).to_string(),
        }
    }
}

/// Claims of this object that bind at once.
pub(super) fn of<'p>(policy: &'p Policy, made: &Made<'_>, name: &ObjectName) -> Vec<Disk<'p>> {
    match made {
        Made::Machine(machine) => {
            let templates = machine.spec.iter();
            let templates = templates.filter_map(|it| it.data_volume_templates.as_deref());
            let disk = |(at, it): (usize, &view::DataVolumeTemplate<'_>)| {
                let name = (Arc::clone(&name.0), it.name().into());
                let spec = it.spec.as_ref()?;
                let path = ["spec".into(), "dataVolumeTemplates".into()];
                let path = path.into_iter().chain([Cow::Owned(at.to_string())]);
                // It is reviewed itself when it is made, and its size fitted then: this is still the size that is written.
                of_data_volume(policy, spec, name, path.collect())
            };
            templates.flatten().enumerate().filter_map(disk).collect()
        }
        Made::DataVolume(volume) => {
            let spec = volume.spec.as_ref();
            let disk = spec.and_then(|it| of_data_volume(policy, it, name.clone(), Vec::new()));
            let mut disk = disk.map(inflated);
            if let Some(disk) = &mut disk {
                disk.template.claim.profile = profile_of(volume.metadata.as_ref());
            }
            disk.into_iter().collect()
        }
        Made::Claim(claim) => {
            let disk = claim.spec.as_ref().and_then(|spec| {
                let claim = Claim {
                    needs_scratch: scratch::is_needed(|name| claim.annotation(name)),
                    profile: profile_of(claim.metadata.as_ref()),
                    ..claim_of(spec)?
                };
                let template = Template {
                    claim,
                    has_overhead: false,
                };
                let path = vec!["spec".into()];
                disk(policy, spec, name.clone(), (path, template))
            });
            disk.into_iter().collect()
        }
    }
}

fn of_data_volume<'p>(
    policy: &'p Policy,
    spec: &DataVolumeSpec<'_>,
    name: ObjectName,
    mut path: Vec<Token>,
) -> Option<Disk<'p>> {
    let (field, claim) = match (&spec.pvc, &spec.storage) {
        (Some(claim), None) => ("pvc", claim),
        (None, Some(claim)) => ("storage", claim),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    path.extend(["spec", field].map(Token::Borrowed));
    disk(policy, claim, name, (path, Template::of(spec)?))
}

fn disk<'p>(
    policy: &'p Policy,
    spec: &ClaimSpec<'_>,
    name: ObjectName,
    (path, template): (Vec<Token>, Template),
) -> Option<Disk<'p>> {
    let class = immediate(policy, &template.claim.class)?;
    let is_said = spec.selector.is_some() || template.claim.volume.is_some();
    (!is_said).then_some(Disk {
        name,
        class,
        path,
        template,
    })
}

/// The class of that name, if it binds at once.
pub(super) fn immediate<'p>(policy: &'p Policy, class: &str) -> Option<&'p ManagedClass> {
    let class = policy.managed(class)?;
    (class.binding_mode == BindingMode::Immediate).then_some(class)
}

/// A DataVolume whose size was fitted already, so that CDI's share is not in it any more (CDI 1.65, pkg/util, `GetRequiredSpace`).
fn inflated(mut disk: Disk<'_>) -> Disk<'_> {
    if std::mem::take(&mut disk.template.has_overhead) {
        let bytes = &mut disk.template.claim.bytes;
        let whole = u128::from(bytes.div_ceil(MIB)).saturating_mul(u128::from(MIB));
        let share = u128::from(disk.class.overhead_millionths);
        let all = whole.saturating_mul(MILLION.saturating_add(share));
        *bytes = u64::try_from(all.div_ceil(MILLION)).unwrap_or(u64::MAX);
    }
    disk
}

/// The target of CDI's scratch space.
pub(super) fn target_of_scratch(claim: &view::Claim<'_>, name: &ObjectName) -> Option<ObjectName> {
    let owner = claim.metadata.as_ref()?.controller()?;
    let labels = claim.metadata.as_ref().and_then(|it| it.labels.as_ref());
    let app = labels.and_then(|labels| labels.get(names::CDI_APP_LABEL));
    let is_of_cdi = app.is_some_and(|app| &**app == names::CDI_APP);
    let target = scratch::target_of(&name.1)?;
    let is_scratch = is_of_cdi && owner.kind.as_deref() == Some("Pod");
    is_scratch.then(|| (Arc::clone(&name.0), target.into()))
}

/// Whether a claim is a VM's, or will be: one that has it among its disks, a profile that it stands for, or CDI that fills it.
/// Any other may be of a pod that knows nothing of us.
pub(super) fn is_of_a_vm(
    index: Option<&Index>,
    claim: &view::Claim<'_>,
    name: &ObjectName,
) -> bool {
    const MARKS: [&str; 3] = [
        names::PROFILE_ANNOTATION,
        names::UPLOAD_TARGET_ANNOTATION,
        names::IMPORT_SOURCE_ANNOTATION,
    ];
    let owner = claim.metadata.as_ref().and_then(Metadata::controller);
    let kind = owner.and_then(|owner| owner.kind.as_deref());
    let is_marked = MARKS.iter().any(|mark| claim.annotation(mark).is_some());
    let has_user = index.is_some_and(|index| index.user_of(name).is_some());
    has_user || is_marked || kind == Some(subject::Kind::DataVolume.as_str())
}

/// The profile that a disk stands for.
fn profile_of(metadata: Option<&Metadata<'_>>) -> Option<Arc<str>> {
    let profile = metadata.and_then(|it| it.annotation(names::PROFILE_ANNOTATION));
    profile.map(|name| name.trim().into())
}
