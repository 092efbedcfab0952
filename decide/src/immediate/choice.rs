//! The node of claims that bind at once.

use std::sync::Arc;

use crate::event::{Node, ObjectName};
use crate::feasible::Closest;
use crate::fit::volumes::ClaimDemand;
use crate::fit::{Demand, Fit, Misfit, Offer, fit};
use crate::index::{Index, Pinned};
use crate::names;
use crate::placement::{scores, settle_ties};
use crate::policy::Policy;
use crate::profile::Selector;

use super::Made;
use super::disks::{Disk, immediate};
use super::needs::demand;
use super::words::{Chosen, NotChosen, Since};

/// How nodes are asked.
enum Ask<'p> {
    /// What others were given is theirs, and a node that takes no pods now is none.
    Careful(&'p Pinned),
    /// As if there were no others, since to choose no node helps nobody.
    Bold,
    /// The same, by volumes that do not say whose they are.
    Unlabelled,
}

/// Chooses the node for these claims of one object: as a placement would, among all nodes that there are.
pub(super) fn choose(
    index: &Index,
    policy: &Policy,
    made: &Made<'_>,
    (name, disks): (&ObjectName, &[Disk<'_>]),
) -> Result<Chosen, NotChosen> {
    let demand = demand(index, made, name, disks).map_err(NotChosen::Unclear)?;
    let pinned = index.pinned(demand.vm.as_ref(), name);
    let ask = |how: &Ask<'_>| fitting(index, policy, &demand, how);
    let careful = ask(&Ask::Careful(&pinned));
    let is_given = careful.is_err();
    let fits = match careful {
        Ok(fits) => fits,
        Err(_) => ask(&Ask::Bold).map_err(|closest| {
            let unlabelled = ask(&Ask::Unlabelled);
            let unlabelled = unlabelled.ok().and_then(|fits| fits.first().map(|it| it.0));
            match unlabelled {
                Some(node) => NotChosen::Unlabelled(node.to_owned()),
                None => NotChosen::Nowhere(closest),
            }
        })?,
    };
    let mut scores = scores(index, &demand, &fits);
    settle_ties(name, &mut scores);
    let best = scores.iter().max_by_key(|(_, score)| *score);
    let (node, _) = best.ok_or(NotChosen::Nowhere(None))?;
    Ok(Chosen {
        node: (*node).to_owned(),
        since: Since::of(&demand),
        fits: fits.len(),
        nodes: index.node_names().len(),
        is_given,
    })
}

/// Whether a node has free volumes of this class, and none says whose it is.
pub(super) fn is_unlabelled(index: &Index, disk: &Disk<'_>, node: &str) -> bool {
    let volumes = index.offer(node).map_or(&[][..], |offer| &offer.volumes);
    let mut of_class = volumes
        .iter()
        .filter(|volume| *volume.class == *disk.class.name)
        .peekable();
    let has_label = |labels: &crate::fit::volumes::Labels| labels.contains_key(names::NODE_LABEL);
    of_class.peek().is_some() && of_class.all(|volume| !has_label(&volume.labels))
}

/// The nodes that can hold it, or the closest of all others.
fn fitting<'i>(
    index: &'i Index,
    policy: &Policy,
    demand: &Demand,
    how: &Ask<'_>,
) -> Result<Vec<(&'i str, Fit)>, Option<Closest>> {
    let mut fits = Vec::new();
    let mut closest: Option<Closest> = None;
    for name in index.node_names() {
        // Nobody knows what the others have.
        let Ok((node, Ok(offer))) = index.node(name) else {
            continue;
        };
        let there = (name, node, offer);
        match on(index, policy, there, (demand, how)) {
            Ok(fit) => fits.push((&**name, fit)),
            Err(misfits) => {
                let this = Closest::of(name, misfits);
                if closest.as_ref().is_none_or(|best| this.is_before(best)) {
                    closest = Some(this);
                }
            }
        }
    }
    if fits.is_empty() {
        Err(closest)
    } else {
        Ok(fits)
    }
}

fn on(
    index: &Index,
    policy: &Policy,
    (name, node, offer): (&Arc<str>, &Node, &Offer),
    (demand, how): (&Demand, &Ask<'_>),
) -> Result<Fit, Vec<Misfit>> {
    let allowed = demand.ties.allow(name, node);
    allowed.map_err(|tie| vec![Misfit::Tied(tie)])?;
    match how {
        Ask::Careful(_) if is_away(node) => Err(Vec::new()),
        Ask::Careful(pinned) => {
            let less = index.less_pinned(name, offer, pinned);
            let offer = less.as_ref().unwrap_or(offer);
            fit(&restricted(index, policy, demand, name), offer)
        }
        Ask::Bold => fit(&restricted(index, policy, demand, name), offer),
        Ask::Unlabelled => fit(demand, offer),
    }
}

/// Whether a node takes no pods for a while: what fills the disk would wait there.
fn is_away(node: &Node) -> bool {
    let stays_away = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
    let mut taints = node.taints.iter();
    taints.any(|it| it.key.starts_with(names::NODE_TAINTS) && stays_away(&it.effect))
}

/// As it will be once this node is chosen: each claim that binds at once, scratch space too, can have volumes only that say they
/// are this node's.
fn restricted(index: &Index, policy: &Policy, demand: &Demand, node: &str) -> Demand {
    let label = [(names::NODE_LABEL.to_owned(), node.to_owned())];
    let selector = Selector {
        match_labels: label.into(),
        ..Selector::default()
    };
    let is_restricted = |claim: &ClaimDemand| {
        let is_immediate = immediate(policy, &claim.class).is_some();
        claim.selector.is_none() && is_immediate && index.is_local(&claim.class)
    };
    let mut demand = demand.clone();
    for claim in demand.claims.iter_mut().filter(|it| is_restricted(it)) {
        claim.selector = Some(selector.clone());
    }
    demand
}
