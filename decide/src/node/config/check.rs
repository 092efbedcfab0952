//! From the file as it is written to a config that is valid: what each value must be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::file::{
    BindingFile, ConfigFile, DevicePluginFile, DriverWord, PatternFile, PoolFile, ReclaimWord,
};
use super::{
    Binding, Capacity, Config, ConfigError, DevicePlugin, Offer, Reclaim, VfPool, VolumePattern,
};
use crate::names;
use crate::policy::check::{ensure_resource, overhead_millionths};
use crate::policy::file::Scalar;
use crate::policy::refuse::{Checked, bad, each, ensure, head, unique};
use crate::quantity;

/// The last number that a pattern may name: each one is looked up at every scan.
pub(super) const MAX_NUMBER: u16 = 1023;
/// The smallest disk that is worth a volume, in bytes.
pub(super) const MIN_CAPACITY: u64 = 1_000_000;
/// The longest wait before a device plugin is restarted: a day.
pub(super) const MAX_GRACE: u64 = 86_400;
/// More virtual functions than cards have.
pub(super) const MAX_VFS: u32 = 1024;
/// Room for the number in a label's value of 63 characters.
const MAX_PREFIX: usize = 58;
/// `IFNAMSIZ` of Linux, without the zero at the end.
const MAX_INTERFACE: usize = 15;

impl TryFrom<ConfigFile> for Config {
    type Error = ConfigError;

    fn try_from(file: ConfigFile) -> Checked<Self> {
        head(&file.api_version, &file.kind, names::EXPORTER_CONFIG_KIND)?;
        let volumes = each("volumes", file.volumes, pattern)?;
        apart(&volumes)?;
        let vf_pools = each("vfPools", file.vf_pools, pool)?;
        unique(
            vf_pools.iter().map(|pool| &*pool.resource),
            "vfPools",
            "resource",
            "a resource that no other pool has",
        )?;
        let binder = each("binder", file.binder, binding)?;
        unique(
            binder.iter().map(|binding| &*binding.physical_function),
            "binder",
            "physicalFunction",
            "a card that no other entry names",
        )?;
        Ok(Self {
            volumes,
            vf_pools,
            device_plugin: match file.device_plugin {
                None => DevicePlugin::default(),
                Some(written) => device_plugin(written)?,
            },
            binder,
        })
    }
}

fn pattern(file: PatternFile, path: &str) -> Checked<VolumePattern> {
    let at = |field: &str| format!("{path}.{field}");
    let expected =
        "an absolute path of letters, digits, _, - and . without . or .. in it, like /var/vd/";
    ensure(
        is_directory(&file.directory),
        &at("directory"),
        &file.directory,
        expected,
    )?;
    let expected = "a name of at most 58 letters, digits, _, - and . that starts with a letter or digit, like vol";
    ensure(
        is_prefix(&file.prefix),
        &at("prefix"),
        &file.prefix,
        expected,
    )?;
    let max = u16::try_from(file.max)
        .ok()
        .filter(|max| *max <= MAX_NUMBER);
    let max = max.ok_or_else(|| {
        bad(
            &at("max"),
            Some(&file.max.to_string()),
            "a number from 0 to 1023",
        )
    })?;
    let slash_added = !file.directory.ends_with('/');
    let mut directory = file.directory.clone();
    if slash_added {
        directory.push('/');
    }
    Ok(VolumePattern {
        directory,
        prefix: file.prefix.clone(),
        max,
        slash_added,
        offer: offer(file, path)?,
    })
}

/// What is wrong is told even if nothing is offered: who fills in the class later expects the rest to be right.
fn offer(file: PatternFile, path: &str) -> Checked<Option<Offer>> {
    let at = |field: &str| format!("{path}.{field}");
    let class = file.storage_class.filter(|class| !class.is_empty());
    if let Some(class) = &class {
        let fits = names::is_dns_subdomain(class);
        ensure(
            fits,
            &at("storageClass"),
            class,
            "the name of a StorageClass, or nothing",
        )?;
    }
    let expected = "the size of a disk, at least 1M, like 15Gi, or fair";
    let capacity = match file.capacity {
        None => None,
        Some(Scalar(text)) => {
            Some(capacity(&text).ok_or_else(|| bad(&at("capacity"), Some(&text), expected))?)
        }
    };
    let millionths = overhead_millionths(file.filesystem_overhead, &at("filesystemOverhead"))?;
    let overcommit = overcommit(file.overcommit, &at("overcommit"))?;
    let reclaim = file.reclaim.map_or(Reclaim::Retain, Reclaim::from);
    let Some(class) = class else {
        return Ok(None);
    };
    Ok(Some(Offer {
        class,
        capacity: capacity.ok_or_else(|| bad(&at("capacity"), None, expected))?,
        filesystem_overhead: f64::from(millionths) / 1e6,
        overcommit,
        reclaim,
        scratch_reclaim: file.scratch_reclaim.map_or(reclaim, Reclaim::from),
    }))
}

impl From<ReclaimWord> for Reclaim {
    fn from(word: ReclaimWord) -> Self {
        match word {
            ReclaimWord::Retain => Self::Retain,
            ReclaimWord::Wipe => Self::Wipe,
        }
    }
}

fn capacity(text: &str) -> Option<Capacity> {
    if text == "fair" {
        return Some(Capacity::Fair);
    }
    let bytes = quantity::parse_bytes(text).ok()?;
    (bytes >= MIN_CAPACITY).then_some(Capacity::Fixed(bytes))
}

fn overcommit(file: Option<Scalar>, path: &str) -> Checked<f64> {
    let Some(Scalar(text)) = file else {
        return Ok(1.0);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (0.1..=10.0).contains(number));
    number.ok_or_else(|| bad(path, Some(&text), "a number from 0.1 to 10, like 1.0"))
}

