//! The patterns of the chart's schema against the checks of the webhook.

use proptest::string::string_regex;

use super::super::schema;
use super::*;

/// What helm accepts by its pattern, the webhook accepts too: a release never waits for a pod that does not start.
#[rstest]
#[case::namespace(schema::LABEL.to_owned(), "exemptNamespaces: ['{}']")]
#[case::object(schema::object(), "daemonSets: ['{}']")]
#[case::resource(schema::resource(), "vfPools: [{resource: '{}', network: a}]")]
#[case::network(schema::network(), "vfPools: [{resource: a/b, network: '{}'}]")]
#[case::class(
    schema::subdomain(),
    "storageClasses: [{name: '{}', bindingMode: Immediate}]"
)]
#[case::share(schema::SHARE.to_owned(), "storageClasses: [{name: a, bindingMode: Immediate, filesystemOverhead: '{}'}]")]
#[case::credential(schema::CREDENTIAL.to_owned(), "profiles: [{name: a, sshKeys: '{}'}]")]
#[case::vfs(
    schema::vfs(),
    "vfPools: [{resource: a/b, network: c}]\nprofiles: [{name: a, vfs: '{}'}]"
)]
#[case::label(
    schema::qualified_name(),
    "profiles: [{name: a, selector: {matchLabels: {'{}': a}}}]"
)]
#[case::value(
    schema::maybe(schema::NAME),
    "profiles: [{name: a, selector: {matchLabels: {a: '{}'}}}]"
)]
fn what_fits_the_pattern_is_accepted(#[case] pattern: String, #[case] place: &str) {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    let texts = string_regex(pattern).unwrap();
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(text in texts)| {
        if let Err(error) = read(&place.replace("{}", &text)) {
            // What no pattern can tell: the length in all, and a sum of functions or a network named twice.
            let sum = place.contains("vfs:") && error.to_string().contains("a number from 0");
            prop_assert!(text.len() > 253 || sum, "{text:?}: {error}");
        }
    });
}
