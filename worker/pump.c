/* The records' path.  A consumed message is handed to the producer as it lies
 * and lives until its delivery report; only the key is copied (by librdkafka).
 *
 * Good path: queue -> batch of at most PUMP_BATCH -> [the partition's backlog,
 * while its last burst is under way] -> ledger_send -> producev (payload and
 * headers by reference) -> delivery report -> ledger_ack -> the position moves
 * -> committed by the next commit.
 * Failure paths: a record that this partition's destination will never take
 * halts the partition; any other failed delivery recycles the pump, which
 * starts again at the committed positions.  Nothing is ever skipped.
 *
 * Copying records into an own queue between the two clients was rejected: it
 * costs a copy.  What is taken from the consumer's queue is counted until it is
 * destroyed (budget.h), and at the limit nothing more is taken. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/log.h"
#include "worker/denied.h"
#include "worker/partitioner.h"
#include "worker/producer_id.h"
#include "worker/pump_internal.h"

/* ---- which partition a message belongs to ---- */

static size_t slot_hash(const rd_kafka_topic_t *topic, int32_t partition, size_t capacity) {
        uint64_t h = (uint64_t)(uintptr_t)topic ^ ((uint64_t)(uint32_t)partition << 32);
        h *= 0x9e3779b97f4a7c15u;
        return (size_t)(h >> 20) & (capacity - 1);
}

void pump_forget_slots(struct pump *pump) {
        free(pump->slots);
        pump->slots = NULL;
        pump->slot_capacity = pump->slot_count = 0;
}

static bool slot_grow(struct pump *pump) {
        size_t capacity = pump->slot_capacity ? pump->slot_capacity * 2 : 64;
        struct pump_slot *slots = calloc(capacity, sizeof *slots);
        if (!slots) return false;
        for (size_t i = 0; i < pump->slot_capacity; i++) {
                struct pump_slot *old = &pump->slots[i];
                if (!old->topic) continue;
                size_t at = slot_hash(old->topic, old->partition, capacity);
                while (slots[at].topic) at = (at + 1) & (capacity - 1);
                slots[at] = *old;
        }
        free(pump->slots);
        pump->slots = slots;
        pump->slot_capacity = capacity;
        return true;
}

/* NULL: not one of ours (or no memory: the caller drops nothing, see there). */
struct part *pump_part_of(struct pump *pump, const rd_kafka_message_t *message) {
        size_t at = 0;
        if (pump->slot_capacity) {
                at = slot_hash(message->rkt, message->partition, pump->slot_capacity);
                while (pump->slots[at].topic) {
                        if (pump->slots[at].topic == message->rkt &&
                            pump->slots[at].partition == message->partition &&
                            /* librdkafka may use a freed topic's address again */
                            strcmp(pump->slots[at].part->topic->name, rd_kafka_topic_name(message->rkt)) == 0)
                                return pump->slots[at].part;
                        at = (at + 1) & (pump->slot_capacity - 1);
                }
        }
        const char *name = rd_kafka_topic_name(message->rkt);
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (part->partition != message->partition || strcmp(part->topic->name, name) != 0)
                        continue;
                if (pump->slot_count * 2 >= pump->slot_capacity && !slot_grow(pump)) return part;
                at = slot_hash(message->rkt, message->partition, pump->slot_capacity);
                while (pump->slots[at].topic) at = (at + 1) & (pump->slot_capacity - 1);
                pump->slots[at] = (struct pump_slot){message->rkt, message->partition, part};
                pump->slot_count++;
                return part;
        }
        return NULL;
}

/* ---- stopping one partition ---- */

static uint64_t retry_after_ms(const struct part *part) {
        if (part->refusals == 0) return PUMP_PARK_MS;
        unsigned doubled = part->refusals - 1 < 8 ? part->refusals - 1 : 8;
        uint64_t ms = (uint64_t)PUMP_REFUSED_MS << doubled;
        return ms < PUMP_REFUSED_MAX_MS ? ms : PUMP_REFUSED_MAX_MS;
}

void part_stop(struct pump *pump, struct part *part, enum part_state state, const char *format, ...) {
        va_list ap;
        bool flowing = part->state == PART_FLOWING;
        va_start(ap, format);
        (void)vsnprintf(part->error, sizeof part->error, format, ap); /* cut at the bound */
        va_end(ap);
        if (part->state != state)
                log_warn(state == PART_HALTED ? "partition.halt" : "partition.park",
                         "route=%s lane=%u topic=%s partition=%d position=%lld reason=\"%s\"",
                         pump->settings.route, pump->settings.lane, part->topic->name,
                         part->partition, (long long)part_position(part), part->error);
        part->state = state;
        part->broker_away = false;
        part->retry_ms = clock_boot_ms() + (int64_t)retry_after_ms(part);
        part->relay_until = -1;
        if (part->relayed) {
                relay_remove(part->relayed);
        } else if (flowing && !seats_stop(pump, part)) {
                rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
                rd_kafka_topic_partition_list_add(list, part->topic->name, part->partition);
                rd_kafka_error_t *error = rd_kafka_incremental_unassign(pump->consumer, list);
                if (error) {
                        log_warn("partition.unassign", "topic=%s partition=%d error=\"%s\"",
                                 part->topic->name, part->partition, rd_kafka_error_string(error));
                        rd_kafka_error_destroy(error);
                }
                rd_kafka_topic_partition_list_destroy(list);
        }
        if (state == PART_PARKED) pump_retry_soon(pump, retry_after_ms(part));
}

