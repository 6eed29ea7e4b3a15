/* What operators want of the placement: pins and drained workers, as /op has
 * them.  Wishes are kept for what does not exist yet, or not now: a worker that
 * comes back is still drained, and gets its pinned lanes back.  Rejected: one
 * znode for each request, to be deleted when it is done; a lane that was moved
 * once would go back with the next planning, and a leader that dies in between
 * would leave requests that nobody asks for any more. */
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/cluster_internal.h"

bool cluster_drains(const struct cluster *cluster, const char *id) {
        for (size_t i = 0; cluster->placement && i < cluster->placement->n_drained; i++)
                if (strcmp(cluster->placement->drained[i]->worker, id) == 0) return true;
        return false;
}

void cluster_pin_lanes(struct cluster *cluster) {
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++)
                        cluster->routes[i]->lanes[k]->pin = NULL;
        for (size_t i = 0; cluster->placement && i < cluster->placement->n_pins; i++) {
                const Heliostat__Pb__Pin *pin = cluster->placement->pins[i];
                const struct route *route = cluster_find_route(cluster, pin->route);
                if (route && pin->lane < route->lane_count) route->lanes[pin->lane]->pin = pin->worker;
        }
}

int cluster_op_take(struct cluster *cluster, int code, const void *data, size_t bytes,
                    int32_t version) {
        Heliostat__Pb__Placement *placement = NULL;
        if (code != 0) version = -1;
        if (version == cluster->op_version) return 0;
        if (code == 0 && bytes > 0) {
                int rc = codec_unpack_placement(data, bytes, &placement);
                if (rc == ERR_NOMEM) return rc;
                if (rc) {
                        cluster->op_version = version;
                        cluster_notice(cluster, "coordinator.unreadable",
                                       "znode=/op error=\"%s\" note=\"pins and drained workers stay as they "
                                       "were known\"", err_text(rc));
                        return 0;
                }
        }
        cluster_op_events(cluster, placement);
        /* what was asked of an earlier leader is not asked again */
        if (cluster->narrates && placement && placement->rebalance > (cluster->placement ? cluster->placement->rebalance : 0))
                cluster->tight_due = true;
        codec_free(cluster->placement);
        cluster->placement = placement;
        cluster->op_version = version;
        for (size_t i = 0; i < cluster->worker_count; i++)
                cluster->workers[i]->drained = cluster_drains(cluster, cluster->workers[i]->id);
        cluster->dirty = cluster->plan_dirty = true;
        if (placement)
                cluster_notice(cluster, "coordinator.placement", "pins=%zu drained=%zu version=%d",
                               placement->n_pins, placement->n_drained, version);
        return 0;
}
