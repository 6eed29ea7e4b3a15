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

/* Of records that take so much. */
static struct budget_mean mean_of(uint64_t key, uint64_t value, uint64_t headers) {
        return (struct budget_mean){(double)value, (double)budget_fetched_record(key, value, headers), 1};
}

static const struct budget_mean unknown;

static void a_fetch_grows_with_the_share_and_the_record(void **state) {
        (void)state;
        /* value 0: not known yet, which is taken as 10 B */
        static const struct { uint64_t share, value, fetch_kib; } rows[] = {
                {1, 0, 64},           {4 * MIB, 0, 64},     {5 * MIB, 0, 64},      {10 * MIB, 0, 256},    {64 * MIB, 0, 1024},
                {4 * MIB, 10, 64},    {4 * MIB, 50, 128},   {4 * MIB, 100, 256},   {4 * MIB, 1000, 512},  {5 * MIB, 1000, 768},
                {10 * MIB, 100, 1024}, {10 * MIB, 1000, 1024}, {1024 * MIB, 1000, 1024}, {4 * MIB, 1000000, 768},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct budget_sizes sizes =
                        budget_sizes(rows[i].share, rows[i].value ? mean_of(0, rows[i].value, 0) : unknown);
                assert_int_equal(sizes.fetch_bytes, rows[i].fetch_kib * KIB);
                assert_true(sizes.queue_bytes >= sizes.fetch_bytes / 2);
                if (rows[i].share <= 10 * MIB) assert_int_equal(sizes.queue_bytes, sizes.fetch_bytes / 2);
                assert_true(sizes.queue_records >= 1000);
                assert_true(sizes.share_bytes == rows[i].share);
        }
}

/* A fetcher that finds the queue full stops: a lane by itself would wait for it after each answer. */
static void a_large_share_lets_several_answers_wait(void **state) {
        (void)state;
        for (uint64_t lanes = 1; lanes <= 2; lanes++)
                for (uint64_t value = 1000; value <= 100000; value *= 10) {
                        struct budget_sizes sizes = budget_sizes(budget_share(128 * MIB, lanes), mean_of(0, value, 0));
                        assert_true(sizes.queue_bytes >= 3 * sizes.fetch_bytes / 2);
                        assert_true(budget_seats(&sizes, 8).queue_bytes * 8 >= 3 * sizes.fetch_bytes / 2);
                }
        assert_true(budget_sizes(4096 * MIB, mean_of(0, 1000, 0)).queue_bytes <= 2 * MIB);
}

static void a_queue_is_full_of_records_or_of_bytes(void **state) {
        (void)state;
        const struct budget_sizes sizes = {.queue_bytes = 100000, .queue_records = 500};
        assert_int_equal(budget_queue_fill(&sizes, 1000), 100);
        assert_int_equal(budget_queue_fill(&sizes, 10), 500);
        assert_int_equal(budget_queue_fill(&sizes, 0), 500);
        assert_int_equal(budget_queue_fill(&sizes, 1000000), 1);
}

static void the_default_fills_a_long_fat_path(void **state) {
        (void)state;
        /* 50 ms of 1 Gbit/s are 6.25 MB; each lane has one fetch under way, and with paced connections an answer takes
         * up to a round trip more.  */
        for (uint64_t lanes = 12; lanes <= 24; lanes++)
                for (uint64_t value = 1000; value <= 100000; value *= 10)
                        assert_true(lanes * budget_sizes(budget_share(128 * MIB, lanes), mean_of(0, value, 0)).fetch_bytes >=
                                    12000000);
}

static void compressed_answers_are_smaller(void **state) {
        (void)state;
        struct budget_seen seen = {1000, 500 * 1000, 1000 * budget_fetched_record(0, 500, 0)};
        struct budget_mean plain = budget_seen_mean(&seen, 507 * 1000);
        assert_true(plain.value_bytes == 500 && plain.unpacked > 0.99 && plain.unpacked < 1.01);
        struct budget_mean packed = budget_seen_mean(&seen, 507 * 1000 / 5);
        assert_true(packed.unpacked > 4.99 && packed.unpacked < 5.01);
        assert_true(budget_sizes(8 * MIB, packed).fetch_bytes < budget_sizes(8 * MIB, plain).fetch_bytes);
        for (uint64_t share = 4 * MIB; share < 64 * MIB; share *= 2) {
                struct budget_sizes sizes = budget_sizes(share, packed);
                uint64_t records = (uint64_t)((double)sizes.fetch_bytes * packed.unpacked / 507) + sizes.queue_bytes / 500;
                uint64_t took = records * budget_fetched_record(0, 500, 0) + budget_held(share, &sizes, packed);
                assert_true(took <= share);
        }
}

