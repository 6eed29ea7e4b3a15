/* Partitions that are to be sent to are added to the open transaction first, in
 * one request for all that wait.  An addition that got no answer ends the
 * producer: a late copy of it would begin a transaction that nobody ends. */
#include <stdio.h>
#include <stdlib.h>

#include "worker/relay_internal.h"

#define AGAIN_MS 10 /* the broker is still ending the last transaction */

enum { UNKNOWN_TOPIC_OR_PARTITION = 3, COORDINATOR_NOT_AVAILABLE = 15, NOT_COORDINATOR = 16, CONCURRENT_TRANSACTIONS = 51 };

void relay_forget_coordinator(struct relay *relay) {
        relay_broker_close(&relay->coordinator);
        free(relay->coordinator.host);
        relay->coordinator.host = NULL;
        relay_look(relay, RELAY_DESTINATION, uv_now(relay->loop));
}

void relay_add_partitions(struct relay *relay) {
        uint64_t now = uv_now(relay->loop);
        size_t count = 0;
        if (relay->adding || relay->producer_id < 0) return;
        if (!relay->coordinator.host) {
                const struct relay_lookup *lookup = &relay->lookups[RELAY_DESTINATION];
                if (!lookup->wanted && !lookup->conn && !lookup->closing) relay_look(relay, RELAY_DESTINATION, now);
                return;
        }
        if (relay->add_retry_ms > now) return relay_wake_in(relay, relay->add_retry_ms - now);
        relay_broker_open(&relay->coordinator);
        if (!relay->coordinator.conn || !relay_conn_writable(relay->coordinator.conn)) return;
        struct relay_request *request = relay_request_new(RELAY_ADD, 0, relay->part_count);
        struct wire_add_row *rows = calloc(relay->part_count + 1, sizeof *rows);
        if (!rows) abort();
        relay->add_wanted = false;
        for (size_t i = 0; i < relay->part_count; i++) {
                struct relay_part *part = relay->parts[i];
                if (!part->add_wanted || !relay_queue_unsent(&part->queue)) continue;
                request->rows[count++] = (struct relay_row){.part = part, .epoch = relay->transaction};
        }
        request->count = count;
        qsort(request->rows, count, sizeof request->rows[0], relay_row_by_target);
        for (size_t i = 0; i < count; i++)
                rows[i] = (struct wire_add_row){request->rows[i].part->target, request->rows[i].part->partition};
        if (count == 0) {
                free(request);
        } else {
                if (wire_add_partitions(&relay->out, relay_conn_next_correlation(relay->coordinator.conn), relay->client_id,
                                        relay->transactional_id, relay->producer_id, relay->producer_epoch, rows, count))
                        abort(); /* no memory */
                for (size_t i = 0; i < count; i++) request->rows[i].part->refs++;
                relay->adding = true;
                relay_conn_send(relay->coordinator.conn, &relay->out, NULL, 0, request, RELAY_REQUEST_MS);
        }
        free(rows);
}

struct added_ctx {
        struct relay *relay;
        struct relay_request *request;
        bool again, elsewhere;
};

static void on_added(void *ctx, struct wire_text topic, int32_t partition, int16_t error) {
        struct added_ctx *at = ctx;
        struct relay *relay = at->relay;
        struct relay_row *row = relay_row_of(at->request, topic, partition, true);
        if (!row || row->part->given) return;
        struct relay_part *part = row->part;
        char why[64];
        switch (error ? wire_produce_verdict(error) : WIRE_DONE) {
        case WIRE_DONE:
                part->transaction = row->epoch;
                part->add_wanted = false;
                relay_part_ready(part);
                break;
        case WIRE_AGAIN:
                at->again = true;
                at->elsewhere |= error == NOT_COORDINATOR || error == COORDINATOR_NOT_AVAILABLE;
                if (error != CONCURRENT_TRANSACTIONS)
                        relay_tell_trouble(relay, "destination: the coordinator of transactions: %s", wire_error_name(error));
                if (error != UNKNOWN_TOPIC_OR_PARTITION) break;
                part->add_wanted = false; /* all others of the request are refused with it */
                if (part->state == RELAY_FLOWING) relay_part_look(part);
                relay_part_check(part);
                break;
        case WIRE_SEQUENCE:
                relay_fail(relay, wire_error_fences(error), "transaction: %s", wire_error_name(error));
                break;
        case WIRE_REFUSED:
                part->add_wanted = false;
                (void)snprintf(why, sizeof why, "destination: %s", wire_error_name(error)); /* it fits */
                relay_part_drop(part, RELAY_REFUSED, why); /* with what waits: it was not sent in this transaction */
                break;
        }
}

void relay_on_added(struct relay *relay, struct relay_request *request, const uint8_t *data, size_t bytes) {
        struct added_ctx ctx = {.relay = relay, .request = request};
        relay->adding = false;
        if (wire_take_add_partitions(data, bytes, on_added, &ctx)) relay_fail(relay, false, "an answer that cannot be read");
        for (size_t i = 0; i < request->count; i++) relay_part_unref(request->rows[i].part);
        free(request);
        if (!ctx.again) return;
        relay->add_wanted = true;
        relay->add_retry_ms = uv_now(relay->loop) + AGAIN_MS;
        if (ctx.elsewhere) relay_forget_coordinator(relay);
        relay_wake_in(relay, AGAIN_MS);
}
