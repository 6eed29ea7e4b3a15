/* Properties are classified by their key, one pass each for aliases, settings
 * and routes, since a key can only be read when the aliases are known: aliases
 * may hold dots, so `a.b.topics` is not cut at a fixed place.  The first error
 * in that order ends the reading; a list of errors would mostly be echoes of
 * the first. */
#include "common/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/http_rules.h"
#include "common/properties.h"
#include "common/secret.h"
#include "common/setting_value.h"
#include "common/settings.h"
#include "common/text.h"
#include "common/topic_name.h"
#include "common/znode_path.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define VALUE_SHOWN 100  /* bytes of a value in a message */

struct config_private {
        struct config_property *items;
        size_t count, room;
};

static const struct foreign {
        const char *name, *answer;
} foreign_settings[] = {
#define ROW(name, answer) {name, answer},
        FOREIGN_SETTINGS(ROW)
#undef ROW
};

static const struct foreign *find_foreign(const char *name) {
        for (size_t i = 0; i < COUNT(foreign_settings); i++)
                if (strcmp(foreign_settings[i].name, name) == 0) return &foreign_settings[i];
        return NULL;
}

/* ---- the reading -------------------------------------------------------- */

/* A route under construction. */
struct draft {
        char *name, *source, *destination;
        const struct property *given[SETTING_ROUTE_COUNT];
};

struct parser {
        const char *path;
        char *err;
        size_t err_size;
        struct properties properties;
        struct config config;
        struct property *clusters; /* the `clusters` property */
        const struct property *program[SETTING_PROGRAM_COUNT];
        const struct property *common[SETTING_ROUTE_COUNT]; /* defaults for all routes */
        struct draft *drafts;
        size_t draft_count;
};

