import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.Heartbeat;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

/** A consumer group as an application has one, and its failover by Kafka's own RemoteClusterUtils. */
final class Group {
    /** The numbers of produce-seq's records, by partition, in the order of reading. */
    private static void note(Map<Integer, List<Long>> read, ConsumerRecord<byte[], byte[]> record) {
        String key = new String(record.key(), StandardCharsets.US_ASCII);
        synchronized (read) {
            read.computeIfAbsent(record.partition(), p -> new ArrayList<>())
                .add(Long.parseLong(key.substring(key.lastIndexOf(':') + 1)));
        }
    }

    /**
     * Joins `group` and reads `topic`: `count` records (or none for 30 s, or until stopped), then commits and leaves.
     * hold: stays a member until stopped.  Answers {partition: [number, ...]}.
     */
    static Object consume(Call call) throws Exception {
        long count = call.number("count", Long.MAX_VALUE);
        Map<Integer, List<Long>> read = new TreeMap<>();
        call.query = question -> {
            synchronized (read) {               // it grows meanwhile
                Map<Integer, List<Long>> copy = new TreeMap<>();
                read.forEach((partition, numbers) -> copy.put(partition, new ArrayList<>(numbers)));
                return copy;
            }
        };
        long total = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = Call.consumer(call.text("bootstrap"), "group.id", call.text("group"),
                "auto.offset.reset", call.text("reset", "none"), "max.poll.records", "100",
                // of each partition in turn, not of one to its end
                "max.partition.fetch.bytes", "8192")) {
            consumer.subscribe(List.of(call.text("topic")));
            long last = System.nanoTime();
            while (total < count && !call.stopped() && System.nanoTime() - last < 30_000_000_000L) {
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    note(read, record);
                    next.put(new TopicPartition(record.topic(), record.partition()),
                             new OffsetAndMetadata(record.offset() + 1, "mine"));
                    total++;
                    last = System.nanoTime();
                }
                if (consumer.assignment().isEmpty()) {
                    last = System.nanoTime();       // it joins
                }
                consumer.commitSync(next);
            }
            while (call.flag("hold") && !call.stopped()) {
                consumer.poll(Duration.ofMillis(50));
            }
        }
        return read;
    }

    /**
     * What an application does that fails over with Kafka's mirror client: translateOffsets (source: the alias), assign,
     * seek, and read to the end of `topic` (its name at the destination).
     */
    static Object failOver(Call call) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        Call.client(call.text("bootstrap")).forEach((name, value) -> settings.put((String) name, value));
        if (call.has("policy")) {
            settings.put("replication.policy.class", "org.apache.kafka.connect.mirror." + call.text("policy"));
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = RemoteClusterUtils.translateOffsets(
            settings, call.text("source"), call.text("group"), Duration.ofSeconds(20));
        Map<Integer, List<Long>> read = new TreeMap<>();
        Map<Integer, Long> from = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = Call.consumer(call.text("bootstrap"), "group.id", call.text("group"))) {
            List<TopicPartition> partitions = new ArrayList<>();
            offsets.forEach((partition, offset) -> {
                if (partition.topic().equals(call.text("topic"))) {
                    partitions.add(partition);
                    from.put(partition.partition(), offset.offset());
                }
            });
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            partitions.forEach(partition -> consumer.seek(partition, offsets.get(partition)));
            while (!partitions.stream().allMatch(partition -> consumer.position(partition) >= ends.get(partition))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    note(read, record);
                }
            }
        }
        return Map.of("offsets", from, "read", read);
    }

    /** What the mirror client says of the clusters that heartbeats come from. */
    static Object upstream(Call call) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        Call.client(call.text("bootstrap")).forEach((name, value) -> settings.put((String) name, value));
        return Map.of("heartbeats", RemoteClusterUtils.heartbeatTopics(settings),
                      "checkpoints", RemoteClusterUtils.checkpointTopics(settings));
    }

    /** The heartbeats of MirrorMaker 2's topic, read by its own class. */
    static Object heartbeats(Call call) throws Exception {
        List<Map<String, Object>> beats = new ArrayList<>();
        TopicPartition partition = new TopicPartition("heartbeats", 0);
        try (KafkaConsumer<byte[], byte[]> consumer = Call.consumer(call.text("bootstrap"))) {
            consumer.assign(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            consumer.seekToBeginning(List.of(partition));
            while (consumer.position(partition) < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    Heartbeat beat = Heartbeat.deserializeRecord(record);
                    beats.add(Map.of("source", beat.sourceClusterAlias(), "target", beat.targetClusterAlias(),
                                     "timestamp", beat.timestamp()));
                }
            }
        }
        return beats;
    }

    private Group() {
    }
}
