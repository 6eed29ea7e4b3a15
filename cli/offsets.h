/* `heliostat offsets`: the positions of a route, read and moved. */
#ifndef HELIOSTAT_CLI_OFFSETS_H
#define HELIOSTAT_CLI_OFFSETS_H

#include "cli/verb.h"

int cli_offsets(const struct verb_args *args);

#endif
