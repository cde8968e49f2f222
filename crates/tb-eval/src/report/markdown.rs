//! A report for a comment of a pull request.

use super::terminal::is_dangerous;
use super::{Page, Section, Tone};

/// The page as Markdown. The first line is a comment by which a program finds its own comment
/// again and replaces it.
#[must_use]
pub fn render(page: &Page) -> String {
    let sign = match page.tone {
        Tone::Good => "✅",
        Tone::Bad => "❌",
        Tone::Open => "⚠️",
    };
    let mut text = format!(
        "<!-- tollbar-eval -->\n## {sign} {}\n\n{}\n",
        escaped(&page.headline),
        escaped(&page.title)
    );
    for paragraph in &page.paragraphs {
        text.push_str(&format!("\n- {}", escaped(paragraph)));
    }
    text.push('\n');
    for section in &page.sections {
        text.push_str(&table(section));
    }
    text
}

fn table(section: &Section) -> String {
    let mut text = format!("\n### {}\n\n", escaped(&section.heading));
    text.push_str(&format!("| {} |\n", section.columns.join(" | ")));
    text.push_str(&format!("|{}\n", " --- |".repeat(section.columns.len())));
    let (rows, left_out) = section.short();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if left_out > 0 {
        text.push_str(&format!("\nand {left_out} more\n"));
    }
    text
}

/// Everything that Markdown, HTML inside of it, or a forge (mentions, references) would read as
/// more than text, as numeric references.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '!'
            | '|' | '~' | '@' | '&' | '$' | '"' | '\'' => {
                safe.push_str(&format!("&#{};", u32::from(c)));
            }
            ':' | '/' => safe.push_str(&format!("&#{};", u32::from(c))),
            c if is_dangerous(c) => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
