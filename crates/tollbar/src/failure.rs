//! How commands fail: the exit codes of the contract.

use std::process::ExitCode;

use tb_config::Report;
use tb_core::ports::StoreError;

/// A negative result: a check that failed.
pub(crate) const NEGATIVE: u8 = 1;
/// The command line asks for something impossible.
pub(crate) const USAGE: u8 = 2;
/// Try again: something is held by another process.
pub(crate) const TRY_AGAIN: u8 = 75;
/// The server cannot be reached.
pub(crate) const UNREACHABLE: u8 = 69;
/// Not permitted: by the file system, or without the right token.
pub(crate) const NOT_PERMITTED: u8 = 77;
/// The configuration is invalid.
pub(crate) const INVALID_CONFIGURATION: u8 = 78;
/// Interrupted before the end.
pub(crate) const INTERRUPTED: u8 = 130;

/// A failure with an exit code of its own.
#[derive(Debug)]
pub(crate) struct Failed {
    code: u8,
    message: String,
}

impl Failed {
    /// A failure that ends the command with this code.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What was asked for cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// The message of an error, with its causes; reports of the configuration print themselves.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Report>() {
        Some(report) => report.render().trim_end().to_owned(),
        None => format!("error: {error:#}"),
    }
}

/// The exit code that tells a script what to do next.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = error.chain().find_map(|cause| {
        if let Some(failed) = cause.downcast_ref::<Failed>() {
            return Some(failed.code);
        }
        if cause.downcast_ref::<Report>().is_some() {
            return Some(INVALID_CONFIGURATION);
        }
        if let Some(StoreError::Unavailable(_)) = cause.downcast_ref::<StoreError>() {
            return Some(TRY_AGAIN);
        }
        match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::AddrInUse) => Some(TRY_AGAIN),
            Some(std::io::ErrorKind::PermissionDenied) => Some(NOT_PERMITTED),
            _ => None,
        }
    });
    ExitCode::from(code.unwrap_or(NEGATIVE))
}
