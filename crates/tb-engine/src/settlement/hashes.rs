//! What the audit log keeps of the content: keyed hashes of the masked request and of the
//! provider's answer, by which a text that somebody holds can be matched with its request.

use ring::hmac;
use tb_config::AuditPolicy;
use tb_core::ports::JournalEntry;

use super::Settlement;
use crate::refusal::Refusal;
use crate::stages::compose::Body;

/// The hash of an answer under way.
#[derive(Default)]
pub(super) struct AnswerHash {
    /// The tenant's key.
    key: Option<hmac::Key>,
    under_way: Option<hmac::Context>,
}

impl Settlement {
    /// Notes the request as it may leave.
    pub(crate) fn note_request(&mut self, body: &Body) {
        let key = self.tenant_key();
        let bytes = match body {
            Body::Empty => return,
            Body::Json(document) => document.bytes(),
            Body::Form(form, _) => form.body(),
        };
        self.row.request_hmac = hmac::sign(&key, bytes).as_ref().try_into().ok();
    }

    /// Notes the next bytes of the provider's answer, as they come.
    pub(crate) fn note_answer(&mut self, bytes: &[u8]) {
        if self.answer.under_way.is_none() {
            let key = self.tenant_key();
            self.answer.under_way = Some(hmac::Context::with_key(&key));
        }
        if let Some(under_way) = &mut self.answer.under_way {
            under_way.update(bytes);
        }
    }

    /// Writes the hash of the answer so far into the row; the next attempt has its own.
    pub(super) fn write_answer_hash(&mut self) {
        let ended = self.answer.under_way.take().map(hmac::Context::sign);
        self.row.answer_hmac = ended.and_then(|tag| tag.as_ref().try_into().ok());
    }

    fn tenant_key(&mut self) -> hmac::Key {
        let (keys, service) = (&self.shared.guard_keys, &self.row.service);
        let make = || keys.signing(service);
        self.answer.key.get_or_insert_with(make).clone()
    }

    /// Writes down what must stand in the audit log before anything is sent or answered. A
    /// service that can do without is served nonetheless, and it is counted.
    pub(super) fn record(&self, entry: JournalEntry<'_>) -> Result<(), Refusal> {
        if self.append(entry).is_ok() {
            return Ok(());
        }
        let service = self.runtime.snapshot.services.get(&self.row.service);
        if service.is_none_or(|service| service.audit == AuditPolicy::Required) {
            return Err(Refusal::AuditUnavailable);
        }
        self.shared.metrics.dropped.get_or_create(&vec![("what", "audit".to_owned())]).inc();
        Ok(())
    }
}
