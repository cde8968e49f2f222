//! `[prompts]`

use std::path::PathBuf;
use std::sync::Arc;

use tb_core::prompt::PromptSource;

/// `[prompts]`: the files as they were read, and who may move what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRules {
    /// `path`, absolute; `None` where there is no such section.
    pub path: Option<PathBuf>,
    /// `protected`: labels that move with evidence or an override.
    pub protected: Vec<String>,
    /// The prompts of the files, by name.
    pub sources: Vec<Arc<PromptSource>>,
}

impl Default for PromptRules {
    fn default() -> Self {
        Self { path: None, protected: vec!["production".to_owned()], sources: Vec::new() }
    }
}
