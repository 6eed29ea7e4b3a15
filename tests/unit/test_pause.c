/* Which partitions are paused, after any order of `pause` and `resume`. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/pause.h"

struct list {
        Heliostat__Pb__PauseRule **rules;
        size_t count;
};

static int say(struct list *list, bool resume, const char *topics, int64_t partition) {
        const struct pause_request request = {resume, topics, partition, 7};
        struct list next = {0};
        int rc = pause_edit(list->rules, list->count, &request, &next.rules, &next.count);
        if (rc != PAUSE_CHANGED) return rc;
        pause_list_free(list->rules, list->count);
        *list = next;
        return rc;
}

static bool paused(const struct list *list, const char *topic, int64_t partition) {
        struct pause_rules *rules = pause_rules_new(list->rules, list->count);
        bool result = pause_rules_match(rules, topic, partition);
        pause_rules_free(rules);
        return result;
}

static void test_words(void **state) {
        struct list list = {0};
        char rule[PAUSE_TEXT_MAX], text[PAUSE_TEXT_MAX + 64];
        (void)state;
        assert_int_equal(say(&list, true, "", -1), 0);
        assert_int_equal(say(&list, false, pause_topic_rule(rule, "a.b"), 3), PAUSE_CHANGED);
        assert_true(paused(&list, "a.b", 3));
        assert_false(paused(&list, "a.b", 2));
        assert_false(paused(&list, "axb", 3));
        assert_string_equal(pause_rule_text(text, list.rules[0]), "a\\.b, partition 3");
        assert_int_equal(say(&list, false, pause_topic_rule(rule, "a.b"), 3), 0); /* said before */
        assert_int_equal(list.rules[0]->at_ms, 7);
        assert_int_equal(say(&list, false, "", -1), PAUSE_CHANGED);
        assert_int_equal(list.count, 1); /* the narrower one is in it */
        assert_string_equal(pause_rule_text(text, list.rules[0]), "everything");
        assert_int_equal(say(&list, true, "t[12]", -1), PAUSE_CHANGED);
        assert_false(paused(&list, "t1", 0));
        assert_true(paused(&list, "t3", 0));
        assert_int_equal(say(&list, false, "t1", 0), PAUSE_CHANGED);
        assert_true(paused(&list, "t1", 0));
        assert_false(paused(&list, "t1", 1));
        assert_int_equal(say(&list, true, "", -1), PAUSE_CHANGED);
        assert_int_equal(list.count, 0);
        assert_false(paused(&list, "t1", 0));
        pause_list_free(list.rules, list.count);
}

/* A rule that this version cannot read never lets go what it was to hold. */
static void test_unreadable(void **state) {
        Heliostat__Pb__PauseRule rule = HELIOSTAT__PB__PAUSE_RULE__INIT, *rules[] = {&rule};
        struct list list = {rules, 1};
        char broken[] = "(";
        (void)state;
        rule.topics = broken;
        assert_true(paused(&list, "any", 5));
        rule.resume = true;
        assert_false(paused(&list, "any", 5));
}

/* The edited list means what the whole history means: last word wins. */
static void test_as_history(void **state) {
        static const char *const topics[] = {"", "a", "b", "[ab]"}, *const names[] = {"a", "b", "c"};
        (void)state;
        srand(11);
        for (int round = 0; round < 300; round++) {
                struct list list = {0};
                bool model[3][3] = {{0}};
                for (int step = 0; step < 12; step++) {
                        bool resume = rand() % 2;
                        const char *t = topics[rand() % 4];
                        int64_t partition = rand() % 4 - 1;
                        assert_true(say(&list, resume, t, partition) >= 0);
                        for (int n = 0; n < 3; n++)
                                for (int p = 0; p < 3; p++) {
                                        bool of_topic = !*t || strcmp(t, names[n]) == 0 || (*t == '[' && n < 2);
                                        if (of_topic && (partition < 0 || partition == p)) model[n][p] = !resume;
                                }
                        for (int n = 0; n < 3; n++)
                                for (int p = 0; p < 3; p++) assert_int_equal(paused(&list, names[n], p), model[n][p]);
                }
                pause_list_free(list.rules, list.count);
        }
}

static void test_bounded(void **state) {
        struct list list = {0};
        (void)state;
        for (int i = 0; i < PAUSE_RULES_MAX; i++) {
                char topic[16];
                (void)snprintf(topic, sizeof topic, "t%d", i);
                assert_int_equal(say(&list, false, topic, -1), PAUSE_CHANGED);
        }
        assert_int_equal(say(&list, false, "more", -1), ERR_TOO_MANY);
        assert_int_equal(say(&list, true, "", -1), PAUSE_CHANGED);
        assert_int_equal(list.count, 0);
        pause_list_free(list.rules, list.count);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words), cmocka_unit_test(test_unreadable), cmocka_unit_test(test_as_history),
                cmocka_unit_test(test_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
