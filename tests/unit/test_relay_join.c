/* Batches that are joined, and which. */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/err.h"
#include "tests/unit/kafka_bytes.h"
#include "tests/unit/wire_bytes.h"
#include "worker/relay_join.h"

/* ---- made here, by another hand than what is tested ---- */

static void put_number(struct bytes *b, int64_t number) {
        uint64_t bits = number < 0 ? (uint64_t)-(number + 1) * 2 + 1 : (uint64_t)number * 2;
        for (; bits > 127; bits /= 128) put8(b, (int8_t)(bits % 128 - 128));
        put8(b, (int8_t)bits);
}

static int64_t take_number(const uint8_t **at) {
        uint64_t bits = 0, unit = 1;
        for (;; unit *= 128) {
                uint8_t byte = *(*at)++;
                bits += byte % 128 * unit;
                if (byte < 128) return bits % 2 ? -(int64_t)(bits / 2) - 1 : (int64_t)(bits / 2);
        }
}

struct record { int64_t timestamp; int8_t attributes; uint16_t rest; };

static void put_record(struct bytes *b, const struct record *record, int64_t base_timestamp, int64_t index) {
        static struct bytes inner;
        inner.count = 0;
        put8(&inner, record->attributes);
        put_number(&inner, record->timestamp - base_timestamp);
        put_number(&inner, index);
        for (uint16_t i = 0; i < record->rest; i++) put8(&inner, (int8_t)(record->rest * 7 + i));
        put_number(b, (int64_t)inner.count);
        put(b, inner.data, inner.count);
}

/* Its base timestamp is 1000, or that of the first record. */
static size_t put_batch(struct bytes *b, int64_t base, const struct record *records, int32_t count, bool base_1000) {
        size_t from = b->count;
        int64_t max = records[0].timestamp, base_timestamp = base_1000 ? 1000 : records[0].timestamp;
        for (int32_t i = 1; i < count; i++)
                if (records[i].timestamp > max) max = records[i].timestamp;
        const struct bytes_batch head = {.base = base, .magic = 2, .last = count - 1, .records = count, .max_timestamp = max};
        uint8_t *at = put_batch_head(b, &head, 0);
        uint64_t stamp = htobe64((uint64_t)base_timestamp);
        memcpy(at + 27, &stamp, sizeof stamp);
        for (int32_t i = 0; i < count; i++) put_record(b, &records[i], base_timestamp, i);
        uint32_t length = htobe32((uint32_t)(b->count - from - 12));
        memcpy(at + 8, &length, sizeof length);
        batch_sum(at, b->count - from, false);
        return b->count - from;
}

static void assert_records(const uint8_t *data, size_t bytes, const struct record *records, int32_t count) {
        uint64_t stamp;
        memcpy(&stamp, data + 27, sizeof stamp);
        const int64_t base_timestamp = (int64_t)be64toh(stamp);
        const uint8_t *at = data + WIRE_BATCH_HEAD;
        for (int32_t i = 0; i < count; i++) {
                int64_t size = take_number(&at);
                const uint8_t *end = at + size;
                assert_int_equal((int8_t)*at++, records[i].attributes);
                assert_int_equal(base_timestamp + take_number(&at), records[i].timestamp);
                assert_int_equal(take_number(&at), i);
                assert_int_equal(end - at, records[i].rest);
                for (uint16_t k = 0; k < records[i].rest; k++) assert_int_equal((int8_t)at[k], (int8_t)(records[i].rest * 7 + k));
                at = end;
        }
        assert_ptr_equal(at, data + bytes);
}

/* ---- joining ---- */

