/* The model: events in.  Every object (znode) is read through one queue; the
 * answer replaces what the model held, and only a change that matters makes
 * the core decide again, so that ten thousand claims do not cost ten thousand
 * plans. */
#include "coordinator/cluster.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"
#include "coordinator/cluster_internal.h"

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- notices ------------------------------------------------------------- */

void cluster_notice(struct cluster *cluster, const char *event, const char *format, ...) {
        struct notice *notice = calloc(1, sizeof *notice);
        if (!notice) return; /* a lost log line is no reason to stop */
        va_list args;
        va_start(args, format);
        int rc = vasprintf(&notice->text, format, args);
        va_end(args);
        if (rc < 0) {
                free(notice);
                return;
        }
        notice->event = event;
        *cluster->notice_tail = notice;
        cluster->notice_tail = &notice->next;
}

bool cluster_next_notice(struct cluster *cluster, const char **out_event, char **out_text) {
        struct notice *notice = cluster->notice_head;
        if (!notice) return false;
        cluster->notice_head = notice->next;
        if (!cluster->notice_head) cluster->notice_tail = &cluster->notice_head;
        *out_event = notice->event;
        *out_text = notice->text;
        free(notice);
        return true;
}

bool worker_usable(const struct worker *worker) { return worker->alive && !worker->draining && !worker->drained; }

bool lane_owner_present(const struct lane *lane) {
        return lane->owner && lane->owner->alive &&
               strcmp(lane->record->incarnation, lane->owner->incarnation) == 0;
}

bool lane_in_transition(const struct lane *lane) {
        if (!lane->record || !lane->owner) return false;
        switch ((int)lane->record->state) {
        case ASSIGNED:
        case REVOKING:
                return true;
        case OWNED:
                return lane->owner->alive && (lane->owner->draining || lane->leaving);
        default:
                return false;
        }
}

bool lane_waits(const struct lane *lane, int64_t now_ms) {
        return lane->owner && !lane->owner->alive &&
               (lane->owner->opaque || now_ms < lane->owner->takeover_ms);
}

/* ---- lanes --------------------------------------------------------------- */

/* Who has the lane as far as the plan is concerned; NULL: it is to be placed. */
static const struct worker *lane_holder(const struct lane *lane) {
        if (!lane->owner || !worker_usable(lane->owner)) return NULL;
        if (lane->record->state == (int)REVOKING && lane_owner_present(lane)) return NULL;
        return lane->owner;
}

void lane_set_record(struct cluster *cluster, struct lane *lane, Heliostat__Pb__Lane *record,
                     int32_t version, int64_t now_ms) {
        const struct worker *holder = lane_holder(lane);
        const Heliostat__Pb__Lane *old = lane->record;
        struct worker *owner = NULL;
        bool same = false;

        if (record && record->state != (int)FREE) {
                owner = cluster_worker(cluster, record->owner, now_ms);
                if (!owner) { /* out of memory: as if it had not been read */
                        codec_free(record);
                        lane->object.again = true;
                        return;
                }
        }
        uint32_t weight = record ? codec_lane_partitions(record) : 0;
        if (old && record && owner == lane->owner &&
            strcmp(old->incarnation, record->incarnation) == 0)
                same = old->state == record->state ||
                       (old->state == (int)ASSIGNED && record->state == (int)OWNED);
        if (!same) {
                cluster->dirty = true;
                lane->stuck.since_ms = 0; /* another owner has its own time */
                lane->since_ms = now_ms;
                cluster_load_changed(cluster, now_ms);
        }
        /* fills an entry of /assign/<id>, or changes what it says */
        if (old && record && old->spec != record->spec) cluster->dirty = true;
        if (weight != lane->weight) {
                cluster->dirty = cluster->plan_dirty = lane->route->place = true;
        }
        if (lane->skipped) {
                lane->skipped = false;
                cluster->dirty = true;
        }

        cluster_lane_events(cluster, lane, record, now_ms);
        codec_free(lane->record);
        lane->record = record;
        lane->version = version;
        lane->owner = owner;
        lane->weight = weight;
        size_t left;
        lane->leaving = lane_record_leaving(record, &left);
        if (left) cluster->dirty = true;
        if (record) lane->broken = false;
        const struct worker *now_holder = lane_holder(lane);
        if (now_holder != holder && now_holder != lane->planned) cluster->plan_dirty = true;
        cluster_move_look(cluster, lane, now_ms);
        if (lane_in_transition(lane) && !lane->object.watched)
                cluster_stale(cluster, &lane->object);
}

