/* Needs both clusters and no ZooKeeper: a failover is when things are away.  Each
 * group is read, decided and committed before the next; a run that was
 * interrupted is run again, and finds what was done as kept. */
#include "cli/translate.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "common/err.h"
#include "common/group_sync.h"
#include "common/log.h"
#include "common/names.h"
#include "common/topic_rules.h"

#define TIMEOUT_S 30

struct arguments {
        const char *config, *route, *group, *groups, *exclude; /* exclude: NULL for none */
        bool dry_run, json;
        unsigned timeout_s;
};

static int arguments_take(const struct verb_args *args, struct arguments *out) {
        char err[256];
        *out = (struct arguments){.config = verb_text(args, "config", NULL),
                                  .route = args->operands[0],
                                  .group = args->operands[1],
                                  .groups = verb_text(args, "groups", verb_has(args, "all") ? ".*" : NULL),
                                  .dry_run = verb_has(args, "dry-run"),
                                  .json = verb_chose(args, "output", "json"),
                                  .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        if (out->groups && topic_rule_check(out->groups, err, sizeof err)) {
                cli_error("translate: --groups: %s", err);
                return CLI_USAGE;
        }
        const char *wrong = !out->group && !out->groups ? "name a group, or --all, or --groups RE"
                            : out->group && out->groups ? "a group by name, or --all, or --groups RE: one of them"
                                                        : NULL;
        if (!wrong) return CLI_OK;
        cli_error("translate: %s", wrong);
        return CLI_USAGE;
}

/* ---- output ---- */

static const char *state_name(enum group_state state) {
        static const char *const names[] = {"none", "empty", "active"};
        return names[state];
}

static json_t *offset_or_null(int64_t offset) { return offset < 0 ? json_null() : json_integer(offset); }

static json_t *group_json(const char *name, const struct group_result *result, const char *error) {
        static const char *const kinds[] = {"unknown", "exact", "earlier", "end"};
        json_t *rows = json_array(), *group = json_object();
        for (size_t i = 0; i < result->count; i++) {
                const struct group_row *row = &result->rows[i];
                json_t *j = json_object();
                json_object_set_new(j, "topic", json_string(row->topic));
                json_object_set_new(j, "partition", json_integer(row->partition));
                json_object_set_new(j, "destination_topic", json_string(row->destination_topic));
                json_object_set_new(j, "source_offset", json_integer(row->source));
                json_object_set_new(j, "destination_offset", offset_or_null(row->target));
                json_object_set_new(j, "committed_before", offset_or_null(row->before));
                json_object_set_new(j, "outcome", json_string(group_outcome_name(row->outcome)));
                json_object_set_new(j, "translation", json_string(kinds[row->translation.kind]));
                json_object_set_new(j, "by", row->translation.by < 0 ? json_null() : json_integer(row->translation.by));
                json_object_set_new(j, "text", json_string(row->text));
                json_array_append_new(rows, j);
        }
        json_object_set_new(group, "group", json_string(name));
        json_object_set_new(group, "destination_state", json_string(state_name(result->state)));
        json_object_set_new(group, "written", json_boolean(result->written));
        json_object_set_new(group, "error", error ? json_string(error) : json_null());
        json_object_set_new(group, "partitions", rows);
        return group;
}

static void group_table(struct table *table, const char *name, const struct group_result *result) {
        for (size_t i = 0; i < result->count; i++) {
                const struct group_row *row = &result->rows[i];
                bool unknown = row->outcome == GROUP_UNKNOWN;
                table_cell(table, TABLE_PLAIN, "%s", name);
                table_cell(table, TABLE_PLAIN, "%s-%d", row->topic, (int)row->partition);
                table_cell(table, TABLE_PLAIN, "%" PRId64, row->source);
                table_cell(table, TABLE_PLAIN, "%s-%d", row->destination_topic, (int)row->partition);
                if (row->before < 0) table_cell(table, TABLE_DIM, "%s", "");
                else table_cell(table, TABLE_PLAIN, "%" PRId64, row->before);
                if (unknown) table_cell(table, TABLE_YELLOW, "%s", "");
                else table_cell(table, TABLE_PLAIN, "%" PRId64, row->target);
                table_cell(table, unknown ? TABLE_YELLOW : TABLE_PLAIN, "%s%s", row->text,
                           row->outcome != GROUP_KEPT ? "" : row->before == row->target ? "; it is there" : "; kept, it is further");
        }
}

/* ---- the work ---- */

struct work {
        struct group_sync sync;
        const struct arguments *arguments;
        struct offset_maps *maps;
        struct table *table;
        json_t *groups;
        size_t forward, written, failed; /* groups */
};

static int exit_of(int rc) { return rc == ERR_KAFKA || rc == ERR_NOT_FOUND ? CLI_UNREACHABLE : CLI_FAILED; }

static int one_group(struct work *w, const char *name) {
        struct group_result result = {0};
        char err[400];
        int rc = group_sync_run(&w->sync, w->maps, name, !w->arguments->dry_run, &result, err, sizeof err);
        if (rc) {
                cli_error("group %s: %s; what it has at the destination is as it was, or partly moved: run this again",
                          name, err);
                if (w->groups) json_array_append_new(w->groups, group_json(name, &result, err));
                w->failed++;
                return exit_of(rc);
        }
        size_t unknown = 0, forward = 0;
        for (size_t i = 0; i < result.count; i++) {
                unknown += result.rows[i].outcome == GROUP_UNKNOWN;
                forward += result.rows[i].outcome == GROUP_FORWARD;
        }
        const char *why = !result.count ? "it has no offsets of topics that the route has mirrored"
                          : result.state == GROUP_STATE_ACTIVE
                                  ? "it has members at the destination and was not touched; stop them first"
                          : unknown ? "some of its offsets could not be translated" : NULL;
        /* Among many, one that the route does not concern is no news. */
        bool matters = why && (result.count || w->arguments->group);
        if (matters) {
                cli_error("group %s: %s", name, why);
                w->failed++;
        }
        if (forward && result.state != GROUP_STATE_ACTIVE) w->forward++;
        if (result.written && forward) w->written++;
        if (w->groups && (result.count || matters)) json_array_append_new(w->groups, group_json(name, &result, why));
        if (w->table) group_table(w->table, name, &result);
        group_result_fini(&result);
        return matters ? CLI_FAILED : CLI_OK;
}

static int all_groups(struct work *w) {
        char err[400], **names = NULL;
        size_t count = 0;
        if (w->arguments->group) return one_group(w, w->arguments->group);
        int rc = group_sync_list(&w->sync, w->arguments->groups, w->arguments->exclude ? w->arguments->exclude : "", &names, &count, err, sizeof err);
        if (rc) {
                cli_error("%s", err);
                return exit_of(rc);
        }
        int exit_code = CLI_OK;
        struct progress progress;
        progress_begin(&progress, "translate");
        for (size_t i = 0; i < count; i++) {
                progress_tell(&progress, "%zu of %zu groups", i + 1, count);
                int code = one_group(w, names[i]);
                if (code > exit_code) exit_code = code;
                free(names[i]);
        }
        progress_clear(&progress);
        free(names);
        return exit_code;
}

static int print(struct work *w) {
        if (w->groups) {
                json_t *all = json_object();
                json_object_set_new(all, "route", json_string(w->sync.route));
                json_object_set_new(all, "dry_run", json_boolean(w->arguments->dry_run));
                json_object_set(all, "groups", w->groups);
                char *text = json_dumps(all, JSON_INDENT(2));
                json_decref(all);
                if (text) puts(text);
                free(text);
                return text ? CLI_OK : CLI_FAILED;
        }
        struct text text = {0};
        table_render(w->table, false, &text);
        if (text.data) fputs(text.data, stdout);
        free(text.data);
        if (w->arguments->dry_run) puts("dry run: nothing was committed");
        else printf("%zu group%s moved forward at %s\n", w->written, w->written == 1 ? "" : "s", w->sync.destination);
        return CLI_OK;
}

/* w: with what it shall fill in. */
static int translate(const struct config *config, struct work *w) {
        const struct config_route *route = config_route(config, w->arguments->route);
        char topic[NAMES_TOPIC_SIZE], err[400];
        if (!route) {
                cli_error("%s: there is no route '%.140s'", config->path, w->arguments->route);
                return CLI_USAGE;
        }
        w->sync = (struct group_sync){config, route->name, route->source, route->destination, w->arguments->timeout_s * 1000, NULL};
        names_offsets_topic(topic, route->group_id);
        int rc = offset_maps_new(config, route->destination, route->name, topic, -1, &w->maps, err, sizeof err);
        if (!rc) rc = offset_maps_refresh(w->maps, w->sync.limit_ms, NULL, err, sizeof err);
        if (rc) {
                cli_error("%s: %s%s", route->destination, err,
                          rc == ERR_NOT_FOUND ? "; it is there once the route has mirrored with offset.map.enabled=true" : "");
                return rc == ERR_INVALID ? CLI_USAGE : exit_of(rc);
        }
        if (offset_maps_unreadable(w->maps))
                cli_error("%s: %zu records of %s cannot be read: their partitions are unknown", route->destination,
                          offset_maps_unreadable(w->maps), topic);
        return all_groups(w);
}

static int run(const struct config *config, const struct arguments *arguments) {
        static const char *const headings[] = {"GROUP", "PARTITION", ">OFFSET", "AT DESTINATION", ">BEFORE", ">OFFSET", "TRANSLATION"};
        struct work w = {.arguments = arguments};
        if (arguments->json) w.groups = json_array();
        else w.table = table_new(headings, sizeof headings / sizeof *headings);
        int exit_code = w.groups || w.table ? translate(config, &w) : CLI_FAILED;
        if (w.maps) {
                int code = print(&w);
                if (code > exit_code) exit_code = code;
        }
        if (w.groups) json_decref(w.groups);
        table_free(w.table);
        offset_maps_free(w.maps);
        return exit_code;
}

int translate_route(const struct config *config, const char *route, const char *groups, const char *exclude,
                    bool dry_run, unsigned timeout_s, size_t *out_forward, size_t *out_failed) {
        const struct arguments arguments = {.config = config->path, .route = route, .groups = groups, .exclude = exclude,
                                            .dry_run = dry_run, .timeout_s = timeout_s};
        struct work w = {.arguments = &arguments};
        int exit_code = translate(config, &w);
        offset_maps_free(w.maps);
        *out_forward = w.forward;
        *out_failed = w.failed;
        return exit_code;
}

int cli_translate(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        int exit_code = arguments_take(args, &arguments);
        if (exit_code) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        if (log_get_level() != LOG_DEBUG) log_set_level(LOG_ERROR);
        if (arguments.dry_run) interrupt_say("translate", "nothing was committed");
        else interrupt_say("translate", "groups that were carried over are so as a whole: the same command again does the others, and none goes back");
        exit_code = run(&config, &arguments);
        if (fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
