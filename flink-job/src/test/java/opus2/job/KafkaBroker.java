package opus2.job;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.rules.ExternalResource;
import org.junit.rules.TemporaryFolder;

/** A real Kafka broker, in a process of its own, for the tests of one class. */
final class KafkaBroker extends ExternalResource {
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final Duration READ_LIMIT = Duration.ofSeconds(60);

    private final TemporaryFolder folder = new TemporaryFolder();
    private String address;
    private Process process;
    private Path log;

    /** {@code host:port}. */
    String address() {
        return address;
    }

    @Override
    protected void before() throws Throwable {
        folder.create();
        log = folder.newFile("broker.log").toPath();
        int port = freePort();
        int controllerPort = freePort();
        address = "127.0.0.1:" + port;
        Path properties = folder.newFile("server.properties").toPath();
        Files.writeString(properties, String.join("\n", List.of(
                "process.roles=broker,controller",
                "node.id=1",
                "controller.quorum.voters=1@127.0.0.1:" + controllerPort,
                "listeners=PLAINTEXT://" + address + ",CONTROLLER://127.0.0.1:" + controllerPort,
                "controller.listener.names=CONTROLLER",
                "log.dirs=" + folder.newFolder("data"),
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=1",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "transaction.state.log.num.partitions=1",
                "group.initial.rebalance.delay.ms=0")));
        int code = java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", properties.toString())
                .waitFor();
        if (code != 0) {
            throw new IOException("cannot format the broker's storage:\n" + Files.readString(log));
        }
        process = java("kafka.Kafka", properties.toString());
        awaitReady();
    }

    private Process java(String... command) throws IOException {
        List<String> words = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m", "-cp",
                System.getProperty("opus2.broker.classpath")));
        words.addAll(List.of(command));
        return new ProcessBuilder(words)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }

    private void awaitReady() throws IOException, InterruptedException {
        try (Admin admin = admin()) {
            long deadline = System.nanoTime() + START_LIMIT.toNanos();
            while (true) {
                try {
                    admin.describeCluster().nodes().get(1, TimeUnit.SECONDS);
                    return;
                } catch (ExecutionException | java.util.concurrent.TimeoutException error) {
                    if (!process.isAlive() || System.nanoTime() > deadline) {
                        throw new IOException("the broker does not answer:\n" + Files.readString(log), error);
                    }
                }
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", address));
    }

    void createTopics(int partitions, String... names) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(java.util.Arrays.stream(names).map(name -> new NewTopic(name, partitions, (short) 1)).toList())
                    .all()
                    .get();
        }
    }

    void write(List<ProducerRecord<byte[], byte[]>> records) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            records.forEach(producer::send);
        }
    }

    /** The committed records of a topic, once there are {@code count}; fewer after a limit of time. */
    List<ConsumerRecord<byte[], byte[]>> read(String topic, int count) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "earliest");
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = consumer.partitionsFor(topic).stream()
                    .map(partition -> new TopicPartition(topic, partition.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long deadline = System.nanoTime() + READ_LIMIT.toNanos();
            while (records.size() < count && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            }
            // What should not be there any more than what should.
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        return records;
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    protected void after() {
        if (process != null) {
            process.destroy();
            try {
                if (!process.waitFor(10, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
            } catch (InterruptedException error) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
        folder.delete();
    }
}
