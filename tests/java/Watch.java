import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * When did each record of a produce-seq load become readable at the source, and when at the destination?  Both by the same
 * clock and the same kind of consumer, so that a hiccup of the load itself does not count against the mirror.
 */
final class Watch {
    /** Arrival times (ms since the epoch) by sequence number; 0: not arrived. */
    private static final class Arrivals {
        private long[] times = new long[4096];
        private int count;
        private long records;

        synchronized void add(int seq, long nowMs) {
            if (seq >= times.length) {
                times = Arrays.copyOf(times, Math.max(seq + 1, times.length * 2));
            }
            if (times[seq] == 0) {
                times[seq] = nowMs;
            }
            count = Math.max(count, seq + 1);
            records++;
        }

        synchronized long[] snapshot() {
            return Arrays.copyOf(times, count);
        }
    }

    /** Per partition, over the records that reached the source within the window. */
    static final class Report {
        public long source_records;
        public long destination_records;        // of the source's partition, duplicates included, over the whole watch
        public long waiting;                    // not arrived yet
        public long max_delay_ms;               // from readable at the source to readable at the destination
        public long max_delay_seq = -1;
        public long max_delay_at_ms;            // when that record was readable at the source
        public long longest_gap_ms;             // between arrivals at the destination
        public long gap_from_ms;
        public long gap_to_ms;
    }

    /** source, destination, topic, destination_topic?, partitions.  query: from_ms?, to_ms?.  Runs until stopped. */
    static Object run(Call call) throws Exception {
        int partitions = (int) call.number("partitions");
        String topic = call.text("topic");
        Arrivals[] source = arrivals(partitions);
        Arrivals[] destination = arrivals(partitions);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread[] readers = {
            reader(call, call.text("source"), topic, source, failure),
            reader(call, call.text("destination"), call.text("destination_topic", topic), destination, failure),
        };
        call.query = question -> report(source, destination, question.number("from_ms", 0),
                                        question.number("to_ms", Long.MAX_VALUE));
        while (!call.stopped() && failure.get() == null) {
            call.sleep(200);
        }
        call.stop();
        for (Thread reader : readers) {
            reader.join();
        }
        if (failure.get() != null) {
            throw new IllegalStateException(failure.get());
        }
        return report(source, destination, 0, Long.MAX_VALUE);
    }

    private static Arrivals[] arrivals(int partitions) {
        Arrivals[] all = new Arrivals[partitions];
        Arrays.setAll(all, i -> new Arrivals());
        return all;
    }

    private static Thread reader(Call call, String bootstrap, String topic, Arrivals[] arrivals,
                                 AtomicReference<Throwable> failure) {
        Thread thread = new Thread(() -> {
            try {
                read(call, bootstrap, topic, arrivals);
            } catch (Throwable trouble) {
                failure.compareAndSet(null, trouble);
            }
        }, "watch " + topic + " at " + bootstrap);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void read(Call call, String bootstrap, String topic, Arrivals[] arrivals) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = Call.consumer(bootstrap)) {
            // The mirror may create the topic only later.
            List<TopicPartition> partitions = Dump.partitions(consumer, topic);
            while (partitions.size() < arrivals.length && !call.stopped()) {
                call.sleep(50);
                partitions = Dump.partitions(consumer, topic);
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (!call.stopped()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    String key = new String(record.key(), StandardCharsets.US_ASCII);
                    // RUN:PARTITION:SEQ, with the source's partition: not every mirror keeps it.
                    int colon = key.lastIndexOf(':');
                    int partition = Integer.parseInt(key.substring(key.lastIndexOf(':', colon - 1) + 1, colon));
                    arrivals[partition].add(Integer.parseInt(key.substring(colon + 1)), System.currentTimeMillis());
                }
            }
        }
    }

    private static Map<Integer, Report> report(Arrivals[] source, Arrivals[] destination, long fromMs, long toMs) {
        Map<Integer, Report> reports = new TreeMap<>();
        for (int partition = 0; partition < source.length; partition++) {
            // The destination first: what arrives in between then counts as waiting for a moment, never as negative.
            long[] out = destination[partition].snapshot();
            long[] in = source[partition].snapshot();
            reports.put(partition, report(in, out, fromMs, toMs, System.currentTimeMillis()));
            reports.get(partition).destination_records = destination[partition].records;
        }
        return reports;
    }

    private static Report report(long[] in, long[] out, long fromMs, long toMs, long nowMs) {
        Report report = new Report();
        long previousMs = 0;
        for (int seq = 0; seq < in.length; seq++) {
            if (in[seq] == 0 || in[seq] < fromMs || in[seq] > toMs) {
                continue;
            }
            report.source_records++;
            boolean arrived = seq < out.length && out[seq] != 0;
            long outMs = arrived ? out[seq] : nowMs;
            report.waiting += arrived ? 0 : 1;
            // The two consumers race; a record may be seen at the destination first.
            long delayMs = Math.max(0, outMs - in[seq]);
            if (delayMs > report.max_delay_ms) {
                report.max_delay_ms = delayMs;
                report.max_delay_seq = seq;
                report.max_delay_at_ms = in[seq];
            }
            if (previousMs != 0 && outMs - previousMs > report.longest_gap_ms) {
                report.longest_gap_ms = outMs - previousMs;
                report.gap_from_ms = previousMs;
                report.gap_to_ms = outMs;
            }
            previousMs = outMs;
        }
        return report;
    }

    private Watch() {
    }
}
