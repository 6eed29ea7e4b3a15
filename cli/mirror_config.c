#include "cli/mirror_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/kafka_tables.h"
#include "common/properties.h"
#include "common/text.h"

/* ---- what becomes of a key ---- */

enum action {
        SERVERS, /* the cluster's address */
        GROUP,
        START,
        ZOOKEEPER,
        RENAME, /* to the argument */
        NOTE,   /* no effect; the argument says why */
        REFUSE,
};

#define OF_CONSUMER 1
#define OF_PRODUCER 2

/* Keys of MirrorMaker 1's files that the client settings' own tables
 * (kafka_tables.h) do not know or answer otherwise.  `*` at the end: all that
 * begin so.  The first match counts. */
static const struct row {
        const char *name;
        int files;
        enum action action;
        const char *argument;
} rows[] = {
        {"bootstrap.servers", OF_CONSUMER | OF_PRODUCER, SERVERS, NULL},
        {"metadata.broker.list", OF_PRODUCER, SERVERS, NULL},
        {"group.id", OF_CONSUMER, GROUP, NULL},
        {"auto.offset.reset", OF_CONSUMER, START, NULL},
        {"zookeeper.connect", OF_CONSUMER, ZOOKEEPER, NULL},
        {"zookeeper.connect", OF_PRODUCER, NOTE, "the brokers are reached directly"},
        {"zookeeper.*", OF_CONSUMER | OF_PRODUCER, NOTE, "no ZooKeeper is used"},
        {"auto.commit.enable", OF_CONSUMER, NOTE, "only what was acknowledged is committed"},
        {"consumer.id", OF_CONSUMER, NOTE, "there is no group membership"},
        {"consumer.timeout.ms", OF_CONSUMER, NOTE, "see --until-end"},
        {"num.consumer.fetchers", OF_CONSUMER, NOTE, "see --num.streams"},
        {"rebalance.*", OF_CONSUMER, NOTE, "there is no group membership"},
        {"offsets.*", OF_CONSUMER, NOTE, "positions are always kept by the source's brokers"},
        {"dual.commit.enabled", OF_CONSUMER, NOTE, "positions are always kept by the source's brokers"},
        {"mirror.topics.*", OF_CONSUMER, REFUSE, "use --whitelist"},
        {"refresh.leader.backoff.ms", OF_CONSUMER, NOTE, "leaders are looked for at once"},
        {"queued.max.message.chunks", OF_CONSUMER, NOTE, "memory is bounded by a budget"},
        {"request.required.acks", OF_PRODUCER, NOTE, "always all"},
        {"compression.codec", OF_PRODUCER, RENAME, "compression.type"},
        {"compressed.topics", OF_PRODUCER, NOTE, "all topics are compressed alike"},
        {"queue.*", OF_PRODUCER, NOTE, "memory is bounded by a budget"},
        {"serializer.class", OF_PRODUCER, NOTE, "records are mirrored byte by byte"},
        {"key.serializer.class", OF_PRODUCER, NOTE, "records are mirrored byte by byte"},
        {"message.send.max.retries", OF_PRODUCER, NOTE, "requests are repeated until they work"},
        {"send.buffer.bytes.producer", OF_PRODUCER, NOTE, "use send.buffer.bytes"},
};

/* Fixed here.  MirrorMaker 1 overrides them too, or they ask for less than is
 * given: no reason to refuse a file that works there. */
