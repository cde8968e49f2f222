//! `init`: writes a commented configuration.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::{Global, Init};
use crate::failure::Failed;
use crate::output;

/// Writes the file; one that is there is kept unless `--yes` is given.
pub(super) fn run(options: &Init, global: &Global) -> anyhow::Result<ExitCode> {
    let path = options.file.display();
    let mut open = OpenOptions::new();
    open.write(true);
    if global.yes {
        open.create(true).truncate(true);
    } else {
        open.create_new(true);
    }
    let mut file = match open.open(&options.file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let message = format!("{path} exists; overwrite it with --yes, or name another file");
            return Err(Failed::usage(message).into());
        }
        outcome => outcome.with_context(|| format!("cannot write {path}"))?,
    };
    file.write_all(tb_config::template().as_bytes())
        .with_context(|| format!("cannot write {path}"))?;
    if !global.quiet {
        output::message(&format!(
            "wrote {path}\nnext: tollbar check {path} && tollbar serve --config {path}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
