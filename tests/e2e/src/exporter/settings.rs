//! How the chart is told what the exporter shall do.

use serde_json::{Value, json};

use super::{CLASS, FOLDER, VOLUMES};
use crate::functions::INTERFACE;
use crate::networks::FUNCTION;
use crate::standin::device_plugin;

/// What differs between stories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What becomes of data without a claim: `wipe` or `retain`.
    pub reclaim: &'static str,
    /// It may restart the device plugin.
    pub restart_plugin: bool,
    /// So many functions it makes and binds on each node's card; none: it makes none. Who asks for some has a
    /// [`kernel`](crate::functions::kernel) behind each card before.
    pub binder: Option<u32>,
    /// The scheduler is there, too, and places VMs.
    pub scheduler: bool,
    /// Its extender logs what it is asked and answers.
    pub calls: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reclaim: "wipe",
            restart_plugin: false,
            binder: None,
            scheduler: false,
            calls: false,
        }
    }
}

impl Settings {
    /// The chart's `values.scheduler`.
    pub(super) fn scheduler(self) -> Value {
        let level = if self.calls {
            "info,vmberth_extender::calls=trace"
        } else {
            "info"
        };
        let mode = if self.scheduler { "own" } else { "off" };
        json!({"mode": mode, "logLevel": level})
    }

    /// The chart's `values.exporter`.
    pub(super) fn values(self) -> Value {
        let binding = |count| json!({"physicalFunction": INTERFACE, "numVFs": count});
        json!({
            "enabled": true,
            "allowWipe": true,
            // sysfs and remounted file systems tell nobody of a change.
            "resyncSeconds": 3,
            "createStorageClasses": [CLASS],
            // The policy's are enough for real nodes; on simulated ones nothing runs.
            "tolerations": [],
            "volumes": [{
                "directory": format!("{FOLDER}/"),
                "prefix": "vol",
                "max": VOLUMES - 1,
                "storageClass": CLASS,
                "capacity": "1Gi",
                "reclaim": self.reclaim,
                "scratchReclaim": "wipe",
            }],
            "vfPools": [{
                "resource": FUNCTION,
                "vendors": ["8086"],
                "devices": ["154c"],
                "interfaces": [INTERFACE],
            }],
            "devicePlugin": {
                "namespace": device_plugin::NAMESPACE,
                "labels": {device_plugin::LABEL.0: device_plugin::LABEL.1},
                "restart": self.restart_plugin,
                "graceSeconds": 5,
            },
            "binder": self.binder.map(binding).into_iter().collect::<Vec<_>>(),
        })
    }
}
