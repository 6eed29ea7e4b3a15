/* `heliostat topics ROUTE`: what a route makes of the source's topics. */
#ifndef HELIOSTAT_CLI_TOPICS_H
#define HELIOSTAT_CLI_TOPICS_H

#include "cli/verb.h"

/* Verb; see cli.h. */
int cli_topics(const struct verb_args *args);

#endif
