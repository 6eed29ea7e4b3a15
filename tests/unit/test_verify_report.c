#include <stdlib.h>
#include <string.h>

#include "cli/verify_report.h"
#include "tests/unit/test.h"

static struct verify_finding of(enum verify_kind kind, int64_t source, int64_t destination) {
        return (struct verify_finding){.kind = kind, .source = source, .source_last = source, .destination = destination,
                                       .destination_last = destination, .source_seq = source >= 0 ? (uint64_t)source + 7 : 0,
                                       .destination_seq = destination >= 0 ? (uint64_t)destination + 9 : 0,
                                       .source_count = source >= 0, .destination_count = destination >= 0, .first = -1};
}

static struct verify_partition partition_of(const char *topic, size_t findings_max) {
        return (struct verify_partition){.topic = strdup(topic), .destination_topic = strdup(topic), .partition = 3,
                                         .source_position = 100, .source_end = 120, .destination_end = 130, .matched = 90,
                                         .state = VERIFY_DONE, .finding_max = findings_max};
}

static void neighbours_are_one_finding(void **state) {
        (void)state;
        struct verify_partition p = partition_of("t", 10);
        for (int64_t i = 10; i < 15; i++) {
                struct verify_finding missing = of(VERIFY_MISSING, i, -1), extra = of(VERIFY_EXTRA, -1, 2 * i);
                verify_partition_found(&p, &missing); /* in turns with another kind */
                verify_partition_found(&p, &extra);
        }
        struct verify_finding behind_a_gap = of(VERIFY_MISSING, 20, -1);
        behind_a_gap.source_seq = 14 + 7 + 1; /* no record between, only offsets */
        verify_partition_found(&p, &behind_a_gap);
        assert_int_equal(p.finding_count, 6);
        assert_int_equal(p.findings[0].source, 10);
        assert_int_equal(p.findings[0].source_last, 20);
        assert_int_equal(p.findings[0].source_count, 6);
        assert_int_equal(p.count[VERIFY_MISSING], 6);
        assert_int_equal(p.count[VERIFY_EXTRA], 5);
        /* Not mirrored yet is told by the position. */
        struct verify_finding above = of(VERIFY_NOT_MIRRORED, 110, -1);
        verify_partition_found(&p, &above);
        assert_int_equal(p.finding_count, 6);
        for (int64_t i = 0; i < 20; i++) {
                struct verify_finding moved = of(VERIFY_REORDERED, 2 * i, 2 * i + 1);
                verify_partition_found(&p, &moved);
        }
        assert_int_equal(p.finding_count, 10);
        assert_int_equal(p.findings_left_out, 16);
        assert_int_equal(p.count[VERIFY_REORDERED], 20);
        verify_partition_fini(&p);
}

static void verdicts(void **state) {
        (void)state;
        static const struct {
                enum verify_kind kind; /* VERIFY_KIND_COUNT: nothing found */
                bool exact;
                enum verify_verdict verdict;
        } rows[] = {
                {VERIFY_KIND_COUNT, false, VERIFY_EQUAL},      {VERIFY_MISSING, false, VERIFY_DIFFERENT},
                {VERIFY_EXTRA, false, VERIFY_DIFFERENT},       {VERIFY_UNRESOLVED, false, VERIFY_DIFFERENT},
                {VERIFY_DUPLICATED, false, VERIFY_EQUAL},      {VERIFY_DUPLICATED, true, VERIFY_DIFFERENT},
                {VERIFY_COMPACTED, false, VERIFY_UNDECIDED},   {VERIFY_SOURCE_START, true, VERIFY_UNDECIDED},
                {VERIFY_NOT_MIRRORED, true, VERIFY_EQUAL},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct verify_partition two[2] = {partition_of("a", 5), partition_of("b", 5)};
                if (rows[i].kind != VERIFY_KIND_COUNT) {
                        struct verify_finding finding = of(rows[i].kind, 5, 6);
                        verify_partition_found(&two[1], &finding);
                }
                struct verify_report report = {.exact = rows[i].exact, .partitions = two, .partition_count = 2};
                assert_int_equal(verify_report_verdict(&report), rows[i].verdict);
                two[0].state = VERIFY_RUNNING; /* then it is not "equal" */
                assert_int_equal(verify_report_verdict(&report),
                                 rows[i].verdict == VERIFY_EQUAL ? VERIFY_UNDECIDED : rows[i].verdict);
                two[0].state = VERIFY_DONE;
                two[0].no_timestamps = true;
                assert_int_equal(verify_report_verdict(&report),
                                 rows[i].verdict == VERIFY_EQUAL ? VERIFY_UNDECIDED : rows[i].verdict);
                verify_partition_fini(&two[0]);
                verify_partition_fini(&two[1]);
        }
        struct verify_report none = {0};
        assert_int_equal(verify_report_verdict(&none), VERIFY_UNDECIDED);
}

