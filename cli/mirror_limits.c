/* Limits and priorities of topics; and the limits of the route and of the process, divided over the lanes as a worker
 * does: by what they use, and what nobody asks for over all. */
#include <math.h>
#include <stdlib.h>

#include "cli/mirror_internal.h"
#include "common/flow_rules.h"
#include "worker/limit.h"

void mirror_flow_rules(struct mirror_run *run) {
        const char *values[FLOW_KINDS] = {run->spec.limit_topics_bytes, run->spec.limit_topics_records, run->spec.priority};
        char why[256] = "";
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                struct flow_rules *rules = NULL; /* its own of each lane */
                if (!*values[0] && !*values[1] && !*values[2]) return;
                if (flow_rules_new(values, &rules, why, sizeof why)) abort(); /* they were checked with the file: no memory */
                pump_set_flow_rules(run->lanes[i].pump, rules);
        }
}

static double lower(double a, double b) { return a <= 0 || (b > 0 && b < a) ? b : a; }

static size_t partitions_of(const Heliostat__Pb__Lane *record) {
        size_t count = 0;
        for (size_t i = 0; i < record->n_topics; i++) count += record->topics[i]->n_partitions;
        return count;
}

/* One kind.  0 in `shares`: no limit. */
static void divide(struct mirror_run *run, double total, bool bytes, int64_t passed_ms, double *shares) {
        struct limit_demand *demands = calloc(run->spec.lanes, sizeof *demands);
        size_t n = 0;
        if (!demands) abort();
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                const struct mirror_lane *lane = &run->lanes[i];
                size_t partitions = partitions_of(lane->record);
                if (!lane->pump || total <= 0) continue;
                const struct pump_flow now = pump_flow(lane->pump), *before = &lane->flow;
                uint64_t used = bytes ? now.bytes - before->bytes : now.records - before->records;
                bool waited = now.limited || now.limited_us - before->limited_us > passed_ms * 1000 / 20;
                demands[n++] = (struct limit_demand){
                        .weight = partitions ? (double)partitions : 1,
                        .rate = passed_ms ? (double)used * 1000 / (double)passed_ms : 0,
                        .limited = passed_ms && waited && now.by_bytes == bytes};
        }
        if (n) limit_divide(total, demands, n);
        for (uint32_t i = 0, k = 0; i < run->spec.lanes; i++)
                shares[i] = run->lanes[i].pump && total > 0 ? demands[k++].share : 0;
        free(demands);
}

static bool differs(double a, double b) { return fabs(a - b) > 0.01 * (a > b ? a : b); }

void mirror_divide_limits(struct mirror_run *run, int64_t passed_ms) {
        double records = lower((double)run->spec.limit_records_per_second, run->config->worker_limit_records_per_second);
        double bytes = lower((double)run->spec.limit_bytes_per_second, (double)run->config->worker_limit_bytes_per_second);
        if (records <= 0 && bytes <= 0) return;
        double *shares = calloc(run->spec.lanes, 2 * sizeof *shares);
        if (!shares) abort();
        divide(run, records, false, passed_ms, shares);
        divide(run, bytes, true, passed_ms, shares + run->spec.lanes);
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                struct mirror_lane *lane = &run->lanes[i];
                double of_records = shares[i], of_bytes = shares[run->spec.lanes + i];
                if (!lane->pump) continue;
                lane->flow = pump_flow(lane->pump);
                if (!differs(lane->told_records, of_records) && !differs(lane->told_bytes, of_bytes)) continue;
                lane->told_records = of_records;
                lane->told_bytes = of_bytes;
                pump_set_limits(lane->pump, of_records, of_bytes);
        }
        free(shares);
}