static void part_refused(struct pump *pump, struct part *part, const char *whose, const char *why) {
        part->refusals++;
        part_stop(pump, part, PART_PARKED, "%s: %s", whose, why);
}

/* All partitions of a destination's topic, so that they are tried again together:
 * each attempt may cost the lane its clients. */
static void topic_denied(struct pump *pump, const char *target) {
        const char *why = rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        unsigned refusals = 0;
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (strcmp(part->topic->target, target) == 0 && part->refusals > refusals) refusals = part->refusals;
        }
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (part->state == PART_HALTED || strcmp(part->topic->target, target) != 0) continue;
                part->refusals = refusals;
                part_refused(pump, part, "destination", why);
        }
}

void pump_park_denied(struct pump *pump) {
        char names[DENIED_MAX][NAMES_TOPIC_SIZE];
        uv_mutex_lock(&pump->denied.lock);
        size_t count = pump->denied.count;
        memcpy(names, pump->denied.names, sizeof names);
        pump->denied.count = 0;
        uv_mutex_unlock(&pump->denied.lock);
        for (size_t k = 0; k < count; k++) topic_denied(pump, names[k]);
}

#define SYSLOG_DEBUG 7

/* On a thread of librdkafka's. */
static void on_producer_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
        struct pump *pump = client ? rd_kafka_opaque(client) : NULL;
        char topic[NAMES_TOPIC_SIZE];
        int64_t id;
        int16_t epoch;
        if (pump && level == SYSLOG_DEBUG && producer_id_acquired(text, &id, &epoch)) {
                uv_mutex_lock(&pump->denied.lock);
                pump->producer_id = id;
                pump->producer_epoch = epoch;
                uv_mutex_unlock(&pump->denied.lock);
        }
        if (pump && level == SYSLOG_DEBUG && pump->eos_lines) return; /* nobody asked for them */
        if (pump && denied_topic(text, topic, sizeof topic)) {
                struct denied_topics *denied = &pump->denied;
                uv_mutex_lock(&denied->lock);
                size_t i = 0;
                while (i < denied->count && strcmp(denied->names[i], topic) != 0) i++;
                if (i == denied->count && i < DENIED_MAX)
                        (void)snprintf(denied->names[denied->count++], NAMES_TOPIC_SIZE, "%s", topic);
                uv_mutex_unlock(&denied->lock);
        }
        kafka_log(client, level, facility, text);
}

/* ---- deliveries ---- */

/* No retry makes the destination take this record. */
static bool record_refused(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG ||
               err == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || err == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
               err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
               err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

/* The destination partition is not there, or not for us: others may go on. */
static bool partition_refused(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
               err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
               err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
               err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

static uint64_t list_bytes(const rd_kafka_headers_t *headers) {
        const char *name;
        const void *value;
        size_t value_bytes;
        uint64_t bytes = 0;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &value_bytes); i++)
                bytes += budget_header(strlen(name), value_bytes);
        return bytes;
}

/* m: a consumed message, or the report on one, which has its headers then. */
static uint64_t headers_bytes(const rd_kafka_message_t *m) {
        rd_kafka_headers_t *headers;
        if (rd_kafka_message_headers(m, &headers)) return 0; /* none, or corrupt: found when it is sent */
        return list_bytes(headers);
}

static uint64_t fetched_bytes(const rd_kafka_message_t *m, uint64_t headers) {
        return budget_fetched_record(m->key_len, m->len, headers);
}

static uint64_t sent_bytes(const rd_kafka_message_t *m, uint64_t headers) {
        return budget_sent_record(m->key_len, m->len, headers);
}

/* What was taken from the queue and is not at the producer. */
static void drop(struct pump *pump, rd_kafka_message_t *m) {
        pump->held_bytes -= fetched_bytes(m, m->err ? 0 : headers_bytes(m));
        rd_kafka_message_destroy(m);
}

/* The destination refuses batches, not records: of a burst of several it is not
 * known which was meant, and a batch may be too large although each of its
 * records is not.  They are sent again one by one. */
static void on_refused(struct pump *pump, struct part *part, int64_t offset, rd_kafka_resp_err_t err) {
        /* With shared destination partitions, records of other partitions may have
         * been in the batch. */
        bool alone = pump->shared ? pump->alone && pump->in_flight_count == 0 : part->burst.records <= 1;
        if (!alone) {
                for (size_t i = 0; pump->shared && i < pump->part_count; i++)
                        if (pump->parts[i]->state == PART_FLOWING)
                                pump->parts[i]->single_until = ledger_next(&pump->parts[i]->ledger);
                pump->single = pump->shared;
                part->single_until = ledger_next(&part->ledger);
                pump_recycle(pump, "%s [%d] offset %lld: %s; its batch is sent again one by one",
                             part->topic->name, part->partition, (long long)offset, rd_kafka_err2str(err));
                return;
        }
        part_halt(pump, part, HALT_REFUSED, offset, offset + 1, "record at offset %lld: %s", (long long)offset,
                  rd_kafka_err2str(err));
        if (pump->txn != TXN_NONE) pump_recycle(pump, "a record was refused, and its transaction with it");
}

/* Acknowledged, for the figures.  Records of one batch mostly fall into one
 * bucket; the clock is read once for all reports at hand. */
static void note_delivered(struct pump *pump, struct part *part, const rd_kafka_message_t *source) {
        int64_t timestamp = rd_kafka_message_timestamp(source, NULL);
        size_t bytes = source->len + source->key_len;
        part->records++;
        part->bytes += bytes;
        pump->records++;
        pump->bytes += bytes;
        if (part->poison == source->offset) pump->stats.dead_letters++;
        if (timestamp <= 0) return;
        int64_t ms = pump->delivered_ms - timestamp;
        if (ms < 0) ms = 0;
        histogram_add(&pump->stats.latency, ms * 1000);
        pump_latency_add(&part->latency, ms);
}

