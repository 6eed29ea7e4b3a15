/* A route as ZooKeeper has it. */
#ifndef HELIOSTAT_CLI_ROUTE_STORE_H
#define HELIOSTAT_CLI_ROUTE_STORE_H

#include "cli/zk_sync.h"
#include "heliostat.pb-c.h"

/* The route and its version.  CLI_OK, or an exit code: it has said why, with the
 * nearest name of a route that is not there.  codec_free releases the route. */
int route_store_read(struct zk_sync *sync, const char *verb, const char *name, Heliostat__Pb__Route **out,
                     int32_t *out_version);
/* The same with a connection of its own. */
int route_store_get(const struct config *config, const char *verb, const char *name, unsigned timeout_s,
                    Heliostat__Pb__Route **out);

#endif
