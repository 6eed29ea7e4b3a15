#include "cli/mirror_kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/names.h"
#include "common/topic_rules.h"
#include "worker/positions.h"

#define REQUEST_MS 10000

static int trouble(char *err, size_t err_size, const char *what, const char *why) {
        (void)snprintf(err, err_size, "%s: %s", what, why);
        return ERR_KAFKA;
}

int mirror_consumer_new(const struct config *config, const Heliostat__Pb__Route *spec, rd_kafka_t **out,
                        char *err, size_t err_size) {
        const struct kafka_setting extra[] = {{"group.id", spec->group_id}, {NULL, NULL}};
        return kafka_client_new(config, spec->source, spec->name, CLIENT_CONSUMER, extra, NULL, NULL, out, err,
                                err_size);
}

int mirror_admin_new(const struct config *config, const char *alias, rd_kafka_t **out, char *err,
                     size_t err_size) {
        static const struct kafka_setting none[] = {{NULL, NULL}};
        return kafka_client_new(config, alias, NULL, CLIENT_ADMIN, none, NULL, NULL, out, err, err_size);
}

/* ---- before anything begins ---- */

/* The members of a group that is consumed with: no commit of ours would be
 * taken, and their positions are not ours.  Takes event. */
static int members_of(rd_kafka_event_t *event, const char *group, char *err, size_t err_size) {
        size_t count = 0;
        if (!event || rd_kafka_event_error(event)) {
                int rc = trouble(err, err_size, "source: the group's members",
                                 event ? rd_kafka_event_error_string(event) : "no answer");
                if (event) rd_kafka_event_destroy(event);
                return rc;
        }
        const rd_kafka_ConsumerGroupDescription_t **groups = rd_kafka_DescribeConsumerGroups_result_groups(
                rd_kafka_event_DescribeConsumerGroups_result(event), &count);
        int rc = 0;
        size_t members = count ? rd_kafka_ConsumerGroupDescription_member_count(groups[0]) : 0;
        const rd_kafka_error_t *error = count ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
        /* From 4.0 on a group that nobody has used yet is an error. */
        if (error && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
                rc = trouble(err, err_size, "source: the group's members", rd_kafka_error_string(error));
        else if (members) {
                const rd_kafka_MemberDescription_t *m = rd_kafka_ConsumerGroupDescription_member(groups[0], 0);
                (void)snprintf(err, err_size,
                               "group '%s' has %zu members at the source (client.id %s on %s): a consumer, such as "
                               "MirrorMaker, runs with it; stop it first",
                               group, members, rd_kafka_MemberDescription_client_id(m),
                               rd_kafka_MemberDescription_host(m));
                rc = ERR_EXISTS;
        }
        rd_kafka_event_destroy(event);
        return rc;
}

static int check_members(rd_kafka_t *source, const char *group, char *err, size_t err_size) {
        char why[128];
        rd_kafka_queue_t *queue = rd_kafka_queue_new(source);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(source, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, why, sizeof why); /* in range */
        rd_kafka_DescribeConsumerGroups(source, &group, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 2000);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        return members_of(event, group, err, err_size);
}

static int cluster_id(rd_kafka_t *client, const char *what, char **out, char *err, size_t err_size) {
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_resp_err_t e = rd_kafka_metadata(client, 0, NULL, &metadata, REQUEST_MS);
        char why[KAFKA_TROUBLE_MAX + 80];
        if (e) return trouble(err, err_size, what, kafka_trouble_of(client, e, why, sizeof why));
        rd_kafka_metadata_destroy(metadata);
        char *id = rd_kafka_clusterid(client, REQUEST_MS);
        if (!id) return trouble(err, err_size, what, "the cluster does not tell its id");
        *out = strdup(id);
        rd_kafka_mem_free(client, id);
        return *out ? 0 : ERR_NOMEM;
}

/* All topics are asked for: a question for one would make it, where brokers do that. */
static int partitions_of(rd_kafka_t *client, const char *topic, int *out, char *err, size_t err_size) {
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_resp_err_t e = rd_kafka_metadata(client, 1, NULL, &metadata, REQUEST_MS);
        if (e) return trouble(err, err_size, "destination", rd_kafka_err2str(e));
        *out = 0;
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, topic) == 0) *out = metadata->topics[i].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
        return 0;
}

