#include "coordinator/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/log.h"

#define REQUEST_MS 10000
#define CREATE_MS 20000
#define LEAD_MS 10000   /* until the leaders of fresh partitions answer */

void topics_found_fini(struct topics_found *found) {
        for (size_t i = 0; i < found->count; i++) {
                free(found->topics[i].name);
                free(found->topics[i].reason);
        }
        free(found->topics);
        *found = (struct topics_found){0};
}

static void park(struct topic_found *topic, const char *what, const char *why) {
        char text[320];
        (void)snprintf(text, sizeof text, "%s: %s", what, why);
        free(topic->reason);
        topic->reason = strdup(text);
        if (!topic->reason) abort(); /* it must not count as ready */
}

static const rd_kafka_metadata_topic_t *topic_in(const rd_kafka_metadata_t *metadata, const char *name) {
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, name) == 0) return &metadata->topics[i];
        return NULL;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct topic_found *)a)->name, ((const struct topic_found *)b)->name);
}

/* Runs one admin request and hands each topic's result to `take`. */
static void take_results(struct topics_found *found, rd_kafka_event_t *event, const char *what,
                         const rd_kafka_topic_result_t **results, size_t count) {
        if (!event || rd_kafka_event_error(event)) {
                const char *why = event ? rd_kafka_event_error_string(event) : "no answer";
                for (size_t i = 0; i < found->count; i++)
                        if (found->topics[i].reason && !*found->topics[i].reason)
                                park(&found->topics[i], what, why);
                return;
        }
        for (size_t r = 0; r < count; r++) {
                rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[r]);
                for (size_t i = 0; i < found->count; i++) {
                        struct topic_found *topic = &found->topics[i];
                        if (strcmp(topic->name, rd_kafka_topic_result_name(results[r])) != 0) continue;
                        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                                log_info(what, "topic=%s partitions=%u", topic->name, topic->partitions);
                                free(topic->reason);
                                topic->reason = NULL;
                        } else if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                                /* Somebody was faster: its partitions are looked at next time. */
                                park(topic, what, "it was created meanwhile");
                        } else {
                                park(topic, what, rd_kafka_topic_result_error_string(results[r])
                                                          ? rd_kafka_topic_result_error_string(results[r])
                                                          : rd_kafka_err2str(err));
                        }
                }
        }
}

static rd_kafka_AdminOptions_t *options_for(rd_kafka_t *rk, rd_kafka_admin_op_t op) {
        char err[128];
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, err, sizeof err);
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_MS, err, sizeof err);
        return options;
}

/* reason "" marks a topic that the request is about; it is parked or cleared
 * by the answer. */
static void mark(struct topic_found *topic) {
        topic->reason = strdup("");
        if (!topic->reason) abort();
}

static void create_topics(rd_kafka_t *destination, rd_kafka_NewTopic_t **fresh, size_t count,
                          struct topics_found *found) {
        size_t result_count = 0;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(destination);
        rd_kafka_AdminOptions_t *options = options_for(destination, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        FAULT_POINT("topics.create", "before");
        rd_kafka_CreateTopics(destination, fresh, count, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_MS + 5000);
        FAULT_POINT("topics.create", "answered");
        const rd_kafka_topic_result_t **results =
                event && rd_kafka_event_CreateTopics_result(event)
                        ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                              &result_count)
                        : NULL;
        take_results(found, event, "topic.create", results, result_count);
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_NewTopic_destroy_array(fresh, count);
}

static void create_missing(rd_kafka_t *destination, int replication_factor,
                           const rd_kafka_metadata_t *metadata, struct topics_found *found) {
        rd_kafka_NewTopic_t **fresh = calloc(found->count ? found->count : 1, sizeof(rd_kafka_NewTopic_t *));
        size_t count = 0;
        char err[256];
        if (!fresh) abort();
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->reason || topic_in(metadata, topic->name)) continue;
                rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic->name, (int)topic->partitions,
                                                                 replication_factor, err, sizeof err);
                if (!new) {
                        park(topic, "create topic", err);
                        continue;
                }
                mark(topic);
                fresh[count++] = new;
        }
        if (count) create_topics(destination, fresh, count, found);
        free(fresh);
}