static void nothing_is_learnt_from_nothing(void **state) {
        (void)state;
        struct budget_seen none = {0};
        struct budget_mean mean = budget_seen_mean(&none, 0);
        assert_true(mean.unpacked == 1);
        assert_true(budget_sizes(8 * MIB, mean).fetch_bytes >= 64 * KIB);
}

static void sizes_change_when_it_is_worth_a_new_consumer(void **state) {
        (void)state;
        struct budget_sizes sizes = budget_sizes(5 * MIB, unknown);
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 10, 0)), BUDGET_KEEP);
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 100, 0)), BUDGET_GROW);
        sizes = budget_sizes(5 * MIB, mean_of(0, 1000, 0));
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 1000, 0)), BUDGET_KEEP);
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 500, 0)), BUDGET_KEEP);
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 100000, 0)), BUDGET_KEEP);
        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, 10, 0)), BUDGET_SHRINK);
        /* Others have come: no more is taken than what they leave. */
        static const uint64_t values[] = {10, 100, 1000, 100000};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                const struct budget_mean mean = mean_of(0, values[i], 0);
                sizes = budget_sizes(100 * MIB, mean);
                assert_int_equal(budget_resize(&sizes, 5 * MIB, mean), BUDGET_SHRINK);
                assert_int_equal(budget_resize(&sizes, 200 * MIB, mean), BUDGET_KEEP);
                sizes = budget_sizes(5 * MIB, mean);
                assert_int_equal(budget_resize(&sizes, 100 * MIB, mean), BUDGET_KEEP);
        }
        /* What is chosen is kept: nobody changes for ever. */
        for (uint64_t share = MIB; share < 4096 * MIB; share *= 3)
                for (uint64_t value = 1; value < 10000000; value = value * 3 / 2 + 1) {
                        sizes = budget_sizes(share, mean_of(0, value, 0));
                        assert_int_equal(budget_resize(&sizes, sizes.share_bytes, mean_of(0, value, 0)), BUDGET_KEEP);
                }
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
                {0, 10, 0}, {0, 30, 0}, {0, 100, 0}, {16, 100, 0}, {0, 1000, 0}, {0, 10000, 0}, {0, 1000000, 0}, {1000, 100, 0}, {0, 100, 1000},
        };
        static const uint64_t shares[] = {4 * MIB, 5 * MIB, 9 * MIB, 20 * MIB, 100 * MIB, 4096 * MIB};
        for (size_t i = 0; i < sizeof records / sizeof *records; i++)
                for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
                        struct budget_mean mean = mean_of(records[i].key, records[i].value, records[i].headers);
                        struct budget_sizes sizes = budget_sizes(shares[k], mean);
                        uint64_t held = budget_held(shares[k], &sizes, mean);
                        uint64_t queue = queue_of(&sizes, records[i].key, records[i].value, records[i].headers);
                        assert_true(held >= shares[k] / 4);
                        assert_true(held + queue <= shares[k]);
                }
}

static void tiny_records_leave_a_quarter(void **state) {
        (void)state;
        struct budget_sizes sizes = budget_sizes(4 * MIB, unknown);
        assert_true(budget_held(4 * MIB, &sizes, mean_of(0, 1, 0)) == MIB);
        assert_true(budget_held(4 * MIB, &sizes, (struct budget_mean){0, 0, 0}) == MIB);
}

static void seats_have_parts_of_a_smaller_answer(void **state) {
        (void)state;
        const struct budget_mean mean = {.value_bytes = 100, .fetched_bytes = 420};
        for (uint64_t share = 4 * MIB; share <= 64 * MIB; share *= 2) {
                struct budget_sizes sizes = budget_sizes(share, mean), seats = budget_seats(&sizes, 8);
                assert_true(seats.fetch_bytes <= sizes.fetch_bytes && seats.queue_bytes * 8 <= sizes.queue_bytes);
                assert_true(seats.queue_records >= 250 && seats.queue_records * 8 <= sizes.queue_records + 2000);
                assert_true(budget_seats_bytes(&seats, mean, 8) < share * 2 / 3);
        }
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
                cmocka_unit_test(a_fetch_grows_with_the_share_and_the_record),
                cmocka_unit_test(a_large_share_lets_several_answers_wait),
                cmocka_unit_test(a_queue_is_full_of_records_or_of_bytes),
                cmocka_unit_test(the_default_fills_a_long_fat_path),
                cmocka_unit_test(compressed_answers_are_smaller),
                cmocka_unit_test(nothing_is_learnt_from_nothing),
                cmocka_unit_test(sizes_change_when_it_is_worth_a_new_consumer),
                cmocka_unit_test(a_lane_stays_within_its_share),
                cmocka_unit_test(tiny_records_leave_a_quarter),
                cmocka_unit_test(seats_have_parts_of_a_smaller_answer),
                cmocka_unit_test(every_part_of_a_record_counts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
