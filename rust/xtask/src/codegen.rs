//! Files that are made from code, so that a number or a name is written once.
//!
//! To generate another file, add it to [`generated`]: a path and the text it should have.

mod contract;
mod header;
mod java;

use std::fs;

use anyhow::{Context as _, bail};

use crate::tree;

const HEADER: &str = "rust/opus2-jni/include/opus2.h";
const ABI_JAVA: &str = "flink-job/src/main/java/opus2/bridge/Abi.java";
const JNI_CONTRACT: &str = "docs/contracts/jni.md";

/// A file and what it should say.
struct Generated {
    path: &'static str,
    text: String,
}

fn generated() -> anyhow::Result<Vec<Generated>> {
    Ok(vec![
        Generated { path: HEADER, text: header::text(&tree::root())? },
        Generated { path: ABI_JAVA, text: java::text() },
        Generated { path: JNI_CONTRACT, text: contract::text(&read(JNI_CONTRACT)?)? },
    ])
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(tree::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// Writes what is not as it should be.
pub(crate) fn write() -> anyhow::Result<()> {
    for file in generated()? {
        if read(file.path).is_ok_and(|found| found == file.text) {
            println!("fresh    {}", file.path);
            continue;
        }
        let path = tree::root().join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, file.text).with_context(|| format!("cannot write {}", file.path))?;
        println!("written  {}", file.path);
    }
    Ok(())
}

/// Fails when a file is not as it should be, and says where it differs.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for file in generated()? {
        let found = read(file.path).unwrap_or_default();
        if let Some(line) = first_difference(&found, &file.text) {
            stale.push(format!(
                "{}:{line}: not what the code says; run `cargo xtask codegen` and commit it",
                file.path
            ));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("{}", stale.join("\n"))
}

/// The number of the first line, from 1, in which the two differ.
fn first_difference(found: &str, expected: &str) -> Option<usize> {
    if found == expected {
        return None;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    Some(same + 1)
}

/// `DeadLetters` → `DEAD_LETTERS`.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.extend(letter.to_uppercase());
    }
    screaming
}

/// A sentence for a comment: first letter large, a full stop at the end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_by_line() {
        for (found, expected, line) in [
            ("a\nb\n", "a\nb\n", None),
            ("a\nb\n", "a\nc\n", Some(2)),
            ("", "a\n", Some(1)),
            ("a\n", "a\nb\n", Some(2)),
            ("a\n", "a", Some(2)),
        ] {
            assert_eq!(first_difference(found, expected), line);
        }
    }

    #[test]
    fn names_become_constants() {
        for (name, expected) in [("Main", "MAIN"), ("DeadLetters", "DEAD_LETTERS"), ("", "")] {
            assert_eq!(screaming(name), expected);
        }
    }
}
