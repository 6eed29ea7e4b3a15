/* Transactions of a lane (exactly-once): one is always open at the producer;
 * it holds the records sent since the last and, written last, one record with
 * the next offset of every partition of the lane.
 *
 *   OPEN -> ENDING -> OPEN
 *
 *   OPEN    records may be sent.  An empty transaction is unknown to the broker
 *   ENDING  the position record is sent; when no batch of the relay's is under
 *           way, the commit runs in a short thread; nothing else is sent;
 *           delivery reports go on coming to the loop
 *
 * A commit that fails, or whose outcome is not known, is never repeated: the
 * producer is destroyed, the next one's initialisation settles the transaction,
 * and the positions are read back.  librdkafka may send EndTxn again after a
 * timeout, and a late copy could end a later transaction (KAFKA-17754): after
 * more than one of them the producer is replaced too. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/sabotage.h"
#include "worker/pump_internal.h"
#include "worker/txn_pace.h"

/* Kafka's API keys. */
#define ADD_PARTITIONS_KEY 24
#define END_TXN_KEY 26

#define LOST "a batch was not acknowledged"
#define LOST_WAIT_MS 1000 /* for a batch that is sent once more */
#define RENEWAL "a partition's batches are opened from here on, or no longer, which takes a new producer"

static rd_kafka_resp_err_t on_request_sent(rd_kafka_t *rk, int sockfd, const char *brokername,
                                           int32_t brokerid, int16_t key, int16_t version,
                                           int32_t id, size_t bytes, void *opaque) {
        struct pump *pump = opaque; /* on a broker's thread; the pump outlives its clients */
        (void)rk, (void)sockfd, (void)brokername, (void)brokerid, (void)version, (void)id, (void)bytes;
        if (key == ADD_PARTITIONS_KEY) atomic_fetch_add(&pump->times.adds, 1);
        if (key != END_TXN_KEY) return RD_KAFKA_RESP_ERR_NO_ERROR;
        atomic_fetch_add(&pump->txn_end_requests, 1);
        atomic_store(&pump->times.end_sent_us, clock_boot_us());
        FAULT_POINT("endtxn", "sent");
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *err, size_t err_size) {
        (void)conf, (void)err, (void)err_size;
        return rd_kafka_interceptor_add_on_request_sent(rk, "heliostat", on_request_sent, opaque);
}

void txn_configure(struct pump *pump, rd_kafka_conf_t *conf) {
        (void)rd_kafka_conf_interceptor_add_on_new(conf, "heliostat", on_new, pump); /* fails for a second only */
}

