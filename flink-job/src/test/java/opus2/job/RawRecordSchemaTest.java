package opus2.job;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.util.List;
import opus2.operator.StageRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.Test;

/** A Kafka record's way into the layout of {@code opus2_wire::raw}. */
public class RawRecordSchemaTest {
    private final SourceRecords schema = new SourceRecords();

    private static ConsumerRecord<byte[], byte[]> source(String key, String value, String... headers) {
        var record = new ConsumerRecord<>("topic", 0, 0,
                key == null ? null : key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8));
        for (int at = 0; at < headers.length; at += 2) {
            record.headers().add(headers[at], headers[at + 1] == null ? null : headers[at + 1].getBytes(ISO_8859_1));
        }
        return record;
    }

    private void checkSkipped(ConsumerRecord<byte[], byte[]> source, RawRecordSchema.Skip reason) throws Exception {
        long before = schema.skipped(reason);
        assertEquals(List.of(), schema.read(source));
        assertEquals(before + 1, schema.skipped(reason));
    }

    private StageRecord checkTaken(ConsumerRecord<byte[], byte[]> source, String layout) throws Exception {
        List<StageRecord> records = schema.read(source);
        assertEquals(1, records.size());
        assertArrayEquals(layout.getBytes(ISO_8859_1), records.get(0).exactPayload());
        return records.get(0);
    }

    @Test
    public void key_headers_and_value_are_written_as_they_are() throws Exception {
        StageRecord record = checkTaken(
                source("binance:X", "{\"e\":1}", "recv_ts", "1723161253937085768", "market", "X/USD*", "n", ""),
                "\11\0binance:X\3\7recv_ts\23\0001723161253937085768\6market\6\0X/USD*\1n\0\0\7\0\0\0{\"e\":1}");
        assertEquals("X/USD*", record.market);
        assertEquals(1_723_161_253_937_085_768L, record.eventTime);
        assertEquals(1_723_161_253_937L, record.timestampMillis());
        assertEquals("binance:X", new String(record.key, UTF_8));
        assertEquals(0, record.channel);
        // The same object again: nothing of the record before may shine through.
        record = checkTaken(
                source("k", "v", "market", "M", "recv_ts", "-1"), "\1\0k\2\6market\1\0M\7recv_ts\2\0-1\1\0\0\0v");
        assertEquals(-1, record.timestampMillis());
    }

    @Test
    public void what_is_null_is_empty() throws Exception {
        checkTaken(
                source(null, null, "market", "M", "recv_ts", "1", "other", null),
                "\0\0\3\6market\1\0M\7recv_ts\1\0001\5other\0\0\0\0\0\0");
    }

    @Test
    public void of_a_repeated_header_the_last_counts() throws Exception {
        var source = source("k", "v", "market", "A", "recv_ts", "1", "market", "B", "recv_ts", "2");
        StageRecord record = schema.read(source).get(0);
        assertEquals("B", record.market);
        assertEquals(2, record.eventTime);
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
        assertEquals(2, schema.skipped(RawRecordSchema.Skip.MARKET_MISSING));
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
