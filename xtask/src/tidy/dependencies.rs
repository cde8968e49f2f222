//! The crate table: who may use whom.

use cargo_metadata::{DependencyKind, Metadata};

use super::Findings;
use super::rules::Rules;

/// Compares the normal dependencies of our crates with the table; those of tests are free.
pub(crate) fn check(metadata: &Metadata, rules: &Rules, findings: &mut Findings) {
    for package in metadata.workspace_packages() {
        let normal = package.dependencies.iter().filter(|dependency| {
            matches!(dependency.kind, DependencyKind::Normal | DependencyKind::Build)
        });
        let names: Vec<_> = normal.map(|dependency| dependency.name.as_str()).collect();
        for fault in faults(&package.name, &names, rules) {
            findings.fault(&package.name, fault);
        }
    }
}

/// What is wrong with one crate that depends on `names`.
fn faults(package: &str, names: &[&str], rules: &Rules) -> Vec<String> {
    let Some(allowed) = rules.crates.get(package) else {
        return vec!["not in the crate table of xtask/tidy.toml".to_owned()];
    };
    let ours = names.iter().filter(|name| rules.crates.contains_key(**name));
    let forbidden = ours
        .filter(|name| !allowed.iter().any(|allowed| allowed == *name))
        .map(|name| format!("may not use {name} (the crate table of ARCHITECTURE.md)"));
    let reserved = names
        .iter()
        .filter_map(|name| Some((name, rules.only.get(*name)?)))
        .filter(|(_, holders)| !holders.iter().any(|holder| holder == package))
        .map(|(name, holders)| format!("may not use {name}: only {} may", holders.join(", ")));
    forbidden.chain(reserved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        toml::from_str(include_str!("../../tidy.toml")).expect("the committed rules")
    }

    #[test]
    fn the_server_may_not_use_the_dialects_or_the_store() {
        assert_eq!(faults("tb-server", &["tb-engine", "axum"], &rules()), Vec::<String>::new());
        assert_eq!(faults("tb-server", &["tb-providers"], &rules()).len(), 1);
        assert_eq!(faults("tb-server", &["tb-store"], &rules()).len(), 1);
    }

    #[test]
    fn pure_crates_may_not_use_a_runtime_and_only_the_store_may_use_sql() {
        for pure in ["tb-api", "tb-core", "tb-providers", "tb-guard", "tb-config"] {
            assert_eq!(faults(pure, &["tokio"], &rules()).len(), 1, "{pure}");
            assert_eq!(faults(pure, &["hyper"], &rules()).len(), 1, "{pure}");
        }
        assert_eq!(faults("tollbar", &["rusqlite"], &rules()).len(), 1);
        assert!(faults("tb-store", &["rusqlite", "tb-core"], &rules()).is_empty());
        assert_eq!(faults("tb-engine", &["axum"], &rules()).len(), 1);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_refused() {
        assert_eq!(faults("tb-new", &[], &rules()).len(), 1);
    }

    #[test]
    fn the_table_has_no_circle() {
        let table = rules().crates;
        for (name, uses) in &table {
            for used in uses {
                let back = table.get(used).is_some_and(|back| back.contains(name));
                assert!(!back, "{name} and {used} use each other");
            }
        }
    }
}