static void on_delivery(struct pump *pump, const rd_kafka_message_t *report) {
        rd_kafka_message_t *source = report->_private;
        if (!source) return; /* a position record: the commit's result tells */
        if (report->_private == MAP_OPAQUE(pump)) return map_on_delivery(pump, report->err);
        pump->in_flight_count--;
        uint64_t headers = headers_bytes(report);
        pump->held_bytes -= fetched_bytes(source, headers) + sent_bytes(source, headers);
        struct part *part = pump_part_of(pump, source);
        if (part) part->under_way--;
        if (part && report->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                if (ledger_ack(&part->ledger, source->offset) == 0) {
                        /* A dead letter lies elsewhere. */
                        if (pump->settings.offset_map && part->poison != source->offset)
                                offset_map_add(&part->map, source->offset, report->offset);
                        part->refusals = 0;
                        pump->failures = 0;
                        note_delivered(pump, part, source);
                }
        } else if (part && pump->state != PUMP_STOPPING) {
                if (record_refused(report->err) && part->state == PART_FLOWING)
                        on_refused(pump, part, source->offset, report->err);
                else if (partition_refused(report->err)) {
                        /* Also while recycling: it would be tried again at once. */
                        bool dead_letter = part->poison == source->offset;
                        if (part->state != PART_FLOWING) {
                                /* An earlier report said so. */
                        } else if (report->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && !dead_letter) {
                                topic_denied(pump, part->topic->target);
                        } else {
                                part_refused(pump, part, dead_letter ? "topic of dead letters" : "destination",
                                             rd_kafka_err2str(report->err));
                        }
                } else if (part->state == PART_FLOWING)
                        pump_recycle(pump, "delivery to %s [%d] failed: %s", part->topic->name,
                                     part->partition, rd_kafka_err2str(report->err));
        }
        rd_kafka_message_destroy(source);
}

static void on_source_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
        struct pump *pump = opaque;
        char text[300], why[KAFKA_TROUBLE_MAX];
        (void)err;
        (void)snprintf(text, sizeof text, "source: %s", kafka_trouble_get(rk, why, sizeof why) ? why : reason);
        pump_set_error(pump, text);
}

static void on_destination_error(struct pump *pump, rd_kafka_event_t *event) {
        char text[300], cause[KAFKA_TROUBLE_MAX];
        (void)snprintf(text, sizeof text, "destination: %s",
                       kafka_trouble_get(pump->producer, cause, sizeof cause) ? cause : rd_kafka_event_error_string(event));
        pump_set_error(pump, text);
        if (!rd_kafka_event_error_is_fatal(event) || pump->state != PUMP_RUNNING) return;
        char why[256];
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(pump->producer, why, sizeof why);
        if (txn_error_fences(fatal)) return pump_fence(pump, 0);
        pump_recycle(pump, "producer: %s (%s)", why, rd_kafka_err2name(fatal));
}

/* Events, not callbacks: librdkafka's commit of a transaction serves callbacks
 * on the thread that it was called from. */
void pump_configure_producer(rd_kafka_conf_t *conf, void *ctx) {
        struct pump *pump = ctx;
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
        rd_kafka_conf_set_opaque(conf, pump);
        rd_kafka_conf_set_log_cb(conf, on_producer_log);
        if (pump->settings.exactly_once) txn_configure(pump, conf);
        char debug[64] = "";
        size_t bytes = sizeof debug;
        if (pump->settings.exactly_once && pump->settings.relay &&
            rd_kafka_conf_get(conf, "debug", debug, &bytes) == RD_KAFKA_CONF_OK && !*debug)
                pump->eos_lines = rd_kafka_conf_set(conf, "debug", "eos", debug, sizeof debug) == RD_KAFKA_CONF_OK;
}

void pump_configure_consumer(rd_kafka_conf_t *conf, void *ctx) {
        rd_kafka_conf_set_opaque(conf, ctx);
        rd_kafka_conf_set_error_cb(conf, on_source_error);
        sizes_configure(ctx, conf);
}

static void make_room(struct pump *pump) {
        if (pump->seats.apart || pump->held_bytes <= pump->held_limit_bytes / 4 * 3) pump->blocked = false;
}

void pump_drain_deliveries(struct pump *pump) {
        rd_kafka_event_t *event;
        if (!pump->producer_queue) return;
        pump->delivered_ms = clock_wall_ms();
        while ((event = rd_kafka_queue_poll(pump->producer_queue, 0))) {
                const rd_kafka_message_t *report;
                if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
                        while ((report = rd_kafka_event_message_next(event))) {
                                txn_note_acked(pump);
                                on_delivery(pump, report);
                        }
                else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
                        on_destination_error(pump, event);
                rd_kafka_event_destroy(event);
        }
        make_room(pump);
        if (pump->backlogged || !pump->blocked) data_loop_ready(pump->loop, &pump->member);
}

/* ---- intake ---- */

