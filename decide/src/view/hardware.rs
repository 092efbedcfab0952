//! The guest's hardware as a placement reads it: what its launcher pod asks of a node that a review does not care about, too.

use serde::Deserialize;

use super::basic::{Present, Text, fields, list};
use super::instance::{Devices, Memory, Resources};

/// The guest's hardware.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain<'a> {
    /// Its memory.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub memory: Option<Memory<'a>>,
    /// What its pod asks for.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub resources: Option<Resources<'a>>,
    /// Its devices.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub devices: Option<Devices<'a>>,
    /// Its processors.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub cpu: Option<Cpu<'a>>,
    /// The machine that QEMU shows.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub machine: Option<MachineType<'a>>,
    /// What the machine can do.
    #[serde(default, deserialize_with = "fields")]
    pub features: Option<Features>,
    /// What its memory is encrypted by.
    #[serde(default, deserialize_with = "fields")]
    pub launch_security: Option<LaunchSecurity>,
}

/// The guest's processors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu<'a> {
    /// Cores of a socket.
    pub cores: Option<u32>,
    /// Sockets.
    pub sockets: Option<u32>,
    /// Threads of a core.
    pub threads: Option<u32>,
    /// Their model: a name, `host-model` or `host-passthrough`.
    #[serde(borrow)]
    pub model: Option<Text<'a>>,
    /// What they must be able to do, or must not.
    #[serde(borrow, default, deserialize_with = "list")]
    pub features: Option<Vec<CpuFeature<'a>>>,
    /// Each is a processor of the node that nobody else has.
    pub dedicated_cpu_placement: Option<bool>,
    /// One more of those for QEMU itself.
    pub isolate_emulator_thread: Option<bool>,
    /// How they lie to memory.
    #[serde(default, deserialize_with = "fields")]
    pub numa: Option<Numa>,
    /// Whether they are scheduled in real time.
    pub realtime: Option<Present>,
}

/// Something that a processor can do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CpuFeature<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// `require` if it is empty.
    #[serde(borrow)]
    pub policy: Option<Text<'a>>,
}

/// How processors lie to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numa {
    /// As those of the node do that the guest got.
    pub guest_mapping_passthrough: Option<Present>,
}

/// The machine that QEMU shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MachineType<'a> {
    /// Its name.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
}

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Features {
    /// What Windows likes.
    #[serde(default, deserialize_with = "fields")]
    pub hyperv: Option<Hyperv>,
}

/// What Windows likes, as far as the node's kernel has a part in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are Hyper-V's own")]
pub struct Hyperv {
    #[serde(deserialize_with = "fields")]
    pub vpindex: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub runtime: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub reset: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub synic: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub synictimer: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub frequencies: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub reenlightenment: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub tlbflush: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub ipi: Option<Switch>,
    #[serde(deserialize_with = "fields")]
    pub evmcs: Option<Switch>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Switch {
    /// Absent is not always the same as off.
    pub enabled: Option<bool>,
}

/// What the guest's memory is encrypted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct LaunchSecurity {
    /// AMD's SEV, and SEV-ES.
    #[serde(default, deserialize_with = "fields")]
    pub sev: Option<Sev>,
    /// AMD's SEV-SNP.
    pub snp: Option<Present>,
    /// Intel's TDX.
    pub tdx: Option<Present>,
}

/// AMD's SEV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Sev {
    /// What of it.
    #[serde(default, deserialize_with = "fields")]
    pub policy: Option<SevPolicy>,
}

/// What of SEV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SevPolicy {
    /// Registers are encrypted, too: SEV-ES.
    pub encrypted_state: Option<bool>,
}
