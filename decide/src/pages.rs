//! Sizes of huge pages.

use std::fmt;
use std::str::FromStr;

/// A size of huge pages that x86-64 nodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageSize {
    /// 2 MiB.
    Mi2,
    /// 1 GiB.
    Gi1,
}

/// Not a size of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 2Mi or 1Gi")]
pub struct UnknownPageSize;

impl PageSize {
    /// Every size.
    pub const ALL: [Self; 2] = [Self::Mi2, Self::Gi1];

    /// Bytes of one page.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Mi2 => 1 << 21,
            Self::Gi1 => 1 << 30,
        }
    }

    /// Kubernetes' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mi2 => "2Mi",
            Self::Gi1 => "1Gi",
        }
    }
}

impl FromStr for PageSize {
    type Err = UnknownPageSize;

    fn from_str(text: &str) -> Result<Self, UnknownPageSize> {
        let known = Self::ALL.into_iter().find(|size| size.as_str() == text);
        known.ok_or(UnknownPageSize)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
