package opus2.job;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/**
 * Everything that a {@link HifaJob} can be told, checked. Made from text by {@link JobOptions}.
 *
 * @param brokers the Kafka bootstrap servers, {@code host:port,…}
 * @param rawTopics the topics that are read
 * @param group the consumer group under which progress is committed
 * @param start where to begin without a checkpoint
 * @param isBounded whether the job ends at the records that are there when it starts
 * @param stages the native operators, in the order of the data path
 * @param stageConfig their configuration as TOML text, which Java does not read
 * @param delivery what a restart means for the output
 * @param topicPrefix put before the name of every output topic
 * @param mainTopic the topic for the main channel of the last stage; empty for none
 * @param parallelism tasks per step; 0 leaves it to the cluster and {@code flink run -p}
 * @param checkpointIntervalMs time between checkpoints
 * @param checkpointFolder where checkpoints are kept; empty leaves it to the cluster
 * @param restartAttempts how often a failed job is started again before it is given up
 * @param restartDelayMs the pause before each
 * @param jobName the job's name in Flink, and the first part of its transactions' names
 * @param kafka further settings for every Kafka client, as TLS needs them
 */
public record JobConfig(
        String brokers,
        List<String> rawTopics,
        String group,
        Start start,
        boolean isBounded,
        List<String> stages,
        String stageConfig,
        Delivery delivery,
        String topicPrefix,
        String mainTopic,
        int parallelism,
        long checkpointIntervalMs,
        String checkpointFolder,
        int restartAttempts,
        long restartDelayMs,
        String jobName,
        Map<String, String> kafka) {

    /** Where to begin without a checkpoint. */
    public enum Start {
        /** With the oldest record there is. */
        EARLIEST,
        /** With the next record that is written. */
        LATEST,
        /** Where the consumer group left off; with the oldest record if it never ran. */
        COMMITTED
    }

    /** What a restart means for the output. */
    public enum Delivery {
        /** Records after the last checkpoint are written again, with equal ids; nothing waits. */
        AT_LEAST_ONCE,
        /** Kafka transactions: nothing is written twice, and nothing is visible before the next checkpoint. */
        EXACTLY_ONCE
    }

    /**
     * The configuration that {@code arguments} ask for.
     *
     * @throws IllegalArgumentException an unknown option, or a value that cannot be used; the message says which, what
     *     it was and what is expected
     */
    public static JobConfig parse(String... arguments) {
        return JobOptions.parse(Arrays.asList(arguments)).toConfig();
    }

    /** The settings for every Kafka client, as a copy. */
    Properties kafkaProperties() {
        Properties properties = new Properties();
        properties.putAll(kafka);
        return properties;
    }
}
