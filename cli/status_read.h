/* What ZooKeeper knows of the field, read once. */
#ifndef HELIOSTAT_CLI_STATUS_READ_H
#define HELIOSTAT_CLI_STATUS_READ_H

#include "common/facts_read.h"
#include "common/snapshot.h"

/* Blocks for up to timeout_s.  What went wrong was said.  CLI_OK (*out is the
 * caller's: facts_fini) | CLI_FAILED (chroot missing, no memory) | CLI_UNREACHABLE */
int status_read(const char *connect, unsigned timeout_s, struct facts *out);

#endif
