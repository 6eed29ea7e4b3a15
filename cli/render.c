#include "cli/render.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "cli/words.h"
#include "common/status_json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- text ---- */

static enum table_colour level_colour(enum health_level level) {
        return level == HEALTH_OK ? TABLE_GREEN : level == HEALTH_WARN ? TABLE_YELLOW : TABLE_RED;
}

static enum table_colour state_colour(enum status_state state) {
        switch (state) {
        case STATUS_RUNNING: return TABLE_GREEN;
        case STATUS_HALTED:
        case STATUS_STALLED: return TABLE_RED;
        case STATUS_UNASSIGNED:
        case STATUS_PARKED: return TABLE_YELLOW;
        default: return TABLE_PLAIN;
        }
}

/* "WARN  2 partitions … (+1 more) | leader c1 at host for 2 h | facts 3 s old" */
static void add_head(struct text *out, const struct snapshot *s, const struct health *health,
                     bool colours) {
        enum table_colour colour = level_colour(health->level);
        char a[WORD], b[WORD];

        text_add(out, "%s%s%s", table_colour_on(colour, colours), health_level_name(health->level),
                 table_colour_off(colour, colours));
        if (health->count) {
                text_add(out, ": ");
                text_add_peer(out, health->reasons[0].text);
                if (health->count > 1) text_add(out, " (+%zu more)", health->count - 1);
        }
        text_add(out, " | leader ");
        if (s->leader.id) {
                text_add_peer(out, s->leader.id);
                if (*s->leader.host) {
                        text_add(out, " at ");
                        text_add_peer(out, s->leader.host);
                }
                text_add(out, " for %s", word_duration_ms(a, s->leader.age_ms));
        } else {
                text_add(out, "none");
        }
        if (s->facts_age_ms == SNAPSHOT_UNKNOWN) text_add(out, " | no facts from workers\n");
        else text_add(out, " | facts up to %s old\n", word_duration_ms(b, s->facts_age_ms));
        for (size_t i = 0; health->count > 1 && i < health->count; i++) {
                colour = level_colour(health->reasons[i].level);
                text_add(out, "  %s%-4s%s ", table_colour_on(colour, colours),
                         health_level_name(health->reasons[i].level),
                         table_colour_off(colour, colours));
                text_add_peer(out, health->reasons[i].text);
                text_add(out, "\n");
        }
}

static void table_end(struct table *table, bool colours, struct text *out) {
        if (!table) {
                out->failed = true;
                return;
        }
        text_add(out, "\n");
        table_render(table, colours, out);
        table_free(table);
}

/* "10 RUNNING, 2 PARKED": the worst colour that is in it. */
static void states_cell(struct table *table, const struct status_route *route) {
        /* Most wanted first. */
        static const enum status_state order[] = {
                STATUS_RUNNING, STATUS_PAUSED, STATUS_DRAINING, STATUS_ASSIGNED,
                STATUS_UNASSIGNED, STATUS_PARKED, STATUS_STALLED, STATUS_HALTED};
        char text[300] = "", number[WORD];
        enum table_colour colour = TABLE_PLAIN;
        size_t n = 0;

        for (size_t i = 0; i < COUNT(order); i++) {
                size_t count = route->in_state[order[i]];
                if (count == 0) continue;
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", n ? ", " : "",
                                      word_grouped(number, (int64_t)count),
                                      status_state_name(order[i]));
                enum table_colour c = state_colour(order[i]);
                if (c != TABLE_PLAIN && c > colour) colour = c;
        }
        table_cell(table, colour, "%s", text);
}

static void add_routes(struct text *out, const struct snapshot *s, bool wide, bool colours) {
        static const char *const headings[] = {"ROUTE", "ENABLED",   ">TOPICS",  ">PARTITIONS",
                                               ">LAG",  ">LAG TIME", ">RECORDS/S", "STATES",
                                               "ERROR"};
        bool errors = wide;
        char a[WORD];

        for (size_t i = 0; i < s->route_count; i++) errors |= *s->routes[i].error != '\0';
        struct table *table = table_new(headings, COUNT(headings) - !errors);
        for (size_t i = 0; table && i < s->route_count; i++) {
                const struct status_route *r = &s->routes[i];
                bool known = !r->unreadable && !r->removed;
                table_cell(table, TABLE_PLAIN, "%s", r->name);
                table_cell(table, r->enabled ? TABLE_PLAIN : TABLE_DIM, "%s",
                           !known ? "?" : *r->intake ? r->intake : r->enabled ? "yes" : "no");
                table_cell(table, TABLE_PLAIN, "%s", word_grouped(a, (int64_t)r->topics));
                table_cell(table, TABLE_PLAIN, "%s", word_grouped(a, (int64_t)r->partitions));
                table_cell(table, TABLE_PLAIN, "%s", r->lag_known ? word_grouped(a, r->lag) : "-");
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, r->lag_seconds));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, r->rate));
                states_cell(table, r);
                if (errors) table_cell(table, TABLE_YELLOW, "%s", *r->error ? r->error : r->warning);
        }
        table_end(table, colours, out);
}

