//! Reports and receipts: signed, and one line each in a file.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use serde::Serialize;
use tb_core::ports::{Signature, StoreError};

use super::Retention;

impl Retention {
    /// The signature over the JSON of a value whose own signature is not set yet.
    pub(super) fn signature_of<T: Serialize>(
        &self,
        unsigned: &T,
    ) -> Result<Option<Signature>, StoreError> {
        let bytes =
            serde_json::to_vec(unsigned).map_err(|fault| StoreError::Failed(fault.to_string()))?;
        Ok((self.parts.sign)(&bytes))
    }

    /// Appends a value as one line to a file of the folder of reports.
    pub(super) fn write_line<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let Some(folder) = &self.parts.reports else { return Ok(()) };
        let mut line =
            serde_json::to_vec(value).map_err(|fault| StoreError::Failed(fault.to_string()))?;
        line.push(b'\n');
        let path = folder.join(name);
        let write = || {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            file.write_all(&line)?;
            file.sync_data()
        };
        write().map_err(|fault| {
            StoreError::Failed(format!("cannot write the report {}: {fault}", path.display()))
        })
    }
}
