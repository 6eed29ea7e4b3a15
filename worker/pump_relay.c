/* How a pump uses a relay (relay.h): a partition that flows goes by it as long
 * as its batches may pass unopened, and by way of the clients otherwise.
 *
 *   flows -> relayed                          whenever it starts
 *   relayed -> opened, up to an offset        the position is inside a batch
 *   relayed -> opened, for a while            something has to be opened, or looked into
 *   opened -> relayed                         that offset is reached, or small batches are no
 *                                             backlog any more, or the while is over
 *
 * Exactly-once needs a new producer to come back.  The lane gets one for the first two; what would
 * only be opened once more waits until it has one for another reason.
 *
 * The ledger has one entry for a batch, at its first offset, so that the position
 * is where the oldest batch begins that has no acknowledgement.  A record that
 * was read by the other way is never sent: both look at the ledger. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/pump_internal.h"
#include "worker/relay.h"

#define OPENED_MS 30000      /* then relaying is tried again; doubles */
#define OPENED_MAX_MS 600000
#define SMALL_MS 5000        /* the same for small batches, whose backlog has to be gone as well */
#define SMALL_TOGETHER_MS 60000 /* exactly-once: those whose backlog is gone wait so long for others of the lane */
#define TOGETHER_MS 2000     /* exactly-once: those that come back wait so long for others to come as far */

/* ---- whether ---- */

static bool conf_is(const rd_kafka_t *client, const char *name, const char *value) {
        char text[64] = "";
        size_t bytes = sizeof text;
        return rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *)(uintptr_t)client), name, text, &bytes) == RD_KAFKA_CONF_OK &&
               strcmp(text, value) == 0;
}

static char *conf_text(rd_kafka_t *client, const char *name) {
        size_t bytes = 0;
        if (rd_kafka_conf_get(rd_kafka_conf(client), name, NULL, &bytes) != RD_KAFKA_CONF_OK) return NULL;
        char *text = malloc(bytes ? bytes : 1);
        if (text && rd_kafka_conf_get(rd_kafka_conf(client), name, text, &bytes) != RD_KAFKA_CONF_OK) {
                free(text);
                return NULL;
        }
        return text;
}

/* Batches pass as they are, so that nothing may be asked for that changes records. */
static bool may_relay(const struct pump *pump) {
        const struct pump_settings *settings = &pump->settings;
        return settings->relay && !settings->provenance && !pump->shared &&
               conf_is(pump->consumer, "security.protocol", "plaintext") &&
               conf_is(pump->producer, "security.protocol", "plaintext") &&
               conf_is(pump->consumer, "client.rack", "") && conf_is(pump->consumer, "broker.address.family", "any") &&
               conf_is(pump->producer, "broker.address.family", "any") && conf_is(pump->consumer, "isolation.level", "read_committed");
}

static int codec_of(const rd_kafka_t *producer) {
        static const char *const names[] = {NULL, "gzip", "snappy", "lz4", "zstd"};
        for (int i = 1; i < 5; i++)
                if (conf_is(producer, "compression.codec", names[i])) return i;
        return -1; /* none was asked for: as it comes */
}

bool pump_relay_crosses(const struct pump *pump, const struct part *part, bool relayed) {
        return pump->settings.exactly_once && (relayed ? part->sent_opened : part->sent_relayed);
}

/* Limits and priorities of topics are carried out where records are taken. */
static bool must_open(const struct pump *pump, const struct part *part) {
        return pump->priorities || part->topic->flow.bytes_per_second || part->topic->flow.records_per_second;
}

bool pump_relay_wants(const struct pump *pump, const struct part *part) {
        return pump->relay && !must_open(pump, part) && *part->topic->target && part->poison < 0 && !part->small &&
               part->relay_again_ms <= clock_boot_ms();
}

/* From this offset on, which is the next to be sent. */
static bool part_may_relay(const struct pump *pump, const struct part *part, int64_t offset) {
        return pump_relay_wants(pump, part) && !pump_relay_crosses(pump, part, true) && relay_fits(part->place, offset) &&
               part->relay_until < 0 && part->single_until <= offset;
}

/* ---- by way of the clients, and back ---- */

static void open_records(struct pump *pump, struct part *part) {
        if (part->state != PART_FLOWING || pump->state != PUMP_RUNNING) return;
        if (pump_relay_crosses(pump, part, false)) return txn_renew(pump);
        pump_drop_part(pump, part);
        part_assign(pump, part, true);
        topics_open(pump, part->topic);
}

