//! Files that the configuration names.

use std::io::ErrorKind;

use crate::codes::Code;
use crate::reader::{At, Reader};
use crate::value::Mistake;

/// The text of a file; `what` it is called and the code of its absence are for the report.
/// `None` was reported. Its text is not yet in the hash.
pub(super) fn read(
    reader: &Reader<'_>,
    path: &At<String>,
    what: &str,
    code: Code,
) -> Option<String> {
    match reader.environment.read_file(&reader.resolve(&path.value)) {
        Ok(text) => Some(text),
        Err(why) => {
            let (message, help) = unreadable(&why, what);
            reader.fault(&path.place, Mistake::new(code, message, help));
            None
        }
    }
}

/// The same of a file whose changes bring about a reload.
pub(super) fn watched(
    reader: &Reader<'_>,
    path: &At<String>,
    what: &str,
    code: Code,
) -> Option<String> {
    reader.watch(&path.value);
    read(reader, path, what, code)
}

fn unreadable(why: &std::io::Error, what: &str) -> (String, &'static str) {
    match why.kind() {
        ErrorKind::NotFound => (
            format!("the {what} does not exist"),
            "name it relative to the folder of this file, or write it",
        ),
        ErrorKind::InvalidData => (format!("the {what} is not UTF-8 text"), "save it as UTF-8"),
        kind => (
            format!("the {what} cannot be read: {kind}"),
            "make it readable for the user that runs tollbar",
        ),
    }
}
