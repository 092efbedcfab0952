//! What is written into cloud-init, looked over before a guest is started that nobody can log in to.
//!
//! Nothing is changed. Messages name the place and never repeat a key or a password. What is kept in a Secret is left
//! alone, since we have no right to read it.

mod keys;
mod passwords;
mod public_key;
mod user_data;

use serde_json::{Map, Value};

use crate::denial::Denial;
use crate::edit::{Dotted, Token};
use crate::policy::PlainPasswords;
use crate::view::CloudInit;
use crate::warning::Warning;

use super::machines::{Asked, Change};
use super::{Context, Mutation};

use user_data::UserData;

/// Warns of, or refuses, what the user has just written into the volumes.
pub(super) fn check(
    change: Change<'_>,
    context: Context<'_>,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let guest = &change.now.guest;
    let volumes = guest.spec.volumes.as_deref().unwrap_or_default();
    let mut left = user_data::MAX_BYTES;
    for (at, volume) in volumes.iter().enumerate() {
        let Some((kind, cloud_init)) = volume.cloud_init() else {
            continue;
        };
        let Some((field, text)) = user_data::inline(cloud_init) else {
            continue;
        };
        if !change.touches(|asked| holds(asked, (field, text))) {
            continue;
        }
        let Some(rest) = left.checked_sub(text.len()) else {
            continue;
        };
        left = rest;
        let mut path = guest.path(&["spec", "volumes"]);
        path.extend([
            Token::Owned(at.to_string()),
            Token::Borrowed(kind),
            Token::Borrowed(field),
        ]);
        let path = Dotted(&path).to_string();
        match user_data::read(field, text) {
            UserData::Other => {}
            UserData::Unreadable(why) => {
                out.warnings
                    .push(Warning::CloudInitUnreadable { path, why });
            }
            UserData::Config(config) => {
                check_config(&path, &config, context.policy.plain_passwords, out)?;
            }
        }
    }
    Ok(())
}

/// Whether any volume holds this user data: then the user has not touched it, wherever it stands now.
fn holds(asked: &Asked<'_>, data: (&'static str, &str)) -> bool {
    let volumes = asked.guest.spec.volumes.iter().flatten();
    let mut all = volumes.filter_map(|volume| volume.cloud_init());
    all.any(|(_, cloud_init)| user_data::inline(cloud_init) == Some(data))
}

fn check_config(
    path: &str,
    config: &Map<String, Value>,
    plain_passwords: PlainPasswords,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let accounts = accounts(config);
    for account in &accounts {
        keys::check(path, account, out)?;
    }
    if plain_passwords == PlainPasswords::Ignore {
        return Ok(());
    }
    for place in passwords::plain(&accounts) {
        let path = format!("{path}: {place}");
        if plain_passwords == PlainPasswords::Deny {
            return Err(Denial::Impossible {
                path,
                found: "a password in plain text, which the policy denies".to_owned(),
                expected: "a hash (mkpasswd -m sha-512), ssh keys, or user data in a Secret"
                    .to_owned(),
            });
        }
        out.warnings.push(Warning::PlainPassword { path });
    }
    Ok(())
}

/// A user of the guest; the top of the configuration speaks of the default one.
#[derive(Debug)]
struct Account<'c> {
    place: String,
    fields: &'c Map<String, Value>,
}

impl Account<'_> {
    fn is_top(&self) -> bool {
        self.place.is_empty()
    }

    fn place(&self, field: &str) -> String {
        if self.is_top() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.place)
        }
    }
}

/// The top, `user`, and `users`, which may be a list or a map (cloud-init, distros/ug_util.py).
fn accounts(config: &Map<String, Value>) -> Vec<Account<'_>> {
    let mut accounts = vec![Account {
        place: String::new(),
        fields: config,
    }];
    let user = config.get("user");
    accounts.extend(user.and_then(|user| account("user".to_owned(), user)));
    match config.get("users") {
        Some(Value::Array(users)) => {
            let users = users.iter().enumerate();
            accounts.extend(users.filter_map(|(at, user)| account(format!("users[{at}]"), user)));
        }
        Some(Value::Object(users)) => accounts.extend(users.iter().filter_map(|(name, user)| {
            account(format!("users.{}", public_key::shown(name)), user)
        })),
        _ => {}
    }
    accounts
}

fn account(place: String, value: &Value) -> Option<Account<'_>> {
    let fields = value.as_object()?;
    Some(Account { place, fields })
}

/// Whether somebody can log in with keys that come with the volume's metadata, as KubeVirt brings them: cloud-init gives
/// those to its default user, and a list of users that does not name `default` has none (cc_ssh, distros/ug_util.py).
/// Unknown counts as yes.
pub(super) fn has_default_user(cloud_init: &CloudInit<'_>) -> bool {
    let data = user_data::inline(cloud_init).map(|(field, text)| user_data::read(field, text));
    let Some(UserData::Config(config)) = data else {
        return true;
    };
    let named = |names: &str| names.split(',').any(|name| name.trim() == "default");
    let old_style = config.get("user").is_some_and(|user| !user.is_null());
    old_style
        || match config.get("users") {
            Some(Value::Array(users)) => users.iter().any(|user| {
                let fields = user.as_object();
                let name = fields.map(|fields| fields.get("name"));
                user.as_str().is_some_and(named)
                    || name.is_some_and(|name| name.is_none_or(|name| name == "default"))
            }),
            Some(Value::Object(users)) => users.contains_key("default"),
            Some(Value::String(names)) => named(names),
            _ => true,
        }
}

#[cfg(test)]
mod tests;