/* Writes the one line and returns ERR_INVALID. */
static int fail(struct parser *p, const struct property *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int fail(struct parser *p, const struct property *at, const char *format, ...) {
        va_list ap;
        int n = at ? snprintf(p->err, p->err_size, "%s:%d: %.150s: ", p->path, at->line, at->key)
                   : snprintf(p->err, p->err_size, "%s: ", p->path);
        if (n >= 0 && (size_t)n < p->err_size) {
                va_start(ap, format);
                (void)vsnprintf(p->err + n, p->err_size - (size_t)n, format, ap); /* cut */
                va_end(ap);
                if (at && at->secret && secret_shown(p->err + n, at->value))
                        (void)snprintf(p->err + n, p->err_size - (size_t)n,
                                       "what the placeholder stands for is not valid here");
        }
        text_one_line(p->err);
        return ERR_INVALID;
}

static int no_memory(struct parser *p) {
        (void)fail(p, NULL, "%s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
}

bool config_key_is_secret(const char *key) {
        static const char *const marks[] = {
                "password", "secret",       "jaas",  "ssl.key.pem",
                "passwd",   "keystore.key", "token", "oauthbearer.config"};
        for (size_t i = 0; i < COUNT(marks); i++)
                if (strcasestr(key, marks[i])) return true;
        return false;
}

/* Every value passes here once, before anything looks at it. */
static int check_value(struct parser *p, struct property *property) {
        char why[SECRET_ERROR_MAX];
        (void)text_trim(property->value);
        int rc = secret_sources(property->value, why, sizeof why);
        return rc < 0 ? fail(p, property, "%s", why) : 0;
}

/* Puts in what the placeholders of a value stand for.  Of client settings this
 * happens only when a client is made (kafka_settings.c): the configuration
 * holds no secret, and what has changed meanwhile counts. */
static int resolve_value(struct parser *p, struct property *property, int allowed) {
        char why[SECRET_ERROR_MAX], *value;
        int sources = secret_sources(property->value, why, sizeof why);
        if (sources <= 0) return sources;
        if (sources & ~allowed)
                return fail(p, property, "settings of routes are published in ZooKeeper; expected no "
                                         "${file:...} or ${dir:...}, only ${env:...}");
        int rc = secret_resolve(property->value, &value, why, sizeof why);
        if (rc == ERR_NOMEM) return no_memory(p);
        if (rc) return fail(p, property, "%s", why);
        free(property->value);
        property->value = value;
        property->secret = true;
        return 0;
}

/* Adds "; did you mean 'x'?" where something is near. */
static int fail_unknown(struct parser *p, const struct property *at, const char *prefix,
                        const char *nearest) {
        return nearest ? fail(p, at, "unknown key; did you mean '%s%s'?", prefix, nearest)
                       : fail(p, at, "unknown key");
}

static int fail_foreign(struct parser *p, const struct property *at, const struct foreign *f) {
        return f->answer ? fail(p, at, "a MirrorMaker setting that has no meaning here: %s",
                                f->answer)
                         : fail(p, at, "a MirrorMaker setting that this version does not support");
}

static int set_text(struct parser *p, char **field, const char *value) {
        char *copy = strdup(value);
        if (!copy) return no_memory(p);
        free(*field);
        *field = copy;
        return 0;
}

/* at is NULL for a default of the table. */
static int set_field(struct parser *p, void *owner, const struct setting *setting,
                     const struct property *at, const char *value) {
        char why[CONFIG_ERROR_MAX];
        int rc = setting_set(setting, owner, value, why, sizeof why);
        if (rc == ERR_NOMEM) return no_memory(p);
        return rc ? fail(p, at, "%s", why) : 0;
}

/* ---- aliases ------------------------------------------------------------ */

/* An alias may not be the first word of a setting, else `<alias>.x` would have
 * two meanings. */
static bool alias_reserved(const char *alias) {
        static const char *const words[] = {"clusters", "consumer", "producer", "admin"};
        size_t n = strlen(alias);
        for (size_t i = 0; i < COUNT(words); i++)
                if (strcmp(words[i], alias) == 0) return true;
        for (size_t i = 0; i < SETTING_PROGRAM_COUNT; i++)
                if (strncmp(setting_program[i].name, alias, n) == 0 &&
                    (setting_program[i].name[n] == '.' || !setting_program[i].name[n]))
                        return true;
        for (size_t i = 0; i < COUNT(setting_route); i++)
                if (strncmp(setting_route[i].name, alias, n) == 0 &&
                    (setting_route[i].name[n] == '.' || !setting_route[i].name[n]))
                        return true;
        return false;
}

static int add_alias(struct parser *p, const char *alias) {
        struct config *c = &p->config;
        if (!znode_alias_valid(alias))
                return fail(p, p->clusters, "invalid alias '%.*s'; expected letters, digits and "
                                            "'. _ -', 1 to 128 of them", VALUE_SHOWN, alias);
        if (alias_reserved(alias))
                return fail(p, p->clusters, "alias '%s' is also the beginning of a setting's name; "
                                            "choose another", alias);
        if (config_cluster(c, alias))
                return fail(p, p->clusters, "alias '%s' is named twice", alias);
        struct config_cluster *clusters =
                realloc(c->clusters, (c->cluster_count + 1) * sizeof *clusters);
        if (!clusters) return no_memory(p);
        c->clusters = clusters;
        clusters[c->cluster_count] = (struct config_cluster){strdup(alias), NULL};
        if (!clusters[c->cluster_count].alias) return no_memory(p);
        c->cluster_count++;
        return 0;
}

static int read_aliases(struct parser *p) {
        for (size_t i = 0; i < p->properties.count; i++)
                if (strcmp(p->properties.items[i].key, "clusters") == 0)
                        p->clusters = &p->properties.items[i];
        if (!p->clusters) return 0;
        int resolved = resolve_value(p, p->clusters, SECRET_ENV);
        if (resolved) return resolved;
        char *list = strdup(p->clusters->value), *rest = list, *word;
        int rc = list ? 0 : no_memory(p);
        while (!rc && rest && *list && (word = strsep(&rest, ",")))
                rc = add_alias(p, text_trim(word));
        free(list);
        return rc;
}

/* The longest alias that begins text and is followed by '.', or NULL. */
static struct config_cluster *alias_of(const struct config *c, const char *text) {
        struct config_cluster *best = NULL;
        size_t best_length = 0;
        for (size_t i = 0; i < c->cluster_count; i++) {
                size_t n = strlen(c->clusters[i].alias);
                if (n > best_length && strncmp(text, c->clusters[i].alias, n) == 0 &&
                    text[n] == '.') {
                        best = &c->clusters[i];
                        best_length = n;
                }
        }
        return best;
}

static const char *nearest_alias(const struct config *c, const char *word) {
        const char **names = calloc(c->cluster_count + 1, sizeof *names);
        if (!names) return NULL; /* a message without a proposal */
        for (size_t i = 0; i < c->cluster_count; i++) names[i] = c->clusters[i].alias;
        const char *nearest = text_nearest(word, names, c->cluster_count);
        free(names);
        return nearest;
}

static int fail_alias(struct parser *p, const struct property *at, const char *alias) {
        const char *nearest = nearest_alias(&p->config, alias);
        if (!p->clusters)
                return fail(p, at, "unknown alias '%.*s'; 'clusters' is not set", VALUE_SHOWN,
                            alias);
        return nearest ? fail(p, at, "unknown alias '%.*s', not in 'clusters'; did you mean '%s'?",
                              VALUE_SHOWN, alias, nearest)
                       : fail(p, at, "unknown alias '%.*s', not in 'clusters'", VALUE_SHOWN, alias);
}

/* "h1:9092, h2:9092", each with an optional "SASL_SSL://" in front. */
static bool servers_valid(const char *servers) {
        for (const char *s = servers;; s++) {
                size_t n = strcspn(s, ",");
                const char *end = s + n, *port = end;
                while (s < end && (*s == ' ' || *s == '\t')) s++;
                while (end > s && (end[-1] == ' ' || end[-1] == '\t')) end--;
                port = end;
                while (port > s && port[-1] >= '0' && port[-1] <= '9') port--;
                if (port == end || end - port > 5 || atoi(port) < 1 || atoi(port) > 65535)
                        return false;
                if (port - s < 2 || port[-1] != ':' || port[-2] == '/' || port[-2] == ':')
                        return false;
                for (const char *c = s; c < port; c++)
                        if (*c == ' ' || *c == '\t') return false;
                s = end + strcspn(end, ",");
                if (!*s) return true;
        }
}

/* ---- client properties -------------------------------------------------- */

static int add_property(struct parser *p, const struct property *at, const char *name,
                        bool unscoped, enum client_role role, const char *alias,
                        const char *route) {
        struct config_private *priv = p->config.priv;
        if (!*name) return fail(p, at, "unknown key; the name of a client setting is missing");
        if (priv->count == priv->room) {
                size_t room = priv->room ? priv->room * 2 : 16;
                struct config_property *items = realloc(priv->items, room * sizeof *items);
                if (!items) return no_memory(p);
                priv->items = items;
                priv->room = room;
        }
        struct config_property item = {strdup(name), strdup(at->value), at->line, strdup(at->key),
                                       unscoped,     role,              alias,    NULL};
        if (route) item.route = strdup(route);
        priv->items[priv->count++] = item; /* config_fini frees it, whole or not */
        if (!item.name || !item.value || !item.key || (route && !item.route)) return no_memory(p);
        return 0;
}

static bool role_prefix(const char *name, const char **rest, enum client_role *role) {
        static const char *const prefixes[] = {
                [CLIENT_CONSUMER] = "consumer.",
                [CLIENT_PRODUCER] = "producer.",
                [CLIENT_ADMIN] = "admin.",
        };
        for (size_t i = 0; i < COUNT(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                if (strncmp(name, prefixes[i], n) != 0) continue;
                *rest = name + n;
                *role = (enum client_role)i;
                return true;
        }
        return false;
}

static int read_alias_property(struct parser *p, struct property *at,
                               struct config_cluster *cluster) {
        const char *name = at->key + strlen(cluster->alias) + 1, *rest = name;
        enum client_role role = CLIENT_CONSUMER;
        bool unscoped = !role_prefix(name, &rest, &role);

        if (strcmp(rest, "bootstrap.servers") == 0 || strcmp(rest, "metadata.broker.list") == 0) {
                if (!unscoped || *rest == 'm')
                        return fail(p, at, "expected '%s.bootstrap.servers', one address list for "
                                           "all clients of a cluster", cluster->alias);
                int resolved = resolve_value(p, at, SECRET_ANY);
                if (resolved) return resolved;
                if (!servers_valid(at->value))
                        return fail(p, at, "expected 'host:port,host:port', not '%.*s'",
                                    VALUE_SHOWN, at->value);
                int rc = set_text(p, &cluster->bootstrap_servers, at->value);
                if (rc) return rc;
        }
        return add_property(p, at, rest, unscoped, role, cluster->alias, NULL);
}

/* ---- routes ------------------------------------------------------------- */

static struct draft *find_draft(struct parser *p, const char *route) {
        for (size_t i = 0; i < p->draft_count; i++)
                if (strcmp(p->drafts[i].name, route) == 0) return &p->drafts[i];
        return NULL;
}

/* One setting may have two names; one name twice is an error of the file's notation. */
static int give(struct parser *p, const struct property **given, const struct property *at) {
        if (*given)
                return fail(p, at, "the same setting as '%.*s' in line %d; expected one of them",
                            VALUE_SHOWN, (*given)->key, (*given)->line);
        *given = at;
        return 0;
}

static int give_route(struct parser *p, const char *route, const char *source,
                      const char *destination, int setting, const struct property *at) {
        struct draft *draft = find_draft(p, route);
        if (!draft) {
                struct draft *drafts = realloc(p->drafts, (p->draft_count + 1) * sizeof *drafts);
                if (!drafts) return no_memory(p);
                p->drafts = drafts;
                draft = &drafts[p->draft_count++];
                *draft = (struct draft){.name = strdup(route),
                                        .source = strdup(source),
                                        .destination = strdup(destination)};
                if (!draft->name || !draft->source || !draft->destination) return no_memory(p);
        }
        return give(p, &draft->given[setting], at);
}

/* `<source>-><destination>.<setting>` */
static int read_route_property(struct parser *p, struct property *at, const char *arrow) {
        char source[VALUE_SHOWN + 64], destination[VALUE_SHOWN + 64], route[sizeof source * 2];
        char prefix[sizeof route + 16];
        const char *rest = arrow + 2, *name, *unprefixed = NULL;
        const char *names[SETTING_ROUTE_COUNT];
        enum client_role role = CLIENT_CONSUMER;

        (void)snprintf(source, sizeof source, "%.*s", (int)(arrow - at->key),
                       at->key); /* cut: unknown */
        if (!config_cluster(&p->config, source)) return fail_alias(p, at, source);
        const struct config_cluster *to = alias_of(&p->config, rest);
        if (!to) {
                bool bare = config_cluster(&p->config, rest) != NULL;
                (void)snprintf(destination, sizeof destination, "%.*s", (int)strcspn(rest, "."),
                               rest);
                if (bare) return fail(p, at, "unknown key; the name of a setting is missing");
                return fail_alias(p, at, destination);
        }
        if (strcmp(to->alias, source) == 0)
                return fail(p, at, "a route from '%s' to itself; expected two different aliases",
                            source);
        (void)snprintf(route, sizeof route, "%s->%s", source, to->alias); /* fits: 128 + 2 + 128 */
        name = rest + strlen(to->alias) + 1;
        if (role_prefix(name, &unprefixed, &role)) {
                if (role == CLIENT_ADMIN)
                        return fail(p, at, "admin settings belong to a cluster: expected "
                                           "'<alias>.%.*s'", VALUE_SHOWN, name);
                if (strcmp(unprefixed, "bootstrap.servers") == 0)
                        return fail(p, at, "expected '%s.bootstrap.servers', one address list for "
                                           "all clients of a cluster",
                                    role == CLIENT_CONSUMER ? source : to->alias);
                return add_property(p, at, unprefixed, false, role, NULL, route);
        }
        int setting = setting_find(setting_route, SETTING_ROUTE_COUNT, name);
        if (setting >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                return rc ? rc : give_route(p, route, source, to->alias, setting, at);
        }
        const struct foreign *foreign = find_foreign(name);
        if (foreign) return fail_foreign(p, at, foreign);
        if (setting_find(setting_program, SETTING_PROGRAM_COUNT, name) >= 0)
                return fail(p, at, "not a setting of a route; expected '%s' alone", name);
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) names[i] = setting_route[i].name;
        (void)snprintf(prefix, sizeof prefix, "%s.", route);
        return fail_unknown(p, at, prefix, text_nearest(name, names, SETTING_ROUTE_COUNT));
}

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
                        return fail(p, at, "has a meaning only with %s.topic.naming = %s", route->name,
                                    only[i][1]);
        }
        char why[TOPIC_NAME_ERROR_MAX];
        struct topic_namer *namer;
        struct topic_naming naming = TOPIC_NAMING_OF(route);
        int rc = topic_namer_new(&naming, &namer, why);
        if (rc == ERR_NOMEM) return no_memory(p);
        if (rc) { /* "topic.map: expected ...": at the line of that setting, when there is one */
                static const char *const names[] = {"topic.map", "topic.rename.regex",
                                                    "topic.rename.replacement",
                                                    "replication.policy.separator"};
                size_t n = strcspn(why, ":");
                for (size_t i = 0; i < COUNT(names); i++) {
                        const struct property *at = given_at(p, draft, names[i]);
                        if (at && strlen(names[i]) == n && strncmp(why, names[i], n) == 0)
                                return fail(p, at, "%s", why + n + 2);
                }
                return fail(p, given_at(p, draft, "topic.naming"), "%s.%s", route->name, why);
        }
        const char *first, *second;
        rc = !route->topic_merge && topic_name_merges(namer, &first, &second)
                     ? fail(p, given_at(p, draft, "topic.map"),
                            "'%.*s' and '%.*s' would become one topic; set %s.topic.merge = true if they may",
                            VALUE_SHOWN, first, VALUE_SHOWN, second, route->name)
                     : 0;
        topic_namer_free(namer);
        return rc;
}

