//! Extended resources of a container: requests and limits always together, as the API server asks for (Kubernetes 1.35,
//! pkg/apis/core/validation, `ValidateContainerResourceRequirements`).

use serde_json::{Value, json};

use crate::edit::{Edit, Token, Why};
use crate::view::{Amounts, Container, Resources};

/// How many of a resource a container asks for; a number that is none counts as nothing.
pub(super) fn of_container(container: &Container<'_>, resource: &str) -> u64 {
    let Some(resources) = &container.resources else {
        return 0;
    };
    let count = |amounts: &Option<Amounts<'_>>| number(amounts.as_ref(), resource).unwrap_or(0);
    count(&resources.requests).max(count(&resources.limits))
}

fn number(amounts: Option<&Amounts<'_>>, resource: &str) -> Option<u64> {
    amounts?.get(resource)?.parse().ok()
}

/// Which maps a container has, or got by an earlier edit.
pub(super) struct Lists<'c> {
    at: usize,
    own: Option<&'c Resources<'c>>,
    resources: bool,
    requests: bool,
    limits: bool,
}

impl<'c> Lists<'c> {
    /// Of the container at this place, after these edits.
    pub(super) fn of(at: usize, container: &'c Container<'c>, edits: &[Edit]) -> Self {
        let own = container.resources.as_ref();
        let mut lists = Self {
            at,
            own,
            resources: own.is_some(),
            requests: own.is_some_and(|own| own.requests.is_some()),
            limits: own.is_some_and(|own| own.limits.is_some()),
        };
        for edit in edits {
            lists.note(edit);
        }
        lists
    }

    fn note(&mut self, edit: &Edit) {
        let place = self.place();
        let Some(rest) = edit.path.strip_prefix(place.as_slice()) else {
            return;
        };
        let makes = |list: &str| match rest.first() {
            Some(name) => name == list,
            None => edit.value.get(list).is_some(),
        };
        self.resources = true;
        self.requests |= makes("requests");
        self.limits |= makes("limits");
    }

    fn place(&self) -> Vec<Token> {
        let mut path = ["spec", "containers"].map(Token::Borrowed).to_vec();
        path.push(Token::Owned(self.at.to_string()));
        path.push(Token::Borrowed("resources"));
        path
    }

    /// Edits until requests and limits both say `count`.
    pub(super) fn set(&mut self, resource: &str, count: u64, why: &Why) -> Vec<Edit> {
        let requests = self.own.and_then(|own| own.requests.as_ref());
        let limits = self.own.and_then(|own| own.limits.as_ref());
        let mut edits = Vec::new();
        let text = Value::from(count.to_string());
        for (list, amounts) in [("requests", requests), ("limits", limits)] {
            if number(amounts, resource) == Some(count) {
                continue;
            }
            let mut path = self.place();
            let exists = match list {
                "requests" => &mut self.requests,
                _ => &mut self.limits,
            };
            let value = match (self.resources, *exists) {
                (false, _) => json!({ list: { resource: text.clone() } }),
                (true, false) => json!({ resource: text.clone() }),
                (true, true) => text.clone(),
            };
            if self.resources {
                path.push(Token::Borrowed(list));
                if *exists {
                    path.push(Token::Owned(resource.to_owned()));
                }
            }
            (self.resources, *exists) = (true, true);
            edits.push(Edit {
                path,
                value,
                what: format!("{count} {resource}"),
                why: why.clone(),
            });
        }
        edits
    }
}
