#include "cli/view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "cli/words.h"
#include "common/pause.h"
#include "common/status_json.h"
#include "common/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define EVENTS_SHOWN 10

const char *view_kind_name(enum view_kind kind) {
        static const char *const names[] = {"routes", "workers", "topics", "lanes", "subjects"};
        return names[kind];
}

static bool same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

static enum table_colour state_colour(enum status_state state) {
        switch (state) {
        case STATUS_RUNNING: return TABLE_GREEN;
        case STATUS_HALTED:
        case STATUS_STALLED: return TABLE_RED;
        case STATUS_PAUSED:
        case STATUS_UNASSIGNED:
        case STATUS_PARKED: return TABLE_YELLOW;
        default: return TABLE_PLAIN;
        }
}

static void add_table(struct text *out, struct table *table, bool colours) {
        if (!table) {
                out->failed = true;
                return;
        }
        table_render(table, colours, out);
        table_free(table);
}

/* Takes root. */
static void add_json(struct text *out, json_t *root, bool failed, size_t flags) {
        char *text = failed ? NULL : json_dumps(root, flags | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        json_decref(root);
        if (text) text_add(out, "%s\n", text);
        else out->failed = true;
        free(text);
}

static void append(json_t *list, json_t *value, bool *failed) {
        if (json_array_append_new(list, value)) *failed = true;
}

/* ---- topics: joined partitions ---- */

struct topic_row {
        const char *route, *topic;
        size_t partitions, in_state[STATUS_STATES];
        int64_t lag;
        double lag_seconds, rate;
};

static int topic_order(const void *x, const void *y) {
        const struct topic_row *a = x, *b = y;
        int c = strcmp(a->route, b->route);
        return c ? c : strcmp(a->topic, b->topic);
}

/* NULL on no memory. */
static struct topic_row *topics_of(const struct snapshot *s, size_t *out_count) {
        struct topic_row *rows = calloc(s->partition_count + 1, sizeof *rows);
        size_t count = 0;
        for (size_t i = 0; rows && i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                struct topic_row *row = count ? &rows[count - 1] : NULL; /* partitions are sorted */
                if (!row || strcmp(row->route, p->route) != 0 || strcmp(row->topic, p->topic) != 0) {
                        row = &rows[count++];
                        *row = (struct topic_row){.route = p->route, .topic = p->topic, .lag_seconds = -1};
                }
                row->partitions++;
                row->in_state[p->state]++;
                if (p->lag > 0 && __builtin_add_overflow(row->lag, p->lag, &row->lag)) row->lag = INT64_MAX;
                if (p->lag_seconds > row->lag_seconds) row->lag_seconds = p->lag_seconds;
                row->rate += p->rate;
        }
        if (count) qsort(rows, count, sizeof *rows, topic_order);
        *out_count = count;
        return rows;
}

static enum status_state worst_state(const size_t in_state[STATUS_STATES]) {
        static const enum status_state order[] = {STATUS_HALTED, STATUS_STALLED, STATUS_PARKED, STATUS_UNASSIGNED,
                                                  STATUS_ASSIGNED, STATUS_DRAINING, STATUS_PAUSED, STATUS_RUNNING};
        for (size_t i = 0; i < COUNT(order); i++)
                if (in_state[order[i]]) return order[i];
        return STATUS_UNASSIGNED;
}

static json_t *topic_json(const struct topic_row *row, bool *failed) {
        json_t *object = json_object(), *states = json_object();
        for (int k = 0; k < STATUS_STATES; k++)
                if (row->in_state[k])
                        status_json_put(states, status_state_name((enum status_state)k),
                                        json_integer((json_int_t)row->in_state[k]), failed);
        status_json_put(object, "route", status_json_text(row->route), failed);
        status_json_put(object, "topic", status_json_text(row->topic), failed);
        status_json_put(object, "partitions", json_integer((json_int_t)row->partitions), failed);
        status_json_put(object, "states", states, failed);
        status_json_put(object, "lag", json_integer(row->lag), failed);
        status_json_put(object, "lag_seconds", status_json_real_or_null(row->lag_seconds), failed);
        status_json_put(object, "rate", status_json_real(row->rate), failed);
        return object;
}

/* ---- list ---- */

static const char *route_state(const struct status_route *r) {
        if (r->unreadable) return "UNREADABLE";
        if (r->removed) return "REMOVED";
        if (*r->intake) return strcmp(r->intake, "stopped") == 0 ? "STOPPED" : "STOPPING";
        return r->enabled ? "ENABLED" : "DISABLED";
}

static void list_routes(const struct snapshot *s, const char *route, bool colours, struct text *out) {
        static const char *const head[] = {"ROUTE", "STATE", ">TOPICS", ">PARTITIONS", ">LANES", ">LAG", ">LAG TIME", ">RECORDS/S"};
        struct table *table = table_new(head, COUNT(head));
        char a[WORD];
        for (size_t i = 0; table && i < s->route_count; i++) {
                const struct status_route *r = &s->routes[i];
                if (route && !same(route, r->name)) continue;
                table_cell(table, TABLE_BOLD, "%s", r->name);
                table_cell(table, r->enabled ? TABLE_GREEN : TABLE_YELLOW, "%s", route_state(r));
                table_cell(table, TABLE_PLAIN, "%zu", r->topics);
                table_cell(table, TABLE_PLAIN, "%zu", r->partitions);
                table_cell(table, TABLE_PLAIN, "%u", r->lanes);
                table_cell(table, TABLE_PLAIN, "%s", r->lag_known ? word_grouped(a, r->lag) : "-");
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, r->lag_known ? r->lag_seconds : -1));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, r->rate));
        }
        add_table(out, table, colours);
}

