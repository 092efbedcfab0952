//! Public keys of ssh that are written into cloud-init. A bad one is found only when nobody can log in.

use serde_json::Value;

use crate::denial::Denial;
use crate::mutate::Mutation;
use crate::warning::Warning;

use super::{Account, public_key};

/// The key, and how it may be written too, but only for users in a list: cloud-init's cc_ssh reads the top as it is.
const UNDERSCORES: &str = "ssh_authorized_keys";
const DASHES: &str = "ssh-authorized-keys";

/// Checks the keys of one account; `path` is that of the user data.
pub(super) fn check(path: &str, account: &Account<'_>, out: &mut Mutation) -> Result<(), Denial> {
    for field in [UNDERSCORES, DASHES] {
        let Some(value) = account.fields.get(field) else {
            continue;
        };
        let place = format!("{path}: {}", account.place(field));
        let unread = if !account.is_top() {
            None
        } else if field == DASHES {
            Some("at the top it is ssh_authorized_keys")
        } else {
            // It would be taken apart into its letters.
            value.is_string().then_some("at the top it must be a list")
        };
        out.warnings
            .extend(unread.map(|why| Warning::CloudInitUnreadable {
                path: place.clone(),
                why: why.to_owned(),
            }));
        for (at, text) in texts(value) {
            let path = format!("{place}{at}");
            let unknown = public_key::check(text).map_err(|no_key| Denial::Impossible {
                path: path.clone(),
                found: no_key.to_string(),
                expected: public_key::EXPECTED.to_owned(),
            })?;
            out.warnings
                .extend(unknown.into_iter().map(|kind| Warning::UnknownKeyType {
                    path: path.clone(),
                    kind,
                }));
        }
    }
    Ok(())
}

/// A text or a list of texts, each with its index. The values of a map count as a list, as cloud-init has it for users.
fn texts(value: &Value) -> Vec<(String, &str)> {
    let list: Vec<&Value> = match value {
        Value::String(text) => return vec![(String::new(), text)],
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    };
    let list = list.into_iter().enumerate();
    list.filter_map(|(at, text)| Some((format!("[{at}]"), text.as_str()?)))
        .collect()
}
