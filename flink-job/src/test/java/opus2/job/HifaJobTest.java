package opus2.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.testutils.MiniClusterResourceConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.test.util.MiniClusterWithClientResource;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.ClassRule;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** The whole job on a Flink cluster in this process, between topics of a real broker; its operators copy. */
public class HifaJobTest {
    private static final List<String> MARKETS = List.of("BTC/USD*", "ETH/USD*", "SOL/USD*", "XRP/USD*", "ADA/USD*");
    private static final int PARTITIONS = 4;
    /** For what takes a second or two when it works. */
    private static final long LIMIT_SECS = 60;

    @ClassRule
    public static final KafkaBroker BROKER = new KafkaBroker();

    @ClassRule
    public static final MiniClusterWithClientResource CLUSTER = new MiniClusterWithClientResource(
            new MiniClusterResourceConfiguration.Builder()
                    .setNumberTaskManagers(2)
                    .setNumberSlotsPerTaskManager(4)
                    .build());

    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    private static ProducerRecord<byte[], byte[]> raw(String topic, int number) {
        String market = MARKETS.get(number % MARKETS.size());
        var record = new ProducerRecord<>(topic, MARKETS.indexOf(market) % PARTITIONS, null,
                ("binance:" + market.substring(0, 3)).getBytes(UTF_8), value(number).getBytes(UTF_8));
        record.headers().add("market", market.getBytes(UTF_8));
        record.headers().add("recv_ts", Long.toString(1_700_000_000_000_000_000L + number).getBytes(UTF_8));
        return record;
    }

    private static String value(int number) {
        return String.format("record %07d", number);
    }

    private static void write(String topic, int from, int to) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int number = from; number < to; number++) {
            records.add(raw(topic, number));
        }
        BROKER.write(records);
    }

    private static JobClient start(String topic, String arguments, Configuration configuration) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        HifaJob.build(environment, JobConfig.parse(("--brokers " + BROKER.address() + " --raw-topics " + topic
                + " --operators copy,copy --topic-prefix out- --main-topic " + topic + " --job-name " + topic + " "
                + arguments).split(" ")));
        return environment.executeAsync(topic);
    }

    /** The values that came out, in the order of each market, and the market's key as the instrument. */
    private static void checkOutput(String topic, int count) {
        TreeMap<String, List<String>> expected = new TreeMap<>();
        for (int number = 0; number < count; number++) {
            expected.computeIfAbsent(MARKETS.get(number % MARKETS.size()), key -> new ArrayList<>()).add(value(number));
        }
        TreeMap<String, List<String>> found = new TreeMap<>();
        for (ConsumerRecord<byte[], byte[]> record : BROKER.read("out-" + topic, count)) {
            String bytes = KafkaBroker.text(record.value());
            found.computeIfAbsent(KafkaBroker.text(record.key()), key -> new ArrayList<>())
                    .add(bytes.substring(bytes.length() - value(0).length()));
        }
        assertEquals(expected, found);
    }

    @Test
    public void every_record_comes_out_once_in_the_order_of_its_market() throws Exception {
        BROKER.createTopics(PARTITIONS, "plain", "out-plain");
        write("plain", 0, 500);
        // Not ours: skipped, and in nobody's way.
        BROKER.write(Collections.nCopies(3, new ProducerRecord<>("plain", "k".getBytes(UTF_8), "v".getBytes(UTF_8))));
        write("plain", 500, 1000);
        start("plain", "--bounded --parallelism 2", new Configuration())
                .getJobExecutionResult()
                .get(LIMIT_SECS, TimeUnit.SECONDS);
        checkOutput("plain", 1000);
    }

    @Test
    public void a_job_stopped_with_a_savepoint_continues_at_another_parallelism() throws Exception {
        BROKER.createTopics(PARTITIONS, "moved", "out-moved");
        write("moved", 0, 500);
        JobClient first = start("moved", "--parallelism 2", new Configuration());
        checkOutput("moved", 500);
        String savepoint = first.stopWithSavepoint(
                        false, folder.newFolder().toURI().toString(), SavepointFormatType.CANONICAL)
                .get(LIMIT_SECS, TimeUnit.SECONDS);
        write("moved", 500, 1000);
        Configuration restored = new Configuration();
        restored.set(StateRecoveryOptions.SAVEPOINT_PATH, savepoint);
        JobClient second = start("moved", "--parallelism 3", restored);
        checkOutput("moved", 1000);
        second.cancel().get(LIMIT_SECS, TimeUnit.SECONDS);
    }

    @Test
    public void exactly_once_survives_the_loss_of_a_task_manager() throws Exception {
        BROKER.createTopics(PARTITIONS, "once", "out-once");
        write("once", 0, 500);
        JobClient job = start("once", "--parallelism 2 --delivery exactly-once --checkpoint-interval-ms 200"
                + " --restart-delay-ms 100", new Configuration());
        checkOutput("once", 500);
        write("once", 500, 1000);
        CLUSTER.getMiniCluster().terminateTaskManager(0).get(LIMIT_SECS, TimeUnit.SECONDS);
        CLUSTER.getMiniCluster().startTaskManager();
        write("once", 1000, 1500);
        checkOutput("once", 1500);
        assertEquals(JobStatus.RUNNING, job.getJobStatus().get(LIMIT_SECS, TimeUnit.SECONDS));
        job.cancel().get(LIMIT_SECS, TimeUnit.SECONDS);
    }
}
