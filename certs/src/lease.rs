//! Which replica acts: a Lease, taken and renewed as client-go's leader election does it.
//!
//! The rule (`k8s.io/client-go/tools/leaderelection`): another holder counts as gone only after its
//! record did not change for the whole duration *of our own clock*; times in the record are never
//! compared with our clock. Should two act at once all the same, the resource versions of their
//! writes let one of them lose.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use kube::api::{Api, ObjectMeta, PostParams};

use crate::names;

/// How long a holder that fell silent is waited for.
const DURATION: SignedDuration = SignedDuration::from_secs(15);
/// [`DURATION`] as the record says it.
const DURATION_SECONDS: i32 = 15;

/// Our side of the Lease.
#[derive(Debug)]
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    owner: Option<OwnerReference>,
    seen: Option<(LeaseSpec, Timestamp)>,
}

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Write ourselves into it, as a new holder.
    Take,
    /// Say that we are still here.
    Renew,
    /// Somebody else acts.
    Wait,
}

impl Candidate {
    /// A candidate that was not heard of yet.
    pub fn new(
        leases: Api<Lease>,
        name: String,
        identity: String,
        owner: Option<OwnerReference>,
    ) -> Self {
        Self {
            leases,
            name,
            identity,
            owner,
            seen: None,
        }
    }

    /// Takes or renews the Lease if it is our turn; true if we hold it now.
    ///
    /// # Errors
    /// When kube-apiserver does not answer or refuses, or another candidate was quicker.
    pub async fn hold(&mut self, now: Timestamp) -> kube::Result<bool> {
        let found = self.leases.get_opt(&self.name).await?;
        let spec = found
            .as_ref()
            .and_then(|lease| lease.spec.clone())
            .unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != spec) {
            self.seen = Some((spec.clone(), now));
        }
        let since = self.seen.as_ref().map_or(now, |(_, since)| *since);
        let turn = turn(&spec, &self.identity, now.duration_since(since));
        if turn == Turn::Wait {
            return Ok(false);
        }
        let held = held(spec, &self.identity, turn, now);
        self.write(found, held).await?;
        Ok(true)
    }

    /// Gives the Lease back, so that the next replica need not wait.
    ///
    /// # Errors
    /// When kube-apiserver does not answer or refuses.
    pub async fn release(&mut self) -> kube::Result<()> {
        let found = self.leases.get_opt(&self.name).await?;
        let spec = found
            .as_ref()
            .and_then(|lease| lease.spec.clone())
            .unwrap_or_default();
        if spec.holder_identity.as_deref() == Some(&self.identity) {
            self.write(
                found,
                LeaseSpec {
                    holder_identity: None,
                    ..spec
                },
            )
            .await?;
        }
        Ok(())
    }

    async fn write(&self, found: Option<Lease>, spec: LeaseSpec) -> kube::Result<()> {
        let params = PostParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let mut lease = found.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        });
        lease.spec = Some(spec);
        lease.metadata.owner_references = self.owner.clone().map(|owner| vec![owner]);
        if lease.metadata.resource_version.is_some() {
            self.leases.replace(&self.name, &params, &lease).await?;
        } else {
            self.leases.create(&params, &lease).await?;
        }
        Ok(())
    }
}

fn turn(spec: &LeaseSpec, identity: &str, silent_for: SignedDuration) -> Turn {
    match spec.holder_identity.as_deref() {
        None | Some("") => Turn::Take,
        Some(holder) if holder == identity => Turn::Renew,
        Some(_) if silent_for >= DURATION => Turn::Take,
        Some(_) => Turn::Wait,
    }
}

fn held(spec: LeaseSpec, identity: &str, turn: Turn, now: Timestamp) -> LeaseSpec {
    let mut spec = LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(DURATION_SECONDS),
        renew_time: Some(MicroTime(now)),
        ..spec
    };
    if turn == Turn::Take {
        spec.acquire_time = Some(MicroTime(now));
        spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |n| n.saturating_add(1)));
    }
    spec
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::free(None, 0, Turn::Take)]
    #[case::given_back(Some(""), 0, Turn::Take)]
    #[case::ours(Some("me"), 100, Turn::Renew)]
    #[case::alive(Some("you"), 14, Turn::Wait)]
    #[case::silent(Some("you"), 15, Turn::Take)]
    fn the_lease_changes_hands_only_when_free_or_silent(
        #[case] holder: Option<&str>,
        #[case] silent: i64,
        #[case] expected: Turn,
    ) {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            ..LeaseSpec::default()
        };
        assert_eq!(
            turn(&spec, "me", SignedDuration::from_secs(silent)),
            expected
        );
    }

    #[test]
    fn a_renewal_counts_no_transition() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let taken = held(LeaseSpec::default(), "me", Turn::Take, now);
        assert_eq!(taken.lease_transitions, Some(0));
        let renewed = held(taken.clone(), "me", Turn::Renew, now + DURATION);
        assert_eq!(renewed.lease_transitions, Some(0));
        assert_eq!(renewed.acquire_time, taken.acquire_time);
        assert_eq!(
            held(renewed, "you", Turn::Take, now).lease_transitions,
            Some(1)
        );
    }
}
