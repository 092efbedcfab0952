//! Makes a CA and a leaf. Pure but for the randomness of keys: time is an argument, nothing is
//! stored.

use std::fmt;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::certificate::{Certificate, Unreadable};

/// How far validity reaches back, so that a kube-apiserver whose clock is behind ours accepts a
/// certificate made this second.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// A private key in PEM; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(String);

/// A CA that can sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// What is put into trust bundles.
    pub certificate: Certificate,
    /// What must never leave the CA Secret.
    pub key: PrivateKey,
}

/// A serving certificate with its key; a value of this type is a matching pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    certificate: Certificate,
    key: PrivateKey,
}

/// Why a certificate could not be made or a pair could not be read.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The library refused to make a key or a certificate, or to read a key.
    #[error("certificate library refused: {0}")]
    Library(#[from] rcgen::Error),
    /// A certificate is not readable.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Certificate and key belong to different pairs.
    #[error("private key does not belong to the certificate")]
    Mismatch,
}

/// A new self-signed CA with a P-256 key; its name carries its key's identifier, since verifiers
/// that search a bundle by name must not mix up two CAs.
///
/// # Errors
/// Only when the certificate library fails.
pub fn authority(now: Timestamp, lifetime: SignedDuration) -> Result<Authority, IssueError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = params(&[], now, lifetime)?;
    let id: String = params
        .key_identifier(&key)
        .iter()
        .take(4)
        .map(|b| format!("{b:02x}"))
        .collect();
    params.distinguished_name = named(&format!("vmberth CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = Certificate::parse(&params.self_signed(&key)?.pem())?;
    Ok(Authority {
        certificate,
        key: PrivateKey(key.serialize_pem()),
    })
}

/// A new serving certificate for `names`, signed by `signer`; it never outlives its CA.
///
/// # Errors
/// When the signer's pair is damaged or the certificate library fails.
pub fn leaf(
    signer: &Authority,
    names: &[String],
    now: Timestamp,
    lifetime: SignedDuration,
) -> Result<Leaf, IssueError> {
    let issuer = Issuer::from_ca_cert_pem(signer.certificate.pem(), signer.key.pair()?)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = params(names, now, lifetime)?;
    params.not_after = params
        .not_after
        .min(system(signer.certificate.not_after()).into());
    params.distinguished_name = named("vmberth webhook");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = Certificate::parse(&params.signed_by(&key, &issuer)?.pem())?;
    Ok(Leaf {
        certificate,
        key: PrivateKey(key.serialize_pem()),
    })
}

/// `moment` later by `duration`; the end of time when it does not fit.
pub fn after(moment: Timestamp, duration: SignedDuration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// When a certificate of ours was made.
pub fn made_at(certificate: &Certificate) -> Timestamp {
    after(certificate.not_before(), BACKDATE)
}

impl Authority {
    /// True if the key can be read and belongs to the certificate.
    pub fn is_usable(&self) -> bool {
        self.key.belongs_to(&self.certificate).is_ok()
    }
}

impl Leaf {
    /// Reads a pair as it stands in a Secret.
    ///
    /// # Errors
    /// When one of them is not readable or they do not belong together.
    pub fn parse(certificate: &str, key: &str) -> Result<Self, IssueError> {
        let certificate = Certificate::parse(certificate)?;
        let key = PrivateKey(key.to_owned());
        key.belongs_to(&certificate)?;
        Ok(Self { certificate, key })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl PrivateKey {
    /// The PEM text, for the Secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn pair(&self) -> Result<KeyPair, IssueError> {
        Ok(KeyPair::from_pem(&self.0)?)
    }

    fn belongs_to(&self, certificate: &Certificate) -> Result<(), IssueError> {
        if self.pair()?.subject_public_key_info() == certificate.public_key() {
            Ok(())
        } else {
            Err(IssueError::Mismatch)
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

fn params(
    names: &[String],
    now: Timestamp,
    lifetime: SignedDuration,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::new(names)?;
    params.not_before = system(after(now, -BACKDATE)).into();
    params.not_after = system(after(now, lifetime)).into();
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn system(moment: Timestamp) -> SystemTime {
    moment.into()
}

#[cfg(test)]
mod tests;
