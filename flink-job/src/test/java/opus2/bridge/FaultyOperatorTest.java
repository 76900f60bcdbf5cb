package opus2.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.junit.BeforeClass;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;

/**
 * What a panic and a fatal error of native code become, on the operator {@code faulty} of docs/contracts/jni.md. Its
 * library is loaded in place of the product's, in a class loader of its own: the cases run there, each in one static
 * method.
 */
public class FaultyOperatorTest {
    private static IsolatedBridge bridge;

    @BeforeClass
    public static void load() throws Exception {
        Path path = Path.of(System.getProperty("opus2.native.faulty"));
        assertTrue(
                path + " is missing; build it with `cargo build --release -p opus2-jni --example opus2_jni_faulty`, or"
                        + " name another with -PnativeFaulty=PATH",
                Files.isRegularFile(path));
        byte[] library = Files.readAllBytes(path);
        CRC32 crc = new CRC32();
        crc.update(library);
        bridge = new IsolatedBridge()
                .replace(IsolatedBridge.LIBRARY, library)
                .replace(IsolatedBridge.CHECKSUM, String.format("%08x", crc.getValue()).getBytes(UTF_8));
    }

    @Test
    public void a_panic_is_an_exception_and_poisons_its_operator_alone() throws Exception {
        bridge.call(FaultyOperatorTest.class, "checkPanics");
    }

    @Test
    public void a_fatal_error_is_an_exception_and_poisons() throws Exception {
        bridge.call(FaultyOperatorTest.class, "checkFatalError");
    }

    @Test
    public void a_panic_outside_the_data_path_is_an_exception_too() throws Exception {
        bridge.call(FaultyOperatorTest.class, "checkPanicsElsewhere");
    }

    @Test
    public void a_panicking_destructor_does_not_escape() throws Exception {
        bridge.call(FaultyOperatorTest.class, "checkDestructor");
    }

    private static NativeOperator faulty() {
        return new NativeOperator("faulty", "");
    }

    private static void process(NativeOperator operator, String key) {
        operator.process(key.getBytes(UTF_8), new byte[] {1}, 1);
    }

    private static void checkFails(int code, ThrowingRunnable call, String... words) {
        var error = assertThrows(EngineException.class, call);
        assertEquals(error.getMessage(), code, error.code());
        for (String word : words) {
            assertTrue(error.getMessage(), error.getMessage().contains(word));
        }
    }

    static void checkPanics() {
        for (String key : new String[] {"panic-str", "panic-string", "panic-other"}) {
            try (NativeOperator operator = faulty();
                    NativeOperator other = faulty()) {
                process(operator, "fine");
                String word = key.equals("panic-other") ? "PANIC" : "asked to panic";
                checkFails(Abi.PANIC, () -> process(operator, key), "'faulty', process: PANIC (-4)", word);
                checkFails(Abi.POISONED, () -> process(operator, "fine"), "POISONED");
                checkFails(Abi.POISONED, () -> operator.save("fine".getBytes(UTF_8)));
                process(other, "fine");
            }
        }
    }

    static void checkFatalError() {
        try (NativeOperator operator = faulty()) {
            checkFails(Abi.OPERATOR, () -> process(operator, "error"), "asked to fail");
            checkFails(Abi.POISONED, () -> process(operator, "fine"));
        }
    }

    static void checkPanicsElsewhere() {
        byte[] panic = "panic-str".getBytes(UTF_8);
        try (NativeOperator operator = faulty()) {
            checkFails(Abi.PANIC, () -> operator.onTimer(panic, 1), "onTimer", "asked to panic");
        }
        try (NativeOperator operator = faulty()) {
            checkFails(Abi.PANIC, () -> operator.save(panic), "save");
        }
        try (NativeOperator operator = faulty()) {
            checkFails(Abi.PANIC, () -> operator.load(panic, new byte[] {1}), "load");
        }
        try (NativeOperator operator = faulty()) {
            process(operator, "arm-drain");
            checkFails(Abi.PANIC, () -> operator.drainDirty(key -> {}), "drainDirty");
        }
        try (NativeOperator operator = faulty()) {
            process(operator, "arm-counters");
            checkFails(Abi.PANIC, () -> operator.counters((name, value) -> {}), "counters");
        }
    }

    static void checkDestructor() {
        NativeOperator operator = faulty();
        process(operator, "arm-drop");
        operator.close();
        operator.close();
        checkFails(Abi.BAD_HANDLE, () -> process(operator, "fine"));
        try (NativeOperator next = faulty()) {
            assertFalse(next.onTimer("fine".getBytes(UTF_8), 1).isTimer());
            process(next, "fine");
        }
    }
}