static void joined_batches_keep_all_of_their_records(void **state) {
        (void)state;
        static struct bytes in;
        static struct record records[4000];
        unsigned seed = 20261201;
        print_message("seed %u\n", seed);
        for (int round = 0; round < 300; round++) {
                int32_t total = 0;
                int batches = 1 + rand_r(&seed) % 12;
                int64_t first = (int64_t)rand_r(&seed) << (rand_r(&seed) % 20), base = first;
                /* Of all records: without, near each other, years apart. */
                int64_t spread = (int64_t[]){1, 5000, 100000000000}[rand_r(&seed) % 3];
                in.count = 0;
                for (int i = 0; i < batches; i++) {
                        int32_t count = 1 + rand_r(&seed) % (rand_r(&seed) % 4 ? 8 : 300);
                        for (int32_t k = 0; k < count; k++)
                                records[total + k] = (struct record){spread == 1 ? -1 : 1700000000000 + rand_r(&seed) % spread,
                                                                     (int8_t)(rand_r(&seed) % 2), (uint16_t)(rand_r(&seed) % (count > 8 ? 30 : 700))};
                        (void)put_batch(&in, base, records + total, count, rand_r(&seed) % 2);
                        base += count;
                        total += count;
                }
                size_t capacity = wire_join_capacity(in.data, in.count, total) + (spread > 5000 ? 20000 : 0);
                uint8_t *out = malloc(capacity);
                struct wire_batch joined;
                assert_int_equal(wire_join(in.data, in.count, out, capacity, &joined), 0);
                assert_ptr_equal(joined.data, out);
                assert_true(joined.bytes <= capacity && wire_batch_sound(&joined) && wire_batch_adoptable(&joined));
                assert_int_equal(joined.base_offset, first);
                assert_int_equal(joined.records, total);
                assert_int_equal(joined.last_offset, first + total - 1);
                assert_int_equal(joined.codec, 0);
                int64_t max = records[0].timestamp;
                for (int32_t i = 1; i < total; i++)
                        if (records[i].timestamp > max) max = records[i].timestamp;
                assert_int_equal(joined.max_timestamp, max);
                assert_records(out, joined.bytes, records, total);
                wire_batch_adopt(&joined, 7, 1, 5, true);
                assert_true(wire_batch_sound(&joined));
                free(out);
        }
}

static void what_kafka_s_client_made_is_joined(void **state) {
        (void)state;
        struct wire_bytes one = wire_bytes(TWO_RECORDS), two = wire_bytes(TWO_RECORDS TWO_RECORDS);
        two.data[one.bytes + 7] = 0x2c;
        size_t capacity = wire_join_capacity(two.data, two.bytes, 4);
        uint8_t *out = malloc(capacity);
        struct wire_batch joined;
        assert_int_equal(wire_join(two.data, two.bytes, out, capacity, &joined), 0);
        assert_int_equal(joined.base_offset, 42);
        assert_int_equal(joined.last_offset, 45);
        assert_int_equal(joined.records, 4);
        struct wire_bytes expected = wire_bytes("14000000026b066f6e6500 12000202010674776f00 14000004026b066f6e6500 12000206010674776f00");
        assert_int_equal(joined.bytes, WIRE_BATCH_HEAD + expected.bytes);
        assert_memory_equal(out + WIRE_BATCH_HEAD, expected.data, expected.bytes);
        /* one alone stays as it is */
        assert_int_equal(wire_join(one.data, one.bytes, out, capacity, &joined), 0);
        assert_memory_equal(out, one.data, one.bytes);
        free(expected.data);
        free(one.data);
        free(two.data);
        free(out);
}


static void what_cannot_be_read_is_not_joined(void **state) {
        (void)state;
        static const struct { size_t at; uint8_t byte; bool summed; const char *what; } rows[] = {
                {7, 0x2d, false, "an offset is missing between the two"},
                {7, 0x2b, false, "they overlap"},
                {16, 1, false, "an older format"},
                {22, 0x01, true, "compressed"},
                {22, 0x08, true, "timestamps of the broker"},
                {22, 0x10, true, "of a transaction"},
                {26, 2, true, "with a hole"},
                {60, 1, true, "fewer records than offsets"},
                {61, 0x16, true, "a record that ends in the next one"},
                {61, 0x02, true, "a record without room for its numbers"},
                {61, 0x00, true, "an empty record"},
                {61, 0x01, true, "a record of less than nothing"},
                {64, 0x02, true, "a first record that is the second"},
                {72, 0x14, true, "a last record that ends behind the batch"},
                {72, 0x10, true, "bytes behind the last record"},
                {75, 0x00, true, "a second record that is the first"},
                {70, 0x01, false, "a wrong checksum"},
        };
        struct wire_bytes one = wire_bytes(TWO_RECORDS);
        uint8_t out[1000];
        struct wire_batch joined;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct wire_bytes two = wire_bytes(TWO_RECORDS TWO_RECORDS);
                uint8_t *second = two.data + one.bytes;
                second[7] = 0x2c;
                assert_int_equal(wire_join(two.data, two.bytes, out, sizeof out, &joined), 0);
                second[rows[i].at] = rows[i].byte;
                if (rows[i].summed) batch_sum(second, one.bytes, false);
                if (wire_join(two.data, two.bytes, out, sizeof out, &joined) != ERR_INVALID) fail_msg("joined: %s", rows[i].what);
                /* and so where it is alone */
                if (rows[i].at != 7 && wire_join(second, one.bytes, out, sizeof out, &joined) != ERR_INVALID) fail_msg("taken: %s", rows[i].what);
                free(two.data);
        }
        /* cut anywhere */
        for (size_t n = 0; n < one.bytes; n++) {
                struct wire_bytes cut = wire_bytes_cut(&one, n);
                assert_int_equal(wire_join(cut.data, cut.bytes, out, sizeof out, &joined), ERR_INVALID);
                free(cut.data);
        }
        /* timestamps that are too far apart for the number */
        struct wire_bytes two = wire_bytes(TWO_RECORDS TWO_RECORDS);
        two.data[one.bytes + 7] = 0x2c;
        two.data[27] = 0x80;
        batch_sum(two.data, one.bytes, false);
        assert_int_equal(wire_join(two.data, two.bytes, out, sizeof out, &joined), ERR_INVALID);
        free(two.data);
        free(one.data);
}

