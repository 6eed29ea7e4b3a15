/* First what knows some partitions only (files, groups, MirrorMaker 2), then
 * one question to the source's log for the rest.
 *
 * A time is asked for after the log's end is: where no record is that late, the
 * end of before holds, and a record that comes in between lies behind it. */
#include "common/start_resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/mm2_offset.h"

#define MM2_READ_MS 30000 /* for the whole topic */

static struct start_from effective(const struct start_query *query) {
        return start_from_for(query->rule, query->existed);
}

__attribute__((format(printf, 3, 4)))
static void answer(struct start_query *query, enum start_answer what, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(query->reason, sizeof query->reason, format, ap); /* cut */
        va_end(ap);
        query->answer = what;
}

static void found(struct start_query *query, int64_t offset, const char *by) {
        query->offset = offset;
        answer(query, START_AT, "%s", by);
}

/* Still without an answer, and with a lookup of this kind by this name. */
static bool asks(const struct start_query *query, enum start_kind kind, const char *name) {
        return query->rule && query->answer == START_HALTS && !*query->reason && query->rule->kind == kind &&
               (!name || strcmp(query->rule->name, name) == 0);
}

/* The row of a query: lists keep their order, as a rule. */
static const rd_kafka_topic_partition_t *row_of(const rd_kafka_topic_partition_list_t *list, int hint,
                                                const struct start_query *query) {
        const rd_kafka_topic_partition_t *row = &list->elems[hint];
        if (row->partition == query->partition && strcmp(row->topic, query->topic) == 0) return row;
        return rd_kafka_topic_partition_list_find(list, query->topic, query->partition); /* it was put there */
}

/* ---- a group at the source ---------------------------------------------- */

/* START_AT: has no members, or is not there (*out_missing). */
static enum start_answer group_state(const struct start_place *place, rd_kafka_t *client, const char *group,
                                     bool *out_missing, char *why, size_t why_size) {
        const char *groups[] = {group};
        char err[128];
        enum start_answer result = START_WAITS;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_AdminOptions_t *options =
                rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, (int)place->limit_ms, err, sizeof err);
        rd_kafka_DescribeConsumerGroups(client, groups, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)place->limit_ms + 1000);
        const rd_kafka_DescribeConsumerGroups_result_t *all =
                event ? rd_kafka_event_DescribeConsumerGroups_result(event) : NULL;
        size_t count = 0;
        const rd_kafka_ConsumerGroupDescription_t **rows =
                all ? rd_kafka_DescribeConsumerGroups_result_groups(all, &count) : NULL;
        const rd_kafka_error_t *error = count ? rd_kafka_ConsumerGroupDescription_error(rows[0]) : NULL;
        if (!event || rd_kafka_event_error(event) || !count || error) {
                (void)snprintf(why, why_size, "group %.100s: %s", group,
                               error   ? rd_kafka_error_string(error)
                               : event ? rd_kafka_event_error_string(event)
                                       : "no answer");
        } else if (rd_kafka_ConsumerGroupDescription_member_count(rows[0]) > 0) {
                (void)snprintf(why, why_size, "group %.80s has %zu members: stop them, its offsets are taken then", group,
                               rd_kafka_ConsumerGroupDescription_member_count(rows[0]));
        } else {
                *out_missing = rd_kafka_ConsumerGroupDescription_state(rows[0]) == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD;
                result = START_AT;
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        return result;
}

static void group_offsets(const struct start_place *place, rd_kafka_t *client, const char *group,
                          struct start_query *queries, size_t count) {
        char why[START_REASON_SIZE] = "", by[START_NAME_SIZE + 16];
        bool missing = false;
        enum start_answer state = group_state(place, client, group, &missing, why, sizeof why);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        for (size_t i = 0; i < count; i++)
                if (asks(&queries[i], START_FROM_GROUP, group))
                        rd_kafka_topic_partition_list_add(list, queries[i].topic, queries[i].partition);
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (state == START_AT && !missing) err = rd_kafka_committed(client, list, (int)place->limit_ms);
        (void)snprintf(by, sizeof by, "group %s", group);
        int at = 0;
        for (size_t i = 0; i < count; i++) {
                struct start_query *query = &queries[i];
                if (!asks(query, START_FROM_GROUP, group)) continue;
                const rd_kafka_topic_partition_t *row = row_of(list, at++, query);
                if (state != START_AT) answer(query, START_WAITS, "%s", why);
                else if (err || row->err)
                        answer(query, START_WAITS, "group %.100s: %s", group, rd_kafka_err2str(err ? err : row->err));
                else if (row->offset >= 0) found(query, row->offset, by);
                else if (missing) answer(query, START_HALTS, "the source has no group %.100s", group);
                else answer(query, START_HALTS, "group %.100s has no offset of it", group);
        }
        rd_kafka_topic_partition_list_destroy(list);
}

