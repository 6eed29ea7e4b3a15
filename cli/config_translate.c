#include "cli/config_translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/config_report.h"
#include "cli/mirror_config.h"
#include "common/err.h"
#include "common/foreign.h"
#include "common/properties.h"
#include "common/setting_value.h"
#include "common/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct {
        const char *name, *value, *why;
} mm2_defaults[] = {
#define ROW(name, value, why) {name, value, why},
        MM2_DEFAULTS(ROW)
#undef ROW
};

struct translator {
        const struct config_translation *t;
        const char *path;                  /* of the text that is read */
        const struct mirror_config *built; /* of MirrorMaker 1's files, else NULL */
        struct properties properties;
        struct config_report report;
        struct text out;
        size_t refused;
};

/* As properties_parse reads it back. */
static void add_escaped(struct text *out, const char *text, bool key) {
        for (const char *s = text; *s; s++) {
                if (*s == '\n' || *s == '\r' || *s == '\t' || *s == '\f')
                        text_add(out, "\\%c", *s == '\n' ? 'n' : *s == '\r' ? 'r' : *s == '\t' ? 't' : 'f');
                else if (*s == '\\' || (key && strchr("=: #!", *s)) || (s == text && *s == ' '))
                        text_add(out, "\\%c", *s);
                else text_add(out, "%c", *s);
        }
}

static void add_line(struct translator *t, const char *key, const char *value) {
        add_escaped(&t->out, key, true);
        text_add(&t->out, " = ");
        add_escaped(&t->out, value, false);
        text_add(&t->out, "\n");
}

/* Where a property stands in the user's file. */
static void where(const struct translator *t, const struct property *p, const char **file, int *line, const char **key) {
        const struct mirror_where *w = t->built ? mirror_config_where(t->built, p->line) : NULL;
        *file = w ? w->file : t->path;
        *line = w ? w->line : p->line;
        *key = w ? w->key : p->key;
}

static void add_comment(struct translator *t, const char *mark, const char *file, int line, const char *key, const char *why) {
        char copy[512];
        (void)snprintf(copy, sizeof copy, "%s", key); /* cut */
        text_one_line(copy);
        text_add(&t->out, line ? "# %s: %s:%d: %s: %s\n" : "# %s: %s: %.0d%s: %s\n", mark, file, line, copy, why ? why : "");
}

/* A secret is not copied: the new file points to where it stands. */
static void add_value(struct translator *t, const char *key, const struct property *p) {
        const char *file, *file_key;
        int line;
        where(t, p, &file, &line, &file_key);
        if (!config_key_is_secret(p->key) || strstr(p->value, "${")) {
                add_line(t, key, p->value);
                return;
        }
        char *path = line ? realpath(file, NULL) : NULL;
        bool pointed = path && !strpbrk(path, ":}") && !strpbrk(file_key, ":}");
        struct text value = {0};
        if (pointed) text_add(&value, "${file:%s:%s}", path, file_key);
        if (value.data && !value.failed) add_line(t, key, value.data);
        else {
                t->refused++;
                add_comment(t, "NOT TRANSLATED", file, line, file_key, "a secret that is not copied; write ${file:PATH:KEY} or ${env:NAME}");
        }
        free(value.data);
        free(path);
}

/* "A->B.topics.blacklist" -> "A->B.topics.exclude" where that is the setting's own name. */
static void own_name(const char *key, char *out, size_t size) {
        for (size_t i = 0; i < foreign_row_count; i++) {
                const struct foreign *row = &foreign_rows[i];
                size_t n = strlen(row->name), k = strlen(key);
                if (row->action != FOREIGN_SAME || k < n || strcmp(key + k - n, row->name) != 0) continue;
                const char *arrow = strstr(key, "->");
                if (k != n && !arrow) continue; /* <alias>.exactly.once...: read as it is */
                (void)snprintf(out, size, "%.*s%s", (int)(k - n), key, row->argument);
                return;
        }
        (void)snprintf(out, size, "%s", key);
}