static int build_route(struct parser *p, struct draft *draft, struct config_route *route) {
        route->name = draft->name;
        route->source = draft->source;
        route->destination = draft->destination;
        draft->name = draft->source = draft->destination = NULL;
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                const struct setting *s = &setting_route[i];
                const struct property *at = draft->given[i] ? draft->given[i] : p->common[i];
                const char *value = at ? at->value : s->value;
                int rc = value ? set_field(p, route, s, at, value) : 0;
                if (rc) return rc;
        }
        int rc = check_naming(p, draft, route);
        if (rc) return rc;
        if (!route->group_id) {
                if (asprintf(&route->group_id, "heliostat.%s", route->name) < 0) {
                        route->group_id = NULL;
                        return no_memory(p);
                }
                if (strlen(route->group_id) > SETTING_GROUP_ID_MAX)
                        return fail(p, NULL,
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
                                return fail(p, p->common[common],
                                            "%s and %s have the same group.id '%.*s' at the same "
                                            "source; each route needs its own",
                                            c->routes[i].name, c->routes[k].name, VALUE_SHOWN,
                                            c->routes[i].group_id);
        return 0;
}

static int build_routes(struct parser *p) {
        struct config *c = &p->config;
        struct config_route scratch = {0};
        int rc = 0;

        /* defaults are checked even where each route has its own value */
        for (size_t i = 0; !rc && i < SETTING_ROUTE_COUNT; i++)
                if (p->common[i])
                        rc = set_field(p, &scratch, &setting_route[i], p->common[i],
                                       p->common[i]->value);
        setting_free_all(setting_route, SETTING_ROUTE_COUNT, &scratch);
        if (rc) return rc;

        if (p->draft_count) {
                c->routes = calloc(p->draft_count, sizeof *c->routes);
                if (!c->routes) return no_memory(p);
        }
        while (c->route_count < p->draft_count) {
                size_t i = c->route_count++;
                rc = build_route(p, &p->drafts[i], &c->routes[i]);
                if (rc) return rc;
        }
        if (c->route_count) qsort(c->routes, c->route_count, sizeof *c->routes, by_name);
        return check_groups(p);
}

/* ---- all of it ---------------------------------------------------------- */

static int fail_unknown_top(struct parser *p, const struct property *at) {
        const char *names[SETTING_PROGRAM_COUNT + SETTING_ROUTE_COUNT + 1];
        const char *dot = strchr(at->key, '.'), *rest;
        size_t n = 0, servers = strlen(".bootstrap.servers"), length = strlen(at->key);
        enum client_role role;
        char word[VALUE_SHOWN + 64];

        const struct foreign *foreign = find_foreign(at->key);
        if (foreign) return fail_foreign(p, at, foreign);
        if (role_prefix(at->key, &rest, &role))
                return fail(p, at,
                            "a client setting needs the alias of a cluster in front: expected "
                            "'<alias>.%.*s'",
                            VALUE_SHOWN, at->key);
        if (strncmp(at->value, "->", 2) == 0)
                return fail(p, at, "a blank ends the key; write '%.*s->...' without blanks",
                            VALUE_SHOWN, at->key);
        if (length > servers && strcmp(at->key + length - servers, ".bootstrap.servers") == 0) {
                (void)snprintf(word, sizeof word, "%.*s", (int)(length - servers), at->key);
                return fail_alias(p, at, word);
        }
        for (size_t i = 0; i < SETTING_PROGRAM_COUNT; i++) names[n++] = setting_program[i].name;
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) names[n++] = setting_route[i].name;
        names[n++] = "clusters";
        const char *nearest = text_nearest(at->key, names, n);
        if (nearest || !dot) return fail_unknown(p, at, "", nearest);
        (void)snprintf(word, sizeof word, "%.*s", (int)(dot - at->key), at->key);
        const char *alias = nearest_alias(&p->config, word);
        return alias ? fail(p, at, "unknown key; did you mean '%s%.*s'?", alias, VALUE_SHOWN, dot)
                     : fail_unknown(p, at, "", NULL);
}

