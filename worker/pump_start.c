/* Positions: how partitions start, and how positions are committed.
 *
 * START, for NEW partitions
 *   destination metadata (short thread)  ||  committed offsets (short thread)
 *     -> a higher generation there: fenced
 *     -> first start: the offset that start.from says (short thread; pump_begin.c)
 *     -> commit position + generation
 *     -> started before: fetch; first start: tell the caller, wait for pump_go
 * COMMIT, for partitions whose position moved
 *   committed offsets -> a higher generation: fenced -> commit
 *
 * A failed chain changes nothing and is tried again.  Reading the generation
 * before each commit bounds the life of a zombie by one commit interval (longer
 * while the group's coordinator is away: librdkafka then defers the commit); the
 * moment between reading and committing can set a newer owner's position to a
 * value that is true as well (everything below it was acknowledged), and that
 * owner's next commit repairs the generation. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/kafka_trouble.h"
#include "common/log.h"
#include "common/err.h"
#include "common/sabotage.h"
#include "worker/positions.h"
#include "worker/pump_internal.h"

static void op_fail(struct pump_op *op, const char *what, const char *why) {
        if (!*op->error) (void)snprintf(op->error, sizeof op->error, "%s: %s", what, why);
}

static void op_free(struct pump_op *op) {
        for (size_t i = 0; i < op->count; i++) op->parts[i]->starting = false;
        if (op->list) rd_kafka_topic_partition_list_destroy(op->list);
        begin_free(op);
        if (op->committed) rd_kafka_topic_partition_list_destroy(op->committed);
        codec_free(op->recorded);
        for (size_t i = 0; i < op->topic_count; i++) {
                /* A handle that was not taken over. */
                if (op->topics[i].handle) rd_kafka_topic_destroy(op->topics[i].handle);
        }
        free(op->topics);
        free(op->source_id);
        free(op->destination_id);
        free(op->leaderless);
        free(op->parts);
        free(op);
}

static struct pump_op *op_new(struct pump *pump, enum pump_op_kind kind) {
        struct pump_op *op = calloc(1, sizeof *op);
        if (!op) return NULL;
        *op = (struct pump_op){.kind = kind, .pump = pump};
        op->parts = calloc(pump->part_count ? pump->part_count : 1, sizeof *op->parts);
        op->leaderless = calloc(pump->part_count ? pump->part_count : 1, sizeof *op->leaderless);
        op->list = rd_kafka_topic_partition_list_new((int)pump->part_count);
        if (!op->parts || !op->leaderless) {
                free(op->parts);
                free(op->leaderless);
                rd_kafka_topic_partition_list_destroy(op->list);
                free(op);
                return NULL;
        }
        return op;
}

static void op_add(struct pump_op *op, struct part *part) {
        rd_kafka_topic_partition_list_add(op->list, part->topic->name, part->partition);
        part->refused = false;
        op->parts[op->count++] = part;
}

static void on_committed(struct pump_op *op);

static void read_job(void *arg) {
        struct pump_op *op = arg;
        /* The consumer lives: clients are destroyed only when no job runs. */
        if (op->kind == PUMP_OP_START) op->committed_err = topics_ask_source(op);
        if (!op->committed_err)
                op->committed_err = rd_kafka_committed(op->pump->consumer, op->committed, PUMP_REQUEST_MS);
}

static void read_done(void *arg) {
        struct pump_op *op = arg;
        struct pump *pump = op->pump;
        data_loop_tick(pump->loop);
        pump->jobs--;
        for (size_t i = 0; i < op->topic_count; i++) {
                struct dest_topic *topic = pump->topics; /* never freed before the pump */
                while (topic != op->topics[i].of) topic = topic->next;
                if (op->topics[i].source_count > 0) topic->source_partitions = op->topics[i].source_count;
        }
        limits_share_topics(pump);
        on_committed(op);
        pump_advance(pump);
}

/* In a short thread: the asynchronous admin call for it runs into an assertion of
 * librdkafka 2.0.2 when the group's coordinator goes away. */
static void op_list_committed(struct pump_op *op) {
        struct pump *pump = op->pump;
        op->committed = rd_kafka_topic_partition_list_copy(op->list);
        op->pending++;
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &op->read, op, read_job, read_done);
}

