/* Fetching: one request under way for each broker, which asks for every
 * partition that it leads and that has not too much waiting already. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/budget.h"
#include "worker/relay_internal.h"
#include "worker/relay_join.h"

#define WAIT_MS 500          /* for a first record: as long as librdkafka waits */
/* While a partition is left out for what it has waiting, the others must not
 * keep the answer back until a record comes. */
#define WAIT_BRIEFLY_MS 5
#define WAIT_BLOCKED_MS 100  /* and nothing was acknowledged meanwhile */
#define ANSWER_MAX_BYTES ((uint64_t)1 << 20)
#define ANSWER_MIN_BYTES ((uint64_t)64 << 10)
#define LIMITED_MS 10000     /* so long after a limit held something back batches go as they come */
#define INCOMPLETE_MS 5000   /* so long an answer is waited for that holds all of what was one batch, */
#define INCOMPLETE_PAUSE_MS 20 /* and asked for so often */
#define SMALL_MS 2000        /* a backlog of small batches that lasts so long is given back */
#define PARTITION_MIN_BYTES ((uint64_t)64 << 10)

/* One answer is being read while others wait for their acknowledgements; each broker may answer at the same time. */
static uint64_t answer_bytes(const struct relay *relay) {
        uint64_t brokers = 0;
        for (const struct relay_broker *broker = relay->brokers; broker; broker = broker->next)
                brokers += broker->side == RELAY_SOURCE && (broker->conn || broker->fetching);
        uint64_t bytes = relay->budget_bytes / 2 / (brokers < 2 ? 2 : brokers);
        if (bytes > BUDGET_BATCH_BYTES) bytes = (bytes + BUDGET_BATCH_BYTES - 1) / BUDGET_BATCH_BYTES * BUDGET_BATCH_BYTES;
        return bytes < ANSWER_MIN_BYTES ? ANSWER_MIN_BYTES : bytes > ANSWER_MAX_BYTES ? ANSWER_MAX_BYTES : bytes;
}

static bool fetchable(const struct relay_part *part, const struct relay_broker *broker) {
        return part->source == broker && part->state == RELAY_FLOWING && !part->giving && !part->queue.failed;
}

/* A turn takes a batch whole, however little a limit allows. */
static int32_t joined_records_max(const struct relay *relay) {
        if (relay->limited_ms && uv_now(relay->loop) - relay->limited_ms < LIMITED_MS) return 0;
        return relay->room < INT32_MAX ? (int32_t)relay->room : INT32_MAX;
}

/* What gathers at the source meanwhile is joined. */
static bool crowded(const struct relay_part *part) {
        return part->joins && !part->packed && !part->unjoined && joined_records_max(part->relay) > 1 && relay_queue_crowded(&part->queue);
}

static bool later(const struct relay_part *part) {
        uint64_t now = uv_now(part->relay->loop);
        if (part->incomplete_again_ms <= now) return false;
        relay_wake_in(part->relay, part->incomplete_again_ms - now);
        return true;
}

