//! The measured part of `docs/guard.md`, between two markers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::figures::{Figures, Hostile, Scored, SetUp};
use super::tally::{Shares, Tally, share};
use super::targets;
use crate::bench::report::{Machine, number};

const BEGIN: &str = "<!-- guard-report: written by `cargo xtask guard-report`, do not edit -->";
const END: &str = "<!-- guard-report: end -->";

/// Figures of another program on the whole sets, of which the development halves are a part.
const YARDSTICK: &str = "\
For comparison, measured by us in November 2026 on one core: Presidio 2.2.366 with spaCy's medium
model, threshold 0.4, each set whole (development and held-back rows together, so not the same rows
as above). The 1,500 sentences: strict precision .544, recall .428, F1 .479; structured types F1
.860; people F1 .717; characters found .572 at precision .874; 105 to 115 sentences for each second
of a core. Structured identifiers (1,200 texts): .988 / .772 / F1 .867. Disguises: 73 of 600 hidden
(47 of 420 that must be, 26 of 180 of the best effort). Hard negatives: 213 of 600 texts hit, 105
not counting dates and addresses of machines.
";

/// Puts the measured part into the page.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let page =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no marker for figures")?;
    let (_, after) = rest.split_once(END).context("the page has no marker for their end")?;
    fs::write(path, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The measured part.
pub(crate) fn measured(figures: &Figures, machine: &Machine) -> String {
    let quality = &figures.quality;
    format!(
        "Measured by `cargo xtask guard-report` on {date}, on a machine of {cores} cores ({processor}, \
         {memory} GiB, {kernel}; load before the run {load}). The labelled texts are development \
         halves that are no part of this repository; figures on other texts are lower.\n\n\
         {targets}\n### Structured identifiers\n\n{structured}\n{negatives}\n\
         ### Disguises\n\n{disguises}\n### Secrets\n\n{secrets}\n\
         ### Sentences with names and places\n\n{sentences}\n{YARDSTICK}\n\
         ### Signals of prompt injection\n\n{injection}\n### Speed\n\n{speed}",
        date = machine.date,
        cores = machine.cores,
        processor = machine.processor,
        memory = machine.memory_gib,
        kernel = machine.kernel,
        load = machine.load_before,
        targets = targets(figures),
        structured = structured(&quality.structured),
        negatives = negatives(figures),
        disguises = disguises(figures),
        secrets = secrets(figures),
        sentences = sentences(figures),
        injection = injection(figures),
        speed = speed(figures),
    )
}

fn targets(figures: &Figures) -> String {
    let mut text = String::from("| what | target | measured | verdict |\n|---|---|---:|---|\n");
    for target in targets::all(figures) {
        let verdict = if target.is_kept { "kept" } else { "**falls short**" };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {verdict} |",
            target.what, target.wanted, target.measured
        );
    }
    text
}

fn structured(scored: &Scored) -> String {
    let by_kind = scored.by_kind.iter().map(|(kind, counts)| (kind.clone(), counts.tally()));
    format!(
        "{} texts (prompts, JSON, SQL, XML). Right means: the same first and last character, and \
         the same type.\n\n{}",
        scored.texts,
        by_type(by_kind.collect(), &[("all", scored.of(|_| true))])
    )
}

/// A row for each type, most frequent first, and one for each sum.
fn by_type(types: BTreeMap<String, Tally>, sums: &[(&str, Tally)]) -> String {
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.gold));
    let mut text = String::from(
        "| type | there | found | right | precision | recall | recall, 95 % interval | F1 | F2 |\n\
         |---|---:|---:|---:|---:|---:|---|---:|---:|\n",
    );
    for (kind, tally) in &types {
        text += &row(&format!("`{kind}`"), &tally.shares());
    }
    for (name, tally) in sums {
        text += &row(&format!("**{name}**"), &tally.shares());
    }
    text
}

