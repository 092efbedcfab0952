//! Gauges of volumes. Two patterns may have volumes of the same name, so each has its path, too. The VM whose disk a volume
//! holds is a label of each: a volume has one at most, so there are no more series for it.

use vmberth_decide::inventory::VolumeState;
use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::VolumeVerdict;
use vmberth_decide::node::facts::DiskFacts;

use super::super::assessment::{Samples, count, number};
use super::Family;

const VOLUME: &[&str] = &["volume", "path", "virtual_machine"];

pub(super) const ALL: &[Family] = &[
    Family {
        name: "volumes",
        help: "Volumes by state.",
        labels: &["state"],
        samples: |assessment, samples| {
            for state in VolumeState::ALL {
                let those = assessment.volumes.iter().filter(|it| it.state == state);
                samples.push([state.as_str()], count(those.count()));
            }
        },
    },
    Family {
        name: "volume_info",
        help: "Always 1; the labels say whose a volume is and which VM has its disk there.",
        labels: &[
            "volume",
            "path",
            "persistentvolume",
            "class",
            "claim_namespace",
            "claim",
            "virtual_machine",
            "state",
        ],
        samples: |assessment, samples| assessment.volumes.iter().for_each(|it| info(it, samples)),
    },
    Family {
        name: "volume_capacity_bytes",
        help: "Capacity of a volume's PersistentVolume.",
        labels: VOLUME,
        samples: |assessment, samples| of_each(assessment, samples, |it| it.capacity.map(number)),
    },
    Family {
        name: "volume_disk_virtual_bytes",
        help: "Size that the guest sees of a volume's disk.",
        labels: VOLUME,
        samples: |assessment, samples| {
            of_each(assessment, samples, |it| {
                disk(it).map(|disk| number(disk.virtual_bytes))
            });
        },
    },
    Family {
        name: "volume_disk_allocated_bytes",
        help: "Bytes that a volume's disk takes up.",
        labels: VOLUME,
        samples: |assessment, samples| {
            of_each(assessment, samples, |it| {
                disk(it).map(|disk| number(disk.allocated_bytes))
            });
        },
    },
    Family {
        name: "volume_disk_modified_timestamp_seconds",
        help: "Unix time of the last change of a volume's disk.",
        labels: VOLUME,
        samples: |assessment, samples| {
            of_each(assessment, samples, |it| {
                let modified = u64::try_from(disk(it)?.modified).ok()?;
                Some(number(modified))
            });
        },
    },
    Family {
        name: "volume_foreign_files",
        help: "Entries of a volume's directory that are not its disk.",
        labels: VOLUME,
        samples: |assessment, samples| {
            of_each(assessment, samples, |it| {
                Some(number(it.directory.as_ref()?.foreign.count))
            });
        },
    },
];

fn info(volume: &VolumeVerdict, samples: &mut Samples) {
    let claim = volume.claim.as_ref();
    let labels = [
        &volume.name,
        &volume.path,
        volume.persistent_volume.as_deref().unwrap_or_default(),
        volume.class.as_deref().unwrap_or_default(),
        claim
            .map(|claim| claim.namespace.as_str())
            .unwrap_or_default(),
        claim.map(|claim| claim.name.as_str()).unwrap_or_default(),
        volume.virtual_machine.as_deref().unwrap_or_default(),
        volume.state.as_str(),
    ];
    samples.push(labels, 1.0);
}

fn of_each(
    assessment: &Assessment,
    samples: &mut Samples,
    value: impl Fn(&VolumeVerdict) -> Option<f64>,
) {
    for volume in &assessment.volumes {
        if let Some(value) = value(volume) {
            let machine = volume.virtual_machine.as_deref().unwrap_or_default();
            samples.push([&volume.name, &volume.path, machine], value);
        }
    }
}

fn disk(volume: &VolumeVerdict) -> Option<&DiskFacts> {
    volume.directory.as_ref()?.disk.as_ref()
}
