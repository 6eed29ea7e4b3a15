/* Requests and answers, byte by byte as the protocol guide's tables say. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "common/err.h"
#include "tests/unit/wire_bytes.h"
#include "worker/relay_wire.h"

/* ---- requests ---- */

static void assert_request(const struct wire_out *out, const char *golden) {
        struct wire_bytes bytes = wire_bytes(golden);
        assert_int_equal(out->count, bytes.bytes);
        assert_memory_equal(out->data, bytes.data, bytes.bytes);
        free(bytes.data);
}

static void requests_are_as_the_guide_says(void **state) {
        (void)state;
        struct wire_out out = {0};

        assert_int_equal(wire_api_versions(&out, 7, "relay"), 0);
        assert_request(&out, "0000000f 0012 0000 00000007 0005 'relay'");
        assert_int_equal(wire_api_versions(&out, -1, NULL), 0);
        assert_request(&out, "0000000a 0012 0000 ffffffff ffff");

        assert_int_equal(wire_metadata(&out, 8, "r", (const char *const[]){"orders", "b"}, 2), 0);
        assert_request(&out, "0000001b 0003 0004 00000008 0001 'r' 00000002 0006 'orders' 0001 'b' 00");
        assert_int_equal(wire_metadata(&out, 9, "r", NULL, 0), 0);
        assert_request(&out, "00000010 0003 0004 00000009 0001 'r' 00000000 00");

        assert_int_equal(wire_init_producer_id(&out, 10, "r"), 0);
        assert_request(&out, "00000011 0016 0000 0000000a 0001 'r' ffff 00000000");
        wire_out_fini(&out);
        assert_null(out.data);
}

/* Two topics, of which the first has two rows. */
static const struct wire_fetch_row fetch_rows[] = {
        {"a", 0, 5, 1024}, {"a", 3, 0x0102030405, 1024}, {"bc", 1, 0, 65536},
};

static void fetch_is_as_the_guide_says(void **state) {
        (void)state;
        struct wire_out out = {0};
        struct wire_fetch fetch = {.version = 4, .max_wait_ms = 500, .min_bytes = 1, .max_bytes = 1 << 20,
                                   .rows = fetch_rows, .count = 3};
        assert_int_equal(wire_fetch(&out, 1, "r", &fetch), 0);
        assert_request(&out, "0000005f 0001 0004 00000001 0001 'r'"
                             "ffffffff 000001f4 00000001 00100000 00"
                             "00000002"
                             "0001 'a' 00000002"
                             "00000000 0000000000000005 00000400"
                             "00000003 0000000102030405 00000400"
                             "0002 'bc' 00000001"
                             "00000001 0000000000000000 00010000");
        fetch.version = 11;
        fetch.committed = true;
        assert_int_equal(wire_fetch(&out, 1, "r", &fetch), 0);
        assert_request(&out, "00000091 0001 000b 00000001 0001 'r'"
                             "ffffffff 000001f4 00000001 00100000 01 00000000 ffffffff"
                             "00000002"
                             "0001 'a' 00000002"
                             "00000000 ffffffff 0000000000000005 ffffffffffffffff 00000400"
                             "00000003 ffffffff 0000000102030405 ffffffffffffffff 00000400"
                             "0002 'bc' 00000001"
                             "00000001 ffffffff 0000000000000000 ffffffffffffffff 00010000"
                             "00000000 0000");
        fetch.count = 0;
        assert_int_equal(wire_fetch(&out, 1, "r", &fetch), 0);
        assert_request(&out, "0000002e 0001 000b 00000001 0001 'r'"
                             "ffffffff 000001f4 00000001 00100000 01 00000000 ffffffff 00000000 00000000 0000");
        wire_out_fini(&out);
}

