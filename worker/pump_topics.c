/* What a start asks of a lane's topics (partitions, leaders, errors, the ids of
 * both clusters), and how the lane's clients come to know them.
 *
 * A client of librdkafka keeps over a kilobyte for every partition of a topic that
 * it knows (2.0.2), not for the lane's alone, and looks at each once a second: a
 * thousand partitions in 24 lanes were 60 MiB.  A lane that relays carries no records
 * by way of its clients: others ask for it (topic_look.h), and its own hear of a
 * topic when one of its partitions is opened.  What is wrong with a topic is asked
 * for again by the lane's own clients, whose errors are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/pump_internal.h"
#include "worker/topic_look.h"

/* Metadata of all topics that the client has a handle for, in one request. */
static rd_kafka_resp_err_t ask(rd_kafka_t *client, const rd_kafka_metadata_t **out) {
        return rd_kafka_metadata(client, 0, NULL, out, PUMP_REQUEST_MS);
}

enum end { SOURCE, DESTINATION };

/* "": none. */
static const char *name_at(const struct pump_op *op, size_t i, enum end end) {
        return end == SOURCE ? op->topics[i].of->name : op->topics[i].of->target;
}

static const rd_kafka_metadata_topic_t *find(const rd_kafka_metadata_t *metadata, const char *name) {
        for (int k = 0; k < metadata->topic_cnt; k++)
                if (strcmp(metadata->topics[k].topic, name) == 0) return &metadata->topics[k];
        return NULL;
}

static bool all_well(const struct pump_op *op, enum end end, const rd_kafka_metadata_t *metadata) {
        for (size_t i = 0; i < op->topic_count; i++) {
                const char *name = name_at(op, i, end);
                const rd_kafka_metadata_topic_t *topic = *name ? find(metadata, name) : NULL;
                if (*name && (!topic || topic->err || topic->partition_cnt < 1)) return false;
        }
        return true;
}

/* Those of this end that there are.  NULL: no memory. */
static const char **names_at(const struct pump_op *op, enum end end, size_t *out_count) {
        const char **names = calloc(op->topic_count + 1, sizeof *names);
        *out_count = 0;
        for (size_t i = 0; names && i < op->topic_count; i++)
                if (*name_at(op, i, end)) names[(*out_count)++] = name_at(op, i, end);
        return names;
}

/* NULL: the lane's own client has to. */
static const struct topic_look *look_apart(const struct pump_op *op, enum end end, char **out_cluster_id) {
        const struct pump_settings *settings = &op->pump->settings;
        size_t count = 0;
        const char **names = op->asks_apart ? names_at(op, end, &count) : NULL;
        if (!names) return NULL;
        const struct topic_look *look = topic_looks_get(settings->topic_looks, settings->config,
                                                        end == SOURCE ? settings->source : settings->destination, names, count);
        free(names);
        if (look && !all_well(op, end, look->metadata)) {
                topic_looks_put_back(settings->topic_looks, look);
                look = NULL;
        }
        if (look && look->cluster_id) *out_cluster_id = strdup(look->cluster_id);
        return look;
}

/* ---- the source ---- */

static void take_source(struct pump_op *op, const rd_kafka_metadata_t *metadata) {
        for (size_t i = 0; i < op->topic_count; i++) {
                const rd_kafka_metadata_topic_t *topic = find(metadata, name_at(op, i, SOURCE));
                if (topic) op->topics[i].source_count = topic->partition_cnt;
        }
}

/* Loads the source's leaders into the consumer.  A topic that it first hears of
 * with the assignment waits for librdkafka's next look at missing leaders,
 * which comes once a second, and that is most of a planned move's pause. */
