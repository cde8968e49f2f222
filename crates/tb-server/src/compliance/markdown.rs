//! The report for people: Markdown with one table for each question.

use std::fmt::Write;

use super::{Recipient, Report, USAGE_DAYS};

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut page = String::new();
    let environment =
        report.environment.as_deref().map_or(String::new(), |name| format!(" of {name}"));
    line(&mut page, &format!("# Record of processing{}\n", cell(&environment)));
    let keys = if report.authentication { "needs" } else { "does not need" };
    line(
        &mut page,
        &format!(
            "Made at {} from the configuration {}. A caller {keys} a key.\n",
            report.generated_at, report.config_hash
        ),
    );
    attention(&mut page, report);
    processing(&mut page, report);
    recipients(&mut page, report);
    classes(&mut page, report);
    retention(&mut page, report);
    access(&mut page, report);
    usage(&mut page, report);
    page
}

fn attention(page: &mut String, report: &Report) {
    let rows = report.attention.iter().map(|one| {
        let urgency = match one.urgency {
            super::Urgency::Overdue => "overdue",
            super::Urgency::Soon => "soon",
            super::Urgency::Note => "note",
        };
        vec![urgency.to_owned(), one.object.clone(), one.matter.clone()]
    });
    table(page, "To look at", &["urgency", "what", "matter"], rows);
}

fn processing(page: &mut String, report: &Report) {
    let rows = report.services.iter().map(|service| {
        let recipients = service
            .recipients
            .iter()
            .map(|share| format!("{} ({})", share.provider, or_dash(&share.data_classes)));
        vec![
            service.service.clone(),
            or_dash(&service.purposes),
            format!("{} (default {})", or_dash(&service.data_classes), service.default_class),
            or_dash(&recipients.collect::<Vec<_>>()),
            if service.networks.is_empty() {
                "anywhere".to_owned()
            } else {
                or_dash(&service.networks)
            },
            service.audit.to_owned(),
            yes(service.content_log).to_owned(),
        ]
    });
    let head = [
        "service",
        "purposes",
        "data",
        "recipients (what they may get)",
        "networks",
        "audit",
        "texts kept",
    ];
    table(page, "Processing", &head, rows);
    let rows = report.services.iter().map(|service| {
        let actions =
            service.guard_actions.iter().map(|(kind, action)| format!("{kind}: {action}"));
        let actions = actions.chain(["other types: standard".to_owned()]).collect::<Vec<_>>();
        let what =
            if service.guard_enabled { actions.join(", ") } else { "the guard is off".to_owned() };
        vec![service.service.clone(), what]
    });
    table(page, "Measures: what the guard does", &["service", "by type"], rows);
}

fn recipients(page: &mut String, report: &Report) {
    let rows = report.recipients.iter().map(|one| {
        let kept = match (one.zero_retention, one.retention_seconds) {
            (true, _) => "nothing".to_owned(),
            (false, Some(seconds)) => period(seconds),
            (false, None) => "not stated".to_owned(),
        };
        let training = one.training_use.map_or("not stated", yes);
        vec![
            one.provider.clone(),
            one.vendor.clone(),
            if one.on_premises { "own rooms".to_owned() } else { one.host.clone() },
            one.region.clone().unwrap_or_else(|| "not stated".to_owned()),
            data(one),
            agreement(one),
            kept,
            training.to_owned(),
            or_dash(&one.models),
        ]
    });
    let head = [
        "provider",
        "vendor",
        "where",
        "region",
        "data",
        "agreement",
        "keeps",
        "trains on it",
        "models",
    ];
    table(page, "Recipients", &head, rows);
}

fn data(one: &Recipient) -> String {
    let named = one.data_classes.iter().map(|name| match one.lacking.get(name) {
        Some(lack) => format!("{name} (not now: lacks {lack})"),
        None => name.clone(),
    });
    or_dash(&named.collect::<Vec<_>>())
}

fn agreement(one: &Recipient) -> String {
    match &one.agreement {
        Some(agreed) if agreed.holds => {
            format!("{} until {} ({} days)", agreed.reference, agreed.expires_at, agreed.days_left)
        }
        Some(agreed) => format!("{} EXPIRED at {}", agreed.reference, agreed.expires_at),
        None => "none".to_owned(),
    }
}