/* Its position belongs to a log that is gone. */
static bool part_disowned(const struct part *part) {
        return part->state == PART_HALTED && part->halt.kind == HALT_NO_POSITION;
}

static void op_commit_list(struct pump_op *op, const rd_kafka_topic_partition_list_t *list) {
        rd_kafka_resp_err_t err = rd_kafka_commit_queue(op->pump->consumer, list, op->pump->answers, NULL, op);
        if (err)
                op_fail(op, "commit", rd_kafka_err2str(err));
        else
                op->pending++;
}

static void op_commit_apart(struct pump_op *op) {
        rd_kafka_topic_partition_list_sort(op->list, NULL, NULL);
        for (int from = 0, to; from < op->list->cnt; from = to) {
                rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(8);
                for (to = from; to < op->list->cnt &&
                                strcmp(op->list->elems[to].topic, op->list->elems[from].topic) == 0; to++) {
                        const rd_kafka_topic_partition_t *row = &op->list->elems[to];
                        rd_kafka_topic_partition_t *copy =
                                rd_kafka_topic_partition_list_add(one, row->topic, row->partition);
                        copy->offset = row->offset;
                        copy->metadata = row->metadata ? strdup(row->metadata) : NULL;
                        copy->metadata_size = copy->metadata ? row->metadata_size : 0;
                }
                op_commit_list(op, one);
                rd_kafka_topic_partition_list_destroy(one);
        }
}

static void op_commit(struct pump_op *op) {
        struct pump *pump = op->pump;
        char metadata[CODEC_METADATA_MAX];
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)op->count);
        for (size_t i = 0; i < op->count; i++) {
                struct part *part = op->parts[i];
                int64_t position = part_position(part);
                /* A start skips what was parked or halted on the way. */
                if (op->kind == PUMP_OP_START && part->state != PART_NEW) continue;
                if (position < 0 || part_disowned(part) || part->refused) continue;
                rd_kafka_topic_partition_t *row = rd_kafka_topic_partition_list_add(
                        list, part->topic->name, part->partition);
                row->offset = position;
                codec_metadata_format(metadata,
                                      (struct codec_metadata){pump->settings.generation,
                                                              pump->settings.exactly_once && part->recorded,
                                                              pump->settings.exactly_once && !part->record_stale});
                row->metadata = strdup(metadata); /* freed with the list */
                row->metadata_size = row->metadata ? strlen(metadata) : 0;
        }
        rd_kafka_topic_partition_list_destroy(op->list);
        op->list = list;
        op->committing = true;
        op->apart = pump->commit_apart;
        op->generation = pump->settings.generation;
        if (op->apart) return op_commit_apart(op);
        if (list->cnt) op_commit_list(op, list);
}

static struct part *op_part(struct pump_op *op, const char *topic, int32_t partition, size_t hint) {
        if (hint < op->count && op->parts[hint]->partition == partition &&
            strcmp(op->parts[hint]->topic->name, topic) == 0)
                return op->parts[hint];
        for (size_t i = 0; i < op->count; i++)
                if (op->parts[i]->partition == partition &&
                    strcmp(op->parts[i]->topic->name, topic) == 0)
                        return op->parts[i];
        return NULL;
}

