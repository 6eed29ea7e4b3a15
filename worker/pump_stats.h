/* What a pump counts between two snapshots.  PURE. */
#ifndef HELIOSTAT_WORKER_PUMP_STATS_H
#define HELIOSTAT_WORKER_PUMP_STATS_H

#include "common/histogram.h"

#define PUMP_STATS_KINDS 7   /* enum halt_kind, enum halt_answer */

struct pump_stats {
        struct histogram latency;      /* source timestamp to acknowledgement */
        struct histogram commit;       /* of positions */
        struct histogram txn;          /* first record to the end */
        struct histogram txn_commit;
        uint64_t records, bytes;       /* acknowledged */
        uint64_t limited_us;           /* waited for limits */
        uint64_t commit_failures, txn_failures, recycles, dead_letters;
        uint64_t halts[PUMP_STATS_KINDS];   /* by kind */
        uint64_t answers[PUMP_STATS_KINDS]; /* carried out, by answer */
};

void pump_stats_merge(struct pump_stats *into, const struct pump_stats *from);

/* Of one partition, since the snapshot before; milliseconds. */
struct pump_latency {
        int64_t last, min, max, sum;
        uint64_t count;
};

static inline void pump_latency_add_many(struct pump_latency *latency, int64_t ms, uint64_t count) {
        if (latency->count == 0 || ms < latency->min) latency->min = ms;
        if (latency->count == 0 || ms > latency->max) latency->max = ms;
        latency->last = ms;
        latency->sum += ms * (int64_t)count;
        latency->count += count;
}

static inline void pump_latency_add(struct pump_latency *latency, int64_t ms) { pump_latency_add_many(latency, ms, 1); }

#endif
