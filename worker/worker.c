/* The control loop of a worker: session, registration, signals.
 *
 * Good path: connected -> /worker/<id> created -> /assign/<id> read and watched
 * -> lanes run.  Connection lost: lanes run on, requests wait.  Session ended:
 * lanes run on (the committed generation fences them should somebody else get
 * them), a new session registers under a new incarnation, and the coordinator
 * hands the same lanes over to it, which the running pumps adopt.
 * SIGTERM: /worker/<id> says draining, all lanes drain and are released, the
 * session is closed. */
#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/znode_path.h"
#include "worker/supervisor.h"
#include "worker/process_tune.h"
#include "worker/short_thread.h"
#include "worker/topic_look.h"
#include "worker/worker_internal.h"

#define RIVAL_GRACE_MS 2000   /* beyond the session timeout */
#define STOP_LIMIT_MS 9000
#define STOP_UNCONNECTED_MS 3000

static void new_incarnation(struct worker *worker) {
        unsigned char bytes[16];
        if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) abort(); /* cannot fail for 16 */
        for (int i = 0; i < 16; i++)
                (void)snprintf(worker->incarnation + 2 * i, 3, "%02x", bytes[i]);
}

static void finish(struct worker *worker, int exit_code);

/* ---- registration ---- */

static int pack_self(struct worker *worker, void **data, size_t *bytes) {
        Heliostat__Pb__Worker self = HELIOSTAT__PB__WORKER__INIT;
        self.id = (char *)worker->id;
        self.incarnation = worker->incarnation;
        self.host = worker->host;
        self.pid = (uint32_t)getpid();
        self.capacity = worker->config->worker_capacity;
        self.zone = worker->config->worker_zone;
        self.version = (char *)HELIOSTAT_VERSION;
        self.draining = worker->stopping;
        self.gives_partitions = true;
        self.started_ms = worker->started_ms;
        (void)snprintf(worker->http_told, sizeof worker->http_told, "%s", http_url(worker->http));
        self.http = worker->http_told;
        return codec_pack(&self.base, data, bytes);
}

static void registered(struct worker *worker) {
        worker->registered = worker->registered_once = true;
        worker->rival_session = 0;
        log_info("worker.registered", "worker=%s incarnation=%s session=0x%llx timeout_ms=%d", worker->id,
                 worker->incarnation, (unsigned long long)zk_session_id(worker->zk),
                 zk_session_timeout_ms(worker->zk));
        report_session(worker);
        assign_session(worker, true);
        if (worker->stopping) worker_maybe_finish(worker);
}

static void on_rival_gone(void *ctx, const char *path) {
        struct worker *worker = ctx;
        (void)path;
        worker->rival_watched = false;
        worker_register(worker);
}

static void on_rival(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct worker *worker = ctx;
        Heliostat__Pb__Worker *rival = NULL;
        if (worker->finishing) return;
        if (code == ERR_NOT_FOUND) return worker_register(worker);
        if (code) return; /* the next connection or assign_house tries again */
        if (stat->ephemeral_owner == zk_session_id(worker->zk)) return registered(worker);

        int64_t now = clock_boot_ms();
        if (worker->rival_session != stat->ephemeral_owner) {
                worker->rival_session = stat->ephemeral_owner;
                worker->rival_since_ms = now;
                worker->waiting_told = false;
        }
        (void)codec_unpack_worker(data, bytes, &rival); /* garbage: named without host and pid */
        const char *host = rival ? rival->host : "?";
        unsigned pid = rival ? rival->pid : 0;
        /* On our own host a live process is seen at once; elsewhere the session
         * of a dead one ends after its timeout. */
        bool alive = rival && strcmp(rival->host, worker->host) == 0 && (pid_t)pid != getpid() &&
                     pid > 0 && kill((pid_t)pid, 0) == 0;
        bool overdue = now - worker->rival_since_ms > zk_session_timeout_ms(worker->zk) + RIVAL_GRACE_MS;
        if ((alive || overdue) && !worker->registered_once) {
                log_error("worker.refused",
                          "worker=%s error=\"worker id '%s' is taken: host %s pid %u session 0x%llx runs with it; this is host %s pid %d; give each worker an --id of its own\"",
                          worker->id, worker->id, host, pid, (unsigned long long)stat->ephemeral_owner, worker->host,
                          (int)getpid());
                codec_free(rival);
                return finish(worker, 1);
        }
        if (!worker->waiting_told)
                log_warn("worker.wait", "worker=%s host=%s pid=%u reason=\"the session of an earlier process has not ended yet\"",
                         worker->id, host, pid);
        worker->waiting_told = true;
        codec_free(rival);
}