static void add_missing(rd_kafka_t *destination, const rd_kafka_metadata_t *metadata,
                        struct topics_found *found) {
        rd_kafka_NewPartitions_t **more = calloc(found->count ? found->count : 1, sizeof(rd_kafka_NewPartitions_t *));
        size_t count = 0, result_count = 0;
        char err[256];
        if (!more) abort();
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                const rd_kafka_metadata_topic_t *there = topic_in(metadata, topic->name);
                if (topic->reason || !there) continue;
                if (there->err) {
                        park(topic, "destination topic", rd_kafka_err2str(there->err));
                        continue;
                }
                if (there->partition_cnt >= (int)topic->partitions) continue;
                rd_kafka_NewPartitions_t *new =
                        rd_kafka_NewPartitions_new(topic->name, topic->partitions, err, sizeof err);
                if (!new) {
                        park(topic, "add partitions", err);
                        continue;
                }
                mark(topic);
                more[count++] = new;
        }
        if (count) {
                rd_kafka_queue_t *queue = rd_kafka_queue_new(destination);
                rd_kafka_AdminOptions_t *options = options_for(destination, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
                FAULT_POINT("topics.grow", "before");
                rd_kafka_CreatePartitions(destination, more, count, options, queue);
                rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_MS + 5000);
                FAULT_POINT("topics.grow", "answered");
                const rd_kafka_topic_result_t **results =
                        event && rd_kafka_event_CreatePartitions_result(event)
                                ? rd_kafka_CreatePartitions_result_topics(
                                          rd_kafka_event_CreatePartitions_result(event), &result_count)
                                : NULL;
                take_results(found, event, "topic.add_partitions", results, result_count);
                if (event) rd_kafka_event_destroy(event);
                rd_kafka_AdminOptions_destroy(options);
                rd_kafka_queue_destroy(queue);
                rd_kafka_NewPartitions_destroy_array(more, count);
        }
        free(more);
}

/* A fresh partition counts as ready when its leader answers.  Before that, a
 * producer's first batch may be refused as NOT_LEADER while the second, in
 * flight behind it, is taken: a broker without producer state takes any first
 * sequence number, and the two would be swapped. */
static void wait_for_leaders(rd_kafka_t *destination, struct topics_found *found,
                             const rd_kafka_metadata_t *before) {
        int64_t deadline = clock_boot_ms() + LEAD_MS;
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                const rd_kafka_metadata_topic_t *there = topic_in(before, topic->name);
                uint32_t old = there && there->partition_cnt > 0 ? (uint32_t)there->partition_cnt : 0;
                for (uint32_t p = old; !topic->reason && p < topic->partitions; p++) {
                        int64_t low, high;
                        rd_kafka_resp_err_t err;
                        while ((err = rd_kafka_query_watermark_offsets(destination, topic->name, (int32_t)p,
                                                                       &low, &high, 2000)) &&
                               clock_boot_ms() < deadline)
                                (void)usleep(50 * 1000);
                        if (err) park(topic, "destination partition", rd_kafka_err2str(err));
                }
        }
}

struct own_setting {
        enum topics_own topic;
        const char *name, *value;
};
static const struct own_setting own_settings[] = {
        /* of each lane only the newest record counts */
        {TOPICS_POSITIONS, "cleanup.policy", "compact"},
        {TOPICS_POSITIONS, "segment.bytes", "16777216"},
        {TOPICS_POSITIONS, "min.cleanable.dirty.ratio", "0.1"},
        /* the only copy of a record once the source has forgotten it; the usual
         * reason to be here is being too large */
        {TOPICS_DEAD_LETTERS, "cleanup.policy", "delete"},
        {TOPICS_DEAD_LETTERS, "retention.ms", "-1"},
        {TOPICS_DEAD_LETTERS, "max.message.bytes", "104857600"},
};

