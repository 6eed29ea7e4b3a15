#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/start_from.h"
#include "tests/unit/test.h"

static void times(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int64_t ms; /* -1: refused ... */
                const char *why; /* ... with these words */
        } table[] = {
                {"1970-01-01T00:00:00Z", 0, NULL},
                {"2026-01-31T13:45:00Z", 1769867100000, NULL},
                {"2026-01-31T14:45:00+01:00", 1769867100000, NULL},
                {"2026-01-31T14:45:00+0100", 1769867100000, NULL},
                {"2026-01-31T08:15:00-05:30", 1769867100000, NULL},
                {"2026-01-31t13:45:00.25z", 1769867100250, NULL},
                {"2026-01-31T13:45:00.123456Z", 1769867100123, NULL},
                {"2024-02-29T00:00:00Z", 1709164800000, NULL},
                {"2000-03-01T00:00:00Z", 951868800000, NULL},
                {"9999-12-31T23:59:59Z", 253402300799000, NULL},
                {"2026-01-31T13:45:00", -1, "write 2026-01-31T13:45:00Z for UTC"},
                {"2026-01-31", -1, "expected a time such as"},
                {"2026-01-31 13:45:00Z", -1, "expected a time such as"},
                {"2026-01-31T13:45Z", -1, "expected a time such as"},
                {"2026-01-31T13:45:00.Z", -1, "expected a time such as"},
                {"2026-01-31T13:45:00+01", -1, "expected a time such as"},
                {"2026-01-31T13:45:00Zulu", -1, "expected a time such as"},
                {"1769867100000", -1, "expected a time such as"},
                {"", -1, "expected a time such as"},
                {"2026-02-29T00:00:00Z", -1, "is no time"},
                {"2026-13-01T00:00:00Z", -1, "is no time"},
                {"2026-01-01T24:00:00Z", -1, "is no time"},
                {"1969-12-31T23:59:59Z", -1, "is no time"},
                {"1970-01-01T00:00:00+01:00", -1, "is no time"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                char why[256] = "";
                int64_t ms = -1;
                int rc = start_time_parse(table[i].text, &ms, why, sizeof why);
                if (rc != (table[i].ms < 0 ? ERR_INVALID : 0) || ms != table[i].ms)
                        print_error("%s: %lld %s\n", table[i].text, (long long)ms, why);
                assert_int_equal(ms, table[i].ms);
                assert_int_equal(rc, table[i].ms < 0 ? ERR_INVALID : 0);
                if (table[i].why) assert_non_null(strstr(why, table[i].why));
        }
}

static void values(void **state) {
        (void)state;
        static const struct {
                const char *text;
                enum start_kind kind, otherwise;
                const char *name;
                int64_t timestamp_ms;
        } table[] = {
                {"earliest", START_FROM_EARLIEST, START_FROM_HALT, "", 0},
                {" latest ", START_FROM_LATEST, START_FROM_HALT, "", 0},
                {"timestamp:1970-01-01T00:00:01Z", START_FROM_TIMESTAMP, START_FROM_HALT, "", 1000},
                {"offsets:/a/b.csv", START_FROM_OFFSETS, START_FROM_HALT, "/a/b.csv", 0},
                {"offsets:b.csv , latest", START_FROM_OFFSETS, START_FROM_LATEST, "b.csv", 0},
                {"group:mm1", START_FROM_GROUP, START_FROM_HALT, "mm1", 0},
                {"group:mm1,earliest", START_FROM_GROUP, START_FROM_EARLIEST, "mm1", 0},
                {"group:mm1,halt", START_FROM_GROUP, START_FROM_HALT, "mm1", 0},
                {"group:a,b", START_FROM_GROUP, START_FROM_HALT, "a,b", 0},
                {"group:a,b,earliest", START_FROM_GROUP, START_FROM_EARLIEST, "a,b", 0},
                {"group:x:y", START_FROM_GROUP, START_FROM_HALT, "x:y", 0},
                {"group:mm1,timestamp:1970-01-01T00:00:02Z", START_FROM_GROUP, START_FROM_TIMESTAMP, "mm1", 2000},
                {"mm2", START_FROM_MM2, START_FROM_HALT, "", 0},
                {"mm2:A", START_FROM_MM2, START_FROM_HALT, "A", 0},
                {"mm2,earliest", START_FROM_MM2, START_FROM_EARLIEST, "", 0},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct start_from from;
                char why[256] = "";
                if (start_from_parse(table[i].text, &from, why, sizeof why)) fail_msg("%s: %s", table[i].text, why);
                assert_int_equal(from.kind, table[i].kind);
                assert_int_equal(from.otherwise, table[i].otherwise);
                assert_string_equal(from.name, table[i].name);
                assert_int_equal(from.timestamp_ms, table[i].timestamp_ms);
        }
}

