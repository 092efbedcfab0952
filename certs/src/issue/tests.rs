use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const NAME: &str = "vmberth-webhook.vmberth.svc";

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn names() -> Vec<String> {
    vec!["vmberth-webhook.vmberth".to_owned(), NAME.to_owned()]
}

/// Verifies as kube-apiserver does: the bundle is all it trusts, the name is the Service's.
fn trusts(bundle: &[&Authority], leaf: &Leaf, name: &str, at: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    for authority in bundle {
        let pem = authority.certificate.pem().as_bytes();
        roots
            .add(CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let leaf = CertificateDer::from_pem_slice(leaf.certificate().pem().as_bytes()).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().unwrap()));
    verifier
        .verify_server_cert(&leaf, &[], &name, &[], at)
        .is_ok()
}

#[rstest]
#[case::at_once(SignedDuration::ZERO, NAME, true)]
#[case::callers_clock_behind(SignedDuration::from_mins(-59), NAME, true)]
#[case::before_it_was_made(DAY * -1, NAME, false)]
#[case::last_day(DAY * 29, NAME, true)]
#[case::expired(DAY * 31, NAME, false)]
#[case::short_name(SignedDuration::ZERO, "vmberth-webhook.vmberth", true)]
#[case::other_name(SignedDuration::ZERO, "kubernetes.default.svc", false)]
fn a_leaf_is_trusted_for_its_names_and_time(
    #[case] later: SignedDuration,
    #[case] name: &str,
    #[case] trusted: bool,
) {
    let ca = authority(now(), DAY * 365).unwrap();
    let leaf = leaf(&ca, &names(), now(), DAY * 30).unwrap();
    assert_eq!(trusts(&[&ca], &leaf, name, after(now(), later)), trusted);
}

#[test]
fn old_and_new_leaf_are_trusted_by_the_overlapping_bundle_in_any_order() {
    let (old, new) = (
        authority(now(), DAY).unwrap(),
        authority(now(), DAY).unwrap(),
    );
    let old_leaf = leaf(&old, &names(), now(), DAY).unwrap();
    let new_leaf = leaf(&new, &names(), now(), DAY).unwrap();
    for bundle in [[&old, &new], [&new, &old]] {
        assert!(trusts(&bundle, &old_leaf, NAME, now()));
        assert!(trusts(&bundle, &new_leaf, NAME, now()));
    }
    assert!(!trusts(&[&new], &old_leaf, NAME, now()));
    assert!(!trusts(&[&old], &new_leaf, NAME, now()));
}

#[test]
fn a_leaf_never_outlives_its_ca() {
    let ca = authority(now(), DAY * 10).unwrap();
    let leaf = leaf(&ca, &names(), now(), DAY * 30).unwrap();
    assert_eq!(leaf.certificate().not_after(), ca.certificate.not_after());
}

#[test]
fn what_was_made_reads_back_the_same() {
    let ca = authority(now(), DAY * 10).unwrap();
    let made = leaf(&ca, &names(), now(), DAY).unwrap();
    assert!(ca.is_usable());
    assert_eq!(made.certificate().names(), names());
    assert_eq!(made_at(made.certificate()), now());
    assert!(made.certificate().is_issued_by(&ca.certificate));
    assert!(!ca.certificate.is_issued_by(made.certificate()));
    assert_eq!(
        Leaf::parse(made.certificate().pem(), made.key().reveal()).unwrap(),
        made
    );
    let json = serde_json::to_string(&ca).unwrap();
    assert_eq!(serde_json::from_str::<Authority>(&json).unwrap(), ca);
}

#[test]
fn a_pair_that_does_not_match_is_refused() {
    let ca = authority(now(), DAY).unwrap();
    let (one, other) = (
        leaf(&ca, &names(), now(), DAY).unwrap(),
        leaf(&ca, &names(), now(), DAY).unwrap(),
    );
    let mixed = Leaf::parse(one.certificate().pem(), other.key().reveal());
    assert!(matches!(mixed, Err(IssueError::Mismatch)));
    assert!(Leaf::parse("", one.key().reveal()).is_err());
    assert!(Leaf::parse(one.certificate().pem(), "no key").is_err());
}

#[test]
fn debug_shows_no_key() {
    let ca = authority(now(), DAY).unwrap();
    assert!(!format!("{ca:?}").contains("PRIVATE KEY"));
}

#[test]
fn a_bundle_is_read_around_comments_and_damage() {
    let (one, two) = (
        authority(now(), DAY).unwrap(),
        authority(now(), DAY).unwrap(),
    );
    let text = format!(
        "# a comment\n{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{}rest",
        one.certificate.pem(),
        two.certificate.pem()
    );
    assert_eq!(
        Certificate::parse_all(&text),
        [one.certificate, two.certificate]
    );
}
