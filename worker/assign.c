/* The lanes of a worker: turns assignment, lane znodes and pump events into
 * events for the lane cores and carries out what these decide.  The decisions
 * are in lane.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/start_offsets.h"
#include "common/start_route.h"
#include "common/znode_path.h"
#include "worker/budget.h"
#include "worker/pump_settings.h"
#include "worker/worker_internal.h"

#define DRAIN_LIMIT_MS 5000
#define RETRY_MS 2000
#define REREAD_MS 30000
#define MESSAGE_TIMEOUT_MAX_MS 10000

static void lane_event(struct worker_lane *lane, const struct lane_event *event);

static void lane_signal(struct worker_lane *lane, enum lane_event_type type) {
        lane_event(lane, &(struct lane_event){.type = type});
}

/* ---- pump events ---- */

static void facts_clear(struct worker_lane *lane) {
        for (size_t i = 0; i < lane->fact_count; i++) free((char *)lane->facts[i].topic);
        free(lane->facts);
        lane->facts = NULL;
        lane->fact_count = 0;
}

static void on_ready(void *ctx) {
        struct lane_pump_link *link = ctx;
        FAULT_POINT("worker.init", "answered");
        if (link->lane) lane_signal(link->lane, LANE_ON_READY);
}

static void on_facts(void *ctx, const struct pump_fact *facts, size_t count) {
        struct lane_pump_link *link = ctx;
        struct worker_lane *lane = link->lane;
        if (!lane) return;
        facts_clear(lane); /* the pump tells all that wait */
        lane->facts = calloc(count ? count : 1, sizeof *lane->facts);
        if (!lane->facts) abort();
        for (size_t i = 0; i < count; i++) {
                struct pump_fact *fact = &lane->facts[lane->fact_count++];
                *fact = facts[i];
                fact->topic = strdup(facts[i].topic);
                if (!fact->topic) abort();
        }
        if (count) lane_signal(lane, LANE_ON_FACTS);
}

static void on_running(void *ctx) {
        struct lane_pump_link *link = ctx;
        if (!link->lane) return;
        log_info("lane.running", "route=%s lane=%u gen=%" PRIu64, link->lane->route,
                 link->lane->lane, link->lane->core.held_generation);
        memory_trim_lanes_changed(&link->worker->memory.trim, clock_boot_ms());
        lane_signal(link->lane, LANE_ON_RUNNING);
}

static void on_last(void *ctx, struct pump_snapshot *snapshot) {
        report_take(ctx, snapshot);
}

/* The pump has stopped: let it go. */
static struct worker_lane *detach(struct lane_pump_link *link) {
        struct worker_lane *lane = link->lane;
        if (!lane) return NULL;
        if (lane->snapshot) {
                lane->worker->retired_records += lane->snapshot->records;
                lane->worker->retired_bytes += lane->snapshot->bytes;
        }
        pump_snapshot_free(lane->snapshot);
        lane->snapshot = NULL;
        link->lane = NULL;
        lane->link = NULL;
        facts_clear(lane);
        pump_free(link->pump);
        memory_trim_lanes_changed(&lane->worker->memory.trim, clock_boot_ms());
        return lane;
}

static void on_fenced(void *ctx, uint64_t generation) {
        struct worker_lane *lane = detach(ctx);
        if (lane)
                lane_event(lane, &(struct lane_event){.type = LANE_ON_FENCED, .generation = generation});
}

static void on_drained(void *ctx, bool clean) {
        struct worker_lane *lane = detach(ctx);
        if (!lane) return;
        log_info("lane.drained", "route=%s lane=%u gen=%" PRIu64 " clean=%s", lane->route, lane->lane,
                 lane->core.held_generation, clean ? "yes" : "no");
        lane_signal(lane, LANE_ON_DRAINED);
}

static void on_closed(void *ctx) {
        struct lane_pump_link *link = ctx;
        struct worker *worker = link->worker;
        config_shared_unref(link->shared);
        free(link);
        worker->pump_count--;
        worker_maybe_finish(worker);
}

