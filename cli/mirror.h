/* `heliostat mirror`: MirrorMaker 1's command line, one process, no ZooKeeper. */
#ifndef HELIOSTAT_CLI_MIRROR_H
#define HELIOSTAT_CLI_MIRROR_H

#include "cli/verb.h"

int cli_mirror(const struct verb_args *args);

#endif
