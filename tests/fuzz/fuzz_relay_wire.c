/* The first byte says what the rest is: an answer, batches, or both (a fetch,
 * with its batches walked). */
#include "tests/fuzz/fuzz.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "worker/relay_join.h"
#include "worker/relay_wire.h"

/* Within what an answer of these bytes may hand out. */
static struct {
        const uint8_t *data;
        size_t bytes, calls;
} answer;

static void check_part(const void *part, size_t bytes) {
        const uint8_t *at = part;
        if (bytes == 0) return;
        LAW(at >= answer.data && bytes <= answer.bytes && at - answer.data <= (ptrdiff_t)(answer.bytes - bytes));
}

static void check_text(struct wire_text text) {
        LAW(text.text && text.bytes <= INT16_MAX);
        check_part(text.text, text.bytes);
        LAW(++answer.calls <= answer.bytes);
}

static void on_broker(void *ctx, int32_t id, struct wire_text host, int32_t port) {
        (void)ctx, (void)id, (void)port;
        check_text(host);
}

static void on_partition(void *ctx, struct wire_text topic, int32_t partition, int16_t error, int32_t leader) {
        (void)ctx;
        check_text(topic);
        LAW(partition >= 0 || (partition == -1 && error && leader == -1));
}

static void on_produced(void *ctx, const struct wire_produced *produced) {
        (void)ctx;
        check_text(produced->topic);
        LAW(produced->partition >= 0);
}

/* What adopting promises, on a copy of exactly the batch. */
static void check_adopt(const struct wire_batch *batch) {
        uint8_t *copy = fuzz_copy(batch->data, batch->bytes);
        struct wire_batch mine = *batch, again;
        bool adoptable = wire_batch_adoptable(batch), sound = wire_batch_sound(batch);
        mine.data = copy;
        LAW(batch->bytes >= WIRE_BATCH_HEAD && batch->base_offset >= 0 && batch->last_offset >= batch->base_offset);
        LAW(batch->records >= 0 && batch->records - 1 <= batch->last_offset - batch->base_offset);
        LAW(!adoptable || !(batch->control || batch->transactional || batch->append_time));
        LAW(wire_crc32c(copy, batch->bytes) == wire_crc32c_plain(copy, batch->bytes));
        wire_batch_adopt(&mine, 7000, 3, 9, false);
        LAW(wire_batch_sound(&mine) == sound);
        LAW(wire_batch(copy, batch->bytes, &again) == 0);
        LAW(again.base_offset == 0 && again.bytes == batch->bytes && again.records == batch->records);
        LAW(again.last_offset == batch->last_offset - batch->base_offset);
        LAW(wire_batch_adoptable(&again) == adoptable);
        LAW(memcmp(copy + 21, batch->data + 21, 22) == 0);
        LAW(memcmp(copy + 57, batch->data + 57, batch->bytes - 57) == 0);
        free(copy);
}

static void check_batches(uint8_t *data, size_t bytes) {
        struct wire_batch batch;
        int rc;
        for (; (rc = wire_batch(data, bytes, &batch)) == 0; data += batch.bytes, bytes -= batch.bytes) {
                LAW(batch.data == data && batch.bytes > 0 && batch.bytes <= bytes);
                LAW(batch.magic >= 0 && batch.magic <= 2);
                (void)wire_batch_sound(&batch); /* either: only that it stays within */
                if (batch.magic == 2) check_adopt(&batch);
                else LAW(!wire_batch_adoptable(&batch));
        }
        LAW(rc == WIRE_CUT || rc == ERR_INVALID);
        LAW(bytes > 0 || rc == WIRE_CUT);
}

static uint8_t *room(size_t bytes) {
        uint8_t *out = malloc(bytes);
        if (!out) abort();
        return out;
}

