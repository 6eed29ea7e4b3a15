/* Producing: requests to the leaders of destination partitions, with at most one
 * batch of each partition in a request, as brokers want it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/relay_internal.h"

#define REQUEST_BYTES ((size_t)1 << 20) /* a request is closed when it has so many */
#define REQUEST_ROWS 512
#define BROKER_MS 5000                  /* the broker's own limit for the replicas' acknowledgements */

double relay_produce(struct relay_broker *broker, double allowed) {
        struct relay *relay = broker->relay;
        if (!broker->ready || relay->producer_id < 0) return 0;
        relay_broker_open(broker);
        if (!broker->conn || !relay_conn_writable(broker->conn)) return 0;
        struct relay_request *request = relay_request_new(RELAY_PRODUCE, broker->versions.produce, REQUEST_ROWS);
        size_t bytes = 0, limit = REQUEST_ROWS;
        double records = 0;
        /* Each at most once: those that have more are behind the end then. */
        struct relay_part **last = broker->ready_tail;
        while (broker->ready && request->count < limit && bytes < REQUEST_BYTES && records < allowed) {
                struct relay_part *part = broker->ready;
                bool was_last = &part->ready_next == last;
                broker->ready = part->ready_next;
                if (!broker->ready) broker->ready_tail = &broker->ready;
                part->ready = false;
                struct relay_slot *slot = relay_queue_unsent(&part->queue);
                if (slot && relay->transactional_id && part->transaction != relay->transaction) {
                        part->add_wanted = relay->add_wanted = true; /* it is ready again when it was added */
                } else if (slot) {
                        bytes += slot->bytes;
                        records += slot->records;
                        request->rows[request->count++] = (struct relay_row){.part = part};
                }
                if (was_last) break;
        }
        if (request->count == 0) {
                free(request);
                return 0;
        }
        qsort(request->rows, request->count, sizeof request->rows[0], relay_row_by_target);
        struct wire_produce_row *rows = malloc(request->count * sizeof *rows);
        struct relay_piece *pieces = malloc(request->count * sizeof *pieces);
        if (!rows || !pieces) abort();
        for (size_t i = 0; i < request->count; i++) {
                struct relay_part *part = request->rows[i].part;
                const struct relay_slot *slot = relay_queue_unsent(&part->queue);
                struct wire_batch batch;
                if (wire_batch(slot->data, slot->bytes, &batch)) abort(); /* it was read before */
                wire_batch_adopt(&batch, relay->producer_id, relay->producer_epoch, slot->sequence, relay->transactional_id);
                rows[i] = (struct wire_produce_row){part->target, part->partition, slot->bytes, 0};
                pieces[i] = (struct relay_piece){.buffer = slot->buffer, .data = slot->data, .bytes = slot->bytes};
                struct relay_batch told = relay_batch_of(slot);
                relay_queue_sent(&part->queue);
                if (told.last >= part->sent_next) part->sent_next = told.last + 1;
                relay->events.sent(relay->ctx, part->of, &told);
        }
        if (wire_produce(&relay->out, request->version, relay_conn_next_correlation(broker->conn), relay->client_id,
                         relay->transactional_id, BROKER_MS, rows, request->count))
                abort(); /* no memory */
        for (size_t i = 0; i < request->count; i++) {
                pieces[i].cut = rows[i].cut;
                relay_part_ready(request->rows[i].part);
        }
        relay_conn_send(broker->conn, &relay->out, pieces, request->count, request, BROKER_MS + RELAY_REQUEST_MS);
        free(rows);
        free(pieces);
        return records;
}

struct produced_ctx {
        struct relay_broker *broker;
        struct relay_request *request;
        size_t answers;
};

static void on_produced(void *ctx, const struct wire_produced *produced) {
        struct produced_ctx *at = ctx;
        struct relay *relay = at->broker->relay;
        struct relay_row *row = relay_row_of(at->request, produced->topic, produced->partition, true);
        if (!row) return;
        struct relay_part *part = row->part;
        struct relay_slot slot;
        enum wire_verdict verdict = wire_produce_verdict(produced->error);
        row->part = NULL; /* answered */
        at->answers++;
        switch (relay_queue_answer(&part->queue, verdict == WIRE_DONE, &slot)) {
        case RELAY_ACKED: {
                struct relay_batch batch = relay_batch_of(&slot);
                part->failures = 0;
                part->trouble_ms = 0;
                if (part->source) part->source->acked = true;
                relay_part_acked(part);
                relay_buffer_unref(slot.buffer);
                relay->events.acked(relay->ctx, part->of, &batch, produced->base_offset);
                relay_part_ready(part);
                break;
        }
        case RELAY_FAILED:
                if (part->state == RELAY_FLOWING) part->state = RELAY_SETTLING;
                if (wire_error_too_large(produced->error) && relay_queue_oldest(&part->queue)->joined) {
                        part->unjoined = true;
                        relay->events.unjoined(relay->ctx, part->of);
                } else if (verdict == WIRE_SEQUENCE) {
                        relay_fail(relay, relay->transactional_id && wire_error_fences(produced->error), "%.100s [%d]: %s",
                                   part->target, part->partition, wire_error_name(produced->error));
                } else if (verdict == WIRE_REFUSED) {
                        relay_part_give(part, RELAY_REFUSED, -1, "destination: %s", wire_error_name(produced->error));
                        return;
                } else {
                        relay_tell_trouble(relay, "destination: %s [%d]: %s", part->target, part->partition,
                                           wire_error_name(produced->error));
                }
                break;
        case RELAY_IGNORED: break;
        }
        relay_part_check(part);
}

void relay_on_produced(struct relay_broker *broker, struct relay_request *request, const uint8_t *data, size_t bytes) {
        struct produced_ctx ctx = {.broker = broker, .request = request};
        int rc = wire_take_produce(request->version, data, bytes, on_produced, &ctx);
        bool whole = !rc && ctx.answers == request->count;
        for (size_t i = 0; i < request->count; i++)
                if (request->rows[i].part) relay_queue_lost(&request->rows[i].part->queue);
        free(request);
        if (whole) return;
        char why[160];
        (void)snprintf(why, sizeof why, "%.80s:%u: an answer that cannot be read", broker->host, broker->port);
        relay_broker_fail(broker, why);
}
