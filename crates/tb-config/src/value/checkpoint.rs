//! Places for checkpoints of the audit log.

use tb_providers::BaseUrl;

use super::{Mistake, Value, Written};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::redact::quoted;

/// One entry of `checkpoint_to`; a path is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    Stdout,
    File(String),
    Webhook(String),
}

impl Value for Checkpoint {
    fn expected() -> String {
        "\"stdout\", \"file:PATH\" or \"https://host/path\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        Some(match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(_) => Err(unknown("")),
            None if text == "stdout" => Ok(Self::Stdout),
            None if text.contains("://") => webhook(text),
            None => Err(unknown(text)),
        })
    }

    fn show(&self) -> String {
        quoted(&match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path) => format!("file:{path}"),
            Self::Webhook(url) => url.clone(),
        })
    }
}

/// A URL may hold a password, so no message repeats it.
fn webhook(text: &str) -> Result<Checkpoint, Mistake> {
    let base = BaseUrl::parse(text).map_err(|why| {
        let help = "write it as \"https://host/path\", without user, query or fragment";
        Mistake::new(Code::BadUrl, format!("not a URL to post to: {why}"), help)
    })?;
    if is_safe(&base) {
        return Ok(Checkpoint::Webhook(text.to_owned()));
    }
    let message = "checkpoints are not posted over plain HTTP to another machine";
    Err(Mistake::new(Code::BadUrl, message, "use https://"))
}

/// Whether nobody on the way can read or change what is fetched or posted there: TLS, or it never
/// leaves the machine.
pub(crate) fn is_safe(url: &BaseUrl) -> bool {
    let host = url.host.trim_start_matches('[').trim_end_matches(']');
    url.tls
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unknown(text: &str) -> Mistake {
    Mistake::new(
        Code::UnknownWord,
        format!("{} is not {}", quoted(text), Checkpoint::expected()),
        "name a place that the log itself does not depend on",
    )
    .with_nearest(nearest(text, ["stdout"]))
}
