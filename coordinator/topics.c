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

static const rd_kafka_metadata_topic_t *topic_in(const rd_kafka_metadata_t *metadata, const char *name) {
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, name) == 0) return &metadata->topics[i];
        return NULL;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct topic_found *)a)->name, ((const struct topic_found *)b)->name);
}

static int there_by_name(const void *a, const void *b) {
        return strcmp(((const struct topic_there *)a)->name, ((const struct topic_there *)b)->name);
}

/* Takes the answer to a request about the rows with this step. */
static void take_results(struct topics_found *found, enum topic_step step, rd_kafka_event_t *event,
                         const char *what, const rd_kafka_topic_result_t **results, size_t count) {
        if (!event || rd_kafka_event_error(event)) {
                const char *why = event ? rd_kafka_event_error_string(event) : "no answer";
                for (size_t i = 0; i < found->count; i++)
                        if (found->topics[i].step == step) topic_park(&found->topics[i], what, why);
                return;
        }
        for (size_t r = 0; r < count; r++) {
                rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[r]);
                for (size_t i = 0; i < found->count; i++) {
                        struct topic_found *topic = &found->topics[i];
                        if (topic->step != step ||
                            strcmp(topic->target, rd_kafka_topic_result_name(results[r])) != 0)
                                continue;
                        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                                log_info(what, "topic=%s partitions=%u", topic->target,
                                         topic->partitions_wanted);
                                topic->step = TOPIC_READY;
                        } else if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                                /* Somebody was faster: its partitions are looked at next time. */
                                topic_park(topic, what, "it was created meanwhile");
                        } else {
                                topic_park(topic, what, rd_kafka_topic_result_error_string(results[r])
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
        take_results(found, TOPIC_CREATE, event, "topic.create", results, result_count);
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_NewTopic_destroy_array(fresh, count);
}

static void create_missing(rd_kafka_t *destination, int replication_factor,
                           struct topics_found *found) {
        rd_kafka_NewTopic_t **fresh = calloc(found->count ? found->count : 1, sizeof(rd_kafka_NewTopic_t *));
        size_t count = 0;
        char err[256];
        if (!fresh) abort();
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->step != TOPIC_CREATE) continue;
                rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic->target, (int)topic->partitions_wanted,
                                                                 replication_factor, err, sizeof err);
                if (new) fresh[count++] = new;
                else topic_park(topic, "create topic", err);
        }
        if (count) create_topics(destination, fresh, count, found);
        free(fresh);
}

