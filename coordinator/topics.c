#include "coordinator/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "coordinator/topic_admin.h"

#define REQUEST_MS 10000
#define CREATE_MS 20000
#define LEAD_MS 10000   /* until the leaders of fresh partitions answer */

/* Asked before each request that changes something. */
static bool stopped(const struct topics_wanted *wanted) { return wanted->stop && atomic_load(wanted->stop); }

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
                                topic->settings_refused = err == RD_KAFKA_RESP_ERR_INVALID_CONFIG;
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
                if (!new) {
                        topic_park(topic, "create topic", err);
                        continue;
                }
                for (size_t k = 0; k < topic->changes.count; k++) {
                        const struct topic_change *c = &topic->changes.items[k];
                        if (!c->unknown) (void)rd_kafka_NewTopic_set_config(new, c->name, c->to); /* it only copies */
                        else log_info("topic.config", "topic=%s setting=%s to=\"%s\" note=\"the destination knows no such setting\"",
                                      topic->target, c->name, c->to);
                }
                fresh[count++] = new;
        }
        if (count) create_topics(destination, fresh, count, found);
        free(fresh);
}

/* In an empty cluster nothing tells which settings it knows, and one that it does
 * not know refuses the topic: it is created without any, and gets them, before
 * the first record, when it can be asked. */
static void create_bare(rd_kafka_t *destination, const struct topics_wanted *wanted, struct topics_found *found) {
        for (size_t i = 0; found->settings_unknown && !stopped(wanted) && i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->step != TOPIC_PARKED || !topic->settings_refused) continue;
                topic_changes_fini(&topic->changes);
                free(topic->reason);
                topic->reason = NULL;
                topic->step = TOPIC_CREATE;
                create_missing(destination, wanted->replication_factor, found);
                if (topic->step != TOPIC_READY) continue;
                topic_park(topic, "topic.create", "its settings follow at the next look");
                found->settings_follow = true;
        }
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
                        while ((err = kafka_log_range(destination, topic->target, (int32_t)p, 2000, &low, &high)) &&
                               clock_boot_ms() < deadline) {
                                /* An answer that came too early is kept, and is the answer until it
                                 * expires: a look at the whole cluster replaces it. */
                                const rd_kafka_metadata_t *fresh = NULL;
                                (void)usleep(50 * 1000);
                                if (rd_kafka_metadata(destination, 1, NULL, &fresh, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR)
                                        rd_kafka_metadata_destroy(fresh);
                        }
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
        /* small, so that a new owner has little to read */
        {TOPICS_OFFSETS, "cleanup.policy", "compact"},
        {TOPICS_OFFSETS, "segment.bytes", "4194304"},
        {TOPICS_OFFSETS, "min.cleanable.dirty.ratio", "0.1"},
        {TOPICS_CHECKPOINTS, "cleanup.policy", "compact"},
        {TOPICS_HEARTBEATS, "cleanup.policy", "compact"},
        /* the only copy of a record once the source has forgotten it; the usual
         * reason to be here is being too large */
        {TOPICS_DEAD_LETTERS, "cleanup.policy", "delete"},
        {TOPICS_DEAD_LETTERS, "retention.ms", "-1"},
        {TOPICS_DEAD_LETTERS, "max.message.bytes", "104857600"},
};

