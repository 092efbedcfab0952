//! Refusals of files and of values in them, each with its path. The exporter's config reads its file by these, too.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::PolicyError;
use crate::names;

pub(crate) type Checked<T> = Result<T, PolicyError>;

/// Reads a file as it is written; `root` is what its outermost level is called in a refusal.
pub(crate) fn read<F: DeserializeOwned>(text: &str, root: &str) -> Checked<F> {
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| PolicyError::Syntax {
            message: error.to_string(),
        })?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => root.to_owned(),
            path => path,
        };
        PolicyError::Shape {
            path,
            message: error.inner().to_string(),
        }
    })
}

/// Whether the file says that it is one of ours and of this kind.
pub(crate) fn head(api_version: &str, kind: &str, expected: &'static str) -> Checked<()> {
    let version = names::POLICY_API_VERSION;
    ensure(api_version == version, "apiVersion", api_version, version)?;
    ensure(kind == expected, "kind", kind, expected)
}

/// Checks every element of a list, each with its own path.
pub(crate) fn each<F, T>(
    path: &str,
    list: Option<Vec<F>>,
    check: impl Fn(F, &str) -> Checked<T>,
) -> Checked<Vec<T>> {
    let list = list.into_iter().flatten().enumerate();
    list.map(|(at, one)| check(one, &format!("{path}[{at}]")))
        .collect()
}

pub(crate) fn unique<'n>(
    of: impl Iterator<Item = &'n str>,
    list: &str,
    field: &str,
    expected: &'static str,
) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for (at, name) in of.enumerate() {
        ensure(
            seen.insert(name),
            &format!("{list}[{at}].{field}"),
            name,
            expected,
        )?;
    }
    Ok(())
}

pub(crate) fn ensure(fits: bool, path: &str, found: &str, expected: &'static str) -> Checked<()> {
    if fits {
        return Ok(());
    }
    Err(bad(path, Some(found), expected))
}

pub(crate) fn bad(path: &str, found: Option<&str>, expected: &'static str) -> PolicyError {
    PolicyError::Value {
        path: path.to_owned(),
        found: found.map_or_else(|| "nothing".to_owned(), |found| format!("{found:?}")),
        expected,
    }
}
