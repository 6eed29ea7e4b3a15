#include "tests/unit/test.h"
#include "worker/memory_trim.h"

#define MIB ((uint64_t)1 << 20)
#define BUDGET (128 * MIB)

static void nothing_is_given_back_far_from_the_budget(void **state) {
        (void)state;
        struct memory_trim trim = {0};
        assert_false(memory_trim_due(&trim, 0, BUDGET, 1)); /* not known */
        assert_false(memory_trim_due(&trim, 111 * MIB, BUDGET, 1));
        assert_true(memory_trim_due(&trim, 112 * MIB, BUDGET, 1));
        assert_false(memory_trim_due(&trim, 447 * MIB, 4 * BUDGET, 1)); /* an eighth at least is left to what comes meanwhile */
        assert_true(memory_trim_due(&trim, 448 * MIB, 4 * BUDGET, 1));
        assert_false(memory_trim_due(&trim, 19 * MIB, 32 * MIB, 1)); /* and three eighths of a small one */
        assert_true(memory_trim_due(&trim, 20 * MIB, 32 * MIB, 1));
        memory_trim_done(&trim, 50 * MIB, 1);
        assert_false(memory_trim_due(&trim, 111 * MIB, BUDGET, 100000));
}

static void what_is_in_use_is_not_walked_through_again_and_again(void **state) {
        (void)state;
        struct memory_trim trim = {0};
        memory_trim_done(&trim, 108 * MIB, 1000);
        assert_false(memory_trim_due(&trim, 115 * MIB, BUDGET, 5000));
        assert_true(memory_trim_due(&trim, 116 * MIB, BUDGET, 5000));
        assert_false(memory_trim_due(&trim, 120 * MIB, BUDGET, 1049)); /* the last one was just now */
        assert_true(memory_trim_due(&trim, 120 * MIB, BUDGET, 1050));
}

static void a_peak_is_forgotten(void **state) {
        (void)state;
        struct memory_trim trim = {0};
        memory_trim_done(&trim, 140 * MIB, 1000);
        assert_false(memory_trim_due(&trim, 130 * MIB, BUDGET, 10999));
        assert_true(memory_trim_due(&trim, 130 * MIB, BUDGET, 11000));
}

static void lanes_that_have_gone_are_followed_twice(void **state) {
        (void)state;
        struct memory_trim trim = {0};
        memory_trim_lanes_changed(&trim, 1000);
        memory_trim_lanes_changed(&trim, 2000);
        assert_false(memory_trim_due(&trim, 20 * MIB, BUDGET, 3999)); /* more may go */
        assert_true(memory_trim_due(&trim, 20 * MIB, BUDGET, 4000));
        memory_trim_begun(&trim, 4000);
        memory_trim_done(&trim, 15 * MIB, 4010);
        assert_false(memory_trim_due(&trim, 20 * MIB, BUDGET, 9000));
        assert_true(memory_trim_due(&trim, 20 * MIB, BUDGET, 19000)); /* and once more: what they began with is free by now */
        memory_trim_begun(&trim, 19000);
        memory_trim_done(&trim, 14 * MIB, 19010);
        assert_false(memory_trim_due(&trim, 20 * MIB, BUDGET, 90000));
        memory_trim_lanes_changed(&trim, 100000);
        memory_trim_begun(&trim, 100010);
        memory_trim_done(&trim, 15 * MIB, 100020); /* for the budget: what has gone is not all free yet */
        assert_true(memory_trim_due(&trim, 20 * MIB, BUDGET, 102000));
}

static void a_lane_that_goes_meanwhile_is_followed_too(void **state) {
        (void)state;
        struct memory_trim trim = {0};
        memory_trim_lanes_changed(&trim, 1000);
        assert_true(memory_trim_due(&trim, 20 * MIB, BUDGET, 3000));
        memory_trim_begun(&trim, 3000);
        memory_trim_lanes_changed(&trim, 3050);
        memory_trim_done(&trim, 15 * MIB, 5100); /* it has waited for a loop */
        assert_true(memory_trim_due(&trim, 20 * MIB, BUDGET, 5100));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_given_back_far_from_the_budget),
                cmocka_unit_test(what_is_in_use_is_not_walked_through_again_and_again),
                cmocka_unit_test(a_peak_is_forgotten),
                cmocka_unit_test(lanes_that_have_gone_are_followed_twice),
                cmocka_unit_test(a_lane_that_goes_meanwhile_is_followed_too),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
