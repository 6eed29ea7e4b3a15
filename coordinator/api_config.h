/* The settings in effect, as JSON for the API.  PURE.  Values stand as they
 * would in a file; those of secret keys are never given. */
#ifndef HELIOSTAT_COORDINATOR_API_CONFIG_H
#define HELIOSTAT_COORDINATOR_API_CONFIG_H

#include <jansson.h>

#include "common/config.h"
#include "heliostat.pb-c.h"

/* Lists of {name, value, default, secret}; default: whether it is the default
 * value; secret: value is null.  Of the program with its line in the file, or null.
 * As status_json.h: a new reference, failure is remembered in *failed. */
json_t *api_config_program(const struct config *config, bool *failed);
/* Of a route as it was published: what the workers follow. */
json_t *api_config_route(const Heliostat__Pb__Route *route, bool *failed);
/* Client settings of the file, as its keys stand there, with the clusters'
 * addresses: {key, value, secret}; value is null when it is one. */
json_t *api_config_clients(const struct config *config, bool *failed);

#endif
