/* What is told about lanes that change hands, for metrics and events. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/cluster.h"
#include "coordinator/cluster_internal.h"

static void tell(struct cluster *cluster, const struct lane *lane, bool done, int64_t duration_ms) {
        struct move *move = calloc(1, sizeof *move);
        if (!move) return; /* a figure that is lost is no reason to stop */
        move->told = (struct cluster_move){.done = done, .reason = lane->cause, .lane = lane->number, .duration_ms = duration_ms,
                                           .route = strdup(lane->route->name), .worker = strdup(lane->owner ? lane->owner->id : "")};
        if (!move->told.route || !move->told.worker) {
                free(move->told.route);
                free(move->told.worker);
                free(move);
                return;
        }
        *cluster->move_tail = move;
        cluster->move_tail = &move->next;
}

bool cluster_next_move(struct cluster *cluster, struct cluster_move *out) {
        struct move *move = cluster->move_head;
        if (!move) return false;
        cluster->move_head = move->next;
        if (!cluster->move_head) cluster->move_tail = &cluster->move_head;
        *out = move->told;
        free(move);
        return true;
}

static bool is_planned(const char *cause) {
        static const char *const planned[] = {"move", "stuck", "drained", "pinned"};
        for (size_t i = 0; cause && i < sizeof planned / sizeof *planned; i++)
                if (strcmp(cause, planned[i]) == 0) return true;
        return false;
}

/* From the word to its owner until the next one has claimed it, so that no more
 * than so many lanes stand still.  A leader that is new knows of the word alone. */
bool cluster_move_counts(const struct cluster *cluster, const struct lane *lane, int64_t now_ms) {
        if (lane->record->state == HELIOSTAT__PB__LANE_STATE__LANE_REVOKING)
                return now_ms - lane->since_ms < (int64_t)cluster->options.release_patience_ms;
        return is_planned(lane->cause) && now_ms - lane->cause_ms < (int64_t)cluster->options.release_patience_ms;
}

/* A lane that is revoked to be given to another is FREE in between. */
static bool arrived(const struct lane *lane) {
        if (lane->record->state == HELIOSTAT__PB__LANE_STATE__LANE_OWNED) return true;
        return lane->record->state == HELIOSTAT__PB__LANE_STATE__LANE_FREE &&
               (!lane->route->spec || strcmp(lane->cause, CLUSTER_REASON_DISABLED) == 0 ||
                strcmp(lane->cause, CLUSTER_REASON_EMPTY) == 0);
}

void cluster_move_look(struct cluster *cluster, struct lane *lane, int64_t now_ms) {
        if (!lane->cause || !lane->record || !arrived(lane)) return;
        tell(cluster, lane, true, now_ms - lane->cause_ms);
        if (is_planned(lane->cause)) cluster->dirty = true; /* the next may go */
        lane->cause = NULL;
}

void cluster_moves_decided(struct cluster *cluster, const struct cluster_step *step, int64_t now_ms) {
        for (size_t i = 0; i < step->decision_count; i++) {
                const struct cluster_decision *decision = &step->decisions[i];
                if (decision->topic) {
                        cluster_partition_event(cluster, decision);
                        continue;
                }
                struct object *object = decision->reason ? object_find(cluster, &decision->ref) : NULL;
                struct lane *lane = object ? object->of : NULL;
                if (!lane || lane->cause) continue; /* it goes on with what it was for */
                lane->cause = decision->reason;
                lane->cause_ms = now_ms;
                tell(cluster, lane, false, 0);
                cluster_move_look(cluster, lane, now_ms);
        }
}
