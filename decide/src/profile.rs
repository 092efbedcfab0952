//! Named sets of wishes, by the rules of KubeVirt's presets: chosen by name or by label selector, overruled by
//! what the VM says itself, and never two that differ.

use std::collections::BTreeMap;

use crate::view::{self, Labels};
use crate::wish::{Pages, VfWish};

/// A named set of wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What a VM calls it by.
    pub name: String,
    /// The VMs that get it without asking; `None` selects none, an empty selector all.
    pub selector: Option<Selector>,
    /// Pages behind the memory.
    pub hugepages: Option<Pages>,
    /// Virtual functions.
    pub vfs: Option<Vec<VfWish>>,
    /// Secret with public keys of ssh.
    pub ssh_keys: Option<String>,
}

/// Kubernetes' label selector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Labels that must have these values.
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements; all of them must hold.
    pub match_expressions: Vec<Requirement>,
}

/// One requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Name of the label.
    pub key: String,
    /// What must hold of its value.
    pub operator: LabelOperator,
}

/// What must hold of a label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelOperator {
    /// It is there and one of these.
    In(Vec<String>),
    /// It is absent, or none of these.
    NotIn(Vec<String>),
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether these labels fit.
    #[must_use]
    pub fn selects(&self, labels: Option<&Labels<'_>>) -> bool {
        self.selects_by(|key| {
            let value = labels.and_then(|labels| labels.get(key));
            value.map(|value| &**value)
        })
    }

    /// Whether labels fit of which this tells the value.
    pub fn selects_by<'l>(&self, value: impl Fn(&str) -> Option<&'l str>) -> bool {
        let equal = |(key, wanted): (&String, &String)| value(key) == Some(wanted.as_str());
        self.match_labels.iter().all(equal)
            && self.match_expressions.iter().all(|it| it.holds(&value))
    }
}

impl Requirement {
    /// Whether it holds of labels of which this tells the value.
    pub fn holds<'l>(&self, value: impl Fn(&str) -> Option<&'l str>) -> bool {
        let value = value(&self.key);
        let among = |values: &[String]| {
            value.is_some_and(|value| values.iter().any(|wanted| wanted == value))
        };
        match &self.operator {
            LabelOperator::In(values) => among(values),
            LabelOperator::NotIn(values) => !among(values),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
        }
    }
}

/// As an object says it. A requirement without a key, or whose operator nobody knows, can't be met.
impl From<&view::LabelSelector<'_>> for Selector {
    fn from(written: &view::LabelSelector<'_>) -> Self {
        let labels = written.match_labels.iter().flat_map(Labels::iter);
        let expressions = written.match_expressions.iter().flatten();
        Self {
            match_labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect(),
            match_expressions: expressions.map(Requirement::from).collect(),
        }
    }
}

impl From<&view::Requirement<'_>> for Requirement {
    fn from(written: &view::Requirement<'_>) -> Self {
        let values = written.values.iter().flatten();
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        Self {
            key: written.key.as_deref().unwrap_or_default().to_owned(),
            operator: match written.operator.as_deref() {
                Some("In") => LabelOperator::In(values),
                Some("NotIn") => LabelOperator::NotIn(values),
                Some("Exists") => LabelOperator::Exists,
                Some("DoesNotExist") => LabelOperator::DoesNotExist,
                _ => LabelOperator::In(Vec::new()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn expression(key: &str, operator: LabelOperator) -> Selector {
        let key = key.to_owned();
        Selector {
            match_expressions: vec![Requirement { key, operator }],
            ..Selector::default()
        }
    }

    fn of(value: &str) -> Vec<String> {
        vec!["x".to_owned(), value.to_owned()]
    }

    #[rstest]
    #[case::everything(Selector::default(), true)]
    #[case::equal(Selector { match_labels: [("a".to_owned(), "1".to_owned())].into(), ..Selector::default() }, true)]
    #[case::other_value(Selector { match_labels: [("a".to_owned(), "2".to_owned())].into(), ..Selector::default() }, false)]
    #[case::among(expression("a", LabelOperator::In(of("1"))), true)]
    #[case::not_among(expression("a", LabelOperator::In(of("2"))), false)]
    #[case::absent_is_not_among(expression("b", LabelOperator::In(of("1"))), false)]
    #[case::none_of(expression("a", LabelOperator::NotIn(of("2"))), true)]
    #[case::one_of_the_unwanted(expression("a", LabelOperator::NotIn(of("1"))), false)]
    #[case::absent_is_none_of(expression("b", LabelOperator::NotIn(of("1"))), true)]
    #[case::there(expression("a", LabelOperator::Exists), true)]
    #[case::not_there(expression("b", LabelOperator::Exists), false)]
    #[case::must_be_absent(expression("a", LabelOperator::DoesNotExist), false)]
    #[case::is_absent(expression("b", LabelOperator::DoesNotExist), true)]
    fn selectors(#[case] selector: Selector, #[case] selected: bool) {
        let labels: Labels<'_> = serde_json::from_str(r#"{"a": "1"}"#).unwrap();
        assert_eq!(selector.selects(Some(&labels)), selected);
    }

    #[test]
    fn without_labels_only_absence_fits() {
        assert!(Selector::default().selects(None));
        assert!(expression("a", LabelOperator::DoesNotExist).selects(None));
        assert!(!expression("a", LabelOperator::Exists).selects(None));
    }
}
