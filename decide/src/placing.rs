//! Which nodes a VM allows itself: labels, affinity, taints. kube-scheduler asks that of the pod in hand; a pod of CDI says
//! nothing of the VM whose disk it fills.

mod kubevirt;
mod offered;
mod room;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use kubevirt::Ask;
pub use offered::{Offered, kept};
pub use room::{Of, Room, TooSmall};

use crate::event::Node;
use crate::names;
use crate::profile::{LabelOperator, Requirement};
use crate::toleration::{Effect, Operator, Toleration};
use crate::view;

/// Taints with this in front are no reason why a VM could never run there.
const OF_THE_MOMENT: &str = names::NODE_TAINTS;
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
    /// What virt-controller will ask for on its behalf.
    asks: Vec<Ask>,
    /// What its pod will request of every node's own.
    room: Room,
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
    /// The node can't do what the guest's hardware needs.
    Launcher(Ask),
    /// The whole node is too small.
    Small(TooSmall),
}

impl Placing {
    /// What an instance's spec says.
    #[must_use]
    pub fn of(spec: &view::placed::InstanceSpec<'_>) -> Self {
        let selector = spec.node_selector.iter().flat_map(view::Labels::iter);
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
            asks: kubevirt::asks(spec),
            room: spec.domain.as_ref().map(Room::of_guest).unwrap_or_default(),
        }
    }

    /// With the frequency of its clock that virt-controller chose for it (`status.topologyHints.tscFrequency` of an instance).
    pub fn clock(&mut self, frequency: u64) {
        self.asks.push(Ask::tsc(frequency));
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
        if let Some(ask) = self.asks.iter().find(|ask| !ask.is_met(node)) {
            return Err(Bar::Launcher(ask.clone()));
        }
        for (key, value) in &self.selector {
            if node.label(key) != Some(value.as_str()) {
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
        if let Some(taint) = taints.find(|taint| !tolerated(taint)) {
            return Err(Bar::Taint(taint.to_string()));
        }
        self.room.within(&node.room).map_err(Bar::Small)
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
        let label = |key: &str| node.label(key);
        let field = |key: &str| (key == NAME_FIELD).then_some(name);
        self.labels.iter().all(|it| it.holds(label)) && self.names.iter().all(|it| it.holds(field))
    }
}

impl Node {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        let label = self.labels.get(key).map(String::as_str);
        label.or_else(|| {
            let is_offered = offered::may_be_offered(key) && self.offered.has(offered::number(key));
            is_offered.then_some(offered::YES)
        })
    }
}

impl Bar {
    /// How much a node lacks that is too small.
    #[must_use]
    pub fn shortfall(&self) -> Option<u64> {
        let Self::Small(small) = self else {
            return None;
        };
        Some(small.needs.saturating_sub(small.has))
    }

    /// What nodes have in common that are barred so.
    #[must_use]
    pub fn in_common(&self) -> Self {
        let mut bar = self.clone();
        if let Self::Small(small) = &mut bar {
            small.has = 0;
        }
        bar
    }
}

/// `None` of operators that compare numbers, which are left to kube-scheduler.
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
    Some(Requirement {
        key: written.key.as_deref()?.to_owned(),
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
            Self::Launcher(ask) => ask.fmt(f),
            Self::Small(small) => small.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
