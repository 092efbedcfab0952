//! The policy's file as it is written. Checked by the conversion into [`super::Policy`].
//!
//! The JSON schema of the chart's values is made from these types (see `schema.rs`), so their documentation is what an
//! operator reads, and each `schemars` attribute says to helm what `check.rs` says to the running webhook.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::weights::WeightsFile;
use super::{BindingMode, OnInfeasible, PlainPasswords, PodInterface, ScratchReclaim};
#[cfg(test)]
use super::{HOLD_SECONDS_MAX, schema};
use crate::toleration::Effect;

/// What vmberth gives to VMs.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PolicyFile {
    #[cfg_attr(test, schemars(skip))]
    pub(super) api_version: String,
    #[cfg_attr(test, schemars(skip))]
    pub(super) kind: String,
    /// Given to VMs and to the pods of KubeVirt and CDI that work for them.
    #[cfg_attr(test, schemars(required))]
    pub(super) tolerations: Option<Vec<TolerationFile>>,
    /// Nothing in these is touched.
    #[cfg_attr(test, schemars(required, inner(regex(pattern = schema::LABEL))))]
    pub(super) exempt_namespaces: Option<Vec<String>>,
    /// Pages behind the memory of a VM that says nothing itself.
    #[cfg_attr(test, schemars(extend("enum" = schema::pages())))]
    pub(super) hugepages: Option<String>,
    /// Kinds of virtual functions; the first is meant by who names no network.
    pub(super) vf_pools: Option<Vec<VfPoolFile>>,
    /// Binding of the interface that KubeVirt gives to a VM without any, kept beside virtual functions.
    pub(super) pod_interface: Option<PodInterface>,
    /// Classes of local volumes that vmberth looks after.
    pub(super) storage_classes: Option<Vec<ClassFile>>,
    /// Named sets of wishes.
    pub(super) profiles: Option<Vec<ProfileFile>>,
    /// DaemonSets that tolerate what VMs tolerate; namespace/name.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::object()))))]
    pub(super) daemon_sets: Option<Vec<String>>,
    /// Who places VMs and the pods that fill managed volumes; empty leaves them as they are.
    #[cfg_attr(test, schemars(regex(pattern = schema::maybe(&schema::subdomain()))))]
    pub(super) scheduler_name: Option<String>,
    /// Pods of VMs, and those that fill managed volumes, request one vmberth.io/berth, by which the cluster's own scheduler
    /// asks the extender about them; left out: with scheduler.mode cluster.
    pub(super) request_berth: Option<bool>,
    /// The profile that a disk stands for whose VM does not exist yet and that names none itself; empty: none.
    #[cfg_attr(test, schemars(regex(pattern = schema::maybe(schema::LABEL))))]
    pub(super) disk_profile: Option<String>,
    /// Seconds for which functions, pages and volumes are held for a VM where its disks lie, until its pod is there.
    #[cfg_attr(test, schemars(range(min = 0, max = HOLD_SECONDS_MAX)))]
    pub(super) hold_seconds: Option<u32>,
    /// What counts how much among the nodes that can hold a VM; what is left out is as it is by default.
    pub(super) score_weights: Option<WeightsFile>,
    /// What follows a password in plain text in cloud-init data.
    pub(super) plain_passwords: Option<PlainPasswords>,
    /// What follows a VM that no node could ever hold.
    pub(super) infeasible: Option<OnInfeasible>,
}

