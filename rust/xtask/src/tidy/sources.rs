//! Rust sources: they begin by saying what they are, the core is pure, and lints are answered with a reason.

use super::Finding;
use crate::tree::File;

/// Crates that decide and never act: no clock, file, socket, thread, log, environment or global state.
const CORE: [&str; 7] =
    ["opus2-types", "opus2-wire", "opus2-book", "opus2-venue", "opus2-hifa", "opus2-operators", "opus2-exec"];

/// What the core may not say, and what to do instead.
const IMPURE: [(&str, &str); 15] = [
    ("std::fs", "take bytes as an argument; a shell reads the file"),
    ("std::net", "give back what should be sent; a shell has the socket"),
    ("std::env", "take a configuration as an argument; a shell reads the environment"),
    ("std::process", "return an error; a shell decides when the process ends"),
    ("std::thread", "the core owns no thread; a host calls it"),
    ("std::io::std", "take and give bytes; a shell has the terminal"),
    ("SystemTime", "take a UnixNanos as an argument; a shell reads the clock"),
    ("Instant::now", "take a UnixNanos as an argument; a shell reads the clock"),
    ("async ", "give back what should happen; a shell waits for it"),
    ("println!", "return it; a shell prints"),
    ("static mut ", "keep it in a struct that a host owns"),
    ("thread_local!", "keep it in a struct that a host owns"),
    ("OnceLock", "keep it in a struct that a host owns, or make it a const"),
    ("LazyLock", "keep it in a struct that a host owns, or make it a const"),
    ("unsafe ", "only opus2-jni contains unsafe code; write it safely"),
];

/// Attributes nobody may write, and what to do instead.
const ATTRIBUTES: [(&str, &str); 4] = [
    ("allow(", "write #[expect(lint, reason = \"…\")], which disappears with its cause"),
    ("ignore", "assert what happens today and say in a comment what should"),
    ("should_panic", "return an error and assert it, or use catch_unwind"),
    ("cfg(feature", "no feature flags: code that is not built is not tested"),
];

const VAGUE_NAMES: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "misc", "shared"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("rs")) {
        findings.extend(check_beginning(file));
        findings.extend(check_name(file));
        findings.extend(check_attributes(file));
        findings.extend(check_purity(file));
    }
    findings
}

fn check_beginning(file: &File) -> Option<Finding> {
    if file.text.as_deref().is_some_and(|text| text.starts_with("//!")) {
        return None;
    }
    Some(Finding::new(&file.path, 1, "does not begin with `//!`", "say in a sentence what lives here"))
}

fn check_name(file: &File) -> Option<Finding> {
    let vague = file.path.split(['/', '.']).find(|part| VAGUE_NAMES.contains(part))?;
    let what = format!("a module called {vague}");
    Some(Finding::new(
        &file.path,
        0,
        what,
        "name it after the one idea it holds, or put the code where it is used",
    ))
}

fn check_attributes(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let line = line.trim_start();
        let Some(attribute) = line.strip_prefix("#[").or_else(|| line.strip_prefix("#![")) else { continue };
        for (name, advice) in ATTRIBUTES {
            if attribute.starts_with(name) {
                let what = format!("attribute `{}`", name.trim_end_matches('('));
                findings.push(Finding::new(&file.path, number, what, advice));
            }
        }
        if attribute.contains("unsafe_code") && !may_be_unsafe(&file.path) {
            let advice =
                "only opus2-jni contains unsafe code, and tests that count allocations; write it safely";
            findings.push(Finding::new(&file.path, number, "lifts the lint `unsafe_code`", advice));
        }
    }
    findings
}

fn may_be_unsafe(path: &str) -> bool {
    path.starts_with("rust/opus2-jni/") || path.contains("/tests/") || path.contains("/benches/")
}

/// Only what is compiled into the product: neither comments nor what follows `#[cfg(test)]`.
fn check_purity(file: &File) -> Vec<Finding> {
    let is_core = CORE.iter().any(|name| file.path.starts_with(&format!("rust/{name}/src/")));
    if !is_core || file.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let line = line.trim_start();
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        if line.starts_with("//") {
            continue;
        }
        for (word, advice) in IMPURE {
            if line.contains(word) {
                let what = format!("the core says `{}`", word.trim_end());
                findings.push(Finding::new(&file.path, number, what, advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{file, whats};

    fn check_one(path: &str, text: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|what| format!("{path}:{what}")).collect();
        assert_eq!(whats(check(&[file(path, text)])), expected);
    }

    #[test]
    fn a_file_says_what_it_is_first() {
        check_one("rust/a/src/b.rs", "//! Prices.\n", &[]);
        check_one("rust/a/src/b.rs", "// Prices.\n", &["1: does not begin with `//!`"]);
        check_one("rust/a/src/b.rs", "", &["1: does not begin with `//!`"]);
        check_one("rust/a/notes.md", "", &[]);
    }

    #[test]
    fn vague_names_are_found_in_folders_and_files() {
        check_one("rust/a/src/utils.rs", "//! x", &["0: a module called utils"]);
        check_one("rust/a/src/common/x.rs", "//! x", &["0: a module called common"]);
        check_one("rust/a/src/commons.rs", "//! x", &[]);
    }

    #[test]
    fn attributes_without_a_reason_are_found() {
        check_one("a.rs", "//! x\n#[allow(dead_code)]\n", &["2: attribute `allow`"]);
        check_one("a.rs", "//! x\n    #![allow(dead_code)]\n", &["2: attribute `allow`"]);
        check_one("a.rs", "//! x\n#[ignore = \"slow\"]\n", &["2: attribute `ignore`"]);
        check_one("a.rs", "//! x\n#[expect(dead_code, reason = \"…\")]\nlet a = \"#[allow(\";\n", &[]);
    }

    #[test]
    fn unsafe_is_lifted_only_where_it_may_be() {
        let text = "//! x\n#![expect(unsafe_code, reason = \"…\")]\n";
        check_one("rust/opus2-jni/src/a.rs", text, &[]);
        check_one("rust/opus2-book/tests/a.rs", text, &[]);
        check_one("rust/opus2-book/src/a.rs", text, &["2: lifts the lint `unsafe_code`"]);
    }

    #[test]
    fn the_core_is_pure_up_to_its_tests() {
        let text = "//! std::fs\nlet now = SystemTime::now();\n#[cfg(test)]\nuse std::fs;\n";
        check_one("rust/opus2-book/src/a.rs", text, &["2: the core says `SystemTime`"]);
        check_one("rust/opus2-book/src/a/tests.rs", text, &[]);
        check_one("rust/opus2-ingest/src/a.rs", text, &[]);
    }
}
