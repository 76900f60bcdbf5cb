package opus2.operator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;

/** The subtasks of one stage in Flink's own operator harness, each record sent to the subtask that owns its market. */
public final class StageHarness implements AutoCloseable {
    static final int MAX_PARALLELISM = 2048;

    private final List<KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord>> subtasks =
            new ArrayList<>();

    /** A stage that starts without state. */
    public StageHarness(String stage, String config, int parallelism) throws Exception {
        this(stage, config, parallelism, null, 0);
    }

    /** A stage that continues from {@code snapshot}, taken at {@code oldParallelism}. */
    public StageHarness(String stage, String config, int parallelism, OperatorSubtaskState snapshot, int oldParallelism)
            throws Exception {
        for (int index = 0; index < parallelism; index++) {
            var subtask = new KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord>(
                    new NativeStageOperator(stage, config), record -> record.market, Types.STRING, MAX_PARALLELISM,
                    parallelism, index);
            subtask.getExecutionConfig().enableObjectReuse();
            subtask.setup(StageRecordSerializer.INSTANCE);
            if (snapshot != null) {
                subtask.initializeState(AbstractStreamOperatorTestHarness.repartitionOperatorState(
                        snapshot, MAX_PARALLELISM, oldParallelism, parallelism, index));
            }
            subtask.open();
            subtasks.add(subtask);
        }
    }

    /** Gives a record to the subtask that owns its market, and what came out of it: main output first, then topics. */
    public List<StageRecord> process(StageRecord record) throws Exception {
        var owner = subtasks.get(
                KeyGroupRangeAssignment.assignKeyToParallelOperator(record.market, MAX_PARALLELISM, subtasks.size()));
        owner.processElement(new StreamRecord<>(record, record.timestampMillis()));
        return take(owner);
    }

    /** Sends a watermark to every subtask and gives what came out. */
    public List<StageRecord> watermark(long millis) throws Exception {
        List<StageRecord> output = new ArrayList<>();
        for (var subtask : subtasks) {
            subtask.processWatermark(millis);
            output.addAll(take(subtask));
        }
        return output;
    }

    /** How many timers are set, over all subtasks. */
    public int timerCount() {
        return subtasks.stream().mapToInt(AbstractStreamOperatorTestHarness::numEventTimeTimers).sum();
    }

    /** A checkpoint of all subtasks. */
    public OperatorSubtaskState snapshot(long checkpoint) throws Exception {
        OperatorSubtaskState[] states = new OperatorSubtaskState[subtasks.size()];
        for (int index = 0; index < states.length; index++) {
            states[index] = subtasks.get(index).snapshot(checkpoint, checkpoint);
        }
        return AbstractStreamOperatorTestHarness.repackageState(states);
    }

    private static List<StageRecord> take(
            KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord> subtask) {
        List<StageRecord> output = new ArrayList<>();
        subtask.extractOutputStreamRecords().forEach(element -> output.add(timed(element)));
        subtask.getOutput().clear();
        var topics = subtask.getSideOutput(NativeStageOperator.TOPICS);
        if (topics != null) {
            topics.forEach(element -> output.add(timed(element)));
            topics.clear();
        }
        return output;
    }

    private static StageRecord timed(StreamRecord<? extends StageRecord> element) {
        assertEquals(element.getValue().timestampMillis(), element.getTimestamp());
        return element.getValue();
    }

    /** Every field of a record with a payload of text. */
    public static String text(StageRecord record) {
        return record.channel + " " + record.market + " " + new String(record.key, UTF_8) + " " + record.eventTime + " "
                + new String(record.exactPayload(), UTF_8);
    }

    @Override
    public void close() throws Exception {
        for (var subtask : subtasks) {
            subtask.close();
        }
    }
}
