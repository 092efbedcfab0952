//! Log lines on standard error, JSON or text.

use tracing_subscriber::EnvFilter;

use crate::args::{LogArgs, LogFormat};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The flag holds no filter.
    #[error("--log-level: expected a level like info, or a filter like info,vmberth_webhook=debug")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody set a subscriber before.
    #[error("logging was already set up")]
    Twice,
}

/// Sets up logging for the whole process; called once, by main.
///
/// # Errors
/// If the filter cannot be parsed or logging was set up before.
pub fn init(args: &LogArgs) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(&args.log_level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    }
    .map_err(|_| LogError::Twice)
}
