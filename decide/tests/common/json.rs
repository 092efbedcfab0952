//! Junk, and objects whose fields may be there or not.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A strategy for a part of an object.
pub type Part = BoxedStrategy<Value>;

/// One of these values.
pub fn one_of(values: &'static [&'static str]) -> Part {
    prop::sample::select(values).prop_map(Value::from).boxed()
}

/// Always this one.
pub fn only(value: Value) -> Part {
    Just(value).boxed()
}

/// A list of these.
pub fn list(of: Part, most: usize) -> Part {
    prop::collection::vec(of, 0..=most)
        .prop_map(Value::from)
        .boxed()
}

/// An object that has `always`, maybe each of `maybe` (which may be null, too), and maybe a field of the future.
pub fn object(always: Vec<(&'static str, Part)>, maybe: Vec<(&'static str, Part)>) -> Part {
    (map(always, maybe), prop::option::weighted(0.2, junk()))
        .prop_map(|(mut object, future)| {
            if let Some(future) = future {
                object["aFieldFromTheFuture"] = future;
            }
            object
        })
        .boxed()
}

/// The same without a future: a map of users' names, like labels, whose values are all of one type.
pub fn map(always: Vec<(&'static str, Part)>, maybe: Vec<(&'static str, Part)>) -> Part {
    let (sure, likely) = (always.len(), maybe.len());
    let (names, parts): (Vec<_>, Vec<_>) = always.into_iter().chain(maybe).unzip();
    let presence = prop::collection::vec(0..10_u8, likely);
    (parts, presence)
        .prop_map(move |(values, presence)| {
            let presence = std::iter::repeat_n(9, sure).chain(presence);
            let mut map = Map::new();
            for ((name, value), presence) in names.iter().zip(values).zip(presence) {
                match presence {
                    0..=4 => {}
                    5 => drop(map.insert((*name).to_owned(), Value::Null)),
                    _ => drop(map.insert((*name).to_owned(), value)),
                }
            }
            Value::Object(map)
        })
        .boxed()
}

/// Any JSON, with the names that we read being likely.
pub fn junk() -> Part {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            prop::sample::select(NAMES).prop_map(str::to_owned),
            "[a-z~/.]{1,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
    .boxed()
}

const NAMES: &[&str] = &[
    "metadata",
    "labels",
    "annotations",
    "ownerReferences",
    "name",
    "spec",
    "template",
    "virtualMachineTemplate",
    "tolerations",
    "key",
    "domain",
    "memory",
    "resources",
    "requests",
    "devices",
    "interfaces",
    "networks",
    "volumes",
    "cloudInitNoCloud",
    "userData",
    "containers",
    "dataVolumeTemplates",
    "storage",
    "pvc",
];

/// Short texts with what escapes differently in JSON, in pointers and in YAML.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9~/.\"\\\\é\u{0}\n:{}=,-]{0,8}",
        prop::sample::select(vec![
            "true",
            "0",
            "2Mi",
            "#cloud-config",
            "default",
            "\u{feff}"
        ])
        .prop_map(str::to_owned),
    ]
}

/// The object with one of its nodes replaced, the root included; `at` is taken modulo their number.
pub fn with_another(object: &Value, at: prop::sample::Index, other: Value) -> Value {
    let mut object = object.clone();
    let mut left = at.index(count(&object));
    if let Some(node) = find(&mut object, &mut left) {
        *node = other;
    }
    object
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum::<usize>(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn find<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| find(value, left)),
        Value::Object(fields) => fields.values_mut().find_map(|value| find(value, left)),
        _ => None,
    }
}

/// Tolerations as people write them.
pub fn tolerations() -> Part {
    let one = object(
        vec![("key", one_of(&["cmk", "a", "b", ""]))],
        vec![
            ("operator", one_of(&["Exists", "Equal", ""])),
            ("value", one_of(&["true", "x", ""])),
            ("effect", one_of(&["NoSchedule", "NoExecute", ""])),
            ("tolerationSeconds", only(json!(3))),
        ],
    );
    list(one, 3)
}

/// A name, or a beginning of one, or neither.
pub fn naming() -> Vec<(&'static str, Part)> {
    vec![
        ("name", one_of(&["vm", "sriov-device-plugin", ""])),
        ("generateName", one_of(&["vm-"])),
    ]
}