static void produce_leaves_room_for_batches(void **state) {
        (void)state;
        struct wire_out out = {0};
        struct wire_produce_row rows[] = {
                {.topic = "a", .partition = 0, .batch_bytes = 100},
                {.topic = "a", .partition = 2, .batch_bytes = 0x10000},
                {.topic = "b", .partition = 1, .batch_bytes = 61},
        };
        for (int16_t version = 3; version <= 7; version = (int16_t)(version + 4)) {
                assert_int_equal(wire_produce(&out, version, 2, "r", NULL, 30000, rows, 3), 0);
                assert_int_equal(out.data[7], version);
                out.data[7] = 3;
                assert_request(&out, "000100de 0000 0003 00000002 0001 'r'"
                                     "ffff ffff 00007530"
                                     "00000002"
                                     "0001 'a' 00000002"
                                     "00000000 00000064"
                                     "00000002 00010000"
                                     "0001 'b' 00000001"
                                     "00000001 0000003d");
                assert_int_equal(rows[0].cut, 42);
                assert_int_equal(rows[1].cut, 50);
                assert_int_equal(rows[2].cut, 65);
                assert_int_equal(out.count, 65);
        }
        wire_out_fini(&out);
}

static void what_does_not_fit_is_told_and_forgotten(void **state) {
        (void)state;
        struct wire_out out = {0};
        char *longest = malloc(32769);
        assert_non_null(longest);
        memset(longest, 'x', 32768);
        longest[32768] = '\0';
        assert_int_equal(wire_api_versions(&out, 1, longest), ERR_TOO_MANY);
        assert_int_equal(wire_metadata(&out, 1, "r", (const char *const[]){"a", longest}, 2), ERR_TOO_MANY);
        longest[32767] = '\0';
        assert_int_equal(wire_metadata(&out, 1, "r", (const char *const[]){"a", longest}, 2), 0);
        assert_int_equal(out.count, 4 + 11 + 4 + 3 + 2 + 32767 + 1);

        struct wire_produce_row rows[] = {
                {.topic = "a", .partition = 0, .batch_bytes = INT32_MAX},
                {.topic = "a", .partition = 1, .batch_bytes = INT32_MAX},
                {.topic = "a", .partition = 2, .batch_bytes = INT32_MAX},
        };
        assert_int_equal(wire_produce(&out, 7, 1, "r", NULL, 0, rows, 3), ERR_TOO_MANY);
        rows[0].batch_bytes = (size_t)INT32_MAX + 1;
        assert_int_equal(wire_produce(&out, 7, 1, "r", NULL, 0, rows, 1), ERR_TOO_MANY);
        rows[0].batch_bytes = SIZE_MAX;
        assert_int_equal(wire_produce(&out, 7, 1, "r", NULL, 0, rows, 1), ERR_TOO_MANY);
        /* 42 bytes without the batch, of which the length does not count its own four */
        rows[0].batch_bytes = INT32_MAX - 42;
        assert_int_equal(wire_produce(&out, 7, 1, "r", NULL, 0, rows, 1), 0);
        assert_memory_equal(out.data, ((uint8_t[]){0x7f, 0xff, 0xff, 0xfb}), 4);
        rows[0].batch_bytes++;
        assert_int_equal(wire_produce(&out, 7, 1, "r", NULL, 0, rows, 1), ERR_TOO_MANY);

        assert_int_equal(wire_api_versions(&out, 7, "r"), 0);
        assert_request(&out, "0000000b 0012 0000 00000007 0001 'r'");
        wire_out_fini(&out);
        free(longest);
}

/* ---- answers ---- */

/* What the callbacks were told, a line each. */
static struct {
        char text[1024];
        size_t bytes;
} told;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
        va_list args;
        va_start(args, format);
        told.bytes += (size_t)vsnprintf(told.text + told.bytes, sizeof told.text - told.bytes, format, args);
        va_end(args);
        assert_true(told.bytes < sizeof told.text);
}

static void on_broker(void *ctx, int32_t id, struct wire_text host, int32_t port) {
        assert_ptr_equal(ctx, &told);
        tell("broker %d %.*s:%d\n", id, (int)host.bytes, host.text, port);
}

static void on_partition(void *ctx, struct wire_text topic, int32_t partition, int16_t error, int32_t leader) {
        assert_ptr_equal(ctx, &told);
        tell("%.*s %d: %s, leader %d\n", (int)topic.bytes, topic.text, partition, wire_error_name(error), leader);
}