static void on_reader_error(struct pump *pump, struct part *part, const rd_kafka_message_t *m) {
        const char *text = rd_kafka_message_errstr(m);
        int64_t corrupt; /* a batch's first offset may lie below what was asked for */
        if (!text) text = rd_kafka_err2str(m->err);
        /* A late error must not make a halted partition try again. */
        if (part->state != PART_FLOWING || part->relayed) return;
        switch ((int)m->err) {
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                if (pump_relay_past(pump, part, m->offset)) break;
                ledger_skip(&part->ledger, m->offset);
                part->eof = true;
                break;
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
                /* Never "earliest", never "latest": the gap is shown. */
                part_stop(pump, part, PART_PARKED, "position %lld is out of the source's range: %s",
                          (long long)ledger_next(&part->ledger), text);
                halt_probe(pump, part);
                break;
        case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED: /* a format or codec that this build cannot read */
        case RD_KAFKA_RESP_ERR__BAD_MSG:
        case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        case RD_KAFKA_RESP_ERR_INVALID_MSG:
                corrupt = m->offset > ledger_next(&part->ledger) ? m->offset : ledger_next(&part->ledger);
                part_halt(pump, part, HALT_CORRUPT, corrupt, corrupt + 1, "corrupt record at source, position %lld: %s",
                          (long long)corrupt, text);
                break;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
                part_stop(pump, part, PART_PARKED, "source: %s", text);
                break;
        default:
                /* The reader may have gone past what it could not read: start
                 * again at the ledger's position. */
                part_stop(pump, part, PART_PARKED, "source: %s", text);
                part->broker_away = true;
        }
}

/* ---- dead letters ---- */

static bool add_header(rd_kafka_headers_t *headers, const char *name, const char *value) {
        return rd_kafka_header_add(headers, name, -1, value, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The record as it is, and where it comes from and why it is here.  Partition:
 * the lane's. */
static rd_kafka_resp_err_t send_dead_letter(struct pump *pump, struct part *part, rd_kafka_message_t *m,
                                            int64_t timestamp, const rd_kafka_headers_t *original,
                                            uint64_t *out_bytes) {
        char topic[NAMES_TOPIC_SIZE], partition[24], offset[24], stamp[24];
        if (!pump->dead_letters) {
                names_dead_letters_topic(topic, pump->settings.group_id);
                pump->dead_letters = rd_kafka_topic_new(pump->producer, topic, NULL);
                if (!pump->dead_letters) return rd_kafka_last_error();
        }
        rd_kafka_headers_t *headers = original ? rd_kafka_headers_copy(original) : rd_kafka_headers_new(5);
        (void)snprintf(partition, sizeof partition, "%d", part->partition);
        (void)snprintf(offset, sizeof offset, "%lld", (long long)m->offset);
        (void)snprintf(stamp, sizeof stamp, "%lld", (long long)timestamp);
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
        bool added = add_header(headers, "heliostat.source.topic", part->topic->name) &&
                     add_header(headers, "heliostat.source.partition", partition) &&
                     add_header(headers, "heliostat.source.offset", offset) &&
                     add_header(headers, "heliostat.source.timestamp", stamp) &&
                     add_header(headers, "heliostat.error", part->halt.reason);
        /* The report is counted off by the headers that it has: these. */
        uint64_t sent = list_bytes(headers);
        *out_bytes = sent_bytes(m, sent) + fetched_bytes(m, sent) -
                     fetched_bytes(m, original ? list_bytes(original) : 0);
        if (added)
                err = rd_kafka_producev(pump->producer, RD_KAFKA_V_RKT(pump->dead_letters),
                                        RD_KAFKA_V_PARTITION((int32_t)pump->settings.lane),
                                        RD_KAFKA_V_KEY(m->key, m->key_len), RD_KAFKA_V_VALUE(m->payload, m->len),
                                        RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_HEADERS(headers),
                                        RD_KAFKA_V_OPAQUE(m), RD_KAFKA_V_END);
        if (err) rd_kafka_headers_destroy(headers);
        return err;
}

/* ---- provenance ---- */

/* It has been at the destination already: it does not go back, and its offset
 * counts as one that holds nothing. */
static bool returned(struct pump *pump, struct part *part, rd_kafka_message_t *m) {
        rd_kafka_headers_t *headers = NULL;
        if (rd_kafka_message_headers(m, &headers) || !provenance_carries(headers, pump->destination_id))
                return false; /* corrupt headers: found when they are sent */
        if (!part->returned_told)
                log_info("partition.returned",
                         "route=%s lane=%u topic=%s partition=%d offset=%lld note=\"what has been at the "
                         "destination is not mirrored back\"",
                         pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                         (long long)m->offset);
        part->returned_told = true;
        if (m->offset < ledger_next(&part->ledger)) return true; /* seen before */
        offset_map_returned(&part->map, m->offset);
        ledger_skip(&part->ledger, m->offset + 1);
        part->eof = false;
        part->record_ms = rd_kafka_message_timestamp(m, NULL);
        return true;
}

/* *headers: those of m, which count in held_bytes from now on with the hop. */
static bool add_provenance(struct pump *pump, const rd_kafka_message_t *m, rd_kafka_headers_t **headers) {
        uint64_t before = fetched_bytes(m, *headers ? list_bytes(*headers) : 0);
        rd_kafka_headers_t *all = provenance_add(*headers, pump->source_id);
        if (!all) return false;
        *headers = all;
        pump->held_bytes += fetched_bytes(m, list_bytes(all)) - before;
        return true;
}

enum sent { SENT, SENT_LATER, SENT_DROPPED };

/* SENT: the delivery report owns m.  SENT_LATER: m is still ours, try again.
 * SENT_DROPPED: destroy m. */
static enum sent pump_send(struct pump *pump, struct part *part, rd_kafka_message_t *m) {
        if (m->err) {
                if (part)
                        on_reader_error(pump, part, m);
                else
                        pump_set_error(pump, rd_kafka_message_errstr(m));
                return SENT_DROPPED;
        }
        if (!part || part->state != PART_FLOWING) return SENT_DROPPED; /* unassigned meanwhile */
        if (pump_relay_past(pump, part, m->offset)) return SENT_DROPPED;

        if (m->offset == part->poison && m->offset >= ledger_next(&part->ledger)) {
                enum halt_answer answer = halt_at_poison(pump, part);
                if (answer == ANSWER_SKIP) ledger_skip(&part->ledger, m->offset + 1);
                if (answer != ANSWER_DEAD_LETTER) return SENT_DROPPED;
        }
        if (pump->settings.provenance && returned(pump, part, m)) return SENT_DROPPED;
        int rc = ledger_send(&part->ledger, m->offset);
        if (rc == LEDGER_SEEN) return SENT_DROPPED;
        if (rc) return SENT_LATER;

        rd_kafka_timestamp_type_t type;
        int64_t timestamp = rd_kafka_message_timestamp(m, &type);
        if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0) timestamp = 0;
        rd_kafka_headers_t *headers = NULL;
        rd_kafka_resp_err_t unread = rd_kafka_message_detach_headers(m, &headers);
        if (unread && unread != RD_KAFKA_RESP_ERR__NOENT) {
                ledger_unsend(&part->ledger, m->offset);
                part_halt(pump, part, HALT_CORRUPT, m->offset, m->offset + 1, "corrupt headers at offset %lld",
                          (long long)m->offset);
                return SENT_DROPPED;
        }

        if (pump->settings.provenance && !add_provenance(pump, m, &headers)) {
                ledger_unsend(&part->ledger, m->offset);
                if (headers) rd_kafka_message_set_headers(m, headers);
                return SENT_LATER; /* no memory */
        }
        uint64_t bytes = sent_bytes(m, headers ? list_bytes(headers) : 0);
        int32_t to = pump->settings.by_key
                             ? partitioner_partition(m->key, m->key_len, m->partition, part->topic->partitions)
                             : m->partition;
        bool dead_letter = part->poison == m->offset;
        rd_kafka_resp_err_t err =
                dead_letter ? send_dead_letter(pump, part, m, timestamp, headers, &bytes)
                : headers ? rd_kafka_producev(pump->producer, RD_KAFKA_V_RKT(part->topic->handle),
                                            RD_KAFKA_V_PARTITION(to),
                                            RD_KAFKA_V_KEY(m->key, m->key_len),
                                            RD_KAFKA_V_VALUE(m->payload, m->len),
                                            RD_KAFKA_V_TIMESTAMP(timestamp),
                                            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(m),
                                            RD_KAFKA_V_END)
                        : rd_kafka_producev(pump->producer, RD_KAFKA_V_RKT(part->topic->handle),
                                            RD_KAFKA_V_PARTITION(to),
                                            RD_KAFKA_V_KEY(m->key, m->key_len),
                                            RD_KAFKA_V_VALUE(m->payload, m->len),
                                            RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_OPAQUE(m),
                                            RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                if (dead_letter && headers) rd_kafka_headers_destroy(headers); /* a copy went */
                part->eof = false;
                part->record_ms = timestamp;
                pump->in_flight_count++;
                part->under_way++;
                part->sent_opened = true;
                pump->held_bytes += bytes;
                burst_handed_add(&pump->handed, m->len + m->key_len);
                if (pump->txn != TXN_NONE) txn_note_sent(pump, 1, m->len + m->key_len);
                return SENT;
        }
        ledger_unsend(&part->ledger, m->offset);
        if (headers) rd_kafka_message_set_headers(m, headers); /* still ours after a failure */
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) return SENT_LATER;
        if (record_refused(err))
                part_halt(pump, part, HALT_REFUSED, m->offset, m->offset + 1, "record at offset %lld: %s",
                          (long long)m->offset, rd_kafka_err2str(err));
        else if (partition_refused(err))
                part_stop(pump, part, PART_PARKED, "destination: %s", rd_kafka_err2str(err));
        else
                pump_recycle(pump, "send to %s [%d] failed: %s", part->topic->name, part->partition,
                             rd_kafka_err2str(err));
        return SENT_DROPPED;
}

