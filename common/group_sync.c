/* A client with the group's name for each end: librdkafka 2.0.2's admin calls
 * for a group's offsets run into an assertion when its coordinator goes away.
 * Neither client joins the group: a commit without a generation is taken by the
 * broker only while the group has no members, which is what makes the promise
 * not to touch an active group. */
#include "common/group_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/topic_rules.h"

static int fail(char *err, size_t err_size, const struct group_sync *sync, const char *alias, const char *what,
                rd_kafka_resp_err_t e) {
        char why[KAFKA_TROUBLE_MAX + 80];
        (void)snprintf(err, err_size, "%s: %s: %s", alias, what,
                       kafka_trouble_at(sync->config, alias, e, why, sizeof why));
        return ERR_KAFKA;
}

static int client_new(const struct group_sync *sync, const char *alias, const char *group, rd_kafka_t **out, char *err,
                      size_t err_size) {
        const struct kafka_setting settings[] = {{"group.id", group}, {NULL, NULL}};
        int rc = kafka_client_new(sync->config, alias, sync->route, CLIENT_CONSUMER, settings, NULL, NULL, out, err,
                                  err_size);
        if (!rc) (void)rd_kafka_poll_set_consumer(*out);
        return rc;
}

static void client_end(rd_kafka_t *client) {
        if (client) rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void group_result_fini(struct group_result *result) {
        for (size_t i = 0; result->metadata && i < result->count; i++) free(result->metadata[i]);
        free(result->metadata);
        free(result->rows);
        *result = (struct group_result){0};
}

/* ---- the source ---- */

static int read_source(const struct group_sync *sync, const struct offset_maps *maps, const char *group,
                       struct group_result *out, char *err, size_t err_size) {
        rd_kafka_t *client = NULL;
        size_t count = offset_maps_count(maps);
        int rc = client_new(sync, sync->source, group, &client, err, err_size);
        if (rc) return rc;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
        for (size_t i = 0; i < count; i++) {
                struct offset_maps_entry *entry = offset_maps_at(maps, i);
                if (entry->superseded) continue;
                rd_kafka_topic_partition_list_add(list, entry->topic, entry->partition)->opaque = entry;
        }
        out->rows = calloc(count + 1, sizeof *out->rows);
        out->metadata = calloc(count + 1, sizeof *out->metadata);
        if (!out->rows || !out->metadata) rc = ERR_NOMEM;
        rd_kafka_resp_err_t e = rc || !list->cnt ? RD_KAFKA_RESP_ERR_NO_ERROR
                                                 : rd_kafka_committed(client, list, (int)sync->limit_ms);
        if (e) rc = fail(err, err_size, sync, sync->source, "committed offsets", e);
        size_t at = 0; /* both are in one order */
        for (int i = 0; !rc && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *committed = &list->elems[i];
                const struct offset_maps_entry *entry = offset_maps_at(maps, at++);
                while (entry->superseded) entry = offset_maps_at(maps, at++);
                if (committed->err) {
                        rc = fail(err, err_size, sync, sync->source, committed->topic, committed->err);
                } else if (committed->offset >= 0) {
                        struct group_row *row = &out->rows[out->count];
                        *row = (struct group_row){.topic = entry->topic,
                                                  .destination_topic = entry->destination_topic,
                                                  .partition = entry->partition,
                                                  .source = committed->offset,
                                                  .before = -1, .low = -1, .high = -1};
                        row->translation = offset_map_translate(&entry->map, entry->next, committed->offset);
                        out->metadata[out->count] =
                                strndup(committed->metadata ? committed->metadata : "",
                                        committed->metadata ? committed->metadata_size : 0);
                        if (!out->metadata[out->count]) rc = ERR_NOMEM;
                        out->count++;
                }
        }
        rd_kafka_topic_partition_list_destroy(list);
        client_end(client);
        return rc;
}

/* ---- the destination ---- */

static rd_kafka_topic_partition_list_t *list_of(const struct group_result *result, int64_t offset) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)result->count);
        for (size_t i = 0; i < result->count; i++)
                rd_kafka_topic_partition_list_add(list, result->rows[i].destination_topic, result->rows[i].partition)
                        ->offset = offset;
        return list;
}

