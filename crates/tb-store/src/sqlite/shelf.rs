//! The files of usage rows as what retention deletes.

use tb_core::ports::{Shelf, StoreError};
use tb_core::retention::{Part, RecordKind};

use super::SqliteStore;
use super::partitions::Place;

impl Shelf for SqliteStore {
    fn kind(&self) -> RecordKind {
        RecordKind::Requests
    }

    fn list(&self) -> Result<Vec<Part>, StoreError> {
        self.partitions.sweep()?;
        let part = |place: Place| Part {
            kind: RecordKind::Requests,
            class: Some(place.class),
            from: place.span.start(),
            until: place.span.end(),
            bytes: self.partitions.bytes(place),
            name: place.file_name(),
        };
        Ok(self.partitions.places()?.into_iter().map(part).collect())
    }

    fn unlink(&self, part: &Part) -> Result<(), StoreError> {
        match Place::parse(&part.name) {
            Some(place) => self.partitions.unlink(place),
            None => Err(StoreError::Failed("there is no such file of usage rows".to_owned())),
        }
    }
}
