/* Batches as Kafka's own client makes them, and CRC-32C. */
#include "tests/unit/test.h"

#include "common/err.h"
#include "tests/unit/wire_bytes.h"
#include "worker/relay_wire.h"

/* Formats 0 and 1: offset, length, checksum, magic, attributes, (timestamp), key, value. */
#define FORMAT_0 "0000000000000007 00000011 00000000 00 00 ffffffff 00000003 'one'"
#define FORMAT_1 "0000000000000007 00000019 00000000 01 00 0000018bcfe56800 ffffffff 00000003 'one'"

enum { /* places in the head */
        LENGTH = 8,
        LEADER_EPOCH = 12,
        MAGIC = 16,
        CHECKSUM = 17,
        ATTRIBUTES = 21,
        LAST_DELTA = 23,
        BASE_TIMESTAMP = 27,
        PRODUCER = 43,
        COUNT = 57,
};

static void a_batch_is_read(void **state) {
        (void)state;
        struct wire_bytes bytes = wire_bytes(TWO_RECORDS);
        struct wire_batch batch;
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
        assert_ptr_equal(batch.data, bytes.data);
        assert_int_equal(batch.bytes, bytes.bytes);
        assert_int_equal(batch.base_offset, 42);
        assert_int_equal(batch.last_offset, 43);
        assert_int_equal(batch.records, 2);
        assert_int_equal(batch.magic, 2);
        assert_int_equal(batch.codec, 0);
        assert_false(batch.control || batch.transactional || batch.append_time);
        assert_int_equal(batch.max_timestamp, 1700000000001);
        assert_true(wire_batch_sound(&batch));
        assert_true(wire_batch_adoptable(&batch));

        static const char *const older[] = {FORMAT_0, FORMAT_1};
        for (int8_t magic = 0; magic < 2; magic++) {
                struct wire_bytes old = wire_bytes(older[magic]);
                assert_int_equal(wire_batch(old.data, old.bytes, &batch), 0);
                assert_int_equal(batch.magic, magic);
                assert_int_equal(batch.bytes, old.bytes);
                assert_int_equal(batch.base_offset, 7);
                assert_false(wire_batch_sound(&batch));
                assert_false(wire_batch_adoptable(&batch));
                free(old.data);
        }
        free(bytes.data);
}

static void a_batch_that_is_cut_is_not_read(void **state) {
        (void)state;
        static const char *const whole[] = {TWO_RECORDS, FORMAT_0, FORMAT_1};
        for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
                struct wire_bytes bytes = wire_bytes(whole[i]);
                for (size_t n = 0; n < bytes.bytes; n++) {
                        struct wire_bytes cut = wire_bytes_cut(&bytes, n);
                        struct wire_batch batch = {.bytes = 99};
                        assert_int_equal(wire_batch(cut.data, cut.bytes, &batch), WIRE_CUT);
                        assert_int_equal(batch.bytes, 99);
                        free(cut.data);
                }
                free(bytes.data);
        }
}

static void set_32(uint8_t *at, uint32_t number) {
        for (int i = 0; i < 4; i++) at[i] = (uint8_t)(number >> 8 * (3 - i));
}

static void heads_that_cannot_be_are_invalid(void **state) {
        (void)state;
        static const struct {
                size_t at;
                uint32_t number;
        } rows[] = {
                {0, 0xffffffff},           /* base offset below 0 */
                {0, 0x80000000},
                {LENGTH, 0xffffffff},
                {LENGTH, 0},
                {LENGTH, 13},              /* less than any format has */
                {LENGTH, 48},              /* less than this format's head */
                {MAGIC, 0x036352fc},       /* a format to come */
                {MAGIC, 0xff6352fc},
                {LAST_DELTA, 0xffffffff},
                {COUNT, 0xffffffff},
                {COUNT, 3},                /* more than offsets */
                {COUNT, 0x7fffffff},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct wire_bytes bytes = wire_bytes(TWO_RECORDS);
                struct wire_batch batch = {.bytes = 99};
                set_32(bytes.data + rows[i].at, rows[i].number);
                assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), ERR_INVALID);
                assert_int_equal(batch.bytes, 99);
                free(bytes.data);
        }
        /* less than any format has, of any format, wherever it is cut */
        struct wire_bytes bytes = wire_bytes("0000000000000007 0000000d 00000000 00 00 ffffffff ffffff");
        struct wire_batch batch;
        for (size_t n = 12; n <= bytes.bytes; n++)
                assert_int_equal(wire_batch(bytes.data, n, &batch), ERR_INVALID);
        free(bytes.data);

        /* the last offset over the greatest */
        bytes = wire_bytes(TWO_RECORDS);
        set_32(bytes.data, 0x7fffffff);
        set_32(bytes.data + 4, 0xfffffffe);
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
        assert_true(batch.last_offset == INT64_MAX);
        set_32(bytes.data + 4, 0xffffffff);
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), ERR_INVALID);
        free(bytes.data);
}

