/* The head of a record batch, format 2, is at fixed places:
 *
 *   0 base offset  8 length (of what follows it)  12 leader epoch  16 magic  17 checksum
 *  21 attributes  23 last offset delta  27 base timestamp  35 max timestamp
 *  43 producer id  51 producer epoch  53 base sequence  57 records  61 ...
 *
 * The checksum is of all from the attributes on.  Older formats share base
 * offset, length and magic.  So a batch is given another producer's id by
 * writing 14 bytes, whatever codec it has, and adding to the checksum what these
 * change in it: the records are not read for it, and what its own producer
 * summed is still what the destination's broker checks.
 *
 * A record begins with its length, attributes (a byte), and two differences: of its
 * timestamp to the base timestamp, of its offset to the base offset; each number
 * but the attributes is a zigzag varint.  Batches are joined by counting these anew; the
 * rest of a record is copied, and the whole is summed. */
#include "worker/relay_wire.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "common/err.h"

#define LENGTH_ENDS 12
#define SUMMED 21         /* where what is summed begins */
#define HEAD_CHANGES 36   /* from there on: the bytes among which some are changed */
#define LENGTH_LEAST 14   /* of format 0: checksum, magic, attributes, two lengths */

enum { /* attributes */
        CODEC = 0x07,
        APPEND_TIME = 0x08,
        TRANSACTIONAL = 0x10,
        CONTROL = 0x20,
};

static int16_t get_16(const uint8_t *at) {
        uint16_t number;
        memcpy(&number, at, sizeof number);
        return (int16_t)be16toh(number);
}

static int32_t get_32(const uint8_t *at) {
        uint32_t number;
        memcpy(&number, at, sizeof number);
        return (int32_t)be32toh(number);
}

static int64_t get_64(const uint8_t *at) {
        uint64_t number;
        memcpy(&number, at, sizeof number);
        return (int64_t)be64toh(number);
}

static void set_16(uint8_t *at, int16_t value) {
        const uint16_t number = htobe16((uint16_t)value);
        memcpy(at, &number, sizeof number);
}

static void set_32(uint8_t *at, int32_t value) {
        const uint32_t number = htobe32((uint32_t)value);
        memcpy(at, &number, sizeof number);
}

static void set_64(uint8_t *at, int64_t value) {
        const uint64_t number = htobe64((uint64_t)value);
        memcpy(at, &number, sizeof number);
}

int wire_batch(uint8_t *data, size_t bytes, struct wire_batch *out) {
        if (bytes < LENGTH_ENDS) return WIRE_CUT;
        struct wire_batch batch = {.data = data, .base_offset = get_64(data)};
        const int32_t length = get_32(data + 8);
        if (batch.base_offset < 0 || length < LENGTH_LEAST) return ERR_INVALID;
        batch.bytes = LENGTH_ENDS + (size_t)length;
        if (bytes < batch.bytes) return WIRE_CUT;
        batch.magic = (int8_t)data[16];
        if (batch.magic < 0 || batch.magic > 2) return ERR_INVALID;
        if (batch.magic == 2) {
                if (batch.bytes < WIRE_BATCH_HEAD) return ERR_INVALID;
                const int16_t attributes = get_16(data + 21);
                const int32_t last = get_32(data + 23);
                batch.codec = attributes & CODEC;
                batch.append_time = attributes & APPEND_TIME;
                batch.transactional = attributes & TRANSACTIONAL;
                batch.control = attributes & CONTROL;
                batch.max_timestamp = get_64(data + 35);
                batch.records = get_32(data + 57);
                /* Compaction leaves holes, and may leave a batch without records. */
                if (last < 0 || batch.base_offset > INT64_MAX - last || batch.records < 0 ||
                    batch.records - 1 > last)
                        return ERR_INVALID;
                batch.last_offset = batch.base_offset + last;
        }
        *out = batch;
        return 0;
}

bool wire_batch_sound(const struct wire_batch *batch) {
        if (batch->magic != 2) return false;
        return (uint32_t)get_32(batch->data + 17) == wire_crc32c(batch->data + SUMMED, batch->bytes - SUMMED);
}

bool wire_batch_adoptable(const struct wire_batch *batch) {
        return batch->magic == 2 && (get_16(batch->data + 21) & ~CODEC) == 0 && batch->codec <= 4 &&
               batch->last_offset - batch->base_offset == batch->records - 1; /* so there is one at least */
}

/* ---- CRC-32C ---- */

#define POLYNOMIAL 0x82f63b78u /* Castagnoli's, lowest power in the highest bit */

static uint32_t times_x(uint32_t sum) { return sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0); }

/* table[n][b]: what byte b adds to the sum when n bytes follow it in a word. */
static uint32_t table[8][256];

static void table_make(void) {
        for (uint32_t byte = 0; byte < 256; byte++) {
                uint32_t sum = byte;
                for (int bit = 0; bit < 8; bit++) sum = times_x(sum);
                table[0][byte] = sum;
        }
        for (int n = 1; n < 8; n++)
                for (int byte = 0; byte < 256; byte++)
                        table[n][byte] = table[n - 1][byte] >> 8 ^ table[0][table[n - 1][byte] & 0xff];
}

