//! What the binder can't do is told by the agent, not only logged.

use vmberth_decide::node::facts::{Interface, PhysicalFunction};

use super::*;

/// A card without functions.
fn card() -> Facts {
    let interface = Interface {
        name: "ens1f0".to_owned(),
        ..Interface::default()
    };
    Facts {
        functions: vec![PhysicalFunction {
            address: "0000:3b:00.0".to_owned(),
            total_vfs: 8,
            interfaces: vec![interface],
            ..PhysicalFunction::default()
        }],
        ..Facts::default()
    }
}

fn is_in_sync(registry: &Registry) -> bool {
    let page = TextEncoder::new().encode_to_string(&registry.gather());
    let page = page.unwrap();
    let says = |status: &str| {
        let line = format!("condition{{type=\"DevicePluginInSync\",status=\"{status}\"}} 1\n");
        page.contains(&line)
    };
    assert_ne!(says("True"), says("False"), "{page}");
    says("True")
}

#[tokio::test]
async fn what_the_binder_cannot_do_is_in_the_condition() {
    let node = tempfile::tempdir().unwrap();
    let root = node.path().display().to_string();
    let path = node.path().join("exporter.yaml");
    let config = "{apiVersion: vmberth.io/v1alpha1, kind: ExporterConfig, binder: [{physicalFunction: ens1f0, numVFs: 2}]}";
    std::fs::write(&path, config).unwrap();
    let api = ApiServer::silent();
    let (mut agent, registry) = agent(&root, &api, ConfigFile::load(Some(path)).unwrap());
    let stage = Stage::new();
    let shutdown = Shutdown::default();
    // Once more directly before the step.
    (0..4).for_each(|_| stage.sees(card()));
    agent.looker = stage.looker;

    agent.round(|| true, &shutdown).await.unwrap();
    assert!(!is_in_sync(&registry), "sysfs is not mounted writable");

    // Nothing of the card is there.
    agent.sysfs_root = Some(node.path().to_owned());
    agent.round(|| true, &shutdown).await.unwrap();
    assert!(is_in_sync(&registry), "not tried yet");
    agent.round(|| true, &shutdown).await.unwrap();
    assert!(!is_in_sync(&registry));
}
