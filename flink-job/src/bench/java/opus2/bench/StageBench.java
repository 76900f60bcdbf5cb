package opus2.bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import opus2.operator.NativeStageOperator;
import opus2.operator.StageRecord;
import opus2.operator.StageRecordType;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * What one native operator costs per record, against an empty Java operator in its place in the same Flink pipeline.
 *
 * <pre>
 * sequence → record of 300 bytes, one of 50 markets → keyed operator under test → stop watch
 * </pre>
 *
 * <p>The whole pipeline is one task, so that the difference is the operator's and not the network stack's; with
 * {@code exchange} as third argument the operator follows a real keyBy. Both kinds run in turns in one JVM, after one
 * turn each that is not counted.
 */
public final class StageBench {
    private static final int MARKETS = 50;
    private static final int PAYLOAD_BYTES = 300;
    /** The goal of docs/performance.md. */
    private static final double GOAL_NS = 100;

    private StageBench() {}

    /** Arguments: records a turn (5000000), turns (7), {@code exchange}. */
    public static void main(String[] arguments) throws Exception {
        long records = arguments.length > 0 ? Long.parseLong(arguments[0]) : 5_000_000;
        int turns = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 7;
        boolean hasExchange = arguments.length > 2 && arguments[2].equals("exchange");
        double[] empty = new double[turns];
        double[] copy = new double[turns];
        double[] difference = new double[turns];
        measure(records, hasExchange, false);
        measure(records, hasExchange, true);
        for (int turn = 0; turn < turns; turn++) {
            empty[turn] = measure(records, hasExchange, false);
            copy[turn] = measure(records, hasExchange, true);
            difference[turn] = copy[turn] - empty[turn];
            print("turn " + (turn + 1), empty[turn], copy[turn], difference[turn]);
        }
        print("median", median(empty), median(copy), median(difference));
        System.out.printf(
                Locale.ROOT,
                "one native operator adds %.0f ns per %d-byte record (goal: at most %.0f; least %.0f, most %.0f of %d)%n",
                median(difference), PAYLOAD_BYTES, GOAL_NS, Arrays.stream(difference).min().orElseThrow(),
                Arrays.stream(difference).max().orElseThrow(), turns);
    }

    private static void print(String what, double empty, double copy, double difference) {
        System.out.printf(
                Locale.ROOT, "%-8s empty %7.1f ns   native copy %7.1f ns   difference %6.1f ns%n", what, empty, copy,
                difference);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    /** Nanoseconds of the task's processor time per record, without the pipeline's start and its first fifth. */
    private static double measure(long records, boolean hasExchange, boolean isNative) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1);
        environment.getConfig().enableObjectReuse();
        DataStream<StageRecord> source =
                environment.fromSequence(0, records - 1).map(new MakeRecord()).returns(StageRecordType.INSTANCE);
        KeySelector<StageRecord, String> market = record -> record.market;
        KeyedStream<StageRecord, String> keyed = hasExchange
                ? source.keyBy(market, Types.STRING)
                : DataStreamUtils.reinterpretAsKeyedStream(source, market, Types.STRING);
        keyed.transform("tested", StageRecordType.INSTANCE, isNative ? new NativeStageOperator("copy", "") : new Empty())
                .transform("watch", StageRecordType.INSTANCE, new StopWatch(records));
        environment.execute();
        return (double) StopWatch.elapsedNs / StopWatch.timedRecords;
    }

    private static final class MakeRecord implements MapFunction<Long, StageRecord> {
        private static final long serialVersionUID = 1L;

        private final String[] markets = new String[MARKETS];
        private final byte[] payload = new byte[PAYLOAD_BYTES];
        private transient StageRecord record;

        MakeRecord() {
            new Random(1).nextBytes(payload);
            for (int index = 0; index < MARKETS; index++) {
                markets[index] = "COIN" + index + "/USD*";
            }
        }

        @Override
        public StageRecord map(Long number) {
            if (record == null) {
                record = new StageRecord("", 0, new byte[0], 0, payload);
            }
            record.market = markets[(int) (number % MARKETS)];
            record.eventTime = number;
            return record;
        }
    }

    /** What every operator must do: be keyed, take a record, give it on. */
    private static final class Empty extends AbstractStreamOperator<StageRecord>
            implements OneInputStreamOperator<StageRecord, StageRecord> {
        private static final long serialVersionUID = 1L;

        @Override
        public void processElement(StreamRecord<StageRecord> element) {
            output.collect(element);
        }
    }

    /** Times the records from the first fifth to the last, and gives nothing on. */
    private static final class StopWatch extends AbstractStreamOperator<StageRecord>
            implements OneInputStreamOperator<StageRecord, StageRecord> {
        private static final long serialVersionUID = 1L;

        /** Of the last run; local environments run in this JVM. */
        static volatile long elapsedNs;
        static volatile long timedRecords;

        private final long first;
        private final long last;
        private long seen;
        private long begin;
        private long bytes;

        StopWatch(long records) {
            first = records / 5;
            last = records;
        }

        @Override
        public void processElement(StreamRecord<StageRecord> element) {
            bytes += element.getValue().length;
            seen++;
            if (seen == first) {
                begin = cpuTime();
            } else if (seen == last) {
                elapsedNs = cpuTime() - begin;
                timedRecords = last - first;
                if (bytes != seen * PAYLOAD_BYTES) {
                    throw new IllegalStateException(bytes + " bytes of " + seen + " records came through");
                }
            }
        }

        /** Of the task's thread, so that what else runs on the machine does not count. */
        private static long cpuTime() {
            return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        }
    }
}
