#include "coordinator/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "common/znode_path.h"
#include "coordinator/event_log.h"
#include "coordinator/leader_notes.h"

#define READS_MAX 200  /* under way at a time */

/* What is under way outlives a leadership: each request knows its own. */
struct request {
        struct store *store;
        uint64_t leadership;
        struct cluster_ref ref;
        struct request *next, *prev; /* watches only */
        struct request *watch;       /* reads only: that it sets if it succeeds; NULL: none */
};

struct note {
        char *route;
        char *error;
        char problem[160];             /* of the core: what keeps partitions from lanes */
        int64_t discovered_ms;
        struct topics_found parked; /* only those with a reason */
        struct note *next;
};

struct store {
        uv_loop_t *loop;
        struct zk *zk;
        const char *id, *host;
        struct store_events events;
        void *ctx;
        struct cluster *cluster;   /* NULL: not leading */
        struct cluster_options options;
        uint64_t leadership;       /* counts leaderships and reconnections */
        uint64_t epoch;
        int32_t leader_version;
        int64_t since_ms;
        bool suspended, busy, again, running;
        unsigned reads;
        struct cluster_step step;
        uv_timer_t timer;
        struct request watches;    /* list head */
        struct event_log *event_log;
        struct note *notes;
        bool notes_changed;
};

static void store_run(struct store *store);

static struct request *request_new(struct store *store, const struct cluster_ref *ref) {
        struct request *request = calloc(1, sizeof *request);
        if (!request) abort();
        request->store = store;
        request->leadership = store->leadership;
        if (ref) request->ref = *ref;
        return request;
}

/* false: an answer for a leadership that has ended. */
static bool current(const struct request *request) {
        return request->store->cluster && request->leadership == request->store->leadership;
}

/* ---- reads and watches ---- */

static void watch_free(struct request *watch) {
        watch->prev->next = watch->next;
        watch->next->prev = watch->prev;
        free(watch);
}

static void on_watch(void *ctx, const char *path) {
        struct request *watch = ctx;
        struct store *store = watch->store;
        (void)path;
        bool ours = current(watch);
        struct cluster_ref ref = watch->ref;
        watch_free(watch);
        if (!ours) return;
        cluster_on_changed(store->cluster, &ref);
        store_run(store);
}

static struct request *watch_new(struct store *store, const struct cluster_ref *ref) {
        struct request *watch = request_new(store, ref);
        watch->next = &store->watches;
        watch->prev = store->watches.prev;
        watch->prev->next = watch;
        store->watches.prev = watch;
        return watch;
}

static void on_data(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct request *request = ctx;
        struct store *store = request->store;
        if (code && request->watch) watch_free(request->watch);
        if (current(request)) {
                store->reads--;
                int64_t now = clock_boot_ms();
                if (code && code != ERR_NOT_FOUND)
                        cluster_on_read_failed(store->cluster, now, &request->ref);
                else if (cluster_on_data(store->cluster, now, &request->ref, code, data, bytes,
                                         stat ? stat->version : -1))
                        abort(); /* no memory */
                store_run(store);
        }
        free(request);
}

static void on_children(void *ctx, int code, const char *const *names, size_t count,
                        const struct zk_stat *stat) {
        struct request *request = ctx;
        struct store *store = request->store;
        (void)stat;
        if (code && request->watch) watch_free(request->watch);
        if (current(request)) {
                store->reads--;
                int64_t now = clock_boot_ms();
                if (code && code != ERR_NOT_FOUND)
                        cluster_on_read_failed(store->cluster, now, &request->ref);
                else if (cluster_on_children(store->cluster, now, &request->ref, code, names, count))
                        abort(); /* no memory */
                store_run(store);
        }
        free(request);
}

static void start_read(struct store *store, const struct cluster_read *read) {
        char path[ZNODE_PATH_MAX];
        cluster_path(&read->ref, path);
        struct request *request = request_new(store, &read->ref);
        struct request *watch = request->watch = read->watch ? watch_new(store, &read->ref) : NULL;
        int rc = read->children
                         ? zk_children(store->zk, path, watch ? on_watch : NULL, watch, on_children, request)
                         : zk_get(store->zk, path, watch ? on_watch : NULL, watch, on_data, request);
        if (rc) {
                if (watch) watch_free(watch);
                free(request);
                cluster_on_read_failed(store->cluster, clock_boot_ms(), &read->ref);
        } else {
                store->reads++;
        }
}

