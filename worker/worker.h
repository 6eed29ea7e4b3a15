/* The worker process: a ZooKeeper session, the lanes it is given, their pumps. */
#ifndef HELIOSTAT_WORKER_WORKER_H
#define HELIOSTAT_WORKER_WORKER_H

#include "common/config.h"

/* Runs until SIGTERM or SIGINT; then lanes are drained, committed and released.
 * The process's exit code: 0, or 1 when another live worker has the id.
 * supervisor_fd: see supervisor.h; -1: none. */
int worker_main(const struct config *config, const char *id, int supervisor_fd);

#endif
