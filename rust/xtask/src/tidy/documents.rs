//! Markdown: links inside the repository lead somewhere.

use std::collections::BTreeSet;

use super::Finding;
use crate::tree::File;

const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        for (number, target) in links(file) {
            if let Some(what) = broken(file, &target, files) {
                let advice = "correct the link, or add what it leads to";
                findings.push(Finding::new(&file.path, number, what, advice));
            }
        }
    }
    findings
}

/// What is wrong with a link to `target`.
fn broken(from: &File, target: &str, files: &[File]) -> Option<String> {
    if SCHEMES.iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { Some(from.path.clone()) } else { resolve(&from.path, path) };
    let Some(path) = path else {
        return Some(format!("link to {target} leaves the repository"));
    };
    let folder = format!("{path}/");
    let found = files.iter().find(|file| file.path == path);
    if found.is_none() && !path.is_empty() && !files.iter().any(|file| file.path.starts_with(&folder)) {
        return Some(format!("link to {target}, but there is no {path}"));
    }
    let headings = found.filter(|file| file.has_extension("md")).map(anchors)?;
    let anchor = anchor.filter(|anchor| !headings.contains(*anchor))?;
    Some(format!("link to {target}, but {path} has no heading #{anchor}"))
}

/// `path` seen from the folder of `from`; `None` above the root.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines that are not in a fenced block.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    file.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// The targets of `[text](target)`, with their lines.
fn links(file: &File) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(file) {
        // What is between backticks is code, not a link.
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let targets = outside.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| (number, target.to_owned())));
    }
    links
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(file: &File) -> BTreeSet<String> {
    let headings = prose(file).filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| heading.strip_prefix(' ')).flatten()
    });
    let anchor = |heading: &str| {
        let letters = heading.trim().to_lowercase();
        let kept =
            letters.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>()
    };
    headings.map(anchor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{file, whats};

    fn check_link(link: &str, expected: Option<&str>) {
        let text = format!("# Top of it: `all`\n\n{link}\n");
        let files =
            [file("docs/a.md", &text), file("docs/deep/b.md", "## B\n"), file("README.md", "# Read\n")];
        let expected: Vec<String> = expected.iter().map(|what| format!("docs/a.md:3: {what}")).collect();
        assert_eq!(whats(check(&files)), expected, "{link}");
    }

    #[test]
    fn links_lead_somewhere() {
        check_link("[x](deep/b.md), [y](../README.md#read) and [z](#top-of-it-all)", None);
        check_link("[x](deep) [y](./deep/) [z](..) [w](https://example.org/x)", None);
        check_link("`[x](nowhere.md)` is code", None);
        check_link("[x](b.md)", Some("link to b.md, but there is no docs/b.md"));
        check_link("[x](deep/b.md#c)", Some("link to deep/b.md#c, but docs/deep/b.md has no heading #c"));
        check_link("[x](../../other/c.md)", Some("link to ../../other/c.md leaves the repository"));
        check_link("![picture](p.png)", Some("link to p.png, but there is no docs/p.png"));
    }

    #[test]
    fn fenced_blocks_are_code() {
        check_link("```text\n[x](nowhere.md)\n```", None);
    }
}
