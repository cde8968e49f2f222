//! Prompts: versions that never change, and labels that point to them.

use super::StoreError;
use crate::AdminAct;
use crate::prompt::{LabelRecord, PromptRecord};

/// Prompt versions and labels. Every change is written together with the act that it is.
pub trait PromptStore: Send + Sync {
    /// All versions, by name and number.
    ///
    /// # Errors
    /// When the back end fails.
    fn prompts(&self) -> Result<Vec<PromptRecord>, StoreError>;

    /// Adds a version. There is no way to change or to remove one.
    ///
    /// # Errors
    /// `Conflict` when the name has this number or this hash already; when the back end fails.
    fn add_prompt(&self, prompt: &PromptRecord, act: &AdminAct) -> Result<(), StoreError>;

    /// All labels, by name of the prompt and of the label.
    ///
    /// # Errors
    /// When the back end fails.
    fn prompt_labels(&self) -> Result<Vec<LabelRecord>, StoreError>;

    /// Adds a label (revision 0), or replaces the one of its name, whose revision must be one
    /// less.
    ///
    /// # Errors
    /// `Conflict` when the stored label is another one than expected; when the back end fails.
    fn put_prompt_label(&self, label: &LabelRecord, act: &AdminAct) -> Result<(), StoreError>;

    /// A number that changes whenever another process added a version or moved a label; cheap
    /// enough to ask four times a second.
    ///
    /// # Errors
    /// When the back end fails.
    fn prompt_changes(&self) -> Result<u64, StoreError>;
}
