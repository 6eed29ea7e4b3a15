#include "tests/unit/test.h"
#include "worker/budget.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define PROCESS_BYTES (budget_needed(0))

static void the_shares_are_the_budget_without_the_process(void **state) {
        (void)state;
        static const uint64_t budgets[] = {32 * MIB, 128 * MIB, 1024 * MIB, 65536 * MIB};
        for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
                for (uint64_t lanes = 1; lanes <= 4096; lanes++) {
                        uint64_t share = budget_share(budgets[i], lanes);
                        assert_true(share >= BUDGET_LANE_FLOOR_BYTES);
                        if (budget_needed(lanes) <= budgets[i]) {
                                assert_true(PROCESS_BYTES + share * lanes <= budgets[i]);
                                assert_true(PROCESS_BYTES + (share + 1) * lanes > budgets[i]);
                        } else {
                                assert_true(share == BUDGET_LANE_FLOOR_BYTES);
                        }
                }
        assert_true(budget_share(128 * MIB, 0) == budget_share(128 * MIB, 1));
}

static void the_default_has_room_for_the_default_lanes(void **state) {
        (void)state;
        assert_true(budget_needed(24) <= 128 * MIB);
        assert_true(budget_needed(5) <= 32 * MIB);
}

static void a_fetch_grows_with_the_share(void **state) {
        (void)state;
        static const struct { uint64_t share, fetch; } rows[] = {
                {1, 256 * KIB}, {4 * MIB, 256 * KIB}, {8 * MIB, 512 * KIB}, {16 * MIB, MIB}, {1024 * MIB, MIB},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct budget_sizes sizes = budget_sizes(rows[i].share);
                assert_int_equal(sizes.fetch_bytes, rows[i].fetch);
                assert_true(sizes.queue_bytes >= sizes.fetch_bytes);
                assert_true(sizes.queue_records >= 1000);
        }
}

/* Of records that take so much. */
static struct budget_mean mean_of(uint64_t key, uint64_t value, uint64_t headers) {
        return (struct budget_mean){(double)value, (double)budget_fetched_record(key, value, headers)};
}

/* What the consumer's queue may hold of such records: the fetcher stops at
 * either limit, with one answer under way. */
static uint64_t queue_of(const struct budget_sizes *sizes, uint64_t key, uint64_t value, uint64_t headers) {
        uint64_t records = value ? sizes->queue_bytes / value : sizes->queue_records;
        if (records > sizes->queue_records) records = sizes->queue_records;
        uint64_t answer = sizes->fetch_bytes / (key + value + headers + 7);
        return (records + (answer ? answer : 1)) * budget_fetched_record(key, value, headers);
}

static void a_lane_stays_within_its_share(void **state) {
        (void)state;
        static const struct { uint64_t key, value, headers; } records[] = {
                {0, 100, 0}, {16, 100, 0}, {0, 1000, 0}, {0, 10000, 0}, {0, 1000000, 0}, {1000, 100, 0}, {0, 100, 1000},
        };
        static const uint64_t shares[] = {4 * MIB, 5 * MIB, 9 * MIB, 20 * MIB, 100 * MIB, 4096 * MIB};
        for (size_t i = 0; i < sizeof records / sizeof *records; i++)
                for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
                        struct budget_sizes sizes = budget_sizes(shares[k]);
                        uint64_t held = budget_held(shares[k], &sizes,
                                                    mean_of(records[i].key, records[i].value, records[i].headers));
                        uint64_t queue = queue_of(&sizes, records[i].key, records[i].value, records[i].headers);
                        assert_true(held >= shares[k] / 4);
                        assert_true(held + queue <= shares[k]);
                        if (records[i].value >= 1000 && k > 0) assert_true(held >= shares[k] * 2 / 5);
                }
}

static void tiny_records_leave_a_quarter(void **state) {
        (void)state;
        struct budget_sizes sizes = budget_sizes(4 * MIB);
        assert_true(budget_held(4 * MIB, &sizes, mean_of(0, 1, 0)) == MIB);
        assert_true(budget_held(4 * MIB, &sizes, (struct budget_mean){0, 0}) == MIB);
}

static void every_part_of_a_record_counts(void **state) {
        (void)state;
        uint64_t empty = budget_fetched_record(0, 0, 0), sent = budget_sent_record(0, 0, 0);
        assert_true(empty >= 296);          /* rd_kafka_op_t: also tombstones are bounded */
        assert_true(sent >= 168);           /* rd_kafka_msg_t */
        assert_int_equal(budget_fetched_record(10, 100, 0), empty + 110);
        assert_true(budget_sent_record(10, 100, 0) >= sent + 110); /* copied into the request */
        assert_true(budget_sent_record(0, 1000000, 0) == sent);    /* referred to */
        uint64_t header = budget_header(5, 20);
        assert_true(header > 2 * 25);
        assert_int_equal(budget_fetched_record(0, 0, header), empty + header);
        assert_true(budget_sent_record(0, 0, header) >= sent + 25);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_shares_are_the_budget_without_the_process),
                cmocka_unit_test(the_default_has_room_for_the_default_lanes),
                cmocka_unit_test(a_fetch_grows_with_the_share),
                cmocka_unit_test(a_lane_stays_within_its_share),
                cmocka_unit_test(tiny_records_leave_a_quarter),
                cmocka_unit_test(every_part_of_a_record_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