static uint64_t word_at(const uint8_t *at) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        return word;
}

uint32_t wire_crc32c_plain(const uint8_t *data, size_t bytes) {
        static pthread_once_t made = PTHREAD_ONCE_INIT;
        const uint8_t *at = data, *end = data + bytes;
        uint32_t sum = ~0u;
        (void)pthread_once(&made, table_make); /* cannot fail */
        for (; end - at >= 8; at += 8) {
                const uint64_t word = le64toh(word_at(at)) ^ sum;
                sum = 0;
#pragma GCC unroll 8
                for (int n = 0; n < 8; n++) sum ^= table[7 - n][word >> 8 * n & 0xff];
        }
        for (; at < end; at++) sum = sum >> 8 ^ table[0][(sum ^ *at) & 0xff];
        return ~sum;
}

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

/* The instruction takes three cycles, and one can begin in each: three
 * stretches at once.  The sums of those in front are then multiplied by
 * x^(8 n), n being the bytes behind them: without carries by x^(8 n - 33), which is
 * a constant; the instruction, given the product (which is one power higher
 * than its bits say), takes it modulo the polynomial and multiplies by x^32. */
#define STRETCH 512
#define PAST_ONE 0xdd7e3b0cu /* x^(8 * STRETCH - 33) */
#define PAST_TWO 0x170076fau /* x^(16 * STRETCH - 33) */

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t past(uint64_t sum, uint32_t power) {
        const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)sum), _mm_cvtsi64_si128(power), 0);
        return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_instruction(const uint8_t *data, size_t bytes) {
        const uint8_t *at = data, *end = data + bytes;
        uint64_t sum = ~0u;
        while (end - at >= 3 * STRETCH) {
                uint64_t second = 0, third = 0;
                for (const uint8_t *until = at + STRETCH; at < until; at += 8) {
                        sum = _mm_crc32_u64(sum, word_at(at));
                        second = _mm_crc32_u64(second, word_at(at + STRETCH));
                        third = _mm_crc32_u64(third, word_at(at + 2 * STRETCH));
                }
                sum = past(sum, PAST_TWO) ^ past(second, PAST_ONE) ^ third;
                at += 2 * STRETCH;
        }
        for (; end - at >= 8; at += 8) sum = _mm_crc32_u64(sum, word_at(at));
        for (; at < end; at++) sum = _mm_crc32_u8((uint32_t)sum, *at);
        return ~(uint32_t)sum;
}

uint32_t wire_crc32c(const uint8_t *data, size_t bytes) {
        if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return crc32c_instruction(data, bytes);
        return wire_crc32c_plain(data, bytes);
}

#else

uint32_t wire_crc32c(const uint8_t *data, size_t bytes) { return wire_crc32c_plain(data, bytes); }

#endif

/* ---- adopting ---- */

/* Modulo the polynomial. */
static uint32_t product(uint32_t a, uint32_t b) {
        uint32_t sum = 0;
        for (; a; a <<= 1) {
                if (a & 0x80000000u) sum ^= b;
                b = times_x(b);
        }
        return sum;
}

static uint32_t byte_power[32]; /* [n]: x^(8 * 2^n) */

static void byte_power_make(void) {
        byte_power[0] = 0x80000000u >> 8;
        for (int n = 1; n < 32; n++) byte_power[n] = product(byte_power[n - 1], byte_power[n - 1]);
}

/* What a change of the sum becomes when so many bytes follow, whatever they are: a
 * sum is linear, and each byte multiplies what is before it by x^8. */
static uint32_t followed_by(uint32_t change, size_t bytes) {
        static pthread_once_t made = PTHREAD_ONCE_INIT;
        (void)pthread_once(&made, byte_power_make); /* cannot fail */
        for (int n = 0; bytes; n++, bytes >>= 1)
                if (bytes & 1) change = product(byte_power[n], change);
        return change;
}

void wire_batch_adopt(const struct wire_batch *batch, int64_t producer_id, int16_t epoch, int32_t sequence,
                      bool transactional) {
        uint8_t *data = batch->data;
        assert(batch->magic == 2);
        const uint32_t before = wire_crc32c(data + SUMMED, HEAD_CHANGES);
        set_64(data, 0);
        set_32(data + 12, -1); /* the leader's to set, at each end */
        if (transactional) data[22] |= TRANSACTIONAL;
        set_64(data + 43, producer_id);
        set_16(data + 51, epoch);
        set_32(data + 53, sequence);
        const uint32_t change = before ^ wire_crc32c(data + SUMMED, HEAD_CHANGES);
        set_32(data + 17, get_32(data + 17) ^ (int32_t)followed_by(change, batch->bytes - SUMMED - HEAD_CHANGES));
}

/* ---- joining ---- */

#define VARINT_MAX 10

static uint64_t zigzag(int64_t number) { return (uint64_t)number << 1 ^ (uint64_t)(number >> 63); }

