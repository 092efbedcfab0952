//! Making and binding of virtual functions on a tree that behaves like sysfs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

use std::fs;
use std::path::Path;

use rstest::rstest;
use standin_sysfs::{Card, Fault, Kernel, plant};
use tempfile::TempDir;
use vmberth_decide::node::binder::Step;
use vmberth_exporter::sysfs::{SysfsError, carry_out};

const PF: &str = "0000:3b:00.0";
const VF: &str = "0000:3b:02.0";

struct Stage {
    root: TempDir,
    kernel: Kernel,
}

impl Stage {
    fn new(card: Card) -> Self {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[card]).unwrap();
        let kernel = Kernel::start(root.path()).unwrap();
        Self { root, kernel }
    }

    /// With so many functions, which have the kernel's own driver.
    fn with_functions(count: u32) -> Self {
        let stage = Self::new(Card::default());
        stage.set(0, count).unwrap();
        assert_eq!(stage.driver(VF).as_deref(), Some("iavf"));
        stage
    }

    fn set(&self, from: u32, to: u32) -> Result<(), SysfsError> {
        let address = PF.to_owned();
        let step = Step::SetNumVfs { address, from, to };
        carry_out(self.root.path(), &step, false)
    }

    /// For VMs.
    fn set_unprobed(&self, from: u32, to: u32) -> Result<(), SysfsError> {
        let address = PF.to_owned();
        let step = Step::SetNumVfs { address, from, to };
        carry_out(self.root.path(), &step, true)
    }

    fn says(&self, file: &str) -> String {
        let text = fs::read_to_string(self.device(PF).join(file)).unwrap();
        text.trim().to_owned()
    }

    fn bind(&self, from: Option<&str>) -> Result<(), SysfsError> {
        let step = Step::BindVfio {
            address: VF.to_owned(),
            from: from.map(str::to_owned),
        };
        carry_out(self.root.path(), &step, false)
    }

    fn device(&self, address: &str) -> std::path::PathBuf {
        self.root.path().join("sys/bus/pci/devices").join(address)
    }

    fn driver(&self, address: &str) -> Option<String> {
        let target = fs::read_link(self.device(address).join("driver")).ok()?;
        Some(target.file_name().unwrap().to_string_lossy().into_owned())
    }

    /// What the kernel would take for an override.
    fn overridden(&self) -> bool {
        let text = fs::read_to_string(self.device(VF).join("driver_override")).unwrap();
        !matches!(text.trim(), "" | "(null)")
    }

    /// The kernel was asked for a driver; it answers in its own time.
    fn becomes(&self, driver: Option<&str>) -> bool {
        let wait = std::time::Duration::from_millis(10);
        (0..2000).any(|_| {
            std::thread::sleep(wait);
            self.driver(VF).as_deref() == driver
        })
    }
}

#[test]
fn functions_are_made_with_their_groups_and_taken_away() {
    let stage = Stage::new(Card::default());
    stage.set(0, 8).unwrap();
    for index in 0..8 {
        let function = stage.device(PF).join(format!("virtfn{index}"));
        let address = fs::read_link(&function).unwrap();
        assert_eq!(address, Path::new(&format!("../0000:3b:02.{index}")));
        assert!(function.join("iommu_group/devices").is_dir());
    }
    stage.set(8, 0).unwrap();
    assert!(!stage.device(VF).exists());
}

#[test]
fn another_number_goes_by_way_of_none() {
    let stage = Stage::with_functions(4);
    stage.set(4, 8).unwrap();
    assert!(stage.device("0000:3b:02.7").exists());
    stage.set(8, 2).unwrap();
    assert!(!stage.device("0000:3b:02.2").exists());
}

#[test]
fn a_number_that_is_there_already_costs_no_function() {
    let stage = Stage::with_functions(4);
    let before = fs::metadata(stage.device(VF).canonicalize().unwrap()).unwrap();
    stage.set(0, 4).unwrap();
    let after = fs::metadata(stage.device(VF).canonicalize().unwrap()).unwrap();
    assert_eq!(before.created().unwrap(), after.created().unwrap());
}

