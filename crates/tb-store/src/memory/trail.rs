//! A log without records, for tests of what stands beside the log: a gateway whose storage is in
//! memory writes its log to a temporary folder like any other.

use tb_core::audit::{
    AuditFilter, AuditPage, AuditTrail, Checkpoint, Frontier, InclusionProof, SCHEMA_VERSION,
    Verification,
};
use tb_core::ports::StoreError;

use super::MemoryStore;

impl AuditTrail for MemoryStore {
    fn page(&self, _: &AuditFilter, _: usize) -> Result<AuditPage, StoreError> {
        Ok(AuditPage::default())
    }

    fn verify(&self) -> Result<Verification, StoreError> {
        let nothing = Checkpoint { size: 0, root: Frontier::default().root() };
        Ok(Verification {
            schema_version: SCHEMA_VERSION,
            ok: true,
            records: 0,
            tree_head: nothing.root_base64(),
            first_bad: None,
            fault: None,
            signed_records: 0,
            witnessed_records: None,
            retired_records: 0,
            public_key: self.public_key(),
        })
    }

    fn prove(&self, _: u64) -> Result<Option<InclusionProof>, StoreError> {
        Ok(None)
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn public_key(&self) -> String {
        String::new()
    }
}