static void what_does_not_fit_is_not_written(void **state) {
        (void)state;
        struct wire_bytes two = wire_bytes(TWO_RECORDS TWO_RECORDS);
        two.data[two.bytes / 2 + 7] = 0x2c;
        size_t enough = wire_join_capacity(two.data, two.bytes, 4), least = 0;
        for (size_t capacity = 0; capacity <= enough; capacity++) {
                uint8_t *out = malloc(capacity ? capacity : 1); /* a sanitizer sees each step too far */
                struct wire_batch joined;
                int rc = wire_join(two.data, two.bytes, out, capacity, &joined);
                if (rc) assert_int_equal(rc, ERR_TOO_MANY);
                if (rc) assert_int_equal(least, 0);
                if (!rc && !least) least = capacity;
                free(out);
        }
        assert_true(least > 0);
        free(two.data);
}

/* ---- which ---- */

/* `count` batches of one record, base 100, of so many bytes each. */
static void put_row(struct bytes *b, int count, uint16_t rest) {
        const struct record record = {1700000000000, 0, rest};
        b->count = 0;
        for (int i = 0; i < count; i++) (void)put_batch(b, 100 + i, &record, 1, false);
}

static void batches_behind_each_other_are_joined_up_to_256_kib(void **state) {
        (void)state;
        static struct bytes in;
        struct relay_span span;
        put_row(&in, 30, 8000);
        size_t each = in.count / 30;
        assert_int_equal(relay_join_fit(in.data, in.count, INT32_MAX, &span), RELAY_JOIN);
        assert_int_equal(span.bytes, 30 * each);
        assert_int_equal(span.records, 30);
        put_row(&in, 32, 8180);
        each = in.count / 32;
        assert_true(32 * each > 256 << 10);
        assert_int_equal(relay_join_fit(in.data, in.count, INT32_MAX, &span), RELAY_JOIN);
        assert_int_equal(span.bytes, 31 * each);
        /* a part of one at the end */
        assert_int_equal(relay_join_fit(in.data, 3 * each - 1, INT32_MAX, &span), RELAY_JOIN);
        assert_int_equal(span.records, 2);
        assert_int_equal(relay_join_fit(in.data, 2 * each - 1, INT32_MAX, &span), RELAY_JOIN_NONE);
        assert_int_equal(relay_join_fit(in.data, each, INT32_MAX, &span), RELAY_JOIN_NONE);
        /* no more records than a limit allows */
        assert_int_equal(relay_join_fit(in.data, in.count, 7, &span), RELAY_JOIN);
        assert_int_equal(span.records, 7);
        assert_int_equal(relay_join_fit(in.data, in.count, 1, &span), RELAY_JOIN_NONE);
        assert_int_equal(relay_join_fit(in.data, in.count, 0, &span), RELAY_JOIN_NONE);
        assert_int_equal(relay_join_fit(in.data, in.count, -5, &span), RELAY_JOIN_NONE);
        /* what is large goes by itself, and ends what is joined */
        put_row(&in, 2, 1000);
        each = in.count / 2;
        const struct record large = {1700000000000, 0, 40000}, small = {1700000000000, 0, 1000};
        (void)put_batch(&in, 102, &large, 1, false);
        (void)put_batch(&in, 103, &small, 1, false);
        assert_int_equal(relay_join_fit(in.data, in.count, INT32_MAX, &span), RELAY_JOIN);
        assert_int_equal(span.records, 2);
        assert_int_equal(relay_join_fit(in.data + 2 * each, in.count - 2 * each, INT32_MAX, &span), RELAY_JOIN_NONE);
}

