/* `heliostat verify`: is the destination the source? */
#ifndef HELIOSTAT_CLI_VERIFY_H
#define HELIOSTAT_CLI_VERIFY_H

#include "cli/verb.h"

int cli_verify(const struct verb_args *args);

#endif
