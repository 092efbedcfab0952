//! The JSON schema of `values.policy`, made from the types of the file. helm refuses by it what the webhook would refuse
//! at start, with the same path. The schema of `values.exporter` is made by the same functions (`node/config/schema.rs`).
//!
//! `UPDATE_FIXTURES=1 cargo test -p vmberth-decide schema` writes both into the chart.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Policy;
use super::file::PolicyFile;
use crate::names;
use crate::pages::PageSize;
use crate::wish::{MAX_VFS, Pages};

/// RFC 1123 label.
pub(crate) const LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// A label's value, or the part of its name after the prefix.
pub(crate) const NAME: &str = "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// A label that leaves room for KubeVirt's `-access-cred` behind it.
pub(crate) const CREDENTIAL: &str = "^[a-z0-9]([-a-z0-9]{0,49}[a-z0-9])?$";
/// A share of one with at most six decimals.
pub(crate) const SHARE: &str = "^0(\\.[0-9]{1,6})?$";

/// RFC 1123 subdomain.
pub(crate) fn subdomain() -> String {
    let label = inner(LABEL);
    format!("^{label}(\\.{label})*$")
}

/// Kubernetes' qualified name.
pub(crate) fn qualified_name() -> String {
    format!("^({}/)?{}$", inner(&subdomain()), inner(NAME))
}

/// A device plugin's resource.
pub(crate) fn resource() -> String {
    format!("^{}/{}$", inner(&subdomain()), inner(NAME))
}

/// `namespace/name`.
pub(crate) fn object() -> String {
    format!("^{}/{}$", inner(LABEL), inner(&subdomain()))
}

/// `namespace/name` or `name`.
pub(crate) fn network() -> String {
    format!("^({}/)?{}$", inner(LABEL), inner(&subdomain()))
}

/// The pattern, or nothing.
pub(crate) fn maybe(pattern: &str) -> String {
    format!("^({})?$", inner(pattern))
}

fn inner(pattern: &str) -> &str {
    pattern.trim_start_matches('^').trim_end_matches('$')
}

/// Every wish for pages.
pub(crate) fn pages() -> Vec<String> {
    let sizes = PageSize::ALL.map(Pages::Of);
    let all = [Pages::None].into_iter().chain(sizes);
    all.map(|pages| pages.to_string()).collect()
}

/// Declares a type that stands in the schema for one that reads more than serde tells.
macro_rules! stand_in {
    ($name:ident, $schema:tt) => {
        #[derive(Debug)]
        pub(crate) struct $name;

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
pub(crate) fn vfs() -> String {
    let count = "([0-9]|[12][0-9]|3[0-2])";
    let one = format!("{}={count}", inner(&network()));
    format!("^({count}|{one}(,{one})*)$")
}

/// What the chart's schema says of a file that is written as `F`.
pub(crate) fn of<F: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<F>()
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

pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/vmberth");

/// Compares one part of the chart's schema with what the types say, or writes it.
pub(crate) fn compare(pointer: &str, expected: &Value) {
    // Two tests may write, each its part.
    static WRITES: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let file = format!("{CHART}/values.schema.json");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        let _alone = WRITES.lock().unwrap();
        let chart = std::fs::read_to_string(&file).unwrap();
        let name = pointer.rsplit('/').next().unwrap();
        std::fs::write(file, replaced(&chart, name, expected)).unwrap();
        return;
    }
    let chart: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    // No assert_eq: two whole schemas tell nobody what to do.
    let same = chart.pointer(pointer) == Some(expected);
    assert!(
        same,
        "UPDATE_FIXTURES=1 cargo test -p vmberth-decide schema, and read the diff"
    );
}

/// The chart's schema with one part replaced; every other line stays as people wrote it.
fn replaced(chart: &str, name: &str, part: &Value) -> String {
    let (before, rest) = chart.split_once(&format!("\n    \"{name}\": {{")).unwrap();
    let (_, after) = rest.split_once("\n    },").unwrap();
    let part = serde_json::to_string_pretty(part).unwrap();
    let part = part.replace('\n', "\n    ");
    format!("{before}\n    \"{name}\": {part},{after}")
}

/// Names of all fields that a page must describe and does not.
pub(crate) fn undocumented(schema: &Value, page: &str) -> Vec<String> {
    fn fields(schema: &Value, found: &mut Vec<String>) {
        let own = schema["properties"].as_object().into_iter().flatten();
        for (name, schema) in own {
            found.push(format!("`{name}`"));
            fields(schema, found);
            fields(&schema["items"], found);
        }
    }
    let page = std::fs::read_to_string(format!("{CHART}/../../docs/{page}")).unwrap();
    let mut found = Vec::new();
    fields(schema, &mut found);
    found.retain(|name| !page.contains(name));
    found
}

#[test]
fn the_schema_of_the_chart_is_made_from_the_types() {
    compare("/properties/policy", &of::<PolicyFile>());
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
    let lacking = undocumented(&of::<PolicyFile>(), "policy.md");
    assert!(lacking.is_empty(), "docs/policy.md lacks {lacking:?}");
}
