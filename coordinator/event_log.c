#include "coordinator/event_log.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/log.h"
#include "common/znode_path.h"

#define GATHER_MS 200 /* what comes together is written together */

struct event_log {
        struct zk *zk;
        void (*wake)(void *ctx);
        void *ctx;
        uv_timer_t timer;
        bool due;            /* the gathering has ended */
        bool loaded;
        uint64_t reading;    /* counts readings: answers of earlier ones are dropped */
        unsigned left;       /* answers of this one */
        bool spoilt;         /* one of them failed: a later reading will do */
        bool exists[EVENTS_CHUNKS];
        Heliostat__Pb__Events *chunks[EVENTS_CHUNKS];
        struct events_ring ring;
};

struct question {
        struct event_log *log;
        uint64_t reading;
        uint32_t chunk;
};

static void on_timer(uv_timer_t *timer) {
        struct event_log *log = timer->data;
        log->due = true;
        log->wake(log->ctx);
}

static void chunks_free(struct event_log *log) {
        for (uint32_t k = 0; k < EVENTS_CHUNKS; k++) {
                codec_free(log->chunks[k]);
                log->chunks[k] = NULL;
        }
}

static void on_chunk(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct question *question = ctx;
        struct event_log *log = question->log;
        uint32_t chunk = question->chunk;
        bool ours = question->reading == log->reading;
        (void)stat;
        free(question);
        if (!ours) return;
        log->exists[chunk] = code == 0;
        if (!code) (void)codec_unpack_events(data, bytes, &log->chunks[chunk]); /* garbage is written over in its turn */
        else if (code != ERR_NOT_FOUND) log->spoilt = true;
        if (--log->left) return;
        if (!log->spoilt) {
                const Heliostat__Pb__Events *chunks[EVENTS_CHUNKS];
                for (uint32_t k = 0; k < EVENTS_CHUNKS; k++) chunks[k] = log->chunks[k];
                events_ring_load(&log->ring, chunks, log->exists);
                log->loaded = true;
                /* No timer runs after a lost answer; after a refusal one does, and is waited for. */
                log->due |= log->ring.queued > 0 && !uv_is_active((uv_handle_t *)&log->timer);
        }
        chunks_free(log);
        if (log->loaded) log->wake(log->ctx);
}

void event_log_read(struct event_log *log) {
        log->reading++;
        log->loaded = log->spoilt = false;
        log->left = 0;
        chunks_free(log);
        for (uint32_t k = 0; k < EVENTS_CHUNKS; k++) {
                char path[ZNODE_PATH_MAX];
                struct question *question = malloc(sizeof *question);
                if (!question) abort();
                *question = (struct question){log, log->reading, k};
                (void)znode_path_event(path, k); /* cannot fail */
                if (zk_get(log->zk, path, NULL, NULL, on_chunk, question) == 0) {
                        log->left++;
                } else { /* not connected: there will be another reading */
                        free(question);
                        log->spoilt = true;
                }
        }
}

void event_log_add(struct event_log *log, const struct event *event, int64_t wall_ms) {
        struct event stamped = *event;
        if (!stamped.at_ms) stamped.at_ms = wall_ms;
        events_ring_add(&log->ring, &stamped);
        if (!log->due && !uv_is_active((uv_handle_t *)&log->timer))
                (void)uv_timer_start(&log->timer, on_timer, GATHER_MS, 0); /* cannot fail */
}

bool event_log_due(const struct event_log *log) {
        return log->loaded && log->due && log->ring.queued > 0 && !log->ring.sent;
}

int event_log_multi(struct event_log *log, struct zk_multi *multi) {
        char path[ZNODE_PATH_MAX];
        void *data = NULL;
        size_t bytes = 0;
        uint32_t chunk = 0;
        log->due = false;
        if (!events_ring_write(&log->ring, &chunk, &data, &bytes)) return ERR_INVALID;
        (void)znode_path_event(path, chunk); /* cannot fail */
        int rc = log->ring.exists[chunk] ? zk_multi_set(multi, path, data, bytes, -1)
                                         : zk_multi_create(multi, path, data, bytes, ZK_PERSISTENT);
        free(data);
        if (rc) events_ring_failed(&log->ring);
        return rc;
}

void event_log_written(struct event_log *log, int code) {
        if (code == 0) {
                events_ring_written(&log->ring);
        } else if (code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING) {
                log->loaded = false; /* the next reading says whether it was done */
                return;
        } else {
                log_warn("coordinator.events", "error=\"%s\", they are read and written again", err_text(code));
                events_ring_failed(&log->ring);
                event_log_read(log); /* somebody has deleted a chunk, or made one */
        }
        if (log->ring.queued) (void)uv_timer_start(&log->timer, on_timer, code ? 1000 : 1, 0);
}

void event_log_resign(struct event_log *log) {
        log->reading++;
        log->loaded = log->due = false;
        chunks_free(log);
        memset(&log->ring, 0, sizeof log->ring);
        (void)uv_timer_stop(&log->timer);
}

struct event_log *event_log_new(uv_loop_t *loop, struct zk *zk, void (*wake)(void *ctx), void *ctx) {
        struct event_log *log = calloc(1, sizeof *log);
        if (!log) return NULL;
        log->zk = zk;
        log->wake = wake;
        log->ctx = ctx;
        (void)uv_timer_init(loop, &log->timer); /* cannot fail */
        log->timer.data = log;
        return log;
}

void event_log_free(struct event_log *log) {
        if (!log) return;
        event_log_resign(log);
        free(log);
}
