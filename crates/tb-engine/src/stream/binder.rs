//! Which provider keeps a stored response.

use tb_core::ports::ResponseBinding;
use tb_core::{ModelName, ProviderName};

use crate::settlement::Settlement;

/// The longest id of a stored response; OpenAI's have 53 characters.
const MAX_ID_BYTES: usize = 256;

/// Whether a text can be the id of a stored response: it stands in paths and in records.
pub(crate) fn is_response_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Knows how to write down which provider keeps a stored response.
#[derive(Debug, Clone)]
pub(crate) struct Binder {
    pub(crate) provider: ProviderName,
    pub(crate) key_index: u32,
    /// The fallback model that answered in the place of the requested one.
    pub(crate) model: Option<ModelName>,
}

impl Binder {
    /// The binding of `response_id` for the request of `settlement`. An id that no client
    /// could name later is not kept.
    pub(crate) fn bind(&self, response_id: &str, settlement: &mut Settlement) {
        if !is_response_id(response_id) {
            return;
        }
        let row = settlement.row();
        let binding = ResponseBinding {
            response_id: response_id.to_owned(),
            service: row.service.clone(),
            provider: self.provider.clone(),
            model: self.model.clone().unwrap_or_else(|| row.model_requested.clone()),
            key_index: self.key_index,
            created_at: row.started_at,
        };
        settlement.bind_response(&binding);
    }
}
