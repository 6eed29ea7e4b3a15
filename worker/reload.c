/* SIGHUP: the configuration is read again, and the lanes whose clients are
 * concerned are opened again.
 *
 *     SIGHUP -> on the pool: read, check, take the print of each route's clients
 *     -> on the loop: the new one is the configuration; routes whose print differs
 *        from the one taken before: their lanes drain and are opened anew
 *
 * A file with an error changes nothing, and the report says so.  Prints are also
 * taken when a route becomes known: what a secret's file held when its lanes were
 * opened is what it is compared with.  One reading at a time; signals that come
 * meanwhile make one more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/kafka_print.h"
#include "common/log.h"
#include "worker/worker_internal.h"

struct print {
        char *route, *source, *destination;
        uint64_t print;
};

struct reload {
        struct worker *worker;
        uv_work_t work;
        struct config_shared *now;   /* as the job begins */
        struct config_shared *fresh; /* read; NULL: the file has an error, or only prints are taken */
        bool read;
        int rc;
        char err[CONFIG_ERROR_MAX];
        struct print *prints;        /* of the routes that were known then */
        size_t count;
};

static void reload_free(struct reload *reload) {
        for (size_t i = 0; i < reload->count; i++) {
                free(reload->prints[i].route);
                free(reload->prints[i].source);
                free(reload->prints[i].destination);
        }
        free(reload->prints);
        config_shared_unref(reload->now);
        config_shared_unref(reload->fresh);
        free(reload);
}

/* On the pool. */
static void run(uv_work_t *work) {
        struct reload *reload = work->data;
        if (reload->read) reload->rc = config_reload(config_shared_get(reload->now), &reload->fresh, reload->err, sizeof reload->err);
        if (reload->rc) return;
        const struct config *config = config_shared_get(reload->fresh ? reload->fresh : reload->now);
        for (size_t i = 0; i < reload->count; i++) {
                struct print *p = &reload->prints[i];
                p->print = kafka_route_print(config, p->route, p->source, p->destination);
        }
}

static void start(struct worker *worker, bool read);

static struct worker_route *known_route(struct worker *worker, const char *name) {
        for (struct worker_route *route = worker->routes; route; route = route->next)
                if (route->spec && strcmp(route->name, name) == 0) return route;
        return NULL;
}

/* "east->west,north->west", cut. */
static void name_add(char *names, size_t size, const char *name) {
        size_t n = strlen(names);
        (void)snprintf(names + n, size - n, "%s%s", n ? "," : "", name);
}

static void take(struct worker *worker, struct reload *reload) {
        const struct config *before = config_shared_get(worker->shared);
        struct config_shared *old = worker->shared;
        char routes[512] = "";

        worker->shared = config_shared_ref(reload->fresh);
        const struct config *now = config_shared_get(worker->shared);
        worker->config_error[0] = '\0';
        worker->config_read_ms = clock_wall_ms();
        config_version(now, worker->config_version);
        config_reload_took(before, now);
        limits_divide(worker);
        for (size_t i = 0; i < reload->count; i++) {
                struct print *p = &reload->prints[i];
                struct worker_route *route = known_route(worker, p->route);
                if (!route) continue;
                bool same = route->print == p->print && p->print;
                route->print = p->print;
                if (same) continue;
                name_add(routes, sizeof routes, route->name);
                assign_reopen(worker, route);
        }
        /* Known since the reading began: opened with the old one, and there is no print
         * to tell whether that matters. */
        for (struct worker_route *route = worker->routes; route; route = route->next) {
                if (!route->spec || route->print_asked) continue;
                name_add(routes, sizeof routes, route->name);
                assign_reopen(worker, route);
        }
        log_info("config.reload", "worker=%s config=%s reopened_routes=%s", worker->id, worker->config_version,
                 *routes ? routes : "-");
        config_shared_unref(old);
}

static void on_done(uv_work_t *work, int status) {
        struct reload *reload = work->data;
        struct worker *worker = reload->worker;
        (void)status; /* it is never cancelled */
        worker->reload = NULL;
        if (worker->finishing) return reload_free(reload);
        if (reload->rc) {
                (void)snprintf(worker->config_error, sizeof worker->config_error, "%s", reload->err);
                log_error("config.reload", "worker=%s error=\"%s\" note=\"the configuration stays as it was\"", worker->id,
                          reload->err);
        } else if (reload->read) {
                take(worker, reload);
        } else {
                for (size_t i = 0; i < reload->count; i++) {
                        struct worker_route *route = known_route(worker, reload->prints[i].route);
                        if (route) route->print = reload->prints[i].print;
                }
        }
        if (reload->read) report_session(worker); /* is told at once */
        reload_free(reload);
        bool again = worker->reload_again, unasked = false;
        for (struct worker_route *route = worker->routes; route; route = route->next)
                unasked |= route->spec && !route->print_asked;
        worker->reload_again = false;
        if (again) start(worker, true);
        else if (unasked) start(worker, false);
}

static void start(struct worker *worker, bool read) {
        struct reload *reload = calloc(1, sizeof *reload);
        size_t count = 0;
        for (struct worker_route *route = worker->routes; route; route = route->next) count += route->spec != NULL;
        if (!reload || !(reload->prints = calloc(count ? count : 1, sizeof *reload->prints))) abort();
        for (struct worker_route *route = worker->routes; route; route = route->next) {
                if (!route->spec) continue;
                struct print *p = &reload->prints[reload->count++];
                route->print_asked = true;
                p->route = strdup(route->name);
                p->source = strdup(route->spec->source);
                p->destination = strdup(route->spec->destination);
                if (!p->route || !p->source || !p->destination) abort();
        }
        reload->worker = worker;
        reload->read = read;
        reload->now = config_shared_ref(worker->shared);
        reload->work.data = reload;
        worker->reload = reload;
        (void)uv_queue_work(&worker->loop, &reload->work, run, on_done); /* cannot fail */
}

void reload_begin(struct worker *worker) {
        if (worker->stopping || worker->finishing) return;
        if (worker->reload) worker->reload_again = true;
        else start(worker, true);
}

void reload_route_known(struct worker *worker) {
        if (!worker->reload && !worker->finishing) start(worker, false);
}
