//! What is kept of a VirtualMachine or a VirtualMachineInstance: what it needs of a node, and whether it wants to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::demand::Needs;
use crate::event::Claim;
use crate::fit::cells::Wish;
use crate::fit::volumes::{AccessModes, VolumeMode};
use crate::placing::Placing;
use crate::profile::Selector;
use crate::quantity::parse_bytes;
use crate::view::placed::{Instance, InstanceSpec, Machine};
use crate::view::{ClaimSpec, DataVolumeSpec, DataVolumeTemplate, Source};

/// A VM, or an instance of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guest {
    /// It runs, or should.
    pub wants_to_run: bool,
    /// Names of the claims behind its volumes.
    pub claims: BTreeSet<Arc<str>>,
    /// Claims that will be made for it, as far as it says what they will be.
    pub templates: Templates,
    /// What is counted.
    pub needs: Needs,
    /// Where it may be.
    pub placing: Placing,
    /// How it wants to lie on its node.
    pub cells: Wish,
    /// Who places it, if it says so.
    pub scheduler: Option<Arc<str>>,
}

/// Claims that will be made, by name.
pub type Templates = BTreeMap<Arc<str>, Template>;

/// A claim that will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As the VM says.
    pub claim: Claim,
    /// CDI adds to its size what the file system takes.
    pub has_overhead: bool,
}

impl Guest {
    /// Of a VirtualMachine.
    #[must_use]
    pub fn of_machine(machine: &Machine<'_>, namespace: &str) -> Self {
        let spec = machine.spec.as_ref();
        let template = spec.and_then(|it| it.template.as_ref());
        let templates = spec.and_then(|it| it.data_volume_templates.as_ref());
        let strategy = spec.and_then(|it| it.run_strategy.as_deref());
        let running = spec.and_then(|it| it.running).unwrap_or(false);
        Self {
            // Manual: while there is an instance; that is asked of the instance.
            wants_to_run: running || matches!(strategy, Some("Always" | "RerunOnFailure" | "Once")),
            templates: templates
                .into_iter()
                .flatten()
                .filter_map(claim_of_template)
                .collect(),
            ..Self::of(template.and_then(|it| it.spec.as_ref()), namespace)
        }
    }

    /// Of an instance; `ended` if it is over and will not run again.
    #[must_use]
    pub fn of_instance(instance: &Instance<'_>, namespace: &str, ended: bool) -> Self {
        Self {
            wants_to_run: !ended,
            ..Self::of(instance.spec.as_ref(), namespace)
        }
    }

    /// Whether it needs the same of a node as another one, whether it wants to run or not.
    #[must_use]
    pub fn needs_as(&self, other: &Self) -> bool {
        let same = |one: &Self| {
            let mut one = one.clone();
            one.wants_to_run = false;
            one
        };
        same(self) == same(other)
    }

    fn of(spec: Option<&InstanceSpec<'_>>, namespace: &str) -> Self {
        let Some(spec) = spec else {
            return Self::default();
        };
        let volumes = spec.volumes.iter().flatten();
        Self {
            claims: volumes
                .filter_map(|volume| volume.claim().map(Into::into))
                .collect(),
            needs: Needs::of(spec, namespace),
            placing: Placing::of(spec),
            cells: cells(spec),
            scheduler: spec.scheduler_name.as_deref().map(Into::into),
            ..Self::default()
        }
    }
}

fn cells(spec: &InstanceSpec<'_>) -> Wish {
    let cpu = spec.domain.as_ref().and_then(|it| it.cpu.as_ref());
    let numa = cpu.and_then(|it| it.numa);
    Wish {
        dedicated: cpu.is_some_and(|it| it.dedicated_cpu_placement == Some(true)),
        passthrough: numa.is_some_and(|it| it.guest_mapping_passthrough.is_some()),
    }
}

fn claim_of_template(template: &DataVolumeTemplate<'_>) -> Option<(Arc<str>, Template)> {
    let made = Template::of(template.spec.as_ref()?)?;
    Some((template.name().into(), made))
}

impl Template {
    /// The claim that CDI will make of a DataVolume, if that says class and size.
    pub(crate) fn of(spec: &DataVolumeSpec<'_>) -> Option<Self> {
        let claim = claim_of(spec.storage.as_ref().or(spec.pvc.as_ref())?)?;
        let is_scratched =
            |it: &Source| it.upload.is_some() || it.http.is_some() || it.registry.is_some();
        Some(Self {
            has_overhead: spec.storage.is_some() && claim.mode == VolumeMode::Filesystem,
            claim: Claim {
                needs_scratch: spec.source.as_ref().is_some_and(is_scratched),
                ..claim
            },
        })
    }
}

