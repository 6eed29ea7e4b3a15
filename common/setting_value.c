#include "common/setting_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/config.h"
#include "common/err.h"
#include "common/flow_rules.h"
#include "common/foreign.h"
#include "common/start_from.h"
#include "common/topic_name.h"
#include "common/topic_rules.h"
#include "common/znode_path.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SHOWN 100 /* bytes of a value in a message */

/* ---- tables ------------------------------------------------------------- */

const struct setting setting_program[SETTING_PROGRAM_COUNT] = {
#define ROW(field, name, type, value, min, max, when, text) \
        {name, SETTING_##type, value, min, max, offsetof(struct config, field)},
        PROGRAM_SETTINGS(ROW)
#undef ROW
};

const struct setting setting_route[SETTING_ROUTE_COUNT] = {
#define ROW(field, name, type, value, min, max, when, text) \
        {name, SETTING_##type, value, min, max, offsetof(struct config_route, field)},
        ROUTE_SETTINGS(ROW)
#undef ROW
};

#define SETTING_C_TEXT char *
#define SETTING_C_TOPICS char *
#define SETTING_C_CHOICE char *
#define SETTING_C_BOOL bool
#define SETTING_C_INT int
#define SETTING_C_UINT uint32_t
#define SETTING_C_BYTES uint64_t
#define SAME_TYPE(owner, field, type) \
        _Static_assert(__builtin_types_compatible_p(__typeof__(((struct owner *)0)->field), \
                                                    SETTING_C_##type), \
                       #field " has another type in config.h than in settings.h");
#define ROW(field, name, type, value, min, max, when, text) SAME_TYPE(config, field, type)
PROGRAM_SETTINGS(ROW)
#undef ROW
#define ROW(field, name, type, value, min, max, when, text) SAME_TYPE(config_route, field, type)
ROUTE_SETTINGS(ROW)
#undef ROW

static const struct choice {
        const char *name, *words, *known_word, *answer;
} choices[] = {
#define ROW(name, words, known_word, answer) {name, words, known_word, answer},
        SETTING_CHOICES(ROW)
#undef ROW
};

static const struct synonym {
        const char *setting, *word, *meaning;
} words[] = {
#define ROW(setting, word, meaning) {setting, word, meaning},
        SETTING_WORD_SYNONYMS(ROW)
#undef ROW
};

static const char *canonical_word(const char *setting, const char *word) {
        for (size_t i = 0; i < COUNT(words); i++)
                if (strcmp(words[i].setting, setting) == 0 && strcmp(words[i].word, word) == 0)
                        return words[i].meaning;
        return word;
}

int setting_find(const struct setting *table, size_t count, const char *name) {
        const struct foreign *foreign = foreign_find(name);
        if (foreign && foreign->action == FOREIGN_SAME) name = foreign->argument;
        for (size_t i = 0; i < count; i++)
                if (strcmp(table[i].name, name) == 0) return (int)i;
        return -1;
}

/* ---- values ------------------------------------------------------------- */

struct answer {
        char *why;
        size_t size;
};

static int fail(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct answer *a, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(a->why, a->size, format, ap); /* cut at the bound */
        va_end(ap);
        return ERR_INVALID;
}

static bool parse_number(const char *text, int64_t *out) {
        char *end;
        if (strspn(text + (*text == '-' || *text == '+'), "0123456789") == 0) return false;
        errno = 0;
        long long value = strtoll(text, &end, 10);
        if (*end || errno) return false;
        *out = value;
        return true;
}

static bool parse_bytes(const char *text, int64_t *out) {
        static const struct {
                const char *unit;
                int64_t factor;
        } units[] = {{"", 1}, {"KiB", 1024}, {"MiB", SETTING_MIB}, {"GiB", SETTING_GIB}};
        char *end;
        if (*text < '0' || *text > '9') return false;
        errno = 0;
        long long value = strtoll(text, &end, 10);
        if (errno) return false;
        while (*end == ' ') end++;
        for (size_t i = 0; i < COUNT(units); i++)
                if (strcmp(end, units[i].unit) == 0)
                        return !__builtin_mul_overflow((int64_t)value, units[i].factor, out);
        return false;
}

static void format_bytes(char *buf, size_t size, int64_t bytes) {
        if (bytes % SETTING_GIB == 0)
                (void)snprintf(buf, size, "%lldGiB", (long long)(bytes / SETTING_GIB));
        else
                (void)snprintf(buf, size, "%lldMiB", (long long)(bytes / SETTING_MIB));
}

static int check_choice(struct answer *a, const char *name, const char *value) {
        for (size_t i = 0; i < COUNT(choices); i++) {
                const struct choice *c = &choices[i];
                if (strcmp(c->name, name) != 0) continue;
                for (const char *word = c->words; *word;) {
                        size_t n = strcspn(word, "|");
                        if (strlen(value) == n && memcmp(word, value, n) == 0) return 0;
                        word += n + (word[n] == '|');
                }
                if (c->known_word && strcmp(c->known_word, value) == 0)
                        return fail(a, "%s; expected %s", c->answer, c->words);
                return fail(a, "expected %s, not '%.*s'", c->words, SHOWN, value);
        }
        return fail(a, "has no list of words"); /* a row without its choices */
}

/* As the codec has it: what was published can be read. */
static const struct {
        const char *name;
        size_t max;
} text_bounds[] = {
        {"topic.map", TOPIC_MAP_BYTES_MAX},
        {"topic.rename.regex", TOPIC_MAP_BYTES_MAX},
        {"topic.rename.replacement", TOPIC_REPLACEMENT_BYTES_MAX},
        {"replication.policy.separator", TOPIC_NAME_BYTES_MAX},
};

static int check_text(struct answer *a, const char *name, const char *value) {
        for (size_t i = 0; i < COUNT(text_bounds); i++)
                if (strcmp(text_bounds[i].name, name) == 0 && strlen(value) > text_bounds[i].max)
                        return fail(a, "is longer than %zu bytes", text_bounds[i].max);
        if (strcmp(name, "zookeeper.connect") == 0 && !*value)
                return fail(a, "expected 'host:port,...[/path]', not an empty value");
        if (strcmp(name, "worker.zone") == 0 && *value && !znode_id_valid(value))
                return fail(a, "expected letters, digits and '. _ -', at most 128, not '%.*s'",
                            SHOWN, value);
        if (strcmp(name, "start.from") == 0) {
                struct start_from from;
                return start_from_parse(value, &from, a->why, a->size);
        }
        if (strcmp(name, "start.from.topics") == 0) {
                struct start_rules *rules = NULL;
                int rc = start_rules_new(NULL, value, &rules, a->why, a->size);
                if (!rc) start_rules_unref(rules);
                return rc;
        }
        static const char *const flow[FLOW_KINDS] = {"limit.topics.bytes.per.second", "limit.topics.records.per.second", "priority"};
        for (int kind = 0; kind < FLOW_KINDS; kind++)
                if (strcmp(name, flow[kind]) == 0) return flow_rules_check((enum flow_kind)kind, value, a->why, a->size);
        if (strcmp(name, "group.id") == 0) {
                if (!*value || strlen(value) > SETTING_GROUP_ID_MAX)
                        return fail(a, "expected 1 to %d bytes, not %zu", SETTING_GROUP_ID_MAX,
                                    strlen(value));
                for (const char *c = value; *c; c++)
                        if ((unsigned char)*c < 0x20 || *c == 0x7f)
                                return fail(a, "holds a control character");
        }
        return 0;
}

static int check_topics(struct answer *a, const struct setting *s, const char *value) {
        char why[256] = "";
        int rc = topic_rule_check(value, why, sizeof why);
        if (rc == ERR_NOMEM) return rc;
        if (rc) return fail(a, "expected regular expressions with ',' between them: %s", why);
        if (!*value && strcmp(s->name, "topics") == 0)
                return fail(a, "expected at least one regular expression; '.*' stands for all "
                               "topics");
        return 0;
}

static int set_text(void *field, const char *value) {
        char *copy = strdup(value), **text = field;
        if (!copy) return ERR_NOMEM;
        free(*text);
        *text = copy;
        return 0;
}

static int set_bytes(struct answer *a, const struct setting *s, uint64_t *field,
                     const char *value) {
        int64_t bytes;
        char low[32], high[32];
        if (!parse_bytes(value, &bytes))
                return fail(a, "expected a size such as 134217728, 512KiB, 128MiB or 1GiB, not "
                               "'%.*s'", SHOWN, value);
        if (bytes < s->min || bytes > s->max) {
                format_bytes(low, sizeof low, s->min);
                format_bytes(high, sizeof high, s->max);
                return fail(a, "expected a size from %s to %s, not '%.*s'", low, high, SHOWN, value);
        }
        *field = (uint64_t)bytes;
        return 0;
}

static int set_number(struct answer *a, const struct setting *s, void *field, const char *value) {
        int64_t number;
        /* -1 as the least value is the mark for "none"; 0 of something is then
         * no sensible number either */
        bool none = s->min == -1;
        if (!parse_number(value, &number) || number < s->min || number > s->max ||
            (none && number == 0))
                return fail(a, "expected %sa whole number from %lld to %lld, not '%.*s'",
                            none ? "-1 or " : "", (long long)(none ? 1 : s->min),
                            (long long)s->max, SHOWN, value);
        if (s->type == SETTING_INT) *(int *)field = (int)number;
        else *(uint32_t *)field = (uint32_t)number;
        return 0;
}

int setting_set(const struct setting *setting, void *owner, const char *value, char *why,
                size_t why_size) {
        void *field = (char *)owner + setting->offset;
        struct answer a = {why, why_size};
        int rc = 0;

        switch (setting->type) {
        case SETTING_TEXT:
                rc = check_text(&a, setting->name, value);
                return rc ? rc : set_text(field, value);
        case SETTING_CHOICE:
                value = canonical_word(setting->name, value);
                rc = check_choice(&a, setting->name, value);
                return rc ? rc : set_text(field, value);
        case SETTING_TOPICS:
                rc = check_topics(&a, setting, value);
                return rc ? rc : set_text(field, value);
        case SETTING_BOOL:
                if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
                        return fail(&a, "expected true or false, not '%.*s'", SHOWN, value);
                *(bool *)field = strcasecmp(value, "true") == 0;
                return 0;
        case SETTING_BYTES:
                return set_bytes(&a, setting, field, value);
        case SETTING_INT:
        case SETTING_UINT:
                return set_number(&a, setting, field, value);
        }
        return fail(&a, "has an unknown type");
}

char *setting_text(const struct setting *setting, const void *owner) {
        const void *field = (const char *)owner + setting->offset;
        char *text = NULL;
        int n = 0;

        switch (setting->type) {
        case SETTING_TEXT:
        case SETTING_CHOICE:
        case SETTING_TOPICS:
                return *(char *const *)field ? strdup(*(char *const *)field) : NULL;
        case SETTING_BOOL:
                return strdup(*(const bool *)field ? "true" : "false");
        case SETTING_INT:
                n = asprintf(&text, "%d", *(const int *)field);
                break;
        case SETTING_UINT:
                n = asprintf(&text, "%u", *(const uint32_t *)field);
                break;
        case SETTING_BYTES: {
                uint64_t bytes = *(const uint64_t *)field;
                const char *unit = bytes % SETTING_GIB == 0 ? "GiB" : bytes % SETTING_MIB == 0 ? "MiB" : "";
                if (*unit) bytes /= (uint64_t)(*unit == 'G' ? SETTING_GIB : SETTING_MIB);
                n = asprintf(&text, "%llu%s", (unsigned long long)bytes, unit);
                break;
        }
        }
        return n < 0 ? NULL : text;
}

void setting_free_all(const struct setting *table, size_t count, void *owner) {
        for (size_t i = 0; i < count; i++) {
                if (table[i].type != SETTING_TEXT && table[i].type != SETTING_CHOICE &&
                    table[i].type != SETTING_TOPICS)
                        continue;
                char **text = (char **)(void *)((char *)owner + table[i].offset);
                free(*text);
                *text = NULL;
        }
}