static void ask_groups(const struct start_place *place, struct start_query *queries, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (!asks(&queries[i], START_FROM_GROUP, NULL)) continue;
                const char *group = queries[i].rule->name;
                const struct kafka_setting settings[] = {{"group.id", group}, {NULL, NULL}};
                rd_kafka_t *client = NULL;
                char err[256];
                if (kafka_client_new(place->config, place->source, place->route, CLIENT_CONSUMER, settings, NULL, NULL,
                                     &client, err, sizeof err)) {
                        for (size_t k = i; k < count; k++)
                                if (asks(&queries[k], START_FROM_GROUP, group)) answer(&queries[k], START_WAITS, "%.150s", err);
                        continue;
                }
                group_offsets(place, client, group, queries, count);
                rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); /* it joined nothing */
        }
}

/* ---- MirrorMaker 2's topic ---------------------------------------------- */

static void mm2_take(const char *alias, const char *asked, const rd_kafka_message_t *m, struct start_query *queries,
                     size_t count) {
        struct mm2_offset row;
        if (!mm2_offset_parse(alias, m->key, m->key_len, m->payload, m->len, &row)) return;
        for (size_t i = 0; i < count; i++)
                if (asks(&queries[i], START_FROM_MM2, asked) && queries[i].partition == row.partition &&
                    strcmp(queries[i].topic, row.topic) == 0)
                        queries[i].offset = row.next; /* of several, the last counts */
}

/* Reads all of the partitions up to the ends of now. */
static rd_kafka_resp_err_t mm2_read(rd_kafka_t *consumer, const char *topic, int partitions, const char *alias,
                                    const char *asked, struct start_query *queries, size_t count) {
        int64_t deadline_ms = clock_boot_ms() + MM2_READ_MS;
        rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(partitions);
        rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(partitions);
        bool *done = calloc((size_t)partitions, sizeof *done);
        int left = partitions;
        for (int p = 0; p < partitions; p++) {
                rd_kafka_topic_partition_list_add(ends, topic, p)->offset = RD_KAFKA_OFFSET_END;
                rd_kafka_topic_partition_list_add(from, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
        }
        rd_kafka_resp_err_t err = done ? rd_kafka_offsets_for_times(consumer, ends, MM2_READ_MS)
                                       : RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
        for (int p = 0; !err && p < partitions; p++) err = ends->elems[p].err;
        if (!err) err = rd_kafka_assign(consumer, from);
        while (!err && left > 0) {
                int64_t wait_ms = deadline_ms - clock_boot_ms();
                if (wait_ms <= 0) err = RD_KAFKA_RESP_ERR__TIMED_OUT;
                rd_kafka_message_t *m = err ? NULL : rd_kafka_consumer_poll(consumer, (int)wait_ms);
                if (!m) continue;
                if (!m->err) {
                        mm2_take(alias, asked, m, queries, count);
                } else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                        err = m->err;
                } else if (m->partition >= 0 && m->partition < partitions && !done[m->partition] &&
                           m->offset >= ends->elems[m->partition].offset) {
                        done[m->partition] = true; /* a replica that lags ends earlier: not believed */
                        left--;
                }
                rd_kafka_message_destroy(m);
        }
        (void)rd_kafka_assign(consumer, NULL); /* the client goes */
        rd_kafka_topic_partition_list_destroy(ends);
        rd_kafka_topic_partition_list_destroy(from);
        free(done);
        return err;
}

/* Partitions of the topic; 0: it is not there.  < 0: err. */
static int mm2_partitions(const struct start_place *place, rd_kafka_t *consumer, const char *topic,
                          rd_kafka_resp_err_t *err) {
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
        int count = 0;
        *err = handle ? rd_kafka_metadata(consumer, 0, handle, &metadata, (int)place->limit_ms) : rd_kafka_last_error();
        if (!*err && metadata->topic_cnt == 1) {
                *err = metadata->topics[0].err;
                count = metadata->topics[0].partition_cnt;
        }
        if (metadata) rd_kafka_metadata_destroy(metadata);
        if (handle) rd_kafka_topic_destroy(handle);
        if (*err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
                *err = RD_KAFKA_RESP_ERR_NO_ERROR;
                return 0;
        }
        return *err ? -1 : count;
}

