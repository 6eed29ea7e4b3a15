/* What becomes of a group's offset. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/group_plan.h"

static void offsets_go_forward_only(void **state) {
        (void)state;
        static const struct {
                struct offset_translation translation;
                int64_t before, low, high;
                enum group_outcome outcome;
                int64_t target;
                const char *text;
        } rows[] = {
                {{OFFSET_EXACT, 50, 0}, -1, 0, 100, GROUP_FORWARD, 50, "exact"},
                {{OFFSET_EXACT, 50, 0}, 49, 0, 100, GROUP_FORWARD, 50, "exact"},
                {{OFFSET_EXACT, 50, 0}, 50, 0, 100, GROUP_KEPT, 50, "exact"},
                {{OFFSET_EXACT, 50, 0}, 51, 0, 100, GROUP_KEPT, 50, "exact"},
                {{OFFSET_EXACT, 100, 0}, -1, 0, 100, GROUP_FORWARD, 100, "exact"},
                {{OFFSET_EXACT, 0, 0}, -1, 0, 0, GROUP_FORWARD, 0, "exact"},
                {{OFFSET_EARLIER, 50, 12}, -1, 0, 100, GROUP_FORWARD, 50, "earlier by up to 12"},
                {{OFFSET_EARLIER, 50, -1}, -1, 0, 100, GROUP_FORWARD, 50, "earlier, by how much is not known"},
                {{OFFSET_BEYOND, 50, 9}, -1, 0, 100, GROUP_FORWARD, 50, "end of what was mirrored, 9 source offsets before"},
                {{OFFSET_UNKNOWN, -1, 0}, -1, 0, 100, GROUP_UNKNOWN, -1, "unknown: the offset map begins later"},
                {{OFFSET_UNKNOWN, -1, 7}, -1, 0, 100, GROUP_UNKNOWN, -1, "unknown: records that came from the destination"},
                /* retention at the destination */
                {{OFFSET_EXACT, 50, 0}, -1, 60, 100, GROUP_FORWARD, 60, "start of the destination's log; 50"},
                {{OFFSET_EXACT, 50, 0}, 70, 60, 100, GROUP_KEPT, 60, "start of the destination's log; 50"},
                /* created anew: nothing is guessed */
                {{OFFSET_EXACT, 50, 0}, -1, 0, 49, GROUP_UNKNOWN, -1, "unknown: the destination's log ends at 49"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct group_row row = {.topic = "t", .destination_topic = "t", .source = 7, .before = rows[i].before,
                                        .translation = rows[i].translation, .low = rows[i].low, .high = rows[i].high};
                group_plan(&row);
                assert_int_equal(row.outcome, rows[i].outcome);
                assert_int_equal(row.target, rows[i].target);
                if (strncmp(row.text, rows[i].text, strlen(rows[i].text)) != 0) fail_msg("%s", row.text);
        }
}

static void topics_mirrored_into_one_go_to_the_lowest(void **state) {
        (void)state;
        struct group_row rows[] = {
                {.topic = "a", .destination_topic = "all", .partition = 0, .before = 30, .translation = {OFFSET_EXACT, 50, 0}, .high = 100},
                {.topic = "a", .destination_topic = "all", .partition = 1, .before = -1, .translation = {OFFSET_EXACT, 50, 0}, .high = 100},
                {.topic = "b", .destination_topic = "all", .partition = 0, .before = 30, .translation = {OFFSET_EXACT, 20, 0}, .high = 100},
                {.topic = "b", .destination_topic = "all", .partition = 1, .before = -1, .translation = {OFFSET_UNKNOWN, -1, 0}, .high = 100},
                {.topic = "c", .destination_topic = "c", .partition = 0, .before = -1, .translation = {OFFSET_EXACT, 7, 0}, .high = 100},
        };
        for (size_t i = 0; i < 5; i++) group_plan(&rows[i]);
        assert_int_equal(group_plan_merge(rows, 5), 0);
        assert_int_equal(rows[0].target, 20);
        assert_int_equal(rows[0].outcome, GROUP_KEPT);
        assert_int_equal(rows[2].target, 20);
        assert_int_equal(rows[1].outcome, GROUP_UNKNOWN);
        assert_int_equal(rows[3].outcome, GROUP_UNKNOWN);
        assert_int_equal(rows[4].target, 7);
        assert_int_equal(rows[4].outcome, GROUP_FORWARD);
        assert_int_equal(group_plan_merge(rows, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(offsets_go_forward_only),
                cmocka_unit_test(topics_mirrored_into_one_go_to_the_lowest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
