/* `heliostat rebalance`: asks the leader for loads that are as even as moves of single lanes make
 * them. */
#ifndef HELIOSTAT_CLI_REBALANCE_H
#define HELIOSTAT_CLI_REBALANCE_H

#include "cli/verb.h"

int cli_rebalance(const struct verb_args *args);

#endif