static void mm2_offsets(const struct start_place *place, const char *asked, struct start_query *queries, size_t count) {
        static const struct kafka_setting settings[] = {
                {"group.id", "heliostat.start"},      /* asked for, and not used */
                {"isolation.level", "read_committed"}, /* Connect may write in transactions */
                {"fetch.wait.max.ms", "10"},
                {"queued.max.messages.kbytes", "1024"},
                {"client.rack", ""}, /* the leader, no nearer replica */
                {NULL, NULL},
        };
        const char *alias = *asked ? asked : place->source;
        char topic[MM2_TOPIC_SIZE], why[256] = "";
        rd_kafka_t *consumer = NULL;
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        int partitions = 0;
        if (!mm2_offsets_topic(topic, alias)) (void)snprintf(why, sizeof why, "the alias %.80s is too long", alias);
        else if (!kafka_client_new(place->config, place->destination, NULL, CLIENT_CONSUMER, settings, NULL, NULL,
                                   &consumer, why, sizeof why)) {
                (void)rd_kafka_poll_set_consumer(consumer);
                partitions = mm2_partitions(place, consumer, topic, &err);
                if (partitions > 0) err = mm2_read(consumer, topic, partitions, alias, asked, queries, count);
                if (err) (void)snprintf(why, sizeof why, "%.100s: %s", topic, rd_kafka_err2str(err));
                rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
        for (size_t i = 0; i < count; i++) {
                struct start_query *query = &queries[i];
                if (!asks(query, START_FROM_MM2, asked)) continue;
                int64_t next = query->offset;
                query->offset = -1;
                if (*why) answer(query, START_WAITS, "%.150s", why);
                else if (next >= 0) found(query, next, topic);
                else if (!partitions) answer(query, START_HALTS, "the destination has no topic %.120s", topic);
                else answer(query, START_HALTS, "%.120s has no offset of it", topic);
        }
}

/* ---- the source's log --------------------------------------------------- */

/* What is to be asked of the log for the query: EARLIEST, LATEST, TIMESTAMP, or
 * HALT for nothing. */
static enum start_kind of_log(const struct start_query *query) {
        if (query->answer != START_HALTS || !query->rule) return START_FROM_HALT;
        struct start_from from = effective(query);
        return start_from_looks_up(&from) ? from.otherwise : from.kind;
}

static void ask_log(const struct start_place *place, struct start_query *queries, size_t count) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_list_t *times = rd_kafka_topic_partition_list_new(8);
        for (size_t i = 0; i < count; i++) {
                enum start_kind kind = of_log(&queries[i]);
                if (kind == START_FROM_HALT) continue;
                /* ListOffsets' -2 and -1 */
                rd_kafka_topic_partition_list_add(list, queries[i].topic, queries[i].partition)->offset =
                        kind == START_FROM_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
                if (kind == START_FROM_TIMESTAMP)
                        rd_kafka_topic_partition_list_add(times, queries[i].topic, queries[i].partition)->offset =
                                effective(&queries[i]).timestamp_ms;
        }
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (list->cnt) err = rd_kafka_offsets_for_times(place->consumer, list, (int)place->limit_ms);
        if (!err && times->cnt) err = rd_kafka_offsets_for_times(place->consumer, times, (int)place->limit_ms);
        int at = 0, time_at = 0;
        for (size_t i = 0; i < count; i++) {
                struct start_query *query = &queries[i];
                enum start_kind kind = of_log(query);
                if (kind == START_FROM_HALT) continue;
                static const char *const names[] = {"earliest", "latest", "timestamp"};
                const rd_kafka_topic_partition_t *row = row_of(list, at++, query);
                const rd_kafka_topic_partition_t *time = kind == START_FROM_TIMESTAMP ? row_of(times, time_at++, query) : NULL;
                rd_kafka_resp_err_t why = err ? err : row->err ? row->err : time ? time->err : err;
                if (why || row->offset < 0)
                        answer(query, START_WAITS, "source: %s offset: %s", names[kind], rd_kafka_err2str(why));
                else found(query, time && time->offset >= 0 ? time->offset : row->offset, names[kind]);
        }
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_topic_partition_list_destroy(times);
}

/* ---- all ---------------------------------------------------------------- */

void start_resolve(const struct start_place *place, struct start_rules *rules, struct start_query *queries,
                   size_t count) {
        for (size_t i = 0; i < count; i++) {
                struct start_query *query = &queries[i];
                query->rule = NULL;
                query->offset = -1;
                query->answer = START_HALTS;
                query->reason[0] = '\0';
                if (start_rules_find(rules, query->topic, &query->rule))
                        answer(query, START_WAITS, "start.from.topics: an expression needs too many steps for this name");
        }
        for (size_t i = 0; i < count; i++) {
                struct start_query *query = &queries[i];
                if (!asks(query, START_FROM_OFFSETS, NULL)) continue;
                int64_t offset = start_rules_offset(rules, query->rule->name, query->topic, query->partition);
                if (offset >= 0) found(query, offset, query->rule->name);
                else answer(query, START_HALTS, "%.120s has no offset of it", query->rule->name);
        }
        ask_groups(place, queries, count);
        for (size_t i = 0; i < count; i++)
                if (asks(&queries[i], START_FROM_MM2, NULL))
                        mm2_offsets(place, queries[i].rule->name, queries, count);
        ask_log(place, queries, count);
}
