/* `heliostat routes add|remove|list`. */
#ifndef HELIOSTAT_CLI_ROUTES_H
#define HELIOSTAT_CLI_ROUTES_H

#include "cli/verb.h"

int cli_routes(const struct verb_args *args);

#endif
