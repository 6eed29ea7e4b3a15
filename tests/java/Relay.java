import java.time.Duration;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * The least mirror there can be, of partition 0 of one topic, which nothing disturbs.  A watch of that topic tells how long
 * the machine and the brokers themselves held records up: the measure for what the mirror under test may add to.
 */
final class Relay {
    /** source, bootstrap (the destination), topic.  Runs until stopped. */
    static Object run(Call call) throws Exception {
        String topic = call.text("topic");
        long records = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = Call.consumer(call.text("source"));
             KafkaProducer<byte[], byte[]> producer = call.producer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            consumer.seekToBeginning(consumer.assignment());
            while (!call.stopped()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    producer.send(new ProducerRecord<>(topic, 0, record.timestamp(), record.key(), record.value()));
                    records++;
                }
            }
        }
        return records;
    }

    private Relay() {
    }
}
