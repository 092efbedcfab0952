//! The configuration's file: read at start, read again when its content changes.
//!
//! A mounted ConfigMap changes by a swapped link in its directory, which is watched; a bad file keeps the old configuration.

use std::io;
use std::path::{Path, PathBuf};

use vmberth_decide::node::config::{Config, ConfigError};

/// The configuration in force and the file that it came from.
#[derive(Debug)]
pub struct ConfigFile {
    path: Option<PathBuf>,
    seen: Option<Vec<u8>>,
    told: String,
    config: Config,
}

/// Why a configuration's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// It is not there or cannot be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says; told above, so not once more as the source.
        error: io::Error,
    },
    /// It is no text.
    #[error("{path}: expected UTF-8")]
    Text {
        /// The file.
        path: PathBuf,
    },
    /// It holds no valid configuration.
    #[error("{path}: {error}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The field, what was found and what was expected; told above, so not once more as the source.
        error: ConfigError,
    },
}

/// What reading a file again brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The same as before.
    Same,
    /// Another configuration is in force.
    Changed,
    /// The file is bad; the old configuration stays.
    Refused,
}

impl ConfigFile {
    /// Reads the file; without one, the built-in configuration is meant.
    ///
    /// # Errors
    /// If the file cannot be read or holds no valid configuration.
    pub fn load(path: Option<PathBuf>) -> Result<Self, ConfigFileError> {
        let mut file = Self {
            path,
            seen: None,
            told: String::new(),
            config: Config::built_in(),
        };
        file.read()?;
        Ok(file)
    }

    /// The directory in which a change shows.
    #[must_use]
    pub fn directory(&self) -> Option<PathBuf> {
        self.path.as_ref()?.parent().map(Path::to_owned)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the file again. What is wrong with it is logged once.
    pub fn refresh(&mut self) -> Refreshed {
        match self.read() {
            Ok(false) if self.told.is_empty() => Refreshed::Same,
            Ok(false) => Refreshed::Refused,
            Ok(true) => {
                self.told.clear();
                tracing::info!("another configuration is in force");
                Refreshed::Changed
            }
            Err(error) => {
                let text = error.to_string();
                if self.told != text {
                    tracing::error!(
                        error = text,
                        "configuration refused, the old one stays in force"
                    );
                    self.told = text;
                }
                Refreshed::Refused
            }
        }
    }

    /// Whether another configuration is in force than before.
    fn read(&mut self) -> Result<bool, ConfigFileError> {
        let Some(path) = self.path.clone() else {
            return Ok(false);
        };
        // A few KiB from a volume in memory: cheaper than a thread of the blocking pool.
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.seen = None;
                return Err(ConfigFileError::Read { path, error });
            }
        };
        if self.seen.as_ref() == Some(&bytes) {
            return Ok(false);
        }
        let text = String::from_utf8(bytes.clone());
        self.seen = Some(bytes);
        let text = text.map_err(|_| ConfigFileError::Text { path: path.clone() })?;
        let config = Config::from_yaml(&text);
        self.config = config.map_err(|error| ConfigFileError::Config { path, error })?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: vmberth.io/v1alpha1\nkind: ExporterConfig\nvolumes: []\n";

    #[test]
    fn a_bad_file_keeps_the_old_configuration_until_it_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exporter.yaml");
        std::fs::write(&path, GOOD).unwrap();
        let mut file = ConfigFile::load(Some(path.clone())).unwrap();
        assert!(file.config().volumes.is_empty());
        assert_eq!(file.refresh(), Refreshed::Same);

        std::fs::write(&path, "apiVersion: nonsense").unwrap();
        assert_eq!(file.refresh(), Refreshed::Refused);
        assert_eq!(file.refresh(), Refreshed::Refused);
        assert!(file.config().volumes.is_empty());

        std::fs::write(
            &path,
            GOOD.replace("[]", "[{directory: /var/vd/, prefix: vol, max: 1}]"),
        )
        .unwrap();
        assert_eq!(file.refresh(), Refreshed::Changed);
        assert_eq!(file.config().volumes.len(), 1);

        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.refresh(), Refreshed::Refused);
        assert_eq!(file.config().volumes.len(), 1);
    }

    #[test]
    fn without_a_file_the_built_in_configuration_is_in_force() {
        let mut file = ConfigFile::load(None).unwrap();
        assert_eq!(file.refresh(), Refreshed::Same);
        assert_eq!(file.config().volumes.len(), 1);
    }
}
