/* One row of a table per name: what it takes and what makes its answer.
 * Partitions are chosen by a heap of as many as are asked for, so that the
 * first page of 100,000 costs one pass and no sorting. */
#include "coordinator/api.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/status_json.h"
#include "common/text.h"
#include "coordinator/api_config.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define put status_json_put

/* ---- parameters ---- */

enum take {
        TAKE_ROUTE = 1,
        TAKE_TOPIC = 2,
        TAKE_Q = 4,
        TAKE_WORKER = 8,
        TAKE_LANE = 16,
        TAKE_STATE = 32,
        TAKE_SORT = 64,
        TAKE_ORDER = 128,
        TAKE_LIMIT = 256,
        TAKE_OFFSET = 512,
        TAKE_POINTS = 1024,
};

enum sort { SORT_LAG, SORT_LAG_SECONDS, SORT_RATE, SORT_TOPIC };
static const char *const sort_names[] = {"lag", "lag_seconds", "rate", "topic"};

struct query {
        const char *route, *topic, *q, *worker; /* NULL: any */
        int64_t lane;                           /* -1: any */
        unsigned states;                        /* bits; 0: any */
        enum sort sort;
        bool descending;
        uint32_t limit, offset, points;
};

#define WHY_SIZE 256

static bool states_parse(const char *value, unsigned *out) {
        unsigned states = 0;
        while (*value) {
                size_t bytes = strcspn(value, ",");
                int i = 0;
                while (i < STATUS_STATES && !(strlen(status_state_name((enum status_state)i)) == bytes &&
                                              strncasecmp(status_state_name((enum status_state)i), value, bytes) == 0))
                        i++;
                if (i == STATUS_STATES) return false;
                states |= 1u << i;
                value += bytes;
                if (*value == ',') value++;
        }
        *out = states;
        return states != 0;
}

static bool number_parse(const char *key, const char *value, uint32_t min, uint32_t max, uint32_t *out, char *why) {
        uint32_t number;
        if (text_number(value, max, &number) && number >= min) {
                *out = number;
                return true;
        }
        (void)snprintf(why, WHY_SIZE, "%s=%.60s: expected %u to %u", key, value, min, max);
        return false;
}

/* false: why says what was expected. */
static bool param_parse(enum take take, const char *key, const char *value, struct query *query, char *why) {
        uint32_t number;
        switch (take) {
        case TAKE_ROUTE: query->route = value; return true;
        case TAKE_TOPIC: query->topic = value; return true;
        case TAKE_Q: query->q = value; return true;
        case TAKE_WORKER: query->worker = value; return true;
        case TAKE_LANE:
                if (!number_parse(key, value, 0, 999999999, &number, why)) return false;
                query->lane = number;
                return true;
        case TAKE_STATE:
                if (states_parse(value, &query->states)) return true;
                (void)snprintf(why, WHY_SIZE, "state=%.60s: expected one or more, with commas between, of UNASSIGNED, "
                               "ASSIGNED, RUNNING, PAUSED, DRAINING, HALTED, PARKED, STALLED", value);
                return false;
        case TAKE_SORT:
                for (size_t i = 0; i < COUNT(sort_names); i++) {
                        if (strcmp(sort_names[i], value) != 0) continue;
                        query->sort = (enum sort)i;
                        return true;
                }
                (void)snprintf(why, WHY_SIZE, "sort=%.60s: expected lag, lag_seconds, rate or topic", value);
                return false;
        case TAKE_ORDER:
                query->descending = strcmp(value, "desc") == 0;
                if (query->descending || strcmp(value, "asc") == 0) return true;
                (void)snprintf(why, WHY_SIZE, "order=%.60s: expected asc or desc", value);
                return false;
        case TAKE_LIMIT: return number_parse(key, value, 1, API_ROWS_MAX, &query->limit, why);
        case TAKE_OFFSET: return number_parse(key, value, 0, 999999999, &query->offset, why);
        case TAKE_POINTS: return number_parse(key, value, 10, HISTORY_SLOTS, &query->points, why);
        }
        return false;
}

