#include "cli/zk_sync.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "common/clock.h"
#include "common/err.h"

#define TICK_MS 50

struct zk_sync {
        const struct config *config;
        const char *verb;
        unsigned timeout_s;
        uv_loop_t loop;
        uv_timer_t tick;
        struct zk *zk;
        bool closed, answered, refused;
        /* the answer */
        int code;
        void *data;
        size_t bytes;
        struct zk_stat stat;
        char **names;
        size_t count;
};

static void on_tick(uv_timer_t *timer) { (void)timer; } /* ends the wait of uv_run */

static void on_state(void *ctx, enum zk_state state) {
        struct zk_sync *sync = ctx;
        if (state == ZK_REFUSED) sync->refused = true;
}

static void on_closed(void *ctx) {
        struct zk_sync *sync = ctx;
        sync->closed = true;
        uv_close((uv_handle_t *)&sync->tick, NULL);
}

int zk_sync_open(const struct config *config, const char *verb, unsigned timeout_s, struct zk_sync **out) {
        struct zk_sync *sync = calloc(1, sizeof *sync);
        if (!sync) return ERR_NOMEM;
        *sync = (struct zk_sync){.config = config, .verb = verb, .timeout_s = timeout_s};
        if (uv_loop_init(&sync->loop) != 0) {
                free(sync);
                return ERR_SYSTEM;
        }
        (void)uv_timer_init(&sync->loop, &sync->tick); /* always 0 */
        (void)uv_timer_start(&sync->tick, on_tick, TICK_MS, TICK_MS);
        int rc = zk_open(&sync->loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms, on_state, sync,
                         &sync->zk);
        if (rc) {
                sync->zk = NULL;
                zk_sync_close(sync);
                return rc;
        }
        *out = sync;
        return 0;
}

static void answer_drop(struct zk_sync *sync) {
        free(sync->data);
        zk_sync_names_free(sync->names, sync->count);
        sync->data = NULL;
        sync->names = NULL;
        sync->bytes = sync->count = 0;
}

void zk_sync_close(struct zk_sync *sync) {
        if (!sync) return;
        if (sync->zk) zk_close(sync->zk, on_closed, sync);
        else on_closed(sync);
        (void)uv_run(&sync->loop, UV_RUN_DEFAULT); /* returns when all handles are closed */
        (void)uv_loop_close(&sync->loop);
        answer_drop(sync);
        free(sync);
}

void zk_sync_names_free(char **names, size_t count) {
        for (size_t i = 0; i < count; i++) free(names[i]);
        free(names);
}

/* ---- answers ------------------------------------------------------------ */

static void on_data(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct zk_sync *sync = ctx;
        sync->answered = true;
        sync->code = code;
        if (code) return;
        sync->data = malloc(bytes + 1);
        if (!sync->data) {
                sync->code = ERR_NOMEM;
                return;
        }
        if (bytes) memcpy(sync->data, data, bytes);
        sync->bytes = bytes;
        sync->stat = *stat;
}

static void on_children(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct zk_sync *sync = ctx;
        (void)stat;
        sync->answered = true;
        sync->code = code;
        if (code) return;
        sync->names = calloc(count + 1, sizeof *sync->names);
        for (size_t i = 0; sync->names && i < count; i++)
                if ((sync->names[i] = strdup(names[i]))) sync->count++;
                else break;
        if (!sync->names || sync->count < count) sync->code = ERR_NOMEM;
}

static void on_stat(void *ctx, int code, const struct zk_stat *stat) {
        struct zk_sync *sync = ctx;
        (void)stat;
        sync->answered = true;
        sync->code = code;
}

static void on_done(void *ctx, int code) {
        struct zk_sync *sync = ctx;
        sync->answered = true;
        sync->code = code;
}

/* ---- requests ----------------------------------------------------------- */

static void on_multi(void *ctx, int code, int failed, const struct zk_multi_result *results, size_t count) {
        (void)failed, (void)results, (void)count;
        on_done(ctx, code);
}

enum op { OP_GET, OP_CHILDREN, OP_SET, OP_ENSURE, OP_MULTI };

static int start(struct zk_sync *sync, enum op op, const char *path, const void *data, size_t bytes, int32_t version) {
        switch (op) {
        case OP_GET: return zk_get(sync->zk, path, NULL, NULL, on_data, sync);
        case OP_CHILDREN: return zk_children(sync->zk, path, NULL, NULL, on_children, sync);
        case OP_SET: return zk_set(sync->zk, path, data, bytes, version, on_stat, sync);
        case OP_ENSURE: return zk_ensure(sync->zk, path, on_done, sync);
        case OP_MULTI: break;
        }
        return ERR_INVALID;
}

