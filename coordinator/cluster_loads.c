/* What the workers' reports say of the load, and what follows from it: the
 * weights that lanes are planned with, the quiet times in which the plan is made
 * tight, and lanes that leave an owner who gets them nowhere.
 *
 * Weights are taken over in quiet times only, when every lane is where it is to
 * be: between them the plan is made with the same weights, so that the loss of a
 * worker moves its lanes and no others.  Rejected: planning with the newest
 * weights at each change; whatever drifted meanwhile would move with the loss,
 * when moves hurt most. */
#include <stdlib.h>
#include <string.h>

#include "common/lane_weight.h"
#include "coordinator/cluster_internal.h"

#define TOLD_MS 300000 /* what was told longer ago says nothing any more */

uint32_t lane_plan_weight(const struct lane *lane) { return lane->load_weight ? lane->load_weight : lane->weight; }

const char *cluster_worker_after(const struct cluster *cluster, const char *id) {
        for (size_t i = 0; i < cluster->worker_count; i++) /* sorted by id */
                if (cluster->workers[i]->alive && strcmp(cluster->workers[i]->id, id) > 0) return cluster->workers[i]->id;
        return NULL;
}

void cluster_load_changed(struct cluster *cluster, int64_t now_ms) {
        int64_t after_ms = now_ms + cluster->options.rebalance_settle_ms;
        if (after_ms > cluster->quiet_after_ms) cluster->quiet_after_ms = after_ms;
}

/* ---- a report ------------------------------------------------------------ */

static struct told told_of(const struct lane *lane, const Heliostat__Pb__LaneReport *report, int64_t now_ms) {
        struct told told = {.at_ms = now_ms, .generation = report->generation, .measured = report->measured};
        struct lane_load load = {report->n_partitions, report->bytes_rate, report->records_rate, 0};
        size_t stalled = 0, moving = 0, flowing = 0;
        for (size_t i = 0; i < report->n_partitions; i++) {
                const Heliostat__Pb__PartitionReport *p = report->partitions[i];
                bool runs = p->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                bool still = p->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
                bool behind = p->position >= 0 && p->end_offset > p->position;
                stalled += still;
                moving += runs && behind;
                flowing += runs && p->rate > 0;
                if ((runs || still) && behind) load.lag += (uint64_t)(p->end_offset - p->position);
        }
        bool closed = report->n_partitions == 0 && lane->weight > lane->leaving; /* its owner has not opened it, or not again */
        told.stalled = closed || (stalled && !moving && !flowing);
        told.moves = flowing > 0;
        told.weight = lane_weight(&load);
        return told;
}

void cluster_on_report(struct cluster *cluster, int64_t now_ms, const Heliostat__Pb__Report *report) {
        const struct worker *worker = cluster_find_worker(cluster, report->worker);
        if (!worker || !worker->alive || strcmp(worker->incarnation, report->incarnation) != 0) return;
        for (size_t i = 0; i < report->n_lanes; i++) {
                const struct route *route = cluster_find_route(cluster, report->lanes[i]->route);
                if (!route || report->lanes[i]->lane >= route->lane_count) continue;
                struct lane *lane = route->lanes[report->lanes[i]->lane];
                if (lane->owner != worker || !lane->record || lane->record->generation != report->lanes[i]->generation) continue;
                lane->told = told_of(lane, report->lanes[i], now_ms);
                cluster_spread_note(cluster, lane, report->lanes[i]);
        }
}

static bool lane_told(const struct lane *lane, int64_t now_ms) {
        return lane->record && lane->record->state == (int)OWNED && lane_owner_present(lane) && lane->told.at_ms &&
               now_ms - lane->told.at_ms < TOLD_MS && lane->told.generation == lane->record->generation;
}

bool lane_moves(const struct lane *lane, int64_t now_ms) { return lane_told(lane, now_ms) && lane->told.moves; }

/* ---- lanes that get nowhere ---------------------------------------------- */

bool lane_awaited(const struct lane *lane) {
        return lane->record && lane->record->state == (int)ASSIGNED && lane_owner_present(lane) && !lane->owner->draining;
}

/* Some other worker's lane of the route moves on. */
static bool others_move(const struct route *route, const struct worker *owner, int64_t now_ms) {
        for (size_t k = 0; k < route->lane_count; k++) {
                const struct lane *lane = route->lanes[k];
                if (lane->owner != owner && lane_moves(lane, now_ms)) return true;
        }
        return false;
}

static bool worker_moves_any(const struct cluster *cluster, const struct worker *worker, int64_t now_ms) {
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        const struct lane *lane = cluster->routes[i]->lanes[k];
                        if (lane->owner == worker && lane_moves(lane, now_ms)) return true;
                }
        return false;
}

