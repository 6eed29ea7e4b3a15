/* What ZooKeeper knows of the field, read once. */
#ifndef HELIOSTAT_CLI_STATUS_READ_H
#define HELIOSTAT_CLI_STATUS_READ_H

#include "cli/snapshot.h"

/* How old a report may be that a snapshot still trusts: a worker writes an
 * unchanged one every 10 s. */
#define STATUS_STALE_MS(report_interval_ms) (10000 + (int64_t)(report_interval_ms) + 1000)

/* Blocks for up to timeout_s.  What went wrong was said.  CLI_OK (*out is the
 * caller's: facts_fini) | CLI_FAILED (chroot missing, no memory) | CLI_UNREACHABLE */
int status_read(const char *connect, unsigned timeout_s, struct facts *out);

#endif