static int lane_take(struct cluster *cluster, struct lane *lane, int code, const void *data,
                     size_t bytes, int32_t version, int64_t now_ms) {
        Heliostat__Pb__Lane *record = NULL;
        lane->exists = code == 0;
        if (code == 0) {
                int rc = codec_unpack_lane(data, bytes, &record);
                if (rc == ERR_NOMEM) return rc;
                if (!rc && record->generation == UINT64_MAX) { /* it could not grow any more */
                        codec_free(record);
                        record = NULL;
                        rc = ERR_INVALID;
                }
                if (rc && !lane->broken)
                        cluster_notice(cluster, "coordinator.unreadable",
                                       "znode=/lane/%s/%u error=\"%s\" note=\"the lane is left alone\"",
                                       lane->route->name, lane->number, err_text(rc));
                if (rc && !lane->broken) cluster->dirty = cluster->plan_dirty = true;
                lane->broken = rc != 0;
        } else {
                if (lane->broken) cluster->dirty = cluster->plan_dirty = true;
                lane->broken = false;
        }
        bool was_broken_or_gone = !lane->record;
        lane_set_record(cluster, lane, record, version, now_ms);
        if (was_broken_or_gone && record) cluster->plan_dirty = lane->route->place = true;
        return 0;
}

/* ---- routes -------------------------------------------------------------- */

static void route_set_spec(struct cluster *cluster, struct route *route,
                           Heliostat__Pb__Route *spec, int32_t version) {
        cluster_route_event(cluster, route, spec);
        codec_free(route->spec);
        route->spec = spec;
        route->version = version;
        route->place = true;
        cluster->dirty = cluster->plan_dirty = true;
}

static int route_take(struct cluster *cluster, struct route *route, int code, const void *data,
                      size_t bytes, int32_t version) {
        Heliostat__Pb__Route *spec = NULL;
        if (code == 0) {
                int rc = codec_unpack_route(data, bytes, &spec);
                if (rc == ERR_NOMEM) return rc;
                if (!rc && strcmp(spec->name, route->name) != 0) {
                        codec_free(spec);
                        spec = NULL;
                        rc = ERR_INVALID;
                }
                if (rc && !route->broken)
                        cluster_notice(cluster, "coordinator.unreadable",
                                       "znode=/route/%s error=\"%s\" note=\"the route is left alone\"",
                                       route->name, err_text(rc));
                route->broken = rc != 0;
        }
        if (spec && route->spec && route->version == version) {
                codec_free(spec); /* read again, not changed */
                return 0;
        }
        if (!spec && !route->spec) return 0;
        if (spec) {
                int rc = route_lanes_reach(route, spec->lanes);
                if (rc) {
                        codec_free(spec);
                        return rc;
                }
                object_unknown(cluster, &route->lanes_object);
        }
        route_set_spec(cluster, route, spec, version);
        return 0;
}

static int routes_take(struct cluster *cluster, const char *const *names, size_t count) {
        for (size_t i = 0; i < cluster->route_count; i++) cluster->routes[i]->mark = false;
        for (size_t i = 0; i < count; i++) {
                if (!znode_route_valid(names[i])) {
                        /* the name cannot be ours, so nothing depends on it */
                        continue;
                }
                struct route *route = cluster_find_route(cluster, names[i]);
                if (!route && !(route = cluster_route_new(cluster, names[i]))) return ERR_NOMEM;
                route->mark = true;
                if (!route->listed) object_unknown(cluster, &route->object);
                route->listed = true;
        }
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (route->mark || !route->listed) continue;
                route->listed = false;
                route->broken = false;
                object_known(cluster, &route->object);
                if (route->spec) route_set_spec(cluster, route, NULL, 0);
                cluster_notice(cluster, "coordinator.route-gone",
                               "route=%s note=\"its lanes are left alone\"", route->name);
        }
        return 0;
}

