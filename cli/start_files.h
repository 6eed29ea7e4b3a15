/* The files that a route's start rules name, read for `apply`, which publishes
 * their content: workers on other hosts do not have the files. */
#ifndef HELIOSTAT_CLI_START_FILES_H
#define HELIOSTAT_CLI_START_FILES_H

#include "common/config.h"
#include "heliostat.pb-c.h"

struct start_files {
        Heliostat__Pb__StartOffsets **items; /* by the order of the rules */
        size_t count;
};

/* Relative names are looked up beside the configuration file.  err: one line.
 * 0 | ERR_INVALID | ERR_IO | ERR_TOO_BIG | ERR_TOO_MANY | ERR_NOMEM */
int start_files_load(const struct config *config, const struct config_route *route, struct start_files *out, char *err,
                     size_t err_size);
void start_files_fini(struct start_files *files);

#endif
