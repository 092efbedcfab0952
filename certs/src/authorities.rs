//! The document in the CA Secret: which CA signs, which one is being introduced, which ones are
//! still trusted until the last leaf they signed is out of use.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::issue::{Authority, after};

/// The CAs of one installation. Every change is a new value that is written as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorities {
    /// Signs new leaves.
    pub signing: Authority,
    /// Will sign, once every caller trusts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming: Option<Incoming>,
    /// Signs no more, but a leaf of it may still be in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<Retiring>,
    /// The last request for a rotation that was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_rotation: Option<String>,
}

/// A CA on its way in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incoming {
    /// The CA.
    pub authority: Authority,
    /// Since when every webhook's `caBundle` was seen to hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_since: Option<Timestamp>,
}

/// A CA on its way out; its key is already gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retiring {
    /// What callers still trust.
    pub certificate: Certificate,
    /// When a leaf of another CA took the place of its last one.
    pub since: Timestamp,
}

impl Authorities {
    /// A first CA. `trusted` are the certificates found in use when our own record was lost: they
    /// stay trusted for the overlap, so that pods with an old leaf are still believed.
    pub fn founded(signing: Authority, trusted: Vec<Certificate>, now: Timestamp) -> Self {
        let retiring = trusted
            .into_iter()
            .map(|certificate| Retiring {
                certificate,
                since: now,
            })
            .collect();
        Self {
            signing,
            incoming: None,
            retiring,
            begun_rotation: None,
        }
    }

    /// With the note that this request for a rotation is answered by it.
    #[must_use]
    pub fn answering(mut self, rotation: Option<String>) -> Self {
        self.begun_rotation = rotation;
        self
    }

    /// With a further CA that is to be trusted but does not sign yet.
    #[must_use]
    pub fn introduced(mut self, authority: Authority) -> Self {
        self.incoming = Some(Incoming {
            authority,
            trusted_since: None,
        });
        self
    }

    /// With the note that the incoming CA is trusted everywhere from now on.
    #[must_use]
    pub fn trusted(mut self, now: Timestamp) -> Self {
        if let Some(incoming) = &mut self.incoming {
            incoming.trusted_since = Some(now);
        }
        self
    }

    /// With the incoming CA as the one that signs; the old one's key is dropped here.
    #[must_use]
    pub fn promoted(mut self, now: Timestamp) -> Self {
        if let Some(incoming) = self.incoming.take() {
            let old = std::mem::replace(&mut self.signing, incoming.authority);
            self.retiring.push(Retiring {
                certificate: old.certificate,
                since: now,
            });
        }
        self
    }

    /// Without the CAs whose overlap is over.
    #[must_use]
    pub fn retired(mut self, now: Timestamp, overlap: SignedDuration) -> Self {
        self.retiring.retain(|old| after(old.since, overlap) > now);
        self
    }

    /// The earliest end of an overlap.
    pub fn next_retirement(&self, overlap: SignedDuration) -> Option<Timestamp> {
        self.retiring
            .iter()
            .map(|old| after(old.since, overlap))
            .min()
    }

    /// Every trusted CA in PEM: what `caBundle` and `ca.crt` must hold. Sorted by age, so that a
    /// change of roles alone changes nothing.
    pub fn bundle(&self) -> String {
        let incoming = self
            .incoming
            .iter()
            .map(|incoming| &incoming.authority.certificate);
        let retiring = self.retiring.iter().map(|old| &old.certificate);
        let mut trusted: Vec<&Certificate> = std::iter::once(&self.signing.certificate)
            .chain(incoming)
            .chain(retiring)
            .collect();
        trusted.sort_by_key(|certificate| (certificate.not_before(), certificate.pem()));
        trusted.into_iter().map(Certificate::pem).collect()
    }

    /// True if every key in the document belongs to its certificate.
    pub fn is_usable(&self) -> bool {
        self.signing.is_usable()
            && self
                .incoming
                .as_ref()
                .is_none_or(|incoming| incoming.authority.is_usable())
    }
}
