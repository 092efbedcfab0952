//! What is promised to pods that were answered, and whose place nobody has seen yet.
//!
//! kube-scheduler places the next pod at once and tells the API server later: while it binds volumes, up to half a minute
//! later on a busy machine. What the VM's later pods will need it does not know at all; of the pod in hand it remembers
//! volumes and resources by itself, but not what is held for others beside them. So each answer is remembered until its end
//! is seen. It is the only thing here that does not follow from the objects: a restart
//! forgets it, and for a moment two VMs may be sent to where one of them has to wait (docs/adr/0009).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kept::Kept;
use super::{Index, NodeSet, Place};
use crate::event::{ObjectName, Pod};
use crate::fit::counted::{Counted, VmName};
use crate::fit::volumes::ClaimDemand;
use crate::fit::{Demand, Offer};

/// Seconds until who was answered is placed, or nominated while its volumes are bound; 23 were seen on a busy machine.
const ANSWERED: u64 = 60;
/// Seconds that kube-scheduler waits for volumes (`bindTimeoutSeconds`, its default).
pub(super) const NOMINATED: u64 = 600;
/// Seconds by which the watch of claims may be behind that of pods.
const PLACED: u64 = 5;

/// What will be needed on one of these nodes.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Whose; of a disk whose VM does not exist yet, the disk's.
    pub(super) vm: VmName,
    pub(super) counted: BTreeMap<Counted, u64>,
    pub(super) claims: Vec<ClaimDemand>,
    pub(super) nodes: NodeSet,
    /// The node, if it is only one.
    node: Option<Arc<str>>,
    /// When it ends, in seconds since 1970.
    pub(super) until: u64,
}

/// Promises by the pod that was answered.
pub(super) type Promises = BTreeMap<ObjectName, Promise>;

impl Index {
    /// What an answer promises: all that the demand needs, on the nodes with the best score.
    #[must_use]
    pub fn promise_of(&self, demand: &Demand, scores: &[(&str, u64)]) -> Option<Promise> {
        if demand.is_nothing_of_stock() {
            return None;
        }
        let best = scores.iter().map(|(_, score)| *score).max()?;
        let mut names = { scores.iter() }.filter(|(_, score)| *score == best);
        let mut nodes = NodeSet::default();
        for place in names.clone().filter_map(|(name, _)| self.place(name)) {
            nodes.insert(place);
        }
        let node = names.next().filter(|_| names.next().is_none());
        let counted = demand.counted.iter();
        Some(Promise {
            vm: demand.vm.clone().or_else(|| demand.pod.clone())?,
            counted: counted
                .map(|(of, (amount, _))| (of.clone(), *amount))
                .collect(),
            claims: demand.claims.clone(),
            nodes,
            node: node.map(|(name, _)| (*name).into()),
            until: self.now.saturating_add(ANSWERED),
        })
    }

    /// How many pods something is promised to.
    #[must_use]
    pub fn promises(&self) -> usize {
        self.history.promises.len()
    }

    /// What is promised to this pod from now on, and nothing else.
    pub fn promise(&mut self, pod: ObjectName, promise: Option<Promise>) {
        match promise {
            Some(promise) => {
                let now = promise.nodes.clone();
                let before = self.history.promises.insert(pod, promise);
                if before.is_some_and(|before| before.nodes != now) {
                    self.has_gained();
                }
            }
            None => self.promise_ends(&pod),
        }
    }

    fn promise_ends(&mut self, pod: &ObjectName) {
        if self.history.promises.remove(pod).is_some() {
            self.has_gained();
        }
    }

    /// Where the pod is, or will be as soon as its volumes are bound.
    pub(super) fn promised_pod_is(&mut self, name: &ObjectName, pod: Option<&Pod>) {
        let Some(promise) = self.history.promises.get_mut(name) else {
            return;
        };
        let Some(pod) = pod else {
            return self.promise_ends(name);
        };
        let (node, seconds) = match (&pod.node, &pod.nominated) {
            (Some(node), _) => (node, PLACED),
            (None, Some(node)) => (node, NOMINATED),
            (None, None) => return,
        };
        promise.nodes = NodeSet::default();
        if let Some(place) = self.nodes.place(node) {
            promise.nodes.insert(place);
        }
        promise.node = Some(Arc::clone(node));
        promise.until = self.now.saturating_add(seconds);
        self.has_gained();
    }

