//! `check`: validates a configuration without starting.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tb_server::public::Tls;

use crate::cli::Global;
use crate::configuration::Configuration;
use crate::failure::Failed;
use crate::output::Format;
use crate::{failure, output};

/// Checks; 78 when it is invalid.
pub(super) fn run(file: Option<&Path>, global: &Global) -> anyhow::Result<ExitCode> {
    let file = file.or(global.config.as_deref());
    let outcome = Configuration::find(file, &global.set).load();
    if let Some(tls) = outcome.as_ref().ok().and_then(|l| l.snapshot.server.tls.as_ref()) {
        Tls::new(tls).map_err(|fault| {
            Failed::new(failure::INVALID_CONFIGURATION, format!("[server.tls]: {fault}"))
        })?;
    }
    let is_valid = outcome.is_ok();
    if matches!(global.output, Format::Json | Format::Jsonl) {
        let object = match &outcome {
            Ok(loaded) => json!({
                "schema_version": 1,
                "valid": true,
                "diagnostics": loaded.warnings.iter().map(|w| w.to_json()).collect::<Vec<_>>(),
            }),
            Err(report) => report.to_json(),
        };
        output::json_line(&object)?;
    } else {
        match &outcome {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    output::message(warning.to_string().trim_end());
                }
                if !global.quiet {
                    let origin = loaded.origin.as_ref().map_or_else(
                        || "the built-in defaults".to_owned(),
                        |path| path.display().to_string(),
                    );
                    output::message(&format!("{origin}: valid"));
                }
            }
            Err(report) => output::message(report.render().trim_end()),
        }
    }
    let code = if is_valid { 0 } else { failure::INVALID_CONFIGURATION };
    Ok(ExitCode::from(code))
}
