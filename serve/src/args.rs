//! Flags of every server, flattened into the server's own; each is also an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Where to listen, how long to wait, how much to take.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address of the TLS port.
    #[arg(long, env = "VMBERTH_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,

    /// Address of the plain port: /healthz, /livez, /readyz, /metrics.
    #[arg(long, env = "VMBERTH_ADMIN_LISTEN", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,

    /// Folder with tls.crt and tls.key; read again when their content changes.
    #[arg(long, env = "VMBERTH_TLS_DIR", default_value = "/etc/vmberth/tls")]
    pub tls_dir: PathBuf,

    /// PEM file of CAs: if given, a client of the TLS port must show a certificate that one of them signed; read again
    /// when its content changes.
    #[arg(long, env = "VMBERTH_CLIENT_CA")]
    pub client_ca: Option<PathBuf>,

    /// How long to wait at start for a certificate, in seconds.
    #[arg(long, env = "VMBERTH_TLS_WAIT", default_value = "120", value_parser = seconds)]
    pub tls_wait: Duration,

    /// How often the certificate's files are compared with what is served, in seconds.
    #[arg(long, env = "VMBERTH_TLS_POLL", default_value = "3", value_parser = seconds)]
    pub tls_poll: Duration,

    /// How long to keep serving after SIGTERM while endpoints forget this pod, in seconds.
    #[arg(long, env = "VMBERTH_SHUTDOWN_DELAY", default_value = "5", value_parser = seconds)]
    pub shutdown_delay: Duration,

    /// How long running requests may take after that, in seconds.
    #[arg(long, env = "VMBERTH_SHUTDOWN_GRACE", default_value = "15", value_parser = seconds)]
    pub shutdown_grace: Duration,

    /// Longest time of one request, its body included, in seconds; less than the API server's usual 10.
    #[arg(long, env = "VMBERTH_REQUEST_TIMEOUT", default_value = "8", value_parser = seconds)]
    pub request_timeout: Duration,

    /// Longest TLS handshake, in seconds.
    #[arg(long, env = "VMBERTH_HANDSHAKE_TIMEOUT", default_value = "5", value_parser = seconds)]
    pub handshake_timeout: Duration,

    /// Longest silence on a connection, and longest wait for the whole header of its next HTTP/1.1 request, in seconds;
    /// more than the API server's 90 for idle connections, so that it is never us who ends one that it is about to use.
    #[arg(long, env = "VMBERTH_IDLE_TIMEOUT", default_value = "120", value_parser = seconds)]
    pub idle_timeout: Duration,

    /// Requests at the same time; the next one is answered 429.
    #[arg(long, env = "VMBERTH_MAX_REQUESTS", default_value_t = 256)]
    pub max_requests: usize,

    /// Connections at the same time; the next one is closed.
    #[arg(long, env = "VMBERTH_MAX_CONNECTIONS", default_value_t = 512)]
    pub max_connections: usize,

    /// Largest body in bytes: object and old object at the API server's 3 MiB each, and their envelope.
    #[arg(long, env = "VMBERTH_MAX_BODY", default_value_t = 7 << 20)]
    pub max_body: u32,

    /// Bytes of all bodies at the same time; the next body is answered 429. Bounds our memory.
    #[arg(long, env = "VMBERTH_BODY_BUDGET", default_value_t = 14 << 20)]
    pub body_budget: u32,

    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How to log; of every program, also of one that serves nothing.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Form of the log lines.
    #[arg(long, env = "VMBERTH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// Lowest level that is logged: error, warn, info, debug, trace, or a filter like info,vmberth_webhook=debug.
    #[arg(long, env = "VMBERTH_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// One plain line each, for people.
    Text,
}

/// Reads a flag that is a time in seconds.
///
/// # Errors
/// In words for the command line, if it is none.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let expected = "expected seconds as a number from 0 to 86400, like 5 or 0.5";
    let seconds: f64 = text.parse().map_err(|_| expected.to_owned())?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(expected.to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_checked() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "x", "-1", "NaN", "inf", "1e9"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
