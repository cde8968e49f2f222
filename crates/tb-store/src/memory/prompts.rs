//! Prompt versions and labels.

use tb_core::AdminAct;
use tb_core::ports::{PromptStore, StoreError};
use tb_core::prompt::{LabelRecord, PromptRecord};

use super::MemoryStore;

impl PromptStore for MemoryStore {
    fn prompts(&self) -> Result<Vec<PromptRecord>, StoreError> {
        Ok(self.state().prompts.values().cloned().collect())
    }

    fn add_prompt(&self, prompt: &PromptRecord, act: &AdminAct) -> Result<(), StoreError> {
        let mut state = self.state();
        let mut known = state.prompts.values().filter(|known| known.name == prompt.name);
        if known.any(|known| known.number == prompt.number || known.hash == prompt.hash) {
            let what = format!("prompt {}@{}", prompt.name, prompt.number);
            return Err(StoreError::Conflict(what));
        }
        state.prompts.insert((prompt.name.clone(), prompt.number), prompt.clone());
        state.note(act);
        state.prompt_changes += 1;
        Ok(())
    }

    fn prompt_labels(&self) -> Result<Vec<LabelRecord>, StoreError> {
        Ok(self.state().prompt_labels.values().cloned().collect())
    }

    fn put_prompt_label(&self, label: &LabelRecord, act: &AdminAct) -> Result<(), StoreError> {
        let mut state = self.state();
        let key = (label.name.clone(), label.label.clone());
        let expected = label.revision.checked_sub(1);
        if state.prompt_labels.get(&key).map(|known| known.revision) != expected {
            let what = format!("label {} of prompt {}", label.label, label.name);
            return Err(StoreError::Conflict(what));
        }
        state.prompt_labels.insert(key, label.clone());
        state.note(act);
        state.prompt_changes += 1;
        Ok(())
    }

    fn prompt_changes(&self) -> Result<u64, StoreError> {
        Ok(self.state().prompt_changes)
    }
}
