//! What retention and erasure do with the content log.

use std::io::ErrorKind;

use tb_core::ServiceName;
use tb_core::ports::{Shelf, StoreError};
use tb_core::retention::{Hold, Part, RecordKind};

use super::frames::{self, Place, day_bounds};
use super::keys::KeyFile;
use super::{ContentFiles, ContentReader, failed};

/// What came of destroying somebody's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shredded {
    /// Keys that are gone: one for each service and day.
    pub keys: u64,
    /// Keys of days that a legal hold keeps.
    pub held: u64,
}

impl ContentFiles {
    /// Destroys the keys of a person, of one service or of all: what was written under them can
    /// be read no more. `names` are the names that usage rows may have for the person.
    ///
    /// # Errors
    /// When the keys cannot be destroyed; none is then.
    pub fn shred(
        &self,
        names: &[String],
        service: Option<&ServiceName>,
        holds: &[Hold],
    ) -> Result<Shredded, StoreError> {
        // What waits was said before, and its keys must be there to be destroyed.
        self.flush();
        destroy(&mut self.writer.state().keys, (names, service), holds)
    }
}

impl ContentReader {
    /// The same from another process than the one that writes: what that one has not written yet
    /// can be read afterwards.
    ///
    /// # Errors
    /// When the keys cannot be destroyed; none is then.
    pub fn shred(
        &self,
        names: &[String],
        service: Option<&ServiceName>,
        holds: &[Hold],
    ) -> Result<Shredded, StoreError> {
        self.with_keys(|keys| destroy(keys, (names, service), holds))
    }
}

fn destroy(
    keys: &mut KeyFile,
    (names, service): (&[String], Option<&ServiceName>),
    holds: &[Hold],
) -> Result<Shredded, StoreError> {
    let is_held = |service: &ServiceName, day: i64| {
        let (from, until) = day_bounds(day);
        holds.iter().any(|hold| {
            hold.touches(RecordKind::Content, from, until)
                && hold.service.as_ref().is_none_or(|held| held == service)
        })
    };
    let (keys, held) = keys.destroy(names, service, &is_held)?;
    Ok(Shredded { keys, held })
}

impl Shelf for ContentFiles {
    fn kind(&self) -> RecordKind {
        RecordKind::Content
    }

    fn list(&self) -> Result<Vec<Part>, StoreError> {
        let part = |place: Place| Part {
            kind: RecordKind::Content,
            class: Some(place.class),
            from: place.span.start(),
            until: place.span.end(),
            // One that went meanwhile takes nothing.
            bytes: std::fs::metadata(place.path(&self.folder)).map_or(0, |file| file.len()),
            name: place.file_name(),
        };
        Ok(frames::places(&self.folder)?.into_iter().map(part).collect())
    }

    fn unlink(&self, part: &Part) -> Result<(), StoreError> {
        let Some(place) = Place::parse(&part.name) else {
            return Err(StoreError::Failed("there is no such file of the content log".to_owned()));
        };
        let mut state = self.writer.state();
        let path = place.path(&self.folder);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("delete", &path, &error));
            }
            _ => {}
        }
        state.whole.remove(&place);
        let days = frames::days(&self.folder)?;
        if !days.contains(&place.day()) {
            state.keys.forget_days_without(&days)?;
        }
        Ok(())
    }
}
