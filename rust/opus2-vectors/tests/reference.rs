//! The methods reference's own test vectors, and fresh ones by an independent reference, through the production code.
//!
//! The file of the methods reference is not part of the repository: it is read from `OPUS2_SHARED`, else from `../shared`
//! beside the checkout, and the test says on standard error that it was skipped when it is not there.
//!
//! The independent reference is `reference/*.py`: written from the methods reference, in floating point, with numpy from
//! `scripts/python-env`; where that cannot be had, the tests fail. What it makes of SYNTHETIC inputs drawn from a seed is
//! what the code must make of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Fresh vectors of every quantity and seed.
const FRESH: usize = 20;

#[test]
fn every_vector_agrees() {
    let Some(path) = given_vectors() else { return };
    check(&std::fs::read_to_string(path).unwrap());
}

#[test]
fn the_reference_agrees_with_every_given_vector() {
    let Some(path) = given_vectors() else { return };
    let said = reference(&["check", path.to_str().unwrap()]);
    assert!(said.ends_with(" vectors, 0 differences\n"), "{said}");
}

#[test]
fn fresh_vectors_of_every_quantity_agree() {
    for seed in ["1", "2", "3"] {
        let text = reference(&["generate", seed, &FRESH.to_string()]);
        let file: Value = serde_json::from_str(&text).unwrap();
        let mut counts = BTreeMap::new();
        for vector in file["vectors"].as_array().unwrap() {
            *counts.entry(vector["quantity"].as_str().unwrap()).or_insert(0) += 1;
        }
        let all: BTreeMap<&str, usize> = opus2_vectors::quantities().map(|name| (name, FRESH)).collect();
        assert_eq!(counts, all);
        check(&text);
    }
}

#[track_caller]
fn check(text: &str) {
    let report = opus2_vectors::run(text).unwrap();
    let shown: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{} passed, {} failed\n{}", report.passed, report.failed, shown.join("\n"));
}

/// What the reference prints.
fn reference(arguments: &[&str]) -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let environment = Command::new(package.join("../../scripts/python-env")).output().unwrap();
    assert!(environment.status.success(), "{}", String::from_utf8_lossy(&environment.stderr));
    let output = Command::new("python3")
        .arg(package.join("tests/reference/vectors.py"))
        .args(arguments)
        .env("PYTHONPATH", String::from_utf8(environment.stdout).unwrap().trim())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The methods reference's file, or `None` with a visible note.
#[expect(clippy::disallowed_methods, reason = "where the shared files are is a matter of the machine")]
fn given_vectors() -> Option<PathBuf> {
    let shared = std::env::var("OPUS2_SHARED")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("docs/hifa-vectors.json");
    if path.is_file() {
        return Some(path);
    }
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: no vectors at {}; set OPUS2_SHARED to have them", path.display()).unwrap();
    None
}
