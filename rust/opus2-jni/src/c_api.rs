//! The functions by their C names. `cbindgen` makes `include/opus2.h` from this file, so the comments speak to C.

#![expect(unsafe_code, reason = "exported names, and addresses whose meaning only the caller can promise")]

use std::sync::OnceLock;

use crate::memory::{Source, Target};
use crate::{ABI_VERSION, CreateFn, HANDLES_LIMIT, Host};

static HOST: Host<HANDLES_LIMIT> = Host::new();

/// What makes this library's operators: decided once, by whoever comes first.
static CREATE: OnceLock<CreateFn> = OnceLock::new();

/// Makes this library's operators by `create` instead of [`opus2_operators::create`]; says whether it came first, before
/// any operator was made.
///
/// For a library that wraps this one. The library for tests (`examples/opus2_jni_faulty.rs`) adds an operator that fails
/// on demand in this way, so that the product contains none.
pub fn create_with(create: CreateFn) -> bool {
    CREATE.set(create).is_ok()
}

/// The version of this boundary; a host compares it with `OPUS2_ABI_VERSION` before anything else.
#[unsafe(no_mangle)]
pub extern "C" fn opus2_abi_version() -> i32 {
    ABI_VERSION
}

/// Makes the operator `name` with `config`, TOML text, and gives its handle (> 0) or an error code (< 0), whose text
/// `opus2_last_error(0, …)` gives on the same thread.
///
/// # Safety
/// `name` and `config` point to as many readable bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_create(
    name: *const u8,
    name_length: i32,
    config: *const u8,
    config_length: i32,
) -> i64 {
    // SAFETY: the caller promises both.
    let (name, config) =
        unsafe { (Source::from_host(name, name_length), Source::from_host(config, config_length)) };
    HOST.create(*CREATE.get_or_init(|| opus2_operators::create), name, config)
}

/// Gives one record to the operator; `input` is `u16 key length | key | record`. Writes entries to `output` and gives
/// their bytes, or an error code. On `OPUS2_OUTPUT_FULL` the work is done and the entries wait for `opus2_take_output`.
///
/// # Safety
/// `input` points to `input_length` readable bytes, `output` to `output_capacity` writable ones. They may overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_process(
    handle: i64,
    input: *const u8,
    input_length: i32,
    output: *mut u8,
    output_capacity: i32,
) -> i32 {
    // SAFETY: the caller promises both.
    let (input, output) =
        unsafe { (Source::from_host(input, input_length), Target::from_host(output, output_capacity)) };
    HOST.process(handle, input, output)
}

/// Tells the operator that the event time of a timer of `key` has passed. Otherwise as `opus2_process`.
///
/// # Safety
/// `key` points to `key_length` readable bytes, `output` to `output_capacity` writable ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_on_timer(
    handle: i64,
    key: *const u8,
    key_length: i32,
    event_time: i64,
    output: *mut u8,
    output_capacity: i32,
) -> i32 {
    // SAFETY: the caller promises both.
    let (key, output) =
        unsafe { (Source::from_host(key, key_length), Target::from_host(output, output_capacity)) };
    HOST.on_timer(handle, key, event_time, output)
}

/// Writes the output that did not fit its call, and gives its bytes; 0 when none waits, `OPUS2_OUTPUT_FULL` when
/// `output` is still too small.
///
/// # Safety
/// `output` points to `output_capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_take_output(handle: i64, output: *mut u8, output_capacity: i32) -> i32 {
    // SAFETY: the caller promises it.
    HOST.take_output(handle, unsafe { Target::from_host(output, output_capacity) })
}

/// How many bytes `opus2_take_output` will write; 0 when none wait.
#[unsafe(no_mangle)]
pub extern "C" fn opus2_output_length(handle: i64) -> i32 {
    HOST.output_length(handle)
}

/// Writes the state blob of `key` and gives its bytes; 0 when the key has no state.
///
/// # Safety
/// `key` points to `key_length` readable bytes, `output` to `output_capacity` writable ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_save(
    handle: i64,
    key: *const u8,
    key_length: i32,
    output: *mut u8,
    output_capacity: i32,
) -> i32 {
    // SAFETY: the caller promises both.
    let (key, output) =
        unsafe { (Source::from_host(key, key_length), Target::from_host(output, output_capacity)) };
    HOST.save(handle, key, output)
}

/// Replaces the state of a key; `input` is `u16 key length | key | blob`. Gives 0, or an error code, and then the state
/// is unchanged.
///
/// # Safety
/// `input` points to `input_length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_load(handle: i64, input: *const u8, input_length: i32) -> i32 {
    // SAFETY: the caller promises it.
    HOST.load(handle, unsafe { Source::from_host(input, input_length) })
}

/// Writes the keys whose state changed since the last call, each `u16 length | key`, and gives the bytes.
///
/// # Safety
/// `output` points to `output_capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_drain_dirty(handle: i64, output: *mut u8, output_capacity: i32) -> i32 {
    // SAFETY: the caller promises it.
    HOST.drain_dirty(handle, unsafe { Target::from_host(output, output_capacity) })
}

/// Writes the counters, each `u8 name length | name | u64 value`, and gives the bytes.
///
/// # Safety
/// `output` points to `output_capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_counters(handle: i64, output: *mut u8, output_capacity: i32) -> i32 {
    // SAFETY: the caller promises it.
    HOST.counters(handle, unsafe { Target::from_host(output, output_capacity) })
}

/// Writes the UTF-8 text of the handle's last error, cut to the capacity, and gives its bytes. Handle 0: the last error
/// on this thread that has no handle.
///
/// # Safety
/// `output` points to `output_capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opus2_last_error(handle: i64, output: *mut u8, output_capacity: i32) -> i32 {
    // SAFETY: the caller promises it.
    HOST.last_error(handle, unsafe { Target::from_host(output, output_capacity) })
}

/// Ends the operator of the handle. Gives 0; a second time `OPUS2_BAD_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn opus2_destroy(handle: i64) -> i32 {
    HOST.destroy(handle)
}
