/* `status --watch`: keys, and a screen that never scrolls. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/watch.h"

static void test_keys(void **state) {
        struct watch w = {.interval_s = 2};
        (void)state;
        assert_true(watch_key(&w, 'p') && w.partitions);
        assert_true(watch_key(&w, 'p') && !w.partitions);
        assert_true(watch_key(&w, 'r') && w.now);
        assert_true(watch_key(&w, '-') && w.interval_s == 1);
        assert_true(watch_key(&w, '-') && w.interval_s == 1);
        for (int i = 0; i < 100; i++) (void)watch_key(&w, '+');
        assert_int_equal(w.interval_s, WATCH_INTERVAL_MAX_S);
        assert_true(watch_key(&w, 'k') && w.first == 0);
        assert_true(watch_key(&w, 'j') && w.first == 1);
        assert_false(watch_key(&w, 'x'));
        assert_false(w.quit);
        assert_false(watch_key(&w, 'q'));
        assert_true(w.quit);
}

/* Lines of the screen; the longest one's width without escape sequences. */
static unsigned lines(const char *text, unsigned *out_widest) {
        unsigned count = 0, width = 0;
        *out_widest = 0;
        for (const char *c = text; *c; c++) {
                if (*c == '\033') {
                        while (*c && !((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z'))) c++;
                        if (*c == 'H') { /* the cursor goes to another line: the first, the last */
                                width = 0;
                                count++;
                        }
                        continue;
                }
                assert_true(*c != '\n' || c[-1] == '\r');
                if (*c == '\r') continue;
                if (*c == '\n') {
                        count++;
                        width = 0;
                } else if (++width > *out_widest) {
                        *out_widest = width;
                }
        }
        return count;
}

static void test_screen_fits(void **state) {
        static const unsigned sizes[][2] = {{24, 80}, {60, 200}, {5, 20}, {1, 1}, {2, 300}};
        enum { COUNT = 3000 };
        struct status_partition *partitions = calloc(COUNT, sizeof *partitions);
        char reason[] = "a reason\033[2J of a peer";
        struct health_reason reasons[] = {{HEALTH_ERR, reason}};
        struct health health = {HEALTH_ERR, reasons, 1};
        struct snapshot s = {.partitions = partitions, .partition_count = COUNT, .now_ms = 1};
        (void)state;
        for (int i = 0; i < COUNT; i++)
                partitions[i] = (struct status_partition){.route = "a->b", .topic = "t", .partition = (uint32_t)i,
                                                          .state = STATUS_RUNNING, .lag = i * 7 % COUNT, .error = "",
                                                          .lag_seconds = 1, .worker = "w"};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                for (int partitions_shown = 0; partitions_shown < 2; partitions_shown++)
                        for (size_t first = 0; first < 2 * COUNT; first += 1999) {
                                struct watch w = {.interval_s = 2, .partitions = partitions_shown, .first = first};
                                struct text text = {0};
                                unsigned widest;
                                watch_screen(&w, &s, &health, first ? "away" : "", sizes[i][0], sizes[i][1], true, &text);
                                assert_false(text.failed);
                                assert_true(lines(text.data, &widest) <= (sizes[i][0] > 1 ? sizes[i][0] : 2));
                                assert_true(widest <= sizes[i][1]);
                                assert_null(strstr(text.data, "\033[2J")); /* not the peer's */
                                if (sizes[i][0] == 60 && partitions_shown && !first) assert_non_null(strstr(text.data, "2,999"));
                                free(text.data);
                        }
        struct watch w = {.interval_s = 2};
        struct text text = {0};
        watch_screen(&w, NULL, &health, "", 24, 80, false, &text);
        assert_non_null(strstr(text.data, "reading"));
        free(text.data);
        text = (struct text){0};
        watch_line(&s, &health, &text);
        assert_non_null(strstr(text.data, "ERR lag="));
        assert_ptr_equal(strchr(text.data, '\n'), text.data + text.bytes - 1);
        free(text.data);
        free(partitions);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_screen_fits)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