static bool relay_part_of(struct pump *pump, struct part *part, int64_t offset) {
        part->relayed = relay_add(pump->relay, part, part->topic->name, part->partition, part->topic->target, offset, part->place);
        if (!part->relayed) return false;
        part->relayed_ms = clock_boot_ms();
        if (part->opened_told)
                log_info("partition.relayed", "route=%s lane=%u topic=%s partition=%d position=%lld", pump->settings.route,
                         pump->settings.lane, part->topic->name, part->partition, (long long)offset);
        part->opened_told = false;
        return true;
}

bool pump_relay_take(struct pump *pump, struct part *part) {
        if (!part_may_relay(pump, part, part->position)) return false;
        return relay_part_of(pump, part, part->position);
}

/* Everything below relay_until was sent and acknowledged by way of the clients. */
static void relay_again(struct pump *pump, struct part *part) {
        if (!seats_stop(pump, part)) part_assign(pump, part, false);
        if (pump->state != PUMP_RUNNING) return;
        pump_drop_part(pump, part);
        part->relay_until = -1;
        if (!relay_part_of(pump, part, ledger_next(&part->ledger))) pump_recycle(pump, "no memory to relay");
}

/* It does not go back to the relay after all, though what was read from relay_until on was let go of: it is read
 * again. */
static void stay_opened(struct pump *pump, struct part *part) {
        part->relay_until = -1;
        if (pump_relay_crosses(pump, part, false)) return; /* it is read with the next producer */
        if (!seats_stop(pump, part)) part_assign(pump, part, false);
        open_records(pump, part);
}

/* Exactly-once: a new producer has to go on, from where all that wait for it have come to, and that is
 * committed.  They wait for each other, and for the end of the transaction. */
void pump_relay_return(struct pump *pump) {
        if (!pump->relay_returning || pump->state != PUMP_RUNNING || pump->held) return;
        bool left = false, renew = false;
        for (size_t i = 0; i < pump->part_count && pump->state == PUMP_RUNNING; i++) {
                struct part *part = pump->parts[i];
                if (part->relay_until < 0 || part->relayed || part->state != PART_FLOWING) continue;
                if (must_open(pump, part) || !relay_fits(part->place, ledger_next(&part->ledger))) {
                        stay_opened(pump, part);
                        continue;
                }
                bool there = part->under_way == 0 && ledger_next(&part->ledger) >= part->relay_until;
                if (there && !pump_relay_crosses(pump, part, true)) relay_again(pump, part);
                else if (there && part_position(part) == ledger_next(&part->ledger)) renew = true;
                else left = true;
        }
        if (pump->state != PUMP_RUNNING) return;
        pump->relay_returning = left || renew;
        if (!renew) pump->relay_there_ms = 0;
        else if (!pump->relay_there_ms) pump->relay_there_ms = clock_boot_ms();
        /* Who has not come as far, for its source's broker is away, say, begins in the middle of a batch once more. */
        if (renew && (!left || clock_boot_ms() - pump->relay_there_ms > TOGETHER_MS)) txn_renew(pump);
}

bool pump_relay_past(struct pump *pump, struct part *part, int64_t offset) {
        if (part->relayed) return true;
        if (part->relay_until < 0 || offset < part->relay_until) return false;
        /* It and what follows is left to the relay. */
        ledger_skip(&part->ledger, part->relay_until);
        pump->relay_returning = true;
        data_loop_ready(pump->loop, &pump->member);
        return true;
}

/* It would be relayed, but for its small batches, which are no backlog any more.  Where records keep coming no
 * answer is empty, so that the end itself is never told. */
static bool small_is_over(struct pump *pump, struct part *part) {
        if (!part->small || part->relayed || part->state != PART_FLOWING || part->relay_again_ms > clock_boot_ms()) return false;
        if (part->eof) return true;
        part_look_end(pump, part);
        int64_t left = part->end_seen - ledger_next(&part->ledger);
        return left >= 0 && (double)left < RELAY_SMALL_BATCHES / 2 * (part->relayed_records < 1 ? 1 : part->relayed_records);
}

/* Exactly-once: the whole lane stops for a new producer, which is not worth it for what would be opened once
 * more, but is for a backlog that is gone: opened, a small load costs several times as much. */
