/* Where the partitions of a mirror are, whether the run is over, and how that
 * is shown. */
#include "tests/unit/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mirror_progress.h"
#include "cli/mirror_table.h"

enum { UNASSIGNED = HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED,
       RUNNING = HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING,
       HALTED = HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED,
       PARKED = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED };

static void put(struct mirror_table *table, const char *topic, int32_t partition, int state, int64_t begin,
                int64_t position, int64_t target) {
        struct mirror_part *part = mirror_table_add(table, topic, partition);
        part->state = (Heliostat__Pb__PartitionState)state;
        mirror_part_at(part, begin);
        mirror_part_at(part, position);
        part->target = target;
}

static void test_table_is_sorted(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        (void)state;
        for (int32_t i = 0; i < 100; i++)
                put(&table, i % 2 ? "b" : "a", (i * 37) % 100, RUNNING, 0, 0, -1);
        assert_int_equal(table.count, 100);
        for (size_t i = 1; i < table.count; i++) {
                int order = strcmp(table.parts[i - 1].topic, table.parts[i].topic);
                assert_true(order < 0 || (order == 0 && table.parts[i - 1].partition < table.parts[i].partition));
        }
        assert_ptr_equal(mirror_table_find(&table, "a", 37), NULL);
        assert_non_null(mirror_table_find(&table, "b", 37));
        put(&table, "b", 37, RUNNING, 0, 0, -1); /* there already */
        assert_int_equal(table.count, 100);
        mirror_table_fini(&table);
}

static void test_lanes(void **state) {
        unsigned used[4] = {0};
        (void)state;
        for (int32_t p = 0; p < 8; p++) {
                uint32_t lane = mirror_lane_of("orders", p, 4);
                assert_true(lane < 4);
                assert_int_equal(lane, mirror_lane_of("orders", p, 4));
                used[lane]++;
        }
        for (int i = 0; i < 4; i++) assert_int_equal(used[i], 2);
        /* A position record belongs to a lane: this must never change. */
        assert_int_equal(mirror_lane_of("orders", 0, 24), 20);
        assert_int_equal(mirror_lane_of("payments", 5, 24), 11);
        assert_int_equal(mirror_lane_of("x", 3, 1), 0);
}

static void test_generations_grow(void **state) {
        (void)state;
        assert_int_equal(mirror_generation(0, 0), 1);
        assert_int_equal(mirror_generation(41, 1999), 41 + 1 + 999);
        assert_true(mirror_generation(41, UINT32_MAX) > 41);
}

static void test_verdicts(void **state) {
        static const struct {
                int state[2];
                int64_t position[2], target[2], at_ms;
                enum mirror_verdict verdict;
        } rows[] = {
                {{RUNNING, RUNNING}, {10, 10}, {10, 10}, 0, MIRROR_ARRIVED},
                {{RUNNING, RUNNING}, {12, 10}, {10, -1}, 0, MIRROR_ARRIVED},
                {{RUNNING, RUNNING}, {9, 10}, {10, 10}, 0, MIRROR_GOING},
                {{RUNNING, RUNNING}, {-1, 10}, {0, 10}, 0, MIRROR_GOING},     /* the position is not known yet */
                {{HALTED, RUNNING}, {9, 10}, {10, 10}, 0, MIRROR_STUCK},
                {{HALTED, RUNNING}, {9, 8}, {10, 10}, 0, MIRROR_GOING},       /* the others go on */
                {{HALTED, RUNNING}, {10, 10}, {10, 10}, 0, MIRROR_ARRIVED},   /* behind its target */
                {{PARKED, RUNNING}, {9, 10}, {10, 10}, MIRROR_PARKED_LIMIT_MS - 1, MIRROR_GOING},
                {{PARKED, RUNNING}, {9, 10}, {10, 10}, MIRROR_PARKED_LIMIT_MS, MIRROR_STUCK},
                {{UNASSIGNED, HALTED}, {9, 9}, {10, 10}, MIRROR_PARKED_LIMIT_MS, MIRROR_STUCK},
                {{PARKED, RUNNING}, {9, 9}, {10, 10}, MIRROR_PARKED_LIMIT_MS, MIRROR_GOING},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct mirror_table table = {.stuck_since_ms = -1};
                for (int k = 0; k < 2; k++)
                        put(&table, "t", k, rows[i].state[k], -1, rows[i].position[k], rows[i].target[k]);
                (void)mirror_table_verdict(&table, 0);
                enum mirror_verdict verdict = mirror_table_verdict(&table, rows[i].at_ms);
                if (verdict != rows[i].verdict) print_error("row %zu\n", i);
                assert_int_equal(verdict, rows[i].verdict);
                mirror_table_fini(&table);
        }
}

