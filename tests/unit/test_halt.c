/* What a policy makes of a halt, and where an answer goes on. */
#include "tests/unit/test.h"

#include "heliostat.pb-c.h"
#include "worker/halt.h"

static void numbers_are_those_of_the_message(void **state) {
        (void)state;
        assert_int_equal(HALT_GAP, HELIOSTAT__PB__HALT_KIND__HALT_GAP);
        assert_int_equal(HALT_ABOVE_END, HELIOSTAT__PB__HALT_KIND__HALT_ABOVE_END);
        assert_int_equal(HALT_NO_POSITION, HELIOSTAT__PB__HALT_KIND__HALT_NO_POSITION);
        assert_int_equal(HALT_REFUSED, HELIOSTAT__PB__HALT_KIND__HALT_REFUSED);
        assert_int_equal(HALT_CORRUPT, HELIOSTAT__PB__HALT_KIND__HALT_CORRUPT);
        assert_int_equal(ANSWER_RETRY, HELIOSTAT__PB__HALT_ANSWER__ANSWER_RETRY);
        assert_int_equal(ANSWER_SKIP, HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP);
        assert_int_equal(ANSWER_RESTART, HELIOSTAT__PB__HALT_ANSWER__ANSWER_RESTART);
        assert_int_equal(ANSWER_DEAD_LETTER, HELIOSTAT__PB__HALT_ANSWER__ANSWER_DEAD_LETTER);
        assert_int_equal(ANSWER_OFFSET, HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET);
}

static void policies_answer_by_kind(void **state) {
        (void)state;
        static const struct {
                enum halt_kind kind;
                const char *gap, *poison;
                enum halt_answer answer;
        } rows[] = {
                {HALT_GAP, "halt", "skip-recorded", ANSWER_NONE},
                {HALT_GAP, "", "", ANSWER_NONE},
                {HALT_GAP, "skip-recorded", "halt", ANSWER_SKIP},
                {HALT_GAP, "restart", "halt", ANSWER_RESTART},
                {HALT_ABOVE_END, "halt", "halt", ANSWER_NONE},
                {HALT_ABOVE_END, "skip-recorded", "halt", ANSWER_SKIP},
                {HALT_ABOVE_END, "restart", "halt", ANSWER_RESTART},
                /* never earliest, never latest, without a person */
                {HALT_NO_POSITION, "restart", "skip-recorded", ANSWER_NONE},
                {HALT_NO_POSITION, "skip-recorded", "skip-recorded", ANSWER_NONE},
                {HALT_REFUSED, "skip-recorded", "halt", ANSWER_NONE},
                {HALT_REFUSED, "halt", "skip-recorded", ANSWER_SKIP},
                {HALT_REFUSED, "halt", "dead-letter", ANSWER_DEAD_LETTER},
                {HALT_CORRUPT, "halt", "dead-letter", ANSWER_NONE},
                {HALT_CORRUPT, "halt", "skip-recorded", ANSWER_SKIP},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(halt_policy(rows[i].kind, rows[i].gap, rows[i].poison), rows[i].answer);
}

static int64_t target(enum halt_kind kind, enum halt_answer answer, int64_t from, int64_t to, int64_t low,
                      int64_t high) {
        struct halt halt = {.kind = kind, .answer = answer, .from = from, .to = to};
        return halt_target(&halt, low, high);
}

static void answers_go_on_at_the_log_as_it_is_now(void **state) {
        (void)state;
        /* retention went on since the halt: the log as it is now counts */
        assert_int_equal(target(HALT_GAP, ANSWER_SKIP, 10, 20, 35, 90), 35);
        assert_int_equal(target(HALT_GAP, ANSWER_RESTART, 10, 20, 35, 90), 35);
        assert_int_equal(target(HALT_GAP, ANSWER_RETRY, 10, 20, 35, 90), -1);
        /* truncated: from the new end; created anew and smaller: the same, or all of it */
        assert_int_equal(target(HALT_ABOVE_END, ANSWER_SKIP, 100, 90, 0, 90), 90);
        assert_int_equal(target(HALT_ABOVE_END, ANSWER_RESTART, 100, 90, 0, 90), 0);
        /* the log has grown over the position by now: nothing is missing behind it */
        assert_int_equal(target(HALT_ABOVE_END, ANSWER_SKIP, 100, 90, 0, 120), 100);
        assert_int_equal(target(HALT_NO_POSITION, ANSWER_SKIP, -1, -1, 5, 50), 50);
        assert_int_equal(target(HALT_NO_POSITION, ANSWER_SKIP, 20, -1, 5, 50), 50);
        assert_int_equal(target(HALT_NO_POSITION, ANSWER_RESTART, -1, -1, 5, 50), 5);
        assert_int_equal(target(HALT_REFUSED, ANSWER_SKIP, 7, 8, -1, -1), 8);
        assert_int_equal(target(HALT_REFUSED, ANSWER_DEAD_LETTER, 7, 8, -1, -1), -1);
        assert_int_equal(target(HALT_CORRUPT, ANSWER_SKIP, 7, 8, -1, -1), 8);
        assert_int_equal(target(HALT_CORRUPT, ANSWER_OFFSET, 7, 30, -1, -1), 30);
}

static void only_some_answers_need_the_log(void **state) {
        (void)state;
        struct halt halt = {.kind = HALT_GAP, .answer = ANSWER_SKIP};
        assert_true(halt_needs_log(&halt));
        halt.kind = HALT_REFUSED;
        assert_false(halt_needs_log(&halt));
        halt.answer = ANSWER_RESTART;
        assert_true(halt_needs_log(&halt));
        halt.answer = ANSWER_OFFSET;
        assert_false(halt_needs_log(&halt));
        halt.answer = ANSWER_RETRY;
        assert_false(halt_needs_log(&halt));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_those_of_the_message),
                cmocka_unit_test(policies_answer_by_kind),
                cmocka_unit_test(answers_go_on_at_the_log_as_it_is_now),
                cmocka_unit_test(only_some_answers_need_the_log),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