static void small_return(struct pump *pump) {
        bool over = false, left = false;
        for (size_t i = 0; i < pump->part_count; i++) {
                if (!pump->parts[i]->small || pump->parts[i]->state != PART_FLOWING) continue;
                if (small_is_over(pump, pump->parts[i])) over = true;
                else left = true;
        }
        int64_t now = clock_boot_ms();
        if (!over || !pump->small_over_ms) pump->small_over_ms = over ? now : 0;
        if (!over || (left && now - pump->small_over_ms < SMALL_TOGETHER_MS)) return;
        pump->small_over_ms = 0;
        for (size_t i = 0; i < pump->part_count; i++)
                if (small_is_over(pump, pump->parts[i])) pump->parts[i]->small = false;
        txn_renew(pump);
}

void pump_relay_tick(struct pump *pump) {
        if (!pump->relay || pump->state != PUMP_RUNNING) return;
        if (pump->settings.exactly_once) {
                pump_relay_return(pump);
                if (pump->state == PUMP_RUNNING && !pump->held) small_return(pump);
                return;
        }
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                int64_t next = ledger_next(&part->ledger);
                if (part->relayed || part->state != PART_FLOWING) continue;
                if (small_is_over(pump, part)) part->small = false;
                if (!part_may_relay(pump, part, next)) continue;
                part->relay_until = next;
                pump->relay_returning = true;
        }
        pump_relay_return(pump);
}

void pump_relay_rules(struct pump *pump) {
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (!must_open(pump, part)) continue;
                if (part->relayed) relay_remove(part->relayed);
                else if (part->relay_until >= 0) pump->relay_returning = true; /* that stays opened now */
        }
}

/* ---- what the relay tells ---- */

static void on_ready(void *ctx) {
        struct pump *pump = ctx;
        data_loop_ready(pump->loop, &pump->member);
}

static void on_sent(void *ctx, void *of, const struct relay_batch *batch) {
        struct pump *pump = ctx;
        struct part *part = of;
        if (ledger_send(&part->ledger, batch->base)) abort(); /* no memory; or it was sent already, a bug */
        ledger_skip(&part->ledger, batch->last + 1);
        pump->in_flight_count += batch->records;
        pump->relayed_under_way += batch->records;
        part->under_way += batch->records;
        part->sent_relayed = true;
        part->eof = false;
        part->record_ms = batch->max_timestamp;
        part->relayed_records = (part->relayed_records + batch->records) / 2;
        pump->relayed_bytes = (pump->relayed_bytes + (double)batch->bytes / batch->records) / 2;
        limits_note_taken(pump, true, batch->records, batch->bytes);
        if (pump->txn != TXN_NONE) txn_note_sent(pump, batch->records, batch->bytes);
}

static void settle(struct pump *pump, struct part *part, const struct relay_batch *batch) {
        pump->in_flight_count -= batch->records;
        pump->relayed_under_way -= batch->records;
        part->under_way -= batch->records;
}

static void on_acked(void *ctx, void *of, const struct relay_batch *batch, int64_t destination) {
        struct pump *pump = ctx;
        struct part *part = of;
        settle(pump, part, batch);
        if (batch->last >= part->relay_lost) part->relay_lost = -1;
        txn_note_acked(pump);
        if (pump->relayed_under_way == 0) txn_relay_settled(pump);
        if (ledger_ack(&part->ledger, batch->base)) return;
        ledger_skip(&part->ledger, batch->next);
        if (pump->settings.offset_map)
                for (uint32_t i = 0; i < batch->records; i++)
                        offset_map_add(&part->map, batch->base + i, destination < 0 ? -1 : destination + i);
        part->refusals = 0;
        pump->failures = 0;
        part->records += batch->records;
        part->bytes += batch->bytes;
        pump->records += batch->records;
        pump->bytes += batch->bytes;
        if (batch->max_timestamp <= 0) return;
        int64_t ms = clock_wall_ms() - batch->max_timestamp;
        if (ms < 0) ms = 0;
        histogram_add_many(&pump->stats.latency, ms * 1000, batch->records);
        pump_latency_add_many(&part->latency, ms, batch->records);
}

static void on_taken_back(void *ctx, void *of, const struct relay_batch *batch) {
        struct pump *pump = ctx;
        struct part *part = of;
        settle(pump, part, batch);
        ledger_unsend(&part->ledger, batch->base);
        if (part->relay_lost < 0) part->relay_lost_ms = clock_boot_ms();
        if (batch->last > part->relay_lost) part->relay_lost = batch->last;
        txn_relay_lost(pump);
}

static void on_passed(void *ctx, void *of, int64_t next) {
        struct part *part = of;
        (void)ctx;
        ledger_skip(&part->ledger, next);
}

static void on_end(void *ctx, void *of, int64_t end_offset, bool at_end) {
        struct part *part = of;
        (void)ctx;
        part->end_seen = end_offset;
        part->eof = at_end;
}

