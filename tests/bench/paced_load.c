/* A paced load and its two readers, for tests/bench/latency.  Sends records
 * evenly to the source, each with the moment at which it was sent in its value,
 * and reads them at the source and at the destination: the first tells what the
 * brokers and this program cost, the second what the mirror adds.  Every record
 * of the measured window is kept as two numbers, so that percentiles are exact.
 * Prints one JSON line.  The clock is CLOCK_MONOTONIC of this process alone. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#define TICK_NS 1000000     /* faster loads go in groups, one a tick, each to one partition */
#define MISSING_LIMIT_S 20  /* what has not come by then is counted as missing */
#define VALUE_BYTES_MIN 24

struct stamp {
        uint64_t run, number;
        int64_t sent_ns;
};

struct reader {
        const char *name;
        rd_kafka_t *client;
        pthread_t thread;
        int64_t *read_ns;       /* by number; 0: not yet.  Written by the reader, read when it has ended */
        uint64_t duplicates;
        _Atomic uint64_t count; /* of the window */
        _Atomic uint64_t any;   /* of this run */
};

static uint64_t run_id, record_count, first_number, end_number;
static int64_t *sent_ns;
static atomic_bool ended;

static int64_t now_ns(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_until_ns(int64_t ns) {
        struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)) {}
}

static void fail(const char *what) {
        fprintf(stderr, "paced_load: %s\n", what);
        exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
        char err[256];
        if (rd_kafka_conf_set(conf, name, value, err, sizeof err) != RD_KAFKA_CONF_OK) fail(err);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *address) {
        char err[256];
        set(conf, "bootstrap.servers", address);
        set(conf, "socket.nagle.disable", "true");
        rd_kafka_t *rk = rd_kafka_new(type, conf, err, sizeof err);
        if (!rk) fail(err);
        return rk;
}

static void *zeros(uint64_t count, size_t size) {
        void *data = calloc(count ? count : 1, size);
        if (!data) fail("no memory");
        return data;
}

static void *read_all(void *arg) {
        struct reader *reader = arg;
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader->client);
        while (!atomic_load(&ended)) {
                rd_kafka_message_t *batch[200];
                /* A batch is waited for until it is full or its time is over: it may take only what is there. */
                batch[0] = rd_kafka_consume_queue(queue, 100);
                if (!batch[0]) continue;
                ssize_t more = rd_kafka_consume_batch_queue(queue, 0, batch + 1, 199), n = more > 0 ? 1 + more : 1;
                int64_t now = now_ns(); /* all of them are here now */
                for (ssize_t i = 0; i < n; i++) {
                        struct stamp stamp;
                        if (!batch[i]->err && batch[i]->len >= sizeof stamp) {
                                memcpy(&stamp, batch[i]->payload, sizeof stamp);
                                if (stamp.run == run_id && stamp.number < record_count) {
                                        if (reader->read_ns[stamp.number]) {
                                                reader->duplicates++;
                                        } else {
                                                reader->read_ns[stamp.number] = now;
                                                atomic_fetch_add(&reader->any, 1);
                                                if (stamp.number >= first_number && stamp.number < end_number)
                                                        atomic_fetch_add(&reader->count, 1);
                                        }
                                }
                        }
                        rd_kafka_message_destroy(batch[i]);
                }
        }
        rd_kafka_queue_destroy(queue);
        return NULL;
}

static void start_reader(struct reader *reader, const char *name, const char *address, const char *topic, int partitions) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "group.id", "paced-load"); /* never joined */
        set(conf, "enable.auto.commit", "false");
        set(conf, "isolation.level", "read_committed");
        reader->name = name;
        reader->read_ns = zeros(record_count, sizeof *reader->read_ns);
        reader->client = client(RD_KAFKA_CONSUMER, conf, address);
        (void)rd_kafka_poll_set_consumer(reader->client);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int p = 0; p < partitions; p++)
                rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_END;
        if (rd_kafka_assign(reader->client, list)) fail("assign");
        rd_kafka_topic_partition_list_destroy(list);
        if (pthread_create(&reader->thread, NULL, read_all, reader)) fail("no thread");
}