rd_kafka_resp_err_t topics_ask_source(struct pump_op *op) {
        const rd_kafka_metadata_t *metadata = NULL;
        size_t count;
        const struct topic_look *look = look_apart(op, SOURCE, &op->source_id);
        if (look) {
                take_source(op, look->metadata);
                topic_looks_put_back(op->pump->settings.topic_looks, look);
                return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        const char **names = names_at(op, SOURCE, &count);
        if (!names) return RD_KAFKA_RESP_ERR_NO_ERROR; /* slower, no worse */
        rd_kafka_resp_err_t err = topic_look_ask_client(op->pump->consumer, names, count, PUMP_REQUEST_MS, &metadata, &op->source_id);
        if (!err) take_source(op, metadata);
        if (!err) rd_kafka_metadata_destroy(metadata);
        free(names);
        return err;
}

/* ---- the destination ---- */

/* A destination partition without a leader: what is sent there fails in time,
 * and with it, in a transaction, what is sent elsewhere. */
static void note_leaders(struct pump_op *op, const rd_kafka_metadata_topic_t *topic) {
        for (size_t i = 0; i < op->count; i++) {
                if (strcmp(op->parts[i]->topic->target, topic->topic) != 0) continue;
                for (int k = 0; k < topic->partition_cnt; k++)
                        if (op->pump->settings.by_key || topic->partitions[k].id == op->parts[i]->partition)
                                op->leaderless[i] |= topic->partitions[k].leader < 0;
        }
}

static void take_destination(struct pump_op *op, const rd_kafka_metadata_t *metadata) {
        for (size_t i = 0; i < op->topic_count; i++) {
                const rd_kafka_metadata_topic_t *topic = *name_at(op, i, DESTINATION) ? find(metadata, name_at(op, i, DESTINATION)) : NULL;
                if (!topic) continue;
                op->topics[i].err = topic->err;
                op->topics[i].count = topic->partition_cnt;
                note_leaders(op, topic);
        }
}

/* One of the route's at the destination, which are there before its partitions are assigned.  NULL: not wanted. */
static rd_kafka_topic_t *own_topic(struct pump *pump, bool wanted, void (*name_of)(char out[static NAMES_TOPIC_SIZE], const char *)) {
        char name[NAMES_TOPIC_SIZE];
        if (!wanted) return NULL;
        name_of(name, pump->settings.group_id);
        return rd_kafka_topic_new(pump->producer, name, NULL);
}

/* Also warms the producer: a first send to a topic without metadata may wait for a
 * second (librdkafka #5032), and the end of a transaction with it. */
rd_kafka_resp_err_t topics_ask_destination(struct pump_op *op) {
        struct pump *pump = op->pump; /* only what does not change while a job runs */
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_topic_t *own[] = {own_topic(pump, pump->settings.exactly_once, names_positions_topic),
                                   own_topic(pump, pump->settings.offset_map, names_offsets_topic)};
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        const struct topic_look *look = look_apart(op, DESTINATION, &op->destination_id);
        if (look) {
                take_destination(op, look->metadata);
                topic_looks_put_back(pump->settings.topic_looks, look);
                if ((own[0] || own[1]) && !ask(pump->producer, &metadata)) rd_kafka_metadata_destroy(metadata);
        } else {
                for (size_t i = 0; i < op->topic_count; i++) {
                        if (!*name_at(op, i, DESTINATION)) continue;
                        op->topics[i].handle = rd_kafka_topic_new(pump->producer, name_at(op, i, DESTINATION), NULL);
                        op->topics[i].err = op->topics[i].handle ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : rd_kafka_last_error();
                }
                err = ask(pump->producer, &metadata);
                for (size_t i = 0; err && i < op->topic_count; i++)
                        if (op->topics[i].handle) op->topics[i].err = err;
                if (!err) take_destination(op, metadata);
                if (!err) rd_kafka_metadata_destroy(metadata);
                if (!err) op->destination_id = rd_kafka_clusterid(pump->producer, 0);
        }
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
                if (own[i]) rd_kafka_topic_destroy(own[i]);
        return err;
}

/* ---- a partition is opened ---- */

void topics_open(struct pump *pump, struct dest_topic *topic) {
        if (pump->state != PUMP_RUNNING || topic->handle) return;
        topic->handle = rd_kafka_topic_new(pump->producer, topic->target, NULL);
        if (!topic->handle) pump_recycle(pump, "destination topic %s: %s", topic->target, rd_kafka_err2str(rd_kafka_last_error()));
}
