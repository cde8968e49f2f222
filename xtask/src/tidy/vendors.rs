//! A provider's name occurs only in `tb-providers`, tests, fixtures, examples and docs.
//!
//! Comments may name vendors: they explain. Code may not: a name in code is a special case that
//! belongs behind the dialect trait. The exceptions stand in `tidy.toml`, each with its reason,
//! and an exception that is no longer used is a fault, so that the list only shrinks by itself.

use std::collections::BTreeSet;

use super::rules::{Allowed, VendorRules};
use super::source::{code, is_test_path, production};
use super::{File, Findings};

/// Checks the production code of all crates but this one, whose rules have to name the words.
pub(crate) fn check(files: &[File], rules: &VendorRules, findings: &mut Findings) {
    let mut used = BTreeSet::new();
    for file in files.iter().filter(|file| is_ours(file, rules)) {
        for (number, line) in production(&file.text).lines().enumerate() {
            let line = code(line).to_lowercase();
            for word in rules.words.iter().filter(|word| line.contains(word.as_str())) {
                if rules.allowed.iter().any(|allowed| permits(allowed, &file.path, word)) {
                    used.insert((file.path.as_str(), word.as_str()));
                } else {
                    let number = number + 1;
                    findings.fault(
                        &file.path,
                        format!("line {number}: `{word}` is a vendor: tb-providers knows it"),
                    );
                }
            }
        }
    }
    for allowed in &rules.allowed {
        for word in &allowed.words {
            if !used.iter().any(|(path, used)| used == word && covers(&allowed.file, path)) {
                let place = format!("`{word}` in `{}`", allowed.file);
                findings.fault("xtask/tidy.toml", format!("{place} is allowed but not there"));
            }
        }
        if allowed.reason.trim().is_empty() {
            findings.fault("xtask/tidy.toml", format!("`{}` needs a reason", allowed.file));
        }
    }
}

fn is_ours(file: &File, rules: &VendorRules) -> bool {
    file.path.starts_with("crates/")
        && file.path.ends_with(".rs")
        && !is_test_path(&file.path)
        && !rules.home.iter().any(|home| file.path.starts_with(home.as_str()))
}

fn permits(allowed: &Allowed, path: &str, word: &str) -> bool {
    covers(&allowed.file, path) && allowed.words.iter().any(|allowed| allowed == word)
}

fn covers(listed: &str, path: &str) -> bool {
    path == listed || (listed.ends_with('/') && path.starts_with(listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let allowed = Allowed {
            file: "crates/tb-core/src/surface.rs".into(),
            words: vec!["anthropic".into()],
            reason: "a wire shape".into(),
        };
        let rules = VendorRules {
            words: vec!["azure".into(), "anthropic".into()],
            home: vec!["crates/tb-providers/".into()],
            allowed: vec![allowed],
        };
        let shape = File {
            path: "crates/tb-core/src/surface.rs".into(),
            text: "fn is_anthropic() {}".into(),
        };
        let mut findings = Findings::default();
        check(&[shape, File { path: path.into(), text: text.into() }], &rules, &mut findings);
        findings.faults
    }

    #[test]
    fn finds_a_vendor_in_code_whatever_its_case() {
        assert_eq!(faults("crates/tb-engine/src/route.rs", "if name == \"Azure\" {}").len(), 1);
        assert_eq!(faults("crates/tb-engine/src/route.rs", "struct AzureTarget;").len(), 1);
        assert_eq!(faults("crates/tb-core/src/surface.rs", "struct Azure;").len(), 1);
    }

    #[test]
    fn lets_comments_tests_and_the_home_of_vendors_alone() {
        assert!(faults("crates/tb-engine/src/route.rs", "/// as Azure does\n").is_empty());
        let test = "#[cfg(test)]\nmod tests {\n    const A: &str = \"azure\";\n}\n";
        assert!(faults("crates/tb-engine/src/route.rs", test).is_empty());
        assert!(faults("crates/tb-engine/tests/it/a.rs", "struct Azure;").is_empty());
        assert!(faults("crates/tb-providers/src/azure.rs", "struct Azure;").is_empty());
        assert!(faults("xtask/src/a.rs", "struct Azure;").is_empty());
    }

    #[test]
    fn an_exception_that_nothing_uses_is_a_fault() {
        let rules = VendorRules {
            words: vec!["azure".into()],
            home: Vec::new(),
            allowed: vec![Allowed {
                file: "crates/a/src/b.rs".into(),
                words: vec!["azure".into()],
                reason: "was true once".into(),
            }],
        };
        let mut findings = Findings::default();
        check(&[], &rules, &mut findings);
        assert_eq!(findings.faults.len(), 1);
    }
}
