//! Stand-in for the kernel, since the test machine has no SR-IOV card: a tree of plain files that looks like sysfs, and a
//! thread that moves its links when `bind`, `unbind`, `drivers_probe` and `sriov_numvfs` are written.
//!
//! Input: a root with `sys/bus/pci` below it, laid out by [`plant`] or by somebody else. It differs from the kernel in one
//! thing: a write never fails and returns before it has an effect, so who writes must read back.

pub mod kernel;
mod machine;
pub mod plant;
mod tree;

pub use kernel::Kernel;
pub use machine::Fault;
pub use plant::{Card, plant};
