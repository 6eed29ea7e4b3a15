#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/flow_rules.h"
#include "tests/unit/test.h"

static void the_first_that_matches_counts(void **state) {
        static const char *const values[FLOW_KINDS] = {"audit\\..*=1MiB; a=b=5 ;.*x = 512 KiB;", "audit.x=1000", "pay.*=high; .*=low;"},
                                 *const none[FLOW_KINDS] = {"", "", ""};
        struct flow_rules *rules;
        char why[256] = "";
        (void)state;
        assert_int_equal(flow_rules_new(values, &rules, why, sizeof why), 0);
        struct flow_answer a = flow_rules_find(rules, "audit.x");
        assert_int_equal(a.bytes_per_second, 1 << 20);
        assert_int_equal(a.records_per_second, 1000);
        assert_int_equal(a.priority, FLOW_LOW);
        a = flow_rules_find(rules, "paybox");
        assert_int_equal(a.bytes_per_second, 512 << 10);
        assert_int_equal(a.records_per_second, 0);
        assert_int_equal(a.priority, FLOW_HIGH);
        assert_int_equal(flow_rules_find(rules, "a=b").bytes_per_second, 5);
        assert_int_equal(flow_rules_find(rules, "pay").bytes_per_second, 0);
        flow_rules_free(rules);
        assert_int_equal(flow_rules_new(none, &rules, why, sizeof why), 0);
        a = flow_rules_find(rules, "t");
        assert_true(a.priority == FLOW_NORMAL && a.bytes_per_second == 0 && a.records_per_second == 0);
        flow_rules_free(rules);
        assert_int_equal(flow_rules_find(NULL, "t").priority, FLOW_NORMAL);
}

static void what_is_wrong_is_told(void **state) {
        static const struct {
                enum flow_kind kind;
                const char *value, *near;
        } rows[] = {
                {FLOW_LIMIT_BYTES, "a", NULL},      {FLOW_LIMIT_BYTES, "=5", NULL},       {FLOW_LIMIT_BYTES, "a=", NULL},
                {FLOW_LIMIT_BYTES, "a=0", NULL},    {FLOW_LIMIT_BYTES, "a=-1", NULL},     {FLOW_LIMIT_BYTES, "a=5Mib", "MiB"},
                {FLOW_LIMIT_BYTES, "a=much", NULL}, {FLOW_LIMIT_BYTES, "(=5", NULL},      {FLOW_LIMIT_BYTES, "a=2000GiB", NULL},
                {FLOW_LIMIT_BYTES, "a=1; b", NULL}, {FLOW_LIMIT_RECORDS, "a=1KiB", NULL}, {FLOW_LIMIT_RECORDS, "a=2000000000", NULL},
                {FLOW_PRIORITY, "a", NULL},         {FLOW_PRIORITY, "a=5", NULL},         {FLOW_PRIORITY, "a=High", "high"},
                {FLOW_PRIORITY, "a=nromal", "normal"}, {FLOW_PRIORITY, "=low", NULL},     {FLOW_PRIORITY, "(=low", NULL},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char why[256] = "", wanted[64];
                if (flow_rules_check(rows[i].kind, rows[i].value, why, sizeof why) != ERR_INVALID) fail_msg("%s", rows[i].value);
                assert_non_null(strstr(why, "expected"));
                (void)snprintf(wanted, sizeof wanted, "did you mean %s?", rows[i].near ? rows[i].near : "");
                if (!strstr(why, wanted) != !rows[i].near) fail_msg("%s: %s", rows[i].value, why);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_that_matches_counts),
                cmocka_unit_test(what_is_wrong_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
