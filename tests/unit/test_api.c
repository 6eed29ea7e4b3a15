/* What the coordinator answers over HTTP, on fields that are made up. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coordinator/api.h"
#include "tests/unit/made_field.h"
#include "tests/unit/test.h"

#define NOW 1700000000000
#define CONFIG_TEXT \
        "zookeeper.connect = zk:2181/x\n" \
        "clusters = east, west\n" \
        "east.bootstrap.servers = e1:9092\n" \
        "west.bootstrap.servers = w1:9092\n" \
        "east.security.protocol = SASL_SSL\n" \
        "east.sasl.username = mirror\n" \
        "east.sasl.password = CANARY-1\n" \
        "east.consumer.ssl.key.password = CANARY-2\n" \
        "worker.memory.budget = 512MiB\n" \
        "http.token = CANARY-3\n" \
        "worker.zone = ${env:HELIOSTAT_TEST_ZONE}\n" \
        "east->west.enabled = true\n"

struct made {
        struct facts facts;
        struct snapshot snapshot;
        struct health health;
        struct config config;
        struct history *history;
        struct api_view view;
};

static void make(struct made *m, const struct made_field *field) {
        char err[CONFIG_ERROR_MAX];
        memset(m, 0, sizeof *m);
        assert_int_equal(setenv("HELIOSTAT_TEST_ZONE", "CANARY-4", 1), 0);
        made_field(field, &m->facts);
        assert_int_equal(snapshot_build(&m->facts, NOW, 13000, &m->snapshot), 0);
        m->snapshot.zookeeper = "zk:2181/x";
        assert_int_equal(health_compute(&m->snapshot, &m->health), 0);
        if (config_parse("mirror.properties", CONFIG_TEXT, strlen(CONFIG_TEXT), &m->config, err, sizeof err)) fail_msg("%s", err);
        m->history = history_new();
        m->view = (struct api_view){.facts = &m->facts, .snapshot = &m->snapshot, .health = &m->health, .age_ms = 900,
                                    .trouble = "", .history = m->history, .boot_ms = 7200000, .wall_ms = NOW + 900,
                                    .config = &m->config, .id = "c1", .host = "h", .leads = true};
}

static void unmake(struct made *m) {
        health_fini(&m->health);
        snapshot_fini(&m->snapshot);
        facts_fini(&m->facts);
        config_fini(&m->config);
        history_free(m->history);
}

/* "partitions?q=x&limit=3" */
static struct api_answer raw(struct made *m, const char *url) {
        char copy[300];
        struct http_arg params[16];
        struct api_answer answer = {0};
        size_t count = 0;
        (void)snprintf(copy, sizeof copy, "%s", url);
        char *rest = strchr(copy, '?');
        if (rest) *rest++ = '\0';
        for (char *word; rest && (word = strsep(&rest, "&"));) {
                char *value = strchr(word, '=');
                if (value) *value++ = '\0';
                params[count++] = (struct http_arg){word, value};
        }
        assert_int_equal(api_answer(&m->view, copy, params, count, &answer), 0);
        assert_int_equal(answer.bytes, strlen(answer.body));
        return answer;
}

static json_t *get(struct made *m, const char *url, unsigned status) {
        struct api_answer answer = raw(m, url);
        if (answer.status != status) fail_msg("%s: %u %s", url, answer.status, answer.body);
        json_t *json = json_loads(answer.body, 0, NULL);
        assert_non_null(json);
        free(answer.body);
        return json;
}

static json_t *at(json_t *json, const char *key) {
        json_t *value = json_object_get(json, key);
        if (!value) fail_msg("no %s", key);
        return value;
}
static long long whole(json_t *json, const char *key) { return json_integer_value(at(json, key)); }

static const struct made_field small = {.now_ms = NOW, .partitions = 60, .lanes = 8, .workers = 3, .wave = 0.5, .led = true};

