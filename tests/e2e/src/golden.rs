//! Golden files: calls of the real kube-scheduler, by which a change of what it sends is noticed. Names and times are others in every
//! cluster, so what is compared is the shape.

#[path = "../../shape.rs"]
mod shape;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::seen::{items, text};

/// With this value of `$E2E_GOLDEN` the files are written.
const REFRESH: &str = "refresh";

/// The namespace that stands in the files.
const NAMESPACE: &str = "edge";

/// A call, as the extender logs it at trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `filter` or `prioritize`.
    pub verb: String,
    /// What was asked.
    pub question: Value,
    /// What was answered.
    pub answer: Value,
}

impl Call {
    /// All calls of a log.
    #[must_use]
    pub fn all(log: &str) -> Vec<Self> {
        log.lines().filter_map(Self::of_line).collect()
    }

    fn of_line(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let body = |field: &str| serde_json::from_str(text(&line[field])).ok();
        (line["message"] == "call").then_some(())?;
        Some(Self {
            verb: text(&line["verb"]).to_owned(),
            question: body("question")?,
            answer: body("answer")?,
        })
    }

    /// Name of the pod that is asked about.
    #[must_use]
    pub fn pod(&self) -> &str {
        text(&self.question["Pod"]["metadata"]["name"])
    }

    /// How many nodes the answer to a filter call lets pass, and how many it refuses.
    #[must_use]
    pub fn passed_and_refused(&self) -> (usize, usize) {
        let passed = items(&self.answer["NodeNames"]).len();
        let refused = self.answer["FailedAndUnresolvableNodes"].as_object();
        (passed, refused.map_or(0, serde_json::Map::len))
    }

    /// Compares the call with the golden file of this name, or writes the file if `$E2E_GOLDEN` says so. `namespace` is the story's,
    /// `source` says where the call comes from.
    ///
    /// # Errors
    /// What is there and should not be, and the other way round.
    pub fn check(&self, name: &str, namespace: &str, source: &str) -> Result<()> {
        let path = file(name);
        if std::env::var("E2E_GOLDEN").is_ok_and(|it| it == REFRESH) {
            let golden = json!({
                "source": source,
                "verb": self.verb,
                "question": tidied(&self.question, namespace),
                "answer": tidied(&self.answer, namespace),
            });
            let text = format!("{golden:#}\n");
            return std::fs::write(&path, text).with_context(|| path.display().to_string());
        }
        let golden = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let golden: Value = serde_json::from_str(&golden)?;
        let found = [
            shape::of_question(&self.question),
            shape::of_answer(&self.answer),
        ];
        let expected = [
            shape::of_question(&golden["question"]),
            shape::of_answer(&golden["answer"]),
        ];
        let pairs = found.iter().zip(&expected);
        let differs: Vec<String> = pairs
            .flat_map(|(found, expected)| shape::difference(found, expected))
            .collect();
        ensure!(
            differs.is_empty() && golden["verb"] == self.verb,
            "{name}: the scheduler's call is not what {} has (E2E_GOLDEN={REFRESH} writes it anew):\n{}\n{}",
            path.display(),
            differs.join("\n"),
            self.question
        );
        Ok(())
    }
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extender/tests/golden");
    folder.join(format!("{name}.json"))
}

