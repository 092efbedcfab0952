//! What to do next: a pure function of what stands in the cluster, the settings and the clock.
//!
//! The order of the checks is the whole safety argument. A CA is trusted (`caBundle`) before a leaf
//! of it is published, and it stays trusted for [`Settings::overlap`] after the last leaf of it was
//! replaced; so whichever leaf a webhook pod still serves, kube-apiserver believes it. The kubelet
//! needs up to 90 s to bring a changed Secret into a running pod (sync period plus cache delay,
//! Kubernetes documentation "Mounted Secrets are updated automatically").

use jiff::{SignedDuration, Timestamp};

use crate::authorities::Authorities;
use crate::certificate::Certificate;
use crate::issue::{self, IssueError, Leaf, after, made_at};

/// CAs that may be on their way out at once; a further rotation waits. Keeps `caBundle`, which is
/// sent to every kube-apiserver, a few kilobytes.
const MOST_RETIRING: usize = 8;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// DNS names of the webhook's Service, sorted.
    pub names: Vec<String>,
    /// Validity of a CA; replaced after two thirds of it.
    pub authority_lifetime: SignedDuration,
    /// Validity of a leaf; replaced after two thirds of it.
    pub leaf_lifetime: SignedDuration,
    /// How long a replaced CA stays trusted.
    pub overlap: SignedDuration,
    /// How long a new CA is in every `caBundle` before a leaf of it is published, so that every
    /// kube-apiserver has heard of it.
    pub settle: SignedDuration,
}

/// What stands in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The CA Secret's document; none if absent or not usable.
    pub authorities: Option<Authorities>,
    /// The serving Secret's pair; none if absent or not usable.
    pub leaf: Option<Leaf>,
    /// The serving Secret's trust bundle.
    pub bundle: Option<String>,
    /// The serving Secret's request for a rotation.
    pub rotate: Option<String>,
    /// The serving Secret's note of the last finished rotation.
    pub rotated: Option<String>,
    /// `caBundle` of every webhook in the configuration; empty if there is no configuration.
    pub installed: Vec<String>,
}

/// One change. After it the cluster is looked at anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the first CA, or a new one when ours is lost.
    Found,
    /// Write the trust bundle into the webhook configuration.
    Install,
    /// Make a second CA that is trusted but does not sign.
    Introduce(Why),
    /// Note that the second CA is trusted everywhere.
    NoteTrusted,
    /// Publish a leaf of the CA that signs.
    Issue(Why),
    /// Publish a leaf of the incoming CA.
    IssueFromIncoming,
    /// Let the incoming CA sign from now on.
    Promote,
    /// Stop trusting CAs whose overlap is over.
    Retire,
    /// Publish bundle and notes with the leaf as it is.
    Publish,
}

/// The reason of a new certificate, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none that can be used.
    Missing,
    /// Two thirds of its lifetime are over.
    Age,
    /// It is not valid yet: it was made while our clock was ahead, as that of an edge node without a battery can be.
    Clock,
    /// It is for other names.
    Names,
    /// A CA signed it that is not ours any more.
    Signer,
    /// Somebody asked for it.
    Request,
}

/// The next step, or when to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Do this now.
    Now(Step),
    /// All is well until then.
    IdleUntil(Timestamp),
}

/// What a step writes.
#[derive(Clone, Debug)]
pub enum Write {
    /// Into the CA Secret.
    Authorities(Box<Authorities>),
    /// Into the serving Secret: pair, bundle, finished rotation.
    Serving(Leaf, String, Option<String>),
    /// Into every webhook of the configuration.
    Bundle(String),
}

impl Plan {
    fn no_later_than(self, moment: Timestamp) -> Self {
        match self {
            Self::Now(step) => Self::Now(step),
            Self::IdleUntil(until) => Self::IdleUntil(until.min(moment)),
        }
    }
}

