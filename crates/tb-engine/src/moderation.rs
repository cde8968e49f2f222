//! A configured model judges what is sent, or what is answered.

use crate::engine::Engine;
use crate::guarded::Guarded;
use crate::refusal::{Refusal, Refused};
use crate::request::RequestHead;
use crate::settlement::Settlement;
use crate::stages::deliver::Answer;
use crate::stages::scrub::Scrubbed;

/// Judges a request, after it was scrubbed and before anything else sees it.
///
/// # Errors
/// When it is judged harmful, or no judgement comes and the rules say that this blocks.
pub(crate) async fn judge_request(
    engine: &Engine,
    head: &RequestHead,
    scrubbed: &Scrubbed,
    settlement: &mut Settlement,
) -> Result<(), Refusal> {
    let _ = (engine, head, scrubbed, settlement);
    Ok(())
}

/// Judges an answer before anything of it is given. A stream is collected for that.
///
/// # Errors
/// As for requests. The provider's part is accounted all the same.
pub(crate) async fn judge_answer(
    engine: &Engine,
    head: &RequestHead,
    (answer, guarded): (Answer, &Guarded),
    settlement: &mut Settlement,
) -> Result<Answer, Refused> {
    let _ = (engine, head, guarded, settlement);
    Ok(answer)
}
