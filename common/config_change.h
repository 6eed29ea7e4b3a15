/* What differs between two readings of a configuration, and the name of one.
 * PURE. */
#ifndef HELIOSTAT_COMMON_CONFIG_CHANGE_H
#define HELIOSTAT_COMMON_CONFIG_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

#define CONFIG_VERSION_SIZE 17

/* The version of what must be the same in every process of a cluster: clusters
 * and client settings as they stand in the file, in any order.  16 hexadecimal
 * digits.  Values that are secret are left out of it: it is published, and the
 * others of a file may be guessed. */
void config_version(const struct config *config, char out[static CONFIG_VERSION_SIZE]);

/* Program settings that differ and hold from the start of a process only: their
 * names, static; at most max.  Returns how many were written. */
size_t config_changes_at_start(const struct config *a, const struct config *b, const char **out, size_t max);

/* Whether a route's settings, which `heliostat apply` publishes, differ: there in
 * one of them alone, or another value. */
bool config_route_differs(const struct config *a, const struct config *b, const char *route);

#endif