static void totals_are_the_sums(void **state) {
        struct made m;
        long long lag = 0, parts = 0;
        (void)state;
        make(&m, &small);
        json_t *status = get(&m, "status", 200), *workers = get(&m, "workers", 200);
        for (size_t i = 0; i < m.snapshot.partition_count; i++) lag += m.snapshot.partitions[i].lag;
        assert_true(lag > 0);
        assert_int_equal(whole(at(status, "totals"), "lag"), lag);
        assert_int_equal(whole(at(status, "totals"), "partitions"), 60);
        assert_int_equal(whole(at(at(status, "totals"), "states"), "RUNNING"), 60);
        assert_int_equal(whole(at(status, "totals"), "workers"), 3);
        assert_int_equal(whole(at(status, "totals"), "topics"), 3);
        assert_int_equal(whole(status, "time_ms"), NOW);
        assert_string_equal(json_string_value(at(at(status, "health"), "level")), "OK");
        for (size_t i = 0; i < 3; i++) {
                json_t *worker = json_array_get(at(workers, "workers"), i);
                lag -= whole(worker, "lag");
                parts += whole(worker, "partitions");
        }
        assert_int_equal(lag, 0);
        assert_int_equal(parts, 60);
        json_decref(status);
        json_decref(workers);
        unmake(&m);
}

static void pages_hold_every_partition_once_in_order(void **state) {
        static const char *const sorts[] = {"lag", "lag_seconds", "rate", "topic"};
        struct made m;
        (void)state;
        make(&m, &small);
        for (size_t s = 0; s < 8; s++) {
                bool descending = s & 1;
                double last = descending ? 1e18 : -1e18;
                size_t seen = 0;
                bool found[60] = {false};
                for (unsigned offset = 0; offset < 77; offset += 7) {
                        char url[100];
                        (void)snprintf(url, sizeof url, "partitions?sort=%s&order=%s&limit=7&offset=%u", sorts[s / 2],
                                       descending ? "desc" : "asc", offset);
                        json_t *page = get(&m, url, 200), *list = at(page, "partitions");
                        assert_int_equal(whole(page, "total"), 60);
                        for (size_t i = 0; i < json_array_size(list); i++, seen++) {
                                json_t *row = json_array_get(list, i);
                                size_t index = 0;
                                while (strcmp(m.snapshot.partitions[index].topic, json_string_value(at(row, "topic"))) != 0 ||
                                       (long long)m.snapshot.partitions[index].partition != whole(row, "partition"))
                                        index++;
                                assert_false(found[index]);
                                found[index] = true;
                                double value = s / 2 == 3 ? (double)index : json_number_value(at(row, sorts[s / 2]));
                                assert_true(descending ? value <= last : value >= last);
                                last = value;
                        }
                        json_decref(page);
                }
                assert_int_equal(seen, 60);
        }
        unmake(&m);
}

static void filters_leave_what_matches(void **state) {
        static const struct {
                const char *url;
                long long total;
        } rows[] = {
                {"partitions?q=PAY", 20},
                {"partitions?q=nothing", 0},
                {"partitions?q=", 60},
                {"partitions?topic=orders", 20},
                {"partitions?topic=order", 0},
                {"partitions?lane=0", 8},
                {"partitions?lane=7&topic=orders", 2},
                {"partitions?worker=w3", 15},
                {"partitions?route=east-%3Ewest", 0}, /* decoding is the server's */
                {"partitions?route=east->west", 60},
                {"partitions?state=HALTED", 1},
                {"partitions?state=halted,RUNNING", 60},
                {"partitions?state=PARKED,STALLED", 0},
                {"lanes", 8},
                {"lanes?worker=w1", 3},
                {"lanes?route=x->y", 0},
                {"workers?worker=w2", 1},
                {"routes", 1},
                {"config", 1},
                {"events", 8},
                {"events?route=east->west", 4},
                {"events?limit=2&offset=3", 8},
        };
        struct made_field field = small;
        struct made m;
        (void)state;
        field.halted = true;
        make(&m, &field);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                json_t *json = get(&m, rows[i].url, 200);
                if (whole(json, "total") != rows[i].total) fail_msg("%s: %lld", rows[i].url, whole(json, "total"));
                json_decref(json);
        }
        unmake(&m);
}

