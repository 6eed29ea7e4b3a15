#include "cli/render.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- words for numbers ---- */

enum { WORD = 48 };

/* "1234567" -> "1,234,567" */
static const char *grouped(char *buf, int64_t number) {
        char digits[WORD];
        size_t at = 0;
        int n = snprintf(digits, sizeof digits, "%lld", (long long)number);

        for (int i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') buf[at++] = ',';
                buf[at++] = digits[i];
        }
        buf[at] = '\0';
        return buf;
}

/* Offsets are not grouped: they get pasted into other tools. */
static const char *offset_text(char *buf, int64_t offset) {
        if (offset == SNAPSHOT_UNKNOWN) return "-";
        (void)snprintf(buf, WORD, "%lld", (long long)offset);
        return buf;
}

static const char *duration(char *buf, double seconds) {
        long long s = seconds < 4e18 ? (long long)seconds : 0;

        if (seconds < 0) return "-";
        if (seconds < 9.95) (void)snprintf(buf, WORD, "%.1f s", seconds);
        else if (s < 100) (void)snprintf(buf, WORD, "%lld s", s);
        else if (s < 3600) (void)snprintf(buf, WORD, "%lld min %02lld s", s / 60, s % 60);
        else if (s < 48 * 3600) (void)snprintf(buf, WORD, "%lld h %02lld min", s / 3600, s / 60 % 60);
        else (void)snprintf(buf, WORD, "%lld d %02lld h", s / 86400, s / 3600 % 24);
        return buf;
}

static const char *duration_ms(char *buf, int64_t ms) {
        return ms == SNAPSHOT_UNKNOWN ? "-" : duration(buf, (double)ms / 1000);
}

