//! Where in an object the edits go.

use crate::edit::Token;
use crate::names;
use crate::subject::{Operation, PodRole, View};
use crate::view::{Metadata, Placement, Toleration};

/// The one place of an object that says where its pods may run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target<'v> {
    /// Path of the pod's or instance's spec.
    pub(super) spec: &'static [&'static str],
    /// What stands there; `None` if the list is absent or null.
    pub(super) tolerations: Option<&'v [Toleration<'v>]>,
    /// Metadata of the object itself.
    pub(super) metadata: Option<&'v Metadata<'v>>,
    /// Metadata that instances and their pods inherit; `None` if the object has no template.
    pub(super) template: Option<Template<'v>>,
    /// Whether a VirtualMachine overrules the object.
    pub(super) owned_by_machine: bool,
}

/// Metadata of the template of instances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Template<'v> {
    /// Where it stands.
    pub(super) path: &'static [&'static str],
    /// What stands there; `None` if absent or null.
    pub(super) metadata: Option<&'v Metadata<'v>>,
}

impl<'v> Target<'v> {
    /// `None` if the object is not ours at this operation, or has no spec to write to: then the API server refuses
    /// it in its own words.
    ///
    /// Pods and instances are made by controllers and never edited afterwards: CREATE only. Templates also on
    /// UPDATE.
    pub(super) fn of(view: &'v View<'v>, operation: Operation) -> Option<Self> {
        let create = operation == Operation::Create;
        let write = create || operation == Operation::Update;
        match view {
            View::Pod(pod) if create && PodRole::of(pod.labels()) != PodRole::Foreign => Some(
                Self::new(&["spec"], pod.spec.as_ref()?, pod.metadata.as_ref()),
            ),
            View::Instance(instance) if create => {
                let metadata = instance.metadata.as_ref();
                let target = Self::new(&["spec"], instance.spec.as_ref()?, metadata);
                Some(Self {
                    owned_by_machine: owned_by_machine(metadata),
                    ..target
                })
            }
            View::Machine(machine) if write => {
                let template = machine.spec.as_ref()?.template.as_ref()?;
                let path = &["spec", "template", "spec"];
                let metadata = machine.metadata.as_ref();
                let target = Self::new(path, template.spec.as_ref()?, metadata);
                let path = &["spec", "template", "metadata"];
                Some(target.with_template(path, template.metadata.as_ref()))
            }
            View::Pool(pool) if write => {
                let machine = pool.spec.as_ref()?.machine.as_ref()?;
                let template = machine.spec.as_ref()?.template.as_ref()?;
                let path = &["spec", "virtualMachineTemplate", "spec", "template", "spec"];
                let metadata = pool.metadata.as_ref();
                let target = Self::new(path, template.spec.as_ref()?, metadata);
                let path = &[
                    "spec",
                    "virtualMachineTemplate",
                    "spec",
                    "template",
                    "metadata",
                ];
                Some(target.with_template(path, template.metadata.as_ref()))
            }
            View::Pod(_) | View::Instance(_) | View::Machine(_) | View::Pool(_) | View::Other => {
                None
            }
        }
    }

    /// Path of a field of the spec.
    pub(super) fn path(&self, field: &'static str) -> Vec<Token> {
        self.spec
            .iter()
            .copied()
            .chain([field])
            .map(Token::Borrowed)
            .collect()
    }

    fn new(
        spec: &'static [&'static str],
        placement: &'v Placement<'v>,
        metadata: Option<&'v Metadata<'v>>,
    ) -> Self {
        let tolerations = placement.tolerations.as_deref();
        Self {
            spec,
            tolerations,
            metadata,
            template: None,
            owned_by_machine: false,
        }
    }

    fn with_template(
        self,
        path: &'static [&'static str],
        metadata: Option<&'v Metadata<'v>>,
    ) -> Self {
        let template = Some(Template { path, metadata });
        Self { template, ..self }
    }
}

/// virt-controller syncs an instance's tolerations from its VM's template within half a second
/// (facts: kubevirt-cdi 0.2), so there is no use in changing them here.
fn owned_by_machine(metadata: Option<&Metadata<'_>>) -> bool {
    let owners = metadata
        .and_then(|metadata| metadata.owners.as_deref())
        .unwrap_or_default();
    owners.iter().any(|owner| {
        let group = owner
            .api_version
            .as_deref()
            .and_then(|version| version.split_once('/'));
        owner.controller == Some(true)
            && owner.kind.as_deref() == Some(names::VIRTUAL_MACHINE_KIND)
            && group.is_some_and(|(group, _)| group == names::KUBEVIRT_GROUP)
    })
}
