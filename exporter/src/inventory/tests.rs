use serde_json::{Value, json};
use vmberth_decide::inventory::{Condition, Volume, VolumeState};

use super::*;

fn schema() -> Value {
    let crd = serde_json::to_value(crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Every schema in a schema, with its path.
fn all(path: &str, schema: &Value, into: &mut Vec<(String, Value)>) {
    into.push((path.to_owned(), schema.clone()));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.for_each(|(name, property)| all(&format!("{path}.{name}"), property, into));
    if schema["items"].is_object() {
        all(&format!("{path}[]"), &schema["items"], into);
    }
}

#[test]
fn schema_is_structural_and_known_to_the_api_server() {
    let mut schemas = Vec::new();
    all("", &schema(), &mut schemas);
    assert!(schemas.len() > 60, "{}", schemas.len());
    for (path, schema) in schemas {
        // apiextensions.k8s.io/v1, "structural schema": every part has a type, and nothing but plain keywords.
        assert!(schema["type"].is_string(), "{path}: {schema}");
        for keyword in [
            "oneOf", "anyOf", "allOf", "not", "nullable", "default", "$ref",
        ] {
            assert!(schema.get(keyword).is_none(), "{path}: {keyword}");
        }
        if schema["type"] == "integer" {
            assert_eq!(schema["format"], "int64", "{path}");
            assert_eq!(schema["minimum"], 0.0, "{path}");
        }
        if schema["type"] == "array" {
            assert!(
                schema["x-kubernetes-list-type"].is_string()
                    || path.matches("[]").count() > 0
                    || path.ends_with("interfaces"),
                "{path}"
            );
        }
    }
}

#[test]
fn there_is_no_spec_and_a_status_of_its_own() {
    let schema = schema();
    assert!(schema["properties"].get("spec").is_none());
    assert!(schema["properties"]["status"]["properties"]["summary"].is_object());
    let crd = crd();
    assert_eq!(
        crd.metadata.name.as_deref(),
        Some("nodeinventories.vmberth.io")
    );
    assert_eq!(crd.spec.scope, "Cluster");
    let subresources = crd.spec.versions[0].subresources.as_ref().unwrap();
    assert!(subresources.status.is_some());
}

#[test]
fn states_are_an_enumeration() {
    let state =
        &schema()["properties"]["status"]["properties"]["volumes"]["items"]["properties"]["state"];
    let names = VolumeState::ALL.map(VolumeState::as_str);
    let listed: Vec<&str> = state["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(listed, names);
}

/// Clients parse it as one, and the API server refuses what is none.
#[test]
fn time_of_a_condition_is_a_date() {
    let condition = &schema()["properties"]["status"]["properties"]["conditions"]["items"];
    let time = &condition["properties"]["lastTransitionTime"];
    assert_eq!(
        (&time["type"], &time["format"]),
        (&json!("string"), &json!("date-time"))
    );
}

#[test]
fn columns_name_fields_that_exist() {
    let status = NodeInventoryStatus::default();
    let status = serde_json::to_value(status).unwrap();
    let columns = crd().spec.versions[0]
        .additional_printer_columns
        .clone()
        .unwrap();
    let names: Vec<&str> = columns
        .iter()
        .filter(|c| c.priority.unwrap_or(0) == 0)
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["Volumes", "VFs", "2Mi", "1Gi", "Disk-Free", "Ready", "Age"]
    );
    for column in columns {
        if let Some(field) = column.json_path.strip_prefix(".status.summary.") {
            assert!(status["summary"][field].is_string(), "{field}: {status}");
        }
    }
}

#[test]
fn inventory_is_written_without_spec_and_read_back() {
    let mut inventory = NodeInventory::new("edge1", NoWishes {});
    inventory.status = Some(NodeInventoryStatus {
        volumes: vec![Volume {
            name: "vol0".to_owned(),
            ..Volume::default()
        }],
        conditions: vec![Condition::default()],
        ..NodeInventoryStatus::default()
    });
    let written = serde_json::to_value(&inventory).unwrap();
    assert!(written.get("spec").is_none());
    assert_eq!(written["kind"], "NodeInventory");
    assert_eq!(
        serde_json::from_value::<NodeInventory>(written).unwrap(),
        inventory
    );
    let bare = json!({"apiVersion": "vmberth.io/v1alpha1", "kind": "NodeInventory", "metadata": {"name": "x"}});
    assert_eq!(
        serde_json::from_value::<NodeInventory>(bare)
            .unwrap()
            .status,
        None
    );
}