static int read_property(struct parser *p, struct property *at) {
        const char *arrow = strstr(at->key, "->");
        struct config_cluster *cluster;
        int i;

        if (strcmp(at->key, "clusters") == 0) return 0;
        if (arrow) return read_route_property(p, at, arrow);
        if ((i = setting_find(setting_program, SETTING_PROGRAM_COUNT, at->key)) >= 0) {
                p->program[i] = at;
                return resolve_value(p, at, SECRET_ANY);
        }
        if ((i = setting_find(setting_route, SETTING_ROUTE_COUNT, at->key)) >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                return rc ? rc : give(p, &p->common[i], at);
        }
        if ((cluster = alias_of(&p->config, at->key))) return read_alias_property(p, at, cluster);
        return fail_unknown_top(p, at);
}

/* The row of a setting as the file has it; NULL: it has the default. */
static const struct property *program_at(const struct parser *p, const char *name) {
        int i = setting_find(setting_program, SETTING_PROGRAM_COUNT, name);
        return i < 0 ? NULL : p->program[i];
}

static int check_http(struct parser *p) {
        static const char *const names[] = {"worker.http.listen", "coordinator.http.listen"};
        const char *const listen[] = {p->config.worker_http_listen, p->config.coordinator_http_listen};
        const struct property *tls = program_at(p, "http.tls.certificate");
        char why[256];
        for (size_t i = 0; i < COUNT(names); i++) {
                struct http_settings settings = {.listen = listen[i], .token = p->config.http_token,
                                                 .certificate = p->config.http_tls_certificate,
                                                 .key = p->config.http_tls_key, .insecure = p->config.http_insecure};
                const struct property *at = program_at(p, names[i]);
                if (!at) at = tls ? tls : program_at(p, "http.tls.key"); /* the default address is always good */
                if (http_check(&settings, why, sizeof why)) return fail(p, at, "%s", why);
        }
        return 0;
}

