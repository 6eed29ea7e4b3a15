#include "common/config_parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/topic_name.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct config_route *)a)->name,
                      ((const struct config_route *)b)->name);
}

static const struct property *given_at(struct parser *p, const struct draft *draft,
                                       const char *name) {
        int i = setting_find(setting_route, SETTING_ROUTE_COUNT, name);
        return draft->given[i] ? draft->given[i] : p->common[i];
}

/* Settings that say nothing with the naming at hand are a mistake: the topics
 * would get other names than the operator has written down. */
static int check_naming(struct parser *p, const struct draft *draft,
                        const struct config_route *route) {
        static const char *const only[][2] = {
                {"topic.map", "map"},
                {"topic.rename.regex", "regex"},
                {"topic.rename.replacement", "regex"},
        };
        for (size_t i = 0; i < COUNT(only); i++) {
                const struct property *at = given_at(p, draft, only[i][0]);
                if (at && *at->value && at == draft->given[setting_find(setting_route, SETTING_ROUTE_COUNT,
                                                                        only[i][0])] &&
                    strcmp(route->topic_naming, only[i][1]) != 0)
                        return parser_fail(p, at, "has a meaning only with %s.topic.naming = %s", route->name,
                                    only[i][1]);
        }
        char why[TOPIC_NAME_ERROR_MAX];
        struct topic_namer *namer;
        struct topic_naming naming = TOPIC_NAMING_OF(route);
        int rc = topic_namer_new(&naming, &namer, why);
        if (rc == ERR_NOMEM) return parser_no_memory(p);
        if (rc) { /* "topic.map: expected ...": at the line of that setting, when there is one */
                static const char *const names[] = {"topic.map", "topic.rename.regex",
                                                    "topic.rename.replacement",
                                                    "replication.policy.separator"};
                size_t n = strcspn(why, ":");
                for (size_t i = 0; i < COUNT(names); i++) {
                        const struct property *at = given_at(p, draft, names[i]);
                        if (at && strlen(names[i]) == n && strncmp(why, names[i], n) == 0)
                                return parser_fail(p, at, "%s", why + n + 2);
                }
                return parser_fail(p, given_at(p, draft, "topic.naming"), "%s.%s", route->name, why);
        }
        const char *first, *second;
        rc = !route->topic_merge && topic_name_merges(namer, &first, &second)
                     ? parser_fail(p, given_at(p, draft, "topic.map"),
                            "'%.*s' and '%.*s' would become one topic; set %s.topic.merge = true if they may",
                            VALUE_SHOWN, first, VALUE_SHOWN, second, route->name)
                     : 0;
        topic_namer_free(namer);
        return rc;
}

/* `<alias>.consumer.auto.offset.reset` and the like: the most specific one that
 * concerns the route's consumers.  Java's name of start.from. */
static const struct config_property *reset_of(struct parser *p, const struct config_route *route) {
        const struct config_private *priv = p->config.priv;
        const struct config_property *best = NULL;
        int best_rank = 0;
        for (size_t i = 0; i < priv->count; i++) {
                const struct config_property *item = &priv->items[i];
                if (strcmp(item->name, "auto.offset.reset") != 0) continue;
                int rank = config_concerns(item, route->source, route->name, CLIENT_CONSUMER);
                if (rank > best_rank) {
                        best = item;
                        best_rank = rank;
                }
        }
        return best;
}

/* NULL: leaves it at the default. */
static const char *start_of_reset(const char *value) {
        static const char *const words[][2] = {
                {"earliest", "earliest"}, {"smallest", "earliest"}, {"beginning", "earliest"},
                {"latest", "latest"},     {"largest", "latest"},    {"end", "latest"},
        };
        for (size_t i = 0; i < COUNT(words); i++)
                if (strcmp(words[i][0], value) == 0) return words[i][1];
        return NULL;
}

static int check_resets(struct parser *p) {
        int rc = 0;
        for (size_t i = 0; !rc && i < p->config.priv->count; i++) {
                const struct config_property *item = &p->config.priv->items[i];
                const struct property *at = &p->properties.items[item->fate];
                if (strcmp(item->name, "auto.offset.reset") != 0) continue;
                bool none = strcmp(item->value, "none") == 0 || strcmp(item->value, "error") == 0;
                if (none) parser_set_fate(p, at, FATE_IGNORED, "a gap is never passed by, see gap.policy");
                else if (start_of_reset(item->value))
                        parser_set_fate(p, at, FATE_OVERRIDDEN, "no route of the file takes its start.from from it");
                else
                        rc = parser_go_on(p, parser_fail(p, at, "expected earliest, latest or none, not '%.*s'; it decides "
                                                  "where partitions without a position begin, see start.from",
                                           VALUE_SHOWN, item->value));
        }
        return rc;
}

