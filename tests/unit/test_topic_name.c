#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/topic_name.h"
#include "common/topic_rules.h"
#include "tests/unit/test.h"

#define X50 "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"

static struct topic_naming prefix(const char *separator) {
        return (struct topic_naming){.naming = "prefix", .source = "east", .destination = "west",
                                     .separator = separator};
}

static struct topic_naming map(const char *text) {
        return (struct topic_naming){.naming = "map", .source = "east", .destination = "west", .map = text};
}

static struct topic_naming regex(const char *expression, const char *replacement) {
        return (struct topic_naming){.naming = "regex", .source = "east", .destination = "west",
                                     .regex = expression, .replacement = replacement};
}

static void rows_forth(void **state) {
        (void)state;
        const struct {
                struct topic_naming naming;
                const char *topic, *want; /* NULL: refused */
        } rows[] = {
                {{0}, "orders", "orders"},
                {{.naming = ""}, "orders", "orders"},
                {{.naming = "identity", .source = "east"}, "orders", "orders"},
                {{.naming = "identity"}, "no blanks", NULL},
                {{.naming = "identity"}, "", NULL},
                {{.naming = "identity"}, "..", NULL},
                {prefix("."), "orders", "east.orders"},
                {prefix(NULL), "orders", "east.orders"},
                {prefix("__"), "orders", "east__orders"},
                {prefix("."), X50 X50 X50 X50 X50, NULL},                  /* 250 already */
                {prefix("."), X50 X50 X50 X50 "0123456789012345678901234567890123456789abcd",
                 "east." X50 X50 X50 X50 "0123456789012345678901234567890123456789abcd"}, /* 249 */
                {prefix("."), X50 X50 X50 X50 "0123456789012345678901234567890123456789abcde", NULL},
                {map("orders:orders.v2, pay : money"), "orders", "orders.v2"},
                {map("orders:orders.v2, pay : money"), "pay", "money"},
                {map("orders:orders.v2, pay : money"), "others", "others"},
                {map("a:b,b:a,"), "a", "b"},
                {map("a:b,b:c"), "a", "b"}, /* once only */
                {regex("(.*)\\.prod", "$1.dr"), "orders.prod", "orders.dr"},
                {regex("(.*)\\.prod", "$1.dr"), "orders.production", "orders.production"},
                {regex("(.*)\\.prod", "$0.dr"), "orders.prod", "orders.prod.dr"},
                {regex("(?<what>.*)-(?<where>eu|us)", "${where}.${what}"), "orders-eu", "eu.orders"},
                {regex("(a)?(b.*)", "$1$2-x"), "bc", "bc-x"}, /* an unset group is empty */
                {regex("(.)(.*)", "$2$11"), "orders", "rderso1"}, /* Java: no group 11 */
                {regex(".*", "all"), "orders", "all"},
                {regex("(.*)", "__$1"), "orders", NULL},
                {regex("(.*)", "heliostat.$1.positions"), "orders", NULL},
                {regex("x(.*)", "$1"), "x", NULL},
                {regex("(.*)", "$1$1$1"), X50 X50, NULL},
                {regex("a{1,2}", "b"), "aa", "b"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct topic_namer *namer;
                char out[TOPIC_NAME_SIZE], err[TOPIC_NAME_ERROR_MAX];
                int rc = topic_namer_new(&rows[i].naming, &namer, err);
                if (rc) fail_msg("row %zu: %s", i, err);
                rc = topic_name_destination(namer, rows[i].topic, out, err);
                if (!rows[i].want) {
                        if (rc >= 0 || !*err || *out) fail_msg("row %zu: got '%s' (%s)", i, out, err);
                } else if (rc || strcmp(out, rows[i].want) != 0) {
                        fail_msg("row %zu: got '%s' (%s)", i, out, err);
                }
                topic_namer_free(namer);
        }
}

static void rows_refused(void **state) {
        (void)state;
        const struct {
                struct topic_naming naming;
                const char *says;
        } rows[] = {
                {{.naming = "prefixed"}, "topic.naming: expected identity, prefix, map or regex"},
                {prefix("/"), "replication.policy.separator: expected letters"},
                {map(""), "topic.map: topic.naming = map needs"},
                {map(" , "), "topic.map: topic.naming = map needs"},
                {map("a"), "topic.map: expected 'from:to, from:to', not 'a'"},
                {map("a:b, a:c"), "topic.map: 'a' is named twice"},
                {map("a:b c"), "topic.map: 'b c' is no name of a topic"},
                {map(":b"), "topic.map: '' is no name"},
                {map("a:b:c"), "topic.map: 'b:c' is no name"},
                {map("a:__consumer_offsets"), "is the name of an internal topic"},
                {regex("", "a"), "topic.rename.regex: topic.naming = regex needs"},
                {regex("(", "a"), "topic.rename.regex: '(': missing closing parenthesis at character 2"},
                {regex("[a&&b]", "a"), "topic.rename.regex: '&&'"},
                {regex("(.*)", ""), "topic.rename.replacement: topic.naming = regex needs"},
                {regex("(.*)", "$2"), "topic.rename.replacement: '$2': expected a group"},
                {regex("(.*)", "a$"), "topic.rename.replacement: '$': expected a group"},
                {regex("(.*)", "${x}"), "topic.rename.replacement: '${x}': expected a group"},
                {regex("(.*)", "${"), "topic.rename.replacement: '${': expected a group"},
                {regex("(.*)", "a b"), "letters, digits and '. _ -' only"},
                {regex("(.*)", "\\1"), "letters, digits and '. _ -' only"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct topic_namer *namer = NULL;
                char err[TOPIC_NAME_ERROR_MAX];
                int rc = topic_namer_new(&rows[i].naming, &namer, err);
                if (rc != ERR_INVALID || namer || !strstr(err, rows[i].says))
                        fail_msg("row %zu: %d '%s'", i, rc, err);
        }
}

static void rows_back(void **state) {
        (void)state;
        const struct {
                struct topic_naming naming;
                const char *topic;
                enum topic_name_origin origin;
                const char *source;
        } rows[] = {
                {{0}, "orders", TOPIC_NAME_OURS, "orders"},
                {{0}, "__consumer_offsets", TOPIC_NAME_FOREIGN, ""},
                {{0}, "heliostat.a.positions", TOPIC_NAME_FOREIGN, ""},
                {prefix("."), "east.orders", TOPIC_NAME_OURS, "orders"},
                {prefix("."), "east.north.orders", TOPIC_NAME_OURS, "north.orders"},
                {prefix("."), "orders", TOPIC_NAME_FOREIGN, ""},
                {prefix("."), "east.", TOPIC_NAME_FOREIGN, ""},
                {prefix("."), "eastern.orders", TOPIC_NAME_FOREIGN, ""},
                {prefix("."), "east.west.orders", TOPIC_NAME_FOREIGN, ""},
                {map("a:b"), "b", TOPIC_NAME_UNDECIDED, ""}, /* a, or b itself */
                {map("a:b"), "a", TOPIC_NAME_FOREIGN, ""},
                {map("a:b"), "c", TOPIC_NAME_OURS, "c"},
                {map("a:b,b:a"), "b", TOPIC_NAME_OURS, "a"},
                {map("a:c,b:c,c:d"), "c", TOPIC_NAME_UNDECIDED, ""},
                {map("a:c,c:d"), "c", TOPIC_NAME_OURS, "a"},
                {regex("(.*)", "$1-x"), "a-x", TOPIC_NAME_UNDECIDED, ""},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct topic_namer *namer;
                char out[TOPIC_NAME_SIZE], err[TOPIC_NAME_ERROR_MAX], again[TOPIC_NAME_SIZE];
                assert_int_equal(topic_namer_new(&rows[i].naming, &namer, err), 0);
                enum topic_name_origin origin = topic_name_source(namer, rows[i].topic, out);
                if (origin != rows[i].origin || strcmp(out, rows[i].source) != 0)
                        fail_msg("row %zu: %d '%s'", i, origin, out);
                if (origin == TOPIC_NAME_OURS) {
                        assert_int_equal(topic_name_destination(namer, out, again, err), 0);
                        assert_string_equal(again, rows[i].topic);
                }
                topic_namer_free(namer);
        }
}

static void rows_cycle(void **state) {
        (void)state;
        const struct {
                struct topic_naming naming;
                const char *topic;
                bool cycle;
        } rows[] = {
                {prefix("."), "orders", false},
                {prefix("."), "west.orders", true},
                {prefix("."), "north.west.orders", true},
                {prefix("."), "north.south.west.orders", true},
                {prefix("."), "east.orders", false}, /* a topic's own name: MirrorMaker 2 takes it too */
                {prefix("."), "western.orders", false},
                {prefix("."), "far-west.orders", false},
                {prefix("."), "west", false},
                {prefix("."), "orders.west", false},
                {prefix("__"), "west__orders", true},
                {prefix("__"), "west.orders", false},
                {{0}, "west.orders", false},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct topic_namer *namer;
                char err[TOPIC_NAME_ERROR_MAX];
                assert_int_equal(topic_namer_new(&rows[i].naming, &namer, err), 0);
                if (topic_name_is_cycle(namer, rows[i].topic) != rows[i].cycle) fail_msg("row %zu", i);
                topic_namer_free(namer);
        }
}

static void an_expression_that_runs_away_is_told(void **state) {
        (void)state;
        struct topic_namer *namer;
        char out[TOPIC_NAME_SIZE], err[TOPIC_NAME_ERROR_MAX];
        struct topic_naming naming = regex("(a+)+(a+)+[bd]", "$1");
        assert_int_equal(topic_namer_new(&naming, &namer, err), 0);
        assert_int_equal(topic_name_destination(namer, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", out, err),
                         ERR_TOO_MANY);
        assert_non_null(strstr(err, "too many steps"));
        topic_namer_free(namer);
}

static void internal_topics_of_mirrormaker_never_match(void **state) {
        (void)state;
        static const char *const topics[] = {
                "mm2-offset-syncs.west.internal", "mm2-configs.west.internal", "mm2-offsets.west.internal",
                "mm2-status.west.internal", "west.checkpoints.internal"};
        struct topic_rules *rules;
        char err[256];
        assert_int_equal(topic_rules_new(".*", "", &rules, err, sizeof err), 0);
        for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
                assert_int_equal(topic_rules_match(rules, topics[i]), 0);
        assert_int_equal(topic_rules_match(rules, "mm2-orders"), 1);
        assert_int_equal(topic_rules_match(rules, "orders.internal"), 1);
        topic_rules_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_forth),
                cmocka_unit_test(rows_refused),
                cmocka_unit_test(rows_back),
                cmocka_unit_test(rows_cycle),
                cmocka_unit_test(an_expression_that_runs_away_is_told),
                cmocka_unit_test(internal_topics_of_mirrormaker_never_match),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
