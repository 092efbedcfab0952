//! From the file as it is written to a policy that is valid: what each value must be.

use std::collections::BTreeSet;

use super::file::{
    ClassFile, OperatorWord, PolicyFile, ProfileFile, Scalar, TolerationFile, VfPoolFile,
};
use super::profile::profile;
use super::refuse::{Checked, bad, each, ensure, head, unique};
use super::weights::weights;
use super::{CDI_OVERHEAD_MILLIONTHS, HOLD_SECONDS_MAX, ManagedClass, Policy, PolicyError, VfPool};
use crate::names;
use crate::profile::Profile;
use crate::toleration::{Effect, Operator, Toleration};
use crate::wish::{NotAWish, Pages, is_network};

impl TryFrom<PolicyFile> for Policy {
    type Error = PolicyError;

    fn try_from(file: PolicyFile) -> Checked<Self> {
        head(&file.api_version, &file.kind, names::POLICY_KIND)?;

        let default = Self::default();
        let mut exempt = default.exempt_namespaces;
        exempt.extend(each("exemptNamespaces", file.exempt_namespaces, namespace)?);
        let vf_pools = each("vfPools", file.vf_pools, pool)?;
        let resources = vf_pools.iter().map(|pool| &*pool.resource);
        unique(
            resources,
            "vfPools",
            "resource",
            "a resource that no other pool has",
        )?;
        let classes = each("storageClasses", file.storage_classes, class)?;
        let class_names = classes.iter().map(|class| &*class.name);
        unique(
            class_names,
            "storageClasses",
            "name",
            "a name that no other class has",
        )?;
        one_default(&classes)?;
        let of_profile = |one: ProfileFile, path: &str| profile(one, path, vf_pools.is_empty());
        let profiles = each("profiles", file.profiles, of_profile)?;
        let profile_names = profiles.iter().map(|profile| &*profile.name);
        unique(
            profile_names,
            "profiles",
            "name",
            "a name that no other profile has",
        )?;
        let disk_profile = disk_profile(file.disk_profile, &profiles)?;
        let of_set = |one: String, path: &str| daemon_set(&one, path, &exempt);
        let daemon_sets = each("daemonSets", file.daemon_sets, of_set)?;

        Ok(Self {
            tolerations: match file.tolerations {
                None => default.tolerations,
                listed => each("tolerations", listed, toleration)?,
            },
            hugepages: match pages("hugepages", file.hugepages)? {
                None | Some(Pages::None) => None,
                Some(Pages::Of(size)) => Some(size),
            },
            vf_pools,
            pod_interface: file.pod_interface.unwrap_or_default(),
            storage_classes: classes,
            profiles,
            daemon_sets: daemon_sets.into_iter().collect(),
            scheduler_name: scheduler(file.scheduler_name)?,
            request_berth: file.request_berth.unwrap_or_default(),
            disk_profile,
            hold_seconds: hold_seconds(file.hold_seconds)?.unwrap_or(default.hold_seconds),
            score_weights: weights(file.score_weights)?,
            plain_passwords: file.plain_passwords.unwrap_or_default(),
            infeasible: file.infeasible.unwrap_or_default(),
            exempt_namespaces: exempt,
        })
    }
}

fn toleration(file: TolerationFile, path: &str) -> Checked<Toleration> {
    let at = |field: &str| format!("{path}.{field}");
    let key = file.key.unwrap_or_default();
    if !names::is_qualified_name(&key) {
        let expected = "the key of a taint, like cmk; a toleration of every taint is refused";
        return Err(bad(
            &at("key"),
            Some(&*key).filter(|key| !key.is_empty()),
            expected,
        ));
    }
    let operator = match (file.operator, file.value) {
        // Kubernetes takes an empty value for none.
        (Some(OperatorWord::Exists), None) => Operator::Exists,
        (Some(OperatorWord::Exists), Some(value)) => {
            ensure(
                value.is_empty(),
                &at("value"),
                &value,
                "no value with operator Exists",
            )?;
            Operator::Exists
        }
        (None | Some(OperatorWord::Equal), Some(value)) if names::is_label_value(&value) => {
            Operator::Equal(value)
        }
        (None | Some(OperatorWord::Equal), value) => {
            let expected = "a taint's value of at most 63 characters, or operator Exists";
            return Err(bad(&at("value"), value.as_deref(), expected));
        }
    };
    if let Some(seconds) = file.toleration_seconds {
        // The API server refuses such a pod.
        let fits = file.effect == Some(Effect::NoExecute);
        let expected = "no tolerationSeconds unless the effect is NoExecute";
        ensure(
            fits,
            &at("tolerationSeconds"),
            &seconds.to_string(),
            expected,
        )?;
    }
    Ok(Toleration {
        key,
        operator,
        effect: file.effect,
        seconds: file.toleration_seconds,
    })
}

fn namespace(name: String, path: &str) -> Checked<String> {
    ensure(
        names::is_dns_label(&name),
        path,
        &name,
        "the name of a namespace",
    )?;
    Ok(name)
}

