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

#include "common/config_parser.h"
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

bool config_key_is_secret(const char *key) {
        static const char *const marks[] = {
                "password", "secret",       "jaas",  "ssl.key.pem",
                "passwd",   "keystore.key", "token", "oauthbearer.config", "zookeeper.auth", "zookeeper.acl.readers",
                "passphrase", "private.key"};
        for (size_t i = 0; i < COUNT(marks); i++)
                if (strcasestr(key, marks[i])) return true;
        return false;
}

/* Every value passes here once, before anything looks at it. */
static int check_value(struct parser *p, struct property *property) {
        char why[SECRET_ERROR_MAX];
        (void)text_trim(property->value);
        int rc = secret_sources(property->value, why, sizeof why);
        return rc < 0 ? parser_fail(p, property, "%s", why) : 0;
}

/* Puts in what the placeholders of a value stand for.  Of client settings this
 * happens only when a client is made (kafka_settings.c): the configuration
 * holds no secret, and what has changed meanwhile counts. */
static int resolve_value(struct parser *p, struct property *property, int allowed) {
        char why[SECRET_ERROR_MAX], *value;
        int sources = secret_sources(property->value, why, sizeof why);
        if (sources <= 0) return sources;
        if (sources & ~allowed)
                return parser_fail(p, property, "settings of routes are published in ZooKeeper; expected no "
                                         "${file:...} or ${dir:...}, only ${env:...}");
        int rc = secret_resolve(property->value, &value, why, sizeof why);
        if (rc == ERR_NOMEM) return parser_no_memory(p);
        if (rc) return parser_fail(p, property, "%s", why);
        free(property->value);
        property->value = value;
        property->secret = true;
        parser_fate_of(p, property)->hidden = true;
        return 0;
}

/* Adds "; did you mean 'x'?" where something is near. */
static int fail_unknown(struct parser *p, const struct property *at, const char *prefix,
                        const char *nearest) {
        return nearest ? parser_fail(p, at, "unknown key; did you mean '%s%s'?", prefix, nearest)
                       : parser_fail(p, at, "unknown key");
}

/* A key of MirrorMaker's that is no setting here. */
static int take_foreign(struct parser *p, const struct property *at, const struct foreign *row) {
        bool ignored = row->action == FOREIGN_IGNORE ||
                       (row->action == FOREIGN_ONLY && foreign_accepts(row, at->value));
        if (ignored) {
                parser_set_fate(p, at, FATE_IGNORED, "%s", row->why);
                return 0;
        }
        if (row->action != FOREIGN_ONLY)
                return parser_fail(p, at, "a MirrorMaker setting that has no meaning here: %s", row->why);
        size_t n = strcspn(row->argument, "|");
        if (n == 0) return parser_fail(p, at, "expected nothing, not '%.*s': %s", VALUE_SHOWN, at->value, row->why);
        return parser_fail(p, at, "expected %.*s, not '%.*s': %s", (int)n, row->argument, VALUE_SHOWN,
                    at->value, row->why);
}