static void translate_property(struct translator *t, size_t i) {
        const struct property *p = &t->properties.items[i];
        const struct config_line *l = &t->report.lines[i];
        const char *file, *file_key;
        char key[1024];
        int line;
        where(t, p, &file, &line, &file_key);
        switch (l->kind) {
        case FATE_REFUSED:
        case FATE_UNREAD:
                t->refused++;
                add_comment(t, "NOT TRANSLATED", file, line, file_key, l->text);
                cli_error(line ? "%s:%d: %s: not translated: %s" : "%s: %.0d%s: not translated: %s", file, line, file_key,
                          l->text ? l->text : "");
                return;
        case FATE_IGNORED:
                add_comment(t, "dropped", file, line, file_key, l->text);
                return;
        default:
                break;
        }
        if (t->t->zookeeper && strcmp(p->key, "zookeeper.connect") == 0) return;
        if (t->built && strcmp(p->key, MIRROR_ROUTE ".group.id") == 0) return;   /* below */
        if (t->built && strcmp(p->key, MIRROR_ROUTE ".start.from") == 0) return;
        own_name(p->key, key, sizeof key);
        if (strcmp(key, p->key) == 0 && l->text && l->kind == FATE_RENAMED) text_add(&t->out, "# %s: %s\n", p->key, l->text);
        add_value(t, key, p);
}

static const char *value_of(const struct translator *t, const char *key) {
        for (size_t i = 0; i < t->properties.count; i++)
                if (strcmp(t->properties.items[i].key, key) == 0) return t->properties.items[i].value;
        return NULL;
}

static void add_mm2_defaults(struct translator *t) {
        text_add(&t->out, "\n# What MirrorMaker 2 does where its file says nothing, and Heliostat would do otherwise.\n");
        for (size_t i = 0; i < COUNT(mm2_defaults); i++) {
                int setting = setting_find(setting_route, SETTING_ROUTE_COUNT, mm2_defaults[i].name);
                bool given = false;
                for (size_t k = 0; !given && k < t->properties.count; k++)
                        given = setting_find(setting_route, SETTING_ROUTE_COUNT, t->properties.items[k].key) == setting;
                if (given) continue;
                text_add(&t->out, "# %s\n", mm2_defaults[i].why);
                add_line(t, mm2_defaults[i].name, mm2_defaults[i].value);
        }
        text_add(&t->out, "\n# To go on where MirrorMaker 2 stands (docs/positions.md):\n#start.from = mm2,earliest\n");
}

static void add_mm1_rest(struct translator *t) {
        const struct mirror_args *a = &t->t->mm1;
        const char *group = value_of(t, MIRROR_ROUTE ".group.id"), *start = value_of(t, MIRROR_ROUTE ".start.from");
        char number[24];
        for (size_t i = 0; i < t->built->note_count; i++) {
                const struct mirror_note *n = &t->built->notes[i];
                add_comment(t, "noted", n->where.file, n->where.line, n->where.key, n->text);
        }
        text_add(&t->out, "\n# Partitions begin where MirrorMaker 1's group stands; those that it does not know, where\n"
                          "# auto.offset.reset says (%s).\n", start ? "as given" : "not given: at the end, as MirrorMaker 1 does");
        struct text from = {0};
        if (group) text_add(&from, "group:%s,", group);
        text_add(&from, "%s", start ? start : "latest");
        if (from.data) add_line(t, MIRROR_ROUTE ".start.from", from.data);
        free(from.data);
        if (a->streams) {
                text_add(&t->out, "\n# --num.streams: the data threads of each worker\n");
                (void)snprintf(number, sizeof number, "%u", a->streams);
                add_line(t, "worker.loops", number);
        }
        if (a->abort_on_send_failure == MIRROR_TRUE)
                text_add(&t->out, "\n# noted: --abort.on.send.failure true: a record that the destination refuses halts its partition,\n"
                                  "# and no other\n");
}

