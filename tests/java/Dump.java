import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import net.jpountz.xxhash.XXHash64;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/** Reading partitions to their end, and what counts as the content of a record. */
final class Dump {
    private static final XXHash64 HASH = XXHashFactory.fastestJavaInstance().hash64();

    interface Sink {
        void record(ConsumerRecord<byte[], byte[]> record);
    }

    /** topic -> list of records, or with digest=true per partition {records, digest}. */
    static Object run(Call call) {
        Map<Integer, Object> result = new TreeMap<>();
        // At the end of a partition a fetch is under way, and the next partition's waits for its answer.
        try (KafkaConsumer<byte[], byte[]> consumer =
                 Call.consumer(call.text("bootstrap"), "fetch.max.wait.ms", 10)) {
            for (TopicPartition partition : partitions(consumer, call.text("topic"))) {
                if (call.flag("digest")) {
                    long[] state = new long[2];
                    read(consumer, partition, record -> {
                        state[0]++;
                        state[1] = state[1] * 0x9E3779B97F4A7C15L + digest(record);
                    });
                    result.put(partition.partition(),
                               Map.of("records", state[0], "digest", Long.toHexString(state[1])));
                } else {
                    ArrayNode records = Oracle.JSON.createArrayNode();
                    read(consumer, partition, record -> records.add(json(record)));
                    result.put(partition.partition(), records);
                }
            }
        }
        return result;
    }

    /** Empty when there is no such topic. */
    static List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer, String topic) {
        List<PartitionInfo> partitions = consumer.listTopics().get(topic);
        return partitions == null ? List.of() : partitions.stream()
            .map(p -> new TopicPartition(topic, p.partition()))
            .sorted((a, b) -> a.partition() - b.partition())
            .collect(Collectors.toList());
    }

    /** Every committed record from the partition's begin to the end that it has now. */
    static void read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, Sink sink) {
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        long end = consumer.endOffsets(List.of(partition)).get(partition);
        long lastProgressNs = System.nanoTime();
        // The position passes transaction markers and aborted records too, which no record announces.
        while (consumer.position(partition) < end) {
            long before = consumer.position(partition);
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                if (record.offset() < end) {
                    sink.record(record);
                }
            }
            if (consumer.position(partition) > before) {
                lastProgressNs = System.nanoTime();
            } else if (System.nanoTime() - lastProgressNs > 30_000_000_000L) {
                throw new IllegalStateException("stuck at " + partition + " offset " + before + " of " + end);
            }
        }
    }

    /** Of timestamp, key, value and headers in order; not of the offset, which a mirror does not keep. */
    static long digest(ConsumerRecord<byte[], byte[]> record) {
        int size = 8 + 4 + length(record.key()) + 4 + length(record.value()) + 4;
        for (Header header : record.headers()) {
            size += 4 + header.key().getBytes(java.nio.charset.StandardCharsets.UTF_8).length + 4 + length(header.value());
        }
        ByteBuffer buffer = ByteBuffer.allocate(size);
        buffer.putLong(record.timestamp());
        put(buffer, record.key());
        put(buffer, record.value());
        for (Header header : record.headers()) {
            put(buffer, header.key().getBytes(java.nio.charset.StandardCharsets.UTF_8));
            put(buffer, header.value());
        }
        return HASH.hash(buffer.array(), 0, buffer.position(), 0);
    }

    private static int length(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    private static void put(ByteBuffer buffer, byte[] bytes) {
        buffer.putInt(bytes == null ? -1 : bytes.length);
        if (bytes != null) {
            buffer.put(bytes);
        }
    }

    static ObjectNode json(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode node = Oracle.JSON.createObjectNode()
            .put("partition", record.partition()).put("offset", record.offset()).put("timestamp", record.timestamp())
            .put("key", base64(record.key())).put("value_length", record.serializedValueSize());
        node.put("value", length(record.value()) > 256 ? null : base64(record.value()));
        node.put("value_hash", record.value() == null ? null
            : Long.toHexString(HASH.hash(record.value(), 0, record.value().length, 0)));
        ArrayNode headers = node.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(base64(header.value()));
        }
        return node;
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    private Dump() {
    }
}
