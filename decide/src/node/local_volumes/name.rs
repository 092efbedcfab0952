//! Names and label values of PersistentVolumes, whatever a node or a directory is called.

const PREFIX: &str = "vmberth";
/// Kubernetes' limit for names.
const LONGEST_NAME: usize = 253;
/// Kubernetes' limit for label values.
const LONGEST_LABEL: usize = 63;

/// Name of the PersistentVolume of a directory: always the same, so that two agents of one node make one.
pub(super) fn of(node: &str, path: &str) -> String {
    let hash = format!("{:08x}", hash_of(node, path));
    let volume = path.rsplit('/').next().unwrap_or(path);
    let readable: String = format!("{PREFIX}-{node}-{}", plain(volume))
        .chars()
        .take(LONGEST_NAME - 1 - hash.len())
        .collect();
    format!("{}-{hash}", readable.trim_end_matches(['-', '.']))
}

/// The value, or as much of it as a label may hold.
pub(super) fn label_value(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fitted: String = text
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .take(LONGEST_LABEL)
        .collect();
    fitted
        .trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .to_owned()
}

fn plain(text: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
        _ => '-',
    };
    text.chars().map(plain).collect()
}

/// FNV-1a: the same on every machine and in every release, which the standard library's hash does not promise.
fn hash_of(node: &str, path: &str) -> u32 {
    let bytes = node.bytes().chain([0]).chain(path.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