static void list_workers(const struct snapshot *s, bool colours, struct text *out) {
        static const char *const head[] = {"WORKER", "HOST", ">PID", "VERSION", "STATE", ">LANES", ">PARTITIONS", ">RECORDS/S"};
        struct table *table = table_new(head, COUNT(head));
        char a[WORD];
        for (size_t i = 0; table && i < s->worker_count; i++) {
                const struct status_worker *w = &s->workers[i];
                table_cell(table, TABLE_BOLD, "%s", w->id);
                table_cell(table, TABLE_PLAIN, "%s", w->host);
                table_cell(table, TABLE_PLAIN, "%u", w->pid);
                table_cell(table, TABLE_PLAIN, "%s", w->version);
                if (w->draining) table_cell(table, TABLE_YELLOW, "STOPPING");
                else if (w->drained) table_cell(table, TABLE_YELLOW, "DRAINED");
                else if (w->stale) table_cell(table, TABLE_RED, "SILENT");
                else table_cell(table, TABLE_GREEN, "UP");
                table_cell(table, TABLE_PLAIN, "%zu", w->lanes);
                table_cell(table, TABLE_PLAIN, "%zu", w->partitions);
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, w->rate));
        }
        add_table(out, table, colours);
}

static void list_topics(const struct topic_row *rows, size_t count, const char *route, bool colours, struct text *out) {
        static const char *const head[] = {"ROUTE", "TOPIC", ">PARTITIONS", "STATE", ">LAG", ">LAG TIME", ">RECORDS/S"};
        struct table *table = table_new(head, COUNT(head));
        char a[WORD];
        for (size_t i = 0; table && i < count; i++) {
                const struct topic_row *t = &rows[i];
                if (route && !same(route, t->route)) continue;
                enum status_state state = worst_state(t->in_state);
                table_cell(table, TABLE_PLAIN, "%s", t->route);
                table_cell(table, TABLE_BOLD, "%s", t->topic);
                table_cell(table, TABLE_PLAIN, "%zu", t->partitions);
                if (t->in_state[state] == t->partitions) table_cell(table, state_colour(state), "%s", status_state_name(state));
                else table_cell(table, state_colour(state), "%zu of %zu %s", t->in_state[state], t->partitions, status_state_name(state));
                table_cell(table, TABLE_PLAIN, "%s", word_grouped(a, t->lag));
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, t->lag_seconds));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, t->rate));
        }
        add_table(out, table, colours);
}

static void lane_cells(struct table *table, const struct status_lane *l) {
        table_cell(table, TABLE_PLAIN, "%s", l->route);
        table_cell(table, TABLE_BOLD, "%u", l->lane);
        table_cell(table, TABLE_PLAIN, "%s", l->record_state);
        table_cell(table, l->worker && !l->worker_live ? TABLE_RED : TABLE_PLAIN, "%s", l->worker ? l->worker : "");
        table_cell(table, TABLE_PLAIN, "%llu", (unsigned long long)l->generation);
        table_cell(table, TABLE_PLAIN, "%zu", l->partitions);
        table_cell(table, TABLE_PLAIN, "%s", l->pin ? l->pin : "");
        table_cell(table, TABLE_PLAIN, "%s", l->report_state ? l->report_state : "");
        table_cell(table, *l->error ? TABLE_RED : TABLE_PLAIN, "%s", l->error);
}

