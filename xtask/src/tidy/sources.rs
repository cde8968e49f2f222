//! Rules about single source files: size, names, `unsafe`, unfinished work, crate docs.

use super::rules::FileRules;
use super::source::{code, is_generated, is_test_path, production};
use super::{File, Findings};

/// Marks of unfinished or switched-off work, and what to do instead. They are put together here
/// so that this file does not contain them.
const UNFINISHED: [(&str, &str); 5] = [
    (concat!("TO", "DO"), "open an issue instead of leaving a note"),
    (concat!("FIX", "ME"), "open an issue instead of leaving a note"),
    (concat!("to", "do!("), "nothing unfinished is committed"),
    (concat!("unimpl", "emented!("), "nothing unfinished is committed"),
    (concat!("#[ign", "ore"), "a test that does not run is no test"),
];

/// Checks every file.
pub(crate) fn check(files: &[File], rules: &FileRules, findings: &mut Findings) {
    for file in files {
        unfinished(file, findings);
        if file.path.ends_with(".rs") {
            length(file, rules, findings);
            name(file, rules, findings);
            unsafety(file, rules, findings);
            crate_docs(file, rules, findings);
        }
    }
    for listed in &rules.may_be_unsafe {
        if !files.iter().any(|file| file.path == *listed) {
            findings
                .warning("xtask/tidy.toml", format!("`{listed}` may be unsafe but is not here"));
        }
    }
}

fn unfinished(file: &File, findings: &mut Findings) {
    if file.path.ends_with(".md") {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        for (mark, remedy) in UNFINISHED {
            if line.contains(mark) {
                findings.fault(&file.path, format!("line {}: `{mark}`: {remedy}", number + 1));
            }
        }
    }
}

fn length(file: &File, rules: &FileRules, findings: &mut Findings) {
    if is_test_path(&file.path) || is_generated(&file.text) {
        return;
    }
    let lines = production(&file.text).lines().count();
    let aim = rules.aim;
    if lines > rules.fail {
        findings.fault(&file.path, format!("{lines} production lines; {} at most", rules.fail));
    } else if lines > rules.warn {
        findings.warning(&file.path, format!("{lines} production lines; aim at {aim}"));
    }
}

fn name(file: &File, rules: &FileRules, findings: &mut Findings) {
    if file.path.ends_with("/mod.rs") {
        findings.fault(&file.path, "write `name.rs` beside `name/`, not `mod.rs`");
    }
    for part in file.path.split('/') {
        let module = part.strip_suffix(".rs").unwrap_or(part);
        if rules.forbidden_modules.iter().any(|name| name == module) {
            findings.fault(&file.path, format!("`{module}` says nothing: name what is in it"));
        }
    }
}

/// The lint `unsafe_code` is denied, so unsafe code needs an attribute that names it: that
/// attribute is looked for, which finds the code behind macros too.
fn unsafety(file: &File, rules: &FileRules, findings: &mut Findings) {
    if rules.may_be_unsafe.contains(&file.path) {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        if code(line).contains(concat!("(unsafe", "_code")) {
            findings.fault(&file.path, format!("line {}: unsafe code is not listed", number + 1));
        }
    }
}

fn crate_docs(file: &File, rules: &FileRules, findings: &mut Findings) {
    let parts: Vec<_> = file.path.split('/').collect();
    let root = match parts.as_slice() {
        ["crates", _, "src", name] => *name == "lib.rs" || *name == "main.rs",
        ["xtask", "src", name] => *name == "main.rs",
        _ => false,
    };
    let lines = file.text.lines().filter(|line| line.starts_with("//!")).count();
    if root && lines < rules.shortest_crate_docs {
        let fewest = rules.shortest_crate_docs;
        findings.fault(
            &file.path,
            format!("{lines} lines of crate docs; at least {fewest}: its job, what it does not do, its entry point"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> FileRules {
        FileRules {
            aim: 3,
            warn: 4,
            fail: 6,
            forbidden_modules: vec!["utils".into(), "data".into()],
            may_be_unsafe: vec!["crates/a/src/map.rs".into()],
            shortest_crate_docs: 2,
        }
    }

    fn findings(path: &str, text: &str) -> Findings {
        let mut findings = Findings::default();
        let listed = File { path: "crates/a/src/map.rs".into(), text: String::new() };
        check(&[listed, File { path: path.into(), text: text.into() }], &rules(), &mut findings);
        findings
    }

    #[test]
    fn counts_production_lines_only() {
        let tests = "#[cfg(test)]\nmod tests {\n    const A: u8 = 1;\n    const B: u8 = 1;\n}\n";
        let at_the_limit = format!("{}{tests}", "x\n".repeat(6));
        assert!(findings("crates/a/src/b.rs", &at_the_limit).faults.is_empty());
        assert_eq!(findings("crates/a/src/b.rs", &at_the_limit).warnings.len(), 1);
        assert_eq!(findings("crates/a/src/b.rs", &"x\n".repeat(7)).faults.len(), 1);
        assert!(findings("crates/a/tests/it/b.rs", &"x\n".repeat(7)).faults.is_empty());
    }

    #[test]
    fn refuses_names_that_say_nothing() {
        assert_eq!(findings("crates/a/src/utils.rs", "").faults.len(), 1);
        assert_eq!(findings("crates/a/src/data/b.rs", "").faults.len(), 1);
        assert_eq!(findings("crates/a/src/b/mod.rs", "").faults.len(), 1);
        assert!(findings("crates/a/src/data_class.rs", "").faults.is_empty());
    }

    #[test]
    fn finds_unlisted_unsafe_code() {
        let opened = concat!("#![expect(unsafe", "_code, reason = \"maps a file\")]");
        assert_eq!(findings("crates/a/src/b.rs", opened).faults.len(), 1);
        assert!(findings("crates/a/src/map.rs", opened).faults.is_empty());
        assert!(findings("crates/a/src/b.rs", &format!("// {opened}")).faults.is_empty());
    }

    #[test]
    fn finds_unfinished_work_in_code_and_comments() {
        for (mark, _) in UNFINISHED {
            assert_eq!(findings("tests/sdk/run.py", &format!("# {mark} later")).faults.len(), 1);
        }
    }

    #[test]
    fn asks_for_crate_docs_at_the_root_only() {
        assert_eq!(findings("crates/a/src/lib.rs", "//! One.\n").faults.len(), 1);
        assert!(findings("crates/a/src/lib.rs", "//! One.\n//! Two.\n").faults.is_empty());
        assert!(findings("crates/a/src/b.rs", "").faults.is_empty());
    }
}