/// One taint. The key is required: no key would tolerate every taint of every node.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(
    extend("required" = ["key"]),
    extend("if" = {"required": ["operator"], "properties": {"operator": {"const": "Exists"}}}),
    extend("then" = {"properties": {"value": {"const": ""}}}),
    extend("else" = {"required": ["value"]}),
    extend("dependencies" = {"tolerationSeconds": {
        "required": ["effect"], "properties": {"effect": {"const": "NoExecute"}},
    }}),
))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TolerationFile {
    /// The taint's key.
    #[cfg_attr(test, schemars(regex(pattern = schema::qualified_name())))]
    pub(super) key: Option<String>,
    /// Exists: any value. Equal, also if left out: this value.
    pub(super) operator: Option<OperatorWord>,
    /// The taint's value.
    #[cfg_attr(test, schemars(regex(pattern = schema::maybe(schema::NAME))))]
    pub(super) value: Option<String>,
    /// Left out: every effect.
    pub(super) effect: Option<Effect>,
    /// How long a taint of the effect NoExecute is tolerated; left out: for ever.
    pub(super) toleration_seconds: Option<i64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum OperatorWord {
    Exists,
    Equal,
}

/// Virtual functions of one resource.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct VfPoolFile {
    /// The device plugin's resource.
    #[cfg_attr(test, schemars(regex(pattern = schema::resource())))]
    pub(super) resource: String,
    /// NetworkAttachmentDefinition of the interfaces: namespace/name, or a name in each VM's namespace.
    #[cfg_attr(test, schemars(regex(pattern = schema::network())))]
    pub(super) network: String,
}

/// A class of local volumes.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClassFile {
    /// Name of the StorageClass.
    #[cfg_attr(test, schemars(regex(pattern = schema::subdomain())))]
    pub(super) name: String,
    /// Given to DataVolumes without a class; of one class at most.
    pub(super) default: Option<bool>,
    /// volumeBindingMode of the StorageClass.
    pub(super) binding_mode: BindingMode,
    /// What CDI adds to a claim for the file system, as in CDIConfig.
    #[cfg_attr(test, schemars(with = "Option<schema::Share>"))]
    pub(super) filesystem_overhead: Option<Scalar>,
    /// Volumes were cut without room for that overhead, so claims are made smaller.
    pub(super) fit_overhead: Option<bool>,
    /// Tell CDI beforehand that imports over HTTP need scratch space.
    pub(super) require_scratch: Option<bool>,
    /// What becomes of volumes that were CDI's scratch space: with retain each disk of a VM needs another one.
    pub(super) scratch_reclaim: Option<ScratchReclaim>,
}

/// A named set of wishes.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ProfileFile {
    /// What a VM calls it by.
    #[cfg_attr(test, schemars(regex(pattern = schema::LABEL)))]
    pub(super) name: String,
    /// VMs that get it without asking, by the labels of their template; left out: none.
    pub(super) selector: Option<SelectorFile>,
    /// Pages behind the memory.
    #[cfg_attr(test, schemars(extend("enum" = schema::pages())))]
    pub(super) hugepages: Option<String>,
    /// Virtual functions: a number, or networks with a number each.
    #[cfg_attr(test, schemars(with = "Option<schema::Vfs>"))]
    pub(super) vfs: Option<Scalar>,
    /// Secret with public keys of ssh, in each VM's namespace.
    #[cfg_attr(test, schemars(regex(pattern = schema::CREDENTIAL)))]
    pub(super) ssh_keys: Option<String>,
}

/// Kubernetes' label selector.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SelectorFile {
    /// Labels that must have these values.
    #[cfg_attr(test, schemars(with = "Option<schema::Labels>"))]
    pub(super) match_labels: Option<BTreeMap<String, String>>,
    /// Further requirements.
    pub(super) match_expressions: Option<Vec<RequirementFile>>,
}

/// One requirement of a selector.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(
    extend("if" = {"properties": {"operator": {"enum": ["In", "NotIn"]}}}),
    extend("then" = {"required": ["values"], "properties": {"values": {"minItems": 1}}}),
    extend("else" = {"properties": {"values": {"maxItems": 0}}}),
))]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementFile {
    /// The label.
    #[cfg_attr(test, schemars(regex(pattern = schema::qualified_name())))]
    pub(super) key: String,
    /// What must hold of it.
    pub(super) operator: LabelOperatorWord,
    /// For In and NotIn.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::maybe(schema::NAME)))))]
    pub(super) values: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum LabelOperatorWord {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// A text, or a number as the text that it was: `helm --set` makes numbers of digits, and texts of fractions.
#[derive(Debug)]
pub(crate) struct Scalar(pub(crate) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }

        deserializer.deserialize_any(Written)
    }
}