static const char *const lane_head[] = {"ROUTE", ">LANE", "STATE", "WORKER", ">GENERATION", ">PARTITIONS", "PINNED TO", "WORKER SAYS", "ERROR"};

static void list_lanes(const struct snapshot *s, const char *route, bool colours, struct text *out) {
        struct table *table = table_new(lane_head, COUNT(lane_head));
        for (size_t i = 0; table && i < s->lane_count; i++)
                if (!route || same(route, s->lanes[i].route)) lane_cells(table, &s->lanes[i]);
        add_table(out, table, colours);
}

static void line(struct text *out, const char *name) {
        text_add_peer(out, name);
        text_add(out, "\n");
}

static int string_order(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void list_names(const struct snapshot *s, enum view_kind kind, const char *route, const struct topic_row *topics,
                       size_t topic_count, struct text *out) {
        bool all = kind == VIEW_SUBJECTS;
        for (size_t i = 0; (all || kind == VIEW_ROUTES) && i < s->route_count; i++)
                if (!route || same(route, s->routes[i].name)) line(out, s->routes[i].name);
        for (size_t i = 0; (all || kind == VIEW_WORKERS) && i < s->worker_count; i++) line(out, s->workers[i].id);
        /* topics of several routes once; lanes likewise, since a lane is named by its route and number */
        const char **names = calloc(topic_count + 1, sizeof *names);
        size_t count = 0;
        if (!names) out->failed = true;
        for (size_t i = 0; names && (all || kind == VIEW_TOPICS) && i < topic_count; i++)
                if (!route || same(route, topics[i].route)) names[count++] = topics[i].topic;
        if (count) qsort(names, count, sizeof *names, string_order);
        for (size_t i = 0; i < count; i++)
                if (!i || strcmp(names[i - 1], names[i]) != 0) line(out, names[i]);
        free(names);
        uint32_t lanes = 0;
        for (size_t i = 0; kind == VIEW_LANES && i < s->lane_count; i++)
                if ((!route || same(route, s->lanes[i].route)) && s->lanes[i].lane >= lanes) lanes = s->lanes[i].lane + 1;
        for (uint32_t k = 0; k < lanes; k++) text_add(out, "%u\n", k);
}

static void list_json(const struct snapshot *s, enum view_kind kind, const char *route, const struct topic_row *topics,
                      size_t topic_count, struct text *out) {
        json_t *root = json_object();
        bool failed = false;
        status_json_put(root, "schema", json_string("heliostat.list/v1"), &failed);
#define LIST(KIND, key, count_, condition, value) \
        if (kind == KIND || kind == VIEW_SUBJECTS) { \
                json_t *list = json_array(); \
                for (size_t i = 0; i < (count_); i++) \
                        if (condition) append(list, value, &failed); \
                status_json_put(root, key, list, &failed); \
        }
        LIST(VIEW_ROUTES, "routes", s->route_count, !route || same(route, s->routes[i].name), status_json_route(&s->routes[i], &failed))
        LIST(VIEW_WORKERS, "workers", s->worker_count, true, status_json_worker(&s->workers[i], &failed))
        LIST(VIEW_TOPICS, "topics", topic_count, !route || same(route, topics[i].route), topic_json(&topics[i], &failed))
        LIST(VIEW_LANES, "lanes", s->lane_count, !route || same(route, s->lanes[i].route), status_json_lane(&s->lanes[i], &failed))
#undef LIST
        add_json(out, root, failed, JSON_INDENT(2));
}

void view_list(const struct snapshot *s, enum view_kind kind, const char *route, enum view_format format, bool colours,
               struct text *out) {
        size_t topic_count;
        struct topic_row *topics = topics_of(s, &topic_count);
        if (!topics) {
                out->failed = true;
                return;
        }
        if (format == VIEW_NAMES) list_names(s, kind, route, topics, topic_count, out);
        else if (format == VIEW_JSON) list_json(s, kind, route, topics, topic_count, out);
        else {
                bool all = kind == VIEW_SUBJECTS;
                if (all || kind == VIEW_ROUTES) list_routes(s, route, colours, out);
                if (all) text_add(out, "\n");
                if (all || kind == VIEW_WORKERS) list_workers(s, colours, out);
                if (all) text_add(out, "\n");
                if (all || kind == VIEW_TOPICS) list_topics(topics, topic_count, route, colours, out);
                if (all) text_add(out, "\n");
                if (all || kind == VIEW_LANES) list_lanes(s, route, colours, out);
        }
        free(topics);
}

/* ---- lag ---- */

static int lag_order(const void *x, const void *y) {
        const struct status_partition *a = *(const struct status_partition *const *)x, *b = *(const struct status_partition *const *)y;
        if (a->lag != b->lag) return a->lag < b->lag ? 1 : -1;
        if (a->lag_seconds < b->lag_seconds || a->lag_seconds > b->lag_seconds) return a->lag_seconds < b->lag_seconds ? 1 : -1;
        return a < b ? -1 : a > b; /* as in the snapshot: by name */
}

static int time_order(const void *x, const void *y) {
        const struct status_partition *a = *(const struct status_partition *const *)x, *b = *(const struct status_partition *const *)y;
        if (a->lag_seconds < b->lag_seconds || a->lag_seconds > b->lag_seconds) return a->lag_seconds < b->lag_seconds ? 1 : -1;
        return lag_order(x, y);
}

static const char *group_of(const struct snapshot *s, const char *route) {
        for (size_t i = 0; i < s->route_count; i++)
                if (same(s->routes[i].name, route)) return s->routes[i].group_id;
        return NULL;
}

static const char *host_of(const struct snapshot *s, const char *worker) {
        for (size_t i = 0; worker && i < s->worker_count; i++)
                if (same(s->workers[i].id, worker)) return s->workers[i].host;
        return NULL;
}

static bool too_late(const struct status_partition *p, const struct view_lag *f) {
        if (f->max_lag >= 0 && (p->lag < 0 || p->lag > f->max_lag)) return true;
        /* no lag is no lag time, however long nothing came */
        return f->max_seconds >= 0 && p->lag != 0 && (p->lag_seconds < 0 || p->lag_seconds > f->max_seconds);
}

/* NULL on no memory. */
static const struct status_partition **lag_rows(const struct snapshot *s, const struct view_lag *f, size_t *out_count,
                                                bool *out_late) {
        const struct status_partition **rows = calloc(s->partition_count + 1, sizeof *rows);
        size_t count = 0;
        *out_late = false;
        for (size_t i = 0; rows && i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                if ((f->route && !same(f->route, p->route)) || (f->topic && !same(f->topic, p->topic)) ||
                    (f->worker && !same(f->worker, p->worker)))
                        continue;
                if (too_late(p, f)) *out_late = true;
                if (f->min_lag && p->lag < f->min_lag) continue;
                rows[count++] = p;
        }
        if (count && !f->by_name) qsort(rows, count, sizeof *rows, f->by_time ? time_order : lag_order);
        *out_count = f->top && count > f->top ? f->top : count;
        return rows;
}

static void partition_table(const struct snapshot *s, const struct status_partition *const *rows, size_t count, bool colours,
                            struct text *out) {
        static const char *const head[] = {"GROUP", "TOPIC", ">PARTITION", ">CURRENT-OFFSET", ">LOG-END-OFFSET", ">LAG", ">LAG-TIME",
                                           "STATE", ">LANE", "WORKER", "HOST", "ERROR"};
        struct table *table = table_new(head, COUNT(head));
        char a[WORD];
        for (size_t i = 0; table && i < count; i++) {
                const struct status_partition *p = rows[i];
                const char *group = group_of(s, p->route), *host = host_of(s, p->worker);
                table_cell(table, TABLE_PLAIN, "%s", group ? group : p->route);
                table_cell(table, TABLE_BOLD, "%s", p->topic);
                table_cell(table, TABLE_PLAIN, "%u", p->partition);
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->position));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->end_offset));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->lag));
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, p->lag_seconds));
                table_cell(table, state_colour(p->state), "%s", status_state_name(p->state));
                table_cell(table, TABLE_PLAIN, "%u", p->lane);
                table_cell(table, TABLE_PLAIN, "%s", p->worker ? p->worker : "");
                table_cell(table, TABLE_PLAIN, "%s", host ? host : "");
                const char *error = p->halt.kind && *p->halt.reason ? p->halt.reason : p->error;
                table_cell(table, *error && p->state != STATUS_PAUSED && p->state != STATUS_RUNNING ? TABLE_RED : TABLE_PLAIN, "%s", error);
        }
        add_table(out, table, colours);
}

