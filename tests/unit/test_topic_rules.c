#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/topic_rules.h"
#include "tests/unit/test.h"

static void rows_match(void **state) {
        (void)state;
        static const struct {
                const char *include, *exclude, *topic;
                int match;
        } rows[] = {
                {".*", "", "orders", 1},
                {".*", "", "__consumer_offsets", 0},
                {"__.*", "", "__consumer_offsets", 0},
                {"__consumer_offsets", "", "__consumer_offsets", 0},
                {".*", "", "_schemas", 1},
                {".*", "", "heliostat.a.positions", 0},
                {".*", "", "heliostat.a.dead-letters", 0},
                {".*", "", "heliostat..positions", 0}, /* of the group "heliostat." */
                {".*", "", "heliostat.positions", 1},
                {"orders", "", "orders", 1},
                {"orders", "", "orders2", 0},
                {"orders", "", "my-orders", 0},
                {"orders", "", "Orders", 0},
                {"orders.*, payments", "", "orders-eu", 1},
                {"orders.*, payments", "", "payments", 1},
                {"orders.*, payments", "", "payments2", 0},
                {" a ,\tb , c ", "", "a", 1},
                {" a ,\tb , c ", "", "b", 1},
                {" a ,\tb , c ", "", "c", 1},
                {" a ,\tb , c ", "", "abc", 0},
                {"a|b", "", "b", 1},
                {"a|ab", "", "ab", 1}, /* the first alternative must not win too early */
                {"(a,b)x", "", "bx", 1},
                {"(a,b)x", "", "a", 0},
                {"a,", "", "a", 1},
                {"a,,b", "", "b", 1},
                {"", "", "a", 0},
                {"  ", "", "a", 0},
                {".*", ".*\\.internal", "a.internal", 0},
                {".*", ".*\\.internal", "a-internal", 1},
                {".*", "a, b", "b", 0},
                {".*", "a, b", "bc", 1},
                {"[a-c]+", "", "abc", 1},
                {"[^a]+", "", "bcd", 1},
                {"[]a]+", "", "aa", 1},
                {"\\[a", "", "a", 0},
                {"(?!test-).*", "", "test-a", 0},
                {"(?!test-).*", "", "a", 1},
                {"(?i)orders", "", "ORDERS", 1},
                {"a{2}", "", "aa", 1},
                {"\\Aa\\z", "", "a", 1},
                {"^a$", "", "a", 1},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct topic_rules *rules;
                char err[256] = "";
                int rc = topic_rules_new(rows[i].include, rows[i].exclude, &rules, err, sizeof err);
                if (rc) print_error("row %zu: %s\n", i, err);
                assert_int_equal(rc, 0);
                rc = topic_rules_match(rules, rows[i].topic);
                if (rc != rows[i].match)
                        print_error("row %zu: '%s' '%s'\n", i, rows[i].include, rows[i].topic);
                assert_int_equal(rc, rows[i].match);
                topic_rules_free(rules);
        }
}

static void bad_rules_are_refused(void **state) {
        (void)state;
        static const struct {
                const char *rule, *part; /* of the message */
        } rows[] = {
                {"*", "'.*' stands for all topics"},
                {"a(", "missing closing parenthesis"},
                {"a)|(b", "unmatched closing parenthesis"},
                {"[a", "missing terminating ]"},
                {"a{1,2}", "a quantifier such as {1,2} cannot be used"},
                {"[a-z&&[^b]]", "'&&'"},
                {"[a[bc]]", "'[' inside a character class"},
                {"\\p{javaLowerCase}", "\\p{java...}"},
                {"\\p{IsAlphabetic}", "\\p{java...}"},
                {"\\Qa.b\\E", "\\Q is not supported"},
                {"a\\", "\\ at end of pattern"},
                {"a\\C", "\\C"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char err[256] = "";
                struct topic_rules *rules = (void *)1;
                assert_int_equal(topic_rule_check(rows[i].rule, err, sizeof err), ERR_INVALID);
                if (!strstr(err, rows[i].part)) print_error("row %zu: %s\n", i, err);
                assert_non_null(strstr(err, rows[i].part));
                assert_int_equal(topic_rules_new(".*", rows[i].rule, &rules, err, sizeof err), ERR_INVALID);
                assert_ptr_equal(rules, (void *)1);
        }
        char *big = malloc(TOPIC_RULE_BYTES_MAX + 2), err[256];
        memset(big, 'a', TOPIC_RULE_BYTES_MAX + 1);
        big[TOPIC_RULE_BYTES_MAX + 1] = '\0';
        assert_int_equal(topic_rule_check(big, err, sizeof err), ERR_TOO_BIG);
        free(big);
}

static void a_runaway_expression_is_stopped_and_said(void **state) {
        (void)state;
        struct topic_rules *rules;
        char err[256], topic[250];
        memset(topic, 'a', sizeof topic - 1);
        topic[sizeof topic - 1] = '\0';
        topic[sizeof topic - 2] = '!';
        assert_int_equal(topic_rules_new("(a+)+b?", "", &rules, err, sizeof err), 0);
        assert_int_equal(topic_rules_match(rules, topic), ERR_TOO_MANY);
        topic_rules_free(rules);
        assert_int_equal(topic_rules_new(".*", "(a+)+b?", &rules, err, sizeof err), 0);
        assert_int_equal(topic_rules_match(rules, topic), ERR_TOO_MANY);
        assert_int_equal(topic_rules_match(rules, "x"), TOPIC_RULES_MATCH);
        topic_rules_free(rules);
}

/* A long list of plain names is no runaway. */
static void a_thousand_names_match(void **state) {
        (void)state;
        char *list = malloc(1000 * 16), err[256], *at = list;
        struct topic_rules *rules;
        for (int i = 0; i < 1000; i++) at += sprintf(at, "%stopic-%d", i ? "," : "", i);
        assert_int_equal(topic_rules_new(list, "", &rules, err, sizeof err), 0);
        assert_int_equal(topic_rules_match(rules, "topic-999"), TOPIC_RULES_MATCH);
        assert_int_equal(topic_rules_match(rules, "topic-1000"), 0);
        topic_rules_free(rules);
        free(list);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_match),
                cmocka_unit_test(bad_rules_are_refused),
                cmocka_unit_test(a_runaway_expression_is_stopped_and_said),
                cmocka_unit_test(a_thousand_names_match),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
