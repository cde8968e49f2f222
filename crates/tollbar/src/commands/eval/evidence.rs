//! What `models lock --evidence` and `prompts promote` ask: does this run permit the promotion?

use std::path::Path;

use tb_eval::compare::{Options, Vary, compare};
use tb_eval::gate::{self, Evidence, Wanted};

use super::runs;
use crate::failure::{Failed, NEGATIVE, USAGE};

/// Compares a run with the blessed baseline of its suite, and asks the gate. Whatever the caller
/// shows as the reason comes from here; a refusal ends with exit code 1.
pub(crate) fn of_run(
    run: &str,
    evaluations: &Path,
    wanted: Wanted<'_>,
) -> anyhow::Result<Evidence> {
    let candidate = runs::read(run, evaluations)?;
    let (blessed, baseline) = runs::blessed(&candidate, evaluations)?;
    let vary = match wanted {
        Wanted::Target(_) => Vary::Model,
        Wanted::PromptHash(_) => Vary::Prompt,
    };
    let compared = compare(&baseline, &candidate, &Options { vary, ..Options::default() })
        .map_err(|refusal| Failed::new(USAGE, refusal.to_string()))?;
    let evidence = gate::passes(&compared, &blessed, wanted)
        .map_err(|refusal| Failed::new(NEGATIVE, refusal.to_string()))?;
    Ok(evidence)
}
