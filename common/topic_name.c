/* A replacement is expanded here and not by PCRE2: what Java's `$` and `\` mean
 * can then be checked when the configuration is read, and a name never holds
 * either of them. */
#include "common/topic_name.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/names.h"
#include "common/topic_rules.h"

#define STEPS_MAX 200000
#define DEPTH_MAX 10000
#define SHOWN 100 /* bytes of a value in a message */

enum kind { IDENTITY, PREFIX, MAP, REGEX };

struct map_entry {
        char *from, *to;
};

struct topic_namer {
        enum kind kind;
        char *source, *destination, *separator, *map_text, *regex_text, *replacement;
        struct map_entry *map;
        size_t map_count;
        pcre2_code *regex;
        pcre2_match_data *data;
        pcre2_match_context *limits;
};

static bool legal_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
}

bool topic_name_legal(const char *topic) {
        size_t n = 0;
        while (legal_char(topic[n])) n++;
        return !topic[n] && n > 0 && n <= TOPIC_NAME_BYTES_MAX && strcmp(topic, ".") != 0 &&
               strcmp(topic, "..") != 0;
}

static bool never_a_mirror(const char *topic) {
        return strncmp(topic, "__", 2) == 0 || names_is_own_topic(topic);
}

/* ---- the map ---- */

static char *trim(char *text) {
        while (*text == ' ' || (*text >= '\t' && *text <= '\r')) text++;
        size_t n = strlen(text);
        while (n > 0 && (text[n - 1] == ' ' || (text[n - 1] >= '\t' && text[n - 1] <= '\r'))) n--;
        text[n] = '\0';
        return text;
}

static int map_add(struct topic_namer *namer, char *pair, char *err) {
        char *colon = strchr(pair, ':');
        if (!colon) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.map: expected 'from:to, from:to', not '%.*s'", SHOWN, pair);
                return ERR_INVALID;
        }
        *colon = '\0';
        struct map_entry *entry = &namer->map[namer->map_count];
        *entry = (struct map_entry){trim(pair), trim(colon + 1)};
        const char *bad = !topic_name_legal(entry->from) ? entry->from
                          : !topic_name_legal(entry->to) ? entry->to
                                                         : NULL;
        if (bad) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.map: '%.*s' is no name of a topic; expected letters, digits "
                               "and '. _ -', at most %d",
                               SHOWN, bad, TOPIC_NAME_BYTES_MAX);
                return ERR_INVALID;
        }
        if (never_a_mirror(entry->to)) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.map: '%.*s' is the name of an internal topic", SHOWN, entry->to);
                return ERR_INVALID;
        }
        for (size_t i = 0; i < namer->map_count; i++)
                if (strcmp(namer->map[i].from, entry->from) == 0) {
                        (void)snprintf(err, TOPIC_NAME_ERROR_MAX, "topic.map: '%.*s' is named twice",
                                       SHOWN, entry->from);
                        return ERR_INVALID;
                }
        namer->map_count++;
        return 0;
}

static int read_map(struct topic_namer *namer, const char *map, char *err) {
        size_t pairs = 1;
        for (const char *c = map; *c; c++) pairs += *c == ',';
        if (strlen(map) > TOPIC_MAP_BYTES_MAX) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX, "topic.map: is longer than %d bytes",
                               TOPIC_MAP_BYTES_MAX);
                return ERR_TOO_BIG;
        }
        namer->map_text = strdup(map); /* the entries point into it */
        namer->map = calloc(pairs, sizeof *namer->map);
        if (!namer->map_text || !namer->map) return ERR_NOMEM;
        char *rest = namer->map_text, *pair;
        while ((pair = strsep(&rest, ","))) {
                pair = trim(pair);
                if (!*pair) continue;
                int rc = map_add(namer, pair, err);
                if (rc) return rc;
        }
        if (namer->map_count) return 0;
        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                       "topic.map: topic.naming = map needs 'from:to, from:to'");
        return ERR_INVALID;
}

/* ---- the regular expression ---- */

/* One piece of a replacement at *at, which moves behind it: a literal (>= 0
 * bytes at *out_text) or a group (out_group >= 0).  false: not Java's. */
