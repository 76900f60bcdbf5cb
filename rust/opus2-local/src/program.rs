//! The programs of the machine that a cluster needs, and how to get them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{LocalError, Settings};

/// How many bytes of a failed program's output are shown.
const OUTPUT_TAIL_BYTES_LIMIT: usize = 2_000;

/// The oldest Java that Flink, Kafka and the job run on.
const JAVA_VERSION_MIN: u32 = 17;
const JAVA_INSTALL: &str = "apt-get install openjdk-17-jdk-headless";

/// Checks that a program is there by running it with `--version`.
///
/// # Errors
/// [`LocalError::ProgramMissing`] with the command that installs it.
pub fn require_program(program: &'static str, wanted: &str, install: &'static str) -> Result<(), LocalError> {
    let status = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    match status {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(LocalError::ProgramMissing { program, wanted: wanted.to_owned(), install }),
    }
}

/// The Java to run the cluster with: of `JAVA_HOME`, or of the path. At least version 17.
///
/// # Errors
/// [`LocalError::ProgramMissing`].
pub fn java(settings: &Settings) -> Result<PathBuf, LocalError> {
    let java =
        settings.java_home.as_ref().map_or_else(|| PathBuf::from("java"), |home| home.join("bin/java"));
    let missing = |found: &str| LocalError::ProgramMissing {
        program: "java",
        wanted: format!("version {JAVA_VERSION_MIN} or newer; {found} at {}", java.display()),
        install: JAVA_INSTALL,
    };
    let output = Command::new(&java).arg("-version").output().map_err(|_| missing("none"))?;
    // `openjdk version "17.0.15" 2025-04-15`, on the error stream.
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = |version: &str| version.split(['.', '-', '+']).next()?.parse::<u32>().ok();
    let version = text.split('"').nth(1).and_then(number);
    match version {
        Some(version) if version >= JAVA_VERSION_MIN => Ok(java),
        Some(version) => Err(missing(&format!("found version {version}"))),
        None => Err(missing("unreadable version")),
    }
}

/// Runs a program to its end, without input.
pub(crate) fn run_program(command: &mut Command) -> Result<(), LocalError> {
    let line = command_line(command);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(LocalError::io("run", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = output.stdout;
    text.extend_from_slice(&output.stderr);
    Err(LocalError::ProgramFailed {
        command: line,
        status: output.status.to_string(),
        tail: tail_of(&text, OUTPUT_TAIL_BYTES_LIMIT),
    })
}

/// A command as one would type it, without its environment.
pub(crate) fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// The last lines of a log, at most `limit` bytes; what is not UTF-8 is replaced.
pub(crate) fn tail_of(text: &[u8], limit: usize) -> String {
    let cut = &text[text.len().saturating_sub(limit)..];
    let lossy = String::from_utf8_lossy(cut);
    let whole = match lossy.split_once('\n') {
        Some((_, rest)) if cut.len() < text.len() => rest,
        _ => &lossy,
    };
    whole.trim_end().to_owned()
}

/// The end of a log file, or why there is none.
pub(crate) fn log_tail(log: &Path) -> String {
    match std::fs::read(log) {
        Ok(text) if text.is_empty() => "(empty)".to_owned(),
        Ok(text) => tail_of(&text, OUTPUT_TAIL_BYTES_LIMIT),
        Err(error) => format!("(unreadable: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_comes_with_the_command_that_installs_it() {
        let error = require_program("opus2-no-such-program", "to test", "apt-get install it").unwrap_err();
        assert_eq!(
            error.to_string(),
            "opus2-no-such-program is missing (to test); install it with: apt-get install it"
        );
    }

    #[test]
    fn a_failed_program_is_quoted() {
        let mut command = Command::new("sh");
        let error = run_program(command.args(["-c", "echo no such broker; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no such broker"), "{error}");
    }

    #[test]
    fn a_tail_begins_with_a_whole_line() {
        assert_eq!(tail_of(b"first\nsecond\nthird\n", 10), "third");
        assert_eq!(tail_of(b"first\n", 10), "first");
    }
}