static const struct pump_events pump_events = {on_ready, on_facts, on_running, on_fenced, on_drained, on_closed, on_last};

/* Tells the pump which facts the record, just written, has; what was told after
 * the write waits for the next. */
static void lane_go(struct worker_lane *lane) {
        size_t done = 0;
        for (size_t i = 0; i < lane->fact_count; i++) {
                struct pump_fact fact = lane->facts[i];
                if (!lane_record_has(lane->record, &fact)) continue;
                lane->facts[i] = lane->facts[done];
                lane->facts[done++] = fact;
        }
        if (lane->link) pump_recorded(lane->link->pump, lane->facts, done);
        for (size_t i = 0; i < done; i++) free((char *)lane->facts[i].topic);
        for (size_t i = done; i < lane->fact_count; i++) lane->facts[i - done] = lane->facts[i];
        lane->fact_count -= done;
}

/* ---- the memory budget ---- */

/* Divides it anew: after a change of the number of lanes. */
static void budget_divide(struct worker *worker) {
        uint64_t lanes = 0, budget = worker->config->worker_memory_budget_bytes;
        for (struct worker_lane *l = worker->lanes; l; l = l->next) lanes++;
        uint64_t share = budget_share(budget, lanes);
        bool short_of = budget_needed(lanes) > budget;
        if (short_of && lanes > worker->budget_warned_lanes)
                log_warn("worker.memory.short",
                         "lanes=%" PRIu64 " budget=%" PRIu64 " needed=%" PRIu64 " note=\"more memory than the budget may be taken: raise worker.memory.budget, or let more workers share the lanes\"",
                         lanes, budget, budget_needed(lanes));
        worker->budget_warned_lanes = short_of ? lanes : 0;
        if (share == worker->lane_budget_bytes) return;
        worker->lane_budget_bytes = share;
        log_debug("worker.memory", "lanes=%" PRIu64 " budget=%" PRIu64 " lane_share=%" PRIu64, lanes, budget, share);
        for (struct worker_lane *l = worker->lanes; l; l = l->next)
                if (l->link) pump_set_budget(l->link->pump, share);
}

/* ---- opening a pump ---- */

static struct worker_route *route_find(struct worker *worker, const char *name) {
        for (struct worker_route *r = worker->routes; r; r = r->next)
                if (strcmp(r->name, name) == 0) return r;
        struct worker_route *route = calloc(1, sizeof *route);
        if (!route || !(route->name = strdup(name))) abort();
        route->worker = worker;
        look_again(&route->look);
        route->next = worker->routes;
        worker->routes = route;
        return route;
}

static void route_read(struct worker_route *route);

static void lane_pause(struct worker_lane *lane, const Heliostat__Pb__Route *spec) {
        struct pause_rules *rules = pause_rules_new(spec->pauses, spec->n_pauses);
        if (!rules) abort();
        pump_pause(lane->link->pump, rules);
}

static void lane_flow_rules(struct worker_lane *lane, const Heliostat__Pb__Route *spec) {
        struct flow_rules *rules = NULL;
        char why[256] = "";
        int rc = pump_flow_rules_of(spec, &rules, why, sizeof why);
        if (rc == ERR_NOMEM) abort();
        if (rc) log_warn("route.flow", "route=%s error=\"%s\" note=\"its topics have no limits and one priority\"", lane->route, why);
        pump_set_flow_rules(lane->link->pump, rules);
}

static bool flow_rules_differ(const Heliostat__Pb__Route *a, const Heliostat__Pb__Route *b) {
        return strcmp(a->limit_topics_bytes, b->limit_topics_bytes) != 0 ||
               strcmp(a->limit_topics_records, b->limit_topics_records) != 0 || strcmp(a->priority, b->priority) != 0;
}