/* The source's topic is not there, or not for us: no matter for the lane's others. */
static bool topic_refused(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
               err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Takes the partition out of the chain. */
static void op_park(struct pump_op *op, struct part *part, rd_kafka_resp_err_t err) {
        if (op->kind == PUMP_OP_START ? part->state == PART_NEW : part->state == PART_FLOWING)
                part_stop(op->pump, part, PART_PARKED, "source: %s", rd_kafka_err2str(err));
        part->refused = true;
}

/* ---- START ---- */

static void read_record(struct pump_op *op) {
        const struct pump_settings *settings = &op->pump->settings;
        char topic[NAMES_TOPIC_SIZE];
        names_positions_topic(topic, settings->group_id);
        op->recorded_rc = positions_read(settings->config, settings->destination, settings->route, topic,
                                         settings->lane, PUMP_REQUEST_MS, &op->recorded,
                                         op->recorded_err, sizeof op->recorded_err);
}

static void start_job(void *arg) {
        struct pump_op *op = arg;
        struct pump *pump = op->pump; /* only what does not change while a job runs */
        if (op->stage == START_BEGIN) return begin_job(op);
        if (op->stage == START_RECORD) {
                txn_settle(&pump->settings);
                return read_record(op);
        }
        rd_kafka_resp_err_t err = topics_ask_destination(op);
        if (!err && pump->settings.exactly_once) read_record(op);
}

static bool broker_away(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
               err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
               err == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

static void start_next(struct pump_op *op);

static void start_job_done(void *arg) {
        struct pump_op *op = arg;
        struct pump *pump = op->pump;
        data_loop_tick(pump->loop);
        char why[KAFKA_TROUBLE_MAX + 80], text[300];
        pump->jobs--;
        if (op->stage == START_TOPICS) {
                for (size_t i = 0; i < op->topic_count; i++) {
                        struct dest_topic *topic = pump->topics; /* never freed before the pump */
                        while (topic != op->topics[i].of) topic = topic->next;
                        if (!topic->handle) {
                                topic->handle = op->topics[i].handle;
                                op->topics[i].handle = NULL;
                        }
                        if (!op->topics[i].err) topic->partitions = op->topics[i].count;
                        for (size_t k = 0; k < op->count; k++) {
                                struct part *part = op->parts[k];
                                if (part->topic != topic) continue;
                                if (!*topic->target)
                                        part_stop(pump, part, PART_PARKED, "%s", topic->target_error);
                                else if (op->topics[i].err) {
                                        (void)kafka_trouble_of(pump->producer, op->topics[i].err, why, sizeof why);
                                        part_stop(pump, part, PART_PARKED, "destination topic: %s", why);
                                        part->broker_away = broker_away(op->topics[i].err);
                                        if (op->topics[i].err != RD_KAFKA_RESP_ERR__TRANSPORT &&
                                            op->topics[i].err != RD_KAFKA_RESP_ERR__TIMED_OUT)
                                                continue;
                                        op->destination_away = true;
                                        (void)snprintf(text, sizeof text, "destination: %.280s", why);
                                        pump_set_error(pump, text);
                                }
                                else if (pump->settings.by_key ? op->topics[i].count < 1
                                                               : part->partition >= op->topics[i].count)
                                        part_stop(pump, part, PART_PARKED,
                                                  "destination topic has only %d partitions",
                                                  op->topics[i].count);
                                else if (op->leaderless[k]) {
                                        part_stop(pump, part, PART_PARKED, "destination partition has no leader");
                                        part->broker_away = true;
                                }
                        }
                }
        }
        op->pending--;
        start_next(op);
        pump_advance(pump);
}

static void start_queue_job(struct pump_op *op) {
        struct pump *pump = op->pump;
        op->pending++;
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &op->work, op, start_job, start_job_done);
}

void pump_start_parts(struct pump *pump) {
        int64_t now = clock_boot_ms();
        if (pump->start_op || pump->state != PUMP_RUNNING) return;
        halt_answers(pump);
        struct pump_op *op = op_new(pump, PUMP_OP_START);
        if (!op) return pump_retry_soon(pump, 1000);
        op->asks_apart = pump->settings.topic_looks != NULL;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                /* What is still under way would be sent twice. */
                if (part->left) continue;
                bool parked = part->state == PART_PARKED;
                if (parked && !part_rests(pump, part) && part->retry_ms <= now && part->under_way == 0 &&
                    !part->relayed && !part->halt_probing)
                        part->state = PART_NEW;
                if (part->state != PART_NEW) continue;
                part->starting = true;
                op->asks_apart &= !parked && !part->topic->handle && pump_relay_wants(pump, part);
                op_add(op, part);
        }
        if (op->count == 0) return op_free(op);
        pump->start_op = op;
        op->topics = calloc(op->count, sizeof *op->topics);
        if (op->topics)
                for (size_t i = 0; i < op->count; i++) {
                        size_t k = 0;
                        while (k < op->topic_count && op->topics[k].of != op->parts[i]->topic) k++;
                        if (k == op->topic_count) op->topics[op->topic_count++].of = op->parts[i]->topic;
                }
        start_queue_job(op);
        op_list_committed(op);
}

