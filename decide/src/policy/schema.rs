//! The JSON schema of `values.policy`, made from the types of the file. helm refuses by it what the webhook would refuse
//! at start, with the same path.
//!
//! `UPDATE_FIXTURES=1 cargo test -p vmberth-decide schema` writes it into the chart.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Policy;
use super::file::PolicyFile;
use crate::names;
use crate::pages::PageSize;
use crate::wish::{MAX_VFS, Pages};

/// RFC 1123 label.
pub(super) const LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// A label's value, or the part of its name after the prefix.
pub(super) const NAME: &str = "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// A label that leaves room for KubeVirt's `-access-cred` behind it.
pub(super) const CREDENTIAL: &str = "^[a-z0-9]([-a-z0-9]{0,49}[a-z0-9])?$";
/// A share of one with at most six decimals.
pub(super) const SHARE: &str = "^0(\\.[0-9]{1,6})?$";

/// RFC 1123 subdomain.
pub(super) fn subdomain() -> String {
    let label = inner(LABEL);
    format!("^{label}(\\.{label})*$")
}

/// Kubernetes' qualified name.
pub(super) fn qualified_name() -> String {
    format!("^({}/)?{}$", inner(&subdomain()), inner(NAME))
}

/// A device plugin's resource.
pub(super) fn resource() -> String {
    format!("^{}/{}$", inner(&subdomain()), inner(NAME))
}

/// `namespace/name`.
pub(super) fn object() -> String {
    format!("^{}/{}$", inner(LABEL), inner(&subdomain()))
}

/// `namespace/name` or `name`.
pub(super) fn network() -> String {
    format!("^({}/)?{}$", inner(LABEL), inner(&subdomain()))
}

/// The pattern, or nothing.
pub(super) fn maybe(pattern: &str) -> String {
    format!("^({})?$", inner(pattern))
}

fn inner(pattern: &str) -> &str {
    pattern.trim_start_matches('^').trim_end_matches('$')
}

/// Every wish for pages.
pub(super) fn pages() -> Vec<String> {
    let sizes = PageSize::ALL.map(Pages::Of);
    let all = [Pages::None].into_iter().chain(sizes);
    all.map(|pages| pages.to_string()).collect()
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

// A share of one, as a number or as the text that `helm --set` makes of it.
stand_in!(Share, {
    "type": ["number", "string"],
    "minimum": 0,
    "exclusiveMaximum": 1,
    "pattern": SHARE,
});

// As the annotation vmberth.io/vfs.
stand_in!(Vfs, {
    "type": ["integer", "string"],
    "minimum": 0,
    "maximum": MAX_VFS,
    "pattern": vfs(),
});

// Not by propertyNames: helm 3.22 names another place then.
stand_in!(Labels, {
    "type": "object",
    "patternProperties": {(qualified_name()): {"type": "string", "pattern": maybe(NAME)}},
    "additionalProperties": false,
});

/// The annotation `vmberth.io/vfs`.
pub(super) fn vfs() -> String {
    let count = "([0-9]|[12][0-9]|3[0-2])";
    let one = format!("{}={count}", inner(&network()));
    format!("^({count}|{one}(,{one})*)$")
}

/// What the chart's schema says of `policy`.
fn of_policy() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<PolicyFile>()
        .to_value();
    tidy(&mut schema);
    schema
}

/// Shorter, and with messages that a person can read: a list of words instead of one schema for each, and no null,
/// which helm takes for a value that is not there.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            tidy_fields(fields);
            fields.values_mut().for_each(tidy);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn tidy_fields(fields: &mut Map<String, Value>) {
    let null = json!({"type": "null"});
    if let Some(Value::Array(options)) = fields.get_mut("anyOf") {
        options.retain(|option| *option != null);
        if let [Value::Object(only)] = &mut options[..] {
            let only = std::mem::take(only);
            fields.remove("anyOf");
            for (key, value) in only {
                fields.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(words)) = fields.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            fields["type"] = only.clone();
        }
    }
    if let Some(Value::Array(words)) = fields.get("oneOf") {
        let words: Option<Vec<_>> = words
            .iter()
            .map(|word| word.get("const").cloned())
            .collect();
        if let Some(words) = words {
            fields.remove("oneOf");
            fields.insert("type".to_owned(), "string".into());
            fields.insert("enum".to_owned(), words.into());
        }
    }
    for noise in ["title", "format"] {
        if fields.get(noise).is_some_and(Value::is_string) {
            fields.remove(noise);
        }
    }
}

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/vmberth");

#[test]
fn the_schema_of_the_chart_is_made_from_the_types() {
    let file = format!("{CHART}/values.schema.json");
    let chart = std::fs::read_to_string(&file).unwrap();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(file, with_policy(&chart)).unwrap();
        return;
    }
    let chart: Value = serde_json::from_str(&chart).unwrap();
    // No assert_eq: two whole schemas tell nobody what to do.
    let same = chart["properties"]["policy"] == of_policy();
    assert!(
        same,
        "UPDATE_FIXTURES=1 cargo test -p vmberth-decide schema, and read the diff"
    );
}

/// The chart's schema with its part on the policy replaced; every other line stays as people wrote it.
fn with_policy(chart: &str) -> String {
    let (before, rest) = chart.split_once("\n    \"policy\": {").unwrap();
    let (_, after) = rest.split_once("\n    },").unwrap();
    let policy = serde_json::to_string_pretty(&of_policy()).unwrap();
    format!(
        "{before}\n    \"policy\": {}{after}",
        policy.replace('\n', "\n    ") + ","
    )
}

fn policy_of(values: &str) -> Policy {
    let values = std::fs::read_to_string(format!("{CHART}/{values}")).unwrap();
    let mut values: Value = serde_saphyr::from_str(&values).unwrap();
    values["policy"]["apiVersion"] = names::POLICY_API_VERSION.into();
    values["policy"]["kind"] = names::POLICY_KIND.into();
    Policy::from_yaml(&values["policy"].to_string()).unwrap()
}

#[test]
fn the_defaults_of_the_chart_are_those_of_the_webhook() {
    assert_eq!(policy_of("values.yaml"), Policy::default());
}

#[test]
fn what_the_chart_is_tried_with_is_accepted() {
    assert_eq!(policy_of("ci/everything.yaml").profiles.len(), 2);
}

#[test]
fn every_field_stands_in_the_documentation() {
    fn fields(schema: &Value, found: &mut Vec<String>) {
        let own = schema["properties"].as_object().into_iter().flatten();
        for (name, schema) in own {
            found.push(format!("`{name}`"));
            fields(schema, found);
            fields(&schema["items"], found);
        }
    }
    let page = std::fs::read_to_string(format!("{CHART}/../../docs/policy.md")).unwrap();
    let mut found = Vec::new();
    fields(&of_policy(), &mut found);
    found.retain(|name| !page.contains(name));
    assert!(found.is_empty(), "docs/policy.md lacks {found:?}");
}
