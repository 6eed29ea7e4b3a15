/* Which names exist, for which kind of client, and which are aliases is asked
 * of the linked librdkafka itself: it prints its property table, and that is
 * the only place where it tells consumer's and producer's settings apart.  A
 * list of our own would be wrong with the next version. */
#include "common/kafka_settings.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_security.h"
#include "common/kafka_tables.h"
#include "common/kafka_token.h"
#include "common/secret.h"
#include "common/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct fixed {
        const char *name;
        int roles;
        const char *value, *alike, *why;
} fixed_rows[] = {
#define ROW(name, role, value, alike, why) {name, KAFKA_##role, value, alike, why},
        KAFKA_FIXED(ROW)
#undef ROW
};

static const struct preset {
        const char *name;
        int roles;
        const char *value, *why;
} preset_rows[] = {
#define ROW(name, role, value, why) {name, KAFKA_##role, value, why},
        KAFKA_DEFAULTS(ROW)
#undef ROW
};

/* kafka_tables.h writes it shorter; the name is a macro's in some headers. */
#define FALSE FALSE_ONLY
enum action { COMPUTE, RENAME, CAP, KIB, MINUS, EMPTY, BYTES, SECURITY, IGNORE, UNKNOWN, LATER, FALSE_ONLY, START, REFUSE };

static const struct java {
        const char *name;
        int roles;
        enum action action;
        const char *argument;
} java_rows[] = {
#define ROW(name, role, why) {name, KAFKA_##role, COMPUTE, why},
        KAFKA_COMPUTED(ROW)
#undef ROW
#define ROW(name, role, action, argument) {name, KAFKA_##role, action, argument},
        KAFKA_JAVA(ROW)
#undef ROW
};

/* ---- what librdkafka knows ---------------------------------------------- */

#define KNOWN_MAX 512

static struct known {
        char *name, *canonical; /* canonical: of an alias, else NULL */
        char *range;            /* "1 .. 100000000", "true, false"; "" for any text */
        int roles;
        bool settable; /* not by a call of its own only */
} known[KNOWN_MAX];
static size_t known_count;
static pthread_once_t known_once = PTHREAD_ONCE_INIT;

static struct known *find_known(const char *name) {
        for (size_t i = 0; i < known_count; i++)
                if (strcmp(known[i].name, name) == 0) return &known[i];
        return NULL;
}

/* "linger.ms | P | 0 .. 900000 | 5 | high | Alias for `queue.buffering.max.ms`: ..." */
static void add_known(char *line) {
        char *rest = line, *name = strsep(&rest, "|"), *role = strsep(&rest, "|");
        char *range = strsep(&rest, "|");
        if (!rest || known_count == KNOWN_MAX) return;
        name = text_trim(name);
        role = text_trim(role);
        int roles = strcmp(role, "C") == 0   ? KAFKA_CONSUMER
                    : strcmp(role, "P") == 0 ? KAFKA_PRODUCER
                    : strcmp(role, "*") == 0 ? KAFKA_EVERY
                                             : 0;
        if (!roles || !*name) return; /* a heading */
        struct known *k = find_known(name);
        if (k) { /* in the table of topics as well */
                k->roles |= roles;
                return;
        }
        k = &known[known_count];
        *k = (struct known){.name = strdup(name), .range = strdup(text_trim(range)), .roles = roles};
        if (!k->name || !k->range) return;
        k->settable = !strstr(rest, "see dedicated API");
        char *alias = strstr(rest, "Alias for `");
        if (alias) {
                alias += strlen("Alias for `");
                k->canonical = strndup(alias, strcspn(alias, "`"));
        }
        known_count++;
}

static void load_known(void) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        if (!file) return; /* then rd_kafka_conf_set alone decides */
        rd_kafka_conf_properties_show(file);
        if (fclose(file) == 0)
                for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));)
                        add_known(line);
        free(text);
}

static const char *canonical(const char *name) {
        const struct known *k = find_known(name);
        return k && k->canonical ? k->canonical : name;
}

