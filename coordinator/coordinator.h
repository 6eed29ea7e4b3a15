/* The coordinator process: candidate for leadership, and as the leader the one
 * that discovers topics and assigns lanes. */
#ifndef HELIOSTAT_COORDINATOR_COORDINATOR_H
#define HELIOSTAT_COORDINATOR_COORDINATOR_H

#include "common/config.h"

/* Runs until SIGTERM or SIGINT.  The process's exit code. */
int coordinator_main(const struct config *config, const char *id);

#endif
