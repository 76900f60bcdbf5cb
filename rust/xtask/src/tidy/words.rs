//! Words that tell of one machine or one network: the repository speaks of the product alone.

use super::Finding;
use crate::tree::File;

const PATH_ADVICE: &str = "a path of one machine; make it relative to the repository, or an option";
const HOST_ADVICE: &str = "a host of one network; name the public registry by its client's default";

/// In two parts, so that this file does not contain them.
const WORDS: [(&str, &str, &str); 8] = [
    ("/wor", "k/", PATH_ADVICE),
    ("/tmp/", "opus", PATH_ADVICE),
    ("/roo", "t/", PATH_ADVICE),
    ("/hom", "e/", PATH_ADVICE),
    ("artifac", "tory", HOST_ADVICE),
    ("nexus", "-", HOST_ADVICE),
    (".intern", "al/", HOST_ADVICE),
    (".co", "rp/", HOST_ADVICE),
];

/// Files others write for us.
const EXEMPT: [&str; 3] = ["Cargo.lock", "gradlew", "gradlew.bat"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let words = WORDS.map(|(start, end, advice)| (format!("{start}{end}"), advice));
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        for (number, line) in file.lines() {
            for (word, advice) in &words {
                if line.contains(word.as_str()) {
                    findings.push(Finding::new(&file.path, number, format!("says `{word}`"), *advice));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{file, whats};

    #[test]
    fn a_path_of_one_machine_is_found() {
        let path = ["cd /wor", "k/main"].concat();
        let found =
            whats(check(&[file("scripts/run", &format!("set -e\n{path}\n")), file("a.md", "network/x\n")]));
        assert_eq!(found, [["scripts/run:2: says `/wor", "k/`"].concat()]);
    }

    #[test]
    fn lock_files_are_not_ours() {
        assert_eq!(check(&[file("Cargo.lock", &["/roo", "t/x"].concat())]), []);
    }
}