fn classes(page: &mut String, report: &Report) {
    let rows = report.data_classes.iter().map(|class| {
        let demands: Vec<_> = class.demands.iter().map(|word| (*word).to_owned()).collect();
        let regions =
            if class.regions.is_empty() { "anywhere".to_owned() } else { or_dash(&class.regions) };
        vec![class.name.clone(), class.level.to_owned(), or_dash(&demands), regions]
    });
    let head = ["class", "level", "a recipient must have", "regions"];
    table(page, "Categories of data", &head, rows);
}

fn retention(page: &mut String, report: &Report) {
    let rows = report.retention.iter().map(|kept| {
        let seconds = kept.seconds.map_or_else(|| "for ever".to_owned(), period);
        vec![kept.kind.clone(), kept.data_class.unwrap_or("all").to_owned(), seconds]
    });
    table(page, "Time limits", &["what", "class", "kept"], rows);
}

fn access(page: &mut String, report: &Report) {
    let or = |value: &Option<String>, otherwise: &str| {
        value.clone().unwrap_or_else(|| otherwise.to_owned())
    };
    let rows = report.keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.service.clone(),
            or(&key.name, ""),
            key.secret_age_days.to_string(),
            key.secrets.to_string(),
            or(&key.rotation_due_at, "never"),
            or(&key.expires_at, "never"),
            or(&key.last_used_at, "not known"),
        ]
    });
    let head =
        ["key", "service", "name", "age (days)", "secrets", "rotation due", "expires", "last use"];
    table(page, "Keys", &head, rows);
    let rows = report.access.iter().map(|token| {
        vec![
            token.id.clone(),
            or(&token.name, ""),
            token.role.to_owned(),
            token.created_at.clone(),
            or(&token.expires_at, "never"),
            or(&token.last_used_at, "not known"),
        ]
    });
    let head = ["token", "name", "role", "made", "expires", "last use"];
    table(page, "Access review: admin tokens", &head, rows);
}

fn usage(page: &mut String, report: &Report) {
    let rows = report.usage.iter().map(|used| {
        vec![
            used.purpose.clone(),
            if used.provider.is_empty() { "none".to_owned() } else { used.provider.clone() },
            used.data_class.clone(),
            used.requests.to_string(),
            used.attempts.to_string(),
            used.input_tokens.to_string(),
            used.output_tokens.to_string(),
        ]
    });
    let title = format!("Use in the last {USAGE_DAYS} days");
    let head =
        ["purpose", "provider", "class", "requests", "attempts", "input tokens", "output tokens"];
    table(page, &title, &head, rows);
}

fn table(page: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    line(page, &format!("## {title}\n"));
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        line(page, "None.\n");
        return;
    }
    line(page, &format!("| {} |", head.join(" | ")));
    line(page, &format!("|{}", "---|".repeat(head.len())));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        line(page, &format!("| {} |", cells.join(" | ")));
    }
    page.push('\n');
}

fn line(page: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{text}");
}

/// Text that ends no cell and begins no markup: labels are written by people.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '[' | ']' | '`' | '\\' => safe.extend(['\\', c]),
            c if c.is_control() || turns_text(c) => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Characters that end a line or change the order in which text is shown.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn or_dash(words: &[String]) -> String {
    if words.is_empty() { "\u{2013}".to_owned() } else { words.join(", ") }
}

const fn yes(whether: bool) -> &'static str {
    if whether { "yes" } else { "no" }
}

/// A period in its largest whole unit.
fn period(seconds: u64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    match units.iter().find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length)) {
        Some((length, unit)) => format!("{} {unit}", seconds / length),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_name_stays_in_its_cell_whatever_is_in_it() {
        for (name, shown) in [
            ("a|b\n# c", "a\\|b # c"),
            ("\\|", "\\\\\\|"),
            ("![x](http://h)", "!\\[x\\](http://h)"),
            ("<img onerror=1>", "\\<img onerror=1>"),
            ("ab\u{202e}dc\u{2028}e", "ab dc e"),
        ] {
            assert_eq!(cell(name), shown);
        }
    }
}
