//! What a complete cluster says of itself, for the next command that finds it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::layout::{self, CONTROL_PLANE, Layout};
use crate::machine::Machine;
use crate::options::Options;

/// Written when a cluster is complete: what it is, and from which checkout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Complete {
    /// As asked for.
    pub options: Options,
    /// Key of everything that its programs and images are built from.
    pub sources: String,
    /// The checkout that started it.
    pub checkout: PathBuf,
}

impl Complete {
    fn file(layout: &Layout) -> PathBuf {
        layout.cluster.join("complete.json")
    }

    /// Says that the cluster is complete.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, layout: &Layout) -> Result<()> {
        layout::write(&Self::file(layout), serde_json::to_vec_pretty(self)?)
    }

    /// What the running cluster says of itself, if it was completed.
    #[must_use]
    pub fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(layout)).ok()?).ok()
    }
}

/// The cluster that runs, if it was completed.
///
/// # Errors
/// The part of it that has ended.
pub fn running(layout: &Layout) -> Result<Option<Complete>> {
    let Some(complete) = Complete::read(layout) else {
        return Ok(None);
    };
    let mut names = vec![CONTROL_PLANE.to_owned()];
    names.extend((1..=complete.options.nodes).map(layout::node_name));
    for name in names {
        Machine::open(&name, &layout.machine(&name))?
            .with_context(|| format!("machine {name} has ended"))?
            .check_parts()?;
    }
    Ok(Some(complete))
}
