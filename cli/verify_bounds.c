#include "cli/verify_bounds.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/topic_name.h"
#include "common/topic_rules.h"

#define FINDINGS_OF_ALL 100000
#define FINDINGS_MAX 1000
#define FINDINGS_MIN 20

static int timeout_ms(const struct verify_request *request) { return (int)request->timeout_s * 1000; }

/* ---- clients ------------------------------------------------------------ */

int verify_clients_open(const struct verify_request *request, struct verify_clients *out, char *err, size_t err_size) {
        const Heliostat__Pb__Route *spec = request->spec;
        const struct kafka_setting of_source[] = {{"group.id", spec->group_id}, {NULL, NULL}};
        static const struct kafka_setting of_destination[] = {{"group.id", "heliostat.verify"}, /* not used */
                                                              {"isolation.level", "read_uncommitted"},
                                                              {NULL, NULL}};
        *out = (struct verify_clients){0};
        int rc = kafka_client_new(request->config, spec->source, spec->name, CLIENT_CONSUMER, of_source, NULL, NULL,
                                  &out->source, err, err_size);
        if (!rc)
                rc = kafka_client_new(request->config, spec->destination, NULL, CLIENT_CONSUMER, of_destination, NULL,
                                      NULL, &out->destination, err, err_size);
        if (rc) verify_clients_close(out);
        return rc;
}

void verify_clients_close(struct verify_clients *clients) {
        if (clients->source) rd_kafka_destroy_flags(clients->source, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        if (clients->destination) rd_kafka_destroy_flags(clients->destination, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        *clients = (struct verify_clients){0};
}

/* ---- topics ------------------------------------------------------------- */

struct found {
        struct verify_partition *partitions;
        size_t count, room;
};

static int unreachable(const struct config *config, const char *end, const char *alias, const char *what,
                       rd_kafka_resp_err_t e, char *err, size_t err_size) {
        char why[KAFKA_TROUBLE_MAX + 80];
        (void)snprintf(err, err_size, "the %s cluster '%s' cannot be reached: %s: %s", end, alias, what,
                       kafka_trouble_at(config, alias, e, why, sizeof why));
        return ERR_KAFKA;
}

static const rd_kafka_metadata_topic_t *topic_in(const rd_kafka_metadata_t *metadata, const char *name) {
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, name) == 0 && !metadata->topics[i].err) return &metadata->topics[i];
        return NULL;
}

static int add(struct found *found, const char *topic, const char *name, int32_t partition, const char *why) {
        if (found->count == found->room) {
                size_t room = found->room ? 2 * found->room : 64;
                struct verify_partition *more = reallocarray(found->partitions, room, sizeof *more);
                if (!more) return ERR_NOMEM;
                found->partitions = more;
                found->room = room;
        }
        struct verify_partition *p = &found->partitions[found->count++];
        *p = (struct verify_partition){.partition = partition, .topic = strdup(topic), .destination_topic = strdup(name)};
        if (why) p->why = strdup(why);
        return p->topic && p->destination_topic && (!why || p->why) ? 0 : ERR_NOMEM;
}

/* 1: the route and --topics have it. */
static int wanted(struct topic_rules *rules, struct topic_rules *only, const char *topic) {
        int rc = topic_rules_match(rules, topic);
        if (rc == TOPIC_RULES_MATCH && only) rc = topic_rules_match(only, topic);
        return rc;
}

