package opus2.job;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import opus2.operator.StageRecord;
import opus2.operator.StageRecordType;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A raw topic's record as one byte string, in the layout of {@code opus2_wire::raw}, with its market and event time.
 *
 * <pre>
 * u16 key length | key | u8 header count | headers: (u8 name length | name | u16 value length | value)… | u32 value length | value
 * </pre>
 *
 * <p>Integers are little-endian. Only the headers {@code market} and {@code recv_ts} are looked at; what is in the
 * others, and in the value, is the native side's business. A record without these two, or that the layout cannot hold,
 * is skipped: counted in {@code deserializer.opus2.source.records_skipped_REASON}, with a warning at most every ten seconds.
 */
final class RawRecordSchema implements KafkaRecordDeserializationSchema<StageRecord> {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(RawRecordSchema.class);

    private static final String MARKET = "market";
    private static final String RECV_TS = "recv_ts";
    private static final byte[] NONE = {};
    private static final int U8_MAX = 0xff;
    private static final int U16_MAX = 0xffff;
    private static final long WARNING_INTERVAL_NS = 10_000_000_000L;

    /** Why a record was skipped. */
    enum Skip {
        /** No header {@code market}, or an empty one. */
        MARKET_MISSING,
        /** The header {@code market} is not UTF-8. */
        MARKET_UNREADABLE,
        /** No header {@code recv_ts}. */
        RECV_TS_MISSING,
        /** The header {@code recv_ts} is not a decimal number of 64 bits. */
        RECV_TS_UNREADABLE,
        /** Key or headers are longer, or headers more, than the layout can say. */
        TOO_LONG;

        String metricName() {
            return "records_skipped_" + name().toLowerCase(Locale.ROOT);
        }
    }

    private transient Map<Skip, Counter> skipped;
    private transient long lastWarningAt;
    private transient long skippedSinceWarning;
    /** Carries every record: what follows has read it when {@code collect} returns. */
    private transient StageRecord record;

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        MetricGroup group = context.getMetricGroup().addGroup("opus2").addGroup("source");
        skipped = new EnumMap<>(Skip.class);
        for (Skip reason : Skip.values()) {
            skipped.put(reason, group.counter(reason.metricName()));
        }
        lastWarningAt = System.nanoTime() - WARNING_INTERVAL_NS;
        record = new StageRecord();
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> source, Collector<StageRecord> out) throws IOException {
        Skip reason = read(source);
        if (reason == null) {
            out.collect(record);
        } else {
            skip(source, reason);
        }
    }

    private Skip read(ConsumerRecord<byte[], byte[]> source) {
        byte[] key = orEmpty(source.key());
        byte[] value = orEmpty(source.value());
        byte[] market = null;
        byte[] recvTs = null;
        int headerCount = 0;
        long total = (long) Short.BYTES + key.length + Byte.BYTES + Integer.BYTES + value.length;
        for (Header header : source.headers()) {
            byte[] headerValue = orEmpty(header.value());
            int nameLength = utf8Length(header.key());
            if (nameLength > U8_MAX || headerValue.length > U16_MAX) {
                return Skip.TOO_LONG;
            }
            headerCount++;
            total += Byte.BYTES + nameLength + Short.BYTES + headerValue.length;
            if (header.key().equals(MARKET)) {
                market = headerValue;
            } else if (header.key().equals(RECV_TS)) {
                recvTs = headerValue;
            }
        }
        if (key.length > U16_MAX || headerCount > U8_MAX || total > Integer.MAX_VALUE - 8) {
            return Skip.TOO_LONG;
        }
        Skip reason = readMarket(market);
        if (reason == null) {
            reason = readRecvTs(recvTs);
        }
        if (reason == null) {
            record.key = key;
            record.reserve((int) total);
            record.length = (int) total;
            write(source, key, headerCount, value);
        }
        return reason;
    }

    private Skip readMarket(byte[] bytes) {
        if (bytes == null || bytes.length == 0) {
            return Skip.MARKET_MISSING;
        }
        String market = new String(bytes, StandardCharsets.UTF_8);
        if (market.indexOf('\uFFFD') >= 0) {
            return Skip.MARKET_UNREADABLE;
        }
        record.market = market;
        return null;
    }

    private Skip readRecvTs(byte[] bytes) {
        if (bytes == null) {
            return Skip.RECV_TS_MISSING;
        }
        try {
            record.eventTime = Long.parseLong(new String(bytes, StandardCharsets.ISO_8859_1));
            return null;
        } catch (NumberFormatException error) {
            return Skip.RECV_TS_UNREADABLE;
        }
    }

    private void write(ConsumerRecord<byte[], byte[]> source, byte[] key, int headerCount, byte[] value) {
        ByteBuffer target = ByteBuffer.wrap(record.payload).order(ByteOrder.LITTLE_ENDIAN);
        target.putShort((short) key.length).put(key).put((byte) headerCount);
        for (Header header : source.headers()) {
            byte[] name = header.key().getBytes(StandardCharsets.UTF_8);
            byte[] headerValue = orEmpty(header.value());
            target.put((byte) name.length).put(name).putShort((short) headerValue.length).put(headerValue);
        }
        target.putInt(value.length).put(value);
    }

    private void skip(ConsumerRecord<byte[], byte[]> source, Skip reason) {
        skipped.get(reason).inc();
        skippedSinceWarning++;
        long now = System.nanoTime();
        if (now - lastWarningAt >= WARNING_INTERVAL_NS) {
            LOG.warn("skipped {} raw records since the last warning; the last, {}-{} offset {}: {}. Write raw records"
                    + " with `opus2 ingest` or `opus2 replay`; their headers are in docs/contracts/topics.md",
                    skippedSinceWarning, source.topic(), source.partition(), source.offset(), reason);
            lastWarningAt = now;
            skippedSinceWarning = 0;
        }
    }

    private static byte[] orEmpty(byte[] bytes) {
        return bytes == null ? NONE : bytes;
    }

    private static int utf8Length(String name) {
        for (int index = 0; index < name.length(); index++) {
            if (name.charAt(index) > 0x7f) {
                return name.getBytes(StandardCharsets.UTF_8).length;
            }
        }
        return name.length();
    }

    @Override
    public TypeInformation<StageRecord> getProducedType() {
        return StageRecordType.INSTANCE;
    }
}
