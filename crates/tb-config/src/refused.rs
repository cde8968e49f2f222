//! What the contract names and this version does not enforce. A feature that arrives deletes
//! its line here and adds its keys to `keys`.

/// One key that is known and refused.
pub(crate) struct Refused {
    /// The table it stands in, as in [`crate::keys::Table::place`].
    pub(crate) place: &'static str,
    /// The key.
    pub(crate) key: &'static str,
}

const fn refused(place: &'static str, key: &'static str) -> Refused {
    Refused { place, key }
}

/// All of them.
pub(crate) const REFUSED: &[Refused] =
    &[refused("", "alerts"), refused("telemetry", "otlp_endpoint"), refused("services.*", "cache")];

/// Words of a choice that the contract knows and this version does not: place, key, word.
pub(crate) const REFUSED_WORDS: &[(&str, &str, &str)] = &[("providers.*", "dialect", "bedrock")];

/// Whether that key of that table is known and refused.
pub(crate) fn is_refused(place: &str, key: &str) -> bool {
    REFUSED.iter().any(|line| line.place == place && line.key == key)
}

/// What is said of a refused key or word, and what to do.
pub(crate) fn explanation(what: &str) -> (String, String) {
    (
        format!("`{what}` is not enforced by this version, so it is refused rather than ignored"),
        "remove it, or wait for the version that has it".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Kind, ROOT, Table};

    fn all(table: &'static Table, into: &mut Vec<&'static Table>) {
        into.push(table);
        for below in table.keys.iter().filter_map(|key| key.kind.below()) {
            all(below, into);
        }
    }

    #[test]
    fn what_is_refused_belongs_to_a_table_and_is_not_accepted_too() {
        let mut tables = Vec::new();
        all(&ROOT, &mut tables);
        let find = |place: &str| *tables.iter().find(|table| table.place == place).unwrap();
        for line in REFUSED {
            assert!(find(line.place).key(line.key).is_none(), "{} {}", line.place, line.key);
        }
        for (place, key, word) in REFUSED_WORDS {
            let kind = &find(place).key(key).unwrap().kind;
            assert!(matches!(kind, Kind::Choice(words) if !words.contains(word)));
        }
    }
}
