//! Prompt files that a command names, and those that an import writes.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::reference::Found;
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output;

/// The longest export that is read.
const MAX_EXPORT_BYTES: u64 = 64 * 1024 * 1024;

/// A file that stands alone, with `partials/` beside it.
pub(super) fn read(path: &Path) -> anyhow::Result<Found> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let name = stem.ok_or_else(|| Failed::usage(format!("{shown} has no name")))?;
    let folder = path.parent().unwrap_or(Path::new("")).join("partials");
    let mut partials = BTreeMap::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            if !path.is_file() || file.starts_with('.') {
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .replace("\r\n", "\n");
            let name = file.strip_suffix(".prompt").unwrap_or(file);
            partials.insert(name.to_owned(), text.trim_end_matches('\n').to_owned());
        }
    }
    Ok(Found::from(&super::parse(name, &text, &partials)?))
}

/// Writes the files that an export becomes; one that is there already stays as it is.
pub(super) fn import(
    file: &Path,
    into: Option<&Path>,
    configuration: &Configuration,
) -> anyhow::Result<()> {
    let mut text = String::new();
    let source: Box<dyn std::io::Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(
            std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?,
        ),
    };
    source.take(MAX_EXPORT_BYTES).read_to_string(&mut text).context("cannot read the export")?;
    let folder = match into {
        Some(folder) => folder.to_owned(),
        None => usual_folder(configuration),
    };
    let imported = tb_core::prompt::import(&text).map_err(|why| Failed::new(NEGATIVE, why))?;
    // Before any is written: what is not understood is imported as nothing.
    for one in &imported {
        super::parse(&one.name, &one.text, &BTreeMap::new())?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut left = 0;
    for one in &imported {
        let path = folder.join(format!("{}.prompt", one.name));
        for note in &one.notes {
            output::message(&format!("{}: {note}", one.name));
        }
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(one.text.as_bytes())?;
                output::data(&format!("{}\n", path.display()))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                left += 1;
                output::message(&format!("{} is there already and stays", path.display()));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(Failed::new(NEGATIVE, format!("{left} prompts were not written")).into()),
    }
}

fn usual_folder(configuration: &Configuration) -> PathBuf {
    let folder = configuration.load().ok().and_then(|loaded| loaded.snapshot.prompts.path.clone());
    folder.unwrap_or_else(|| PathBuf::from("prompts"))
}
