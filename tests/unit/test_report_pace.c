#include "tests/unit/test.h"
#include "worker/report_pace.h"

static void a_small_field_reports_as_it_is_told(void **state) {
        (void)state;
        assert_int_equal(report_pace_ms(&(struct report_pace){.interval_ms = 2000}), 2000);
        assert_int_equal(report_pace_ms(&(struct report_pace){2000, 3, 1, 40000}), 2000);
        assert_int_equal(report_pace_ms(&(struct report_pace){200, 10, 1, 2000}), 200);
        assert_int_equal(report_pace_ms(&(struct report_pace){60000, 500, 1, 10000}), 60000);
}

static void the_limits_hold_for_all_together(void **state) {
        (void)state;
        static const struct report_pace rows[] = {
                {2000, 500, 1, 200}, {2000, 500, 1, 10000}, {200, 100, 1, 30000}, {2000, 2000, 1, 5000}, {2000, 900, 3, 900000},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint64_t ms = report_pace_ms(&rows[i]), workers = rows[i].znodes / rows[i].own_znodes;
                if (ms == REPORT_INTERVAL_MAX_MS) continue;
                assert_true(rows[i].znodes * 1000 / ms <= REPORT_WRITES_PER_S);
                assert_true(workers * rows[i].own_bytes * 1000 / ms <= REPORT_BYTES_PER_S + REPORT_BYTES_PER_S / 100);
        }
}

/* 100 workers with 100 KB and 400 with 1 KB. */
static void uneven_reports_share_the_bytes(void **state) {
        (void)state;
        double bytes_per_s = 0;
        for (int i = 0; i < 500; i++) {
                struct report_pace pace = {2000, 500, 1, i < 100 ? 100000 : 1000};
                bytes_per_s += (double)pace.own_bytes * 1000 / report_pace_ms(&pace);
        }
        assert_true(bytes_per_s <= REPORT_BYTES_PER_S * 1.6); /* the cap of 60 s */
}

static void no_field_is_too_large(void **state) {
        (void)state;
        assert_int_equal(report_pace_ms(&(struct report_pace){2000, 1000000, 1024, 512ull * 1024 * 1024}), REPORT_INTERVAL_MAX_MS);
        /* what is under /report cannot be less than one's own */
        assert_int_equal(report_pace_ms(&(struct report_pace){2000, 0, 4, 1000}), 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_small_field_reports_as_it_is_told),
                cmocka_unit_test(the_limits_hold_for_all_together),
                cmocka_unit_test(uneven_reports_share_the_bytes),
                cmocka_unit_test(no_field_is_too_large),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