static int set_text(struct parser *p, char **field, const char *value) {
        char *copy = strdup(value);
        if (!copy) return parser_no_memory(p);
        free(*field);
        *field = copy;
        return 0;
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
                return parser_fail(p, p->clusters, "invalid alias '%.*s'; expected letters, digits and "
                                            "'. _ -', 1 to 128 of them", VALUE_SHOWN, alias);
        if (alias_reserved(alias))
                return parser_fail(p, p->clusters, "alias '%s' is also the beginning of a setting's name; "
                                            "choose another", alias);
        if (config_cluster(c, alias))
                return parser_fail(p, p->clusters, "alias '%s' is named twice", alias);
        struct config_cluster *clusters =
                realloc(c->clusters, (c->cluster_count + 1) * sizeof *clusters);
        if (!clusters) return parser_no_memory(p);
        c->clusters = clusters;
        clusters[c->cluster_count] = (struct config_cluster){strdup(alias), NULL};
        if (!clusters[c->cluster_count].alias) return parser_no_memory(p);
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
        int rc = list ? 0 : parser_no_memory(p);
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
                return parser_fail(p, at, "unknown alias '%.*s'; 'clusters' is not set", VALUE_SHOWN,
                            alias);
        return nearest ? parser_fail(p, at, "unknown alias '%.*s', not in 'clusters'; did you mean '%s'?",
                              VALUE_SHOWN, alias, nearest)
                       : parser_fail(p, at, "unknown alias '%.*s', not in 'clusters'", VALUE_SHOWN, alias);
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
        if (!*name) return parser_fail(p, at, "unknown key; the name of a client setting is missing");
        if (priv->count == priv->room) {
                size_t room = priv->room ? priv->room * 2 : 16;
                struct config_property *items = realloc(priv->items, room * sizeof *items);
                if (!items) return parser_no_memory(p);
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
        if (!item.name || !item.value || !item.key || (route && !item.route)) return parser_no_memory(p);
        parser_set_fate(p, at, FATE_CLIENT, NULL);
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
                return parser_fail(p, at, "the same setting as '%.*s' in line %d; expected one of them",
                            VALUE_SHOWN, (*given)->key, (*given)->line);
        *given = at;
        parser_set_fate(p, at, FATE_KEPT, NULL);
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
                return parser_fail(p, at, "a setting of routes; expected '%s-><destination>.%.*s', or '%.*s' for all routes",
                            cluster->alias, VALUE_SHOWN, name, VALUE_SHOWN, name);
        if (foreign && strcmp(name, "bootstrap.servers") != 0)
                return take_foreign(p, at, foreign);
        if (strcmp(rest, "bootstrap.servers") == 0 || strcmp(rest, "metadata.broker.list") == 0) {
                if (!unscoped || *rest == 'm')
                        return parser_fail(p, at, "expected '%s.bootstrap.servers', one address list for "
                                           "all clients of a cluster", cluster->alias);
                int resolved = resolve_value(p, at, SECRET_ANY);
                if (resolved) return resolved;
                if (!servers_valid(at->value))
                        return parser_fail(p, at, "expected 'host:port,host:port', not '%.*s'",
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
                if (!drafts) return parser_no_memory(p);
                p->drafts = drafts;
                draft = &drafts[p->draft_count++];
                *draft = (struct draft){.name = strdup(route),
                                        .source = strdup(source),
                                        .destination = strdup(destination)};
                if (!draft->name || !draft->source || !draft->destination) return parser_no_memory(p);
        }
        int rc = give(p, &draft->given[setting], at);
        const char *name = setting_route[setting].name, *end = at->key + strlen(at->key) - strlen(name);
        if (!rc && (end < at->key || strcmp(end, name) != 0)) parser_set_fate(p, at, FATE_RENAMED, "becomes %s", name);
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
                if (bare) return parser_fail(p, at, "unknown key; the name of a setting is missing");
                return fail_alias(p, at, destination);
        }
        if (strcmp(to->alias, source) == 0)
                return parser_fail(p, at, "a route from '%s' to itself; expected two different aliases",
                            source);
        (void)snprintf(route, sizeof route, "%s->%s", source, to->alias); /* fits: 128 + 2 + 128 */
        name = rest + strlen(to->alias) + 1;
        const struct foreign *foreign = foreign_find(name); /* before the prefixes, as below */
        if (foreign && foreign->action != FOREIGN_SAME) return take_foreign(p, at, foreign);
        const struct end *end = find_end(name);
        if (end) {
                const char *alias = end->at_source ? source : to->alias;
                unprefixed = name + strlen(end->prefix);
                if (!end->level)
                        return parser_fail(p, at, "expected '%s.%s.%.*s': such clients have no settings of a route",
                                    alias, end->word, VALUE_SHOWN, unprefixed);
                if (strcmp(unprefixed, "bootstrap.servers") == 0)
                        return parser_fail(p, at, "expected '%s.bootstrap.servers', one address list for "
                                           "all clients of a cluster", alias);
                return add_property(p, at, unprefixed, end->level, end->role, NULL, route);
        }
        int setting = setting_find(setting_route, SETTING_ROUTE_COUNT, name);
        if (setting >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                return rc ? rc : give_route(p, route, source, to->alias, setting, at);
        }
        if (setting_find(setting_program, SETTING_PROGRAM_COUNT, name) >= 0)
                return parser_fail(p, at, "not a setting of a route; expected '%s' alone", name);
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) names[i] = setting_route[i].name;
        (void)snprintf(prefix, sizeof prefix, "%s.", route);
        return fail_unknown(p, at, prefix, text_nearest(name, names, SETTING_ROUTE_COUNT));
}

