//! Passwords in plain text: everybody who may read the VM can read them, and so can etcd's backups.
//!
//! The keys are those of cloud-init's modules cc_set_passwords and cc_users_groups.

use serde_json::Value;

use super::Account;

/// How crypt(5) marks a hash. cloud-init's own list is shorter, but these are no plain text in any case.
const HASHES: [&str; 7] = ["$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$"];

/// Where they are, from the top of the configuration.
pub(super) fn plain(accounts: &[Account<'_>]) -> Vec<String> {
    let mut places = Vec::new();
    for account in accounts {
        if account.is_top() {
            places.extend(of_top(account));
        } else {
            places.extend(of_user(account));
        }
    }
    places
}

/// Of the default user, and of `chpasswd`.
fn of_top(top: &Account<'_>) -> Vec<String> {
    let mut places = Vec::new();
    let password = top.fields.get("password").and_then(scalar);
    if password.is_some_and(|password| is_plain(&password)) {
        places.push("password".to_owned());
    }
    let Some(chpasswd) = top.fields.get("chpasswd").and_then(Value::as_object) else {
        return places;
    };
    match chpasswd.get("list") {
        Some(Value::String(lines)) if lines.lines().any(is_plain_pair) => {
            places.push("chpasswd.list".to_owned());
        }
        Some(Value::Array(pairs)) => {
            let plain = pairs
                .iter()
                .enumerate()
                .filter(|(_, pair)| pair.as_str().is_some_and(is_plain_pair));
            places.extend(plain.map(|(at, _)| format!("chpasswd.list[{at}]")));
        }
        _ => {}
    }
    let users = chpasswd.get("users").and_then(Value::as_array);
    let plain = users.into_iter().flatten().enumerate().filter(|(_, user)| {
        let password = user.get("password").and_then(scalar);
        password.is_some_and(|password| match user.get("type").and_then(Value::as_str) {
            Some("text") => true,
            Some("RANDOM") => false,
            // `hash`, which is also the default.
            _ => !is_hash(&password),
        })
    });
    places.extend(plain.map(|(at, _)| format!("chpasswd.users[{at}].password")));
    places
}

/// Of one user. What stands where a hash belongs and is none would not even work.
fn of_user(user: &Account<'_>) -> Vec<String> {
    let fields = user.fields.iter().filter(|(field, value)| {
        let Some(value) = scalar(value) else {
            return false;
        };
        // cloud-init takes a dash for an underscore here.
        match field.replace('-', "_").as_str() {
            "plain_text_passwd" => true,
            "passwd" | "hashed_passwd" => !is_hash(&value),
            _ => false,
        }
    });
    fields.map(|(field, _)| user.place(field)).collect()
}

/// `user:password`.
fn is_plain_pair(pair: &str) -> bool {
    pair.split_once(':')
        .is_some_and(|(_, password)| is_plain(password))
}

/// Whether it is a password, where cloud-init would also take a hash or a word for "make one up".
fn is_plain(password: &str) -> bool {
    let hash = HASHES.iter().any(|hash| password.starts_with(hash));
    !password.is_empty() && !hash && !matches!(password, "R" | "RANDOM")
}

/// Whether it may stand where the system wants a hash: crypt(5) in all its forms, or a lock.
fn is_hash(text: &str) -> bool {
    let des = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
    text.starts_with(['$', '_', '!', '*']) || (text.len() == 13 && text.chars().all(des))
}

/// A value as cloud-init would turn it into text; `None` if it is empty.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    Some(text).filter(|text| !text.is_empty())
}