/* ---- the backlog: what waits for the partition's burst ---- */

#define BACKLOG_KEPT 1024 /* entries of an empty queue's ring */

/* Whether a partition still has to pass what was under way at a refusal. */
static bool singles_left(const struct pump *pump) {
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                int64_t next = part->flowed ? ledger_next(&part->ledger) : part->position;
                if (part->state != PART_PARKED && part->state != PART_HALTED && next >= 0 &&
                    next < part->single_until)
                        return true;
        }
        return false;
}

/* After a refusal the partition's records go one by one, until it is known
 * which of the burst was meant. */
static bool may_follow(struct pump *pump, struct part *part, const rd_kafka_message_t *m) {
        if (pump->shared) {
                if (pump->single || m->offset < part->single_until) {
                        if (pump->in_flight_count > 0) return false;
                        pump->single = singles_left(pump);
                }
                pump->alone = pump->single || m->offset < part->single_until;
        }
        if (part->under_way > 0 && m->offset < part->single_until) return false;
        if (halt_holds_back(pump, part)) return false;
        return burst_admit(&part->burst, &pump->burst_limits, part->under_way, m->len + m->key_len,
                           pump->loop->last_us, pump->expedited_us);
}

static bool backlog_add(struct pump *pump, struct part *part, rd_kafka_message_t *m) {
        if (!fifo_push(&part->backlog, m)) return false;
        if (!part->backlogged) {
                part->backlogged = true;
                part->backlog_next = pump->backlogged;
                pump->backlogged = part;
        }
        return true;
}

