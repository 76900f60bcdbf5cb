package opus2.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import opus2.operator.NativeStageOperator;
import opus2.operator.StageRecord;
import opus2.operator.StageRecordType;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.kafka.clients.producer.ProducerConfig;

/**
 * The job {@code hifa}: raw topics → keyBy market → the native operators, chained → topics.
 *
 * <pre>
 * source-raw ──keyBy──► normalize ──► signal ──► context ──► risk ──► execution
 *                           │           │           │           │          └──► sink-execution
 *                           │           │           │           └──► sink-risk
 *                           │           │           └──► sink-context
 *                           │           └──► sink-signal
 *                           └──► sink-normalize
 * </pre>
 *
 * <p>Everything after the key exchange is one task: a record is normalized, scored and handed to the Kafka producer
 * without meeting another thread. The names above are the operators' uids. Together with {@link #MAX_PARALLELISM} they
 * are how a checkpoint finds its operators: neither can be changed without losing state.
 */
public final class HifaJob {
    /** Key groups of every operator; fixed for the life of its state. */
    public static final int MAX_PARALLELISM = 2048;

    /** Uid of the Kafka source. */
    static final String SOURCE_UID = "source-raw";
    /** Before a stage's uid, the uid of its sink. */
    static final String SINK_UID_PREFIX = "sink-";

    /** How far records of one partition may be behind each other in event time. */
    private static final Duration OUT_OF_ORDERNESS = Duration.ofSeconds(1);
    /** After this long without a record, a partition no longer holds back the watermark. */
    private static final Duration PARTITION_IDLENESS = Duration.ofSeconds(5);
    /** A batch between two tasks is sent after at most this long. */
    private static final long NETWORK_BUFFER_TIMEOUT_MS = 1;
    /** How long the producer waits for a batch to fill: long enough to share a request, short beside the network. */
    private static final String PRODUCER_LINGER_MS = "1";
    private static final String PRODUCER_BATCH_BYTES = "131072";
    /** JSON of one schema: full batches shrink to a seventh (signals) and a sixth (events), for a few microseconds a record. */
    private static final String PRODUCER_COMPRESSION = "lz4";
    /** A whole book is one record: over a megabyte of Coinbase's BTC-USD, which the client refuses by default. */
    private static final String PRODUCER_RECORD_BYTES_MAX = "16777216";
    /** How long the broker holds an empty fetch: no cost to latency, since any record ends it. */
    private static final String FETCH_WAIT_MS_MAX = "100";
    /** Below the broker's default limit of 15 minutes, far above any checkpoint. */
    private static final String TRANSACTION_TIMEOUT_MS = "600000";

    private HifaJob() {}

    /**
     * Submits the job that the arguments describe; see {@code --help}.
     *
     * @throws IllegalArgumentException an option is unknown or its value cannot be used
     */
    public static void main(String[] arguments) throws Exception {
        if (List.of(arguments).contains("--help")) {
            System.out.print(JobOptions.help());
            return;
        }
        JobConfig config = JobConfig.parse(arguments);
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        build(environment, config);
        environment.execute(config.jobName());
    }

    /** Adds the job to {@code environment}, and sets what the job needs of it. */
    public static void build(StreamExecutionEnvironment environment, JobConfig config) {
        configure(environment, config);
        KeySelector<StageRecord, String> market = new MarketKey();
        KeyedStream<StageRecord, String> keyed = environment
                .fromSource(source(config), watermarks(), SOURCE_UID, StageRecordType.INSTANCE)
                .uid(SOURCE_UID)
                .keyBy(market, Types.STRING);
        List<String> uids = stageUids(config.stages());
        for (int at = 0; at < uids.size(); at++) {
            String uid = uids.get(at);
            SingleOutputStreamOperator<StageRecord> stage = keyed
                    .transform(uid, StageRecordType.INSTANCE,
                            new NativeStageOperator(config.stages().get(at), config.stageConfig()))
                    .uid(uid);
            sink(stage.getSideOutput(NativeStageOperator.TOPICS), SINK_UID_PREFIX + uid, uid, null, config);
            boolean isLast = at == uids.size() - 1;
            if (!isLast) {
                // The stage keeps the key of what it is given, so the stream needs no second exchange.
                keyed = DataStreamUtils.reinterpretAsKeyedStream(stage, market, Types.STRING);
            } else if (!config.mainTopic().isEmpty()) {
                sink(stage, SINK_UID_PREFIX + uid + "-main", uid, config.mainTopic(), config);
            }
        }
    }

