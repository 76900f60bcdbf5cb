//! Who may depend on whom: ARCHITECTURE.md draws it, this table decides it.

use super::Finding;
use crate::tree::Crate;

/// A crate and the crates of ours it may name, also in its tests.
const LAYERS: [(&str, &[&str]); 17] = [
    ("opus2-types", &[]),
    ("opus2-wire", &["opus2-types"]),
    ("opus2-book", &["opus2-types"]),
    ("opus2-venue", &["opus2-types", "opus2-book"]),
    ("opus2-hifa", &["opus2-types", "opus2-book"]),
    ("opus2-operators", &["opus2-types", "opus2-wire", "opus2-book", "opus2-venue", "opus2-hifa"]),
    ("opus2-jni", &["opus2-types", "opus2-operators"]),
    // Ingest exports each exchange's health, whose formula is HIFA's.
    ("opus2-ingest", &["opus2-types", "opus2-wire", "opus2-venue", "opus2-hifa"]),
    ("opus2-sim", &["opus2-types", "opus2-wire", "opus2-venue"]),
    ("opus2-local", &["opus2-types", "opus2-wire"]),
    ("opus2-exec", &["opus2-types", "opus2-book"]),
    (
        "opus2-backtest",
        &["opus2-types", "opus2-wire", "opus2-book", "opus2-hifa", "opus2-operators", "opus2-exec"],
    ),
    ("opus2-vectors", &["opus2-types", "opus2-hifa", "opus2-exec", "opus2-backtest"]),
    (
        "opus2-cli",
        &[
            "opus2-types",
            "opus2-wire",
            "opus2-venue",
            "opus2-hifa",
            "opus2-operators",
            "opus2-exec",
            "opus2-backtest",
            "opus2-vectors",
            "opus2-ingest",
            "opus2-sim",
            "opus2-local",
        ],
    ),
    // Its tests follow the books on the raw topic with the venues' own rules.
    (
        "opus2-e2e",
        &["opus2-types", "opus2-wire", "opus2-venue", "opus2-operators", "opus2-ingest", "opus2-local"],
    ),
    ("opus2-testkit", &["opus2-types"]),
    ("xtask", &["opus2-wire", "opus2-operators", "opus2-jni"]),
];

/// What tests may name besides.
const TEST_LAYERS: [(&str, &[&str]); 1] = [("opus2-ingest", &["opus2-sim"])];

/// The crate for tests of everything above `opus2-types`.
const TESTKIT: &str = "opus2-testkit";

const DRAWING: &str = "rust/xtask/src/tidy/layers.rs";

pub(super) fn check(crates: &[Crate]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in crates {
        let Some(allowed) = row(&LAYERS, &one.name) else {
            let what = format!("crate {} is in no layer", one.name);
            let advice =
                format!("add it to {DRAWING} and to the drawing in ARCHITECTURE.md, or to an existing crate");
            findings.push(Finding::new(&one.manifest, 0, what, advice));
            continue;
        };
        let in_tests = row(&TEST_LAYERS, &one.name).unwrap_or_default();
        for dependency in &one.dependencies {
            let name = dependency.name.as_str();
            let is_ours = name != one.name && crates.iter().any(|other| other.name == name);
            let is_allowed = allowed.contains(&name)
                || dependency.is_dev
                    && (in_tests.contains(&name) || name == TESTKIT && one.name != "opus2-types");
            if is_ours && !is_allowed {
                let what = format!("{} depends on {name}, which is not below it", one.name);
                let advice = format!(
                    "move the code to where both may see it; a new edge is a decision for {DRAWING} and ARCHITECTURE.md"
                );
                findings.push(Finding::new(&one.manifest, 0, what, advice));
            }
        }
    }
    findings
}

fn row<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(found, _)| *found == name).map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{crate_of, whats};

    #[test]
    fn the_table_has_no_cycle() {
        fn reach(name: &str, steps_left: usize) {
            assert!(steps_left > 0, "a cycle through {name}");
            for below in row(&LAYERS, name).unwrap_or_else(|| panic!("{name} is in no layer")) {
                reach(below, steps_left - 1);
            }
        }
        for (name, _) in LAYERS {
            reach(name, LAYERS.len());
        }
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found() {
        let crates = [
            crate_of("opus2-types", &["serde", "opus2-book"]),
            crate_of("opus2-book", &["opus2-types", "dev:opus2-testkit"]),
            crate_of("opus2-testkit", &["opus2-types"]),
            crate_of("opus2-sim", &[]),
            crate_of("opus2-ingest", &["dev:opus2-sim"]),
            crate_of("opus2-venue", &["dev:opus2-sim"]),
        ];
        assert_eq!(
            whats(check(&crates)),
            [
                "rust/opus2-types/Cargo.toml:0: opus2-types depends on opus2-book, which is not below it",
                "rust/opus2-venue/Cargo.toml:0: opus2-venue depends on opus2-sim, which is not below it",
            ]
        );
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        let found = whats(check(&[crate_of("opus2-new", &[])]));
        assert_eq!(found, ["rust/opus2-new/Cargo.toml:0: crate opus2-new is in no layer"]);
    }
}