bool view_lag(const struct snapshot *s, const struct view_lag *filter, enum view_format format, bool colours, struct text *out) {
        size_t count;
        bool late, failed = false;
        const struct status_partition **rows = lag_rows(s, filter, &count, &late);
        if (!rows) {
                out->failed = true;
                return false;
        }
        if (format == VIEW_JSON) {
                json_t *root = json_object(), *list = json_array();
                for (size_t i = 0; i < count; i++) {
                        json_t *row = status_json_partition(s, rows[i], &failed);
                        status_json_put(row, "group", status_json_text(group_of(s, rows[i]->route)), &failed);
                        append(list, row, &failed);
                }
                status_json_put(root, "schema", json_string("heliostat.lag/v1"), &failed);
                status_json_put(root, "partitions", list, &failed);
                add_json(out, root, failed, JSON_INDENT(2));
        } else {
                partition_table(s, rows, count, colours, out);
        }
        free(rows);
        return late;
}

/* ---- events ---- */

bool view_event_matches(const struct event *e, const struct view_subject *subject) {
        char word[300];
        size_t length = strlen(subject->name);
        switch (subject->kind) {
        case VIEW_ROUTES: return strcmp(e->route, subject->name) == 0;
        case VIEW_WORKERS: {
                if (strcmp(e->subject, subject->name) == 0) return true;
                if (e->kind != EVENT_MOVE && e->kind != EVENT_PIN && e->kind != EVENT_UNPIN) return false;
                const char *at = e->detail; /* "w1 -> w2", "w1" */
                while ((at = strstr(at, subject->name))) {
                        if ((at == e->detail || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
                        at += length;
                }
                return false;
        }
        case VIEW_TOPICS: {
                const char *at = strchr(e->subject, ' '); /* "a->b t-0" */
                return at && strncmp(at + 1, subject->name, length) == 0 && (at[1 + length] == '-' || !at[1 + length]);
        }
        case VIEW_LANES: {
                if (strcmp(e->route, subject->name) != 0) return false;
                const char *at = strstr(e->subject, " lane");
                if (!at) return false;
                (void)snprintf(word, sizeof word, " %lld", (long long)subject->lane);
                size_t bytes = strlen(word);
                for (at = strstr(at + 1, word); at; at = strstr(at + 1, word))
                        if (!at[bytes] || at[bytes] == ' ') return true;
                return false;
        }
        default: return true;
        }
}

void view_event(const struct event *e, enum view_format format, bool colours, struct text *out) {
        char words[1200], time[WORD];
        bool failed = false;
        if (format == VIEW_JSON) {
                json_t *object = status_json_event(e, &failed);
                add_json(out, object, failed, JSON_COMPACT);
                return;
        }
        const char *tone = event_tone(e->kind);
        enum table_colour colour = *tone == 'o' ? TABLE_GREEN : *tone == 'w' ? TABLE_YELLOW : *tone == 'e' ? TABLE_RED : TABLE_PLAIN;
        event_text(e, words, sizeof words);
        text_add(out, "%s  %s%-14s%s  ", word_time(time, e->at_ms), table_colour_on(colour, colours), event_kind_name(e->kind),
                 table_colour_off(colour, colours));
        text_add_peer(out, words);
        text_add(out, "\n");
}

/* ---- describe ---- */

bool view_find(const struct snapshot *s, const char *name, int64_t lane, struct view_subject *out, const char **nearest) {
        size_t topic_count = 0, count = 0;
        bool found = false;
        *nearest = NULL;
        *out = (struct view_subject){.name = name, .lane = lane};
        for (size_t i = 0; lane >= 0 && i < s->lane_count && !found; i++)
                if (s->lanes[i].lane == lane && same(s->lanes[i].route, name)) {
                        out->kind = VIEW_LANES;
                        found = true;
                }
        for (size_t i = 0; lane < 0 && i < s->route_count && !found; i++)
                if (same(s->routes[i].name, name)) {
                        out->kind = VIEW_ROUTES;
                        found = true;
                }
        for (size_t i = 0; lane < 0 && i < s->worker_count && !found; i++)
                if (same(s->workers[i].id, name)) {
                        out->kind = VIEW_WORKERS;
                        found = true;
                }
        struct topic_row *topics = topics_of(s, &topic_count);
        for (size_t i = 0; lane < 0 && topics && i < topic_count && !found; i++)
                if (same(topics[i].topic, name)) {
                        out->kind = VIEW_TOPICS;
                        found = true;
                }
        if (!found) {
                const char **names = calloc(s->route_count + s->worker_count + topic_count + 1, sizeof *names);
                for (size_t i = 0; names && i < s->route_count; i++) names[count++] = s->routes[i].name;
                for (size_t i = 0; names && lane < 0 && i < s->worker_count; i++) names[count++] = s->workers[i].id;
                for (size_t i = 0; names && topics && lane < 0 && i < topic_count; i++) names[count++] = topics[i].topic;
                if (names) *nearest = text_nearest(name, names, count);
                free(names);
        }
        free(topics);
        return found;
}

static bool partition_matches(const struct status_partition *p, const struct view_subject *subject) {
        switch (subject->kind) {
        case VIEW_ROUTES: return same(p->route, subject->name);
        case VIEW_WORKERS: return same(p->worker, subject->name);
        case VIEW_TOPICS: return same(p->topic, subject->name);
        case VIEW_LANES: return same(p->route, subject->name) && p->lane == subject->lane;
        default: return false;
        }
}

static bool lane_matches(const struct status_lane *l, const struct view_subject *subject) {
        switch (subject->kind) {
        case VIEW_ROUTES: return same(l->route, subject->name);
        case VIEW_WORKERS: return same(l->worker, subject->name);
        case VIEW_LANES: return same(l->route, subject->name) && l->lane == subject->lane;
        default: return false;
        }
}

static void field(struct text *out, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void field(struct text *out, const char *key, const char *format, ...) {
        char value[1024];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(value, sizeof value, format, ap); /* cut */
        va_end(ap);
        text_add(out, "%-20s ", key);
        text_add_peer(out, *value ? value : "-");
        text_add(out, "\n");
}

static void describe_route(const struct status_route *r, struct text *out) {
        char a[WORD];
        field(out, "Route", "%s", r->name);
        field(out, "State", "%s", route_state(r));
        field(out, "From, to", "%s, %s", r->source ? r->source : "", r->destination ? r->destination : "");
        field(out, "Guarantee", "%s", r->delivery_guarantee ? r->delivery_guarantee : "");
        field(out, "Group", "%s", r->group_id ? r->group_id : "");
        field(out, "Lanes", "%u", r->lanes);
        field(out, "Topics", "%zu, %zu partitions", r->topics, r->partitions);
        field(out, "Lag", "%s records", r->lag_known ? word_grouped(a, r->lag) : "-");
        field(out, "Lag time", "%s", word_duration(a, r->lag_known ? r->lag_seconds : -1));
        field(out, "Rate", "%s records/s", word_rate(a, r->rate));
        field(out, "Topics seen", "%s ago", word_duration_ms(a, r->discovered_age_ms));
        if (*r->error) field(out, "Error", "%s", r->error);
        if (*r->warning) field(out, "Warning", "%s", r->warning);
        for (size_t i = 0; i < r->pause_count; i++) {
                const Heliostat__Pb__PauseRule *p = r->pauses[i];
                char rule[PAUSE_TEXT_MAX + 64];
                field(out, i ? "" : "Paused", "%s%s, since %s", p->resume ? "but not " : "", pause_rule_text(rule, p), word_time(a, p->at_ms));
        }
        for (size_t i = 0; i < r->parked_count; i++)
                field(out, i ? "" : "Parked topics", "%s: %s", r->parked[i].topic, r->parked[i].reason);
        if (r->parked_more) field(out, r->parked_count ? "" : "Parked topics", "%s%u more", r->parked_count ? "and " : "", r->parked_more);
        for (size_t i = 0; i < r->skip_count; i++) {
                char stretch[64];
                if (r->skips[i].from < 0) (void)snprintf(stretch, sizeof stretch, "all below offset %lld", (long long)r->skips[i].to); /* it fits */
                else (void)snprintf(stretch, sizeof stretch, "offsets %lld to %lld", (long long)r->skips[i].from, (long long)r->skips[i].to - 1);
                field(out, i ? "" : "Passed over", "%s-%u: %s, %s, %s", r->skips[i].topic, r->skips[i].partition, r->skips[i].kind,
                      r->skips[i].answer, stretch);
        }
}

static void describe_worker(const struct status_worker *w, struct text *out) {
        char a[WORD];
        field(out, "Worker", "%s", w->id);
        field(out, "Host", "%s, process %u", w->host, w->pid);
        field(out, "Version", "%s", w->version);
        field(out, "HTTP", "%s", w->http);
        field(out, "Zone, capacity", "%s, %u", *w->zone ? w->zone : "-", w->capacity);
        field(out, "State", "%s", w->draining ? "STOPPING" : w->drained ? "DRAINED" : w->stale ? "SILENT" : "UP");
        field(out, "Session", "%s old, incarnation %s", word_duration_ms(a, w->session_age_ms), w->incarnation);
        field(out, "Last report", "%s ago", word_duration_ms(a, w->report_age_ms));
        field(out, "Lanes", "%zu, %zu partitions", w->lanes, w->partitions);
        field(out, "Rate", "%s records/s", word_rate(a, w->rate));
        field(out, "Records", "%s since its start", word_grouped(a, (int64_t)w->records_total));
        if (*w->error) field(out, "Error", "%s", w->error);
}

static void describe_topic(const struct topic_row *t, struct text *out) {
        char a[WORD];
        field(out, "Topic", "%s", t->topic);
        field(out, "Route", "%s", t->route);
        field(out, "Partitions", "%zu", t->partitions);
        field(out, "Lag", "%s records", word_grouped(a, t->lag));
        field(out, "Lag time", "%s", word_duration(a, t->lag_seconds));
        field(out, "Rate", "%s records/s", word_rate(a, t->rate));
}

static void describe_lane(const struct status_lane *l, struct text *out) {
        field(out, "Lane", "%u of %s", l->lane, l->route);
        field(out, "State", "%s", l->record_state);
        field(out, "Worker", "%s%s", l->worker ? l->worker : "", l->worker && !l->worker_live ? " (not alive)" : "");
        field(out, "Generation", "%llu", (unsigned long long)l->generation);
        field(out, "Pinned to", "%s", l->pin ? l->pin : "");
        field(out, "Worker says", "%s", l->report_state ? l->report_state : "");
        field(out, "Partitions", "%zu", l->partitions);
        if (l->weight)
                field(out, "Weight", "%u (%llu B/s, %llu records/s)", l->weight, (unsigned long long)l->bytes_rate,
                      (unsigned long long)l->records_rate);
        if (*l->error) field(out, "Error", "%s", l->error);
}

/* A reason that names the subject. */
static bool reason_matches(const struct health_reason *reason, const struct view_subject *subject) {
        return strstr(reason->text, subject->name) != NULL;
}

static void describe_text(const struct snapshot *s, const struct health *health, const struct view_subject *subject,
                          const struct topic_row *topics, size_t topic_count, bool colours, struct text *out) {
        size_t lanes = 0, count = 0, events = 0, first = 0;
        for (size_t i = 0; i < s->route_count && subject->kind == VIEW_ROUTES; i++)
                if (same(s->routes[i].name, subject->name)) describe_route(&s->routes[i], out);
        for (size_t i = 0; i < s->worker_count && subject->kind == VIEW_WORKERS; i++)
                if (same(s->workers[i].id, subject->name)) describe_worker(&s->workers[i], out);
        for (size_t i = 0; i < topic_count && subject->kind == VIEW_TOPICS; i++)
                if (same(topics[i].topic, subject->name)) describe_topic(&topics[i], out);
        for (size_t i = 0; i < s->lane_count; i++) {
                if (!lane_matches(&s->lanes[i], subject)) continue;
                lanes++;
                if (subject->kind == VIEW_LANES) describe_lane(&s->lanes[i], out);
        }
        for (size_t i = 0, n = 0; i < health->count; i++)
                if (reason_matches(&health->reasons[i], subject))
                        field(out, n++ ? "" : "Reasons", "%s: %s", health_level_name(health->reasons[i].level), health->reasons[i].text);
        if (lanes && subject->kind != VIEW_LANES) {
                struct table *table = table_new(lane_head, COUNT(lane_head));
                for (size_t i = 0; table && i < s->lane_count; i++)
                        if (lane_matches(&s->lanes[i], subject) && (s->lanes[i].partitions || s->lanes[i].worker))
                                lane_cells(table, &s->lanes[i]);
                text_add(out, "\n");
                add_table(out, table, colours);
        }
        const struct status_partition **rows = calloc(s->partition_count + 1, sizeof *rows);
        for (size_t i = 0; rows && i < s->partition_count; i++)
                if (partition_matches(&s->partitions[i], subject)) rows[count++] = &s->partitions[i];
        text_add(out, "\n");
        if (rows) partition_table(s, rows, count, colours, out);
        else out->failed = true;
        free(rows);
        for (size_t i = s->event_count; i-- > 0 && events < EVENTS_SHOWN;)
                if (view_event_matches(&s->events[i], subject)) {
                        events++;
                        first = i;
                }
        if (events) text_add(out, "\nLast events:\n");
        for (size_t i = first; events && i < s->event_count; i++)
                if (view_event_matches(&s->events[i], subject)) {
                        text_add(out, "  ");
                        view_event(&s->events[i], VIEW_TABLE, colours, out);
                }
}

static void describe_json(const struct snapshot *s, const struct health *health, const struct view_subject *subject,
                          const struct topic_row *topics, size_t topic_count, struct text *out) {
        static const char *const kinds[] = {"route", "worker", "topic", "lane"};
        json_t *root = json_object(), *lanes = json_array(), *partitions = json_array(), *reasons = json_array(), *events = json_array();
        bool failed = false;
        status_json_put(root, "schema", json_string("heliostat.describe/v1"), &failed);
        status_json_put(root, "kind", json_string(kinds[subject->kind]), &failed);
        status_json_put(root, "name", status_json_text(subject->name), &failed);
        for (size_t i = 0; i < s->route_count && subject->kind == VIEW_ROUTES; i++)
                if (same(s->routes[i].name, subject->name))
                        status_json_put(root, "route", status_json_route(&s->routes[i], &failed), &failed);
        for (size_t i = 0; i < s->worker_count && subject->kind == VIEW_WORKERS; i++)
                if (same(s->workers[i].id, subject->name))
                        status_json_put(root, "worker", status_json_worker(&s->workers[i], &failed), &failed);
        if (subject->kind == VIEW_TOPICS) {
                json_t *list = json_array();
                for (size_t i = 0; i < topic_count; i++)
                        if (same(topics[i].topic, subject->name)) append(list, topic_json(&topics[i], &failed), &failed);
                status_json_put(root, "topics", list, &failed);
        }
        for (size_t i = 0; i < s->lane_count; i++)
                if (lane_matches(&s->lanes[i], subject)) append(lanes, status_json_lane(&s->lanes[i], &failed), &failed);
        for (size_t i = 0; i < s->partition_count; i++)
                if (partition_matches(&s->partitions[i], subject))
                        append(partitions, status_json_partition(s, &s->partitions[i], &failed), &failed);
        for (size_t i = 0; i < health->count; i++)
                if (reason_matches(&health->reasons[i], subject)) append(reasons, status_json_text(health->reasons[i].text), &failed);
        for (size_t i = 0; i < s->event_count; i++)
                if (view_event_matches(&s->events[i], subject)) append(events, status_json_event(&s->events[i], &failed), &failed);
        status_json_put(root, "lanes", lanes, &failed);
        status_json_put(root, "partitions", partitions, &failed);
        status_json_put(root, "reasons", reasons, &failed);
        status_json_put(root, "events", events, &failed);
        add_json(out, root, failed, JSON_INDENT(2));
}

void view_describe(const struct snapshot *s, const struct health *health, const struct view_subject *subject,
                   enum view_format format, bool colours, struct text *out) {
        size_t topic_count;
        struct topic_row *topics = topics_of(s, &topic_count);
        if (!topics) {
                out->failed = true;
                return;
        }
        if (format == VIEW_JSON) describe_json(s, health, subject, topics, topic_count, out);
        else describe_text(s, health, subject, topics, topic_count, colours, out);
        free(topics);
}
