/* From what ZooKeeper knows of a route to where its partitions are.  PURE. */
#ifndef HELIOSTAT_CLI_MIGRATE_TAKE_H
#define HELIOSTAT_CLI_MIGRATE_TAKE_H

#include "cli/mirror_progress.h"
#include "cli/mirror_table.h"
#include "common/snapshot.h"

/* Brings the table's partitions up to date; one that no lane has is UNASSIGNED,
 * or PARKED with its topic's reason.  Partitions that the table does not have
 * are left out: they came later. */
void migrate_take(const struct snapshot *snapshot, const char *route, struct mirror_table *table);

/* What answers and policies passed over since since_ms (wall clock).  *out is
 * malloc'd and borrows the snapshot.  Returns how many. */
size_t migrate_passed(const struct snapshot *snapshot, const char *route, int64_t since_ms,
                      struct mirror_passed **out);

/* NULL: the snapshot has no such route. */
const struct status_route *migrate_route(const struct snapshot *snapshot, const char *route);

#endif
