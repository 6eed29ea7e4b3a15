/* The moves are computed here by the leader's own function, from what ZooKeeper says: for
 * --dry-run, and to know when it is done.  The leader computes them again; it is only told that
 * somebody asks.  Rejected: pinning the lanes one by one from here; an interrupted command would
 * leave pins that nobody asked for. */
#include "cli/rebalance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/field.h"
#include "cli/zk_sync.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"
#include "coordinator/plan.h"

#define TIMEOUT_S 60
#define CONFLICTS_MAX 20
#define LOOK_MS 300
#define STILL_MS 5000

struct moves {
        struct plan_member *members;
        struct plan_lane *lanes;
        size_t member_count, lane_count;
        size_t unowned; /* lanes on their way */
        struct plan plan;
};

static void moves_fini(struct moves *m) {
        plan_fini(&m->plan);
        free(m->members);
        free(m->lanes);
        *m = (struct moves){0};
}

static bool runs(const struct snapshot *s, const char *name) {
        for (size_t i = 0; i < s->route_count; i++)
                if (strcmp(s->routes[i].name, name) == 0) return s->routes[i].enabled && !s->routes[i].removed;
        return false;
}

/* by_load: with measured weights, as a leader does unless rebalance.imbalance.percent is 0. */
static int moves_compute(const struct snapshot *s, bool by_load, struct moves *m) {
        m->members = calloc(s->worker_count + 1, sizeof *m->members);
        m->lanes = calloc(s->lane_count + 1, sizeof *m->lanes);
        if (!m->members || !m->lanes) return ERR_NOMEM;
        for (size_t i = 0; i < s->worker_count; i++) {
                const struct status_worker *w = &s->workers[i];
                if (w->unreadable || !w->capacity) continue;
                m->members[m->member_count++] = (struct plan_member){
                        .id = w->id, .capacity = w->capacity, .draining = w->draining || w->drained, .zone = w->zone};
        }
        for (size_t i = 0; i < s->lane_count; i++) {
                const struct status_lane *l = &s->lanes[i];
                if (l->unreadable || !l->partitions || !runs(s, l->route)) continue;
                bool owned = l->worker && l->worker_live && strcmp(l->record_state, "REVOKING") != 0;
                if (!owned || strcmp(l->record_state, "OWNED") != 0) m->unowned++;
                m->lanes[m->lane_count++] =
                        (struct plan_lane){.route = l->route, .lane = l->lane, .weight = by_load && l->weight ? l->weight : (uint32_t)l->partitions,
                                           .owner = owned ? l->worker : NULL, .pin = l->pin};
        }
        const struct plan_view view = {.members = m->members, .member_count = m->member_count, .lanes = m->lanes,
                                       .lane_count = m->lane_count, .tight = true};
        return plan_compute(&view, &m->plan);
}

/* The fullest worker's load to the mean, by capacity; 0: nobody is usable. */
static double imbalance(const struct moves *m, bool planned) {
        double total = 0, capacity = 0, most = 0;
        for (size_t k = 0; k < m->member_count; k++) {
                uint64_t weight = 0;
                if (m->members[k].draining) continue;
                for (size_t i = 0; i < m->lane_count; i++) {
                        const char *owner = m->lanes[i].owner;
                        weight += (planned ? m->plan.owner[i] == k : owner && strcmp(owner, m->members[k].id) == 0) ? m->lanes[i].weight : 0;
                }
                if ((double)weight / m->members[k].capacity > most) most = (double)weight / m->members[k].capacity;
                total += (double)weight;
                capacity += m->members[k].capacity;
        }
        return total > 0 ? most / (total / capacity) : 0;
}

static void moves_print(const struct moves *m) {
        for (size_t i = 0; i < m->lane_count; i++) {
                uint32_t to = m->plan.owner[i];
                const struct plan_lane *l = &m->lanes[i];
                if (to == PLAN_NOBODY || !l->owner || strcmp(l->owner, m->members[to].id) == 0) continue;
                printf("lane %u of %s: %s -> %s (weight %u)\n", l->lane, l->route, l->owner, m->members[to].id, l->weight);
        }
        for (size_t k = 0; k < m->member_count; k++) {
                uint64_t before = 0, after = 0;
                for (size_t i = 0; i < m->lane_count; i++) {
                        if (m->lanes[i].owner && strcmp(m->lanes[i].owner, m->members[k].id) == 0) before += m->lanes[i].weight;
                        if (m->plan.owner[i] == k) after += m->lanes[i].weight;
                }
                printf("worker %s: %llu -> %llu\n", m->members[k].id, (unsigned long long)before, (unsigned long long)after);
        }
        printf("the fullest worker to the mean: %.2f -> %.2f\n", imbalance(m, false), imbalance(m, true));
}

