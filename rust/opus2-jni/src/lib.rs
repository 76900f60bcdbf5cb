//! The boundary: the operators of `opus2-operators` behind integer handles, for the JVM and for C.
//!
//! docs/contracts/jni.md is the contract. From the outside in:
//!
//! - `jni_api` and `c_api` are names: they turn a host's addresses into [`Source`] and [`Target`] and do nothing else.
//! - [`Host`] is the boundary in safe Rust: every call finds its handle, works under the panic guard, and gives a number.
//! - `engine` is an operator with its buffers, its untaken output and its last error.
//! - `table` is where an integer becomes a reference, and nowhere else: a stale handle, a forged one, or two threads in
//!   one handle are errors, never undefined behaviour.
//!
//! `unsafe` is confined to `jni_api`, `c_api`, `memory` (addresses to slices) and `table`. Nothing here owns a thread, calls
//! into Java, or keeps an address after a call. The Rust names exist for our own tests and for `cargo xtask codegen`.

mod atomic;
mod c_api;
mod code;
mod engine;
mod failure;
mod host;
mod jni_api;
mod memory;
mod panics;
mod table;
mod text;

pub use c_api::{
    create_with, opus2_abi_version, opus2_counters, opus2_create, opus2_destroy, opus2_drain_dirty,
    opus2_last_error, opus2_load, opus2_on_timer, opus2_output_length, opus2_process, opus2_save,
    opus2_take_output,
};
pub use code::{ABI_VERSION, ERROR_TEXT_BYTES_LIMIT, ErrorCode, HANDLES_LIMIT, OUTPUT_BYTES_LIMIT};
pub use host::{CreateFn, Host};
pub use memory::{Source, Target};
