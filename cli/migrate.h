/* `heliostat migrate ROUTE`: waits until a route of the cluster has come to an
 * end that is asked for.  It reads, and changes nothing. */
#ifndef HELIOSTAT_CLI_MIGRATE_H
#define HELIOSTAT_CLI_MIGRATE_H

#include "cli/verb.h"

int cli_migrate(const struct verb_args *args);

#endif
