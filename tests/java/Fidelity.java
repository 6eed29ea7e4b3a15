import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/**
 * The odd records that a mirror must carry unchanged: every combination of special key, value, headers and timestamp, in
 * every codec, at freely chosen partitions, with transactions of which some abort.  The same seed gives the same records.
 *
 * A timestamp of exactly 0 is left out: no librdkafka producer can send it, it means "now" there.
 */
final class Fidelity {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    private static final int BIG = 900 * 1024;

    private final Call call;
    private final String topic;
    private final int partitions;
    private final Random random;
    private final long now = System.currentTimeMillis();
    private final Map<String, Long> counts = new LinkedHashMap<>();
    private long number;

    static Object run(Call call) throws Exception {
        return new Fidelity(call).send();
    }

    private Fidelity(Call call) {
        this.call = call;
        this.topic = call.text("topic");
        this.partitions = (int) call.number("partitions");
        this.random = new Random(call.number("seed", 1));
    }

    /** rounds: how many times the whole set is sent per codec (default 1, about 300 records each). */
    private Object send() throws Exception {
        long rounds = call.number("rounds", 1);
        for (long round = 0; round < rounds; round++) {
            for (String codec : CODECS) {
                combinations(codec);
                big(codec);
            }
            transactions();
        }
        counts.put("seed", call.number("seed", 1));
        return counts;
    }

    private void combinations(String codec) throws Exception {
        byte[][] keys = {null, {}, text("key"), binary(24), {0}, text("Schlüssel \u2603")};
        byte[][] values = {null, {}, text("value"), binary(300), text("x".repeat(3000)), {0, 0, 0}};
        long[] timestamps = {1, 999_999_999_999L, now, now + 86_400_000L, 4_102_444_800_000L};
        List<Future<RecordMetadata>> pending = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = call.producer("compression.type", codec, "linger.ms", 5)) {
            for (byte[] key : keys) {
                for (byte[] value : values) {
                    for (int shape = 0; shape < HEADER_SHAPES; shape++) {
                        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                            topic, random.nextInt(partitions), timestamps[random.nextInt(timestamps.length)], key, value);
                        headers(record, shape);
                        pending.add(producer.send(record));
                    }
                }
            }
            producer.flush();
        }
        finish(pending, "sent");
    }

    private static final int HEADER_SHAPES = 7;

    private void headers(ProducerRecord<byte[], byte[]> record, int shape) {
        switch (shape) {
            case 0:
                return;                                         // none at all: the value alone must do
            case 1:
                record.headers().add("one", text("1"));
                break;
            case 2:                                             // the same name, in an order that means something
                record.headers().add("same", text("b")).add("other", text("-")).add("same", text("a"))
                    .add("same", text("b"));
                break;
            case 3:
                record.headers().add("null", null).add("empty", new byte[0]).add("null", null);
                break;
            case 4:
                record.headers().add("binary", binary(40)).add("Kopfzeile \u2603", text("\u2603")).add("", text("no name"));
                break;
            case 5:
                for (int i = 0; i < 40; i++) {
                    record.headers().add("h" + i % 7, text(Integer.toString(i)));
                }
                break;
            default:
                record.headers().add("long", binary(5000));
                break;
        }
        // Makes the record unique, so that the comparison can tell a swap of two look-alikes.
        record.headers().add("number", text(Long.toString(number++)));
    }

    private void big(String codec) throws Exception {
        List<Future<RecordMetadata>> pending = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = call.producer("compression.type", codec)) {
            for (int i = 0; i < 3; i++) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                    topic, random.nextInt(partitions), now - i, i == 0 ? null : binary(16),
                    i == 1 ? text("0123456789".repeat(BIG / 10)) : binary(BIG));
                headers(record, 1 + i);
                pending.add(producer.send(record));
            }
            producer.flush();
        }
        finish(pending, "sent");
    }

    private void transactions() throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = call.producer(
                 "transactional.id", topic + ".fidelity", "compression.type", "lz4")) {
            producer.initTransactions();
            for (int i = 0; i < 12; i++) {
                boolean abort = i % 3 == 1;
                List<Future<RecordMetadata>> pending = new ArrayList<>();
                producer.beginTransaction();
                for (int j = 0; j < 20; j++) {
                    ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                        topic, random.nextInt(partitions), now + i, text("transaction " + i),
                        text(abort ? "aborted" : "committed"));
                    headers(record, 1 + j % (HEADER_SHAPES - 1));
                    pending.add(producer.send(record));
                }
                // Flushed first: only then do aborted records lie in the log, where a mirror could take them.
                producer.flush();
                finish(pending, abort ? "aborted" : "sent");
                if (abort) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                }
            }
        }
    }

    private void finish(List<Future<RecordMetadata>> pending, String kind) throws Exception {
        for (Future<RecordMetadata> one : pending) {
            one.get();
        }
        counts.merge(kind, (long) pending.size(), Long::sum);
    }

    private byte[] binary(int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
