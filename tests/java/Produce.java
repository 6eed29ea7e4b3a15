import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import java.util.zip.CRC32;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Records made here. */
final class Produce {
    /** What is to be one batch stays one, however long this process waits for a processor: flush() and full batches send. */
    private static final int LINGER_MS = 10_000;

    /**
     * A paced load: rate records per second in all, round-robin over `partitions` partitions, or over those listed in
     * `only`.  Runs until stopped or until `count` records are sent.  Key: RUN:PARTITION:SEQ.  Value: the same, a CRC of it, padding up to `size`.
     */
    static Object sequence(Call call) throws Exception {
        String topic = call.text("topic");
        String run = call.text("run", topic);
        int partitions = (int) call.number("partitions");
        double rate = call.number("rate", 1000);
        long count = call.number("count", Long.MAX_VALUE);
        int size = (int) call.number("size", 100);
        int[] among = call.has("only")
            ? StreamSupport.stream(call.node("only").spliterator(), false).mapToInt(JsonNode::asInt).toArray()
            : IntStream.range(0, partitions).toArray();
        long[] sent = new long[partitions];
        AtomicLong acknowledged = new AtomicLong();
        AtomicReference<Exception> failure = new AtomicReference<>();
        call.query = question -> Map.of("sent", sent.clone(), "acknowledged", acknowledged.get());
        // An outage of the source delays these records, it does not fail them.
        try (KafkaProducer<byte[], byte[]> producer =
                 call.producer("delivery.timeout.ms", 600_000, "max.block.ms", 600_000)) {
            long start = System.nanoTime();
            long total = 0;
            while (!call.stopped() && total < count && failure.get() == null) {
                long due = Math.min(count, (long) ((System.nanoTime() - start) / 1e9 * rate) + 1);
                for (; total < due && !call.stopped(); total++) {
                    int partition = among[(int) (total % among.length)];
                    String id = run + ":" + partition + ":" + sent[partition];
                    producer.send(new ProducerRecord<>(topic, partition, id.getBytes(StandardCharsets.US_ASCII),
                                                       padded(id, size)), (metadata, trouble) -> {
                            if (trouble == null) {
                                acknowledged.incrementAndGet();
                            } else {
                                failure.compareAndSet(null, trouble);
                            }
                        });
                    sent[partition]++;
                }
                call.sleep(2);
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return Map.of("run", run, "sent", sent, "acknowledged", acknowledged.get());
    }

    /** count records in one transaction, spread over `partitions` partitions, which is aborted: markers alone remain visible. */
    static Object aborted(Call call) throws Exception {
        int partitions = (int) call.number("partitions");
        long count = call.number("count");
        try (KafkaProducer<byte[], byte[]> producer = call.producer("transactional.id", "aborts-" + call.text("topic"))) {
            producer.initTransactions();
            producer.beginTransaction();
            for (long i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(call.text("topic"), (int) (i % partitions), null, padded("a" + i, 100)));
            }
            producer.flush();       // only then do they lie in the log
            producer.abortTransaction();
        }
        return count;
    }

    private static byte[] padded(String id, int size) {
        CRC32 crc = new CRC32();
        crc.update(id.getBytes(StandardCharsets.US_ASCII));
        byte[] head = (id + ":" + Long.toHexString(crc.getValue()) + ":").getBytes(StandardCharsets.US_ASCII);
        byte[] value = new byte[Math.max(size, head.length)];
        System.arraycopy(head, 0, value, 0, head.length);
        for (int i = head.length; i < value.length; i++) {
            value[i] = (byte) ('a' + i % 26);
        }
        return value;
    }

    /**
     * As fast as it goes: `count` records of `size` bytes, round-robin over `partitions` partitions, by `codec`, in batches of
     * `batch` bytes before compression.
     * payload: random (default) does not compress, text does, json is objects of events.  Every value has its number, so
     * all differ.
     */
    static Object preload(Call call) throws Exception {
        String topic = call.text("topic");
        int partitions = (int) call.number("partitions");
        long count = call.number("count");
        int size = (int) call.number("size");
        boolean text = call.text("payload", "random").equals("text");
        byte[][] events = call.text("payload", "random").equals("json") ? events(size, call.number("seed", 1)) : null;
        byte[] pool = new byte[1 << 20];
        Random random = new Random(call.number("seed", 1));
        for (int i = 0; i < pool.length; i++) {
            pool[i] = (byte) (text ? "etaoin shrdlu".charAt((int) (Math.abs(random.nextGaussian()) * 4) % 13)
                                   : random.nextInt(256));
        }
        AtomicReference<Exception> failure = new AtomicReference<>();
        AtomicLong acknowledged = new AtomicLong();
        call.query = question -> Map.of("acknowledged", acknowledged.get());
        long start = System.nanoTime();
        try (KafkaProducer<byte[], byte[]> producer = call.producer(
                 "linger.ms", LINGER_MS, "batch.size", (int) call.number("batch", 262_144), "buffer.memory", 67_108_864)) {
            for (long number = 0; number < count && failure.get() == null && !call.stopped(); number++) {
                byte[] value = events != null ? numbered(events, number) : new byte[Math.max(size, 8)];
                if (events == null) {
                    ByteBuffer.wrap(value).putLong(number);
                    System.arraycopy(pool, (int) (number * 31 % (pool.length - value.length)), value, 8, value.length - 8);
                }
                producer.send(new ProducerRecord<>(topic, (int) (number % partitions), null, value),
                    (metadata, trouble) -> {
                        if (trouble == null) {
                            acknowledged.incrementAndGet();
                        } else {
                            failure.compareAndSet(null, trouble);
                        }
                    });
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return Map.of("acknowledged", acknowledged.get(), "seconds", (System.nanoTime() - start) / 1e9);
    }

    private static final int ID_AT = "{\"id\":\"".length();
    private static final int ID_DIGITS = 12;

    /** More than a partition's compressor can look back over, however large its window (zstd's: 2 MB). */
    private static final int EVENTS = 1 << 18;

    /** Objects as web shops log them, of about `size` bytes; the id is left open. */
    private static byte[][] events(int size, long seed) {
        Random random = new Random(seed);
        String[] actions = {"view", "click", "cart", "order", "pay", "return"};
        String[] words = {"lamp", "chair", "table", "green", "oak", "large", "mirror", "light", "garden", "steel", "soft", "rug"};
        byte[][] events = new byte[EVENTS][];
        for (int i = 0; i < events.length; i++) {
            StringBuilder event = new StringBuilder("{\"id\":\"" + "0".repeat(ID_DIGITS) + "\"");
            event.append(String.format(",\"time\":\"2026-03-%02dT%02d:%02d:%02d.%03dZ\"", 1 + random.nextInt(28), random.nextInt(24),
                                       random.nextInt(60), random.nextInt(60), random.nextInt(1000)));
            event.append(String.format(",\"user\":\"u%07d\",\"session\":\"%016x\"", random.nextInt(10_000_000), random.nextLong()));
            event.append(String.format(",\"action\":\"%s\",\"price\":%d.%02d,\"currency\":\"EUR\"",
                                       actions[random.nextInt(actions.length)], random.nextInt(500), random.nextInt(100)));
            event.append(",\"title\":\"");
            while (event.length() < size - 2) {
                event.append(words[random.nextInt(words.length)]).append(random.nextInt(4) == 0 ? random.nextInt(1000) + " " : " ");
            }
            event.setLength(Math.max(size, ID_AT + ID_DIGITS + 4) - 2);
            events[i] = event.append("\"}").toString().getBytes(StandardCharsets.US_ASCII);
        }
        return events;
    }

    private static byte[] numbered(byte[][] events, long number) {
        byte[] value = events[(int) (number % events.length)].clone();
        for (int i = ID_AT + ID_DIGITS - 1; i >= ID_AT; i--, number /= 10) {
            value[i] = (byte) ('0' + number % 10);
        }
        return value;
    }

    /**
     * Exactly these records, one after the other.  records: [{partition (-1: by the key), timestamp?, key?, value?, headers?: [[name,
     * value], ...]}], with bytes as text or, in {"base64": ...}, as anything; null and absent are null.
     */
    static Object listed(Call call) throws Exception {
        List<Future<RecordMetadata>> pending = new ArrayList<>();
        AtomicInteger count = new AtomicInteger();
        try (KafkaProducer<byte[], byte[]> producer = call.producer("linger.ms", LINGER_MS)) {
            for (JsonNode record : call.node("records")) {
                int partition = record.path("partition").asInt(0);
                ProducerRecord<byte[], byte[]> one = new ProducerRecord<>(
                    call.text("topic"), partition < 0 ? null : Integer.valueOf(partition),
                    record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null,
                    bytes(record.get("key")), bytes(record.get("value")));
                for (JsonNode header : record.path("headers")) {
                    one.headers().add(header.get(0).asText(), bytes(header.get(1)));
                }
                pending.add(producer.send(one));
            }
            producer.flush();
            for (Future<RecordMetadata> one : pending) {
                one.get();
                count.incrementAndGet();
            }
        }
        return count.get();
    }

    private static byte[] bytes(JsonNode node) {
        if (node == null || node.isNull()) {
            return null;
        }
        return node.isObject() ? Base64.getDecoder().decode(node.get("base64").asText())
                               : node.asText().getBytes(StandardCharsets.UTF_8);
    }

    private Produce() {
    }
}