void relay_fetch(struct relay_broker *broker) {
        struct relay *relay = broker->relay;
        uint64_t answer = answer_bytes(relay), each;
        size_t wanted = 0, led = 0, behind = 0;
        bool incomplete = false;
        if (broker->fetching) return;
        for (size_t i = 0; i < relay->part_count; i++) {
                const struct relay_part *part = relay->parts[i];
                if (!fetchable(part, broker)) continue;
                led++;
                behind += part->behind;
                incomplete |= part->incomplete_ms > 0;
        }
        if (led == 0) return;
        if (incomplete && answer < 2 * RELAY_JOINED_BYTES) answer = 2 * RELAY_JOINED_BYTES; /* there may have been more room when it was sent */
        relay_broker_open(broker);
        if (!broker->conn || !relay_conn_writable(broker->conn)) return;
        uint64_t wanted_bytes = answer + (broker->joined_bytes < answer ? broker->joined_bytes : answer); /* it lies there while it is joined */
        if (relay->pool.bytes + wanted_bytes > relay->budget_bytes && relay->pool.bytes > 0) return; /* an acknowledgement comes back here */
        each = answer / (behind ? behind : 1);
        if (each < PARTITION_MIN_BYTES) each = PARTITION_MIN_BYTES;
        struct wire_fetch_row *rows = malloc(led * sizeof *rows);
        struct relay_request *request = relay_request_new(RELAY_FETCH, broker->versions.fetch, led);
        if (!rows) abort();
        /* Whoever comes first in a request is served first. */
        size_t from = broker->rotation++ % relay->part_count;
        for (size_t k = 0; k < relay->part_count; k++) {
                size_t i = from + k < relay->part_count ? from + k : from + k - relay->part_count;
                struct relay_part *part = relay->parts[i];
                if (!fetchable(part, broker) || part->queue.waiting_bytes >= each || crowded(part) || later(part)) continue;
                rows[wanted] = (struct wire_fetch_row){part->topic, part->partition, part->queue.fetch_offset,
                                                       (int32_t)(part->cut ? answer : each)};
                request->rows[wanted++] = (struct relay_row){part, part->epoch, part->queue.fetch_offset};
        }
        const struct wire_fetch fetch = {.version = broker->versions.fetch,
                                         .max_wait_ms = wanted == led ? WAIT_MS : broker->acked ? WAIT_BRIEFLY_MS : WAIT_BLOCKED_MS,
                                         .min_bytes = 1,
                                         .max_bytes = (int32_t)answer,
                                         .committed = true,
                                         .rows = rows,
                                         .count = wanted};
        request->count = wanted;
        if (wanted == 0 ||
            wire_fetch(&relay->out, relay_conn_next_correlation(broker->conn), relay->client_id, &fetch)) {
                free(request);
        } else {
                for (size_t i = 0; i < wanted; i++) request->rows[i].part->refs++;
                broker->fetching = true;
                broker->acked = false;
                relay_conn_send(broker->conn, &relay->out, NULL, 0, request, RELAY_REQUEST_MS);
        }
        free(rows);
}

struct fetched_ctx {
        struct relay_broker *broker;
        struct relay_request *request;
        struct relay_buffer *buffer;
};

/* One that has waited for a broker, or for its lane to begin, goes in no time: what counts is
 * that it does not get shorter while it flows. */
void relay_part_acked(struct relay_part *part) {
        uint64_t now = uv_now(part->relay->loop);
        bool stood_still = now - part->acked_ms > SMALL_MS;
        if (!relay_queue_small(&part->queue)) part->small_since_ms = 0;
        else if (!part->small_since_ms || stood_still) part->small_since_ms = now;
        part->acked_ms = now;
}

static bool better_opened(const struct relay_part *part) {
        uint64_t now = uv_now(part->relay->loop), limited_ms = part->relay->limited_ms;
        return relay_queue_small(&part->queue) && part->small_since_ms && now - part->small_since_ms >= SMALL_MS &&
               now - part->acked_ms <= SMALL_MS && (!limited_ms || now - limited_ms > SMALL_MS);
}

/* false: no memory. */
static bool push(struct relay_part *part, const struct wire_batch *batch, struct relay_buffer *buffer, bool joined) {
        const struct relay_slot slot = {.base = batch->base_offset, .last = batch->last_offset,
                                        .max_timestamp = batch->max_timestamp, .records = batch->records,
                                        .data = batch->data, .bytes = batch->bytes, .buffer = buffer, .joined = joined};
        part->packed = batch->codec != 0;
        return relay_queue_push(&part->queue, slot) == 0;
}