/* Something that flows in between begins the waiting anew. */
static void test_parked_and_back(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        (void)state;
        put(&table, "t", 0, PARKED, 0, 5, 10);
        assert_int_equal(mirror_table_verdict(&table, 0), MIRROR_GOING);
        table.parts[0].state = (Heliostat__Pb__PartitionState)RUNNING;
        assert_int_equal(mirror_table_verdict(&table, MIRROR_PARKED_LIMIT_MS), MIRROR_GOING);
        table.parts[0].state = (Heliostat__Pb__PartitionState)PARKED;
        assert_int_equal(mirror_table_verdict(&table, MIRROR_PARKED_LIMIT_MS + 1), MIRROR_GOING);
        assert_int_equal(mirror_table_verdict(&table, 2 * MIRROR_PARKED_LIMIT_MS + 1), MIRROR_STUCK);
        mirror_table_fini(&table);
}

static void test_numbers(void **state) {
        char buf[MIRROR_NUMBER_SIZE];
        (void)state;
        assert_string_equal(mirror_count_text(buf, 0), "0");
        assert_string_equal(mirror_count_text(buf, 999), "999");
        assert_string_equal(mirror_count_text(buf, 1000), "1,000");
        assert_string_equal(mirror_count_text(buf, UINT64_MAX), "18,446,744,073,709,551,615");
        assert_string_equal(mirror_bytes_text(buf, 1023), "1023 B");
        assert_string_equal(mirror_bytes_text(buf, 1536), "1.5 KiB");
        assert_string_equal(mirror_bytes_text(buf, 3.5 * 1024 * 1024 * 1024), "3.5 GiB");
        assert_string_equal(mirror_time_text(buf, 0), "0:00");
        assert_string_equal(mirror_time_text(buf, 61499), "1:01");
        assert_string_equal(mirror_time_text(buf, 3723000), "1:02:03");
}

static struct mirror_progress half_way(struct mirror_table *table) {
        put(table, "t", 0, RUNNING, 0, 500, 1000);
        put(table, "t", 1, RUNNING, 100, 600, 1100);
        table->parts[0].records = 1000;
        table->parts[0].bytes = 1 << 20;
        struct mirror_progress p = {.bounded = true, .word = "mirroring", .elapsed_ms = 10000};
        struct mirror_sums before = mirror_table_sums(table);
        before.records = before.bytes = 0;
        before.done = 0;
        mirror_rate_take(&p.rate, 1000, &before);
        p.sums = mirror_table_sums(table);
        mirror_rate_take(&p.rate, 2000, &p.sums);
        return p;
}

static void test_bar(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct mirror_progress p = half_way(&table);
        struct text out = {0};
        (void)state;
        mirror_progress_bar(&p, 79, &out);
        assert_string_equal(out.data, "[=============>            ]  50%  1,000 records  1,000/s  1.0 MiB/s  0:01 left");
        free(out.data);

        /* Ever narrower: it never wraps, and what needs a person stays. */
        table.parts[1].state = (Heliostat__Pb__PartitionState)HALTED;
        p.sums = mirror_table_sums(&table);
        for (unsigned width = 120; width >= 20; width--) {
                struct text line = {0};
                mirror_progress_bar(&p, width, &line);
                assert_true(strlen(line.data) <= width);
                assert_non_null(strstr(line.data, "1 halted"));
                assert_non_null(strstr(line.data, " 50%"));
                free(line.data);
        }

        /* 100% says that it is there. */
        table.parts[0].position = 1000;
        table.parts[1].position = 1099;
        table.parts[1].target = 100000000;
        p.sums = mirror_table_sums(&table);
        p.sums.done = p.sums.total - 1;
        out = (struct text){0};
        mirror_progress_line(&p, &out);
        assert_non_null(strstr(out.data, "  99%  1 of 2 partitions"));
        free(out.data);
        mirror_table_fini(&table);
}

static void test_lines(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct mirror_progress p = half_way(&table);
        struct text out = {0};
        (void)state;
        mirror_progress_line(&p, &out);
        assert_string_equal(out.data, "mirroring  50%  0 of 2 partitions  1,000 records  1,000/s  1.0 MiB/s  0:01 left  after 0:10");
        free(out.data);
        p.bounded = false;
        p.sums.lag = 12;
        out = (struct text){0};
        mirror_progress_line(&p, &out);
        assert_string_equal(out.data, "mirroring  2 partitions  1,000 records  1,000/s  1.0 MiB/s  12 behind  after 0:10");
        free(out.data);
        mirror_table_fini(&table);
}

