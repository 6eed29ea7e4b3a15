/* `heliostat config ...`. */
#ifndef HELIOSTAT_CLI_CONFIG_VERB_H
#define HELIOSTAT_CLI_CONFIG_VERB_H

#include "cli/cli.h"

int cli_config(const struct verb_args *args);

#endif
