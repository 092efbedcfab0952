//! From the file as it is written to a config that is valid: what each value must be.

use std::collections::BTreeSet;
use std::time::Duration;

use super::file::{BindingFile, ConfigFile, DevicePluginFile, DriverWord, PoolFile};
use super::pattern::{apart, pattern};
use super::{Binding, Config, ConfigError, DevicePlugin, VfPool};
use crate::names;
use crate::policy::check::ensure_resource;
use crate::policy::refuse::{Checked, each, ensure, head, unique};

/// The longest wait before a device plugin is restarted: a day.
pub(super) const MAX_GRACE: u64 = 86_400;
/// More virtual functions than cards have.
pub(super) const MAX_VFS: u32 = 1024;
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
