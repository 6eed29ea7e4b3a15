/* Partitions and life of a relay.  Its data flows in relay_turn alone, which the
 * pump calls when it may send: an answer only says that there is something to do. */
#include "worker/relay_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define GATHER_MS 20

void relay_tell_trouble(struct relay *relay, const char *format, ...) {
        char text[256];
        va_list ap;
        if (relay->closing) return;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut at the bound */
        va_end(ap);
        relay->events.trouble(relay->ctx, text);
}

uint64_t relay_backoff_ms(unsigned failures) {
        uint64_t ms = (uint64_t)RELAY_BACKOFF_MS << (failures < 6 ? failures : 6);
        if (ms > RELAY_BACKOFF_MAX_MS) ms = RELAY_BACKOFF_MAX_MS;
        return ms / 2 + (uint64_t)rand() % ms; /* jitter: lanes fail together */
}

void relay_fail(struct relay *relay, bool fenced, const char *format, ...) {
        va_list ap;
        if (relay->failed || relay->closing) return;
        relay->failed = true;
        relay->fenced = fenced;
        va_start(ap, format);
        (void)vsnprintf(relay->failure, sizeof relay->failure, format, ap); /* cut at the bound */
        va_end(ap);
        relay_wake_in(relay, 0);
}

/* ---- what was put off ---- */

static void on_timer(uv_timer_t *timer) {
        struct relay *relay = timer->data;
        if (relay->closing) return;
        if (relay->failed && !relay->failed_told) {
                relay->failed_told = true;
                relay->events.failed(relay->ctx, relay->fenced, relay->failure);
        }
        if (relay->purged) relay_drop_sends(relay);
        else relay_flow_found(relay);
        for (int side = 0; side < RELAY_SIDES && !relay->purged; side++) relay_lookup_go(&relay->lookups[side]);
        relay->events.ready(relay->ctx);
}

/* Keeps an earlier date that is nearer. */
void relay_wake_in(struct relay *relay, uint64_t ms) {
        if (relay->closing) return;
        if (uv_is_active((uv_handle_t *)&relay->timer) && uv_timer_get_due_in(&relay->timer) <= ms) return;
        (void)uv_timer_start(&relay->timer, on_timer, ms, 0);
}

/* ---- requests ---- */

struct relay_request *relay_request_new(enum relay_request_kind kind, int16_t version, size_t rows) {
        struct relay_request *request = malloc(sizeof *request + rows * sizeof request->rows[0]);
        if (!request) abort(); /* batches that are counted as sent, and are not */
        *request = (struct relay_request){.kind = kind, .version = version};
        return request;
}

static bool row_is(const struct relay_row *row, struct wire_text topic, int32_t partition, bool target) {
        return row->part && row->part->partition == partition &&
               wire_text_is(topic, target ? row->part->target : row->part->topic);
}

int relay_row_by_target(const void *a, const void *b) {
        return relay_part_by_target(((const struct relay_row *)a)->part, ((const struct relay_row *)b)->part);
}

struct relay_row *relay_row_of(struct relay_request *request, struct wire_text topic, int32_t partition, bool target) {
        for (size_t i = 0; i < request->count; i++) {
                size_t at = request->at + i < request->count ? request->at + i : request->at + i - request->count;
                if (!row_is(&request->rows[at], topic, partition, target)) continue;
                request->at = at + 1 < request->count ? at + 1 : 0;
                return &request->rows[at];
        }
        return NULL;
}

/* ---- a broker's connection ---- */

const char *relay_side_name(enum relay_side side) { return side == RELAY_SOURCE ? "source" : "destination"; }

/* `on_closed` comes. */
static void disconnect(struct relay_broker *broker) {
        struct relay_conn *conn = broker->conn;
        if (!conn) return;
        broker->conn = NULL;
        broker->closing = true;
        relay_conn_close(conn);
}

void relay_broker_fail(struct relay_broker *broker, const char *why) {
        relay_tell_trouble(broker->relay, "%s: %s", relay_side_name(broker->side), why);
        broker->retry_ms = uv_now(broker->relay->loop) + relay_backoff_ms(broker->failures++);
        relay_broker_close(broker);
}

static void on_lost(void *ctx, const char *why);

