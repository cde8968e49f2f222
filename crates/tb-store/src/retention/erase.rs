//! Erasure of one person, store after store.

use tb_core::ports::{AnswerFilter, ErasedStore, ErasureReceipt, Pseudonymisation, StoreError};
use tb_core::{Actor, AdminAct, ServiceName, Timestamp};

use super::{Retention, Subject, counted, random_hex};

/// The file of receipts.
const RECEIPTS: &str = "erasures.jsonl";

impl Retention {
    /// See [`tb_core::ports::RecordKeeping::erase`].
    pub(super) fn erase_everywhere(
        &self,
        subject: &str,
        service: Option<&ServiceName>,
        actor: Actor,
    ) -> Result<ErasureReceipt, StoreError> {
        let pseudonym = format!("erased:{}", random_hex()?);
        let kept_names = (self.parts.kept_names)(subject, service);
        let holds = self.parts.store.holds()?;
        let subject = Subject { name: subject, kept_names: &kept_names, service, holds: &holds };
        let mut stores = vec![self.empty_journal()?, self.purge_kept_answers(service)?];
        for erase in &self.parts.subjects {
            stores.push(erase(&subject)?);
        }
        // Last: it also clears what the steps before left in the database's log.
        stores.push(self.pseudonymise(&subject, &pseudonym)?);
        let mut receipt = ErasureReceipt {
            schema_version: 1,
            at: self.parts.clock.now(),
            complete: stores.iter().all(|store| store.held == 0),
            pseudonym,
            service: service.cloned(),
            stores,
            signature: None,
        };
        receipt.signature = self.signature_of(&receipt)?;
        self.write_line(RECEIPTS, &receipt)?;
        self.note_erasure(&receipt, actor)?;
        Ok(receipt)
    }

    /// Brings everything out of the journal into the store.
    fn empty_journal(&self) -> Result<ErasedStore, StoreError> {
        let journal = &self.parts.journal;
        let segments = journal.segment_count();
        journal.retire(Timestamp(i64::MAX))?;
        Ok(ErasedStore {
            store: "journal".to_owned(),
            action: "retired".to_owned(),
            count: u64::try_from(segments).unwrap_or(u64::MAX),
            held: 0,
        })
    }

    /// Kept answers do not say for whom they were made: those of the whole tenant go.
    fn purge_kept_answers(&self, service: Option<&ServiceName>) -> Result<ErasedStore, StoreError> {
        let filter = AnswerFilter { service: service.cloned(), ..AnswerFilter::default() };
        Ok(ErasedStore {
            store: "answers".to_owned(),
            action: "deleted".to_owned(),
            count: (self.parts.purge_answers)(&filter)?,
            held: 0,
        })
    }

    fn pseudonymise(
        &self,
        subject: &Subject<'_>,
        pseudonym: &str,
    ) -> Result<ErasedStore, StoreError> {
        let done = self.parts.store.pseudonymise(&Pseudonymisation {
            names: subject.kept_names.to_vec(),
            service: subject.service.cloned(),
            pseudonym: pseudonym.to_owned(),
            holds: subject.holds.to_vec(),
        })?;
        Ok(ErasedStore {
            store: "usage".to_owned(),
            action: "pseudonymised".to_owned(),
            count: done.rows,
            held: done.held_files,
        })
    }

    /// The act names the pseudonym only.
    fn note_erasure(&self, receipt: &ErasureReceipt, actor: Actor) -> Result<(), StoreError> {
        let counts: Vec<(&str, u64)> =
            receipt.stores.iter().map(|store| (store.store.as_str(), store.count)).collect();
        let act = self.act(actor, "subject.erase", receipt.pseudonym.clone());
        self.parts.acts.note_act(&AdminAct { after: Some(counted(&counts)), ..act })
    }
}