static bool query_parse(unsigned takes, const struct http_arg *args, size_t count, struct query *out, char *why) {
        static const char *const names[] = {"route", "topic", "q",     "worker", "lane",  "state",
                                            "sort",  "order", "limit", "offset", "points"};
        bool ordered = false;

        *out = (struct query){.lane = -1, .limit = 100, .points = 241};
        for (size_t i = 0; i < count; i++) {
                size_t k = 0;
                while (k < COUNT(names) && strcmp(names[k], args[i].name) != 0) k++;
                if (k == COUNT(names) || !(takes & 1u << k)) {
                        const char *taken[COUNT(names)];
                        for (size_t n = 0; n < COUNT(names); n++) taken[n] = takes & 1u << n ? names[n] : NULL;
                        const char *near = text_nearest(args[i].name, taken, COUNT(names));
                        (void)snprintf(why, WHY_SIZE, "unknown parameter '%.60s'%s%s%s", args[i].name,
                                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
                        return false;
                }
                if (!args[i].value || !*args[i].value) continue;
                if (!param_parse((enum take)(1u << k), names[k], args[i].value, out, why)) return false;
                if (1u << k == TAKE_ORDER) ordered = true;
        }
        if (!ordered) out->descending = out->sort != SORT_TOPIC;
        return true;
}

/* ---- parts ---- */

static json_t *envelope(const struct api_view *view, const char *name, bool *failed) {
        json_t *root = json_object();
        char schema[64];
        (void)snprintf(schema, sizeof schema, "heliostat.api.%s/v1", name);
        put(root, "schema", json_string(schema), failed);
        put(root, "time_ms", json_integer(view->wall_ms - view->age_ms), failed);
        put(root, "age_seconds", status_json_seconds(view->age_ms), failed);
        return root;
}

static void append(json_t *list, json_t *object, bool *failed) {
        if (json_array_append_new(list, object) != 0) *failed = true;
}

/* With the newest skips only: each lane keeps some, and a route has thousands
 * of lanes. */
static json_t *route_json(const struct status_route *route, bool *failed) {
        struct status_route copy = *route;
        if (copy.skip_count > API_SKIPS_MAX) {
                copy.skips += copy.skip_count - API_SKIPS_MAX;
                copy.skip_count = API_SKIPS_MAX;
        }
        json_t *object = status_json_route(&copy, failed);
        put(object, "skip_count", json_integer((json_int_t)route->skip_count), failed);
        return object;
}

static void saturating_add(int64_t *sum, int64_t more) {
        if (__builtin_add_overflow(*sum, more, sum)) *sum = INT64_MAX;
}

static json_t *totals_json(const struct snapshot *s, bool *failed) {
        json_t *object = json_object(), *states = json_object();
        size_t in_state[STATUS_STATES] = {0}, topics = 0, partitions = 0, known = 0, stale = 0, unclaimed = 0;
        double lag_seconds = -1, rate = 0, bytes_rate = 0;
        int64_t lag = 0;

        for (size_t i = 0; i < s->route_count; i++) {
                const struct status_route *r = &s->routes[i];
                for (int k = 0; k < STATUS_STATES; k++) in_state[k] += r->in_state[k];
                topics += r->topics;
                partitions += r->partitions;
                known += r->lag_known;
                saturating_add(&lag, r->lag);
                if (r->lag_seconds > lag_seconds) lag_seconds = r->lag_seconds;
                rate += r->rate;
        }
        for (size_t i = 0; i < s->worker_count; i++) {
                bytes_rate += s->workers[i].bytes_rate;
                stale += s->workers[i].stale;
        }
        for (size_t i = 0; i < s->lane_count; i++)
                unclaimed += s->lanes[i].partitions > 0 && !s->lanes[i].worker_live;
        for (int k = 0; k < STATUS_STATES; k++)
                put(states, status_state_name((enum status_state)k), json_integer((json_int_t)in_state[k]), failed);
        put(object, "lag", known ? json_integer(lag) : json_null(), failed);
        put(object, "lag_seconds", status_json_real_or_null(lag_seconds), failed);
        put(object, "rate", status_json_real(rate), failed);
        put(object, "bytes_rate", status_json_real(bytes_rate), failed);
        put(object, "workers", json_integer((json_int_t)s->worker_count), failed);
        put(object, "workers_stale", json_integer((json_int_t)stale), failed);
        put(object, "lanes", json_integer((json_int_t)s->lane_count), failed);
        put(object, "lanes_without_worker", json_integer((json_int_t)unclaimed), failed);
        put(object, "topics", json_integer((json_int_t)topics), failed);
        put(object, "partitions", json_integer((json_int_t)partitions), failed);
        put(object, "states", states, failed);
        return object;
}

/* An old reading is a reason of its own, before all others. */
static json_t *health_json(const struct api_view *view, bool *failed) {
        json_t *object = status_json_health(view->health, failed);
        char text[WHY_SIZE];

        if (view->age_ms <= API_OLD_MS) return object;
        (void)snprintf(text, sizeof text, "what is shown is %lld s old: coordinator %.60s cannot read ZooKeeper%s%.100s",
                       (long long)(view->age_ms / 1000), view->id, *view->trouble ? ": " : "", view->trouble);
        if (json_array_insert_new(json_object_get(object, "reasons"), 0, status_json_text(text)) != 0) *failed = true;
        put(object, "level", json_string(health_level_name(HEALTH_ERR)), failed);
        return object;
}

/* ---- answers ---- */

static json_t *status_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "status", failed), *by = json_object();
        json_t *routes = json_array(), *problems = json_array();

        (void)query;
        put(by, "id", status_json_text(view->id), failed);
        put(by, "host", status_json_text(view->host), failed);
        put(by, "leads", json_boolean(view->leads), failed);
        put(by, "version", json_string(HELIOSTAT_VERSION), failed);
        for (size_t i = 0; i < s->route_count; i++) {
                struct status_route copy = s->routes[i];
                copy.skip_count = copy.parked_count = 0; /* /routes has them */
                json_t *route = status_json_route(&copy, failed);
                (void)json_object_del(route, "skips"); /* was just put */
                (void)json_object_del(route, "parked_topics");
                (void)json_object_del(route, "parked_topics_more");
                append(routes, route, failed);
        }
        for (size_t i = 0; i < s->problem_count && i < API_PROBLEMS_MAX; i++)
                append(problems, status_json_problem(&s->problems[i], failed), failed);
        put(root, "served_by", by, failed);
        put(root, "zookeeper", status_json_text(s->zookeeper), failed);
        put(root, "trouble", status_json_text(view->trouble), failed);
        put(root, "facts_age_seconds", status_json_seconds(s->facts_age_ms), failed);
        put(root, "health", health_json(view, failed), failed);
        put(root, "leader", status_json_leader(&s->leader, failed), failed);
        put(root, "coordinators", json_integer((json_int_t)s->candidates), failed);
        put(root, "totals", totals_json(s, failed), failed);
        put(root, "routes", routes, failed);
        put(root, "unreadable", problems, failed);
        put(root, "unreadable_count", json_integer((json_int_t)s->problem_count), failed);
        return root;
}

