package opus2.bridge;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Walks the entries that one native call gave, without an object per entry.
 *
 * <pre>
 * record: u8 1 | u8 channel | u16 key length | u32 payload length | i64 event time, ns | key | payload
 * timer:  u8 2 | i64 event time, ns
 * </pre>
 *
 * <p>It reads the operator's own buffer: it is good until that operator's next call. The getters describe the entry
 * that the last {@link #next()} reached.
 */
public final class OutputCursor {
    private static final VarHandle LONGS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int RECORD = 1;
    private static final int TIMER = 2;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int TIMER_BYTES = 9;

    private ByteBuffer buffer;
    private int limit;
    private int nextAt;
    private boolean isTimer;
    private int channel;
    private long eventTime;
    private int keyAt;
    private int keyLength;
    private int payloadLength;

    OutputCursor() {}

    OutputCursor reset(ByteBuffer output, int length) {
        buffer = output;
        limit = length;
        nextAt = 0;
        return this;
    }

    /**
     * Goes to the next entry; false after the last.
     *
     * @throws IllegalStateException the bytes are not entries: the two sides of the boundary are of different builds
     */
    public boolean next() {
        int at = nextAt;
        int left = limit - at;
        if (left == 0) {
            return false;
        }
        if (left >= TIMER_BYTES) {
            // Everything before the event time in one read.
            long head = buffer.getLong(at);
            int kind = (int) head & 0xff;
            if (kind == RECORD && left >= RECORD_HEADER_BYTES) {
                isTimer = false;
                channel = (int) (head >>> 8) & 0xff;
                keyLength = (int) (head >>> 16) & 0xffff;
                payloadLength = (int) (head >>> 32);
                eventTime = buffer.getLong(at + 8);
                keyAt = at + RECORD_HEADER_BYTES;
                // A payload above 2 GiB reads as negative here, and no buffer holds one.
                if (payloadLength >= 0 && (long) keyAt + keyLength + payloadLength <= limit) {
                    nextAt = keyAt + keyLength + payloadLength;
                    return true;
                }
            } else if (kind == TIMER) {
                isTimer = true;
                eventTime = buffer.getLong(at + 1);
                nextAt = at + TIMER_BYTES;
                return true;
            }
        }
        throw new IllegalStateException("the native output has no entry at byte " + at + " of " + limit
                + "; the jar and its native library are of different builds");
    }

    /** Whether the entry asks to be woken at {@link #eventTime()}; else it is a record. */
    public boolean isTimer() {
        return isTimer;
    }

    /** Where a record goes: an index of {@link Abi#CHANNEL_TOPICS}. */
    public int channel() {
        return channel;
    }

    /** The entry's event time, nanoseconds since the Unix epoch. */
    public long eventTime() {
        return eventTime;
    }

    /** The bytes of a record's payload. */
    public int payloadLength() {
        return payloadLength;
    }

    /** Copies a record's payload to the start of {@code target}, which must hold {@link #payloadLength()} bytes. */
    public void copyPayload(byte[] target) {
        buffer.get(keyAt + keyLength, target, 0, payloadLength);
    }

    /**
     * A record's key on its topic, UTF-8: {@code known} itself if that is the key, else a new array. Records of one
     * instrument follow each other, so most keys are the one before.
     */
    public byte[] key(byte[] known) {
        if (known != null && known.length == keyLength && isKey(known)) {
            return known;
        }
        byte[] key = new byte[keyLength];
        buffer.get(keyAt, key, 0, keyLength);
        return key;
    }

    private boolean isKey(byte[] known) {
        int last = keyLength - Long.BYTES;
        if (last < 0) {
            for (int index = 0; index < keyLength; index++) {
                if (buffer.get(keyAt + index) != known[index]) {
                    return false;
                }
            }
            return true;
        }
        // Eight bytes at a time, the last eight overlapping those before.
        for (int index = 0; index < last; index += Long.BYTES) {
            if (buffer.getLong(keyAt + index) != (long) LONGS.get(known, index)) {
                return false;
            }
        }
        return buffer.getLong(keyAt + last) == (long) LONGS.get(known, last);
    }
}