static int read_all(struct parser *p) {
        struct config *c = &p->config;
        int rc = 0;

        c->priv = calloc(1, sizeof *c->priv);
        c->path = strdup(p->path);
        if (!c->priv || !c->path) return no_memory(p);
        for (size_t i = 0; !rc && i < p->properties.count; i++)
                rc = check_value(p, &p->properties.items[i]);
        if (!rc) rc = read_aliases(p);
        for (size_t i = 0; !rc && i < p->properties.count; i++)
                rc = read_property(p, &p->properties.items[i]);
        for (size_t i = 0; !rc && i < SETTING_PROGRAM_COUNT; i++) {
                const struct setting *s = &setting_program[i];
                const char *value = p->program[i] ? p->program[i]->value : s->value;
                if (value) rc = set_field(p, c, s, p->program[i], value);
        }
        if (!rc) rc = check_http(p);
        for (size_t i = 0; !rc && i < c->cluster_count; i++)
                if (!c->clusters[i].bootstrap_servers)
                        rc = fail(p, p->clusters,
                                  "alias '%s' has no address; expected '%s.bootstrap.servers'",
                                  c->clusters[i].alias, c->clusters[i].alias);
        return rc ? rc : build_routes(p);
}

int config_parse(const char *path, const char *text, size_t bytes, struct config *out, char *err,
                 size_t err_size) {
        struct parser p = {.path = path, .err = err, .err_size = err_size};
        struct properties_error error;

        int rc = properties_parse(text, bytes, &p.properties, &error);
        if (rc) {
                if (error.line)
                        (void)snprintf(err, err_size, "%s:%d: %s", path, error.line, error.text);
                else (void)snprintf(err, err_size, "%s: %s", path, error.text);
                text_one_line(err);
                return rc == ERR_EXISTS ? ERR_INVALID : rc;
        }
        rc = read_all(&p);
        for (size_t i = 0; i < p.draft_count; i++) {
                free(p.drafts[i].name);
                free(p.drafts[i].source);
                free(p.drafts[i].destination);
        }
        free(p.drafts);
        properties_fini(&p.properties);
        if (rc) config_fini(&p.config);
        else *out = p.config;
        return rc;
}