static int find_topics(const struct verify_request *request, const rd_kafka_metadata_t *source,
                       const rd_kafka_metadata_t *destination, struct found *found, char *err, size_t err_size) {
        const Heliostat__Pb__Route *spec = request->spec;
        struct topic_naming naming = TOPIC_NAMING_OF(spec);
        struct topic_rules *rules = NULL, *only = NULL;
        struct topic_namer *namer = NULL;
        char name[TOPIC_NAME_SIZE], trouble[TOPIC_NAME_ERROR_MAX] = "";
        int rc = topic_rules_new(spec->topics, spec->topics_exclude, &rules, err, err_size);
        if (!rc && request->topics) rc = topic_rules_new(request->topics, "", &only, err, err_size);
        bool by_key = strcmp(spec->partitioning, "key") == 0;
        if (!rc && (rc = topic_namer_new(&naming, &namer, trouble))) (void)snprintf(err, err_size, "%s", trouble);
        for (int i = 0; !rc && i < source->topic_cnt; i++) {
                const rd_kafka_metadata_topic_t *topic = &source->topics[i];
                int match = wanted(rules, only, topic->topic);
                if (match == 0 || topic_name_is_cycle(namer, topic->topic)) continue;
                const char *why = NULL;
                int named = match < 0 ? match : topic_name_destination(namer, topic->topic, name, trouble);
                if (match < 0) why = "the route's topic rules take too many steps for this name";
                else if (named) why = trouble;
                else if (topic->err) why = rd_kafka_err2str(topic->err);
                const rd_kafka_metadata_topic_t *there = named ? NULL : topic_in(destination, name);
                /* With equal counts, Java's partitioner may have been the source's too, but nobody knows. */
                if (!why && by_key)
                        why = "partitioning=key: a partition's records are spread over others by their keys";
                for (int32_t k = 0; !rc && k < (topic->partition_cnt ? topic->partition_cnt : 1); k++) {
                        rc = add(found, topic->topic, named ? topic->topic : name, k, why);
                        if (rc) continue;
                        /* -1: there is none */
                        found->partitions[found->count - 1].destination_end = there && k < there->partition_cnt ? 0 : -1;
                }
        }
        /* Two topics in one: neither is the destination's. */
        for (size_t i = 0; !rc && i < found->count; i++)
                for (size_t k = 0; spec->topic_merge && k < found->count; k++)
                        if (!found->partitions[i].why && i != k &&
                            strcmp(found->partitions[i].destination_topic, found->partitions[k].destination_topic) == 0 &&
                            strcmp(found->partitions[i].topic, found->partitions[k].topic) != 0) {
                                found->partitions[i].why = strdup("topic.merge: several topics are mirrored into this one");
                                if (!found->partitions[i].why) rc = ERR_NOMEM;
                        }
        topic_namer_free(namer);
        topic_rules_free(only);
        topic_rules_free(rules);
        return rc;
}

/* ---- settings of topics ------------------------------------------------- */

static void take_setting(struct verify_partition *p, enum verify_side side, const char *name, const char *value) {
        if (strcmp(name, "cleanup.policy") == 0 && strstr(value, "compact")) {
                if (side == VERIFY_SOURCE) p->source_compacted = true;
                else p->destination_compacted = true;
        }
        if (side == VERIFY_DESTINATION && strcmp(name, "message.timestamp.type") == 0 && strcmp(value, "LogAppendTime") == 0)
                p->no_timestamps = true;
}

static const char *name_at(const struct verify_partition *p, enum verify_side side) {
        return side == VERIFY_SOURCE ? p->topic : p->destination_topic;
}

/* Whether records may be gone by compaction, and who sets the timestamps. */
static int read_settings(rd_kafka_t *client, enum verify_side side, struct found *found, int limit_ms, char *err, size_t err_size) {
        rd_kafka_ConfigResource_t **asked = calloc(found->count + 1, sizeof(rd_kafka_ConfigResource_t *));
        size_t count = 0, answered = 0;
        int rc = 0;
        if (!asked) return ERR_NOMEM;
        for (size_t i = 0; i < found->count; i++)
                if (!found->partitions[i].why && found->partitions[i].partition == 0 && found->partitions[i].destination_end >= 0)
                        asked[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name_at(&found->partitions[i], side));
        if (count) {
                rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
                rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
                (void)rd_kafka_AdminOptions_set_request_timeout(options, limit_ms, err, err_size);
                rd_kafka_DescribeConfigs(client, asked, count, options, queue);
                rd_kafka_event_t *event = rd_kafka_queue_poll(queue, limit_ms + 1000);
                const rd_kafka_ConfigResource_t **answers = NULL;
                if (!event || rd_kafka_event_error(event)) {
                        (void)snprintf(err, err_size, "the settings of the %s's topics: %s",
                                       side == VERIFY_SOURCE ? "source" : "destination",
                                       event ? rd_kafka_event_error_string(event) : "no answer");
                        rc = ERR_KAFKA;
                } else {
                        answers = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answered);
                }
                for (size_t a = 0; a < answered; a++) {
                        size_t settings = 0;
                        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(answers[a], &settings);
                        for (size_t i = 0; i < found->count; i++) {
                                if (strcmp(name_at(&found->partitions[i], side), rd_kafka_ConfigResource_name(answers[a])) != 0) continue;
                                for (size_t k = 0; k < settings; k++)
                                        if (rd_kafka_ConfigEntry_value(entries[k]))
                                                take_setting(&found->partitions[i], side, rd_kafka_ConfigEntry_name(entries[k]),
                                                             rd_kafka_ConfigEntry_value(entries[k]));
                        }
                        if (!rc && rd_kafka_ConfigResource_error(answers[a])) {
                                (void)snprintf(err, err_size, "the settings of %s (is it compacted?): %s",
                                               rd_kafka_ConfigResource_name(answers[a]),
                                               rd_kafka_ConfigResource_error_string(answers[a])
                                                       ? rd_kafka_ConfigResource_error_string(answers[a])
                                                       : rd_kafka_err2str(rd_kafka_ConfigResource_error(answers[a])));
                                rc = ERR_KAFKA;
                        }
                }
                if (event) rd_kafka_event_destroy(event);
                rd_kafka_AdminOptions_destroy(options);
                rd_kafka_queue_destroy(queue);
        }
        for (size_t i = 0; i < count; i++) rd_kafka_ConfigResource_destroy(asked[i]);
        free(asked);
        return rc;
}

