/* Worker by worker, in the order of their ids.  A round that meets trouble is
 * dropped: the next one comes soon enough, and nothing but balance waits for it. */
#include "coordinator/loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/report_join.h"
#include "common/znode_path.h"

#define READS_MAX 4       /* under way at a time */

struct loads {
        struct zk *zk;
        struct store *store;
        uv_timer_t timer;
        uint64_t round;       /* counts rounds: answers of an earlier one are dropped */
        unsigned reads;
        bool stopped;
        bool running;
        char last[260];       /* worker that was asked last */
};

struct read {
        struct loads *loads;
        uint64_t round;
        uint32_t chunk;
        Heliostat__Pb__Report *report; /* the chunks before this one; NULL: none */
        char worker[260];
};

static void go_on(struct loads *loads);
static bool ask(struct read *read);

static void read_free(struct read *read) {
        codec_free(read->report);
        free(read);
}

/* Takes the chunk. */
static void add_chunk(struct read *read, Heliostat__Pb__Report *chunk) {
        if (!read->report) {
                read->report = chunk;
                return;
        }
        bool same = strcmp(read->report->incarnation, chunk->incarnation) == 0; /* else left over */
        if (same && report_join(read->report, chunk)) abort(); /* no memory */
        codec_free(chunk);
}

static void on_report(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct read *read = ctx;
        struct loads *loads = read->loads;
        Heliostat__Pb__Report *chunk = NULL;
        struct cluster *cluster = store_cluster(loads->store);
        bool ours = read->round == loads->round && !loads->stopped && loads->running;
        (void)stat;
        if (ours) loads->reads--;
        if (ours && cluster && code == 0 && codec_unpack_report(data, bytes, &chunk) == 0) add_chunk(read, chunk);
        bool counts = ours && cluster && read->report;
        /* Also behind one that is not there: it may be on its way. */
        if (counts && ++read->chunk < read->report->chunks && read->chunk < REPORT_CHUNKS_MAX) {
                (void)ask(read); /* refused: it counts the next time */
        } else {
                if (counts) cluster_on_report(cluster, clock_boot_ms(), read->report);
                read_free(read);
        }
        if (ours) go_on(loads);
}

/* Takes read. */
static bool ask(struct read *read) {
        struct loads *loads = read->loads;
        char path[ZNODE_PATH_MAX];
        if (znode_path_report(path, read->worker, read->chunk) || zk_get(loads->zk, path, NULL, NULL, on_report, read)) {
                read_free(read);
                return false;
        }
        loads->reads++;
        return true;
}

static bool ask_worker(struct loads *loads, const char *worker) {
        struct read *read = calloc(1, sizeof *read);
        if (!read) abort();
        read->loads = loads;
        read->round = loads->round;
        (void)snprintf(read->worker, sizeof read->worker, "%s", worker);
        return ask(read);
}

static void go_on(struct loads *loads) {
        struct cluster *cluster = store_cluster(loads->store);
        if (!cluster) loads->running = false;
        while (loads->running && loads->reads < READS_MAX) {
                const char *worker = cluster_worker_after(cluster, loads->last);
                if (!worker) break;
                (void)snprintf(loads->last, sizeof loads->last, "%s", worker);
                if (!ask_worker(loads, worker)) loads->running = false;
        }
        if (!loads->running || loads->reads) return;
        loads->running = false;
        cluster_on_reports_read(cluster, clock_boot_ms());
        store_wake(loads->store);
}

static void on_timer(uv_timer_t *timer) {
        struct loads *loads = timer->data;
        if (!store_cluster(loads->store) || !cluster_loaded(store_cluster(loads->store))) return;
        loads->round++;
        loads->reads = 0;
        loads->running = true;
        *loads->last = '\0';
        go_on(loads);
}

struct loads *loads_new(uv_loop_t *loop, struct zk *zk, struct store *store) {
        struct loads *loads = calloc(1, sizeof *loads);
        if (!loads) return NULL;
        loads->zk = zk;
        loads->store = store;
        (void)uv_timer_init(loop, &loads->timer); /* cannot fail */
        loads->timer.data = loads;
        return loads;
}

void loads_every(struct loads *loads, uint32_t interval_s) {
        if (interval_s && !loads->stopped)
                (void)uv_timer_start(&loads->timer, on_timer, (uint64_t)interval_s * 1000, (uint64_t)interval_s * 1000);
        else
                (void)uv_timer_stop(&loads->timer);
}

void loads_stop(struct loads *loads) {
        loads->stopped = true;
        (void)uv_timer_stop(&loads->timer);
}
