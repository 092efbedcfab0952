//! `explain FILE`: the server's own functions on a file, without a cluster.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;
use vmberth_decide::denial::Denial;
use vmberth_decide::explain::explain;
use vmberth_decide::mutate::{Mutation, mutate};
use vmberth_decide::policy::Policy;
use vmberth_decide::subject::{Kind, Operation, Review, View};
use vmberth_decide::surroundings::Nothing;

use crate::{decode, patch, policy_file::PolicyFile};

/// Prints what would be changed in the object or review of `path`, and the patch.
///
/// # Errors
/// If a file cannot be read, holds nothing that could be reviewed, or something that is refused.
pub fn file(path: &Path, policy: Option<&Path>, out: &mut impl Write) -> anyhow::Result<()> {
    let policy = match policy {
        Some(path) => PolicyFile::new(path).refresh()?.unwrap_or_default(),
        None => Policy::default(),
    };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())?
    };
    let values: Vec<Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| anyhow!("{}: no YAML or JSON: {error}", path.display()))?;
    let objects: Vec<&Value> = values.iter().flat_map(documents).collect();
    if objects.is_empty() {
        bail!("{}: holds no object", path.display());
    }
    let mut refused = 0;
    for value in objects {
        if !["/apiVersion", "/kind"]
            .iter()
            .all(|field| value.pointer(field).is_some())
        {
            bail!(
                "{}: no Kubernetes object: expected apiVersion and kind",
                path.display()
            );
        }
        let (subject, decision) =
            decide(value, &policy).with_context(|| path.display().to_string())?;
        refused += usize::from(decision.is_err());
        writeln!(out, "{subject}\n{}", explain(&decision))?;
        if let Ok(Mutation { edits, .. }) = &decision
            && !edits.is_empty()
        {
            writeln!(out, "patch: {}", serde_json::to_string(&patch::of(edits))?)?;
        }
    }
    if refused > 0 {
        bail!("{}: {refused} would be refused", path.display());
    }
    Ok(())
}

/// The objects of a document: those of a list, as `kubectl get -o yaml` prints it, or itself.
fn documents(value: &Value) -> &[Value] {
    match value.get("items").and_then(Value::as_array) {
        Some(items) => items,
        None if value.is_null() => &[],
        None => std::slice::from_ref(value),
    }
}

/// The decision about one document, and what it is about.
fn decide(value: &Value, policy: &Policy) -> anyhow::Result<(String, Result<Mutation, Denial>)> {
    let json = value.to_string();
    let field = |path: &str| {
        value
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if field("/kind") == "AdmissionReview" {
        let request = decode::decode(json.as_bytes())?;
        let review = &request.review;
        let subject = format!(
            "{} {} {}",
            review.operation.as_str(),
            review.kind.as_str(),
            request.name
        );
        return Ok((subject, mutate(review, policy, &Nothing)));
    }
    let (group, version) = field("/apiVersion")
        .split_once('/')
        .unwrap_or_else(|| ("", field("/apiVersion")));
    let kind = Kind::of(group, version, field("/kind"));
    let review = Review {
        kind,
        operation: Operation::Create,
        namespace: field("/metadata/namespace").into(),
        object: View::read(kind, &json).context("the object cannot be read")?,
        old: None,
    };
    let subject = format!("CREATE {} {}", field("/kind"), review.object.name());
    Ok((subject, mutate(&review, policy, &Nothing)))
}