/* What a worker's partitions add up to. */
struct sums {
        int64_t lag;
        size_t known;
        double lag_seconds;
        size_t in_state[STATUS_STATES];
};

static json_t *workers_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "workers", failed), *list = json_array();
        struct sums *sums = calloc(s->worker_count + 1, sizeof *sums);
        size_t matching = 0, at = 0;

        if (!sums) {
                *failed = true;
                json_decref(list);
                return root;
        }
        for (size_t i = 0; i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                if (!p->worker) continue;
                /* It borrows the id of one of them; partitions of a topic lie on different ones. */
                for (size_t n = 0; n < s->worker_count && s->workers[at].id != p->worker; n++)
                        at = at + 1 < s->worker_count ? at + 1 : 0;
                struct sums *sum = &sums[at];
                sum->in_state[p->state]++;
                if (p->lag_seconds > sum->lag_seconds) sum->lag_seconds = p->lag_seconds;
                if (p->lag == SNAPSHOT_UNKNOWN) continue;
                saturating_add(&sum->lag, p->lag);
                sum->known++;
        }
        for (size_t i = 0; i < s->worker_count; i++) {
                if (query->worker && strcmp(query->worker, s->workers[i].id) != 0) continue;
                if (matching++ < query->offset || json_array_size(list) >= query->limit) continue;
                json_t *worker = status_json_worker(&s->workers[i], failed);
                put(worker, "lag", sums[i].known ? json_integer(sums[i].lag) : json_null(), failed);
                put(worker, "lag_seconds", sums[i].known ? status_json_real(sums[i].lag_seconds) : json_null(), failed);
                put(worker, "halted", json_integer((json_int_t)sums[i].in_state[STATUS_HALTED]), failed);
                put(worker, "stalled", json_integer((json_int_t)sums[i].in_state[STATUS_STALLED]), failed);
                append(list, worker, failed);
        }
        free(sums);
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "workers", list, failed);
        return root;
}