static void lane_open(struct worker_lane *lane) {
        struct worker *worker = lane->worker;
        struct worker_route *route = route_find(worker, lane->route);
        /* Also one that may have changed, and could not be read since. */
        if (!route->spec || route->look.due || route->look.reading) {
                lane->open_pending = true;
                route_read(route);
                return;
        }
        lane->open_pending = false;
        (void)totals_route(&worker->totals, lane->route); /* its counters show from now on */
        uint32_t timeout_ms = (uint32_t)zk_session_timeout_ms(worker->zk);
        if (timeout_ms < KAFKA_MESSAGE_TIMEOUT_MIN_MS) timeout_ms = KAFKA_MESSAGE_TIMEOUT_MIN_MS;
        if (timeout_ms > MESSAGE_TIMEOUT_MAX_MS) timeout_ms = MESSAGE_TIMEOUT_MAX_MS;
        /* No longer than a session lives: what a stopped process still had queued
         * is too old to be sent once the lane may have another owner. */
        struct pump_settings settings = pump_settings_of(config_shared_get(worker->shared), route->spec, lane->lane, timeout_ms,
                                                         worker->lane_budget_bytes);
        settings.start_rules = route->start_rules;
        settings.topic_looks = worker->topic_looks;
        struct lane_pump_link *link = calloc(1, sizeof *link);
        if (!link) abort();
        link->worker = worker;
        link->lane = lane;
        link->shared = config_shared_ref(worker->shared);
        link->route_version = route->version;
        link->pump = pump_open(&worker->data_loops[worker->next_loop++ % worker->data_loop_count],
                               &worker->home, &settings, &pump_events, link);
        if (!link->pump) abort(); /* no memory or no descriptors: a restart is the cure */
        worker->pump_count++;
        lane->link = link;
        lane_pause(lane, route->spec);
        lane_flow_rules(lane, route->spec);
        limits_divide(worker);
        log_info("lane.open", "route=%s lane=%u gen=%" PRIu64, lane->route, lane->lane,
                 lane->core.record.generation);
}

static void lane_start(struct worker_lane *lane) {
        size_t count = 0;
        struct pump_partition *partitions = lane_record_partitions(lane->record, &count);
        if (lane->link) pump_start(lane->link->pump, lane->core.held_generation, partitions, count);
        free(partitions);
        log_info("lane.start", "route=%s lane=%u gen=%" PRIu64 " partitions=%zu", lane->route,
                 lane->lane, lane->core.held_generation, count);
}

/* As the lane's record has them now; and its generation. */
static void lane_tell_partitions(struct worker_lane *lane, bool adopt) {
        size_t count = 0;
        if (!lane->link) return;
        struct pump_partition *partitions = lane_record_partitions(lane->record, &count);
        if (adopt) {
                log_info("lane.adopt", "route=%s lane=%u gen=%" PRIu64, lane->route, lane->lane, lane->core.held_generation);
                pump_adopt(lane->link->pump, lane->core.held_generation, partitions, count);
        } else {
                pump_update(lane->link->pump, partitions, count);
        }
        free(partitions);
}

static void on_route_changed(void *ctx, const char *path) {
        struct worker_route *route = ctx;
        (void)path;
        look_fired(&route->look);
        route_read(route); /* or assign_house does, when there is a connection again */
}

static bool start_files_same(const Heliostat__Pb__Route *a, const Heliostat__Pb__Route *b) {
        bool same = a->n_start_offsets == b->n_start_offsets;
        for (size_t i = 0; same && i < a->n_start_offsets; i++)
                same = strcmp(a->start_offsets[i]->file, b->start_offsets[i]->file) == 0 &&
                       start_offsets_same(a->start_offsets[i], b->start_offsets[i]);
        return same;
}