/* What compaction leaves, codecs and attributes. */
static void what_cannot_be_adopted_is_told(void **state) {
        (void)state;
        static const struct {
                uint32_t last_delta, count;
                uint8_t attributes;
                bool adoptable;
        } rows[] = {
                {1, 2, 0x00, true},  {1, 2, 0x01, true},  {1, 2, 0x04, true},  {0, 1, 0x00, true},
                {2, 2, 0x00, false}, {0, 0, 0x00, false}, {5, 0, 0x00, false}, {1, 2, 0x05, false},
                {1, 2, 0x08, false}, {1, 2, 0x10, false}, {0, 1, 0x20, false}, {0, 1, 0x30, false},
                {1, 2, 0x40, false}, {1, 2, 0x80, false},
        };
        struct wire_bytes bytes = wire_bytes(TWO_RECORDS);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct wire_batch batch;
                set_32(bytes.data + LAST_DELTA, rows[i].last_delta);
                set_32(bytes.data + COUNT, rows[i].count);
                bytes.data[ATTRIBUTES + 1] = rows[i].attributes;
                assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
                assert_int_equal(batch.codec, rows[i].attributes & 7);
                assert_int_equal(batch.append_time, (rows[i].attributes & 8) != 0);
                assert_int_equal(batch.transactional, (rows[i].attributes & 16) != 0);
                assert_int_equal(batch.control, (rows[i].attributes & 32) != 0);
                assert_int_equal(batch.last_offset, 42 + rows[i].last_delta);
                assert_int_equal(wire_batch_adoptable(&batch), rows[i].adoptable);
        }
        bytes.data[ATTRIBUTES] = 1;
        bytes.data[ATTRIBUTES + 1] = 0;
        struct wire_batch batch;
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
        assert_false(wire_batch_adoptable(&batch));
        free(bytes.data);
}

static void an_adopted_batch_is_another_producers(void **state) {
        (void)state;
        struct wire_bytes bytes = wire_bytes(TWO_RECORDS), before = wire_bytes(TWO_RECORDS);
        struct wire_batch batch;
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
        wire_batch_adopt(&batch, 0x0102030405060708, 0x1112, 0x21222324, false);
        assert_true(wire_batch_sound(&batch));
        struct wire_bytes expected = wire_bytes("0102030405060708 1112 21222324");
        assert_memory_equal(bytes.data + PRODUCER, expected.data, expected.bytes);
        free(expected.data);
        expected = wire_bytes("0000000000000000 00000046 ffffffff 02");
        assert_memory_equal(bytes.data, expected.data, expected.bytes);
        free(expected.data);
        assert_memory_equal(bytes.data + ATTRIBUTES, before.data + ATTRIBUTES, PRODUCER - ATTRIBUTES);
        assert_memory_equal(bytes.data + COUNT, before.data + COUNT, bytes.bytes - COUNT);

        /* back again: Kafka's own checksum */
        wire_batch_adopt(&batch, 7000, 3, 9, false);
        assert_memory_equal(bytes.data + CHECKSUM, before.data + CHECKSUM, bytes.bytes - CHECKSUM);
        free(bytes.data);
        free(before.data);
}