static int create_own(rd_kafka_t *destination, enum topics_own which, const char *name, uint32_t lanes,
                      int replication_factor, char *err, size_t err_size) {
        struct topic_found topic = {.partitions = lanes};
        struct topics_found found = {&topic, 1};
        char why[256];
        rd_kafka_NewTopic_t *new =
                rd_kafka_NewTopic_new(name, (int)lanes, replication_factor, why, sizeof why);
        if (!new) {
                (void)snprintf(err, err_size, "topic %s: %s", name, why);
                return ERR_KAFKA;
        }
        for (size_t i = 0; i < sizeof own_settings / sizeof *own_settings; i++)
                if (own_settings[i].topic == which) /* it only copies */
                        (void)rd_kafka_NewTopic_set_config(new, own_settings[i].name, own_settings[i].value);
        topic.name = strdup(name);
        if (!topic.name) abort();
        mark(&topic);
        create_topics(destination, &new, 1, &found);
        int rc = 0;
        if (topic.reason) {
                (void)snprintf(err, err_size, "topic %s: %s", name, topic.reason);
                rc = ERR_KAFKA;
        }
        free(topic.name);
        free(topic.reason);
        return rc;
}

static int create_missing_own(rd_kafka_t *destination, const rd_kafka_metadata_t *metadata,
                              const char *const own[TOPICS_OWN_COUNT], uint32_t lanes, int replication_factor,
                              char *err, size_t err_size) {
        for (int i = 0; i < TOPICS_OWN_COUNT; i++) {
                if (!own[i] || topic_in(metadata, own[i])) continue;
                int rc = create_own(destination, (enum topics_own)i, own[i], lanes, replication_factor, err,
                                    err_size);
                if (rc) return rc;
        }
        return 0;
}

int topics_find(rd_kafka_t *source, rd_kafka_t *destination, struct topic_rules *rules,
                int replication_factor, const char *const own[TOPICS_OWN_COUNT], uint32_t lanes,
                struct topics_found *out, char *err, size_t err_size) {
        const rd_kafka_metadata_t *here = NULL, *there = NULL;
        struct topics_found found = {0};
        rd_kafka_resp_err_t e = rd_kafka_metadata(source, 1, NULL, &here, REQUEST_MS);
        if (e) {
                (void)snprintf(err, err_size, "source: %s", rd_kafka_err2str(e));
                return ERR_KAFKA;
        }
        found.topics = calloc(here->topic_cnt > 0 ? (size_t)here->topic_cnt : 1, sizeof *found.topics);
        if (!found.topics) {
                rd_kafka_metadata_destroy(here);
                return ERR_NOMEM;
        }
        for (int i = 0; i < here->topic_cnt; i++) {
                const rd_kafka_metadata_topic_t *t = &here->topics[i];
                int match = topic_rules_match(rules, t->topic);
                if (match == 0) continue;
                struct topic_found *topic = &found.topics[found.count++];
                topic->name = strdup(t->topic);
                if (!topic->name) abort();
                topic->partitions = t->partition_cnt > 0 ? (uint32_t)t->partition_cnt : 0;
                if (match < 0)
                        park(topic, "topic rule", err_text(match));
                else if (t->err || topic->partitions == 0)
                        park(topic, "source topic", rd_kafka_err2str(t->err));
        }
        rd_kafka_metadata_destroy(here);
        qsort(found.topics, found.count, sizeof *found.topics, by_name);
        if (found.count) {
                e = rd_kafka_metadata(destination, 1, NULL, &there, REQUEST_MS);
                if (e) {
                        (void)snprintf(err, err_size, "destination: %s", rd_kafka_err2str(e));
                        topics_found_fini(&found);
                        return ERR_KAFKA;
                }
                int rc = create_missing_own(destination, there, own, lanes, replication_factor, err, err_size);
                if (rc) {
                        rd_kafka_metadata_destroy(there);
                        topics_found_fini(&found);
                        return rc;
                }
                add_missing(destination, there, &found);
                create_missing(destination, replication_factor, there, &found);
                wait_for_leaders(destination, &found, there);
                rd_kafka_metadata_destroy(there);
        }
        *out = found;
        return 0;
}