static void what_is_odd_or_not_next_ends_what_is_joined(void **state) {
        (void)state;
        static struct bytes in;
        struct relay_span span;
        static const struct { size_t at; uint8_t byte; } rows[] = {{7, 102 + 1}, {22, 1}, {22, 0x10}, {22, 0x30}, {22, 0x08}, {60, 0}, {16, 1}, {16, 9}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                put_row(&in, 4, 500);
                size_t each = in.count / 4;
                in.data[2 * each + rows[i].at] = rows[i].byte;
                assert_int_equal(relay_join_fit(in.data, in.count, INT32_MAX, &span), RELAY_JOIN);
                assert_int_equal(span.records, 2);
                assert_int_equal(span.bytes, 2 * each);
                in.data[each + rows[i].at] = (uint8_t)(rows[i].at == 7 ? 102 : rows[i].byte);
                assert_int_equal(relay_join_fit(in.data, in.count, INT32_MAX, &span), RELAY_JOIN_NONE);
        }
}

static void what_was_sent_ends_where_it_ended(void **state) {
        (void)state;
        static struct bytes in;
        struct relay_span span;
        put_row(&in, 20, 1000);
        size_t each = in.count / 20;
        assert_int_equal(relay_join_again(in.data, in.count, 100, &span), RELAY_JOIN_NONE);
        for (int64_t end = 101; end < 120; end++) {
                assert_int_equal(relay_join_again(in.data, in.count, end, &span), RELAY_JOIN); /* whatever a limit allows now */
                assert_int_equal(span.records, end - 99);
                assert_int_equal(relay_join_again(in.data, span.bytes, end, &span), RELAY_JOIN);
                assert_int_equal(relay_join_again(in.data, span.bytes - 1, end, &span), RELAY_JOIN_LATER);
                assert_int_equal(relay_join_again(in.data, each, end, &span), RELAY_JOIN_LATER);
        }
        assert_int_equal(relay_join_again(in.data, in.count, 120, &span), RELAY_JOIN_LATER);
        /* a log that is another one */
        in.data[4 * each + 7] = 150;
        assert_int_equal(relay_join_again(in.data, in.count, 103, &span), RELAY_JOIN);
        assert_int_equal(relay_join_again(in.data, in.count, 104, &span), RELAY_JOIN_CHANGED);
        const struct record records[] = {{1, 0, 10}, {1, 0, 10}, {1, 0, 10}};
        in.count = 0;
        (void)put_batch(&in, 100, records, 3, false);
        (void)put_batch(&in, 103, records, 3, false);
        assert_int_equal(relay_join_again(in.data, in.count, 101, &span), RELAY_JOIN_CHANGED);
        assert_int_equal(relay_join_again(in.data, in.count, 102, &span), RELAY_JOIN_NONE);
        assert_int_equal(relay_join_again(in.data, in.count, 104, &span), RELAY_JOIN_CHANGED);
        assert_int_equal(relay_join_again(in.data, in.count, 105, &span), RELAY_JOIN);
        /* a large one went by itself */
        const struct record large = {1, 0, 40000};
        in.count = 0;
        (void)put_batch(&in, 100, &large, 1, false);
        (void)put_batch(&in, 101, records, 3, false);
        assert_int_equal(relay_join_again(in.data, in.count, 100, &span), RELAY_JOIN_NONE);
        assert_int_equal(relay_join_again(in.data, in.count, 103, &span), RELAY_JOIN_CHANGED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(joined_batches_keep_all_of_their_records),
                cmocka_unit_test(what_kafka_s_client_made_is_joined),
                cmocka_unit_test(what_cannot_be_read_is_not_joined),
                cmocka_unit_test(what_does_not_fit_is_not_written),
                cmocka_unit_test(batches_behind_each_other_are_joined_up_to_256_kib),
                cmocka_unit_test(what_is_odd_or_not_next_ends_what_is_joined),
                cmocka_unit_test(what_was_sent_ends_where_it_ended),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