/* ---- steps ---- */

/* "step.assign": after its first decision, as it is logged. */
static const char *step_name(const struct cluster_step *step) {
        static const char *const names[][2] = {
                {"coordinator.assign", "step.assign"}, {"coordinator.takeover", "step.takeover"},
                {"coordinator.free", "step.free"},     {"coordinator.revoke", "step.revoke"},
                {"coordinator.place", "step.place"}};
        for (size_t i = 0; step->decision_count && i < sizeof names / sizeof *names; i++)
                if (strcmp(step->decisions[0].event, names[i][0]) == 0) return names[i][1];
        return step->write_count && step->writes[0].op == CLUSTER_CREATE ? "step.create" : "step.tell";
}

static void on_step(void *ctx, int code, int failed, const struct zk_multi_result *results, size_t count) {
        struct request *request = ctx;
        struct store *store = request->store;
        bool ours = current(request);
        free(request);
        if (!ours) return;
        store->busy = false;
        int64_t now = clock_boot_ms();
        FAULT_POINT(step_name(&store->step), "answered");
        if (code == 0) {
                int32_t *versions = calloc(count ? count : 1, sizeof *versions);
                if (!versions) abort();
                for (size_t i = 1; i < count; i++)
                        versions[i - 1] = store->step.writes[i - 1].op == CLUSTER_SET ? results[i].stat.version : 0;
                for (size_t i = 0; i < store->step.decision_count; i++)
                        log_write_text(LOG_INFO, store->step.decisions[i].event, store->step.decisions[i].text);
                (void)cluster_on_step_done(store->cluster, now, &store->step, versions); /* it reads again */
                free(versions);
        } else if (code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING) {
                store->suspended = true; /* unknown: everything is read again on reconnection */
        } else if (failed == 0) {
                cluster_step_fini(&store->step);
                return store->events.fenced(store->ctx);
        } else {
                log_info("coordinator.step.refused", "writes=%zu failed=%d reason=\"%s\"",
                         store->step.write_count, failed, err_text(code));
                cluster_on_step_refused(store->cluster, now, &store->step);
        }
        cluster_step_fini(&store->step);
        store_run(store);
}

static int build_multi(struct store *store, struct zk_multi *multi) {
        int rc = zk_multi_check(multi, ZNODE_LEADER, store->leader_version);
        for (size_t i = 0; !rc && i < store->step.write_count; i++) {
                const struct cluster_write *write = &store->step.writes[i];
                char path[ZNODE_PATH_MAX];
                cluster_path(&write->ref, path);
                switch (write->op) {
                case CLUSTER_CREATE:
                        rc = zk_multi_create(multi, path, write->data, write->bytes, ZK_PERSISTENT);
                        break;
                case CLUSTER_SET:
                        rc = zk_multi_set(multi, path, write->data, write->bytes, write->version);
                        break;
                case CLUSTER_DELETE: rc = zk_multi_delete(multi, path, write->version); break;
                }
        }
        return rc;
}

static void start_step(struct store *store) {
        int rc = cluster_step(store->cluster, clock_boot_ms(), clock_wall_ms(), &store->step);
        if (rc == 0) return;
        if (rc < 0) {
                log_error("coordinator.step", "error=\"%s\"", err_text(rc));
                return;
        }
        struct zk_multi *multi = zk_multi_new();
        if (!multi) abort();
        rc = build_multi(store, multi);
        struct request *request = request_new(store, NULL);
        FAULT_POINT(step_name(&store->step), "before");
        if (!rc) rc = zk_multi_run(store->zk, multi, on_step, request);
        FAULT_POINT(step_name(&store->step), "sent");
        if (rc) {
                zk_multi_free(multi);
                free(request);
                cluster_on_step_refused(store->cluster, clock_boot_ms(), &store->step);
                cluster_step_fini(&store->step);
                if (rc == ERR_CONNECTION)
                        store->suspended = true;
                else
                        log_error("coordinator.step", "error=\"%s\"", err_text(rc));
        } else {
                store->busy = true;
        }
}

/* ---- notes ---- */

