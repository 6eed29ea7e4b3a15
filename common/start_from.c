/* A value is a kind and perhaps what holds where it knows nothing.  Names of
 * groups and files may hold commas, so the last comma counts, and only where
 * one of the four words follows. */
#include "common/start_from.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/topic_rules.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SHOWN 100

static const struct {
        const char *word;
        bool takes_name;      /* ":NAME" follows */
        bool name_needed;
        bool otherwise;       /* may stand behind the comma */
} kinds[] = {
        [START_FROM_EARLIEST] = {"earliest", false, false, true},
        [START_FROM_LATEST] = {"latest", false, false, true},
        [START_FROM_TIMESTAMP] = {"timestamp", true, true, true},
        [START_FROM_OFFSETS] = {"offsets", true, true, false},
        [START_FROM_GROUP] = {"group", true, true, false},
        [START_FROM_MM2] = {"mm2", true, false, false},
        [START_FROM_HALT] = {"halt", false, false, true},
};
#define EXPECTED "expected earliest, latest, timestamp:TIME, offsets:FILE, group:NAME, mm2 or mm2:ALIAS"

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* The kind that a text of n bytes names, and its name (NULL: none).  -1: none. */
static int kind_of(const char *text, size_t n, const char **out_name, size_t *out_name_bytes) {
        for (size_t i = 0; i < COUNT(kinds); i++) {
                size_t word = strlen(kinds[i].word);
                if (n < word || memcmp(text, kinds[i].word, word) != 0) continue;
                *out_name = NULL;
                *out_name_bytes = 0;
                if (n == word) return (int)i;
                if (text[word] != ':' || !kinds[i].takes_name) continue;
                *out_name = text + word + 1;
                *out_name_bytes = n - word - 1;
                return (int)i;
        }
        return -1;
}

/* ---- times -------------------------------------------------------------- */

static bool digits(const char **at, int count, int64_t *out) {
        int64_t number = 0;
        for (int i = 0; i < count; i++) {
                char c = (*at)[i];
                if (c < '0' || c > '9') return false;
                number = number * 10 + (c - '0');
        }
        *at += count;
        *out = number;
        return true;
}

