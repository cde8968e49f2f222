//! A report for a terminal: what could command it is shown, not obeyed.

use super::Page;

/// The page as text.
#[must_use]
pub fn render(page: &Page) -> String {
    let mut text = format!("{}\n{}\n", safe(&page.title), safe(&page.headline).to_uppercase());
    for paragraph in &page.paragraphs {
        text.push_str(&format!("  {}\n", safe(paragraph)));
    }
    for section in &page.sections {
        text.push_str(&format!("\n{}\n", safe(&section.heading)));
        let (rows, left_out) = section.short();
        let mut lines: Vec<Vec<String>> =
            vec![section.columns.iter().map(|name| (*name).to_owned()).collect()];
        lines.extend(rows.iter().map(|row| row.iter().map(|cell| shortened(cell)).collect()));
        for line in &lines {
            let cells = line.iter().enumerate().map(|(place, cell)| {
                let width = lines.iter().filter_map(|line| line.get(place));
                let width = width.map(|cell| cell.chars().count()).max().unwrap_or(0);
                format!("{cell:<width$}")
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(&format!("  {}\n", line.trim_end()));
        }
        if left_out > 0 {
            text.push_str(&format!("  and {left_out} more\n"));
        }
    }
    text
}

/// A cell that does not break the table.
fn shortened(cell: &str) -> String {
    const MOST: usize = 60;
    let safe = safe(cell);
    if safe.chars().count() <= MOST {
        return safe;
    }
    safe.chars().take(MOST - 1).chain(['…']).collect()
}

/// Control characters and those that turn the direction of text, escaped.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_dangerous(c) {
            true => safe.extend(c.escape_default()),
            false => safe.push(c),
        }
    }
    safe
}

/// Control characters, and the `Bidi_Control` and line separators of Unicode.
pub(super) fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}
