/* The model's objects: finding them, and the queue of znodes to read. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/znode_path.h"
#include "coordinator/cluster_internal.h"

#define READ_RETRY_MS 1000

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- objects: what is to be read ----------------------------------------- */

void cluster_stale(struct cluster *cluster, struct object *object) {
        if (object->reading) {
                object->again = true;
                return;
        }
        if (object->queued) return;
        object->queued = true;
        object->failed = false;
        object->next = NULL;
        *cluster->read_tail = object;
        cluster->read_tail = &object->next;
        if (object->kind != CLUSTER_LANE) cluster->pending_count++;
}

/* Has to be read before the next decision. */
void object_unknown(struct cluster *cluster, struct object *object) {
        if (object->known) {
                object->known = false;
                cluster->unknown_count++;
        }
        cluster_stale(cluster, object);
}

void object_known(struct cluster *cluster, struct object *object) {
        if (!object->known) {
                object->known = true;
                cluster->unknown_count--;
        }
}

void object_init(struct object *object, enum cluster_kind kind, void *of) {
        *object = (struct object){.kind = kind, .of = of, .known = true};
}

static bool object_wants_watch(const struct object *object) {
        switch (object->kind) {
        case CLUSTER_ROUTES:
        case CLUSTER_ROUTE:
        case CLUSTER_WORKERS:
        case CLUSTER_WORKER:
        case CLUSTER_OP:
                return true;
        case CLUSTER_LANE:
                return lane_in_transition(object->of);
        case CLUSTER_LANES:
        case CLUSTER_ASSIGNS:
        case CLUSTER_ASSIGN:
                return false;
        }
        return false;
}

static void ref_of(const struct object *object, struct cluster_ref *out) {
        const struct route *route = NULL;
        const char *name = "";
        *out = (struct cluster_ref){.kind = object->kind};
        switch (object->kind) {
        case CLUSTER_LANE:
                route = ((const struct lane *)object->of)->route;
                out->lane = ((const struct lane *)object->of)->number;
                name = route->name;
                break;
        case CLUSTER_ROUTE:
        case CLUSTER_LANES:
                name = ((const struct route *)object->of)->name;
                break;
        case CLUSTER_WORKER:
        case CLUSTER_ASSIGN:
                name = ((const struct worker *)object->of)->id;
                break;
        case CLUSTER_ROUTES:
        case CLUSTER_WORKERS:
        case CLUSTER_ASSIGNS:
        case CLUSTER_OP:
                break;
        }
        (void)snprintf(out->name, sizeof out->name, "%s", name); /* names are checked, they fit */
}

struct object *object_find(struct cluster *cluster, const struct cluster_ref *ref) {
        struct route *route;
        struct worker *worker;
        switch (ref->kind) {
        case CLUSTER_ROUTES:
                return &cluster->routes_object;
        case CLUSTER_WORKERS:
                return &cluster->workers_object;
        case CLUSTER_ASSIGNS:
                return &cluster->assigns_object;
        case CLUSTER_OP:
                return &cluster->op_object;
        case CLUSTER_ROUTE:
        case CLUSTER_LANES:
        case CLUSTER_LANE:
                route = cluster_find_route(cluster, ref->name);
                if (!route) return NULL;
                if (ref->kind == CLUSTER_ROUTE) return &route->object;
                if (ref->kind == CLUSTER_LANES) return &route->lanes_object;
                return ref->lane < route->lane_count ? &route->lanes[ref->lane]->object : NULL;
        case CLUSTER_WORKER:
        case CLUSTER_ASSIGN:
                worker = cluster_find_worker(cluster, ref->name);
                if (!worker) return NULL;
                return ref->kind == CLUSTER_WORKER ? &worker->object : &worker->assign_object;
        }
        return NULL;
}

