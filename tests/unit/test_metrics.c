/* Prometheus' text format, the table of metrics and its docs.
 * `test_metrics --reference` prints what docs/metrics.md has between its marks. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "common/metrics_page.h"

static struct metrics *filled(void) {
        struct metrics *m = metrics_new();
        struct histogram h = {0};
        assert_non_null(m);
        histogram_add(&h, 1500);
        histogram_add(&h, 700);
        uint32_t route = metrics_labels(m, "route", "e->w", NULL);
        uint32_t topic = metrics_labels_more(m, route, "topic", "a\\b\"c\nd\x80\xc3\xa4\x1b", NULL);
        metrics_add(m, METRIC_RECORDS, topic, 3);
        metrics_add_histogram(m, METRIC_LATENCY, route, &h);
        metrics_add(m, METRIC_LAG_SECONDS, route, 0.25);
        metrics_add(m, METRIC_RECORDS, route, 9007199254740991.0);
        metrics_add(m, METRIC_RSS, METRICS_NO_LABELS, 1e18);
        metrics_add(m, METRIC_LAG_SECONDS, METRICS_NO_LABELS, NAN);
        metrics_add(m, METRIC_LAG_SECONDS, METRICS_NO_LABELS, -INFINITY);
        return m;
}

static void test_text(void **state) {
        (void)state;
        struct metrics *m = filled();
        char *text = metrics_text(m, NULL);
        metrics_free(m);
        assert_non_null(text);
        /* One head for a family, its lines together, in the table's order. */
        static const char begin[] =
                "# HELP heliostat_records_total Records that the destination has acknowledged.\n"
                "# TYPE heliostat_records_total counter\n"
                "heliostat_records_total{route=\"e->w\",topic=\"a\\\\b\\\"c\\nd?\xc3\xa4\x1b\"} 3\n"
                "heliostat_records_total{route=\"e->w\"} 9007199254740991\n"
                "# HELP heliostat_lag_seconds ";
        if (strncmp(text, begin, sizeof begin - 1) != 0) fail_msg("%s", text);
        assert_non_null(strstr(text, "heliostat_lag_seconds{route=\"e->w\"} 0.25\nheliostat_lag_seconds NaN\nheliostat_lag_seconds -Inf\n"));
        assert_non_null(strstr(text, "process_resident_memory_bytes 1e+18\n"));
        assert_non_null(strstr(text, "# TYPE heliostat_replication_latency_seconds histogram\n"
                "heliostat_replication_latency_seconds_bucket{route=\"e->w\",le=\"0.001\"} 1\n"
                "heliostat_replication_latency_seconds_bucket{route=\"e->w\",le=\"0.002\"} 2\n"));
        assert_non_null(strstr(text, "heliostat_replication_latency_seconds_bucket{route=\"e->w\",le=\"+Inf\"} 2\n"
                "heliostat_replication_latency_seconds_sum{route=\"e->w\"} 0.0022\n"
                "heliostat_replication_latency_seconds_count{route=\"e->w\"} 2\n"));
        free(text);
}

/* Whatever the size of the pieces, the page is the same, and each ends with a line. */
static void test_pieces(void **state) {
        (void)state;
        struct metrics *m = filled();
        char *whole = metrics_text(m, NULL);
        metrics_free(m);
        static const size_t sizes[] = {300, 301, 512, 1000, 4096};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                char piece[4096], all[16384] = "";
                ssize_t n;
                m = filled();
                while ((n = metrics_read(m, piece, sizes[i])) > 0) {
                        assert_int_equal(piece[n - 1], '\n');
                        strncat(all, piece, (size_t)n);
                }
                assert_int_equal(n, 0);
                assert_string_equal(all, whole);
                metrics_free(m);
        }
        char small[20];
        m = filled();
        assert_int_equal(metrics_read(m, small, sizeof small), -1); /* cut the connection rather than a line */
        metrics_free(m);
        free(whole);
}

static void test_ten_thousand_partitions(void **state) {
        (void)state;
        struct metrics *m = metrics_new();
        char number[16], piece[32768];
        size_t bytes = 0, pieces = 0;
        ssize_t n;
        uint32_t route = metrics_labels(m, "route", "east->west", NULL);
        for (int i = 0; i < 10000; i++) {
                (void)snprintf(number, sizeof number, "%d", i);
                uint32_t labels = metrics_labels_more(m, route, "topic", "orders.of.some.length", "partition", number, NULL);
                for (int k = 0; k < 4; k++) metrics_add(m, (enum metric)k, labels, i);
        }
        while ((n = metrics_read(m, piece, sizeof piece)) > 0) {
                bytes += (size_t)n;
                pieces++;
        }
        assert_int_equal(n, 0);
        assert_true(pieces > 90 && bytes > 3000000);
        assert_in_range(metrics_held_bytes(m), 640000, 4 << 20);
        /* for the server's bound */
        struct http_answer answer = {.status = 200};
        metrics_answer(m, &answer);
        assert_int_equal(answer.read_bytes, metrics_held_bytes(m));
        answer.read_free(answer.read_ctx);
}