/* ---- offsets ------------------------------------------------------------ */

/* What a request says of each partition; -1 where it says nothing. */
typedef void (*take_offset)(const struct verify_request *request, struct verify_partition *p, int64_t offset);

static void take_position(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request;
        p->source_position = offset < 0 ? -1 : offset;
}
static void take_destination_end(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request;
        p->destination_end = offset;
}
static void take_source_end(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request;
        p->source_end = offset;
}
static void take_time(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request; /* none so young: all are older */
        p->source_position = offset < 0 ? p->source_end : offset < p->source_end ? offset : p->source_end;
}
static void take_source_start(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request;
        p->source_from = offset;
        p->source_late = offset > 0;
}
static void take_destination_start(const struct verify_request *request, struct verify_partition *p, int64_t offset) {
        (void)request;
        p->destination_from = offset;
        p->destination_late = offset > 0;
}

/* asked: an offset as ListOffsets takes it (-1 latest, -2 earliest, a time), or
 * RD_KAFKA_OFFSET_INVALID for the group's committed ones. */
static int ask(rd_kafka_t *client, enum verify_side side, int64_t asked, const struct verify_request *request,
               struct verify_partition *partitions, size_t count, take_offset take, char *err, size_t err_size) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
        bool committed = asked == RD_KAFKA_OFFSET_INVALID;
        int rc = 0;
        for (size_t i = 0; i < count; i++)
                if (!partitions[i].why && (side == VERIFY_SOURCE || partitions[i].destination_end >= 0))
                        rd_kafka_topic_partition_list_add(list, name_at(&partitions[i], side), partitions[i].partition)->offset = asked;
        rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (list->cnt)
                e = committed ? rd_kafka_committed(client, list, timeout_ms(request))
                              : rd_kafka_offsets_for_times(client, list, timeout_ms(request));
        const char *end = side == VERIFY_SOURCE ? "source" : "destination";
        const char *alias = side == VERIFY_SOURCE ? request->spec->source : request->spec->destination;
        const char *what = committed ? "the mirror's positions" : "the offsets of its partitions";
        if (e) rc = unreachable(request->config, end, alias, what, e, err, err_size);
        for (size_t i = 0, k = 0; !rc && i < count; i++) {
                struct verify_partition *p = &partitions[i];
                if (p->why || (side == VERIFY_DESTINATION && p->destination_end < 0)) continue;
                const rd_kafka_topic_partition_t *answer = &list->elems[k++];
                if (answer->err) {
                        char text[200];
                        (void)snprintf(text, sizeof text, "%s: the offsets at the %s: %s", answer->topic, end,
                                       rd_kafka_err2str(answer->err));
                        p->why = strdup(text);
                        if (!p->why) rc = ERR_NOMEM;
                } else {
                        take(request, p, answer->offset);
                }
        }
        rd_kafka_topic_partition_list_destroy(list);
        return rc;
}

/* ---- ranges ------------------------------------------------------------- */

static int decide(const struct verify_request *request, struct verify_partition *p) {
        char text[320] = "";
        if (p->why) {
                p->state = VERIFY_DONE;
                return 0;
        }
        if (request->until == VERIFY_UNTIL_END) p->source_position = p->source_end;
        if (p->source_position < 0) {
                p->source_position = p->source_from;
                if (p->source_end > p->source_from)
                        (void)snprintf(text, sizeof text,
                                       "the group %s has no position for it, so what should be at the destination is not "
                                       "known; --until end compares all of it",
                                       request->spec->group_id);
        } else if (p->source_position > p->source_end) {
                (void)snprintf(text, sizeof text,
                               "the mirror's position %lld lies above the source's end %lld: the topic was truncated or "
                               "created anew",
                               (long long)p->source_position, (long long)p->source_end);
        } else if (p->source_position < p->source_from) {
                p->source_position = p->source_from;
        }
        if (*text && !(p->why = strdup(text))) return ERR_NOMEM;
        if (!p->why && p->destination_end < 0) {
                p->destination_end = p->destination_from = 0;
                verify_partition_range(p, VERIFY_ABSENT, VERIFY_SOURCE, p->source_from, p->source_position);
                p->state = VERIFY_DONE;
        }
        if (p->destination_end < 0) p->destination_end = p->destination_from = 0;
        if (p->why) p->state = VERIFY_DONE;
        return 0;
}

