//! What a user may wish for by annotation or profile, one story for each that runs here: nodes have
//! huge pages, but no virtual functions (`functions` is about those).

use std::fs;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vmberth_e2e::manifest::{self, Boot, with_cloud_init, with_function};
use vmberth_e2e::networks::NETWORK;
use vmberth_e2e::node::Process;
use vmberth_e2e::pod::process;
use vmberth_e2e::seen::{items, text};
use vmberth_e2e::{Scene, Story, kind};

const QEMU: &str = "qemu-system-x86_64";

/// A public key that belongs to nobody.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpKq0Xq4v1hUeX4yqVYb1u9cIh0n0Jm3b7H0dY9T3m5 e2e@vmberth";

/// Huge pages behind an odd amount of memory, and the keys of a Secret: the guest boots on the
/// node's huge pages, and its cloud-init data has the key.
#[test]
fn annotations_reach_the_guest() -> Result<()> {
    Story::new("annotations").with_vmberth().run(async |scene| {
        secret_with_key(scene).await?;
        let mut vm = manifest::vm("wishing", Boot::Image);
        vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!("129M");
        vm["spec"]["template"]["metadata"] = json!({"annotations": {
            "vmberth.io/hugepages": "2Mi",
            "vmberth.io/ssh-keys": "keys",
        }});
        let vm = with_cloud_init(vm, &json!({"userData": "#cloud-config\n"}));
        let said = scene.kubectl(&["create"], &vm).await?;
        let warned = said.assert_warned(&["domain.memory.guest", "129M", "124Mi", "2Mi"])?;
        scene.say(&format!("kubectl: Warning: {warned}"));

        let qemu = running(scene, "wishing", "124Mi").await?;
        let iso = format!(
            "/var/run/kubevirt-ephemeral-disks/cloud-init-data/{}/wishing/noCloud.iso",
            scene.namespace
        );
        let iso = fs::read(qemu.file(&iso)).context("the guest's cloud-init disk")?;
        let found = iso.windows(KEY.len()).any(|some| some == KEY.as_bytes());
        ensure!(found, "the guest's cloud-init disk has no key");
        scene.say("the guest's cloud-init disk has the key");
        let launcher = scene.launcher_of("wishing").await?;
        scene.guest_says(&launcher, "up, kernel").await.map(drop)
    })
}

/// The same by naming a profile of the policy.
#[test]
fn a_profile_reaches_the_guest() -> Result<()> {
    Story::new("profile").with_vmberth().run(async |scene| {
        secret_with_key(scene).await?;
        let mut vm = manifest::vm("profiled", Boot::Nothing);
        vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = json!("32Mi");
        vm["metadata"]["annotations"] = json!({"vmberth.io/profile": "edge"});
        let vm = with_cloud_init(vm, &json!({"userData": "#cloud-config\n"}));
        let stored = scene
            .cluster
            .create(kind::VM, &scene.namespace, &vm)
            .await?;
        let record = text(&stored["metadata"]["annotations"]["vmberth.io/injected"]);
        ensure!(record.matches("profile edge").count() == 2, "{record}");
        let credentials = &stored["spec"]["template"]["spec"]["accessCredentials"];
        let source = &credentials[0]["sshPublicKey"]["source"]["secret"]["secretName"];
        ensure!(*source == "keys", "{credentials}");
        running(scene, "profiled", "32Mi").await.map(drop)
    })
}

async fn secret_with_key(scene: &Scene) -> Result<()> {
    let secret = json!({"metadata": {"name": "keys"}, "data": {"somebody": STANDARD.encode(KEY)}});
    let made = scene
        .cluster
        .create(kind::SECRET, &scene.namespace, &secret);
    made.await.map(drop)
}

/// Waits until it runs; its pod has asked for this much huge memory, and QEMU has got it.
async fn running(scene: &Scene, vm: &str, wanted: &str) -> Result<Process> {
    let instance = scene.wait_running(vm).await?;
    let node = text(&instance["status"]["nodeName"]);
    let launcher = scene.launcher_on(vm, node).await?;
    let containers = items(&launcher["spec"]["containers"]);
    let compute = containers.iter().find(|one| one["name"] == "compute");
    let resources = &compute.context("no container compute")?["resources"];
    for list in ["requests", "limits"] {
        ensure!(
            resources[list]["hugepages-2Mi"] == wanted,
            "{list} of {vm}'s pod: {resources}"
        );
    }
    let qemu = process(&launcher, QEMU)?;
    let huge = qemu.huge_pages()?;
    ensure!(huge > 0, "{vm} has no huge pages");
    scene.say(&format!(
        "{vm}: {} KiB of huge pages on {node}",
        huge / 1024
    ));
    Ok(qemu)
}

/// Static addresses on virtual functions: network data that finds each by its MAC, on the new one and
/// on the one that the user wrote; asked as a dry run, since no function can be plugged in here.
#[test]
fn addresses_become_network_data() -> Result<()> {
    Story::new("addresses").with_vmberth().run(async |scene| {
        scene
            .network(NETWORK, Some("intel.com/intel_sriov_vm"))
            .await?;
        let vm = manifest::vm("addressed", Boot::Nothing);
        let vm = with_function(vm, "mine", NETWORK);
        let mut vm = with_cloud_init(vm, &json!({"userData": "#cloud-config\n"}));
        vm["metadata"]["annotations"] = json!({
            "vmberth.io/vfs": "2",
            "vmberth.io/addresses": "mine=192.168.20.5/24,vf0=fd00::5/64",
        });
        let dry = vmberth_e2e::cluster::Stored::DryRun;
        let admitted = scene
            .cluster
            .post(kind::VM, &scene.namespace, &vm, dry)
            .await?;
        let spec = &admitted["spec"]["template"]["spec"];
        let volumes = items(&spec["volumes"]);
        let data = volumes
            .iter()
            .find_map(|one| one["cloudInitNoCloud"]["networkData"].as_str());
        let data = vmberth_e2e::vmberth::yaml(data.context("no networkData")?)?;
        for (name, address) in [("mine", "192.168.20.5/24"), ("vf0", "fd00::5/64")] {
            assert_addressed(spec, &data, name, address)?;
        }
        let pod = &data["ethernets"]["default"];
        ensure!(pod["dhcp4"] == true, "the pod's own interface: {data}");
        scene.say(&data.to_string());
        Ok(())
    })
}

fn assert_addressed(spec: &Value, data: &Value, name: &str, address: &str) -> Result<()> {
    let interfaces = items(&spec["domain"]["devices"]["interfaces"]);
    let interface = interfaces.iter().find(|one| one["name"] == name);
    let interface = interface.with_context(|| format!("no interface {name}: {interfaces:?}"))?;
    let entry = &data["ethernets"][name];
    let mac = &interface["macAddress"];
    ensure!(
        !mac.is_null() && entry["match"]["macaddress"] == *mac,
        "{interface} and {entry}"
    );
    ensure!(entry["addresses"] == json!([address]), "{entry}");
    Ok(())
}