/* What was made is read as any file is. */
static int check_result(const struct translator *t) {
        struct config_report r;
        char err[CONFIG_ERROR_MAX];
        if (t->out.failed || config_report_make("the result", t->out.data, t->out.bytes, &r, err, sizeof err)) {
                cli_error("%s", t->out.failed ? err_text(ERR_NOMEM) : err);
                return CLI_FAILED;
        }
        int exit_code = r.error_count || t->refused ? CLI_FAILED : CLI_OK;
        for (size_t i = 0; i < r.line_count; i++)
                if (r.lines[i].kind == FATE_REFUSED)
                        cli_error("the result, line %d: %s: %s", r.lines[i].line, r.lines[i].key, r.lines[i].text);
        if (r.general) cli_error("the result: %s", r.general);
        config_report_fini(&r);
        return exit_code;
}

static int translate(struct translator *t, const char *text, size_t bytes) {
        struct properties_error error;
        char err[CONFIG_ERROR_MAX];
        if (config_report_make(t->path, text, bytes, &t->report, err, sizeof err)) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        if (properties_parse(text, bytes, &t->properties, &error)) { /* it could a moment ago */
                config_report_fini(&t->report);
                return CLI_FAILED;
        }
        text_add(&t->out, "# Made by heliostat config translate of %s%s%s.\n",
                 t->built ? t->t->mm1.consumer_config : t->path, t->built ? " and " : "",
                 t->built ? t->t->mm1.producer_config : "");
        text_add(&t->out, "# isolation.level is read_committed here unless set: aborted records are not mirrored.\n\n");
        if (t->t->zookeeper) add_line(t, "zookeeper.connect", t->t->zookeeper);
        else if (!value_of(t, "zookeeper.connect")) text_add(&t->out, "# Needed, and not known to MirrorMaker:\n#zookeeper.connect = HOST:2181/heliostat\n");
        text_add(&t->out, "\n");
        for (size_t i = 0; i < t->properties.count; i++) translate_property(t, i);
        if (t->report.general) cli_error("%s: %s", t->path, t->report.general);
        if (t->built) add_mm1_rest(t);
        else add_mm2_defaults(t);
        int exit_code = check_result(t);
        if (t->out.data && (fputs(t->out.data, stdout) == EOF || fflush(stdout) != 0)) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        if (t->out.data) explicit_bzero(t->out.data, t->out.bytes);
        free(t->out.data);
        properties_fini(&t->properties);
        config_report_fini(&t->report);
        return exit_code;
}

int config_translate(const struct config_translation *translation) {
        struct translator t = {.t = translation, .path = translation->file};
        char *text[2] = {NULL, NULL}, err[CONFIG_ERROR_MAX] = "";
        const char *paths[2] = {translation->file, NULL};
        size_t bytes[2] = {0, 0};
        struct mirror_config built = {0};
        int exit_code = CLI_USAGE, rc = 0;
        if (!translation->file) {
                paths[0] = translation->mm1.consumer_config;
                paths[1] = translation->mm1.producer_config;
        }
        for (int i = 0; !rc && i < 2 && paths[i]; i++) rc = config_read_file(paths[i], &text[i], &bytes[i], err, sizeof err);
        if (!rc && translation->file) exit_code = translate(&t, text[0], bytes[0]);
        else if (!rc) {
                const struct mirror_file consumer = {paths[0], text[0], bytes[0]}, producer = {paths[1], text[1], bytes[1]};
                rc = mirror_config_build(&translation->mm1, &consumer, &producer, &built, err, sizeof err);
                if (!rc) {
                        t.built = &built;
                        t.path = MIRROR_CONFIG_PATH;
                        exit_code = translate(&t, built.text, built.bytes);
                        mirror_config_fini(&built);
                }
        }
        if (rc) cli_error("%s", err);
        for (int i = 0; i < 2; i++) {
                if (text[i]) explicit_bzero(text[i], bytes[i]);
                free(text[i]);
        }
        return exit_code;
}
