//! `opus2.h`: the functions from the source of `opus2_jni::c_api` by cbindgen, the constants from the crate itself.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use cbindgen::{Builder, Config, Language};
use opus2_jni::{ABI_VERSION, ERROR_TEXT_BYTES_LIMIT, ErrorCode, HANDLES_LIMIT, OUTPUT_BYTES_LIMIT};
use opus2_operators::OutputChannel;

use super::{screaming, sentence};

const FUNCTIONS: &str = "rust/opus2-jni/src/c_api.rs";

pub(super) fn text(root: &Path) -> anyhow::Result<String> {
    let config = Config {
        language: Language::C,
        header: Some(
            "/* The boundary of OPUS 2 for C: docs/contracts/jni.md. Made by `cargo xtask codegen`. */"
                .to_owned(),
        ),
        include_guard: Some("OPUS2_H".to_owned()),
        no_includes: true,
        sys_includes: vec!["stdint.h".to_owned()],
        after_includes: Some(constants()),
        cpp_compat: true,
        line_length: 110,
        ..Config::default()
    };
    let bindings = Builder::new()
        .with_config(config)
        .with_src(root.join(FUNCTIONS))
        .generate()
        .with_context(|| format!("cbindgen cannot read {FUNCTIONS}"))?;
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    String::from_utf8(bytes).context("cbindgen wrote something that is not UTF-8")
}

fn constants() -> String {
    let mut text = String::new();
    let mut define = |comment: &str, name: &str, value: String| {
        // Writing to a string cannot fail.
        let _written = write!(text, "\n/* {} */\n#define OPUS2_{name} {value}\n", sentence(comment));
    };
    define(
        "version of this boundary: compare it with opus2_abi_version()",
        "ABI_VERSION",
        ABI_VERSION.to_string(),
    );
    define("most handles alive at one time", "HANDLES_LIMIT", HANDLES_LIMIT.to_string());
    define("most bytes one call gives", "OUTPUT_BYTES_LIMIT", OUTPUT_BYTES_LIMIT.to_string());
    define("most bytes of an error's text", "ERROR_TEXT_BYTES_LIMIT", ERROR_TEXT_BYTES_LIMIT.to_string());
    for code in ErrorCode::ALL {
        define(code.meaning(), code.name(), format!("({})", code.code()));
    }
    for channel in OutputChannel::ALL {
        let topic = channel
            .topic()
            .map_or("to the next operator".to_owned(), |topic| format!("to the topic {topic}"));
        define(
            &topic,
            &format!("CHANNEL_{}", screaming(&format!("{channel:?}"))),
            channel.code().to_string(),
        );
    }
    text
}
