package opus2.bridge;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;

/**
 * One native operator: its handle, its two buffers, and the calls of docs/contracts/jni.md.
 *
 * <p>Keys are UTF-8 bytes, times are nanoseconds since the Unix epoch. Not for two threads at a time. A failed call
 * throws {@link EngineException}; after {@link Abi#PANIC} or {@link Abi#OPERATOR} the operator is of no more use but to
 * be closed. An operator that nobody closed is destroyed when it is collected.
 */
public final class NativeOperator implements AutoCloseable {
    /** The most bytes of one record or state blob with its key: as many as a call may give back. */
    public static final int INPUT_BYTES_LIMIT = Abi.OUTPUT_BYTES_LIMIT;

    private static final int BUFFER_BYTES_FIRST = 1 << 16;
    private static final int KEY_BYTES_LIMIT = 0xffff;
    /** Ends with the class loader, unlike a thread of our own. */
    private static final Cleaner CLEANER = Cleaner.create();

    private final String name;
    private final long handle;
    private final Cleaner.Cleanable cleanable;
    private final OutputCursor cursor = new OutputCursor();
    private DirectBuffer input;
    private DirectBuffer output;

    /**
     * Makes the operator {@code name} with its configuration as TOML text; empty text means every default.
     *
     * @throws NativeLibraryException the native library cannot be used here
     * @throws EngineException the name is unknown or the configuration cannot be used; the message says which and why
     */
    public NativeOperator(String name, String config) {
        this.name = name;
        handle = create(name, config);
        cleanable = CLEANER.register(this, new Destroy(handle));
        input = DirectBuffer.allocate(BUFFER_BYTES_FIRST);
        output = DirectBuffer.allocate(BUFFER_BYTES_FIRST);
    }

    private static long create(String name, String config) {
        NativeLibrary.load();
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        byte[] configBytes = config.getBytes(StandardCharsets.UTF_8);
        DirectBuffer text = DirectBuffer.allocate(Math.max(BUFFER_BYTES_FIRST, nameBytes.length + configBytes.length));
        text.bytes.put(0, nameBytes).put(nameBytes.length, configBytes);
        long handle = create(text.address, nameBytes.length, text.address + nameBytes.length, configBytes.length);
        if (handle <= 0) {
            // A failed creation has no handle; its text is the thread's.
            throw failure((int) handle, name, "create", 0, text);
        }
        return handle;
    }

