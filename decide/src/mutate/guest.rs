//! One instance as an object describes it: bare, or as the template of a VM, a replica set or a pool.

use crate::edit::Token;
use crate::names;
use crate::subject::View;
use crate::view::{CloudInit, Instance, InstanceSpec, Machine, MachineSpec, Metadata};

/// An instance, where it stands, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Guest<'v> {
    /// Path of the instance's metadata and spec.
    path: &'static [&'static str],
    /// Its spec.
    pub(super) spec: &'v InstanceSpec<'v>,
    /// Metadata that the instance will have; `None` if absent or null.
    pub(super) metadata: Option<&'v Metadata<'v>>,
    /// Metadata of the object itself, which carries the record.
    pub(super) object: Option<&'v Metadata<'v>>,
    /// Where annotations of ours may stand, the innermost first.
    pub(super) sources: Vec<(&'static str, Option<&'v Metadata<'v>>)>,
    /// Metadata of a replica set or pool: nothing inherits it, so a wish there would be lost with the first instance.
    pub(super) not_inherited: Option<&'v Metadata<'v>>,
    /// Spec of its VirtualMachine or replica set, and its path; `None` if it is bare.
    pub(super) machine: Option<(&'static [&'static str], &'v MachineSpec<'v>)>,
    /// Whether many instances will be made of it.
    pub(super) many: bool,
    /// Name that the instance will have; `None` if it is to be generated.
    pub(super) name: Option<&'v str>,
}

const METADATA: &str = "metadata";

impl<'v> Guest<'v> {
    /// `None` if the object describes no instance, or has no spec to write to: then the API server refuses it in its
    /// own words.
    pub(super) fn of(view: &'v View<'v>, many: bool) -> Option<Self> {
        match view {
            View::Instance(instance) => {
                let object = instance.metadata.as_ref();
                let sources = vec![(METADATA, object)];
                Self::new(&[], instance, object, sources, None, many)
            }
            View::Machine(machine) => {
                let object = machine.metadata.as_ref();
                let outer = (!many).then_some((METADATA, object));
                let path: &[_] = &["spec"];
                Self::of_machine([path, &["spec", "template"]], machine, object, outer, many)
            }
            View::Pool(pool) => {
                let machine = pool.spec.as_ref()?.machine.as_ref()?;
                let path: &[_] = &["spec", "virtualMachineTemplate", "spec"];
                let template = &["spec", "virtualMachineTemplate", "spec", "template"];
                let outer = (
                    "spec.virtualMachineTemplate.metadata",
                    machine.metadata.as_ref(),
                );
                let object = pool.metadata.as_ref();
                Self::of_machine([path, template], machine, object, Some(outer), true)
            }
            View::Pod(_)
            | View::DataVolume(_)
            | View::Claim(_)
            | View::DaemonSet(_)
            | View::Other => None,
        }
    }

    /// `paths` are those of the machine's spec and of its template; `outer` is metadata whose wishes the instance gets,
    /// beside that of the template.
    fn of_machine(
        [path, template]: [&'static [&'static str]; 2],
        machine: &'v Machine<'v>,
        object: Option<&'v Metadata<'v>>,
        outer: Option<(&'static str, Option<&'v Metadata<'v>>)>,
        many: bool,
    ) -> Option<Self> {
        let spec = machine.spec.as_ref()?;
        let instance = spec.template.as_ref()?;
        let place = match template {
            ["spec", "template"] => "spec.template.metadata",
            _ => "spec.virtualMachineTemplate.spec.template.metadata",
        };
        let mut sources = vec![(place, instance.metadata.as_ref())];
        sources.extend(outer);
        let machine = Some((path, spec));
        let guest = Self::new(template, instance, object, sources, machine, many)?;
        Some(Self {
            name: object.and_then(Metadata::own_name).filter(|_| !many),
            not_inherited: object.filter(|_| many),
            ..guest
        })
    }

    fn new(
        path: &'static [&'static str],
        instance: &'v Instance<'v>,
        object: Option<&'v Metadata<'v>>,
        sources: Vec<(&'static str, Option<&'v Metadata<'v>>)>,
        machine: Option<(&'static [&'static str], &'v MachineSpec<'v>)>,
        many: bool,
    ) -> Option<Self> {
        Some(Self {
            path,
            spec: instance.spec.as_ref()?,
            metadata: instance.metadata.as_ref(),
            object,
            sources,
            not_inherited: None,
            machine,
            many,
            name: object.and_then(Metadata::own_name).filter(|_| !many),
        })
    }

    /// Path below the instance: `["spec", "networks"]`, `["metadata"]`.
    pub(super) fn path(&self, steps: &[&'static str]) -> Vec<Token> {
        self.path
            .iter()
            .chain(steps)
            .copied()
            .map(Token::Borrowed)
            .collect()
    }

    /// Path of the instance's metadata.
    pub(super) fn metadata_path(&self) -> Vec<&'static str> {
        self.path.iter().copied().chain([METADATA]).collect()
    }

    /// The first volume that tells cloud-init, the only one that KubeVirt reads: its index, its field, and its content.
    pub(super) fn cloud_init(&self) -> Option<(usize, &'static str, &'v CloudInit<'v>)> {
        let mut volumes = self.spec.volumes.iter().flatten().enumerate();
        volumes.find_map(|(at, volume)| {
            let (field, cloud_init) = volume.cloud_init()?;
            Some((at, field, cloud_init))
        })
    }

    /// Whether the object holds a template, of which instances are made later.
    pub(super) fn is_template(&self) -> bool {
        !self.path.is_empty()
    }

    /// Whether processors and memory come from an instancetype.
    pub(super) fn has_instancetype(&self) -> bool {
        self.machine
            .is_some_and(|(_, machine)| machine.instancetype.is_some())
    }
}

/// virt-controller syncs an instance's tolerations from its VM's template within half a second
/// (facts: kubevirt-cdi 0.2), so there is no use in changing them here.
pub(super) fn owned_by_machine(metadata: Option<&Metadata<'_>>) -> bool {
    let controller = metadata.and_then(Metadata::controller);
    controller.is_some_and(|owner| {
        let group = owner
            .api_version
            .as_deref()
            .and_then(|version| version.split_once('/'));
        owner.kind.as_deref() == Some(names::VIRTUAL_MACHINE_KIND)
            && group.is_some_and(|(group, _)| group == names::KUBEVIRT_GROUP)
    })
}
