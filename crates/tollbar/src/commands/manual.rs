//! `completions` and `man`, made from the command line's own description.

use std::process::ExitCode;

use crate::{cli, output};

/// Prints the completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::description(), "tollbar", &mut script);
    output::data(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page.
pub(super) fn page() -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(cli::description()).render(&mut page)?;
    output::data(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}