static void on_fetched(void *ctx, const struct wire_fetched *fetched) {
        assert_ptr_equal(ctx, &told);
        tell("%.*s %d: %s, %lld %lld, %zu", (int)fetched->topic.bytes, fetched->topic.text, fetched->partition,
             wire_error_name(fetched->error), (long long)fetched->high_watermark, (long long)fetched->last_stable,
             fetched->records_bytes);
        assert_int_equal(fetched->records != NULL, fetched->records_bytes > 0);
        for (size_t i = 0; i < fetched->records_bytes; i++) tell(" %02x", fetched->records[i]);
        tell("\n");
}

static void on_produced(void *ctx, const struct wire_produced *produced) {
        assert_ptr_equal(ctx, &told);
        tell("%.*s %d: %s, %lld\n", (int)produced->topic.bytes, produced->topic.text, produced->partition,
             wire_error_name(produced->error), (long long)produced->base_offset);
}

static int take_correlation(uint8_t *data, size_t bytes) {
        int32_t correlation = -9;
        int rc = wire_correlation(data, bytes, &correlation);
        if (rc == 0) tell("%d\n", correlation);
        else assert_int_equal(correlation, -9);
        return rc;
}

static int take_versions(uint8_t *data, size_t bytes) {
        struct wire_versions versions = {.fetch = 99};
        int rc = wire_take_api_versions(data, bytes, &versions);
        if (rc) assert_int_equal(versions.fetch, 99);
        else tell("%s: fetch %d produce %d metadata %d init %d\n", wire_error_name(versions.error), versions.fetch,
                  versions.produce, versions.metadata, versions.init_producer_id);
        return rc;
}

static int take_metadata(uint8_t *data, size_t bytes) {
        const struct wire_metadata_sink sink = {on_broker, on_partition, &told};
        return wire_take_metadata(data, bytes, &sink);
}

static int take_producer(uint8_t *data, size_t bytes) {
        int16_t error = -9, epoch = -9;
        int64_t id = -9;
        int rc = wire_take_init_producer_id(data, bytes, &error, &id, &epoch);
        if (rc) assert_true(error == -9 && id == -9 && epoch == -9);
        else tell("%s, %lld %d\n", wire_error_name(error), (long long)id, epoch);
        return rc;
}

static int take_fetch(int16_t version, uint8_t *data, size_t bytes) {
        int16_t error = -9;
        int rc = wire_take_fetch(version, data, bytes, &error, on_fetched, &told);
        if (rc) assert_int_equal(error, -9);
        else tell("%s\n", wire_error_name(error));
        return rc;
}

static int take_fetch_4(uint8_t *data, size_t bytes) { return take_fetch(4, data, bytes); }
static int take_fetch_11(uint8_t *data, size_t bytes) { return take_fetch(11, data, bytes); }
static int take_produce_3(uint8_t *data, size_t bytes) {
        return wire_take_produce(3, data, bytes, on_produced, &told);
}
static int take_produce_7(uint8_t *data, size_t bytes) {
        return wire_take_produce(7, data, bytes, on_produced, &told);
}

#define TWELVE "0000 0000 000c " /* produce 0 to 12 */

