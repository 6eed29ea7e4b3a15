/* When a lane's transaction ends by time.  PURE.
 *
 * The moments for it are an interval apart, and each lane's lie elsewhere, so
 * that the lanes of a worker do not all stand still at once.  What a lane holds
 * at such a moment is committed: a record waits for half an interval on
 * average.  A lane that is behind goes on to a whole interval after its
 * transaction's first record instead, because an end costs the same whatever
 * it commits, and nothing is sent meanwhile.  No record waits longer than an interval
 * for the end to begin, but where all that the transaction has is of partitions far
 * behind: up to TXN_PACE_FAR intervals, and two seconds, are little beside what these
 * have left.  Such a one ends at a moment of the lane's, the last that is early enough:
 * counted from first records, lanes that once ended together did so ever after. */
#ifndef HELIOSTAT_WORKER_TXN_PACE_H
#define HELIOSTAT_WORKER_TXN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define TXN_PACE_FAR 4
#define TXN_PACE_FAR_MS 2000

/* The lane's first moment after now_ms. */
int64_t txn_pace_next(uint32_t interval_ms, uint32_t lane, int64_t now_ms);

/* At such a moment: when the transaction ends; now_ms or earlier: now.
 * begun_ms  of the first record, -1 for none
 * pace      more records wait already; far more than it has, in each of its partitions
 * first     of its producer: ends now, so that lanes that start together part */
enum txn_pace { TXN_LIVE, TXN_BEHIND, TXN_FAR_BEHIND };
int64_t txn_pace_end(uint32_t interval_ms, int64_t begun_ms, enum txn_pace pace, bool first, int64_t now_ms);

/* A partition that has so many records in the transaction, and so many left: at this speed they take twice as long
 * as the transaction has lasted. */
static inline bool txn_pace_far(int64_t has, int64_t left) { return left / 2 >= has; }

#endif