static void on_registered(void *ctx, int code, const char *path) {
        struct worker *worker = ctx;
        char self[ZNODE_PATH_MAX];
        (void)path;
        worker->registering = false;
        if (worker->finishing) return;
        if (code == 0) return registered(worker);
        if (code == ERR_EXISTS) {
                (void)znode_path_worker(self, worker->id);
                /* Looked at again by the house timer, and at once when it goes. */
                zk_watch_cb watch = worker->rival_watched ? NULL : on_rival_gone;
                worker->rival_watched = true;
                (void)zk_get(worker->zk, self, watch, worker, on_rival, worker);
                return;
        }
        if (code == ERR_NOT_FOUND) {
                if (!worker->waiting_told)
                        log_warn("worker.wait", "chroot=\"%s\" reason=\"it does not hold a Heliostat cluster yet; 'heliostat apply' or a coordinator creates it\"",
                                 zk_chroot(worker->zk));
                worker->waiting_told = true; /* the house timer tries again */
        } else if (code != ERR_CONNECTION && code != ERR_SESSION) {
                log_error("worker.register", "worker=%s error=\"%s\"", worker->id, err_text(code));
        }
}

void worker_register(struct worker *worker) {
        char self[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
        if (!worker->connected || worker->finishing || worker->registering) return;
        worker->registered = false;
        if (znode_path_worker(self, worker->id) || pack_self(worker, &data, &bytes)) return;
        worker->registering = zk_create(worker->zk, self, data, bytes, ZK_EPHEMERAL, on_registered, worker) == 0;
        free(data);
}

/* After a reconnection of the same session: is our znode still there? */
static void on_self_checked(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct worker *worker = ctx;
        (void)data;
        (void)bytes;
        if (worker->finishing || (code && code != ERR_NOT_FOUND)) return;
        if (code == 0 && stat->ephemeral_owner == zk_session_id(worker->zk))
                return assign_session(worker, true);
        worker_register(worker);
}

static void on_zk_state(void *ctx, enum zk_state state) {
        struct worker *worker = ctx;
        char self[ZNODE_PATH_MAX];
        if (worker->finishing) return;
        switch (state) {
        case ZK_CONNECTED:
                worker->connected = worker->ever_connected = true;
                if (zk_session_id(worker->zk) != worker->session_seen) worker->zk_counts.sessions++;
                worker->session_seen = zk_session_id(worker->zk);
                supervisor_tell_session(worker->supervisor_fd, worker->zk);
                log_info("zookeeper.connected", "server=%s session=0x%llx", zk_server(worker->zk),
                         (unsigned long long)zk_session_id(worker->zk));
                if (worker->registered) {
                        (void)znode_path_worker(self, worker->id);
                        (void)zk_get(worker->zk, self, NULL, NULL, on_self_checked, worker);
                } else {
                        worker_register(worker);
                }
                break;
        case ZK_SUSPENDED:
                if (worker->connected) worker->zk_lost_ms = clock_boot_ms();
                worker->zk_counts.losses++;
                worker->connected = false;
                log_warn("zookeeper.lost", "error=\"%s\" note=\"mirroring goes on, nothing new starts\"",
                         zk_last_error(worker->zk));
                assign_session(worker, false);
                break;
        case ZK_EXPIRED:
                worker->connected = worker->registered = false;
                new_incarnation(worker);
                log_warn("zookeeper.expired", "worker=%s new_incarnation=%s note=\"mirroring goes on until somebody else has the lanes\"",
                         worker->id, worker->incarnation);
                assign_session(worker, false);
                break;
        case ZK_REFUSED:
                log_error("zookeeper.refused", "error=\"%s\"", zk_last_error(worker->zk));
                worker->connected = false;
                assign_session(worker, false);
                /* Nothing has begun: whoever watches this process sees that it cannot.  What
                 * mirrors already goes on. */
                if (!worker->ever_connected) finish(worker, 1);
                break;
        case ZK_CONNECTING:
        case ZK_CLOSED:
                break;
        }
}

/* ---- the end ---- */

static void on_zk_closed(void *ctx) {
        struct worker *worker = ctx;
        worker->zk_closed = true;
        if (worker->closed_connected) supervisor_tell_released(worker->supervisor_fd);
        worker->zk = NULL;
        uv_stop(&worker->loop);
}

static void finish(struct worker *worker, int exit_code) {
        if (worker->finishing) return;
        worker->finishing = true;
        worker->exit_code = exit_code;
        worker->closed_connected = zk_state(worker->zk) == ZK_CONNECTED;
        zk_close(worker->zk, on_zk_closed, worker);
}

void worker_maybe_finish(struct worker *worker) {
        if (!worker->stopping || worker->finishing) return;
        int64_t spent = clock_boot_ms() - worker->stop_since_ms;
        if (worker->lanes && !(assign_idle(worker) && spent > STOP_UNCONNECTED_MS) && spent < STOP_LIMIT_MS)
                return;
        if (worker->lanes)
                log_warn("worker.stop.unclean", "worker=%s note=\"lanes could not be released; they move when the session ends\"",
                         worker->id);
        finish(worker, 0);
}

static void on_self_told(void *ctx, int code, const struct zk_stat *stat) {
        (void)ctx;
        (void)code; /* only a hint: releases speak for themselves, and the URL is for people */
        (void)stat;
}

static void tell_self(struct worker *worker) {
        char self[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
        if (!worker->registered || !worker->connected || znode_path_worker(self, worker->id) ||
            pack_self(worker, &data, &bytes))
                return;
        (void)zk_set(worker->zk, self, data, bytes, -1, on_self_told, worker);
        free(data);
}

static void on_signal(uv_signal_t *handle, int number) {
        struct worker *worker = handle->data;
        if (worker->stopping) return;
        worker->stopping = true;
        worker->stop_since_ms = clock_boot_ms();
        log_info("worker.stop", "worker=%s signal=%d", worker->id, number);
        tell_self(worker);
        assign_stop(worker);
        worker_maybe_finish(worker);
}

static void on_hang_up(uv_signal_t *handle, int number) {
        (void)number;
        reload_begin(handle->data);
}

static void on_house(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        int64_t now = clock_boot_ms();
        loop_lag_beat(&worker->lag, now, WORKER_HOUSE_MS);
        if (worker->finishing) return;
        worker_note_lanes(worker);
        if (worker->connected && !worker->registered) worker_register(worker);
        if (strcmp(worker->http_told, http_url(worker->http)) != 0) tell_self(worker);
        assign_house(worker, now);
        limits_house(worker, now);
        worker_maybe_finish(worker);
}

static void close_handle(uv_handle_t *handle, void *arg) {
        (void)arg;
        if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* Pumps that still close get this long; then the process just ends. */
#define CLOSE_LIMIT_MS 2000

static void on_close_limit(uv_timer_t *timer) { uv_stop(timer->loop); }

static void on_close_house(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        if (worker->pump_count == 0) uv_stop(&worker->loop);
}

static void wait_for_pumps(struct worker *worker) {
        uv_timer_t limit;
        if (worker->pump_count == 0) return;
        (void)uv_timer_init(&worker->loop, &limit);
        (void)uv_timer_start(&limit, on_close_limit, CLOSE_LIMIT_MS, 0);
        (void)uv_timer_start(&worker->house_timer, on_close_house, 20, 20);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&limit, NULL);
        (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
}

int worker_main(const struct config *config, const char *id, int supervisor_fd) {
        process_tune();

        struct worker *worker = calloc(1, sizeof *worker);
        if (!worker) abort();
        worker->config = config;
        worker->shared = config_shared_borrow(config);
        if (!worker->shared) abort();
        config_version(config, worker->config_version);
        worker->config_read_ms = clock_wall_ms();
        worker->id = id;
        worker->supervisor_fd = supervisor_fd;
        worker->started_ms = clock_wall_ms();
        worker->zk_lost_ms = clock_boot_ms();
        (void)gethostname(worker->host, sizeof worker->host - 1); /* "" then */
        new_incarnation(worker);

        if (uv_loop_init(&worker->loop) || mailbox_init(&worker->home, &worker->loop)) goto system;
        (void)uv_timer_init(&worker->loop, &worker->house_timer);
        (void)uv_signal_init(&worker->loop, &worker->sigterm);
        (void)uv_signal_init(&worker->loop, &worker->sigint);
        (void)uv_signal_init(&worker->loop, &worker->sighup);
        worker->house_timer.data = worker->sigterm.data = worker->sigint.data = worker->sighup.data = worker;
        (void)uv_timer_start(&worker->house_timer, on_house, WORKER_HOUSE_MS, WORKER_HOUSE_MS);
        if (uv_signal_start(&worker->sigterm, on_signal, SIGTERM) ||
            uv_signal_start(&worker->sigint, on_signal, SIGINT) ||
            uv_signal_start(&worker->sighup, on_hang_up, SIGHUP))
                goto system;
        worker->data_loop_count = config->worker_loops ? config->worker_loops : uv_available_parallelism();
        worker->data_loops = calloc(worker->data_loop_count, sizeof *worker->data_loops);
        worker->topic_looks = topic_looks_new(topic_look_ask_brokers); /* NULL: lanes ask for themselves */
        if (!worker->data_loops) abort();
        for (unsigned i = 0; i < worker->data_loop_count; i++)
                if (data_loop_start(&worker->data_loops[i], i)) goto system;
        log_info("worker.start", "worker=%s host=%s pid=%d loops=%u zookeeper=%s version=%s config=%s", id,
                 worker->host, (int)getpid(), worker->data_loop_count, config->zookeeper_connect,
                 HELIOSTAT_VERSION, worker->config_version);
        worker_http_start(worker);
        int rc = zk_open(&worker->loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms,
                         on_zk_state, worker, &worker->zk);
        if (rc) {
                log_error("worker.start", "zookeeper=%s error=\"%s\"", config->zookeeper_connect, err_text(rc));
                return 1;
        }
        report_start(worker);
        memory_watch_start(worker);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);

        int exit_code = worker->exit_code;
        (void)uv_timer_stop(&worker->report_timer);
        (void)uv_timer_stop(&worker->report_write_timer);
        (void)uv_timer_stop(&worker->memory.timer);
        http_close(worker->http);
        wait_for_pumps(worker);
        if (worker->pump_count) {
                /* A client hangs in its end (librdkafka #4724).  All that it
                 * had was committed or will be repeated: the process may end. */
                log_warn("worker.stop.hang", "worker=%s clients=%zu", id, worker->pump_count);
                _exit(exit_code);
        }
        for (unsigned i = 0; i < worker->data_loop_count; i++) data_loop_stop(&worker->data_loops[i]);
        while (worker->memory.trimming) (void)uv_run(&worker->loop, UV_RUN_ONCE); /* it comes home */
        free(worker->data_loops);
        topic_looks_free(worker->topic_looks);
        mailbox_close(&worker->home, NULL, NULL);
        uv_walk(&worker->loop, close_handle, NULL);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop);
        short_threads_join();
        assign_fini(worker);
        config_shared_unref(worker->shared);
        free(worker);
        log_info("worker.stopped", "worker=%s exit=%d", id, exit_code);
        return exit_code;

system:
        log_error("worker.start", "worker=%s error=\"%s\"", id, err_text(ERR_SYSTEM));
        return 1;
}