static void test_report(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct mirror_report report = {.mode = "until-end", .table = &table, .elapsed_ms = 61000};
        struct text out = {0};
        (void)state;
        put(&table, "orders", 0, RUNNING, 0, 10, 10);
        put(&table, "orders", 1, HALTED, 0, 5, 12);
        put(&table, "pay\x1bments", 0, PARKED, -1, -1, 7);
        table.parts[0].records = 10;
        table.parts[0].bytes = 2048;
        strcpy(table.parts[1].error, "record at offset 5: too large");
        assert_false(mirror_report_complete(&report));
        mirror_report_text(&report, &out);
        assert_string_equal(out.data,
                            "TOPIC         PARTITIONS  RECORDS    BYTES  MISSING  HALTED\n"
                            "orders                 2       10  2.0 KiB        7       1\n"
                            "pay\\x1bments           1        0      0 B        7       0\n"
                            "missing: orders partition 1 offsets [5, 12): HALTED, record at offset 5: too large\n"
                            "missing: pay\\x1bments partition 0 offsets all below 7: PARKED\n"
                            "INCOMPLETE: 10 records, 2.0 KiB in 1:01\n");
        free(out.data);

        char *json = mirror_report_json(&report);
        json_t *root = json_loads(json, 0, NULL);
        assert_non_null(root);
        assert_true(json_is_false(json_object_get(root, "complete")));
        assert_int_equal(json_array_size(json_object_get(root, "missing")), 2);
        json_t *first = json_array_get(json_object_get(root, "missing"), 0);
        assert_int_equal(json_integer_value(json_object_get(first, "from")), 5);
        assert_int_equal(json_integer_value(json_object_get(first, "to")), 12);
        assert_true(json_is_null(json_object_get(json_array_get(json_object_get(root, "missing"), 1), "from")));
        json_decref(root);
        free(json);
        mirror_table_fini(&table);
}

/* What brokers say may hold anything, and may be cut within a character: it does
 * nothing to a terminal, and no partition is lost from the JSON. */
static void test_words_of_others(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct mirror_report report = {.mode = "until-end", .table = &table, .elapsed_ms = 1000,
                                       .stopped = "\x1b]0;x\x07 \xe6\x97", .verified = "\xc2\x9b"};
        struct text out = {0};
        (void)state;
        put(&table, "t", 0, HALTED, 0, 5, 12);
        strcpy(table.parts[0].error, "denied \xe6\x97");
        mirror_report_text(&report, &out);
        for (const char *c = out.data; *c; c++) assert_true((*c >= ' ' && *c <= '~') || *c == '\n');
        free(out.data);
        char *json = mirror_report_json(&report);
        assert_non_null(json);
        json_t *root = json_loads(json, 0, NULL);
        assert_non_null(root);
        assert_int_equal(json_array_size(json_object_get(root, "missing")), 1);
        assert_int_equal(json_array_size(json_object_get(root, "halts")), 1);
        assert_string_equal(json_string_value(json_object_get(root, "stopped")), "\\x1b]0;x\\x07 \\xe6\\x97");
        json_decref(root);
        free(json);
        mirror_table_fini(&table);
}

static void test_plan(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct text out = {0};
        (void)state;
        mirror_plan_text(&table, &out);
        assert_string_equal(out.data, "no topic of the source matches\n");
        free(out.data);
        put(&table, "t", 0, RUNNING, 90, 90, 100);
        put(&table, "t", 1, RUNNING, -1, -1, 1000);
        put(&table, "t", 2, RUNNING, 7, 7, 7);
        out = (struct text){0};
        mirror_plan_text(&table, &out);
        assert_string_equal(out.data, "TOPIC  PARTITIONS  WITH A POSITION  OFFSETS TO COPY\n"
                                      "t               3                2            1,010\n");
        free(out.data);
        mirror_table_fini(&table);
}

static void test_report_complete(void **state) {
        struct mirror_table table = {.stuck_since_ms = -1};
        struct mirror_passed passed = {"t", 0, 3, 5, "gap", "skip"};
        struct mirror_report report = {.mode = "until-end", .table = &table, .elapsed_ms = 1000, .verified = "positions",
                                       .passed = &passed, .passed_count = 1};
        struct text out = {0};
        (void)state;
        put(&table, "t", 0, RUNNING, 0, 10, 10);
        assert_true(mirror_report_complete(&report));
        mirror_report_text(&report, &out);
        assert_non_null(strstr(out.data, "left out: t partition 0 offsets [3, 5): gap, skip\nverified: positions\ncomplete: "));
        free(out.data);
        /* Each of these alone. */
        report.differs = true;
        assert_false(mirror_report_complete(&report));
        report.differs = false;
        report.stopped = "a signal";
        assert_false(mirror_report_complete(&report));
        report.stopped = NULL;
        table.parts[0].state = (Heliostat__Pb__PartitionState)HALTED; /* behind its target, but not for long */
        assert_false(mirror_report_complete(&report));
        mirror_table_fini(&table);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table_is_sorted), cmocka_unit_test(test_lanes),
                cmocka_unit_test(test_generations_grow), cmocka_unit_test(test_verdicts),
                cmocka_unit_test(test_parked_and_back), cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_bar),             cmocka_unit_test(test_lines),
                cmocka_unit_test(test_report),          cmocka_unit_test(test_words_of_others), cmocka_unit_test(test_report_complete),
                cmocka_unit_test(test_plan),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
