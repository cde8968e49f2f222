//! The licences and the number of everything in Cargo.lock.

use cargo_metadata::Metadata;

use super::Findings;
use super::rules::LockedRules;

/// Checks each package that may end up in a build, on any platform.
pub(crate) fn check(metadata: &Metadata, rules: &LockedRules, findings: &mut Findings) {
    let packages = metadata.packages.len();
    if packages > rules.most_packages {
        let most = rules.most_packages;
        findings.fault("Cargo.lock", format!("{packages} packages; {most} at most"));
    }
    for package in &metadata.packages {
        let name = format!("{} {}", package.name, package.version);
        match package.license.as_deref() {
            None => findings.fault(&name, "names no licence"),
            Some(expression) if !accepts(expression, &rules.licences) => {
                findings.fault(&name, format!("the licence `{expression}` is not on our list"));
            }
            Some(_) => {}
        }
    }
}

/// Whether an SPDX expression can be satisfied with the licences in `list`.
///
/// `A/B`, an old way to write `A OR B`, is understood; `AND` binds stronger than `OR`
/// (SPDX 2.3, annex D). What cannot be read is not accepted.
fn accepts(expression: &str, list: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    let accepted = any(&mut rest, list);
    rest.is_empty() && accepted == Some(true)
}

fn any(rest: &mut &[&str], list: &[String]) -> Option<bool> {
    let mut accepted = all(rest, list)?;
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        accepted |= all(rest, list)?;
    }
    Some(accepted)
}

fn all(rest: &mut &[&str], list: &[String]) -> Option<bool> {
    let mut accepted = one(rest, list)?;
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        accepted &= one(rest, list)?;
    }
    Some(accepted)
}

fn one(rest: &mut &[&str], list: &[String]) -> Option<bool> {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let accepted = any(rest, list)?;
            let [")", tail @ ..] = *rest else { return None };
            *rest = tail;
            Some(accepted)
        }
        [licence, "WITH", exception, tail @ ..] => {
            *rest = tail;
            Some(list.contains(&format!("{licence} WITH {exception}")))
        }
        [licence, tail @ ..] => {
            *rest = tail;
            Some(list.iter().any(|accepted| accepted == licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(expression: &str) -> bool {
        let list = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];
        accepts(expression, &list.map(str::to_owned))
    }

    #[test]
    fn one_accepted_choice_is_enough() {
        assert!(accepted("MIT"));
        assert!(accepted("MIT OR GPL-3.0-only"));
        assert!(accepted("GPL-3.0-only/MIT"));
        assert!(accepted("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only"));
        assert!(!accepted("GPL-3.0-only"));
    }

    #[test]
    fn every_part_of_a_conjunction_must_be_accepted() {
        assert!(accepted("(MIT OR GPL-3.0-only) AND Unicode-3.0"));
        assert!(!accepted("MIT AND GPL-3.0-only"));
        assert!(accepted("MIT AND GPL-3.0-only OR Apache-2.0"));
    }

    #[test]
    fn what_cannot_be_read_is_not_accepted() {
        for broken in ["", "(MIT", "MIT OR", "MIT )", "MIT Apache-2.0"] {
            assert!(!accepted(broken), "{broken}");
        }
    }
}