#[test]
fn a_number_that_changed_since_the_plan_is_left_alone() {
    let stage = Stage::with_functions(4);
    let error = stage.set(0, 8).unwrap_err();
    assert!(matches!(error, SysfsError::Changed { .. }), "{error}");
    assert!(error.to_string().contains("4 functions"), "{error}");
    assert!(!stage.device("0000:3b:02.4").exists());
}

#[test]
fn a_card_that_makes_fewer_is_told_with_both_numbers() {
    let stage = Stage::new(Card::default());
    stage.kernel.refuse(Fault::NumVfs { most: 3 });
    let error = stage.set(0, 8).unwrap_err();
    assert!(
        matches!(
            error,
            SysfsError::NumVfs {
                wanted: 8,
                found: 3,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(stage.says("sriov_numvfs"), "0");
    assert!(!stage.device(VF).exists(), "those that it made are gone");
    let more = stage.set(0, 9).unwrap_err();
    assert!(
        matches!(
            more,
            SysfsError::NumVfs {
                wanted: 9,
                found: 0,
                ..
            }
        ),
        "more than the card's total: {more}"
    );
}

#[test]
fn a_number_that_fails_leaves_the_one_that_was_there() {
    let stage = Stage::with_functions(2);
    stage.kernel.refuse(Fault::NumVfs { most: 3 });
    for unprobed in [false, true] {
        let address = PF.to_owned();
        let (from, to) = (2, 8);
        let step = Step::SetNumVfs { address, from, to };
        let error = carry_out(stage.root.path(), &step, unprobed).unwrap_err();
        assert!(
            matches!(error, SysfsError::NumVfs { found: 3, .. }),
            "{error}"
        );
        assert_eq!(stage.says("sriov_numvfs"), "2");
        assert!(stage.device("0000:3b:02.1").exists());
        assert!(!stage.device("0000:3b:02.2").exists());
        assert_eq!(stage.says("sriov_drivers_autoprobe"), "1");
    }
}

#[test]
fn functions_for_vms_never_have_an_interface() {
    let stage = Stage::new(Card::default());
    stage.set_unprobed(0, 4).unwrap();
    assert_eq!(stage.driver(VF), None);
    assert!(!stage.device(VF).join("net").exists());
    assert_eq!(stage.says("sriov_drivers_autoprobe"), "1");
    stage.bind(None).unwrap();
    assert_eq!(stage.driver(VF).as_deref(), Some("vfio-pci"));

    let other = Stage::new(Card::default());
    other.set(0, 4).unwrap();
    assert_eq!(other.driver(VF).as_deref(), Some("iavf"), "for the host");
}

#[rstest]
#[case::off(Some("0"))]
#[case::older_kernel(None)]
fn what_says_whether_functions_are_probed_stays(#[case] before: Option<&str>) {
    let stage = Stage::new(Card::default());
    let file = stage.device(PF).join("sriov_drivers_autoprobe");
    match before {
        Some(text) => fs::write(&file, text).unwrap(),
        None => fs::remove_file(&file).unwrap(),
    }
    stage.set_unprobed(0, 2).unwrap();
    assert_eq!(fs::read_to_string(&file).ok().as_deref(), before);
}

#[test]
fn a_function_is_bound_and_loses_its_interface_and_its_override() {
    let stage = Stage::with_functions(2);
    assert!(stage.device(VF).join("net/ens1f0v0").exists());
    stage.bind(Some("iavf")).unwrap();
    assert_eq!(stage.driver(VF).as_deref(), Some("vfio-pci"));
    assert!(!stage.device(VF).join("net").exists());
    assert!(!stage.overridden());
    assert_eq!(
        stage.driver("0000:3b:02.1").as_deref(),
        Some("iavf"),
        "no other"
    );
    stage.bind(Some("vfio-pci")).unwrap();
    stage.bind(None).unwrap();
}

#[test]
fn a_function_without_a_driver_is_bound_too() {
    let stage = Stage::new(Card::default());
    fs::write(stage.device(PF).join("sriov_drivers_autoprobe"), "0\n").unwrap();
    stage.set(0, 1).unwrap();
    assert_eq!(stage.driver(VF), None);
    stage.bind(None).unwrap();
    assert_eq!(stage.driver(VF).as_deref(), Some("vfio-pci"));
}

/// As a kill leaves it between unbinding and binding, and between binding and clearing.
#[test]
fn a_kill_in_between_is_gone_on_from() {
    let stage = Stage::with_functions(1);
    let unbind = stage.root.path().join("sys/bus/pci/drivers/iavf/unbind");
    fs::write(unbind, VF).unwrap();
    assert!(stage.becomes(None));
    fs::write(stage.device(VF).join("driver_override"), "vfio-pci").unwrap();
    stage.bind(None).unwrap();
    assert_eq!(stage.driver(VF).as_deref(), Some("vfio-pci"));
    assert!(!stage.overridden());

    fs::write(stage.device(VF).join("driver_override"), "vfio-pci").unwrap();
    stage.bind(Some("iavf")).unwrap();
    assert!(!stage.overridden());
}

#[test]
fn what_vfio_does_not_take_gets_its_driver_back() {
    let stage = Stage::with_functions(1);
    stage.kernel.refuse(Fault::Bind {
        driver: "vfio-pci".to_owned(),
    });
    let error = stage.bind(Some("iavf")).unwrap_err();
    assert!(matches!(error, SysfsError::NotBound { .. }), "{error}");
    assert!(!stage.overridden());
    assert!(stage.becomes(Some("iavf")));

    stage.kernel.obey();
    stage.bind(Some("iavf")).unwrap();
}

#[test]
fn a_driver_that_does_not_let_go_keeps_its_function() {
    let stage = Stage::with_functions(1);
    stage.kernel.refuse(Fault::Unbind {
        driver: "iavf".to_owned(),
    });
    let error = stage.bind(Some("iavf")).unwrap_err();
    assert!(matches!(error, SysfsError::StillBound { .. }), "{error}");
    assert_eq!(stage.driver(VF).as_deref(), Some("iavf"));
    assert!(!stage.overridden());
}

#[test]
fn a_driver_that_changed_since_the_plan_is_left_alone() {
    let stage = Stage::with_functions(1);
    for seen in [None, Some("i40evf")] {
        let error = stage.bind(seen).unwrap_err();
        assert!(matches!(error, SysfsError::Changed { .. }), "{error}");
        assert_eq!(stage.driver(VF).as_deref(), Some("iavf"));
    }
}

#[test]
fn without_an_iommu_nothing_is_touched() {
    let stage = Stage::new(Card {
        group: None,
        ..Card::default()
    });
    stage.set(0, 1).unwrap();
    let error = stage.bind(Some("iavf")).unwrap_err();
    assert!(error.to_string().contains("IOMMU off"), "{error}");
    assert_eq!(stage.driver(VF).as_deref(), Some("iavf"));
}

#[test]
fn without_the_module_nothing_is_touched() {
    let stage = Stage::with_functions(1);
    let driver = stage.root.path().join("sys/bus/pci/drivers/vfio-pci");
    fs::remove_dir_all(driver).unwrap();
    let error = stage.bind(Some("iavf")).unwrap_err();
    assert!(error.to_string().contains("modprobe vfio-pci"), "{error}");
    assert_eq!(stage.driver(VF).as_deref(), Some("iavf"));
}

#[test]
fn only_addresses_and_devices_that_are_there_are_written_to() {
    let stage = Stage::new(Card::default());
    for address in ["../../../../etc", "0000:3b:00", ""] {
        let address = address.to_owned();
        let step = Step::BindVfio {
            address,
            from: None,
        };
        let error = carry_out(stage.root.path(), &step, false).unwrap_err();
        assert!(matches!(error, SysfsError::Address(_)), "{error}");
    }
    let error = stage.bind(None).unwrap_err();
    assert!(error.to_string().contains("0000:3b:02.0"), "{error}");
}
