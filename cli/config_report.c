#include "cli/config_report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client_settings.h"
#include "cli/table.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/setting_value.h"
#include "common/text.h"
#include "common/zk.h"

const char *config_kind_name(enum config_fate_kind kind) {
        switch (kind) {
        case FATE_KEPT:
        case FATE_CLIENT: return "kept";
        case FATE_RENAMED: return "renamed";
        case FATE_OVERRIDDEN: return "overridden";
        case FATE_IGNORED: return "ignored";
        case FATE_REFUSED: return "REFUSED";
        case FATE_UNREAD: break;
        }
        return "not read";
}

/* ---- client settings ---------------------------------------------------- */

static void say_fate(const struct kafka_fate *fate, struct text *out) {
        switch (fate->kind) {
        case KAFKA_FATE_KEPT: text_add(out, "as it is"); break;
        case KAFKA_FATE_RENAMED:
                text_add(out, "becomes %s%s%s", fate->name, fate->why ? ", " : "", fate->why ? fate->why : "");
                break;
        case KAFKA_FATE_SECURITY: text_add(out, "%s", fate->why); break;
        case KAFKA_FATE_FIXED: text_add(out, "it is so always: %s", fate->why); break;
        case KAFKA_FATE_COMPUTED:
        case KAFKA_FATE_IGNORED: text_add(out, "no effect: %s", fate->why); break;
        case KAFKA_FATE_STARTS:
        case KAFKA_FATE_ELSEWHERE: break;
        }
}

static enum config_fate_kind kind_of(const struct kafka_fate fates[static 3]) {
        bool kept = false, renamed = false, fixed = false;
        for (int i = 0; i < 3; i++) {
                kept = kept || fates[i].kind == KAFKA_FATE_KEPT || fates[i].kind == KAFKA_FATE_SECURITY;
                renamed = renamed || fates[i].kind == KAFKA_FATE_RENAMED;
                fixed = fixed || fates[i].kind == KAFKA_FATE_FIXED;
        }
        return renamed ? FATE_RENAMED : kept || fixed ? FATE_KEPT : FATE_IGNORED;
}

/* "becomes socket.timeout.ms (consumer, admin); as it is (producer)" */
static char *text_of(const struct kafka_fate fates[static 3]) {
        static const char *const roles[] = {"consumer", "producer", "admin"};
        struct text parts[3] = {{0}}, out = {0};
        size_t concerned = 0, alike = 0;
        for (int i = 0; i < 3; i++) {
                say_fate(&fates[i], &parts[i]);
                concerned += parts[i].data != NULL;
        }
        for (int i = 0; i < 3; i++) {
                if (!parts[i].data) continue;
                alike = 0;
                for (int k = 0; k < 3; k++) alike += parts[k].data && strcmp(parts[k].data, parts[i].data) == 0;
                if (alike == concerned && fates[i].kind == KAFKA_FATE_KEPT) break; /* nothing to tell */
                text_add(&out, "%s%s", out.data ? "; " : "", parts[i].data);
                if (alike == concerned) break;
                const char *separator = " (";
                for (int k = i; k < 3; k++) {
                        if (!parts[k].data || (k != i && strcmp(parts[k].data, parts[i].data) != 0)) continue;
                        text_add(&out, "%s%s", separator, roles[k]);
                        separator = ", ";
                        if (k == i) continue;
                        free(parts[k].data);
                        parts[k].data = NULL;
                        concerned--;
                }
                text_add(&out, ")");
        }
        for (int i = 0; i < 3; i++) free(parts[i].data);
        return out.data;
}

static int look_up_client(struct config_report *r, const struct config_property *p) {
        struct config_line *line = &r->lines[p->fate];
        struct kafka_fate fates[3];
        char err[CONFIG_ERROR_MAX] = "";
        if (line->kind != FATE_CLIENT) return 0;
        int rc = kafka_settings_fate(&r->config, p, fates, err, sizeof err);
        if (rc == ERR_NOMEM) return rc;
        if (rc) { /* "file:7: key: message" */
                const char *text = strstr(err, p->key);
                text = text ? text + strlen(p->key) : err;
                line->kind = FATE_REFUSED;
                line->text = strdup(strncmp(text, ": ", 2) == 0 ? text + 2 : text);
                r->error_count++;
                return line->text ? 0 : ERR_NOMEM;
        }
        line->kind = kind_of(fates);
        line->text = text_of(fates);
        return 0;
}

