package opus2.operator;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What moves between the source, the stages and the sinks: opaque bytes with the market they belong to.
 *
 * <p>Mutable, because with Flink's object reuse one instance carries every record of a chain. {@link #payload} may be
 * longer than the record: only its first {@link #length} bytes count.
 */
public final class StageRecord {
    private static final byte[] NONE = {};

    /** The market, by which every stage is keyed. */
    public String market = "";
    /** The output channel that it came from, an index of {@code Abi.CHANNEL_TOPICS}; 0 before the first stage. */
    public int channel;
    /** The key on a topic, UTF-8: the instrument. */
    public byte[] key = NONE;
    /** Event time, nanoseconds since the Unix epoch. */
    public long eventTime;
    /** The bytes, from 0 to {@link #length}. */
    public byte[] payload = NONE;
    /** How many bytes of {@link #payload} count. */
    public int length;

    /** An empty record. */
    public StageRecord() {}

    /** A record whose payload is the whole of {@code payload}. */
    public StageRecord(String market, int channel, byte[] key, long eventTime, byte[] payload) {
        this.market = market;
        this.channel = channel;
        this.key = key;
        this.eventTime = eventTime;
        this.payload = payload;
        this.length = payload.length;
    }

    /** Event time as Flink counts it: milliseconds, rounded down. */
    public long timestampMillis() {
        return Math.floorDiv(eventTime, EventTimes.NANOS_PER_MILLI);
    }

    /** The payload as an array of exactly its length; {@link #payload} itself when it is one. */
    public byte[] exactPayload() {
        return payload.length == length ? payload : Arrays.copyOf(payload, length);
    }

    /** Makes {@link #payload} hold at least {@code bytes}, losing what is in it. */
    public void reserve(int bytes) {
        if (payload.length < bytes) {
            payload = new byte[Math.max(bytes, Math.min(2 * payload.length, Integer.MAX_VALUE / 2))];
        }
    }

    /** Takes over everything from {@code other}, with a payload of its own. */
    void copyFrom(StageRecord other) {
        market = other.market;
        channel = other.channel;
        key = other.key;
        eventTime = other.eventTime;
        reserve(other.length);
        length = other.length;
        System.arraycopy(other.payload, 0, payload, 0, length);
    }

    @Override
    public boolean equals(Object object) {
        return object instanceof StageRecord other
                && market.equals(other.market)
                && channel == other.channel
                && Arrays.equals(key, other.key)
                && eventTime == other.eventTime
                && Arrays.equals(payload, 0, length, other.payload, 0, other.length);
    }

    @Override
    public int hashCode() {
        return 31 * market.hashCode() + Long.hashCode(eventTime);
    }

    @Override
    public String toString() {
        return market + " " + new String(key, StandardCharsets.UTF_8) + " channel " + channel + " at " + eventTime
                + " ns, " + length + " bytes";
    }
}