/* It stays in the list, empty, until the next turn. */
static void backlog_drop(struct pump *pump, struct part *part) {
        rd_kafka_message_t *m;
        while ((m = fifo_first(&part->backlog))) {
                fifo_pop(&part->backlog);
                drop(pump, m);
        }
}

/* false: this turn is over. */
static bool backlog_send(struct pump *pump, struct part *part) {
        rd_kafka_message_t *m;
        for (unsigned n = 0; (m = fifo_first(&part->backlog)); n++) {
                /* The process may have been stopped in the middle of a turn. */
                if (n % 16 == 0) {
                        data_loop_tick(pump->loop);
                        if (pump->held || pump->state != PUMP_RUNNING) return false;
                }
                if (!m->err && part->state == PART_FLOWING && !may_follow(pump, part, m)) return true;
                enum sent sent = pump_send(pump, part, m);
                if (sent == SENT_LATER) {
                        if (pump->in_flight_count == 0) pump_recycle(pump, "no room to send");
                        return false;
                }
                fifo_pop(&part->backlog);
                if (sent == SENT_DROPPED) drop(pump, m);
                if (pump->state != PUMP_RUNNING) return false;
        }
        return true;
}

static bool backlogs_send(struct pump *pump) {
        struct part **at = &pump->backlogged;
        while (*at) {
                struct part *part = *at;
                if (!backlog_send(pump, part)) return false;
                if (part->backlog.count) {
                        at = &part->backlog_next;
                } else {
                        *at = part->backlog_next;
                        part->backlogged = false;
                        if (part->backlog.capacity > BACKLOG_KEPT) fifo_fini(&part->backlog);
                }
        }
        return true;
}

bool pump_opened_waits(const struct pump *pump) {
        return pump->batch_next < pump->batch_count ||
               (pump->consumer_queue && rd_kafka_queue_length(pump->consumer_queue) + seats_queued(pump) > 0);
}

bool pump_behind(const struct pump *pump) {
        if (pump_opened_waits(pump)) return true;
        for (const struct part *part = pump->backlogged; part; part = part->backlog_next)
                if (part->backlog.count) return true;
        for (size_t i = 0; pump->relay && i < pump->part_count; i++)
                if (pump->parts[i]->relayed && part_relay_more(pump->parts[i])) return true;
        return false;
}

void pump_drop_batch_part(struct pump *pump, struct part *part) {
        size_t n = pump->batch_next;
        for (size_t i = pump->batch_next; i < pump->batch_count; i++) {
                rd_kafka_message_t *m = pump->batch[i];
                if (m->rkt && pump_part_of(pump, m) == part)
                        drop(pump, m);
                else
                        pump->batch[n++] = m;
        }
        pump->batch_count = n;
}

void pump_drop_part(struct pump *pump, struct part *part) {
        pump_drop_batch_part(pump, part);
        backlog_drop(pump, part);
}

void pump_drop_batch(struct pump *pump) {
        while (pump->batch_next < pump->batch_count)
                drop(pump, pump->batch[pump->batch_next++]);
        pump->batch_next = pump->batch_count = 0;
        for (struct part *part = pump->backlogged; part; part = part->backlog_next)
                backlog_drop(pump, part);
}

/* ---- a turn ---- */

/* Of values: other lanes of the loop wait for it. */
#define TURN_BYTES ((double)(1 << 20))
/* Lanes of more partitions have several bursts under way. */
#define EXPEDITED_PARTS 64
#define EXPEDITED_ALONE_US 100000

/* SENT also means: in the backlog, which owns it then. */
static enum sent pump_take(struct pump *pump, rd_kafka_message_t *m) {
        struct part *part = m->rkt ? pump_part_of(pump, m) : NULL;
        if (part && part->relayed) return SENT_DROPPED;
        /* It reads elsewhere by now, and has this once more. */
        if (part && (part->seat != pump->batch_seat || part->apart.place == PLACE_WAITING)) return SENT_DROPPED;
        if (part && part->state == PART_FLOWING &&
            (part->backlog.count || /* in order, the reader's errors too */
             pump->txn == TXN_ENDING || (!m->err && !may_follow(pump, part, m))))
                return backlog_add(pump, part, m) ? SENT : SENT_LATER;
        return pump_send(pump, part, m);
}

/* A fetcher (one thread for each broker of the source) that has found the queue
 * full looks again when its thread wakes, after up to a second (2.0.2), and
 * neither consuming nor resuming wakes it: with a queue that holds less than is
 * mirrored in a second, it would sleep most of the time.  Any request to its
 * broker does wake it, so the leaders are asked for the end of their
 * partitions, and the answers are dropped.  (A seek would do too, but throws
 * away what is under way.)  Without a timeout the call only sends.
 * From 2.2 on a setting says how long it sleeps: open_job. */
void pump_wake_fetchers(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list) {
        if (list->cnt && rd_kafka_version() < PUMP_QUEUE_BACKOFF_VERSION)
                (void)rd_kafka_offsets_for_times(consumer, list, 0); /* "timed out" */
}

static void wake_fetchers(struct pump *pump) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)pump->part_count);
        for (size_t i = 0; i < pump->part_count; i++)
                if (pump->parts[i]->state == PART_FLOWING && !pump->parts[i]->relayed && pump->parts[i]->apart.place == PLACE_MAIN)
                        rd_kafka_topic_partition_list_add(list, pump->parts[i]->topic->name,
                                                          pump->parts[i]->partition)
                                ->offset = RD_KAFKA_OFFSET_END;
        pump_wake_fetchers(pump->consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
}

