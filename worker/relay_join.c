#include "worker/relay_join.h"

#include "worker/relay_wire.h"

static bool joinable(const struct wire_batch *batch) {
        return batch->bytes < RELAY_JOINABLE_BYTES && batch->codec == 0 && wire_batch_adoptable(batch) &&
               (size_t)batch->records <= batch->bytes; /* what its head says is not summed yet */
}

enum relay_join relay_join_fit(uint8_t *data, size_t bytes, int32_t records_max, struct relay_span *out) {
        struct wire_batch batch;
        struct relay_span span = {0};
        int64_t last = -1;
        int batches = 0;
        for (; !wire_batch(data + span.bytes, bytes - span.bytes, &batch); batches++) {
                if (!joinable(&batch) || (batches > 0 && batch.base_offset - 1 != last) ||
                    span.bytes + batch.bytes > RELAY_JOINED_BYTES || batch.records > records_max - span.records)
                        break;
                span.bytes += batch.bytes;
                span.records += batch.records;
                last = batch.last_offset;
        }
        if (batches < 2) return RELAY_JOIN_NONE;
        *out = span;
        return RELAY_JOIN;
}

enum relay_join relay_join_again(uint8_t *data, size_t bytes, int64_t end, struct relay_span *out) {
        struct wire_batch batch;
        struct relay_span span = {0};
        int64_t last = -1;
        int rc;
        while (!(rc = wire_batch(data + span.bytes, bytes - span.bytes, &batch))) {
                if (span.bytes == 0 && batch.last_offset == end) return RELAY_JOIN_NONE;
                if (!joinable(&batch) || (span.bytes > 0 && batch.base_offset - 1 != last) || batch.last_offset > end ||
                    batch.records > INT32_MAX - span.records)
                        return RELAY_JOIN_CHANGED;
                span.bytes += batch.bytes;
                span.records += batch.records;
                last = batch.last_offset;
                if (last < end) continue;
                *out = span;
                return RELAY_JOIN;
        }
        return rc == WIRE_CUT ? RELAY_JOIN_LATER : RELAY_JOIN_CHANGED;
}