static void wrong_parameters_say_what_was_expected(void **state) {
        static const struct {
                const char *url;
                unsigned status;
                const char *says;
        } rows[] = {
                {"partitions?limit=0", 400, "limit=0: expected 1 to 500"},
                {"partitions?limit=501", 400, "limit=501: expected 1 to 500"},
                {"partitions?limit=-1", 400, "expected 1 to 500"},
                {"partitions?limit=99999999999999999999", 400, "expected 1 to 500"},
                {"partitions?offset=x", 400, "offset=x: expected 0 to"},
                {"partitions?state=SLEEPING", 400, "HALTED"},
                {"partitions?state=,", 400, "HALTED"},
                {"partitions?sort=size", 400, "expected lag, lag_seconds, rate or topic"},
                {"partitions?order=up", 400, "expected asc or desc"},
                {"partitions?lane=one", 400, "lane=one"},
                {"partitions?limt=5", 400, "unknown parameter 'limt'; did you mean 'limit'?"},
                {"status?limit=5", 400, "unknown parameter 'limit'"},
                {"history?points=9", 400, "points=9: expected 10 to 720"},
                {"secrets", 404, "openapi.json"},
                {"", 404, "openapi.json"},
        };
        struct made m;
        (void)state;
        make(&m, &small);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                json_t *json = get(&m, rows[i].url, rows[i].status);
                const char *text = json_string_value(at(json, "error"));
                if (!strstr(text, rows[i].says)) fail_msg("%s: %s", rows[i].url, text);
                json_decref(json);
        }
        unmake(&m);
}

static void nothing_read_yet_is_said(void **state) {
        struct made m;
        (void)state;
        make(&m, &small);
        m.view.snapshot = NULL;
        m.view.trouble = "connection refused";
        json_t *json = get(&m, "status", 503);
        assert_non_null(strstr(json_string_value(at(json, "error")), "c1 has not read ZooKeeper yet: connection refused"));
        json_decref(json);
        unmake(&m);
}

static void an_old_reading_is_an_error_of_its_own(void **state) {
        struct made m;
        (void)state;
        make(&m, &small);
        m.view.age_ms = API_OLD_MS + 20000;
        m.view.trouble = "connection refused";
        json_t *json = get(&m, "status", 200), *health = at(json, "health");
        assert_string_equal(json_string_value(at(health, "level")), "ERR");
        assert_string_equal(json_string_value(json_array_get(at(health, "reasons"), 0)),
                            "what is shown is 35 s old: coordinator c1 cannot read ZooKeeper: connection refused");
        json_decref(json);
        unmake(&m);
}

static void secrets_are_in_no_answer(void **state) {
        static const char *const names[] = {"status", "workers", "routes", "lanes", "partitions", "history", "events", "config"};
        struct made m;
        (void)state;
        make(&m, &small);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct api_answer answer = raw(&m, names[i]);
                assert_int_equal(answer.status, 200);
                assert_null(strstr(answer.body, "CANARY"));
                free(answer.body);
        }
        struct api_answer answer = raw(&m, "config");
        assert_non_null(strstr(answer.body, "{\"key\":\"east.sasl.username\",\"value\":\"mirror\",\"secret\":false}"));
        assert_non_null(strstr(answer.body, "{\"key\":\"east.sasl.password\",\"value\":null,\"secret\":true}"));
        assert_non_null(strstr(answer.body, "{\"name\":\"worker.memory.budget\",\"value\":\"512MiB\",\"default\":false,\"secret\":false,\"line\":9}"));
        assert_non_null(strstr(answer.body, "{\"name\":\"worker.loops\",\"value\":\"0\",\"default\":true,\"secret\":false,\"line\":null}"));
        assert_non_null(strstr(answer.body, "{\"name\":\"http.token\",\"value\":null,\"default\":false,\"secret\":true,\"line\":10}"));
        free(answer.body);
        unmake(&m);
}