int config_load(const char *path, struct config *out, char *err, size_t err_size) {
        char *text = NULL;
        size_t bytes = 0, room = 0;
        int rc = ERR_IO;

        err[0] = '\0';
        FILE *file = fopen(path, "re");
        if (!file) {
                (void)snprintf(err, err_size, "%s: cannot open the file: %s", path,
                               strerror(errno));
                text_one_line(err);
                return ERR_IO;
        }
        for (;;) {
                if (bytes == room) {
                        room = room ? room * 2 : 16384;
                        char *more = room > 2 * PROPERTIES_BYTES_MAX ? NULL : realloc(text, room);
                        if (!more) {
                                rc = room > 2 * PROPERTIES_BYTES_MAX ? ERR_TOO_BIG : ERR_NOMEM;
                                (void)snprintf(err, err_size, "%s: %s", path, err_text(rc));
                                break;
                        }
                        text = more;
                }
                errno = 0;
                size_t n = fread(text + bytes, 1, room - bytes, file);
                bytes += n;
                if (n) continue;
                if (ferror(file)) {
                        (void)snprintf(err, err_size, "%s: cannot read the file: %s", path,
                                       strerror(errno));
                        break;
                }
                rc = config_parse(path, text, bytes, out, err, err_size);
                break;
        }
        text_one_line(err);
        free(text);
        (void)fclose(file); /* only read from */
        return rc;
}