const char *kafka_settings_canonical(const char *name) {
        (void)pthread_once(&known_once, load_known); /* cannot fail with this control */
        return canonical(name);
}

/* ---- rows --------------------------------------------------------------- */

static bool row_names(const struct java *row, const char *name) {
        size_t n = strlen(row->name);
        if (row->name[n - 1] == '*') return strncmp(row->name, name, n - 1) == 0;
        return strcmp(row->name, name) == 0;
}

/* roles 0: for any. */
static const struct java *find_java(const char *name, int roles) {
        for (size_t i = 0; i < COUNT(java_rows); i++)
                if (row_names(&java_rows[i], name) && (!roles || (java_rows[i].roles & roles)))
                        return &java_rows[i];
        return NULL;
}

static const struct fixed *find_fixed(const char *name) {
        for (size_t i = 0; i < COUNT(fixed_rows); i++)
                if (strcmp(canonical(fixed_rows[i].name), canonical(name)) == 0)
                        return &fixed_rows[i];
        return NULL;
}

static bool bytes_class(const char *value) {
        static const char *const classes[] = {
                "org.apache.kafka.common.serialization.ByteArraySerializer",
                "org.apache.kafka.common.serialization.ByteArrayDeserializer",
                "ByteArraySerializer",
                "ByteArrayDeserializer",
        };
        for (size_t i = 0; i < COUNT(classes); i++)
                if (strcmp(classes[i], value) == 0) return true;
        return false;
}

static int role_bit(enum client_role role) {
        return role == CLIENT_CONSUMER   ? KAFKA_CONSUMER
               : role == CLIENT_PRODUCER ? KAFKA_PRODUCER
                                         : KAFKA_ADMIN;
}

/* Whether clients of one kind leave the property out; NULL when they use it or
 * when it does not concern them (*used tells). */
static const char *ignored_by(const char *name, int role, bool *used) {
        const struct java *row = find_java(name, role);
        const struct known *k = find_known(name);
        if (row && (row->action == IGNORE || row->action == COMPUTE || (row->action == UNKNOWN && !(k && (k->roles & role)))))
                return row->argument;
        if (row || (k && (k->roles & role))) *used = true;
        return NULL;
}

const char *kafka_settings_ignored(const struct config_property *property) {
        bool used = false;
        (void)pthread_once(&known_once, load_known); /* cannot fail with this control */
        if (!property->unscoped) return ignored_by(property->name, role_bit(property->role), &used);
        const char *consumer = ignored_by(property->name, KAFKA_CONSUMER, &used);
        const char *producer = ignored_by(property->name, KAFKA_PRODUCER, &used);
        if (used) return NULL;
        return consumer ? consumer : producer;
}

/* ---- filling ------------------------------------------------------------ */

struct filler {
        const struct config *config;
        int role;
        rd_kafka_conf_t *conf;
        const char *hidden; /* a value that no message may show, or NULL */
        const struct config_property *original; /* of the resolved one at hand */
        struct kafka_security security;
        const struct kafka_trace *trace; /* or NULL */
        enum kafka_origin origin;        /* of what is being set */
        struct kafka_fate *fate;         /* of the property at hand, or NULL */
        char *err;
        size_t err_size;
};

static void note_fate(struct filler *f, enum kafka_fate_kind kind, const char *name, const char *why) {
        if (f->fate) *f->fate = (struct kafka_fate){kind, name, why};
}

