//! The kind `NodeInventory` and its CustomResourceDefinition, both made from [`NodeInventoryStatus`].

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmberth_decide::inventory::NodeInventoryStatus;
use vmberth_decide::node::assess::ConditionKind;

/// Fields that are wished for: none. An inventory says what there is.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, CustomResource, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "vmberth.io",
    version = "v1alpha1",
    kind = "NodeInventory",
    plural = "nodeinventories",
    singular = "nodeinventory",
    shortname = "nodeinv",
    status = "NodeInventoryStatus",
    no_spec,
    derive = "PartialEq",
    doc = "What a node has for VMs: volumes, virtual functions, huge pages. Written by vmberth's exporter on that node, and by nobody else."
)]
pub struct NoWishes {}

/// Columns of `kubectl get`: name, field of the summary, what it says.
const TOTALS: [(&str, &str, &str); 6] = [
    ("Volumes", "volumes", "Free and all local volumes."),
    ("VFs", "vfs", "Free and all virtual functions."),
    ("2Mi", "pages2Mi", "Free and all huge pages of 2Mi."),
    ("1Gi", "pages1Gi", "Free and all huge pages of 1Gi."),
    (
        "Disk-Free",
        "diskFree",
        "Bytes free for new disks after every promise is kept.",
    ),
    ("Ready", "ready", "Every condition is good."),
];

/// Columns that are shown with `-o wide` only: name, condition.
const CONDITIONS: [(&str, ConditionKind); 6] = [
    ("Volumes-Healthy", ConditionKind::VolumesHealthy),
    ("Disk-Pressure", ConditionKind::DiskPressure),
    ("Plugin-In-Sync", ConditionKind::DevicePluginInSync),
    ("Pages-In-Sync", ConditionKind::HugePagesInSync),
    ("PVs-In-Sync", ConditionKind::PvsInSync),
    ("VMs-Can-Run", ConditionKind::VirtualizationReady),
];

/// The CustomResourceDefinition, as the chart ships it.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = NodeInventory::crd();
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns());
    }
    let schemas = crd.spec.versions.iter_mut();
    let schemas =
        schemas.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.for_each(plain);
    crd
}

fn columns() -> Vec<CustomResourceColumnDefinition> {
    let text =
        |name: &str, json_path, description: String, priority| CustomResourceColumnDefinition {
            name: name.to_owned(),
            json_path,
            description: Some(description),
            priority: Some(priority),
            type_: "string".to_owned(),
            format: None,
        };
    let totals = TOTALS.map(|(name, field, says)| {
        text(name, format!(".status.summary.{field}"), says.to_owned(), 0)
    });
    let conditions = CONDITIONS.map(|(name, kind)| {
        let path = format!(
            ".status.conditions[?(@.type==\"{}\")].status",
            kind.as_str()
        );
        text(name, path, format!("Condition {}.", kind.as_str()), 1)
    });
    let age = CustomResourceColumnDefinition {
        name: "Age".to_owned(),
        json_path: ".metadata.creationTimestamp".to_owned(),
        type_: "date".to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    totals.into_iter().chain(conditions).chain([age]).collect()
}

/// Brings a schema into the form that the API server takes without a warning: it knows no unsigned formats; nothing of
/// ours is ever null, and nothing has to be filled in, since the exporter writes every field that has a value.
fn plain(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    if matches!(schema.format.as_deref(), Some("uint32" | "uint64")) {
        schema.format = Some("int64".to_owned());
        schema.minimum = Some(0.0);
    }
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|all| all.values_mut())
    {
        plain(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => plain(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(plain),
        None => {}
    }
    match &mut schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => plain(values),
        Some(JSONSchemaPropsOrBool::Bool(_)) | None => {}
    }
}

#[cfg(test)]
mod tests;
