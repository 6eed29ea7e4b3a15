import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Is the destination what the mirror promised?  Per partition the digests of all source records are kept, then the
 * destination streams by.  A destination record is the next source record, or an earlier one again (duplicated), or a later
 * one (those between are missing, or reordered if they still come), or none (extra; changed if it stands where a source
 * record is missing).
 *
 * mode exact: all counts zero.  mode at-least-once: duplicates may be, in runs, as a restart from an older position
 * sends them; the first occurrences are complete and in order.  mode scattered: for a mirror that keeps neither partitions
 * nor order (MirrorMaker 1): every source record is somewhere; the totals alone, and duplicates may be.
 */
final class Compare {
    private static final int SAMPLES = 5;

    /** The findings of one partition; counts are records. */
    static final class Findings {
        public long source;
        public long destination;
        public long missing;
        public long extra;
        public long changed;
        public long duplicated;
        public long reordered;
        public List<Run> duplicate_runs = new ArrayList<>();
        public List<String> samples = new ArrayList<>();

        void sample(String text) {
            if (samples.size() < SAMPLES) {
                samples.add(text);
            }
        }

        void add(Findings other) {
            source += other.source;
            destination += other.destination;
            missing += other.missing;
            extra += other.extra;
            changed += other.changed;
            duplicated += other.duplicated;
            reordered += other.reordered;
        }
    }

    /** Source records sent again: offsets and timestamps of the first and the last, and where the first one lies. */
    static final class Run {
        public long at;                 // destination offset
        public long from;
        public long to;
        public long records;
        public long from_ms;
        public long to_ms;
    }

    static final class Result implements Oracle.Verdict {
        public boolean ok;
        public String mode;
        public Findings total = new Findings();
        public Map<Integer, Findings> partitions = new TreeMap<>();

        @Override
        public boolean holds() {
            return ok;
        }
    }

    /** source, destination: bootstrap addresses; topic; destination_topic?; mode?: exact | at-least-once | scattered. */
    static Object run(Call call) {
        Result result = new Result();
        result.mode = call.text("mode", "exact");
        if (!List.of("exact", "at-least-once", "scattered").contains(result.mode)) {
            throw new IllegalArgumentException("mode: exact, at-least-once or scattered");
        }
        String topic = call.text("topic");
        String destinationTopic = call.text("destination_topic", topic);
        // At the end of a partition a fetch is under way, and the next partition's waits for its answer.
        try (KafkaConsumer<byte[], byte[]> source = Call.consumer(call.text("source"), "fetch.max.wait.ms", 10);
             KafkaConsumer<byte[], byte[]> destination =
                 Call.consumer(call.text("destination"), "fetch.max.wait.ms", 10)) {
            int count = Math.max(Dump.partitions(source, topic).size(),
                                 Dump.partitions(destination, destinationTopic).size());
            if (count == 0) {
                throw new IllegalArgumentException("no topic " + topic + " on either side");
            }
            if (result.mode.equals("scattered")) {
                scattered(source, topic, destination, destinationTopic, result.total);
                count = 0;
            }
            for (int partition = 0; partition < count; partition++) {
                // The destination first: what the source gets meanwhile is then no loss to report as "extra".
                Compare compare = new Compare();
                TopicPartition from = new TopicPartition(topic, partition);
                TopicPartition to = new TopicPartition(destinationTopic, partition);
                if (partition < Dump.partitions(source, topic).size()) {
                    Dump.read(source, from, compare::addSource);
                }
                compare.index();
                if (partition < Dump.partitions(destination, destinationTopic).size()) {
                    Dump.read(destination, to, compare::addDestination);
                }
                Findings findings = compare.finish();
                result.partitions.put(partition, findings);
                result.total.add(findings);
            }
        }
        Findings total = result.total;
        result.ok = total.missing + total.extra + total.changed + total.reordered == 0
            && (total.duplicated == 0 || !result.mode.equals("exact"));
        return result;
    }