/* Takes error. */
static int failed(rd_kafka_error_t *error, const char *what, char *err, size_t err_size) {
        if (!error) return 0;
        (void)snprintf(err, err_size, "%s: %s", what, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        return ERR_KAFKA;
}

int txn_init(rd_kafka_t *producer, char *err, size_t err_size) {
        int rc = failed(rd_kafka_init_transactions(producer, PUMP_REQUEST_MS), "init_transactions", err, err_size);
        return rc ? rc : failed(rd_kafka_begin_transaction(producer), "begin_transaction", err, err_size);
}

void txn_settle(const struct pump_settings *settings) {
        char id[NAMES_TRANSACTIONAL_ID_SIZE], err[256] = "";
        rd_kafka_t *producer = NULL;
        names_transactional_id(id, settings->group_id, settings->lane);
        const struct kafka_setting extra[] = {{"transactional.id", id}, {NULL, NULL}};
        int rc = kafka_client_new(settings->config, settings->destination, settings->route, CLIENT_PRODUCER, extra, NULL, NULL,
                                  &producer, err, sizeof err);
        if (!rc) rc = txn_init(producer, err, sizeof err);
        if (rc)
                log_warn("lane.settle", "route=%s lane=%u error=\"%s\" note=\"what a transaction has left open ends by its timeout\"",
                         settings->route, settings->lane, err);
        if (producer) rd_kafka_destroy(producer);
}

bool txn_error_fences(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR__FENCED || err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
               err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* ---- the position record ---- */

static int64_t next_offset(const struct part *part) {
        return part->flowed ? ledger_next(&part->ledger) : part->txn_position;
}

bool txn_dirty(const struct pump *pump) {
        if (pump->txn == TXN_NONE) return false;
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (!part->left && next_offset(part) != part->txn_position) return true;
        }
        return leave_due(pump);
}

/* Notes what the record says as each partition's txn_next.  0 | as codec_pack */
static int pack_positions(struct pump *pump, void **out_data, size_t *out_bytes) {
        size_t n = pump->part_count ? pump->part_count : 1;
        Heliostat__Pb__Positions record = HELIOSTAT__PB__POSITIONS__INIT;
        /* One entry for each partition at most; those of one topic together. */
        Heliostat__Pb__Position *positions = calloc(n, sizeof *positions);
        Heliostat__Pb__Position **pointers = calloc(n, sizeof(Heliostat__Pb__Position *));
        Heliostat__Pb__PositionTopic *topics = calloc(n, sizeof *topics);
        Heliostat__Pb__PositionTopic **topic_pointers = calloc(n, sizeof(Heliostat__Pb__PositionTopic *));
        int rc = ERR_NOMEM;
        if (positions && pointers && topics && topic_pointers) {
                size_t used = 0;
                record.lane = pump->settings.lane;
                record.generation = pump->settings.generation;
                record.topics = topic_pointers;
                for (const struct dest_topic *t = pump->topics; t; t = t->next) {
                        size_t first = used;
                        for (size_t i = 0; i < pump->part_count; i++) {
                                struct part *part = pump->parts[i];
                                if (part->topic != t) continue;
                                part->txn_next = part->left ? -1 : next_offset(part);
                                part->leave_in_txn = leave_still(pump, part);
                                if (part->txn_next < 0) continue;
                                if (part->txn_next != part->txn_position)
                                        part->txn_generation = pump->settings.generation;
                                heliostat__pb__position__init(&positions[used]);
                                positions[used].partition = (uint32_t)part->partition;
                                positions[used].next_offset = part->txn_next;
                                positions[used].generation = part->txn_generation;
                                pointers[used] = &positions[used];
                                used++;
                        }
                        if (used == first) continue;
                        Heliostat__Pb__PositionTopic *topic = &topics[record.n_topics];
                        heliostat__pb__position_topic__init(topic);
                        topic->topic = t->name;
                        topic->positions = &pointers[first];
                        topic->n_positions = used - first;
                        topic_pointers[record.n_topics++] = topic;
                }
                rc = codec_pack(&record.base, out_data, out_bytes);
        }
        free(positions);
        free(pointers);
        free(topics);
        free(topic_pointers);
        return rc;
}

/* ---- the end ---- */

static void end_job(void *arg) {
        struct txn_job *job = arg;
        rd_kafka_t *producer = job->pump->producer; /* clients live while a job runs */
        rd_kafka_error_t *error = rd_kafka_commit_transaction(producer, PUMP_REQUEST_MS);
        if (SABOTAGE(RECYCLE_OFF) && error) {
                rd_kafka_error_destroy(error);
                error = rd_kafka_abort_transaction(producer, PUMP_REQUEST_MS);
        }
        if (error) job->code = rd_kafka_error_code(error);
        job->rc = failed(error, "commit_transaction", job->err, sizeof job->err);
        if (!job->rc)
                job->rc = failed(rd_kafka_begin_transaction(producer), "begin_transaction", job->err,
                                 sizeof job->err);
        if (job->rc && !job->code) job->code = RD_KAFKA_RESP_ERR__STATE;
}

static void end_failed(struct pump *pump, const struct txn_job *job) {
        pump->txn = TXN_NONE;
        pump->stats.txn_failures++;
        if (pump->map_in_txn) map_failed(pump); /* perhaps because of it */
        if (txn_error_fences(job->code)) return pump_fence(pump, 0);
        if (pump->state == PUMP_DRAINING) {
                log_warn("lane.transaction", "route=%s lane=%u error=\"%s\" note=\"the next owner settles it\"",
                         pump->settings.route, pump->settings.lane, job->err);
                pump->drain_failed = true;
        }
        pump_recycle(pump, "%s", job->err);
}

static void log_times(struct pump *pump) {
        const struct txn_times *times = &pump->times;
        int64_t now = pump->loop->last_us, sent = atomic_load(&times->end_sent_us);
        log_debug("lane.transaction",
                  "route=%s lane=%u records=%" PRIu64 " bytes=%" PRIu64 " idle_us=%" PRId64 " first_ack_us=%" PRId64 " open_us=%" PRId64
                  " flush_us=%" PRId64 " end_us=%" PRId64 " adds=%u",
                  pump->settings.route, pump->settings.lane, pump->txn_records, pump->txn_bytes,
                  times->begun_us ? times->begun_us - times->opened_us : -1,
                  times->acked_us ? times->acked_us - times->begun_us : -1,
                  times->begun_us ? times->ended_us - times->begun_us : -1, sent ? sent - times->ended_us : -1,
                  sent ? now - sent : -1, atomic_load(&times->adds));
}

static void end_done(void *arg) {
        struct txn_job *job = arg;
        struct pump *pump = job->pump;
        FAULT_POINT("endtxn", "answered");
        data_loop_tick(pump->loop);
        pump->jobs--;
        pump_drain_deliveries(pump);
        if (job->rc) {
                end_failed(pump, job);
        } else {
                for (size_t i = 0; i < pump->part_count; i++) {
                        struct part *part = pump->parts[i];
                        if (part->txn_next < 0) continue;
                        part->txn_position = part->txn_next;
                        part->leave_recorded |= part->leave_in_txn;
                        part->recorded = true;
                        part->record_stale = false;
                }
                log_times(pump);
                if (pump->times.begun_us) histogram_add(&pump->stats.txn, pump->loop->last_us - pump->times.begun_us);
                histogram_add(&pump->stats.txn_commit, pump->loop->last_us - pump->times.ended_us);
                pump->txn_first = false;
                if (pump->relay) relay_next_transaction(pump->relay);
                txn_opened(pump);
                pump->map_in_txn = false;
                pump->failures = 0;
                halt_look_committed(pump);
                unsigned ends = atomic_load(&pump->txn_end_requests);
                if (ends > 1) pump_recycle(pump, "EndTxn was sent %u times", ends);
                else if (pump->txn_renewal) pump_recycle(pump, RENEWAL);
        }
        free(job);
        pump_take_generation(pump);
        data_loop_ready(pump->loop, &pump->member);
        pump_advance(pump);
}

/* A batch that got no answer may lie in the transaction all the same: ended with a
 * position below it, it would come once more from the next producer.  From this one
 * it comes again under its sequence, and is answered.  For that the end waits, but
 * not for long, and not for what does not come again. */
static bool holds_lost(const struct pump *pump, bool *out_waits) {
        int64_t now = clock_boot_ms();
        bool lost = false;
        *out_waits = pump->state == PUMP_RUNNING;
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (part->relay_lost < 0) continue;
                lost = true;
                if (!part->relayed || now - part->relay_lost_ms > LOST_WAIT_MS) *out_waits = false;
        }
        return lost;
}

