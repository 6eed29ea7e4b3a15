/* A configuration that may be replaced while others still use it: each holds a
 * reference, and the last takes it along.  Any thread. */
#ifndef HELIOSTAT_COMMON_CONFIG_SHARED_H
#define HELIOSTAT_COMMON_CONFIG_SHARED_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

struct config_shared;

/* Each comes with one reference.  borrow: config lives longer.  NULL: no memory. */
struct config_shared *config_shared_borrow(const struct config *config);
const struct config *config_shared_get(const struct config_shared *shared);
struct config_shared *config_shared_ref(struct config_shared *shared);
void config_shared_unref(struct config_shared *shared); /* NULL: nothing */

/* Reads and checks the file that `now` came from, as a process does at its start:
 * blocks, for the thread pool.  0 | as config_load; err holds one line (file,
 * line, key, what was expected). */
int config_reload(const struct config *now, struct config_shared **out, char *err, size_t err_size);

/* log.level and log.format take effect; logs what a restart or `heliostat apply`
 * is needed for.  before NULL: a process begins with `now`. */
void config_reload_took(const struct config *before, const struct config *now);

#endif
