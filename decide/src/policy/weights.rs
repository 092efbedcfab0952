//! What counts how much among the nodes that can hold a VM.

use serde::Deserialize;

use super::refuse::{Checked, ensure};

/// The highest weight.
pub(crate) const WEIGHT_MAX: u32 = 100;

/// Weights of the parts of a node's score, against each other; docs/scheduler.md says what each part is. Their defaults are those that
/// extender/benches/placement found best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreWeights {
    /// What the VM needs later is free now.
    pub free_now: u32,
    /// Further VMs, of the kinds that there are, find room as before.
    pub room: u32,
    /// Volumes are no larger than the claims.
    pub right_size: u32,
    /// Few volumes and bytes are left on the node: empty nodes stay empty.
    pub full_nodes: u32,
    /// Virtual functions are left to VMs that need them.
    pub functions: u32,
    /// Huge pages are left to VMs that need them.
    pub pages: u32,
    /// Much of the node's disk stays free.
    pub disk_headroom: u32,
}

impl Default for ScoreWeights {
    fn default() -> Self {
        Self {
            // More than all others together: elsewhere the VM would have to wait for others to go.
            free_now: 80,
            room: 60,
            right_size: 2,
            full_nodes: 2,
            functions: 1,
            pages: 1,
            disk_headroom: 0,
        }
    }
}

/// Weights of the parts of a node's score, against each other.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WeightsFile {
    /// What the VM needs later is free now.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    free_now: Option<u32>,
    /// Further VMs, of the kinds that there are, find room as before.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    room: Option<u32>,
    /// Volumes are no larger than the claims.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    right_size: Option<u32>,
    /// Few volumes and bytes are left on the node: empty nodes stay empty.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    full_nodes: Option<u32>,
    /// Virtual functions are left to VMs that need them.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    functions: Option<u32>,
    /// Huge pages are left to VMs that need them.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    pages: Option<u32>,
    /// Much of the node's disk stays free.
    #[cfg_attr(test, schemars(range(min = 0, max = WEIGHT_MAX)))]
    disk_headroom: Option<u32>,
}

/// The weights of a file; those that it leaves out are the defaults.
pub(super) fn weights(file: Option<WeightsFile>) -> Checked<ScoreWeights> {
    let (file, default) = (file.unwrap_or_default(), ScoreWeights::default());
    let weight = |field: &str, written: Option<u32>, default: u32| {
        let weight = written.unwrap_or(default);
        let path = format!("scoreWeights.{field}");
        let expected = "a weight from 0 to 100";
        ensure(weight <= WEIGHT_MAX, &path, &weight.to_string(), expected)?;
        Ok(weight)
    };
    Ok(ScoreWeights {
        free_now: weight("freeNow", file.free_now, default.free_now)?,
        room: weight("room", file.room, default.room)?,
        right_size: weight("rightSize", file.right_size, default.right_size)?,
        full_nodes: weight("fullNodes", file.full_nodes, default.full_nodes)?,
        functions: weight("functions", file.functions, default.functions)?,
        pages: weight("pages", file.pages, default.pages)?,
        disk_headroom: weight("diskHeadroom", file.disk_headroom, default.disk_headroom)?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::Policy;

    fn read(weights: &str) -> Result<ScoreWeights, String> {
        let head = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\n";
        let policy = Policy::from_yaml(&format!("{head}scoreWeights: {weights}"));
        policy
            .map(|it| it.score_weights)
            .map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(read("null"), Ok(ScoreWeights::default()));
        assert_eq!(read("{}"), Ok(ScoreWeights::default()));
        let some = ScoreWeights {
            room: 0,
            disk_headroom: 100,
            ..ScoreWeights::default()
        };
        assert_eq!(read("{room: 0, diskHeadroom: 100}"), Ok(some));
    }

    #[rstest]
    #[case::too_much(
        "{pages: 101}",
        "scoreWeights.pages: found \"101\", expected a weight from 0 to 100"
    )]
    #[case::negative("{room: -1}", "scoreWeights.room: ")]
    #[case::fraction("{room: 0.5}", "scoreWeights.room: ")]
    #[case::unknown(
        "{cpu: 1}",
        "scoreWeights.cpu: unknown field `cpu`, expected one of `freeNow`"
    )]
    fn bad_weight_is_named_with_its_path(#[case] weights: &str, #[case] message: &str) {
        let error = read(weights).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}