void txn_end(struct pump *pump) {
        char topic[NAMES_TOPIC_SIZE], key[16];
        void *data = NULL;
        size_t bytes = 0;
        bool waits;
        if (pump->txn != TXN_OPEN) return;
        if (holds_lost(pump, &waits)) {
                if (!waits) end_failed(pump, &(struct txn_job){.err = LOST});
                return;
        }
        struct txn_job *job = calloc(1, sizeof *job);
        int rc = job ? pack_positions(pump, &data, &bytes) : ERR_NOMEM;
        if (rc) {
                free(job);
                return pump_recycle(pump, "position record: %s", err_text(rc));
        }
        names_positions_topic(topic, pump->settings.group_id);
        /* What was acknowledged by now, of this transaction too, is committed
         * with it or not at all.  The last one of a drain has it all. */
        if (pump->state == PUMP_DRAINING ? !txn_dirty(pump) : map_due(pump))
                map_write(pump, pump->state == PUMP_DRAINING ? MAP_DRAIN_BYTES : MAP_WRITE_BYTES);
        int length = snprintf(key, sizeof key, "%u", pump->settings.lane);
        rd_kafka_resp_err_t err = rd_kafka_producev(
                pump->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)pump->settings.lane),
                RD_KAFKA_V_KEY(key, (size_t)length), RD_KAFKA_V_VALUE(data, bytes),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        free(data);
        if (err) {
                free(job);
                return pump_recycle(pump, "position record: %s", rd_kafka_err2str(err));
        }
        pump->txn = TXN_ENDING;
        pump->times.ended_us = pump->loop->last_us;
        atomic_store(&pump->times.end_sent_us, 0);
        atomic_store(&pump->txn_end_requests, 0);
        job->pump = pump;
        pump->txn_job = job;
        if (pump->relayed_under_way == 0) txn_relay_settled(pump);
}

