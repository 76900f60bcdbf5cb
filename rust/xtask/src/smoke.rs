//! The C programs of `tests/abi`, compiled against the header and run against the libraries as they are deployed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use cargo_metadata::MetadataCommand;

use crate::tree;

const SOURCES: &str = "tests/abi";
const INCLUDE: &str = "rust/opus2-jni/include";

/// A program, the library it is linked with, and whether it is told the library's path.
struct Program {
    name: &'static str,
    library: Option<Library>,
    loads: Option<Library>,
}

/// A native library, by where cargo puts it.
#[derive(Clone, Copy)]
enum Library {
    Product,
    Faulty,
}

const PROGRAMS: [Program; 3] = [
    Program { name: "smoke", library: Some(Library::Product), loads: None },
    Program { name: "faulty", library: Some(Library::Faulty), loads: None },
    Program { name: "unload", library: None, loads: Some(Library::Faulty) },
];

impl Library {
    fn folder(self, release: &Path) -> PathBuf {
        match self {
            Self::Product => release.to_owned(),
            Self::Faulty => release.join("examples"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Product => "opus2_jni",
            Self::Faulty => "opus2_jni_faulty",
        }
    }
}

/// Builds the libraries and the programs, and runs the programs.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = tree::root();
    let metadata = MetadataCommand::new().current_dir(&root).no_deps().exec().context("cargo metadata")?;
    let target = metadata.target_directory.as_std_path();
    let build = ["build", "--release", "--quiet", "--package", "opus2-jni"];
    succeed(Command::new("cargo").args(build).arg("--lib").current_dir(&root))?;
    succeed(Command::new("cargo").args(build).args(["--example", "opus2_jni_faulty"]).current_dir(&root))?;
    let programs = target.join("abi");
    fs::create_dir_all(&programs).with_context(|| format!("cannot make {}", programs.display()))?;
    for program in &PROGRAMS {
        run_one(program, &root, &target.join("release"), &programs)?;
    }
    Ok(())
}

fn run_one(program: &Program, root: &Path, release: &Path, programs: &Path) -> anyhow::Result<()> {
    let binary = programs.join(program.name);
    let mut compile = Command::new("cc");
    compile
        .args([
            "-std=c11",
            "-D_GNU_SOURCE",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
            INCLUDE,
            "-o",
        ])
        .arg(&binary)
        .arg(format!("{SOURCES}/{}.c", program.name))
        .current_dir(root);
    if let Some(library) = program.library {
        let folder = library.folder(release);
        compile.arg("-L").arg(&folder).arg(format!("-l{}", library.name()));
        compile.arg(format!("-Wl,-rpath,{}", folder.display()));
    } else {
        compile.arg("-ldl");
    }
    succeed(&mut compile)?;
    let mut command = Command::new(&binary);
    // `cargo run` puts its own folders there, and they would come before the one the program was linked with.
    command.env_remove("LD_LIBRARY_PATH");
    // A backtrace maps the library's file a second time, for its line numbers, and keeps it mapped.
    command.env_remove("RUST_BACKTRACE");
    if let Some(library) = program.loads {
        command.arg(library.folder(release).join(format!("lib{}.so", library.name())));
    }
    succeed(&mut command)?;
    println!("{}: ok", program.name);
    Ok(())
}

/// Runs a command; what it wrote is shown only when it fails, because these programs panic on purpose.
fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}; install it"))?;
    let written = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success(),
        "{}{command:?} ended with {}",
        String::from_utf8_lossy(&written),
        output.status
    );
    Ok(())
}
