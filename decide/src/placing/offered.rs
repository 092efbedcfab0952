//! What KubeVirt's labels say that a node can do, in little space.
//!
//! virt-handler puts some hundred labels on each node: a model, a feature, a machine type, each with the value `true`. Of such a
//! label a number is kept that its text makes, eight bytes, and nodes with the same ones share one list. Two texts may make the
//! same number, once in some 10^17 questions; then a disk goes to a node that its VM's launcher will not go to.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::quality::FixedState;
use std::hash::BuildHasher;

use crate::fit::volumes::Labels;
use crate::names;

/// The value of a label that says what a node can do.
pub(super) const YES: &str = "true";

/// Labels that are kept as numbers, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offered(Arc<[u64]>);

impl Offered {
    fn of<'l>(labels: impl Iterator<Item = &'l str>) -> Self {
        let kinds = |label: &'l str| [Some(label), kind_of(label)].into_iter().flatten();
        let mut numbers: Vec<u64> = labels.flat_map(kinds).map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers.into())
    }

    /// Whether the node has the label of this [`number`].
    pub(super) fn has(&self, number: u64) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    /// Puts the one list that there is of these labels in its place.
    pub(crate) fn share(&mut self, known: &mut BTreeSet<Self>) {
        if let Some(same) = known.get(self) {
            self.0 = Arc::clone(&same.0);
            return;
        }
        // Of nodes that are gone or have other labels now, nothing is kept.
        known.retain(|it| Arc::strong_count(&it.0) > 1);
        known.insert(self.clone());
    }
}

/// What is kept of a node's labels: those that any VM may ask for by name and value, and what the node can do.
pub fn kept<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> (Labels, Offered) {
    let (offers, rest): (Vec<_>, Vec<_>) = labels.partition(|(key, value)| is_offer(key, value));
    let rest = rest.into_iter();
    (
        rest.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        Offered::of(offers.into_iter().map(|(key, _)| key)),
    )
}

/// Frequencies differ from node to node: with them, no two nodes would have the same list.
fn is_offer(key: &str, value: &str) -> bool {
    value == YES && may_be_offered(key)
}

/// Whether a label of this name is kept as a number if its value is `true`.
pub(super) fn may_be_offered(key: &str) -> bool {
    let is_kubevirts =
        key.contains(names::KUBEVIRT_NODE_LABELS) || key == names::OBSOLETE_HOST_MODEL_LABEL;
    is_kubevirts && !key.starts_with(names::TSC_LABELS)
}

/// The label without what is behind the slash.
fn kind_of(label: &str) -> Option<&str> {
    label.split_inclusive('/').next()
}

/// The number of a label, and of the beginning that all labels of a kind have, with its slash.
pub(super) fn number(text: &str) -> u64 {
    FixedState::with_seed(0).hash_one(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(models: &[&str]) -> Offered {
        let labels: Vec<String> = models
            .iter()
            .map(|model| format!("{}{model}", names::CPU_MODEL_LABELS))
            .collect();
        kept(labels.iter().map(|label| (label.as_str(), YES))).1
    }

    #[test]
    fn what_a_node_can_do_is_kept_apart_from_its_other_labels() {
        let labels = [
            ("rack", "a"),
            ("kubevirt.io/schedulable", "true"),
            ("cpu-timer.node.kubevirt.io/tsc-scalable", "false"),
            ("scheduling.node.kubevirt.io/tsc-frequency-1", "true"),
            ("cpu-model.node.kubevirt.io/EPYC", "true"),
            ("node-labeller.kubevirt.io/obsolete-host-model", "true"),
        ];
        let (labels, offered) = kept(labels.into_iter());
        assert_eq!(labels.len(), 4);
        assert!(offered.has(number("cpu-model.node.kubevirt.io/EPYC")));
        assert!(offered.has(number("node-labeller.kubevirt.io/obsolete-host-model")));
        assert!(offered.has(number(names::CPU_MODEL_LABELS)));
        assert!(!offered.has(number("cpu-model.node.kubevirt.io/Haswell")));
        assert!(!offered.has(number(names::MACHINE_TYPE_LABELS)));
    }

    #[test]
    fn nodes_that_can_do_the_same_share_one_list_which_goes_with_the_last_of_them() {
        let mut known = BTreeSet::new();
        let [mut first, mut second] = [offered(&["EPYC"]), offered(&["EPYC"])];
        first.share(&mut known);
        second.share(&mut known);
        assert!(Arc::ptr_eq(&first.0, &second.0));
        let mut third = offered(&["Haswell"]);
        third.share(&mut known);
        assert_eq!(known.len(), 2);
        drop((first, second));
        offered(&["Nehalem"]).share(&mut known);
        assert_eq!(known.len(), 2);
    }
}