/// What a claim asks for, if it says class and size.
pub(crate) fn claim_of(claim: &ClaimSpec<'_>) -> Option<Claim> {
    let class = claim.storage_class_name.as_deref();
    let volume = claim.volume_name.as_deref();
    let access = claim.access_modes.iter().flatten();
    Some(Claim {
        class: class.filter(|it| !it.is_empty())?.into(),
        bytes: bytes_of(claim)?,
        mode: mode_of(claim),
        access: AccessModes::of(access.map(|it| &**it)),
        selector: claim.selector.as_ref().map(Selector::from),
        volume: volume.filter(|it| !it.is_empty()).map(Into::into),
        ..Claim::default()
    })
}

fn mode_of(claim: &ClaimSpec<'_>) -> VolumeMode {
    match claim.volume_mode.as_deref() {
        Some("Block") => VolumeMode::Block,
        _ => VolumeMode::Filesystem,
    }
}

fn bytes_of(claim: &ClaimSpec<'_>) -> Option<u64> {
    let requests = claim.resources.as_ref()?.requests.as_ref()?;
    parse_bytes(requests.storage.as_deref()?).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn guest(machine: &Value) -> Guest {
        let text = machine.to_string();
        Guest::of_machine(&serde_json::from_str(&text).unwrap(), "edge")
    }

    #[rstest]
    #[case::running(json!({"running": true}), true)]
    #[case::stopped(json!({"running": false}), false)]
    #[case::always(json!({"runStrategy": "Always"}), true)]
    #[case::once(json!({"runStrategy": "Once"}), true)]
    #[case::rerun(json!({"runStrategy": "RerunOnFailure"}), true)]
    #[case::manual(json!({"runStrategy": "Manual"}), false)]
    #[case::halted(json!({"runStrategy": "Halted"}), false)]
    #[case::nothing_is_said(json!({}), false)]
    fn when_it_wants_to_run(#[case] spec: Value, #[case] wants_to_run: bool) {
        assert_eq!(guest(&json!({ "spec": spec })).wants_to_run, wants_to_run);
    }

    #[test]
    fn claims_of_both_kinds_of_volumes() {
        let volumes = json!([
            {"name": "a", "dataVolume": {"name": "disk"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "c", "containerDisk": {"image": "x"}},
        ]);
        let machine = json!({"spec": {"template": {"spec": {"domain": {}, "volumes": volumes}}}});
        let claims = guest(&machine).claims;
        assert_eq!(claims, ["data", "disk"].map(Into::into).into());
    }

    #[rstest]
    #[case::nothing(json!({}), false, false)]
    #[case::dedicated(json!({"dedicatedCpuPlacement": true}), true, false)]
    #[case::passthrough(json!({"dedicatedCpuPlacement": true, "numa": {"guestMappingPassthrough": {}}}), true, true)]
    fn how_it_wants_to_lie(#[case] cpu: Value, #[case] dedicated: bool, #[case] passthrough: bool) {
        let machine = json!({"spec": {"template": {"spec": {"domain": {"cpu": cpu}}}}});
        let expected = Wish {
            dedicated,
            passthrough,
        };
        assert_eq!(guest(&machine).cells, expected);
    }

    /// Bytes, whether CDI adds to them, whether it needs scratch space.
    #[rstest]
    #[case::storage(json!({"source": {"upload": {}}, "storage": {"storageClassName": "local", "resources": {"requests": {"storage": "15Gi"}}}}), Some((15 << 30, true, true)))]
    #[case::pvc(json!({"source": {"blank": {}}, "pvc": {"storageClassName": "local", "resources": {"requests": {"storage": "15Gi"}}}}), Some((15 << 30, false, false)))]
    #[case::block(json!({"source": {"registry": {}}, "storage": {"storageClassName": "local", "volumeMode": "Block", "resources": {"requests": {"storage": "1Gi"}}}}), Some((1 << 30, false, true)))]
    #[case::no_class(json!({"storage": {"resources": {"requests": {"storage": "15Gi"}}}}), None)]
    #[case::no_size(json!({"storage": {"storageClassName": "local"}}), None)]
    fn templates(#[case] spec: Value, #[case] expected: Option<(u64, bool, bool)>) {
        let template = json!({"metadata": {"name": "disk"}, "spec": spec});
        let guest = guest(&json!({"spec": {"dataVolumeTemplates": [template]}}));
        let found = (guest.templates.get("disk"))
            .map(|it| (it.claim.bytes, it.has_overhead, it.claim.needs_scratch));
        assert_eq!(found, expected);
    }
}
