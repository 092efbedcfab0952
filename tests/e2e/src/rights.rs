//! Rights of service accounts as single facts, so that what is granted and what is used can be
//! compared.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::seen::{items, name, text};

/// Somebody may do one thing with one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Name of the service account.
    pub account: String,
    /// What.
    pub verb: String,
    /// `resource.group` or `resource/subresource.group`.
    pub resource: String,
    /// The only namespace where, or empty for all and for what has none.
    pub namespace: String,
    /// The only object that, or empty for all.
    pub object: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            verb,
            resource,
            namespace,
            object,
        } = self;
        write!(f, "{account}: {verb} {resource}")?;
        if !namespace.is_empty() {
            write!(f, " in {namespace}")?;
        }
        if !object.is_empty() {
            write!(f, " named {object}")?;
        }
        Ok(())
    }
}

impl Right {
    /// Whether this right is enough for that use, which names all it can.
    #[must_use]
    pub fn covers(&self, used: &Self) -> bool {
        let scope = |own: &str, theirs: &str| own.is_empty() || own == theirs;
        self.account == used.account
            && self.verb == used.verb
            && self.resource == used.resource
            && scope(&self.namespace, &used.namespace)
            && scope(&self.object, &used.object)
    }
}

/// `pods`, `pods/log`, `leases.coordination.k8s.io`.
#[must_use]
pub fn resource(group: &str, resource: &str) -> String {
    if group.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}.{group}")
    }
}

/// All rights that these objects (roles, cluster roles and their bindings) grant to service
/// accounts of their namespace.
#[must_use]
pub fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for binding in objects
        .iter()
        .filter(|one| text(&one["kind"]).ends_with("RoleBinding"))
    {
        let role = objects.iter().find(|role| {
            role["kind"] == binding["roleRef"]["kind"]
                && name(role) == text(&binding["roleRef"]["name"])
        });
        let namespace = match text(&binding["kind"]) {
            "RoleBinding" => text(&binding["metadata"]["namespace"]),
            _ => "",
        };
        for subject in items(&binding["subjects"]) {
            for rule in role.map_or(&[][..], |role| items(&role["rules"])) {
                rights.extend(of_rule(text(&subject["name"]), namespace, rule));
            }
        }
    }
    rights
}

fn of_rule(account: &str, namespace: &str, rule: &Value) -> Vec<Right> {
    let texts = |list: &Value| -> Vec<String> {
        items(list).iter().map(|one| text(one).to_owned()).collect()
    };
    let mut objects = texts(&rule["resourceNames"]);
    if objects.is_empty() {
        objects.push(String::new());
    }
    let mut rights = Vec::new();
    for group in texts(&rule["apiGroups"]) {
        for one in texts(&rule["resources"]) {
            for verb in texts(&rule["verbs"]) {
                rights.extend(objects.iter().map(|object| Right {
                    account: account.to_owned(),
                    verb: verb.clone(),
                    resource: resource(&group, &one),
                    namespace: namespace.to_owned(),
                    object: object.clone(),
                }));
            }
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_is_taken_apart_and_covers_its_uses() {
        let role = json!({"kind": "Role", "metadata": {"name": "r"}, "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"],
             "resourceNames": ["a", "b"]}]});
        let binding = json!({"kind": "RoleBinding", "metadata": {"namespace": "n"},
            "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"name": "certs"}]});
        let granted = granted(&[role, binding]);
        assert_eq!(granted.len(), 2);
        let used = |object: &str, namespace: &str| Right {
            account: "certs".to_owned(),
            verb: "get".to_owned(),
            resource: "secrets".to_owned(),
            namespace: namespace.to_owned(),
            object: object.to_owned(),
        };
        let covered = |used: &Right| granted.iter().any(|right| right.covers(used));
        assert!(covered(&used("a", "n")));
        assert!(!covered(&used("c", "n")) && !covered(&used("a", "m")));
    }
}
