#include "tests/unit/test.h"
#include "worker/txn_pace.h"

static void moments_are_an_interval_apart(void **state) {
        (void)state;
        for (uint32_t lane = 0; lane < 50; lane++) {
                int64_t at = txn_pace_next(500, lane, 12345);
                assert_in_range(at, 12346, 12845);
                assert_int_equal(txn_pace_next(500, lane, at - 1), at);
                assert_int_equal(txn_pace_next(500, lane, at), at + 500);
                assert_int_equal(txn_pace_next(500, lane, at + 499), at + 500);
        }
        assert_int_equal(txn_pace_next(500, 0, 0), 500);
        assert_in_range(txn_pace_next(500, 7, 0), 1, 500); /* before the first: not backwards */
        assert_int_equal(txn_pace_next(0, 7, 3), 4);
}

/* No two of twelve lanes closer than half of what is even. */
static void lanes_lie_apart(void **state) {
        (void)state;
        for (uint32_t a = 0; a < 12; a++)
                for (uint32_t b = 0; b < a; b++) {
                        int64_t apart = txn_pace_next(1200, a, 0) - txn_pace_next(1200, b, 0);
                        if (apart < 0) apart = -apart;
                        if (apart > 600) apart = 1200 - apart;
                        assert_true(apart >= 50);
                }
}

static void the_end(void **state) {
        (void)state;
        static const struct {
                uint32_t interval_ms;
                int64_t begun_ms;
                enum txn_pace pace;
                bool first;
                int64_t end_ms;
        } rows[] = {
                {500, 9800, TXN_LIVE, false, 10000}, /* caught up: now */
                {500, -1, TXN_LIVE, false, 10000},   /* only positions have moved */
                {500, -1, TXN_BEHIND, false, 10000},
                {500, 9800, TXN_BEHIND, false, 10300},
                {500, 9500, TXN_BEHIND, false, 10000},
                {500, 9000, TXN_BEHIND, false, 9500}, /* overdue */
                {500, 9800, TXN_BEHIND, true, 10000},
                {500, 9800, TXN_FAR_BEHIND, false, 10500}, /* the next moment */
                {500, 8500, TXN_FAR_BEHIND, false, 10500},
                {500, 8499, TXN_FAR_BEHIND, false, 10000}, /* the last moment within two seconds */
                {500, 7000, TXN_FAR_BEHIND, false, 10000},
                {500, 9800, TXN_FAR_BEHIND, true, 10000},
                {100, 9700, TXN_FAR_BEHIND, false, 10100},
                {100, 9690, TXN_FAR_BEHIND, false, 10000},
                {1000, 9000, TXN_FAR_BEHIND, false, 11000},
                {1000, 8900, TXN_FAR_BEHIND, false, 10000},
                {5000, 9800, TXN_FAR_BEHIND, false, 14800}, /* longer than that already */
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(txn_pace_end(rows[i].interval_ms, rows[i].begun_ms, rows[i].pace, rows[i].first, 10000),
                                 rows[i].end_ms);
}

static void far_is_twice_as_much(void **state) {
        (void)state;
        assert_true(txn_pace_far(1000, 2000));
        assert_false(txn_pace_far(1000, 1999));
        assert_false(txn_pace_far(1, 0));
        assert_false(txn_pace_far(1, -5)); /* the end is not known */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(moments_are_an_interval_apart),
                cmocka_unit_test(lanes_lie_apart),
                cmocka_unit_test(the_end),
                cmocka_unit_test(far_is_twice_as_much),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
