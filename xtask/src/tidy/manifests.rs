//! Every crate takes its lints, its version and the versions of its dependencies from the root.

use toml::{Table, Value};

use super::{File, Findings};

/// Checks the manifests of all crates.
pub(crate) fn check(files: &[File], findings: &mut Findings) {
    let manifests = files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    for file in manifests.filter(|file| !file.path.contains("/fixtures/")) {
        match file.text.parse::<Table>() {
            Ok(manifest) => {
                for fault in faults(&manifest) {
                    findings.fault(&file.path, fault);
                }
            }
            Err(error) => findings.fault(&file.path, error.message()),
        }
    }
}

fn faults(manifest: &Table) -> Vec<String> {
    let mut faults = Vec::new();
    if !from_workspace(manifest.get("lints")) {
        faults.push("needs `[lints] workspace = true`".to_owned());
    }
    let package = manifest.get("package").and_then(Value::as_table);
    for key in ["version", "edition", "rust-version", "license"] {
        if !package.is_some_and(|package| from_workspace(package.get(key))) {
            faults.push(format!("needs `{key}.workspace = true`"));
        }
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let dependencies = manifest.get(kind).and_then(Value::as_table);
        for (name, value) in dependencies.into_iter().flatten() {
            if !from_workspace(Some(value)) {
                faults.push(format!("`{name}`: its version belongs into the root manifest"));
            }
        }
    }
    faults
}

fn from_workspace(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        [package]
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        [lints]
        workspace = true
        [dependencies]
        bytes.workspace = true
        rustix = { workspace = true, features = [\"thread\"] }
    ";

    fn faults_of(text: &str) -> usize {
        faults(&text.parse().expect("valid TOML")).len()
    }

    #[test]
    fn accepts_a_manifest_that_takes_all_from_the_root() {
        assert_eq!(faults_of(GOOD), 0);
    }

    #[test]
    fn refuses_versions_and_lints_of_its_own() {
        assert_eq!(faults_of(&GOOD.replace("bytes.workspace = true", "bytes = \"1\"")), 1);
        assert_eq!(faults_of(&GOOD.replace("edition.workspace = true", "edition = \"2024\"")), 1);
        assert_eq!(faults_of(&GOOD.replace("[lints]\n        workspace = true", "")), 1);
    }
}
