//! The content log of a running gateway.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use tb_config::{ContentLogSettings, Snapshot};
use tb_core::RequestId;
use tb_core::content::{ContentEntry, ContentTrail, MasterKey};
use tb_core::ports::StoreError;
use tb_engine::{ContentSink, Engine};
use tb_store::{ContentFiles, ContentParts};

/// The log, if the configuration has one.
pub(super) struct Content {
    pub(super) log: Option<Arc<ContentFiles>>,
}

/// The engine's end of it.
struct Sink(Arc<ContentFiles>);

impl ContentSink for Sink {
    fn offer(&self, entry: ContentEntry) {
        self.0.offer(entry);
    }
}

/// The admin API's end of it.
struct Trail(Arc<ContentFiles>);

impl ContentTrail for Trail {
    fn read(&self, request: RequestId) -> Result<Option<ContentEntry>, StoreError> {
        self.0.reader().read(request)
    }

    fn list(
        &self,
        filter: &tb_core::content::ContentFilter,
        limit: usize,
    ) -> Result<Vec<ContentEntry>, StoreError> {
        self.0.reader().list(filter, limit)
    }
}

impl Content {
    /// Opens it and hands it to the engine.
    pub(super) fn open(snapshot: &Snapshot, engine: &Engine) -> anyhow::Result<Self> {
        let Some(settings) = &snapshot.content_log else { return Ok(Self { log: None }) };
        let metrics = Arc::clone(engine.metrics());
        let log = ContentFiles::open(ContentParts {
            folder: settings.path.clone(),
            master: master_key(settings)?,
            note_lost: Box::new(move |count| metrics.count_lost_content(count)),
        });
        let log = Arc::new(log.context("cannot open the content log")?);
        engine.keep_content(Arc::new(Sink(Arc::clone(&log))));
        Ok(Self { log: Some(log) })
    }

    /// For the admin API.
    pub(super) fn trail(&self) -> Option<Arc<dyn ContentTrail>> {
        self.log.as_ref().map(|log| Arc::new(Trail(Arc::clone(log))) as Arc<dyn ContentTrail>)
    }

    /// Writes what waits.
    pub(super) fn close(&self) {
        if let Some(log) = &self.log {
            log.close();
        }
    }
}

/// The master key of the configuration.
pub(crate) fn master_key(settings: &ContentLogSettings) -> anyhow::Result<Arc<MasterKey>> {
    let bytes = ContentLogSettings::key_bytes(&settings.master_key)
        .ok_or_else(|| anyhow!("content_log.master_key is not 32 bytes in hex or base64"))?;
    Ok(Arc::new(MasterKey::from_bytes(&bytes)))
}
