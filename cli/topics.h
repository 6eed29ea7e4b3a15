/* `heliostat topics ROUTE`: what a route makes of the source's topics. */
#ifndef HELIOSTAT_CLI_TOPICS_H
#define HELIOSTAT_CLI_TOPICS_H

#include "cli/verb.h"
#include "common/config.h"
#include "coordinator/topics.h"

/* Verb; see cli.h. */
int cli_topics(const struct verb_args *args);

/* What the coordinator would make of the route's topics; asks both clusters and
 * changes nothing.  An exit code; what is wrong was said.  out: the caller's
 * (topics_found_fini), whatever comes. */
int topics_of_route(const struct config *config, const struct config_route *route, struct topics_found *out);

#endif