/* Of any length, and as often as it is adopted. */
static void the_checksum_of_an_adopted_batch_is_of_all_its_bytes(void **state) {
        (void)state;
        static uint8_t data[300000];
        unsigned seed = 20261129;
        print_message("seed %u\n", seed);
        for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(rand_r(&seed) >> 8);
        for (int i = 0; i < 2000; i++) {
                size_t bytes = WIRE_BATCH_HEAD + (size_t)rand_r(&seed) % (i % 20 ? 3000 : sizeof data - WIRE_BATCH_HEAD);
                struct wire_batch batch = {.data = data, .bytes = bytes, .magic = 2};
                data[ATTRIBUTES + 1] &= 0x07;
                set_32(data + CHECKSUM, wire_crc32c(data + ATTRIBUTES, bytes - ATTRIBUTES));
                assert_true(wire_batch_sound(&batch));
                for (int times = 0; times < 2; times++) {
                        wire_batch_adopt(&batch, (int64_t)rand_r(&seed) << 32 | rand_r(&seed), (int16_t)(rand_r(&seed) % 1000),
                                         rand_r(&seed), rand_r(&seed) & 1);
                        assert_true(wire_batch_sound(&batch));
                }
                /* A record that was changed by the way is seen by the broker. */
                data[bytes - 1] ^= 1;
                wire_batch_adopt(&batch, i, 1, i, false);
                assert_false(wire_batch_sound(&batch));
        }
}

static void a_changed_bit_is_seen(void **state) {
        (void)state;
        struct wire_bytes bytes = wire_bytes(TWO_RECORDS);
        struct wire_batch batch;
        assert_int_equal(wire_batch(bytes.data, bytes.bytes, &batch), 0);
        for (size_t bit = 8 * CHECKSUM; bit < 8 * bytes.bytes; bit++) {
                bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_false(wire_batch_sound(&batch));
                bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        /* the leader epoch is a broker's to change */
        bytes.data[LEADER_EPOCH] ^= 1;
        assert_true(wire_batch_sound(&batch));
        free(bytes.data);
}

/* ---- CRC-32C ---- */

static void sums_are_those_of_rfc_3720(void **state) {
        (void)state;
        uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
        for (uint8_t i = 0; i < 32; i++) ones[i] = 0xff, up[i] = i, down[i] = (uint8_t)(31 - i);
        struct wire_bytes command = wire_bytes("01c00000 00000000 00000000 00000000 14000000 00000400"
                                               "00000014 00000018 28000000 00000000 02000000 00000000");
        const struct {
                const uint8_t *data;
                size_t bytes;
                uint32_t sum;
        } rows[] = {
                {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43}, {up, 32, 0x46dd794e}, {down, 32, 0x113fdb5c},
                {command.data, command.bytes, 0xd9963a56}, {(const uint8_t *)"123456789", 9, 0xe3069283}, {zeros, 0, 0},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal(wire_crc32c(rows[i].data, rows[i].bytes), rows[i].sum);
                assert_int_equal(wire_crc32c_plain(rows[i].data, rows[i].bytes), rows[i].sum);
        }
        free(command.data);
}

/* By the definition: a bit at a time. */
static uint32_t sum_by_bits(const uint8_t *data, size_t bytes) {
        uint32_t sum = ~0u;
        for (size_t i = 0; i < bytes; i++) {
                sum ^= data[i];
                for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78u : 0);
        }
        return ~sum;
}

static void both_ways_of_summing_agree(void **state) {
        (void)state;
        static uint8_t data[20000 + 64];
        unsigned seed = 20261129;
        print_message("seed %u\n", seed);
        for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(rand_r(&seed) >> 8);
        for (int i = 0; i < 2000; i++) {
                size_t at = (size_t)rand_r(&seed) % 64;
                size_t bytes = (size_t)rand_r(&seed) % (i % 2 ? 20001 : 100);
                assert_int_equal(wire_crc32c(data + at, bytes), wire_crc32c_plain(data + at, bytes));
        }
        /* each length around the stretches that are summed at once */
        for (size_t bytes = 0; bytes < 3200; bytes += bytes < 100 ? 1 : 7) {
                uint32_t sum = sum_by_bits(data + bytes % 9, bytes);
                assert_int_equal(wire_crc32c(data + bytes % 9, bytes), sum);
                assert_int_equal(wire_crc32c_plain(data + bytes % 9, bytes), sum);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_batch_is_read),
                cmocka_unit_test(a_batch_that_is_cut_is_not_read),
                cmocka_unit_test(heads_that_cannot_be_are_invalid),
                cmocka_unit_test(what_cannot_be_adopted_is_told),
                cmocka_unit_test(an_adopted_batch_is_another_producers),
                cmocka_unit_test(the_checksum_of_an_adopted_batch_is_of_all_its_bytes),
                cmocka_unit_test(a_changed_bit_is_seen),
                cmocka_unit_test(sums_are_those_of_rfc_3720),
                cmocka_unit_test(both_ways_of_summing_agree),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