static uint64_t owners_print(const struct moves *m) {
        uint64_t hash = 0xcbf29ce484222325u;
        for (size_t i = 0; i < m->lane_count; i++)
                for (const char *c = m->lanes[i].owner ? m->lanes[i].owner : "-"; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
        return hash;
}

/* Writes the wish into /op. */
static int ask(const struct config *config, unsigned timeout_s) {
        struct zk_sync *sync;
        int rc = zk_sync_open(config, "rebalance", timeout_s, &sync);
        if (rc) {
                cli_error("rebalance: ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                return CLI_FAILED;
        }
        int exit_code = CLI_FAILED;
        for (int attempt = 0; attempt < CONFLICTS_MAX; attempt++) {
                Heliostat__Pb__Placement empty = HELIOSTAT__PB__PLACEMENT__INIT, *op = NULL;
                struct zk_stat stat;
                void *data = NULL;
                size_t bytes = 0;
                rc = zk_sync_get(sync, ZNODE_OPS, &data, &bytes, &stat); /* `apply` and coordinators make it */
                if (!rc && bytes) rc = codec_unpack_placement(data, bytes, &op);
                free(data);
                if (rc) break;
                Heliostat__Pb__Placement changed = op ? *op : empty;
                changed.rebalance++;
                rc = codec_pack(&changed.base, &data, &bytes);
                codec_free(op);
                if (rc) break;
                rc = zk_sync_set(sync, ZNODE_OPS, data, bytes, stat.version);
                free(data);
                /* after a lost answer it is asked for a second time, which does no harm */
                if (rc != ERR_VERSION && rc != ERR_CONNECTION) break;
        }
        exit_code = rc ? zk_sync_explain(sync, ZNODE_OPS, rc) : CLI_OK;
        zk_sync_close(sync);
        return exit_code;
}

int cli_rebalance(const struct verb_args *args) {
        struct field field;
        struct moves moves = {0};
        bool dry_run = verb_has(args, "dry-run");
        int exit_code = field_open_config(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        bool by_load = field.config.rebalance_imbalance_percent > 0;
        exit_code = field_read(&field);
        int rc = exit_code ? 0 : moves_compute(&field.snapshot, by_load, &moves);
        if (rc) {
                cli_error("rebalance: %s", err_text(rc));
                exit_code = CLI_FAILED;
        }
        size_t wanted = moves.plan.move_count;
        if (!exit_code && !wanted) puts("the loads are as even as moves of single lanes make them");
        else if (!exit_code) moves_print(&moves);
        if (!exit_code && dry_run) puts("dry run: nothing was written");
        moves_fini(&moves);
        if (!exit_code && wanted && !dry_run) exit_code = ask(&field.config, field.timeout_s);
        uint64_t seen = 0;
        int64_t still_ms = clock_boot_ms();
        int64_t until_ms = clock_boot_ms() + (int64_t)field.timeout_s * 1000;
        while (!exit_code && wanted && !dry_run && !verb_has(args, "no-wait")) {
                (void)usleep(LOOK_MS * 1000);
                exit_code = field_read(&field);
                if (exit_code || moves_compute(&field.snapshot, by_load, &moves)) break;
                /* the leader has weighed the lanes a little earlier or later: where nothing moves any
                 * more, its plan is done */
                uint64_t print = owners_print(&moves);
                if (print != seen || moves.unowned) still_ms = clock_boot_ms();
                seen = print;
                size_t left = clock_boot_ms() - still_ms >= STILL_MS ? 0 : moves.plan.move_count + moves.unowned;
                moves_fini(&moves);
                if (!left) {
                        puts("done");
                        break;
                }
                if (clock_boot_ms() < until_ms) continue;
                cli_error("rebalance: %zu lanes are not where they are to be after %u s; does a coordinator lead? 'heliostat status' tells",
                          left, field.timeout_s);
                exit_code = CLI_FAILED;
        }
        moves_fini(&moves);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        field_close(&field);
        return exit_code;
}