/* false: the rest of the answer is not for us. */
static bool take_batch(struct relay_part *part, const struct wire_batch *batch, struct relay_buffer *buffer) {
        struct relay *relay = part->relay;
        struct relay_queue *queue = &part->queue;
        if (batch->magic < 2) {
                relay_part_give(part, RELAY_UNUSUAL, -1, "record batches of an older format");
                return false;
        }
        /* What is sent is summed where it arrives: a destination's broker refuses a batch with a wrong checksum.  What its head
         * alone makes us leave out is summed here. */
        bool from_inside = batch->base_offset < queue->fetch_offset; /* an answer begins with the batch that holds the offset */
        if ((from_inside || batch->control || batch->records == 0) && !wire_batch_sound(batch)) {
                relay_part_give(part, RELAY_CORRUPT, -1, "a batch at offset %lld with a wrong checksum", (long long)batch->base_offset);
                return false;
        }
        if (batch->last_offset < queue->fetch_offset) return true;
        /* Under the sequence of one that may be there, what follows it in its place would be taken for it, and be nowhere. */
        bool in_place = batch->base_offset <= queue->fetch_offset && (batch->control || batch->records > 0);
        if (queue->fetch_offset < part->sent_next && !in_place) {
                relay_part_give(part, RELAY_UNUSUAL, -1, "the source no longer has what was sent and not acknowledged");
                return false;
        }
        if (batch->control || batch->records == 0) {
                if (relay_queue_pass(queue, batch->last_offset + 1))
                        relay->events.passed(relay->ctx, part->of, queue->fetch_offset);
                return true;
        }
        if (from_inside) {
                relay_part_give(part, RELAY_PARTIAL, batch->last_offset + 1, "its position is inside a batch");
                return false;
        }
        const char *unusual = batch->transactional                      ? "records of a transaction"
                              : batch->append_time                      ? "timestamps that the source's broker has set"
                              : batch->last_offset - batch->base_offset != batch->records - 1 ? "a compacted batch"
                              : relay->codec >= 0 && batch->codec != relay->codec ? "another compression than the destination is to have"
                              : !wire_batch_adoptable(batch)            ? "a batch with attributes that have to be looked at"
                                                                        : NULL;
        if (unusual) {
                relay_part_give(part, RELAY_UNUSUAL, -1, "%s", unusual);
                return false;
        }
        if (!push(part, batch, buffer, false)) return false; /* no memory: it is fetched again */
        relay_buffer_ref(buffer);
        return true;
}

/* What begins at data, of this span, as one.  false: it has to go batch by batch. */
static bool take_joined(struct relay_part *part, uint8_t *data, const struct relay_span *span) {
        size_t capacity = wire_join_capacity(data, span->bytes, span->records);
        struct relay_buffer *buffer = relay_buffer_new(&part->relay->pool, capacity);
        struct wire_batch batch;
        if (!buffer) return false;
        if (!wire_join(data, span->bytes, buffer->data, capacity, &batch) && push(part, &batch, buffer, true)) return true;
        relay_buffer_unref(buffer);
        return false;
}

/* What was joined with the first of these is not all there: it is asked for again, with the whole of an answer, which it came from.
 * false: not any more. */
static bool wait_for_rest(struct relay_part *part) {
        uint64_t now = uv_now(part->relay->loop);
        if (!part->incomplete_ms) part->incomplete_ms = now;
        part->incomplete_again_ms = now + INCOMPLETE_PAUSE_MS;
        return now - part->incomplete_ms < INCOMPLETE_MS;
}

struct joining {
        size_t bytes;             /* so many were taken, as one */
        size_t single;            /* so many have to go batch by batch */
        bool wait;                /* nothing can be taken yet */
};

/* What begins with this batch, which data begins with.  Nothing of these: it goes by itself. */
static struct joining join_batches(struct relay_part *part, uint8_t *data, size_t left, const struct wire_batch *batch) {
        const struct relay *relay = part->relay;
        const int64_t offset = part->queue.fetch_offset;
        const struct joining alone = {0};
        struct relay_span span;
        if (batch->control || batch->records == 0) return alone;
        if (part->unjoined || relay->codec > 0 || batch->base_offset < offset || (offset < part->sent_next && batch->base_offset != offset))
                return alone;
        const int64_t end = relay_queue_end(&part->queue, batch->base_offset);
        enum relay_join join = end < 0 ? relay_join_fit(data, left, joined_records_max(relay), &span) : relay_join_again(data, left, end, &span);
        if (join == RELAY_JOIN) {
                if (take_joined(part, data, &span)) {
                        if (part->source) part->source->joined_bytes += span.bytes;
                        return (struct joining){.bytes = span.bytes};
                }
                if (end < 0) return (struct joining){.single = span.bytes};
                join = RELAY_JOIN_LATER; /* no memory, or bytes that were others before */
        }
        if (join == RELAY_JOIN_LATER && wait_for_rest(part)) return (struct joining){.wait = true};
        /* If it is there as it was, the broker will say that what comes now is out of order; if it is not, all is well. */
        if (join != RELAY_JOIN_NONE) part->queue.ends.count = 0;
        return alone;
}