void pump_limit(struct pump *pump) {
        uint64_t held = budget_held(pump->budget_bytes, &pump->sizes, pump->mean), least = pump->budget_bytes / 4;
        uint64_t apart = seats_bytes(pump), relayed = pump->relay ? relay_held_bytes(pump->relay) : 0;
        /* What flows past the clients has its part of the share, and begins at any time. */
        if (pump->relay && relay_has_parts(pump->relay) && relayed < least) relayed = least;
        apart += relayed;
        pump->held_limit_bytes = held > least + apart ? held - apart : held < least ? held : least;
}

static void found_empty(struct pump *pump) {
        /* librdkafka's kilobytes, in which it counts the queue, have 1000 bytes. */
        if (pump->fetcher_stopped || pump->drained_bytes >= pump->sizes.queue_bytes / 1024 * 1000) wake_fetchers(pump);
        pump->fetcher_stopped = false;
        pump->drained_bytes = 0;
}

/* What a turn of this lane may take at most, of records. */
static double turn_records(const struct pump *pump) {
        return TURN_BYTES / (pump->mean.value_bytes < 1 ? 1 : pump->mean.value_bytes);
}

static void count_batch(struct pump *pump, uint64_t *drained_bytes) {
        uint64_t records = 0, values = 0, keys = 0, fetched = 0, sent = 0;
        for (size_t i = 0; i < pump->batch_count; i++) {
                const rd_kafka_message_t *m = pump->batch[i];
                if (m->err) {
                        pump->held_bytes += fetched_bytes(m, 0);
                        continue;
                }
                uint64_t headers = headers_bytes(m);
                records++;
                values += m->len;
                keys += m->key_len;
                fetched += fetched_bytes(m, headers);
                sent += sent_bytes(m, headers);
        }
        if (records == 0) return;
        pump->held_bytes += fetched;
        *drained_bytes += values;
        limits_note_taken(pump, false, records, values + keys);
        if (pump->topic_limits) limits_charge_topics(pump);
        /* Half of what was known stays: sizes may change from batch to batch. */
        double count = (double)records;
        pump->mean.value_bytes = (pump->mean.value_bytes + (double)values / count) / 2;
        pump->mean.fetched_bytes = (pump->mean.fetched_bytes + (double)fetched / count) / 2;
        pump->mean_bytes = (pump->mean_bytes + (double)(fetched + sent) / count) / 2;
        sizes_note(pump, records, values, fetched);
        pump_limit(pump);
}

/* A batch of one queue.  false: it is empty. */
static bool take(struct pump *pump, double room, int from) {
        struct seat *seat = from == SEAT_NONE ? NULL : &pump->seats.seat[from];
        rd_kafka_queue_t *queue = seat ? seat->queue : pump->consumer_queue;
        size_t most = room < 1 ? 1 : room > PUMP_BATCH ? PUMP_BATCH : (size_t)room;
        /* The batch may have been added to since the fetcher looked. */
        const struct budget_sizes *sizes = seat ? &pump->seats.sizes : &pump->sizes;
        size_t queued = rd_kafka_queue_length(queue);
        if (queued * 2 >= sizes->queue_records) *(seat ? &seat->fetcher_stopped : &pump->fetcher_stopped) = true;
        if (queued * 2 >= budget_queue_fill(sizes, pump->mean.value_bytes)) seats_press(pump);
        ssize_t n = rd_kafka_consume_batch_queue(queue, 0, pump->batch, most);
        if (n <= 0) {
                if (seat) {
                        seats_found_empty(pump, seat);
                } else if (!pump->seats.apart && sizes_look(pump)) {
                        pump->resizing = true;
                        return true;
                } else {
                        found_empty(pump);
                }
                return false;
        }
        pump->batch_seat = from;
        pump->batch_next = 0;
        pump->batch_count = (size_t)n;
        count_batch(pump, seat ? &seat->drained_bytes : &pump->drained_bytes);
        if (seat) seat->begun = true;
        return true;
}

#define MAIN_WEIGHT 16
static double seat_weight(const struct part *part) {
        return part->topic->flow.priority == FLOW_HIGH ? 8 : part->topic->flow.priority == FLOW_LOW ? 1 : 4;
}

/* While partitions read apart: they hold one half of the room, the others the other. */
static bool take_in_turn(struct pump *pump, double most) {
        uint64_t apart = seats_held(pump), half = pump->held_limit_bytes / 2;
        unsigned has = 1;
        bool full = false;
        for (unsigned i = 0; i < CATCH_UP_SEATS; i++)
                if (pump->seats.seat[i].part) has |= 2u << i;
        while (has) {
                unsigned queue = catch_up_next(&pump->seats.turns, has);
                uint64_t held = queue ? apart : pump->held_bytes > apart ? pump->held_bytes - apart : 0;
                double room = ((double)half - (double)held) / pump->mean_bytes;
                has &= ~(1u << queue);
                if (room < PUMP_BATCH && held > half / 4 * 3) {
                        full = true;
                        continue;
                }
                const struct part *part = queue ? pump->seats.seat[queue - 1].part : NULL;
                double topic_room = part ? limits_topic_room(pump, part->topic) : most;
                if (topic_room <= 0) continue;
                if (room > most) room = most;
                uint64_t before = pump->held_bytes;
                if (!take(pump, room < topic_room ? room : topic_room, (int)queue - 1)) continue;
                catch_up_took(&pump->seats.turns, queue, pump->held_bytes - before, part ? seat_weight(part) : MAIN_WEIGHT);
                return true;
        }
        pump->blocked = full;
        return false;
}

