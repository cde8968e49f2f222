//! National numbers with letters: form, check letter and context words.

mod asia;
mod europe;

use crate::Kind;

use super::context::Surroundings;
use super::cues::{self, Cues};
use super::hits::{Certainty, Hits};
use super::words::Code;

/// One kind of code.
struct National {
    kind: Kind,
    cue: Cues,
    /// Believed without a context word, if no space is in it.
    is_distinctive: bool,
    check: fn(&Code<'_>) -> bool,
}

const fn code(name: &'static str, cue: Cues, check: fn(&Code<'_>) -> bool) -> National {
    National { kind: Kind::fixed(name), cue, is_distinctive: true, check }
}

const fn announced(name: &'static str, cue: Cues, check: fn(&Code<'_>) -> bool) -> National {
    National { kind: Kind::fixed(name), cue, is_distinctive: false, check }
}

const TABLE: &[National] = &[
    code("uk_nino", cues::NINO, europe::uk_nino),
    announced("uk_nino", cues::NINO, europe::uk_nino_without_suffix),
    code("es_nif", cues::ES_NIF, europe::es_nif),
    code("es_nie", cues::ES_NIF, europe::es_nie),
    code("it_fiscal_code", cues::IT_FISCAL, europe::it_fiscal_code),
    code("fi_hetu", cues::FI_HETU, europe::fi_hetu),
    code("fr_nir", cues::FR_NIR, europe::fr_nir_of_corsica),
    announced("ie_pps", cues::IE_PPS, europe::ie_pps),
    code("sg_nric", cues::SG_NRIC, asia::sg_nric),
    announced("in_pan", cues::IN_PAN, asia::in_pan),
    code("cn_resident_id", cues::CN_ID, asia::cn_resident_id),
    announced("tw_id", cues::TW_ID, asia::tw_id),
    code("mx_curp", cues::MX_CURP, asia::mx_curp),
    announced("cl_rut", cues::CL_RUT, asia::cl_rut),
    code("driver_license", cues::LICENCE, europe::uk_driving_licence),
];

/// How long the codes of the table are: most words are of no such length, or have no digits.
const LENGTHS: &[usize] = &[8, 9, 10, 11, 15, 16, 18];

/// Looks which national codes a code may be.
pub(super) fn find(code: &Code<'_>, around: &Surroundings<'_>, hits: &mut Hits) {
    let digits = code.text.iter().filter(|byte| byte.is_ascii_digit()).count();
    // Only Finland's may be without a letter, and has a dash then.
    let has_letters = digits < code.text.len() || code.has_dashes;
    if digits == 0 || !has_letters || !LENGTHS.contains(&code.text.len()) {
        return;
    }
    for national in TABLE {
        if !(national.check)(code) {
            continue;
        }
        let context = around.of(code.start, code.end);
        let certainty = if context.has(national.cue) {
            Certainty::CheckedAnnounced
        } else if national.is_distinctive && !code.has_spaces && !context.is_harmless() {
            Certainty::Checked
        } else {
            continue;
        };
        hits.add(national.kind.clone(), code.start, code.end, certainty);
    }
}
