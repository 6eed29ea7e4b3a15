/* Which partition should leave a lane that is hotter than any worker's share: no
 * placement of lanes can make the loads even then.  PURE: no I/O, no clock.
 *
 * The lane gives the partition that helps most: after it, the heavier of what is
 * left of the lane and of what the partition comes to is as light as can be.  None
 * goes that helps by less than a quarter of the tolerance, so that noise moves
 * nothing, and a single partition that is as hot as its lane stays. */
#ifndef HELIOSTAT_COORDINATOR_SPREAD_H
#define HELIOSTAT_COORDINATOR_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spread_lane {
        uint32_t number;
        uint64_t load;       /* of its worker, with all its lanes; of one that nobody has: of the lightest worker */
        uint32_t weight;
};

struct spread_view {
        uint64_t weight;             /* of the lane; as the planner's */
        uint64_t share;              /* of the worker with the largest capacity: total times its part of all */
        uint32_t tolerance_percent;
        const double *rates;         /* of its partitions, in any unit; negative: must stay */
        size_t rate_count;
        const struct spread_lane *lanes; /* that could take it: of the same route, not the owner's; any order */
        size_t lane_count;
};

/* The lane is too hot. */
bool spread_hot(uint64_t weight, uint64_t share, uint32_t tolerance_percent);

struct spread_choice {
        size_t partition;    /* index in rates */
        uint32_t to;         /* lane number */
        uint64_t weight;     /* that goes with it */
};
/* false: nothing helps. */
bool spread_choose(const struct spread_view *view, struct spread_choice *out);

#endif
