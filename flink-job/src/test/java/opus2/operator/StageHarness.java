package opus2.operator;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;

/** The subtasks of one stage in Flink's own operator harness, each record sent to the subtask that owns its market. */
final class StageHarness implements AutoCloseable {
    static final int MAX_PARALLELISM = 2048;

    private final List<KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord>> subtasks =
            new ArrayList<>();

    /** A stage that starts without state. */
    StageHarness(String stage, String config, int parallelism) throws Exception {
        this(stage, config, parallelism, null, 0);
    }

    /** A stage that continues from {@code snapshot}, taken at {@code oldParallelism}. */
    StageHarness(String stage, String config, int parallelism, OperatorSubtaskState snapshot, int oldParallelism)
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

    int parallelism() {
        return subtasks.size();
    }

    /** The subtask that owns {@code market}. */
    KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord> owner(String market) {
        return subtasks.get(org.apache.flink.runtime.state.KeyGroupRangeAssignment.assignKeyToParallelOperator(
                market, MAX_PARALLELISM, subtasks.size()));
    }

    /** Gives a record to its subtask and what came out of it, as text. */
    List<String> process(StageRecord record) throws Exception {
        var owner = owner(record.market);
        owner.processElement(new StreamRecord<>(record, record.timestampMillis()));
        return take(owner);
    }

    /** Sends a watermark to every subtask and gives what came out, as text. */
    List<String> watermark(long millis) throws Exception {
        List<String> output = new ArrayList<>();
        for (var subtask : subtasks) {
            subtask.processWatermark(millis);
            output.addAll(take(subtask));
        }
        return output;
    }

    int timerCount() {
        return subtasks.stream().mapToInt(AbstractStreamOperatorTestHarness::numEventTimeTimers).sum();
    }

    /** A checkpoint of all subtasks. */
    OperatorSubtaskState snapshot(long checkpoint) throws Exception {
        OperatorSubtaskState[] states = new OperatorSubtaskState[subtasks.size()];
        for (int index = 0; index < states.length; index++) {
            states[index] = subtasks.get(index).snapshot(checkpoint, checkpoint);
        }
        return AbstractStreamOperatorTestHarness.repackageState(states);
    }

    private static List<String> take(
            KeyedOneInputStreamOperatorTestHarness<String, StageRecord, StageRecord> subtask) {
        List<String> output = new ArrayList<>();
        for (StreamRecord<? extends StageRecord> element : subtask.extractOutputStreamRecords()) {
            output.add(text(element));
        }
        subtask.getOutput().clear();
        var topics = subtask.getSideOutput(NativeStageOperator.TOPICS);
        if (topics != null) {
            topics.forEach(element -> output.add(text(element)));
            topics.clear();
        }
        return output;
    }

    private static String text(StreamRecord<? extends StageRecord> element) {
        StageRecord record = element.getValue();
        return record.channel + " " + record.market + " " + new String(record.key, UTF_8) + " " + record.eventTime + " "
                + element.getTimestamp() + " " + new String(record.payload, 0, record.length, UTF_8);
    }

    @Override
    public void close() throws Exception {
        for (var subtask : subtasks) {
            subtask.close();
        }
    }
}
