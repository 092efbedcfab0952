//! The API server's audit log: what vmberth's service accounts really did.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::node;
use crate::rights::{self, Right};
use crate::seen::text;
use crate::vmberth::NAME;

/// A place in the log, to read on from.
#[derive(Debug, Clone, Copy)]
pub struct Bookmark(usize);

/// What was done since a bookmark.
#[derive(Debug, Default)]
pub struct Uses {
    /// Every right that was used, and granted by the API server.
    pub used: BTreeSet<Right>,
    /// What was refused: 403, with the object.
    pub refused: BTreeSet<Right>,
}

fn file() -> Result<PathBuf> {
    Ok(node::cache()?.join("cluster/machines/control-plane/log/audit.log"))
}

/// The end of the log as it is now.
///
/// # Errors
/// If there is no log.
pub fn bookmark() -> Result<Bookmark> {
    let file = file()?;
    let length = fs::metadata(&file)
        .with_context(|| file.display().to_string())?
        .len();
    Ok(Bookmark(usize::try_from(length)?))
}

/// Reads on from a bookmark.
///
/// # Errors
/// If the log can't be read.
pub fn since(bookmark: Bookmark) -> Result<Uses> {
    let log = fs::read(file()?)?;
    // The log was rotated: everything in the new one is later than the bookmark.
    let new = log.get(bookmark.0..).unwrap_or(&log);
    let mut uses = Uses::default();
    // A last line that is not whole yet is of something that comes after what is looked for.
    for line in new
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let Ok(event) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        let Some(right) = right(&event) else { continue };
        if event["responseStatus"]["code"] == 403 {
            uses.refused.insert(right);
        } else {
            uses.used.insert(right);
        }
    }
    Ok(uses)
}

/// None for what is no resource: discovery, which everybody may ask for.
fn right(event: &Value) -> Option<Right> {
    let account = text(&event["user"]["username"]);
    let account = account.strip_prefix(&format!("system:serviceaccount:{NAME}:"))?;
    let object = event["objectRef"].as_object()?;
    let of = |key: &str| object.get(key).map(text).unwrap_or_default();
    let resource = match of("subresource") {
        "" => of("resource").to_owned(),
        subresource => format!("{}/{subresource}", of("resource")),
    };
    Some(Right {
        account: account.to_owned(),
        verb: text(&event["verb"]).to_owned(),
        resource: rights::resource(of("apiGroup"), &resource),
        namespace: of("namespace").to_owned(),
        object: of("name").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_the_use_of_a_right() {
        let event = json!({"verb": "update", "user": {
            "username": "system:serviceaccount:vmberth:certs"}, "objectRef": {
            "resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": "vmberth",
            "name": "vmberth-certs"}});
        let right = right(&event).unwrap();
        let text = right.to_string();
        assert_eq!(
            text,
            "certs: update leases.coordination.k8s.io in vmberth named vmberth-certs"
        );
    }
}