static const struct fixed {
        const char *name;
        int roles;
        const char *value, *alike, *why;
} fixed_rows[] = {
#define ROW(name, role, value, alike, why) {name, KAFKA_##role, value, alike, why},
        KAFKA_FIXED(ROW)
#undef ROW
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct row *find_row(const char *key, int file) {
        for (size_t i = 0; i < COUNT(rows); i++) {
                size_t n = strlen(rows[i].name);
                if (!(rows[i].files & file)) continue;
                if (rows[i].name[n - 1] == '*' ? strncmp(rows[i].name, key, n - 1) == 0
                                               : strcmp(rows[i].name, key) == 0)
                        return &rows[i];
        }
        return NULL;
}

static const struct fixed *find_fixed(const char *key, int file) {
        int role = file == OF_CONSUMER ? KAFKA_CONSUMER : KAFKA_PRODUCER;
        for (size_t i = 0; i < COUNT(fixed_rows); i++)
                if ((fixed_rows[i].roles & role) && strcmp(fixed_rows[i].name, key) == 0) return &fixed_rows[i];
        return NULL;
}

/* ---- building ---- */

struct builder {
        struct mirror_config config;
        const char *file;
        char *err;
        size_t err_size;
        bool servers;
        int zookeeper_line; /* of zookeeper.connect; 0: none */
};

static int no_memory(struct builder *b) {
        (void)snprintf(b->err, b->err_size, "%s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
}

static int fail(struct builder *b, int line, const char *key, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
static int fail(struct builder *b, int line, const char *key, const char *format, ...) {
        va_list ap;
        int n = line  ? snprintf(b->err, b->err_size, "%s:%d: %.150s: ", b->file, line, key)
                : key ? snprintf(b->err, b->err_size, "%s: %.150s: ", b->file, key)
                      : snprintf(b->err, b->err_size, "%s: ", b->file);
        va_start(ap, format);
        if (n >= 0 && (size_t)n < b->err_size)
                (void)vsnprintf(b->err + n, b->err_size - (size_t)n, format, ap); /* cut */
        va_end(ap);
        text_one_line(b->err);
        return ERR_INVALID;
}

static int put(struct mirror_config *c, const char *bytes, size_t count) {
        if (c->bytes + count + 1 > c->room) {
                size_t room = (c->room ? c->room : 1024) * 2;
                while (room < c->bytes + count + 1) room *= 2;
                /* Not realloc: what it leaves behind could hold a password. */
                char *text = malloc(room);
                if (!text) return ERR_NOMEM;
                if (c->text) {
                        memcpy(text, c->text, c->bytes);
                        explicit_bzero(c->text, c->bytes);
                        free(c->text);
                }
                c->text = text;
                c->room = room;
        }
        memcpy(c->text + c->bytes, bytes, count);
        c->bytes += count;
        c->text[c->bytes] = '\0';
        return 0;
}

/* As properties_parse reads it back. */
static int put_escaped(struct mirror_config *c, const char *text, bool key) {
        bool first = true;
        int rc = 0;
        for (const char *s = text; *s && !rc; s++, first = false) {
                char pair[2] = {'\\', *s};
                if (*s == '\n' || *s == '\r' || *s == '\t' || *s == '\f')
                        pair[1] = *s == '\n' ? 'n' : *s == '\r' ? 'r' : *s == '\t' ? 't' : 'f';
                else if (*s != '\\' && !(key && strchr("=: #!", *s)) && !(first && *s == ' '))
                        pair[0] = '\0';
                rc = pair[0] ? put(c, pair, 2) : put(c, s, 1);
        }
        return rc;
}

static int where_copy(struct mirror_where *out, const char *file, int line, const char *key) {
        *out = (struct mirror_where){strdup(file), line, strdup(key)};
        return out->file && out->key ? 0 : ERR_NOMEM;
}

/* One line of the text, and where it comes from. */
static int emit(struct builder *b, const char *prefix, const char *key, const char *value, int line,
                const char *written) {
        struct mirror_config *c = &b->config;
        struct mirror_where *lines = realloc(c->lines, (c->line_count + 1) * sizeof *lines);
        if (!lines) return no_memory(b);
        c->lines = lines;
        int rc = where_copy(&lines[c->line_count++], b->file, line, written);
        if (!rc) rc = put(c, prefix, strlen(prefix));
        if (!rc) rc = put_escaped(c, key, true);
        if (!rc) rc = put(c, "=", 1);
        if (!rc) rc = put_escaped(c, value, false);
        if (!rc) rc = put(c, "\n", 1);
        return rc ? no_memory(b) : 0;
}

static int note(struct builder *b, int line, const char *key, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
static int note(struct builder *b, int line, const char *key, const char *format, ...) {
        struct mirror_config *c = &b->config;
        char text[320];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut */
        va_end(ap);
        text_one_line(text);
        struct mirror_note *notes = realloc(c->notes, (c->note_count + 1) * sizeof *notes);
        if (!notes) return no_memory(b);
        c->notes = notes;
        struct mirror_note *n = &notes[c->note_count++];
        *n = (struct mirror_note){.text = strdup(text)};
        return where_copy(&n->where, b->file, line, key) || !n->text ? no_memory(b) : 0;
}

static int take_start(struct builder *b, const struct property *p) {
        bool earliest = strcmp(p->value, "earliest") == 0 || strcmp(p->value, "smallest") == 0;
        if (!earliest && strcmp(p->value, "latest") != 0 && strcmp(p->value, "largest") != 0)
                return fail(b, p->line, p->key, "expected earliest or latest, not '%.60s'; it decides where partitions "
                                                "without a position begin", p->value);
        b->config.has_start = true;
        return emit(b, MIRROR_ROUTE ".", "start.from", earliest ? "earliest" : "latest", p->line, p->key);
}

static int take(struct builder *b, int file, const struct property *p) {
        const char *alias = file == OF_CONSUMER ? "source." : "destination.";
        const struct row *row = find_row(p->key, file);
        const struct fixed *fixed = find_fixed(p->key, file);
        if (!row && fixed) {
                if (strcmp(p->value, fixed->value) == 0 || (fixed->alike && strcmp(p->value, fixed->alike) == 0))
                        return 0;
                return note(b, p->line, p->key, "ignored, it is always '%s' here: %s", fixed->value, fixed->why);
        }
        if (!row) return emit(b, alias, p->key, p->value, p->line, p->key);
        switch (row->action) {
        case SERVERS:
                b->servers = true;
                return emit(b, alias, "bootstrap.servers", p->value, p->line, p->key);
        case GROUP:
                b->config.has_group = true;
                return emit(b, MIRROR_ROUTE ".", "group.id", p->value, p->line, p->key);
        case START: return take_start(b, p);
        case ZOOKEEPER:
                b->zookeeper_line = p->line;
                return 0;
        case RENAME: return emit(b, alias, row->argument, p->value, p->line, p->key);
        case NOTE: return note(b, p->line, p->key, "ignored: %s", row->argument);
        case REFUSE: break;
        }
        return fail(b, p->line, p->key, "%s", row->argument);
}

static int take_file(struct builder *b, int file, const struct mirror_file *from) {
        struct properties properties = {0};
        struct properties_error error;
        b->file = from->name;
        b->servers = false;
        b->zookeeper_line = 0;
        int rc = properties_parse(from->text, from->bytes, &properties, &error);
        if (rc) {
                if (error.line) (void)snprintf(b->err, b->err_size, "%s:%d: %s", from->name, error.line, error.text);
                else (void)snprintf(b->err, b->err_size, "%s: %s", from->name, error.text);
                text_one_line(b->err);
                return rc == ERR_EXISTS ? ERR_INVALID : rc;
        }
        for (size_t i = 0; !rc && i < properties.count; i++) {
                (void)text_trim(properties.items[i].value);
                rc = take(b, file, &properties.items[i]);
        }
        if (!rc && b->zookeeper_line && b->servers)
                rc = note(b, b->zookeeper_line, "zookeeper.connect", "ignored: the brokers are reached directly");
        else if (!rc && b->zookeeper_line)
                rc = fail(b, b->zookeeper_line, "zookeeper.connect",
                          "a setting of Kafka's old consumer, which asked ZooKeeper for the brokers; write "
                          "bootstrap.servers=HOST:PORT of the source's brokers in its place");
        else if (!rc && !b->servers)
                rc = fail(b, 0, NULL, "bootstrap.servers is missing: the addresses of the %s's brokers",
                          file == OF_CONSUMER ? "source" : "destination");
        properties_fini(&properties);
        return rc;
}

static int take_properties(struct builder *b, int file, const char *flag, const char *const *list, size_t count) {
        int rc = 0;
        b->file = flag;
        for (size_t i = 0; !rc && i < count; i++) {
                char *key = strdup(list[i]);
                if (!key) return no_memory(b);
                char *value = strchr(key, '='); /* the arguments' check has seen it */
                *value++ = '\0';
                struct property p = {.key = text_trim(key), .value = text_trim(value)};
                rc = take(b, file, &p);
                if (!rc && b->zookeeper_line == 0 && find_row(p.key, file) &&
                    find_row(p.key, file)->action == ZOOKEEPER)
                        rc = note(b, 0, p.key, "ignored: the brokers are reached directly");
                explicit_bzero(key, strlen(list[i]));
                free(key);
        }
        return rc;
}

/* 'a, b' or "a, b" in quotes of its own, as MirrorMaker takes it from scripts. */
static int emit_topics(struct builder *b, const char *flag, const char *key, const char *value) {
        size_t n = strlen(value);
        char *copy = strdup(value), *bare = copy;
        if (!copy) return no_memory(b);
        if (n > 1 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
                bare[n - 1] = '\0';
                bare++;
        }
        b->file = flag;
        int rc = emit(b, MIRROR_ROUTE ".", key, bare, 0, key);
        free(copy);
        return rc;
}

static int take_args(struct builder *b, const struct mirror_args *a) {
        char value[24];
        int rc = emit_topics(b, "--topics", "topics", a->topics);
        if (!rc && a->exclude) rc = emit_topics(b, "--exclude", "topics.exclude", a->exclude);
        if (!rc && a->group) {
                b->file = "--group";
                if (b->config.has_group)
                        return fail(b, 0, NULL, "%s has a group.id already", a->consumer_config);
                b->config.has_group = true;
                rc = emit(b, MIRROR_ROUTE ".", "group.id", a->group, 0, "group.id");
        }
        if (!rc && a->commit_interval_ms) {
                uint32_t ms = a->commit_interval_ms;
                b->file = "--offset.commit.interval.ms";
                if (ms > MIRROR_COMMIT_INTERVAL_MAX_MS) {
                        ms = MIRROR_COMMIT_INTERVAL_MAX_MS;
                        rc = note(b, 0, "offset.commit.interval.ms", "%u is taken as %u", a->commit_interval_ms, ms);
                }
                (void)snprintf(value, sizeof value, "%u", ms);
                if (!rc) rc = emit(b, MIRROR_ROUTE ".", "offset.commit.interval.ms", value, 0,
                                   "offset.commit.interval.ms");
        }
        if (!rc && a->abort_on_send_failure == MIRROR_FALSE) {
                b->file = "--abort.on.send.failure";
                rc = emit(b, MIRROR_ROUTE ".", "poison.record.policy", "skip-recorded", 0, "abort.on.send.failure");
        }
        if (!rc && a->exactly_once) {
                b->file = "--exactly-once";
                rc = emit(b, MIRROR_ROUTE ".", "delivery.guarantee", "exactly-once", 0, "delivery.guarantee");
        }
        return rc;
}

int mirror_config_build(const struct mirror_args *args, const struct mirror_file *consumer,
                        const struct mirror_file *producer, struct mirror_config *out, char *err,
                        size_t err_size) {
        struct builder b = {.file = MIRROR_CONFIG_PATH, .err = err, .err_size = err_size};
        int rc = emit(&b, "", "clusters", "source, destination", 0, "clusters");
        if (!rc) rc = emit(&b, MIRROR_ROUTE ".", "enabled", "true", 0, "enabled");
        if (args->form == MIRROR_BY_SERVERS) {
                b.file = "--from";
                if (!rc) rc = emit(&b, "source.", "bootstrap.servers", args->from, 0, "bootstrap.servers");
                b.file = "--to";
                if (!rc) rc = emit(&b, "destination.", "bootstrap.servers", args->to, 0, "bootstrap.servers");
        } else {
                if (!rc) rc = take_file(&b, OF_CONSUMER, consumer);
                if (!rc) rc = take_file(&b, OF_PRODUCER, producer);
        }
        if (!rc)
                rc = take_properties(&b, OF_CONSUMER, "--consumer.property", args->consumer_properties,
                                     args->consumer_property_count);
        if (!rc)
                rc = take_properties(&b, OF_PRODUCER, "--producer.property", args->producer_properties,
                                     args->producer_property_count);
        if (!rc) rc = take_args(&b, args);
        if (rc) {
                mirror_config_fini(&b.config);
                return rc;
        }
        *out = b.config;
        return 0;
}

void mirror_config_fini(struct mirror_config *config) {
        for (size_t i = 0; i < config->line_count; i++) {
                free(config->lines[i].file);
                free(config->lines[i].key);
        }
        for (size_t i = 0; i < config->note_count; i++) {
                free(config->notes[i].where.file);
                free(config->notes[i].where.key);
                free(config->notes[i].text);
        }
        free(config->lines);
        free(config->notes);
        if (config->text) explicit_bzero(config->text, config->bytes);
        free(config->text);
        *config = (struct mirror_config){0};
}

const struct mirror_where *mirror_config_where(const struct mirror_config *config, int line) {
        return line > 0 && (size_t)line <= config->line_count ? &config->lines[line - 1] : NULL;
}

/* A proposal has the alias in front that the user's files do without. */
static void drop_aliases(char *message) {
        static const char *const prefixes[] = {"'source.", "'destination."};
        for (size_t i = 0; i < COUNT(prefixes); i++) {
                size_t n = strlen(prefixes[i]) - 1;
                char *at = strstr(message, prefixes[i]);
                if (at) memmove(at + 1, at + 1 + n, strlen(at + 1 + n) + 1);
        }
}

/* "mirror:12: source.fetch.min.byte: unknown key" */
void mirror_config_explain(const struct mirror_config *config, const char *message, char *out,
                           size_t out_size) {
        size_t n = strlen(MIRROR_CONFIG_PATH);
        int line = 0, used = 0;
        const struct mirror_where *where = NULL;
        if (strncmp(message, MIRROR_CONFIG_PATH ":", n + 1) == 0 &&
            sscanf(message + n, ":%d: %n", &line, &used) >= 1 && used > 0)
                where = mirror_config_where(config, line);
        if (!where) {
                const char *rest = strncmp(message, MIRROR_CONFIG_PATH ": ", n + 2) == 0 ? message + n + 2 : message;
                (void)snprintf(out, out_size, "%s", rest);
                return;
        }
        const char *rest = message + n + used, *colon = strstr(rest, ": ");
        if (colon) rest = colon + 2; /* the key as it stands in the text */
        if (where->line)
                (void)snprintf(out, out_size, "%s:%d: %s: %s", where->file, where->line, where->key, rest);
        else if (strncmp(where->file, "--", 2) == 0 && strcmp(where->file + 2, where->key) != 0 &&
                 strstr(where->file, "property"))
                (void)snprintf(out, out_size, "%s %s: %s", where->file, where->key, rest);
        else
                (void)snprintf(out, out_size, "%s: %s", where->file, rest);
        drop_aliases(out);
}
