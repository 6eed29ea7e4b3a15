/* What a lane weighs for the planner, from what its worker measured.  PURE.
 *
 * One unit is 1 KiB/s of records, or one partition at rest.  A record costs as
 * much as 300 bytes.  What lies behind counts as if it were to be mirrored in
 * five minutes, but never for more than what flows: a lane that catches up does
 * not look like ten lanes, and a lane that stands still has no weight for that. */
#ifndef HELIOSTAT_COMMON_LANE_WEIGHT_H
#define HELIOSTAT_COMMON_LANE_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rates of a lane, smoothed over about a minute: the newest RATE_SMOOTH_MS count
 * for as much as all before. */
#define RATE_SMOOTH_MS 60000
#define RATE_MEASURED_MS 10000 /* before, the figures are of the start: catching up, first fetches */
struct lane_rate {
        double bytes, records, mass; /* mass: how much of the sums was measured, 0 to 1 */
        uint64_t last_bytes, last_records;
        int64_t last_ms, since_ms;   /* 0: nothing measured */
};
/* The counters stand there at now_ms; one that shrinks begins anew. */
void lane_rate_note(struct lane_rate *rate, int64_t now_ms, uint64_t records, uint64_t bytes);
/* Per second, rounded to four steps an octave: a report changes when the load does. */
uint64_t lane_rate_bytes(const struct lane_rate *rate);
uint64_t lane_rate_records(const struct lane_rate *rate);
bool lane_rate_measured(const struct lane_rate *rate);

struct lane_load {
        size_t partitions;
        uint64_t bytes_rate, records_rate; /* per second */
        uint64_t lag;                      /* records that could be mirrored now */
};
/* At least 1. */
uint32_t lane_weight(const struct lane_load *load);

/* The weight to plan with: `kept` (0: none yet) as long as `fresh` is within a
 * third of it, else fresh in four steps an octave.  So noise changes no plan. */
uint32_t lane_weight_keep(uint32_t kept, uint32_t fresh);

#endif