    private static void scattered(KafkaConsumer<byte[], byte[]> source, String topic,
                                  KafkaConsumer<byte[], byte[]> destination, String destinationTopic, Findings total) {
        Map<Long, Integer> awaited = new HashMap<>();       // digest -> records that have not come yet
        for (TopicPartition from : Dump.partitions(source, topic)) {
            Dump.read(source, from, record -> {
                total.source++;
                awaited.merge(Dump.digest(record), 1, Integer::sum);
            });
        }
        total.missing = total.source;
        for (TopicPartition to : Dump.partitions(destination, destinationTopic)) {
            Dump.read(destination, to, record -> {
                total.destination++;
                Integer left = awaited.get(Dump.digest(record));
                if (left == null) {
                    total.extra++;
                } else if (left == 0) {
                    total.duplicated++;
                } else {
                    awaited.put(Dump.digest(record), left - 1);
                    total.missing--;
                }
            });
        }
    }

    private final Findings findings = new Findings();
    private long[] digests = new long[1024];
    private long[] offsets = new long[1024];
    private long[] timestamps = new long[1024];
    private int count;

    // Open addressing: digest -> first source record with it, plus one; 0 is free.
    private int[] table;

    private int next;                   // the first source record that has not come yet, of those not given up as missing
    private int repeat = -1;            // the source record that continues the running repetition
    private final java.util.BitSet skipped = new java.util.BitSet();
    private long strangers;             // unknown records since the last known one

    private void addSource(ConsumerRecord<byte[], byte[]> record) {
        if (count == digests.length) {
            digests = Arrays.copyOf(digests, count * 2);
            offsets = Arrays.copyOf(offsets, count * 2);
            timestamps = Arrays.copyOf(timestamps, count * 2);
        }
        digests[count] = Dump.digest(record);
        offsets[count] = record.offset();
        timestamps[count] = record.timestamp();
        count++;
    }

    private void index() {
        table = new int[Integer.highestOneBit(Math.max(count, 8)) * 4];
        for (int i = 0; i < count; i++) {
            int slot = slot(digests[i]);
            if (table[slot] == 0) {
                table[slot] = i + 1;
            }
        }
    }

    private int slot(long digest) {
        int slot = (int) (digest >>> 20) & (table.length - 1);
        while (table[slot] != 0 && digests[table[slot] - 1] != digest) {
            slot = (slot + 1) & (table.length - 1);
        }
        return slot;
    }

    private void addDestination(ConsumerRecord<byte[], byte[]> record) {
        findings.destination++;
        long digest = Dump.digest(record);
        if (repeat >= 0 && repeat < next && digests[repeat] == digest) {
            duplicate(repeat, record);
        } else if (next < count && digests[next] == digest) {
            known();
            next++;
            repeat = -1;
        } else {
            int found = table[slot(digest)] - 1;
            if (found < 0) {
                strangers++;
                findings.sample("unknown record at destination offset " + record.offset() + ": " + Dump.json(record));
            } else if (skipped.get(found)) {
                skipped.clear(found);
                findings.missing--;
                findings.reordered++;
                findings.sample("source offset " + offsets[found] + " came late, at destination offset " + record.offset());
            } else if (found < next) {
                duplicate(found, record);
            } else {
                skip(found);
                next = found + 1;
                repeat = -1;
            }
        }
    }

    private void duplicate(int index, ConsumerRecord<byte[], byte[]> record) {
        known();
        List<Run> runs = findings.duplicate_runs;
        Run run = repeat == index && !runs.isEmpty() ? runs.get(runs.size() - 1) : null;
        if (run == null) {
            run = new Run();
            run.at = record.offset();
            run.from = offsets[index];
            run.from_ms = timestamps[index];
            runs.add(run);
        }
        run.to = offsets[index];
        run.to_ms = timestamps[index];
        run.records++;
        findings.duplicated++;
        repeat = index + 1;
    }

    /** Source records up to `found` did not come where they should. */
    private void skip(int found) {
        long gap = found - next;
        // An unknown record in the place of a missing one is that one, changed.
        long changed = Math.min(gap, strangers);
        findings.changed += changed;
        strangers -= changed;
        known();
        next += (int) changed;
        if (next < found) {
            findings.sample("source offsets " + offsets[next] + " to " + offsets[found - 1] + " did not come in their place");
        }
        findings.missing += found - next;
        skipped.set(next, found);
    }

    private void known() {
        findings.extra += strangers;
        strangers = 0;
    }

    private Findings finish() {
        findings.source = count;
        skip(count);
        return findings;
    }
}