int mirror_look(const struct config *config, const Heliostat__Pb__Route *spec, struct mirror_look *out,
                char *err, size_t err_size) {
        struct mirror_look look = {0};
        rd_kafka_t *source = NULL, *destination = NULL;
        char topic[NAMES_TOPIC_SIZE];
        int rc = mirror_admin_new(config, spec->source, &source, err, err_size);
        if (!rc) rc = mirror_admin_new(config, spec->destination, &destination, err, err_size);
        if (!rc) rc = cluster_id(source, "source", &look.source_id, err, err_size);
        if (!rc) rc = cluster_id(destination, "destination", &look.destination_id, err, err_size);
        if (!rc && *spec->group_id) rc = check_members(source, spec->group_id, err, err_size);
        if (!rc && *spec->group_id) {
                names_positions_topic(topic, spec->group_id);
                rc = partitions_of(destination, topic, &look.positions_lanes, err, err_size);
        }
        if (source) rd_kafka_destroy(source);
        if (destination) rd_kafka_destroy(destination);
        if (rc) {
                free(look.source_id);
                free(look.destination_id);
                return rc;
        }
        *out = look;
        return 0;
}

/* ---- offsets ---- */

static int ask_offsets(rd_kafka_t *client, rd_kafka_topic_partition_list_t *rows, char *err, size_t err_size) {
        rd_kafka_resp_err_t e = rows->cnt ? rd_kafka_offsets_for_times(client, rows, REQUEST_MS) : 0;
        return e ? trouble(err, err_size, "offsets", rd_kafka_err2str(e)) : 0;
}

int mirror_offsets_at(rd_kafka_t *client, rd_kafka_topic_partition_list_t *rows, int64_t time_ms, char *err,
                      size_t err_size) {
        for (int i = 0; i < rows->cnt; i++) rows->elems[i].offset = time_ms < 0 ? RD_KAFKA_OFFSET_END : time_ms;
        int rc = ask_offsets(client, rows, err, err_size);
        if (rc || time_ms < 0) return rc;
        rd_kafka_topic_partition_list_t *late = rd_kafka_topic_partition_list_new(rows->cnt);
        for (int i = 0; i < rows->cnt; i++)
                if (!rows->elems[i].err && rows->elems[i].offset < 0)
                        rd_kafka_topic_partition_list_add(late, rows->elems[i].topic, rows->elems[i].partition)
                                ->offset = RD_KAFKA_OFFSET_END;
        rc = ask_offsets(client, late, err, err_size);
        for (int i = 0; !rc && i < late->cnt; i++) {
                rd_kafka_topic_partition_t *row =
                        rd_kafka_topic_partition_list_find(rows, late->elems[i].topic, late->elems[i].partition);
                row->offset = late->elems[i].offset;
                row->err = late->elems[i].err;
        }
        rd_kafka_topic_partition_list_destroy(late);
        return rc;
}

/* ---- topics ---- */

static int by_name(const void *a, const void *b, void *ctx) {
        const rd_kafka_topic_partition_t *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);
        (void)ctx;
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

int mirror_list(rd_kafka_t *consumer, const Heliostat__Pb__Route *spec, rd_kafka_topic_partition_list_t **out,
                char *err, size_t err_size) {
        const rd_kafka_metadata_t *metadata = NULL;
        struct topic_rules *rules = NULL;
        int rc = topic_rules_new(spec->topics, spec->topics_exclude, &rules, err, err_size);
        if (rc) return rc;
        rd_kafka_resp_err_t e = rd_kafka_metadata(consumer, 1, NULL, &metadata, REQUEST_MS);
        if (e) rc = trouble(err, err_size, "source", rd_kafka_err2str(e));
        rd_kafka_topic_partition_list_t *rows = rd_kafka_topic_partition_list_new(64);
        for (int i = 0; !rc && i < metadata->topic_cnt; i++) {
                const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
                int match = topic_rules_match(rules, topic->topic);
                if (match < 0) {
                        (void)snprintf(err, err_size, "topic %s: topic rule: %s", topic->topic, err_text(match));
                        rc = match;
                }
                for (int p = 0; match > 0 && p < topic->partition_cnt; p++)
                        rd_kafka_topic_partition_list_add(rows, topic->topic, p);
        }
        if (metadata) rd_kafka_metadata_destroy(metadata);
        topic_rules_free(rules);
        if (rc) {
                rd_kafka_topic_partition_list_destroy(rows);
                return rc;
        }
        rd_kafka_topic_partition_list_sort(rows, by_name, NULL);
        *out = rows;
        return 0;
}