/* The lanes of the route are opened again, one by one as they drain. */
static bool pump_settings_differ(const Heliostat__Pb__Route *a, const Heliostat__Pb__Route *b) {
        return strcmp(a->delivery_guarantee, b->delivery_guarantee) != 0 ||
               strcmp(a->gap_policy, b->gap_policy) != 0 ||
               strcmp(a->poison_record_policy, b->poison_record_policy) != 0 ||
               strcmp(a->start_from, b->start_from) != 0 ||
               strcmp(a->start_from_topics, b->start_from_topics) != 0 ||
               !start_files_same(a, b) ||
               strcmp(a->topic_naming, b->topic_naming) != 0 ||
               strcmp(a->replication_policy_separator, b->replication_policy_separator) != 0 ||
               strcmp(a->topic_map, b->topic_map) != 0 ||
               strcmp(a->topic_rename_regex, b->topic_rename_regex) != 0 ||
               strcmp(a->topic_rename_replacement, b->topic_rename_replacement) != 0 ||
               a->topic_merge != b->topic_merge || strcmp(a->partitioning, b->partitioning) != 0 ||
               strcmp(a->provenance, b->provenance) != 0 ||
               !a->offset_map_enabled != !b->offset_map_enabled ||
               !a->batch_relay_enabled != !b->batch_relay_enabled ||
               a->offset_commit_interval_ms != b->offset_commit_interval_ms ||
               a->positions_recommit_interval_ms != b->positions_recommit_interval_ms ||
               a->transaction_commit_bytes != b->transaction_commit_bytes ||
               a->transaction_commit_records != b->transaction_commit_records ||
               a->transaction_commit_interval_ms != b->transaction_commit_interval_ms;
}

void assign_reopen(struct worker *worker, const struct worker_route *route) {
        for (struct worker_lane *l = worker->lanes, *next; l; l = next) {
                next = l->next; /* the event may forget the lane */
                if (strcmp(l->route, route->name) != 0 || !l->link) continue;
                if (l->link->shared == worker->shared && l->link->route_version == route->version) continue;
                lane_signal(l, LANE_ON_REOPEN);
        }
}

static void on_route(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct worker_route *route = ctx;
        Heliostat__Pb__Route *spec = NULL;
        bool watched = code == 0;
        struct start_rules *rules = NULL;
        char why[256] = "";
        if (code == 0) code = codec_unpack_route(data, bytes, &spec);
        if (code == 0) code = start_rules_of_route(spec, &rules, why, sizeof why);
        /* Garbage is read again when it is replaced. */
        look_end(&route->look, watched && code != ERR_NOMEM, watched);
        if (code) {
                codec_free(spec);
                if (code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING) return;
                if (code != route->told)
                        log_error("route.read", "route=%s error=\"%s\" note=\"its lanes wait\"",
                                  route->name, err_text(code));
                route->told = code;
                return; /* assign_house asks again */
        }
        route->told = 0;
        bool reopen = route->spec && pump_settings_differ(route->spec, spec);
        bool pauses = !route->spec || !pause_lists_equal(route->spec->pauses, route->spec->n_pauses, spec->pauses, spec->n_pauses);
        bool flow = !route->spec || flow_rules_differ(route->spec, spec);
        codec_free(route->spec);
        start_rules_unref(route->start_rules);
        route->spec = spec;
        route->start_rules = rules;
        route->version = (uint32_t)stat->version + 1;
        for (struct worker_lane *l = route->worker->lanes; l; l = l->next) {
                if (strcmp(l->route, route->name) != 0) continue;
                if (l->open_pending) lane_open(l);
                else if (l->link && !reopen) l->link->route_version = route->version;
                if (pauses && l->link) lane_pause(l, spec);
                if (flow && l->link) lane_flow_rules(l, spec);
        }
        limits_divide(route->worker);
        if (reopen) assign_reopen(route->worker, route);
        if (!route->print_asked) reload_route_known(route->worker);
        route_read(route); /* if it has changed meanwhile */
}

