//! VMs on simulated nodes: what tests of scale stand on.

use anyhow::{Result, ensure};
use vmberth_e2e::manifest::{self, Boot};
use vmberth_e2e::pod::{assert_tolerates, node_of};
use vmberth_e2e::seen::{name, text};
use vmberth_e2e::simulated::on_simulated_node;
use vmberth_e2e::{Story, kind};

const MACHINES: usize = 10;

/// Each of ten VMs reaches Running on a simulated node; nothing runs there, all else is real.
#[test]
fn machines_run_on_simulated_nodes() -> Result<()> {
    Story::new("simulated nodes")
        .with_vmberth()
        .run(async |scene| {
            let nodes = scene.simulated_nodes().await?;
            for number in 0..MACHINES {
                let vm = manifest::vm(&format!("simulated-{number}"), Boot::Image);
                let vm = on_simulated_node(vm);
                let stored = scene
                    .cluster
                    .create(kind::VM, &scene.namespace, &vm)
                    .await?;
                assert_tolerates(&stored, &stored["spec"]["template"]["spec"])?;
            }
            for instance in scene.wait_instances("", MACHINES).await? {
                let node = text(&instance["status"]["nodeName"]);
                ensure!(
                    nodes.contains(node),
                    "{} runs on {node}, which is real",
                    name(&instance)
                );
                let launcher = scene.launcher_of(name(&instance)).await?;
                ensure!(node_of(&launcher) == node, "{launcher}");
                assert_tolerates(&launcher, &launcher["spec"])?;
            }
            scene.say(&format!(
                "{MACHINES} VMs run on {} simulated nodes",
                nodes.len()
            ));
            Ok(())
        })
}
