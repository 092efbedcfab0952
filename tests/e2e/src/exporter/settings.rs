//! How the chart is told what the exporter shall do.

use serde_json::{Value, json};

use super::{CLASS, FOLDER, VOLUMES};
use crate::functions::INTERFACE;
use crate::networks::FUNCTION;
use crate::standin::device_plugin;

/// What differs between stories.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What becomes of data without a claim: `wipe` or `retain`.
    pub reclaim: &'static str,
    /// It may restart the device plugin.
    pub restart_plugin: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reclaim: "wipe",
            restart_plugin: false,
        }
    }
}

impl Settings {
    /// The chart's `values.exporter`.
    pub(super) fn values(self) -> Value {
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
        })
    }
}
