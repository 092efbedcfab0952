//! Whether to restart the device plugin's pod of a node, when it does not advertise what is there.
//!
//! It discovers once, at its start (facts: domain 3.2), so a restart is what an operator would do.

use std::time::Duration;

/// What is remembered between two decisions; the times are of one clock that never goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Since when discovered and advertised functions differ.
    pub differs_since: Option<Duration>,
    /// When it was restarted last.
    pub last: Option<Duration>,
    /// How often in a row without success.
    pub in_a_row: u32,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing differs, or restarting is off.
    Nothing,
    /// Not yet; ask again after so long.
    Wait(Duration),
    /// Delete this pod.
    Restart {
        /// Its namespace.
        namespace: String,
        /// Its name.
        pod: String,
        /// It must still be this one.
        uid: String,
    },
}
