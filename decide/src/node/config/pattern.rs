//! What a pattern of directories in the file must be.

use std::collections::BTreeSet;

use super::file::{PatternFile, ReclaimWord};
use super::{Capacity, Offer, Reclaim, VolumePattern};
use crate::names;
use crate::policy::check::overhead_millionths;
use crate::policy::file::Scalar;
use crate::policy::refuse::{Checked, bad, ensure};
use crate::quantity;

/// The last number that a pattern may name: each one is looked up at every scan.
pub(super) const MAX_NUMBER: u16 = 1023;
/// The smallest disk that is worth a volume, in bytes.
pub(super) const MIN_CAPACITY: u64 = 1_000_000;
/// Room for the number in a label's value of 63 characters.
const MAX_PREFIX: usize = 58;

/// One pattern of directories, with what is offered of them.
pub(super) fn pattern(file: PatternFile, path: &str) -> Checked<VolumePattern> {
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
pub(super) fn apart(patterns: &[VolumePattern]) -> Checked<()> {
    let mut taken = BTreeSet::new();
    for (at, pattern) in patterns.iter().enumerate() {
        for number in 0..=pattern.max {
            let path = format!("{}{}{number}", pattern.directory, pattern.prefix);
            let expected = "directories that no other pattern names";
            if taken.contains(&path) {
                return Err(bad(&format!("volumes[{at}]"), Some(&path), expected));
            }
            taken.insert(path);
        }
    }
    for (at, pattern) in patterns.iter().enumerate() {
        let mut above = ancestors(&pattern.directory);
        if let Some(volume) = above.find(|path| taken.contains(*path)) {
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