static int fail(struct filler *f, const struct config_property *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int fail(struct filler *f, const struct config_property *at, const char *format, ...) {
        va_list ap;
        int n = at ? snprintf(f->err, f->err_size, "%s:%d: %.150s: ", f->config->path, at->line,
                              at->key)
                   : 0;
        if (n >= 0 && (size_t)n < f->err_size) {
                va_start(ap, format);
                (void)vsnprintf(f->err + n, f->err_size - (size_t)n, format, ap); /* cut */
                va_end(ap);
                if (f->hidden && secret_shown(f->err + n, f->hidden))
                        (void)snprintf(f->err + n, f->err_size - (size_t)n, "invalid value");
        }
        text_one_line(f->err);
        return ERR_INVALID;
}

/* why: of a value of our own. */
static int set_because(struct filler *f, const struct config_property *at, const char *name,
                       const char *value, const char *why) {
        char text[256] = "";
        if (rd_kafka_conf_set(f->conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) {
                if (f->trace) f->trace->set(f->trace->ctx, canonical(name), f->hidden ? NULL : value, f->origin, at, why);
                return 0;
        }
        if (!at) return fail(f, NULL, "client setting %s: %s", name, text);
        if (strncmp(name, "sasl.oauthbearer.", 17) == 0 && !kafka_token_oidc() && strstr(text, "OIDC"))
                return fail(f, at, KAFKA_TOKEN_NO_OIDC);
        if (config_key_is_secret(at->key) && secret_shown(text, value))
                return fail(f, at, "expected another value; this one is not valid");
        const struct known *k = find_known(canonical(name));
        if (!k || !*k->range || strcasecmp(k->range, "true, false") == 0)
                return k && *k->range ? fail(f, at, "expected true or false, not '%.100s'", at->value)
                                      : fail(f, at, "expected another value: %s", text);
        if (strcmp(at->name, name) == 0) return fail(f, at, "expected %s, not '%.100s'", k->range, at->value);
        return fail(f, at, "expected %s, as %s has it, not '%.100s'", k->range, name, at->value);
}

/* at is NULL for values of our own. */
static int set(struct filler *f, const struct config_property *at, const char *name,
               const char *value) {
        if (at) note_fate(f, strcmp(at->name, name) == 0 ? KAFKA_FATE_KEPT : KAFKA_FATE_RENAMED, name, NULL);
        return set_because(f, at, name, value, NULL);
}

static const char *role_name(int roles) {
        return roles == KAFKA_CONSUMER   ? "consumers"
               : roles == KAFKA_PRODUCER ? "producers"
                                         : "other clients";
}

/* The name is known, but not to this kind of client. */
static int other_role(struct filler *f, const struct config_property *at, int roles) {
        note_fate(f, KAFKA_FATE_ELSEWHERE, NULL, NULL);
        if (at->unscoped) return 0;
        return fail(f, at, "a setting of %s only; expected one of %s", role_name(roles), role_name(f->role));
}

static int fail_unknown(struct filler *f, const struct config_property *at) {
        const char *names[KNOWN_MAX + COUNT(java_rows)];
        size_t n = 0;
        for (size_t i = 0; i < known_count; i++)
                if (known[i].settable && (at->unscoped || (known[i].roles & f->role)))
                        names[n++] = known[i].name;
        for (size_t i = 0; i < COUNT(java_rows); i++)
                if (java_rows[i].action != REFUSE && java_rows[i].action != IGNORE &&
                    java_rows[i].name[strlen(java_rows[i].name) - 1] != '*')
                        names[n++] = java_rows[i].name;
        const char *nearest = text_nearest(at->name, names, n);
        int prefix = (int)(strlen(at->key) - strlen(at->name));
        return nearest ? fail(f, at, "unknown client setting; did you mean '%.*s%s'?", prefix,
                              at->key, nearest)
                       : fail(f, at, "unknown client setting");
}

/* A row of the table of Java's names. */
static int set_java(struct filler *f, const struct config_property *at, const struct java *row) {
        char number[32];
        char *end;
        long long value;

        switch (row->action) {
        case RENAME:
                return set(f, at, row->argument, at->value);
        case CAP: {
                const struct known *k = find_known(row->argument);
                const char *dots = k ? strstr(k->range, ".. ") : NULL;
                long long most = dots ? strtoll(dots + 3, NULL, 10) : 0;
                errno = 0;
                value = strtoll(at->value, &end, 10);
                if (!most || end == at->value || *end || errno || value <= most)
                        return set(f, at, row->argument, at->value);
                (void)snprintf(number, sizeof number, "%lld", most);
                int rc = set(f, at, row->argument, number);
                note_fate(f, KAFKA_FATE_RENAMED, row->argument, "the most that it can be");
                return rc;
        }
        case KIB:
                errno = 0;
                value = strtoll(at->value, &end, 10);
                if (end == at->value || *end || errno || value < 1024)
                        return fail(f, at,
                                    "expected a number of bytes, at least 1024, not '%.100s'",
                                    at->value);
                (void)snprintf(number, sizeof number, "%lld", value / 1024);
                return set(f, at, row->argument, number);
        case MINUS:
                return set(f, at, row->argument, strcmp(at->value, "-1") == 0 ? "0" : at->value);
        case EMPTY:
                return set(f, at, at->name, *at->value ? at->value : row->argument);
        case BYTES:
                note_fate(f, KAFKA_FATE_IGNORED, NULL, "records are mirrored byte by byte");
                if (bytes_class(at->value)) return 0;
                return fail(f, at,
                            "records are mirrored byte by byte; expected ByteArraySerializer or "
                            "ByteArrayDeserializer, or nothing");
        case SECURITY:
                if (kafka_security_take(&f->security, f->original, at->value) != 0) return fail(f, at, "%s", err_text(ERR_NOMEM));
                note_fate(f, KAFKA_FATE_SECURITY, NULL, row->argument);
                if (f->trace) f->trace->set(f->trace->ctx, row->name, f->hidden ? NULL : at->value, f->origin, at, NULL);
                return 0;
        case START:
                note_fate(f, KAFKA_FATE_STARTS, NULL, NULL);
                return 0;
        case COMPUTE:
                note_fate(f, KAFKA_FATE_COMPUTED, NULL, row->argument);
                return 0;
        case FALSE_ONLY:
                note_fate(f, KAFKA_FATE_IGNORED, NULL, row->argument);
                if (strcasecmp(at->value, "false") == 0) return 0;
                return fail(f, at, "expected false: %s", row->argument);
        case IGNORE:
        case UNKNOWN:
                note_fate(f, KAFKA_FATE_IGNORED, NULL, row->argument);
                return 0; /* kafka_config_check has noted it */
        case LATER:
        case REFUSE:
                break;
        }
        return fail(f, at, "%s", row->argument);
}

static int set_user(struct filler *f, const struct config_property *at) {
        const struct known *k = find_known(at->name);
        const struct java *row = find_java(at->name, f->role);

        bool asks = row && (row->action == UNKNOWN || row->action == LATER);
        if (row && !(asks && k && (k->roles & f->role))) return set_java(f, at, row);
        if (!k && known_count) {
                row = find_java(at->name, 0);
                return row ? other_role(f, at, row->roles) : fail_unknown(f, at);
        }
        if (k && (!k->settable || strcmp(k->name, "builtin.features") == 0))
                return fail_unknown(f, at);
        const struct fixed *fixed = find_fixed(at->name);
        if (fixed && strcasecmp(at->value, fixed->value) != 0 &&
            (!fixed->alike || strcasecmp(at->value, fixed->alike) != 0))
                return fail(f, at, "is always '%s' here and cannot be changed: %s", fixed->value,
                            fixed->why);
        if (k && !(k->roles & f->role)) return other_role(f, at, k->roles);
        if (fixed) {
                note_fate(f, KAFKA_FATE_FIXED, NULL, fixed->why);
                return 0;
        }
        return set(f, at, at->name, at->value);
}

/* Placeholders become their values here, for the length of the call: librdkafka
 * keeps the only other copy, and wipes it. */
static int set_resolved(struct filler *f, const struct config_property *at) {
        char why[SECRET_ERROR_MAX], *value = NULL;
        int rc = secret_sources(at->value, why, sizeof why);
        if (rc > 0) {
                rc = secret_resolve(at->value, &value, why, sizeof why);
                if (rc) return fail(f, at, "%s", why);
        }
        struct config_property copy = *at;
        if (value) copy.value = value;
        f->original = at;
        f->hidden = value || config_key_is_secret(at->key) ? copy.value : NULL;
        rc = set_user(f, &copy);
        f->hidden = NULL;
        secret_free(value);
        return rc;
}

static int apply_security(struct filler *f, const char *alias) {
        char why[KAFKA_SECURITY_ERROR_MAX] = "";
        const struct config_property *at = NULL;
        int rc = kafka_security_apply(&f->security, f->conf, &at, why, sizeof why);
        if (rc) rc = at ? fail(f, at, "%s", why) : fail(f, NULL, "%s: client settings of '%s': %s", f->config->path, alias, why);
        return rc;
}

/* ---- what becomes of a property ------------------------------------------ */

static const int every_role[] = {KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_ADMIN};

int kafka_settings_fate(const struct config *config, const struct config_property *property,
                        struct kafka_fate out[static 3], char *err, size_t err_size) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        int rc = 0;

        (void)pthread_once(&known_once, load_known); /* cannot fail with this control */
        for (int i = 0; i < 3; i++) {
                out[i] = (struct kafka_fate){.kind = KAFKA_FATE_ELSEWHERE};
                if (rc || (!property->unscoped && role_bit(property->role) != every_role[i])) continue;
                struct filler f = {.config = config, .role = every_role[i], .conf = conf, .fate = &out[i],
                                   .err = err, .err_size = err_size};
                rc = set_resolved(&f, property);
                kafka_security_fini(&f.security);
        }
        rd_kafka_conf_destroy(conf);
        return rc;
}

/* ---- all of a client's --------------------------------------------------- */

int kafka_settings_fill(const struct config *config, const char *alias, const char *route,
                        enum client_role role, const struct kafka_setting *extra,
                        rd_kafka_conf_t *conf, char *err, size_t err_size) {
        return kafka_settings_trace(config, alias, route, role, extra, NULL, conf, err, err_size);
}

int kafka_settings_trace(const struct config *config, const char *alias, const char *route,
                         enum client_role role, const struct kafka_setting *extra,
                         const struct kafka_trace *trace, rd_kafka_conf_t *conf, char *err,
                         size_t err_size) {
        struct filler f = {.config = config, .role = role_bit(role), .conf = conf, .trace = trace,
                           .err = err, .err_size = err_size};
        const struct config_property **list = NULL;
        size_t count = 0;

        (void)pthread_once(&known_once, load_known); /* cannot fail with this control */
        int rc = config_client_properties(config, alias, route, role, &list, &count);
        if (rc == ERR_NOT_FOUND)
                (void)fail(&f, NULL, "%s: unknown alias '%.128s', not in 'clusters'", config->path,
                           alias);
        else if (rc)
                (void)fail(&f, NULL, "%s", err_text(rc));
        f.origin = KAFKA_ORIGIN_DEFAULT;
        for (size_t i = 0; !rc && i < COUNT(preset_rows); i++)
                if (preset_rows[i].roles & f.role)
                        rc = set_because(&f, NULL, preset_rows[i].name, preset_rows[i].value, preset_rows[i].why);
        f.origin = KAFKA_ORIGIN_FILE;
        for (size_t i = 0; !rc && i < count; i++) rc = set_resolved(&f, list[i]);
        if (!rc) rc = apply_security(&f, alias);
        kafka_security_fini(&f.security);
        f.origin = KAFKA_ORIGIN_COMPUTED;
        for (; !rc && extra && extra->name; extra++) rc = set(&f, NULL, extra->name, extra->value);
        f.origin = KAFKA_ORIGIN_FIXED;
        for (size_t i = 0; !rc && i < COUNT(fixed_rows); i++)
                if (fixed_rows[i].roles & f.role)
                        rc = set_because(&f, NULL, fixed_rows[i].name, fixed_rows[i].value, fixed_rows[i].why);
        free(list);
        return rc;
}