static void on_notes(void *ctx, int code, const struct zk_stat *stat) {
        struct request *request = ctx;
        struct store *store = request->store;
        bool ours = current(request);
        free(request);
        if (!ours) return;
        store->busy = false;
        if (code == 0) {
                store->leader_version = stat->version;
                store->events.leader_written(store->ctx, stat->version);
        } else if (code == ERR_VERSION || code == ERR_NOT_FOUND) {
                return store->events.fenced(store->ctx);
        } else {
                store->notes_changed = true;
                store->suspended = code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING;
        }
        store_run(store);
}

static void write_notes(struct store *store) {
        Heliostat__Pb__Leader leader = HELIOSTAT__PB__LEADER__INIT;
        size_t count = 0, topic_count = 0, at = 0, topics = 0;
        void *data = NULL;
        size_t bytes = 0;
        for (struct note *note = store->notes; note; note = note->next) {
                count++;
                topic_count += note->parked.count;
        }
        Heliostat__Pb__RouteNote *notes = calloc(count + 1, sizeof *notes);
        Heliostat__Pb__ParkedTopic *parked = calloc(topic_count + 1, sizeof *parked), **list = calloc(topic_count + 1, sizeof *list);
        leader.notes = calloc(count + 1, sizeof *leader.notes);
        if (!notes || !parked || !list || !leader.notes) abort();
        leader.epoch = store->epoch;
        leader.candidate = (char *)store->id;
        leader.host = (char *)store->host;
        leader.pid = (uint32_t)getpid();
        leader.since_ms = store->since_ms;
        for (struct note *note = store->notes; note; note = note->next) {
                Heliostat__Pb__RouteNote *out = &notes[leader.n_notes];
                heliostat__pb__route_note__init(out);
                out->route = note->route;
                out->error = *note->error || !*note->problem ? note->error : note->problem;
                out->discovered_ms = note->discovered_ms;
                if (note->parked.warning) out->warning = note->parked.warning;
                out->parked = &list[at];
                out->n_parked = note->parked.count;
                for (size_t i = 0; i < note->parked.count; i++, at++) {
                        Heliostat__Pb__ParkedTopic *topic = list[at] = &parked[at];
                        heliostat__pb__parked_topic__init(topic);
                        topic->topic = note->parked.topics[i].name;
                        topic->partitions = note->parked.topics[i].partitions;
                        topic->reason = note->parked.topics[i].reason;
                }
                leader.notes[leader.n_notes++] = out;
        }
        int rc = leader_notes_pack(&leader, &topics, &data, &bytes);
        if (!rc && topics < LEADER_NOTES_TOPICS_MAX)
                log_warn("coordinator.notes", "routes=%zu parked=%zu note=\"too much for /leader: at most %zu topics of each route are named\"",
                         count, topic_count, topics);
        struct request *request = request_new(store, NULL);
        if (!rc) rc = zk_set(store->zk, ZNODE_LEADER, data, bytes, store->leader_version, on_notes, request);
        store->busy = rc == 0;
        store->notes_changed = rc && rc != ERR_TOO_BIG; /* that is so until they change */
        if (rc) free(request);
        if (rc == ERR_CONNECTION)
                store->suspended = true;
        else if (rc)
                log_error("coordinator.notes", "routes=%zu error=\"%s\"", count, err_text(rc));
        free(data);
        free(leader.notes);
        free(list);
        free(parked);
        free(notes);
}

static void note_clear(struct note *note) {
        topics_found_fini(&note->parked);
        free(note->error);
        note->error = NULL;
}

