/* What `apply` would change: the routes of a file against those in ZooKeeper.
 * PURE. */
#ifndef HELIOSTAT_CLI_ROUTE_DIFF_H
#define HELIOSTAT_CLI_ROUTE_DIFF_H

#include <stddef.h>

#include "common/config.h"
#include "heliostat.pb-c.h"

enum route_outcome {
        ROUTE_UNCHANGED = 1,
        ROUTE_ADDED,
        ROUTE_CHANGED,
        ROUTE_REFUSED, /* the change is not possible; text holds one line saying why */
};

/* The message of a route.  Its strings borrow route. */
void route_to_message(const struct config_route *route, Heliostat__Pb__Route *out);

/* Compares; old is NULL for a route that ZooKeeper does not have.  *out_text is
 * malloc'd, one line or more, each with its newline:
 *     + east->west
 *     ~ east->west topics: a.* -> b.*
 *     = east->west unchanged
 * route_outcome | ERR_NOMEM */
int route_diff(const Heliostat__Pb__Route *old, const Heliostat__Pb__Route *new, char **out_text);

#endif