/* ---- which are overridden ------------------------------------------------ */

static const struct config_property *property_of(const struct config *config, size_t fate) {
        for (size_t i = 0; i < config_property_count(config); i++)
                if (config_property_at(config, i)->fate == fate) return config_property_at(config, i);
        return NULL;
}

/* Of a kept or renamed property that no client uses: who has overridden it in
 * one that it concerns. */
static void look_for_overrides(struct config_report *r) {
        size_t count = 0;
        char err[CONFIG_ERROR_MAX];
        struct client_place *places = client_places(&r->config, &count);
        bool *used = calloc(r->line_count + 1, sizeof *used);
        const struct config_property **by = calloc(r->line_count + 1, sizeof *by);
        for (size_t i = 0; places && used && by && i < count; i++) {
                struct client_settings s;
                const struct config_property **list = NULL;
                size_t listed = 0;
                if (client_settings_of(&r->config, places[i].alias, places[i].route, places[i].role, &s, err,
                                       sizeof err))
                        continue;
                for (size_t k = 0; k < s.count; k++)
                        if (s.items[k].origin == KAFKA_ORIGIN_FILE) used[s.items[k].fate] = true;
                /* every property that concerns this client, also those that lost */
                (void)config_client_properties(&r->config, places[i].alias, places[i].route, places[i].role, &list,
                                               &listed);
                free(list);
                for (size_t k = 0; k < config_property_count(&r->config); k++) {
                        const struct config_property *p = config_property_at(&r->config, k);
                        struct kafka_fate fates[3];
                        if (!config_concerns(p, places[i].alias, places[i].route, places[i].role) ||
                            kafka_settings_fate(&r->config, p, fates, err, sizeof err))
                                continue;
                        const struct kafka_fate *fate = &fates[places[i].role == CLIENT_CONSUMER   ? 0
                                                               : places[i].role == CLIENT_PRODUCER ? 1
                                                                                                   : 2];
                        const char *name = fate->kind == KAFKA_FATE_SECURITY ? p->name
                                           : fate->name ? kafka_settings_canonical(fate->name) : NULL;
                        const struct client_setting *won = name ? client_settings_find(&s, name) : NULL;
                        if (won && won->origin == KAFKA_ORIGIN_FILE && won->fate != p->fate && !by[p->fate])
                                by[p->fate] = property_of(&r->config, won->fate);
                }
                client_settings_fini(&s);
        }
        for (size_t i = 0; used && by && i < r->line_count; i++) {
                const struct config_property *p = by[i] ? property_of(&r->config, i) : NULL;
                if (!p || used[i] || (r->lines[i].kind != FATE_KEPT && r->lines[i].kind != FATE_RENAMED)) continue;
                struct text text = {0};
                text_add(&text, "by %s in line %d%s", by[i]->key, by[i]->line,
                         p->level == CONFIG_ALIAS_ROLE && by[i]->level == CONFIG_ROUTE
                                 ? " (in MirrorMaker 2 this one would count)" : "");
                free(r->lines[i].text);
                r->lines[i].text = text.data;
                r->lines[i].kind = FATE_OVERRIDDEN;
        }
        free(by);
        free(used);
        free(places);
}

/* ---- all of it ----------------------------------------------------------- */

static int add_error(struct config_report *r, const char *key, const char *text) {
        r->error_count++;
        for (size_t i = 0; key && i < r->line_count; i++) {
                if (strcmp(r->lines[i].key, key) != 0) continue;
                free(r->lines[i].text);
                r->lines[i].text = strdup(text);
                r->lines[i].kind = FATE_REFUSED;
                return r->lines[i].text ? 0 : ERR_NOMEM;
        }
        free(r->general);
        r->general = strdup(text);
        return r->general ? 0 : ERR_NOMEM;
}

