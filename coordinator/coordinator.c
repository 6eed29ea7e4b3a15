#include "coordinator/coordinator.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "coordinator/coordinator_internal.h"


/* ---- leadership ---- */

static void on_lead(void *ctx, uint64_t epoch, int32_t version) {
        struct coordinator *c = ctx;
        c->leader_epoch = epoch;
        c->leaderships++;
        c->moves_open = 0; /* a new model: what was under way is not told to its end */
        log_info("coordinator.lead", "id=%s epoch=%" PRIu64 " version=%d", c->id, epoch, version);
        store_lead(c->store, epoch, version, zk_session_timeout_ms(c->zk));
}

static void on_reconnected(void *ctx) {
        struct coordinator *c = ctx;
        log_info("coordinator.reconnected", "id=%s note=\"everything is read again\"", c->id);
        c->suspended = false;
        store_reconnected(c->store);
}

static void on_suspended(void *ctx) {
        struct coordinator *c = ctx;
        log_warn("coordinator.suspended", "id=%s note=\"nothing is planned or changed until the connection is back\"", c->id);
        /* Another may lead before this one hears of its session's end, under routes
         * that this one does not know. */
        c->suspended = true;
        store_suspend(c->store);
        discover_suspend(c->discover);
        groups_suspend(c->groups);
}

static void on_resign(void *ctx, const char *reason) {
        struct coordinator *c = ctx;
        log_warn("coordinator.resign", "id=%s reason=\"%s\"", c->id, reason);
        c->leader_epoch = 0;
        c->suspended = false;
        discover_pause(c->discover);
        groups_pause(c->groups);
        store_resign(c->store);
}

/* ---- the leader's model and discovery ---- */

static void on_changed(void *ctx) {
        struct coordinator *c = ctx;
        struct cluster *cluster = store_cluster(c->store);
        if (!cluster || !cluster_loaded(cluster)) return;
        for (size_t i = 0; i < cluster_route_count(cluster); i++) {
                struct cluster_route_view route = cluster_route_at(cluster, i);
                if (discover_route(c->discover, route.name, route.spec, route.version)) abort(); /* no memory */
                if (groups_route(c->groups, route.name, route.spec, route.version)) abort();
        }
        if (c->suspended) return;
        /* The routes are read again: those of before the loss may have changed. */
        discover_resume(c->discover);
        groups_resume(c->groups);
}

static void on_fenced(void *ctx) {
        struct coordinator *c = ctx;
        elect_lost(c->elect);
}

static void on_leader_written(void *ctx, int32_t version) {
        struct coordinator *c = ctx;
        elect_leader_written(c->elect, version);
}

static void on_found(void *ctx, const char *route, const struct topics_found *found) {
        struct coordinator *c = ctx;
        coordinator_note_discovery(c, route, true);
        store_discovered(c->store, route, found, NULL);
}

static void on_failed(void *ctx, const char *route, const char *error) {
        struct coordinator *c = ctx;
        coordinator_note_discovery(c, route, false);
        store_discovered(c->store, route, NULL, error);
}

static void on_moved(void *ctx, const struct cluster_move *move) { coordinator_note_move(ctx, move); }

/* ---- process ---- */

static void on_zk_closed(void *ctx) {
        struct coordinator *c = ctx;
        uv_stop(&c->loop);
}

static void stop(struct coordinator *c, int exit_code) {
        c->closing = true;
        c->exit_code = exit_code;
        /* Nothing starts on a closed session. */
        store_suspend(c->store);
        discover_pause(c->discover);
        groups_pause(c->groups);
        loads_stop(c->loads);
        observe_stop(c->observe);
        /* Ends the session: the next in line leads at once. */
        zk_close(c->zk, on_zk_closed, c);
}

static void on_zk_state(void *ctx, enum zk_state state) {
        struct coordinator *c = ctx;
        if (c->closing) return;
        if (state == ZK_CONNECTED) {
                if (zk_session_id(c->zk) != c->session_seen) c->zk_counts.sessions++;
                c->session_seen = zk_session_id(c->zk);
                c->candidate = true;
        } else if (state == ZK_SUSPENDED) {
                c->zk_counts.losses++;
        }
        if (state == ZK_CONNECTED)
                log_info("zookeeper.connected", "server=%s session=0x%llx", zk_server(c->zk),
                         (unsigned long long)zk_session_id(c->zk));
        else if (state == ZK_SUSPENDED || state == ZK_REFUSED)
                log_warn("zookeeper.lost", "state=%s error=\"%s\"", zk_state_name(state), zk_last_error(c->zk));
        else if (state == ZK_EXPIRED)
                log_warn("zookeeper.expired", "id=%s", c->id);
        elect_on_state(c->elect, state);
        if (state == ZK_REFUSED) stop(c, 1); /* without ZooKeeper there is nothing to coordinate */
}

