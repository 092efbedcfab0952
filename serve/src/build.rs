//! Which build this is.

/// Version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Git revision, as the image build hands it in with `VMBERTH_REVISION`.
pub const REVISION: &str = match option_env!("VMBERTH_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Version and revision as `--version` prints them.
#[must_use]
pub fn version() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| format!("{VERSION} (revision {REVISION})"))
}
