//! Metrics of the shell, named from the server's prefix.

use axum::http::StatusCode;
use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::build;

/// Handles of the shell's metrics; registered once in the registry that is handed in.
#[derive(Debug, Clone)]
pub struct ServeMetrics {
    requests: IntCounterVec,
    handshake_failures: IntCounterVec,
    certificate_reloads: IntCounterVec,
    /// Connections that are open now.
    pub connections: IntGauge,
    /// Connections closed because there were too many.
    pub connections_refused: IntCounter,
    /// Unix time at which the served certificate ends.
    pub certificate_expiry: IntGauge,
}

/// What every program of ours shows of itself: its build and its memory.
#[derive(Debug, Clone)]
pub struct ProcessMetrics {
    build_info: IntGaugeVec,
    resident_memory: IntGauge,
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The client took too long.
    Timeout,
    /// The bytes were no TLS, plain HTTP for example.
    NotTls,
    /// The client went away.
    Closed,
    /// The client refused, mostly because it does not trust our certificate.
    RefusedByClient,
    /// The client has no certificate of a CA that we trust, and must have one.
    ClientRefused,
    /// Everything else.
    Other,
}

/// What became of a changed certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It is served from now on.
    Loaded,
    /// The old one is kept.
    Refused,
}

impl ServeMetrics {
    /// Registers all metrics under `<prefix>_`.
    ///
    /// # Errors
    /// If a name is invalid or already taken in this registry.
    pub fn register(registry: &Registry, prefix: &str) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, label: &str| {
            IntCounterVec::new(Opts::new(format!("{prefix}_{name}"), help), &[label])
        };
        let metrics = Self {
            requests: counter(
                "requests_total",
                "Answers by status; health and metrics are not counted.",
                "code",
            )?,
            handshake_failures: counter(
                "tls_handshake_failures_total",
                "TLS handshakes that failed, by reason.",
                "reason",
            )?,
            certificate_reloads: counter(
                "certificate_reloads_total",
                "Changed certificates that were read, by outcome.",
                "outcome",
            )?,
            connections: IntGauge::new(format!("{prefix}_connections"), "Open connections.")?,
            connections_refused: IntCounter::new(
                format!("{prefix}_connections_refused_total"),
                "Connections closed because there were too many.",
            )?,
            certificate_expiry: IntGauge::new(
                format!("{prefix}_certificate_expiry_timestamp_seconds"),
                "Unix time at which the served certificate ends.",
            )?,
        };
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of the shell; the page in docs is compared with it.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.handshake_failures.clone()),
            Box::new(self.certificate_reloads.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.connections_refused.clone()),
            Box::new(self.certificate_expiry.clone()),
        ]
    }

    /// Counts an answer.
    pub fn answered(&self, code: StatusCode) {
        self.requests.with_label_values(&[code.as_str()]).inc();
    }

    /// Counts a failed handshake.
    pub fn handshake_failed(&self, reason: HandshakeFailure) {
        self.handshake_failures
            .with_label_values(&[reason.as_str()])
            .inc();
    }

    /// Counts a changed certificate.
    pub fn reloaded(&self, outcome: Reload) {
        let outcome = match outcome {
            Reload::Loaded => "loaded",
            Reload::Refused => "refused",
        };
        self.certificate_reloads.with_label_values(&[outcome]).inc();
    }
}

impl HandshakeFailure {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NotTls => "not_tls",
            Self::Closed => "closed",
            Self::RefusedByClient => "refused_by_client",
            Self::ClientRefused => "client_refused",
            Self::Other => "other",
        }
    }
}

impl ProcessMetrics {
    /// Registers `<prefix>_build_info`, and the memory under the name that all processes have in common.
    ///
    /// # Errors
    /// If a name is invalid or already taken in this registry.
    pub fn register(registry: &Registry, prefix: &str) -> prometheus::Result<Self> {
        let build_info = IntGaugeVec::new(
            Opts::new(
                format!("{prefix}_build_info"),
                "Always 1; the labels say which build this is.",
            ),
            &["version", "revision"],
        )?;
        build_info
            .with_label_values(&[build::VERSION, build::REVISION])
            .set(1);
        let resident_memory = IntGauge::new(
            "process_resident_memory_bytes",
            "Resident memory of the process.",
        )?;
        let metrics = Self {
            build_info,
            resident_memory,
        };
        register_all(registry, metrics.collectors())?;
        Ok(metrics)
    }

    /// Every metric of a process; the page in docs is compared with it.
    #[must_use]
    pub fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.build_info.clone()),
            Box::new(self.resident_memory.clone()),
        ]
    }

    /// Measures what is only known at the moment; called at each scrape.
    pub fn measure(&self) {
        if let Some(bytes) = resident_memory() {
            self.resident_memory.set(bytes);
        }
    }
}

/// Puts metrics into a registry.
///
/// # Errors
/// If a name is already taken there.
pub fn register_all(
    registry: &Registry,
    collectors: Vec<Box<dyn Collector>>,
) -> prometheus::Result<()> {
    collectors
        .into_iter()
        .try_for_each(|collector| registry.register(collector))
}

fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
    }
}
