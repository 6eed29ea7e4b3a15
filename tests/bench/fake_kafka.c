/* Two Kafka clusters with many partitions and no records: librdkafka's mock, for tests/bench/control-plane.  The
 * destination has every topic of the source, and the topics of Heliostat's own that are named on the command line.
 *
 *     fake_kafka PREFIX,PREFIX... TOPICS PARTITIONS OWN_TOPIC,OWN_TOPIC... LANES
 *
 * TOPICS topics "<prefix>.<n>" of PARTITIONS partitions for each prefix, and own topics of LANES partitions.  Prints both
 * addresses as a JSON line, and ends with its standard input. */
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

int main(int argc, char **argv) {
        char err[256], name[256], *next;
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
                for (int t = 0; t < topics; t++) {
                        (void)snprintf(name, sizeof name, "%s.%05d", prefix, t);
                        create(clusters[0], name, partitions);
                        create(clusters[1], name, partitions);
                }
        for (char *own = strtok_r(argv[4], ",", &next); own; own = strtok_r(NULL, ",", &next))
                create(clusters[1], own, lanes);
        printf("{\"source\": \"%s\", \"destination\": \"%s\"}\n", rd_kafka_mock_cluster_bootstraps(clusters[0]),
               rd_kafka_mock_cluster_bootstraps(clusters[1]));
        (void)fflush(stdout);
        while (fgets(name, sizeof name, stdin)) {
        }
        return 0;
}
