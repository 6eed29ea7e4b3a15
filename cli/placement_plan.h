/* What `move`, `drain` and `undrain` make of the wishes in /op.  PURE. */
#ifndef HELIOSTAT_CLI_PLACEMENT_PLAN_H
#define HELIOSTAT_CLI_PLACEMENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

enum placement_verb { PLACEMENT_MOVE, PLACEMENT_UNPIN, PLACEMENT_DRAIN, PLACEMENT_UNDRAIN };

struct placement_request {
        enum placement_verb verb;
        const char *route;  /* of MOVE and UNPIN */
        uint32_t lane;      /* of MOVE and UNPIN */
        const char *worker; /* not of UNPIN */
};

/* All borrowed. */
struct placement_facts {
        const char *const *workers; /* ids of those that live */
        size_t worker_count;
        uint32_t route_lanes;             /* of MOVE and UNPIN: as the route says */
        const Heliostat__Pb__Lane *lane;  /* of MOVE and UNPIN; NULL: not there yet */
};

enum placement_outcome {
        PLACEMENT_SAME = 1, /* what is wanted is what /op says already */
        PLACEMENT_CHANGED,  /* the record is to be written */
        PLACEMENT_REFUSED,  /* it makes no sense; the record is as it was */
};

/* Changes the record (as from the codec) in place.  *out_text is malloc'd: one
 * line for people, without newline: what is wanted now, or why it is refused.
 * placement_outcome | ERR_NOMEM (the record may be used no more) */
int placement_plan(Heliostat__Pb__Placement *placement, const struct placement_request *request,
                   const struct placement_facts *facts, char **out_text);

/* Whether the lane runs where MOVE wants it. */
bool placement_there(const Heliostat__Pb__Lane *lane, const char *worker);

#endif
