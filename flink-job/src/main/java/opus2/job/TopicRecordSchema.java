package opus2.job;

import opus2.bridge.Abi;
import opus2.operator.StageRecord;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * A stage's record as a record of the topic that its channel means.
 *
 * <p>Key is the instrument, value the payload; the producer chooses the partition by the hash of the key. The record's
 * timestamp is left to the producer, as the time of writing: by event time, retention would at once remove what a replay
 * of last year writes. The event time is in every value.
 */
final class TopicRecordSchema implements KafkaRecordSerializationSchema<StageRecord> {
    private static final long serialVersionUID = 1L;

    private final String stage;
    /** By channel; null for a channel without a topic. */
    private final String[] topics;

    /** Topics of the channels after {@code stage}; {@code mainTopic} is that of its main channel, null for none. */
    TopicRecordSchema(String stage, String prefix, String mainTopic) {
        this.stage = stage;
        topics = new String[Abi.CHANNEL_TOPICS.length];
        for (int channel = 0; channel < topics.length; channel++) {
            String topic = channel == Abi.CHANNEL_MAIN ? mainTopic : Abi.CHANNEL_TOPICS[channel];
            topics[channel] = topic == null ? null : prefix + topic;
        }
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(StageRecord record, KafkaSinkContext context, Long timestamp) {
        String topic = record.channel < topics.length ? topics[record.channel] : null;
        if (topic == null) {
            throw new IllegalStateException("stage '" + stage + "' gave a record for channel " + record.channel
                    + ", which has no topic; the jar and its native library are of different builds");
        }
        return new ProducerRecord<>(topic, null, null, record.key, record.exactPayload());
    }
}