static void on_open(void *ctx, const struct wire_versions *versions) {
        struct relay_broker *broker = ctx;
        bool known = broker->side == RELAY_SOURCE        ? versions->fetch >= 0
                     : broker->side == RELAY_DESTINATION ? versions->produce >= 0
                                                         : versions->add_partitions;
        if (!known) return on_lost(ctx, "its versions of the protocol are not known here");
        broker->versions = *versions;
        broker->failures = 0;
        broker->relay->events.ready(broker->relay->ctx);
}

static void on_written(void *ctx) {
        struct relay_broker *broker = ctx;
        broker->relay->events.ready(broker->relay->ctx);
}

static void on_answer(void *ctx, void *of, uint8_t *data, size_t bytes, struct relay_buffer *buffer) {
        struct relay_broker *broker = ctx;
        struct relay_request *request = of;
        switch (request->kind) {
        case RELAY_FETCH: relay_on_fetched(broker, request, data, bytes, buffer); break;
        case RELAY_ADD: relay_on_added(broker->relay, request, data, bytes); break;
        default: relay_on_produced(broker, request, data, bytes); break;
        }
        broker->relay->events.ready(broker->relay->ctx);
}

static void on_drop(void *ctx, void *of) {
        struct relay_broker *broker = ctx;
        struct relay_request *request = of;
        for (size_t i = 0; i < request->count; i++) {
                if (request->kind == RELAY_PRODUCE) relay_queue_lost(&request->rows[i].part->queue); /* relay_broker_close goes on with them */
                else relay_part_unref(request->rows[i].part);
        }
        if (request->kind == RELAY_FETCH) broker->fetching = false;
        /* A late copy could add partitions to a later transaction, or to none. */
        if (request->kind == RELAY_ADD) relay_fail(broker->relay, false, "a partition was perhaps added to the transaction");
        free(request);
}

static void on_lost(void *ctx, const char *why) {
        struct relay_broker *broker = ctx;
        if (!why) return disconnect(broker); /* at rest, and closed for that: it is opened again when it is needed */
        relay_broker_fail(broker, why);
        if (broker->side == RELAY_COORDINATOR) relay_forget_coordinator(broker->relay);
}

static void on_closed(void *ctx) {
        struct relay_broker *broker = ctx;
        struct relay *relay = broker->relay;
        broker->closing = false;
        if (!relay->closing) relay->events.ready(relay->ctx); /* somebody may be waiting to open it again */
        relay_conn_gone(relay);
}

static const struct relay_conn_events broker_events = {on_open, on_written, on_answer, on_drop, on_lost, on_closed};

void relay_broker_open(struct relay_broker *broker) {
        struct relay *relay = broker->relay;
        uint64_t now = uv_now(relay->loop);
        if (broker->conn || broker->closing) return;
        if (broker->retry_ms > now) return relay_wake_in(relay, broker->retry_ms - now);
        broker->conn = relay_conn_new(relay->loop, &relay->pool, broker->host, broker->port, relay->client_id,
                                      &broker_events, broker);
        if (broker->conn) relay->open++;
        else relay_wake_in(relay, RELAY_BACKOFF_MAX_MS);
}

/* Its partitions look for their leaders again. */
void relay_broker_close(struct relay_broker *broker) {
        struct relay *relay = broker->relay;
        if (!broker->conn) return;
        disconnect(broker);
        /* A partition that is given back leaves the list. */
        for (size_t i = relay->part_count; i-- > 0;) {
                if (i >= relay->part_count) continue;
                struct relay_part *part = relay->parts[i];
                if (part->source != broker && part->destination != broker) continue;
                /* One that is to be given back need not look, but for its waiting batches: they would be sent to this broker, and
                 * another one may lead. */
                bool looks = !part->giving || (part->destination == broker && part->queue.sent == 0);
                if (part->state == RELAY_FLOWING && !part->queue.failed && looks) relay_part_look(part);
                relay_part_check(part);
        }
}

/* ---- partitions ---- */

struct relay_batch relay_batch_of(const struct relay_slot *slot) {
        return (struct relay_batch){.base = slot->base, .last = slot->last, .next = slot->next,
                                    .max_timestamp = slot->max_timestamp, .records = (uint32_t)slot->records,
                                    .bytes = slot->bytes};
}

