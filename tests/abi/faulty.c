/* The library for tests: a panic becomes a code and its message, the handle is poisoned, and the process lives on. */

#include "check.h"
#include "opus2.h"

int32_t opus2_faulty_install(void);

static uint8_t input[64];
static uint8_t output[256];

static int64_t create(const char *name) {
    int64_t handle = opus2_create((const uint8_t *)name, (int32_t)strlen(name), NULL, 0);
    CHECK(handle > 0);
    return handle;
}

static int32_t process(int64_t handle, const char *key) {
    return opus2_process(handle, input, keyed(input, key, "record", 6), output, sizeof output);
}

static void check_poisons(const char *key, int32_t code, const char *message) {
    char text[OPUS2_ERROR_TEXT_BYTES_LIMIT + 1];
    int64_t handle = create("faulty");
    CHECK_EQUAL(process(handle, "k"), 16 + 1 + 6);
    CHECK_EQUAL(process(handle, key), code);
    CHECK_EQUAL(process(handle, "k"), OPUS2_POISONED);
    int32_t length = opus2_last_error(handle, (uint8_t *)text, OPUS2_ERROR_TEXT_BYTES_LIMIT);
    CHECK(length > 0);
    text[length] = '\0';
    CHECK(strstr(text, message) != NULL);
    CHECK_EQUAL(opus2_destroy(handle), 0);
    CHECK_EQUAL(opus2_destroy(handle), OPUS2_BAD_HANDLE);
}

int main(void) {
    CHECK_EQUAL(opus2_faulty_install(), 0);
    check_poisons("panic-str", OPUS2_PANIC, "asked to panic");
    check_poisons("panic-string", OPUS2_PANIC, "asked to panic by key \"panic-string\"");
    check_poisons("panic-other", OPUS2_PANIC, "not text");
    check_poisons("error", OPUS2_OPERATOR, "asked to fail");

    int64_t handle = create("faulty");
    CHECK_EQUAL(process(handle, "arm-drop"), 16 + 8 + 6);
    CHECK_EQUAL(opus2_destroy(handle), OPUS2_PANIC);
    CHECK_EQUAL(opus2_destroy(handle), OPUS2_BAD_HANDLE);

    handle = create("copy");
    CHECK_EQUAL(process(handle, "k"), 16 + 1 + 6);
    CHECK_EQUAL(opus2_destroy(handle), 0);
    CHECK_EQUAL(opus2_faulty_install(), -1);
    return 0;
}
