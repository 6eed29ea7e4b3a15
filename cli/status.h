/* `heliostat status (--config FILE | --zookeeper CONNECT) [-o table|wide|json]
 * [--check] [--timeout SECONDS]`: reads ZooKeeper alone, and shows it. */
#ifndef HELIOSTAT_CLI_STATUS_H
#define HELIOSTAT_CLI_STATUS_H

#include "cli/verb.h"

/* As cli_verb.  CLI_OK | CLI_FAILED (chroot missing, no memory, cannot write)
 * | CLI_USAGE | CLI_UNREACHABLE | CLI_UNHEALTHY (--check) */
int cli_status(const struct verb_args *args);

#endif
