//! `config show` and `config schema`.

use std::process::ExitCode;

use serde_json::json;
use tb_config::effective;

use crate::cli::Config;
use crate::configuration::Configuration;
use crate::output::{self, Format, Rows};

/// Prints the values that hold, or the schema.
pub(super) fn run(
    command: &Config,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    match command {
        Config::Schema => {
            output::data(&format!("{}\n", serde_json::to_string_pretty(&tb_config::schema())?))?;
        }
        Config::Show { effective: all, sources } => {
            let loaded = configuration.load_loudly(false)?;
            let columns =
                if *sources { vec!["key", "value", "source"] } else { vec!["key", "value"] };
            let mut rows = Rows::new(columns);
            for value in effective(&loaded) {
                if !all && value.source == "default" {
                    continue;
                }
                let mut row = vec![json!(value.key), json!(value.value)];
                if *sources {
                    row.push(json!(value.source));
                }
                rows.push(row);
            }
            rows.print(format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
