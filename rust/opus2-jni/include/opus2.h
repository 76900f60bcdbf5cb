/* The boundary of OPUS 2 for C: docs/contracts/jni.md. Made by `cargo xtask codegen`. */

#ifndef OPUS2_H
#define OPUS2_H

#include <stdint.h>

/* Version of this boundary: compare it with opus2_abi_version(). */
#define OPUS2_ABI_VERSION 1

/* Most handles alive at one time. */
#define OPUS2_HANDLES_LIMIT 4096

/* Most bytes one call gives. */
#define OPUS2_OUTPUT_BYTES_LIMIT 134217728

/* Most bytes of an error's text. */
#define OPUS2_ERROR_TEXT_BYTES_LIMIT 4096

/* Never given out, or destroyed (a handle is slot + generation, so a stale one is recognised). */
#define OPUS2_BAD_HANDLE (-1)

/* Another thread is inside the same handle. */
#define OPUS2_BUSY (-2)

/* An earlier call panicked or failed for good; only `lastError` and `destroy` still work. */
#define OPUS2_POISONED (-3)

/* This call panicked; the message is kept, the handle is poisoned. */
#define OPUS2_PANIC (-4)

/* The output did not fit and waits for `takeOutput`; not an error for the caller of the bridge. */
#define OPUS2_OUTPUT_FULL (-5)

/* The operator refused with a fatal error; the handle is poisoned. */
#define OPUS2_OPERATOR (-6)

/* A null address, a negative length, a key cut off, or text that is not UTF-8; the handle is unharmed. */
#define OPUS2_BAD_ARGUMENT (-7)

/* The previous call's output has not been taken. */
#define OPUS2_OUTPUT_PENDING (-8)

/* As many live handles as there may be. */
#define OPUS2_TABLE_FULL (-9)

/* To the next operator. */
#define OPUS2_CHANNEL_MAIN 0

/* To the topic market_data_normalized. */
#define OPUS2_CHANNEL_NORMALIZED 1

/* To the topic hifa_stage1_signals. */
#define OPUS2_CHANNEL_SIGNALS 2

/* To the topic dead_letters. */
#define OPUS2_CHANNEL_DEAD_LETTERS 3

/* To the topic quality_scores. */
#define OPUS2_CHANNEL_QUALITY 4

/* To the topic hifa_stage2_context. */
#define OPUS2_CHANNEL_CONTEXT 5

/* To the topic hifa_stage3_risk. */
#define OPUS2_CHANNEL_RISK 6

/* To the topic trading_signals_final. */
#define OPUS2_CHANNEL_DECISIONS 7


#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of this boundary; a host compares it with `OPUS2_ABI_VERSION` before anything else.
 */
int32_t opus2_abi_version(void);

/**
 * Makes the operator `name` with `config`, TOML text, and gives its handle (> 0) or an error code (< 0), whose text
 * `opus2_last_error(0, …)` gives on the same thread.
 *
 * # Safety
 * `name` and `config` point to as many readable bytes as their lengths say.
 */
int64_t opus2_create(const uint8_t *name,
                     int32_t name_length,
                     const uint8_t *config,
                     int32_t config_length);

/**
 * Gives one record to the operator; `input` is `u16 key length | key | record`. Writes entries to `output` and gives
 * their bytes, or an error code. On `OPUS2_OUTPUT_FULL` the work is done and the entries wait for `opus2_take_output`.
 *
 * # Safety
 * `input` points to `input_length` readable bytes, `output` to `output_capacity` writable ones. They may overlap.
 */
int32_t opus2_process(int64_t handle,
                      const uint8_t *input,
                      int32_t input_length,
                      uint8_t *output,
                      int32_t output_capacity);

/**
 * Tells the operator that the event time of a timer of `key` has passed. Otherwise as `opus2_process`.
 *
 * # Safety
 * `key` points to `key_length` readable bytes, `output` to `output_capacity` writable ones.
 */
int32_t opus2_on_timer(int64_t handle,
                       const uint8_t *key,
                       int32_t key_length,
                       int64_t event_time,
                       uint8_t *output,
                       int32_t output_capacity);

/**
 * Writes the output that did not fit its call, and gives its bytes; 0 when none waits, `OPUS2_OUTPUT_FULL` when
 * `output` is still too small.
 *
 * # Safety
 * `output` points to `output_capacity` writable bytes.
 */
int32_t opus2_take_output(int64_t handle,
                          uint8_t *output,
                          int32_t output_capacity);

/**
 * How many bytes `opus2_take_output` will write; 0 when none wait.
 */
int32_t opus2_output_length(int64_t handle);

/**
 * Writes the state blob of `key` and gives its bytes; 0 when the key has no state.
 *
 * # Safety
 * `key` points to `key_length` readable bytes, `output` to `output_capacity` writable ones.
 */
int32_t opus2_save(int64_t handle,
                   const uint8_t *key,
                   int32_t key_length,
                   uint8_t *output,
                   int32_t output_capacity);

/**
 * Replaces the state of a key; `input` is `u16 key length | key | blob`. Gives 0, or an error code, and then the state
 * is unchanged.
 *
 * # Safety
 * `input` points to `input_length` readable bytes.
 */
int32_t opus2_load(int64_t handle,
                   const uint8_t *input,
                   int32_t input_length);

/**
 * Writes the keys whose state changed since the last call, each `u16 length | key`, and gives the bytes.
 *
 * # Safety
 * `output` points to `output_capacity` writable bytes.
 */
int32_t opus2_drain_dirty(int64_t handle, uint8_t *output, int32_t output_capacity);

/**
 * Writes the counters, each `u8 name length | name | u64 value`, and gives the bytes.
 *
 * # Safety
 * `output` points to `output_capacity` writable bytes.
 */
int32_t opus2_counters(int64_t handle, uint8_t *output, int32_t output_capacity);

/**
 * Writes the UTF-8 text of the handle's last error, cut to the capacity, and gives its bytes. Handle 0: the last error
 * on this thread that has no handle.
 *
 * # Safety
 * `output` points to `output_capacity` writable bytes.
 */
int32_t opus2_last_error(int64_t handle,
                         uint8_t *output,
                         int32_t output_capacity);

/**
 * Ends the operator of the handle. Gives 0; a second time `OPUS2_BAD_HANDLE`.
 */
int32_t opus2_destroy(int64_t handle);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OPUS2_H */