static void route_read(struct worker_route *route) {
        char path[ZNODE_PATH_MAX];
        if (!look_due(&route->look) || route->worker->finishing || znode_path_route(path, route->name)) return;
        bool watch = look_begin(&route->look);
        if (zk_get(route->worker->zk, path, watch ? on_route_changed : NULL, route, on_route, route) != 0)
                look_end(&route->look, false, false);
}

/* A route without lanes here is read when it gets one. */
static bool route_used(const struct worker_route *route) {
        for (const struct worker_lane *l = route->worker->lanes; l; l = l->next)
                if (strcmp(l->route, route->name) == 0) return true;
        return false;
}

/* ---- requests of a lane ---- */

static enum lane_event_type failure(struct worker_lane *lane, const char *what, int code) {
        if (code == ERR_VERSION || code == ERR_NOT_FOUND) {
                log_info("lane.refused", "route=%s lane=%u request=%s reason=\"%s\"", lane->route,
                         lane->lane, what, err_text(code));
                return LANE_ON_REFUSED;
        }
        if (code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING)
                log_error("lane.request", "route=%s lane=%u request=%s error=\"%s\"", lane->route,
                          lane->lane, what, err_text(code));
        /* Read again, but not at once: the cause may be lasting. */
        lane->read_after_ms = clock_boot_ms() + RETRY_MS;
        return LANE_ON_UNKNOWN;
}

static void on_lane_read(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct worker_lane *lane = ctx;
        struct worker *worker = lane->worker;
        Heliostat__Pb__Lane *record = NULL;
        struct lane_event event = {.type = LANE_ON_READ};
        if (code == ERR_NOT_FOUND) {
                event.missing = true;
                return lane_event(lane, &event);
        }
        if (code == 0) code = codec_unpack_lane(data, bytes, &record);
        if (code) return lane_signal(lane, failure(lane, "read", code));
        codec_free(lane->record);
        lane->record = record;
        event.record = (struct lane_record){
                .state = (enum lane_record_state)record->state,
                .owner_is_me = strcmp(record->owner, worker->id) == 0,
                .incarnation_is_me = strcmp(record->incarnation, worker->incarnation) == 0,
                .generation = record->generation,
                .raised_from = record->raised_from,
                .moved = lane_record_moved(record),
                .spec = record->spec,
                .version = stat->version,
        };
        lane_event(lane, &event);
}

static void lane_read(struct worker_lane *lane) {
        char path[ZNODE_PATH_MAX];
        if (lane->worker->finishing) return; /* unanswered: the lane does nothing more */
        (void)znode_path_lane(path, lane->route, lane->lane); /* the codec has checked the name */
        lane->read_after_ms = 0;
        lane->read_waits = zk_get(lane->worker->zk, path, NULL, NULL, on_lane_read, lane) != 0;
}

static const char *const request_names[] = {"none", "read", "claim", "mark", "release"};

static const char *write_name(enum lane_request request) {
        return request == LANE_REQUEST_CLAIM ? "lane.claim" : request == LANE_REQUEST_RELEASE ? "lane.release" : "lane.mark";
}

static void on_lane_written(void *ctx, int code, const struct zk_stat *stat) {
        struct worker_lane *lane = ctx;
        enum lane_request request = lane->core.request;
        FAULT_POINT(write_name(request), "answered");
        if (code) return lane_signal(lane, failure(lane, request_names[request], code));
        log_info(request == LANE_REQUEST_CLAIM     ? "lane.claim"
                 : request == LANE_REQUEST_RELEASE ? "lane.release"
                                                   : "lane.mark",
                 "route=%s lane=%u gen=%" PRIu64, lane->route, lane->lane,
                 request == LANE_REQUEST_CLAIM ? lane->core.claim_generation
                                               : lane->core.record.generation);
        lane_event(lane, &(struct lane_event){.type = LANE_ON_WRITTEN, .version = stat->version});
}

