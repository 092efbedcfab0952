//! Refusals of values, each with its path in the file.

use std::collections::BTreeSet;

use super::PolicyError;

pub(super) type Checked<T> = Result<T, PolicyError>;

/// Checks every element of a list, each with its own path.
pub(super) fn each<F, T>(
    path: &str,
    list: Option<Vec<F>>,
    check: impl Fn(F, &str) -> Checked<T>,
) -> Checked<Vec<T>> {
    let list = list.into_iter().flatten().enumerate();
    list.map(|(at, one)| check(one, &format!("{path}[{at}]")))
        .collect()
}

pub(super) fn unique<'n>(
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

pub(super) fn ensure(fits: bool, path: &str, found: &str, expected: &'static str) -> Checked<()> {
    if fits {
        return Ok(());
    }
    Err(bad(path, Some(found), expected))
}

pub(super) fn bad(path: &str, found: Option<&str>, expected: &'static str) -> PolicyError {
    PolicyError::Value {
        path: path.to_owned(),
        found: found.map_or_else(|| "nothing".to_owned(), |found| format!("{found:?}")),
        expected,
    }
}
