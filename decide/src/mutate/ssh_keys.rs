//! Public keys of ssh out of a Secret, brought into the guest by KubeVirt's accessCredentials.
//!
//! KubeVirt writes them into the metadata of the first volume that tells cloud-init, and only those whose method is of
//! that volume's kind (1.8.4, pkg/cloud-init, `ReadCloudInitVolumeDataSource`). So they work whatever the user data is,
//! a script or a Secret included, and cloud-init gives them to its default user beside the keys written there.

use serde_json::json;

use crate::denial::Denial;
use crate::edit::{Dotted, Edit, Token, Why};
use crate::view::{AccessCredential, CloudInit};
use crate::warning::Warning;

use super::guest::Guest;
use super::machines::{Asked, Change};
use super::{Mutation, cloud_init};

/// Appends a credential with the Secret that is wanted.
///
/// A wish of the VM itself that cannot be followed is a denial. A profile can be laid on a VM by its labels alone, and
/// must not keep one without cloud-init from starting: there it is a warning.
pub(super) fn inject(change: Change<'_>, out: &mut Mutation) -> Result<(), Denial> {
    let Some((secret, why)) = &change.now.wishes.ssh_keys else {
        return Ok(());
    };
    let guest = &change.now.guest;
    let credentials = guest.spec.access_credentials.as_deref();
    let named = |asked: &Asked<'_>| {
        let credentials = asked.guest.spec.access_credentials.iter().flatten();
        let mut secrets = credentials.filter_map(AccessCredential::ssh_secret);
        secrets.any(|known| known == secret)
    };
    if named(change.now) || !change.follows(wished, named) {
        return Ok(());
    }
    let Some((at, kind, cloud_init)) = carrier(guest) else {
        let path = Dotted(&guest.path(&["spec", "volumes"])).to_string();
        return no_carrier(path, secret, why, out);
    };
    let method = match kind {
        "cloudInitConfigDrive" => "configDrive",
        _ => "noCloud",
    };
    if !cloud_init::has_default_user(cloud_init) {
        let mut path = guest.path(&["spec", "volumes"]);
        path.extend([Token::Owned(at.to_string()), Token::Borrowed(kind)]);
        out.warnings.push(Warning::KeysForNobody {
            path: Dotted(&path).to_string(),
            secret: secret.clone(),
        });
    }
    out.edits.push(Edit::append(
        guest.path(&["spec", "accessCredentials"]),
        credentials.is_some(),
        json!({"sshPublicKey": {
            "source": {"secret": {"secretName": secret}},
            "propagationMethod": {method: {}},
        }}),
        secret.clone(),
        why.clone(),
    ));
    Ok(())
}

fn wished<'v>(asked: &'v Asked<'v>) -> Option<&'v (String, Why)> {
    asked.wishes.ssh_keys.as_ref()
}

/// The first volume that tells cloud-init, its index and its kind.
fn carrier<'a>(guest: &'a Guest<'_>) -> Option<(usize, &'static str, &'a CloudInit<'a>)> {
    let mut volumes = guest.spec.volumes.iter().flatten().enumerate();
    volumes.find_map(|(at, volume)| {
        let (kind, cloud_init) = volume.cloud_init()?;
        Some((at, kind, cloud_init))
    })
}

fn no_carrier(path: String, secret: &str, why: &Why, out: &mut Mutation) -> Result<(), Denial> {
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
