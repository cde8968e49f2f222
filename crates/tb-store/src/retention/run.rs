//! One run: what there is, what is due, what was deleted.

use std::collections::BTreeMap;

use tb_core::ports::{RetentionReport, RetentionRow, StoreError};
use tb_core::retention::{
    Hold, JOURNAL_AGE_MS, Part, RecordKind, RetentionTimes, Verdict, verdict,
};
use tb_core::{Actor, AdminAct, DataClass, Timestamp};

use super::{Retention, counted};

/// What a run goes by.
struct Rules {
    now: Timestamp,
    times: RetentionTimes,
    holds: Vec<Hold>,
    dry_run: bool,
}

impl Retention {
    /// See [`tb_core::ports::RecordKeeping::run`].
    pub(super) fn delete_due(
        &self,
        dry_run: bool,
        actor: Actor,
    ) -> Result<RetentionReport, StoreError> {
        let rules = Rules {
            now: self.parts.clock.now(),
            times: (self.parts.times)(),
            holds: self.parts.store.holds()?,
            dry_run,
        };
        let mut report = RetentionReport {
            schema_version: 1,
            at: rules.now,
            dry_run,
            rows: Vec::new(),
            deleted: Vec::new(),
            faults: Vec::new(),
            signature: None,
        };
        // The journal first: after a crash or from a backup it may bring old rows.
        for kind in [RecordKind::Journal, RecordKind::Responses, RecordKind::Answers] {
            match self.clear_records(kind, &rules) {
                Ok(row) => report.rows.push(row),
                Err(fault) => report.faults.push(format!("{}: {fault}", kind.as_str())),
            }
        }
        self.clear_shelves(&rules, &mut report);
        self.note_ages(&report);
        if !dry_run {
            self.hand_in(&mut report, actor)?;
        }
        Ok(report)
    }

    /// Lists every shelf and unlinks what is due. A shelf that fails stops no other.
    fn clear_shelves(&self, rules: &Rules, report: &mut RetentionReport) {
        for shelf in &self.parts.shelves {
            let parts = match shelf.list() {
                Ok(parts) => parts,
                Err(fault) => {
                    report.faults.push(format!("{}: {fault}", shelf.kind().as_str()));
                    continue;
                }
            };
            let mut rows: BTreeMap<(RecordKind, Option<DataClass>), RetentionRow> = BTreeMap::new();
            for part in parts {
                let row = rows
                    .entry((part.kind, part.class))
                    .or_insert_with(|| empty_row(part.kind, part.class, &rules.times));
                let verdict = verdict(&part, &rules.times, &rules.holds, rules.now);
                count(row, &part, verdict);
                if verdict != Verdict::Due {
                    continue;
                }
                let unlinked = if rules.dry_run { Ok(()) } else { shelf.unlink(&part) };
                match unlinked {
                    Ok(()) => report.deleted.push(part),
                    Err(fault) => report.faults.push(format!("{}: {fault}", part.name)),
                }
            }
            report.rows.extend(rows.into_values());
        }
    }

    /// Deletes records that go one by one, or with the journal's segments.
    fn clear_records(&self, kind: RecordKind, rules: &Rules) -> Result<RetentionRow, StoreError> {
        let parts = &self.parts;
        let mut row = empty_row(kind, None, &rules.times);
        row.files = 1;
        let cutoff = rules.times.cutoff(kind, None, rules.now);
        if !rules.dry_run {
            row.due = match (kind, cutoff) {
                (RecordKind::Responses, Some(cutoff)) => {
                    parts.store.forget_responses(cutoff, &rules.holds)?
                }
                (RecordKind::Answers, _) => parts.answers.sweep(rules.now, u64::MAX)?,
                (RecordKind::Journal, _) => {
                    parts.journal.retire(rules.now.plus_ms(-JOURNAL_AGE_MS))?;
                    0
                }
                _ => 0,
            };
        }
        row.oldest = match kind {
            RecordKind::Journal => parts.journal.oldest_record()?,
            _ => parts.store.oldest(kind)?,
        };
        Ok(row)
    }

    /// Tells how old the oldest record of each kind is that is left.
    fn note_ages(&self, report: &RetentionReport) {
        let is_deleted = |row: &RetentionRow| !report.dry_run && row.files == row.due;
        for kind in RecordKind::ALL {
            let rows = report.rows.iter().filter(|row| row.kind == kind && !is_deleted(row));
            let oldest = rows.filter_map(|row| row.oldest).min();
            let age =
                oldest.map_or(0, |oldest| report.at.unix_ms().saturating_sub(oldest.unix_ms()));
            (self.parts.note_age)(kind, age.max(0));
        }
    }

    /// Signs the report, writes it down and notes the act, when something was deleted or
    /// somebody asked for the run.
    fn hand_in(&self, report: &mut RetentionReport, actor: Actor) -> Result<(), StoreError> {
        for fault in &report.faults {
            tracing::warn!(fault, "retention could not delete everything that is due");
        }
        let bindings = report.rows.iter().filter(|row| row.kind == RecordKind::Responses);
        let bindings: u64 = bindings.map(|row| row.due).sum();
        if report.deleted.is_empty() && bindings == 0 && actor == Actor::Gateway {
            return Ok(());
        }
        report.signature = self.signature_of(report)?;
        let day = report.at.utc_day();
        self.write_line(&format!("{day}.jsonl"), report)?;
        let bytes = report.deleted.iter().map(|part| part.bytes).sum();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let after = counted(&[
            ("files", count(report.deleted.len())),
            ("bytes", bytes),
            ("responses", bindings),
            ("faults", count(report.faults.len())),
        ]);
        let act = self.act(actor, "retention.run", day);
        self.parts.acts.note_act(&AdminAct { after: Some(after), ..act })
    }
}

fn empty_row(kind: RecordKind, class: Option<DataClass>, times: &RetentionTimes) -> RetentionRow {
    let keep = times.of(kind, class);
    RetentionRow {
        kind,
        class,
        keep_ms: keep.map(|keep| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX)),
        files: 0,
        bytes: 0,
        oldest: None,
        due: 0,
        held: 0,
    }
}

fn count(row: &mut RetentionRow, part: &Part, verdict: Verdict) {
    row.files += 1;
    row.bytes = row.bytes.saturating_add(part.bytes);
    match verdict {
        Verdict::Due => row.due += 1,
        Verdict::Held => row.held += 1,
        Verdict::Keep => {}
    }
    row.oldest = Some(row.oldest.map_or(part.from, |oldest| oldest.min(part.from)));
}