/// Without what is another in every run, and with what would only fill the page.
fn tidied(value: &Value, namespace: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| *name != "managedFields");
            let field = |(name, value): (&String, &Value)| {
                let value = match name.as_str() {
                    "resourceVersion" => "1".into(),
                    "image" => text(value).split([':', '@']).next().into(),
                    _ => tidied(value, namespace),
                };
                (name.clone(), value)
            };
            Value::Object(kept.map(field).collect())
        }
        Value::Array(all) => all.iter().map(|it| tidied(it, namespace)).collect(),
        Value::String(text) => tidied_text(text, namespace).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn tidied_text(text: &str, namespace: &str) -> String {
    if is_like(text, "00000000-0000-0000-0000-000000000000") {
        return "00000000-0000-0000-0000-000000000000".to_owned();
    }
    if text.len() >= 20 && is_like(text.get(..20).unwrap_or_default(), "0000-00-00T00:00:00Z") {
        return "2026-01-01T00:00:00Z".to_owned();
    }
    let text = text.replace(namespace, NAMESPACE);
    match text.rsplit_once('-') {
        // As Kubernetes' `names.SimpleNameGenerator` ends a name: five letters and digits, without vowels.
        Some((name, end)) if end.len() == 5 && end.bytes().all(is_of_a_suffix) => {
            format!("{name}-xxxxx")
        }
        Some(_) | None => text,
    }
}

fn is_of_a_suffix(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}

/// A hexadecimal digit for each zero, and all else as it is.
fn is_like(text: &str, pattern: &str) -> bool {
    let fits = |(found, wanted): (u8, u8)| match wanted {
        b'0' => found.is_ascii_hexdigit(),
        other => found == other,
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verb: &str, question: &Value, answer: &Value) -> String {
        let (question, answer) = (question.to_string(), answer.to_string());
        json!({"message": "call", "verb": verb, "question": question, "answer": answer}).to_string()
    }

    #[test]
    fn calls_are_found_among_other_lines() {
        let (question, answer) = (
            json!({"Pod": {"metadata": {"name": "p"}}}),
            json!({"NodeNames": ["a"]}),
        );
        let log = format!(
            "{}\nno JSON\n{}\n",
            json!({"message": "decision", "verb": "filter"}),
            line("filter", &question, &answer)
        );
        let calls = Call::all(&log);
        assert_eq!(calls.len(), 1);
        assert_eq!(
            (calls[0].pod(), calls[0].passed_and_refused()),
            ("p", (1, 0))
        );
    }

    #[test]
    fn what_differs_from_run_to_run_is_taken_out() {
        let pod = json!({
            "metadata": {
                "name": "virt-launcher-vm-x7k2p", "namespace": "e2e-calls-3", "uid": "0b9a5f0e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
                "creationTimestamp": "2026-11-22T16:40:00Z", "resourceVersion": "4711", "managedFields": [{}],
                "labels": {"app": "edge-1", "n": "virt-launcher-disk0"},
            },
            "spec": {"containers": [{"image": "localhost/launcher:v1.6.0"}], "priority": 0},
        });
        let expected = json!({
            "metadata": {
                "name": "virt-launcher-vm-xxxxx", "namespace": "edge", "uid": "00000000-0000-0000-0000-000000000000",
                "creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "1",
                "labels": {"app": "edge-1", "n": "virt-launcher-disk0"},
            },
            "spec": {"containers": [{"image": "localhost/launcher"}], "priority": 0},
        });
        assert_eq!(tidied(&pod, "e2e-calls-3"), expected);
    }

    #[test]
    fn shape_tells_spelling_and_types() {
        let question = |pod: Value| json!({"Pod": pod, "Nodes": null, "NodeNames": ["a"]});
        let one =
            question(json!({"metadata": {"uid": "1", "labels": {"a": "b"}}, "spec": {"x": 1}}));
        let same =
            question(json!({"metadata": {"uid": "2", "labels": {"c": "d"}}, "spec": {"y": []}}));
        let of = shape::of_question;
        assert_eq!(of(&one), of(&same));
        let small = json!({"pod": {}, "nodes": null, "nodenames": ["a"]});
        assert!(!shape::difference(&of(&small), &of(&one)).is_empty());
        let typed = question(json!({"metadata": {"uid": 1, "labels": {"a": "b"}}}));
        assert_eq!(
            shape::difference(&of(&typed), &of(&one)),
            ["+ Pod.metadata.uid: number", "- Pod.metadata.uid: text"]
        );
    }
}