fn row(name: &str, shares: &Shares) -> String {
    let interval = shares
        .recall_interval
        .map_or("–".to_owned(), |[low, high]| format!("{low:.3} to {high:.3}"));
    format!(
        "| {name} | {} | {} | {} | {} | {} | {interval} | {} | {} |\n",
        shares.gold,
        shares.found,
        shares.right,
        figure(shares.precision),
        figure(shares.recall),
        figure(shares.f1),
        figure(shares.f2),
    )
}

fn figure(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{share:.3}"))
}

fn negatives(figures: &Figures) -> String {
    let negatives = &figures.quality.hard_negatives;
    let kinds: Vec<_> =
        negatives.by_kind.iter().map(|(kind, count)| format!("`{kind}` {count}")).collect();
    let with = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    format!(
        "Hard negatives (order numbers, versions, test code and the like): {} of {} texts have a \
         finding{with}.\n",
        negatives.hit, negatives.texts
    )
}

fn disguises(figures: &Figures) -> String {
    let mut text = String::from(
        "A disguised identifier counts as hidden when nine tenths of it were found.\n\n\
         | tier | technique | there | hidden |\n|---|---|---:|---:|\n",
    );
    for one in &figures.quality.disguises {
        let tier = one.tier.replace('_', " ");
        let _ = writeln!(text, "| {tier} | `{}` | {} | {} |", one.technique, one.spans, one.hidden);
    }
    for tier in ["must", "best_effort"] {
        let (spans, hidden) = figures.tier(tier);
        let _ = writeln!(text, "| **{}** | | {spans} | {hidden} |", tier.replace('_', " "));
    }
    text
}

fn secrets(figures: &Figures) -> String {
    let (secrets, negatives) = (&figures.quality.secrets, &figures.quality.hard_negatives);
    let mut text = format!(
        "{} of {} secrets (random values in documented formats, passwords in assignments and in \
         sentences) are hidden, {} of them as secrets. {} findings lie elsewhere in those texts. \
         A secret counts as hidden when its whole value was found; what announces it may stay. {} \
         of {} hard negatives have a secret.\n",
        secrets.hidden,
        secrets.spans,
        secrets.as_secret,
        secrets.elsewhere,
        negatives.hit_with_secrets,
        negatives.texts,
    );
    if !secrets.missed.is_empty() {
        let missed: Vec<_> =
            secrets.missed.iter().map(|(label, count)| format!("`{label}` {count}")).collect();
        let _ = writeln!(text, "\nMissed: {}.", missed.join(", "));
    }
    text
}

fn sentences(figures: &Figures) -> String {
    let (sentences, apart) = (&figures.quality.sentences, &figures.apart);
    let types = figures.sentences_apart();
    let (mut all, mut names) = (Tally::default(), Tally::default());
    for tally in types.values() {
        all += *tally;
    }
    for tally in apart.by_kind.values() {
        names += *tally;
    }
    let form = sentences.of(|counts| counts.structured);
    let shipped = sentences.of(|_| true).shares();
    format!(
        "{texts} sentences made of templates and invented identities. Types without a form of their \
         own are found by a tagger that learned from these same sentences, so they are measured in \
         five rounds: each time with weights that have not seen a fifth of the templates, on that \
         fifth. What stays easy is that the kept sentences come from the same generator, with names \
         and addresses of the same lists; real letters are harder.\n\n{table}\n\
         Of the characters of names, places and the like, {recall:.3} are found at a precision of \
         {precision:.3} (in bytes, without regard to the type).\n\n\
         The weights that are part of the program have seen these sentences. With them the same \
         figures are, and prove little: strict F1 of all types {f1}, characters of names and places \
         {seen_recall} at {seen_precision}, characters of all types {all_recall} at {all_precision}, \
         {covered} of the spans from end to end.\n",
        texts = sentences.texts,
        table = by_type(
            types,
            &[("types with a form", form), ("names, places and the like", names), ("all", all)]
        ),
        recall = apart.recall,
        precision = apart.precision,
        f1 = figure(shipped.f1),
        seen_recall = figure(sentences.names_characters.recall),
        seen_precision = figure(sentences.names_characters.precision),
        all_recall = figure(sentences.characters.recall),
        all_precision = figure(sentences.characters.precision),
        covered = figure(sentences.covered.share),
    )
}

