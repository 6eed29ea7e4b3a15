#include "common/snapshot_health.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

/* A change of a route reaches its lanes, and their reports, within this. */
#define SETTLE_MS 15000

const char *health_level_name(enum health_level level) {
        static const char *const names[] = {"OK", "WARN", "ERR"};
        return (size_t)level < sizeof names / sizeof *names ? names[level] : "?";
}

/* Collects; the first failure sticks. */
struct list {
        struct health_reason *items;
        size_t count;
        size_t dropped;
        enum health_level dropped_level; /* the highest of them */
        bool nomem;
};

/* The last one of the lowest level. */
static size_t least(const struct list *list) {
        size_t at = 0;
        for (size_t i = 1; i < list->count; i++)
                if (list->items[i].level <= list->items[at].level) at = i;
        return at;
}

/* Of a full list: the least one goes if it is less than this level.  false: none is. */
static bool make_room(struct list *list, enum health_level level) {
        size_t at = least(list);
        bool room = list->items[at].level < level;
        enum health_level dropped = room ? list->items[at].level : level;
        list->dropped++;
        if (dropped > list->dropped_level) list->dropped_level = dropped;
        if (!room) return false;
        free(list->items[at].text);
        list->count--;
        memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof *list->items);
        return true;
}

__attribute__((format(printf, 3, 4))) static void add(struct list *list, enum health_level level,
                                                      const char *format, ...) {
        char text[700];
        va_list ap;

        if (list->nomem) return;
        if (list->count == HEALTH_REASONS_MAX - 1 && !make_room(list, level)) return;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut at the bound */
        va_end(ap);
        char *copy = strdup(text);
        if (!copy) {
                list->nomem = true;
                return;
        }
        list->items[list->count++] = (struct health_reason){level, copy};
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

static const char *is_are(size_t n) { return n == 1 ? "is" : "are"; }

/* The first partition in this state that has an error, to name one. */
static const struct status_partition *example(const struct snapshot *s, const char *route,
                                              enum status_state state) {
        const struct status_partition *found = NULL;
        for (size_t i = 0; i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                if (p->state != state || strcmp(p->route, route) != 0) continue;
                if (!found || (!*found->error && *p->error)) found = p;
                if (*found->error) break;
        }
        return found;
}

static void state_reason(struct list *list, const struct snapshot *s,
                         const struct status_route *route, enum status_state state,
                         enum health_level level) {
        size_t n = route->in_state[state];
        const struct status_partition *p;

        if (state == STATUS_PARKED) /* parked topics have a reason of their own */
                for (size_t i = 0; i < route->parked_count; i++)
                        n -= route->parked[i].partitions;
        if (n == 0) return;
        p = example(s, route->name, state);
        if (!p) return;
        add(list, level, "%zu partition%s of %s %s %s (%s-%u%s%s)", n, plural(n), route->name,
            is_are(n), status_state_name(state), p->topic, p->partition, *p->error ? ": " : "",
            p->error);
}

static void route_reasons(struct list *list, const struct snapshot *s,
                          const struct status_route *route, bool workers) {
        if (route->unreadable) return; /* among the problems */
        if (route->removed) {
                /* `routes remove` leaves the lanes' records: only what somebody still runs is wrong */
                size_t held = route->partitions - route->in_state[STATUS_UNASSIGNED];
                if (held)
                        add(list, HEALTH_WARN, "%s has %zu partition%s with workers, but the route was removed", route->name, held,
                            plural(held));
                return;
        }
        if (!route->enabled) return;
        state_reason(list, s, route, STATUS_HALTED, HEALTH_ERR);
        state_reason(list, s, route, STATUS_STALLED, HEALTH_ERR);
        state_reason(list, s, route, STATUS_PARKED, HEALTH_WARN);
        for (size_t i = 0; i < route->parked_count; i++)
                add(list, HEALTH_WARN, "topic %s of %s is PARKED: %s", route->parked[i].topic,
                    route->name, route->parked[i].reason);
        if (route->parked_more)
                add(list, HEALTH_WARN, "%u more topic%s of %s %s PARKED", route->parked_more, plural(route->parked_more), route->name,
                    is_are(route->parked_more));
        size_t waiting = route->in_state[STATUS_UNASSIGNED] + route->in_state[STATUS_ASSIGNED];
        if (waiting)
                add(list, workers ? HEALTH_WARN : HEALTH_ERR,
                    "%zu partition%s of %s %s not mirrored%s", waiting, plural(waiting),
                    route->name, is_are(waiting), workers ? " yet" : "");
        if (*route->error)
                add(list, HEALTH_WARN, "discovery of %s fails: %s", route->name, route->error);
        else if (*route->warning)
                add(list, HEALTH_WARN, "%s: %s", route->name, route->warning);
        else if (route->partitions == 0 && route->parked_count == 0 && route->parked_more == 0)
                add(list, HEALTH_WARN, "%s mirrors nothing: %s", route->name,
                    route->discovered_age_ms >= 0 ? "no topic of the source matches"
                                                  : "its topics are not discovered yet");
}

/* One reason for all: when the clocks differ, every report looks old. */
static void stale_reason(struct list *list, const struct snapshot *s) {
        const struct status_worker *oldest = NULL;
        size_t n = 0;

        for (size_t i = 0; i < s->worker_count; i++) {
                const struct status_worker *w = &s->workers[i];
                if (!w->stale) continue;
                n++;
                if (!oldest || w->report_age_ms > oldest->report_age_ms) oldest = w;
        }
        if (n == 0) return;
        add(list, HEALTH_WARN,
            "%zu worker%s not reported for up to %lld s (%s): their numbers cannot be trusted, or "
            "the clocks of this host and of ZooKeeper differ",
            n, n == 1 ? " has" : "s have", (long long)(oldest->report_age_ms / 1000), oldest->id);
}

/* "3f… (w1, w3), a0… (w2)": the versions that there are, each with its workers. */
static void config_reasons(struct list *list, const struct snapshot *s) {
        char text[400];
        size_t n = 0, versions = 0;
        text[0] = '\0';

        for (size_t i = 0; i < s->worker_count; i++) {
                const char *version = s->workers[i].config_version;
                bool first = *version;
                for (size_t k = 0; first && k < i; k++) first = strcmp(s->workers[k].config_version, version) != 0;
                if (!first) continue;
                if (n < sizeof text) n += (size_t)snprintf(text + n, sizeof text - n, "%s%.8s (", versions ? ", " : "", version);
                versions++;
                size_t shown = 0;
                for (size_t k = i; k < s->worker_count; k++) {
                        if (strcmp(s->workers[k].config_version, version) != 0) continue;
                        if (++shown > 3 || n >= sizeof text) continue;
                        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", shown > 1 ? ", " : "", s->workers[k].id);
                }
                if (n < sizeof text && shown > 3) n += (size_t)snprintf(text + n, sizeof text - n, " and %zu more", shown - 3);
                if (n < sizeof text) n += (size_t)snprintf(text + n, sizeof text - n, ")");
        }
        if (versions > 1) add(list, HEALTH_WARN, "workers run with different configurations: %s", text);
        for (size_t i = 0; i < s->worker_count; i++)
                if (*s->workers[i].config_error)
                        add(list, HEALTH_WARN, "worker %s runs on with its old configuration: %s", s->workers[i].id,
                            s->workers[i].config_error);
        for (size_t i = 0; i < s->route_count; i++) {
                const struct status_route *route = &s->routes[i];
                /* what was just published is on its way */
                if (route->lanes_behind && route->enabled && route->changed_age_ms > SETTLE_MS)
                        add(list, HEALTH_WARN, "%zu lane%s of %s run%s with an older version of it than %u", route->lanes_behind,
                            plural(route->lanes_behind), route->name, route->lanes_behind == 1 ? "s" : "", route->version);
        }
}

static int worst_first(const void *x, const void *y) {
        const struct health_reason *a = x, *b = y;
        return (int)b->level - (int)a->level;
}

int health_compute(const struct snapshot *s, struct health *out) {
        struct list list = {0};
        struct health health = {0};
        bool any_enabled = false, any_worker = false;

        list.items = calloc(HEALTH_REASONS_MAX, sizeof *list.items);
        if (!list.items) return ERR_NOMEM;

        for (size_t i = 0; i < s->problem_count && i < HEALTH_PROBLEMS_MAX; i++)
                add(&list, HEALTH_ERR, "znode %s: %s", s->problems[i].path,
                    s->problems[i].text);
        if (s->problem_count > HEALTH_PROBLEMS_MAX)
                add(&list, HEALTH_ERR, "%zu more znodes cannot be read",
                    s->problem_count - HEALTH_PROBLEMS_MAX);

        for (size_t i = 0; i < s->route_count; i++) any_enabled |= s->routes[i].enabled;
        for (size_t i = 0; i < s->worker_count; i++) any_worker |= !s->workers[i].unreadable;
        if (!s->leader.id && s->candidates == 0)
                add(&list, HEALTH_ERR, "no coordinator is alive: nothing new is assigned");
        else if (!s->leader.id)
                add(&list, HEALTH_WARN, "no coordinator leads yet, %zu %s alive", s->candidates,
                    is_are(s->candidates));
        if (s->route_count == 0)
                add(&list, HEALTH_WARN, "no route is defined: run 'heliostat apply FILE'");
        else if (any_enabled && !any_worker)
                add(&list, HEALTH_ERR, "no worker is alive: nothing is mirrored");

        for (size_t i = 0; i < s->route_count; i++)
                route_reasons(&list, s, &s->routes[i], any_worker);
        stale_reason(&list, s);
        config_reasons(&list, s);
        for (size_t i = 0; i < s->lane_count; i++) {
                const struct status_lane *lane = &s->lanes[i];
                if (lane->unreadable || !*lane->error) continue;
                add(&list, HEALTH_WARN, "lane %u of %s at %s: %s", lane->lane, lane->route,
                    lane->worker ? lane->worker : "-", lane->error);
        }
        if (list.dropped && !list.nomem) {
                char text[64];
                (void)snprintf(text, sizeof text, "%zu more reasons", list.dropped);
                list.items[list.count].level = list.dropped_level;
                list.items[list.count].text = strdup(text);
                if (list.items[list.count].text) list.count++;
                else list.nomem = true;
        }

        health.reasons = list.items;
        health.count = list.count;
        if (list.nomem) {
                health_fini(&health);
                return ERR_NOMEM;
        }
        for (size_t i = 0; i < health.count; i++)
                if (health.reasons[i].level > health.level) health.level = health.reasons[i].level;
        /* Worst first, else in the order found: as short as it is, an
         * insertion keeps equals in place, which qsort need not. */
        for (size_t i = 1; i < health.count; i++)
                for (size_t k = i; k > 0 && worst_first(&health.reasons[k - 1],
                                                        &health.reasons[k]) > 0; k--) {
                        struct health_reason swap = health.reasons[k];
                        health.reasons[k] = health.reasons[k - 1];
                        health.reasons[k - 1] = swap;
                }
        *out = health;
        return 0;
}

void health_fini(struct health *health) {
        for (size_t i = 0; i < health->count; i++) free(health->reasons[i].text);
        free(health->reasons);
        memset(health, 0, sizeof *health);
}