static void on_claimed(void *ctx, int code, int failed, const struct zk_multi_result *results,
                       size_t count) {
        struct worker_lane *lane = ctx;
        if (code && failed == 0) worker_register(lane->worker); /* our own znode is gone */
        on_lane_written(lane, code, code || count < 2 ? NULL : &results[1].stat);
}

/* Writes the record with the changes of the request, at the known version. */
static void lane_write(struct worker_lane *lane, enum lane_action action) {
        struct worker *worker = lane->worker;
        char path[ZNODE_PATH_MAX], self[ZNODE_PATH_MAX];
        void *data = NULL;
        size_t bytes = 0;
        if (worker->finishing) return; /* unanswered: the lane does nothing more */
        Heliostat__Pb__Lane *record = codec_copy_lane(lane->record);
        if (!record) abort();
        char *owner = record->owner, *incarnation = record->incarnation;
        char empty[1] = "", id[160], mine[WORKER_INCARNATION_MAX];
        (void)snprintf(id, sizeof id, "%s", worker->id);
        (void)snprintf(mine, sizeof mine, "%s", worker->incarnation);
        record->changed_ms = clock_wall_ms();
        if (action == LANE_CLAIM) {
                record->state = HELIOSTAT__PB__LANE_STATE__LANE_OWNED;
                record->owner = id;
                record->incarnation = mine;
                record->generation = lane->core.claim_generation;
        } else if (action == LANE_RELEASE) {
                record->state = HELIOSTAT__PB__LANE_STATE__LANE_FREE;
                record->owner = record->incarnation = empty;
        } else {
                for (size_t i = 0; i < lane->fact_count; i++) lane_record_mark(record, &lane->facts[i], clock_wall_ms());
        }
        int rc = codec_pack(&record->base, &data, &bytes);
        if (rc == 0) {
                Heliostat__Pb__Lane *next = NULL;
                rc = codec_unpack_lane(data, bytes, &next);
                if (rc == 0) {
                        /* What was read before stands in for a failed write
                         * only until it is read again. */
                        codec_free(lane->record);
                        lane->record = next;
                }
        }
        record->owner = owner;
        record->incarnation = incarnation;
        codec_free(record);
        (void)znode_path_lane(path, lane->route, lane->lane);
        (void)znode_path_worker(self, worker->id);
        int32_t version = lane->core.record.version;
        FAULT_POINT(write_name(lane->core.request), "before");
        if (rc == 0 && action == LANE_CLAIM) {
                struct zk_multi *multi = zk_multi_new();
                if (!multi) abort();
                rc = zk_multi_check(multi, self, -1);
                if (!rc) rc = zk_multi_set(multi, path, data, bytes, version);
                if (!rc) rc = zk_multi_run(worker->zk, multi, on_claimed, lane);
                if (rc) zk_multi_free(multi);
        } else if (rc == 0) {
                rc = zk_set(worker->zk, path, data, bytes, version, on_lane_written, lane);
        }
        FAULT_POINT(write_name(lane->core.request), "sent");
        free(data);
        if (rc) {
                lane->core.connected = rc == ERR_CONNECTION ? false : lane->core.connected;
                lane_signal(lane, failure(lane, lane_action_name(action), rc));
        }
}

/* ---- carrying out ---- */

static void lane_forget(struct worker_lane *lane) {
        struct worker *worker = lane->worker;
        for (struct worker_lane **at = &worker->lanes; *at; at = &(*at)->next)
                if (*at == lane) {
                        *at = lane->next;
                        break;
                }
        facts_clear(lane);
        pump_snapshot_free(lane->snapshot);
        codec_free(lane->record);
        free(lane->route);
        free(lane);
        budget_divide(worker);
        worker_maybe_finish(worker);
}

