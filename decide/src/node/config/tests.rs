use proptest::prelude::*;
use proptest::string::string_regex;
use rstest::rstest;

use super::*;
use crate::policy::schema as policy_schema;

const HEAD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: ExporterConfig\n";

fn read(rest: &str) -> Result<Config, ConfigError> {
    Config::from_yaml(&format!("{HEAD}{rest}"))
}

fn pattern(rest: &str) -> Result<VolumePattern, ConfigError> {
    let text = format!("volumes: [{{directory: /var/vd/, prefix: vol, max: 2{rest}}}]");
    read(&text).map(|config| config.volumes[0].clone())
}

#[test]
fn everything_left_out_is_the_default() {
    assert_eq!(read("").unwrap(), Config::default());
    assert_eq!(
        read("volumes:\ndevicePlugin: {}\n").unwrap(),
        Config::default()
    );
}

#[test]
fn every_field_is_read() {
    let config = read(
        "volumes:\n\
         - directory: /var/vd\n  \
           prefix: vol\n  \
           max: 64\n  \
           storageClass: local-vd\n  \
           capacity: 15Gi\n  \
           filesystemOverhead: 0.06\n  \
           overcommit: 1.5\n  \
           reclaim: wipe\n  \
           scratchReclaim: retain\n\
         vfPools:\n\
         - resource: intel.com/intel_sriov_vm\n  \
           vendors: [\"8086\"]\n  \
           devices: [\"154C\", \"10ed\"]\n  \
           interfaces: [ens1f0]\n\
         devicePlugin: {namespace: sriov, labels: {app: plugin}, restart: true, graceSeconds: 5}\n\
         binder:\n\
         - {physicalFunction: ens1f0, numVFs: 8, driver: default}\n\
         - {physicalFunction: '0000:3b:00.1', numVFs: 4}\n",
    )
    .unwrap();
    let offer = Offer {
        class: "local-vd".to_owned(),
        capacity: Capacity::Fixed(15 << 30),
        filesystem_overhead: 0.06,
        overcommit: 1.5,
        reclaim: Reclaim::Wipe,
        scratch_reclaim: Reclaim::Retain,
    };
    let volumes = VolumePattern {
        directory: "/var/vd/".to_owned(),
        prefix: "vol".to_owned(),
        max: 64,
        slash_added: true,
        offer: Some(offer),
    };
    assert_eq!(config.volumes, [volumes]);
    let set = |all: &[&str]| {
        all.iter()
            .map(|&one| one.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let pool = VfPool {
        resource: "intel.com/intel_sriov_vm".to_owned(),
        vendors: set(&["8086"]),
        devices: set(&["10ed", "154c"]),
        interfaces: set(&["ens1f0"]),
    };
    assert_eq!(config.vf_pools, [pool]);
    let plugin = DevicePlugin {
        namespace: "sriov".to_owned(),
        labels: BTreeMap::from([("app".to_owned(), "plugin".to_owned())]),
        restart: true,
        grace: Duration::from_secs(5),
    };
    assert_eq!(config.device_plugin, plugin);
    let binding = |name: &str, num_vfs, vfio| Binding {
        physical_function: name.to_owned(),
        num_vfs,
        vfio,
    };
    let bindings = [
        binding("ens1f0", 8, false),
        binding("0000:3b:00.1", 4, true),
    ];
    assert_eq!(config.binder, bindings);
}

#[test]
fn what_is_left_out_of_an_offer_is_careful() {
    let offer = pattern(", storageClass: a, capacity: fair")
        .unwrap()
        .offer
        .unwrap();
    assert_eq!(offer.capacity, Capacity::Fair);
    assert_eq!(offer.filesystem_overhead, 0.06);
    assert_eq!(offer.overcommit, 1.0);
    assert_eq!(
        (offer.reclaim, offer.scratch_reclaim),
        (Reclaim::Retain, Reclaim::Retain)
    );
    let wipe = pattern(", storageClass: a, capacity: 1Gi, reclaim: wipe")
        .unwrap()
        .offer
        .unwrap();
    assert_eq!(wipe.scratch_reclaim, Reclaim::Wipe);
}

#[rstest]
#[case::left_out("")]
#[case::empty(", storageClass: ''")]
#[case::with_the_rest(", storageClass: '', capacity: 15Gi, reclaim: wipe")]
fn without_a_class_nothing_is_offered(#[case] rest: &str) {
    assert_eq!(pattern(rest).unwrap().offer, None);
}

#[rstest]
#[case::relative(
    "volumes: [{directory: vd, prefix: vol, max: 1}]",
    "volumes[0].directory: found \"vd\""
)]
#[case::root(
    "volumes: [{directory: /, prefix: vol, max: 1}]",
    "volumes[0].directory: found \"/\""
)]
#[case::dots(
    "volumes: [{directory: /var/../vd, prefix: vol, max: 1}]",
    "volumes[0].directory: "
)]
#[case::two_slashes(
    "volumes: [{directory: /var//vd, prefix: vol, max: 1}]",
    "volumes[0].directory: "
)]
#[case::two_at_the_end(
    "volumes: [{directory: /var/vd//, prefix: vol, max: 1}]",
    "volumes[0].directory: "
)]
#[case::prefix(
    "volumes: [{directory: /var/vd, prefix: a/b, max: 1}]",
    "volumes[0].prefix: found \"a/b\""
)]
#[case::no_prefix(
    "volumes: [{directory: /var/vd, prefix: '', max: 1}]",
    "volumes[0].prefix: found \"\""
)]
#[case::max(
    "volumes: [{directory: /var/vd, prefix: vol, max: 1024}]",
    "volumes[0].max: found \"1024\", expected a number from 0 to 1023"
)]
#[case::negative(
    "volumes: [{directory: /var/vd, prefix: vol, max: -1}]",
    "volumes[0].max: invalid value: integer `-1`"
)]
#[case::missing(
    "volumes: [{directory: /var/vd, prefix: vol}]",
    "volumes[0]: missing field `max`"
)]
#[case::typo("volumes: [{dir: /var/vd}]", "volumes[0].dir: unknown field `dir`")]
#[case::pool_twice(
    "vfPools: [{resource: a.io/b}, {resource: a.io/b}]",
    "vfPools[1].resource: found \"a.io/b\", expected a resource that no other pool has"
)]
#[case::resource("vfPools: [{resource: cpu}]", "vfPools[0].resource: found \"cpu\"")]
#[case::vendor(
    "vfPools: [{resource: a.io/b, vendors: ['0x8086']}]",
    "vfPools[0].vendors[0]: found \"0x8086\""
)]
#[case::number(
    "vfPools: [{resource: a.io/b, vendors: [8086]}]",
    "vfPools[0].vendors[0]: invalid type: integer `8086`, expected a string"
)]
#[case::interface(
    "vfPools: [{resource: a.io/b, interfaces: ['pf#0-3']}]",
    "vfPools[0].interfaces[0]: "
)]
#[case::no_labels(
    "devicePlugin: {labels: {}}",
    "devicePlugin.labels: found \"{}\", expected at least one label"
)]
#[case::bad_label(
    "devicePlugin: {labels: {app: 'a b'}}",
    "devicePlugin.labels: found \"app=a b\""
)]
#[case::namespace("devicePlugin: {namespace: A}", "devicePlugin.namespace: found \"A\"")]
#[case::no_grace(
    "devicePlugin: {graceSeconds: 0}",
    "devicePlugin.graceSeconds: found \"0\""
)]
#[case::card(
    "binder: [{physicalFunction: '3b:00.0', numVFs: 1}]",
    "binder[0].physicalFunction: "
)]
#[case::card_twice(
    "binder: [{physicalFunction: a, numVFs: 1}, {physicalFunction: a, numVFs: 2}]",
    "binder[1].physicalFunction: found \"a\""
)]
#[case::no_vfs(
    "binder: [{physicalFunction: a, numVFs: 0}]",
    "binder[0].numVFs: found \"0\""
)]
#[case::driver(
    "binder: [{physicalFunction: a, numVFs: 1, driver: uio}]",
    "binder[0].driver: unknown variant `uio`, expected `vfio-pci` or `default`"
)]
fn bad_value_is_named_with_its_path(#[case] rest: &str, #[case] message: &str) {
    let error = read(rest).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

#[rstest]
#[case::class(", storageClass: A_", "volumes[0].storageClass: found \"A_\"")]
#[case::no_capacity(
    ", storageClass: a",
    "volumes[0].capacity: found nothing, expected the size of a disk"
)]
#[case::bad_capacity(", capacity: lots", "volumes[0].capacity: found \"lots\"")]
#[case::small_capacity(", capacity: 15", "volumes[0].capacity: found \"15\"")]
#[case::overhead(
    ", filesystemOverhead: 1",
    "volumes[0].filesystemOverhead: found \"1\""
)]
#[case::overcommit_low(
    ", overcommit: 0.05",
    "volumes[0].overcommit: found \"0.05\", expected a number from 0.1 to 10"
)]
#[case::overcommit_high(", overcommit: 10.1", "volumes[0].overcommit: found \"10.1\"")]
#[case::overcommit_nan(", overcommit: 'NaN'", "volumes[0].overcommit: found \"NaN\"")]
#[case::reclaim(
    ", reclaim: delete",
    "volumes[0].reclaim: unknown variant `delete`, expected `retain` or `wipe`"
)]
fn a_bad_offer_is_named_with_its_path(#[case] rest: &str, #[case] message: &str) {
    let error = pattern(rest).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

#[rstest]
#[case::the_same(
    "/a",
    "vol",
    0,
    "volumes[1]: found \"/a/vol0\", expected directories that no other"
)]
#[case::longer_prefix("/a", "vol1", 0, "volumes[1]: found \"/a/vol10\"")]
#[case::inside(
    "/a/vol3",
    "x",
    0,
    "volumes[1].directory: found \"/a/vol3\", expected a directory that is no volume"
)]
#[case::deep_inside("/a/vol3/b/c", "x", 0, "volumes[1].directory: found \"/a/vol3\"")]
fn patterns_that_overlap_are_refused(
    #[case] directory: &str,
    #[case] prefix: &str,
    #[case] max: u16,
    #[case] message: &str,
) {
    let text = format!(
        "volumes: [{{directory: /a/, prefix: vol, max: 12}}, \
         {{directory: {directory}, prefix: {prefix}, max: {max}}}]"
    );
    let error = read(&text).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

#[rstest]
#[case::other_directory("/b", "vol")]
#[case::zero_before("/a", "vol0")]
#[case::beyond_the_last("/a", "vol2")]
#[case::a_neighbour("/a/vol13", "x")]
fn patterns_beside_each_other_are_fine(#[case] directory: &str, #[case] prefix: &str) {
    let text = format!(
        "volumes: [{{directory: /a/, prefix: vol, max: 12}}, \
         {{directory: {directory}, prefix: {prefix}, max: 9}}]"
    );
    assert_eq!(read(&text).unwrap().volumes.len(), 2);
}

#[rstest]
#[case::empty("", "config: invalid type: null")]
#[case::policy(
    "apiVersion: vmberth.io/v1alpha1\nkind: Policy",
    "kind: found \"Policy\", expected ExporterConfig"
)]
#[case::version("apiVersion: v1\nkind: ExporterConfig", "apiVersion: found \"v1\"")]
#[case::no_yaml("a: [", "not readable as YAML: ")]
fn bad_file_is_refused(#[case] text: &str, #[case] message: &str) {
    let error = Config::from_yaml(text).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Config::from_yaml(&text);
        let _ = read(&text);
    }
}

