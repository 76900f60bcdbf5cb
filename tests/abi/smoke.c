/* The product's library as a C host sees it: a record's round trip, state, output that does not fit, every refusal. */

#include "check.h"
#include "opus2.h"

#define MARKET "BTC/USD*"
#define MARKET_LENGTH 8
#define ENTRY_HEADER_LENGTH 16

static const char RECORD[] = "three hundred bytes of a venue's text, or fewer";
#define RECORD_LENGTH ((int32_t)sizeof RECORD - 1)
#define ENTRY_LENGTH (ENTRY_HEADER_LENGTH + MARKET_LENGTH + RECORD_LENGTH)

static uint8_t input[512];
static uint8_t output[512];

static int64_t create(const char *name, const char *config) {
    return opus2_create((const uint8_t *)name, (int32_t)strlen(name), (const uint8_t *)config, (int32_t)strlen(config));
}

static int32_t process(int64_t handle, int32_t capacity) {
    int32_t length = keyed(input, MARKET, RECORD, RECORD_LENGTH);
    return opus2_process(handle, input, length, output, capacity);
}

/* The entry of docs/contracts/jni.md, byte by byte. */
static void check_entry(uint8_t number) {
    const uint8_t header[ENTRY_HEADER_LENGTH] = {1, OPUS2_CHANNEL_MAIN, MARKET_LENGTH, 0, (uint8_t)RECORD_LENGTH, 0, 0, 0, number};
    CHECK(memcmp(output, header, sizeof header) == 0);
    CHECK(memcmp(output + ENTRY_HEADER_LENGTH, MARKET, MARKET_LENGTH) == 0);
    CHECK(memcmp(output + ENTRY_HEADER_LENGTH + MARKET_LENGTH, RECORD, (size_t)RECORD_LENGTH) == 0);
}

static void check_error_text(int64_t handle, const char *expected) {
    char text[OPUS2_ERROR_TEXT_BYTES_LIMIT + 1];
    int32_t length = opus2_last_error(handle, (uint8_t *)text, OPUS2_ERROR_TEXT_BYTES_LIMIT);
    CHECK(length > 0);
    text[length] = '\0';
    if (strstr(text, expected) == NULL) {
        fprintf(stderr, "the error is \"%s\", without \"%s\"\n", text, expected);
        exit(1);
    }
}

static void a_record_comes_back(void) {
    int64_t handle = create("copy", "");
    CHECK(handle > 0);
    for (uint8_t number = 1; number <= 3; number++) {
        CHECK_EQUAL(process(handle, sizeof output), ENTRY_LENGTH);
        check_entry(number);
    }
    CHECK_EQUAL(opus2_on_timer(handle, (const uint8_t *)MARKET, MARKET_LENGTH, 42, output, sizeof output), 0);
    CHECK_EQUAL(opus2_counters(handle, output, sizeof output), 1 + 7 + 8);
    CHECK(memcmp(output, "\7records\3\0\0\0\0\0\0\0", 1 + 7 + 8) == 0);
    CHECK_EQUAL(opus2_destroy(handle), 0);
}

static void input_and_output_may_be_the_same_memory(void) {
    int64_t handle = create("copy", "");
    int32_t length = keyed(output, MARKET, RECORD, RECORD_LENGTH);
    CHECK_EQUAL(opus2_process(handle, output, length, output, sizeof output), ENTRY_LENGTH);
    check_entry(1);
    CHECK_EQUAL(opus2_destroy(handle), 0);
}

static void state_moves_to_another_operator(void) {
    uint8_t blob[256];
    int64_t from = create("copy", ""), to = create("copy", "");
    CHECK_EQUAL(process(from, sizeof output), ENTRY_LENGTH);
    CHECK_EQUAL(opus2_drain_dirty(from, output, sizeof output), 2 + MARKET_LENGTH);
    CHECK(memcmp(output, "\10\0" MARKET, 2 + MARKET_LENGTH) == 0);
    CHECK_EQUAL(opus2_drain_dirty(from, output, sizeof output), 0);
    int32_t length = opus2_save(from, (const uint8_t *)MARKET, MARKET_LENGTH, blob, sizeof blob);
    CHECK(length > 0);
    CHECK_EQUAL(opus2_save(from, (const uint8_t *)"other", 5, output, sizeof output), 0);

    CHECK_EQUAL(opus2_load(to, input, keyed(input, MARKET, blob, (size_t)length)), 0);
    CHECK_EQUAL(process(to, sizeof output), ENTRY_LENGTH);
    check_entry(2);

    blob[length - 1] ^= 0x40;
    CHECK_EQUAL(opus2_load(to, input, keyed(input, MARKET, blob, (size_t)length)), OPUS2_OPERATOR);
    check_error_text(to, "state blob is damaged");
    CHECK_EQUAL(process(to, sizeof output), ENTRY_LENGTH);
    check_entry(3);
    CHECK_EQUAL(opus2_destroy(from), 0);
    CHECK_EQUAL(opus2_destroy(to), 0);
}

