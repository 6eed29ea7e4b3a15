/* The reference: a plain librdkafka consume-produce loop without ZooKeeper,
 * libuv, commits or fences.  What it costs per record is what any mirror built
 * on librdkafka pays.  Mirrors one topic from its beginning until `count`
 * records are acknowledged, or SIGTERM when it is 0; then prints one JSON line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

static long long delivered, failed;
static volatile sig_atomic_t ended;

static void on_signal(int number) {
        (void)number;
        ended = 1;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
        (void)rk;
        (void)opaque;
        if (m->err)
                failed++;
        else
                delivered++;
        rd_kafka_message_destroy(m->_private);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
        char err[256];
        if (rd_kafka_conf_set(conf, name, value, err, sizeof err) != RD_KAFKA_CONF_OK) {
                fprintf(stderr, "plain_loop: %s\n", err);
                exit(2);
        }
}

/* Those of the command line that begin with prefix: "producer.linger.ms=1". */
static void set_given(rd_kafka_conf_t *conf, const char *prefix, char **given, int count) {
        size_t n = strlen(prefix);
        for (int i = 0; i < count; i++) {
                char name[128];
                const char *equals = strchr(given[i], '=');
                if (strncmp(given[i], prefix, n) != 0 || !equals) continue;
                (void)snprintf(name, sizeof name, "%.*s", (int)(equals - given[i] - (long)n), given[i] + n); /* then it is unknown */
                set(conf, name, equals + 1);
        }
}

/* That of "batch.wait.ms=1": how long a batch of the consumer is waited for. */
static int batch_wait_ms(char **given, int count) {
        static const char name[] = "batch.wait.ms=";
        for (int i = 0; i < count; i++)
                if (strncmp(given[i], name, sizeof name - 1) == 0) return atoi(given[i] + sizeof name - 1);
        return 10;
}

static double now_s(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
        char err[256];
        rd_kafka_t *rk = rd_kafka_new(type, conf, err, sizeof err);
        if (!rk) {
                fprintf(stderr, "plain_loop: %s\n", err);
                exit(1);
        }
        return rk;
}

int main(int argc, char **argv) {
        if (argc < 6) {
                fprintf(stderr, "usage: plain_loop SOURCE DESTINATION TOPIC PARTITIONS RECORDS "
                                "[consumer.NAME=VALUE|producer.NAME=VALUE|batch.wait.ms=MS]...\n");
                return 2;
        }
        char **given = argv + 6;
        int given_count = argc - 6, wait_ms = batch_wait_ms(given, given_count);
        (void)signal(SIGTERM, on_signal); /* cannot fail for this signal */
        const char *topic = argv[3];
        int partitions = atoi(argv[4]);
        long long count = atoll(argv[5]);

        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", argv[1]);
        set(conf, "group.id", "plain-loop");
        set(conf, "enable.auto.commit", "false");
        set(conf, "enable.auto.offset.store", "false");
        set(conf, "check.crcs", "true");
        set(conf, "queued.min.messages", "10000000");
        set(conf, "queued.max.messages.kbytes", "65536");
        set_given(conf, "consumer.", given, given_count);
        rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
        (void)rd_kafka_poll_set_consumer(consumer);

        conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", argv[2]);
        set(conf, "enable.idempotence", "true");
        set(conf, "queue.buffering.max.messages", "1000000");
        set(conf, "queue.buffering.max.kbytes", "1048576");
        set_given(conf, "producer.", given, given_count);
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
        rd_kafka_topic_t *destination = rd_kafka_topic_new(producer, topic, NULL);

        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int p = 0; p < partitions; p++)
                rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
        double start = now_s();
        (void)rd_kafka_assign(consumer, list);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
        long long sent = 0;
        while (!ended && (count == 0 || delivered + failed < count)) {
                rd_kafka_message_t *batch[500];
                ssize_t n = rd_kafka_consume_batch_queue(queue, wait_ms, batch, 500);
                for (ssize_t i = 0; i < n; i++) {
                        rd_kafka_message_t *m = batch[i];
                        rd_kafka_timestamp_type_t type;
                        rd_kafka_headers_t *headers = NULL;
                        if (m->err) {
                                rd_kafka_message_destroy(m);
                                continue;
                        }
                        (void)rd_kafka_message_detach_headers(m, &headers);
                        rd_kafka_resp_err_t err;
                        while ((err = rd_kafka_producev(
                                        producer, RD_KAFKA_V_RKT(destination), RD_KAFKA_V_PARTITION(m->partition),
                                        RD_KAFKA_V_KEY(m->key, m->key_len), RD_KAFKA_V_VALUE(m->payload, m->len),
                                        RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(m, &type)),
                                        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(m), RD_KAFKA_V_END)) ==
                               RD_KAFKA_RESP_ERR__QUEUE_FULL)
                                (void)rd_kafka_poll(producer, 10);
                        if (err) {
                                fprintf(stderr, "plain_loop: %s\n", rd_kafka_err2str(err));
                                return 1;
                        }
                        sent++;
                }
                (void)rd_kafka_poll(producer, 0);
        }
        double seconds = now_s() - start;
        struct rusage usage;
        (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail */
        double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                     (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
        printf("{\"records\": %lld, \"failed\": %lld, \"sent\": %lld, \"seconds\": %.3f, \"cpu_seconds\": %.3f, \"peak_kib\": %ld}\n",
               delivered, failed, sent, seconds, cpu, usage.ru_maxrss);
        fflush(stdout);
        _Exit(failed ? 1 : 0); /* the clients' end is not measured */
}