int config_report_make(const char *path, const char *text, size_t bytes, struct config_report *out, char *err,
                       size_t err_size) {
        struct config_report r = {0};
        char why[CONFIG_ERROR_MAX] = "";
        int rc = config_examine(path, text, bytes, &r.config, err, err_size);
        if (rc) return rc;
        size_t count = config_fate_count(&r.config);
        const char *general = config_general_error(&r.config);
        r.error_count = config_error_count(&r.config);
        r.general = general ? strdup(general) : NULL;
        r.lines = calloc(count + 1, sizeof *r.lines);
        if (!r.lines || (general && !r.general)) rc = ERR_NOMEM;
        for (; !rc && r.line_count < count; r.line_count++) {
                const struct config_fate *fate = config_fate_at(&r.config, r.line_count);
                r.lines[r.line_count] = (struct config_line){fate->line, fate->key, fate->kind,
                                                             fate->text ? strdup(fate->text) : NULL};
        }
        for (size_t i = 0; !rc && i < config_property_count(&r.config); i++)
                rc = look_up_client(&r, config_property_at(&r.config, i));
        if (!rc && !r.error_count && r.config.zookeeper_connect &&
            zk_connect_string_check(r.config.zookeeper_connect, why, sizeof why) != 0)
                rc = add_error(&r, "zookeeper.connect", why);
        struct zk_access access = {0};
        const char *key = "";
        if (!rc && !r.error_count &&
            zk_access_parse(r.config.zookeeper_auth, r.config.zookeeper_acl_readers, r.config.zookeeper_acl_open, &access,
                            &key, why, sizeof why) != 0)
                rc = add_error(&r, key, why);
        zk_access_fini(&access);
        if (!rc && !r.error_count) {
                enum log_level level = log_get_level();
                log_set_level(LOG_WARN); /* what is ignored, the report says better */
                int checked = kafka_config_check(&r.config, why, sizeof why);
                log_set_level(level);
                size_t n = strlen(path);
                if (checked == ERR_NOMEM) rc = checked;
                else if (checked)
                        rc = add_error(&r, NULL, strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0 ? why + n + 2 : why);
        }
        if (!rc && !r.error_count) look_for_overrides(&r);
        if (rc) {
                (void)snprintf(err, err_size, "%s: %s", path, err_text(rc));
                config_report_fini(&r);
                return rc;
        }
        *out = r;
        return 0;
}

void config_report_fini(struct config_report *report) {
        for (size_t i = 0; i < report->line_count; i++) free(report->lines[i].text);
        free(report->lines);
        free(report->general);
        config_fini(&report->config);
        *report = (struct config_report){0};
}

/* ---- check --------------------------------------------------------------- */

