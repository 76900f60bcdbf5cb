package opus2.operator;

import java.util.concurrent.ScheduledFuture;
import opus2.bridge.Abi;
import opus2.bridge.NativeOperator;
import opus2.bridge.OutputCursor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.InternalTimer;
import org.apache.flink.streaming.api.operators.InternalTimerService;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Triggerable;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;

/**
 * One native operator as a Flink operator on a stream keyed by market.
 *
 * <p>Records of channel 0 go to the main output, those of every other channel to {@link #TOPICS}. State is Flink's
 * managed keyed state and timers are Flink's event-time timers, so checkpoints, savepoints and rescaling are Flink's
 * own. Nothing is buffered here: when a record's call returns, its output has been emitted.
 *
 * <p>Any error of the native side fails the task, and Flink restores a checkpoint: an operator that could not do its
 * work must not seem to have done it.
 */
public final class NativeStageOperator extends AbstractStreamOperator<StageRecord>
        implements OneInputStreamOperator<StageRecord, StageRecord>, Triggerable<String, Long> {
    /**
     * Everything for a topic, whichever; {@link StageRecord#channel} says for which. One tag for all of them, so that
     * one sink can follow in the same chain: a union of several would cost another exchange between tasks.
     */
    public static final OutputTag<StageRecord> TOPICS = new OutputTag<>("topics", StageRecordType.INSTANCE);

    /** Names of state and timers in every checkpoint: neither can be changed without losing them. */
    static final String STATE_NAME = "native-state";
    static final String TIMERS_NAME = "native-timers";

    private static final long serialVersionUID = 1L;
    private static final long METRICS_INTERVAL_MS = 1000;

    private final String stage;
    private final String config;

    private transient NativeOperator operator;
    private transient StageState state;
    private transient InternalTimerService<Long> timers;
    private transient StageMetrics stageMetrics;
    private transient ScheduledFuture<?> metricsRefresh;
    private transient StageRecord mainRecord;
    private transient StageRecord topicRecord;
    private transient StreamRecord<StageRecord> mainElement;
    private transient StreamRecord<StageRecord> topicElement;

    /**
     * The native operator {@code stage} with {@code config} as its TOML text; empty text means every default. Neither is
     * looked at before the task starts.
     */
    public NativeStageOperator(String stage, String config) {
        this.stage = stage;
        this.config = config;
    }

    @Override
    public void open() throws Exception {
        super.open();
        operator = new NativeOperator(stage, config);
        ValueState<byte[]> blobs = getPartitionedState(
                VoidNamespace.INSTANCE,
                VoidNamespaceSerializer.INSTANCE,
                new ValueStateDescriptor<>(STATE_NAME, BytePrimitiveArraySerializer.INSTANCE));
        state = new StageState(operator, blobs);
        // The namespace is the timer's own nanosecond: Flink counts milliseconds, the native side must get back what it
        // asked for.
        timers = getInternalTimerService(TIMERS_NAME, LongSerializer.INSTANCE, this);
        stageMetrics = new StageMetrics(operator, stage, state, getMetricGroup());
        metricsRefresh = getProcessingTimeService()
                .scheduleWithFixedDelay(time -> stageMetrics.refresh(state), METRICS_INTERVAL_MS, METRICS_INTERVAL_MS);
        mainRecord = new StageRecord();
        topicRecord = new StageRecord();
        mainElement = new StreamRecord<>(mainRecord);
        topicElement = new StreamRecord<>(topicRecord);
    }

    @Override
    public void processElement(StreamRecord<StageRecord> element) throws Exception {
        StageRecord record = element.getValue();
        byte[] key = state.loaded(record.market);
        emit(record.market, operator.process(key, record.payload, record.length));
    }

    @Override
    public void onEventTime(InternalTimer<String, Long> timer) throws Exception {
        byte[] key = state.loaded(timer.getKey());
        emit(timer.getKey(), operator.onTimer(key, timer.getNamespace()));
    }

    @Override
    public void onProcessingTime(InternalTimer<String, Long> timer) {
        throw new IllegalStateException("stage '" + stage + "' has no processing-time timers, but one fired");
    }

    private void emit(String market, OutputCursor entries) {
        while (entries.next()) {
            if (entries.isTimer()) {
                long nanos = entries.eventTime();
                timers.registerEventTimeTimer(nanos, EventTimes.millisNotBefore(nanos));
            } else if (entries.channel() == Abi.CHANNEL_MAIN) {
                // Grows once and is then used for every record: what follows in the chain reads it before it returns,
                // and what is not in the chain has been given its bytes.
                mainRecord.reserve(entries.payloadLength());
                take(mainRecord, market, entries);
                output.collect(mainElement.replace(mainRecord, mainRecord.timestampMillis()));
            } else {
                // A Kafka producer takes arrays as they are, so this one is of the exact length.
                topicRecord.payload = new byte[entries.payloadLength()];
                take(topicRecord, market, entries);
                output.collect(TOPICS, topicElement.replace(topicRecord, topicRecord.timestampMillis()));
            }
        }
    }

    private static void take(StageRecord record, String market, OutputCursor entry) {
        record.market = market;
        record.channel = entry.channel();
        record.key = entry.key(record.key);
        record.eventTime = entry.eventTime();
        record.length = entry.payloadLength();
        entry.copyPayload(record.payload);
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        state.writeBack(this::setCurrentKey);
    }

    @Override
    public void finish() throws Exception {
        super.finish();
        stageMetrics.refresh(state);
    }

    @Override
    public void close() throws Exception {
        if (metricsRefresh != null) {
            metricsRefresh.cancel(false);
        }
        try {
            super.close();
        } finally {
            if (operator != null) {
                operator.close();
            }
        }
    }
}
