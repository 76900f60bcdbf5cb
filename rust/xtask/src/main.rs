//! Automation in Rust: `cargo xtask tidy`, `codegen` and `smoke`. Run without arguments for what they do.

#![expect(clippy::print_stdout, reason = "a command line program")]

mod codegen;
mod smoke;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy              check layers, fences, sizes, sources and documents; says what to do about each finding
  codegen           write opus2.h, Abi.java and the generated parts of docs/contracts
  codegen --check   fail when one of them is not what codegen would write
  smoke             build the native libraries (release) and run the C programs of tests/abi against them";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["tidy"] => tidy::run(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["smoke"] => smoke::run(),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
