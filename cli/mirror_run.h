/* One process that runs the lanes of a route without ZooKeeper. */
#ifndef HELIOSTAT_CLI_MIRROR_RUN_H
#define HELIOSTAT_CLI_MIRROR_RUN_H

#include "cli/mirror_args.h"
#include "common/config.h"

/* Mirrors until the end that args asks for, or a signal; writes progress to
 * standard error and the report to standard output.  group: the route's
 * group.id, NULL for one that follows from the destination.  Returns the exit
 * code. */
int mirror_run(const struct mirror_args *args, const struct config *config,
               const struct config_route *route, const char *group);

#endif
