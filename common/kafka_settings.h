/* From the configuration to an rd_kafka_conf_t: defaults, Java's names, fixed
 * settings, checks.  Makes no client. */
#ifndef HELIOSTAT_COMMON_KAFKA_SETTINGS_H
#define HELIOSTAT_COMMON_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

struct kafka_setting;

/* Fills conf for one end of a route; parameters as of kafka_client_new.
 * 0 | ERR_INVALID | ERR_NOT_FOUND (alias) | ERR_NOMEM; err holds one line. */
int kafka_settings_fill(const struct config *config, const char *alias, const char *route,
                        enum client_role role, const struct kafka_setting *extra,
                        rd_kafka_conf_t *conf, char *err, size_t err_size);

/* The reason when a property has no effect in any role, else NULL. */
const char *kafka_settings_ignored(const struct config_property *property);

#endif
