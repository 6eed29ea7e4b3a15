#include "common/flow_rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"
#include "common/topic_rules.h"

#define SHOWN 100 /* bytes of a value in a message */
#define SETTING_SIZE_MAX ((uint64_t)1 << 40)
#define RECORDS_MAX ((uint64_t)1000000000)

struct rule {
        struct topic_rules *topics;
        uint64_t value;
};
struct rules {
        struct rule *items;
        size_t count;
};
struct flow_rules {
        struct rules of[FLOW_KINDS]; /* of a priority the value is one more */
};

static bool read_unit(const char *text, const char *const *units, uint64_t most, uint64_t *out, const char **near) {
        char *end;
        if (*text < '0' || *text > '9') return false;
        errno = 0;
        unsigned long long value = strtoull(text, &end, 10);
        while (*end == ' ') end++;
        for (unsigned i = 0; !errno && units[i]; i++)
                if (strcmp(end, units[i]) == 0 && value > 0 && value <= most >> (10 * i)) {
                        *out = (uint64_t)value << (10 * i);
                        return true;
                }
        size_t count = 0;
        while (units[count]) count++;
        if (*end) *near = text_nearest(end, units, count);
        return false;
}

static bool read_bytes(const char *text, uint64_t *out, const char **near) {
        static const char *const units[] = {"", "KiB", "MiB", "GiB", NULL};
        return read_unit(text, units, SETTING_SIZE_MAX, out, near);
}

static bool read_records(const char *text, uint64_t *out, const char **near) {
        static const char *const units[] = {"", NULL};
        return read_unit(text, units, RECORDS_MAX, out, near);
}

static bool read_priority(const char *text, uint64_t *out, const char **near) {
        static const char *const words[] = {"low", "normal", "high"};
        for (size_t i = 0; i < 3; i++)
                if (strcmp(text, words[i]) == 0) {
                        *out = i;
                        return true;
                }
        *near = text_nearest(text, words, 3);
        return false;
}

static const struct kind {
        bool (*read)(const char *text, uint64_t *out, const char **near);
        const char *expected;
} kinds[FLOW_KINDS] = {
        [FLOW_LIMIT_BYTES] = {read_bytes, "'REGEX=BYTES; REGEX=BYTES' with sizes such as 512KiB or 10MiB, to 1024GiB"},
        [FLOW_LIMIT_RECORDS] = {read_records, "'REGEX=NUMBER; REGEX=NUMBER' with records per second, 1 to 1000000000"},
        [FLOW_PRIORITY] = {read_priority, "'REGEX=WORD; REGEX=WORD' with high, normal or low"},
};

static char *trimmed(const char *from, const char *end) {
        while (from < end && (*from == ' ' || *from == '\t')) from++;
        while (end > from && (end[-1] == ' ' || end[-1] == '\t')) end--;
        return strndup(from, (size_t)(end - from));
}

/* The last '=' ends the expression, which may hold one too; values hold none. */
static int add(struct rules *rules, const struct kind *kind, const char *entry, const char *end, char *why, size_t why_size) {
        const char *equal = memrchr(entry, '=', (size_t)(end - entry));
        char text[256];
        char *topics = trimmed(entry, equal ? equal : entry), *value = trimmed(equal ? equal + 1 : end, end);
        struct rule *more = reallocarray(rules->items, rules->count + 1, sizeof *more), rule = {0};
        int rc = topics && value && more ? 0 : ERR_NOMEM;
        if (more) rules->items = more;
        const char *near = NULL;
        if (!rc && (!*topics || !kind->read(value, &rule.value, &near))) {
                (void)snprintf(why, why_size, "expected %s, not '%.*s'%s%s%s", kind->expected,
                               (int)(end - entry < SHOWN ? end - entry : SHOWN), entry, near ? " (did you mean " : "", near ? near : "",
                               near ? "?)" : "");
                rc = ERR_INVALID;
        }
        if (!rc && (rc = topic_rules_new(topics, "", &rule.topics, text, sizeof text)) && rc != ERR_NOMEM) {
                (void)snprintf(why, why_size, "expected %s: invalid regular expression: %s", kind->expected, text);
                rc = ERR_INVALID;
        }
        if (!rc) rules->items[rules->count++] = rule;
        free(topics);
        free(value);
        return rc;
}

static int read_rules(struct rules *rules, const struct kind *kind, const char *text, char *why, size_t why_size) {
        int rc = 0;
        if (strlen(text) > FLOW_RULES_BYTES_MAX) {
                (void)snprintf(why, why_size, "is longer than %d bytes", FLOW_RULES_BYTES_MAX);
                return ERR_INVALID;
        }
        while (!rc && *text) {
                const char *end = text + strcspn(text, ";");
                if (text + strspn(text, " \t") < end) rc = add(rules, kind, text, end, why, why_size);
                text = *end ? end + 1 : end;
        }
        return rc;
}

int flow_rules_new(const char *const values[static FLOW_KINDS], struct flow_rules **out, char *why, size_t why_size) {
        struct flow_rules *rules = calloc(1, sizeof *rules);
        if (!rules) return ERR_NOMEM;
        int rc = 0;
        for (size_t i = 0; !rc && i < FLOW_KINDS; i++) rc = read_rules(&rules->of[i], &kinds[i], values[i], why, why_size);
        if (rc) flow_rules_free(rules);
        else *out = rules;
        return rc;
}

int flow_rules_check(enum flow_kind kind, const char *value, char *why, size_t why_size) {
        const char *values[FLOW_KINDS] = {"", "", ""};
        struct flow_rules *rules = NULL;
        values[kind] = value;
        int rc = flow_rules_new(values, &rules, why, why_size);
        flow_rules_free(rules);
        return rc;
}

void flow_rules_free(struct flow_rules *rules) {
        if (!rules) return;
        for (size_t k = 0; k < FLOW_KINDS; k++) {
                for (size_t i = 0; i < rules->of[k].count; i++) topic_rules_free(rules->of[k].items[i].topics);
                free(rules->of[k].items);
        }
        free(rules);
}

static uint64_t find(const struct rules *rules, const char *topic, uint64_t otherwise) {
        for (size_t i = 0; i < rules->count; i++)
                if (topic_rules_match(rules->items[i].topics, topic) == TOPIC_RULES_MATCH) return rules->items[i].value;
        return otherwise;
}

struct flow_answer flow_rules_find(const struct flow_rules *rules, const char *topic) {
        if (!rules) return (struct flow_answer){.priority = FLOW_NORMAL};
        return (struct flow_answer){
                .bytes_per_second = find(&rules->of[FLOW_LIMIT_BYTES], topic, 0),
                .records_per_second = find(&rules->of[FLOW_LIMIT_RECORDS], topic, 0),
                .priority = (enum flow_priority)((int)find(&rules->of[FLOW_PRIORITY], topic, 1) - 1),
        };
}