/* low, high and before of each row; what cannot be read of a partition leaves it
 * unknown. */
static int read_destination(const struct group_sync *sync, rd_kafka_t *client, struct group_result *result, char *err,
                            size_t err_size) {
        rd_kafka_topic_partition_list_t *committed = list_of(result, RD_KAFKA_OFFSET_INVALID),
                                        *low = list_of(result, RD_KAFKA_OFFSET_BEGINNING),
                                        *high = list_of(result, RD_KAFKA_OFFSET_END);
        rd_kafka_resp_err_t e = rd_kafka_committed(client, committed, (int)sync->limit_ms);
        int rc = e ? fail(err, err_size, sync, sync->destination, "committed offsets", e) : 0;
        /* ListOffsets' -2 and -1 */
        if (!rc && (e = rd_kafka_offsets_for_times(client, low, (int)sync->limit_ms)))
                rc = fail(err, err_size, sync, sync->destination, "start of the log", e);
        if (!rc && (e = rd_kafka_offsets_for_times(client, high, (int)sync->limit_ms)))
                rc = fail(err, err_size, sync, sync->destination, "end of the log", e);
        for (size_t i = 0; !rc && i < result->count; i++) {
                struct group_row *row = &result->rows[i];
                const rd_kafka_topic_partition_t *rows[] = {&committed->elems[i], &low->elems[i], &high->elems[i]};
                rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
                for (int k = 0; k < 3; k++)
                        if (rows[k]->err) error = rows[k]->err;
                if (error) {
                        row->translation = (struct offset_translation){OFFSET_UNKNOWN, -1, 0};
                        group_plan(row);
                        (void)snprintf(row->text, sizeof row->text, "unknown: the destination says: %s",
                                       rd_kafka_err2str(error));
                        continue;
                }
                if (rows[0]->offset >= 0) row->before = rows[0]->offset;
                row->low = rows[1]->offset;
                row->high = rows[2]->offset;
                group_plan(row);
        }
        if (!rc) rc = group_plan_merge(result->rows, result->count);
        rd_kafka_topic_partition_list_destroy(committed);
        rd_kafka_topic_partition_list_destroy(low);
        rd_kafka_topic_partition_list_destroy(high);
        return rc;
}

/* Groups of the new protocol (KIP-848) are not described to this client; their
 * brokers refuse the commit all the same. */
static int read_state(const struct group_sync *sync, rd_kafka_t *client, const char *group, enum group_state *out,
                      char *err, size_t err_size) {
        const struct rd_kafka_group_list *list = NULL;
        rd_kafka_resp_err_t e = rd_kafka_list_groups(client, group, &list, (int)sync->limit_ms);
        if (e) return fail(err, err_size, sync, sync->destination, "state of the group", e);
        *out = GROUP_STATE_NONE;
        for (int i = 0; i < list->group_cnt; i++) {
                const struct rd_kafka_group_info *info = &list->groups[i];
                if (!info->group || strcmp(info->group, group) != 0) continue;
                bool none = !info->state || strcmp(info->state, "Dead") == 0 || info->err;
                bool empty = info->state && strcmp(info->state, "Empty") == 0;
                *out = none ? GROUP_STATE_NONE : empty ? GROUP_STATE_EMPTY : GROUP_STATE_ACTIVE;
        }
        rd_kafka_group_list_destroy(list);
        return 0;
}