static void text_and_json(void **state) {
        (void)state;
        struct verify_partition p = partition_of("orders", 10);
        struct verify_finding changed = of(VERIFY_CHANGED, 40, 41), repeated = of(VERIFY_DUPLICATED, 50, 61);
        changed.parts = VERIFY_VALUE | VERIFY_TIMESTAMP;
        repeated.source_count = 0;
        repeated.first = 51;
        verify_partition_found(&p, &changed);
        verify_partition_found(&p, &repeated);
        verify_partition_range(&p, VERIFY_SOURCE_START, VERIFY_DESTINATION, 0, 30);
        struct verify_report report = {.route = "a->b", .source = "a", .destination = "b", .sample = 1, .seconds = 1.5,
                                       .partitions = &p, .partition_count = 1};
        char *text = verify_report_text(&report, 2);
        assert_string_equal(text,
                "orders-3: different, 90 records match; source 0..100, destination 0..130; above the position: source 100..120\n"
                "  changed            source 40  destination 41  differs in value, timestamp\n"
                "  duplicated         repeats source 50  destination 61  (first at 51)\n"
                "  ... and 1 more findings; --report has them\n"
                "a->b: different: 0 partitions equal, 1 different, 0 not comparable; 90 records match, 1 changed, "
                "1 duplicated, 30 source-start; 1.5 s\n");
        free(text);
        json_t *json = verify_report_json(&report);
        assert_non_null(json);
        assert_string_equal(json_string_value(json_object_get(json, "verdict")), "different");
        json_t *one = json_array_get(json_object_get(json, "partitions"), 0);
        assert_int_equal(json_integer_value(json_object_get(one, "not_mirrored_yet")), 20);
        json_t *findings = json_object_get(one, "findings");
        assert_int_equal(json_array_size(findings), 3);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(json_array_get(findings, 2), "destination"), "last")), 29);
        json_decref(json);
        verify_partition_fini(&p);
}

/* What a broker says may hold anything, and may be cut within a character. */
static void words_of_others(void **state) {
        (void)state;
        struct verify_partition p = partition_of("orders", 10), q = partition_of("orders", 10);
        struct verify_report report = {.route = "a->b", .source = "a", .destination = "b", .sample = 1,
                                       .partitions = &p, .partition_count = 1};
        p.why = strdup("denied: \x1b[2J\xe6\x97");
        char *text = verify_report_text(&report, 2);
        assert_non_null(strstr(text, ": denied: ?[2J??\n"));
        free(text);
        json_t *json = verify_report_json(&report);
        assert_int_equal(json_array_size(json_object_get(json, "partitions")), 1);
        json_decref(json);
        json = verify_partition_save(&p);
        assert_non_null(json);
        assert_int_equal(verify_partition_load(&q, json), 0);
        assert_string_equal(q.why, "denied: \\x1b[2J\\xe6\\x97");
        json_decref(json);
        verify_partition_fini(&p);
        verify_partition_fini(&q);
}

static void a_partition_comes_back_from_its_state(void **state) {
        (void)state;
        struct verify_partition p = partition_of("orders", 10), q = partition_of("orders", 10);
        for (int64_t i = 0; i < 30; i += 2) {
                struct verify_finding missing = of(VERIFY_MISSING, i, -1);
                verify_partition_found(&p, &missing);
        }
        p.why = strdup("because");
        p.resume = strdup("m 1 2 3\n");
        p.source_next = 77;
        p.destination_compacted = true;
        p.read[1] = 4;
        json_t *json = verify_partition_save(&p);
        assert_non_null(json);
        assert_int_equal(verify_partition_load(&q, json), 0);
        json_t *again = verify_partition_save(&q);
        assert_true(json_equal(json, again));
        assert_int_equal(q.findings_left_out, 5);
        json_decref(again);
        (void)json_object_set_new(json, "state", json_string("x"));
        assert_int_not_equal(verify_partition_load(&q, json), 0);
        json_decref(json);
        verify_partition_fini(&p);
        verify_partition_fini(&q);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(neighbours_are_one_finding),
                cmocka_unit_test(verdicts),
                cmocka_unit_test(text_and_json),
                cmocka_unit_test(words_of_others),
                cmocka_unit_test(a_partition_comes_back_from_its_state),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
