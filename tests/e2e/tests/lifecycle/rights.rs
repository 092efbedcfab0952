//! What vmberth may do is what it does, by the API server's audit log.

use std::time::Duration;

use anyhow::{Result, ensure};
use vmberth_e2e::rights::{Right, granted};
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::webhook::Webhook;
use vmberth_e2e::{Story, audit, certs, kind, policy, seen, vmberth};

/// Granted, but not used in a life as short as a test's; each with the reason why it is granted.
const NOT_USED_HERE: [(&str, &str); 0] = [];

/// Install, rotate, replace the pod that holds the lease, refuse a policy: every request was granted, and everything
/// that is granted was needed for it.
#[test]
fn rights_are_enough_and_not_more() -> Result<()> {
    Story::new("rights").alone().run(async |scene| {
        let granted = granted(&vmberth::rendered(&[]).await?);
        ensure!(!granted.is_empty(), "the chart grants nothing");
        vmberth::uninstall().await?;
        let start = audit::bookmark()?;
        vmberth::install(&scene.cluster).await?;
        certs::rotate(&scene.cluster, "rights").await?;
        for pod in scene
            .cluster
            .list(kind::POD, vmberth::NAME, certs::PODS)
            .await?
        {
            scene
                .cluster
                .delete(kind::POD, vmberth::NAME, seen::name(&pod))
                .await?;
        }
        certs::rotate(&scene.cluster, "rights again").await?;
        let webhook = Webhook::wait(&scene.cluster).await?;
        policy::write(&scene.cluster, "no policy").await?;
        policy::wait_refused(&scene.cluster, &webhook).await?;

        let needless = |right: &Right| {
            let words = right.to_string();
            NOT_USED_HERE.iter().all(|(known, _)| *known != words)
        };
        // The last requests of the new holder of the lease may still be under way.
        wait::until(
            "every granted right to be used",
            Duration::from_secs(45),
            async || {
                let uses = audit::since(start)?;
                ensure!(uses.refused.is_empty(), "refused:\n{}", list(&uses.refused));
                let unused = granted
                    .iter()
                    .filter(|right| !uses.used.iter().any(|used| right.covers(used)));
                let unused: Vec<_> = unused.filter(|right| needless(right)).collect();
                Ok(Look::of(unused.is_empty().then_some(()), || list(unused)))
            },
        )
        .await?;
        let uses = audit::since(start)?;
        let beyond: Vec<_> = uses
            .used
            .iter()
            .filter(|used| !granted.iter().any(|right| right.covers(used)))
            .collect();
        ensure!(
            beyond.is_empty(),
            "not granted by the chart, but done:\n{}",
            list(beyond)
        );
        // helm would not overwrite what somebody else wrote.
        vmberth::uninstall().await?;
        scene.say(&format!(
            "{} rights, all used:\n{}",
            granted.len(),
            list(&granted)
        ));
        Ok(())
    })
}

fn list<'a>(rights: impl IntoIterator<Item = &'a Right>) -> String {
    rights
        .into_iter()
        .map(|right| format!("    {right}"))
        .collect::<Vec<_>>()
        .join("\n")
}