static bool piece(const struct topic_namer *namer, const char **at, const char **out_text,
                  size_t *out_bytes, int *out_group) {
        const char *s = *at;
        uint32_t groups = 0;
        (void)pcre2_pattern_info(namer->regex, PCRE2_INFO_CAPTURECOUNT, &groups); /* cannot fail */
        *out_group = -1;
        if (*s != '$') {
                *out_text = s;
                *out_bytes = strcspn(s, "$");
                *at = s + *out_bytes;
                return true;
        }
        if (s[1] >= '0' && s[1] <= '9') { /* more digits as long as there is such a group */
                uint32_t group = (uint32_t)(s[1] - '0');
                if (group > groups) return false;
                for (s += 2; *s >= '0' && *s <= '9'; s++) {
                        uint32_t more = group * 10 + (uint32_t)(*s - '0');
                        if (more > groups) break;
                        group = more;
                }
                *out_group = (int)group;
                *at = s;
                return true;
        }
        const char *end = s[1] == '{' ? strchr(s, '}') : NULL;
        char name[64];
        if (!end || end - s - 2 < 1 || (size_t)(end - s - 2) >= sizeof name) return false;
        memcpy(name, s + 2, (size_t)(end - s - 2));
        name[end - s - 2] = '\0';
        *out_group = pcre2_substring_number_from_name(namer->regex, (PCRE2_SPTR)name);
        *at = end + 1;
        return *out_group > 0;
}

static int read_regex(struct topic_namer *namer, const char *regex, const char *replacement,
                      char *err) {
        int number;
        size_t offset;
        const char *why = topic_rule_java_difference(regex);
        if (!*regex || why || strlen(regex) > TOPIC_MAP_BYTES_MAX) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX, "topic.rename.regex: %s",
                               why      ? why
                               : *regex ? "is too long"
                                        : "topic.naming = regex needs an expression");
                return ERR_INVALID;
        }
        namer->regex = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                                     PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C,
                                     &number, &offset, NULL);
        if (!namer->regex) {
                PCRE2_UCHAR text[128] = "";
                (void)pcre2_get_error_message(number, text, sizeof text); /* cut when too long */
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.rename.regex: '%.*s': %s at character %zu", SHOWN, regex,
                               (char *)text, offset + 1);
                return number == PCRE2_ERROR_HEAP_FAILED ? ERR_NOMEM : ERR_INVALID;
        }
        namer->data = pcre2_match_data_create_from_pattern(namer->regex, NULL);
        namer->limits = pcre2_match_context_create(NULL);
        namer->regex_text = strdup(regex);
        namer->replacement = strdup(replacement);
        if (!namer->data || !namer->limits || !namer->regex_text || !namer->replacement)
                return ERR_NOMEM;
        (void)pcre2_set_match_limit(namer->limits, STEPS_MAX); /* always 0 */
        (void)pcre2_set_depth_limit(namer->limits, DEPTH_MAX); /* always 0 */
        const char *at = replacement, *text = NULL;
        while (*at) {
                size_t bytes = 0;
                int group;
                const char *from = at;
                if (!piece(namer, &at, &text, &bytes, &group)) {
                        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                                       "topic.rename.replacement: '%.*s': expected a group of "
                                       "topic.rename.regex, such as $1 or ${name}",
                                       SHOWN, from);
                        return ERR_INVALID;
                }
                for (size_t i = 0; group < 0 && i < bytes; i++)
                        if (!legal_char(text[i])) {
                                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                                               "topic.rename.replacement: '%.*s': a topic's name has "
                                               "letters, digits and '. _ -' only",
                                               SHOWN, from);
                                return ERR_INVALID;
                        }
        }
        if (*replacement) return 0;
        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                       "topic.rename.replacement: topic.naming = regex needs a new name, such as $1-dr");
        return ERR_INVALID;
}

/* ---- making it ---- */

static const char *text_of(const char *text) { return text ? text : ""; }

