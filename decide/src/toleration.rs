//! A toleration of the policy, and when an existing one already covers it.

use std::fmt;

use crate::view;

/// One toleration that vmberth gives to pods; always with a key, so that it can never mean "every taint".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// Key of the taint, exact.
    pub key: String,
    /// How the taint's value is compared.
    pub operator: Operator,
    /// The taints of this effect only; all effects when absent.
    pub effect: Option<Effect>,
    /// How long a `NoExecute` taint is tolerated; for ever when absent.
    pub seconds: Option<i64>,
}

/// Comparison of a taint's value. KubeVirt refuses `Gt` and `Lt` (facts: kubevirt-cdi 2), so they do not exist here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Any value.
    Exists,
    /// This value.
    Equal(String),
}

/// Effect of a taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Effect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away if they can.
    PreferNoSchedule,
    /// Running pods are evicted too.
    NoExecute,
}

/// A toleration's fields that decide what it tolerates, as Kubernetes writes them; empty is the same as absent.
#[derive(Debug, Clone, Copy)]
struct Written<'t> {
    key: &'t str,
    operator: &'t str,
    value: &'t str,
    effect: &'t str,
}

impl Toleration {
    /// The default of the policy: what CMK puts on every node it manages.
    #[must_use]
    pub fn cmk() -> Self {
        Self {
            key: crate::names::CMK_TAINT.to_owned(),
            operator: Operator::Exists,
            effect: None,
            seconds: None,
        }
    }

    /// Whether `existing` tolerates every taint that `self` tolerates.
    ///
    /// Rules of Kubernetes' `ToleratesTaint`: no effect means all effects, no key with `Exists` means all keys.
    /// `tolerationSeconds` does not count: of several matching tolerations the shortest time wins, so a second
    /// one would change nothing of what the user asked for.
    #[must_use]
    pub fn covered_by(&self, existing: &view::Toleration<'_>) -> bool {
        self.is_within(Written {
            key: existing.key(),
            operator: existing.operator(),
            value: existing.value(),
            effect: existing.effect(),
        })
    }

    /// Whether `earlier`, which vmberth gives too, makes this one needless.
    #[must_use]
    pub fn covered_by_ours(&self, earlier: &Self) -> bool {
        self.is_within(Written {
            key: &earlier.key,
            operator: earlier.operator.as_str(),
            value: earlier.operator.value().unwrap_or_default(),
            effect: earlier.effect.map(Effect::as_str).unwrap_or_default(),
        })
    }

    fn is_within(&self, other: Written<'_>) -> bool {
        let exists = other.operator == "Exists";
        let key = match other.key {
            "" => exists,
            key => key == self.key,
        };
        let effect = match (other.effect, self.effect) {
            ("", _) => true,
            (_, None) => false,
            (theirs, Some(ours)) => theirs == ours.as_str(),
        };
        let value = exists
            || match self.operator.value() {
                None => false,
                Some(value) => matches!(other.operator, "" | "Equal") && other.value == value,
            };
        key && effect && value
    }

    /// The toleration as Kubernetes writes it, with the fields in the order of its API reference.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut fields = serde_json::Map::new();
        fields.insert("key".to_owned(), self.key.clone().into());
        fields.insert("operator".to_owned(), self.operator.as_str().into());
        if let Some(value) = self.operator.value() {
            fields.insert("value".to_owned(), value.into());
        }
        if let Some(effect) = self.effect {
            fields.insert("effect".to_owned(), effect.as_str().into());
        }
        if let Some(seconds) = self.seconds {
            fields.insert("tolerationSeconds".to_owned(), seconds.into());
        }
        fields.into()
    }
}

/// As short as it goes, in the manner of `kubectl describe`: `cmk`, `cmk=true:NoSchedule`.
impl fmt::Display for Toleration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = self.operator.value() {
            write!(f, "={value}")?;
        }
        if let Some(effect) = self.effect {
            write!(f, ":{}", effect.as_str())?;
        }
        if let Some(seconds) = self.seconds {
            write!(f, " for {seconds}s")?;
        }
        Ok(())
    }
}