void relay_part_ready(struct relay_part *part) {
        struct relay_broker *broker = part->destination;
        if (part->ready || part->state != RELAY_FLOWING || !broker || !relay_queue_unsent(&part->queue)) return;
        part->ready = true;
        part->ready_number = ++part->relay->ready_count;
        part->ready_next = NULL;
        *broker->ready_tail = part;
        broker->ready_tail = &part->ready_next;
}

static void leave_ready(struct relay_part *part) {
        struct relay_broker *broker = part->destination;
        if (!part->ready) return;
        for (struct relay_part **at = &broker->ready; *at; at = &(*at)->ready_next)
                if (*at == part) {
                        *at = part->ready_next;
                        if (!*at) broker->ready_tail = at;
                        break;
                }
        part->ready = false;
}

/* What failed is left to take_back. */
static void drop_waiting(struct relay_part *part) {
        struct relay_slot slot;
        bool sent;
        while (!(part->queue.failed && relay_queue_settled(&part->queue)) && relay_queue_take_back(&part->queue, &slot, &sent))
                relay_buffer_unref(slot.buffer);
}

void relay_part_look(struct relay_part *part) {
        uint64_t now = uv_now(part->relay->loop);
        leave_ready(part);
        drop_waiting(part); /* it must not take room from others meanwhile */
        part->state = RELAY_LOOKING;
        part->incomplete_ms = part->incomplete_again_ms = 0;
        part->unknown = 1u << RELAY_SOURCE | 1u << RELAY_DESTINATION;
        part->retry_ms = now + relay_backoff_ms(part->failures++);
        if (!part->trouble_ms) part->trouble_ms = now;
        relay_look(part->relay, RELAY_SOURCE, part->retry_ms);
        relay_look(part->relay, RELAY_DESTINATION, part->retry_ms);
        relay_wake_in(part->relay, RELAY_AWAY_MS);
}

static void take_back(struct relay_part *part) {
        struct relay_slot slot;
        bool sent;
        while (relay_queue_take_back(&part->queue, &slot, &sent)) {
                struct relay_batch batch = relay_batch_of(&slot);
                relay_buffer_unref(slot.buffer);
                if (sent) part->relay->events.taken_back(part->relay->ctx, part->of, &batch);
        }
        part->epoch++;
}

static void part_free(struct relay_part *part) {
        free(part->topic);
        free(part->target);
        free(part);
}

void relay_part_unref(struct relay_part *part) {
        if (--part->refs == 0 && part->given) part_free(part);
}

/* Out of the list, and away with the last reference. */
static void part_leave(struct relay_part *part) {
        struct relay *relay = part->relay;
        size_t i = 0;
        while (relay->parts[i] != part) i++;
        memmove(&relay->parts[i], &relay->parts[i + 1], (--relay->part_count - i) * sizeof(struct relay_part *));
        leave_ready(part);
        relay_queue_fini(&part->queue);
        part->given = true;
        if (part->refs == 0) part_free(part);
}

void relay_part_check(struct relay_part *part) {
        struct relay *relay = part->relay;
        if (part->queue.failed && relay_queue_settled(&part->queue)) {
                take_back(part);
                /* What it met behind these it will meet again. */
                if (part->reason != RELAY_REMOVED && part->reason != RELAY_REFUSED) part->giving = false;
                if (!part->giving) relay_part_look(part);
        }
        if (part->giving && part->state == RELAY_LOOKING) drop_waiting(part); /* its leaders may never be found */
        if (!part->giving || part->queue.count) return;
        void *of = part->of;
        enum relay_reason reason = part->reason;
        int64_t until = part->until;
        struct relay_place place = {part->queue.sequence, part->queue.fetch_offset, part->sent_next, part->queue.ends, part->unjoined};
        char why[sizeof part->why];
        memcpy(why, part->why, sizeof why);
        part_leave(part);
        relay->events.given_back(relay->ctx, of, reason, until, place, why);
}

void relay_part_give(struct relay_part *part, enum relay_reason reason, int64_t until, const char *format, ...) {
        va_list ap;
        /* What the destination says goes before what was met behind that batch. */
        if (part->giving && reason != RELAY_REMOVED && (reason != RELAY_REFUSED || part->reason == RELAY_REMOVED))
                return relay_part_check(part);
        part->giving = true;
        part->reason = reason;
        part->until = until;
        va_start(ap, format);
        (void)vsnprintf(part->why, sizeof part->why, format, ap); /* cut at the bound */
        va_end(ap);
        relay_part_check(part);
}