/* Why nothing may flow between these two clusters, or NULL. */
static const char *ends_refused(struct pump *pump, const struct pump_op *op) {
        (void)snprintf(pump->source_id, sizeof pump->source_id, "%s", op->source_id ? op->source_id : "");
        (void)snprintf(pump->destination_id, sizeof pump->destination_id, "%s",
                       op->destination_id ? op->destination_id : "");
        if (*pump->source_id && strcmp(pump->source_id, pump->destination_id) == 0)
                return "source and destination are the same Kafka cluster";
        if (pump->settings.provenance && (!*pump->source_id || !*pump->destination_id))
                return "provenance: a broker does not tell the id of its cluster";
        return NULL;
}

static void start_finish(struct pump_op *op) {
        struct pump *pump = op->pump;
        pump->start_op = NULL;
        if (*op->error) {
                log_warn("lane.start.retry", "route=%s lane=%u reason=\"%s\"", pump->settings.route,
                         pump->settings.lane, op->error);
                pump_set_error(pump, op->error);
                op_free(op);
                pump_retry_soon(pump, 1000);
                return;
        }
        if (!op->destination_away) pump_set_error(pump, "");
        bool waiting = false;
        int64_t now = clock_boot_ms();
        const char *refused = ends_refused(pump, op);
        for (size_t i = 0; i < op->count; i++) {
                struct part *part = op->parts[i];
                if (part->state != PART_NEW) continue;
                if (refused) {
                        part_stop(pump, part, PART_PARKED, "%s", refused);
                        continue;
                }
                int64_t committed = part_position(part);
                /* What an open transaction holds already is not read again. */
                part->position = pump->txn != TXN_NONE && part->flowed ? ledger_next(&part->ledger)
                                                                       : part_position(part);
                if (pump->txn != TXN_NONE && !part->flowed) {
                        part->txn_position = part->position;
                        part->txn_generation = pump->settings.generation;
                }
                part->committed = op->generation == pump->settings.generation ? committed : -1;
                part->committed_ms = now;
                part->committed_once = true;
                part->state = PART_WAITING;
                halt_on_started(part);
                if (!part->started) waiting = true;
        }
        op_free(op);
        pump_flow_waiting(pump);
        if (waiting) pump_tell(pump, PUMP_TELL_FACTS, 0);
        halt_look_committed(pump);
        pump_start_parts(pump); /* those that came in the meantime */
}

static const Heliostat__Pb__Position *recorded_of(const Heliostat__Pb__Positions *record, const struct part *part) {
        for (size_t i = 0; record && i < record->n_topics; i++) {
                const Heliostat__Pb__PositionTopic *topic = record->topics[i];
                if (strcmp(topic->topic, part->topic->name) != 0) continue;
                for (size_t k = 0; k < topic->n_positions; k++)
                        if ((int32_t)topic->positions[k]->partition == part->partition)
                                return topic->positions[k];
        }
        return NULL;
}

/* The group has forgotten what a halted partition had with its topic, or somebody has given it another position since:
 * the record may be of a topic that is gone. */
static bool record_doubted(const struct part *part) {
        if (!part->resuming || part->flowed) return false;
        return part->position < 0 || (part->halt.kind == HALT_NO_POSITION && !part->record_counts);
}

/* Where the group's position is an exactly-once lane's, the record counts: the
 * group's may lag behind it and carry a later generation all the same.  Else it
 * is from before the route became exactly-once, or from after: then the later
 * generation counts, and within one the higher position.
 * false: the record has a generation above ours; op->fenced. */