static void lane_event(struct worker_lane *lane, const struct lane_event *event) {
        enum lane_action action = lane_step(&lane->core, event);
        for (; action != LANE_NOTHING; action = lane_step(&lane->core, NULL)) {
                log_debug("lane.step", "route=%s lane=%u action=%s pump=%s", lane->route, lane->lane,
                          lane_action_name(action), lane_pump_name(lane->core.pump));
                switch (action) {
                case LANE_READ:
                        lane->read_waits = true; /* else assign_house reads */
                        if (clock_boot_ms() >= lane->read_after_ms) lane_read(lane);
                        break;
                case LANE_CLAIM:
                case LANE_MARK:
                case LANE_RELEASE:
                        /* May come back here with a failure: nothing of the
                         * lane may be touched after it. */
                        return lane_write(lane, action);
                case LANE_PUMP_OPEN:
                        lane_open(lane);
                        break;
                case LANE_PUMP_START:
                        lane_start(lane);
                        break;
                case LANE_PUMP_UPDATE:
                        lane_tell_partitions(lane, false);
                        break;
                case LANE_PUMP_GO:
                        lane_go(lane);
                        break;
                case LANE_PUMP_ADOPT:
                        lane_tell_partitions(lane, true);
                        break;
                case LANE_PUMP_DRAIN:
                        if (lane->link) {
                                pump_drain(lane->link->pump, DRAIN_LIMIT_MS);
                        } else {
                                /* It was still waiting for the route's spec. */
                                lane->open_pending = false;
                                return lane_signal(lane, LANE_ON_DRAINED);
                        }
                        break;
                case LANE_FORGET:
                        return lane_forget(lane);
                case LANE_NOTHING:
                        break;
                }
        }
}

/* ---- the assignment ---- */

static struct worker_lane *lane_find(struct worker *worker, const char *route, uint32_t k) {
        for (struct worker_lane *l = worker->lanes; l; l = l->next)
                if (l->lane == k && strcmp(l->route, route) == 0) return l;
        return NULL;
}

static struct worker_lane *lane_new(struct worker *worker, const char *route, uint32_t k) {
        struct worker_lane *lane = calloc(1, sizeof *lane);
        if (!lane || !(lane->route = strdup(route))) abort();
        lane->worker = worker;
        lane->lane = k;
        lane_init(&lane->core, worker->connected && worker->registered);
        lane->next = worker->lanes;
        worker->lanes = lane;
        return lane;
}

static void assign_take(struct worker *worker, const Heliostat__Pb__Assignment *assignment) {
        for (struct worker_lane *l = worker->lanes; l; l = l->next) l->seen = false;
        /* All lanes first, so that the budget is divided by their full number. */
        for (size_t i = 0; assignment && i < assignment->n_lanes; i++) {
                const Heliostat__Pb__AssignedLane *entry = assignment->lanes[i];
                struct worker_lane *lane = lane_find(worker, entry->route, entry->lane);
                if (!lane && !worker->stopping) lane = lane_new(worker, entry->route, entry->lane);
                if (!lane) continue;
                lane->seen = true;
                lane->route_lanes = entry->lanes;
        }
        budget_divide(worker);
        for (size_t i = 0; assignment && i < assignment->n_lanes; i++) {
                const Heliostat__Pb__AssignedLane *entry = assignment->lanes[i];
                struct worker_lane *lane = lane_find(worker, entry->route, entry->lane);
                if (lane)
                        lane_event(lane, &(struct lane_event){.type = LANE_ON_ASSIGNED,
                                                              .generation = entry->generation,
                                                              .spec = entry->spec,
                                                              .revoke = entry->revoke});
        }
        for (struct worker_lane *l = worker->lanes, *next; l; l = next) {
                next = l->next;
                if (!l->seen) lane_signal(l, LANE_ON_UNASSIGNED);
        }
        limits_divide(worker);
}

static void assign_look(struct worker *worker);

static void on_assign_changed(void *ctx, const char *path) {
        struct worker *worker = ctx;
        (void)path;
        look_fired(&worker->assign_look);
        assign_look(worker);
}

