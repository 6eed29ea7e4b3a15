/* Weights: what is measured, what the planner sees of it. */
#include <stdlib.h>

#include "common/lane_weight.h"
#include "tests/unit/test.h"

static void a_rate_follows_the_counters(void **state) {
        (void)state;
        struct lane_rate rate = {0};
        uint64_t records = 0, bytes = 0;
        lane_rate_note(&rate, 1000, 0, 0);
        assert_int_equal(lane_rate_bytes(&rate), 0);
        for (int64_t t = 3000; t <= 121000; t += 2000) {
                lane_rate_note(&rate, t, records += 2000, bytes += 2000000);
                /* from the first report on, not only after a minute */
                assert_in_range(lane_rate_bytes(&rate), 900000, 1100000);
                assert_in_range(lane_rate_records(&rate), 900, 1100);
                assert_int_equal(lane_rate_measured(&rate), t >= 11000);
        }
        for (int64_t t = 123000; t <= 1200000; t += 2000) lane_rate_note(&rate, t, records, bytes);
        assert_int_equal(lane_rate_bytes(&rate), 0); /* at rest its report stays as it is */
        assert_int_equal(lane_rate_records(&rate), 0);
        lane_rate_note(&rate, 1202000, 10, 10); /* the pump was opened again */
        assert_false(lane_rate_measured(&rate));
}

static void weights(void **state) {
        (void)state;
        static const struct { struct lane_load load; uint32_t weight; } rows[] = {
                {{0, 0, 0, 0}, 1},
                {{7, 0, 0, 0}, 7},                           /* at rest: its partitions */
                {{7, 0, 0, 1000000}, 7},                     /* stands still: nobody knows what it would take */
                {{1, 1024 * 1000, 0, 0}, 1001},
                {{1, 1024 * 1000, 1024, 0}, 1301},           /* records cost too */
                {{1, 1024 * 1000, 1000, 0}, 1293},
                {{1, 1024 * 1000, 1000, 150000}, 1940},      /* half of what flows comes on top */
                {{1, 1024 * 1000, 1000, 1000000000}, 2586},  /* and never more than that once more */
                {{1, UINT64_MAX, 0, 0}, UINT32_MAX / 4},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_int_equal(lane_weight(&rows[i].load), rows[i].weight);
}

static void noise_changes_nothing(void **state) {
        (void)state;
        uint64_t random = 7;
        for (uint32_t mean = 10; mean < 4000000; mean = mean * 3 / 2 + 1) {
                uint32_t kept = lane_weight_keep(0, mean), first = kept;
                /* what is kept is near what was measured */
                assert_true((uint64_t)kept * 100 <= (uint64_t)mean * 113 && (uint64_t)kept * 113 >= (uint64_t)mean * 100);
                for (int i = 0; i < 1000; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        uint32_t fresh = (uint32_t)((uint64_t)mean * (900 + (random >> 33) % 201) / 1000); /* +-10 % */
                        kept = lane_weight_keep(kept, fresh ? fresh : 1);
                }
                assert_int_equal(kept, first);
                assert_int_not_equal(lane_weight_keep(kept, mean * 2), kept);
                assert_int_equal(lane_weight_keep(kept, kept), kept);
                assert_int_equal(lane_weight_keep(0, kept), kept); /* rounding again changes nothing */
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_rate_follows_the_counters),
                cmocka_unit_test(weights),
                cmocka_unit_test(noise_changes_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