static int print_json(json_t *root) {
        bool done = root && json_dumpf(root, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0 && putchar('\n') != EOF &&
                    fflush(stdout) == 0;
        json_decref(root);
        if (done) return CLI_OK;
        cli_error("cannot write to standard output");
        return CLI_FAILED;
}

/* Bytes of a file that are no UTF-8 become '?'. */
static json_t *json_text(const char *text) {
        json_t *value = text ? json_string(text) : json_null();
        if (value) return value;
        char *copy = strdup(text);
        for (char *c = copy; c && *c; c++)
                if ((unsigned char)*c > 0x7e) *c = '?';
        value = copy ? json_string(copy) : NULL;
        free(copy);
        return value;
}

static json_t *check_json(const struct config_report *r, const char *path) {
        json_t *keys = json_array(), *errors = json_array();
        for (size_t i = 0; i < r->line_count; i++) {
                const struct config_line *l = &r->lines[i];
                (void)json_array_append_new(keys, json_pack("{s:i, s:o, s:s, s:o}", "line", l->line, "key", json_text(l->key), "what",
                                                            l->kind == FATE_REFUSED ? "refused" : config_kind_name(l->kind),
                                                            "reason", json_text(l->text)));
                if (l->kind != FATE_REFUSED) continue;
                struct text text = {0};
                text_add(&text, "%s:%d: %s: %s", path, l->line, l->key, l->text ? l->text : "");
                (void)json_array_append_new(errors, json_text(text.data));
                free(text.data);
        }
        if (r->general) (void)json_array_append_new(errors, json_text(r->general));
        return json_pack("{s:s, s:o, s:b, s:I, s:I, s:o, s:o}", "schema", "heliostat.config-check/v1", "file", json_text(path),
                         "valid", r->error_count == 0, "clusters", (json_int_t)r->config.cluster_count, "routes",
                         (json_int_t)r->config.route_count, "errors", errors, "keys", keys);
}

static void add_check_table(const struct config_report *r, struct text *out) {
        static const char *const headings[] = {">LINE", "KEY", "WHAT", "WHY"};
        struct table *table = table_new(headings, 4);
        if (!table) {
                out->failed = true;
                return;
        }
        for (size_t i = 0; i < r->line_count; i++) {
                const struct config_line *l = &r->lines[i];
                enum table_colour colour = l->kind == FATE_REFUSED ? TABLE_RED
                                           : l->kind == FATE_IGNORED || l->kind == FATE_OVERRIDDEN ? TABLE_YELLOW
                                                                                                   : TABLE_PLAIN;
                table_cell(table, TABLE_PLAIN, "%d", l->line);
                table_cell(table, TABLE_PLAIN, "%s", l->key);
                table_cell(table, colour, "%s", config_kind_name(l->kind));
                table_cell(table, TABLE_PLAIN, "%s", l->text ? l->text : "");
        }
        table_render(table, isatty(1) && !getenv("NO_COLOR"), out);
        table_free(table);
}

static int print_text(struct text *text) {
        bool done = !text->failed && (!text->data || fputs(text->data, stdout) != EOF) && fflush(stdout) == 0;
        free(text->data);
        if (done) return CLI_OK;
        cli_error("cannot write to standard output");
        return CLI_FAILED;
}

static int read_report(const char *path, struct config_report *out) {
        char *text = NULL, err[CONFIG_ERROR_MAX];
        size_t bytes = 0;
        int rc = config_read_file(path, &text, &bytes, err, sizeof err);
        if (!rc) rc = config_report_make(path, text, bytes, out, err, sizeof err);
        if (text) explicit_bzero(text, bytes);
        free(text);
        if (rc) cli_error("%s", err);
        return rc;
}

static void print_errors(const struct config_report *r, const char *path) {
        for (size_t i = 0; i < r->line_count; i++)
                if (r->lines[i].kind == FATE_REFUSED)
                        cli_error("%s:%d: %s: %s", path, r->lines[i].line, r->lines[i].key,
                                  r->lines[i].text ? r->lines[i].text : "");
        if (r->general) cli_error("%s: %s", path, r->general);
}

int config_check(const char *path, bool json) {
        struct config_report r;
        if (read_report(path, &r)) return CLI_USAGE;
        int exit_code;
        if (json) exit_code = print_json(check_json(&r, path));
        else {
                struct text out = {0};
                add_check_table(&r, &out);
                text_add(&out, "%s: %zu clusters, %zu routes, ", path, r.config.cluster_count, r.config.route_count);
                if (r.error_count) text_add(&out, "%zu error%s\n", r.error_count, r.error_count == 1 ? "" : "s");
                else text_add(&out, "no errors\n");
                exit_code = print_text(&out);
                print_errors(&r, path);
        }
        if (!exit_code && r.error_count) exit_code = CLI_USAGE;
        config_report_fini(&r);
        return exit_code;
}

/* ---- show ---------------------------------------------------------------- */

struct shown {
        const struct config *config;
        struct text text;
        json_t *sections; /* NULL: a table */
        json_t *section;
        struct table *table;
};

static void begin_section(struct shown *s, const char *title, const char *alias, const char *route, const char *client) {
        static const char *const headings[] = {"SETTING", "VALUE", "FROM"};
        if (s->sections) {
                s->section = json_array();
                (void)json_array_append_new(s->sections,
                                            json_pack("{s:s, s:s?, s:s?, s:s?, s:o}", "of", client ? "client" : route ? "route" : "program",
                                                      "client", client, "cluster", alias, "route", route, "settings",
                                                      s->section));
                return;
        }
        text_add(&s->text, "%s%s\n", s->text.data ? "\n" : "", title);
        s->table = table_new(headings, 3);
        if (!s->table) s->text.failed = true;
}

static void end_section(struct shown *s) {
        if (!s->table) return;
        table_render(s->table, false, &s->text);
        table_free(s->table);
        s->table = NULL;
}

/* line 0: from says where it comes from; value NULL: hidden, or none. */
static void add_setting(struct shown *s, const char *name, const char *value, bool hidden, int line, const char *key,
                        const char *from) {
        if (s->sections) {
                (void)json_array_append_new(
                        s->section, line ? json_pack("{s:o, s:o, s:b, s:s, s:o, s:i, s:o}", "name", json_text(name), "value",
                                                     json_text(value), "hidden", hidden, "origin", "file", "file",
                                                     json_text(s->config->path), "line", line, "key", json_text(key))
                                         : json_pack("{s:o, s:o, s:b, s:s}", "name", json_text(name), "value", json_text(value),
                                                     "hidden", hidden, "origin", from));
                return;
        }
        if (!s->table) return;
        table_cell(s->table, TABLE_PLAIN, "%s", name);
        table_cell(s->table, TABLE_PLAIN, "%s", hidden ? "(hidden)" : value ? value : "");
        if (line) table_cell(s->table, TABLE_PLAIN, "%s:%d", s->config->path, line);
        else table_cell(s->table, TABLE_PLAIN, "%s", from);
}

static const char *key_of(const struct config *config, int line) {
        for (size_t i = 0; i < config_fate_count(config); i++)
                if (config_fate_at(config, i)->line == line) return config_fate_at(config, i)->key;
        return NULL;
}

static bool is_hidden(const struct config *config, int line) {
        for (size_t i = 0; i < config_fate_count(config); i++)
                if (config_fate_at(config, i)->line == line) return config_fate_at(config, i)->hidden;
        return false;
}

static void add_row(struct shown *s, const struct setting *setting, const void *owner, int line) {
        char *value = setting_text(setting, owner);
        bool hidden = value && *value && (config_key_is_secret(setting->name) || is_hidden(s->config, line));
        add_setting(s, setting->name, hidden ? NULL : value, hidden, line, key_of(s->config, line), "default");
        if (value) explicit_bzero(value, strlen(value));
        free(value);
}

static int add_client(struct shown *s, const struct client_place *place, char *err, size_t err_size) {
        static const char *const origins[] = {"default", "file", "computed", "fixed"};
        struct client_settings settings;
        struct text title = {0};
        int rc = client_settings_of(s->config, place->alias, place->route, place->role, &settings, err, err_size);
        if (rc) return rc;
        text_add(&title, "%s at %s%s%s", client_role_name(place->role), place->alias, place->route ? " of " : "",
                 place->route ? place->route : "");
        begin_section(s, title.data ? title.data : "", place->alias, place->route, client_role_name(place->role));
        free(title.data);
        for (size_t i = 0; i < settings.count; i++) {
                const struct client_setting *item = &settings.items[i];
                bool computed = item->origin == KAFKA_ORIGIN_COMPUTED;
                char from[200];
                if (strncmp(item->why, "computed ", 9) == 0) (void)snprintf(from, sizeof from, "%s", s->sections ? "computed" : item->why);
                else if (*item->why && !s->sections) (void)snprintf(from, sizeof from, "%s: %s", origins[item->origin], item->why);
                else (void)snprintf(from, sizeof from, "%s", origins[item->origin]);
                add_setting(s, item->name, item->value, !item->value && !computed, item->line, item->key, from);
        }
        end_section(s);
        client_settings_fini(&settings);
        return 0;
}

int config_show(const char *path, bool json) {
        struct config_report r;
        char err[CONFIG_ERROR_MAX] = "";
        if (read_report(path, &r)) return CLI_USAGE;
        if (r.error_count) {
                print_errors(&r, path);
                config_report_fini(&r);
                return CLI_USAGE;
        }
        struct shown s = {.config = &r.config, .sections = json ? json_array() : NULL};
        size_t count = 0;
        int rc = 0;
        struct client_place *places = client_places(&r.config, &count);
        begin_section(&s, "program", NULL, NULL, NULL);
        for (size_t i = 0; i < SETTING_PROGRAM_COUNT; i++)
                add_row(&s, &setting_program[i], &r.config, config_program_line(&r.config, i));
        end_section(&s);
        for (size_t i = 0; i < r.config.route_count; i++) {
                const struct config_route *route = &r.config.routes[i];
                struct text title = {0};
                text_add(&title, "route %s", route->name);
                begin_section(&s, title.data ? title.data : "", NULL, route->name, NULL);
                free(title.data);
                for (size_t k = 0; k < SETTING_ROUTE_COUNT; k++) add_row(&s, &setting_route[k], route, route->lines[k]);
                end_section(&s);
        }
        for (size_t i = 0; !rc && places && i < count; i++) rc = add_client(&s, &places[i], err, sizeof err);
        free(places);
        int exit_code = CLI_FAILED;
        if (rc || !places) {
                cli_error("%s", rc ? err : err_text(ERR_NOMEM));
                json_decref(s.sections);
                free(s.text.data);
        } else if (json)
                exit_code = print_json(json_pack("{s:s, s:o, s:o}", "schema", "heliostat.config-show/v1", "file",
                                                 json_text(path), "sections", s.sections));
        else exit_code = print_text(&s.text);
        config_report_fini(&r);
        return exit_code;
}