static bool refused_as_active(rd_kafka_resp_err_t e) {
        return e == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || e == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
               e == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || e == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

static int commit(const struct group_sync *sync, rd_kafka_t *client, struct group_result *result, char *err,
                  size_t err_size) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)result->count);
        int rc = 0;
        for (size_t i = 0; i < result->count; i++) {
                const struct group_row *row = &result->rows[i];
                if (row->outcome != GROUP_FORWARD) continue;
                /* Topics that are mirrored into one have one target. */
                if (rd_kafka_topic_partition_list_find(list, row->destination_topic, row->partition)) continue;
                rd_kafka_topic_partition_t *p =
                        rd_kafka_topic_partition_list_add(list, row->destination_topic, row->partition);
                p->offset = row->target;
                if (!*result->metadata[i]) continue;
                p->metadata = strdup(result->metadata[i]); /* freed with the list */
                p->metadata_size = p->metadata ? strlen(p->metadata) : 0;
        }
        rd_kafka_resp_err_t e = list->cnt ? rd_kafka_commit(client, list, 0) : RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int i = 0; i < list->cnt; i++)
                if (!e && list->elems[i].err) e = list->elems[i].err;
        rd_kafka_topic_partition_list_destroy(list);
        if (refused_as_active(e)) result->state = GROUP_STATE_ACTIVE;
        else if (e) rc = fail(err, err_size, sync, sync->destination, "commit", e);
        else result->written = true;
        return rc;
}

int group_sync_run(const struct group_sync *sync, const struct offset_maps *maps, const char *group, bool write,
                   struct group_result *out, char *err, size_t err_size) {
        struct group_result result = {0};
        rd_kafka_t *client = NULL;
        int rc = read_source(sync, maps, group, &result, err, err_size);
        if (!rc && result.count) {
                rc = client_new(sync, sync->destination, group, &client, err, err_size);
                if (!rc) rc = read_destination(sync, client, &result, err, err_size);
                if (!rc) rc = read_state(sync, client, group, &result.state, err, err_size);
                if (!rc && sync->stop && atomic_load(sync->stop)) rc = ERR_CLOSING;
                if (!rc && write && result.state != GROUP_STATE_ACTIVE) rc = commit(sync, client, &result, err, err_size);
                client_end(client);
        }
        if (rc) {
                group_result_fini(&result);
                if (rc == ERR_NOMEM || rc == ERR_CLOSING) (void)snprintf(err, err_size, "%s", err_text(rc));
                return rc;
        }
        *out = result;
        return 0;
}

/* ---- which groups ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int group_sync_list(const struct group_sync *sync, const char *groups, const char *exclude, char ***out_names,
                    size_t *out_count, char *err, size_t err_size) {
        const struct rd_kafka_group_list *list = NULL;
        struct topic_rules *rules = NULL;
        rd_kafka_t *client = NULL;
        char **names = NULL;
        size_t count = 0;
        int rc = topic_rules_new(groups, exclude, &rules, err, err_size);
        if (!rc) rc = client_new(sync, sync->source, "heliostat.groups", &client, err, err_size);
        rd_kafka_resp_err_t e = rc ? 0 : rd_kafka_list_groups(client, NULL, &list, (int)sync->limit_ms);
        if (e) rc = fail(err, err_size, sync, sync->source, "list of groups", e);
        if (!rc && !(names = calloc((size_t)list->group_cnt + 1, sizeof *names))) rc = ERR_NOMEM;
        for (int i = 0; !rc && i < list->group_cnt; i++) {
                const struct rd_kafka_group_info *info = &list->groups[i];
                const char *type = info->protocol_type ? info->protocol_type : "";
                if (!info->group || (*type && strcmp(type, "consumer") != 0)) continue;
                if (strncmp(info->group, "heliostat.", 10) == 0) continue; /* positions of a mirror */
                int match = topic_rules_match(rules, info->group);
                if (match < 0) {
                        (void)snprintf(err, err_size, "group %s: %s", info->group, err_text(match));
                        rc = ERR_INVALID;
                } else if (match && !(names[count++] = strdup(info->group))) {
                        rc = ERR_NOMEM;
                }
        }
        if (list) rd_kafka_group_list_destroy(list);
        client_end(client);
        topic_rules_free(rules);
        if (rc) {
                for (size_t i = 0; names && i < count; i++) free(names[i]);
                free(names);
                return rc;
        }
        qsort(names, count, sizeof *names, by_name);
        *out_names = names;
        *out_count = count;
        return 0;
}
