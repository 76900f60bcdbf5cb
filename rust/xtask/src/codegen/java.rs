//! `Abi.java`: what the Java bridge must agree on with the library.

use std::fmt::Write as _;

use opus2_jni::{ABI_VERSION, ERROR_TEXT_BYTES_LIMIT, ErrorCode, HANDLES_LIMIT, OUTPUT_BYTES_LIMIT};
use opus2_operators::{MODEL_KEY, OPERATORS, OutputChannel, RULES_KEY};
use opus2_wire::topic;

use super::{screaming, sentence};

const START: &str = "\
// Made by `cargo xtask codegen` from opus2-jni, opus2-operators and opus2-wire. Do not edit.

package opus2.bridge;

/** The numbers and names that both sides of the boundary must agree on; see docs/contracts/jni.md. */
public final class Abi {
";

const END: &str = "
    private Abi() {}
}
";

pub(super) fn text() -> String {
    let mut java = Java { text: START.to_owned() };
    java.constant(
        "version of the boundary; the bridge refuses a library of any other",
        "ABI_VERSION",
        ABI_VERSION,
    );
    java.constant("the most handles alive at one time", "HANDLES_LIMIT", HANDLES_LIMIT);
    java.constant("the most bytes one call gives", "OUTPUT_BYTES_LIMIT", OUTPUT_BYTES_LIMIT);
    java.constant("the most bytes of an error's text", "ERROR_TEXT_BYTES_LIMIT", ERROR_TEXT_BYTES_LIMIT);
    java.line("");
    for code in ErrorCode::ALL {
        java.constant(code.meaning(), code.name(), code.code());
    }
    java.line("");
    for channel in OutputChannel::ALL {
        let where_to = channel
            .topic()
            .map_or("to the next operator".to_owned(), |topic| format!("to the topic {topic}"));
        java.constant(&where_to, &format!("CHANNEL_{}", screaming(&format!("{channel:?}"))), channel.code());
    }
    java.line("");
    let topics = OutputChannel::ALL.map(OutputChannel::topic);
    java.array(
        "the topic of each output channel, by its code; null for the next operator",
        "CHANNEL_TOPICS",
        &topics,
    );
    java.line("");
    java.array(
        "the topics a job reads: the raw ones of all venues, and positions",
        "SOURCE_TOPICS",
        &topic::SOURCES.map(Some),
    );
    java.line("");
    java.comment("the key of the validation rules' text in the operators' configuration");
    java.line(&format!("    public static final String RULES_KEY = {RULES_KEY:?};"));
    java.line("");
    java.comment("the key of the decision model's text in the operators' configuration");
    java.line(&format!("    public static final String MODEL_KEY = {MODEL_KEY:?};"));
    java.line("");
    java.array("the names of the operators", "OPERATORS", &OPERATORS.map(Some));
    java.text + END
}

struct Java {
    text: String,
}

impl Java {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, comment: &str) {
        self.line(&format!("    /** {} */", sentence(&in_javadoc(comment))));
    }

    fn constant(&mut self, comment: &str, name: &str, value: impl std::fmt::Display) {
        self.comment(comment);
        self.line(&format!("    public static final int {name} = {value};"));
    }

    fn array(&mut self, comment: &str, name: &str, values: &[Option<&str>]) {
        self.comment(comment);
        self.line(&format!("    public static final String[] {name} = {{"));
        for value in values {
            let value = value.map_or("null".to_owned(), |value| format!("{value:?}"));
            // Writing to a string cannot fail.
            let _written = writeln!(self.text, "        {value},");
        }
        self.line("    };");
    }
}

/// `` `name` `` → `{@code name}`.
fn in_javadoc(text: &str) -> String {
    let mut javadoc = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 0 {
            javadoc.push_str(part);
        } else {
            javadoc.push_str("{@code ");
            javadoc.push_str(part);
            javadoc.push('}');
        }
    }
    javadoc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_backticks_becomes_javadoc_code() {
        assert_eq!(in_javadoc("only `a` and `b`"), "only {@code a} and {@code b}");
    }
}