static void add_workers(struct text *out, const struct snapshot *s, bool wide, bool colours) {
        enum { NARROW = 7 };
        static const char *const headings[] = {
                "WORKER",   "HOST",      ">LANES",      ">PARTITIONS", ">RECORDS/S",
                ">SESSION", ">REPORTED", ">BYTES/S",    ">RECORDS",    ">CAPACITY",
                "ZONE",     "VERSION",   "CONFIG",      ">PID",        "HTTP",
                "INCARNATION"};
        char a[WORD];
        bool notes = false;

        for (size_t i = 0; i < s->worker_count; i++)
                notes |= s->workers[i].draining || s->workers[i].drained || *s->workers[i].error;
        const char *used[COUNT(headings) + 1];
        size_t columns = wide ? COUNT(headings) : NARROW;
        memcpy(used, headings, columns * sizeof *used);
        if (notes) used[columns++] = "NOTE";
        struct table *table = table_new(used, columns);
        for (size_t i = 0; table && i < s->worker_count; i++) {
                const struct status_worker *w = &s->workers[i];
                table_cell(table, TABLE_PLAIN, "%s", w->id);
                table_cell(table, TABLE_PLAIN, "%s", w->host);
                table_cell(table, TABLE_PLAIN, "%zu", w->lanes);
                table_cell(table, TABLE_PLAIN, "%s", word_grouped(a, (int64_t)w->partitions));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, w->rate));
                table_cell(table, TABLE_PLAIN, "%s", word_duration_ms(a, w->session_age_ms));
                table_cell(table, w->stale ? TABLE_YELLOW : TABLE_PLAIN, "%s",
                           word_duration_ms(a, w->report_age_ms));
                if (wide) {
                        table_cell(table, TABLE_PLAIN, "%s", word_rate(a, w->bytes_rate));
                        table_cell(table, TABLE_PLAIN, "%s",
                                   w->records_total <= INT64_MAX
                                           ? word_grouped(a, (int64_t)w->records_total)
                                           : "-");
                        table_cell(table, TABLE_PLAIN, "%u", w->capacity);
                        table_cell(table, TABLE_PLAIN, "%s", w->zone);
                        table_cell(table, TABLE_PLAIN, "%s", w->version);
                        table_cell(table, TABLE_PLAIN, "%s", w->config_version);
                        table_cell(table, TABLE_PLAIN, "%u", w->pid);
                        table_cell(table, TABLE_PLAIN, "%s", w->http);
                        table_cell(table, TABLE_DIM, "%s", w->incarnation);
                }
                if (notes)
                        table_cell(table, TABLE_YELLOW, "%s%s%s%s%s", w->draining ? "draining" : "",
                                   w->draining && w->drained ? ", " : "", w->drained ? "drained" : "",
                                   (w->draining || w->drained) && *w->error ? ", " : "", w->error);
        }
        table_end(table, colours, out);
}

static void add_partitions(struct text *out, const struct snapshot *s, bool colours) {
        static const char *const headings[] = {"ROUTE",     "TOPIC",  ">PARTITION", ">LANE",
                                               "WORKER",    "STATE",  ">POSITION",  ">END",
                                               ">LAG",      ">LAG TIME", "ERROR"};
        struct table *table = table_new(headings, COUNT(headings));
        char a[WORD];

        for (size_t i = 0; table && i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                table_cell(table, TABLE_PLAIN, "%s", p->route);
                table_cell(table, TABLE_PLAIN, "%s", p->topic);
                table_cell(table, TABLE_PLAIN, "%u", p->partition);
                table_cell(table, TABLE_PLAIN, "%u", p->lane);
                table_cell(table, TABLE_PLAIN, "%s", p->worker ? p->worker : "");
                table_cell(table, state_colour(p->state), "%s", status_state_name(p->state));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->position));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->end_offset));
                table_cell(table, TABLE_PLAIN, "%s",
                           p->lag == SNAPSHOT_UNKNOWN ? "-" : word_grouped(a, p->lag));
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, p->lag_seconds));
                if (p->stale)
                        table_cell(table, TABLE_YELLOW, "%s%sreported %s ago", p->error,
                                   *p->error ? "; " : "", word_duration_ms(a, p->report_age_ms));
                else table_cell(table, TABLE_PLAIN, "%s", p->error);
        }
        table_end(table, colours, out);
}