static int read_prefix(struct topic_namer *namer, const struct topic_naming *naming, char *err) {
        const char *separator = text_of(naming->separator);
        if (!*separator) separator = ".";
        for (const char *c = separator; *c; c++)
                if (!legal_char(*c)) {
                        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                                       "replication.policy.separator: expected letters, digits and "
                                       "'. _ -', not '%.*s'",
                                       SHOWN, separator);
                        return ERR_INVALID;
                }
        namer->source = strdup(text_of(naming->source));
        namer->destination = strdup(text_of(naming->destination));
        namer->separator = strdup(separator);
        return namer->source && namer->destination && namer->separator ? 0 : ERR_NOMEM;
}

int topic_namer_new(const struct topic_naming *naming, struct topic_namer **out,
                    char err[static TOPIC_NAME_ERROR_MAX]) {
        static const char *const words[] = {"identity", "prefix", "map", "regex"};
        const char *word = text_of(naming->naming);
        size_t kind = 0;
        int rc = 0;

        err[0] = '\0';
        while (*word && kind < sizeof words / sizeof *words && strcmp(words[kind], word) != 0) kind++;
        if (kind == sizeof words / sizeof *words) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.naming: expected identity, prefix, map or regex, not '%.*s'",
                               SHOWN, word);
                return ERR_INVALID;
        }
        struct topic_namer *namer = calloc(1, sizeof *namer);
        if (!namer) return ERR_NOMEM;
        namer->kind = (enum kind)kind;
        if (namer->kind == PREFIX) rc = read_prefix(namer, naming, err);
        if (namer->kind == MAP) rc = read_map(namer, text_of(naming->map), err);
        if (namer->kind == REGEX)
                rc = read_regex(namer, text_of(naming->regex), text_of(naming->replacement), err);
        if (rc) {
                if (!*err) (void)snprintf(err, TOPIC_NAME_ERROR_MAX, "%s", err_text(rc));
                topic_namer_free(namer);
                return rc;
        }
        *out = namer;
        return 0;
}

void topic_namer_free(struct topic_namer *namer) {
        if (!namer) return;
        pcre2_code_free(namer->regex);
        pcre2_match_data_free(namer->data);
        pcre2_match_context_free(namer->limits);
        free(namer->source);
        free(namer->destination);
        free(namer->separator);
        free(namer->map_text);
        free(namer->map);
        free(namer->regex_text);
        free(namer->replacement);
        free(namer);
}

/* ---- forth ---- */

static int too_long(const char *topic, size_t bytes, char *out, char *err) {
        out[0] = '\0';
        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                       "the destination's name of '%.*s' has %zu bytes, Kafka allows %d", SHOWN, topic,
                       bytes, TOPIC_NAME_BYTES_MAX);
        return ERR_TOO_BIG;
}

static int rename_by_regex(struct topic_namer *namer, const char *topic, char *out, char *err) {
        int rc = pcre2_match(namer->regex, (PCRE2_SPTR)topic, strlen(topic), 0, 0, namer->data,
                             namer->limits);
        if (rc == PCRE2_ERROR_NOMATCH) {
                memcpy(out, topic, strlen(topic) + 1);
                return 0;
        }
        if (rc < 0) {
                (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                               "topic.rename.regex needs too many steps for '%.*s'", SHOWN, topic);
                return ERR_TOO_MANY;
        }
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(namer->data);
        size_t used = 0;
        for (const char *at = namer->replacement; *at;) {
                const char *text = topic;
                size_t bytes = 0;
                int group;
                (void)piece(namer, &at, &text, &bytes, &group); /* checked when it was read */
                if (group >= 0) { /* one that took no part is empty */
                        bool set = group < rc && ends[2 * group] != PCRE2_UNSET;
                        text = set ? topic + ends[2 * group] : topic;
                        bytes = set ? ends[2 * group + 1] - ends[2 * group] : 0;
                }
                if (used + bytes <= TOPIC_NAME_BYTES_MAX) memcpy(out + used, text, bytes);
                used += bytes;
        }
        if (used > TOPIC_NAME_BYTES_MAX) return too_long(topic, used, out, err);
        out[used] = '\0';
        return 0;
}

