package opus2.bridge;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * Loads the native library from the jar, once per class loader.
 *
 * <p>The JVM refuses to load one path in two class loaders, and a Flink session cluster gives every job its own. So
 * the library is copied to a file of its own name each time, compared with its CRC-32, loaded, asked for its ABI
 * version, and the file removed again: the mapping outlives it, and ends with the class loader. With
 * {@code -Dopus2.native.keep=true} the file stays, for profilers and debuggers, which read symbols from it.
 */
final class NativeLibrary {
    private static final int COPY_BUFFER_BYTES = 1 << 16;

    private static boolean isLoaded;

    private NativeLibrary() {}

    /**
     * Makes the native methods of {@link NativeOperator} callable. Does nothing when they already are; after a
     * failure the next call tries again, so that it has the same message.
     *
     * @throws NativeLibraryException there is no library for this platform, it is damaged, it cannot be loaded, or it
     *     is of another version
     */
    static synchronized void load() {
        if (isLoaded) {
            return;
        }
        String resource = "/opus2/native/" + platform() + "/" + System.mapLibraryName("opus2_jni");
        Path file = extract(resource);
        try {
            System.load(file.toString());
            requireAbi(NativeOperator.abiVersion(), resource);
        } catch (UnsatisfiedLinkError error) {
            throw new NativeLibraryException(
                    "cannot load the native library " + resource + " on " + platform() + " from " + file.getParent()
                            + ": " + error.getMessage() + "; if that folder is mounted noexec, set"
                            + " -Djava.io.tmpdir to one that is not",
                    error);
        } finally {
            if (!Boolean.getBoolean("opus2.native.keep")) {
                remove(file);
            }
        }
        isLoaded = true;
    }

    /** The operating system and processor as the jar's folders name them: {@code linux-x86_64}. */
    static String platform() {
        String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String os = name.contains("linux") ? "linux" : name.contains("mac") ? "macos" : name.replace(' ', '-');
        String arch = System.getProperty("os.arch");
        return os + "-" + (arch.equals("amd64") ? "x86_64" : arch);
    }

    static void requireAbi(int found, String resource) {
        if (found != Abi.ABI_VERSION) {
            throw new NativeLibraryException("the native library " + resource + " speaks version " + found
                    + " of the boundary, this jar version " + Abi.ABI_VERSION + "; build both from one commit");
        }
    }

    private static Path extract(String resource) {
        long expected = expectedCrc32(resource);
        Path file = null;
        try (InputStream bytes = open(resource);
                CheckedInputStream checked = new CheckedInputStream(bytes, new CRC32())) {
            file = Files.createTempFile("opus2-", "-" + System.mapLibraryName("opus2_jni"));
            try (OutputStream copy = Files.newOutputStream(file)) {
                byte[] buffer = new byte[COPY_BUFFER_BYTES];
                for (int length = checked.read(buffer); length >= 0; length = checked.read(buffer)) {
                    copy.write(buffer, 0, length);
                }
            }
            long found = checked.getChecksum().getValue();
            if (found != expected) {
                throw new NativeLibraryException(String.format(
                        "the native library %s is damaged: its CRC-32 is %08x, the jar promises %08x; build or copy"
                                + " the jar again",
                        resource, found, expected));
            }
            return file;
        } catch (IOException | NativeLibraryException error) {
            if (file != null) {
                remove(file);
            }
            if (error instanceof NativeLibraryException known) {
                throw known;
            }
            throw new NativeLibraryException("cannot copy the native library " + resource + " to "
                    + System.getProperty("java.io.tmpdir") + ": " + error.getMessage()
                    + "; free some space there, or set -Djava.io.tmpdir to another folder", error);
        }
    }

    private static long expectedCrc32(String resource) {
        try (InputStream bytes = open(resource + ".crc32")) {
            return Long.parseLong(new String(bytes.readAllBytes(), StandardCharsets.US_ASCII).trim(), 16);
        } catch (IOException | NumberFormatException error) {
            throw new NativeLibraryException("the jar's checksum " + resource + ".crc32 is unreadable", error);
        }
    }

    private static InputStream open(String resource) {
        InputStream bytes = NativeLibrary.class.getResourceAsStream(resource);
        if (bytes == null) {
            throw new NativeLibraryException("this jar has no " + resource + ": it was not built for "
                    + System.getProperty("os.name") + " on " + System.getProperty("os.arch")
                    + "; build it on such a machine with `cargo build --release -p opus2-jni` and `gradle jar`");
        }
        return bytes;
    }

    private static void remove(Path path) {
        File file = path.toFile();
        // A loaded file cannot be removed on every system; there it goes when the process ends.
        if (!file.delete()) {
            file.deleteOnExit();
        }
    }
}
