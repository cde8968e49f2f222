//! Structured identifiers: each module finds one family, by form, checksum and context words.
//!
//! One pass over the text collects the words that hold a digit ([`runs`]); all detectors but
//! those of e-mail addresses and URLs look only at these. A context word ([`cues`]) lets weaker
//! evidence count; [`hits`] settles which reading of the same bytes holds.

mod birth;
mod card;
mod chain;
pub(crate) mod check;
mod codes;
mod context;
mod crypto;
mod cues;
mod hits;
mod iban;
mod layout;
mod mail;
mod national;
mod net;
mod phone;
mod records;
mod runs;
mod scattered;
mod ssn;
mod url;
mod words;

use crate::Found;

use context::Surroundings;
use hits::Hits;

/// Compiles what is compiled once.
pub(crate) fn warm() {
    context::warm();
    national::warm();
}

/// Finds every structured identifier of a text (ASCII digits and dashes; other scripts reach
/// this through the views).
pub(crate) fn find(text: &str, out: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut hits = Hits::default();
    mail::find(text, &mut hits);
    url::find(text, &mut hits);
    let runs = runs::runs(bytes);
    if !runs.is_empty() {
        let around = Surroundings::new(bytes, &runs);
        chain::each(bytes, &runs, |number| {
            card::find(bytes, number, &around, &mut hits);
            national::find(bytes, number, &around, &mut hits);
            ssn::find(number, &around, &mut hits);
        });
        words::each(bytes, &runs, |code| codes::find(code, &around, &mut hits));
        scattered::find(bytes, &runs, &around, &mut hits);
        iban::find(bytes, &runs, &mut hits);
        net::find(text, &runs, &around, &mut hits);
        phone::find(bytes, &runs, &around, &mut hits);
        birth::find(bytes, &runs, &around, &mut hits);
        records::find(bytes, &runs, &around, &mut hits);
        crypto::find(bytes, &runs, &around, &mut hits);
    }
    hits.settle(out);
}

#[cfg(test)]
mod tests;