/// The next step for `seen` at `now`.
pub fn plan(seen: &Observed, settings: &Settings, now: Timestamp) -> Plan {
    let Some(ours) = &seen.authorities else {
        return Plan::Now(Step::Found);
    };
    let bundle = ours.bundle();
    if seen.installed.iter().any(|installed| *installed != bundle) {
        return Plan::Now(Step::Install);
    }
    match leaf_due(seen, ours, settings, now) {
        None => {}
        Some(Why::Signer) if let Some(settled) = still_settling(seen, ours, settings, now) => {
            return Plan::IdleUntil(settled);
        }
        Some(why) => return Plan::Now(Step::Issue(why)),
    }
    if seen.bundle.as_ref() != Some(&bundle) || seen.rotated.as_ref() != finished_rotation(ours) {
        return Plan::Now(Step::Publish);
    }
    match rotation(seen, ours, settings, now) {
        Plan::Now(step) => Plan::Now(step),
        Plan::IdleUntil(rotation) => retirement(seen, ours, settings, now).no_later_than(rotation),
    }
}

/// What `step` writes; new keys are made here.
///
/// # Errors
/// When a certificate could not be made.
pub fn carry_out(
    step: Step,
    seen: &Observed,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Write>, IssueError> {
    let new_authority = || issue::authority(now, settings.authority_lifetime);
    let Some(ours) = seen.authorities.clone() else {
        let founded = Authorities::founded(new_authority()?, in_use(seen, now), now)
            .answering(seen.rotate.clone());
        return Ok((step == Step::Found).then_some(Write::Authorities(Box::new(founded))));
    };
    let leaf_of = |authority| issue::leaf(authority, &settings.names, now, settings.leaf_lifetime);
    let serving =
        |leaf: Leaf| Write::Serving(leaf, ours.bundle(), finished_rotation(&ours).cloned());
    Ok(match step {
        Step::Found => None,
        Step::Install => Some(Write::Bundle(ours.bundle())),
        Step::Introduce(_) => {
            let rotation = seen.rotate.clone().or_else(|| ours.begun_rotation.clone());
            Some(Write::Authorities(Box::new(
                ours.introduced(new_authority()?).answering(rotation),
            )))
        }
        Step::NoteTrusted => Some(Write::Authorities(Box::new(ours.trusted(now)))),
        Step::Issue(_) => Some(serving(leaf_of(&ours.signing)?)),
        Step::IssueFromIncoming => match &ours.incoming {
            Some(incoming) => Some(serving(leaf_of(&incoming.authority)?)),
            None => None,
        },
        Step::Promote => Some(Write::Authorities(Box::new(ours.promoted(now)))),
        Step::Retire => Some(Write::Authorities(Box::new(
            ours.retired(now, settings.overlap),
        ))),
        Step::Publish => seen.leaf.clone().map(serving),
    })
}

/// When two thirds of a certificate's validity are over. Renewal that early leaves a third of it
/// to notice and repair whatever keeps us from renewing.
pub fn renewal(certificate: &Certificate) -> Timestamp {
    let made = made_at(certificate);
    after(made, made.duration_until(certificate.not_after()) / 3 * 2)
}

fn leaf_due(
    seen: &Observed,
    ours: &Authorities,
    settings: &Settings,
    now: Timestamp,
) -> Option<Why> {
    let Some(leaf) = seen.leaf.as_ref().map(Leaf::certificate) else {
        return Some(Why::Missing);
    };
    let incoming = ours
        .incoming
        .as_ref()
        .map(|incoming| &incoming.authority.certificate);
    if leaf.names() != settings.names {
        Some(Why::Names)
    } else if leaf.not_before() > now {
        Some(Why::Clock)
    } else if leaf_renewal(leaf, ours).is_some_and(|due| due <= now) {
        Some(Why::Age)
    } else if leaf.is_issued_by(&ours.signing.certificate)
        || incoming.is_some_and(|incoming| leaf.is_issued_by(incoming))
    {
        None
    } else {
        Some(Why::Signer)
    }
}

/// Until when a leaf of a lost CA, which is trusted on, is left in its place: the new CA was put into
/// the `caBundle` just now, and not every kube-apiserver has heard of it.
fn still_settling(
    seen: &Observed,
    ours: &Authorities,
    settings: &Settings,
    now: Timestamp,
) -> Option<Timestamp> {
    let leaf = seen.leaf.as_ref()?.certificate();
    let retiring = ours.retiring.iter();
    let believed = retiring
        .map(|old| &old.certificate)
        .any(|old| leaf.is_issued_by(old));
    let founded = made_at(&ours.signing.certificate);
    let settled = after(founded, settings.settle);
    (believed && founded <= now && now < settled).then_some(settled)
}

/// When the leaf is due. Never, if it ends with its CA: signing it again makes it no younger; then
/// the CA is due, and the new one brings its own leaf.
fn leaf_renewal(leaf: &Certificate, ours: &Authorities) -> Option<Timestamp> {
    (leaf.not_after() < ours.signing.certificate.not_after()).then(|| renewal(leaf))
}

/// The next step of a change of CA, or when one is due.
fn rotation(seen: &Observed, ours: &Authorities, settings: &Settings, now: Timestamp) -> Plan {
    let Some(incoming) = &ours.incoming else {
        let requested = seen.rotate.is_some() && seen.rotate != ours.begun_rotation;
        let due = renewal(&ours.signing.certificate);
        return if ours.retiring.len() >= MOST_RETIRING {
            Plan::IdleUntil(Timestamp::MAX)
        } else if requested {
            Plan::Now(Step::Introduce(Why::Request))
        } else if ours.signing.certificate.not_before() > now {
            Plan::Now(Step::Introduce(Why::Clock))
        } else if due <= now {
            Plan::Now(Step::Introduce(Why::Age))
        } else {
            Plan::IdleUntil(due)
        };
    };
    // A note from the future was written while our clock was ahead; waiting for it could take years.
    let Some(trusted_since) = incoming.trusted_since.filter(|since| *since <= now) else {
        return Plan::Now(Step::NoteTrusted);
    };
    let settled = after(trusted_since, settings.settle);
    let of_incoming = seen.leaf.as_ref().is_some_and(|leaf| {
        leaf.certificate()
            .is_issued_by(&incoming.authority.certificate)
    });
    match (of_incoming, settled <= now) {
        (true, _) => Plan::Now(Step::Promote),
        (false, true) => Plan::Now(Step::IssueFromIncoming),
        (false, false) => Plan::IdleUntil(settled),
    }
}

/// The end of an overlap, or when to look again. Counted from the published leaf too: we may have
/// been away between noting that a CA is on its way out and publishing a leaf of another.
fn retirement(seen: &Observed, ours: &Authorities, settings: &Settings, now: Timestamp) -> Plan {
    let leaf = seen.leaf.as_ref().map(Leaf::certificate);
    let replaced = leaf.map_or(Timestamp::MIN, |leaf| {
        after(made_at(leaf), settings.overlap)
    });
    let end = ours
        .next_retirement(settings.overlap)
        .map(|end| end.max(replaced));
    match end {
        Some(end) if end <= now => Plan::Now(Step::Retire),
        end => {
            let leaf = leaf.and_then(|leaf| leaf_renewal(leaf, ours));
            Plan::IdleUntil(end.into_iter().chain(leaf).min().unwrap_or(Timestamp::MAX))
        }
    }
}

/// The request for a rotation that is carried out as far as people can see: its leaf is published.
fn finished_rotation(ours: &Authorities) -> Option<&String> {
    ours.begun_rotation
        .as_ref()
        .filter(|_| ours.incoming.is_none())
}

/// Certificates that callers trust now and that a running pod's leaf may need.
fn in_use(seen: &Observed, now: Timestamp) -> Vec<Certificate> {
    let mut found: Vec<Certificate> = Vec::new();
    let texts = seen.bundle.iter().chain(&seen.installed);
    for certificate in texts.flat_map(|text| Certificate::parse_all(text)) {
        if certificate.not_after() > now && !found.contains(&certificate) {
            found.push(certificate);
        }
    }
    found.truncate(2 * MOST_RETIRING);
    found
}

#[cfg(test)]
mod tests;
