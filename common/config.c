/* Properties are classified by their key, one pass each for aliases, settings
 * and routes, since a key can only be read when the aliases are known: aliases
 * may hold dots, so `a.b.topics` is not cut at a fixed place.  What became of
 * each is kept.  The first error in that order ends the reading, but for
 * config_examine: there the others are read on, except where the first leaves
 * nothing to read them by. */
#include "common/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/config_internal.h"
#include "common/err.h"
#include "common/foreign.h"
#include "common/http_rules.h"
#include "common/kafka_tables.h"
#include "common/properties.h"
#include "common/secret.h"
#include "common/setting_value.h"
#include "common/settings.h"
#include "common/text.h"
#include "common/topic_name.h"
#include "common/znode_path.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define VALUE_SHOWN 100  /* bytes of a value in a message */

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
        const struct property **guarantees; /* `<alias>.exactly.once.source.support`, by cluster */
        struct draft *drafts;
        size_t draft_count;
        bool all;     /* errors, not only the first */
        bool lost;    /* the first error hides what the rest means */
};

/* What became of a property; a refusal stays. */
static struct config_fate *fate_of(struct parser *p, const struct property *at) {
        return &p->config.priv->fates[at - p->properties.items];
}

static void set_fate(struct parser *p, const struct property *at, enum config_fate_kind kind,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
static void set_fate(struct parser *p, const struct property *at, enum config_fate_kind kind,
                     const char *format, ...) {
        struct config_fate *fate = fate_of(p, at);
        char *text = NULL;
        va_list ap;
        if (fate->kind == FATE_REFUSED) return;
        va_start(ap, format);
        if (format && vasprintf(&text, format, ap) < 0) text = NULL; /* then without a reason */
        va_end(ap);
        if (text) text_one_line(text);
        free(fate->text);
        fate->kind = kind;
        fate->text = text;
}

/* Writes the one line and returns ERR_INVALID. */
static int fail(struct parser *p, const struct property *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int fail(struct parser *p, const struct property *at, const char *format, ...) {
        char text[CONFIG_ERROR_MAX];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut */
        va_end(ap);
        if (at && at->secret && secret_shown(text, at->value))
                (void)snprintf(text, sizeof text, "what the placeholder stands for is not valid here");
        text_one_line(text);
        struct config_private *priv = p->config.priv;
        if (priv && priv->error_count++ == 0) {
                int n = at ? snprintf(p->err, p->err_size, "%s:%d: %.150s: ", p->path, at->line, at->key)
                           : snprintf(p->err, p->err_size, "%s: ", p->path);
                if (n >= 0 && (size_t)n < p->err_size)
                        (void)snprintf(p->err + n, p->err_size - (size_t)n, "%s", text); /* cut */
                text_one_line(p->err);
        }
        if (at) set_fate(p, at, FATE_REFUSED, "%s", text);
        else if (priv && !priv->general) priv->general = strdup(text);
        return ERR_INVALID;
}

/* Whether to read on behind an error. */
static int go_on(const struct parser *p, int rc) {
        return rc == ERR_INVALID && p->all && !p->lost ? 0 : rc;
}

static int no_memory(struct parser *p) {
        (void)snprintf(p->err, p->err_size, "%s: %s", p->path, err_text(ERR_NOMEM));
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

/* A key of MirrorMaker's that is no setting here. */
static int take_foreign(struct parser *p, const struct property *at, const struct foreign *row) {
        bool ignored = row->action == FOREIGN_IGNORE ||
                       (row->action == FOREIGN_ONLY && foreign_accepts(row, at->value));
        if (ignored) {
                set_fate(p, at, FATE_IGNORED, "%s", row->why);
                return 0;
        }
        if (row->action != FOREIGN_ONLY)
                return fail(p, at, "a MirrorMaker setting that has no meaning here: %s", row->why);
        size_t n = strcspn(row->argument, "|");
        if (n == 0) return fail(p, at, "expected nothing, not '%.*s': %s", VALUE_SHOWN, at->value, row->why);
        return fail(p, at, "expected %.*s, not '%.*s': %s", (int)n, row->argument, VALUE_SHOWN,
                    at->value, row->why);
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
        p->lost = rc != 0;
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
                        enum config_level level, enum client_role role, const char *alias,
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
        struct config_property item = {
                .name = strdup(name),
                .value = strdup(at->value),
                .line = at->line,
                .key = strdup(at->key),
                .level = level,
                .unscoped = level == CONFIG_EVERY || level == CONFIG_ALIAS,
                .role = role,
                .alias = alias,
                .fate = (size_t)(at - p->properties.items),
        };
        if (route) item.route = strdup(route);
        priv->items[priv->count++] = item; /* config_fini frees it, whole or not */
        if (!item.name || !item.value || !item.key || (route && !item.route)) return no_memory(p);
        set_fate(p, at, FATE_CLIENT, NULL);
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

/* One setting may have two names; one name twice is an error of the file's notation. */
static int give(struct parser *p, const struct property **given, const struct property *at) {
        if (*given)
                return fail(p, at, "the same setting as '%.*s' in line %d; expected one of them",
                            VALUE_SHOWN, (*given)->key, (*given)->line);
        *given = at;
        set_fate(p, at, FATE_KEPT, NULL);
        return 0;
}

static bool java_client_name(const char *name) {
        static const char *const names[] = {
#define ROW(name, role, action, argument) name,
                KAFKA_JAVA(ROW)
#undef ROW
        };
        for (size_t i = 0; i < COUNT(names); i++) {
                size_t n = strlen(names[i]);
                if (names[i][n - 1] == '*' ? strncmp(names[i], name, n - 1) == 0 : strcmp(names[i], name) == 0)
                        return true;
        }
        return false;
}

static int read_alias_property(struct parser *p, struct property *at,
                               struct config_cluster *cluster) {
        const char *name = at->key + strlen(cluster->alias) + 1, *rest = name;
        enum client_role role = CLIENT_CONSUMER;
        bool unscoped = !role_prefix(name, &rest, &role);
        /* what both tables know is a client's here */
        const struct foreign *foreign = unscoped && !java_client_name(name) ? foreign_find(name) : NULL;
        int setting = unscoped ? setting_find(setting_route, SETTING_ROUTE_COUNT, name) : -1;

        if (foreign && foreign->action == FOREIGN_SAME &&
            strcmp(foreign->argument, "delivery.guarantee") == 0)
                return give(p, &p->guarantees[cluster - p->config.clusters], at);
        if (setting >= 0 && strcmp(name, "group.id") != 0)
                return fail(p, at, "a setting of routes; expected '%s-><destination>.%.*s', or '%.*s' for all routes",
                            cluster->alias, VALUE_SHOWN, name, VALUE_SHOWN, name);
        if (foreign && strcmp(name, "bootstrap.servers") != 0)
                return take_foreign(p, at, foreign);
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
        return add_property(p, at, rest, unscoped ? CONFIG_ALIAS : CONFIG_ALIAS_ROLE, role, cluster->alias, NULL);
}

/* ---- routes ------------------------------------------------------------- */

static struct draft *find_draft(struct parser *p, const char *route) {
        for (size_t i = 0; i < p->draft_count; i++)
                if (strcmp(p->drafts[i].name, route) == 0) return &p->drafts[i];
        return NULL;
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
        int rc = give(p, &draft->given[setting], at);
        const char *name = setting_route[setting].name, *end = at->key + strlen(at->key) - strlen(name);
        if (!rc && (end < at->key || strcmp(end, name) != 0)) set_fate(p, at, FATE_RENAMED, "becomes %s", name);
        return rc;
}

/* Client settings behind a route; the longer prefix first.  level 0: no
 * client takes them. */
static const struct end {
        const char *prefix, *word;
        enum config_level level;
        enum client_role role;
        bool at_source;
} ends[] = {
        {"source.consumer.", "consumer", CONFIG_ROUTE_END, CLIENT_CONSUMER, true},
        {"source.producer.", "producer", 0, CLIENT_PRODUCER, true},
        {"source.admin.", "admin", 0, CLIENT_ADMIN, true},
        {"target.consumer.", "consumer", 0, CLIENT_CONSUMER, false},
        {"target.producer.", "producer", CONFIG_ROUTE_END, CLIENT_PRODUCER, false},
        {"target.admin.", "admin", 0, CLIENT_ADMIN, false},
        {"producer.override.", "producer", CONFIG_ROUTE_END, CLIENT_PRODUCER, false},
        {"consumer.", "consumer", CONFIG_ROUTE, CLIENT_CONSUMER, true},
        {"producer.", "producer", CONFIG_ROUTE, CLIENT_PRODUCER, false},
        {"admin.", "admin", 0, CLIENT_ADMIN, false},
};

static const struct end *find_end(const char *name) {
        for (size_t i = 0; i < COUNT(ends); i++)
                if (strncmp(name, ends[i].prefix, strlen(ends[i].prefix)) == 0) return &ends[i];
        return NULL;
}

/* `<source>-><destination>.<setting>` */
static int read_route_property(struct parser *p, struct property *at, const char *arrow) {
        char source[VALUE_SHOWN + 64], destination[VALUE_SHOWN + 64], route[sizeof source * 2];
        char prefix[sizeof route + 16];
        const char *rest = arrow + 2, *name, *unprefixed;
        const char *names[SETTING_ROUTE_COUNT];

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
        const struct end *end = find_end(name);
        if (end) {
                const char *alias = end->at_source ? source : to->alias;
                unprefixed = name + strlen(end->prefix);
                if (!end->level)
                        return fail(p, at, "expected '%s.%s.%.*s': such clients have no settings of a route",
                                    alias, end->word, VALUE_SHOWN, unprefixed);
                if (strcmp(unprefixed, "bootstrap.servers") == 0)
                        return fail(p, at, "expected '%s.bootstrap.servers', one address list for "
                                           "all clients of a cluster", alias);
                return add_property(p, at, unprefixed, end->level, end->role, NULL, route);
        }
        int setting = setting_find(setting_route, SETTING_ROUTE_COUNT, name);
        if (setting >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                return rc ? rc : give_route(p, route, source, to->alias, setting, at);
        }
        const struct foreign *foreign = foreign_find(name);
        if (foreign) return take_foreign(p, at, foreign);
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

/* `<alias>.consumer.auto.offset.reset` and the like: the most specific one that
 * concerns the route's consumers.  Java's name of start.from. */
static const struct config_property *reset_of(struct parser *p, const struct config_route *route) {
        const struct config_private *priv = p->config.priv;
        const struct config_property *best = NULL;
        int best_rank = 0;
        for (size_t i = 0; i < priv->count; i++) {
                const struct config_property *item = &priv->items[i];
                if (strcmp(item->name, "auto.offset.reset") != 0) continue;
                int rank = config_rank(item, route->source, route->name, CLIENT_CONSUMER);
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
                if (none) set_fate(p, at, FATE_IGNORED, "a gap is never passed by, see gap.policy");
                else if (start_of_reset(item->value))
                        set_fate(p, at, FATE_OVERRIDDEN, "no route of the file takes its start.from from it");
                else
                        rc = go_on(p, fail(p, at, "expected earliest, latest or none, not '%.*s'; it decides "
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
                if (at) set_fate(p, at, FATE_RENAMED, "becomes delivery.guarantee of the routes to %s", route->destination);
        }
        if (!at) at = p->common[setting];
        *value = at ? at->value : s->value;
        if (at || strcmp(s->name, "start.from") != 0) return at;
        const struct config_property *reset = reset_of(p, route);
        const char *start = reset ? start_of_reset(reset->value) : NULL;
        if (!start) return NULL;
        at = &p->properties.items[reset->fate];
        set_fate(p, at, FATE_RENAMED, "becomes start.from = %s of the routes from %s", start, route->source);
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
        if (!route->lines) return no_memory(p);
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                const char *value = NULL;
                const struct property *at = source_of(p, draft, route, i, &value);
                int rc = value ? set_field(p, route, &setting_route[i], at, value) : 0;
                wrong = wrong || rc;
                rc = go_on(p, rc);
                if (rc) return rc;
                route->lines[i] = at ? at->line : 0;
        }
        if (wrong) return 0; /* what follows needs each value */
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
                        rc = go_on(p, set_field(p, &scratch, &setting_route[i], p->common[i],
                                                p->common[i]->value));
        setting_free_all(setting_route, SETTING_ROUTE_COUNT, &scratch);
        if (!rc) rc = check_resets(p);
        if (rc) return rc;

        if (p->draft_count) {
                c->routes = calloc(p->draft_count, sizeof *c->routes);
                if (!c->routes) return no_memory(p);
        }
        while (c->route_count < p->draft_count) {
                size_t i = c->route_count++;
                rc = go_on(p, build_route(p, &p->drafts[i], &c->routes[i]));
                if (rc) return rc;
        }
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                bool used = p->draft_count == 0;
                for (size_t k = 0; !used && k < p->draft_count; k++) used = !p->drafts[k].given[i];
                if (p->common[i] && !used)
                        set_fate(p, p->common[i], FATE_OVERRIDDEN, "every route has its own");
        }
        if (p->config.priv->error_count) return 0;
        if (c->route_count) qsort(c->routes, c->route_count, sizeof *c->routes, by_name);
        return check_groups(p);
}

/* ---- all of it ---------------------------------------------------------- */

static int fail_unknown_top(struct parser *p, const struct property *at) {
        const char *names[SETTING_PROGRAM_COUNT + SETTING_ROUTE_COUNT + 1];
        const char *dot = strchr(at->key, '.');
        size_t n = 0, servers = strlen(".bootstrap.servers"), length = strlen(at->key);
        char word[VALUE_SHOWN + 64];

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

/* Client settings that MirrorMaker 2 takes without an alias; others would be
 * taken for misspelt settings of ours. */
static bool of_every_cluster(const char *key) {
        return strcmp(key, "security.protocol") == 0 || strncmp(key, "ssl.", 4) == 0 ||
               strncmp(key, "sasl.", 5) == 0;
}

static int read_property(struct parser *p, struct property *at) {
        const char *arrow = strstr(at->key, "->");
        struct config_cluster *cluster;
        enum client_role role = CLIENT_CONSUMER;
        const char *rest;
        int i;

        if (strcmp(at->key, "clusters") == 0) {
                set_fate(p, at, FATE_KEPT, NULL);
                return 0;
        }
        if (arrow) return read_route_property(p, at, arrow);
        if ((i = setting_find(setting_program, SETTING_PROGRAM_COUNT, at->key)) >= 0) {
                p->program[i] = at;
                set_fate(p, at, FATE_KEPT, NULL);
                return resolve_value(p, at, SECRET_ANY);
        }
        if ((i = setting_find(setting_route, SETTING_ROUTE_COUNT, at->key)) >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                if (!rc) rc = give(p, &p->common[i], at);
                if (!rc && strcmp(at->key, setting_route[i].name) != 0)
                        set_fate(p, at, FATE_RENAMED, "becomes %s", setting_route[i].name);
                return rc;
        }
        if ((cluster = alias_of(&p->config, at->key))) return read_alias_property(p, at, cluster);
        if (role_prefix(at->key, &rest, &role)) {
                if (strcmp(rest, "bootstrap.servers") == 0)
                        return fail(p, at, "expected '<alias>.bootstrap.servers', one address list for "
                                           "all clients of a cluster");
                return add_property(p, at, rest, CONFIG_EVERY_ROLE, role, NULL, NULL);
        }
        const struct foreign *foreign = foreign_find(at->key);
        if (foreign) return take_foreign(p, at, foreign);
        if (of_every_cluster(at->key)) return add_property(p, at, at->key, CONFIG_EVERY, role, NULL, NULL);
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
        size_t count = p->properties.count;
        int rc = 0;

        c->priv = calloc(1, sizeof *c->priv);
        c->path = strdup(p->path);
        if (c->priv) c->priv->fates = calloc(count ? count : 1, sizeof *c->priv->fates);
        if (!c->path || !c->priv || !c->priv->fates) return no_memory(p);
        for (; c->priv->fate_count < count; c->priv->fate_count++) {
                const struct property *at = &p->properties.items[c->priv->fate_count];
                struct config_fate *fate = fate_of(p, at);
                *fate = (struct config_fate){.key = strdup(at->key), .line = at->line, .kind = FATE_UNREAD};
                if (!fate->key) return no_memory(p);
        }
        for (size_t i = 0; !rc && i < count; i++) rc = go_on(p, check_value(p, &p->properties.items[i]));
        if (!rc) rc = read_aliases(p);
        if (!rc && !(p->guarantees = calloc(c->cluster_count + 1, sizeof *p->guarantees))) return no_memory(p);
        for (size_t i = 0; !rc && i < count; i++)
                if (c->priv->fates[i].kind != FATE_REFUSED)
                        rc = go_on(p, read_property(p, &p->properties.items[i]));
        for (size_t i = 0; !rc && i < SETTING_PROGRAM_COUNT; i++) {
                const struct setting *s = &setting_program[i];
                const char *value = p->program[i] ? p->program[i]->value : s->value;
                if (value) rc = go_on(p, set_field(p, c, s, p->program[i], value));
                c->priv->program_lines[i] = p->program[i] ? p->program[i]->line : 0;
        }
        if (!rc && !c->priv->error_count) rc = go_on(p, check_http(p));
        for (size_t i = 0; !rc && i < c->cluster_count; i++)
                if (!c->clusters[i].bootstrap_servers)
                        rc = go_on(p, fail(p, p->clusters, "alias '%s' has no address; expected '%s.bootstrap.servers'",
                                           c->clusters[i].alias, c->clusters[i].alias));
        if (!rc) rc = build_routes(p);
        return rc || !c->priv->error_count ? rc : ERR_INVALID;
}

static int parse(struct parser *p, const char *text, size_t bytes, struct config *out) {
        struct properties_error error;

        int rc = properties_parse(text, bytes, &p->properties, &error);
        if (rc) {
                if (error.line)
                        (void)snprintf(p->err, p->err_size, "%s:%d: %s", p->path, error.line, error.text);
                else (void)snprintf(p->err, p->err_size, "%s: %s", p->path, error.text);
                text_one_line(p->err);
                return rc == ERR_EXISTS ? ERR_INVALID : rc;
        }
        rc = read_all(p);
        for (size_t i = 0; i < p->draft_count; i++) {
                free(p->drafts[i].name);
                free(p->drafts[i].source);
                free(p->drafts[i].destination);
        }
        free(p->drafts);
        free(p->guarantees);
        properties_fini(&p->properties);
        if (rc == ERR_INVALID && p->all) rc = 0;
        if (rc) config_fini(&p->config);
        else *out = p->config;
        return rc;
}

int config_parse(const char *path, const char *text, size_t bytes, struct config *out, char *err,
                 size_t err_size) {
        struct parser p = {.path = path, .err = err, .err_size = err_size};
        return parse(&p, text, bytes, out);
}

int config_examine(const char *path, const char *text, size_t bytes, struct config *out, char *err,
                   size_t err_size) {
        struct parser p = {.path = path, .err = err, .err_size = err_size, .all = true};
        return parse(&p, text, bytes, out);
}