/// What helm accepts by its pattern, the agent accepts too: a release never waits for a pod that does not start.
#[rstest]
#[case::directory(schema::DIRECTORY.to_owned(), "volumes: [{directory: '{}', prefix: vol, max: 1}]")]
#[case::prefix(schema::PREFIX.to_owned(), "volumes: [{directory: /a, prefix: '{}', max: 1}]")]
#[case::class(
    policy_schema::subdomain(),
    "volumes: [{directory: /a, prefix: b, max: 1, capacity: fair, storageClass: '{}'}]"
)]
#[case::size(schema::SIZE.to_owned(), "volumes: [{directory: /a, prefix: b, max: 1, capacity: '{}'}]")]
#[case::share(policy_schema::SHARE.to_owned(), "volumes: [{directory: /a, prefix: b, max: 1, filesystemOverhead: '{}'}]")]
#[case::overcommit(schema::OVERCOMMIT.to_owned(), "volumes: [{directory: /a, prefix: b, max: 1, overcommit: '{}'}]")]
#[case::resource(policy_schema::resource(), "vfPools: [{resource: '{}'}]")]
#[case::id(schema::ID.to_owned(), "vfPools: [{resource: a/b, devices: ['{}']}]")]
#[case::interface(schema::INTERFACE.to_owned(), "vfPools: [{resource: a/b, interfaces: ['{}']}]")]
#[case::namespace(policy_schema::LABEL.to_owned(), "devicePlugin: {namespace: '{}'}")]
#[case::card(schema::function(), "binder: [{physicalFunction: '{}', numVFs: 1}]")]
fn what_fits_the_pattern_is_accepted(#[case] pattern: String, #[case] place: &str) {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    let texts = string_regex(pattern).unwrap();
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(text in texts)| {
        if let Err(error) = read(&place.replace("{}", &text)) {
            // What no pattern can tell: the length in all.
            prop_assert!(text.len() > 253, "{text:?}: {error}");
        }
    });
}