/* What a setting of the route is taken from, and its value: of the route, of
 * all routes, of another key that says the same, or the table's default. */
static const struct property *source_of(struct parser *p, struct draft *draft, const struct config_route *route,
                                        size_t setting, const char **value) {
        const struct setting *s = &setting_route[setting];
        const struct property *at = draft->given[setting];
        if (!at && strcmp(s->name, "delivery.guarantee") == 0) {
                at = p->guarantees[config_cluster(&p->config, route->destination) - p->config.clusters];
                if (at) parser_set_fate(p, at, FATE_RENAMED, "becomes delivery.guarantee of the routes to %s", route->destination);
        }
        if (!at) at = p->common[setting];
        *value = at ? at->value : s->value;
        if (at || strcmp(s->name, "start.from") != 0) return at;
        const struct config_property *reset = reset_of(p, route);
        const char *start = reset ? start_of_reset(reset->value) : NULL;
        if (!start) return NULL;
        at = &p->properties.items[reset->fate];
        parser_set_fate(p, at, FATE_RENAMED, "becomes start.from = %s of the routes from %s", start, route->source);
        *value = start;
        return at;
}

static int build_route(struct parser *p, struct draft *draft, struct config_route *route) {
        bool wrong = false;
        route->name = draft->name;
        route->source = draft->source;
        route->destination = draft->destination;
        draft->name = draft->source = draft->destination = NULL;
        route->lines = calloc(SETTING_ROUTE_COUNT, sizeof *route->lines);
        if (!route->lines) return parser_no_memory(p);
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                const char *value = NULL;
                const struct property *at = source_of(p, draft, route, i, &value);
                int rc = value ? parser_set_field(p, route, &setting_route[i], at, value) : 0;
                wrong = wrong || rc;
                rc = parser_go_on(p, rc);
                if (rc) return rc;
                route->lines[i] = at ? at->line : 0;
        }
        if (wrong) return 0; /* what follows needs each value */
        int rc = check_naming(p, draft, route);
        if (rc) return rc;
        if (!route->group_id) {
                if (asprintf(&route->group_id, "heliostat.%s", route->name) < 0) {
                        route->group_id = NULL;
                        return parser_no_memory(p);
                }
                if (strlen(route->group_id) > SETTING_GROUP_ID_MAX)
                        return parser_fail(p, NULL,
                                    "%s.group.id: the default 'heliostat.<route>' has more "
                                    "than %d bytes; set it",
                                    route->name, SETTING_GROUP_ID_MAX);
        }
        return 0;
}

/* Two routes from one source that commit to one group would overwrite each
 * other's positions: records would be lost. */
static int check_groups(struct parser *p) {
        const struct config *c = &p->config;
        int common = setting_find(setting_route, SETTING_ROUTE_COUNT, "group.id");
        for (size_t i = 0; i < c->route_count; i++)
                for (size_t k = i + 1; k < c->route_count; k++)
                        if (strcmp(c->routes[i].source, c->routes[k].source) == 0 &&
                            strcmp(c->routes[i].group_id, c->routes[k].group_id) == 0)
                                return parser_fail(p, p->common[common],
                                            "%s and %s have the same group.id '%.*s' at the same "
                                            "source; each route needs its own",
                                            c->routes[i].name, c->routes[k].name, VALUE_SHOWN,
                                            c->routes[i].group_id);
        return 0;
}

int parser_build_routes(struct parser *p) {
        struct config *c = &p->config;
        struct config_route scratch = {0};
        int rc = 0;

        /* defaults are checked even where each route has its own value */
        for (size_t i = 0; !rc && i < SETTING_ROUTE_COUNT; i++)
                if (p->common[i])
                        rc = parser_go_on(p, parser_set_field(p, &scratch, &setting_route[i], p->common[i],
                                                p->common[i]->value));
        setting_free_all(setting_route, SETTING_ROUTE_COUNT, &scratch);
        if (!rc) rc = check_resets(p);
        if (rc) return rc;

        if (p->draft_count) {
                c->routes = calloc(p->draft_count, sizeof *c->routes);
                if (!c->routes) return parser_no_memory(p);
        }
        while (c->route_count < p->draft_count) {
                size_t i = c->route_count++;
                rc = parser_go_on(p, build_route(p, &p->drafts[i], &c->routes[i]));
                if (rc) return rc;
        }
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                bool used = p->draft_count == 0;
                for (size_t k = 0; !used && k < p->draft_count; k++) used = !p->drafts[k].given[i];
                if (p->common[i] && !used)
                        parser_set_fate(p, p->common[i], FATE_OVERRIDDEN, "every route has its own");
        }
        if (p->config.priv->error_count) return 0;
        if (c->route_count) qsort(c->routes, c->route_count, sizeof *c->routes, by_name);
        return check_groups(p);
}
