/* What the C programs of this folder share: a check that says where it failed, and keyed input. */
#ifndef OPUS2_TESTS_ABI_CHECK_H
#define OPUS2_TESTS_ABI_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);       \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

#define CHECK_EQUAL(found, expected)                                                        \
    do {                                                                                    \
        long long found_value = (long long)(found), expected_value = (long long)(expected); \
        if (found_value != expected_value) {                                                \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #found,    \
                    found_value, expected_value);                                           \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

/* Writes `u16 key length | key | rest` to `input`, gives its length. */
static inline int32_t keyed(uint8_t *input, const char *key, const void *rest, size_t rest_length) {
    size_t key_length = strlen(key);
    input[0] = (uint8_t)(key_length & 0xff);
    input[1] = (uint8_t)(key_length >> 8);
    memcpy(input + 2, key, key_length);
    if (rest_length > 0) {
        memcpy(input + 2 + key_length, rest, rest_length);
    }
    return (int32_t)(2 + key_length + rest_length);
}

#endif