static int ask_all(const struct verify_request *request, struct verify_clients *clients, struct verify_partition *partitions,
                   size_t count, char *err, size_t err_size) {
        int rc = 0;
        if (request->until == VERIFY_UNTIL_POSITION)
                rc = ask(clients->source, VERIFY_SOURCE, RD_KAFKA_OFFSET_INVALID, request, partitions, count, take_position,
                         err, err_size);
        if (!rc)
                rc = ask(clients->destination, VERIFY_DESTINATION, RD_KAFKA_OFFSET_END, request, partitions, count,
                         take_destination_end, err, err_size);
        if (!rc)
                rc = ask(clients->source, VERIFY_SOURCE, RD_KAFKA_OFFSET_END, request, partitions, count, take_source_end,
                         err, err_size);
        if (!rc && request->until == VERIFY_UNTIL_TIME)
                rc = ask(clients->source, VERIFY_SOURCE, request->until_ms, request, partitions, count, take_time, err,
                         err_size);
        if (!rc)
                rc = ask(clients->source, VERIFY_SOURCE, RD_KAFKA_OFFSET_BEGINNING, request, partitions, count,
                         take_source_start, err, err_size);
        if (!rc)
                rc = ask(clients->destination, VERIFY_DESTINATION, RD_KAFKA_OFFSET_BEGINNING, request, partitions, count,
                         take_destination_start, err, err_size);
        for (size_t i = 0; !rc && i < count; i++) rc = decide(request, &partitions[i]);
        return rc;
}

int verify_bounds_again(const struct verify_request *request, struct verify_clients *clients,
                        struct verify_partition *partition, char *err, size_t err_size) {
        verify_partition_clear(partition);
        partition->state = VERIFY_PENDING;
        return ask_all(request, clients, partition, 1, err, err_size);
}

static int by_name(const void *a, const void *b) {
        const struct verify_partition *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);
        return order ? order : x->partition - y->partition;
}

int verify_bounds(const struct verify_request *request, struct verify_clients *clients,
                  struct verify_partition **out, size_t *out_count, char *err, size_t err_size) {
        const rd_kafka_metadata_t *source = NULL, *destination = NULL;
        struct found found = {0};
        int rc = 0;
        rd_kafka_resp_err_t e = rd_kafka_metadata(clients->source, 1, NULL, &source, timeout_ms(request));
        if (e) rc = unreachable(request->config, "source", request->spec->source, "its topics", e, err, err_size);
        if (!rc && (e = rd_kafka_metadata(clients->destination, 1, NULL, &destination, timeout_ms(request))))
                rc = unreachable(request->config, "destination", request->spec->destination, "its topics", e, err, err_size);
        if (!rc) rc = find_topics(request, source, destination, &found, err, err_size);
        if (source) rd_kafka_metadata_destroy(source);
        if (destination) rd_kafka_metadata_destroy(destination);
        if (!rc) rc = read_settings(clients->source, VERIFY_SOURCE, &found, timeout_ms(request), err, err_size);
        if (!rc) rc = read_settings(clients->destination, VERIFY_DESTINATION, &found, timeout_ms(request), err, err_size);
        size_t most = found.count ? FINDINGS_OF_ALL / found.count : 0;
        for (size_t i = 0; i < found.count; i++)
                found.partitions[i].finding_max = most > FINDINGS_MAX ? FINDINGS_MAX : most < FINDINGS_MIN ? FINDINGS_MIN : most;
        if (!rc) rc = ask_all(request, clients, found.partitions, found.count, err, err_size);
        if (rc) {
                for (size_t i = 0; i < found.count; i++) verify_partition_fini(&found.partitions[i]);
                free(found.partitions);
                return rc;
        }
        if (found.count) qsort(found.partitions, found.count, sizeof *found.partitions, by_name);
        *out = found.partitions;
        *out_count = found.count;
        return 0;
}
