//! What objects mean: the same to everybody who reads them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use vmberth_decide::names;
use vmberth_decide::quantity;

use crate::objects::{NodeSelectorTerm, PersistentVolumeSpec, PodSpec, Quantities};

/// Amounts by resource.
pub type Amounts = BTreeMap<String, u64>;

/// As the scheduler counts them: sidecars stay, and each init container runs beside those before it
/// (k8s.io/component-helpers, resource.PodRequests).
#[must_use]
pub fn requests(spec: &PodSpec) -> Amounts {
    let mut sum = Amounts::new();
    let mut most = Amounts::new();
    for container in &spec.init_containers {
        let own = amounts(&container.resources.requests);
        if container.is_sidecar() {
            add(&mut sum, own);
            raise(&mut most, &sum);
        } else {
            let mut beside = sum.clone();
            add(&mut beside, own);
            raise(&mut most, &beside);
        }
    }
    for container in &spec.containers {
        add(&mut sum, amounts(&container.resources.requests));
    }
    raise(&mut most, &sum);
    most
}

fn add(to: &mut Amounts, amounts: Amounts) {
    for (resource, amount) in amounts {
        let sum = to.entry(resource).or_default();
        *sum = sum.saturating_add(amount);
    }
}

fn raise(to: &mut Amounts, amounts: &Amounts) {
    for (resource, amount) in amounts {
        let most = to.entry(resource.clone()).or_default();
        *most = (*most).max(*amount);
    }
}

/// Huge pages and extended resources: all that is decided about.
#[must_use]
pub fn amounts(of: &Quantities) -> Amounts {
    let counted = |name: &str| name.starts_with(names::HUGEPAGES_PREFIX) || name.contains('/');
    of.iter()
        .filter(|(name, _)| counted(name))
        .map(|(name, amount)| (name.clone(), bytes(amount)))
        .collect()
}

/// The API server has checked it already; what it takes and we do not is more than any node has.
#[must_use]
pub fn bytes(quantity: &Quantity) -> u64 {
    quantity::parse_bytes(&quantity.0).unwrap_or_default()
}

/// Hostnames that a volume is tied to. None if one of the terms, any of which is enough, asks for no hostname.
#[must_use]
pub fn hostnames(spec: &PersistentVolumeSpec) -> BTreeSet<String> {
    let affinity = spec.node_affinity.iter();
    let required = affinity.filter_map(|it| it.required.as_ref());
    let terms = required.flat_map(|it| &it.node_selector_terms);
    let asked: Vec<BTreeSet<String>> = terms.map(hostnames_of).collect();
    if asked.iter().any(BTreeSet::is_empty) {
        return BTreeSet::new();
    }
    asked.into_iter().flatten().collect()
}

fn hostnames_of(term: &NodeSelectorTerm) -> BTreeSet<String> {
    let asks = term.match_expressions.iter();
    asks.filter(|ask| ask.key == names::HOSTNAME_LABEL && ask.operator == "In")
        .flat_map(|ask| ask.values.iter().cloned())
        .collect()
}
