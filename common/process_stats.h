/* What /proc says about this process: the `process_` metrics. */
#ifndef HELIOSTAT_COMMON_PROCESS_STATS_H
#define HELIOSTAT_COMMON_PROCESS_STATS_H

#include <stdint.h>

#include "common/metrics.h"

/* Adds what can be read, and heliostat_build_info. */
void process_metrics(struct metrics *metrics, const char *role, const char *id);

/* 0: it cannot be read. */
uint64_t process_resident_bytes(void);

#endif