static bool op_take_recorded(struct pump_op *op) {
        struct pump *pump = op->pump;
        /* Also where it tells nothing new of these: what it no longer lists, a later
         * owner has given to another lane. */
        if (op->recorded && op->recorded->generation > pump->settings.generation && !SABOTAGE(FENCE_OFF)) {
                op->fenced = op->recorded->generation;
                return false;
        }
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                const Heliostat__Pb__Position *row = recorded_of(op->recorded, part);
                if (row && floor_counts(&part->floor, row->generation)) row = NULL; /* of an earlier stay in this lane */
                if (part->starting) halt_note_committed(part, row ? row->next_offset : -1, true);
                if (part->flowed || part->left) continue;
                if (row && record_doubted(part)) row = NULL;
                if (!row) {
                        /* Deleted, or a tombstone compacted away: the group's may be older. */
                        if (part->record_wanted && part->state == PART_NEW)
                                part_halt(pump, part, HALT_NO_POSITION, -1, -1,
                                          "no position record at the destination although one was written");
                        continue;
                }
                if (row->generation > pump->settings.generation && !SABOTAGE(FENCE_OFF)) {
                        op->fenced = row->generation;
                        return false;
                }
                bool groups = part->starting && part->position >= 0 && !part->record_counts &&
                              (part->position_generation > row->generation ||
                               (part->position_generation == row->generation &&
                                part->position > row->next_offset));
                part->recorded = !groups;
                part->record_stale = groups;
                if (!groups) {
                        part->position = SABOTAGE(POSITION_NOT_READ) && part->txn_position >= 0 ? part->txn_position
                                                                                                : row->next_offset;
                        part->position_generation = row->generation;
                }
                if (!pump->settings.exactly_once) continue;
                /* Also of one that does not start now: each record tells of all. */
                part->txn_position = part->position;
                part->txn_generation = part->position_generation;
        }
        return true;
}

/* After each answer of a START chain; goes on when none is awaited. */
static void start_next(struct pump_op *op) {
        struct pump *pump = op->pump;
        if (op->pending > 0) return;
        if (op->fenced) {
                uint64_t generation = op->fenced;
                pump->start_op = NULL;
                op_free(op);
                return pump_fence(pump, generation);
        }
        if (pump->state != PUMP_RUNNING) {
                /* No new request: a commit now could go over a newer owner's.
                 * Nothing is pending, so no answer will name the op. */
                pump->start_op = NULL;
                return op_free(op);
        }
        /* Somebody else may have committed since: read again before anything is
         * written, and before anything flows. */
        if (op->stale) op_fail(op, "start", "the process was stopped meanwhile");
        if (op->recorded_rc) op_fail(op, "position record", op->recorded_err);
        if (*op->error) return start_finish(op);
        if (op->committing) return start_finish(op);
        if (op->stage == START_TOPICS && op->record_wanted && !pump->settings.exactly_once) {
                /* The route was exactly-once before. */
                op->stage = START_RECORD;
                return start_queue_job(op);
        }
        if (op->stage != START_BEGIN && !op_take_recorded(op)) {
                uint64_t generation = op->fenced;
                pump->start_op = NULL;
                op_free(op);
                return pump_fence(pump, generation);
        }

        if (op->stage == START_BEGIN) {
                begin_take(op);
        } else if (begin_collect(op)) {
                for (size_t i = 0; i < op->topic_count; i++) {
                        if (op->topics[i].handle) rd_kafka_topic_destroy(op->topics[i].handle);
                        op->topics[i].handle = NULL;
                }
                op->stage = START_BEGIN;
                return start_queue_job(op);
        }
        if (*op->error) return start_finish(op);
        op_commit(op);
        if (op->pending == 0) start_finish(op); /* nothing to commit, or it failed at once */
}