/* How long it stays so at least. */
static int64_t opened_ms(const struct pump *pump, struct part *part) {
        if (clock_boot_ms() - part->relayed_ms > OPENED_MAX_MS) part->opened = part->opened_small = 0;
        if (pump->settings.exactly_once && !part->small) return OPENED_MAX_MS; /* it costs the lane a producer */
        unsigned times = part->small ? part->opened_small++ : part->opened++;
        int64_t ms = (int64_t)(part->small ? SMALL_MS : OPENED_MS) << (times < 7 ? times : 7);
        return ms < OPENED_MAX_MS ? ms : OPENED_MAX_MS;
}

static void on_given_back(void *ctx, void *of, enum relay_reason reason, int64_t until, struct relay_place place,
                          const char *why) {
        struct pump *pump = ctx;
        struct part *part = of;
        part->relayed = NULL;
        part->place = place;
        if (reason == RELAY_REMOVED) {
                open_records(pump, part); /* not if it stops, but for rules of topics */
                return on_ready(pump);
        }
        log_info("partition.opened", "route=%s lane=%u topic=%s partition=%d position=%lld until=%lld reason=\"%s\"",
                 pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                 (long long)part_position(part), (long long)until, why);
        part->relay_until = -1;
        part->small = reason == RELAY_SMALL;
        part->opened_told = true;
        part->eof = false; /* of what was fetched, not of what was sent */
        if (reason == RELAY_PARTIAL) part->relay_until = until;
        else part->relay_again_ms = clock_boot_ms() + opened_ms(pump, part);
        open_records(pump, part);
        on_ready(pump);
}

static void on_failed(void *ctx, bool fenced, const char *why) {
        struct pump *pump = ctx;
        if (fenced) return pump_fence(pump, 0);
        pump_recycle(pump, "destination: %s", why);
}

static void on_unjoined(void *ctx, void *of) {
        struct pump *pump = ctx;
        struct part *part = of;
        part->place.unjoined = true;
        log_info("partition.unjoined", "route=%s lane=%u topic=%s partition=%d reason=\"destination: MESSAGE_TOO_LARGE of joined batches\"",
                 pump->settings.route, pump->settings.lane, part->topic->name, part->partition);
}

static void on_trouble(void *ctx, const char *why) {
        struct pump *pump = ctx;
        pump_set_error(pump, why);
}

static void on_closed(void *ctx) {
        struct pump *pump = ctx;
        pump->jobs--;
        pump_advance(pump);
}

/* ---- life ---- */

void pump_relay_open(struct pump *pump) {
        static const struct relay_events events = {on_ready,  on_sent,       on_acked,  on_taken_back, on_passed,
                                                   on_end,    on_given_back, on_failed, on_unjoined,   on_trouble,
                                                   on_closed};
        if (!pump->consumer || !pump->producer || !may_relay(pump)) return;
        uv_mutex_lock(&pump->denied.lock);
        int64_t id = pump->producer_id;
        int16_t epoch = pump->producer_epoch;
        pump->producer_id = -1;
        uv_mutex_unlock(&pump->denied.lock);
        if (pump->settings.exactly_once && id < 0) return; /* this librdkafka does not tell it */
        char *transactional_id = pump->settings.exactly_once ? conf_text(pump->producer, "transactional.id") : NULL;
        char *source = conf_text(pump->consumer, "bootstrap.servers");
        char *destination = conf_text(pump->producer, "bootstrap.servers");
        char *client_id = conf_text(pump->producer, "client.id");
        if (source && destination && client_id) {
                const struct relay_settings settings = {.source = source, .destination = destination, .client_id = client_id,
                                                        .budget_bytes = pump->budget_bytes / 2, .codec = codec_of(pump->producer),
                                                        .transactional_id = transactional_id};
                pump->relay = relay_new(&pump->loop->loop, &settings, &events, pump); /* NULL: records are opened */
                if (pump->relay && transactional_id) relay_set_producer(pump->relay, id, epoch);
        }
        free(transactional_id);
        free(source);
        free(destination);
        free(client_id);
}

void pump_relay_close(struct pump *pump) {
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                part->relayed = NULL;
                part->relay_until = -1;
                part->sent_opened = part->sent_relayed = false;
                part->place = (struct relay_place){.unjoined = part->place.unjoined};
        }
        pump->relay_returning = false;
        pump->relay_there_ms = 0;
        if (!pump->relay) return;
        pump->jobs++;
        relay_close(pump->relay);
        pump->relay = NULL;
}