impl Operator {
    /// Kubernetes' spelling.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Exists => "Exists",
            Self::Equal(_) => "Equal",
        }
    }

    /// What the taint's value must be.
    fn value(&self) -> Option<&str> {
        match self {
            Self::Exists => None,
            Self::Equal(value) => Some(value),
        }
    }
}

impl Effect {
    /// Kubernetes' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn policy(operator: Operator, effect: Option<Effect>) -> Toleration {
        Toleration {
            operator,
            effect,
            ..Toleration::cmk()
        }
    }

    #[rstest]
    #[case::same(json!({"key": "cmk", "operator": "Exists"}), true)]
    #[case::keyless_exists(json!({"operator": "Exists"}), true)]
    #[case::null_fields(json!({"key": "cmk", "operator": "Exists", "effect": null, "value": null}), true)]
    #[case::limited_time(json!({"key": "cmk", "operator": "Exists", "tolerationSeconds": 5}), true)]
    #[case::one_effect_only(json!({"key": "cmk", "operator": "Exists", "effect": "NoSchedule"}), false)]
    #[case::one_value_only(json!({"key": "cmk", "operator": "Equal", "value": "true"}), false)]
    #[case::operator_left_out_means_equal(json!({"key": "cmk", "value": "true"}), false)]
    #[case::other_key(json!({"key": "cmkx", "operator": "Exists"}), false)]
    #[case::keyless_equal_is_nothing(json!({"operator": "Equal"}), false)]
    #[case::operator_of_the_future(json!({"key": "cmk", "operator": "Gt", "value": "1"}), false)]
    #[case::empty(json!({}), false)]
    fn default_is_covered(#[case] existing: Value, #[case] covered: bool) {
        let text = existing.to_string();
        let existing: view::Toleration<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(Toleration::cmk().covered_by(&existing), covered);
    }

    #[rstest]
    #[case::same(json!({"key": "cmk", "value": "true", "effect": "NoSchedule"}), true)]
    #[case::equal_spelled_out(json!({"key": "cmk", "operator": "Equal", "value": "true", "effect": "NoSchedule"}), true)]
    #[case::any_value(json!({"key": "cmk", "operator": "Exists", "effect": "NoSchedule"}), true)]
    #[case::any_effect(json!({"key": "cmk", "value": "true"}), true)]
    #[case::keyless_with_effect(json!({"operator": "Exists", "effect": "NoSchedule"}), true)]
    #[case::keyless_with_other_effect(json!({"operator": "Exists", "effect": "NoExecute"}), false)]
    #[case::other_value(json!({"key": "cmk", "value": "false", "effect": "NoSchedule"}), false)]
    fn narrow_is_covered(#[case] existing: Value, #[case] covered: bool) {
        let text = existing.to_string();
        let existing: view::Toleration<'_> = serde_json::from_str(&text).unwrap();
        let ours = policy(Operator::Equal("true".to_owned()), Some(Effect::NoSchedule));
        assert_eq!(ours.covered_by(&existing), covered);
    }

    /// Each key, operator and effect with each.
    fn all() -> Vec<Toleration> {
        let value = |value: &str| Operator::Equal(value.to_owned());
        let operators = [Operator::Exists, value("true"), value("")];
        let effects = [
            None,
            Some(Effect::NoSchedule),
            Some(Effect::PreferNoSchedule),
            Some(Effect::NoExecute),
        ];
        let mut all = Vec::new();
        for key in ["cmk", "gpu"] {
            for operator in &operators {
                all.extend(effects.map(|effect| Toleration {
                    key: key.to_owned(),
                    ..policy(operator.clone(), effect)
                }));
            }
        }
        all
    }

    #[test]
    fn ours_cover_each_other_as_they_do_when_they_are_written() {
        for earlier in all() {
            let text = earlier.to_json().to_string();
            let written: view::Toleration<'_> = serde_json::from_str(&text).unwrap();
            assert!(earlier.covered_by_ours(&earlier), "{text}");
            for later in all() {
                let covered = later.covered_by(&written);
                assert_eq!(
                    later.covered_by_ours(&earlier),
                    covered,
                    "{later} by {text}"
                );
            }
        }
    }
}
