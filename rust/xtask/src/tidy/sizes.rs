//! How large things may be.

use super::Finding;
use crate::tree::{FILE_BYTES_MAX, File};

/// Files by how their path begins and ends, the most lines they may have, and what to do with more.
struct Limit {
    begins: &'static str,
    ends: &'static str,
    lines_max: usize,
    advice: &'static str,
}

const LIMITS: [Limit; 6] = [
    Limit { begins: "", ends: ".rs", lines_max: 600, advice: "split it: one idea a file, about 200 lines" },
    Limit { begins: "", ends: ".java", lines_max: 600, advice: "split it: one idea a file, about 200 lines" },
    Limit {
        begins: "scripts/",
        ends: "",
        lines_max: 40,
        advice: "move the work into the opus2 command or xtask",
    },
    Limit {
        begins: "README.md",
        ends: "",
        lines_max: 150,
        advice: "a landing page leads on; move the rest to docs/",
    },
    Limit { begins: "ARCHITECTURE.md", ends: "", lines_max: 200, advice: "name only what rarely changes" },
    Limit {
        begins: "CONTRIBUTING.md",
        ends: "",
        lines_max: 150,
        advice: "make a rule a check, and delete its text",
    },
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.bytes > FILE_BYTES_MAX {
            let what = format!("{} bytes, more than {FILE_BYTES_MAX}", file.bytes);
            let advice = "keep recordings and binaries out of the repository; generate or download them";
            findings.push(Finding::new(&file.path, 0, what, advice));
        }
        let lines = file.lines().count();
        for limit in &LIMITS {
            if file.path.starts_with(limit.begins)
                && file.path.ends_with(limit.ends)
                && lines > limit.lines_max
            {
                let what = format!("{lines} lines, more than {}", limit.lines_max);
                findings.push(Finding::new(&file.path, 0, what, limit.advice));
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
    fn a_file_may_reach_its_limit_and_no_more() {
        for (path, lines_max) in [
            ("a.rs", 600),
            ("b/C.java", 600),
            ("scripts/run", 40),
            ("README.md", 150),
            ("ARCHITECTURE.md", 200),
        ] {
            assert_eq!(check(&[file(path, &"x\n".repeat(lines_max))]), []);
            let lines = lines_max + 1;
            let found = whats(check(&[file(path, &"x\n".repeat(lines))]));
            assert_eq!(found, [format!("{path}:0: {lines} lines, more than {lines_max}")]);
        }
        assert_eq!(check(&[file("docs/README.md", &"x\n".repeat(1000))]), []);
    }

    #[test]
    fn a_large_file_is_found() {
        let large = File { path: "data.bin".to_owned(), bytes: FILE_BYTES_MAX + 1, text: None };
        assert_eq!(whats(check(&[large])), ["data.bin:0: 1048577 bytes, more than 1048576"]);
    }
}
