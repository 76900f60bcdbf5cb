//! The same functions by the names under which the JVM looks for the static native methods of
//! `opus2.bridge.NativeOperator`. Addresses come as `long`s, because the bridge caches those of its direct buffers.
//!
//! Only `bufferAddress` uses its environment, and none its class: on the data path nothing calls up into Java, so nothing
//! there can leave an exception pending, and none of these calls costs more than the C function behind it.

#![expect(unsafe_code, reason = "exported names, and addresses whose meaning only the caller can promise")]

use std::ptr;

use jni::sys::{JNIEnv, jclass, jint, jlong, jobject};

use crate::c_api;

fn source(address: jlong) -> *const u8 {
    target(address).cast_const()
}

fn target(address: jlong) -> *mut u8 {
    usize::try_from(address).map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// `static native long bufferAddress(java.nio.ByteBuffer buffer)`: 0 when the buffer is not a direct one.
///
/// # Safety
/// Called by the JVM: the environment is that of this thread, the buffer a `java.nio.Buffer` or null.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_bufferAddress(
    env: *mut JNIEnv,
    _: jclass,
    buffer: jobject,
) -> jlong {
    if env.is_null() || buffer.is_null() {
        return 0;
    }
    // SAFETY: the JVM's environment points to its function table, of version 1.4 or later in every JVM that can load
    // the bridge's classes, and both arguments are as it gave them.
    let address = unsafe { ((**env).v1_4.GetDirectBufferAddress)(env, buffer) };
    jlong::try_from(address.expose_provenance()).unwrap_or(0)
}

/// `static native int abiVersion()`
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_opus2_bridge_NativeOperator_abiVersion(_: *mut JNIEnv, _: jclass) -> jint {
    c_api::opus2_abi_version()
}

/// `static native long create(long nameAddress, int nameLength, long configAddress, int configLength)`
///
/// # Safety
/// As [`c_api::opus2_create`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_create(
    _: *mut JNIEnv,
    _: jclass,
    name_address: jlong,
    name_length: jint,
    config_address: jlong,
    config_length: jint,
) -> jlong {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_create(source(name_address), name_length, source(config_address), config_length) }
}

/// `static native int process(long handle, long inAddress, int inLength, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_process`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_process(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    in_address: jlong,
    in_length: jint,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_process(handle, source(in_address), in_length, target(out_address), out_capacity) }
}

/// `static native int onTimer(long handle, long inAddress, int inLength, long eventTime, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_on_timer`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_onTimer(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    in_address: jlong,
    in_length: jint,
    event_time: jlong,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    let (key, output) = (source(in_address), target(out_address));
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_on_timer(handle, key, in_length, event_time, output, out_capacity) }
}

/// `static native int takeOutput(long handle, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_take_output`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_takeOutput(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_take_output(handle, target(out_address), out_capacity) }
}

/// `static native int outputLength(long handle)`
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_opus2_bridge_NativeOperator_outputLength(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
) -> jint {
    c_api::opus2_output_length(handle)
}

/// `static native int save(long handle, long inAddress, int inLength, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_save`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_save(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    in_address: jlong,
    in_length: jint,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_save(handle, source(in_address), in_length, target(out_address), out_capacity) }
}

/// `static native int load(long handle, long inAddress, int inLength)`
///
/// # Safety
/// As [`c_api::opus2_load`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_load(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    in_address: jlong,
    in_length: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_load(handle, source(in_address), in_length) }
}

/// `static native int drainDirty(long handle, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_drain_dirty`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_drainDirty(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_drain_dirty(handle, target(out_address), out_capacity) }
}

/// `static native int counters(long handle, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_counters`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_counters(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_counters(handle, target(out_address), out_capacity) }
}

/// `static native int lastError(long handle, long outAddress, int outCapacity)`
///
/// # Safety
/// As [`c_api::opus2_last_error`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_opus2_bridge_NativeOperator_lastError(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
    out_address: jlong,
    out_capacity: jint,
) -> jint {
    // SAFETY: the caller's promise is that of the called function.
    unsafe { c_api::opus2_last_error(handle, target(out_address), out_capacity) }
}

/// `static native int destroy(long handle)`
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_opus2_bridge_NativeOperator_destroy(
    _: *mut JNIEnv,
    _: jclass,
    handle: jlong,
) -> jint {
    c_api::opus2_destroy(handle)
}
