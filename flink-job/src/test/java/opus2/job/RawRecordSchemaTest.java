package opus2.job;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import opus2.operator.StageRecord;
import opus2.operator.StageRecordSerializer;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.util.Collector;
import org.apache.flink.util.UserCodeClassLoader;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.Before;
import org.junit.Test;

/** A Kafka record's way into the layout of {@code opus2_wire::raw}. */
public class RawRecordSchemaTest {
    private final RawRecordSchema schema = new RawRecordSchema();
    private final Map<String, Counter> counters = new HashMap<>();
    private final List<StageRecord> records = new ArrayList<>();

    @Before
    public void open() {
        schema.open(new DeserializationSchema.InitializationContext() {
            @Override
            public MetricGroup getMetricGroup() {
                return new UnregisteredMetricsGroup() {
                    @Override
                    public MetricGroup addGroup(String name) {
                        return this;
                    }

                    @Override
                    public Counter counter(String name) {
                        return counters.computeIfAbsent(name, unused -> new SimpleCounter());
                    }
                };
            }

            @Override
            public UserCodeClassLoader getUserCodeClassLoader() {
                throw new UnsupportedOperationException("not needed");
            }
        });
    }

    private static ConsumerRecord<byte[], byte[]> source(String key, String value, String... headers) {
        var record = new ConsumerRecord<>("topic", 0, 0,
                key == null ? null : key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8));
        for (int at = 0; at < headers.length; at += 2) {
            record.headers().add(headers[at], headers[at + 1] == null ? null : headers[at + 1].getBytes(ISO_8859_1));
        }
        return record;
    }

    private void deserialize(ConsumerRecord<byte[], byte[]> source) throws Exception {
        schema.deserialize(source, new Collector<>() {
            @Override
            public void collect(StageRecord record) {
                records.add(StageRecordSerializer.INSTANCE.copy(record));
            }

            @Override
            public void close() {}
        });
    }

    private void checkSkipped(ConsumerRecord<byte[], byte[]> source, RawRecordSchema.Skip reason) throws Exception {
        long before = counters.get(reason.metricName()).getCount();
        deserialize(source);
        assertEquals(List.of(), records);
        assertEquals(before + 1, counters.get(reason.metricName()).getCount());
    }

    private void checkTaken(ConsumerRecord<byte[], byte[]> source, String layout) throws Exception {
        records.clear();
        deserialize(source);
        assertEquals(1, records.size());
        assertArrayEquals(layout.getBytes(ISO_8859_1), records.get(0).exactPayload());
    }

    @Test
    public void key_headers_and_value_are_written_as_they_are() throws Exception {
        checkTaken(
                source("binance:X", "{\"e\":1}", "recv_ts", "1723161253937085768", "market", "X/USD*", "n", ""),
                "\11\0binance:X\3\7recv_ts\23\0001723161253937085768\6market\6\0X/USD*\1n\0\0\7\0\0\0{\"e\":1}");
        StageRecord record = records.get(0);
        assertEquals("X/USD*", record.market);
        assertEquals(1_723_161_253_937_085_768L, record.eventTime);
        assertEquals(1_723_161_253_937L, record.timestampMillis());
        assertEquals("binance:X", new String(record.key, UTF_8));
        assertEquals(0, record.channel);
        // The same object again: nothing of the record before may shine through.
        checkTaken(source("k", "v", "market", "M", "recv_ts", "-1"), "\1\0k\2\6market\1\0M\7recv_ts\2\0-1\1\0\0\0v");
        assertEquals(-1, records.get(0).timestampMillis());
    }

    @Test
    public void what_is_null_is_empty() throws Exception {
        checkTaken(
                source(null, null, "market", "M", "recv_ts", "1", "other", null),
                "\0\0\3\6market\1\0M\7recv_ts\1\0001\5other\0\0\0\0\0\0");
    }

    @Test
    public void of_a_repeated_header_the_last_counts() throws Exception {
        deserialize(source("k", "v", "market", "A", "recv_ts", "1", "market", "B", "recv_ts", "2"));
        assertEquals("B", records.get(0).market);
        assertEquals(2, records.get(0).eventTime);
    }

    @Test
    public void records_without_market_or_time_are_skipped_and_counted() throws Exception {
        checkSkipped(source("k", "v"), RawRecordSchema.Skip.MARKET_MISSING);
        checkSkipped(source("k", "v", "market", "", "recv_ts", "1"), RawRecordSchema.Skip.MARKET_MISSING);
        checkSkipped(source("k", "v", "market", "\u00ff", "recv_ts", "1"), RawRecordSchema.Skip.MARKET_UNREADABLE);
        checkSkipped(source("k", "v", "market", "M"), RawRecordSchema.Skip.RECV_TS_MISSING);
        checkSkipped(source("k", "v", "market", "M", "recv_ts", ""), RawRecordSchema.Skip.RECV_TS_UNREADABLE);
        checkSkipped(source("k", "v", "market", "M", "recv_ts", "1.5"), RawRecordSchema.Skip.RECV_TS_UNREADABLE);
        checkSkipped(
                source("k", "v", "market", "M", "recv_ts", "9223372036854775808"), RawRecordSchema.Skip.RECV_TS_UNREADABLE);
        assertEquals(2, counters.get("records_skipped_market_missing").getCount());
    }

    @Test
    public void records_the_layout_cannot_hold_are_skipped_and_counted() throws Exception {
        String[] good = {"market", "M", "recv_ts", "1"};
        checkSkipped(source("k".repeat(65_536), "v", good), RawRecordSchema.Skip.TOO_LONG);
        checkSkipped(
                source("k", "v", "market", "M", "recv_ts", "1", "n".repeat(256), "x"), RawRecordSchema.Skip.TOO_LONG);
        checkSkipped(
                source("k", "v", "market", "M", "recv_ts", "1", "n", "x".repeat(65_536)), RawRecordSchema.Skip.TOO_LONG);
        var many = source("k", "v", good);
        for (int count = 0; count < 254; count++) {
            many.headers().add("n", new byte[0]);
        }
        checkSkipped(many, RawRecordSchema.Skip.TOO_LONG);
    }
}