/* multi: of OP_MULTI; NULL once it is taken. */
static int ask_multi(struct zk_sync *sync, enum op op, const char *path, const void *data, size_t bytes, int32_t version,
                     struct zk_multi **multi) {
        int64_t deadline_ms = clock_boot_ms() + (int64_t)sync->timeout_s * 1000;
        for (;;) {
                while (zk_state(sync->zk) != ZK_CONNECTED) {
                        if (sync->refused) return ERR_AUTH;
                        if (clock_boot_ms() >= deadline_ms) return ERR_TIMEOUT;
                        (void)uv_run(&sync->loop, UV_RUN_ONCE);
                }
                answer_drop(sync);
                sync->answered = false;
                int rc = multi ? zk_multi_run(sync->zk, *multi, on_multi, sync)
                               : start(sync, op, path, data, bytes, version);
                if (rc == ERR_CONNECTION) continue;
                if (rc) return rc;
                if (multi) *multi = NULL;
                /* Ends with the connection at the latest: the client library has a bound of its own. */
                while (!sync->answered) (void)uv_run(&sync->loop, UV_RUN_ONCE);
                if (sync->code != ERR_CONNECTION && sync->code != ERR_SESSION) return sync->code;
                if (op == OP_SET || op == OP_MULTI) return ERR_CONNECTION;
        }
}

static int ask(struct zk_sync *sync, enum op op, const char *path, const void *data, size_t bytes, int32_t version) {
        return ask_multi(sync, op, path, data, bytes, version, NULL);
}

int zk_sync_multi(struct zk_sync *sync, struct zk_multi *multi) {
        int rc = ask_multi(sync, OP_MULTI, NULL, NULL, 0, 0, &multi);
        zk_multi_free(multi); /* NULL where it was run */
        return rc;
}

int zk_sync_get(struct zk_sync *sync, const char *path, void **out_data, size_t *out_bytes, struct zk_stat *stat) {
        int rc = ask(sync, OP_GET, path, NULL, 0, 0);
        if (rc) return rc;
        *out_data = sync->data;
        *out_bytes = sync->bytes;
        if (stat) *stat = sync->stat;
        sync->data = NULL;
        return 0;
}

int zk_sync_children(struct zk_sync *sync, const char *path, char ***out_names, size_t *out_count) {
        int rc = ask(sync, OP_CHILDREN, path, NULL, 0, 0);
        if (rc) return rc;
        *out_names = sync->names;
        *out_count = sync->count;
        sync->names = NULL;
        sync->count = 0;
        return 0;
}

int zk_sync_set(struct zk_sync *sync, const char *path, const void *data, size_t bytes, int32_t version) {
        return ask(sync, OP_SET, path, data, bytes, version);
}

int zk_sync_put(struct zk_sync *sync, const char *path, const void *data, size_t bytes) {
        int rc = ask(sync, OP_ENSURE, path, NULL, 0, 0);
        if (!rc) rc = ask(sync, OP_SET, path, data, bytes, -1);
        if (rc == ERR_CONNECTION) rc = ask(sync, OP_SET, path, data, bytes, -1); /* the same bytes: twice is once */
        return rc;
}

void zk_sync_sleep(struct zk_sync *sync, unsigned ms) {
        int64_t until_ms = clock_boot_ms() + ms;
        while (clock_boot_ms() < until_ms) (void)uv_run(&sync->loop, UV_RUN_ONCE);
}

int zk_sync_session_timeout_ms(const struct zk_sync *sync) {
        return zk_state(sync->zk) == ZK_CONNECTED ? zk_session_timeout_ms(sync->zk) : 0;
}

const char *zk_sync_trouble(const struct zk_sync *sync) { return zk_last_error(sync->zk); }

int zk_sync_explain(struct zk_sync *sync, const char *what, int code) {
        const char *why = zk_last_error(sync->zk);
        if (code == ERR_TIMEOUT || code == ERR_CONNECTION) {
                cli_error("%s: ZooKeeper at %s cannot be reached within %u s%s%s", sync->verb,
                          sync->config->zookeeper_connect, sync->timeout_s, *why ? ": " : "", why);
                return CLI_UNREACHABLE;
        }
        if (code == ERR_AUTH && *why)
                cli_error("%s: ZooKeeper at %s refuses: %s", sync->verb, sync->config->zookeeper_connect, why);
        else cli_error("%s: %s: %s", sync->verb, what, err_text(code));
        return CLI_FAILED;
}
