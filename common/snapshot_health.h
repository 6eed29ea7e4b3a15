/* Is the field well?  PURE: a snapshot in, a level and its reasons out.
 * Health means progress: partitions that are not mirrored, and everything that
 * keeps the next failure from being handled, are reasons. */
#ifndef HELIOSTAT_COMMON_SNAPSHOT_HEALTH_H
#define HELIOSTAT_COMMON_SNAPSHOT_HEALTH_H

#include <stddef.h>

#include "common/snapshot.h"

enum health_level {
        HEALTH_OK,
        HEALTH_WARN, /* something waits, or is about to be handled */
        HEALTH_ERR,  /* needs a person */
};
const char *health_level_name(enum health_level level);

/* Beyond, less severe ones give their place to more severe ones; the last one then
 * counts the rest and has the highest level among them. */
#define HEALTH_REASONS_MAX 200
#define HEALTH_PROBLEMS_MAX 8  /* unreadable znodes that are named one by one */

struct health_reason {
        enum health_level level;
        char *text; /* one line; may hold text from peers */
};

struct health {
        enum health_level level;
        struct health_reason *reasons; /* worst first */
        size_t count;
};

/* 0 | ERR_NOMEM; out is the caller's on success (health_fini). */
int health_compute(const struct snapshot *snapshot, struct health *out);
void health_fini(struct health *health);

#endif
