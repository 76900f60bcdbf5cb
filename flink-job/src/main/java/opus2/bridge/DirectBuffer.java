package opus2.bridge;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Memory that both sides see: a direct buffer and its address, which stays the same for as long as the buffer lives. */
final class DirectBuffer {
    final ByteBuffer bytes;
    final long address;

    private DirectBuffer(ByteBuffer bytes, long address) {
        this.bytes = bytes;
        this.address = address;
    }

    /** At least {@code wanted} bytes, rounded up to a power of two. */
    static DirectBuffer allocate(int wanted) {
        int capacity = wanted <= 1 ? 1 : Integer.highestOneBit(wanted - 1) << 1;
        ByteBuffer bytes;
        try {
            bytes = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
        } catch (OutOfMemoryError error) {
            throw new IllegalStateException("no direct memory for a buffer of " + capacity
                    + " bytes; in Flink raise taskmanager.memory.task.off-heap.size, elsewhere -XX:MaxDirectMemorySize",
                    error);
        }
        long address = NativeOperator.bufferAddress(bytes);
        if (address == 0) {
            throw new IllegalStateException("this JVM does not tell the address of a direct buffer");
        }
        return new DirectBuffer(bytes, address);
    }

    int capacity() {
        return bytes.capacity();
    }
}
