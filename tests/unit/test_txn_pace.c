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
                int64_t begun_ms;
                bool behind, first;
                int64_t end_ms;
        } rows[] = {
                {9800, false, false, 10000}, /* caught up: now */
                {-1, false, false, 10000},   /* only positions have moved */
                {-1, true, false, 10000},
                {9800, true, false, 10300},
                {9500, true, false, 10000},
                {9000, true, false, 9500},   /* overdue */
                {9800, true, true, 10000},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(txn_pace_end(500, rows[i].begun_ms, rows[i].behind, rows[i].first, 10000),
                                 rows[i].end_ms);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(moments_are_an_interval_apart),
                cmocka_unit_test(lanes_lie_apart),
                cmocka_unit_test(the_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
