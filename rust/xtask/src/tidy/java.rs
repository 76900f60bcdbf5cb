//! Which packages may import what: the bridge knows the JDK alone, operators know Flink, only jobs know Kafka.

use super::Finding;
use crate::tree::File;

/// A folder, what its files may import by the beginning of the name, and what may not be among it.
struct Layer {
    folder: &'static str,
    allowed: &'static [&'static str],
    refused: &'static [&'static str],
    advice: &'static str,
}

const LAYERS: [Layer; 2] = [
    Layer {
        folder: "flink-job/src/main/java/opus2/bridge/",
        allowed: &["java.", "opus2.bridge."],
        refused: &[],
        advice: "the bridge knows the JDK and the native library alone; use it from opus2.operator",
    },
    Layer {
        folder: "flink-job/src/main/java/opus2/operator/",
        allowed: &["java.", "org.apache.flink.", "opus2.bridge.", "opus2.operator."],
        refused: &["org.apache.flink.connector."],
        advice: "operators know Flink, neither Kafka nor configuration files; wire them in opus2.job",
    },
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("java")) {
        for layer in LAYERS.iter().filter(|layer| file.path.starts_with(layer.folder)) {
            findings.extend(check_imports(file, layer));
        }
    }
    findings
}

fn check_imports(file: &File, layer: &Layer) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let Some(import) = line.strip_prefix("import ") else { continue };
        let import = import.trim_start_matches("static ").trim_end_matches(';');
        let begins_with = |names: &[&str]| names.iter().any(|name| import.starts_with(name));
        if !begins_with(layer.allowed) || begins_with(layer.refused) {
            findings.push(Finding::new(&file.path, number, format!("imports {import}"), layer.advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{file, whats};

    #[test]
    fn an_import_from_above_is_found() {
        let text = "import java.util.List;\nimport static opus2.bridge.Abi.BUSY;\nimport org.apache.flink.util.X;\n\
                    import org.apache.flink.connector.kafka.Y;\n";
        let bridge = "flink-job/src/main/java/opus2/bridge/A.java";
        let operator = "flink-job/src/main/java/opus2/operator/A.java";
        let job = "flink-job/src/main/java/opus2/job/A.java";
        assert_eq!(
            whats(check(&[file(bridge, text), file(operator, text), file(job, text)])),
            [
                format!("{bridge}:3: imports org.apache.flink.util.X"),
                format!("{bridge}:4: imports org.apache.flink.connector.kafka.Y"),
                format!("{operator}:4: imports org.apache.flink.connector.kafka.Y"),
            ]
        );
    }
}
