#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/topic_configs.h"
#include "tests/unit/test.h"

/* "retention.ms=5 (flush.ms=9)": in brackets what is not set at the topic. */
static struct topic_settings settings_of(const char *text) {
        struct topic_settings settings = {0};
        char copy[512], *rest = copy, *word;
        (void)snprintf(copy, sizeof copy, "%s", text);
        while ((word = strsep(&rest, " "))) {
                if (!*word) continue;
                bool set = *word != '(';
                word += !set;
                word[strcspn(word, ")")] = '\0';
                char *equals = strchr(word, '=');
                *equals = '\0';
                assert_int_equal(topic_settings_add(&settings, word, equals + 1, set), 0);
        }
        return settings;
}

static void print_changes(const struct topic_changes *changes, char *out, size_t size) {
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < changes->count; i++) {
                const struct topic_change *c = &changes->items[i];
                n += (size_t)snprintf(out + n, size - n, "%s%s%s:%s->%s", i ? " " : "", c->unknown ? "?" : "", c->name,
                                      c->from ? c->from : "", c->to);
        }
}

static void print_settings(const struct topic_settings *settings, char *out, size_t size) {
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < settings->count; i++)
                n += (size_t)snprintf(out + n, size - n, "%s%s=%s", i ? " " : "", settings->items[i].name,
                                      settings->items[i].value);
}

static void rows(void **state) {
        (void)state;
        static const struct {
                const char *source, *there; /* there "-": not known; "+..." : of another topic */
                const char *changes, *merged;
        } table[] = {
                {"", "", "", ""},
                {"(retention.ms=5)", "(retention.ms=9)", "", ""}, /* defaults may differ */
                {"retention.ms=5", "(retention.ms=9)", "retention.ms:9->5", "retention.ms=5"},
                {"retention.ms=5", "(retention.ms=5)", "", ""}, /* it is in step */
                {"retention.ms=5", "retention.ms=5", "", "retention.ms=5"},
                {"retention.ms=5", "retention.ms=9 flush.ms=3 (cleanup.policy=delete)", "retention.ms:9->5",
                 "flush.ms=3 retention.ms=5"},
                /* no longer set at the source: stays */
                {"(retention.ms=5)", "retention.ms=9", "", "retention.ms=9"},
                {"min.insync.replicas=2 retention.ms=1", "(min.insync.replicas=1) (retention.ms=1)", "", ""},
                {"message.format.version=3.0 retention.ms=1", "(retention.ms=2)",
                 "?message.format.version:->3.0 retention.ms:2->1", "retention.ms=1"},
                {"retention.ms=1 min.insync.replicas=2", "-", "retention.ms:->1", NULL},
                {"retention.ms=1 old=2", "+(retention.ms=1) flush.ms=3", "retention.ms:->1 ?old:->2", NULL},
        };
        struct topic_rules *exclude;
        char err[256], got[512];
        assert_int_equal(topic_rules_new("min\\.insync\\.replicas, unclean.*", "", &exclude, err, sizeof err), 0);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                bool known = *table[i].there != '-', exists = known && *table[i].there != '+';
                struct topic_settings source = settings_of(table[i].source), merged = {0},
                                      there = settings_of(known ? table[i].there + !exists : "");
                struct topic_changes changes;
                assert_int_equal(topic_configs_diff(&source, known ? &there : NULL, exists, exclude, &changes), 0);
                print_changes(&changes, got, sizeof got);
                if (strcmp(got, table[i].changes) != 0) fail_msg("row %zu: changes '%s'", i, got);
                if (table[i].merged) {
                        assert_int_equal(topic_configs_merged(&there, &changes, &merged), 0);
                        print_settings(&merged, got, sizeof got);
                        if (strcmp(got, table[i].merged) != 0) fail_msg("row %zu: merged '%s'", i, got);
                }
                topic_changes_fini(&changes);
                topic_settings_fini(&source);
                topic_settings_fini(&there);
                topic_settings_fini(&merged);
        }
        topic_rules_free(exclude);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