static void lane_leaves(struct cluster *cluster, struct lane *lane, int64_t now_ms) {
        struct worker *owner = lane->owner;
        char *avoid = strdup(owner->id);
        if (!avoid) return; /* it stays */
        free(lane->avoid);
        lane->avoid = avoid;
        if (!worker_moves_any(cluster, owner, now_ms) && owner->ailing_until_ms <= now_ms)
                owner->ailing_until_ms = now_ms + stuck_ailing_ms(owner->ailings++);
        cluster->dirty = cluster->plan_dirty = true;
        cluster_notice(cluster, "coordinator.stuck", "route=%s lane=%u worker=%s try=%u ailing=%s note=\"%s while other workers "
                       "mirror this route\"", lane->route->name, lane->number, owner->id,
                       lane->stuck.tries, owner->ailing_until_ms > now_ms ? "true" : "false",
                       lane_awaited(lane) ? "it is not opened" : "its partitions are stalled");
}

static void look_for_stuck(struct cluster *cluster, int64_t now_ms) {
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        bool awaited = lane_awaited(lane);
                        if (!awaited && !lane_told(lane, now_ms)) continue;
                        struct stuck_facts facts = {.stalled = awaited || lane->told.stalled};
                        if (facts.stalled) facts.others_move = others_move(route, lane->owner, now_ms);
                        if (stuck_look(&lane->stuck, &facts, now_ms)) lane_leaves(cluster, lane, now_ms);
                        if (stuck_remembers(&lane->stuck) || !lane->avoid) continue;
                        free(lane->avoid);
                        lane->avoid = NULL;
                        cluster->dirty = cluster->plan_dirty = true;
                }
        }
        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                bool ailing = worker->ailing_until_ms > now_ms;
                if (worker->ailing == ailing) continue;
                worker->ailing = ailing;
                cluster->dirty = cluster->plan_dirty = true;
        }
}

/* ---- weights ------------------------------------------------------------- */

/* Its owner neither opens it nor gives it back: the others need not wait for that. */
static bool lane_hangs(const struct lane *lane, int64_t now_ms) {
        if (lane_awaited(lane))
                return stuck_given_up(&lane->stuck) || now_ms - lane->since_ms >= STUCK_PATIENCE_MS;
        return lane->record->state == (int)REVOKING && lane_owner_present(lane) && now_ms - lane->since_ms >= STUCK_PATIENCE_MS;
}

/* A lane that is to move to this one waits for that (cluster_step.c, lane_late). */
static bool worker_hangs(const struct route *route, const struct worker *worker, int64_t now_ms) {
        for (size_t k = 0; k < route->lane_count; k++)
                if (route->lanes[k]->owner == worker && route->lanes[k]->record && lane_hangs(route->lanes[k], now_ms)) return true;
        return false;
}

/* Every lane is where it is to be, has been for a while, and is measured: half the
 * weights with the other half's partitions would be no plan. */
bool cluster_quiet(const struct cluster *cluster, int64_t now_ms) {
        if (now_ms < cluster->quiet_after_ms || cluster->unknown_count) return false;
        for (size_t i = 0; i < cluster->route_count; i++) {
                const struct route *route = cluster->routes[i];
                for (size_t k = 0; k < route->lane_count; k++) {
                        const struct lane *lane = route->lanes[k];
                        if (!lane->record || !lane->planned) continue;
                        if (lane_hangs(lane, now_ms) || (lane->owner != lane->planned && worker_hangs(route, lane->planned, now_ms))) continue;
                        if (lane->record->state != (int)OWNED || lane->owner != lane->planned || !lane_owner_present(lane))
                                return false;
                        if (lane_told(lane, now_ms) && !lane->told.measured) return false; /* it will be soon */
                }
        }
        return true;
}

void cluster_weigh(struct cluster *cluster, int64_t now_ms) {
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        struct lane *lane = cluster->routes[i]->lanes[k];
                        if (!lane_told(lane, now_ms) || (!lane->told.measured && lane->load_weight)) continue;
                        /* What stands still has its load all the same: its worker has no room for others. */
                        if (lane->told.stalled && lane->load_weight) continue;
                        uint32_t weight = lane_weight_keep(lane->load_weight, lane->told.weight);
                        if (weight == lane->load_weight) continue;
                        lane->load_weight = weight;
                        cluster->dirty = cluster->plan_dirty = true;
                }
}

void cluster_on_reports_read(struct cluster *cluster, int64_t now_ms) {
        look_for_stuck(cluster, now_ms);
        cluster_spread_share(cluster);
        if (!cluster->options.rebalance_percent || !cluster_quiet(cluster, now_ms)) return;
        cluster_weigh(cluster, now_ms);
        cluster->ease_due = cluster->dirty = cluster->plan_dirty = true;
        cluster->spread_due = now_ms >= cluster->spread_after_ms;
}

void cluster_on_options(struct cluster *cluster, const struct cluster_options *options) {
        cluster->options.moves_max = options->moves_max;
        cluster->options.rebalance_settle_ms = options->rebalance_settle_ms;
        cluster->options.rebalance_percent = options->rebalance_percent;
        cluster->options.partitions_max = options->partitions_max;
        if (options->rebalance_percent) return;
        for (size_t i = 0; i < cluster->route_count; i++) /* what was measured counts no longer */
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        if (!cluster->routes[i]->lanes[k]->load_weight) continue;
                        cluster->routes[i]->lanes[k]->load_weight = 0;
                        cluster->dirty = cluster->plan_dirty = true;
                }
}
