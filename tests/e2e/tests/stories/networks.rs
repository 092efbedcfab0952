//! Networks of virtual functions that will not work, told when the VM is made.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use vmberth_e2e::Story;
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::wait::{self, Look};

/// What a person is told at the terminal about networks that will give the VM no function.
#[test]
fn networks_that_give_nothing_are_warned_of() -> Result<()> {
    Story::new("network warnings")
        .with_vmberth()
        .run(async |scene| {
            scene.network("plain", None).await?;
            let vm = manifest::vm("warned", Boot::Nothing);
            let vm = with_function(vm, "one", "plain");
            let mut vm = with_function(vm, "two", "nowhere");
            vm["metadata"]["annotations"] = json!({"vmberth.io/vfs": "1"});
            let dry_run = ["create", "--dry-run=server"];
            // The webhook's watch is told of the new network a moment after us.
            let limit = Duration::from_secs(20);
            let said = wait::until("the network to be known", limit, async || {
                let said = scene.kubectl(&dry_run, &vm).await?;
                let known = said
                    .assert_warned(&["/plain", "lacks the annotation"])
                    .is_ok();
                let words = format!("{:?}", said.warnings);
                Ok(Look::of(known.then_some(said), || words))
            })
            .await?;
            let missing = "there is no NetworkAttachmentDefinition";
            said.assert_warned(&["networks[2].multus.networkName", "/nowhere", missing])?;
            // The one that the annotation adds is warned of, too.
            said.assert_warned(&[&format!("/{NETWORK}"), missing])?;
            // Each once, though the API server asks a second time about what was added.
            ensure!(said.warnings.len() == 3, "{:?}", said.warnings);
            for warning in &said.warnings {
                scene.say(&format!("kubectl: Warning: {warning}"));
            }
            Ok(())
        })
}
