//! User data as cloud-init reads it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::view::CloudInit;

/// More is not looked into, of all volumes together, so that nobody can keep us busy. KubeVirt gives the guest only the
/// first, and refuses what is longer than 2048 bytes (1.8.4, vmi-create-admitter.go, `cloudInitUserMaxLen`).
pub(super) const MAX_BYTES: usize = 16 << 10;

const HEADER: &str = "#cloud-config";

/// As Go decodes it, and so KubeVirt: it does not mind bits that are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// What user data is to cloud-init.
#[derive(Debug, PartialEq)]
pub(super) enum UserData {
    /// A configuration, by the names of its modules' keys.
    Config(Map<String, Value>),
    /// A script, or another form that is not looked into.
    Other,
    /// A configuration that cannot be read, and why; repeats nothing of it.
    Unreadable(String),
}

/// User data that is written into the volume, and the field that holds it; as KubeVirt does, plain text first.
pub(super) fn inline<'d>(cloud_init: &'d CloudInit<'_>) -> Option<(&'static str, &'d str)> {
    let plain = cloud_init
        .user_data
        .as_deref()
        .map(|text| ("userData", text));
    let base64 = cloud_init.user_data_base64.as_deref();
    let base64 = base64.map(|text| ("userDataBase64", text));
    let mut fields = [plain, base64].into_iter().flatten();
    fields.find(|(_, text)| !text.is_empty())
}

/// Reads what [`inline`] found.
pub(super) fn read(field: &str, text: &str) -> UserData {
    if field == "userData" {
        return parse(text);
    }
    // Go skips line breaks wherever they are.
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match BASE64.decode(packed).map(String::from_utf8) {
        Ok(Ok(text)) => parse(&text),
        // Compressed, for one.
        Ok(Err(_)) => UserData::Other,
        Err(_) => UserData::Unreadable("it is not base64".to_owned()),
    }
}

fn parse(text: &str) -> UserData {
    if text.len() > MAX_BYTES || !is_config(text) {
        return UserData::Other;
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 8 << 10, max_events: 32 << 10 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 8 << 10 },
        // As Python's YAML does.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Value::Object(config)) => UserData::Config(config),
        Ok(Value::Null) => UserData::Config(Map::new()),
        Ok(_) => UserData::Unreadable("it is no map of keys and values".to_owned()),
        // The parser's own words may repeat what it read.
        Err(error) => UserData::Unreadable(error.location().map_or_else(
            || "it is not YAML".to_owned(),
            |at| format!("line {}, column {} is not YAML", at.line(), at.column()),
        )),
    }
}

/// cloud-init goes by the first characters, small or capital, and takes the longest prefix that it knows (handlers,
/// `type_from_starts_with`).
fn is_config(text: &str) -> bool {
    let starts = |text: &str, prefix: &str| {
        let start = text.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let text = text.trim_start();
    let rest = text.get(HEADER.len()..).unwrap_or_default();
    starts(text, HEADER) && !starts(rest, "-archive") && !starts(rest, "-jsonp")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::plain("#cloud-config\npassword: a\n", json!({"password": "a"}))]
    #[case::windows("#cloud-config\r\npassword: a\r\n", json!({"password": "a"}))]
    #[case::capitals_after_blanks("\n #Cloud-Config\npassword: a\n", json!({"password": "a"}))]
    #[case::document_start("#cloud-config\n---\npassword: a\n", json!({"password": "a"}))]
    #[case::empty("#cloud-config\n", json!({}))]
    #[case::last_key_wins("#cloud-config\na: 1\na: 2\n", json!({"a": 2}))]
    #[case::json("#cloud-config\n{\"a\": [1]}", json!({"a": [1]}))]
    #[case::anchors("#cloud-config\na: &x [1]\nb: *x\n", json!({"a": [1], "b": [1]}))]
    #[case::merge("#cloud-config\na: &x {b: 1}\nc: {<<: *x}\n", json!({"a": {"b": 1}, "c": {"b": 1}}))]
    #[case::numbers_as_keys("#cloud-config\n1: a\n", json!({"1": "a"}))]
    #[case::infinite("#cloud-config\na: 1e999\n", json!({"a": ".inf"}))]
    fn configurations(#[case] text: &str, #[case] expected: Value) {
        let UserData::Config(config) = read("userData", text) else {
            panic!("{:?}", read("userData", text));
        };
        assert_eq!(Value::from(config), expected);
        let packed = base64::engine::general_purpose::STANDARD.encode(text);
        let wrapped = format!("{}\r\n{}\n", &packed[..4], &packed[4..]);
        assert_eq!(read("userDataBase64", &wrapped), parse(text));
    }

    #[rstest]
    #[case::script("#!/bin/sh\npassword: [")]
    #[case::archive("#cloud-config-archive\n- [")]
    #[case::patch("#cloud-config-jsonp\n- [")]
    #[case::template("## template: jinja\n#cloud-config\n{% x %}")]
    #[case::no_header("password: [")]
    #[case::empty("")]
    fn other_forms(#[case] text: &str) {
        assert_eq!(read("userData", text), UserData::Other);
    }

    #[rstest]
    #[case::syntax("#cloud-config\nkeys: [secret\n")]
    #[case::tab("#cloud-config\nusers:\n\t- secret\n")]
    #[case::list("#cloud-config\n- secret\n")]
    #[case::text("#cloud-config\nsecret\n")]
    #[case::two_documents("#cloud-config\na: secret\n---\nb: secret\n")]
    #[case::unknown_alias("#cloud-config\na: *secret\n")]
    fn unreadable_ones(#[case] text: &str) {
        let UserData::Unreadable(why) = read("userData", text) else {
            panic!("{:?}", read("userData", text));
        };
        assert!(!why.contains("secret"), "{why}");
    }

    #[test]
    fn what_grows_is_not_followed() {
        let deep = format!("#cloud-config\na: {}", "[".repeat(4000));
        assert!(matches!(read("userData", &deep), UserData::Unreadable(_)));
        let level = |name: char, of: char| {
            format!(
                "{name}: &{name} [{}]\n",
                vec![format!("*{of}"); 10].join(", ")
            )
        };
        let laughs: String = ('b'..='z')
            .zip('a'..)
            .map(|(name, of)| level(name, of))
            .collect();
        let laughs = format!("#cloud-config\na: &a [1]\n{laughs}");
        assert!(matches!(read("userData", &laughs), UserData::Unreadable(_)));
        let long = format!("#cloud-config\na: {}", "x".repeat(MAX_BYTES));
        assert_eq!(read("userData", &long), UserData::Other);
    }

    #[rstest]
    #[case::alphabet("#cloud-config")]
    #[case::padding("I2Nsb3VkLWNvbmZpZwo")]
    fn broken_base64(#[case] text: &str) {
        let why = "it is not base64".to_owned();
        assert_eq!(read("userDataBase64", text), UserData::Unreadable(why));
    }

    #[test]
    fn compressed_data_is_another_form() {
        assert_eq!(read("userDataBase64", "H4sIAAAAAAAA/w=="), UserData::Other);
    }
}
