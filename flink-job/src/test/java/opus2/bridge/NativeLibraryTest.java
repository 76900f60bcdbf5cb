package opus2.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.Test;

/** Loading: what is refused, and that class loaders do not disturb each other. */
public class NativeLibraryTest {
    /** Runs in an {@link IsolatedBridge} too, so it names nothing of this loader but the bridge. */
    static int processOne() {
        try (NativeOperator operator = new NativeOperator("copy", "")) {
            OutputCursor output = operator.process(new byte[] {'k'}, new byte[] {1, 2, 3}, 3);
            return output.next() ? output.payloadLength() : -1;
        }
    }

    @Test
    public void class_loaders_use_the_library_side_by_side() throws Exception {
        assertEquals(3, processOne());
        assertEquals(3, new IsolatedBridge().call(NativeLibraryTest.class, "processOne"));
        assertEquals(3, new IsolatedBridge().call(NativeLibraryTest.class, "processOne"));
        assertEquals(3, processOne());
    }

    @Test
    public void no_file_is_left_behind() throws Exception {
        assertEquals(3, processOne());
        Set<String> files = mappedFiles();
        assertFalse("the library is not mapped", files.isEmpty());
        files.forEach(file -> assertTrue(file, file.endsWith("(deleted)")));
    }

    @Test
    public void a_class_loader_that_is_gone_leaves_no_mapping() throws Exception {
        for (int cycle = 0; cycle < 10; cycle++) {
            assertEquals(3, new IsolatedBridge().call(NativeLibraryTest.class, "processOne"));
        }
        assertEquals(3, processOne());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (mappedFiles().size() > 2) {
            // Ours, and that of a test which is still remembered; never that of ten cycles.
            assertTrue("still mapped: " + mappedFiles(), System.nanoTime() < deadline);
            System.gc();
            Thread.yield();
        }
    }

    /** The copies of the library that this process has mapped, as the kernel tells them. */
    private static Set<String> mappedFiles() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .filter(line -> line.contains("libopus2_jni"))
                .map(line -> line.substring(line.indexOf('/')))
                .collect(Collectors.toSet());
    }

    @Test
    public void a_damaged_library_is_refused() throws Exception {
        byte[] bytes = IsolatedBridge.resource(IsolatedBridge.LIBRARY);
        bytes[bytes.length / 2] ^= 1;
        checkRefused(
                new IsolatedBridge().replace(IsolatedBridge.LIBRARY, bytes),
                "is damaged: its CRC-32 is",
                "build or copy the jar again");
    }

    @Test
    public void a_wrong_checksum_is_refused() throws Exception {
        checkRefused(
                new IsolatedBridge().replace(IsolatedBridge.CHECKSUM, "00000000\n".getBytes(UTF_8)),
                "the jar promises 00000000");
        checkRefused(
                new IsolatedBridge().replace(IsolatedBridge.CHECKSUM, "rubbish".getBytes(UTF_8)),
                "checksum",
                "is unreadable");
    }

    @Test
    public void another_platform_is_named() throws Exception {
        checkRefused(
                new IsolatedBridge().replace(IsolatedBridge.CHECKSUM, null),
                "it was not built for " + System.getProperty("os.name") + " on " + System.getProperty("os.arch"));
    }

    @Test
    public void a_file_that_is_no_library_is_refused() throws Exception {
        byte[] text = "not a library".getBytes(UTF_8);
        var crc = new java.util.zip.CRC32();
        crc.update(text);
        checkRefused(
                new IsolatedBridge()
                        .replace(IsolatedBridge.LIBRARY, text)
                        .replace(IsolatedBridge.CHECKSUM, String.format("%08x", crc.getValue()).getBytes(UTF_8)),
                "cannot load the native library",
                "-Djava.io.tmpdir");
    }

    @Test
    public void another_abi_version_is_refused() {
        var error = assertThrows(
                NativeLibraryException.class, () -> NativeLibrary.requireAbi(Abi.ABI_VERSION + 1, "/lib.so"));
        assertEquals(
                "the native library /lib.so speaks version " + (Abi.ABI_VERSION + 1) + " of the boundary, this jar"
                        + " version " + Abi.ABI_VERSION + "; build both from one commit",
                error.getMessage());
    }

    /** Every call after a failure fails with the same words, not with a NoClassDefFoundError. */
    private static void checkRefused(IsolatedBridge bridge, String... words) {
        for (int call = 0; call < 2; call++) {
            var error = assertThrows(Exception.class, () -> bridge.call(NativeLibraryTest.class, "processOne"));
            // The exception's class is the other loader's.
            assertEquals(NativeLibraryException.class.getName(), error.getClass().getName());
            for (String word : words) {
                assertTrue(error.getMessage(), error.getMessage().contains(word));
            }
        }
    }
}