struct relay_part *relay_add(struct relay *relay, void *of, const char *topic, int32_t partition, const char *target,
                             int64_t offset, struct relay_place place) {
        if (relay->part_count == relay->part_capacity) {
                size_t capacity = relay->part_capacity ? relay->part_capacity * 2 : 16;
                struct relay_part **parts = realloc(relay->parts, capacity * sizeof *parts);
                if (!parts) return NULL;
                relay->parts = parts;
                relay->part_capacity = capacity;
        }
        struct relay_part *part = calloc(1, sizeof *part);
        if (!part) return NULL;
        *part = (struct relay_part){.relay = relay, .of = of, .partition = partition, .state = RELAY_LOOKING};
        part->topic = strdup(topic);
        part->target = strdup(target);
        if (!part->topic || !part->target) {
                part_free(part);
                return NULL;
        }
        relay_queue_init(&part->queue, offset);
        part->queue.sequence = place.sequence;
        part->sent_next = place.sent_next > place.offset ? place.sent_next : offset; /* maybe below: of a log that is gone */
        if (place.sent_next > place.offset) part->queue.ends = place.ends;
        part->unjoined = place.unjoined;
        part->joins = true;
        part->trouble_ms = uv_now(relay->loop);
        part->unknown = 1u << RELAY_SOURCE | 1u << RELAY_DESTINATION;
        /* Partitions of a topic stand together: a request names it once. */
        size_t at = relay->part_count;
        while (at > 0 && strcmp(relay->parts[at - 1]->topic, topic) > 0) at--;
        memmove(&relay->parts[at + 1], &relay->parts[at], (relay->part_count++ - at) * sizeof(struct relay_part *));
        relay->parts[at] = part;
        /* With all that begin to look now. */
        relay_look(relay, RELAY_SOURCE, part->trouble_ms + GATHER_MS);
        relay_look(relay, RELAY_DESTINATION, part->trouble_ms + GATHER_MS);
        relay_wake_in(relay, RELAY_AWAY_MS);
        return part;
}

void relay_part_drop(struct relay_part *part, enum relay_reason reason, const char *why) {
        leave_ready(part);
        drop_waiting(part);
        part->state = RELAY_SETTLING;
        relay_part_give(part, reason, -1, "%s", why);
}

void relay_remove(struct relay_part *part) {
        if (!part->relay->closing) relay_part_drop(part, RELAY_REMOVED, "removed");
}

/* ---- the turn ---- */

bool relay_waits(const struct relay *relay) {
        for (const struct relay_broker *broker = relay->brokers; broker; broker = broker->next)
                if (broker->ready) return true;
        return false;
}

/* Of those that were not asked in this turn, the one with the partition that has been ready for longest: under a
 * limit one request may be all that a turn allows, and no broker's partitions are to take each. */
static struct relay_broker *next_ready(const struct relay *relay) {
        struct relay_broker *next = NULL;
        for (struct relay_broker *broker = relay->brokers; broker; broker = broker->next)
                if (broker->ready && broker->turn != relay->turn && (!next || broker->ready->ready_number < next->ready->ready_number))
                        next = broker;
        return next;
}

void relay_turn(struct relay *relay, double allowed) {
        if (relay->closing || relay->failed || relay->purged) return;
        for (int side = 0; side < RELAY_SIDES; side++) relay_lookup_go(&relay->lookups[side]);
        bool again = false, may_send = allowed > 0;
        relay->turn++;
        if (may_send) relay->room = allowed;
        for (struct relay_broker *broker; allowed > 0 && (broker = next_ready(relay));) {
                broker->turn = relay->turn;
                double records = relay_produce(broker, allowed);
                allowed -= records;
                again |= records > 0 && broker->ready && broker->conn && relay_conn_writable(broker->conn);
        }
        if (relay->add_wanted && may_send) relay_add_partitions(relay); /* also with the last of the room: it is sent to a while later */
        for (struct relay_broker *broker = relay->brokers; broker; broker = broker->next)
                if (broker->side == RELAY_SOURCE) relay_fetch(broker);
        if (again) relay->events.ready(relay->ctx); /* one request a turn: other lanes wait for theirs */
}

void relay_note_limited(struct relay *relay) { relay->limited_ms = uv_now(relay->loop); }