static const struct {
        int (*take)(uint8_t *data, size_t bytes);
        const char *answer, *told;
} answers[] = {
        /* correlation, error, rows of key, least, greatest */
        {take_versions, "00000001 0000 00000005 " TWELVE "0001 0004 0012  0003 0000 000d  0016 0000 0006  0099 0000 0001",
         "NONE: fetch 11 produce 7 metadata 1 init 1\n"},
        {take_versions, "00000001 0000 00000004 0000 0000 0006  0001 0000 000a  0003 0005 000d  0016 0001 0006",
         "NONE: fetch 4 produce 3 metadata 0 init 0\n"},
        {take_versions, "00000001 0000 00000002 0000 0008 000c  0001 000c 0012",
         "NONE: fetch -1 produce -1 metadata 0 init 0\n"},
        {take_versions, "00000001 0023 00000000", "UNSUPPORTED_VERSION: fetch -1 produce -1 metadata 0 init 0\n"},
        /* correlation, throttled; id, host, port, rack; cluster, controller; error, name, internal;
         * error, partition, leader, replicas, in sync */
        {take_metadata,
         "00000001 00000000"
         "00000002 00000001 0001 'h' 00002384 ffff 00000002 0009 'localhost' 0000ffff 0001 'z'"
         "0003 'abc' 00000001"
         "00000003"
         "0000 0001 't' 00 00000002"
         "0000 00000000 00000001 00000002 00000001 00000002 00000002 00000001 00000002"
         "0005 00000001 ffffffff 00000001 00000001 00000000"
         "0003 0004 'none' 00 00000000"
         "001d 0004 'deny' 00 00000001 0000 00000000 00000001 00000000 00000000",
         "broker 1 h:9092\nbroker 2 localhost:65535\n"
         "t 0: NONE, leader 1\nt 1: LEADER_NOT_AVAILABLE, leader -1\n"
         "none -1: UNKNOWN_TOPIC_OR_PARTITION, leader -1\ndeny -1: TOPIC_AUTHORIZATION_FAILED, leader -1\n"},
        {take_metadata, "00000001 00000000 00000000 ffff ffffffff 00000000", ""},
        {take_producer, "00000001 00000000 0000 0000000000001b58 0003", "NONE, 7000 3\n"},
        {take_producer, "00000001 00000005 000f ffffffffffffffff ffff", "COORDINATOR_NOT_AVAILABLE, -1 -1\n"},
        /* correlation, throttled; topic; partition, error, high watermark, last stable, aborted, records */
        {take_fetch_4,
         "00000001 00000000"
         "00000002 0001 'a' 00000002"
         "00000000 0000 0000000000000009 0000000000000008 00000001 0000000000001b58 0000000000000002 00000003 010203"
         "00000003 0001 ffffffffffffffff ffffffffffffffff ffffffff 00000000"
         "0002 'bc' 00000001"
         "00000001 0006 ffffffffffffffff ffffffffffffffff 00000000 ffffffff",
         "a 0: NONE, 9 8, 3 01 02 03\na 3: OFFSET_OUT_OF_RANGE, -1 -1, 0\n"
         "bc 1: NOT_LEADER_OR_FOLLOWER, -1 -1, 0\nNONE\n"},
        /* and: error, session; the log's start, preferred replica */
        {take_fetch_11,
         "00000001 00000000 0000 00000000"
         "00000001 0001 'a' 00000001"
         "00000000 0000 0000000000000009 ffffffffffffffff 0000000000000001 ffffffff ffffffff 00000002 0102",
         "a 0: NONE, 9 -1, 2 01 02\nNONE\n"},
        {take_fetch_11, "00000001 00000000 001f 00000000 00000000", "CLUSTER_AUTHORIZATION_FAILED\n"},
        /* correlation; topic; partition, error, base offset, appended at; throttled */
        {take_produce_3,
         "00000001 00000002"
         "0001 'a' 00000002 00000000 0000 0000000000000010 ffffffffffffffff"
         "00000001 0013 ffffffffffffffff ffffffffffffffff"
         "0001 'b' 00000000"
         "00000000",
         "a 0: NONE, 16\na 1: NOT_ENOUGH_REPLICAS, -1\n"},
        /* and: the log's start */
        {take_produce_7,
         "00000001 00000001 0001 'a' 00000001 00000007 002d ffffffffffffffff ffffffffffffffff 0000000000000000"
         "00000064",
         "a 7: OUT_OF_ORDER_SEQUENCE_NUMBER, -1\n"},
};

static void answers_are_read(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
                struct wire_bytes answer = wire_bytes(answers[i].answer);
                told.bytes = 0;
                told.text[0] = '\0';
                assert_int_equal(answers[i].take(answer.data, answer.bytes), 0);
                assert_string_equal(told.text, answers[i].told);
                told.bytes = 0;
                assert_int_equal(take_correlation(answer.data, answer.bytes), 0);
                assert_string_equal(told.text, "1\n");
                free(answer.data);
        }
}

