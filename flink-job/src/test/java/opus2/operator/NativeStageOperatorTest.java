package opus2.operator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.List;
import opus2.bridge.Abi;
import opus2.bridge.EngineException;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.junit.Test;

/** A native operator under Flink: state, rescaling, failures. The operator copies, and numbers a market's records. */
public class NativeStageOperatorTest {
    private static final List<String> MARKETS = List.of("BTC/USD*", "ETH/USD*", "SOL/USD*", "XRP/USD*", "ADA/USD*");

    private static StageRecord record(String market, String payload) {
        return new StageRecord(market, 0, new byte[0], 1_700_000_000_123_456_789L, payload.getBytes(UTF_8));
    }

    private static void checkOutput(StageHarness stage, StageRecord record, String expected) throws Exception {
        assertEquals(List.of(expected), stage.process(record).stream().map(StageHarness::text).toList());
    }

    /** One record of every market; each must come back as record {@code number} of its market. */
    private static void checkNumbered(StageHarness stage, long number) throws Exception {
        for (String market : MARKETS) {
            checkOutput(
                    stage, record(market, "payload " + number),
                    "0 " + market + " " + market + " " + number + " payload " + number);
        }
    }

    private static void checkContinues(int oldParallelism, int newParallelism) throws Exception {
        OperatorSubtaskState snapshot;
        try (StageHarness before = new StageHarness("copy", "", oldParallelism)) {
            checkNumbered(before, 1);
            checkNumbered(before, 2);
            snapshot = before.snapshot(1);
            // After the snapshot, so it is no part of it.
            checkNumbered(before, 3);
        }
        try (StageHarness after = new StageHarness("copy", "", newParallelism, snapshot, oldParallelism)) {
            checkNumbered(after, 3);
            checkNumbered(after, 4);
        }
    }

    @Test
    public void a_restored_stage_continues_where_the_snapshot_was() throws Exception {
        checkContinues(1, 1);
    }

    @Test
    public void rescaling_moves_every_market_with_its_state() throws Exception {
        checkContinues(2, 3);
        checkContinues(3, 2);
        checkContinues(1, 4);
    }

    @Test
    public void markets_that_did_not_change_are_in_the_next_snapshot_too() throws Exception {
        OperatorSubtaskState snapshot;
        try (StageHarness stage = new StageHarness("copy", "", 1)) {
            checkNumbered(stage, 1);
            stage.snapshot(1);
            stage.process(record("BTC/USD*", "one more"));
            snapshot = stage.snapshot(2);
        }
        // Restored and never touched: the state is Flink's alone.
        try (StageHarness stage = new StageHarness("copy", "", 1, snapshot, 1)) {
            snapshot = stage.snapshot(3);
        }
        try (StageHarness stage = new StageHarness("copy", "", 1, snapshot, 1)) {
            checkOutput(stage, record("BTC/USD*", "x"), "0 BTC/USD* BTC/USD* 3 x");
            checkOutput(stage, record("ETH/USD*", "x"), "0 ETH/USD* ETH/USD* 2 x");
        }
    }

    @Test
    public void state_is_loaded_when_its_market_is_first_seen() throws Exception {
        OperatorSubtaskState snapshot = blobs("ETH/USD*", new byte[] {1, 2, 3});
        try (StageHarness stage = new StageHarness("copy", "", 1, snapshot, 1)) {
            // The damaged state of another market is not in the way.
            assertEquals(1, stage.process(record("BTC/USD*", "x")).size());
            stage.snapshot(2);
            var error = assertThrows(EngineException.class, () -> stage.process(record("ETH/USD*", "x")));
            assertEquals(Abi.OPERATOR, error.code());
            assertTrue(error.getMessage(), error.getMessage().contains("'copy', load"));
        }
    }

    @Test
    public void a_stage_that_does_not_exist_fails_its_task_at_once() {
        var error = assertThrows(EngineException.class, () -> new StageHarness("rubbish", "", 1).close());
        assertTrue(error.getMessage(), error.getMessage().contains("'rubbish', create"));
    }

    @Test
    public void a_shorter_record_after_a_longer_one_is_cut_to_its_length() throws Exception {
        try (StageHarness stage = new StageHarness("copy", "", 1)) {
            checkOutput(stage, record("A", "x".repeat(1000)), "0 A A 1 " + "x".repeat(1000));
            checkOutput(stage, record("A", "y"), "0 A A 2 y");
        }
    }

    /** A snapshot in which {@code market} has {@code blob} as its native state. */
    private static OperatorSubtaskState blobs(String market, byte[] blob) throws Exception {
        try (var writer = new KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord>(
                new BlobWriter(blob), record -> record.market, Types.STRING, StageHarness.MAX_PARALLELISM, 1, 0)) {
            writer.open();
            writer.processElement(new StreamRecord<>(record(market, "")));
            return writer.snapshot(1, 1);
        }
    }

    /** Writes a blob where {@link NativeStageOperator} will look for one. */
    private static final class BlobWriter extends AbstractStreamOperator<StageRecord>
            implements OneInputStreamOperator<StageRecord, StageRecord> {
        private static final long serialVersionUID = 1L;

        private final byte[] blob;

        BlobWriter(byte[] blob) {
            this.blob = blob;
        }

        @Override
        public void processElement(StreamRecord<StageRecord> element) throws Exception {
            ValueState<byte[]> state = getPartitionedState(
                    VoidNamespace.INSTANCE,
                    VoidNamespaceSerializer.INSTANCE,
                    new ValueStateDescriptor<>(NativeStageOperator.STATE_NAME, BytePrimitiveArraySerializer.INSTANCE));
            state.update(blob);
        }
    }
}
