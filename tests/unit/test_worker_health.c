/* What a worker's health, its stalls and its totals are made of. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/loop_lag.h"
#include "worker/health.h"
#include "worker/stall.h"
#include "worker/totals.h"

static void test_stalls(void **state) {
        static const struct { struct stall_facts facts; enum stall stall; } rows[] = {
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1}, STALL_SOURCE},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS}, STALL_NONE},
                {{.wanted = true, .flowing = true, .behind = false, .still_ms = STALL_MS + 1}, STALL_NONE},
                {{.wanted = false, .behind = true, .still_ms = STALL_MS + 1}, STALL_NONE},
                /* Its clients are replaced again and again: what the reader had seen before counts no more. */
                {{.wanted = true, .behind = true, .still_ms = STALL_MS + 1, .at_readable_end = true}, STALL_STARTING},
                {{.wanted = true, .unstarted = true, .still_ms = STALL_START_MS}, STALL_NONE},
                {{.wanted = true, .unstarted = true, .still_ms = STALL_START_MS + 1}, STALL_STARTING},
                {{.wanted = true, .unstarted = true, .still_ms = STALL_START_MS + 1, .has_error = true}, STALL_ERROR},
                {{.wanted = true, .unstarted = true, .flowing = true, .still_ms = STALL_START_MS + 1}, STALL_NONE},
                {{.unstarted = true, .still_ms = STALL_START_MS + 1}, STALL_NONE},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_LIMITED_MS, .limited = true, .has_error = true}, STALL_NONE},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_LIMITED_MS + 1, .limited = true, .has_error = true}, STALL_ERROR},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_LIMITED_MS + 1, .limited = true, .waits = true, .has_error = true}, STALL_NONE},
                {{.wanted = true, .behind = true, .still_ms = STALL_MS + 1, .has_error = true}, STALL_ERROR},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .blocked = true}, STALL_DESTINATION},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .held = true}, STALL_GENERATION},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .has_error = true, .blocked = true}, STALL_ERROR},
                /* What waits for a limit is no stall, but only as long as that is the reason. */
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .limited = true}, STALL_NONE},
                {{.wanted = true, .behind = true, .still_ms = STALL_MS + 1, .limited = true}, STALL_STARTING},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .limited = true, .blocked = true}, STALL_DESTINATION},
                /* An open transaction at the source may take its 15 minutes ... */
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .at_readable_end = true}, STALL_NONE},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_TRANSACTION_MS + 1, .at_readable_end = true}, STALL_TRANSACTION},
                /* ... but whoever reads nothing has seen no end. */
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .at_readable_end = true, .blocked = true}, STALL_DESTINATION},
                {{.wanted = true, .flowing = true, .behind = true, .still_ms = STALL_MS + 1, .at_readable_end = true, .held = true}, STALL_GENERATION},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (stall_of(&rows[i].facts) != rows[i].stall) print_message("row %zu\n", i);
                assert_int_equal(stall_of(&rows[i].facts), rows[i].stall);
        }
        assert_int_equal(stall_silent(STALL_SILENT_MS + 2000, 2000), STALL_NONE);
        assert_int_equal(stall_silent(STALL_SILENT_MS + 2001, 2000), STALL_SILENT);
        for (int i = STALL_DESTINATION; i <= STALL_SILENT; i++) assert_true(*stall_text((enum stall)i));
        assert_string_equal(stall_text(STALL_NONE), "");
}

static const struct worker_facts good = {.registered_once = true, .connected = true, .lanes_ran = true, .lanes = 2,
                                         .lanes_running = 2, .loop_count = 2, .stuck_ms = 300};

/* The text, and what it is worth. */
static void expect(void (*make)(const struct worker_facts *, struct checks *), struct worker_facts facts, unsigned status,
                   const char *says) {
        struct checks checks = {0};
        make(&facts, &checks);
        char *text = checks_text(&checks, "healthz", true, true);
        if (checks_status(&checks) != status || !strstr(text, says))
                fail_msg("%u, expected %u and '%s':\n%s", checks_status(&checks), status, says, text);
        free(text);
}

#define WITH(...) ((struct worker_facts){.registered_once = true, .connected = true, .lanes_ran = true, .lanes = 2, \
                                         .lanes_running = 2, .loop_count = 2, .stuck_ms = 300, __VA_ARGS__})
#pragma GCC diagnostic ignored "-Woverride-init"

static void test_checks_of_a_worker(void **state) {
        (void)state;
        expect(worker_live, good, 200, "[+]loops ok\n");
        expect(worker_live, WITH(.stuck_ms = 61000, .stuck_loop = 1), 503, "[-]loops failed: data loop 1 has stood still for 61 s\n");
        /* Liveness asks nobody outside. */
        expect(worker_live, WITH(.registered_once = false, .connected = false, .halted.count = 5), 200, "healthz check passed\n");

        expect(worker_ready, good, 200, "check passed\n");
        expect(worker_ready, WITH(.registered_once = false), 503, "[-]registered failed");
        expect(worker_ready, WITH(.lanes_ran = false, .lanes_running = 1), 503, "1 of its 2 lanes have begun");
        expect(worker_ready, WITH(.stopping = true), 503, "[-]stopping failed");
        /* It mirrors on without ZooKeeper: a restart of that must not take it out. */
        expect(worker_ready, WITH(.connected = false), 200, "check passed\n");

        expect(worker_health, good, 200, "[+]stalled ok\n");
        expect(worker_health, WITH(.connected = false, .away_ms = 12300), 200, "[!]zookeeper warn: not connected for 12 s; mirroring goes on");
        expect(worker_health, WITH(.registered_once = false, .away_ms = 5000), 503, "not registered since the start, 5 s ago");
        expect(worker_health, WITH(.connected = false, .refused = true), 503, "refuses our credentials");
        expect(worker_health, WITH(.halted = {2, "e->w", "t", "gap: \x1b[31mred", 3}), 503, "[-]halted failed: 2 HALTED (e->w t-3: gap: ?[31mred)\n");
        expect(worker_health, WITH(.stalled = {1, "e->w", "t", NULL, 0}), 503, "[-]stalled failed: 1 STALLED (e->w t-0)\n");
        expect(worker_health, WITH(.parked = {1, "e->w", "t", "no leader", 0}), 200, "[!]parked warn: 1 PARKED (e->w t-0: no leader)\n");
        expect(worker_health, WITH(.lane_errors = {3, "e->w", NULL, "source: refused", 0}), 200, "[!]clients warn: 3 lanes with an error (e->w: source: refused)\n");
}

