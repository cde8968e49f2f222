//! A report as one HTML file: no script, nothing loaded from elsewhere.

use super::terminal::is_dangerous;
use super::{Page, Section, Tone};

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0 auto;max-width:75rem;padding:1rem;background:Canvas;color:CanvasText}\
.verdict{display:inline-block;padding:.2rem .8rem;border:.2rem solid;border-radius:.4rem;font-weight:700;font-size:1.25rem}\
.good{color:light-dark(#0a6127,#7ee2a0)}.bad{color:light-dark(#a11414,#ff9d94)}.open{color:light-dark(#7a4a00,#f2c46d)}\
.table{overflow-x:auto}table{border-collapse:collapse}\
th,td{padding:.3rem .7rem;border-bottom:1px solid GrayText;text-align:left;vertical-align:top;unicode-bidi:isolate}";

/// The whole file.
#[must_use]
pub fn render(page: &Page) -> String {
    let (title, headline) = (escaped(&page.title), escaped(&page.headline));
    let tone = match page.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Open => "open",
    };
    let paragraphs: String =
        page.paragraphs.iter().map(|text| format!("<p>{}</p>\n", escaped(text))).collect();
    let sections: String = page.sections.iter().map(section).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"verdict {tone}\">{headline}</p>\n{paragraphs}{sections}\
         </main>\n</body>\n</html>\n"
    )
}

fn section(section: &Section) -> String {
    let heading = escaped(&section.heading);
    let head: String = section
        .columns
        .iter()
        .map(|name| format!("<th scope=\"col\">{}</th>", escaped(name)))
        .collect();
    let body: String = section.rows.iter().map(|row| row_of(row)).collect();
    // A table that is wider than the window must be reachable with the keyboard.
    format!(
        "<h2>{heading}</h2>\n<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{heading}\">\n\
         <table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )
}

fn row_of(row: &[String]) -> String {
    let mut cells = row.iter().map(|cell| escaped(cell));
    let first = cells.next().unwrap_or_default();
    let rest: String = cells.map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{first}</th>{rest}</tr>\n")
}

/// Safe between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if is_dangerous(c) => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    safe
}