static json_t *routes_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "routes", failed), *list = json_array();
        size_t matching = 0;

        for (size_t i = 0; i < s->route_count; i++) {
                if (query->route && strcmp(query->route, s->routes[i].name) != 0) continue;
                if (matching++ < query->offset || json_array_size(list) >= query->limit) continue;
                append(list, route_json(&s->routes[i], failed), failed);
        }
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "routes", list, failed);
        return root;
}

static json_t *lanes_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "lanes", failed), *list = json_array();
        size_t matching = 0;

        for (size_t i = 0; i < s->lane_count; i++) {
                const struct status_lane *lane = &s->lanes[i];
                if (query->route && strcmp(query->route, lane->route) != 0) continue;
                if (query->worker && strcmp(query->worker, lane->worker ? lane->worker : "") != 0) continue;
                if (matching++ < query->offset || json_array_size(list) >= query->limit) continue;
                append(list, status_json_lane(lane, failed), failed);
        }
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "lanes", list, failed);
        return root;
}

static bool partition_matches(const struct status_partition *p, const struct query *query) {
        if (query->states && !(query->states & 1u << p->state)) return false;
        if (query->lane >= 0 && query->lane != p->lane) return false;
        if (query->route && strcmp(query->route, p->route) != 0) return false;
        if (query->topic && strcmp(query->topic, p->topic) != 0) return false;
        if (query->worker && strcmp(query->worker, p->worker ? p->worker : "") != 0) return false;
        return !query->q || strcasestr(p->topic, query->q) != NULL;
}

/* Below 0: a is shown before b.  Partitions lie in the order of route, topic
 * and number: equals keep it. */
static int rank(const struct status_partition *a, const struct status_partition *b, const struct query *query) {
        double x = 0, y = 0;
        switch (query->sort) {
        case SORT_LAG:
                if (a->lag != b->lag) return (a->lag < b->lag) != query->descending ? -1 : 1;
                break;
        case SORT_LAG_SECONDS: x = a->lag_seconds, y = b->lag_seconds; break;
        case SORT_RATE: x = a->rate, y = b->rate; break;
        case SORT_TOPIC:
                if (query->descending) return a > b ? -1 : a < b;
                break;
        }
        if (x < y || x > y) return (x < y) != query->descending ? -1 : 1;
        return a < b ? -1 : a > b;
}

/* heap[0] is the one that goes first when a better one comes. */
static void sift_down(const struct status_partition **heap, size_t count, size_t at, const struct query *query) {
        for (;;) {
                size_t last = at, left = 2 * at + 1, right = left + 1;
                if (left < count && rank(heap[left], heap[last], query) > 0) last = left;
                if (right < count && rank(heap[right], heap[last], query) > 0) last = right;
                if (last == at) return;
                const struct status_partition *swap = heap[at];
                heap[at] = heap[last];
                heap[last] = swap;
                at = last;
        }
}

