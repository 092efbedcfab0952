//! What a profile of the file must be.

use super::check::pages;
use super::file::{LabelOperatorWord, ProfileFile, RequirementFile, SelectorFile};
use super::refuse::{Checked, bad, each, ensure};
use crate::names;
use crate::profile::{LabelOperator, Profile, Requirement, Selector};
use crate::wish::{NotAWish, VfWish};

/// A profile; `no_pools` says that the file names no virtual functions.
pub(super) fn profile(file: ProfileFile, path: &str, no_pools: bool) -> Checked<Profile> {
    let at = |field: &str| format!("{path}.{field}");
    let fits = names::is_dns_label(&file.name);
    ensure(
        fits,
        &at("name"),
        &file.name,
        "a name of small letters, digits and dashes",
    )?;
    let vfs = match file.vfs {
        None => None,
        Some(text) => {
            let wishes = VfWish::parse_list(&text.0);
            let wishes =
                wishes.map_err(|NotAWish(expected)| bad(&at("vfs"), Some(&text.0), expected))?;
            let homeless = |wish: &VfWish| no_pools && wish.network.is_none() && wish.count > 0;
            let expected = "networks, like namespace/name=2, since vfPools is empty";
            ensure(!wishes.iter().any(homeless), &at("vfs"), &text.0, expected)?;
            Some(wishes)
        }
    };
    if let Some(secret) = &file.ssh_keys {
        let fits = names::is_credential_secret(secret);
        let expected = names::CREDENTIAL_SECRET_EXPECTED;
        // Who pastes a key instead of a name must not find it in a log.
        let found = format!("something else ({} bytes, not shown)", secret.len());
        ensure(fits, &at("sshKeys"), &found, expected)?;
    }
    let of_selector = |selector| selected(selector, &at("selector"));
    Ok(Profile {
        selector: file.selector.map(of_selector).transpose()?,
        hugepages: pages(&at("hugepages"), file.hugepages)?,
        vfs,
        ssh_keys: file.ssh_keys,
        name: file.name,
    })
}

fn selected(file: SelectorFile, path: &str) -> Checked<Selector> {
    let match_labels = file.match_labels.unwrap_or_default();
    for (key, value) in &match_labels {
        let path = format!("{path}.matchLabels");
        ensure(names::is_qualified_name(key), &path, key, "names of labels")?;
        ensure(
            names::is_label_value(value),
            &format!("{path}[{key}]"),
            value,
            LABEL_VALUE,
        )?;
    }
    let path = format!("{path}.matchExpressions");
    Ok(Selector {
        match_labels,
        match_expressions: each(&path, file.match_expressions, requirement)?,
    })
}

const LABEL_VALUE: &str = "a label's value of at most 63 characters";

fn requirement(file: RequirementFile, path: &str) -> Checked<Requirement> {
    let fits = names::is_qualified_name(&file.key);
    ensure(
        fits,
        &format!("{path}.key"),
        &file.key,
        "the name of a label",
    )?;
    let at = format!("{path}.values");
    let value = |value: String, path: &str| {
        ensure(names::is_label_value(&value), path, &value, LABEL_VALUE)?;
        Ok(value)
    };
    let values = each(&at, file.values, value)?;
    let operator = match (file.operator, values.first()) {
        (LabelOperatorWord::In | LabelOperatorWord::NotIn, None) => {
            return Err(bad(
                &at,
                None,
                "one value or more with operator In or NotIn",
            ));
        }
        (LabelOperatorWord::In, Some(_)) => LabelOperator::In(values),
        (LabelOperatorWord::NotIn, Some(_)) => LabelOperator::NotIn(values),
        (LabelOperatorWord::Exists | LabelOperatorWord::DoesNotExist, Some(first)) => {
            return Err(bad(
                &at,
                Some(first),
                "no values with operator Exists or DoesNotExist",
            ));
        }
        (LabelOperatorWord::Exists, None) => LabelOperator::Exists,
        (LabelOperatorWord::DoesNotExist, None) => LabelOperator::DoesNotExist,
    };
    Ok(Requirement {
        key: file.key,
        operator,
    })
}