static void test_checks_say_no_more_than_is_asked(void **state) {
        struct checks checks = {0};
        (void)state;
        checks_add(&checks, "one", CHECK_OK, " ");
        char *text = checks_text(&checks, "x", false, true);
        assert_string_equal(text, "ok\n");
        free(text);
        checks_add(&checks, "two", CHECK_WARN, "topic %s", "secret");
        text = checks_text(&checks, "x", false, false);
        assert_string_equal(text, "[!]two warn: reason withheld, it needs the token\nx check passed with warnings\n");
        free(text);
        for (int i = 0; i < CHECKS_MAX + 5; i++) checks_add(&checks, "more", CHECK_OK, " ");
        checks_add(&checks, "beyond", CHECK_FAILED, "the list is full");
        assert_int_equal(checks_status(&checks), 503); /* the level counts all the same */
}

static void test_totals_stay(void **state) {
        struct totals totals = {0};
        char name[16];
        (void)state;
        struct route_totals *b = totals_route(&totals, "b"), *a = totals_route(&totals, "a");
        assert_ptr_equal(totals_route(&totals, "b"), b);
        assert_ptr_equal(totals.routes, a); /* by name */
        for (unsigned i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof name, "t%u", i);
                totals_topic(b, name)->records += i;
        }
        assert_int_equal(b->topic_count, 1000);
        for (unsigned i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof name, "t%u", i);
                assert_int_equal(totals_topic(b, name)->records, i);
        }
        struct pump_stats stats = {.records = 2, .dead_letters = 1};
        histogram_add(&stats.latency, 3000);
        stats.halts[4] = 1;
        pump_stats_merge(&b->stats, &stats);
        pump_stats_merge(&b->stats, &stats);
        assert_int_equal(b->stats.records, 4);
        assert_int_equal(b->stats.halts[4], 2);
        assert_int_equal(histogram_count(&b->stats.latency), 2);
        assert_int_equal(b->stats.latency.sum_us, 6000);
        totals_fini(&totals);
}

static void test_loop_lag(void **state) {
        struct loop_lag lag = {0};
        (void)state;
        assert_int_equal(loop_lag_worst(&lag, 99, 500), 0); /* not begun */
        loop_lag_beat(&lag, 1000, 500);
        loop_lag_beat(&lag, 1520, 500);
        assert_int_equal(loop_lag_worst(&lag, 1520, 500), 20);
        loop_lag_beat(&lag, 4000, 500);
        assert_int_equal(loop_lag_worst(&lag, 4000, 500), 1980);
        assert_int_equal(lag.gaps, 1);
        assert_int_equal(loop_lag_worst(&lag, 9000, 500), 4500); /* and stands still now */
        for (int64_t t = 4500; t < 34000; t += 500) loop_lag_beat(&lag, t, 500);
        assert_int_equal(loop_lag_worst(&lag, 34000, 500), 0); /* forgotten */
}

static void test_histograms(void **state) {
        struct histogram h = {0};
        (void)state;
        static const int64_t values[] = {-5, 0, 1000, 1001, 5000, 5001, 86400000000, 86400000001, INT64_MAX / 4, 999, 2};
        static const unsigned buckets[] = {0, 0, 0, 1, 2, 3, HISTOGRAM_BUCKETS - 2, HISTOGRAM_BUCKETS - 1, HISTOGRAM_BUCKETS - 1, 0, 0};
        uint64_t expected[HISTOGRAM_BUCKETS] = {0};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                histogram_add(&h, values[i]);
                expected[buckets[i]]++;
        }
        assert_memory_equal(h.counts, expected, sizeof expected);
        for (unsigned i = 1; i < HISTOGRAM_BUCKETS - 1; i++) assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
}

static void test_latency_of_a_partition(void **state) {
        struct pump_latency latency = {.last = 99, .min = 1, .max = 999};
        (void)state;
        pump_latency_add(&latency, 5);
        pump_latency_add(&latency, 3);
        pump_latency_add(&latency, 10);
        assert_int_equal(latency.min, 3);
        assert_int_equal(latency.max, 10);
        assert_int_equal(latency.last, 10);
        assert_int_equal(latency.sum, 18);
        assert_int_equal(latency.count, 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stalls),
                cmocka_unit_test(test_checks_of_a_worker),
                cmocka_unit_test(test_checks_say_no_more_than_is_asked),
                cmocka_unit_test(test_totals_stay),
                cmocka_unit_test(test_loop_lag),
                cmocka_unit_test(test_histograms),
                cmocka_unit_test(test_latency_of_a_partition),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