static void answers_that_are_cut_or_too_long_are_invalid(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
                struct wire_bytes answer = wire_bytes(answers[i].answer);
                for (size_t bytes = 0; bytes < answer.bytes; bytes++) {
                        struct wire_bytes cut = wire_bytes_cut(&answer, bytes);
                        told.bytes = 0;
                        told.text[0] = '\0';
                        assert_int_equal(answers[i].take(cut.data, cut.bytes), ERR_INVALID);
                        /* what was told is a beginning of the truth */
                        assert_memory_equal(told.text, answers[i].told, told.bytes);
                        assert_int_equal(take_correlation(cut.data, cut.bytes), bytes < 4 ? ERR_INVALID : 0);
                        free(cut.data);
                }
                answer.data = realloc(answer.data, answer.bytes + 1);
                assert_non_null(answer.data);
                answer.data[answer.bytes] = 0;
                told.bytes = 0;
                assert_int_equal(answers[i].take(answer.data, answer.bytes + 1), ERR_INVALID);
                free(answer.data);
        }
}

static void lengths_that_cannot_be_are_invalid(void **state) {
        (void)state;
        static const struct {
                int (*take)(uint8_t *data, size_t bytes);
                const char *answer;
        } rows[] = {
                {take_versions, "00000001 0000 ffffffff"},
                {take_versions, "00000001 0000 7fffffff " TWELVE},
                {take_metadata, "00000001 00000000 ffffffff ffff ffffffff 00000000"},
                {take_metadata, "00000001 00000000 7fffffff ffff ffffffff 00000000"},
                {take_metadata, "00000001 00000000 00000000 fffe ffffffff 00000000"},
                {take_metadata, "00000001 00000000 00000001 00000001 ffff 00002384 ffff ffff ffffffff 00000000"},
                {take_metadata, "00000001 00000000 00000000 ffff ffffffff 00000001 0000 0001 't' 00 00000001"
                                "0000 00000000 00000001 ffffffff 00000000"},
                {take_metadata, "00000001 00000000 00000000 ffff ffffffff 00000001 0000 0001 't' 00 00000001"
                                "0000 ffffffff 00000001 00000000 00000000"},
                {take_fetch_4, "00000001 00000000 ffffffff"},
                {take_fetch_4, "00000001 00000000 00000001 0001 'a' 00000001"
                               "00000000 0000 0000000000000009 0000000000000008 fffffffe ffffffff"},
                {take_fetch_4, "00000001 00000000 00000001 0001 'a' 00000001"
                               "00000000 0000 0000000000000009 0000000000000008 7fffffff ffffffff"},
                {take_fetch_4, "00000001 00000000 00000001 0001 'a' 00000001"
                               "00000000 0000 0000000000000009 0000000000000008 00000000 fffffffe"},
                {take_fetch_4, "00000001 00000000 00000001 0001 'a' 00000001"
                               "00000000 0000 0000000000000009 0000000000000008 00000000 7fffffff 01"},
                {take_fetch_4, "00000001 00000000 00000001 0001 'a' 00000001"
                               "ffffffff 0000 0000000000000009 0000000000000008 00000000 00000000"},
                {take_produce_3, "00000001 00000001 ffff 00000000 00000000"},
                {take_produce_3, "00000001 00000001 0001 'a' 80000000 00000000"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct wire_bytes answer = wire_bytes(rows[i].answer);
                told.bytes = 0;
                assert_int_equal(rows[i].take(answer.data, answer.bytes), ERR_INVALID);
                assert_int_equal(told.bytes, 0);
                free(answer.data);
        }
}

static void texts_are_compared_whole(void **state) {
        (void)state;
        assert_true(wire_text_is((struct wire_text){"orders", 6}, "orders"));
        assert_true(wire_text_is((struct wire_text){"orders", 5}, "order"));
        assert_false(wire_text_is((struct wire_text){"orders", 5}, "orders"));
        assert_false(wire_text_is((struct wire_text){"orders", 6}, "order"));
        assert_true(wire_text_is((struct wire_text){"", 0}, ""));
}

/* ---- errors ---- */

static void errors_have_their_verdicts(void **state) {
        (void)state;
        static const struct {
                int16_t error;
                enum wire_verdict produce, fetch;
                const char *name;
        } rows[] = {
                {-1, WIRE_REFUSED, WIRE_REFUSED, "UNKNOWN_SERVER_ERROR"},
                {0, WIRE_DONE, WIRE_DONE, "NONE"},
                {1, WIRE_REFUSED, WIRE_REFUSED, "OFFSET_OUT_OF_RANGE"},
                {3, WIRE_AGAIN, WIRE_AGAIN, "UNKNOWN_TOPIC_OR_PARTITION"},
                {5, WIRE_AGAIN, WIRE_AGAIN, "LEADER_NOT_AVAILABLE"},
                {6, WIRE_AGAIN, WIRE_AGAIN, "NOT_LEADER_OR_FOLLOWER"},
                {7, WIRE_AGAIN, WIRE_AGAIN, "REQUEST_TIMED_OUT"},
                {9, WIRE_AGAIN, WIRE_AGAIN, "REPLICA_NOT_AVAILABLE"},
                {10, WIRE_REFUSED, WIRE_REFUSED, "MESSAGE_TOO_LARGE"},
                {13, WIRE_AGAIN, WIRE_AGAIN, "NETWORK_EXCEPTION"},
                {14, WIRE_AGAIN, WIRE_AGAIN, "COORDINATOR_LOAD_IN_PROGRESS"},
                {15, WIRE_AGAIN, WIRE_AGAIN, "COORDINATOR_NOT_AVAILABLE"},
                {16, WIRE_AGAIN, WIRE_AGAIN, "NOT_COORDINATOR"},
                {19, WIRE_AGAIN, WIRE_AGAIN, "NOT_ENOUGH_REPLICAS"},
                {20, WIRE_AGAIN, WIRE_AGAIN, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"},
                {29, WIRE_REFUSED, WIRE_REFUSED, "TOPIC_AUTHORIZATION_FAILED"},
                {45, WIRE_SEQUENCE, WIRE_REFUSED, "OUT_OF_ORDER_SEQUENCE_NUMBER"},
                {46, WIRE_DONE, WIRE_REFUSED, "DUPLICATE_SEQUENCE_NUMBER"},
                {47, WIRE_SEQUENCE, WIRE_REFUSED, "INVALID_PRODUCER_EPOCH"},
                {56, WIRE_AGAIN, WIRE_AGAIN, "KAFKA_STORAGE_ERROR"},
                {59, WIRE_SEQUENCE, WIRE_REFUSED, "UNKNOWN_PRODUCER_ID"},
                {74, WIRE_AGAIN, WIRE_AGAIN, "FENCED_LEADER_EPOCH"},
                {75, WIRE_AGAIN, WIRE_AGAIN, "UNKNOWN_LEADER_EPOCH"},
                {76, WIRE_REFUSED, WIRE_REFUSED, "UNSUPPORTED_COMPRESSION_TYPE"},
                {77, WIRE_REFUSED, WIRE_REFUSED, "error 77"},
                {78, WIRE_AGAIN, WIRE_AGAIN, "OFFSET_NOT_AVAILABLE"},
                {87, WIRE_REFUSED, WIRE_REFUSED, "INVALID_RECORD"},
                {90, WIRE_SEQUENCE, WIRE_REFUSED, "PRODUCER_FENCED"},
                {INT16_MIN, WIRE_REFUSED, WIRE_REFUSED, "error -32768"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal(wire_produce_verdict(rows[i].error), rows[i].produce);
                assert_int_equal(wire_fetch_verdict(rows[i].error), rows[i].fetch);
                assert_string_equal(wire_error_name(rows[i].error), rows[i].name);
        }
        for (int error = INT16_MIN; error <= INT16_MAX; error++)
                assert_int_not_equal(wire_fetch_verdict((int16_t)error), WIRE_SEQUENCE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_are_as_the_guide_says),
                cmocka_unit_test(fetch_is_as_the_guide_says),
                cmocka_unit_test(produce_leaves_room_for_batches),
                cmocka_unit_test(what_does_not_fit_is_told_and_forgotten),
                cmocka_unit_test(answers_are_read),
                cmocka_unit_test(answers_that_are_cut_or_too_long_are_invalid),
                cmocka_unit_test(lengths_that_cannot_be_are_invalid),
                cmocka_unit_test(texts_are_compared_whole),
                cmocka_unit_test(errors_have_their_verdicts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