/* ---- all of it ---------------------------------------------------------- */

static int fail_unknown_top(struct parser *p, const struct property *at) {
        const char *names[SETTING_PROGRAM_COUNT + SETTING_ROUTE_COUNT + 1];
        const char *dot = strchr(at->key, '.');
        size_t n = 0, servers = strlen(".bootstrap.servers"), length = strlen(at->key);
        char word[VALUE_SHOWN + 64];

        if (strncmp(at->value, "->", 2) == 0)
                return parser_fail(p, at, "a blank ends the key; write '%.*s->...' without blanks",
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
        return alias ? parser_fail(p, at, "unknown key; did you mean '%s%.*s'?", alias, VALUE_SHOWN, dot)
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
                parser_set_fate(p, at, FATE_KEPT, NULL);
                return 0;
        }
        if (arrow) return read_route_property(p, at, arrow);
        if ((i = setting_find(setting_program, SETTING_PROGRAM_COUNT, at->key)) >= 0) {
                p->program[i] = at;
                parser_set_fate(p, at, FATE_KEPT, NULL);
                return resolve_value(p, at, SECRET_ANY);
        }
        if ((i = setting_find(setting_route, SETTING_ROUTE_COUNT, at->key)) >= 0) {
                int rc = resolve_value(p, at, SECRET_ENV);
                if (!rc) rc = give(p, &p->common[i], at);
                if (!rc && strcmp(at->key, setting_route[i].name) != 0)
                        parser_set_fate(p, at, FATE_RENAMED, "becomes %s", setting_route[i].name);
                return rc;
        }
        if ((cluster = alias_of(&p->config, at->key))) return read_alias_property(p, at, cluster);
        /* before the prefixes: consumer.poll.timeout.ms is no client's */
        const struct foreign *foreign = foreign_find(at->key);
        if (foreign) return take_foreign(p, at, foreign);
        if (role_prefix(at->key, &rest, &role)) {
                if (strcmp(rest, "bootstrap.servers") == 0)
                        return parser_fail(p, at, "expected '<alias>.bootstrap.servers', one address list for "
                                           "all clients of a cluster");
                return add_property(p, at, rest, CONFIG_EVERY_ROLE, role, NULL, NULL);
        }
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
                if (http_check(&settings, why, sizeof why)) return parser_fail(p, at, "%s", why);
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
        if (!c->path || !c->priv || !c->priv->fates) return parser_no_memory(p);
        for (; c->priv->fate_count < count; c->priv->fate_count++) {
                const struct property *at = &p->properties.items[c->priv->fate_count];
                struct config_fate *fate = parser_fate_of(p, at);
                *fate = (struct config_fate){.key = strdup(at->key), .line = at->line, .kind = FATE_UNREAD};
                if (!fate->key) return parser_no_memory(p);
        }
        for (size_t i = 0; !rc && i < count; i++) rc = parser_go_on(p, check_value(p, &p->properties.items[i]));
        if (!rc) rc = read_aliases(p);
        if (!rc && !(p->guarantees = calloc(c->cluster_count + 1, sizeof *p->guarantees))) return parser_no_memory(p);
        for (size_t i = 0; !rc && i < count; i++)
                if (c->priv->fates[i].kind != FATE_REFUSED)
                        rc = parser_go_on(p, read_property(p, &p->properties.items[i]));
        for (size_t i = 0; !rc && i < SETTING_PROGRAM_COUNT; i++) {
                const struct setting *s = &setting_program[i];
                const char *value = p->program[i] ? p->program[i]->value : s->value;
                if (value) rc = parser_go_on(p, parser_set_field(p, c, s, p->program[i], value));
                c->priv->program_lines[i] = p->program[i] ? p->program[i]->line : 0;
        }
        if (!rc && !c->priv->error_count) rc = parser_go_on(p, check_http(p));
        for (size_t i = 0; !rc && i < c->cluster_count; i++)
                if (!c->clusters[i].bootstrap_servers)
                        rc = parser_go_on(p, parser_fail(p, p->clusters, "alias '%s' has no address; expected '%s.bootstrap.servers'",
                                           c->clusters[i].alias, c->clusters[i].alias));
        if (!rc) rc = parser_build_routes(p);
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
