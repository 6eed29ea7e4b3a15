/* The chunks of a worker's report, put together.  PURE.
 *
 * A lane that is larger than a chunk stands in several, one after the other: each
 * part has the lane's own fields and some of its partitions (worker/report_cut.h). */
#ifndef HELIOSTAT_COMMON_REPORT_JOIN_H
#define HELIOSTAT_COMMON_REPORT_JOIN_H

#include "heliostat.pb-c.h"

/* Of a report, written and read: 100 MiB, twice what 100,000 partitions with the
 * longest names and errors need.  What is beyond is left out. */
#define REPORT_CHUNKS_MAX 256

/* Moves the next chunk's lanes behind the report's; where its first is a part of
 * the report's last, their partitions become one list.  The chunk keeps no lane.
 * 0 | ERR_NOMEM (nothing was moved) */
int report_join(Heliostat__Pb__Report *report, Heliostat__Pb__Report *chunk);

#endif