    pub(super) fn end_promises(&mut self) {
        let before = self.history.promises.len();
        let now = self.now;
        self.history.promises.retain(|_, it| it.until > now);
        if self.history.promises.len() != before {
            self.has_gained();
        }
    }

    /// Where other pods of this VM were sent that bind volumes: one entry for each place, `None` if it is not one node yet.
    pub(crate) fn promised_to(&self, vm: &VmName, pod: &ObjectName) -> Vec<Option<Arc<str>>> {
        let promises = self.history.promises.iter();
        let of_vm = promises.filter(|(of, it)| *of != pod && it.vm == *vm && !it.claims.is_empty());
        let mut places: Vec<Option<Arc<str>>> = of_vm.map(|(_, it)| it.node.clone()).collect();
        // Where the answer was forgotten, what it led to is still to be seen.
        places.extend(self.nominations(vm, Some(pod)).into_iter().map(Some));
        places.sort();
        places.dedup();
        places
    }

    /// Nothing is promised any more on a node that is gone: its place may be another's.
    pub(super) fn nothing_is_promised_at(&mut self, place: Place) {
        for promise in self.history.promises.values_mut() {
            promise.nodes.remove(place);
        }
    }

    /// Promises to others than this VM and pod.
    fn promises_to_others<'i>(&'i self, demand: &Demand) -> impl Iterator<Item = &'i Promise> {
        let promises = self.history.promises.iter();
        let others = promises.filter(|(pod, it)| {
            Some(&it.vm) != demand.vm.as_ref() && Some(*pod) != demand.pod.as_ref()
        });
        others.map(|(_, it)| it)
    }

    /// Whether something is promised to others than this VM and pod.
    #[must_use]
    pub fn has_promised_others(&self, demand: &Demand) -> bool {
        self.promises_to_others(demand).next().is_some()
    }

    /// Nodes that have another offer for this demand than for others: something there is promised to others, or held for its VM.
    pub(crate) fn special_for(&self, demand: &Demand) -> NodeSet {
        let mut special = NodeSet::default();
        for promise in self.promises_to_others(demand) {
            special.add(&promise.nodes);
        }
        let hold = demand.vm.as_ref().and_then(|vm| self.holds.get(vm));
        if let Some(place) = hold.and_then(|hold| self.place(&hold.node)) {
            special.insert(place);
        }
        special
    }

    /// The offer of a node, less what is promised there to others than this VM and pod. `None` if nothing is.
    pub(crate) fn less_promises(
        &self,
        node: &str,
        offer: &Offer,
        demand: &Demand,
    ) -> Option<Offer> {
        if self.history.promises.is_empty() {
            return None;
        }
        let place = self.place(node)?;
        let others = self.promises_to_others(demand);
        let others = others.filter(|it| it.nodes.contains(place));
        let mut kept = others.filter_map(|it| self.kept_on(node, it)).peekable();
        kept.peek()?;
        let mut less = offer.clone();
        less.keep(kept);
        Some(less)
    }

    /// What of a promise was not seen to be kept yet. What is held for the VM anyway is not counted twice, and where its disks
    /// lie elsewhere by now it needs nothing.
    fn kept_on<'p>(&'p self, node: &str, promise: &'p Promise) -> Option<Kept<'p>> {
        let disks = promise.claims.iter();
        let disks = disks.map(|claim| (Arc::clone(&promise.vm.0), claim.name.as_str().into()));
        // The VM of a disk may have come since.
        let vm = disks.filter_map(|disk| self.user_of(&disk)).next();
        let vm = vm.unwrap_or(&promise.vm);
        let is_held = self.holds.get(vm).is_some_and(|it| *it.node == *node);
        let is_elsewhere = self.home_of(vm).is_some_and(|(home, _)| *home != *node);
        if is_held || is_elsewhere {
            return None;
        }
        let is_open = |claim: &&ClaimDemand| {
            let name = (Arc::clone(&vm.0), claim.name.as_str().into());
            !self.is_bound(&name)
        };
        let claims: Vec<ClaimDemand> = promise.claims.iter().filter(is_open).cloned().collect();
        let mut counted = promise.counted.clone();
        self.subtract_own_pods(vm, node, &mut counted);
        if counted.is_empty() && claims.is_empty() {
            return None;
        }
        Some(Kept {
            vm,
            counted,
            claims,
            until: promise.until,
        })
    }
}
