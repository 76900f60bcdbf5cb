package opus2.operator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.Test;

/** The bytes between tasks. */
public class StageRecordSerializerTest {
    private static final StageRecordSerializer SERIALIZER = StageRecordSerializer.INSTANCE;

    private static StageRecord record(String market, int payloadBytes) {
        return new StageRecord(market, 3, "binance:BTCUSDT".getBytes(UTF_8), -5, new byte[payloadBytes]);
    }

    private static byte[] serialized(StageRecord record) throws IOException {
        DataOutputSerializer target = new DataOutputSerializer(16);
        SERIALIZER.serialize(record, target);
        return target.getCopyOfBuffer();
    }

    private static void checkSurvives(StageRecord record) throws IOException {
        byte[] bytes = serialized(record);
        assertEquals(record, SERIALIZER.deserialize(new DataInputDeserializer(bytes)));
        StageRecord reused = record("another", 1000);
        assertEquals(record, SERIALIZER.deserialize(reused, new DataInputDeserializer(bytes)));
        assertEquals(record, SERIALIZER.copy(record));
        // Large enough from the start: this view does not grow when it is given another view.
        DataOutputSerializer copied = new DataOutputSerializer(bytes.length);
        SERIALIZER.copy(new DataInputDeserializer(bytes), copied);
        assertArrayEquals(bytes, copied.getCopyOfBuffer());
    }

    @Test
    public void records_survive_their_bytes() throws IOException {
        checkSurvives(new StageRecord());
        checkSurvives(record("BTC/USD*", 300));
        checkSurvives(record("Ω/€*", 100_000));
        StageRecord partial = record("BTC/USD*", 300);
        partial.length = 7;
        checkSurvives(partial);
    }

    @Test
    public void bytes_stay_as_they_are() throws IOException {
        StageRecord record = new StageRecord("A", 1, new byte[] {'k'}, 2, new byte[] {9, 8});
        assertArrayEquals(
                new byte[] {2, 'A', 1, 0, 1, 'k', 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 9, 8}, serialized(record));
    }

    @Test
    public void a_copy_shares_no_payload() {
        StageRecord record = record("A", 3);
        StageRecord copy = SERIALIZER.copy(record);
        assertNotSame(record.payload, copy.payload);
    }

    @Test
    public void flink_finds_the_serializer_and_restores_it_as_is() throws IOException {
        assertEquals(SERIALIZER, StageRecordType.INSTANCE.createSerializer(new SerializerConfigImpl()));
        TypeSerializerSnapshot<StageRecord> snapshot = SERIALIZER.snapshotConfiguration();
        assertTrue(snapshot.resolveSchemaCompatibility(new StageRecordSerializer.Snapshot()).isCompatibleAsIs());
        assertEquals(SERIALIZER, snapshot.restoreSerializer());
    }

    @Test
    public void timers_never_round_to_before_their_time() {
        assertEquals(0, EventTimes.millisNotBefore(0));
        assertEquals(1, EventTimes.millisNotBefore(1));
        assertEquals(1, EventTimes.millisNotBefore(1_000_000));
        assertEquals(2, EventTimes.millisNotBefore(1_000_001));
        assertEquals(0, EventTimes.millisNotBefore(-1));
        assertEquals(-1, EventTimes.millisNotBefore(-1_000_000));
        assertEquals(9_223_372_036_855L, EventTimes.millisNotBefore(Long.MAX_VALUE));
    }
}