static int rename_topic(struct topic_namer *namer, const char *topic, char *out, char *err) {
        switch (namer->kind) {
        case PREFIX: {
                size_t bytes = strlen(namer->source) + strlen(namer->separator) + strlen(topic);
                if (bytes > TOPIC_NAME_BYTES_MAX) return too_long(topic, bytes, out, err);
                (void)snprintf(out, TOPIC_NAME_SIZE, "%s%s%s", namer->source, namer->separator, topic);
                return 0;
        }
        case MAP:
                for (size_t i = 0; i < namer->map_count; i++)
                        if (strcmp(namer->map[i].from, topic) == 0) {
                                topic = namer->map[i].to;
                                break; /* a name that was given is not looked up */
                        }
                break;
        case REGEX:
                return rename_by_regex(namer, topic, out, err);
        case IDENTITY:
                break;
        }
        memcpy(out, topic, strlen(topic) + 1);
        return 0;
}

int topic_name_destination(struct topic_namer *namer, const char *topic,
                           char out[static TOPIC_NAME_SIZE], char err[static TOPIC_NAME_ERROR_MAX]) {
        out[0] = err[0] = '\0';
        if (strlen(topic) > TOPIC_NAME_BYTES_MAX) return too_long(topic, strlen(topic), out, err);
        int rc = rename_topic(namer, topic, out, err);
        if (rc || (topic_name_legal(out) && !never_a_mirror(out))) return rc;
        (void)snprintf(err, TOPIC_NAME_ERROR_MAX,
                       "the destination's name of '%.*s' would be '%.*s', which is %s", SHOWN / 2, topic,
                       SHOWN / 2, out,
                       topic_name_legal(out) ? "an internal topic's" : "no name that Kafka allows");
        out[0] = '\0';
        return ERR_INVALID;
}

/* ---- back ---- */

/* What follows the prefix, or NULL. */
static const char *behind_prefix(const char *topic, const char *alias, const char *separator) {
        size_t n = strlen(alias), m = strlen(separator);
        if (strncmp(topic, alias, n) != 0 || strncmp(topic + n, separator, m) != 0) return NULL;
        return topic[n + m] ? topic + n + m : NULL;
}

enum topic_name_origin topic_name_source(const struct topic_namer *namer, const char *topic,
                                         char out[static TOPIC_NAME_SIZE]) {
        const char *source = NULL;
        size_t sources = 0;

        out[0] = '\0';
        if (!topic_name_legal(topic) || never_a_mirror(topic)) return TOPIC_NAME_FOREIGN;
        switch (namer->kind) {
        case IDENTITY:
                source = topic;
                sources = 1;
                break;
        case PREFIX:
                source = behind_prefix(topic, namer->source, namer->separator);
                sources = source && topic_name_legal(source) && !topic_name_is_cycle(namer, source);
                break;
        case MAP: {
                bool moved = false; /* the topic of this name at the source goes elsewhere */
                for (size_t i = 0; i < namer->map_count; i++) {
                        moved |= strcmp(namer->map[i].from, topic) == 0;
                        if (strcmp(namer->map[i].to, topic) != 0) continue;
                        source = namer->map[i].from;
                        sources++;
                }
                if (moved) break;
                if (!sources) source = topic;
                sources++;
                break;
        }
        case REGEX:
                return TOPIC_NAME_UNDECIDED;
        }
        if (sources > 1) return TOPIC_NAME_UNDECIDED;
        if (!sources) return TOPIC_NAME_FOREIGN;
        memcpy(out, source, strlen(source) + 1);
        return TOPIC_NAME_OURS;
}

bool topic_name_merges(const struct topic_namer *namer, const char **out_first, const char **out_second) {
        for (size_t i = 0; i < namer->map_count; i++)
                for (size_t k = 0; k < i; k++) {
                        if (strcmp(namer->map[i].to, namer->map[k].to) != 0) continue;
                        *out_first = namer->map[k].from;
                        *out_second = namer->map[i].from;
                        return true;
                }
        return false;
}

bool topic_name_is_cycle(const struct topic_namer *namer, const char *topic) {
        if (namer->kind != PREFIX) return false;
        while (topic) {
                if (behind_prefix(topic, namer->destination, namer->separator)) return true;
                topic = strstr(topic, namer->separator);
                if (topic) topic += strlen(namer->separator);
        }
        return false;
}
