/* Limits and priorities of topics; and the limits of the route and of the process, divided over the lanes as a worker
 * does: by what they use, and what nobody asks for over all. */
#include <stdlib.h>

#include "cli/mirror_internal.h"
#include "common/codec.h"
#include "worker/limit.h"
#include "worker/pump_settings.h"

void mirror_flow_rules(struct mirror_run *run) {
        char why[256];
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                struct flow_rules *rules; /* its own of each lane */
                if (pump_flow_rules_of(&run->spec, &rules, why, sizeof why)) abort(); /* they were checked with the file: no memory */
                pump_set_flow_rules(run->lanes[i].pump, rules);
        }
}

static double lower(double a, double b) { return a <= 0 || (b > 0 && b < a) ? b : a; }

/* One kind; now: the flow of each lane.  0 in `shares`: no limit. */
static void divide(struct mirror_run *run, double total, bool bytes, const struct pump_flow *now, int64_t passed_ms, double *shares) {
        struct limit_demand *demands = calloc(run->spec.lanes, sizeof *demands);
        size_t n = 0, k = 0;
        if (!demands) abort();
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                const struct mirror_lane *lane = &run->lanes[i];
                if (!lane->pump || total <= 0) continue;
                uint32_t partitions = codec_lane_partitions(lane->record);
                uint64_t used = bytes ? now[i].bytes - lane->flow.bytes : now[i].records - lane->flow.records;
                demands[n++] = (struct limit_demand){
                        .weight = partitions ? partitions : 1,
                        .rate = passed_ms ? (double)used * 1000 / (double)passed_ms : 0,
                        .limited = passed_ms && pump_flow_limited(&lane->flow, &now[i], passed_ms) && now[i].by_bytes == bytes};
        }
        if (n) limit_divide(total, demands, n);
        for (uint32_t i = 0; i < run->spec.lanes; i++) shares[i] = run->lanes[i].pump && total > 0 ? demands[k++].share : 0;
        free(demands);
}

void mirror_divide_limits(struct mirror_run *run, int64_t passed_ms) {
        double of_records = lower((double)run->spec.limit_records_per_second, run->config->worker_limit_records_per_second);
        double of_bytes = lower((double)run->spec.limit_bytes_per_second, (double)run->config->worker_limit_bytes_per_second);
        if (of_records <= 0 && of_bytes <= 0) return;
        double *records = calloc(run->spec.lanes, sizeof *records), *bytes = calloc(run->spec.lanes, sizeof *bytes);
        struct pump_flow *now = calloc(run->spec.lanes, sizeof *now);
        if (!records || !bytes || !now) abort();
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (run->lanes[i].pump) now[i] = pump_flow(run->lanes[i].pump);
        divide(run, of_records, false, now, passed_ms, records);
        divide(run, of_bytes, true, now, passed_ms, bytes);
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                struct mirror_lane *lane = &run->lanes[i];
                if (!lane->pump) continue;
                lane->flow = now[i];
                if (!limit_share_differs(lane->told_records, records[i]) && !limit_share_differs(lane->told_bytes, bytes[i])) continue;
                lane->told_records = records[i];
                lane->told_bytes = bytes[i];
                pump_set_limits(lane->pump, records[i], bytes[i]);
        }
        free(records);
        free(bytes);
        free(now);
}
