/* How limits are divided over the lanes of this worker.
 *
 * A route's limit: by number, to the workers (each has as much of it as it has of the
 * route's lanes with partitions: the assignment says how many there are), and by
 * demand to the worker's lanes.  The worker's own limit: by demand to all its lanes.
 * Demand is what a lane took in the last second, and whether it was kept back; each
 * lane holds its share by itself, so that no loop waits for another.
 *
 * Dividing a route's limit over workers by demand too was rejected: it needs a
 * channel between them, or a leader, and limits must hold while neither is there. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/limit.h"
#include "worker/worker_internal.h"

#define DIVIDE_MS 1000

struct row {
        struct worker_lane *lane;
        const Heliostat__Pb__Route *spec;
        double share; /* of the kind that is being divided; 0: no limit */
        size_t demand;
};

static double rate_of(const struct worker_lane *lane, bool bytes) {
        return bytes ? lane->link->bytes_rate : lane->link->records_rate;
}

static struct limit_demand demand_of(const struct row *row, bool bytes) {
        const struct pump_snapshot *snapshot = row->lane->snapshot;
        return (struct limit_demand){
                .weight = snapshot && snapshot->count ? (double)snapshot->count : 1,
                .rate = rate_of(row->lane, bytes), .limited = row->lane->link->limited && row->lane->link->flow.by_bytes == bytes, /* of the other kind it wants no more */
        };
}

static double part_of_route(const struct row *rows, size_t count, const struct row *first, double limit) {
        uint32_t own = 0, all = first->lane->route_lanes ? first->lane->route_lanes : first->spec->lanes;
        for (size_t i = 0; i < count; i++) own += strcmp(rows[i].lane->route, first->lane->route) == 0;
        return limit * own / (all > own ? all : own);
}

/* One kind, records or bytes, over all lanes. */
static void divide(struct worker *worker, struct row *rows, size_t count, struct limit_demand *demands, bool bytes) {
        const struct config *config = config_shared_get(worker->shared);
        for (size_t i = 0; i < count; i++) rows[i].share = -1;
        for (size_t i = 0; i < count; i++) {
                const Heliostat__Pb__Route *spec = rows[i].spec;
                double limit = bytes ? (double)spec->limit_bytes_per_second : (double)spec->limit_records_per_second;
                size_t n = 0;
                if (rows[i].share >= 0) continue; /* of a route that has had its turn */
                for (size_t k = i; k < count; k++) {
                        if (strcmp(rows[k].lane->route, rows[i].lane->route) != 0) continue;
                        rows[k].share = 0;
                        rows[k].demand = n;
                        demands[n++] = demand_of(&rows[k], bytes);
                }
                if (limit <= 0) continue;
                limit_divide(part_of_route(rows, count, &rows[i], limit), demands, n);
                for (size_t k = i; k < count; k++)
                        if (strcmp(rows[k].lane->route, rows[i].lane->route) == 0) rows[k].share = demands[rows[k].demand].share;
        }
        double total = bytes ? (double)config->worker_limit_bytes_per_second : config->worker_limit_records_per_second;
        if (total <= 0) return;
        for (size_t i = 0; i < count; i++) {
                demands[i] = demand_of(&rows[i], bytes);
                /* What its route does not allow it need not be kept for it. */
                if (rows[i].share > 0 && rows[i].share < demands[i].rate * 1.25) {
                        demands[i].rate = rows[i].share;
                        demands[i].limited = false;
                }
        }
        limit_divide(total, demands, count);
        for (size_t i = 0; i < count; i++)
                if (rows[i].share <= 0 || demands[i].share < rows[i].share) rows[i].share = demands[i].share;
}

void limits_divide(struct worker *worker) {
        size_t count = 0, n = 0;
        for (struct worker_lane *l = worker->lanes; l; l = l->next) count += l->link != NULL;
        if (count == 0) return;
        struct row *rows = calloc(count, sizeof *rows);
        struct limit_demand *demands = calloc(count, sizeof *demands);
        double *records = calloc(count, sizeof *records);
        if (!rows || !demands || !records) abort();
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                if (!l->link) continue;
                struct worker_route *route = worker->routes;
                while (route && strcmp(route->name, l->route) != 0) route = route->next;
                if (route && route->spec) rows[n++] = (struct row){.lane = l, .spec = route->spec};
        }
        divide(worker, rows, n, demands, false);
        for (size_t i = 0; i < n; i++) records[i] = rows[i].share;
        divide(worker, rows, n, demands, true);
        for (size_t i = 0; i < n; i++) {
                struct lane_pump_link *link = rows[i].lane->link;
                if (!limit_share_differs(link->told_records, records[i]) && !limit_share_differs(link->told_bytes, rows[i].share)) continue;
                link->told_records = records[i];
                link->told_bytes = rows[i].share;
                pump_set_limits(link->pump, records[i], rows[i].share);
        }
        free(rows);
        free(demands);
        free(records);
}

void limits_house(struct worker *worker, int64_t now_ms) {
        int64_t passed_ms = now_ms - worker->limits_ms;
        if (passed_ms < DIVIDE_MS) return;
        worker->limits_ms = now_ms;
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                if (!l->link) continue;
                struct pump_flow flow = pump_flow(l->link->pump), *before = &l->link->flow;
                l->link->records_rate = (double)(flow.records - before->records) * 1000 / (double)passed_ms;
                l->link->bytes_rate = (double)(flow.bytes - before->bytes) * 1000 / (double)passed_ms;
                l->link->limited = pump_flow_limited(before, &flow, passed_ms);
                *before = flow;
        }
        limits_divide(worker);
}