/* What is joined can be read, has all records, and stays as it is when it is joined once more. */
static void check_join(uint8_t *data, size_t bytes) {
        struct relay_span span;
        struct wire_batch batch, joined, again;
        if (wire_batch(data, bytes, &batch) || batch.magic != 2 || batch.records == 0) return;
        const enum relay_join fit = relay_join_fit(data, bytes, INT32_MAX, &span);
        LAW(fit == RELAY_JOIN || fit == RELAY_JOIN_NONE);
        if (fit == RELAY_JOIN_NONE) {
                for (int64_t end = batch.last_offset; end - batch.last_offset < 3 && end < INT64_MAX; end++)
                        if (relay_join_again(data, bytes, end, &span) == RELAY_JOIN) LAW(span.bytes <= bytes && span.records > batch.records);
                return;
        }
        LAW(span.bytes <= bytes && span.records >= 2);
        for (size_t at = 0; at < span.bytes; at += batch.bytes) {
                LAW(wire_batch(data + at, span.bytes - at, &batch) == 0);
                const uint32_t sum = htobe32(wire_crc32c(batch.data + 21, batch.bytes - 21));
                memcpy(batch.data + 17, &sum, sizeof sum);
        }
        const size_t capacity = wire_join_capacity(data, span.bytes, span.records);
        uint8_t *out = room(capacity);
        const int rc = wire_join(data, span.bytes, out, capacity, &joined);
        LAW(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_MANY);
        if (rc == 0) {
                LAW(joined.data == out && joined.records == span.records && wire_batch_sound(&joined) && wire_batch_adoptable(&joined));
                const size_t more = wire_join_capacity(out, joined.bytes, joined.records) + joined.bytes * 10;
                uint8_t *twice = room(more);
                LAW(wire_join(out, joined.bytes, twice, more, &again) == 0);
                LAW(again.bytes == joined.bytes && memcmp(twice, out, again.bytes) == 0);
                free(twice);
        }
        free(out);
}

static void on_fetched(void *ctx, const struct wire_fetched *fetched) {
        (void)ctx;
        check_text(fetched->topic);
        check_part(fetched->records, fetched->records_bytes);
        LAW((fetched->records != NULL) == (fetched->records_bytes > 0));
        LAW(fetched->partition >= 0);
        check_batches(fetched->records, fetched->records_bytes);
}

static int take(unsigned kind, uint8_t *data, size_t bytes) {
        const struct wire_metadata_sink sink = {.broker = on_broker, .partition = on_partition};
        struct wire_versions versions;
        int16_t error, epoch;
        int64_t id;
        int rc;
        switch (kind) {
        case 0:
                rc = wire_take_api_versions(data, bytes, &versions);
                LAW(rc || versions.fetch == -1 || versions.fetch == 4 || versions.fetch == 11);
                LAW(rc || versions.produce == -1 || versions.produce == 3 || versions.produce == 7);
                return rc;
        case 1: return wire_take_metadata(data, bytes, &sink);
        case 2: return wire_take_init_producer_id(data, bytes, &error, &id, &epoch);
        case 3: return wire_take_fetch(4, data, bytes, &error, on_fetched, NULL);
        case 4: return wire_take_fetch(11, data, bytes, &error, on_fetched, NULL);
        case 5: return wire_take_produce(3, data, bytes, on_produced, NULL);
        default: return wire_take_produce(7, data, bytes, on_produced, NULL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        if (bytes == 0) return 0;
        const unsigned kind = data[0] % 8u;
        uint8_t *copy = fuzz_copy(data + 1, --bytes);
        if (kind == 7) {
                check_join(copy, bytes); /* before they are changed */
                check_batches(copy, bytes);
        } else {
                answer.data = copy;
                answer.bytes = bytes;
                answer.calls = 0;
                int32_t correlation;
                int rc = take(kind, copy, bytes);
                LAW(rc == 0 || rc == ERR_INVALID);
                LAW((wire_correlation(copy, bytes, &correlation) == 0) == (bytes >= 4));
                /* an answer is not the beginning of another */
                if (rc == 0) LAW(take(kind, copy, bytes - 1) == ERR_INVALID);
        }
        free(copy);
        return 0;
}
