use vmberth_decide::node::binder::Step;
use vmberth_exporter::sysfs::carry_out;

use super::*;

/// A card as the plane makes it, as far as functions need it.
fn card() -> (tempfile::TempDir, Functions) {
    let temp = tempfile::tempdir().unwrap();
    let sys = temp.path().canonicalize().unwrap().join("sys");
    for folder in ["i40e", "iavf", "vfio-pci"] {
        fs::create_dir_all(sys.join("bus/pci/drivers").join(folder)).unwrap();
    }
    fs::create_dir_all(sys.join("bus/pci/devices").join(CARD)).unwrap();
    fs::create_dir_all(sys.join("kernel/iommu_groups")).unwrap();
    (temp, Functions { sys })
}

#[test]
fn functions_are_linked_as_in_sysfs() {
    let (_temp, functions) = card();
    functions.create(4).unwrap();
    functions.bind_vfio([1, 2]).unwrap();
    functions.bind(1, "iavf").unwrap();
    let device = functions.device(&address(1));
    let end = |path: PathBuf| path.canonicalize().unwrap();
    assert_eq!(end(device.join("physfn")), functions.device(CARD));
    assert_eq!(end(functions.device(CARD).join("virtfn1")), device);
    assert_eq!(end(device.join("driver")), functions.driver("iavf"));
    assert_eq!(end(functions.driver("iavf").join(address(1))), device);
    assert!(!functions.driver("vfio-pci").join(address(1)).exists());
    assert_eq!(end(device.join("iommu_group")), functions.group(1));
    assert_eq!(
        end(functions.group(1).join("devices").join(address(1))),
        device
    );
    functions.create(1).unwrap();
    assert!(!device.exists() && !functions.group(1).exists());
    assert_eq!(functions.count().unwrap(), "1");
}

/// The exporter's binder does its work on this card; a story takes it away when the node is to boot anew.
#[test]
fn a_kernel_makes_functions_and_a_reboot_leaves_none() {
    let (temp, functions) = card();
    let pf = functions.device(CARD);
    for (file, text) in [
        ("class", "0x020000"),
        ("sriov_totalvfs", "8"),
        ("sriov_numvfs", "0"),
        ("sriov_drivers_autoprobe", "1"),
    ] {
        write(&pf.join(file), text).unwrap();
    }
    let own = functions.sys.join("kernel/iommu_groups/11");
    fs::create_dir_all(own.join("devices")).unwrap();
    link(
        "../../../../kernel/iommu_groups/11",
        &pf.join("iommu_group"),
    )
    .unwrap();
    let _kernel = awake(temp.path()).unwrap();
    let make = Step::SetNumVfs {
        address: CARD.to_owned(),
        from: 0,
        to: 4,
    };
    let bind = |index| Step::BindVfio {
        address: address(index),
        from: None,
    };
    for step in [make].into_iter().chain((0..4).map(bind)) {
        carry_out(temp.path(), &step, true).unwrap();
    }
    let all: Vec<_> = (0..4).map(address).collect();
    assert_eq!(functions.on_vfio().unwrap(), all);
    assert_eq!(functions.count().unwrap(), "4");
    let last = functions.device(&address(3));
    let id = fs::read_to_string(last.join("device")).unwrap();
    assert_eq!(id, "0x154c\n");

    functions.remove().unwrap();
    assert!(functions.on_vfio().unwrap().is_empty() && !last.exists());
    assert_eq!(functions.count().unwrap(), "0");
    let groups = fs::read_dir(functions.sys.join("kernel/iommu_groups")).unwrap();
    assert_eq!(groups.count(), 1, "the card's own");
}
