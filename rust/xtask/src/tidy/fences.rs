//! Which of our crates may name which outside crate.

use super::Finding;
use crate::tree::Crate;

/// Outside crates, who may name them, and why nobody else may.
struct Fence {
    crates: &'static [&'static str],
    users: &'static [&'static str],
    /// Whether any crate's tests may name them too.
    in_tests: bool,
    why: &'static str,
}

const SHELLS: &[&str] = &["opus2-ingest", "opus2-sim", "opus2-local", "opus2-cli", "opus2-e2e"];

const FENCES: [Fence; 10] = [
    Fence {
        crates: &["tokio", "tokio-util", "tokio-tungstenite", "futures-util", "reqwest", "hyper", "axum"],
        users: SHELLS,
        in_tests: false,
        why: "sockets and tasks live in shells; the core decides, shells move",
    },
    Fence {
        crates: &["rdkafka", "prometheus"],
        users: &["opus2-ingest", "opus2-local", "opus2-cli"],
        in_tests: true,
        why: "only ingest, the local cluster and the command line talk to a broker",
    },
    Fence {
        crates: &["tracing"],
        users: SHELLS,
        in_tests: false,
        why: "the core reports by return value, shells log",
    },
    Fence {
        crates: &["tracing-subscriber", "clap", "ratatui", "crossterm", "indicatif"],
        users: &["opus2-cli"],
        in_tests: false,
        why: "only the command line talks to a person",
    },
    Fence {
        crates: &["jni", "jni-sys"],
        users: &["opus2-jni"],
        in_tests: false,
        why: "there is one boundary with Java",
    },
    Fence {
        crates: &["cbindgen"],
        users: &["xtask"],
        in_tests: false,
        why: "headers are made by `cargo xtask codegen`",
    },
    Fence {
        crates: &["bincode"],
        users: &["opus2-wire"],
        in_tests: false,
        why: "replacing the codec of state must touch one crate",
    },
    Fence {
        crates: &["serde_json"],
        users: &[
            "opus2-wire",
            "opus2-venue",
            "opus2-sim",
            "opus2-local",
            "opus2-vectors",
            "opus2-cli",
            "xtask",
        ],
        in_tests: true,
        why: "JSON is written by opus2_wire::view and read by opus2-venue; vectors are JSON",
    },
    Fence {
        crates: &["anyhow"],
        users: &["opus2-cli", "xtask"],
        in_tests: true,
        why: "libraries have typed errors",
    },
    Fence {
        crates: &["rust_decimal"],
        users: &["opus2-types", "opus2-venue", "opus2-exec"],
        in_tests: true,
        why: "decimals at the edge and for money, integers inside",
    },
];

pub(super) fn check(crates: &[Crate]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in crates {
        for dependency in &one.dependencies {
            let name = dependency.name.as_str();
            for fence in FENCES.iter().filter(|fence| fence.crates.contains(&name)) {
                let is_allowed =
                    fence.users.contains(&one.name.as_str()) || fence.in_tests && dependency.is_dev;
                if !is_allowed {
                    let what = format!("{} names {name}", one.name);
                    let advice = format!("{}; only {} may name it", fence.why, fence.users.join(", "));
                    findings.push(Finding::new(&one.manifest, 0, what, advice));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{crate_of, whats};

    #[test]
    fn a_fenced_crate_is_found_outside_its_fence() {
        let crates = [
            crate_of("opus2-ingest", &["tokio", "rdkafka", "tracing", "serde_json"]),
            crate_of("opus2-wire", &["bincode", "serde_json", "serde"]),
            crate_of("opus2-book", &["dev:serde_json", "dev:tokio", "rust_decimal"]),
        ];
        assert_eq!(
            whats(check(&crates)),
            [
                "rust/opus2-ingest/Cargo.toml:0: opus2-ingest names serde_json",
                "rust/opus2-book/Cargo.toml:0: opus2-book names tokio",
                "rust/opus2-book/Cargo.toml:0: opus2-book names rust_decimal",
            ]
        );
    }
}
