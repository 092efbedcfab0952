//! A certificate as this crate needs it: its text plus the few fields that decisions read.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate, parse_x509_pem};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Identifier of a public key (RFC 5280 section 4.2.1.2); links a leaf to the CA that signed it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(Vec<u8>);

/// One parsed certificate; a value of this type was readable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Certificate {
    pem: String,
    public_key: Vec<u8>,
    key_id: Option<KeyId>,
    issuer_key_id: Option<KeyId>,
    names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A text that is not one certificate.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// No PEM block, or not a certificate block.
    #[error("not a PEM certificate")]
    Pem,
    /// The block's content is not X.509.
    #[error("not an X.509 certificate: {0}")]
    X509(String),
    /// A validity date outside of what a timestamp can say.
    #[error("validity of the certificate is out of range")]
    Validity,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none, or it is not X.509.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let pem = blocks(text).next().ok_or(Unreadable::Pem)?;
        let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| Unreadable::Pem)?;
        let (_, x509) = X509Certificate::from_der(&block.contents)
            .map_err(|error| Unreadable::X509(error.to_string()))?;
        let mut certificate = Self {
            pem: format!("{pem}\n"),
            public_key: x509.public_key().raw.to_vec(),
            key_id: None,
            issuer_key_id: None,
            names: Vec::new(),
            not_before: second(x509.validity().not_before.timestamp())?,
            not_after: second(x509.validity().not_after.timestamp())?,
        };
        for extension in x509.extensions() {
            certificate.note(extension.parsed_extension());
        }
        Ok(certificate)
    }

    /// Every readable certificate of a bundle, in its order; the others are left out.
    pub fn parse_all(bundle: &str) -> Vec<Self> {
        blocks(bundle)
            .filter_map(|pem| Self::parse(pem).ok())
            .collect()
    }

    /// The PEM text, ending in a line feed.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The DER of the public key with its algorithm (SubjectPublicKeyInfo).
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// True if the certificate says that the holder of `authority`'s key signed it.
    pub fn is_issued_by(&self, authority: &Self) -> bool {
        self.issuer_key_id.is_some() && self.issuer_key_id == authority.key_id
    }

    /// DNS names it is valid for, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// First moment of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    fn note(&mut self, extension: &ParsedExtension<'_>) {
        if let ParsedExtension::SubjectKeyIdentifier(id) = extension {
            self.key_id = Some(KeyId(id.0.to_vec()));
        } else if let ParsedExtension::AuthorityKeyIdentifier(id) = extension {
            self.issuer_key_id = id.key_identifier.as_ref().map(|id| KeyId(id.0.to_vec()));
        } else if let ParsedExtension::SubjectAlternativeName(san) = extension {
            for name in &san.general_names {
                if let GeneralName::DNSName(name) = name {
                    self.names.push((*name).to_owned());
                }
            }
            self.names.sort();
        }
    }
}

impl TryFrom<String> for Certificate {
    type Error = Unreadable;

    fn try_from(text: String) -> Result<Self, Unreadable> {
        Self::parse(&text)
    }
}

impl From<Certificate> for String {
    fn from(certificate: Certificate) -> Self {
        certificate.pem
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("key_id", &self.key_id)
            .field("issuer_key_id", &self.issuer_key_id)
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The PEM blocks of a text, each from its BEGIN to its END line.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(END).filter_map(|part| {
        let start = part.rfind(BEGIN)?;
        part.get(start..).filter(|block| block.ends_with(END))
    })
}

fn second(unix: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_second(unix).map_err(|_| Unreadable::Validity)
}
