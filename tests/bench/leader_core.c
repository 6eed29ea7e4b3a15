/* What a large field costs the leader's core alone: the real core against znodes in memory that answer at once, and
 * workers that claim and release at once.  Only the core's own CPU time is counted.
 *
 *     leader_core [ROUTES [LANES [TOPICS [PARTITIONS [WORKERS]]]]]    each route has so many lanes and topics */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"
#include "coordinator/cluster.h"
#include "coordinator/plan.h"
#include "tests/sim/znodes.h"

enum { FREE = HELIOSTAT__PB__LANE_STATE__LANE_FREE,
       ASSIGNED = HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED,
       OWNED = HELIOSTAT__PB__LANE_STATE__LANE_OWNED,
       REVOKING = HELIOSTAT__PB__LANE_STATE__LANE_REVOKING };

static struct znodes zk;
static struct cluster *cluster;
static int64_t now_ms = 1000;
static struct cluster_ref *watched;
static size_t watched_count;

/* of the phase at hand */
static double core_s, longest_s;
static size_t steps, writes, bytes, reads;
static size_t step_bytes_max;

static double cpu_s(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail */
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double began_s;
static void core_begin(void) { began_s = cpu_s(); }
static void core_end(void) {
        double s = cpu_s() - began_s;
        core_s += s;
        if (s > longest_s) longest_s = s;
}

static void on_fired(void *ctx, int64_t session, uint64_t tag) {
        (void)ctx;
        (void)session;
        cluster_on_changed(cluster, &watched[tag]);
}

static void on_written(void *ctx, int64_t session, const struct znode *before, const char *path, const void *data, size_t n) {
        (void)ctx, (void)session, (void)before, (void)path, (void)data, (void)n;
}

static void put(const char *path, ProtobufCMessage *message) { znodes_put_message(&zk, path, message); }

static void answer(const struct cluster_read *read) {
        char path[ZNODE_PATH_MAX], **names = NULL;
        cluster_path(&read->ref, path);
        const struct znode *node = znodes_find(&zk, path);
        size_t count = node && read->children ? znodes_children(&zk, path, &names) : 0;
        int rc;
        if (read->watch && node) {
                watched = realloc(watched, (watched_count + 1) * sizeof *watched);
                watched[watched_count] = read->ref;
                znodes_watch(&zk, path, read->children, 1, watched_count++);
        }
        reads++;
        core_begin();
        if (read->children)
                rc = cluster_on_children(cluster, now_ms, &read->ref, node ? 0 : ERR_NOT_FOUND, (const char *const *)names, count);
        else
                rc = cluster_on_data(cluster, now_ms, &read->ref, node ? 0 : ERR_NOT_FOUND, node ? node->data : NULL,
                                     node ? node->bytes : 0, node ? node->version : -1);
        core_end();
        if (rc) abort();
        for (size_t i = 0; i < count; i++) free(names[i]);
        free(names);
}

/* The workers' side of a step: what was assigned is claimed, what was revoked released. */
static void claim(const struct cluster_write *write) {
        Heliostat__Pb__Lane *lane;
        char path[ZNODE_PATH_MAX];
        if (write->ref.kind != CLUSTER_LANE || codec_unpack_lane(write->data, write->bytes, &lane)) return;
        int state = (int)lane->state;
        if (state == (int)ASSIGNED || state == (int)REVOKING) {
                lane->state = (Heliostat__Pb__LaneState)(state == (int)ASSIGNED ? OWNED : FREE);
                if (state == (int)REVOKING) *lane->owner = *lane->incarnation = '\0';
                for (size_t t = 0; t < lane->n_topics; t++)
                        for (size_t p = 0; p < lane->topics[t]->n_partitions; p++)
                                lane->topics[t]->partitions[p]->started = true;
                cluster_path(&write->ref, path);
                put(path, &lane->base);
        }
        codec_free(lane);
}

static bool step_once(void) {
        struct cluster_step step;
        struct znode_write out[CLUSTER_WRITES_MAX];
        int32_t versions[CLUSTER_WRITES_MAX];
        size_t step_bytes = 0;
        int failed;
        core_begin();
        int rc = cluster_step(cluster, now_ms, 0, &step);
        core_end();
        if (rc < 0) abort();
        if (rc == 0) return false;
        for (size_t i = 0; i < step.write_count; i++) {
                const struct cluster_write *from = &step.writes[i];
                out[i] = (struct znode_write){
                        .op = from->op == CLUSTER_CREATE ? ZNODE_CREATE : from->op == CLUSTER_SET ? ZNODE_SET : ZNODE_DELETE,
                        .data = from->data, .bytes = from->bytes, .version = from->version};
                cluster_path(&from->ref, out[i].path);
                step_bytes += from->bytes;
        }
        steps++;
        writes += step.write_count;
        bytes += step_bytes;
        if (step_bytes > step_bytes_max) step_bytes_max = step_bytes;
        rc = znodes_multi(&zk, 1, out, step.write_count, versions, &failed);
        core_begin();
        if (rc) cluster_on_step_refused(cluster, now_ms, &step);
        else if (cluster_on_step_done(cluster, now_ms, &step, versions)) abort();
        core_end();
        for (size_t i = 0; !rc && i < step.write_count; i++) claim(&step.writes[i]);
        cluster_step_fini(&step);
        return true;
}

static void settle(int64_t until_ms) {
        struct cluster_read read;
        struct cluster_move move;
        const char *event;
        char *text;
        for (;;) {
                bool busy = step_once();
                while (cluster_next_read(cluster, &read)) {
                        answer(&read);
                        busy = true;
                }
                while (cluster_next_notice(cluster, &event, &text)) {
                        fprintf(stderr, "%s %s\n", event, text);
                        free(text);
                }
                while (cluster_next_event(cluster, NULL)) {
                }
                while (cluster_next_move(cluster, &move)) {
                        free(move.route);
                        free(move.worker);
                }
                if (busy) continue;
                int64_t deadline = cluster_deadline_ms(cluster);
                if (deadline > until_ms) break;
                now_ms = deadline > now_ms ? deadline : now_ms + 1;
        }
        now_ms = until_ms;
}

static void phase(const char *name, int64_t for_ms) {
        core_s = longest_s = 0;
        steps = writes = bytes = reads = step_bytes_max = 0;
        settle(now_ms + for_ms);
        printf("%-24s %8.1f ms of CPU, at once %7.1f ms, %4zu steps, %5zu writes, %8zu bytes (a step %6zu), %5zu reads\n", name,
               core_s * 1000, longest_s * 1000, steps, writes, bytes, step_bytes_max, reads);
}

static void put_worker(int number) {
        char path[ZNODE_PATH_MAX], id[32];
        Heliostat__Pb__Worker worker = HELIOSTAT__PB__WORKER__INIT;
        (void)snprintf(id, sizeof id, "worker-%04d", number);
        worker.id = id;
        worker.incarnation = (char *)"0123456789abcdef0123456789abcdef";
        worker.capacity = 100;
        (void)znode_path_worker(path, id);
        put(path, &worker.base);
}

static void drop_workers(int from, int count) {
        for (int i = from; i < from + count; i++) {
                struct znode_write write = {.op = ZNODE_DELETE, .version = -1};
                int32_t version;
                int failed;
                (void)snprintf(write.path, sizeof write.path, "%s/worker-%04d", ZNODE_WORKERS, i);
                if (znodes_multi(&zk, 0, &write, 1, &version, &failed)) abort();
        }
}

static void put_route(const char *name, uint32_t lanes) { znodes_put_route(&zk, name, lanes, true, 0); }

static void discover(const char *route, int topics, int partitions) {
        struct cluster_topic *found = calloc((size_t)topics, sizeof *found);
        if (!found) abort();
        for (int i = 0; i < topics; i++) {
                char *name;
                if (asprintf(&name, "orders.events.%05d", i) < 0) abort();
                found[i] = (struct cluster_topic){name, (uint32_t)partitions};
        }
        if (cluster_on_discovered(cluster, route, found, (size_t)topics)) abort();
        for (int i = 0; i < topics; i++) free((char *)found[i].topic);
        free(found);
}

int main(int argc, char **argv) {
        int routes = argc > 1 ? atoi(argv[1]) : 4, lanes = argc > 2 ? atoi(argv[2]) : 1024;
        int topics = argc > 3 ? atoi(argv[3]) : 1250, partitions = argc > 4 ? atoi(argv[4]) : 20;
        int workers = argc > 5 ? atoi(argv[5]) : 500;
        char name[64];
        struct cluster_options options = CLUSTER_OPTIONS_DEFAULT;
        options.epoch = 1;

        zk.fired = on_fired;
        zk.written = on_written;
        for (size_t i = 0; i < znode_parent_count; i++) znodes_put(&zk, znode_parents[i], "", 0);
        for (int r = 0; r < routes; r++) {
                (void)snprintf(name, sizeof name, "east%d->west", r);
                put_route(name, (uint32_t)lanes);
        }
        cluster = cluster_new(&options, now_ms);
        if (!cluster) abort();
        phase("lanes created", 100);
        for (int r = 0; r < routes; r++) {
                (void)snprintf(name, sizeof name, "east%d->west", r);
                discover(name, topics, partitions);
        }
        phase("partitions placed", 100);
        for (int i = 0; i < workers; i++) put_worker(i);
        phase("all lanes assigned", 5000);
        drop_workers(0, 1);
        phase("1 worker lost", 5000);
        drop_workers(1, workers / 10);
        phase("a tenth lost", 5000);
        for (int i = 0; i <= workers / 10; i++) put_worker(i);
        phase("they are back, 4 s", 4000);
        phase("40 s more", 40000);
        cluster_on_reconnected(cluster, now_ms);
        phase("read anew", 15000);
        cluster_free(cluster);
        znodes_fini(&zk);
        free(watched);
        return 0;
}
