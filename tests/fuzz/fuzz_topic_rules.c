/* Input: include rule, '\n', exclude rule, '\n', topic. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/names.h"
#include "common/topic_rules.h"

/* The same list with blanks where they do not count. */
static char *with_blanks(const char *rule) {
        char *wide = malloc(strlen(rule) * 3 + 3), *at = wide;
        if (!wide) abort();
        *at++ = ' ';
        for (; *rule; rule++) {
                if (*rule == ',') *at++ = ' ';
                *at++ = *rule;
                if (*rule == ',') *at++ = '\t';
        }
        *at++ = ' ';
        *at = '\0';
        return wide;
}

static bool plain_name(const char *text) {
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
        return *text && text[strspn(text, letters)] == '\0';
}

static int answer(const char *include, const char *exclude, const char *topic, int *rc) {
        char err[256];
        struct topic_rules *rules = NULL;
        memset(err, 'x', sizeof err);
        *rc = topic_rules_new(include, exclude, &rules, err, sizeof err);
        if (*rc) {
                LAW(!rules);
                LAW(*rc == ERR_INVALID || *rc == ERR_TOO_BIG);
                LAW(memchr(err, '\0', sizeof err) && err[0]);
                return 0;
        }
        int match = topic_rules_match(rules, topic);
        LAW(match == 0 || match == TOPIC_RULES_MATCH || match == ERR_TOO_MANY);
        LAW(topic_rules_match(rules, topic) == match);
        topic_rules_free(rules);
        return match;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char *text = fuzz_text(data, bytes), *rest = text, err[256];
        const char *include = fuzz_part(&rest), *exclude = fuzz_part(&rest);
        const char *topic = fuzz_part(&rest);
        int rc, again;

        int match = answer(include, exclude, topic, &rc);
        int checked = topic_rule_check(include, err, sizeof err);
        if (checked == 0) checked = topic_rule_check(exclude, err, sizeof err);
        LAW(checked == rc);
        if (strncmp(topic, "__", 2) == 0 || names_is_own_topic(topic)) LAW(match == 0);

        char *wide_include = with_blanks(include), *wide_exclude = with_blanks(exclude);
        LAW(answer(wide_include, wide_exclude, topic, &again) == match);
        LAW(again == rc);
        free(wide_include);
        free(wide_exclude);

        if (rc == 0) {
                /* exclude is stronger, and leaves out nothing but what it matches */
                LAW(answer(include, include, topic, &again) != TOPIC_RULES_MATCH);
                if (match == TOPIC_RULES_MATCH) {
                        LAW(answer(include, "", topic, &again) == TOPIC_RULES_MATCH);
                        LAW(answer(exclude, "", topic, &again) == 0);
                }
        }
        /* A name alone matches itself only. */
        if (plain_name(include)) {
                bool same = strcmp(include, topic) == 0 && strncmp(topic, "__", 2) != 0;
                LAW(answer(include, "", topic, &again) == same);
                LAW(again == 0);
        }
        free(text);
        return 0;
}