static int create_own(rd_kafka_t *destination, enum topics_own which, const char *name, uint32_t lanes,
                      int replication_factor, char *err, size_t err_size) {
        struct topic_found topic = {.step = TOPIC_CREATE, .partitions_wanted = lanes};
        struct topics_found found = {.topics = &topic, .count = 1};
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
        for (int i = 0; i < TOPICS_OWN_COUNT && !stopped(wanted); i++) {
                if (!wanted->own[i] || topic_in(metadata, wanted->own[i])) continue;
                uint32_t partitions = i == TOPICS_CHECKPOINTS || i == TOPICS_HEARTBEATS ? 1 : wanted->lanes;
                int rc = create_own(destination, (enum topics_own)i, wanted->own[i], partitions,
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
static int look_at_source(const rd_kafka_metadata_t *here, const struct topics_wanted *wanted,
                          struct topics_found *out) {
        struct topics_found found = {0};
        found.topics = calloc(here->topic_cnt > 0 ? (size_t)here->topic_cnt : 1, sizeof *found.topics);
        if (!found.topics) return ERR_NOMEM;
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
        qsort(found.topics, found.count, sizeof *found.topics, by_name);
        topic_plan_names(&found, wanted->namer, wanted->merge);
        *out = found;
        return 0;
}

/* ---- configuration ---- */

static void config_failed(struct topic_found *topic, const char *end, const char *why) {
        char text[640];
        (void)snprintf(text, sizeof text, "configuration of %s at the %s: %s",
                       *end == 's' ? topic->name : topic->target, end, why);
        free(topic->config_error);
        topic->config_error = strdup(text);
        if (!topic->config_error) abort();
}

/* Any topic that the destination has: it knows the same settings for all. */
static const char *some_topic(const rd_kafka_metadata_t *there) {
        for (int i = 0; i < there->topic_cnt; i++)
                if (!there->topics[i].err && there->topics[i].partition_cnt > 0) return there->topics[i].topic;
        return NULL;
}

/* Of these rows: what is set at both ends, and what differs.  any: the settings of
 * some topic of the destination, or NULL.  Trouble is the rows' own. */
#define CONFIG_ROWS 100
static int look_at_config_rows(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                               struct topic_found *const rows[], size_t count, const struct topic_settings *any) {
        struct topic_settings here[CONFIG_ROWS] = {{0}}, there[CONFIG_ROWS] = {{0}};
        const char *names[CONFIG_ROWS], *targets[CONFIG_ROWS];
        size_t place[CONFIG_ROWS], n = 0;
        char here_err[256] = "", there_err[256] = "";
        for (size_t i = 0; i < count; i++) {
                names[i] = rows[i]->name;
                place[i] = n;
                if (rows[i]->step != TOPIC_CREATE) targets[n++] = rows[i]->target;
        }
        int rc = topic_admin_describe(source, names, count, here, here_err, sizeof here_err);
        if (rc != ERR_NOMEM && n) rc = topic_admin_describe(destination, targets, n, there, there_err, sizeof there_err);
        if (rc != ERR_NOMEM) rc = 0;
        for (size_t i = 0; !rc && i < count; i++) {
                struct topic_found *topic = rows[i];
                bool exists = topic->step != TOPIC_CREATE;
                const struct topic_settings *at = exists ? &there[place[i]] : any;
                if (*here_err || here[i].error)
                        config_failed(topic, "source", *here_err ? here_err : here[i].error);
                else if (exists && (*there_err || at->error))
                        config_failed(topic, "destination", *there_err ? there_err : at->error);
                else rc = topic_configs_diff(&here[i], at, exists, wanted->exclude, &topic->changes);
                if (!rc && exists && topic->changes.count) {
                        topic->settings_there = there[place[i]];
                        there[place[i]] = (struct topic_settings){0};
                }
                if (!exists && topic->config_error && wanted->configs_needed)
                        topic_park(topic, "create topic", topic->config_error);
        }
        for (size_t i = 0; i < count; i++) topic_settings_fini(&here[i]);
        for (size_t i = 0; i < n; i++) topic_settings_fini(&there[i]);
        return rc;
}

static int look_at_configs(rd_kafka_t *source, rd_kafka_t *destination, const rd_kafka_metadata_t *metadata,
                           const struct topics_wanted *wanted, struct topics_found *found) {
        struct topic_settings any = {0};
        struct topic_found *rows[CONFIG_ROWS];
        bool creates = false;
        size_t n = 0;
        int rc = 0;
        for (size_t i = 0; i < found->count; i++) creates |= found->topics[i].step == TOPIC_CREATE;
        const char *name = creates ? some_topic(metadata) : NULL;
        if (name) {
                char err[256];
                rc = topic_admin_describe(destination, &name, 1, &any, err, sizeof err);
                if (rc == ERR_KAFKA) rc = 0;
        }
        found->settings_unknown = any.count == 0;
        for (size_t i = 0; !rc && i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                bool there = topic->step == TOPIC_READY || topic->step == TOPIC_GROW;
                if (topic->step == TOPIC_CREATE || (there && wanted->configs_due)) rows[n++] = topic;
                if (n == CONFIG_ROWS || (n && i + 1 == found->count)) {
                        rc = look_at_config_rows(source, destination, wanted, rows, n, any.count ? &any : NULL);
                        n = 0;
                }
        }
        topic_settings_fini(&any);
        return rc;
}

static void warn_first(struct topics_found *found, const char *text) {
        if (!found->warning) found->warning = strdup(text); /* no memory: the log has it */
}

static bool can_change(const struct topic_found *topic) {
        for (size_t i = 0; i < topic->changes.count; i++)
                if (!topic->changes.items[i].unknown) return true;
        return false;
}

/* Of topics that were there. */
static int alter_configs(rd_kafka_t *destination, const atomic_bool *stop, struct topics_found *found) {
        size_t room = found->count + 1, n = 0;
        const char **names = calloc(room, sizeof *names);
        char **errors = calloc(room, sizeof *errors), text[640];
        size_t *rows = calloc(room, sizeof *rows);
        struct topic_settings *wanted = calloc(room, sizeof *wanted);
        int rc = 0;
        if (!names || !errors || !rows || !wanted) abort();
        for (size_t i = 0; !rc && i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->config_error) warn_first(found, topic->config_error);
                if (topic->partitions_there == 0 || !can_change(topic)) continue;
                rc = topic_configs_merged(&topic->settings_there, &topic->changes, &wanted[n]);
                names[n] = topic->target;
                rows[n++] = i;
        }
        if (!rc && n) topic_admin_alter(destination, names, wanted, n, stop, errors);
        for (size_t i = 0; !rc && i < n; i++) {
                const struct topic_changes *changes = &found->topics[rows[i]].changes;
                for (size_t k = 0; k < changes->count; k++) {
                        const struct topic_change *c = &changes->items[k];
                        if (c->unknown) continue;
                        if (errors[i])
                                log_warn("topic.config", "topic=%s setting=%s from=\"%s\" to=\"%s\" error=\"%s\"",
                                         names[i], c->name, c->from ? c->from : "", c->to, errors[i]);
                        else
                                log_info("topic.config", "topic=%s setting=%s from=\"%s\" to=\"%s\"", names[i],
                                         c->name, c->from ? c->from : "", c->to);
                }
                (void)snprintf(text, sizeof text, "configuration of %s: %s", names[i], errors[i] ? errors[i] : "");
                if (errors[i]) warn_first(found, text);
        }
        for (size_t i = 0; i < n; i++) {
                topic_settings_fini(&wanted[i]);
                free(errors[i]);
        }
        free(names);
        free(errors);
        free(rows);
        free(wanted);
        return rc;
}

/* ---- ACLs ---- */

/* Trouble is no reason not to mirror: it is the warning. */
static int look_at_acls(rd_kafka_t *source, rd_kafka_t *destination, struct topics_found *found) {
        struct topic_acls here = {0}, there = {0};
        char why[256] = "", text[320];
        const char *end = "source";
        int rc = topic_admin_acls(source, &here, why, sizeof why);
        if (!rc) {
                end = "destination";
                rc = topic_admin_acls(destination, &there, why, sizeof why);
        }
        if (!rc) rc = topic_acls_missing(found, &here, &there, &found->acls);
        topic_acls_fini(&here);
        topic_acls_fini(&there);
        if (rc != ERR_KAFKA) return rc;
        (void)snprintf(text, sizeof text, "ACLs of the %s: %s", end, why);
        warn_first(found, text);
        return 0;
}

static void create_acls(rd_kafka_t *destination, const atomic_bool *stop, struct topics_found *found) {
        char **errors = calloc(found->acls.count + 1, sizeof *errors), text[640];
        if (!errors) abort();
        topic_admin_create_acls(destination, &found->acls, stop, errors);
        for (size_t i = 0; i < found->acls.count; i++) {
                const struct topic_acl *acl = &found->acls.items[i];
                const char *operation = topic_acl_operation_name(acl->operation);
                const char *permission = topic_acl_permission_name(acl->permission);
                if (errors[i]) {
                        log_warn("topic.acl", "topic=%s principal=\"%s\" host=\"%s\" permission=%s operation=%s error=\"%s\"",
                                 acl->name, acl->principal, acl->host, permission, operation, errors[i]);
                        (void)snprintf(text, sizeof text, "ACL of %s: %s", acl->name, errors[i]);
                        warn_first(found, text);
                } else {
                        log_info("topic.acl", "topic=%s principal=\"%s\" host=\"%s\" permission=%s operation=%s",
                                 acl->name, acl->principal, acl->host, permission, operation);
                }
                free(errors[i]);
        }
        free(errors);
}

/* ---- what was deleted at the source ---- */

static int by_text(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void delete_gone(rd_kafka_t *source, rd_kafka_t *destination, const rd_kafka_metadata_t *here,
                        const char *cluster_id, const struct topics_wanted *wanted, struct topics_found *found) {
        size_t count = here->topic_cnt > 0 ? (size_t)here->topic_cnt : 0, n = 0, at = 0, asked = 0;
        const char **names = calloc(count + 1, sizeof *names);
        struct topic_memory *memory = wanted->memory;
        if (!names) abort();
        for (size_t i = 0; i < count; i++) names[n++] = here->topics[i].topic;
        qsort(names, n, sizeof *names, by_text);
        topic_memory_look(memory, cluster_id, found, names, n);
        free(names);

        struct topic_memory_entry *entry;
        while (topic_memory_missing(memory, &at)) asked++;
        if (asked == 0) return;
        char err[256] = "", text[640];
        const char **missing = calloc(asked, sizeof *missing);
        struct topic_settings *answers = calloc(asked, sizeof *answers);
        struct topic_memory_entry *gone = calloc(asked, sizeof *gone);
        size_t gone_count = 0, k = 0;
        if (!missing || !answers || !gone) abort();
        for (at = 0; (entry = topic_memory_missing(memory, &at));) missing[k++] = entry->name;
        /* Not by metadata: to ask a broker for a topic's may create the topic. */
        if (topic_admin_describe(source, missing, asked, answers, err, sizeof err) == 0)
                for (at = k = 0; (entry = topic_memory_missing(memory, &at)); k++) {
                        if (!topic_memory_answer(entry, answers[k].gone, found)) continue;
                        gone[gone_count] = *entry;
                        if (!(gone[gone_count++].name = strdup(entry->name))) abort();
                }
        for (size_t i = 0; i < gone_count; i++) {
                if (stopped(wanted)) { /* it is asked for again with the next look */
                        free(gone[i].name);
                        continue;
                }
                char *why = topic_admin_delete(destination, gone[i].target);
                if (why) {
                        log_warn("topic.delete", "topic=%s target=%s error=\"%s\"", gone[i].name, gone[i].target, why);
                        (void)snprintf(text, sizeof text, "deleting %s: %s", gone[i].target, why);
                        warn_first(found, text);
                } else {
                        log_warn("topic.delete", "topic=%s target=%s reason=\"its source was deleted\"", gone[i].name,
                                 gone[i].target);
                        topic_memory_forget(memory, gone[i].name);
                }
                free(why);
                free(gone[i].name);
        }
        for (size_t i = 0; i < asked; i++) topic_settings_fini(&answers[i]);
        free(missing);
        free(answers);
        free(gone);
}

/* ---- all of it ---- */

static size_t partitions_of(const rd_kafka_metadata_t *metadata) {
        size_t count = 0;
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (metadata->topics[i].partition_cnt > 0) count += (size_t)metadata->topics[i].partition_cnt;
        return count;
}

/* What both clusters say. */
struct sight {
        const rd_kafka_metadata_t *here, *there;
        char *here_id, *there_id; /* NULL: the broker does not tell */
};

static void sight_fini(struct sight *sight) {
        if (sight->here) rd_kafka_metadata_destroy(sight->here);
        if (sight->there) rd_kafka_metadata_destroy(sight->there);
        free(sight->here_id);
        free(sight->there_id);
}

static int look_around(rd_kafka_t *source, rd_kafka_t *destination, struct sight *out, char *err, size_t err_size) {
        char why[KAFKA_TROUBLE_MAX + 80];
        rd_kafka_resp_err_t e = rd_kafka_metadata(source, 1, NULL, &out->here, REQUEST_MS);
        if (e) {
                (void)snprintf(err, err_size, "source: %s", kafka_trouble_of(source, e, why, sizeof why));
                return ERR_KAFKA;
        }
        e = rd_kafka_metadata(destination, 1, NULL, &out->there, REQUEST_MS);
        if (e) {
                (void)snprintf(err, err_size, "destination: %s", kafka_trouble_of(destination, e, why, sizeof why));
                return ERR_KAFKA;
        }
        out->here_id = rd_kafka_clusterid(source, 0); /* known since the metadata */
        out->there_id = rd_kafka_clusterid(destination, 0);
        if (!out->here_id || !out->there_id || strcmp(out->here_id, out->there_id) != 0) return 0;
        (void)snprintf(err, err_size, "source and destination are the same Kafka cluster (id %s)", out->here_id);
        return ERR_KAFKA;
}

static int look(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *found, struct sight *sight, char *err, size_t err_size) {
        int rc = look_around(source, destination, sight, err, err_size);
        if (!rc) rc = look_at_source(sight->here, wanted, found);
        if (!rc) found->seen = partitions_of(sight->here) + partitions_of(sight->there);
        if (rc || !found->count) return rc;
        plan_steps(found, sight->there, wanted->any_count);
        rc = look_at_configs(source, destination, sight->there, wanted, found);
        return rc || !wanted->acls_due ? rc : look_at_acls(source, destination, found);
}

int topics_look(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *out, char *err, size_t err_size) {
        struct sight sight = {0};
        struct topics_found found = {0};
        int rc = look(source, destination, wanted, &found, &sight, err, err_size);
        sight_fini(&sight);
        if (rc) topics_found_fini(&found);
        else *out = found;
        return rc;
}

int topics_find(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *out, char *err, size_t err_size) {
        struct sight sight = {0};
        struct topics_found found = {0};
        int rc = look(source, destination, wanted, &found, &sight, err, err_size);
        if (!rc && found.count) rc = create_missing_own(destination, sight.there, wanted, err, err_size);
        if (!rc && found.count) {
                if (!stopped(wanted)) add_missing(destination, &found);
                if (!stopped(wanted)) create_missing(destination, wanted->replication_factor, &found);
                create_bare(destination, wanted, &found);
                wait_for_leaders(destination, &found); /* stopped or not: to the next look these are ready */
                topic_plan_shared(&found);
                if (!stopped(wanted)) rc = alter_configs(destination, wanted->stop, &found);
                if (!rc && !stopped(wanted)) create_acls(destination, wanted->stop, &found);
        }
        if (!rc && wanted->memory && !stopped(wanted))
                delete_gone(source, destination, sight.here, sight.here_id ? sight.here_id : "", wanted, &found);
        if (!rc && stopped(wanted)) rc = ERR_CLOSING;
        sight_fini(&sight);
        if (rc && rc != ERR_CLOSING) topics_found_fini(&found);
        else *out = found;
        return rc;
}
