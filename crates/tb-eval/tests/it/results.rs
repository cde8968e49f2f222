//! The lines of `results.jsonl`.

use tb_eval::results::{CaseResult, Outcome};

#[test]
fn a_line_of_a_program_needs_an_id_and_an_outcome() {
    let line: CaseResult = serde_json::from_str(r#"{"id":"1","outcome":"pass"}"#).unwrap();
    assert_eq!((line.id.as_str(), line.outcome), ("1", Outcome::Pass));
    let line: CaseResult =
        serde_json::from_str(r#"{"id":"1","outcome":"fail","slice":"de","score":0.5}"#).unwrap();
    assert_eq!((line.slices.as_slice(), line.score), (["de".to_owned()].as_slice(), Some(0.5)));
    let line: CaseResult =
        serde_json::from_str(r#"{"id":"1","outcome":"error","slice":["de","long"]}"#).unwrap();
    assert_eq!(line.slices.len(), 2);
    assert!(serde_json::from_str::<CaseResult>(r#"{"id":"1","outcome":"fine"}"#).is_err());
}