uint64_t relay_held_bytes(const struct relay *relay) { return relay->pool.bytes + relay->pool.spare_bytes; }

bool relay_part_waits(const struct relay_part *part) { return part->queue.count > part->queue.sent; }

bool relay_has_parts(const struct relay *relay) { return relay->part_count > 0; }

void relay_set_budget(struct relay *relay, uint64_t budget_bytes) {
        relay->budget_bytes = budget_bytes;
        relay->pool.spare_max_bytes = budget_bytes / 2;
}

/* ---- life ---- */

struct relay *relay_new(uv_loop_t *loop, const struct relay_settings *settings, const struct relay_events *events,
                        void *ctx) {
        struct relay *relay = calloc(1, sizeof *relay);
        if (!relay) return NULL;
        relay->loop = loop;
        relay->events = *events;
        relay->ctx = ctx;
        relay_set_budget(relay, settings->budget_bytes);
        relay->codec = settings->codec;
        relay->producer_id = -1;
        relay->client_id = strdup(settings->client_id);
        relay->transaction = 1;
        relay->coordinator = (struct relay_broker){.relay = relay, .side = RELAY_COORDINATOR};
        if (settings->transactional_id && !(relay->transactional_id = strdup(settings->transactional_id))) {
                free(relay->client_id);
                free(relay);
                return NULL;
        }
        for (int side = 0; side < RELAY_SIDES; side++) {
                relay->lookups[side].relay = relay;
                relay->lookups[side].side = (enum relay_side)side;
        }
        if (!relay->client_id || relay_lookup_init(&relay->lookups[RELAY_SOURCE], settings->source) ||
            relay_lookup_init(&relay->lookups[RELAY_DESTINATION], settings->destination)) {
                for (int side = 0; side < RELAY_SIDES; side++) relay_lookup_fini(&relay->lookups[side]);
                free(relay->transactional_id);
                free(relay->client_id);
                free(relay);
                return NULL;
        }
        (void)uv_timer_init(loop, &relay->timer); /* cannot fail */
        relay->timer.data = relay;
        relay->open = 1;
        return relay;
}

static void relay_finish(struct relay *relay) {
        if (!relay->closing || relay->open) return;
        for (int side = 0; side < RELAY_SIDES; side++) relay_lookup_fini(&relay->lookups[side]);
        while (relay->brokers) {
                struct relay_broker *next = relay->brokers->next;
                free(relay->brokers->host);
                free(relay->brokers);
                relay->brokers = next;
        }
        void (*closed)(void *ctx) = relay->events.closed;
        void *ctx = relay->ctx;
        relay_pool_fini(&relay->pool);
        wire_out_fini(&relay->out);
        free(relay->parts);
        free(relay->coordinator.host);
        free(relay->transactional_id);
        free(relay->client_id);
        free(relay);
        closed(ctx);
}

void relay_conn_gone(struct relay *relay) {
        relay->open--;
        relay_finish(relay);
}

static void on_timer_closed(uv_handle_t *handle) { relay_conn_gone(handle->data); }

void relay_drop_sends(struct relay *relay) {
        for (struct relay_broker *broker = relay->brokers; broker; broker = broker->next)
                if (broker->side == RELAY_DESTINATION) relay_broker_close(broker);
}

void relay_set_producer(struct relay *relay, int64_t id, int16_t epoch) {
        relay->producer_id = id;
        relay->producer_epoch = epoch;
}

void relay_next_transaction(struct relay *relay) { relay->transaction++; }

void relay_purge(struct relay *relay) {
        relay->purged = true;
        relay_wake_in(relay, 0);
}

void relay_close(struct relay *relay) {
        if (relay->closing) return;
        relay->closing = true;
        for (int side = 0; side < RELAY_SIDES; side++)
                if (relay->lookups[side].conn) {
                        relay_conn_close(relay->lookups[side].conn);
                        relay->lookups[side].conn = NULL;
                }
        for (struct relay_broker *broker = relay->brokers; broker; broker = broker->next) disconnect(broker);
        disconnect(&relay->coordinator);
        while (relay->part_count) {
                struct relay_part *part = relay->parts[relay->part_count - 1];
                part->queue.failed = true; /* also what waits is taken back */
                take_back(part);
                part_leave(part);
        }
        uv_close((uv_handle_t *)&relay->timer, on_timer_closed);
}