static void on_assign_exists(void *ctx, int code, const struct zk_stat *stat) {
        struct worker *worker = ctx;
        (void)stat;
        if (code == 0 || code == ERR_NOT_FOUND) look_watched(&worker->assign_look);
        /* Created between the two calls: its watch may have been too late. */
        if (code == 0) assign_read(worker);
}

static void on_assign(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct worker *worker = ctx;
        Heliostat__Pb__Assignment *assignment = NULL;
        char path[ZNODE_PATH_MAX];
        bool read = code == 0 || code == ERR_NOT_FOUND;
        (void)stat;
        look_end(&worker->assign_look, read, code == 0);
        worker->assign_read_ms = clock_boot_ms();
        if (code == ERR_NOT_FOUND) {
                (void)znode_path_assign(path, worker->id); /* id was checked at start */
                if (!worker->assign_look.watched)
                        (void)zk_exists(worker->zk, path, on_assign_changed, worker, on_assign_exists, worker);
                assign_take(worker, NULL);
        } else if (code == 0) {
                code = codec_unpack_assignment(data, bytes, &assignment);
                if (code)
                        log_error("assign.read", "worker=%s error=\"%s\" note=\"lanes stay as they are\"",
                                  worker->id, err_text(code));
                else
                        assign_take(worker, assignment);
                codec_free(assignment);
        }
        if (read) assign_look(worker); /* if it has changed meanwhile */
}

static void assign_look(struct worker *worker) {
        char path[ZNODE_PATH_MAX];
        if (!worker->registered || worker->finishing || !look_due(&worker->assign_look)) return;
        (void)znode_path_assign(path, worker->id);
        bool watch = look_begin(&worker->assign_look);
        if (zk_get(worker->zk, path, watch ? on_assign_changed : NULL, worker, on_assign, worker) != 0)
                look_end(&worker->assign_look, false, false);
}

void assign_read(struct worker *worker) {
        look_again(&worker->assign_look);
        assign_look(worker);
}

void assign_session(struct worker *worker, bool connected) {
        for (struct worker_lane *l = worker->lanes, *next; l; l = next) {
                next = l->next;
                if (connected && l->read_waits) lane_read(l);
                lane_event(l, &(struct lane_event){.type = LANE_ON_SESSION, .connected = connected});
        }
        if (connected) assign_read(worker);
}

void assign_stop(struct worker *worker) {
        for (struct worker_lane *l = worker->lanes, *next; l; l = next) {
                next = l->next;
                lane_signal(l, LANE_ON_STOP);
        }
}

void assign_house(struct worker *worker, int64_t now_ms) {
        for (struct worker_lane *l = worker->lanes, *next; l; l = next) {
                next = l->next;
                if (l->read_waits && now_ms >= l->read_after_ms && worker->connected) lane_read(l);
        }
        for (struct worker_route *r = worker->routes; r; r = r->next)
                if (worker->connected && look_due(&r->look) && route_used(r)) route_read(r);
        /* A safety net under the one watch. */
        if (worker->registered && now_ms - worker->assign_read_ms > REREAD_MS) assign_read(worker);
}

bool assign_idle(const struct worker *worker) {
        for (const struct worker_lane *l = worker->lanes; l; l = l->next) {
                bool pumping = l->core.pump >= LANE_PUMP_OPENING && l->core.pump <= LANE_PUMP_DRAINING;
                if (pumping || worker->connected) return false;
        }
        return true;
}

void assign_fini(struct worker *worker) {
        while (worker->lanes) {
                struct worker_lane *lane = worker->lanes;
                worker->lanes = lane->next;
                facts_clear(lane);
                pump_snapshot_free(lane->snapshot);
                codec_free(lane->record);
                free(lane->route);
                free(lane);
        }
        totals_fini(&worker->totals);
        while (worker->routes) {
                struct worker_route *route = worker->routes;
                worker->routes = route->next;
                codec_free(route->spec);
                start_rules_unref(route->start_rules);
                free(route->name);
                free(route);
        }
}
