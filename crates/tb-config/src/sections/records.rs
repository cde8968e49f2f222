//! `[keys]`, `[audit]`, `[content_log]`, `[retention]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tb_core::DataClass;

use super::secrets;
use crate::codes::Code;
use crate::reader::{At, Section};
use crate::snapshot::{
    AuditSettings, CheckpointPlace, ClassRetention, ContentLogSettings, KeyRules, RetentionRules,
};
use crate::value::{Checkpoint, Mistake, Term, Word};

/// All of them.
pub(super) struct Records {
    pub(super) keys: KeyRules,
    /// `None` was reported, as of `retention`.
    pub(super) audit: Option<AuditSettings>,
    /// `None` when it is not written or was reported.
    pub(super) content_log: Option<ContentLogSettings>,
    pub(super) retention: Option<RetentionRules>,
}

impl Records {
    pub(super) fn read(root: &Section<'_>) -> Self {
        Self {
            keys: keys(root),
            audit: audit(root.always("audit").as_ref()),
            content_log: content_log(root),
            retention: retention(root.always("retention").as_ref()),
        }
    }
}

fn keys(root: &Section<'_>) -> KeyRules {
    let max_age = root.table("keys").and_then(|own| own.optional::<Duration>("max_age"));
    KeyRules { max_age: max_age.map(|age| age.value) }
}

fn audit(section: Option<&Section<'_>>) -> Option<AuditSettings> {
    let section = section?;
    let path = section.optional::<String>("path").map(|path| folder(section, &path));
    let places = section.one_or_list::<Checkpoint>("checkpoint_to");
    let resolved = |place: At<Checkpoint>| match place.value {
        Checkpoint::Stdout => CheckpointPlace::Stdout,
        Checkpoint::File(path) => CheckpointPlace::File(section.reader.resolve(&path)),
        Checkpoint::Webhook(url) => CheckpointPlace::Webhook(url.into()),
    };
    Some(AuditSettings {
        path: path.unwrap_or_default(),
        checkpoint_to: places?.into_iter().map(resolved).collect(),
    })
}

/// `[content_log]`; `None` when it is not written or was reported.
fn content_log(root: &Section<'_>) -> Option<ContentLogSettings> {
    let section = root.table("content_log")?;
    let path = section.value::<String>("path").map(|path| folder(&section, &path));
    let master_key = secrets::master_key(&section, "master_key");
    Some(ContentLogSettings { path: path?, master_key: master_key? })
}

/// The folder, absolute. An empty one was reported.
fn folder(section: &Section<'_>, path: &At<String>) -> PathBuf {
    if path.value.is_empty() {
        let help = "name a folder, or leave the key out";
        section.reader.report(&path.place, Code::BadName, "`path` is empty", help);
    }
    section.reader.resolve(&path.value)
}

fn retention(section: Option<&Section<'_>>) -> Option<RetentionRules> {
    let section = section?;
    let content = section.value::<Duration>("content");
    let requests = section.value::<Term>("requests");
    let audit = section.value::<Term>("audit");
    let responses = section.value::<Duration>("responses");
    let mut classes = BTreeMap::new();
    for (name, own) in section.named("classes") {
        let term = |key: &str| own.optional::<Duration>(key).map(|term| term.value);
        let terms = ClassRetention { content: term("content"), requests: term("requests") };
        match DataClass::from_str(&name) {
            Ok(class) => {
                classes.insert(class, terms);
            }
            Err(()) => own.reader.fault(&own.place, not_built_in(&name)),
        }
    }
    Some(RetentionRules {
        content: content?.value,
        requests: requests?.value.0,
        audit: audit?.value.0,
        responses: responses?.value,
        classes,
    })
}

fn not_built_in(name: &str) -> Mistake {
    let help = "own classes are kept as their `level` is";
    Word::<DataClass>::unknown(name, help)
}