static int lanes_take(struct cluster *cluster, struct route *route, int code,
                      const char *const *names, size_t count, int64_t now_ms) {
        route->parent_exists = code == 0;
        for (size_t i = 0; i < route->lane_count; i++) route->lanes[i]->mark = false;
        for (size_t i = 0; code == 0 && i < count; i++) {
                char canonical[16], *end;
                unsigned long number = strtoul(names[i], &end, 10);
                if (number >= ROUTE_LANES_MAX) continue;
                (void)snprintf(canonical, sizeof canonical, "%lu", number);
                if (strcmp(canonical, names[i]) != 0) continue; /* not one of ours */
                int rc = route_lanes_reach(route, number + 1);
                if (rc) return rc;
                struct lane *lane = route->lanes[number];
                lane->mark = true;
                if (!lane->exists) object_unknown(cluster, &lane->object);
                lane->exists = true;
        }
        for (size_t i = 0; i < route->lane_count; i++) {
                struct lane *lane = route->lanes[i];
                if (lane->mark) continue;
                object_known(cluster, &lane->object);
                if (lane->exists) {
                        lane->exists = lane->broken = false;
                        lane_set_record(cluster, lane, NULL, 0, now_ms);
                }
        }
        cluster->dirty = true;
        return 0;
}

/* ---- workers ------------------------------------------------------------- */

static void worker_gone(struct cluster *cluster, struct worker *worker, int64_t now_ms) {
        worker->listed = false;
        worker->object.watched = false;
        object_known(cluster, &worker->object);
        if (!worker->alive && !worker->opaque) return;
        cluster_worker_event(cluster, worker, EVENT_LEAVE, worker->draining ? "it was stopped" : "it ended, or its session did", NULL);
        worker->gone_ms = now_ms;
        worker->alive = worker->opaque = worker->draining = false;
        if (now_ms >= cluster->loss_ms) cluster->loss_ms = now_ms + cluster->options.settle_ms;
        worker->takeover_ms = later(cluster->loss_ms, cluster->calm_ms);
        cluster->dirty = cluster->plan_dirty = true;
        cluster_load_changed(cluster, now_ms);
}

/* Lanes of a worker that is draining are about to be released: watch them. */
static void worker_watch_lanes(struct cluster *cluster, const struct worker *worker) {
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        struct lane *lane = cluster->routes[i]->lanes[k];
                        if (lane->owner == worker && lane_in_transition(lane) &&
                            !lane->object.watched)
                                cluster_stale(cluster, &lane->object);
                }
}

static int worker_take(struct cluster *cluster, struct worker *worker, int code, const void *data,
                       size_t bytes, int64_t now_ms) {
        Heliostat__Pb__Worker *record = NULL;
        if (code != 0) {
                worker_gone(cluster, worker, now_ms);
                return 0;
        }
        int rc = codec_unpack_worker(data, bytes, &record);
        if (rc == ERR_NOMEM) return rc;
        if (!rc && strcmp(record->id, worker->id) != 0) rc = ERR_INVALID;
        if (rc) {
                codec_free(record);
                if (!worker->opaque) {
                        cluster_notice(cluster, "coordinator.unreadable",
                                       "znode=/worker/%s error=\"%s\" note=\"the worker gets no lanes and "
                                       "keeps those it has\"", worker->id, err_text(rc));
                        cluster->dirty = cluster->plan_dirty = true;
                }
                worker->opaque = true;
                worker->alive = false;
                return 0;
        }
        bool joined = !worker->alive || strcmp(worker->incarnation, record->incarnation) != 0;
        bool drains = record->draining && !worker->draining;
        if (joined || worker->draining != record->draining ||
            worker->capacity != record->capacity || strcmp(worker->zone ? worker->zone : "", record->zone) != 0)
                cluster->dirty = cluster->plan_dirty = true;
        if (joined) {
                char *incarnation = strdup(record->incarnation);
                if (!incarnation) {
                        codec_free(record);
                        return ERR_NOMEM;
                }
                cluster_worker_event(cluster, worker, EVENT_JOIN, worker->alive ? "with a new session" : "", record->host);
                free(worker->incarnation);
                worker->incarnation = incarnation;
                cluster->move_after_ms = now_ms + cluster->options.move_settle_ms;
                cluster_load_changed(cluster, now_ms);
                worker->ailing_until_ms = 0; /* another process, or another session: it begins anew */
                worker->ailings = 0;
                worker->ailing = false;
        }
        worker->alive = worker->seen = true;
        worker->opaque = false;
        worker->draining = record->draining;
        worker->gives = record->gives_partitions;
        worker->capacity = record->capacity;
        free(worker->zone);
        worker->zone = strdup(record->zone); /* no memory: none, until it registers again */
        codec_free(record);
        if (drains) worker_watch_lanes(cluster, worker);
        return 0;
}

