#include "coordinator/stuck.h"
#include "tests/unit/test.h"

#define S 1000
static const struct stuck_facts well = {false, true}, bad = {true, true}, all_bad = {true, false};

static void a_lane_is_tried_elsewhere_three_times(void **state) {
        (void)state;
        struct stuck stuck = {0};
        int64_t moved[8];
        size_t count = 0;
        for (int64_t t = 30 * S; t < (int64_t)100 * 3600 * S; t += 30 * S)
                if (stuck_look(&stuck, &bad, t)) moved[count++] = t;
        assert_int_equal(count, STUCK_TRIES_MAX); /* it does not wander for ever */
        assert_int_equal(moved[0], 90 * S);
        assert_int_equal(moved[1] - moved[0], 30 * S + 240 * S);
        assert_int_equal(moved[2] - moved[1], 30 * S + 960 * S);
}

static void what_stands_still_everywhere_stays(void **state) {
        (void)state;
        struct stuck stuck = {0};
        for (int64_t t = 0; t < 3600 * S; t += 30 * S) assert_false(stuck_look(&stuck, &all_bad, t + 1));
        /* the clusters are back: the owner has its minute */
        assert_false(stuck_look(&stuck, &bad, 3600 * S));
        assert_true(stuck_look(&stuck, &bad, 3660 * S));
}

static void what_went_well_is_forgotten(void **state) {
        (void)state;
        struct stuck stuck = {0};
        (void)stuck_look(&stuck, &bad, 1 * S);
        assert_false(stuck_look(&stuck, &well, 40 * S)); /* a short stop is none */
        assert_false(stuck_look(&stuck, &bad, 61 * S));
        assert_true(stuck_look(&stuck, &bad, 121 * S));
        assert_true(stuck_remembers(&stuck));
        for (int64_t t = 150 * S; t < 700 * S; t += 30 * S) assert_false(stuck_look(&stuck, &well, t));
        assert_true(stuck_remembers(&stuck));
        (void)stuck_look(&stuck, &well, 760 * S);
        assert_false(stuck_remembers(&stuck));
        (void)stuck_look(&stuck, &bad, 800 * S);
        assert_true(stuck_look(&stuck, &bad, 860 * S)); /* patience as at first */
}

static void a_worker_gets_nothing_for_longer_each_time(void **state) {
        (void)state;
        assert_int_equal(stuck_ailing_ms(0), 600 * S);
        assert_int_equal(stuck_ailing_ms(1), 1200 * S);
        assert_int_equal(stuck_ailing_ms(4), 9600 * S);
        assert_int_equal(stuck_ailing_ms(1000), 9600 * S);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_lane_is_tried_elsewhere_three_times),
                cmocka_unit_test(what_stands_still_everywhere_stays),
                cmocka_unit_test(what_went_well_is_forgotten),
                cmocka_unit_test(a_worker_gets_nothing_for_longer_each_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
