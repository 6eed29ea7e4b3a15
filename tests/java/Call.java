import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** One command: its arguments, its end, and the clients that its arguments describe. */
final class Call {
    private final ObjectNode arguments;
    private final CountDownLatch end = new CountDownLatch(1);

    /** Answers `query` while the command runs; set by commands that have something to tell. */
    volatile Oracle.Verb query = call -> null;

    Call(ObjectNode arguments) {
        this.arguments = arguments;
    }

    void stop() {
        end.countDown();
    }

    boolean stopped() {
        return end.getCount() == 0;
    }

    /** Waits at most this long, less when stopped. */
    void sleep(long limitMs) throws InterruptedException {
        end.await(limitMs, TimeUnit.MILLISECONDS);
    }

    JsonNode node(String name) {
        return arguments.get(name);
    }

    boolean has(String name) {
        return arguments.hasNonNull(name);
    }

    String text(String name) {
        if (!has(name)) {
            throw new IllegalArgumentException("argument missing: " + name);
        }
        return arguments.get(name).asText();
    }

    String text(String name, String otherwise) {
        return has(name) ? text(name) : otherwise;
    }

    long number(String name) {
        if (!has(name) || !arguments.get(name).isIntegralNumber()) {
            throw new IllegalArgumentException("not a whole number: " + name);
        }
        return arguments.get(name).asLong();
    }

    long number(String name, long otherwise) {
        return has(name) ? number(name) : otherwise;
    }

    boolean flag(String name) {
        return has(name) && arguments.get(name).asBoolean();
    }

    static Properties client(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        // Outages are part of the tests: come back quickly.
        properties.put("reconnect.backoff.ms", "50");
        properties.put("reconnect.backoff.max.ms", "500");
        return properties;
    }

    KafkaProducer<byte[], byte[]> producer(Object... settings) {
        Properties properties = client(text("bootstrap"));
        properties.put("acks", "all");
        properties.put("enable.idempotence", "true");
        // A fresh partition has no producer state: when its first batch meets NOT_LEADER, the broker takes the second
        // in its place, and the first is refused as out of order for ever.
        properties.put("max.in.flight.requests.per.connection", "1");
        properties.put("max.request.size", "4000000");
        properties.put("compression.type", text("codec", "none"));
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1].toString());
        }
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** settings: names and values, stronger than these. */
    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Object... settings) {
        Properties properties = client(bootstrap);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "none");
        properties.put("allow.auto.create.topics", "false");
        properties.put("check.crcs", "true");
        properties.put("max.poll.records", "5000");
        properties.put("max.partition.fetch.bytes", "4194304");
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1].toString());
        }
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
