/* What `heliostat topics` prints.  PURE. */
#ifndef HELIOSTAT_CLI_TOPICS_TEXT_H
#define HELIOSTAT_CLI_TOPICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/table.h"
#include "coordinator/topic_plan.h"

/* Of all rows; what is in step and what is not. */
struct topics_count {
        size_t in_step, to_create, to_grow, to_change, parked, passed;
};
struct topics_count topics_count_of(const struct topics_found *found);

/* A row for each topic (all: also those in step), then each setting that
 * differs, then the sum.  0 | ERR_NOMEM */
int topics_text(const struct topics_found *found, bool all, bool colours, struct text *out);
/* {"route": ..., "topics": [...]}; malloc'd, NULL on no memory. */
char *topics_json(const char *route, const struct topics_found *found);

#endif
