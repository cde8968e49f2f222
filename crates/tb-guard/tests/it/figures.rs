//! The figures of `docs/guard.md`, as limits: on identifiers that are made here, and on the
//! development data where it lies beside the repository.

mod made;

#[path = "../../examples/figures/labelled.rs"]
mod labelled;
#[path = "../../examples/figures/quality.rs"]
mod quality;

use std::path::Path;
use std::process::Command;

use tb_guard::score::{Score, Tally, covered, places, share};
use tb_guard::{Guard, GuardSettings};

fn guard() -> Guard {
    Guard::new(&GuardSettings { without_names: true, ..Default::default() }).unwrap()
}

#[test]
fn finds_identifiers_that_are_made_here() {
    let guard = guard();
    let mut score = Score::default();
    let mut wrong = Vec::new();
    for text in made::structured(1_000) {
        let findings = guard.scan(&text.text).findings;
        let before = score.of(|_| true);
        score.add(&text, &findings);
        let after = score.of(|_| true);
        if (after.right - before.right, after.found - before.found) != (1, 1) {
            wrong.push(text.text);
        }
    }
    let shares = score.of(|_| true).shares();
    assert_eq!(shares.gold, 1_000);
    assert!(shares.precision >= Some(0.99), "{:?}: {wrong:#?}", shares.precision);
    assert!(shares.recall >= Some(0.995), "{:?}: {wrong:#?}", shares.recall);
}

#[test]
fn hides_identifiers_that_are_disguised_here() {
    let guard = guard();
    let (mut spans, mut hidden) = (0, 0);
    let mut shown = Vec::new();
    for (technique, text) in made::disguised(10) {
        let found = places(&text.text, &guard.scan(&text.text).findings);
        let span = &text.spans[0];
        spans += 1;
        if 10 * covered(span.start, span.end, &found) >= 9 * (span.end - span.start) {
            hidden += 1;
        } else {
            shown.push((technique, text.text));
        }
    }
    assert!(share(hidden, spans) >= Some(0.95), "{hidden} of {spans}: {shown:#?}");
}

#[test]
fn leaves_texts_without_identifiers_alone() {
    let guard = Guard::new(&GuardSettings::default()).unwrap();
    let texts = made::harmless();
    let hit: Vec<_> = texts.iter().filter(|text| !guard.scan(text).findings.is_empty()).collect();
    assert!(hit.is_empty(), "{} of {}: {hit:#?}", hit.len(), texts.len());
}

/// The folder of the development data, unpacked; `None` where it is not beside the repository.
fn development_data() -> Option<tempfile::TempDir> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pii");
    let unpacked = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(packed).ok()? {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".gz") {
            let plain = Command::new("gzip").arg("-dc").arg(&path).output().unwrap();
            assert!(plain.status.success(), "gzip cannot read {name}");
            std::fs::write(unpacked.path().join(name), plain.stdout).unwrap();
        }
    }
    Some(unpacked)
}

#[test]
fn keeps_its_promises_on_the_development_data() {
    let Some(folder) = development_data() else { return };
    let quality = quality::measure(folder.path()).unwrap();
    let all = |scored: &quality::Scored| {
        let mut sum = Tally::default();
        for one in scored.by_kind.values() {
            sum += Tally { gold: one.gold, found: one.found, right: one.right };
        }
        sum.shares()
    };
    let structured = all(&quality.structured);
    assert!(structured.precision >= Some(0.99) && structured.recall >= Some(0.995));
    let negatives = &quality.hard_negatives;
    assert!(share(negatives.hit, negatives.texts) <= Some(0.01), "{:?}", negatives.by_kind);
    assert!(share(negatives.hit_with_secrets, negatives.texts) <= Some(0.003));
    for (tier, least) in [("must", 0.95), ("best_effort", 0.5)] {
        let of = quality.disguises.iter().filter(|one| one.tier == tier);
        let (spans, hidden) = of.fold((0, 0), |sum, one| (sum.0 + one.spans, sum.1 + one.hidden));
        assert!(share(hidden, spans) >= Some(least), "{tier}: {hidden} of {spans}");
    }
    let secrets = &quality.secrets;
    assert!(share(secrets.hidden, secrets.spans) >= Some(0.99), "{:?}", secrets.missed);
    let names = &quality.sentences.names_characters;
    assert!(names.recall >= Some(0.85) && names.precision >= Some(0.85));
    assert!(all(&quality.sentences).f1 >= Some(0.6));
}