static void add_skips(struct text *out, const struct snapshot *s, bool colours) {
        static const char *const headings[] = {"SKIPPED IN", "TOPIC", ">PARTITION", ">LANE", ">FROM",
                                               ">TO",        "WHY",   "ANSWER",     ">AGO"};
        struct table *table = table_new(headings, COUNT(headings));
        char a[WORD];

        for (size_t i = 0; table && i < s->skip_count; i++) {
                const struct status_skip *k = &s->skips[i];
                table_cell(table, TABLE_PLAIN, "%s", k->route);
                table_cell(table, TABLE_PLAIN, "%s", k->topic);
                table_cell(table, TABLE_PLAIN, "%u", k->partition);
                table_cell(table, TABLE_PLAIN, "%u", k->lane);
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, k->from));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, k->to));
                table_cell(table, TABLE_PLAIN, "%s", k->kind);
                table_cell(table, TABLE_PLAIN, "%s", k->answer);
                table_cell(table, TABLE_PLAIN, "%s",
                           k->at_ms <= 0 ? "-" : word_duration_ms(a, s->now_ms > k->at_ms ? s->now_ms - k->at_ms : 0));
        }
        table_end(table, colours, out);
}

static char *render_text(const struct snapshot *s, const struct health *health, bool wide,
                         bool colours) {
        struct text out = {0};

        add_head(&out, s, health, colours);
        if (s->route_count) add_routes(&out, s, wide, colours);
        if (s->worker_count) add_workers(&out, s, wide, colours);
        if (wide && s->partition_count) add_partitions(&out, s, colours);
        if (wide && s->skip_count) add_skips(&out, s, colours);
        if (out.failed) {
                free(out.data);
                return NULL;
        }
        return out.data;
}

/* ---- JSON ---- */

#define ARRAY(array, items, count, item_json) \
        do { \
                for (size_t i_ = 0; i_ < (count); i_++) \
                        if (json_array_append_new(array, item_json(&(items)[i_], &failed)) != 0) \
                                failed = true; \
        } while (0)

static char *render_json(const struct snapshot *s, const struct health *health) {
        json_t *root = json_object(), *routes = json_array(), *workers = json_array();
        json_t *lanes = json_array(), *partitions = json_array(), *problems = json_array();
        bool failed = false;
        char *text = NULL;

        ARRAY(routes, s->routes, s->route_count, status_json_route);
        ARRAY(workers, s->workers, s->worker_count, status_json_worker);
        ARRAY(lanes, s->lanes, s->lane_count, status_json_lane);
        for (size_t i = 0; i < s->partition_count; i++)
                if (json_array_append_new(partitions, status_json_partition(s, &s->partitions[i], &failed)) != 0)
                        failed = true;
        ARRAY(problems, s->problems, s->problem_count, status_json_problem);
        status_json_put(root, "schema", json_string(RENDER_SCHEMA), &failed);
        status_json_put(root, "time_ms", json_integer(s->now_ms), &failed);
        status_json_put(root, "zookeeper", status_json_text(s->zookeeper), &failed);
        status_json_put(root, "facts_age_seconds", status_json_seconds(s->facts_age_ms), &failed);
        status_json_put(root, "health", status_json_health(health, &failed), &failed);
        status_json_put(root, "leader", status_json_leader(&s->leader, &failed), &failed);
        status_json_put(root, "coordinators", json_integer((json_int_t)s->candidates), &failed);
        status_json_put(root, "routes", routes, &failed);
        status_json_put(root, "workers", workers, &failed);
        status_json_put(root, "lanes", lanes, &failed);
        status_json_put(root, "partitions", partitions, &failed);
        status_json_put(root, "unreadable", problems, &failed);
        if (!failed) text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        json_decref(root);
        if (!text) return NULL;
        size_t n = strlen(text);
        char *line = realloc(text, n + 2);
        if (!line) {
                free(text);
                return NULL;
        }
        memcpy(line + n, "\n", 2);
        return line;
}

char *render(const struct snapshot *snapshot, const struct health *health,
             enum render_format format, bool colours) {
        if (format == RENDER_JSON) return render_json(snapshot, health);
        return render_text(snapshot, health, format == RENDER_WIDE, colours);
}