static void add_missing(rd_kafka_t *destination, struct topics_found *found) {
        rd_kafka_NewPartitions_t **more = calloc(found->count ? found->count : 1, sizeof(rd_kafka_NewPartitions_t *));
        size_t count = 0, result_count = 0;
        char err[256];
        if (!more) abort();
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->step != TOPIC_GROW) continue;
                rd_kafka_NewPartitions_t *new =
                        rd_kafka_NewPartitions_new(topic->target, topic->partitions_wanted, err, sizeof err);
                if (new) more[count++] = new;
                else topic_park(topic, "add partitions", err);
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
                take_results(found, TOPIC_GROW, event, "topic.add_partitions", results, result_count);
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
static void wait_for_leaders(rd_kafka_t *destination, struct topics_found *found) {
        int64_t deadline = clock_boot_ms() + LEAD_MS;
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                for (uint32_t p = topic->partitions_there;
                     topic->step == TOPIC_READY && p < topic->partitions_wanted; p++) {
                        int64_t low, high;
                        rd_kafka_resp_err_t err;
                        while ((err = rd_kafka_query_watermark_offsets(destination, topic->target, (int32_t)p,
                                                                       &low, &high, 2000)) &&
                               clock_boot_ms() < deadline)
                                (void)usleep(50 * 1000);
                        if (err) topic_park(topic, "destination partition", rd_kafka_err2str(err));
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
        struct topic_found topic = {.step = TOPIC_CREATE, .partitions_wanted = lanes};
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
        (void)snprintf(topic.target, sizeof topic.target, "%s", name);
        create_topics(destination, &new, 1, &found);
        int rc = 0;
        if (topic.reason) {
                (void)snprintf(err, err_size, "topic %s: %s", name, topic.reason);
                rc = ERR_KAFKA;
        }
        free(topic.reason);
        return rc;
}

static int create_missing_own(rd_kafka_t *destination, const rd_kafka_metadata_t *metadata,
                              const struct topics_wanted *wanted, char *err, size_t err_size) {
        for (int i = 0; i < TOPICS_OWN_COUNT; i++) {
                if (!wanted->own[i] || topic_in(metadata, wanted->own[i])) continue;
                int rc = create_own(destination, (enum topics_own)i, wanted->own[i], wanted->lanes,
                                    wanted->replication_factor, err, err_size);
                if (rc) return rc;
        }
        return 0;
}

static void plan_steps(struct topics_found *found, const rd_kafka_metadata_t *metadata, bool any_count) {
        size_t count = metadata->topic_cnt > 0 ? (size_t)metadata->topic_cnt : 0;
        struct topic_there *there = calloc(count ? count : 1, sizeof *there);
        if (!there) abort();
        for (size_t i = 0; i < count; i++) {
                const rd_kafka_metadata_topic_t *t = &metadata->topics[i];
                there[i] = (struct topic_there){t->topic, t->partition_cnt > 0 ? (uint32_t)t->partition_cnt : 0,
                                                t->err ? rd_kafka_err2str(t->err) : NULL};
        }
        qsort(there, count, sizeof *there, there_by_name);
        topic_plan_steps(found, there, count, any_count);
        free(there);
}

/* The topics of the source that the rules match, by name. */
static int look_at_source(rd_kafka_t *source, const struct topics_wanted *wanted, struct topics_found *out,
                          char *err, size_t err_size) {
        const rd_kafka_metadata_t *here = NULL;
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
                int match = topic_rules_match(wanted->rules, t->topic);
                if (match == 0) continue;
                struct topic_found *topic = &found.topics[found.count++];
                topic->name = strdup(t->topic);
                if (!topic->name) abort();
                topic->partitions = t->partition_cnt > 0 ? (uint32_t)t->partition_cnt : 0;
                if (match < 0)
                        topic_park(topic, "topic rule", err_text(match));
                else if (t->err || topic->partitions == 0)
                        topic_park(topic, "source topic", rd_kafka_err2str(t->err));
        }
        rd_kafka_metadata_destroy(here);
        qsort(found.topics, found.count, sizeof *found.topics, by_name);
        topic_plan_names(&found, wanted->namer, wanted->merge);
        *out = found;
        return 0;
}

int topics_find(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *out, char *err, size_t err_size) {
        const rd_kafka_metadata_t *there = NULL;
        struct topics_found found = {0};
        int rc = look_at_source(source, wanted, &found, err, err_size);
        if (rc) return rc;
        if (found.count) {
                rd_kafka_resp_err_t e = rd_kafka_metadata(destination, 1, NULL, &there, REQUEST_MS);
                if (e) {
                        (void)snprintf(err, err_size, "destination: %s", rd_kafka_err2str(e));
                        topics_found_fini(&found);
                        return ERR_KAFKA;
                }
                rc = create_missing_own(destination, there, wanted, err, err_size);
                if (rc) {
                        rd_kafka_metadata_destroy(there);
                        topics_found_fini(&found);
                        return rc;
                }
                plan_steps(&found, there, wanted->any_count);
                rd_kafka_metadata_destroy(there);
                add_missing(destination, &found);
                create_missing(destination, wanted->replication_factor, &found);
                wait_for_leaders(destination, &found);
                topic_plan_shared(&found);
        }
        *out = found;
        return 0;
}
