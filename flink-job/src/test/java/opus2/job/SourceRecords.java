package opus2.job;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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

/** Kafka records through the job's own source schema, with the counters of what it skipped. */
final class SourceRecords {
    private final RawRecordSchema schema = new RawRecordSchema();
    private final Map<String, Counter> counters = new TreeMap<>();

    SourceRecords() {
        schema.open(new DeserializationSchema.InitializationContext() {
            @Override
            public MetricGroup getMetricGroup() {
                return new Counters();
            }

            @Override
            public UserCodeClassLoader getUserCodeClassLoader() {
                throw new UnsupportedOperationException("not needed");
            }
        });
    }

    /** What the schema makes of a record: nothing or one. */
    List<StageRecord> read(ConsumerRecord<byte[], byte[]> source) throws Exception {
        List<StageRecord> records = new ArrayList<>();
        schema.deserialize(source, new Collector<>() {
            @Override
            public void collect(StageRecord record) {
                records.add(StageRecordSerializer.INSTANCE.copy(record));
            }

            @Override
            public void close() {}
        });
        return records;
    }

    /** One record with these headers, which must not be skipped. */
    static StageRecord read(Map<String, String> headers, String key, String value) throws Exception {
        var source = new ConsumerRecord<>("raw", 0, 0, key.getBytes(UTF_8), value.getBytes(UTF_8));
        headers.forEach((name, text) -> source.headers().add(name, text.getBytes(UTF_8)));
        return new SourceRecords().read(source).get(0);
    }

    long skipped(RawRecordSchema.Skip reason) {
        return counters.get(reason.metricName()).getCount();
    }

    private final class Counters extends UnregisteredMetricsGroup {
        @Override
        public MetricGroup addGroup(String name) {
            return this;
        }

        @Override
        public Counter counter(String name) {
            return counters.computeIfAbsent(name, unused -> new SimpleCounter());
        }
    }
}
