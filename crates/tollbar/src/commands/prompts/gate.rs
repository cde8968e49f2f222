//! The gate before protected labels: an evaluation run on exactly the version that is promoted.

use std::path::Path;

use tb_core::prompt::{Candidate, Evidence, PromotionGate};
use tb_eval::gate::Wanted;

use crate::commands::eval::evidence;

/// Where runs and baselines lie, as for `eval`.
const EVALUATIONS: &str = "evaluations";

/// Asks the evaluations beside the configuration. The admin API has no such gate: what it is sent
/// must not name files of this machine.
pub(super) struct EvaluationGate;

impl PromotionGate for EvaluationGate {
    fn judge(&self, candidate: &Candidate<'_>, run: &str) -> Result<Evidence, String> {
        let wanted = Wanted::PromptHash(&candidate.version.hash);
        let found = evidence::of_run(run, Path::new(EVALUATIONS), wanted)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Evidence { id: found.run, hash: found.hash })
    }
}
