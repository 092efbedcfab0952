//! The part of the chart's schema that is about `values.exporter`, made from the types of the file.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::check::{MAX_GRACE, MAX_VFS};
use super::file::ConfigFile;
use super::pattern::{MAX_NUMBER, MIN_CAPACITY};
use super::{Config, VolumePattern};
use crate::names;
use crate::policy::schema;

/// An absolute path in one spelling.
pub(super) const DIRECTORY: &str = "^(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+/?$";
/// A name before a number.
pub(super) const PREFIX: &str = "^[A-Za-z0-9][-A-Za-z0-9_.]{0,57}$";
/// A vendor or a device.
pub(super) const ID: &str = "^[0-9A-Fa-f]{4}$";
/// A network interface.
pub(super) const INTERFACE: &str = "^[A-Za-z0-9][-A-Za-z0-9_.]{0,14}$";
/// A PCI address.
const ADDRESS: &str = "^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$";
/// The size of a disk. Narrower than a quantity: what helm accepts, the agent must accept too.
pub(super) const SIZE: &str = "^(fair|[1-9][0-9]{6,15}|[1-9][0-9]{0,5}(\\.[0-9]{1,3})?[MGT]i?)$";
/// From 0.1 to 10.
pub(super) const OVERCOMMIT: &str = "^(0\\.[1-9][0-9]{0,5}|[1-9](\\.[0-9]{1,6})?|10(\\.0{1,6})?)$";

/// A card, by interface or address.
pub(super) fn function() -> String {
    let inner = |pattern: &str| pattern.trim_matches(['^', '$']).to_owned();
    format!("^({}|{})$", inner(INTERFACE), inner(ADDRESS))
}

/// Declares a type that stands in the schema for one that reads more than serde tells.
macro_rules! stand_in {
    ($name:ident, $schema:tt) => {
        #[derive(Debug)]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

stand_in!(Max, {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER});
stand_in!(Grace, {"type": "integer", "minimum": 1, "maximum": MAX_GRACE});
stand_in!(NumVfs, {"type": "integer", "minimum": 1, "maximum": MAX_VFS});
stand_in!(Size, {"type": ["integer", "string"], "minimum": MIN_CAPACITY, "pattern": SIZE});
stand_in!(Overcommit, {
    "type": ["number", "string"],
    "minimum": 0.1,
    "maximum": 10,
    "pattern": OVERCOMMIT,
});

#[test]
fn the_schema_of_the_chart_is_made_from_the_types() {
    let own = schema::of::<ConfigFile>();
    schema::compare("/definitions/exporterConfig", &own);
}

#[test]
fn every_field_stands_in_the_documentation() {
    let lacking = schema::undocumented(&schema::of::<ConfigFile>(), "exporter.md");
    assert!(lacking.is_empty(), "docs/exporter.md lacks {lacking:?}");
}

/// The config that the chart makes of a file of values.
fn config_of(values: &str) -> Config {
    let values = std::fs::read_to_string(format!("{}/{values}", schema::CHART)).unwrap();
    let values: Value = serde_saphyr::from_str(&values).unwrap();
    let mut config = serde_json::json!({
        "apiVersion": names::POLICY_API_VERSION,
        "kind": names::EXPORTER_CONFIG_KIND,
    });
    // The same fields as in templates/exporter/config.yaml.
    for field in ["volumes", "vfPools", "devicePlugin", "binder"] {
        config[field] = values["exporter"][field].clone();
    }
    Config::from_yaml(&config.to_string()).unwrap()
}

#[test]
fn by_default_the_chart_only_looks_at_the_directories_of_ceek() {
    let looked_at = VolumePattern {
        directory: "/var/vd/".to_owned(),
        prefix: "vol".to_owned(),
        max: 64,
        slash_added: false,
        offer: None,
    };
    let expected = Config {
        volumes: vec![looked_at],
        ..Config::default()
    };
    assert_eq!(config_of("values.yaml"), expected);
}

#[test]
fn what_the_chart_is_tried_with_is_accepted() {
    let config = config_of("ci/everything.yaml");
    assert_eq!(
        (
            config.volumes.len(),
            config.vf_pools.len(),
            config.binder.len()
        ),
        (2, 1, 2)
    );
}