static void output_that_does_not_fit_waits(void) {
    int64_t handle = create("copy", "");
    memset(output, 0xEE, sizeof output);
    CHECK_EQUAL(process(handle, ENTRY_LENGTH - 1), OPUS2_OUTPUT_FULL);
    CHECK(output[0] == 0xEE);
    CHECK_EQUAL(process(handle, sizeof output), OPUS2_OUTPUT_PENDING);
    CHECK_EQUAL(opus2_output_length(handle), ENTRY_LENGTH);
    CHECK_EQUAL(opus2_take_output(handle, output, ENTRY_LENGTH - 1), OPUS2_OUTPUT_FULL);
    CHECK_EQUAL(opus2_take_output(handle, output, ENTRY_LENGTH), ENTRY_LENGTH);
    check_entry(1);
    CHECK(output[ENTRY_LENGTH] == 0xEE);
    CHECK_EQUAL(opus2_output_length(handle), 0);
    CHECK_EQUAL(opus2_take_output(handle, output, sizeof output), 0);
    CHECK_EQUAL(opus2_destroy(handle), 0);
}

static void nonsense_is_refused_and_harms_nothing(void) {
    CHECK_EQUAL(create("no such operator", ""), OPUS2_OPERATOR);
    check_error_text(0, "no such operator");
    CHECK_EQUAL(opus2_create(NULL, 4, NULL, 0), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_create((const uint8_t *)"copy", -1, NULL, 0), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_create((const uint8_t *)"\xff", 1, NULL, 0), OPUS2_BAD_ARGUMENT);

    int64_t handle = opus2_create((const uint8_t *)"copy", 4, NULL, 0);
    CHECK(handle > 0);
    int32_t length = keyed(input, MARKET, RECORD, RECORD_LENGTH);
    CHECK_EQUAL(opus2_process(handle, NULL, length, output, sizeof output), OPUS2_BAD_ARGUMENT);
    check_error_text(handle, "null address");
    CHECK_EQUAL(opus2_process(handle, input, -1, output, sizeof output), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_process(handle, input, 1, output, sizeof output), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_process(handle, input, length, NULL, sizeof output), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_process(handle, input, length, output, -1), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_load(handle, NULL, 1), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(opus2_save(handle, (const uint8_t *)"\xff", 1, output, sizeof output), OPUS2_BAD_ARGUMENT);
    CHECK_EQUAL(process(handle, sizeof output), ENTRY_LENGTH);
    check_entry(1);
    CHECK_EQUAL(opus2_destroy(handle), 0);
}

static void a_handle_that_is_gone_is_recognised(void) {
    int64_t handle = create("copy", "");
    CHECK_EQUAL(opus2_destroy(handle), 0);
    CHECK_EQUAL(opus2_destroy(handle), OPUS2_BAD_HANDLE);
    CHECK_EQUAL(process(handle, sizeof output), OPUS2_BAD_HANDLE);
    CHECK_EQUAL(process(0, sizeof output), OPUS2_BAD_HANDLE);
    CHECK_EQUAL(process(-1, sizeof output), OPUS2_BAD_HANDLE);
    CHECK_EQUAL(process(INT64_MAX, sizeof output), OPUS2_BAD_HANDLE);
}

static void the_table_has_a_limit(void) {
    static int64_t handles[OPUS2_HANDLES_LIMIT];
    for (int at = 0; at < OPUS2_HANDLES_LIMIT; at++) {
        handles[at] = create("copy", "");
        CHECK(handles[at] > 0);
    }
    CHECK_EQUAL(create("copy", ""), OPUS2_TABLE_FULL);
    check_error_text(0, "destroy some first");
    for (int at = 0; at < OPUS2_HANDLES_LIMIT; at++) {
        CHECK_EQUAL(opus2_destroy(handles[at]), 0);
    }
}

int main(void) {
    CHECK_EQUAL(opus2_abi_version(), OPUS2_ABI_VERSION);
    a_record_comes_back();
    input_and_output_may_be_the_same_memory();
    state_moves_to_another_operator();
    output_that_does_not_fit_waits();
    nonsense_is_refused_and_harms_nothing();
    a_handle_that_is_gone_is_recognised();
    the_table_has_a_limit();
    return 0;
}
