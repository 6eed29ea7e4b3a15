/* Two Kafka clusters with many partitions and no records: librdkafka's mock, for tests/bench/control-plane.  The
 * destination has every topic of the source, and the topics of Heliostat's own that are named on the command line.
 *
 *     fake_kafka PREFIX,PREFIX... TOPICS PARTITIONS OWN_TOPIC,OWN_TOPIC... LANES
 *
 * TOPICS topics "<prefix>.<n>" of PARTITIONS partitions for each prefix, and own topics of LANES partitions.  Prints both
 * addresses as a JSON line, and ends with its standard input. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

static void create(rd_kafka_mock_cluster_t *cluster, const char *name, int partitions) {
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(cluster, name, partitions, 1);
        if (!code) return;
        fprintf(stderr, "fake_kafka: topic %s: %s\n", name, rd_kafka_err2str(code));
        exit(1);
}

/* Each creation is a round trip to the mock's own thread: many at a time. */
#define MAKERS 32
struct maker {
        rd_kafka_mock_cluster_t *const *clusters;
        const char *prefix;
        int first, topics, partitions;
};

static void *make(void *arg) {
        const struct maker *maker = arg;
        char name[256];
        for (int t = maker->first; t < maker->topics; t += MAKERS) {
                (void)snprintf(name, sizeof name, "%s.%05d", maker->prefix, t);
                create(maker->clusters[0], name, maker->partitions);
                create(maker->clusters[1], name, maker->partitions);
        }
        return NULL;
}

static void make_topics(rd_kafka_mock_cluster_t *const *clusters, const char *prefix, int topics, int partitions) {
        struct maker makers[MAKERS];
        pthread_t threads[MAKERS];
        for (int i = 0; i < MAKERS; i++) {
                makers[i] = (struct maker){clusters, prefix, i, topics, partitions};
                if (pthread_create(&threads[i], NULL, make, &makers[i])) exit(1);
        }
        for (int i = 0; i < MAKERS; i++) (void)pthread_join(threads[i], NULL); /* cannot fail */
}

int main(int argc, char **argv) {
        char err[256], line[64], *next;
        rd_kafka_mock_cluster_t *clusters[2];
        if (argc != 6) {
                fprintf(stderr, "usage: fake_kafka PREFIXES TOPICS PARTITIONS OWN_TOPICS LANES\n");
                return 2;
        }
        int topics = atoi(argv[2]), partitions = atoi(argv[3]), lanes = atoi(argv[5]);
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, err, sizeof err);
        if (!rk) {
                fprintf(stderr, "fake_kafka: %s\n", err);
                return 1;
        }
        for (int i = 0; i < 2; i++)
                if (!(clusters[i] = rd_kafka_mock_cluster_new(rk, 3))) return 1;
        for (char *prefix = strtok_r(argv[1], ",", &next); prefix; prefix = strtok_r(NULL, ",", &next))
                make_topics(clusters, prefix, topics, partitions);
        for (char *own = strtok_r(argv[4], ",", &next); own; own = strtok_r(NULL, ",", &next))
                create(clusters[1], own, lanes);
        printf("{\"source\": \"%s\", \"destination\": \"%s\"}\n", rd_kafka_mock_cluster_bootstraps(clusters[0]),
               rd_kafka_mock_cluster_bootstraps(clusters[1]));
        (void)fflush(stdout);
        while (fgets(line, sizeof line, stdin)) {
        }
        return 0;
}
