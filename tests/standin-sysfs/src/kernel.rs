//! The thread that watches the tree.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

use crate::machine::{Fault, Machine, Written};
use crate::tree::{Tree, names};

/// Touched to end the thread; sysfs has no such file.
const STOP: &str = "standin-stop";

/// A running stand-in; dropped, the tree is a tree of files again.
#[derive(Debug)]
pub struct Kernel {
    machine: Arc<Mutex<Machine>>,
    stopping: Arc<AtomicBool>,
    stop_file: PathBuf,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Kernel {
    /// Behaves as the kernel on the tree below `root`, until dropped. Drivers and PFs that come later are not seen.
    ///
    /// # Errors
    /// If there is no such tree, or it can't be watched.
    pub fn start(root: &Path) -> io::Result<Self> {
        let tree = Tree::at(root)?;
        let stop_file = tree.sys().join(STOP);
        fs::write(&stop_file, "")?;
        let (inotify, watched) = watch(&tree, &stop_file)?;
        let machine = Arc::new(Mutex::new(Machine {
            tree,
            faults: std::collections::BTreeSet::new(),
        }));
        let stopping = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&machine), Arc::clone(&stopping));
        let thread = std::thread::Builder::new()
            .name("kernel".to_owned())
            .spawn(move || follow(inotify, &watched, &seen, &stop))?;
        Ok(Self {
            machine,
            stopping,
            stop_file,
            thread: Some(thread),
        })
    }

    /// From now on the kernel refuses this.
    pub fn refuse(&self, fault: Fault) {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.faults.insert(fault);
    }

    /// From now on it refuses nothing.
    pub fn obey(&self) {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.faults.clear();
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread; without the file, the tree is gone and the thread with its test.
        if fs::write(&self.stop_file, "").is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

type Watched = HashMap<WatchDescriptor, (PathBuf, Option<Written>)>;

fn watch(tree: &Tree, stop_file: &Path) -> io::Result<(Inotify, Watched)> {
    let inotify = Inotify::init()?;
    let mut watched = Watched::new();
    let mut add = |path: PathBuf, written: Option<Written>| {
        let descriptor = inotify.watches().add(&path, WatchMask::CLOSE_WRITE)?;
        watched.insert(descriptor, (path, written));
        io::Result::Ok(())
    };
    add(stop_file.to_owned(), None)?;
    for driver in names(&tree.drivers())? {
        let directory = tree.drivers().join(&driver);
        let unbind = Written::Unbind {
            driver: driver.clone(),
        };
        add(directory.join("bind"), Some(Written::Bind { driver }))?;
        add(directory.join("unbind"), Some(unbind))?;
    }
    add(
        tree.sys().join("bus/pci/drivers_probe"),
        Some(Written::Probe),
    )?;
    for address in tree.addresses()? {
        let file = tree.device(&address)?.join("sriov_numvfs");
        if file.exists() {
            add(file, Some(Written::NumVfs { address }))?;
        }
    }
    Ok((inotify, watched))
}

fn follow(
    mut inotify: Inotify,
    watched: &Watched,
    machine: &Mutex<Machine>,
    stopping: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let events = inotify.read_events_blocking(&mut buffer)?;
        if stopping.load(Ordering::SeqCst) {
            return Ok(());
        }
        // A file that is removed ends its watch, which is an event, too; what lies there now may be something else.
        for event in events.filter(|event| event.mask.contains(EventMask::CLOSE_WRITE)) {
            let Some((path, Some(written))) = watched.get(&event.wd) else {
                continue;
            };
            // What can't be read or done is a write without effect.
            let Ok(text) = fs::read_to_string(path) else {
                continue;
            };
            let machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
            let text = text.trim();
            if !text.is_empty() {
                drop(machine.react(written, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plant::{Card, join_group, plant};

    const PF: &str = "sys/bus/pci/devices/0000:3b:00.0";

    fn becomes(mut holds: impl FnMut() -> bool) -> bool {
        (0..2000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            holds()
        })
    }

    #[test]
    fn numbers_go_by_way_of_none_and_not_above_the_total() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[Card::default()]).unwrap();
        let _kernel = Kernel::start(root.path()).unwrap();
        let device = root.path().join(PF);
        let file = device.join("sriov_numvfs");
        let made = |count: usize| {
            let found = names(&device).unwrap();
            found
                .iter()
                .filter(|name| name.starts_with("virtfn"))
                .count()
                == count
        };
        let says = |text: &str| fs::read_to_string(&file).unwrap().trim() == text;
        for (written, count, answer) in [("2", 2, "2"), ("4", 2, "2"), ("0", 0, "0"), ("9", 0, "0")]
        {
            fs::write(&file, written).unwrap();
            assert!(becomes(|| made(count) && says(answer)), "{written}");
        }
    }

    /// As in the cluster's fixture, of which nodes see no `sys/devices`.
    #[test]
    fn devices_may_lie_where_sysfs_has_links() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[]).unwrap();
        let device = root.path().join(PF);
        fs::create_dir_all(device.join("net/ens1f0")).unwrap();
        for (file, text) in [
            ("sriov_totalvfs", "8"),
            ("sriov_numvfs", "0"),
            ("sriov_vf_device", "154c"),
            ("sriov_drivers_autoprobe", "1"),
        ] {
            fs::write(device.join(file), text).unwrap();
        }
        let tree = Tree::at(root.path()).unwrap();
        join_group(&tree, "0000:3b:00.0", 30).unwrap();
        let _kernel = Kernel::start(root.path()).unwrap();

        fs::write(device.join("sriov_numvfs"), "2").unwrap();
        assert!(becomes(|| device.join("virtfn1").exists()));
        let function = device.with_file_name("0000:3b:02.1");
        assert!(function.symlink_metadata().unwrap().is_dir());
        let driver = fs::read_link(function.join("driver")).unwrap();
        assert!(driver.ends_with("iavf"), "{driver:?}");
        let group = function.join("iommu_group").canonicalize().unwrap();
        assert!(group.ends_with("32"), "{group:?}");

        fs::write(device.join("sriov_numvfs"), "0").unwrap();
        assert!(becomes(|| !function.exists()));
        assert!(!device.join("virtfn1").exists() && !group.exists());
    }

    #[test]
    fn a_driver_takes_what_is_its_own_or_what_it_is_told_to() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[Card::default()]).unwrap();
        let _kernel = Kernel::start(root.path()).unwrap();
        let device = root.path().join(PF);
        fs::write(device.join("sriov_numvfs"), "1").unwrap();
        assert!(becomes(|| device.join("virtfn0").exists()));
        let function = root.path().join("sys/bus/pci/devices/0000:3b:02.0");
        let drivers = root.path().join("sys/bus/pci/drivers");
        let driver = || fs::read_link(function.join("driver")).ok();
        fs::write(drivers.join("iavf/unbind"), "0000:3b:02.0\n").unwrap();
        assert!(becomes(|| driver().is_none()));

        // One thread does all in order: once the last write shows, the first had its time.
        fs::write(drivers.join("vfio-pci/bind"), "0000:3b:02.0").unwrap();
        fs::write(
            root.path().join("sys/bus/pci/drivers_probe"),
            "0000:3b:02.0",
        )
        .unwrap();
        assert!(becomes(|| driver().is_some()));
        assert!(driver().unwrap().ends_with("iavf"), "vfio-pci has no table");
        let interface = root.path().join("sys/class/net/ens1f0v0");
        assert!(becomes(|| interface.exists()), "it follows the driver");
    }
}
