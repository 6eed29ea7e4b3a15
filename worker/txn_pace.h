/* When a lane's transaction ends by time.  PURE.
 *
 * The moments for it are an interval apart, and each lane's lie elsewhere, so
 * that the lanes of a worker do not all stand still at once.  What a lane holds
 * at such a moment is committed: a record waits for half an interval on
 * average.  A lane that is behind goes on to a whole interval after its
 * transaction's first record instead, because an end costs the same whatever
 * it commits.  No record waits longer than an interval for the end to begin. */
#ifndef HELIOSTAT_WORKER_TXN_PACE_H
#define HELIOSTAT_WORKER_TXN_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The lane's first moment after now_ms. */
int64_t txn_pace_next(uint32_t interval_ms, uint32_t lane, int64_t now_ms);

/* At such a moment: when the transaction ends; now_ms or earlier: now.
 * begun_ms  of the first record, -1 for none
 * behind    more records wait already
 * first     of its producer: ends now, so that lanes that start together part */
int64_t txn_pace_end(uint32_t interval_ms, int64_t begun_ms, bool behind, bool first, int64_t now_ms);

#endif