static size_t varint_bytes(int64_t number) {
        uint64_t bits = zigzag(number);
        size_t bytes = 1;
        while (bits >>= 7) bytes++;
        return bytes;
}

/* The byte behind it; NULL: it does not end before `end`, or is none. */
static const uint8_t *get_varint(const uint8_t *at, const uint8_t *end, int64_t *out) {
        uint64_t bits = 0;
        for (int shift = 0; at < end && shift < 7 * VARINT_MAX; shift += 7) {
                const uint8_t byte = *at++;
                bits |= (uint64_t)(byte & 0x7f) << shift;
                if (byte & 0x80) continue;
                *out = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
                return at;
        }
        return NULL;
}

static uint8_t *put_varint(uint8_t *at, int64_t number) {
        uint64_t bits = zigzag(number);
        for (; bits > 0x7f; bits >>= 7) *at++ = (uint8_t)(bits | 0x80);
        *at++ = (uint8_t)bits;
        return at;
}

struct join {
        uint8_t *at, *end;        /* what is written, and the room */
        int64_t base_timestamp;
        int32_t records;
};

static int join_record(struct join *join, const uint8_t **data, const uint8_t *end, int64_t base_timestamp, int32_t index) {
        int64_t bytes, delta, count, timestamp;
        const uint8_t *at = get_varint(*data, end, &bytes);
        if (!at || bytes < 1 || bytes > end - at) return ERR_INVALID;
        end = *data = at + bytes;
        const uint8_t attributes = *at++;
        if (!(at = get_varint(at, end, &delta)) || !(at = get_varint(at, end, &count)) || count != index) return ERR_INVALID;
        if (__builtin_add_overflow(base_timestamp, delta, &timestamp) || __builtin_sub_overflow(timestamp, join->base_timestamp, &delta))
                return ERR_INVALID;
        const size_t rest = (size_t)(end - at);
        if ((size_t)(join->end - join->at) < 3 * VARINT_MAX + 1 + rest) return ERR_TOO_MANY;
        join->at = put_varint(join->at, (int64_t)(1 + varint_bytes(delta) + varint_bytes(join->records) + rest));
        *join->at++ = attributes;
        join->at = put_varint(join->at, delta);
        join->at = put_varint(join->at, join->records++);
        memcpy(join->at, at, rest);
        join->at += rest;
        return 0;
}

int wire_join(uint8_t *data, size_t bytes, uint8_t *out, size_t capacity, struct wire_batch *joined) {
        struct wire_batch first = {0}, batch;
        int64_t max_timestamp = 0, last = 0;
        if (capacity < WIRE_BATCH_HEAD) return ERR_TOO_MANY;
        struct join join = {.at = out + WIRE_BATCH_HEAD, .end = out + capacity};
        for (size_t done = 0; done < bytes; done += batch.bytes) {
                if (wire_batch(data + done, bytes - done, &batch) || !wire_batch_adoptable(&batch) || batch.codec ||
                    !wire_batch_sound(&batch) || (done && batch.base_offset - 1 != last))
                        return ERR_INVALID;
                const int64_t base_timestamp = get_64(batch.data + 27);
                if (done == 0) {
                        first = batch;
                        join.base_timestamp = base_timestamp;
                        max_timestamp = batch.max_timestamp;
                }
                if (batch.max_timestamp > max_timestamp) max_timestamp = batch.max_timestamp;
                const uint8_t *at = batch.data + WIRE_BATCH_HEAD, *end = batch.data + batch.bytes;
                for (int32_t i = 0; i < batch.records; i++) {
                        int rc = join_record(&join, &at, end, base_timestamp, i);
                        if (rc) return rc;
                }
                if (at != end) return ERR_INVALID;
                last = batch.last_offset;
        }
        if (join.records == 0) return ERR_INVALID;
        memcpy(out, first.data, WIRE_BATCH_HEAD);
        const size_t size = (size_t)(join.at - out);
        set_32(out + 8, (int32_t)(size - LENGTH_ENDS));
        set_32(out + 23, join.records - 1);
        set_64(out + 35, max_timestamp);
        set_32(out + 57, join.records);
        set_32(out + 17, (int32_t)wire_crc32c(out + SUMMED, size - SUMMED));
        return wire_batch(out, size, joined);
}

size_t wire_join_capacity(uint8_t *data, size_t bytes, int32_t records) {
        struct wire_batch batch;
        size_t timestamp = 1;
        for (size_t done = 0; done < bytes; done += batch.bytes) {
                if (wire_batch(data + done, bytes - done, &batch) || batch.magic != 2) break;
                const uint64_t apart = (uint64_t)batch.max_timestamp - (uint64_t)get_64(data + 27);
                const size_t each = varint_bytes((int64_t)apart);
                if (each > timestamp) timestamp = each;
        }
        /* Each of the three numbers had one byte at least; a length grows by one with them, or not. */
        return bytes + WIRE_BATCH_HEAD + 3 * VARINT_MAX + 1 + (size_t)records * (timestamp + varint_bytes(records));
}
