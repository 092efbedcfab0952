//! The size of an object: each node has one, and the API server keeps and sends them all.
//!
//! What can be read elsewhere is left out, least needed first. What 64 volumes are worth fits, however long their names are; of
//! some hundred volumes or file systems the last are left out, and counted.

use crate::inventory::{NodeInventoryStatus, Volume};
use crate::words::cut;

/// Bytes of a status: what is left of 16 KiB is for metadata and managedFields.
pub(super) const STATUS_LIMIT: usize = 14 << 10;
/// Bytes of a message or a reason once there is too much.
const SHORT_LIMIT: usize = 64;

/// The same, small enough. Name, path, state and file system of a volume stay as long as the volume does; of 64 bound
/// volumes, names of PersistentVolumes are the first to go.
pub(super) fn within(mut status: NodeInventoryStatus) -> NodeInventoryStatus {
    let steps: [fn(&mut NodeInventoryStatus); 7] = [
        |status| {
            for condition in &mut status.conditions {
                condition.message = cut(&condition.message, SHORT_LIMIT * 4);
            }
        },
        |status| {
            each_volume(status, |volume| {
                let reason = volume.reason.as_ref();
                volume.reason = reason.map(|reason| cut(reason, SHORT_LIMIT));
            });
        },
        // Label vmberth.io/volume finds it.
        |status| each_volume(status, |volume| volume.persistent_volume = None),
        // The conditions name the first few; the exporter's table has all.
        |status| each_volume(status, |volume| volume.reason = None),
        // Annotation vmberth.io/virtual-machine of the PersistentVolume, and the metrics.
        |status| each_volume(status, |volume| volume.virtual_machine = None),
        // spec.claimRef of the PersistentVolume.
        |status| each_volume(status, |volume| volume.claim = None),
        // The summary counts them, and the metrics name all.
        |status| *status = shortest(status),
    ];
    for step in steps {
        if size(&status) <= STATUS_LIMIT {
            break;
        }
        step(&mut status);
    }
    status
}

fn each_volume(status: &mut NodeInventoryStatus, change: impl Fn(&mut Volume)) {
    status.volumes.iter_mut().for_each(change);
}

/// Every list with as many entries as fit, the same number for each; a shorter one stays as it is.
fn shortest(status: &NodeInventoryStatus) -> NodeInventoryStatus {
    let longest = lengths(status).into_iter().max().unwrap_or_default();
    let numbers: Vec<usize> = (0..=longest).collect();
    let fits = |&most: &usize| size(&shortened(status, most)) <= STATUS_LIMIT;
    let most = numbers.partition_point(fits).saturating_sub(1);
    shortened(status, most)
}

/// No list with more than `most` entries.
fn shortened(status: &NodeInventoryStatus, most: usize) -> NodeInventoryStatus {
    let mut short = status.clone();
    short.volumes.truncate(most);
    short.file_systems.truncate(most);
    short.physical_functions.truncate(most);
    short.vf_pools.truncate(most);
    for pool in &mut short.vf_pools {
        pool.functions.truncate(most);
    }
    let entries = |status| lengths(status).into_iter().sum::<usize>();
    let left_out = entries(status).saturating_sub(entries(&short));
    short.left_out = u64::try_from(left_out).unwrap_or(u64::MAX);
    short
}

/// Of the lists that nothing but the machine and the config bound; sizes of huge pages and conditions are few.
fn lengths(status: &NodeInventoryStatus) -> Vec<usize> {
    let functions = status.vf_pools.iter().map(|pool| pool.functions.len());
    let others = [
        status.volumes.len(),
        status.file_systems.len(),
        status.physical_functions.len(),
        status.vf_pools.len(),
    ];
    others.into_iter().chain(functions).collect()
}

/// Bytes of a status as it is sent.
fn size(status: &NodeInventoryStatus) -> usize {
    // Maps with keys that are no strings can't be written; there are none.
    serde_json::to_vec(status).map_or(0, |written| written.len())
}