void config_fini(struct config *config) {
        setting_free_all(setting_program, SETTING_PROGRAM_COUNT, config);
        for (size_t i = 0; i < config->cluster_count; i++) {
                free(config->clusters[i].alias);
                free(config->clusters[i].bootstrap_servers);
        }
        free(config->clusters);
        for (size_t i = 0; i < config->route_count; i++) {
                struct config_route *r = &config->routes[i];
                free(r->name);
                free(r->source);
                free(r->destination);
                setting_free_all(setting_route, SETTING_ROUTE_COUNT, r);
        }
        free(config->routes);
        for (size_t i = 0; config->priv && i < config->priv->count; i++) {
                struct config_property *item = &config->priv->items[i];
                free(item->name);
                /* not left in freed memory for a core dump to show */
                if (item->value) explicit_bzero(item->value, strlen(item->value));
                free(item->value);
                free(item->key);
                free((char *)item->route);
        }
        if (config->priv) free(config->priv->items);
        free(config->priv);
        free(config->path);
        memset(config, 0, sizeof *config);
}

/* ---- questions ---------------------------------------------------------- */

const struct config_cluster *config_cluster(const struct config *config, const char *alias) {
        for (size_t i = 0; i < config->cluster_count; i++)
                if (strcmp(config->clusters[i].alias, alias) == 0) return &config->clusters[i];
        return NULL;
}