pub(super) fn pages(path: &str, file: Option<String>) -> Checked<Option<Pages>> {
    let parse = |text: String| {
        Pages::parse(&text).map_err(|NotAWish(expected)| bad(path, Some(&text), expected))
    };
    file.map(parse).transpose()
}

fn pool(file: VfPoolFile, path: &str) -> Checked<VfPool> {
    let VfPoolFile { resource, network } = file;
    ensure_resource(&resource, &format!("{path}.resource"))?;
    let expected = "a NetworkAttachmentDefinition, like namespace/name or name";
    ensure(
        is_network(&network),
        &format!("{path}.network"),
        &network,
        expected,
    )?;
    Ok(VfPool { resource, network })
}

/// Whether a device plugin can have a resource of that name.
pub(crate) fn ensure_resource(resource: &str, path: &str) -> Checked<()> {
    // Without a prefix it is one of Kubernetes' own resources, and no device plugin's.
    let fits = resource.contains('/') && names::is_qualified_name(resource);
    let expected = "a device plugin's resource, like intel.com/intel_sriov_vm";
    ensure(fits, path, resource, expected)
}

fn class(file: ClassFile, path: &str) -> Checked<ManagedClass> {
    let expected = "the name of a StorageClass";
    let fits = names::is_dns_subdomain(&file.name);
    ensure(fits, &format!("{path}.name"), &file.name, expected)?;
    let overhead_millionths = overhead_millionths(
        file.filesystem_overhead,
        &format!("{path}.filesystemOverhead"),
    )?;
    Ok(ManagedClass {
        name: file.name,
        default: file.default.unwrap_or(false),
        binding_mode: file.binding_mode,
        overhead_millionths,
        fit_overhead: file.fit_overhead.unwrap_or(false),
        // Every import over HTTP needs it sooner or later (facts: kubevirt-cdi 4).
        require_scratch: file.require_scratch.unwrap_or(true),
        scratch_reclaim: file.scratch_reclaim.unwrap_or_default(),
    })
}

/// CDI's share of a claim for the file system, in millionths.
pub(crate) fn overhead_millionths(share: Option<Scalar>, path: &str) -> Checked<u32> {
    let Some(Scalar(text)) = share else {
        return Ok(CDI_OVERHEAD_MILLIONTHS);
    };
    let expected = "a number from 0 to below 1 with at most six decimals, like 0.06";
    millionths(&text).ok_or_else(|| bad(path, Some(&text), expected))
}

/// `0.06` is 60000.
fn millionths(text: &str) -> Option<u32> {
    let decimals = match text.strip_prefix('0')? {
        "" => "",
        rest => rest
            .strip_prefix('.')
            .filter(|decimals| !decimals.is_empty())?,
    };
    let fits = decimals.len() <= 6 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{decimals:0<6}").parse().ok())?
}

fn one_default(classes: &[ManagedClass]) -> Checked<()> {
    let mut defaults = (0_usize..).zip(classes).filter(|(_, class)| class.default);
    match defaults.nth(1) {
        None => Ok(()),
        Some((at, _)) => {
            let path = format!("storageClasses[{at}].default");
            Err(bad(&path, Some("true"), "one default class at most"))
        }
    }
}

fn daemon_set(text: &str, path: &str, exempt: &BTreeSet<String>) -> Checked<(String, String)> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) if names::is_dns_label(namespace) => (namespace, name),
        _ => ("", ""),
    };
    let fits = names::is_dns_subdomain(name);
    ensure(fits, path, text, "namespace/name of a DaemonSet")?;
    let expected =
        "a DaemonSet outside of kube-system and exemptNamespaces, where nothing is touched";
    ensure(!exempt.contains(namespace), path, text, expected)?;
    Ok((namespace.to_owned(), name.to_owned()))
}

fn disk_profile(file: Option<String>, profiles: &[Profile]) -> Checked<Option<String>> {
    let name = file.filter(|name| !name.is_empty());
    if let Some(name) = &name {
        let fits = profiles.iter().any(|profile| profile.name == *name);
        let expected = "the name of one of profiles, or nothing";
        ensure(fits, "diskProfile", name, expected)?;
    }
    Ok(name)
}

fn hold_seconds(file: Option<u32>) -> Checked<Option<u32>> {
    if let Some(seconds) = file {
        let fits = seconds <= HOLD_SECONDS_MAX;
        let expected = "seconds from 0 to 86400";
        ensure(fits, "holdSeconds", &seconds.to_string(), expected)?;
    }
    Ok(file)
}

fn scheduler(file: Option<String>) -> Checked<Option<String>> {
    let name = file.filter(|name| !name.is_empty());
    if let Some(name) = &name {
        // The API server gives this name to pods that have none, so it could never be told from nobody's wish.
        let fits = names::is_dns_subdomain(name) && name != names::DEFAULT_SCHEDULER;
        let expected = "the name of another scheduler than default-scheduler, or nothing";
        ensure(fits, "schedulerName", name, expected)?;
    }
    Ok(name)
}