static json_t *partitions_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "partitions", failed), *list = json_array();
        size_t wanted = (size_t)query->offset + query->limit, kept = 0, matching = 0;
        int64_t lag = 0;
        if (wanted > s->partition_count) wanted = s->partition_count;
        const struct status_partition **heap = calloc(wanted + 1, sizeof(const struct status_partition *));

        if (!heap) {
                *failed = true;
                json_decref(list);
                return root;
        }
        for (size_t i = 0; i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                if (!partition_matches(p, query)) continue;
                matching++;
                if (p->lag != SNAPSHOT_UNKNOWN) saturating_add(&lag, p->lag);
                if (kept < wanted) {
                        heap[kept++] = p;
                        if (kept == wanted)
                                for (size_t k = kept / 2; k-- > 0;) sift_down(heap, kept, k, query);
                } else if (kept && rank(p, heap[0], query) < 0) {
                        heap[0] = p;
                        sift_down(heap, kept, 0, query);
                }
        }
        if (kept < wanted)
                for (size_t k = kept / 2; k-- > 0;) sift_down(heap, kept, k, query);
        for (size_t n = kept; n > 1; n--) { /* the last of the rest goes to its end */
                const struct status_partition *swap = heap[0];
                heap[0] = heap[n - 1];
                heap[n - 1] = swap;
                sift_down(heap, n - 1, 0, query);
        }
        for (size_t i = query->offset; i < kept; i++) append(list, status_json_partition(s, heap[i], failed), failed);
        free(heap);
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "offset", json_integer(query->offset), failed);
        put(root, "lag", json_integer(lag), failed);
        put(root, "partitions", list, failed);
        return root;
}

static json_t *history_answer(const struct api_view *view, const struct query *query, bool *failed) {
        static const char *const names[] = {"lag", "lag_seconds", "rate", "bytes_rate"};
        json_t *root = envelope(view, "history", failed), *columns[COUNT(names)];
        struct history_point *points = calloc(query->points, sizeof *points);
        int64_t step_ms = 0;
        size_t count = points ? history_points(view->history, query->route ? query->route : HISTORY_TOTAL, view->boot_ms,
                                               query->points, points, &step_ms)
                              : 0;

        if (!points) *failed = true;
        for (size_t k = 0; k < COUNT(names); k++) columns[k] = json_array();
        for (size_t i = 0; i < count; i++) {
                const struct history_point *p = &points[i];
                bool known = p->slots > 0;
                append(columns[0], known ? status_json_number(p->sample.lag) : json_null(), failed);
                append(columns[1], known ? status_json_real_or_null(p->sample.lag_seconds) : json_null(), failed);
                append(columns[2], known ? status_json_real(p->sample.rate) : json_null(), failed);
                append(columns[3], known ? status_json_real_or_null(p->sample.bytes_rate) : json_null(), failed);
        }
        put(root, "route", status_json_text(query->route), failed);
        put(root, "step_seconds", status_json_seconds(step_ms), failed);
        put(root, "from_ms", count ? json_integer(points[0].time_ms + view->wall_ms - view->boot_ms) : json_null(), failed);
        for (size_t k = 0; k < COUNT(names); k++) put(root, names[k], columns[k], failed);
        free(points);
        return root;
}

/* The newest first. */
static json_t *events_answer(const struct api_view *view, const struct query *query, bool *failed) {
        const struct snapshot *s = view->snapshot;
        json_t *root = envelope(view, "events", failed), *list = json_array();
        size_t matching = 0;

        for (size_t i = s->event_count; i-- > 0;) {
                const struct event *e = &s->events[i];
                char text[1200];
                if (query->route && strcmp(query->route, e->route) != 0) continue;
                if (matching++ < query->offset || json_array_size(list) >= query->limit) continue;
                json_t *object = status_json_event(e, failed);
                event_text(e, text, sizeof text);
                put(object, "tone", status_json_text(event_tone(e->kind)), failed);
                put(object, "text", status_json_text(text), failed);
                append(list, object, failed);
        }
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "events", list, failed);
        return root;
}

