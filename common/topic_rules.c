/* A list is joined to one expression `a|b`, as MirrorMaker does, so that
 * `(a,b)x` means the same here.  Whole-name match comes from ANCHORED and
 * ENDANCHORED: putting ^(?:...)$ around the text would let an expression such
 * as `a)|(b` escape. */
#include "common/topic_rules.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/names.h"

/* Names have at most 249 characters: expressions of good faith need some
 * thousand steps, and a runaway one costs about 2 ms before it is stopped. */
#define STEPS_MAX 200000
#define DEPTH_MAX 10000
#define HEAP_KIB_MAX 1024

struct topic_rules {
        pcre2_code *include, *exclude; /* NULL: matches nothing */
        pcre2_match_data *data;
        pcre2_match_context *limits;
};

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* "a , b" -> "a|b" */
static char *join(const char *rule) {
        char *joined = malloc(strlen(rule) + 1);
        size_t n = 0;

        if (!joined) return NULL;
        while (blank(*rule)) rule++;
        for (; *rule; rule++) {
                if (*rule != ',') {
                        joined[n++] = *rule;
                        continue;
                }
                while (n > 0 && blank(joined[n - 1])) n--;
                while (blank(rule[1])) rule++;
                joined[n++] = '|';
        }
        while (n > 0 && blank(joined[n - 1])) n--;
        joined[n] = '\0';
        return joined;
}

const char *topic_rule_java_difference(const char *s) {
        bool in_class = false;

        for (; *s; s++) {
                if (*s == '\\') {
                        if (!s[1]) return NULL; /* PCRE2 says it better */
                        s++;
                        if (*s == 'Q') return "\\Q is not supported; escape the characters";
                        if ((*s == 'p' || *s == 'P') &&
                            (strncmp(s + 1, "{java", 5) == 0 || strncmp(s + 1, "{Is", 3) == 0))
                                return "Java's \\p{java...} and \\p{Is...} are not supported";
                } else if (in_class) {
                        if (*s == ']') in_class = false;
                        else if (*s == '[')
                                return "'[' inside a character class has another meaning in "
                                       "Java; write '\\['";
                        else if (*s == '&' && s[1] == '&')
                                return "'&&' inside a character class has another meaning in "
                                       "Java and is not supported";
                } else if (*s == '[') {
                        in_class = true;
                        if (s[1] == '^') s++;
                        if (s[1] == ']') s++; /* a literal, as in PCRE2 */
                } else if (*s == '{' && s[1] >= '0' && s[1] <= '9') {
                        size_t n = strspn(s + 1, "0123456789");
                        if (s[1 + n] == '|')
                                return "',' separates expressions, so that a quantifier such as "
                                       "{1,2} cannot be used";
                }
        }
        return NULL;
}

static int compile(const char *rule, pcre2_code **out, char *err, size_t err_size) {
        int number;
        size_t at;

        if (strlen(rule) > TOPIC_RULE_BYTES_MAX) {
                (void)snprintf(err, err_size, "is longer than %d bytes", TOPIC_RULE_BYTES_MAX);
                return ERR_TOO_BIG;
        }
        char *joined = join(rule);
        if (!joined) return ERR_NOMEM;
        if (!*joined) {
                free(joined);
                *out = NULL;
                return 0;
        }
        const char *why = topic_rule_java_difference(joined);
        if (why) {
                (void)snprintf(err, err_size, "'%.120s': %s", joined, why);
                free(joined);
                return ERR_INVALID;
        }
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)joined, PCRE2_ZERO_TERMINATED,
                                         PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                                                 PCRE2_NEVER_BACKSLASH_C,
                                         &number, &at, NULL);
        if (!code) {
                PCRE2_UCHAR text[128] = "";
                (void)pcre2_get_error_message(number, text, sizeof text); /* cut when too long */
                (void)snprintf(err, err_size, "'%.120s': %s at character %zu%s", joined,
                               (char *)text, at + 1,
                               strcmp(joined, "*") == 0 ? "; '.*' stands for all topics" : "");
                free(joined);
                return number == PCRE2_ERROR_HEAP_FAILED ? ERR_NOMEM : ERR_INVALID;
        }
        free(joined);
        *out = code;
        return 0;
}

int topic_rule_check(const char *rule, char *err, size_t err_size) {
        pcre2_code *code = NULL;
        int rc = compile(rule, &code, err, err_size);
        pcre2_code_free(code);
        return rc;
}

int topic_rules_new(const char *include, const char *exclude, struct topic_rules **out, char *err,
                    size_t err_size) {
        struct topic_rules *rules = calloc(1, sizeof *rules);
        int rc = ERR_NOMEM;

        if (!rules) return ERR_NOMEM;
        rules->data = pcre2_match_data_create(1, NULL);
        rules->limits = pcre2_match_context_create(NULL);
        if (!rules->data || !rules->limits) goto fail;
        (void)pcre2_set_match_limit(rules->limits, STEPS_MAX);    /* always 0 */
        (void)pcre2_set_depth_limit(rules->limits, DEPTH_MAX);    /* always 0 */
        (void)pcre2_set_heap_limit(rules->limits, HEAP_KIB_MAX);  /* always 0 */
        rc = compile(include, &rules->include, err, err_size);
        if (!rc) rc = compile(exclude, &rules->exclude, err, err_size);
        if (rc) goto fail;
        *out = rules;
        return 0;
fail:
        topic_rules_free(rules);
        return rc;
}

void topic_rules_free(struct topic_rules *rules) {
        if (!rules) return;
        pcre2_code_free(rules->include);
        pcre2_code_free(rules->exclude);
        pcre2_match_data_free(rules->data);
        pcre2_match_context_free(rules->limits);
        free(rules);
}

static int match(struct topic_rules *rules, pcre2_code *code, const char *topic) {
        if (!code) return 0;
        int rc = pcre2_match(code, (PCRE2_SPTR)topic, strlen(topic), 0, 0, rules->data,
                             rules->limits);
        if (rc >= 0) return TOPIC_RULES_MATCH;
        return rc == PCRE2_ERROR_NOMATCH ? 0 : ERR_TOO_MANY;
}

int topic_rules_match(struct topic_rules *rules, const char *topic) {
        if ((topic[0] == '_' && topic[1] == '_') || names_is_own_topic(topic) ||
            names_is_mirrormaker_topic(topic))
                return 0;
        int rc = match(rules, rules->include, topic);
        if (rc != TOPIC_RULES_MATCH) return rc;
        rc = match(rules, rules->exclude, topic);
        if (rc < 0) return rc;
        return rc == TOPIC_RULES_MATCH ? 0 : TOPIC_RULES_MATCH;
}
