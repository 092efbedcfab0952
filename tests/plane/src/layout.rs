//! Where everything lies, and what everything is called.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Overrides the cache's place.
pub const CACHE_ENV: &str = "VMBERTH_CACHE";

/// Overrides the place of `tests/plane`, for a program that was built elsewhere.
pub const SOURCES_ENV: &str = "VMBERTH_PLANE_SOURCES";

/// Domain of the cluster's DNS.
pub const CLUSTER_DOMAIN: &str = "cluster.local";
/// Address of the control plane; the API server listens on it at [`API_PORT`].
pub const CONTROL_PLANE_IP: &str = "10.99.0.1";
/// Port of the API server.
pub const API_PORT: u16 = 6443;
/// Services get addresses of this range.
pub const SERVICE_RANGE: &str = "10.96.0.0/16";
/// First address of [`SERVICE_RANGE`]: the API server as pods know it.
pub const API_SERVICE_IP: &str = "10.96.0.1";
/// The DNS service's address.
pub const DNS_SERVICE_IP: &str = "10.96.0.10";
/// Prometheus answers here, inside the control plane's namespace only.
pub const PROMETHEUS_ADDRESS: &str = "10.99.0.1:9090";
/// Name of the control plane's machine.
pub const CONTROL_PLANE: &str = "control-plane";
/// Directory on a node whose sub-directories are its local volumes.
pub const VOLUME_DIR: &str = "/var/vd";
/// Directory on a node whose sub-directories are left to vmberth's exporter: no PV is made of them.
pub const EXPORTER_VOLUME_DIR: &str = "/var/vmberth-vd";
/// Storage class of the local volumes (`WaitForFirstConsumer`, no provisioner).
pub const STORAGE_CLASS: &str = "local-vd";

/// Name of the real node with this number, from 1.
#[must_use]
pub fn node_name(number: u8) -> String {
    format!("edge-{number}")
}

/// Address of the real node with this number, from 1.
#[must_use]
pub fn node_ip(number: u8) -> String {
    format!("10.99.0.{}", 10 + u16::from(number))
}

/// The pods of the real node with this number get addresses of this range.
#[must_use]
pub fn pod_range(number: u8) -> String {
    format!("10.99.{number}.0/24")
}

/// The places of the plane. Everything lies below the cache, which is outside of any checkout.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Built things that stay: binaries, root file systems, images, the image store.
    pub cache: PathBuf,
    /// The running cluster: removed by `down`.
    pub cluster: PathBuf,
    /// Logs of builds, kept until the next build.
    pub logs: PathBuf,
    /// `tests/plane` of the checkout that this program was built from.
    pub sources: PathBuf,
}

impl Layout {
    /// The layout of this machine.
    ///
    /// # Errors
    /// If the sources are not where they were when the program was built.
    pub fn find() -> Result<Self> {
        let cache = std::env::var_os(CACHE_ENV)
            .map_or_else(|| PathBuf::from("/var/cache/vmberth"), PathBuf::from);
        std::fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        let cache = cache.canonicalize()?;
        // Nodes have other files there: they could not see the cluster's.
        let hidden = [
            "/run",
            "/var/lib",
            "/var/log",
            VOLUME_DIR,
            EXPORTER_VOLUME_DIR,
        ];
        if hidden.iter().any(|dir| cache.starts_with(dir)) {
            bail!(
                "{CACHE_ENV} must be outside of {hidden:?}, got {}",
                cache.display()
            );
        }
        let sources = std::env::var_os(SOURCES_ENV)
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let sources = sources.canonicalize().with_context(|| {
            format!(
                "{} is gone: build `plane` again in your checkout",
                sources.display()
            )
        })?;
        let cluster = cache.join("cluster");
        let logs = cache.join("logs");
        Ok(Self {
            cache,
            cluster,
            logs,
            sources,
        })
    }

    /// State of one machine.
    #[must_use]
    pub fn machine(&self, name: &str) -> PathBuf {
        self.cluster.join("machines").join(name)
    }

    /// Keys and certificates of the cluster.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.cluster.join("pki")
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster.join("admin.kubeconfig")
    }

    /// Links to the binaries that this cluster runs.
    #[must_use]
    pub fn bin(&self, name: &str) -> PathBuf {
        self.cluster.join("bin").join(name)
    }
}

/// Writes a file, whole or not at all, and the directories above it.
///
/// # Errors
/// With the path.
pub fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("writing {}", path.display()))
}