static int workers_take(struct cluster *cluster, int64_t now_ms, const char *const *names,
                        size_t count) {
        for (size_t i = 0; i < cluster->worker_count; i++) cluster->workers[i]->mark = false;
        for (size_t i = 0; i < count; i++) {
                if (!znode_id_valid(names[i])) continue;
                struct worker *worker = cluster_worker(cluster, names[i], now_ms);
                if (!worker) return ERR_NOMEM;
                worker->mark = true;
                if (!worker->listed) object_unknown(cluster, &worker->object);
                worker->listed = true;
        }
        for (size_t i = 0; i < cluster->worker_count; i++)
                if (!cluster->workers[i]->mark && cluster->workers[i]->listed)
                        worker_gone(cluster, cluster->workers[i], now_ms);
        return 0;
}

/* ---- assign nodes -------------------------------------------------------- */

static void assign_set(struct cluster *cluster, struct worker *worker, bool exists,
                       Heliostat__Pb__Assignment *assign, int32_t version) {
        if (worker->assign_exists != exists || worker->assign_version != version)
                cluster->dirty = true;
        codec_free(worker->assign);
        worker->assign = assign;
        worker->assign_exists = worker->assign_listed = exists;
        worker->assign_version = version;
}

/* `heliostat resume` raises the spec of a lane and of its entry here in one
 * multi.  A running lane is not watched, so this entry may be the first that is
 * heard of it: an assign node that follows from the lane as it was would take
 * the word back, perhaps before the worker has seen it. */
static void assign_shows_old_lanes(struct cluster *cluster, const Heliostat__Pb__Assignment *assign) {
        for (size_t i = 0; i < assign->n_lanes; i++) {
                const Heliostat__Pb__AssignedLane *entry = assign->lanes[i];
                const struct route *route = cluster_find_route(cluster, entry->route);
                if (!route || entry->lane >= route->lane_count) continue;
                struct lane *lane = route->lanes[entry->lane];
                if (lane->record && entry->spec > lane->record->spec)
                        object_unknown(cluster, &lane->object);
        }
}

static int assign_take(struct cluster *cluster, struct worker *worker, int code, const void *data,
                       size_t bytes, int32_t version) {
        Heliostat__Pb__Assignment *assign = NULL;
        bool broken = false;
        if (code == 0) {
                int rc = codec_unpack_assignment(data, bytes, &assign);
                if (rc == ERR_NOMEM) return rc;
                broken = rc != 0;
                if (broken && !worker->assign_broken)
                        cluster_notice(cluster, "coordinator.unreadable",
                                       "znode=/assign/%s error=\"%s\" note=\"it will be written anew\"",
                                       worker->id, err_text(rc));
        }
        worker->assign_broken = broken;
        if (assign) assign_shows_old_lanes(cluster, assign);
        assign_set(cluster, worker, code == 0, assign, version);
        return 0;
}

static int assigns_take(struct cluster *cluster, int64_t now_ms, const char *const *names,
                        size_t count) {
        for (size_t i = 0; i < cluster->worker_count; i++) cluster->workers[i]->mark = false;
        for (size_t i = 0; i < count; i++) {
                if (!znode_id_valid(names[i])) continue;
                struct worker *worker = cluster_worker(cluster, names[i], now_ms);
                if (!worker) return ERR_NOMEM;
                worker->mark = true;
                if (!worker->assign_listed) object_unknown(cluster, &worker->assign_object);
                worker->assign_listed = true;
        }
        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                if (worker->mark || !worker->assign_listed) continue;
                object_known(cluster, &worker->assign_object);
                assign_set(cluster, worker, false, NULL, 0);
        }
        return 0;
}