static void expedite(struct pump *pump) {
        if (!pump->expedite) return;
        pump->expedited_us = pump->loop->last_us;
        expedite_ask(pump->expedite);
}

/* The producer may hold one partition's burst alone, to which nothing can be added.  No other has had one lately, which
 * would begin its next in the middle of the flush, and be cut. */
static void expedite_due(struct pump *pump) {
        const struct part *only = NULL;
        int64_t lately_us = pump->loop->last_us - EXPEDITED_ALONE_US;
        if (!pump->expedite || pump->in_flight_count == 0 || pump->part_count > EXPEDITED_PARTS || pump->state != PUMP_RUNNING) return;
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (part->relayed || (part->under_way == 0 && part->burst.opened_us < lately_us)) continue;
                if (only) return;
                only = part;
        }
        if (only && only->under_way && burst_is_due(&only->burst, &pump->burst_limits, pump->blocked, pump->loop->last_us, pump->expedited_us)) expedite(pump);
}

/* The next batch; false: there is none, no room for it, or a limit is reached. */
static bool intake(struct pump *pump) {
        double room = ((double)pump->held_limit_bytes - (double)pump->held_bytes) / pump->mean_bytes;
        /* Not by ones and twos as they are acknowledged: make_room ends it. */
        if (!pump->seats.apart && room < PUMP_BATCH && pump->held_bytes > pump->held_limit_bytes / 4 * 3) {
                pump->blocked = true;
                return false;
        }
        double allowed = limits_room(pump, false), turn = turn_records(pump);
        if (allowed <= 0) {
                /* Fetchers go on meanwhile: what is relayed would take the next room of those that have nothing then. */
                if (rd_kafka_queue_length(pump->consumer_queue) == 0) found_empty(pump);
                seats_wake_empty(pump);
                return false;
        }
        if (turn > allowed) turn = allowed;
        if (pump->seats.apart) return take_in_turn(pump, turn);
        if (take(pump, room < turn ? room : turn, SEAT_NONE)) return true;
        /* A transaction's records cannot be read before its end anyway. */
        if (burst_hurries(&pump->handed) && !pump->settings.exactly_once) expedite(pump);
        return false;
}

/* How many records the relay may send now. */
static double relay_room(struct pump *pump) {
        return pump->txn == TXN_ENDING || txn_full(pump) || pump->resizing ? 0 : limits_room(pump, true);
}

static bool opened_send(struct pump *pump) {
        /* While a transaction ends nothing is sent, but what comes next is
         * taken in, so that the next one begins with what a batch holds and the
         * source's fetchers do not stop.  Its end makes us ready again. */
        if (pump->txn != TXN_ENDING && txn_full(pump)) {
                txn_end(pump);
                if (pump->state != PUMP_RUNNING) return false;
        }
        if (pump->resizing && pump->txn != TXN_ENDING) {
                if (txn_dirty(pump))
                        txn_end(pump);
                else if (pump->in_flight_count == 0 && pump->map_under_way == 0)
                        sizes_change(pump);
                return false; /* what is under way brings us back */
        }
        if (pump->txn != TXN_ENDING && !backlogs_send(pump)) return false;
        make_room(pump); /* the backlog of a stopped partition is gone without a report */
        if (pump->blocked) return false;
        if (pump->batch_next == pump->batch_count && !intake(pump)) return false;
        while (pump->batch_next < pump->batch_count) {
                if (pump->batch_next % 16 == 0) {
                        data_loop_tick(pump->loop);
                        if (pump->held || pump->state != PUMP_RUNNING) return false;
                }
                rd_kafka_message_t *m = pump->batch[pump->batch_next];
                enum sent sent = pump_take(pump, m);
                if (sent == SENT_LATER) {
                        /* Deliveries under way make room; without any there
                         * is nothing to wait for but memory. */
                        pump->blocked = true;
                        if (pump->in_flight_count == 0) pump_recycle(pump, "no room to send");
                        return false;
                }
                pump->batch_next++;
                if (sent == SENT_DROPPED) drop(pump, m);
                if (pump->state != PUMP_RUNNING) return false;
        }
        return true;
}

/* By way of the clients. */
static bool opened_turn(struct pump *pump) {
        bool more = opened_send(pump);
        expedite_due(pump);
        return more;
}

bool pump_turn(struct data_loop_member *member) {
        struct pump *pump = (struct pump *)(void *)member;
        txn_look_lost(pump);
        if (pump->relay && pump->state != PUMP_RUNNING) pump_advance(pump); /* what was relayed is settled, maybe */
        if (pump->state != PUMP_RUNNING || pump->held || !pump->consumer_queue) return false;
        pump_relay_return(pump);
        data_loop_tick(pump->loop); /* other lanes may have taken long */
        if (pump->state != PUMP_RUNNING || pump->held) return false;
        if (!pump->relay) return opened_turn(pump);
        double room = relay_room(pump);
        bool opened_first = limits_opened_first(pump, room);
        if (limits_wait(pump)) relay_note_limited(pump->relay);
        relay_turn(pump->relay, opened_first ? 0 : room);
        bool more = opened_turn(pump);
        /* It could take none: none of it must wait for that. */
        if (opened_first && !more && pump->relay && pump->state == PUMP_RUNNING && !pump->held) relay_turn(pump->relay, relay_room(pump));
        return more;
}
