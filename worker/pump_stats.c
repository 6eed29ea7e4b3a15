#include "worker/pump_stats.h"

void pump_stats_merge(struct pump_stats *into, const struct pump_stats *from) {
        histogram_merge(&into->latency, &from->latency);
        histogram_merge(&into->commit, &from->commit);
        histogram_merge(&into->txn, &from->txn);
        histogram_merge(&into->txn_commit, &from->txn_commit);
        into->records += from->records;
        into->bytes += from->bytes;
        into->limited_us += from->limited_us;
        into->commit_failures += from->commit_failures;
        into->txn_failures += from->txn_failures;
        into->recycles += from->recycles;
        into->dead_letters += from->dead_letters;
        for (int i = 0; i < PUMP_STATS_KINDS; i++) {
                into->halts[i] += from->halts[i];
                into->answers[i] += from->answers[i];
        }
}