static const char *rate_text(char *buf, double rate) {
        if (rate >= 9.95 && rate < 9e18) return grouped(buf, llround(rate));
        (void)snprintf(buf, WORD, "%.1f", rate > 0 ? rate : 0);
        return strcmp(buf, "0.0") == 0 ? "0" : buf;
}

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
                text_add(out, " for %s", duration_ms(a, s->leader.age_ms));
        } else {
                text_add(out, "none");
        }
        if (s->facts_age_ms == SNAPSHOT_UNKNOWN) text_add(out, " | no facts from workers\n");
        else text_add(out, " | facts up to %s old\n", duration_ms(b, s->facts_age_ms));
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
                                      grouped(number, (int64_t)count),
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
                table_cell(table, TABLE_PLAIN, "%s", grouped(a, (int64_t)r->topics));
                table_cell(table, TABLE_PLAIN, "%s", grouped(a, (int64_t)r->partitions));
                table_cell(table, TABLE_PLAIN, "%s", r->lag_known ? grouped(a, r->lag) : "-");
                table_cell(table, TABLE_PLAIN, "%s", duration(a, r->lag_seconds));
                table_cell(table, TABLE_PLAIN, "%s", rate_text(a, r->rate));
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
                "ZONE",     "VERSION",   ">PID",        "HTTP",        "INCARNATION"};
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
                table_cell(table, TABLE_PLAIN, "%s", grouped(a, (int64_t)w->partitions));
                table_cell(table, TABLE_PLAIN, "%s", rate_text(a, w->rate));
                table_cell(table, TABLE_PLAIN, "%s", duration_ms(a, w->session_age_ms));
                table_cell(table, w->stale ? TABLE_YELLOW : TABLE_PLAIN, "%s",
                           duration_ms(a, w->report_age_ms));
                if (wide) {
                        table_cell(table, TABLE_PLAIN, "%s", rate_text(a, w->bytes_rate));
                        table_cell(table, TABLE_PLAIN, "%s",
                                   w->records_total <= INT64_MAX
                                           ? grouped(a, (int64_t)w->records_total)
                                           : "-");
                        table_cell(table, TABLE_PLAIN, "%u", w->capacity);
                        table_cell(table, TABLE_PLAIN, "%s", w->zone);
                        table_cell(table, TABLE_PLAIN, "%s", w->version);
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
                table_cell(table, TABLE_PLAIN, "%s", offset_text(a, p->position));
                table_cell(table, TABLE_PLAIN, "%s", offset_text(a, p->end_offset));
                table_cell(table, TABLE_PLAIN, "%s",
                           p->lag == SNAPSHOT_UNKNOWN ? "-" : grouped(a, p->lag));
                table_cell(table, TABLE_PLAIN, "%s", duration(a, p->lag_seconds));
                if (p->stale)
                        table_cell(table, TABLE_YELLOW, "%s%sreported %s ago", p->error,
                                   *p->error ? "; " : "", duration_ms(a, p->report_age_ms));
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
                table_cell(table, TABLE_PLAIN, "%s", offset_text(a, k->from));
                table_cell(table, TABLE_PLAIN, "%s", offset_text(a, k->to));
                table_cell(table, TABLE_PLAIN, "%s", k->kind);
                table_cell(table, TABLE_PLAIN, "%s", k->answer);
                table_cell(table, TABLE_PLAIN, "%s",
                           k->at_ms <= 0 ? "-" : duration_ms(a, s->now_ms > k->at_ms ? s->now_ms - k->at_ms : 0));
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

/* A peer's text may not be UTF-8; then it is escaped as in a table.  "" and
 * NULL become null. */
static json_t *string_or_null(const char *text) {
        if (!text || !*text) return json_null();
        json_t *json = json_string(text);
        if (json) return json;
        struct text escaped = {0};
        text_add_peer(&escaped, text);
        json = escaped.failed ? NULL : json_string(escaped.data);
        free(escaped.data);
        return json;
}

static json_t *number_or_null(int64_t number) {
        return number == SNAPSHOT_UNKNOWN ? json_null() : json_integer(number);
}

/* Rounded to 1/1000: more digits would only be noise. */
static json_t *real(double number) { return json_real(round(number * 1000) / 1000); }

static json_t *real_or_null(double number) { return number < 0 ? json_null() : real(number); }

static json_t *seconds_or_null(int64_t ms) {
        return ms == SNAPSHOT_UNKNOWN ? json_null() : real((double)ms / 1000);
}

/* Takes value; remembers failure. */
static void put(json_t *object, const char *key, json_t *value, bool *failed) {
        if (json_object_set_new(object, key, value) != 0) *failed = true;
}

static json_t *health_json(const struct health *health, bool *failed) {
        json_t *object = json_object(), *reasons = json_array();

        for (size_t i = 0; i < health->count; i++)
                if (json_array_append_new(reasons, string_or_null(health->reasons[i].text)) != 0)
                        *failed = true;
        put(object, "level", json_string(health_level_name(health->level)), failed);
        put(object, "reasons", reasons, failed);
        return object;
}

static json_t *leader_json(const struct status_leader *leader, bool *failed) {
        if (!leader->id) return json_null();
        json_t *object = json_object();
        put(object, "id", string_or_null(leader->id), failed);
        put(object, "host", string_or_null(leader->host), failed);
        put(object, "pid", json_integer(leader->pid), failed);
        put(object, "epoch", json_integer((json_int_t)leader->epoch), failed);
        put(object, "since_ms", json_integer(leader->since_ms), failed);
        put(object, "age_seconds", seconds_or_null(leader->age_ms), failed);
        return object;
}

static json_t *skip_json(const struct status_skip *k, bool *failed) {
        json_t *object = json_object();

        put(object, "topic", string_or_null(k->topic), failed);
        put(object, "partition", json_integer(k->partition), failed);
        put(object, "lane", json_integer(k->lane), failed);
        put(object, "kind", string_or_null(k->kind), failed);
        put(object, "answer", string_or_null(k->answer), failed);
        put(object, "from", number_or_null(k->from), failed);
        put(object, "to", number_or_null(k->to), failed);
        put(object, "at_ms", json_integer(k->at_ms), failed);
        return object;
}

/* A list, though a partition has one at most: a list is empty more simply than
 * an object is null, and may grow. */
static json_t *halts_json(const struct status_halt *h, bool *failed) {
        json_t *list = json_array(), *object;

        if (!h->kind) return list;
        object = json_object();
        put(object, "kind", string_or_null(h->kind), failed);
        put(object, "from", number_or_null(h->from), failed);
        put(object, "to", number_or_null(h->to), failed);
        put(object, "answer", string_or_null(h->answer), failed);
        put(object, "reason", string_or_null(h->reason), failed);
        put(object, "since_ms", json_integer(h->since_ms), failed);
        if (json_array_append_new(list, object) != 0) *failed = true;
        return list;
}

static json_t *route_json(const struct status_route *r, bool *failed) {
        json_t *object = json_object(), *states = json_object(), *parked = json_array();
        json_t *skips = json_array();
        bool known = !r->unreadable && !r->removed;

        for (int i = 0; i < STATUS_STATES; i++)
                put(states, status_state_name((enum status_state)i),
                    json_integer((json_int_t)r->in_state[i]), failed);
        for (size_t i = 0; i < r->parked_count; i++) {
                json_t *topic = json_object();
                put(topic, "topic", string_or_null(r->parked[i].topic), failed);
                put(topic, "partitions", json_integer(r->parked[i].partitions), failed);
                put(topic, "reason", string_or_null(r->parked[i].reason), failed);
                if (json_array_append_new(parked, topic) != 0) *failed = true;
        }
        for (size_t i = 0; i < r->skip_count; i++)
                if (json_array_append_new(skips, skip_json(&r->skips[i], failed)) != 0) *failed = true;
        put(object, "name", string_or_null(r->name), failed);
        put(object, "source", string_or_null(r->source), failed);
        put(object, "destination", string_or_null(r->destination), failed);
        put(object, "enabled", known ? json_boolean(r->enabled) : json_null(), failed);
        put(object, "intake", *r->intake ? string_or_null(r->intake) : json_null(), failed);
        put(object, "delivery_guarantee", string_or_null(r->delivery_guarantee), failed);
        put(object, "group_id", string_or_null(r->group_id), failed);
        put(object, "lanes", known ? json_integer(r->lanes) : json_null(), failed);
        put(object, "topics", json_integer((json_int_t)r->topics), failed);
        put(object, "partitions", json_integer((json_int_t)r->partitions), failed);
        put(object, "states", states, failed);
        put(object, "parked_topics", parked, failed);
        put(object, "skips", skips, failed);
        put(object, "lag", r->lag_known ? json_integer(r->lag) : json_null(), failed);
        put(object, "lag_seconds", real_or_null(r->lag_seconds), failed);
        put(object, "rate", real(r->rate), failed);
        put(object, "discovered_age_seconds", seconds_or_null(r->discovered_age_ms), failed);
        put(object, "error", string_or_null(r->error), failed);
        put(object, "warning", string_or_null(r->warning), failed);
        return object;
}

static json_t *worker_json(const struct status_worker *w, bool *failed) {
        json_t *object = json_object();

        put(object, "id", string_or_null(w->id), failed);
        put(object, "incarnation", string_or_null(w->incarnation), failed);
        put(object, "host", string_or_null(w->host), failed);
        put(object, "pid", w->unreadable ? json_null() : json_integer(w->pid), failed);
        put(object, "version", string_or_null(w->version), failed);
        put(object, "http", string_or_null(w->http), failed);
        put(object, "zone", string_or_null(w->zone), failed);
        put(object, "capacity", w->unreadable ? json_null() : json_integer(w->capacity), failed);
        put(object, "draining", json_boolean(w->draining), failed);
        put(object, "drained", json_boolean(w->drained), failed);
        put(object, "lanes", json_integer((json_int_t)w->lanes), failed);
        put(object, "partitions", json_integer((json_int_t)w->partitions), failed);
        put(object, "rate", real(w->rate), failed);
        put(object, "bytes_rate", real(w->bytes_rate), failed);
        put(object, "records_total", json_integer((json_int_t)w->records_total), failed);
        put(object, "session_age_seconds", seconds_or_null(w->session_age_ms), failed);
        put(object, "report_age_seconds", seconds_or_null(w->report_age_ms), failed);
        put(object, "stale", json_boolean(w->stale), failed);
        put(object, "error", string_or_null(w->error), failed);
        return object;
}

static json_t *lane_json(const struct status_lane *l, bool *failed) {
        json_t *object = json_object();

        put(object, "route", string_or_null(l->route), failed);
        put(object, "lane", json_integer(l->lane), failed);
        put(object, "state", string_or_null(l->record_state), failed);
        put(object, "worker", string_or_null(l->worker), failed);
        put(object, "worker_live", json_boolean(l->worker_live), failed);
        put(object, "pin", string_or_null(l->pin), failed);
        put(object, "generation", json_integer((json_int_t)l->generation), failed);
        put(object, "spec", json_integer(l->spec), failed);
        put(object, "partitions", json_integer((json_int_t)l->partitions), failed);
        put(object, "report_state", string_or_null(l->report_state), failed);
        put(object, "error", string_or_null(l->error), failed);
        return object;
}

/* The topic's name at the destination, or null. */
static json_t *destination_topic(const struct snapshot *s, const struct status_partition *p) {
        char name[TOPIC_NAME_SIZE], why[TOPIC_NAME_ERROR_MAX];
        for (size_t i = 0; i < s->route_count; i++)
                if (s->routes[i].namer && strcmp(s->routes[i].name, p->route) == 0)
                        return topic_name_destination(s->routes[i].namer, p->topic, name, why) == 0
                                       ? json_string(name)
                                       : json_null();
        return json_null();
}

static json_t *partition_json(const struct snapshot *s, const struct status_partition *p, bool *failed) {
        json_t *object = json_object();

        put(object, "route", string_or_null(p->route), failed);
        put(object, "topic", string_or_null(p->topic), failed);
        put(object, "destination_topic", destination_topic(s, p), failed);
        put(object, "partition", json_integer(p->partition), failed);
        put(object, "lane", json_integer(p->lane), failed);
        put(object, "worker", string_or_null(p->worker), failed);
        put(object, "state", json_string(status_state_name(p->state)), failed);
        put(object, "position", number_or_null(p->position), failed);
        put(object, "end_offset", number_or_null(p->end_offset), failed);
        put(object, "lag", number_or_null(p->lag), failed);
        put(object, "lag_seconds", real_or_null(p->lag_seconds), failed);
        put(object, "rate", real(p->rate), failed);
        put(object, "error", string_or_null(p->error), failed);
        put(object, "report_age_seconds", seconds_or_null(p->report_age_ms), failed);
        put(object, "stale", json_boolean(p->stale), failed);
        put(object, "halts", halts_json(&p->halt, failed), failed);
        return object;
}

#define ARRAY(array, items, count, item_json) \
        do { \
                for (size_t i_ = 0; i_ < (count); i_++) \
                        if (json_array_append_new(array, item_json(&(items)[i_], &failed)) != 0) \
                                failed = true; \
        } while (0)

static json_t *problem_json(const struct status_problem *p, bool *failed) {
        json_t *object = json_object();
        put(object, "path", string_or_null(p->path), failed);
        put(object, "error", string_or_null(p->text), failed);
        return object;
}

static char *render_json(const struct snapshot *s, const struct health *health) {
        json_t *root = json_object(), *routes = json_array(), *workers = json_array();
        json_t *lanes = json_array(), *partitions = json_array(), *problems = json_array();
        bool failed = false;
        char *text = NULL;

        ARRAY(routes, s->routes, s->route_count, route_json);
        ARRAY(workers, s->workers, s->worker_count, worker_json);
        ARRAY(lanes, s->lanes, s->lane_count, lane_json);
        for (size_t i = 0; i < s->partition_count; i++)
                if (json_array_append_new(partitions, partition_json(s, &s->partitions[i], &failed)) != 0)
                        failed = true;
        ARRAY(problems, s->problems, s->problem_count, problem_json);
        put(root, "schema", json_string(RENDER_SCHEMA), &failed);
        put(root, "time_ms", json_integer(s->now_ms), &failed);
        put(root, "zookeeper", string_or_null(s->zookeeper), &failed);
        put(root, "facts_age_seconds", seconds_or_null(s->facts_age_ms), &failed);
        put(root, "health", health_json(health, &failed), &failed);
        put(root, "leader", leader_json(&s->leader, &failed), &failed);
        put(root, "coordinators", json_integer((json_int_t)s->candidates), &failed);
        put(root, "routes", routes, &failed);
        put(root, "workers", workers, &failed);
        put(root, "lanes", lanes, &failed);
        put(root, "partitions", partitions, &failed);
        put(root, "unreadable", problems, &failed);
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