void cluster_path(const struct cluster_ref *ref, char *buf) {
        int rc = 0;
        switch (ref->kind) {
        case CLUSTER_ROUTES:
                (void)strcpy(buf, ZNODE_ROUTES);
                break;
        case CLUSTER_ROUTE:
                rc = znode_path_route(buf, ref->name);
                break;
        case CLUSTER_LANES:
                rc = znode_path_lanes(buf, ref->name);
                break;
        case CLUSTER_LANE:
                rc = znode_path_lane(buf, ref->name, ref->lane);
                break;
        case CLUSTER_WORKERS:
                (void)strcpy(buf, ZNODE_WORKERS);
                break;
        case CLUSTER_WORKER:
                rc = znode_path_worker(buf, ref->name);
                break;
        case CLUSTER_ASSIGNS:
                (void)strcpy(buf, ZNODE_ASSIGNS);
                break;
        case CLUSTER_ASSIGN:
                rc = znode_path_assign(buf, ref->name);
                break;
        case CLUSTER_OP:
                (void)strcpy(buf, ZNODE_OPS);
                break;
        }
        assert(rc == 0); /* the model holds checked names only */
        (void)rc;
}

bool cluster_next_read(struct cluster *cluster, struct cluster_read *out) {
        struct object *object = cluster->read_head;
        if (!object) return false;
        cluster->read_head = object->next;
        if (!cluster->read_head) cluster->read_tail = &cluster->read_head;
        object->queued = false;
        object->reading = true;
        out->watch = object_wants_watch(object) && !object->watched && !object->fired;
        object->fired = false;
        /* from now on: a watch that fires early clears it again */
        if (out->watch) object->watched = true;
        out->children = object->kind == CLUSTER_ROUTES || object->kind == CLUSTER_WORKERS ||
                        object->kind == CLUSTER_ASSIGNS || object->kind == CLUSTER_LANES;
        ref_of(object, &out->ref);
        return true;
}

/* An answer came; false: to a question that no longer stands. */
bool object_answered(struct cluster *cluster, struct object *object) {
        if (!object || !object->reading) return false;
        object->reading = false;
        if (object->kind != CLUSTER_LANE) cluster->pending_count--;
        return true;
}

/* To be called last in taking an answer in. */
void object_again(struct cluster *cluster, struct object *object) {
        bool again = object->again;
        object->again = false;
        if (again || (object->kind == CLUSTER_LANE && object_wants_watch(object) && !object->watched))
                cluster_stale(cluster, object);
}

void cluster_on_read_failed(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref) {
        struct object *object = object_find(cluster, ref);
        if (!object_answered(cluster, object)) return;
        object->again = false;
        object->watched = false;
        object->failed = true;
        if (cluster->retry_at_ms == INT64_MAX) cluster->retry_at_ms = now_ms + READ_RETRY_MS;
        if (cluster->retry_at_ms < cluster->wake_ms) cluster->wake_ms = cluster->retry_at_ms;
}

void cluster_on_changed(struct cluster *cluster, const struct cluster_ref *ref) {
        struct object *object = object_find(cluster, ref);
        if (!object) return;
        object->watched = false;
        object->fired = object->kind == CLUSTER_LANE;
        if (object->kind == CLUSTER_ROUTE && !((struct route *)object->of)->listed) return;
        if (object->kind == CLUSTER_WORKER && !((struct worker *)object->of)->listed) return;
        cluster_stale(cluster, object);
}

/* ---- lookups ------------------------------------------------------------- */

/* Position of key in an array of pointers sorted by the name at `name_of`, or
 * where it belongs. */