    /**
     * Gives the operator one record of {@code key}.
     *
     * @return what it gave back; good until the next call
     */
    public OutputCursor process(byte[] key, byte[] record, int recordLength) {
        int length = putKeyed(key, record, recordLength);
        try {
            int written = process(handle, input.address, length, output.address, output.capacity());
            int end = written >= 0 ? written : recover(written, "process");
            // Only now: taking what did not fit replaces the buffer.
            return cursor.reset(output.bytes, end);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Wakes {@code key}: the watermark has passed a timer that it asked for.
     *
     * @return what it gave back; good until the next call
     */
    public OutputCursor onTimer(byte[] key, long eventTime) {
        putKey(key);
        try {
            int written = onTimer(handle, input.address, key.length, eventTime, output.address, output.capacity());
            int end = written >= 0 ? written : recover(written, "onTimer");
            // Only now: taking what did not fit replaces the buffer.
            return cursor.reset(output.bytes, end);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** The state of {@code key} as a blob; empty when it has none. */
    public byte[] save(byte[] key) {
        putKey(key);
        try {
            int written = save(handle, input.address, key.length, output.address, output.capacity());
            byte[] blob = new byte[written >= 0 ? written : recover(written, "save")];
            output.bytes.get(0, blob);
            return blob;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Replaces the state of {@code key} by a saved one.
     *
     * @throws EngineException {@link Abi#OPERATOR}: the blob is damaged, of another operator or of a version this build
     *     cannot read; the key's state is as before
     */
    public void load(byte[] key, byte[] blob) {
        int length = putKeyed(key, blob, blob.length);
        try {
            int code = load(handle, input.address, length);
            if (code < 0) {
                throw failure(code, "load");
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Gives every key whose state has changed since it was last given here, in the order of their first change. */
    public void drainDirty(Consumer<String> visit) {
        try {
            int written = drainDirty(handle, output.address, output.capacity());
            int end = written >= 0 ? written : recover(written, "drainDirty");
            ByteBuffer bytes = output.bytes;
            for (int at = 0; at < end; ) {
                byte[] key = new byte[bytes.getShort(at) & 0xffff];
                bytes.get(at + 2, key);
                at += 2 + key.length;
                visit.accept(new String(key, StandardCharsets.UTF_8));
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Gives every counter since the operator was made, always the same names in the same order. */
    public void counters(ObjLongConsumer<String> visit) {
        try {
            int written = counters(handle, output.address, output.capacity());
            int end = written >= 0 ? written : recover(written, "counters");
            ByteBuffer bytes = output.bytes;
            for (int at = 0; at < end; ) {
                byte[] counter = new byte[bytes.get(at) & 0xff];
                bytes.get(at + 1, counter);
                at += 1 + counter.length;
                visit.accept(new String(counter, StandardCharsets.UTF_8), bytes.getLong(at));
                at += Long.BYTES;
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Destroys the operator. A second time does nothing; a call after it is {@link Abi#BAD_HANDLE}. */
    @Override
    public void close() {
        cleanable.clean();
    }

    // ---- the buffers

    private void putKey(byte[] key) {
        requireKey(key);
        input.bytes.put(0, key);
    }

    /** Writes {@code u16 key length, key, bytes} and gives the length of it all. */
    private int putKeyed(byte[] key, byte[] bytes, int length) {
        requireKey(key);
        long total = (long) Short.BYTES + key.length + length;
        if (total > input.capacity()) {
            if (total > INPUT_BYTES_LIMIT) {
                throw new IllegalArgumentException("native operator '" + name + "' was given " + length
                        + " bytes at once; the limit is " + INPUT_BYTES_LIMIT);
            }
            input = DirectBuffer.allocate((int) total);
        }
        ByteBuffer target = input.bytes;
        target.putShort(0, (short) key.length);
        target.put(Short.BYTES, key);
        target.put(Short.BYTES + key.length, bytes, 0, length);
        return (int) total;
    }

    private void requireKey(byte[] key) {
        if (key.length > KEY_BYTES_LIMIT) {
            throw new IllegalArgumentException("native operator '" + name + "' was given a key of " + key.length
                    + " bytes; the limit is " + KEY_BYTES_LIMIT);
        }
    }

    /** After a negative result: takes the output that did not fit, or throws. */
    private int recover(int code, String call) {
        if (code != Abi.OUTPUT_FULL) {
            throw failure(code, call);
        }
        int length = outputLength(handle);
        if (length < 0) {
            throw failure(length, "outputLength");
        }
        // The native side refuses to hold more than OUTPUT_BYTES_LIMIT, so this is bounded.
        output = DirectBuffer.allocate(length);
        int written = takeOutput(handle, output.address, output.capacity());
        if (written < 0) {
            throw failure(written, "takeOutput");
        }
        return written;
    }

    private EngineException failure(int code, String call) {
        return failure(code, name, call, handle, output);
    }

    private static EngineException failure(int code, String name, String call, long handle, DirectBuffer target) {
        int length = lastError(handle, target.address, target.capacity());
        if (length <= 0) {
            return new EngineException(code, name, call, EngineException.meaning(code));
        }
        byte[] text = new byte[length];
        target.bytes.get(0, text);
        return new EngineException(code, name, call, new String(text, StandardCharsets.UTF_8));
    }

    /** Holds the handle and not the operator, or the operator could never be collected. */
    private record Destroy(long handle) implements Runnable {
        @Override
        public void run() {
            // Its only errors are a handle that is gone, or one that a call of another thread still holds.
            destroy(handle);
        }
    }

    // ---- the native side, docs/contracts/jni.md

    static native long bufferAddress(ByteBuffer buffer);

    static native int abiVersion();

    private static native long create(long nameAddress, int nameLength, long configAddress, int configLength);

    private static native int process(long handle, long inAddress, int inLength, long outAddress, int outCapacity);

    private static native int onTimer(
            long handle, long inAddress, int inLength, long eventTime, long outAddress, int outCapacity);

    private static native int takeOutput(long handle, long outAddress, int outCapacity);

    private static native int outputLength(long handle);

    private static native int save(long handle, long inAddress, int inLength, long outAddress, int outCapacity);

    private static native int load(long handle, long inAddress, int inLength);

    private static native int drainDirty(long handle, long outAddress, int outCapacity);

    private static native int counters(long handle, long outAddress, int outCapacity);

    private static native int lastError(long handle, long outAddress, int outCapacity);

    private static native int destroy(long handle);
}
