/* The start rules of a route as it is published. */
#ifndef HELIOSTAT_COMMON_START_ROUTE_H
#define HELIOSTAT_COMMON_START_ROUTE_H

#include "common/start_from.h"
#include "heliostat.pb-c.h"

/* With the offsets of its files.  0 | ERR_INVALID (why: one line) | ERR_NOMEM */
int start_rules_of_route(const Heliostat__Pb__Route *route, struct start_rules **out, char *why, size_t why_size);

#endif