#define ELECT_RETRY_MS 2000

static void on_retry(uv_timer_t *timer) {
        struct coordinator *c = timer->data;
        if (!c->closing) elect_retry(c->elect);
}

static void on_house(uv_timer_t *timer) {
        struct coordinator *c = timer->data;
        loop_lag_beat(&c->lag, clock_boot_ms(), COORDINATOR_HOUSE_MS);
}

static void on_signal(uv_signal_t *handle, int number) {
        struct coordinator *c = handle->data;
        if (c->closing) return;
        log_info("coordinator.stop", "id=%s signal=%d", c->id, number);
        stop(c, 0);
}

static void on_hang_up(uv_signal_t *handle, int number) {
        (void)number;
        coordinator_reload_begin(handle->data);
}

int coordinator_main(const struct config *config, const char *id) {
        static const struct elect_events elect_events = {on_lead, on_reconnected, on_suspended, on_resign};
        static const struct store_events store_events = {on_changed, on_fenced, on_leader_written, on_moved};
        static const struct discover_events discover_events = {on_found, on_failed, on_changed};
        struct coordinator *c = calloc(1, sizeof *c);
        if (!c) abort();
        c->shared = config_shared_borrow(config);
        if (!c->shared) abort();
        c->config = config;
        c->id = id;
        /* Discovery waits for brokers on libuv's pool, whose default is four. */
        (void)setenv("UV_THREADPOOL_SIZE", "12", 0); /* no memory: the default */
#ifdef __GLIBC__
        /* What one thread of many has freed serves the others: a look at a large
         * cluster takes tens of MiB for a moment. */
        (void)mallopt(M_ARENA_MAX, 2); /* fails for bad values only */
#endif
        (void)gethostname(c->host, sizeof c->host - 1); /* "" then */
        if (uv_loop_init(&c->loop)) {
                log_error("coordinator.start", "error=\"%s\"", err_text(ERR_SYSTEM));
                return 1;
        }
        (void)uv_signal_init(&c->loop, &c->sigterm);
        (void)uv_signal_init(&c->loop, &c->sigint);
        (void)uv_signal_init(&c->loop, &c->sighup);
        c->sigterm.data = c->sigint.data = c->sighup.data = c;
        (void)uv_signal_start(&c->sigterm, on_signal, SIGTERM);
        (void)uv_signal_start(&c->sigint, on_signal, SIGINT);
        (void)uv_signal_start(&c->sighup, on_hang_up, SIGHUP);
        log_info("coordinator.start", "id=%s host=%s pid=%d zookeeper=%s version=%s", id, c->host,
                 (int)getpid(), config->zookeeper_connect, HELIOSTAT_VERSION);
        coordinator_http_start(c);
        int rc = zk_open(&c->loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms,
                         on_zk_state, c, &c->zk);
        if (rc) {
                log_error("coordinator.start", "zookeeper=%s error=\"%s\"", config->zookeeper_connect, err_text(rc));
                return 1;
        }
        c->elect = elect_new(c->zk, id, c->host, http_url(c->http), &elect_events, c);
        c->store = store_new(&c->loop, c->zk, id, c->host, &store_events, c);
        c->loads = loads_new(&c->loop, c->zk, c->store);
        c->discover = discover_new(&c->loop, c->shared, &discover_events, c);
        c->groups = groups_new(&c->loop, c->shared);
        if (c->http) c->observe = observe_new(&c->loop, c->zk, config);
        if (!c->elect || !c->store || !c->loads || !c->discover || !c->groups || (c->http && !c->observe)) abort();
        coordinator_take_rebalance(c);
        (void)uv_timer_init(&c->loop, &c->retry); /* cannot fail */
        c->retry.data = c;
        (void)uv_timer_init(&c->loop, &c->house);
        c->house.data = c;
        (void)uv_timer_start(&c->house, on_house, COORDINATOR_HOUSE_MS, COORDINATOR_HOUSE_MS);
        (void)uv_timer_start(&c->retry, on_retry, ELECT_RETRY_MS, ELECT_RETRY_MS);
        (void)uv_run(&c->loop, UV_RUN_DEFAULT);
        log_info("coordinator.stopped", "id=%s exit=%d", id, c->exit_code);
        /* Discovery may still wait for a broker: nothing of it must be kept. */
        _exit(c->exit_code);
}