static bool same_warning(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

static struct note *note_find(struct store *store, const char *route) {
        struct note *note = store->notes;
        while (note && strcmp(note->route, route) != 0) note = note->next;
        return note;
}

/* What the core says of a route whose discovery works. */
static void note_problems(struct store *store) {
        for (size_t i = 0; i < cluster_route_count(store->cluster); i++) {
                struct cluster_route_view route = cluster_route_at(store->cluster, i);
                struct note *note = note_find(store, route.name);
                if (!note || strcmp(note->problem, route.problem) == 0) continue;
                (void)snprintf(note->problem, sizeof note->problem, "%s", route.problem);
                store->notes_changed = true;
        }
}

void store_discovered(struct store *store, const char *route, const struct topics_found *found,
                      const char *error) {
        if (!store->cluster) return;
        struct note *note = note_find(store, route);
        if (!note) {
                note = calloc(1, sizeof *note);
                if (!note || !(note->route = strdup(route))) abort();
                note->next = store->notes;
                store->notes = note;
                store->notes_changed = true;
        }
        size_t parked = 0;
        for (size_t i = 0; found && i < found->count; i++) parked += found->topics[i].step == TOPIC_PARKED;
        /* /leader is written only when somebody would read something new. */
        bool same = note->error && strcmp(note->error, error ? error : "") == 0 && note->parked.count == parked &&
                    same_warning(note->parked.warning, found ? found->warning : NULL);
        for (size_t i = 0, k = 0; same && found && i < found->count; i++) {
                if (found->topics[i].step != TOPIC_PARKED) continue;
                same = strcmp(found->topics[i].name, note->parked.topics[k].name) == 0 &&
                       strcmp(found->topics[i].reason, note->parked.topics[k].reason) == 0;
                k++;
        }
        if (!same) {
                note_clear(note);
                note->error = strdup(error ? error : "");
                note->parked.topics = calloc(parked ? parked : 1, sizeof *note->parked.topics);
                if (!note->error || !note->parked.topics) abort();
                for (size_t i = 0; found && i < found->count; i++) {
                        const struct topic_found *topic = &found->topics[i];
                        if (topic->step != TOPIC_PARKED) continue;
                        log_warn("topic.parked", "route=%s topic=%s reason=\"%s\"", route, topic->name,
                                 topic->reason);
                        note->parked.topics[note->parked.count++] = (struct topic_found){
                                .name = strdup(topic->name), .partitions = topic->partitions,
                                .reason = strdup(topic->reason)};
                }
                note->parked.warning = found && found->warning ? strdup(found->warning) : NULL;
                note->discovered_ms = clock_wall_ms();
                store->notes_changed = true;
        }
        if (found) {
                struct cluster_topic *ready = calloc(found->count ? found->count : 1, sizeof *ready);
                size_t n = 0;
                if (!ready) abort();
                for (size_t i = 0; i < found->count; i++)
                        if (found->topics[i].step == TOPIC_READY)
                                ready[n++] = (struct cluster_topic){found->topics[i].name, found->topics[i].partitions};
                if (cluster_on_discovered(store->cluster, route, ready, n)) abort(); /* no memory */
                /* Nor where all that there is cannot be mirrored: what is ready later would be taken for what was there. */
                if (n == 0 && !found->settings_follow) cluster_on_nothing_discovered(store->cluster, route);
                free(ready);
        }
        store_run(store);
}

/* ---- events ---- */

static void on_event_log(void *ctx) { store_run(ctx); }

static void on_events(void *ctx, int code, int failed, const struct zk_multi_result *results, size_t count) {
        struct request *request = ctx;
        struct store *store = request->store;
        bool ours = current(request);
        (void)results;
        (void)count;
        free(request);
        if (!ours) return;
        store->busy = false;
        if (code && failed == 0 && code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING)
                return store->events.fenced(store->ctx);
        event_log_written(store->event_log, code);
        store->suspended = code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING;
        store_run(store);
}

static void write_events(struct store *store) {
        struct zk_multi *multi = zk_multi_new();
        if (!multi) abort();
        int rc = zk_multi_check(multi, ZNODE_LEADER, store->leader_version);
        if (!rc) rc = event_log_multi(store->event_log, multi);
        struct request *request = request_new(store, NULL);
        if (!rc) rc = zk_multi_run(store->zk, multi, on_events, request);
        if (!rc) {
                store->busy = true;
                return;
        }
        zk_multi_free(multi);
        free(request);
        event_log_written(store->event_log, rc);
        if (rc == ERR_CONNECTION) store->suspended = true;
}

/* ---- the turn ---- */

static void on_deadline(uv_timer_t *timer) { store_run(timer->data); }

static void tell_moves(struct store *store) {
        struct cluster_move move;
        while (cluster_next_move(store->cluster, &move)) {
                store->events.moved(store->ctx, &move);
                free(move.route);
                free(move.worker);
        }
}

static void store_run(struct store *store) {
        struct cluster_read read;
        const char *event;
        char *text;
        if (store->running) { /* called from inside one of the calls below */
                store->again = true;
                return;
        }
        store->running = true;
        do {
                store->again = false;
                if (!store->cluster || store->suspended) break;
                while (store->reads < READS_MAX && cluster_next_read(store->cluster, &read))
                        start_read(store, &read);
                store->events.changed(store->ctx);
                if (!store->cluster) break;
                if (!store->busy) start_step(store);
                note_problems(store);
                if (!store->busy && !store->suspended && store->notes_changed) write_notes(store);
                while (cluster_next_notice(store->cluster, &event, &text)) {
                        log_write_text(LOG_WARN, event, text);
                        free(text);
                }
                struct event happened;
                while (cluster_next_event(store->cluster, &happened))
                        event_log_add(store->event_log, &happened, clock_wall_ms());
                if (!store->busy && !store->suspended && event_log_due(store->event_log)) write_events(store);
                tell_moves(store);
                /* A step may have asked for reads. */
                while (!store->suspended && store->reads < READS_MAX &&
                       cluster_next_read(store->cluster, &read))
                        start_read(store, &read);
        } while (store->again);
        store->running = false;
        if (!store->cluster || store->suspended) {
                (void)uv_timer_stop(&store->timer);
                return;
        }
        int64_t deadline = cluster_deadline_ms(store->cluster), now = clock_boot_ms();
        if (deadline == INT64_MAX)
                (void)uv_timer_stop(&store->timer);
        else
                (void)uv_timer_start(&store->timer, on_deadline,
                                     deadline > now ? (uint64_t)(deadline - now) : 1, 0);
}

struct cluster *store_cluster(struct store *store) { return store->cluster; }

void store_options(struct store *store, const struct cluster_options *options) {
        store->options = *options;
        if (store->cluster) cluster_on_options(store->cluster, options);
}

void store_wake(struct store *store) { store_run(store); }

void store_lead(struct store *store, uint64_t epoch, int32_t leader_version, int session_timeout_ms) {
        struct cluster_options options = store->options;
        options.epoch = epoch;
        options.session_timeout_ms = session_timeout_ms;
        options.seed = (uint64_t)clock_wall_ms() ^ (uint64_t)getpid();
        store->leadership++;
        store->epoch = epoch;
        store->leader_version = leader_version;
        store->since_ms = clock_wall_ms();
        store->busy = store->suspended = false;
        store->reads = 0;
        cluster_free(store->cluster);
        store->cluster = cluster_new(&options, clock_boot_ms());
        if (!store->cluster) abort();
        char detail[300];
        struct event leads;
        (void)snprintf(detail, sizeof detail, "leads, epoch %llu, host %s", (unsigned long long)epoch, store->host);
        event_set(&leads, EVENT_LEADER, "", store->id, "", detail, -1);
        event_log_add(store->event_log, &leads, store->since_ms);
        event_log_read(store->event_log);
        store_run(store);
}

void store_suspend(struct store *store) {
        store->suspended = true;
        (void)uv_timer_stop(&store->timer);
}

void store_reconnected(struct store *store) {
        if (!store->cluster) return;
        /* Answers and watches from before the loss count no longer. */
        store->leadership++;
        store->suspended = store->busy = false;
        store->reads = 0;
        cluster_step_fini(&store->step);
        event_log_read(store->event_log);
        cluster_on_reconnected(store->cluster, clock_boot_ms());
        store_run(store);
}

void store_resign(struct store *store) {
        store->leadership++;
        cluster_free(store->cluster);
        store->cluster = NULL;
        cluster_step_fini(&store->step);
        store->busy = false;
        store->reads = 0;
        event_log_resign(store->event_log);
        while (store->notes) {
                struct note *note = store->notes;
                store->notes = note->next;
                note_clear(note);
                free(note->route);
                free(note);
        }
        (void)uv_timer_stop(&store->timer);
}

struct store *store_new(uv_loop_t *loop, struct zk *zk, const char *id, const char *host,
                        const struct store_events *events, void *ctx) {
        struct store *store = calloc(1, sizeof *store);
        if (!store) return NULL;
        *store = (struct store){.loop = loop, .zk = zk, .id = id, .host = host, .events = *events, .ctx = ctx,
                                .options = CLUSTER_OPTIONS_DEFAULT};
        store->watches.next = store->watches.prev = &store->watches;
        store->event_log = event_log_new(loop, zk, on_event_log, store);
        if (!store->event_log) abort();
        (void)uv_timer_init(loop, &store->timer); /* cannot fail */
        store->timer.data = store;
        return store;
}

void store_free(struct store *store) {
        if (!store) return;
        store_resign(store);
        event_log_free(store->event_log);
        while (store->watches.next != &store->watches) watch_free(store->watches.next);
        free(store);
}
