#include "common/pause.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/topic_rules.h"

const char *pause_topic_rule(char *buf, const char *topic) {
        size_t at = 0;
        for (; *topic && at + 3 < PAUSE_TEXT_MAX; topic++) { /* of a topic's name, only the dot means something else */
                if (*topic == '.') buf[at++] = '\\';
                buf[at++] = *topic;
        }
        buf[at] = '\0';
        return buf;
}

static bool same_scope(const Heliostat__Pb__PauseRule *a, const Heliostat__Pb__PauseRule *b) {
        return strcmp(a->topics, b->topics) == 0 && a->one == b->one && (!a->one || a->partition == b->partition);
}

/* Everything that `inner` may match, `outer` matches too, as far as can be said without matching. */
static bool covers(const Heliostat__Pb__PauseRule *outer, const Heliostat__Pb__PauseRule *inner) {
        if (outer->one && !(inner->one && inner->partition == outer->partition)) return false;
        return !*outer->topics || strcmp(outer->topics, inner->topics) == 0;
}

void pause_list_free(Heliostat__Pb__PauseRule **rules, size_t count) {
        for (size_t i = 0; rules && i < count; i++) {
                if (!rules[i]) continue;
                free(rules[i]->topics);
                free(rules[i]);
        }
        free(rules);
}

static Heliostat__Pb__PauseRule *rule_copy(const Heliostat__Pb__PauseRule *rule) {
        Heliostat__Pb__PauseRule *copy = malloc(sizeof *copy);
        if (!copy) return NULL;
        *copy = *rule;
        if ((copy->topics = strdup(rule->topics))) return copy;
        free(copy);
        return NULL;
}

bool pause_lists_equal(Heliostat__Pb__PauseRule *const *a, size_t a_count, Heliostat__Pb__PauseRule *const *b, size_t b_count) {
        if (a_count != b_count) return false;
        for (size_t i = 0; i < a_count; i++)
                if (a[i]->resume != b[i]->resume || !same_scope(a[i], b[i])) return false;
        return true;
}

int pause_edit(Heliostat__Pb__PauseRule *const *rules, size_t count, const struct pause_request *request,
               Heliostat__Pb__PauseRule ***out, size_t *out_count) {
        Heliostat__Pb__PauseRule added = HELIOSTAT__PB__PAUSE_RULE__INIT;
        size_t n = 0;
        added.resume = request->resume;
        added.topics = (char *)(uintptr_t)request->topics;
        added.one = request->partition >= 0;
        added.partition = added.one ? (uint32_t)request->partition : 0;
        added.at_ms = request->now_ms;
        /* said last already: the time of the first saying is kept */
        if (count && rules[count - 1]->resume == added.resume && same_scope(rules[count - 1], &added)) return 0;
        Heliostat__Pb__PauseRule **list = calloc(count + 2, sizeof *list);
        if (!list) return ERR_NOMEM;
        for (size_t i = 0; i < count; i++) {
                if (covers(&added, rules[i])) continue; /* the last that matches counts */
                if (!n && rules[i]->resume) continue;   /* an exception from nothing */
                if (!(list[n] = rule_copy(rules[i]))) goto nomem;
                n++;
        }
        if (n || !added.resume) {
                if (!(list[n] = rule_copy(&added))) goto nomem;
                n++;
        }
        if (n > PAUSE_RULES_MAX) {
                pause_list_free(list, n);
                return ERR_TOO_MANY;
        }
        if (pause_lists_equal(rules, count, list, n)) {
                pause_list_free(list, n);
                return 0;
        }
        *out = list;
        *out_count = n;
        return PAUSE_CHANGED;
nomem:
        pause_list_free(list, n);
        return ERR_NOMEM;
}

const char *pause_rule_text(char *buf, const Heliostat__Pb__PauseRule *rule) {
        int n = snprintf(buf, PAUSE_TEXT_MAX + 64, "%s", *rule->topics ? rule->topics : rule->one ? "every topic" : "everything");
        if (rule->one && n > 0 && n < PAUSE_TEXT_MAX + 32)
                (void)snprintf(buf + n, (size_t)(PAUSE_TEXT_MAX + 64 - n), ", partition %u", rule->partition);
        return buf;
}

/* ---- compiled ---- */

struct compiled {
        bool resume, one, unreadable;
        uint32_t partition;
        struct topic_rules *topics; /* NULL: all */
};

struct pause_rules {
        size_t count;
        struct compiled items[];
};

struct pause_rules *pause_rules_new(Heliostat__Pb__PauseRule *const *rules, size_t count) {
        struct pause_rules *made = calloc(1, sizeof *made + count * sizeof made->items[0]);
        char err[256];
        if (!made) return NULL;
        for (size_t i = 0; i < count; i++) {
                struct compiled *c = &made->items[made->count++];
                *c = (struct compiled){.resume = rules[i]->resume, .one = rules[i]->one, .partition = rules[i]->partition};
                int rc = *rules[i]->topics ? topic_rules_new(rules[i]->topics, "", &c->topics, err, sizeof err) : 0;
                if (rc == ERR_NOMEM) {
                        pause_rules_free(made);
                        return NULL;
                }
                c->unreadable = rc != 0;
        }
        return made;
}

void pause_rules_free(struct pause_rules *rules) {
        for (size_t i = 0; rules && i < rules->count; i++) topic_rules_free(rules->items[i].topics);
        free(rules);
}

bool pause_rules_match(const struct pause_rules *rules, const char *topic, int64_t partition) {
        for (size_t i = rules ? rules->count : 0; i-- > 0;) {
                const struct compiled *c = &rules->items[i];
                if (c->one && c->partition != (uint64_t)partition) continue;
                if (c->unreadable && c->resume) continue;
                /* a name that needs more steps than the limit counts as matched by a pause */
                int rc = c->topics ? topic_rules_match(c->topics, topic) : TOPIC_RULES_MATCH;
                if (rc == TOPIC_RULES_MATCH || (rc && !c->resume)) return !c->resume;
        }
        return false;
}
