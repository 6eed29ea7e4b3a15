/* `heliostat promote`: the destination of a route takes over. */
#ifndef HELIOSTAT_CLI_PROMOTE_H
#define HELIOSTAT_CLI_PROMOTE_H

#include "cli/verb.h"

int cli_promote(const struct verb_args *args);

#endif