fn injection(figures: &Figures) -> String {
    let seen = &figures.quality.injection;
    format!(
        "At the default threshold {} of {} texts of the sets above, which hold no attempt at one, \
         have a signal (a share of {}). Of sentences of our own that were held out when words and weights were \
         chosen, {} of {} attempts are noticed ({}), and {} of {} harmless ones that speak of the \
         same things. No public set of attacks was at hand; somebody who knows the list writes \
         around it.\n",
        seen.signalled,
        seen.texts,
        figure(share(seen.signalled, seen.texts)),
        seen.noticed,
        seen.attempts,
        figure(share(seen.noticed, seen.attempts)),
        seen.harmless_signalled,
        seen.harmless,
    )
}

fn speed(figures: &Figures) -> String {
    let mut text = String::from(
        "CPU time of one thread, each set-up in turn in nine rounds, medians; prompts of our own \
         with an identifier in about every 900 bytes. The sentences are those above, about 85 bytes \
         each.\n\n| | 4 KB prompts | one text of 1 MiB | 4 KB prompt p50 / p99 | 1 KB prompt p50 / \
         p99 | sentences |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for set_up in &figures.speed.set_ups {
        text += &speed_row(set_up);
    }
    if let Some(full) = figures.set_up("with names") {
        let _ = write!(
            text,
            "\n1,000 prompts of 1 KB a second cost {:.2} of a core with names. ",
            full.prompt_1k_mean_us / 1_000.0
        );
    }
    if let Some(secrets) = figures.set_up("with secrets") {
        let _ = writeln!(text, "Without them: {:.2}.", secrets.prompt_1k_mean_us / 1_000.0);
    }
    let _ = writeln!(
        text,
        "\nA guard is ready after {:.1} ms; the first scan takes {:.1} ms.",
        figures.compiled.compile_ms, figures.compiled.first_scan_ms
    );
    text + &hostile(&figures.speed.hostile)
}

fn hostile(texts: &[Hostile]) -> String {
    let slowest = texts.iter().min_by(|a, b| a.mb_s.total_cmp(&b.mb_s));
    let Some(slowest) = slowest else { return String::new() };
    let all: Vec<_> =
        texts.iter().map(|one| format!("{} {}", one.name, number(one.mb_s))).collect();
    format!(
        "\nTexts of 1 MiB made to be slow, MB/s with everything on (slowest: {} {}): {}.\n",
        slowest.name,
        number(slowest.mb_s),
        all.join(", ")
    )
}

fn speed_row(set_up: &SetUp) -> String {
    let sentences = match (set_up.sentences_per_s, set_up.sentences_mb_s) {
        (Some(each), Some(rate)) => format!("{} /s, {} MB/s", number(each), number(rate)),
        _ => "–".to_owned(),
    };
    format!(
        "| {} | {} MB/s | {} MB/s | {} / {} µs | {} / {} µs | {sentences} |\n",
        set_up.name,
        number(set_up.prompts_mb_s),
        number(set_up.long_mb_s),
        number(set_up.prompt_4k_p50_us),
        number(set_up.prompt_4k_p99_us),
        number(set_up.prompt_1k_p50_us),
        number(set_up.prompt_1k_p99_us),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_stand_between_their_markers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guard.md");
        fs::write(&path, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        write(&path, "new\n").unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert_eq!(page, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        fs::write(&path, "no marker").unwrap();
        assert!(write(&path, "new").is_err());
    }

    #[test]
    fn types_come_by_how_often_they_are_there() {
        let tally = |gold| Tally { gold, found: gold, right: gold };
        let types = [("email".to_owned(), tally(2)), ("phone".to_owned(), tally(9))];
        let table = by_type(types.into(), &[("all", tally(11))]);
        let at = |word: &str| table.find(word).unwrap();
        assert!(at("`phone`") < at("`email`") && at("`email`") < at("**all**"));
        assert!(table.contains("| **all** | 11 | 11 | 11 | 1.000 | 1.000 | 0.741 to 1.000 |"));
    }
}
