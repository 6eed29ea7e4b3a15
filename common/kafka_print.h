/* Whether clients made from two configurations would be the same. */
#ifndef HELIOSTAT_COMMON_KAFKA_PRINT_H
#define HELIOSTAT_COMMON_KAFKA_PRINT_H

#include <stdint.h>

#include "common/config.h"

/* Of both clients of a lane of this route, as they would be made now: every
 * setting, secrets as they are at this moment, and size and time of the files
 * that settings name (a certificate that was renewed under its old name).  Known
 * to this process alone, by a random key: it must not be published, for it
 * depends on secrets.  0 stands for settings that cannot be read now (a file of
 * a placeholder is away).  Reads files: for the thread pool. */
uint64_t kafka_route_print(const struct config *config, const char *route, const char *source, const char *destination);

#endif
