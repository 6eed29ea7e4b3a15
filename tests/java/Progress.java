import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/**
 * When had a mirror's destination grown how far, and which positions were committed at the source by then?  A sample every
 * 200 ms; what a broker does not answer within a second is left out of it.
 */
final class Progress {
    private static final int PERIOD_MS = 200;
    private static final int LIMIT_MS = 1000;

    /** Each fact held at some moment between its two times. */
    static final class Sample {
        public long ends_from_ms;
        public long ends_to_ms;
        public Map<Integer, Long> ends;         // of the destination: high watermarks
        public Map<Integer, Long> stable;       // last stable offsets, asked for after the ends
        public long committed_to_ms;
        public Map<Integer, Long> committed;
    }

    /** source, destination, topic, group.  query: the newest sample.  Runs until stopped; the result: all samples. */
    static Object run(Call call) throws Exception {
        List<Sample> samples = new ArrayList<>();
        call.query = question -> {
            synchronized (samples) {
                return samples.isEmpty() ? null : samples.get(samples.size() - 1);
            }
        };
        try (Admin source = Admin.create(Call.client(call.text("source")));
             Admin destination = Admin.create(Call.client(call.text("destination")))) {
            while (!call.stopped()) {
                Sample sample = new Sample();
                ends(sample, destination, call.text("topic"));
                committed(sample, source, call.text("topic"), call.text("group"));
                synchronized (samples) {
                    samples.add(sample);
                }
                call.sleep(PERIOD_MS);
            }
        }
        return samples;
    }

    private static void ends(Sample sample, Admin admin, String topic) throws InterruptedException {
        sample.ends_from_ms = System.currentTimeMillis();
        try {
            int count = admin.describeTopics(List.of(topic)).topicNameValues().get(topic)
                .get(LIMIT_MS, TimeUnit.MILLISECONDS).partitions().size();
            sample.ends_from_ms = System.currentTimeMillis();
            Map<Integer, Long> ends = offsets(admin, topic, count, IsolationLevel.READ_UNCOMMITTED);
            sample.ends_to_ms = System.currentTimeMillis();
            sample.stable = offsets(admin, topic, count, IsolationLevel.READ_COMMITTED);
            sample.ends = ends;
        } catch (ExecutionException | TimeoutException away) {
            sample.stable = null;
        }
    }

    private static Map<Integer, Long> offsets(Admin admin, String topic, int count, IsolationLevel level)
        throws InterruptedException, ExecutionException, TimeoutException {
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        for (int partition = 0; partition < count; partition++) {
            wanted.put(new TopicPartition(topic, partition), OffsetSpec.latest());
        }
        Map<Integer, Long> found = new TreeMap<>();
        admin.listOffsets(wanted, new ListOffsetsOptions(level)).all().get(LIMIT_MS, TimeUnit.MILLISECONDS)
            .forEach((partition, info) -> found.put(partition.partition(), info.offset()));
        return found;
    }

    private static void committed(Sample sample, Admin admin, String topic, String group) throws InterruptedException {
        try {
            Map<Integer, Long> found = new TreeMap<>();
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get(LIMIT_MS, TimeUnit.MILLISECONDS)
                .forEach((partition, committed) -> {
                    if (committed != null && partition.topic().equals(topic)) {
                        found.put(partition.partition(), committed.offset());
                    }
                });
            sample.committed_to_ms = System.currentTimeMillis();
            sample.committed = found;
        } catch (ExecutionException | TimeoutException away) {
            sample.committed = null;
        }
    }

    private Progress() {
    }
}