/* ---- answers ------------------------------------------------------------- */

static int answered(struct cluster *cluster, struct object *object, int rc) {
        if (rc) {
                cluster_stale(cluster, object); /* as if it had not been read */
                return rc;
        }
        object_known(cluster, object);
        object_again(cluster, object);
        return 0;
}

int cluster_on_data(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref, int code,
                    const void *data, size_t bytes, int32_t version) {
        struct object *object = object_find(cluster, ref);
        int rc = 0;
        if (!object_answered(cluster, object)) return 0;
        if (code != 0) object->watched = false; /* there is no data watch on a missing node */
        switch (ref->kind) {
        case CLUSTER_ROUTE:
                if (((struct route *)object->of)->listed)
                        rc = route_take(cluster, object->of, code, data, bytes, version);
                break;
        case CLUSTER_LANE:
                rc = lane_take(cluster, object->of, code, data, bytes, version, now_ms);
                break;
        case CLUSTER_WORKER:
                if (((struct worker *)object->of)->listed)
                        rc = worker_take(cluster, object->of, code, data, bytes, now_ms);
                break;
        case CLUSTER_ASSIGN:
                rc = assign_take(cluster, object->of, code, data, bytes, version);
                break;
        case CLUSTER_OP:
                rc = cluster_op_take(cluster, code, data, bytes, version);
                break;
        default:
                assert(0 && "a list has no data");
        }
        return answered(cluster, object, rc);
}

int cluster_on_children(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref,
                        int code, const char *const *names, size_t count) {
        struct object *object = object_find(cluster, ref);
        int rc = 0;
        if (!object_answered(cluster, object)) return 0;
        if (code != 0) {
                object->watched = false;
                count = 0;
                /* no watch on a missing list: look again later */
                if (ref->kind != CLUSTER_LANES) {
                        object->reading = true;
                        cluster->pending_count++;
                        cluster_on_read_failed(cluster, now_ms, ref);
                        return 0;
                }
        }
        switch (ref->kind) {
        case CLUSTER_ROUTES:
                rc = routes_take(cluster, names, count);
                break;
        case CLUSTER_LANES:
                rc = lanes_take(cluster, object->of, code, names, count, now_ms);
                break;
        case CLUSTER_WORKERS:
                rc = workers_take(cluster, now_ms, names, count);
                break;
        case CLUSTER_ASSIGNS:
                rc = assigns_take(cluster, now_ms, names, count);
                break;
        default:
                assert(0 && "only lists have children");
        }
        return answered(cluster, object, rc);
}

static void topics_free(struct cluster_topic *topics, size_t count) {
        for (size_t i = 0; i < count; i++) free((char *)topics[i].topic);
        free(topics);
}

int cluster_on_discovered(struct cluster *cluster, const char *name,
                          const struct cluster_topic *topics, size_t count) {
        struct route *route = cluster_find_route(cluster, name);
        if (!route) return 0; /* gone meanwhile */
        bool same = count == route->topic_count;
        for (size_t i = 0; same && i < count; i++)
                same = topics[i].partitions == route->topics[i].partitions &&
                       strcmp(topics[i].topic, route->topics[i].topic) == 0;
        if (same) return 0;
        struct cluster_topic *copy = calloc(count + 1, sizeof *copy);
        if (!copy) return ERR_NOMEM;
        for (size_t i = 0; i < count; i++) {
                copy[i].partitions = topics[i].partitions;
                if ((copy[i].topic = strdup(topics[i].topic))) continue;
                topics_free(copy, count);
                return ERR_NOMEM;
        }
        topics_free(route->topics, route->topic_count);
        route->topics = copy;
        route->topic_count = count;
        route->place = cluster->dirty = route->looked = true;
        return 0;
}

void cluster_on_nothing_discovered(struct cluster *cluster, const char *name) {
        struct route *route = cluster_find_route(cluster, name);
        if (!route || route->looked) return;
        route->place = cluster->dirty = route->looked = true;
}

/* ---- results of steps ---------------------------------------------------- */