static int by_value(const void *a, const void *b) {
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

/* From `from` to `to` of the window's records that have both. */
static void print_times(const char *name, const int64_t *from, const int64_t *to) {
        static const struct { const char *name; double part; } points[] = {
                {"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"p999_ms", 0.999}, {"max_ms", 1}};
        int64_t *values = zeros(end_number - first_number, sizeof *values);
        size_t count = 0;
        double sum = 0;
        for (uint64_t i = first_number; i < end_number; i++)
                if (from[i] && to[i]) sum += (double)(values[count++] = to[i] - from[i]);
        qsort(values, count, sizeof *values, by_value);
        printf(", \"%s\": {\"count\": %zu", name, count);
        for (size_t i = 0; count && i < sizeof points / sizeof *points; i++) {
                size_t rank = (size_t)ceil(points[i].part * (double)count); /* nearest rank */
                printf(", \"%s\": %.3f", points[i].name, (double)values[rank ? rank - 1 : 0] / 1e6);
        }
        if (count) printf(", \"mean_ms\": %.3f", sum / (double)count / 1e6);
        printf("}");
        free(values);
}

static void send_all(rd_kafka_t *producer, const char *topic_name, int partitions, double rate, size_t value_bytes) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, topic_name, NULL);
        char *value = zeros(value_bytes, 1);
        double group = rate * TICK_NS / 1e9;
        int64_t start = now_ns();
        uint64_t tick = 0;
        for (uint64_t i = 0; i < record_count; tick++) {
                uint64_t until = group <= 1 ? i + 1 : (uint64_t)((double)(tick + 1) * group);
                if (until > record_count) until = record_count;
                wait_until_ns(start + (group <= 1 ? (int64_t)((double)i * 1e9 / rate) : (int64_t)tick * TICK_NS));
                for (; i < until; i++) {
                        sent_ns[i] = now_ns();
                        struct stamp stamp = {run_id, i, sent_ns[i]};
                        memcpy(value, &stamp, sizeof stamp);
                        if (rd_kafka_produce(topic, (int)(tick % (uint64_t)partitions), RD_KAFKA_MSG_F_COPY, value, value_bytes,
                                             NULL, 0, NULL))
                                fail(rd_kafka_err2str(rd_kafka_last_error()));
                }
                (void)rd_kafka_poll(producer, 0);
        }
        if (rd_kafka_flush(producer, MISSING_LIMIT_S * 1000)) fail("the source does not take the load");
        free(value);
        rd_kafka_topic_destroy(topic);
}

int main(int argc, char **argv) {
        if (argc != 9) {
                fprintf(stderr, "usage: paced_load SOURCE DESTINATION TOPIC PARTITIONS RATE WARM_S SECONDS BYTES\n");
                return 2;
        }
        int partitions = atoi(argv[4]);
        double rate = atof(argv[5]), warm_s = atof(argv[6]), seconds = atof(argv[7]);
        size_t value_bytes = (size_t)atol(argv[8]);
        if (partitions < 1 || rate <= 0 || warm_s < 0 || seconds <= 0 || value_bytes < VALUE_BYTES_MIN) fail("what is given makes no load");
        run_id = (uint64_t)now_ns();
        first_number = (uint64_t)(warm_s * rate);
        end_number = first_number + (uint64_t)(seconds * rate);
        /* Some follow, so that the last of the window are measured under the load, too. */
        record_count = end_number + (uint64_t)(rate / 5);
        sent_ns = zeros(record_count, sizeof *sent_ns);

        struct reader source = {0}, destination = {0};
        start_reader(&source, "source", argv[1], argv[3], partitions);
        start_reader(&destination, "destination", argv[2], argv[3], partitions);
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "linger.ms", "0");
        set(conf, "acks", "1");
        rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf, argv[1]);
        wait_until_ns(now_ns() + 1000000000); /* the readers are at the ends */
        send_all(producer, argv[3], partitions, rate, value_bytes);

        uint64_t wanted = end_number - first_number;
        int64_t limit = now_ns() + (int64_t)MISSING_LIMIT_S * 1000000000;
        while (now_ns() < limit && (atomic_load(&source.count) < wanted || atomic_load(&destination.count) < wanted))
                wait_until_ns(now_ns() + 20000000);
        wait_until_ns(now_ns() + 200000000); /* duplicates follow closely */
        atomic_store(&ended, true);
        (void)pthread_join(source.thread, NULL);
        (void)pthread_join(destination.thread, NULL);

        printf("{\"sent\": %llu, \"missing\": %llu, \"missing_at_source\": %llu, \"duplicates\": %llu", (unsigned long long)wanted,
               (unsigned long long)(wanted - destination.count), (unsigned long long)(wanted - source.count),
               (unsigned long long)destination.duplicates);
        print_times("source", sent_ns, source.read_ns);
        print_times("destination", sent_ns, destination.read_ns);
        print_times("added", source.read_ns, destination.read_ns);
        printf("}\n");
        fflush(stdout);
        _Exit(0); /* the clients' end is not measured */
}