void pump_flow_waiting(struct pump *pump) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        bool flowing = false, crosses = false;
        if (pump->state == PUMP_RUNNING)
                for (size_t i = 0; i < pump->part_count; i++) {
                        struct part *part = pump->parts[i];
                        if (part->state != PART_WAITING || !part->started || part->left || halt_waits(part)) continue;
                        bool stays = !part->paused && !leave_rests(part);
                        pump_drop_part(pump, part);
                        ledger_fini(&part->ledger);
                        ledger_init(&part->ledger, part->position);
                        part->flowed = true;
                        map_on_flow(pump, part);
                        part->progress_position = part->position;
                        part->progress_ms = clock_boot_ms();
                        part->eof = false;
                        part->looked = part->position;
                        part->record_ms = -1;
                        *part->error = '\0';
                        part->state = PART_FLOWING;
                        flowing |= stays;
                        if (stays && !pump_relay_take(pump, part)) {
                                if (pump_relay_crosses(pump, part, false))
                                        crosses = true;
                                else
                                        rd_kafka_topic_partition_list_add(list, part->topic->name, part->partition)
                                                ->offset = part->position;
                        }
                        if (stays) continue;
                        part->state = PART_PARKED; /* its position is known, and is committed like the others' */
                        if (part->paused) (void)snprintf(part->error, sizeof part->error, "%s", PUMP_PAUSED_TEXT); /* it fits */
                        if (!pump->running_told) pump_tell(pump, PUMP_TELL_RUNNING, 0);
                        pump->running_told = true;
                }
        if (crosses) txn_renew(pump);
        if (flowing && pump->state == PUMP_RUNNING) {
                rd_kafka_error_t *error = list->cnt ? rd_kafka_incremental_assign(pump->consumer, list) : NULL;
                if (error) {
                        pump_recycle(pump, "assign: %s", rd_kafka_error_string(error));
                        rd_kafka_error_destroy(error);
                } else {
                        for (size_t i = 0; i < pump->part_count && list->cnt; i++) {
                                struct part *part = pump->parts[i];
                                if (part->state != PART_FLOWING || part->relayed) continue;
                                topics_open(pump, part->topic);
                                part_on_assigned(pump, part);
                        }
                        if (!pump->running_told) pump_tell(pump, PUMP_TELL_RUNNING, 0);
                        pump->running_told = true;
                        data_loop_ready(pump->loop, &pump->member);
                }
        }
        rd_kafka_topic_partition_list_destroy(list);
}

/* ---- COMMIT ---- */

int64_t part_position(const struct part *part) {
        if (SABOTAGE(COMMIT_BEFORE_ACK) && part->flowed) return ledger_next(&part->ledger);
        if (part->txn_position >= 0 && part->flowed) return part->txn_position;
        return part->flowed ? ledger_position(&part->ledger) : part->position;
}

static bool part_commits(const struct pump *pump, const struct part *part, bool all, int64_t now) {
        if (!part->flowed || part->starting || part->left || part->leave_done || part_disowned(part)) return false;
        if (part->committed != part_position(part)) return true;
        /* A halt may last longer than a group remembers. */
        if (part->state != PART_FLOWING && part->state != PART_HALTED && !part->paused) return false;
        return all || now - part->committed_ms >= (int64_t)pump->settings.recommit_interval_ms;
}

bool pump_dirty(const struct pump *pump) {
        int64_t now = clock_boot_ms();
        for (size_t i = 0; i < pump->part_count; i++)
                if (part_commits(pump, pump->parts[i], false, now)) return true;
        return false;
}

bool pump_commit(struct pump *pump, bool all) {
        int64_t now = clock_boot_ms();
        if (pump->commit_op || !pump->consumer) return false;
        struct pump_op *op = op_new(pump, PUMP_OP_COMMIT);
        if (!op) return false;
        for (size_t i = 0; i < pump->part_count; i++)
                if (part_commits(pump, pump->parts[i], all, now)) op_add(op, pump->parts[i]);
        if (op->count == 0) {
                op_free(op);
                return false;
        }
        op->checks_gap = all;
        pump->commit_op = op;
        op->begun_us = clock_boot_us();
        op_list_committed(op);
        return true;
}

/* One answer; there are several if the topics went apart. */
static void commit_take(struct pump_op *op, const rd_kafka_topic_partition_list_t *answer) {
        struct pump *pump = op->pump;
        int64_t now = clock_boot_ms();
        for (int i = 0; answer && i < answer->cnt; i++) {
                const rd_kafka_topic_partition_t *row = &answer->elems[i];
                struct part *part = op_part(op, row->topic, row->partition, (size_t)i);
                if (!part) continue;
                if (row->err && topic_refused(row->err)) op_park(op, part, row->err);
                if (row->err && part->state != PART_FLOWING) {
                        /* A topic that is gone, or no longer ours: no reason to wait, or to try
                         * again before it starts. */
                        if (!topic_refused(row->err))
                                op->commit_failed = true;
                        else if (pump->state == PUMP_DRAINING || part->state == PART_PARKED)
                                part->committed = row->offset;
                        continue;
                }
                if (row->err) {
                        (void)snprintf(part->error, sizeof part->error, "commit: %s", rd_kafka_err2str(row->err));
                        op->commit_failed = true;
                        continue;
                }
                /* Adopted meanwhile: the new generation is not committed yet. */
                part->committed = op->generation == pump->settings.generation ? row->offset : -1;
                part->committed_ms = now;
                part->committed_once = true;
        }
}

