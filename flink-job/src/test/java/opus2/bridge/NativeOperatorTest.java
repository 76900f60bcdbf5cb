package opus2.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;

/** The contract of docs/contracts/jni.md as Java sees it, on the operator that copies. */
public class NativeOperatorTest {
    private static final byte[] KEY = "BTC/USD*".getBytes(UTF_8);

    private static NativeOperator copy() {
        return new NativeOperator("copy", "");
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    /** Processes {@code record} and checks that it comes back as the key's record {@code number}. */
    private static void checkCopied(NativeOperator operator, byte[] key, byte[] record, long number) {
        OutputCursor output = operator.process(key, record, record.length);
        assertTrue(output.next());
        assertFalse(output.isTimer());
        assertEquals(0, output.channel());
        assertEquals(number, output.eventTime());
        assertArrayEquals(key, output.key(null));
        byte[] payload = new byte[output.payloadLength()];
        output.copyPayload(payload);
        assertArrayEquals(record, payload);
        assertFalse(output.next());
    }

    private static void checkFails(int code, ThrowingRunnable call, String... words) {
        var error = assertThrows(EngineException.class, call);
        assertEquals(error.getMessage(), code, error.code());
        for (String word : words) {
            assertTrue(error.getMessage(), error.getMessage().contains(word));
        }
    }

    @Test
    public void records_come_back_numbered_by_key() {
        try (NativeOperator operator = copy()) {
            checkCopied(operator, KEY, bytes(300), 1);
            checkCopied(operator, "other".getBytes(UTF_8), bytes(0), 1);
            checkCopied(operator, KEY, bytes(1), 2);
        }
    }

    @Test
    public void only_the_given_length_of_a_record_counts() {
        try (NativeOperator operator = copy()) {
            OutputCursor output = operator.process(KEY, bytes(300), 7);
            assertTrue(output.next());
            assertEquals(7, output.payloadLength());
        }
    }

    @Test
    public void a_record_larger_than_the_buffers_grows_them() {
        try (NativeOperator operator = copy()) {
            checkCopied(operator, KEY, bytes(10), 1);
            // The first is larger than both buffers, the second fits the input buffer with its key but not the output
            // buffer with its header.
            checkCopied(operator, KEY, bytes(3_000_000), 2);
            checkCopied(operator, KEY, bytes((1 << 22) - 2 - KEY.length), 3);
            checkCopied(operator, KEY, bytes(10), 4);
        }
    }

    @Test
    public void a_record_above_the_limit_is_refused_and_harms_nothing() {
        try (NativeOperator operator = copy()) {
            byte[] record = new byte[NativeOperator.INPUT_BYTES_LIMIT];
            var error = assertThrows(
                    IllegalArgumentException.class, () -> operator.process(KEY, record, record.length));
            assertTrue(error.getMessage(), error.getMessage().contains("the limit is 134217728"));
            byte[] key = new byte[1 << 16];
            assertThrows(IllegalArgumentException.class, () -> operator.process(key, record, 1));
            checkCopied(operator, KEY, bytes(10), 1);
        }
    }

    @Test
    public void a_known_key_is_not_copied_again() {
        try (NativeOperator operator = copy()) {
            OutputCursor output = operator.process(KEY, bytes(1), 1);
            assertTrue(output.next());
            byte[] key = output.key(null);
            assertSame(key, output.key(key));
            assertArrayEquals(KEY, output.key("BTC/USDx".getBytes(UTF_8)));
        }
    }

    @Test
    public void state_moves_to_another_operator() {
        try (NativeOperator first = copy();
                NativeOperator second = copy()) {
            assertEquals("no state yet", 0, first.save(KEY).length);
            checkCopied(first, KEY, bytes(10), 1);
            checkCopied(first, KEY, bytes(10), 2);
            byte[] blob = first.save(KEY);
            assertArrayEquals("equal state gives equal bytes", blob, first.save(KEY));
            second.load(KEY, blob);
            assertArrayEquals(blob, second.save(KEY));
            checkCopied(second, KEY, bytes(10), 3);
        }
    }

    @Test
    public void a_damaged_blob_is_refused_and_changes_nothing() {
        try (NativeOperator operator = copy()) {
            checkCopied(operator, KEY, bytes(10), 1);
            byte[] blob = operator.save(KEY);
            blob[blob.length - 1] ^= 1;
            checkFails(Abi.OPERATOR, () -> operator.load(KEY, blob), "native operator 'copy', load", "BTC/USD*");
            checkFails(Abi.OPERATOR, () -> operator.load(KEY, new byte[0]));
            checkCopied(operator, KEY, bytes(10), 2);
        }
    }

    @Test
    public void each_change_of_a_key_is_told_once() {
        try (NativeOperator operator = copy()) {
            for (String key : List.of("b", "a", "b")) {
                operator.process(key.getBytes(UTF_8), bytes(10), 10);
            }
            checkDirty(operator, "b", "a");
            checkDirty(operator);
            operator.process("a".getBytes(UTF_8), bytes(10), 10);
            checkDirty(operator, "a");
        }
    }

    @Test
    public void more_changed_keys_than_a_buffer_holds_are_all_told() {
        try (NativeOperator operator = copy()) {
            String[] keys = new String[2000];
            for (int at = 0; at < keys.length; at++) {
                keys[at] = at + "-".repeat(100);
                operator.process(keys[at].getBytes(UTF_8), bytes(1), 1);
            }
            checkDirty(operator, keys);
        }
    }

    private static void checkDirty(NativeOperator operator, String... expected) {
        List<String> keys = new ArrayList<>();
        operator.drainDirty(keys::add);
        assertEquals(List.of(expected), keys);
    }

    @Test
    public void counters_count() {
        try (NativeOperator operator = copy()) {
            List<String> counters = new ArrayList<>();
            operator.process(KEY, bytes(10), 10);
            operator.process(KEY, bytes(10), 10);
            operator.counters((name, value) -> counters.add(name + "=" + value));
            assertEquals(List.of("records=2"), counters);
        }
    }

    @Test
    public void a_timer_that_nobody_set_gives_nothing() {
        try (NativeOperator operator = copy()) {
            assertFalse(operator.onTimer(KEY, Long.MAX_VALUE).next());
        }
    }

    @Test
    public void an_unknown_operator_is_refused_with_the_known_ones() {
        checkFails(Abi.OPERATOR, () -> new NativeOperator("rubbish", ""), "'rubbish', create", "copy");
    }

    @Test
    public void a_configuration_that_is_not_toml_is_refused() {
        checkFails(Abi.OPERATOR, () -> new NativeOperator("copy", "= 3"), "'copy', create");
    }

    @Test
    public void a_key_that_is_not_utf8_is_refused_and_harms_nothing() {
        try (NativeOperator operator = copy()) {
            checkFails(Abi.BAD_ARGUMENT, () -> operator.process(new byte[] {(byte) 0xff}, bytes(1), 1));
            checkCopied(operator, KEY, bytes(10), 1);
        }
    }

    @Test
    public void close_may_be_called_twice_and_nothing_else_after_it() {
        NativeOperator operator = copy();
        operator.close();
        operator.close();
        checkFails(Abi.BAD_HANDLE, () -> operator.process(KEY, bytes(1), 1), "'copy', process: BAD_HANDLE (-1)");
        checkFails(Abi.BAD_HANDLE, () -> operator.onTimer(KEY, 1));
        checkFails(Abi.BAD_HANDLE, () -> operator.save(KEY));
        checkFails(Abi.BAD_HANDLE, () -> operator.load(KEY, bytes(1)));
        checkFails(Abi.BAD_HANDLE, () -> operator.drainDirty(key -> {}));
        checkFails(Abi.BAD_HANDLE, () -> operator.counters((name, value) -> {}));
    }

    @Test
    public void a_closed_operator_does_not_reach_the_one_in_its_place() {
        NativeOperator closed = copy();
        closed.close();
        try (NativeOperator next = copy()) {
            checkFails(Abi.BAD_HANDLE, () -> closed.process(KEY, bytes(1), 1));
            closed.close();
            checkCopied(next, KEY, bytes(10), 1);
        }
    }

    @Test
    public void operators_that_nobody_closed_are_destroyed() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (int made = 0; made < Abi.HANDLES_LIMIT + 500; ) {
            try {
                copy();
                made++;
            } catch (EngineException error) {
                assertEquals(error.getMessage(), Abi.TABLE_FULL, error.code());
                assertTrue("forgotten operators are never destroyed", System.nanoTime() < deadline);
                System.gc();
                Thread.yield();
            }
        }
    }
}
