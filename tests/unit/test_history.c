#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "coordinator/history.h"
#include "tests/unit/test.h"

#define HOUR_MS ((int64_t)HISTORY_SLOTS * HISTORY_STEP_MS)

static struct history_point points[HISTORY_SLOTS];
static int64_t step_ms;

static size_t ask(struct history *h, const char *series, int64_t now_ms, size_t max) {
        return history_points(h, series, now_ms, max, points, &step_ms);
}

static void an_unknown_series_has_no_points(void **state) {
        struct history *h = history_new();
        (void)state;
        assert_int_equal(ask(h, "a->b", 1000, 100), 0);
        history_free(h);
}

static void a_point_has_the_highest_lag_and_the_mean_rate(void **state) {
        struct history *h = history_new();
        int64_t begin = 20 * HOUR_MS;
        (void)state;
        for (int i = 0; i < 8; i++)
                assert_int_equal(history_add(h, "a->b", begin + i * HISTORY_STEP_MS,
                                             &(struct history_sample){i == 2 ? 900 : 10, i == 2 ? 7.5 : 0.5, 100 + i,
                                                                      i < 4 ? HISTORY_UNKNOWN : 50}), 0);
        size_t n = ask(h, "a->b", begin + 7 * HISTORY_STEP_MS, 181);
        assert_int_equal(step_ms, 4 * HISTORY_STEP_MS);
        assert_true(n >= 180 && n <= 181);
        const struct history_point *p = &points[n - 2];
        assert_int_equal(p->time_ms, begin);
        assert_int_equal(p->slots, 4);
        assert_int_equal(p->sample.lag, 900);
        assert_true(p->sample.lag_seconds == 7.5);
        assert_true(p->sample.rate == 101.5);
        assert_true(p->sample.bytes_rate == HISTORY_UNKNOWN);
        assert_int_equal(points[n - 1].sample.lag, 10);
        assert_true(points[n - 1].sample.bytes_rate == 50);
        /* Nothing was known before. */
        assert_int_equal(points[0].slots, 0);
        assert_int_equal(points[0].sample.lag, HISTORY_UNKNOWN);
        history_free(h);
}

static void borders_stay_where_they_are(void **state) {
        struct history *h = history_new();
        int64_t now = 3 * HOUR_MS;
        (void)state;
        for (int64_t t = 2 * HOUR_MS; t <= now; t += HISTORY_STEP_MS)
                assert_int_equal(history_add(h, "", t, &(struct history_sample){t / HISTORY_STEP_MS, 0, 1, 1}), 0);
        for (int i = 0; i < 40; i++, now += HISTORY_STEP_MS) {
                assert_int_equal(history_add(h, "", now, &(struct history_sample){now / HISTORY_STEP_MS, 0, 1, 1}), 0);
                size_t n = ask(h, "", now, 100);
                assert_true(n <= 100);
                for (size_t k = 0; k < n; k++) {
                        assert_int_equal(points[k].time_ms % step_ms, 0);
                        if (k) assert_int_equal(points[k].time_ms, points[k - 1].time_ms + step_ms);
                        /* Each has the last slot of its own time, and no older one. */
                        int64_t last = points[k].time_ms / HISTORY_STEP_MS + step_ms / HISTORY_STEP_MS - 1;
                        if (last > now / HISTORY_STEP_MS) last = now / HISTORY_STEP_MS;
                        assert_int_equal(points[k].sample.lag, last);
                }
        }
        history_free(h);
}

static void any_number_of_points_fits(void **state) {
        struct history *h = history_new();
        (void)state;
        for (int64_t t = 0; t < 2 * HOUR_MS; t += HISTORY_STEP_MS)
                assert_int_equal(history_add(h, "x", t, &(struct history_sample){1, 1, 1, 1}), 0);
        for (size_t max = 10; max <= HISTORY_SLOTS; max++)
                for (int64_t now = 2 * HOUR_MS - 10 * HISTORY_STEP_MS; now < 2 * HOUR_MS; now += 7000)
                        assert_true(ask(h, "x", now, max) <= max);
        history_free(h);
}

static void a_short_pause_is_filled_and_a_long_one_is_a_gap(void **state) {
        struct history *h = history_new();
        int64_t t = 5 * HOUR_MS;
        (void)state;
        assert_int_equal(history_add(h, "", t, &(struct history_sample){1, 0, 0, 0}), 0);
        assert_int_equal(history_add(h, "", t + HISTORY_HOLD_MS, &(struct history_sample){2, 0, 0, 0}), 0);
        assert_int_equal(history_add(h, "", t + 3 * HISTORY_HOLD_MS, &(struct history_sample){3, 0, 0, 0}), 0);
        size_t n = ask(h, "", t + 3 * HISTORY_HOLD_MS, HISTORY_SLOTS), known = 0;
        for (size_t i = 0; i < n; i++) known += points[i].slots;
        assert_int_equal(known, 1 + 4 + 1);
        history_free(h);
}

static void the_hour_ends(void **state) {
        struct history *h = history_new();
        (void)state;
        assert_int_equal(history_add(h, "", 5 * HOUR_MS, &(struct history_sample){1, 0, 0, 0}), 0);
        for (int64_t ago = 0; ago < 2 * HOUR_MS; ago += HISTORY_STEP_MS) {
                size_t n = ask(h, "", 5 * HOUR_MS + ago, 60), known = 0;
                for (size_t i = 0; i < n; i++) known += points[i].slots;
                assert_int_equal(known, ago < HOUR_MS);
        }
        history_free(h);
}

static void the_number_of_series_is_bounded(void **state) {
        struct history *h = history_new();
        char name[16];
        (void)state;
        for (int i = 0; i < HISTORY_SERIES_MAX; i++) {
                (void)snprintf(name, sizeof name, "r%d", i);
                assert_int_equal(history_add(h, name, i, &(struct history_sample){1, 0, 0, 0}), 0);
        }
        assert_int_equal(history_add(h, "new", 1000, &(struct history_sample){1, 0, 0, 0}), ERR_TOO_MANY);
        assert_int_equal(history_add(h, "r7", HOUR_MS, &(struct history_sample){2, 0, 0, 0}), 0);
        /* The others got nothing for an hour. */
        assert_int_equal(history_add(h, "new", HOUR_MS + 7, &(struct history_sample){1, 0, 0, 0}), 0);
        assert_int_equal(ask(h, "r6", HOUR_MS + 7, 10), 0);
        assert_true(ask(h, "r7", HOUR_MS + 7, 10) > 0);
        assert_true(ask(h, "new", HOUR_MS + 7, 10) > 0);
        history_free(h);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_unknown_series_has_no_points),
                cmocka_unit_test(a_point_has_the_highest_lag_and_the_mean_rate),
                cmocka_unit_test(borders_stay_where_they_are),
                cmocka_unit_test(any_number_of_points_fits),
                cmocka_unit_test(a_short_pause_is_filled_and_a_long_one_is_a_gap),
                cmocka_unit_test(the_hour_ends),
                cmocka_unit_test(the_number_of_series_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