static int write_done(struct cluster *cluster, int64_t now_ms, const struct cluster_write *write,
                      struct object *object, int32_t version) {
        struct worker *worker = object->of;
        struct lane *lane = object->of;
        Heliostat__Pb__Lane *record = NULL;
        Heliostat__Pb__Assignment *assign = NULL;
        int rc = 0;
        switch (write->ref.kind) {
        case CLUSTER_LANES:
                ((struct route *)object->of)->parent_exists = true;
                break;
        case CLUSTER_LANE:
                rc = codec_unpack_lane(write->data, write->bytes, &record);
                if (rc) return rc;
                lane->exists = true;
                lane_set_record(cluster, lane, record, version, now_ms);
                break;
        case CLUSTER_ASSIGN:
                if (write->op != CLUSTER_DELETE)
                        rc = codec_unpack_assignment(write->data, write->bytes, &assign);
                if (rc) return rc;
                worker->assign_broken = false;
                assign_set(cluster, worker, write->op != CLUSTER_DELETE, assign, version);
                break;
        default:
                assert(0 && "steps write lanes and assign nodes");
        }
        return 0;
}

int cluster_on_step_done(struct cluster *cluster, int64_t now_ms, const struct cluster_step *step,
                         const int32_t *versions) {
        int result = 0;
        cluster->step_open = false;
        cluster->dirty = true; /* what did not fit follows */
        cluster->refused_count = 0;
        for (size_t i = 0; i < step->write_count; i++) {
                struct object *object = object_find(cluster, &step->writes[i].ref);
                int rc = write_done(cluster, now_ms, &step->writes[i], object, versions[i]);
                if (!rc) continue;
                cluster_stale(cluster, object);
                result = rc;
        }
        cluster_moves_decided(cluster, step, now_ms);
        return result;
}

void cluster_on_step_refused(struct cluster *cluster, int64_t now_ms,
                             const struct cluster_step *step) {
        cluster->step_open = false;
        cluster->dirty = true;
        /* the first refusals are ordinary races, answered at once; a node that
         * always refuses must not make us spin */
        if (++cluster->refused_count > 5) {
                unsigned shift = cluster->refused_count - 6;
                cluster->blocked_until_ms = now_ms + (shift > 5 ? 5000 : 100 << shift);
                if (cluster->blocked_until_ms < cluster->wake_ms)
                        cluster->wake_ms = cluster->blocked_until_ms;
        }
        for (size_t i = 0; i < step->write_count; i++) {
                struct object *object = object_find(cluster, &step->writes[i].ref);
                if (!object) continue;
                object_unknown(cluster, object);
                if (object->kind == CLUSTER_LANE && step->writes[i].op == CLUSTER_CREATE)
                        object_unknown(cluster, &((struct lane *)object->of)->route->lanes_object);
        }
}

/* ---- life ---------------------------------------------------------------- */

struct cluster *cluster_new(const struct cluster_options *options, int64_t now_ms) {
        struct cluster *cluster = calloc(1, sizeof *cluster);
        if (!cluster) return NULL;
        cluster->options = *options;
        cluster->jitter = options->seed;
        cluster->read_tail = &cluster->read_head;
        cluster->notice_tail = &cluster->notice_head;
        cluster->event_tail = &cluster->event_head;
        cluster->move_tail = &cluster->move_head;
        cluster->lead_ms = now_ms;
        cluster->calm_ms = cluster->loss_ms = INT64_MIN;
        cluster->free_after_ms = cluster->move_after_ms = INT64_MIN;
        cluster->blocked_until_ms = INT64_MIN;
        cluster->tight_until_ms = cluster->quiet_after_ms = cluster->spread_after_ms = INT64_MIN;
        cluster_load_changed(cluster, now_ms);
        cluster->refresh_at_ms = cluster->retry_at_ms = cluster->wake_ms = INT64_MAX;
        cluster->dirty = cluster->plan_dirty = true;
        object_init(&cluster->routes_object, CLUSTER_ROUTES, NULL);
        object_init(&cluster->workers_object, CLUSTER_WORKERS, NULL);
        object_init(&cluster->assigns_object, CLUSTER_ASSIGNS, NULL);
        object_init(&cluster->op_object, CLUSTER_OP, NULL);
        cluster->op_version = -1;
        object_unknown(cluster, &cluster->workers_object);
        object_unknown(cluster, &cluster->routes_object);
        object_unknown(cluster, &cluster->assigns_object);
        object_unknown(cluster, &cluster->op_object);
        return cluster;
}