static bool ends(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);
        return n >= m && strcmp(text + n - m, end) == 0;
}

/* prometheus.io/docs/practices/naming; promtool sees to it too, where it is. */
static void test_names(void **state) {
        static const struct { const char *type, *name, *help; bool ours; } rows[] = {
#define ROW(id, type, name, who, labels, help) {#type, name, help, true},
                METRICS(ROW)
#undef ROW
#define ROW(id, type, name, help) {#type, name, help, false},
                MM2_METRICS(ROW)
#undef ROW
        };
        (void)state;
        for (size_t i = 0; i < METRICS_COUNT; i++) {
                assert_string_equal(metrics_name((enum metric)i), rows[i].name);
                assert_null(strpbrk(rows[i].help, "\n\\|"));
                for (size_t k = 0; k < i; k++) assert_string_not_equal(rows[i].name, rows[k].name);
                if (!rows[i].ours) continue;
                assert_true(strncmp(rows[i].name, "heliostat_", 10) == 0 || strncmp(rows[i].name, "process_", 8) == 0);
                assert_int_equal(ends(rows[i].name, "_total"), strcmp(rows[i].type, "COUNTER") == 0);
                if (strcmp(rows[i].type, "HISTOGRAM") == 0) assert_true(ends(rows[i].name, "_seconds"));
                assert_null(strstr(rows[i].name, "_ms"));
        }
}

static void test_queries(void **state) {
        static const struct { struct http_request request; unsigned status; enum granularity granularity; bool mm2; const char *says; } rows[] = {
                {{.arg_count = 0}, 200, GRANULARITY_ROUTE, false, NULL},
                {{.args = {{"granularity", "route"}}, .arg_count = 1}, 200, GRANULARITY_ROUTE, false, NULL},
                {{.args = {{"granularity", "topic"}, {"compat", "mm2"}}, .arg_count = 2}, 200, GRANULARITY_TOPIC, true, NULL},
                {{.args = {{"granularity", "partition"}}, .arg_count = 1}, 200, GRANULARITY_PARTITION, false, NULL},
                {{.args = {{"granularity", "x"}}, .arg_count = 1}, 400, 0, false, "granularity=x: expected granularity=route (the default), topic or partition\n"},
                {{.args = {{"granularity", NULL}}, .arg_count = 1}, 400, 0, false, "granularity=: expected"},
                {{.args = {{"compat", "mm1"}}, .arg_count = 1}, 400, 0, false, "compat=mm1: expected compat=mm2"},
                {{.args = {{"granularty\x1b", "topic"}}, .arg_count = 1}, 400, 0, false, "granularty?=topic: expected granularity or compat"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct http_answer answer = {.status = 200};
                struct metrics_query query;
                bool good = metrics_query(&rows[i].request, &query, &answer);
                assert_int_equal(answer.status, rows[i].status);
                assert_int_equal(good, rows[i].status == 200);
                if (good) {
                        assert_int_equal(query.granularity, rows[i].granularity);
                        assert_int_equal(query.mm2, rows[i].mm2);
                } else if (!strstr(answer.body, rows[i].says)) {
                        fail_msg("%s", (const char *)answer.body);
                }
                free((void *)answer.body);
        }
}

static void test_docs(void **state) {
        char *reference = metrics_reference(), *docs = calloc(1, 1 << 20);
        (void)state;
        FILE *file = fopen(SOURCE_ROOT "/docs/metrics.md", "r");
        assert_non_null(file);
        assert_true(fread(docs, 1, (1 << 20) - 1, file) > 0);
        (void)fclose(file);
        if (!strstr(docs, reference)) fail_msg("docs/metrics.md: run test_metrics --reference");
        free(docs);
        free(reference);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_ten_thousand_partitions),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_queries),
                cmocka_unit_test(test_docs),
        };
        if (argc == 2 && strcmp(argv[1], "--reference") == 0) {
                char *reference = metrics_reference();
                (void)fputs(reference, stdout);
                free(reference);
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
