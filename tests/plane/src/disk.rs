//! Disks: the volumes' file systems of each node, and the store of container images that all nodes
//! get a copy-on-write snapshot of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cmd::Cmd;
use crate::host;
use crate::layout::Layout;
use crate::progress::Progress;

/// Options of every mount of the image store: its content can be made again, so speed comes first.
pub const STORE_OPTIONS: &str = "nobarrier,commit=300";

/// Files in a node's directory that hold its volumes: each has a loop device while the node lives.
pub const VOLUME_FILES: [&str; 2] = [VOLUMES, EXPORTER_VOLUMES];
/// The volumes that the plane makes PVs of.
pub const VOLUMES: &str = "volumes.img";
/// The volumes that are left to vmberth's exporter.
pub const EXPORTER_VOLUMES: &str = "exporter-volumes.img";

/// Kinds of file systems that hold volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// Every kernel that runs the plane has it.
    Ext4,
    /// What edge nodes often have instead.
    Xfs,
}

impl FileSystem {
    /// xfs if this kernel has it, so that both kinds are tested.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn other() -> Result<Self> {
        let xfs = host::knows_file_system(Self::Xfs.name())?;
        Ok(if xfs { Self::Xfs } else { Self::Ext4 })
    }

    /// The kernel's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// Nothing is discarded: the file is sparse as it is.
    fn make(self, file: &Path) -> Result<()> {
        let lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
        let cmd = match self {
            Self::Ext4 => Cmd::new("mkfs.ext4").args(["-q", "-F", "-m", "0", "-E", lazy]),
            Self::Xfs => Cmd::new("mkfs.xfs").args(["-q", "-f", "-K"]),
        };
        cmd.arg(file).run()
    }
}

/// Makes a file system that holds a node's volumes (sparse, so it costs what is written), with its
/// directories, and returns its loop device.
///
/// # Errors
/// With the command that failed.
pub fn volumes(file: &Path, kind: FileSystem, gibibytes: u64, directories: u16) -> Result<PathBuf> {
    sparse(file, gibibytes)?;
    kind.make(file)?;
    let device = attach(file)?;
    let script = format!(
        "mount -t {} {} /mnt && cd /mnt && rm -rf lost+found && for i in $(seq 0 {}); do mkdir vol$i; done",
        kind.name(),
        device.display(),
        directories.saturating_sub(1),
    );
    privately(&script)?;
    Ok(device)
}

/// The loop device of a file: the one it has, or a new one.
///
/// # Errors
/// With the command that failed.
pub fn attach(file: &Path) -> Result<PathBuf> {
    if let Some(device) = attached(file)?.into_iter().next() {
        return Ok(device);
    }
    let device = Cmd::new("losetup")
        .args(["--find", "--show"])
        .arg(file)
        .output()?;
    Ok(PathBuf::from(device.trim()))
}

/// Takes the loop device of a file away, if it has one.
///
/// # Errors
/// With the command that failed.
pub fn detach(file: &Path) -> Result<()> {
    for device in attached(file)? {
        Cmd::new("losetup").arg("--detach").arg(device).run()?;
    }
    Ok(())
}

fn attached(file: &Path) -> Result<Vec<PathBuf>> {
    let list = Cmd::new("losetup")
        .args(["-n", "-O", "NAME", "-j"])
        .arg(file)
        .output()?;
    Ok(list
        .lines()
        .map(|line| PathBuf::from(line.trim()))
        .collect())
}

fn sparse(file: &Path, gibibytes: u64) -> Result<()> {
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let open = std::fs::File::create(file).with_context(|| file.display().to_string())?;
    Ok(open.set_len(gibibytes << 30)?)
}

/// The image store: one btrfs in a file of the cache. Its subvolume `golden-KEY` is the root
/// directory of a containerd that has all images; each node runs on a snapshot of it.
#[derive(Debug)]
pub struct Store {
    device: PathBuf,
}

impl Store {
    /// File of the store.
    #[must_use]
    pub fn file(layout: &Layout) -> PathBuf {
        layout.cache.join("image-store.btrfs")
    }

    /// Opens the store; makes it anew if it is not there or can't be mounted. Only for `up`, when no
    /// cluster runs: nothing uses the store then.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn open_or_make(layout: &Layout, progress: &Progress) -> Result<Self> {
        if let Some(store) = Self::open(layout)? {
            if store.mounts() {
                return Ok(store);
            }
            progress.say("the image store is damaged: making it anew");
            detach(&Self::file(layout))?;
        }
        let file = Self::file(layout);
        sparse(&file, 40)?;
        Cmd::new("mkfs.btrfs").args(["-q", "-f"]).arg(&file).run()?;
        Ok(Self {
            device: attach(&file)?,
        })
    }

    /// Opens the store, if there is one; whether it can be mounted is another question.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn open(layout: &Layout) -> Result<Option<Self>> {
        let file = Self::file(layout);
        if !file.exists() {
            return Ok(None);
        }
        Ok(Some(Self {
            device: attach(&file)?,
        }))
    }

    /// Whether the store can be mounted.
    #[must_use]
    pub fn mounts(&self) -> bool {
        self.script("true").is_ok()
    }

    /// The loop device.
    #[must_use]
    pub fn device(&self) -> &Path {
        &self.device
    }

    /// Whether the images of this key are there.
    ///
    /// # Errors
    /// If the store can't be mounted.
    pub fn has(&self, key: &str) -> Result<bool> {
        Ok(self.script("ls")?.lines().any(|line| line == golden(key)))
    }

    /// An empty subvolume to fill with images.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn begin(&self) -> Result<&'static str> {
        self.remove("filling")?;
        self.script("btrfs -q subvolume create filling")?;
        Ok("filling")
    }

    /// What was filled is from now on the images of this key; older ones are removed.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn finish(&self, key: &str) -> Result<()> {
        let old = self.script("ls")?;
        for line in old.lines().filter(|line| line.starts_with("golden-")) {
            self.remove(line)?;
        }
        self.script(&format!("mv filling {} && sync -f .", golden(key)))?;
        Ok(())
    }

    /// A fresh snapshot for this node.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn snapshot(&self, key: &str, node: &str) -> Result<()> {
        self.remove(node)?;
        self.script(&format!(
            "btrfs -q subvolume snapshot {} {node}",
            golden(key)
        ))?;
        Ok(())
    }

    /// Removes a subvolume, if it is there.
    ///
    /// # Errors
    /// With the command that failed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if name.is_empty() || name.contains(['/', ' ']) {
            bail!("not a name of a subvolume: {name:?}");
        }
        self.script(&format!(
            "if [ -e {name} ]; then btrfs -q subvolume delete {name}; fi"
        ))?;
        Ok(())
    }

    fn script(&self, script: &str) -> Result<String> {
        privately(&format!(
            "mount -t btrfs -o {STORE_OPTIONS} {} /mnt && cd /mnt && {{ {script}; }}",
            self.device.display(),
        ))
    }
}

fn golden(key: &str) -> String {
    format!("golden-{key}")
}

/// Runs a script in a mount namespace of its own: what it mounts is gone with it, however it ends.
fn privately(script: &str) -> Result<String> {
    Cmd::new("unshare")
        .args(["--mount", "sh", "-euc", script])
        .timeout(Duration::from_secs(300))
        .output()
}