static bool skip(const char **at, char c) {
        if (**at != c) return false;
        ++*at;
        return true;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days(int64_t year, int64_t month, int64_t day) {
        int64_t y = month > 2 ? year : year - 1, shifted = (month + 9) % 12; /* March is 0 */
        return 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

static int64_t days_in(int64_t year, int64_t month) {
        return days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - days(year, month, 1);
}

static bool fraction(const char **at, int64_t *out_ms) {
        int64_t ms = 0, digit;
        int count = 0;
        *out_ms = 0;
        if (!skip(at, '.')) return true;
        for (; digits(at, 1, &digit); count++)
                if (count < 3) ms = ms * 10 + digit;
        for (int i = count; i < 3; i++) ms *= 10;
        *out_ms = ms;
        return count > 0;
}

int start_time_parse(const char *text, int64_t *out_ms, char *why, size_t why_size) {
        const char *at = text;
        int64_t year, month, day, hour, minute, second, ms, zone_hour = 0, zone_minute = 0, sign = 1;
        bool shape = digits(&at, 4, &year) && skip(&at, '-') && digits(&at, 2, &month) && skip(&at, '-') &&
                     digits(&at, 2, &day) && (skip(&at, 'T') || skip(&at, 't')) && digits(&at, 2, &hour) &&
                     skip(&at, ':') && digits(&at, 2, &minute) && skip(&at, ':') && digits(&at, 2, &second) &&
                     fraction(&at, &ms);
        if (shape && !*at) {
                (void)snprintf(why, why_size, "'%.*s' does not say of which zone it is: write %.40sZ for UTC, or an "
                                              "offset such as +01:00", SHOWN, text, text);
                return ERR_INVALID;
        }
        if (shape && !skip(&at, 'Z') && !skip(&at, 'z')) {
                sign = *at == '-' ? -1 : 1;
                shape = (skip(&at, '+') || skip(&at, '-')) && digits(&at, 2, &zone_hour) &&
                        (skip(&at, ':') || *at) && digits(&at, 2, &zone_minute);
        }
        if (!shape || *at) {
                (void)snprintf(why, why_size, "expected a time such as 2026-01-31T13:45:00Z or "
                                              "2026-01-31T14:45:00+01:00, not '%.*s'", SHOWN, text);
                return ERR_INVALID;
        }
        if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
            minute > 59 || second > 59 || zone_hour > 18 || zone_minute > 59) {
                (void)snprintf(why, why_size, "'%.*s' is no time from 1970 on", SHOWN, text);
                return ERR_INVALID;
        }
        int64_t seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second -
                          sign * (zone_hour * 60 + zone_minute) * 60;
        if (seconds < 0) {
                (void)snprintf(why, why_size, "'%.*s' is no time from 1970 on", SHOWN, text);
                return ERR_INVALID;
        }
        *out_ms = seconds * 1000 + ms;
        return 0;
}

/* ---- one value ---------------------------------------------------------- */

static int unexpected(const char *text, char *why, size_t why_size) {
        (void)snprintf(why, why_size, EXPECTED ", not '%.*s'", SHOWN, text);
        return ERR_INVALID;
}

static int take_time(struct start_from *from, const char *name, size_t bytes, char *why, size_t why_size) {
        char time[64];
        (void)snprintf(time, sizeof time, "%.*s", (int)(bytes < sizeof time ? bytes : sizeof time - 1), name);
        return start_time_parse(time, &from->timestamp_ms, why, why_size);
}

int start_from_parse(const char *text, struct start_from *out, char *why, size_t why_size) {
        struct start_from from = {.otherwise = START_FROM_HALT};
        const char *begin = text, *end = text + strlen(text), *name, *behind;
        size_t bytes;
        int rc = 0;

        if (end - begin > START_FROM_BYTES_MAX) {
                (void)snprintf(why, why_size, "is longer than %d bytes", START_FROM_BYTES_MAX);
                return ERR_INVALID;
        }
        while (blank(*begin)) begin++;
        while (end > begin && blank(end[-1])) end--;
        for (const char *comma = end; comma > begin; comma--) {
                if (*comma != ',') continue;
                behind = comma + 1;
                while (behind < end && blank(*behind)) behind++;
                int kind = kind_of(behind, (size_t)(end - behind), &name, &bytes);
                if (kind < 0 || !kinds[kind].otherwise) break; /* part of a name */
                from.otherwise = (enum start_kind)kind;
                if (kind == START_FROM_TIMESTAMP) rc = take_time(&from, name ? name : "", bytes, why, why_size);
                if (rc) return rc;
                for (end = comma; end > begin && blank(end[-1]);) end--;
                if (!start_from_looks_up(&(struct start_from){
                            .kind = (enum start_kind)kind_of(begin, (size_t)(end - begin), &name, &bytes)})) {
                        (void)snprintf(why, why_size, "',%.*s' may only follow offsets:FILE, group:NAME or mm2",
                                       SHOWN, behind);
                        return ERR_INVALID;
                }
                break;
        }
        int kind = kind_of(begin, (size_t)(end - begin), &name, &bytes);
        if (kind < 0 || kind == START_FROM_HALT) return unexpected(text, why, why_size);
        if ((kinds[kind].name_needed && !bytes) || (name && !bytes)) {
                (void)snprintf(why, why_size, "'%s:' is followed by nothing; " EXPECTED, kinds[kind].word);
                return ERR_INVALID;
        }
        from.kind = (enum start_kind)kind;
        if (kind == START_FROM_TIMESTAMP) {
                rc = take_time(&from, name, bytes, why, why_size);
                if (rc) return rc;
        } else if (name) {
                if (bytes >= sizeof from.name) {
                        (void)snprintf(why, why_size, "the name behind '%s:' is longer than %zu bytes",
                                       kinds[kind].word, sizeof from.name - 1);
                        return ERR_INVALID;
                }
                memcpy(from.name, name, bytes);
        }
        *out = from;
        return 0;
}

bool start_from_looks_up(const struct start_from *from) {
        return from->kind == START_FROM_OFFSETS || from->kind == START_FROM_GROUP || from->kind == START_FROM_MM2;
}

struct start_from start_from_for(const struct start_from *from, bool existed) {
        struct start_from it = *from;
        if (existed) return it;
        if (start_from_looks_up(&it)) it.otherwise = START_FROM_EARLIEST;
        else it.kind = START_FROM_EARLIEST;
        return it;
}

const char *start_from_text(const struct start_from *from, char *buf, size_t size) {
        bool named = *from->name && kinds[from->kind].takes_name;
        (void)snprintf(buf, size, "%s%s%s", kinds[from->kind].word, named ? " " : "", named ? from->name : "");
        return buf;
}

/* ---- rules -------------------------------------------------------------- */

struct rule {
        struct topic_rules *topics;
        struct start_from from;
};

struct given {
        char *file, *topic;
        int32_t partition;
        int64_t offset;
};

struct start_rules {
        atomic_uint references;
        pthread_mutex_t lock; /* matching is not for two threads at once */
        struct start_from from;
        struct rule *rules;
        size_t count;
        struct given *given;
        size_t given_count, given_room;
        bool given_sorted;
};

/* The '=' that ends the expression: the first with a value behind it, since an
 * expression may hold one too. */
static const char *split(const char *entry, const char *end) {
        const char *name;
        size_t bytes;
        for (const char *at = entry; at < end; at++) {
                if (*at != '=') continue;
                const char *value = at + 1;
                while (value < end && blank(*value)) value++;
                size_t word = 0;
                while (value + word < end && value[word] != ':' && value[word] != ',' && !blank(value[word])) word++;
                if (kind_of(value, word, &name, &bytes) >= 0) return at;
        }
        return NULL;
}

static int add_rule(struct start_rules *rules, const char *entry, const char *end, char *why, size_t why_size) {
        const char *equal = split(entry, end);
        char text[256];
        if (!equal) {
                (void)snprintf(why, why_size, "expected 'REGEX=VALUE; REGEX=VALUE' with values as of start.from, not "
                                              "'%.*s'", (int)(end - entry < SHOWN ? end - entry : SHOWN), entry);
                return ERR_INVALID;
        }
        char *topics = strndup(entry, (size_t)(equal - entry)), *value = strndup(equal + 1, (size_t)(end - equal - 1));
        struct rule *more = reallocarray(rules->rules, rules->count + 1, sizeof *more);
        int rc = topics && value && more ? 0 : ERR_NOMEM;
        if (more) rules->rules = more;
        struct rule rule = {0};
        if (!rc) rc = start_from_parse(value, &rule.from, why, why_size);
        if (!rc && strspn(topics, " \t") == strlen(topics)) {
                (void)snprintf(why, why_size, "a regular expression is missing in front of '=%.*s'", SHOWN, value);
                rc = ERR_INVALID;
        }
        if (!rc) {
                rc = topic_rules_new(topics, "", &rule.topics, text, sizeof text);
                if (rc && rc != ERR_NOMEM) {
                        (void)snprintf(why, why_size, "invalid regular expression: %s", text);
                        rc = ERR_INVALID;
                }
        }
        if (!rc) rules->rules[rules->count++] = rule;
        free(topics);
        free(value);
        return rc;
}

int start_rules_new(const char *from, const char *topics, struct start_rules **out, char *why, size_t why_size) {
        struct start_rules *rules = calloc(1, sizeof *rules);
        int rc = 0;
        if (!rules) return ERR_NOMEM;
        atomic_init(&rules->references, 1);
        (void)pthread_mutex_init(&rules->lock, NULL); /* a default mutex: cannot fail */
        if (!from || !*from) from = "earliest";
        if (!topics) topics = "";
        rc = start_from_parse(from, &rules->from, why, why_size);
        if (!rc && strlen(topics) > START_TOPICS_BYTES_MAX) {
                (void)snprintf(why, why_size, "is longer than %d bytes", START_TOPICS_BYTES_MAX);
                rc = ERR_INVALID;
        }
        while (!rc && *topics) {
                const char *end = topics + strcspn(topics, ";"), *next = *end ? end + 1 : end;
                while (topics < end && blank(*topics)) topics++;
                if (topics < end) rc = add_rule(rules, topics, end, why, why_size);
                topics = next;
        }
        if (rc) start_rules_unref(rules);
        else *out = rules;
        return rc;
}

struct start_rules *start_rules_ref(struct start_rules *rules) {
        if (rules) atomic_fetch_add(&rules->references, 1);
        return rules;
}

void start_rules_unref(struct start_rules *rules) {
        if (!rules || atomic_fetch_sub(&rules->references, 1) > 1) return;
        for (size_t i = 0; i < rules->count; i++) topic_rules_free(rules->rules[i].topics);
        for (size_t i = 0; i < rules->given_count; i++) {
                free(rules->given[i].file);
                free(rules->given[i].topic);
        }
        (void)pthread_mutex_destroy(&rules->lock); /* nobody holds it */
        free(rules->rules);
        free(rules->given);
        free(rules);
}

int start_rules_find(struct start_rules *rules, const char *topic, const struct start_from **out) {
        int match = 0;
        (void)pthread_mutex_lock(&rules->lock); /* a default mutex: cannot fail */
        for (size_t i = 0; i < rules->count && match == 0; i++) {
                match = topic_rules_match(rules->rules[i].topics, topic);
                if (match == TOPIC_RULES_MATCH) *out = &rules->rules[i].from;
        }
        (void)pthread_mutex_unlock(&rules->lock);
        if (match < 0) return match;
        if (match == 0) *out = &rules->from;
        return 0;
}

static const struct start_from *value_at(const struct start_rules *rules, size_t i) {
        return i == 0 ? &rules->from : &rules->rules[i - 1].from;
}

const char *start_rules_file(const struct start_rules *rules, size_t index) {
        for (size_t i = 0, seen = 0; i <= rules->count; i++) {
                const struct start_from *from = value_at(rules, i);
                bool before = false;
                if (from->kind != START_FROM_OFFSETS) continue;
                for (size_t k = 0; k < i; k++)
                        before |= value_at(rules, k)->kind == START_FROM_OFFSETS &&
                                  strcmp(value_at(rules, k)->name, from->name) == 0;
                if (before) continue;
                if (seen++ == index) return from->name;
        }
        return NULL;
}

int start_rules_give(struct start_rules *rules, const char *file, const char *topic, int32_t partition, int64_t offset) {
        if (rules->given_count == rules->given_room) {
                size_t room = rules->given_room ? 2 * rules->given_room : 64;
                struct given *more = reallocarray(rules->given, room, sizeof *more);
                if (!more) return ERR_NOMEM;
                rules->given = more;
                rules->given_room = room;
        }
        struct given *given = &rules->given[rules->given_count];
        *given = (struct given){strdup(file), strdup(topic), partition, offset};
        if (!given->file || !given->topic) {
                free(given->file);
                free(given->topic);
                return ERR_NOMEM;
        }
        rules->given_count++;
        rules->given_sorted = false;
        return 0;
}

static int by_partition(const void *a, const void *b) {
        const struct given *x = a, *y = b;
        int order = strcmp(x->file, y->file);
        if (!order) order = strcmp(x->topic, y->topic);
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

int64_t start_rules_offset(struct start_rules *rules, const char *file, const char *topic, int32_t partition) {
        struct given key = {(char *)file, (char *)topic, partition, 0};
        if (!rules->given_count) return -1;
        (void)pthread_mutex_lock(&rules->lock); /* as above */
        if (!rules->given_sorted) qsort(rules->given, rules->given_count, sizeof *rules->given, by_partition);
        rules->given_sorted = true;
        const struct given *found = bsearch(&key, rules->given, rules->given_count, sizeof key, by_partition);
        (void)pthread_mutex_unlock(&rules->lock);
        return found ? found->offset : -1;
}