static void bad_values(void **state) {
        (void)state;
        static const struct {
                const char *text, *why;
        } table[] = {
                {"", "expected earliest, latest"},
                {"newest", "expected earliest, latest"},
                {"halt", "expected earliest, latest"},
                {"earliest:x", "expected earliest, latest"},
                {"Earliest", "expected earliest, latest"},
                {"group", "followed by nothing"},
                {"group:", "followed by nothing"},
                {"group:,earliest", "followed by nothing"},
                {"mm2:", "followed by nothing"},
                {"offsets:", "followed by nothing"},
                {"timestamp", "followed by nothing"},
                {"timestamp:yesterday", "expected a time such as"},
                {"group:mm1,timestamp:2026-01-31T13:45:00", "does not say of which zone"},
                {"latest,earliest", "may only follow offsets:FILE, group:NAME or mm2"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct start_from from = {.timestamp_ms = 77};
                char why[256] = "";
                assert_int_equal(start_from_parse(table[i].text, &from, why, sizeof why), ERR_INVALID);
                if (!strstr(why, table[i].why)) fail_msg("%s: %s", table[i].text, why);
                assert_int_equal(from.timestamp_ms, 77); /* untouched */
        }
        char name[400], why[256] = "";
        struct start_from from;
        memset(name, 'x', sizeof name - 1);
        memcpy(name, "group:", 6);
        name[sizeof name - 1] = '\0';
        assert_int_equal(start_from_parse(name, &from, why, sizeof why), ERR_INVALID);
        assert_non_null(strstr(why, "longer than"));
}

/* What came later is mirrored whole, unless an offset of its own is known. */
static void later_partitions(void **state) {
        (void)state;
        static const struct {
                const char *text;
                enum start_kind kind, otherwise; /* of one that came later */
        } table[] = {
                {"earliest", START_FROM_EARLIEST, START_FROM_HALT},
                {"latest", START_FROM_EARLIEST, START_FROM_HALT},
                {"timestamp:2026-01-31T13:45:00Z", START_FROM_EARLIEST, START_FROM_HALT},
                {"group:mm1", START_FROM_GROUP, START_FROM_EARLIEST},
                {"group:mm1,latest", START_FROM_GROUP, START_FROM_EARLIEST},
                {"mm2", START_FROM_MM2, START_FROM_EARLIEST},
                {"offsets:f", START_FROM_OFFSETS, START_FROM_EARLIEST},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct start_from from, then;
                char why[256];
                assert_int_equal(start_from_parse(table[i].text, &from, why, sizeof why), 0);
                then = start_from_for(&from, true);
                assert_int_equal(then.kind, from.kind);
                assert_int_equal(then.otherwise, from.otherwise);
                then = start_from_for(&from, false);
                assert_int_equal(then.kind, table[i].kind);
                assert_int_equal(then.otherwise, table[i].otherwise);
        }
}

static void rules_of_topics(void **state) {
        (void)state;
        struct start_rules *rules = NULL;
        const struct start_from *from;
        char why[256] = "", text[300];
        assert_int_equal(start_rules_new("group:mm1", "orders.*, pay = latest; a=b=offsets:f.csv,earliest ;"
                                                      "audit(?=x)x=offsets:g.json;.*-log=offsets:f.csv;",
                                         &rules, why, sizeof why), 0);
        static const struct {
                const char *topic, *text;
        } table[] = {
                {"orders-1", "latest"},    {"pay", "latest"},          {"payments", "group mm1"},
                {"auditx", "offsets g.json"}, {"x-log", "offsets f.csv"}, {"a", "group mm1"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                assert_int_equal(start_rules_find(rules, table[i].topic, &from), 0);
                assert_string_equal(start_from_text(from, text, sizeof text), table[i].text);
        }
        assert_string_equal(start_rules_file(rules, 0), "f.csv");
        assert_string_equal(start_rules_file(rules, 1), "g.json");
        assert_null(start_rules_file(rules, 2));

        assert_int_equal(start_rules_offset(rules, "f.csv", "t", 0), -1);
        for (int p = 9; p >= 0; p--) assert_int_equal(start_rules_give(rules, "f.csv", "t", p, 100 + p), 0);
        assert_int_equal(start_rules_give(rules, "g.json", "t", 3, 7), 0);
        for (int p = 0; p < 10; p++) assert_int_equal(start_rules_offset(rules, "f.csv", "t", p), 100 + p);
        assert_int_equal(start_rules_offset(rules, "g.json", "t", 3), 7);
        assert_int_equal(start_rules_offset(rules, "g.json", "t", 4), -1);
        assert_int_equal(start_rules_offset(rules, "f.csv", "u", 4), -1);
        struct start_rules *second = start_rules_ref(rules);
        start_rules_unref(rules);
        assert_int_equal(start_rules_offset(second, "g.json", "t", 3), 7);
        start_rules_unref(second);

        assert_int_equal(start_rules_new(NULL, NULL, &rules, why, sizeof why), 0);
        assert_int_equal(start_rules_find(rules, "t", &from), 0);
        assert_int_equal(from->kind, START_FROM_EARLIEST);
        start_rules_unref(rules);
}

static void bad_rules(void **state) {
        (void)state;
        static const struct {
                const char *topics, *why;
        } table[] = {
                {"orders", "expected 'REGEX=VALUE"},
                {"orders=newest", "expected 'REGEX=VALUE"},
                {"=latest", "a regular expression is missing"},
                {"  = latest", "a regular expression is missing"},
                {"a=latest; b", "expected 'REGEX=VALUE"},
                {"*=latest", "invalid regular expression"},
                {"a=timestamp:2026", "expected a time"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct start_rules *rules = NULL;
                char why[256] = "";
                assert_int_equal(start_rules_new("latest", table[i].topics, &rules, why, sizeof why), ERR_INVALID);
                assert_null(rules);
                if (!strstr(why, table[i].why)) fail_msg("%s: %s", table[i].topics, why);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times),
                cmocka_unit_test(values),
                cmocka_unit_test(bad_values),
                cmocka_unit_test(later_partitions),
                cmocka_unit_test(rules_of_topics),
                cmocka_unit_test(bad_rules),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