static bool take_batches(struct relay_part *part, const struct wire_fetched *fetched, struct relay_buffer *buffer) {
        uint8_t *data = fetched->records;
        size_t left = fetched->records_bytes, single = 0;
        int taken = 0, joined = 0;
        while (left) {
                struct wire_batch batch;
                struct joining joining = {0};
                int rc = wire_batch(data, left, &batch);
                if (rc == WIRE_CUT) break;
                if (rc) {
                        relay_part_give(part, RELAY_UNUSUAL, -1, "a batch that cannot be read");
                        return false;
                }
                if (single == 0) joining = join_batches(part, data, left, &batch);
                if (joining.wait) break;
                single += joining.single;
                if (!joining.bytes && !take_batch(part, &batch, buffer)) return false;
                const size_t bytes = joining.bytes ? joining.bytes : batch.bytes;
                single = single > bytes ? single - bytes : 0;
                taken++;
                joined += joining.bytes > 0;
                data += bytes;
                left -= bytes;
        }
        if (joined || taken > 1) part->joins = joined > 0;
        return true;
}

static void on_fetched(void *ctx, const struct wire_fetched *fetched) {
        const struct fetched_ctx *at = ctx;
        struct relay *relay = at->broker->relay;
        struct relay_row *row = relay_row_of(at->request, fetched->topic, fetched->partition, false);
        if (!row) return;
        struct relay_part *part = row->part;
        if (part->given || part->giving || part->epoch != row->epoch || part->queue.fetch_offset != row->offset) return;
        if (fetched->error) {
                if (wire_fetch_verdict(fetched->error) == WIRE_AGAIN) {
                        relay_tell_trouble(relay, "source: %s [%d]: %s", part->topic, part->partition, wire_error_name(fetched->error));
                        if (part->state == RELAY_FLOWING) relay_part_look(part);
                } else {
                        relay_part_give(part, RELAY_UNUSUAL, -1, "source: %s", wire_error_name(fetched->error));
                }
                return;
        }
        if (fetched->records_bytes == 0 && part->queue.count == 0) {
                /* Nothing to be sent; else the acknowledgement says that all is well. */
                part->failures = 0;
                part->trouble_ms = 0;
        }
        int64_t before = part->queue.fetch_offset;
        bool all = take_batches(part, fetched, at->buffer);
        if (part->given) return;
        relay_part_ready(part); /* also those before one that has to be opened */
        if (!all) return;
        part->cut = part->queue.fetch_offset == before && (part->cut || fetched->records_bytes > 0);
        if (part->queue.fetch_offset != before) part->incomplete_ms = part->incomplete_again_ms = 0;
        int64_t end = fetched->last_stable >= 0 ? fetched->last_stable : fetched->high_watermark;
        part->behind = part->queue.fetch_offset < end;
        if (better_opened(part)) return relay_part_drop(part, RELAY_SMALL, "a backlog of small batches");
        relay->events.end(relay->ctx, part->of, fetched->high_watermark, !part->behind);
}

void relay_on_fetched(struct relay_broker *broker, struct relay_request *request, uint8_t *data, size_t bytes,
                      struct relay_buffer *buffer) {
        struct fetched_ctx ctx = {broker, request, buffer};
        int16_t error = 0;
        broker->fetching = false;
        broker->joined_bytes = 0;
        int rc = wire_take_fetch(request->version, data, bytes, &error, on_fetched, &ctx);
        for (size_t i = 0; i < request->count; i++) relay_part_unref(request->rows[i].part);
        free(request);
        if (!rc && !error) return;
        char why[160];
        (void)snprintf(why, sizeof why, "%.80s:%u: %s", broker->host, broker->port,
                       rc ? "an answer that cannot be read" : wire_error_name(error));
        relay_broker_fail(broker, why);
}