/// One path, one spelling: so two patterns can be compared, and the chart can mount it and write it into rules.
fn is_directory(path: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let component = |name: &str| name.starts_with(first) && name.chars().all(inner);
    let names = path
        .strip_prefix('/')
        .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    names.is_some_and(|names| names.split('/').all(component))
}

fn is_prefix(prefix: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    prefix.starts_with(|c: char| c.is_ascii_alphanumeric())
        && prefix.len() <= MAX_PREFIX
        && prefix.chars().all(inner)
}

/// No directory belongs to two patterns, and none lies in a volume: what is removed there would be another's.
fn apart(patterns: &[VolumePattern]) -> Checked<()> {
    let mut owners = BTreeMap::new();
    for (at, pattern) in patterns.iter().enumerate() {
        for number in 0..=pattern.max {
            let path = format!("{}{}{number}", pattern.directory, pattern.prefix);
            let expected = "directories that no other pattern names";
            if owners.contains_key(&path) {
                return Err(bad(&format!("volumes[{at}]"), Some(&path), expected));
            }
            owners.insert(path, at);
        }
    }
    for (at, pattern) in patterns.iter().enumerate() {
        let mut above = ancestors(&pattern.directory);
        if let Some(volume) = above.find(|path| owners.contains_key(*path)) {
            let expected = "a directory that is no volume of a pattern and lies in none";
            return Err(bad(
                &format!("volumes[{at}].directory"),
                Some(volume),
                expected,
            ));
        }
    }
    Ok(())
}

/// `/a/b/` has `/a` and `/a/b`.
fn ancestors(directory: &str) -> impl Iterator<Item = &str> {
    let ends = directory.match_indices('/').skip(1);
    ends.filter_map(|(end, _)| directory.get(..end))
}

fn pool(file: PoolFile, path: &str) -> Checked<VfPool> {
    let at = |field: &str| format!("{path}.{field}");
    ensure_resource(&file.resource, &at("resource"))?;
    Ok(VfPool {
        resource: file.resource,
        vendors: ids(&at("vendors"), file.vendors)?,
        devices: ids(&at("devices"), file.devices)?,
        interfaces: each(&at("interfaces"), file.interfaces, |name, path| {
            let expected = "the name of an interface, like ens1f0";
            ensure(is_interface(&name), path, &name, expected)?;
            Ok(name)
        })?
        .into_iter()
        .collect(),
    })
}

/// In small letters, as sysfs has them.
fn ids(path: &str, list: Option<Vec<String>>) -> Checked<BTreeSet<String>> {
    let id = |text: String, path: &str| {
        let fits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure(
            fits,
            path,
            &text,
            "four hexadecimal digits in quotes, like \"8086\"",
        )?;
        Ok(text.to_ascii_lowercase())
    };
    Ok(each(path, list, id)?.into_iter().collect())
}

fn is_interface(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= MAX_INTERFACE
        && name.chars().all(inner)
}

/// `0000:3b:00.0`, in small letters as sysfs has it.
fn is_address(text: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        let small = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        part.len() == digits && part.bytes().all(small)
    };
    let mut parts = text.split([':', '.']);
    let separators: Vec<_> = text.matches([':', '.']).collect();
    separators == [":", ":", "."]
        && [4, 2, 2]
            .into_iter()
            .all(|digits| parts.next().is_some_and(|part| hex(part, digits)))
        && parts
            .next()
            .is_some_and(|last| matches!(last.as_bytes(), [b'0'..=b'7']))
}

fn device_plugin(file: DevicePluginFile) -> Checked<DevicePlugin> {
    let default = DevicePlugin::default();
    let namespace = file.namespace.unwrap_or(default.namespace);
    let fits = names::is_dns_label(&namespace);
    ensure(
        fits,
        "devicePlugin.namespace",
        &namespace,
        "the name of a namespace",
    )?;
    let labels = file.labels.unwrap_or(default.labels);
    // Every pod of the namespace would be taken for the device plugin's.
    let expected = "at least one label";
    ensure(!labels.is_empty(), "devicePlugin.labels", "{}", expected)?;
    for (key, value) in &labels {
        let fits = names::is_qualified_name(key) && names::is_label_value(value);
        let found = format!("{key}={value}");
        ensure(
            fits,
            "devicePlugin.labels",
            &found,
            "labels, like app: sriovdp",
        )?;
    }
    let grace = file
        .grace_seconds
        .map_or(default.grace, Duration::from_secs);
    let seconds = grace.as_secs();
    let expected = "a number of seconds from 1 to 86400";
    let fits = (1..=MAX_GRACE).contains(&seconds);
    ensure(
        fits,
        "devicePlugin.graceSeconds",
        &seconds.to_string(),
        expected,
    )?;
    Ok(DevicePlugin {
        namespace,
        labels,
        restart: file.restart.unwrap_or(default.restart),
        grace,
    })
}

fn binding(file: BindingFile, path: &str) -> Checked<Binding> {
    let at = |field: &str| format!("{path}.{field}");
    let card = file.physical_function;
    let fits = is_interface(&card) || is_address(&card);
    let expected = "an interface, like ens1f0, or a PCI address, like 0000:3b:00.0";
    ensure(fits, &at("physicalFunction"), &card, expected)?;
    let fits = (1..=MAX_VFS).contains(&file.num_vfs);
    let expected = "a number from 1 to 1024; to have none, leave the entry out";
    ensure(fits, &at("numVFs"), &file.num_vfs.to_string(), expected)?;
    Ok(Binding {
        physical_function: card,
        num_vfs: file.num_vfs,
        vfio: match file.driver {
            None | Some(DriverWord::Vfio) => true,
            Some(DriverWord::Default) => false,
        },
    })
}
