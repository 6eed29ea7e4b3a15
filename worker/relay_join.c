#include "worker/relay_join.h"

#include "worker/relay_wire.h"

/* A batch costs as much as the copying of 64 KiB, about. */
#define SMALL_BYTES ((size_t)32 << 10)
#define JOINED_BYTES ((size_t)256 << 10)

void relay_ends_add(struct relay_ends *ends, int64_t last) {
        uint32_t at = ends->count;
        while (at > 0 && ends->last[at - 1] > last) at--;
        if (at == RELAY_IN_FLIGHT_MAX || (at > 0 && ends->last[at - 1] == last)) return;
        if (ends->count < RELAY_IN_FLIGHT_MAX) ends->count++;
        for (uint32_t i = ends->count - 1; i > at; i--) ends->last[i] = ends->last[i - 1];
        ends->last[at] = last;
}

void relay_ends_pass(struct relay_ends *ends, int64_t last) {
        uint32_t gone = 0;
        while (gone < ends->count && ends->last[gone] <= last) gone++;
        ends->count -= gone;
        for (uint32_t i = 0; gone && i < ends->count; i++) ends->last[i] = ends->last[i + gone];
}

int64_t relay_ends_from(const struct relay_ends *ends, int64_t offset) {
        for (uint32_t i = 0; i < ends->count; i++)
                if (ends->last[i] >= offset) return ends->last[i];
        return -1;
}

static bool joinable(const struct wire_batch *batch) {
        return batch->bytes < SMALL_BYTES && batch->codec == 0 && wire_batch_adoptable(batch);
}

enum relay_join relay_join_look(uint8_t *data, size_t bytes, int64_t end, int32_t records_max, struct relay_span *out) {
        struct wire_batch batch;
        struct relay_span span = {0};
        int64_t last = -1;
        int batches = 0, rc;
        while (!(rc = wire_batch(data + span.bytes, bytes - span.bytes, &batch))) {
                if (end >= 0 && batch.last_offset >= end && batches == 0) return batch.last_offset == end ? RELAY_JOIN_NONE : RELAY_JOIN_CHANGED;
                if (!joinable(&batch) || (batches > 0 && batch.base_offset != last + 1)) break;
                if (end < 0 && batches > 0 && (span.bytes + batch.bytes > JOINED_BYTES || batch.records > records_max - span.records)) break;
                span.bytes += batch.bytes;
                span.records += batch.records;
                last = batch.last_offset;
                batches++;
                if (end >= 0 && last >= end) break;
        }
        if (end >= 0 && last < end) return rc == WIRE_CUT ? RELAY_JOIN_LATER : RELAY_JOIN_CHANGED;
        if (end >= 0 && last > end) return RELAY_JOIN_CHANGED;
        if (batches < 2) return RELAY_JOIN_NONE;
        *out = span;
        return RELAY_JOIN;
}
