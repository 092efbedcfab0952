//! Public keys of ssh out of a Secret, brought into the guest by KubeVirt's accessCredentials.
//!
//! KubeVirt writes them into the metadata of the first volume that tells cloud-init, and only those whose method is of
//! that volume's kind (1.8.4, pkg/cloud-init, `ReadCloudInitVolumeDataSource`). So they work whatever the user data is,
//! a script or a Secret included, and cloud-init gives them to its default user beside the keys written there.

use serde_json::json;

use crate::denial::Denial;
use crate::edit::{Dotted, Edit, Token, Why};
use crate::warning::Warning;

use super::guest::Guest;
use super::machines::{Asked, Change};
use super::{Mutation, cloud_init, restore};

/// Appends a credential with the Secret that is wanted.
///
/// A wish of the VM itself that cannot be followed is a denial. A profile can be laid on a VM by its labels alone, and
/// must not keep one without cloud-init from starting: there it is a warning.
pub(super) fn inject(change: Change<'_>, out: &mut Mutation) -> Result<(), Denial> {
    let Asked { guest, wishes } = change.now;
    let credentials = guest.spec.access_credentials.as_deref();
    let named = |secret: &str| {
        let mut known = credentials.into_iter().flatten();
        known.any(|known| known.ssh_secret() == Some(secret))
    };
    let mut missing: Vec<(&str, Why)> = Vec::new();
    if let Some((secret, why)) = &wishes.ssh_keys
        && !named(secret)
        && change.touches(wished)
    {
        missing.push((secret, why.clone()));
    }
    if let Some(before) = change.before {
        let dropped = restore::secrets(&before.guest, guest).into_iter();
        let dropped: Vec<_> = dropped
            .filter(|secret| missing.iter().all(|(other, _)| other != secret))
            .collect();
        missing.extend(dropped.into_iter().map(|secret| (secret, Why::Restored)));
    }
    for (at, (secret, why)) in missing.iter().enumerate() {
        append(guest, credentials.is_some() || at > 0, secret, why, out)?;
    }
    Ok(())
}

fn append(
    guest: &Guest<'_>,
    exists: bool,
    secret: &str,
    why: &Why,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let Some((at, kind, cloud_init)) = guest.cloud_init() else {
        let path = Dotted(&guest.path(&["spec", "volumes"])).to_string();
        return no_carrier(path, secret, why, out);
    };
    let method = match kind {
        "cloudInitConfigDrive" => "configDrive",
        _ => "noCloud",
    };
    if *why != Why::Restored && !cloud_init::has_default_user(cloud_init) {
        let mut path = guest.path(&["spec", "volumes"]);
        path.extend([Token::Owned(at.to_string()), Token::Borrowed(kind)]);
        out.warnings.push(Warning::KeysForNobody {
            path: Dotted(&path).to_string(),
            secret: secret.to_owned(),
        });
    }
    out.edits.push(Edit::append(
        guest.path(&["spec", "accessCredentials"]),
        exists,
        json!({"sshPublicKey": {
            "source": {"secret": {"secretName": secret}},
            "propagationMethod": {method: {}},
        }}),
        secret.to_owned(),
        why.clone(),
    ));
    Ok(())
}

/// The wish, and whether it can be followed at all: a VM gets its keys with its first cloud-init volume.
fn wished<'v>(asked: &'v Asked<'v>) -> impl PartialEq + use<'v> {
    let Asked { guest, wishes } = asked;
    (
        &wishes.named,
        &wishes.ssh_keys,
        guest.cloud_init().is_some(),
    )
}

fn no_carrier(path: String, secret: &str, why: &Why, out: &mut Mutation) -> Result<(), Denial> {
    if *why == Why::Restored {
        return Ok(());
    }
    if let Why::Profile(_) = why {
        out.warnings.push(Warning::KeysLeftOut {
            path,
            secret: secret.to_owned(),
            why: why.to_string(),
        });
        return Ok(());
    }
    Err(Denial::Impossible {
        path,
        found: format!("no cloud-init volume for the ssh keys of Secret {secret:?} ({why})"),
        expected: "one with cloudInitNoCloud or cloudInitConfigDrive, or accessCredentials with \
            qemuGuestAgent that name the Secret"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests;