static json_t *config_answer(const struct api_view *view, const struct query *query, bool *failed) {
        json_t *root = envelope(view, "config", failed), *routes = json_array();
        size_t matching = 0;

        for (size_t i = 0; i < view->facts->count; i++) {
                const struct fact *fact = &view->facts->items[i];
                if (fact->kind != FACT_ROUTE || !fact->message) continue;
                if (query->route && strcmp(query->route, fact->name) != 0) continue;
                if (matching++ < query->offset || json_array_size(routes) >= query->limit) continue;
                json_t *route = json_object();
                put(route, "name", status_json_text(fact->name), failed);
                put(route, "applied_ms", json_integer(fact->modified_ms), failed);
                put(route, "settings", api_config_route(fact->message, failed), failed);
                append(routes, route, failed);
        }
        put(root, "coordinator", status_json_text(view->id), failed);
        put(root, "program", api_config_program(view->config, failed), failed);
        put(root, "clients", api_config_clients(view->config, failed), failed);
        put(root, "total", json_integer((json_int_t)matching), failed);
        put(root, "routes", routes, failed);
        return root;
}

/* ---- the table ---- */

#define PAGED (TAKE_LIMIT | TAKE_OFFSET)

static const struct endpoint {
        const char *name;
        unsigned takes;
        json_t *(*answer)(const struct api_view *view, const struct query *query, bool *failed);
} endpoints[] = {
        {"status", 0, status_answer},
        {"workers", TAKE_WORKER | PAGED, workers_answer},
        {"routes", TAKE_ROUTE | PAGED, routes_answer},
        {"lanes", TAKE_ROUTE | TAKE_WORKER | PAGED, lanes_answer},
        {"partitions", TAKE_ROUTE | TAKE_TOPIC | TAKE_Q | TAKE_WORKER | TAKE_LANE | TAKE_STATE | TAKE_SORT | TAKE_ORDER | PAGED,
         partitions_answer},
        {"history", TAKE_ROUTE | TAKE_POINTS, history_answer},
        {"events", TAKE_ROUTE | PAGED, events_answer},
        {"config", TAKE_ROUTE | PAGED, config_answer},
};

/* Takes root. */
static int finish(json_t *root, bool failed, unsigned status, struct api_answer *out) {
        char *body = failed ? NULL : json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        json_decref(root);
        if (!body) return ERR_NOMEM;
        *out = (struct api_answer){.status = status, .body = body, .bytes = strlen(body)};
        return 0;
}

static int error_answer(unsigned status, const char *text, struct api_answer *out) {
        bool failed = false;
        json_t *root = json_object();
        put(root, "schema", json_string("heliostat.api.error/v1"), &failed);
        put(root, "error", status_json_text(text), &failed);
        return finish(root, failed, status, out);
}

int api_answer(const struct api_view *view, const char *name, const struct http_arg *args, size_t count,
               struct api_answer *out) {
        const struct endpoint *endpoint = NULL;
        struct query query;
        char why[WHY_SIZE];
        bool failed = false;

        for (size_t i = 0; i < COUNT(endpoints); i++)
                if (strcmp(endpoints[i].name, name) == 0) endpoint = &endpoints[i];
        if (!endpoint) return error_answer(404, "no such resource; /api/v1/openapi.json lists them", out);
        if (!query_parse(endpoint->takes, args, count, &query, why)) return error_answer(400, why, out);
        if (!view->snapshot) {
                (void)snprintf(why, sizeof why, "coordinator %.60s has not read ZooKeeper yet%s%.100s", view->id,
                               *view->trouble ? ": " : "", view->trouble);
                return error_answer(503, why, out);
        }
        return finish(endpoint->answer(view, &query, &failed), failed, 200, out);
}
