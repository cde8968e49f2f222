//! What is said of a panic: its place and its thread, never its message. The standard library
//! quotes the text that it fails on, and text of requests must not reach logs.

use std::fmt;
use std::panic::PanicHookInfo;

use crate::output;

/// Reports every panic of the process in the form of the logs; before they begin, in one line.
pub(crate) fn report_places() {
    std::panic::set_hook(Box::new(|panic| report(&Origin::of(panic))));
}

fn report(origin: &Origin) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!(place = origin.place, thread = origin.thread, "panicked");
    } else {
        output::message(&origin.to_string());
    }
}

/// Where a panic began.
#[derive(Debug)]
struct Origin {
    /// File, line and column.
    place: String,
    /// The name of the thread.
    thread: String,
}

impl Origin {
    fn of(panic: &PanicHookInfo<'_>) -> Self {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        Self { place, thread }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tollbar panicked at {} in the thread `{}`", self.place, self.thread)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The hook of a process is one; other tests that panic meanwhile keep theirs.
    #[test]
    fn a_panic_is_told_by_its_place_and_not_by_its_message() {
        const THREAD: &str = "panics-on-purpose";
        let told = Arc::new(Mutex::new(Vec::new()));
        let (usual, heard) = (std::panic::take_hook(), Arc::clone(&told));
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some(THREAD) {
                let origin = Origin::of(panic);
                heard.lock().unwrap().push(format!("{origin} {origin:?}"));
            } else {
                usual(panic);
            }
        }));
        let quoted = "mail jane@example.org: caf\u{e9}";
        let cut = move || quoted.split_at(quoted.len() - 1).0.len();
        let ended = std::thread::Builder::new().name(THREAD.to_owned()).spawn(cut).unwrap().join();
        let _ours = std::panic::take_hook();
        assert!(ended.is_err());
        let told = told.lock().unwrap().join("\n");
        assert!(told.contains(".rs:") && told.contains(THREAD), "{told}");
        assert!(!told.contains("jane"), "{told}");
    }
}
