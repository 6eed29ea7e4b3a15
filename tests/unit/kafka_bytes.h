/* Kafka's requests and answers, and record batches, for brokers that a test makes itself. */
#ifndef HELIOSTAT_TESTS_UNIT_KAFKA_BYTES_H
#define HELIOSTAT_TESTS_UNIT_KAFKA_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "worker/relay_wire.h"

struct bytes { uint8_t data[1 << 19]; size_t count; };

static inline void put(struct bytes *b, const void *data, size_t count) {
        assert_true(b->count + count <= sizeof b->data);
        if (count) memcpy(b->data + b->count, data, count);
        b->count += count;
}
static inline void put8(struct bytes *b, int8_t v) { put(b, &v, 1); }
static inline void put16(struct bytes *b, int v) { uint16_t n = htobe16((uint16_t)v); put(b, &n, 2); }
static inline void put32(struct bytes *b, int32_t v) { uint32_t n = htobe32((uint32_t)v); put(b, &n, 4); }
static inline void put64(struct bytes *b, int64_t v) { uint64_t n = htobe64((uint64_t)v); put(b, &n, 8); }
static inline void put_string(struct bytes *b, const char *s) { put16(b, (int)strlen(s)); put(b, s, strlen(s)); }

static inline int16_t get16(uint8_t **at) { uint16_t n; memcpy(&n, *at, 2); *at += 2; return (int16_t)be16toh(n); }
static inline int32_t get32(uint8_t **at) { uint32_t n; memcpy(&n, *at, 4); *at += 4; return (int32_t)be32toh(n); }
static inline int64_t get64(uint8_t **at) { uint64_t n; memcpy(&n, *at, 8); *at += 8; return (int64_t)be64toh(n); }
static inline void skip_string(uint8_t **at) { int16_t n = get16(at); if (n > 0) *at += n; }

struct bytes_batch { int64_t base; int8_t magic; int attributes; int32_t last, records; int64_t max_timestamp; };

/* The head of a batch, of no producer; `payload` bytes follow, and then batch_sum. */
static inline uint8_t *put_batch_head(struct bytes *b, const struct bytes_batch *batch, int32_t payload) {
        uint8_t *at = b->data + b->count;
        put64(b, batch->base);
        put32(b, WIRE_BATCH_HEAD + payload - 12);
        put32(b, 7);                          /* leader epoch */
        put8(b, batch->magic);
        put32(b, 0);
        put16(b, batch->attributes);
        put32(b, batch->last);
        put64(b, 1000);
        put64(b, batch->max_timestamp);
        put64(b, -1);
        put16(b, -1);
        put32(b, -1);
        put32(b, batch->records);
        return at;
}

static inline void put_fill(struct bytes *b, size_t count) {
        assert_true(b->count + count <= sizeof b->data);
        memset(b->data + b->count, 'x', count);
        b->count += count;
}

/* wrong: a bit of it is. */
static inline void batch_sum(uint8_t *batch, size_t bytes, bool wrong) {
        uint32_t sum = htobe32(wire_crc32c(batch + 21, bytes - 21) ^ wrong);
        memcpy(batch + 17, &sum, sizeof sum);
}

#endif