static size_t route_position(const struct cluster *cluster, const char *name, bool *out_found) {
        size_t low = 0, high = cluster->route_count;
        *out_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(cluster->routes[middle]->name, name);
                if (order == 0) *out_found = true;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static size_t worker_position(const struct cluster *cluster, const char *id, bool *out_found) {
        size_t low = 0, high = cluster->worker_count;
        *out_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(cluster->workers[middle]->id, id);
                if (order == 0) *out_found = true;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct route *cluster_find_route(const struct cluster *cluster, const char *name) {
        bool found;
        size_t at = route_position(cluster, name, &found);
        return found ? cluster->routes[at] : NULL;
}

struct worker *cluster_find_worker(const struct cluster *cluster, const char *id) {
        bool found;
        size_t at = worker_position(cluster, id, &found);
        return found ? cluster->workers[at] : NULL;
}

struct worker *cluster_worker(struct cluster *cluster, const char *id, int64_t now_ms) {
        bool found;
        size_t at = worker_position(cluster, id, &found);
        if (found) return cluster->workers[at];
        struct worker *worker = calloc(1, sizeof *worker);
        struct worker **workers =
                reallocarray(cluster->workers, cluster->worker_count + 1, sizeof *workers);
        if (workers) cluster->workers = workers;
        if (!worker || !workers || !(worker->id = strdup(id))) {
                free(worker);
                return NULL;
        }
        object_init(&worker->object, CLUSTER_WORKER, worker);
        object_init(&worker->assign_object, CLUSTER_ASSIGN, worker);
        worker->drained = cluster_drains(cluster, id);
        /* never seen alive: it may be on its way back */
        worker->takeover_ms =
                later(later(cluster->lead_ms + 2 * (int64_t)cluster->options.session_timeout_ms,
                            now_ms + cluster->options.settle_ms),
                      cluster->calm_ms);
        memmove(workers + at + 1, workers + at, (cluster->worker_count - at) * sizeof *workers);
        workers[at] = worker;
        cluster->worker_count++;
        return worker;
}

struct route *cluster_route_new(struct cluster *cluster, const char *name) {
        bool found;
        size_t at = route_position(cluster, name, &found);
        struct route *route = calloc(1, sizeof *route);
        struct route **routes =
                reallocarray(cluster->routes, cluster->route_count + 1, sizeof *routes);
        if (routes) cluster->routes = routes;
        if (!route || !routes || !(route->name = strdup(name))) {
                free(route);
                return NULL;
        }
        object_init(&route->object, CLUSTER_ROUTE, route);
        object_init(&route->lanes_object, CLUSTER_LANES, route);
        memmove(routes + at + 1, routes + at, (cluster->route_count - at) * sizeof *routes);
        routes[at] = route;
        cluster->route_count++;
        return route;
}

int route_lanes_reach(struct route *route, size_t count) {
        if (count <= route->lane_count) return 0;
        struct lane **lanes = reallocarray(route->lanes, count, sizeof *lanes);
        if (!lanes) return ERR_NOMEM;
        route->lanes = lanes;
        while (route->lane_count < count) {
                struct lane *lane = calloc(1, sizeof *lane);
                if (!lane) return ERR_NOMEM;
                lane->route = route;
                lane->number = (uint32_t)route->lane_count;
                object_init(&lane->object, CLUSTER_LANE, lane);
                lanes[route->lane_count++] = lane;
        }
        return 0;
}

/* Calls `visit` for every object that stands for a znode which may exist: also where that is still to be found out. */
void cluster_each_object(struct cluster *cluster,
                        void (*visit)(struct cluster *cluster, struct object *object)) {
        visit(cluster, &cluster->workers_object);
        visit(cluster, &cluster->routes_object);
        visit(cluster, &cluster->assigns_object);
        visit(cluster, &cluster->op_object);
        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                if (worker->listed || !worker->object.known) visit(cluster, &worker->object);
                if (worker->assign_listed || !worker->assign_object.known) visit(cluster, &worker->assign_object);
        }
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (route->listed || !route->object.known) visit(cluster, &route->object);
                if (route->spec || !route->lanes_object.known) visit(cluster, &route->lanes_object);
                for (size_t k = 0; k < route->lane_count; k++)
                        if (route->lanes[k]->exists || !route->lanes[k]->object.known) visit(cluster, &route->lanes[k]->object);
        }
}