static void commit_finish(struct pump_op *op) {
        struct pump *pump = op->pump;
        int64_t now = clock_boot_ms();
        bool failed = *op->error != '\0' || op->commit_failed;
        pump->commit_op = NULL;
        if (failed) pump->stats.commit_failures++;
        else histogram_add(&pump->stats.commit, clock_boot_us() - op->begun_us);
        if (!*op->error) pump->unchecked_ms = 0;
        else if (!pump->unchecked_ms) pump->unchecked_ms = now;
        if (*op->error) {
                log_warn("lane.commit.retry", "route=%s lane=%u reason=\"%s\"", pump->settings.route,
                         pump->settings.lane, op->error);
                pump_set_error(pump, op->error);
        }
        bool checked = !*op->error && op->checks_gap && !op->stale, refused = false;
        /* One that is to leave would ask again at once, for as long as it is refused. */
        for (size_t i = 0; i < op->count; i++) refused |= op->parts[i]->refused && op->parts[i]->leaving;
        op_free(op);
        if (checked && pump->held) {
                log_info("lane.checked", "route=%s lane=%u gen=%" PRIu64, pump->settings.route,
                         pump->settings.lane, pump->settings.generation);
                pump->held = false;
                data_loop_ready(pump->loop, &pump->member);
        }
        if (failed || refused) {
                pump->recheck_ms = now + PUMP_RECHECK_MS;
                pump_retry_soon(pump, PUMP_RECHECK_MS);
        }
        halt_look_committed(pump);
        /* The callers go on with pump_advance: it may end the clients, and the
         * answer that led here still refers to them. */
}

/* ---- answers ---- */

/* A coordinator that goes away in order (a broker that is restarted) may answer
 * for a group that it has just unloaded: no position, and no error.  One answer
 * proves nothing.  Until the next ones say the same, no record is sent.
 * true: it has gone; false: the op has failed, and is tried again. */
bool op_position_gone(struct pump_op *op, struct part *part) {
        int64_t now = clock_boot_ms();
        if (!part->gone_ms) part->gone_ms = now;
        if (now - part->gone_ms >= PUMP_GONE_MS) return true;
        if (op->kind == PUMP_OP_COMMIT) {
                op->pump->held = true;
                op->checks_gap = true;
        }
        op_fail(op, "committed position", "the group has none, which is asked again");
        return false;
}

/* Notes positions (START) and generations (both) of a committed-offsets answer. */
static void op_take_committed(struct pump_op *op, const rd_kafka_topic_partition_list_t *rows) {
        struct pump *pump = op->pump;
        for (int i = 0; i < rows->cnt; i++) {
                const rd_kafka_topic_partition_t *row = &rows->elems[i];
                struct part *part = op_part(op, row->topic, row->partition, (size_t)i);
                if (!part) continue;
                if (row->err && topic_refused(row->err)) {
                        op_park(op, part, row->err);
                        continue;
                }
                if (row->err) {
                        op_fail(op, "committed position", rd_kafka_err2str(row->err));
                        continue;
                }
                if (row->offset >= 0) part->gone_ms = 0;
                /* One that has halted is not committed into a topic that was created anew meanwhile either. */
                bool looks = part->state != PART_HALTED || (part->halt.kind != HALT_NO_POSITION && part->halt.answer == ANSWER_NONE);
                if (row->offset < 0 && part->committed_once && looks) {
                        /* Brokers forget a topic's positions with the topic. */
                        if (!op_position_gone(op, part)) continue;
                        int64_t position = part_position(part);
                        part_halt(pump, part, HALT_NO_POSITION, position, -1,
                                  "position %lld has gone from group %s: the topic was deleted and created anew, or the group was deleted",
                                  (long long)position, pump->settings.group_id);
                        continue;
                }
                struct codec_metadata metadata = codec_metadata_parse(row->metadata, row->metadata_size);
                uint64_t generation = metadata.generation;
                if (op->kind == PUMP_OP_START && !part->flowed) {
                        part->record_wanted = metadata.transactional;
                        part->record_counts = metadata.exactly_once;
                        op->record_wanted |= metadata.exactly_once;
                }
                if (generation > pump->settings.generation && generation > op->fenced && !SABOTAGE(FENCE_OFF))
                        op->fenced = generation;
                /* Read by an attempt to start that came to nothing: of a topic that is gone since. */
                if (op->kind == PUMP_OP_START && row->offset < 0 && part->started && !part->flowed) part->position = -1;
                bool floor = floor_counts(&part->floor, generation);
                if (op->kind == PUMP_OP_START)
                        halt_note_committed(part, floor ? part->floor.offset : row->offset, !pump->settings.exactly_once);
                /* A position of our own is exact; the committed one may be older. */
                if (op->kind == PUMP_OP_START && row->offset >= 0 && !part->flowed) {
                        part->position = row->offset;
                        part->position_generation = generation;
                        if (floor) {
                                part->position = part->floor.offset;
                                part->position_generation = part->floor.generation;
                                part->record_wanted = part->record_counts = false; /* another lane's record */
                        }
                }
        }
}

