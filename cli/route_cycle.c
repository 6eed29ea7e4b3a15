/* Paths without a repeated alias are walked from each alias, up to a bound of
 * steps: aliases are few. */
#include "cli/route_cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/topic_rules.h"

#define STEPS_MAX 1000000
#define PATH_MAX_ROUTES 16
#define BEGINNING_MAX 250
#define ANY '\1' /* one character, whichever */

/* ---- rules that cannot meet ---- */

/* One alternative of a rule: what each match begins with. */
struct beginning {
        char text[BEGINNING_MAX];
        size_t length;
        bool whole;   /* there is nothing behind it */
        bool literal; /* whole, and without ANY */
};

/* Reads the alternative at *at, which moves behind its ',' or '|'; false: no more. */
static bool next_beginning(const char **at, struct beginning *out) {
        const char *s = *at;
        bool certain = true;
        int depth = 0;
        bool in_class = false;

        if (!*s) return false;
        *out = (struct beginning){.whole = true, .literal = true};
        while (*s == ' ' || *s == '\t') s++;
        if (*s == '^') s++;
        for (; *s && (depth || in_class || (*s != ',' && *s != '|')); s++) {
                char c = *s;
                bool one = false; /* c stands for one character (or ANY) */
                if (c == '\\' && s[1]) {
                        c = *++s;
                        /* \. \- and such are literal, \d \w and such are not */
                        one = !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
                        if (in_class) continue;
                } else if (in_class) {
                        in_class = c != ']';
                        continue;
                } else if (c == '[') {
                        in_class = true;
                        if (s[1] == '^') s++;
                        if (s[1] == ']') s++;
                } else if (c == '(') {
                        depth++;
                } else if (c == ')') {
                        depth--;
                } else if (c == ' ' || c == '\t') {
                        continue; /* before the next ',', or no name's character */
                } else if (!strchr("*+?{}$", c)) {
                        one = true;
                        if (c == '.') c = ANY;
                }
                if (!one) out->whole = certain = false;
                if (!certain) continue;
                char next = s[1];
                if (out->length + 1 >= sizeof out->text || next == '*' || next == '?' || next == '{') {
                        out->whole = certain = false;
                        continue;
                }
                out->text[out->length++] = c;
                if (c == ANY) out->literal = false;
        }
        out->literal &= out->whole;
        *at = *s ? s + 1 : s;
        return true;
}

static bool apart(const struct beginning *a, const struct beginning *b) {
        size_t n = a->length < b->length ? a->length : b->length;
        for (size_t i = 0; i < n; i++)
                if (a->text[i] != b->text[i] && a->text[i] != ANY && b->text[i] != ANY) return true;
        return (a->whole && a->length < b->length) || (b->whole && b->length < a->length);
}

static bool mirrors(const Heliostat__Pb__Route *route, const char *topic) {
        struct topic_rules *rules;
        char err[256];
        if (topic_rules_new(route->topics, route->topics_exclude, &rules, err, sizeof err)) return true;
        int match = topic_rules_match(rules, topic);
        topic_rules_free(rules);
        return match != 0;
}

bool route_rules_disjoint(const Heliostat__Pb__Route *a, const Heliostat__Pb__Route *b) {
        struct beginning x, y;
        const char *at = a->topics;
        while (next_beginning(&at, &x)) {
                if (x.whole && x.length == 0) continue; /* "a,,b" */
                const char *other = b->topics;
                while (next_beginning(&other, &y)) {
                        if ((y.whole && y.length == 0) || apart(&x, &y)) continue;
                        /* A whole name can be tried. */
                        const char *name = x.literal ? x.text : y.literal ? y.text : NULL;
                        if (!name || (mirrors(a, name) && mirrors(b, name))) return false;
                }
        }
        return true;
}

/* ---- cycles ---- */

struct search {
        const Heliostat__Pb__Route *const *routes;
        const bool *must_have;
        size_t count;
        size_t path[PATH_MAX_ROUTES], length;
        size_t steps;
        const char *start;
};

static const char *naming(const Heliostat__Pb__Route *route) {
        return *route->topic_naming ? route->topic_naming : "identity";
}

static bool all(const struct search *s, bool (*is)(const Heliostat__Pb__Route *route)) {
        for (size_t i = 0; i < s->length; i++)
                if (!is(s->routes[s->path[i]])) return false;
        return true;
}
static bool has_prefix(const Heliostat__Pb__Route *route) { return strcmp(naming(route), "prefix") == 0; }
static bool has_header(const Heliostat__Pb__Route *route) { return strcmp(route->provenance, "header") == 0; }
static bool keeps_names(const Heliostat__Pb__Route *route) { return strcmp(naming(route), "identity") == 0; }

static bool same_separator(const struct search *s) {
        for (size_t i = 1; i < s->length; i++)
                if (strcmp(s->routes[s->path[0]]->replication_policy_separator,
                           s->routes[s->path[i]]->replication_policy_separator) != 0)
                        return false;
        return true;
}

/* The path is closed: does anything stop a record? */
static bool goes_round(const struct search *s) {
        bool marked = false;
        for (size_t i = 0; i < s->length; i++) marked |= s->must_have[s->path[i]];
        if (!marked) return false;
        if (all(s, has_header) || (all(s, has_prefix) && same_separator(s))) return false;
        if (!all(s, keeps_names)) return true;
        for (size_t i = 0; i < s->length; i++)
                for (size_t k = i + 1; k < s->length; k++)
                        if (route_rules_disjoint(s->routes[s->path[i]], s->routes[s->path[k]])) return false;
        return true;
}

static bool on_path(const struct search *s, const char *alias) {
        for (size_t i = 0; i < s->length; i++)
                if (strcmp(s->routes[s->path[i]]->source, alias) == 0) return true;
        return false;
}

/* From alias, with the path so far. */
static bool walk(struct search *s, const char *alias) {
        for (size_t i = 0; i < s->count; i++) {
                const Heliostat__Pb__Route *route = s->routes[i];
                if (!route->enabled || strcmp(route->source, alias) != 0) continue;
                if (s->length == PATH_MAX_ROUTES || ++s->steps > STEPS_MAX) return false;
                s->path[s->length++] = i;
                bool closed = strcmp(route->destination, s->start) == 0;
                if (closed ? goes_round(s)
                           : !on_path(s, route->destination) && walk(s, route->destination))
                        return true;
                s->length--;
        }
        return false;
}

bool route_cycle_find(const Heliostat__Pb__Route *const *routes, const bool *must_have, size_t count,
                      char *out, size_t out_size) {
        struct search s = {.routes = routes, .must_have = must_have, .count = count};
        for (size_t i = 0; i < count; i++) {
                s.start = routes[i]->source;
                s.length = 0;
                if (!walk(&s, s.start)) continue;
                size_t n = 0;
                out[0] = '\0';
                for (size_t k = 0; k < s.length && n < out_size; k++)
                        n += (size_t)snprintf(out + n, out_size - n, "%s%s", k ? ", " : "",
                                              routes[s.path[k]]->name);
                return true;
        }
        return false;
}