void txn_relay_settled(struct pump *pump) {
        struct txn_job *job = pump->txn_job;
        if (!job) return;
        pump->txn_job = NULL;
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, end_job, end_done);
}

/* The position record says that it is there. */
void txn_relay_lost(struct pump *pump) {
        if (!pump->txn_job) return;
        pump->txn_lost = pump->txn_job;
        pump->txn_job = NULL;
        data_loop_ready(pump->loop, &pump->member);
}

void txn_look_lost(struct pump *pump) {
        struct txn_job *job = pump->txn_lost;
        if (!job) return;
        pump->txn_lost = NULL;
        (void)snprintf(job->err, sizeof job->err, "%s", LOST);
        end_failed(pump, job);
        free(job);
}

void txn_renew(struct pump *pump) {
        bool idle = pump->txn == TXN_OPEN && !txn_dirty(pump) && pump->in_flight_count == 0 && pump->map_under_way == 0;
        if (idle) pump_recycle(pump, RENEWAL);
        else pump->txn_renewal = true;
}

void txn_fini(struct pump *pump) {
        pump->txn_renewal = false;
        for (size_t i = 0; i < pump->part_count; i++) pump->parts[i]->relay_lost = -1;
        free(pump->txn_job);
        free(pump->txn_lost);
        pump->txn_job = pump->txn_lost = NULL;
}

static enum txn_pace pace_of(const struct pump *pump) {
        if (!pump_behind(pump)) return TXN_LIVE;
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                int64_t has = next_offset(part) - part->txn_position;
                if (!part->left && has > 0 && !txn_pace_far(has, part->end_seen - next_offset(part))) return TXN_BEHIND;
        }
        return TXN_FAR_BEHIND;
}

void txn_on_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        data_loop_tick(pump->loop);
        uint32_t interval_ms = pump->settings.transaction_interval_ms;
        int64_t now = pump->loop->last_us / 1000, next = txn_pace_next(interval_ms, pump->settings.lane, now);
        if (pump->txn_job && now - pump->times.ended_us / 1000 > (int64_t)pump->settings.message_timeout_ms) {
                txn_relay_lost(pump);
                txn_look_lost(pump);
                pump_advance(pump);
        }
        if (pump->state == PUMP_RUNNING && !pump->held && pump->txn_renewal) txn_renew(pump); /* what was under way has come to nothing */
        if (pump->state == PUMP_RUNNING && !pump->held && pump->txn == TXN_OPEN && (txn_dirty(pump) || map_due(pump))) {
                int64_t begun = pump->times.begun_us ? pump->times.begun_us / 1000 : -1;
                int64_t end = txn_pace_end(interval_ms, begun, pace_of(pump), pump->txn_first, now);
                if (end <= now)
                        txn_end(pump);
                else if (end < next)
                        next = end;
        }
        (void)uv_timer_start(timer, txn_on_timer, (uint64_t)(next - now), 0);
}

void txn_opened(struct pump *pump) {
        pump->txn = TXN_OPEN;
        pump->txn_records = pump->txn_bytes = 0;
        pump->txn_answered = false;
        pump->times.opened_us = pump->loop->last_us;
        pump->times.begun_us = pump->times.acked_us = 0;
        atomic_store(&pump->times.adds, 0);
}

void txn_note_acked(struct pump *pump) {
        if (pump->times.begun_us && !pump->times.acked_us) pump->times.acked_us = pump->loop->last_us;
}

void txn_note_sent(struct pump *pump, uint64_t records, uint64_t bytes) {
        if (!pump->times.begun_us) pump->times.begun_us = pump->loop->last_us;
        pump->txn_records += records;
        pump->txn_bytes += bytes;
}

bool txn_full(const struct pump *pump) {
        return pump->txn_records >= pump->settings.transaction_records ||
               pump->txn_bytes >= pump->settings.transaction_bytes || pump->txn_answered;
}

void txn_answered(struct pump *pump) {
        pump->txn_answered = true;
        data_loop_ready(pump->loop, &pump->member);
}