static void on_committed(struct pump_op *op) {
        char why[KAFKA_TROUBLE_MAX + 80];
        op->pending--;
        if (op->committed_err)
                op_fail(op, "committed positions",
                        kafka_trouble_of(op->pump->consumer, op->committed_err, why, sizeof why));
        else
                op_take_committed(op, op->committed);
        if (op->kind == PUMP_OP_START) return start_next(op);
        if (op->fenced) {
                uint64_t generation = op->fenced;
                op->pump->commit_op = NULL;
                struct pump *pump = op->pump;
                op_free(op);
                return pump_fence(pump, generation);
        }
        if (op->pump->state == PUMP_STOPPING) op_fail(op, "commit", "stopping");
        if (op->stale) op_fail(op, "commit", "the process was stopped meanwhile");
        if (!*op->error) op_commit(op);
        if (op->pending == 0) commit_finish(op);
}

/* librdkafka 2.0.2 gives every partition of a request the error of the last one
 * that failed: where topics are refused, each must have a request of its own. */
static void on_commit(struct pump_op *op, rd_kafka_event_t *event) {
        struct pump *pump = op->pump;
        rd_kafka_resp_err_t err = rd_kafka_event_error(event);
        const rd_kafka_topic_partition_list_t *rows = rd_kafka_event_topic_partition_list(event);
        op->pending--;
        if (topic_refused(err)) {
                op->refused = true;
                pump->commit_apart = true;
                if (!op->apart) {
                        op_fail(op, "commit", rd_kafka_err2str(err));
                        rows = NULL;
                }
        } else if (err) {
                op_fail(op, "commit", rd_kafka_err2str(err));
        }
        if (op->kind == PUMP_OP_COMMIT) {
                commit_take(op, rows);
        } else {
                for (int i = 0; rows && i < rows->cnt; i++) {
                        const rd_kafka_topic_partition_t *row = &rows->elems[i];
                        struct part *part = row->err ? op_part(op, row->topic, row->partition, (size_t)i) : NULL;
                        if (part && topic_refused(row->err))
                                op_park(op, part, row->err);
                        else if (row->err)
                                op_fail(op, "commit", rd_kafka_err2str(row->err));
                }
        }
        if (op->pending == 0 && op->apart && !op->refused && !*op->error) pump->commit_apart = false;
        if (op->kind == PUMP_OP_START) return start_next(op);
        if (op->pending == 0) commit_finish(op);
}

void pump_on_answers(struct pump *pump) {
        rd_kafka_event_t *event;
        while (pump->answers && (event = rd_kafka_queue_poll(pump->answers, 0))) {
                struct pump_op *op = rd_kafka_event_opaque(event);
                /* An abandoned chain's answer finds no op to go on with. */
                if (op && (op == pump->start_op || op == pump->commit_op)) {
                        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT) on_commit(op, event);
                }
                rd_kafka_event_destroy(event);
        }
}

/* No job runs any more: the ops wait for answers of a queue that goes. */
void pump_abandon_ops(struct pump *pump) {
        struct pump_op *ops[] = {pump->start_op, pump->commit_op};
        pump->start_op = pump->commit_op = NULL;
        for (int i = 0; i < 2; i++) {
                if (!ops[i]) continue;
                op_free(ops[i]);
        }
}
