/* Reads the workers' reports for the leader's core, all of them once in
 * `rebalance.interval.seconds` and a few at a time: with 500 workers this is some
 * 17 reads a second and no watch. */
#ifndef HELIOSTAT_COORDINATOR_LOADS_H
#define HELIOSTAT_COORDINATOR_LOADS_H

#include "common/zk.h"
#include "coordinator/store.h"

struct loads;

/* Borrows all.  NULL on no memory.  Reads nothing while the store does not lead. */
struct loads *loads_new(uv_loop_t *loop, struct zk *zk, struct store *store);
/* 0: never.  From the next round on. */
void loads_every(struct loads *loads, uint32_t interval_s);
/* No rounds any more; what is under way is dropped. */
void loads_stop(struct loads *loads);

#endif
