//! What every crate's manifest must say, and that it names nothing it does not use.

use super::Finding;
use crate::tree::{Crate, Dependency, File};

pub(super) fn check(crates: &[Crate], files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in crates {
        findings.extend(check_lints(one, files));
        findings.extend(one.dependencies.iter().filter_map(|dependency| check_use(one, dependency, files)));
    }
    findings.extend(files.iter().filter(|file| file.has_extension("toml")).filter_map(check_toml));
    findings
}

fn check_lints(one: &Crate, files: &[File]) -> Option<Finding> {
    let manifest = files.iter().find(|file| file.path == one.manifest)?.text.as_deref()?;
    let manifest: toml::Table = manifest.parse().ok()?;
    let says = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if says == Some(true) {
        return None;
    }
    let what = format!("crate {} does not follow the workspace's lints", one.name);
    Some(Finding::new(&one.manifest, 0, what, "add `[lints]` with `workspace = true`"))
}

/// A dependency that no source names by its identifier.
fn check_use(one: &Crate, dependency: &Dependency, files: &[File]) -> Option<Finding> {
    let folder = one.manifest.strip_suffix("Cargo.toml")?;
    let name = dependency.name.replace('-', "_");
    let mut sources = files.iter().filter(|file| file.path.starts_with(folder) && file.has_extension("rs"));
    if sources.any(|source| source.text.as_deref().is_some_and(|text| names(text, &name))) {
        return None;
    }
    let what = format!("{} depends on {} and never names it", one.name, dependency.name);
    Some(Finding::new(&one.manifest, 0, what, "remove it from the manifest"))
}

/// Whether `text` has `name` as a whole word.
fn names(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

fn check_toml(file: &File) -> Option<Finding> {
    let error = file.text.as_deref()?.parse::<toml::Table>().err()?;
    let what = format!("not TOML: {}", error.message());
    Some(Finding::new(&file.path, 0, what, "correct it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{crate_of, file, whats};

    const MANIFEST: &str = "rust/opus2-book/Cargo.toml";

    #[test]
    fn a_crate_without_the_lints_is_found() {
        for (manifest, is_found) in [
            ("[lints]\nworkspace = true\n", false),
            ("lints.workspace = true\n", false),
            ("[lints]\nworkspace = false\n", true),
            ("[package]\n", true),
        ] {
            let found = check(&[crate_of("opus2-book", &[])], &[file(MANIFEST, manifest)]);
            assert_eq!(!found.is_empty(), is_found, "{manifest}");
        }
    }

    #[test]
    fn a_dependency_nobody_names_is_found() {
        let files = [
            file(MANIFEST, "lints.workspace = true\n"),
            file("rust/opus2-book/src/lib.rs", "use serde_json::json;\nuse rust_decimals::X;\n"),
            file("rust/opus2-book/tests/laws.rs", "proptest::proptest! {}\n"),
            file("rust/opus2-wire/src/lib.rs", "use toml;\n"),
        ];
        let one = crate_of("opus2-book", &["serde-json", "rust_decimal", "dev:proptest", "toml"]);
        assert_eq!(
            whats(check(&[one], &files)),
            [
                "rust/opus2-book/Cargo.toml:0: opus2-book depends on rust_decimal and never names it",
                "rust/opus2-book/Cargo.toml:0: opus2-book depends on toml and never names it",
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_toml_is_found() {
        let found = whats(check(&[], &[file("config/a.toml", "a = 1\n"), file("config/b.toml", "a = \n")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("config/b.toml:0: not TOML"), "{found:?}");
    }
}
