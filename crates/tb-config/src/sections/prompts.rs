//! `[prompts]` and the files in its folder, each reported under its own name.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tb_core::prompt::{PromptSource, SourceFault, is_label};

use crate::codes::Code;
use crate::reader::{At, Lines, Reader, Section};
use crate::redact::quoted;
use crate::report::Diagnostic;
use crate::snapshot::PromptRules;

/// The ending of prompt files; partials may have it too.
const ENDING: &str = ".prompt";
/// The folder of partials in that of the prompts.
const PARTIALS: &str = "partials";

/// The section, and `templates_only` for services that say nothing. `None` was reported.
pub(super) fn prompts(root: &Section<'_>) -> Option<(PromptRules, bool)> {
    if root.written_at("prompts").is_none() {
        return Some((PromptRules::default(), false));
    }
    let section = root.table("prompts")?;
    let path = section.value::<String>("path");
    let protected = protected(&section);
    let templates_only = section.value::<bool>("templates_only");
    let path = path?;
    let sources = sources(section.reader, &path);
    let path = Some(section.reader.resolve(&path.value));
    let rules = PromptRules { path, protected: protected?, sources: sources? };
    Some((rules, templates_only?.value))
}

fn protected(section: &Section<'_>) -> Option<Vec<String>> {
    let labels = section.list::<String>("protected")?;
    for label in labels.iter().filter(|label| !is_label(&label.value)) {
        section.reader.report(
            &label.place,
            Code::BadName,
            "a label has characters that it cannot have, or is digits alone",
            "use 1 to 64 letters, digits, `-`, `_` and `.`, at least one no digit",
        );
    }
    Some(labels.into_iter().map(|label| label.value).collect())
}

/// The prompts of a folder. `None` was reported.
fn sources(reader: &Reader<'_>, path: &At<String>) -> Option<Vec<Arc<PromptSource>>> {
    reader.watch(&path.value);
    let names = match reader.environment.list(&reader.resolve(&path.value)) {
        Ok(names) => names,
        Err(why) => {
            let message = match why.kind() {
                ErrorKind::NotFound => "the folder of the prompts does not exist".to_owned(),
                kind => format!("the folder of the prompts cannot be read: {kind}"),
            };
            let help = "name it relative to the folder of this file, or make it";
            reader.report(&path.place, Code::BadPrompt, message, help);
            return None;
        }
    };
    let folder = path.value.trim_end_matches('/');
    let partials = partials(reader, folder)?;
    let mut all_good = true;
    let mut sources = Vec::new();
    for file in names.iter().filter(|file| file.ends_with(ENDING)) {
        let shown = format!("{folder}/{file}");
        let source = text(reader, &shown).and_then(|text| {
            let name = file.strip_suffix(ENDING).unwrap_or(file);
            let parsed = PromptSource::parse(name, &text, &partials);
            parsed.map_err(|fault| report(reader, &shown, (&fault, &text))).ok()
        });
        match source {
            Some(source) => sources.push(Arc::new(source)),
            None => all_good = false,
        }
    }
    all_good.then_some(sources)
}

/// The texts of the partials, by name. `None` was reported.
fn partials(reader: &Reader<'_>, folder: &str) -> Option<BTreeMap<String, String>> {
    let own = format!("{folder}/{PARTIALS}");
    reader.watch(&own);
    let names = reader.environment.list(&reader.resolve(&own)).unwrap_or_default();
    let read = names.into_iter().filter(|name| !name.starts_with('.')).map(|file| {
        let text = text(reader, &format!("{own}/{file}"))?.replace("\r\n", "\n");
        let name = file.strip_suffix(ENDING).unwrap_or(&file);
        Some((name.to_owned(), text.trim_end_matches('\n').to_owned()))
    });
    read.collect()
}

/// The text of a file, which goes into the hash of the configuration. `None` was reported.
fn text(reader: &Reader<'_>, path: &str) -> Option<String> {
    reader.watch(path);
    match reader.environment.read_file(&reader.resolve(path)) {
        Ok(text) => {
            reader.hash_too(text.clone());
            Some(text)
        }
        Err(why) => {
            let message = format!("the prompt file cannot be read: {}", why.kind());
            report(reader, path, (&SourceFault { line: None, message }, ""));
            None
        }
    }
}

fn report(reader: &Reader<'_>, path: &str, (fault, text): (&SourceFault, &str)) {
    let lines = Lines::new(text, text);
    let span = fault.line.map(|line| {
        let before: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let length = text.get(before..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        before..before + length
    });
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    reader.elsewhere(vec![Diagnostic {
        code: Code::BadPrompt,
        file: reader.shown(path),
        position: span.map(|span| lines.position(span)),
        message: fault.message.clone(),
        help: format!("mend {}, or move it out of the folder", quoted(&name.unwrap_or_default())),
        nearest: None,
    }]);
}