static void an_empty_cluster_has_answers(void **state) {
        static const char *const names[] = {"status", "workers", "routes", "lanes", "partitions", "history", "events", "config"};
        struct made m;
        (void)state;
        make(&m, &(struct made_field){.now_ms = NOW, .led = true});
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) json_decref(get(&m, names[i], 200));
        json_t *json = get(&m, "status", 200);
        assert_true(json_is_null(at(at(json, "totals"), "lag")));
        json_decref(json);
        unmake(&m);
}

static void history_is_columns(void **state) {
        struct made m;
        (void)state;
        make(&m, &small);
        for (int i = 0; i < 100; i++)
                assert_int_equal(history_add(m.history, "east->west", m.view.boot_ms - (100 - i) * HISTORY_STEP_MS,
                                             &(struct history_sample){i, i / 10.0, 5, HISTORY_UNKNOWN}), 0);
        json_t *json = get(&m, "history?route=east->west&points=100", 200);
        size_t n = json_array_size(at(json, "lag"));
        assert_true(n > 80 && n <= 100);
        assert_int_equal(json_array_size(at(json, "rate")), n);
        assert_true(json_is_null(json_array_get(at(json, "lag"), 0)));
        assert_true(json_is_null(json_array_get(at(json, "bytes_rate"), n - 2)));
        assert_int_equal(json_integer_value(json_array_get(at(json, "lag"), n - 2)), 99);
        double step = json_number_value(at(json, "step_seconds"));
        double end = (double)whole(json, "from_ms") + (double)(n - 1) * step * 1000;
        assert_true(end <= NOW + 900 && end > NOW - step * 1000);
        json_decref(json);
        json = get(&m, "history", 200); /* nobody added to the total */
        assert_int_equal(json_array_size(at(json, "lag")), 0);
        json_decref(json);
        unmake(&m);
}

static double milliseconds(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* Prints what it took; fails only when it is a hundred times that. */
static void answers_of_10000_partitions_are_small_and_fast(void **state) {
        static const struct {
                const char *url;
                size_t bytes_max;
        } rows[] = {
                {"status", 8000},
                {"workers", 8000},
                {"lanes", 60000},
                {"partitions?limit=50", 30000},
                {"partitions?limit=50&offset=9950", 30000},
                {"partitions?limit=50&q=orders.01&sort=rate", 30000},
                {"partitions?limit=500", 300000},
        };
        struct made m;
        (void)state;
        make(&m, &(struct made_field){.now_ms = NOW, .partitions = 10000, .lanes = 48, .workers = 6, .wave = 1, .led = true});
        assert_int_equal(m.snapshot.partition_count, 10000);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                double begin = milliseconds();
                struct api_answer answer = raw(&m, rows[i].url);
                double took = milliseconds() - begin;
                print_message("%-45s %6zu bytes %7.2f ms\n", rows[i].url, answer.bytes, took);
                assert_true(answer.bytes < rows[i].bytes_max);
                assert_true(took < 500);
                free(answer.body);
        }
        unmake(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(totals_are_the_sums),
                cmocka_unit_test(pages_hold_every_partition_once_in_order),
                cmocka_unit_test(filters_leave_what_matches),
                cmocka_unit_test(wrong_parameters_say_what_was_expected),
                cmocka_unit_test(nothing_read_yet_is_said),
                cmocka_unit_test(an_old_reading_is_an_error_of_its_own),
                cmocka_unit_test(secrets_are_in_no_answer),
                cmocka_unit_test(an_empty_cluster_has_answers),
                cmocka_unit_test(history_is_columns),
                cmocka_unit_test(answers_of_10000_partitions_are_small_and_fast),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
