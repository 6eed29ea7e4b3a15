/* Which of a worker's lanes come into which chunk of its report.  PURE.
 *
 * A lane that a chunk has room for is told whole.  A larger one is told in parts
 * with a part of its partitions each, which report_join.h puts together.  So a
 * chunk's lanes take REPORT_CHUNK_BYTES at most, and the chunk stays below
 * ZNODE_DATA_MAX, whatever the lanes: one of 50,000 partitions, the most there are,
 * takes 57 chunks where all topics have 249 bytes and all errors 160.  Rejected:
 * leaving out errors, for the rows alone may be 15 MB. */
#ifndef HELIOSTAT_WORKER_REPORT_CUT_H
#define HELIOSTAT_WORKER_REPORT_CUT_H

#include <stddef.h>

#include "heliostat.pb-c.h"

#define REPORT_CHUNK_BYTES (400 * 1024)

/* All 0 at first. */
struct report_cut {
        size_t lane, row; /* where the next chunk begins */
        Heliostat__Pb__LaneReport part;
};

/* The next chunk: how many lanes it tells, and which.  lanes has count, out room
 * for as many; out borrows lanes and cut, until the next call.  cut->lane is count
 * behind the last one. */
size_t report_cut_next(struct report_cut *cut, Heliostat__Pb__LaneReport *const *lanes, size_t count,
                       Heliostat__Pb__LaneReport **out);

#endif