/* ---- positions ---- */

static bool topic_exists(const rd_kafka_metadata_t *metadata, const char *topic) {
        for (int i = 0; i < metadata->topic_cnt; i++)
                if (strcmp(metadata->topics[i].topic, topic) == 0) return true;
        return false;
}

static int take_record(const Heliostat__Pb__Positions *record, const rd_kafka_metadata_t *source,
                       rd_kafka_topic_partition_list_t *rows, const char *group, uint64_t *generation, char *err,
                       size_t err_size) {
        for (size_t i = 0; record && i < record->n_topics; i++) {
                const Heliostat__Pb__PositionTopic *topic = record->topics[i];
                for (size_t k = 0; k < topic->n_positions; k++) {
                        const Heliostat__Pb__Position *p = topic->positions[k];
                        rd_kafka_topic_partition_t *row =
                                rd_kafka_topic_partition_list_find(rows, topic->topic, (int32_t)p->partition);
                        if (p->generation > *generation) *generation = p->generation;
                        if (row) row->offset = p->next_offset;
                        else if (topic_exists(source, topic->topic)) {
                                (void)snprintf(err, err_size,
                                               "group '%s' holds the exactly-once position of topic %s too, which is "
                                               "not among the topics to mirror: mirror it as well, or give this mirror "
                                               "a group of its own",
                                               group, topic->topic);
                                return ERR_EXISTS;
                        }
                }
        }
        return 0;
}

static int take_records(rd_kafka_t *consumer, const struct config *config, const Heliostat__Pb__Route *spec,
                        rd_kafka_topic_partition_list_t *rows, uint64_t *generation, char *err, size_t err_size) {
        const rd_kafka_metadata_t *source = NULL;
        char topic[NAMES_TOPIC_SIZE];
        int rc = 0;
        rd_kafka_resp_err_t e = rd_kafka_metadata(consumer, 1, NULL, &source, REQUEST_MS);
        if (e) return trouble(err, err_size, "source", rd_kafka_err2str(e));
        names_positions_topic(topic, spec->group_id);
        for (uint32_t lane = 0; !rc && lane < spec->lanes; lane++) {
                Heliostat__Pb__Positions *record = NULL;
                rc = positions_read(config, spec->destination, spec->name, topic, lane, REQUEST_MS, &record, err,
                                    err_size);
                if (!rc) rc = take_record(record, source, rows, spec->group_id, generation, err, err_size);
                codec_free(record);
        }
        rd_kafka_metadata_destroy(source);
        return rc;
}

int mirror_committed(rd_kafka_t *consumer, const struct config *config, const Heliostat__Pb__Route *spec,
                     bool records, rd_kafka_topic_partition_list_t *rows, uint64_t *out_generation, char *err,
                     size_t err_size) {
        uint64_t highest = 0;
        for (int i = 0; i < rows->cnt; i++) rows->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
        rd_kafka_resp_err_t e = rows->cnt ? rd_kafka_committed(consumer, rows, REQUEST_MS) : 0;
        if (e) return trouble(err, err_size, "source: committed positions", rd_kafka_err2str(e));
        for (int i = 0; i < rows->cnt; i++) {
                rd_kafka_topic_partition_t *row = &rows->elems[i];
                if (row->err) return trouble(err, err_size, "source: committed positions", rd_kafka_err2str(row->err));
                uint64_t generation = codec_metadata_parse(row->metadata, row->metadata_size).generation;
                if (generation > highest) highest = generation;
                if (row->offset < 0) row->offset = -1;
        }
        int rc = records && strcmp(spec->delivery_guarantee, "exactly-once") == 0
                         ? take_records(consumer, config, spec, rows, &highest, err, err_size)
                         : 0;
        if (!rc) *out_generation = highest;
        return rc;
}