const struct config_route *config_route(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->route_count; i++)
                if (strcmp(config->routes[i].name, name) == 0) return &config->routes[i];
        return NULL;
}

size_t config_property_count(const struct config *config) { return config->priv->count; }

const struct config_property *config_property_at(const struct config *config, size_t index) {
        return &config->priv->items[index];
}

/* 0: does not concern the client, else how specific it is. */
static int rank(const struct config_property *item, const char *alias, const char *route,
                enum client_role role) {
        if (item->alias) {
                if (strcmp(item->alias, alias) != 0) return 0;
                if (item->unscoped) return 1;
                return item->role == role ? 2 : 0;
        }
        if (!route || strcmp(item->route, route) != 0 || item->role != role) return 0;
        const char *arrow = strstr(route, "->");
        size_t n = (size_t)(arrow - route);
        bool mine = role == CLIENT_CONSUMER ? strlen(alias) == n && memcmp(alias, route, n) == 0
                                            : strcmp(arrow + 2, alias) == 0;
        return mine ? 3 : 0;
}

int config_client_properties(const struct config *config, const char *alias, const char *route,
                             enum client_role role, const struct config_property ***out,
                             size_t *out_count) {
        const struct config_private *priv = config->priv;
        size_t count = 0;

        if (!config_cluster(config, alias)) return ERR_NOT_FOUND;
        const struct config_property **list = malloc((priv->count + 1) * sizeof *list);
        if (!list) return ERR_NOMEM;
        for (int level = 1; level <= 3; level++)
                for (size_t i = 0; i < priv->count; i++) {
                        const struct config_property *item = &priv->items[i];
                        if (rank(item, alias, route, role) != level) continue;
                        /* the later place matters too: librdkafka's and Java's
                         * names of one thing must override each other */
                        for (size_t k = 0; k < count; k++)
                                if (strcmp(list[k]->name, item->name) == 0) {
                                        memmove(&list[k], &list[k + 1],
                                                (count - k - 1) * sizeof *list);
                                        count--;
                                        break;
                                }
                        list[count++] = item;
                }
        *out = list;
        *out_count = count;
        return 0;
}
