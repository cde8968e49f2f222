//! Logs: structured, to standard error, without content.

use std::io::IsTerminal;

use tb_config::{Environment, Loaded, LogFormat, SystemEnvironment, effective};
use tracing_subscriber::EnvFilter;

/// What is logged when `RUST_LOG` says nothing.
const USUAL_LEVEL: &str = "info";

/// Begins to log in the configured form. When nobody chose one and a person reads along, it
/// is text.
pub(crate) fn start(loaded: &Loaded, quiet: bool) {
    let usual = if quiet { "warn" } else { USUAL_LEVEL };
    let wanted = SystemEnvironment.var("RUST_LOG");
    let filter = EnvFilter::new(wanted.as_deref().unwrap_or(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first one's form.
    let _ = match format(loaded) {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
    };
}

fn format(loaded: &Loaded) -> LogFormat {
    let is_chosen = effective(loaded)
        .iter()
        .any(|value| value.key == "telemetry.log_format" && value.source != "default");
    if !is_chosen && std::io::stderr().is_terminal() {
        return LogFormat::Text;
    }
    loaded.snapshot.log_format
}
