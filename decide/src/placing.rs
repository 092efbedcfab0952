//! Which nodes a VM allows itself: labels, affinity, taints. kube-scheduler asks that of the pod in hand; a pod of CDI says
//! nothing of the VM whose disk it fills.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::event::Node;
use crate::names;
use crate::profile::{LabelOperator, Requirement};
use crate::toleration::{Effect, Operator, Toleration};
use crate::view;

/// Taints with this in front are put on and taken off as a node comes and goes: no reason why a VM could never run there.
const OF_THE_MOMENT: &str = "node.kubernetes.io/";
/// The only field that terms may ask for.
const NAME_FIELD: &str = "metadata.name";

/// A taint of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: Arc<str>,
    /// Its value; may be empty.
    pub value: Arc<str>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Arc<str>,
}

/// Where a VM may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placing {
    /// Labels that a node must have.
    selector: BTreeMap<String, String>,
    /// Terms of its node affinity, one of which must hold; `None` if there is nothing required.
    terms: Option<Vec<Term>>,
    tolerations: Vec<Tolerated>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    labels: Vec<Requirement>,
    names: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tolerated {
    key: String,
    any_value: bool,
    value: String,
    effect: String,
}

/// What keeps a VM off a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bar {
    /// A label of its `nodeSelector`.
    Label(String, String),
    /// Its required node affinity.
    Affinity,
    /// A taint, as `kubectl` writes it.
    Taint(String),
    /// There is no virt-handler.
    NoKubevirt,
}

impl Placing {
    /// What an instance's spec says.
    #[must_use]
    pub fn of(spec: &view::placed::InstanceSpec<'_>) -> Self {
        let selector = spec.node_selector.iter().flat_map(view::Labels::iter);
        let selector = selector.filter(|(key, _)| is_kept(key));
        let node = (spec.affinity.as_ref()).and_then(|it| it.node_affinity.as_ref());
        let required = node.and_then(|it| it.required.as_ref());
        let terms = required.and_then(|it| it.node_selector_terms.as_ref());
        Self {
            selector: selector
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect(),
            terms: terms.map(|terms| terms.iter().map(Term::of).collect()),
            tolerations: (spec.tolerations.iter().flatten())
                .map(Tolerated::of)
                .collect(),
        }
    }

    /// With what the webhook gives to every launcher pod.
    #[must_use]
    pub fn tolerating(mut self, policy: &[Toleration]) -> Self {
        self.tolerations
            .extend(policy.iter().map(Tolerated::by_policy));
        self
    }

    /// Whether this node will do.
    ///
    /// # Errors
    /// What is in the way.
    pub fn allows(&self, name: &str, node: &Node) -> Result<(), Bar> {
        // Whatever it says: who is just starting will be back, and every launcher pod asks for it.
        if !node.labels.contains_key(names::SCHEDULABLE_LABEL) {
            return Err(Bar::NoKubevirt);
        }
        for (key, value) in &self.selector {
            if node.labels.get(key) != Some(value) {
                return Err(Bar::Label(key.clone(), value.clone()));
            }
        }
        let mut terms = self.terms.iter().flatten();
        if self.terms.is_some() && !terms.any(|term| term.holds(name, node)) {
            return Err(Bar::Affinity);
        }
        let lasting = |taint: &&Taint| {
            matches!(&*taint.effect, "NoSchedule" | "NoExecute")
                && !taint.key.starts_with(OF_THE_MOMENT)
        };
        let tolerated = |taint: &Taint| self.tolerations.iter().any(|it| it.covers(taint));
        let mut taints = node.taints.iter().filter(lasting);
        match taints.find(|taint| !tolerated(taint)) {
            Some(taint) => Err(Bar::Taint(taint.to_string())),
            None => Ok(()),
        }
    }
}

impl Term {
    fn of(term: &view::Term<'_>) -> Self {
        let all = |from: &Option<Vec<view::Requirement<'_>>>| {
            from.iter().flatten().filter_map(requirement).collect()
        };
        Self {
            labels: all(&term.match_expressions),
            names: all(&term.match_fields),
        }
    }

    fn holds(&self, name: &str, node: &Node) -> bool {
        let label = |key: &str| node.labels.get(key).map(String::as_str);
        let field = |key: &str| (key == NAME_FIELD).then_some(name);
        self.labels.iter().all(|it| it.holds(label)) && self.names.iter().all(|it| it.holds(field))
    }
}

/// Whether a node's label of this name is kept; the others are left to kube-scheduler.
#[must_use]
pub fn is_kept(label: &str) -> bool {
    !label.contains(names::KUBEVIRT_NODE_LABELS)
}

/// `None` of operators that compare numbers, and of labels that are not kept, which are left to kube-scheduler.
fn requirement(written: &view::Requirement<'_>) -> Option<Requirement> {
    let values = || {
        let values = written.values.iter().flatten();
        values.map(|value| value.to_string()).collect()
    };
    let operator = match written.operator.as_deref()? {
        "In" => LabelOperator::In(values()),
        "NotIn" => LabelOperator::NotIn(values()),
        "Exists" => LabelOperator::Exists,
        "DoesNotExist" => LabelOperator::DoesNotExist,
        _ => return None,
    };
    let key = written.key.as_deref().filter(|key| is_kept(key))?;
    Some(Requirement {
        key: key.to_owned(),
        operator,
    })
}

impl Tolerated {
    fn of(written: &view::Toleration<'_>) -> Self {
        Self {
            key: written.key().to_owned(),
            any_value: written.operator() == "Exists",
            value: written.value().to_owned(),
            effect: written.effect().to_owned(),
        }
    }

    fn by_policy(toleration: &Toleration) -> Self {
        let value = match &toleration.operator {
            Operator::Exists => None,
            Operator::Equal(value) => Some(value.clone()),
        };
        Self {
            key: toleration.key.clone(),
            any_value: value.is_none(),
            value: value.unwrap_or_default(),
            effect: toleration
                .effect
                .map(Effect::as_str)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Kubernetes' `ToleratesTaint`.
    fn covers(&self, taint: &Taint) -> bool {
        let key = if self.key.is_empty() {
            self.any_value
        } else {
            *self.key == *taint.key
        };
        let effect = self.effect.is_empty() || *self.effect == *taint.effect;
        key && effect && (self.any_value || *self.value == *taint.value)
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, effect } = self;
        if value.is_empty() {
            return write!(f, "{key}:{effect}");
        }
        write!(f, "{key}={value}:{effect}")
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(key, value) => write!(f, "the VM's nodeSelector asks for {key}={value}"),
            Self::Affinity => f.write_str("the VM's node affinity leaves it out"),
            Self::Taint(taint) => write!(f, "the VM does not tolerate the taint {taint}"),
            Self::NoKubevirt => write!(
                f,
                "KubeVirt does not run there (no label {})",
                names::SCHEDULABLE_LABEL
            ),
        }
    }
}

#[cfg(test)]
mod tests;
