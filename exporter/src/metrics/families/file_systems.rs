//! Gauges of the volumes' file systems.

use vmberth_decide::node::Assessment;
use vmberth_decide::node::assess::FileSystemVerdict;

use super::super::assessment::{Samples, number, truth};
use super::Family;

pub(super) const ALL: &[Family] = &[
    family(
        "file_system_size_bytes",
        "All bytes of a file system that holds volumes.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.facts.size)),
    ),
    family(
        "file_system_free_bytes",
        "Bytes that are free for others than root.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.facts.free)),
    ),
    family(
        "file_system_promised_bytes",
        "Sum of the capacities of PersistentVolumes on it.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.promised)),
    ),
    family(
        "file_system_disk_virtual_bytes",
        "Sum of the sizes that guests see of the disks on it.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.disk_virtual)),
    ),
    family(
        "file_system_disk_allocated_bytes",
        "Sum of what the disks on it take up.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.disk_allocated)),
    ),
    family(
        "file_system_free_after_promises_bytes",
        "Free bytes after every sparse disk on it has grown to its size; 0 if that is more than there is.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.free_after_promises)),
    ),
    family(
        "file_system_inodes",
        "All inodes; 0 where they are made as needed.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.facts.inodes)),
    ),
    family(
        "file_system_inodes_free",
        "Free inodes.",
        |assessment, samples| of_each(assessment, samples, |it| number(it.facts.inodes_free)),
    ),
    family(
        "file_system_read_only",
        "1 if it is mounted read-only, by will or after an error.",
        |assessment, samples| of_each(assessment, samples, |it| truth(it.facts.read_only)),
    ),
];

const fn family(
    name: &'static str,
    help: &'static str,
    samples: fn(&Assessment, &mut Samples),
) -> Family {
    Family {
        name,
        help,
        labels: &["device", "mount_point", "type"],
        samples,
    }
}

fn of_each(
    assessment: &Assessment,
    samples: &mut Samples,
    value: impl Fn(&FileSystemVerdict) -> f64,
) {
    for file_system in &assessment.file_systems {
        let facts = &file_system.facts;
        let device = facts.device.to_string();
        samples.push(
            [&device, &facts.mount_point, &facts.kind],
            value(file_system),
        );
    }
}
