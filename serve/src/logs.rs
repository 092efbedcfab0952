//! Log lines on standard error, JSON or text.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::args::{LogArgs, LogFormat};

/// What the flag takes.
const EXPECTED: &str =
    "error, warn, info, debug, trace or off, or a filter like info,vmberth_webhook=debug";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The flag holds no filter.
    #[error("--log-level: expected {EXPECTED}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// A word of the flag is no level. As a filter it would be the name of a target, and all others would be silent.
    #[error("--log-level: found {0:?}, expected {EXPECTED}")]
    Level(String),
    /// Somebody set a subscriber before.
    #[error("logging was already set up")]
    Twice,
}

/// Sets up logging for the whole process; called once, by main.
///
/// # Errors
/// If the filter cannot be parsed or logging was set up before.
pub fn init(args: &LogArgs) -> Result<(), LogError> {
    let lines = registry().with(filter(&args.log_level)?);
    let form = fmt::layer().with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Json => {
            let form = form.json().flatten_event(true).with_current_span(false);
            lines.with(form).try_init()
        }
        LogFormat::Text => lines.with(form.with_ansi(false)).try_init(),
    }
    .map_err(|_| LogError::Twice)?;
    std::panic::set_hook(Box::new(last_words));
    Ok(())
}

/// In the form of the other lines: a program that is built to end with the first panic has no other moment to say why.
fn last_words(panic: &std::panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let words = panic.payload_as_str().unwrap_or("no words");
    tracing::error!(location, words, "panicked");
}

fn filter(text: &str) -> Result<Targets, LogError> {
    let is_level = |word: &&str| word.contains('=') || word.parse::<LevelFilter>().is_ok();
    match text.split(',').find(|word| !is_level(word)) {
        Some(word) => Err(LogError::Level(word.to_owned())),
        None => Ok(text.parse()?),
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_begins_with_a_level() {
        for good in ["info", "off", "warn,vmberth_webhook=debug", "kube=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_named() {
        for bad in ["verbose", "info,chatty"] {
            let error = filter(bad).unwrap_err().to_string();
            let word = bad.rsplit(',').next().unwrap();
            assert!(
                error.starts_with(&format!("--log-level: found {word:?}, expected error,")),
                "{error}"
            );
        }
    }
}