static void object_reset(struct cluster *cluster, struct object *object) {
        object->queued = object->reading = object->again = object->failed = false;
        object->watched = object->fired = false; /* what a watch from before tells counts no longer */
        object_unknown(cluster, object);
}

void cluster_on_reconnected(struct cluster *cluster, int64_t now_ms) {
        cluster->read_head = NULL;
        cluster->read_tail = &cluster->read_head;
        cluster->pending_count = 0;
        cluster->step_open = false;
        cluster->retry_at_ms = INT64_MAX;
        cluster->dirty = cluster->plan_dirty = true;
        cluster->calm_ms = now_ms + 2 * (int64_t)cluster->options.session_timeout_ms;
        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                worker->takeover_ms = later(worker->takeover_ms, cluster->calm_ms);
                worker->object.queued = worker->object.reading = false;
                worker->assign_object.queued = worker->assign_object.reading = false;
        }
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                route->object.queued = route->object.reading = false;
                route->lanes_object.queued = route->lanes_object.reading = false;
                for (size_t k = 0; k < route->lane_count; k++)
                        route->lanes[k]->object.queued = route->lanes[k]->object.reading = false;
        }
        cluster_each_object(cluster, object_reset);
}

static void object_retry(struct cluster *cluster, struct object *object) {
        if (object->failed) cluster_stale(cluster, object);
}

/* What is due by time; part of cluster_step. */
void cluster_on_time(struct cluster *cluster, int64_t now_ms) {
        if (now_ms >= cluster->wake_ms) cluster->dirty = cluster->plan_dirty = true;
        if (now_ms >= cluster->retry_at_ms) {
                cluster->retry_at_ms = INT64_MAX;
                cluster_each_object(cluster, object_retry);
        }
        if (now_ms >= cluster->refresh_at_ms || cluster->refresh_at_ms == INT64_MAX) {
                bool first = cluster->refresh_at_ms == INT64_MAX;
                cluster->jitter = cluster->jitter * 6364136223846793005u + 1442695040888963407u;
                uint32_t fifth = cluster->options.refresh_ms / 5;
                cluster->refresh_at_ms = now_ms + cluster->options.refresh_ms - fifth +
                                         (int64_t)((cluster->jitter >> 33) % (2 * fifth + 1));
                if (!first) cluster_each_object(cluster, cluster_stale);
        }
}

int64_t cluster_deadline_ms(const struct cluster *cluster) { return cluster->wake_ms; }

bool cluster_loaded(const struct cluster *cluster) { return cluster->unknown_count == 0; }

size_t cluster_route_count(const struct cluster *cluster) { return cluster->route_count; }

struct cluster_route_view cluster_route_at(const struct cluster *cluster, size_t index) {
        const struct route *route = cluster->routes[index];
        return (struct cluster_route_view){route->name, route->spec, route->version, route->problem};
}

void cluster_free(struct cluster *cluster) {
        struct cluster_move move;
        const char *event;
        char *text;
        if (!cluster) return;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                for (size_t k = 0; k < route->lane_count; k++) {
                        codec_free(route->lanes[k]->record);
                        codec_free(route->lanes[k]->next);
                        lane_flows_free(route->lanes[k]);
                        free(route->lanes[k]->avoid);
                        free(route->lanes[k]);
                }
                free(route->lanes);
                topics_free(route->topics, route->topic_count);
                codec_free(route->spec);
                free(route->name);
                free(route);
        }
        for (size_t i = 0; i < cluster->worker_count; i++) {
                codec_free(cluster->workers[i]->assign);
                free(cluster->workers[i]->incarnation);
                free(cluster->workers[i]->zone);
                free(cluster->workers[i]->id);
                free(cluster->workers[i]);
        }
        while (cluster_next_notice(cluster, &event, &text)) free(text);
        while (cluster_next_move(cluster, &move)) {
                free(move.route);
                free(move.worker);
        }
        while (cluster_next_event(cluster, NULL)) { /* frees it */
        }
        codec_free(cluster->placement);
        free(cluster->routes);
        free(cluster->workers);
        free(cluster);
}
