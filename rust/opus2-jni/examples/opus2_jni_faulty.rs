//! The library for tests of the boundary: everything `libopus2_jni` exports, and one more operator, `faulty`, that fails on
//! demand (`tests/boundary/faulty.rs` lists how), so that tests in C and Java see real panics and the product has none to
//! give.
//!
//! ```text
//! cargo build --release -p opus2-jni --example opus2_jni_faulty  # target/release/examples/libopus2_jni_faulty.so
//! ```
//!
//! Handles of this library are handles of *its* table: use it in place of the product's library, never beside it.

#![expect(unsafe_code, reason = "exported names")]

#[path = "../tests/boundary/faulty.rs"]
mod faulty;

use std::ffi::c_void;

use jni::sys::{JNI_VERSION_1_8, JavaVM, jint};
use opus2_operators::{Operator, OperatorError};

fn create(name: &str, config: &str) -> Result<Box<dyn Operator>, OperatorError> {
    if name == "faulty" { Ok(faulty::Faulty::boxed()) } else { opus2_operators::create(name, config) }
}

/// Makes `faulty` known; the JVM does it by itself when it loads the library. Gives 0, or -1 after the first operator.
#[unsafe(no_mangle)]
pub extern "C" fn opus2_faulty_install() -> i32 {
    if opus2_jni::create_with(create) { 0 } else { -1 }
}

/// Called by the JVM when it loads the library.
#[unsafe(no_mangle)]
pub extern "system" fn JNI_OnLoad(_: *mut JavaVM, _: *mut c_void) -> jint {
    opus2_faulty_install();
    JNI_VERSION_1_8
}
