//! The thread that watches the tree.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use inotify::{Inotify, WatchDescriptor, WatchMask};

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
        for event in events {
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
