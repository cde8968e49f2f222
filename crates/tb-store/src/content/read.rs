//! Reading, also from another process than the one that writes.

use std::collections::HashMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tb_core::content::{ContentEntry, ContentFilter, ContentTrail, MasterKey, SubjectKey};
use tb_core::ports::StoreError;
use tb_core::retention::Span;
use tb_core::{DataClass, RequestId, ServiceName, Timestamp};

use super::frames::{self, Frame, Place};
use super::keys::KeyFile;
use super::{failed, lock};

/// Takes entries one by one, and says when it is enough.
type Taker<'a> = dyn FnMut(ContentEntry) -> Result<ControlFlow<()>, StoreError> + 'a;

/// The content log, for reading.
pub struct ContentReader {
    folder: PathBuf,
    master: Arc<MasterKey>,
    keys: Mutex<Option<KeyFile>>,
}

/// The keys met on the way; `None` for those that are destroyed.
type Met = HashMap<u64, Option<(ServiceName, SubjectKey)>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

impl ContentReader {
    /// Opens a log that need not exist yet.
    ///
    /// # Errors
    /// `Failed` when its keys cannot be read or are wrapped by another master key.
    pub fn open(folder: &Path, master: &Arc<MasterKey>) -> Result<Self, StoreError> {
        let keys = Mutex::new(KeyFile::open(folder, master)?);
        Ok(Self { folder: folder.to_owned(), master: Arc::clone(master), keys })
    }

    /// Gives every entry that can be read, the oldest first.
    ///
    /// # Errors
    /// When the log cannot be read, or `take` fails.
    pub fn export(
        &self,
        filter: &ContentFilter,
        take: &mut dyn FnMut(ContentEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.walk(filter, Order::OldestFirst, &mut |entry| take(entry).map(ControlFlow::Continue))
    }

    /// Wraps all keys by another master key, which is the one from then on; gives their number.
    /// Entries stay as they are.
    ///
    /// # Errors
    /// When a key cannot be wrapped anew: then all stay as they were.
    pub fn rewrap(&self, successor: &MasterKey) -> Result<u64, StoreError> {
        self.with_keys(|keys| keys.rewrap(successor))
    }

    /// What `work` does with the keys; nothing where there are none yet.
    pub(super) fn with_keys<T: Default>(
        &self,
        work: impl FnOnce(&mut KeyFile) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut keys = lock(&self.keys);
        if keys.is_none() {
            // The log began after this reader.
            *keys = KeyFile::open(&self.folder, &self.master)?;
        }
        keys.as_mut().map_or_else(|| Ok(T::default()), work)
    }

    fn walk(
        &self,
        filter: &ContentFilter,
        order: Order,
        take: &mut Taker<'_>,
    ) -> Result<(), StoreError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let mut spans: Vec<Span> =
            frames::places(&self.folder)?.iter().map(|place| place.span).collect();
        spans.sort_unstable();
        spans.dedup();
        spans.retain(|span| {
            filter.since.is_none_or(|since| since < span.end())
                && filter.until.is_none_or(|until| span.start() < until)
        });
        if order == Order::NewestFirst {
            spans.reverse();
        }
        let mut met = Met::new();
        for span in spans {
            if self.walk_span(span, (filter, order), &mut met, take)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn walk_span(
        &self,
        span: Span,
        (filter, order): (&ContentFilter, Order),
        met: &mut Met,
        take: &mut Taker<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut files = Vec::new();
        for class in DataClass::ALL {
            files.extend(frames::open(&self.folder, Place { span, class })?);
        }
        let mut found: Vec<(Frame, &File)> = Vec::new();
        for file in &files {
            let (frames, _) =
                frames::frames(file).map_err(|error| failed("read", &self.folder, &error))?;
            found.extend(frames.into_iter().map(|frame| (frame, file)));
        }
        found.retain(|(frame, _)| {
            let at = Timestamp(frame.request.unix_ms());
            filter.since.is_none_or(|since| at >= since)
                && filter.until.is_none_or(|until| at < until)
        });
        found.sort_by_key(|(frame, _)| frame.request);
        if order == Order::NewestFirst {
            found.reverse();
        }
        for (frame, file) in found {
            if let Some(entry) = self.opened(frame, file, filter.service.as_ref(), met)?
                && take(entry)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The entry; `None` when its key is destroyed, it is damaged or another service's.
    fn opened(
        &self,
        frame: Frame,
        file: &File,
        service: Option<&ServiceName>,
        met: &mut Met,
    ) -> Result<Option<ContentEntry>, StoreError> {
        let key = match met.entry(frame.key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(self.key(frame.key)?),
        };
        let Some((owner, key)) = key else { return Ok(None) };
        if service.is_some_and(|service| service != owner) {
            return Ok(None);
        }
        let sealed = frame.sealed(file).map_err(|error| failed("read", &self.folder, &error))?;
        let entry = sealed.and_then(|sealed| key.open(&sealed));
        Ok(entry.filter(|entry| entry.request_id == frame.request))
    }

    fn key(&self, number: u64) -> Result<Option<(ServiceName, SubjectKey)>, StoreError> {
        self.with_keys(|keys| keys.by_number(number))
    }
}

impl ContentTrail for ContentReader {
    fn read(&self, request: RequestId) -> Result<Option<ContentEntry>, StoreError> {
        for class in DataClass::ALL {
            let Some(file) = frames::open(&self.folder, Place::of(request, class))? else {
                continue;
            };
            let (frames, _) =
                frames::frames(&file).map_err(|error| failed("read", &self.folder, &error))?;
            let found = frames.into_iter().rev().find(|frame| frame.request == request);
            if let Some(frame) = found {
                return self.opened(frame, &file, None, &mut Met::new());
            }
        }
        Ok(None)
    }

    fn list(&self, filter: &ContentFilter, limit: usize) -> Result<Vec<ContentEntry>, StoreError> {
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        self.walk(filter, Order::NewestFirst, &mut |entry| {
            entries.push(entry);
            let is_enough = entries.len() >= limit;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(entries)
    }
}

impl std::fmt::Debug for ContentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentReader").field("folder", &self.folder).finish_non_exhaustive()
    }
}
