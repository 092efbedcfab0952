//! The checked policy. A [`Policy`] that exists is valid.
//!
//! ```yaml
//! apiVersion: vmberth.io/v1alpha1
//! kind: Policy
//! tolerations:            # left out: one, {key: cmk, operator: Exists}
//!   - key: cmk            # required, so that no toleration means "every taint"
//!     operator: Exists    # or Equal with a value
//!     effect: NoSchedule  # left out: every effect
//! exemptNamespaces: []    # kube-system is always exempt
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::names;
use crate::toleration::{Effect, Operator, Toleration};

/// What the operator of the cluster wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Given to every pod of a VM, in this order.
    pub tolerations: Vec<Toleration>,
    /// Nothing in these is touched.
    pub exempt_namespaces: BTreeSet<String>,
}

/// Why a policy file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no YAML.
    #[error("not readable as YAML: {message}")]
    Syntax {
        /// The parser's words, with the line.
        message: String,
    },
    /// A field is unknown, missing, or of the wrong type.
    #[error("{path}: {message}")]
    Shape {
        /// The field.
        path: String,
        /// What was found and expected.
        message: String,
    },
    /// A field's value makes no sense.
    #[error("{path}: found {found}, expected {expected}")]
    Value {
        /// The field.
        path: String,
        /// What it holds, quoted, or `nothing`.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// With the field's path and what was expected there.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let value: serde_json::Value =
            serde_saphyr::from_str(text).map_err(|error| PolicyError::Syntax {
                message: error.to_string(),
            })?;
        let file: PolicyFile = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => "policy".to_owned(),
                path => path,
            };
            PolicyError::Shape {
                path,
                message: error.inner().to_string(),
            }
        })?;
        Self::try_from(file)
    }

    /// Whether nothing in this namespace is touched.
    #[must_use]
    pub fn exempts(&self, namespace: &str) -> bool {
        self.exempt_namespaces.contains(namespace)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tolerations: vec![Toleration::cmk()],
            exempt_namespaces: BTreeSet::from([names::KUBE_SYSTEM.to_owned()]),
        }
    }
}

/// The file as it is written; checked by the conversion into [`Policy`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PolicyFile {
    api_version: String,
    kind: String,
    tolerations: Option<Vec<TolerationFile>>,
    exempt_namespaces: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TolerationFile {
    key: Option<String>,
    operator: Option<String>,
    value: Option<String>,
    effect: Option<String>,
    toleration_seconds: Option<i64>,
}

impl TryFrom<PolicyFile> for Policy {
    type Error = PolicyError;

    fn try_from(file: PolicyFile) -> Result<Self, PolicyError> {
        if file.api_version != names::POLICY_API_VERSION {
            return Err(bad(
                "apiVersion",
                Some(&file.api_version),
                names::POLICY_API_VERSION,
            ));
        }
        if file.kind != names::POLICY_KIND {
            return Err(bad("kind", Some(&file.kind), names::POLICY_KIND));
        }
        let mut policy = Self::default();
        if let Some(tolerations) = file.tolerations {
            let checked = tolerations
                .into_iter()
                .enumerate()
                .map(|(at, toleration)| toleration.check(&format!("tolerations[{at}]")));
            policy.tolerations = checked.collect::<Result<_, _>>()?;
        }
        for (at, namespace) in file.exempt_namespaces.into_iter().flatten().enumerate() {
            if !is_dns_label(&namespace) {
                let path = format!("exemptNamespaces[{at}]");
                return Err(bad(&path, Some(&namespace), "the name of a namespace"));
            }
            policy.exempt_namespaces.insert(namespace);
        }
        Ok(policy)
    }
}

impl TolerationFile {
    fn check(self, path: &str) -> Result<Toleration, PolicyError> {
        let at = |field: &str| format!("{path}.{field}");
        let key = self.key.unwrap_or_default();
        if !is_qualified_name(&key) {
            let expected = "the key of a taint, like cmk; a toleration of every taint is refused";
            return Err(bad(
                &at("key"),
                Some(&key).filter(|key| !key.is_empty()),
                expected,
            ));
        }
        let operator = match (self.operator.as_deref(), self.value) {
            (Some("Exists"), None) => Operator::Exists,
            (Some("Exists"), Some(value)) => {
                return Err(bad(
                    &at("value"),
                    Some(&value),
                    "no value with operator Exists",
                ));
            }
            (None | Some("Equal"), Some(value)) if is_label_value(&value) => Operator::Equal(value),
            (None | Some("Equal"), value) => {
                let expected = "a taint's value of at most 63 characters, or operator Exists";
                return Err(bad(&at("value"), value.as_ref(), expected));
            }
            (Some(other), _) => {
                return Err(bad(&at("operator"), Some(other), "Exists or Equal"));
            }
        };
        let effect = match self.effect.as_deref() {
            None => None,
            Some("NoSchedule") => Some(Effect::NoSchedule),
            Some("PreferNoSchedule") => Some(Effect::PreferNoSchedule),
            Some("NoExecute") => Some(Effect::NoExecute),
            Some(other) => {
                let expected = "NoSchedule, PreferNoSchedule, NoExecute, or nothing for all";
                return Err(bad(&at("effect"), Some(other), expected));
            }
        };
        if let Some(seconds) = self.toleration_seconds
            && effect != Some(Effect::NoExecute)
        {
            // The API server refuses such a pod.
            let found = seconds.to_string();
            let expected = "no tolerationSeconds unless the effect is NoExecute";
            return Err(bad(&at("tolerationSeconds"), Some(&found), expected));
        }
        Ok(Toleration {
            key,
            operator,
            effect,
            seconds: self.toleration_seconds,
        })
    }
}

fn bad(path: &str, found: Option<impl AsRef<str>>, expected: &'static str) -> PolicyError {
    let found = found.map_or_else(
        || "nothing".to_owned(),
        |found| format!("{:?}", found.as_ref()),
    );
    PolicyError::Value {
        path: path.to_owned(),
        found,
        expected,
    }
}

/// Kubernetes' qualified name: `name` or `dns.prefix/name`.
fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let prefix_fits =
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_dns_label));
    prefix_fits && !name.is_empty() && is_label_value(name)
}

/// Kubernetes' label value, which a taint's value is too; may be empty.
fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// RFC 1123 label.
fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(inner)
}

#[cfg(test)]
mod tests;