    /** A uid for every stage: its operator's name, numbered from the second of a name. */
    static List<String> stageUids(List<String> stages) {
        List<String> uids = new ArrayList<>();
        for (int at = 0; at < stages.size(); at++) {
            String stage = stages.get(at);
            int before = Collections.frequency(stages.subList(0, at), stage);
            uids.add(before == 0 ? stage : stage + "-" + (before + 1));
        }
        return uids;
    }

    private static void configure(StreamExecutionEnvironment environment, JobConfig config) {
        Configuration settings = new Configuration();
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(config.checkpointIntervalMs()));
        settings.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
        settings.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
                ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        if (!config.checkpointFolder().isEmpty()) {
            settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
            settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, config.checkpointFolder());
        }
        settings.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, config.restartAttempts());
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY,
                Duration.ofMillis(config.restartDelayMs()));
        environment.configure(settings);
        environment.getConfig().enableObjectReuse();
        environment.setBufferTimeout(NETWORK_BUFFER_TIMEOUT_MS);
        environment.setMaxParallelism(MAX_PARALLELISM);
        if (config.parallelism() > 0) {
            environment.setParallelism(config.parallelism());
        }
    }

    private static KafkaSource<StageRecord> source(JobConfig config) {
        KafkaSourceBuilder<StageRecord> source = KafkaSource.<StageRecord>builder()
                .setBootstrapServers(config.brokers())
                .setTopics(config.rawTopics())
                .setGroupId(config.group())
                .setClientIdPrefix(config.group())
                .setDeserializer(new RawRecordSchema())
                .setStartingOffsets(startingOffsets(config.start()))
                .setProperty(ConsumerConfig.FETCH_MIN_BYTES_CONFIG, "1")
                .setProperty(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, FETCH_WAIT_MS_MAX)
                .setProperties(config.kafkaProperties());
        if (config.isBounded()) {
            source.setBounded(OffsetsInitializer.latest());
        }
        return source.build();
    }

    @SuppressWarnings("deprecation") // The connector's own signature names it.
    private static OffsetsInitializer startingOffsets(JobConfig.Start start) {
        return switch (start) {
            case EARLIEST -> OffsetsInitializer.earliest();
            case LATEST -> OffsetsInitializer.latest();
            case COMMITTED -> OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST);
        };
    }

    /**
     * Event time is when our socket read returned. Watermarks only wake markets that have gone quiet: a native operator
     * takes the time of a market from the market's own records.
     */
    private static WatermarkStrategy<StageRecord> watermarks() {
        return WatermarkStrategy.<StageRecord>forBoundedOutOfOrderness(OUT_OF_ORDERNESS)
                .withIdleness(PARTITION_IDLENESS)
                .withTimestampAssigner((record, fromKafka) -> record.timestampMillis());
    }

    private static void sink(
            DataStream<StageRecord> records, String uid, String stage, String mainTopic, JobConfig config) {
        Properties producer = new Properties();
        producer.setProperty(ProducerConfig.LINGER_MS_CONFIG, PRODUCER_LINGER_MS);
        producer.setProperty(ProducerConfig.BATCH_SIZE_CONFIG, PRODUCER_BATCH_BYTES);
        producer.setProperty(ProducerConfig.COMPRESSION_TYPE_CONFIG, PRODUCER_COMPRESSION);
        producer.setProperty(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, PRODUCER_RECORD_BYTES_MAX);
        producer.setProperty(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_TIMEOUT_MS);
        producer.putAll(config.kafka());
        KafkaSink<StageRecord> sink = KafkaSink.<StageRecord>builder()
                .setBootstrapServers(config.brokers())
                .setKafkaProducerConfig(producer)
                .setDeliveryGuarantee(switch (config.delivery()) {
                    case AT_LEAST_ONCE -> DeliveryGuarantee.AT_LEAST_ONCE;
                    case EXACTLY_ONCE -> DeliveryGuarantee.EXACTLY_ONCE;
                })
                .setTransactionalIdPrefix(config.jobName() + "-" + uid)
                .setRecordSerializer(new TopicRecordSchema(stage, config.topicPrefix(), mainTopic))
                .build();
        records.sinkTo(sink).name(uid).uid(uid);
    }

    /** The market, by which everything is keyed. */
    private static final class MarketKey implements KeySelector<StageRecord, String> {
        private static final long serialVersionUID = 1L;

        @Override
        public String getKey(StageRecord record) {
            return record.market;
        }
    }
}
