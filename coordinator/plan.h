/* Who owns which lane: a pure function of members, lanes and the previous
 * plan.  No I/O, no clock, no randomness.
 *
 * Laws, each tested:
 *   - every lane has exactly one live owner while any usable member lives
 *   - losing a member moves only its lanes
 *   - a joining member takes at most its fair share
 *   - same input, same plan; planning again changes nothing
 *   - the order of the input is irrelevant
 *   - loads are even within the balance bound, by the fewest moves
 *   - a pinned lane is where its pin says while that member is usable; as long
 *     as it is not, the lane is placed like any other
 *
 * Load is the sum of lane weights divided by the member's capacity.  Pinned
 * lanes count, but are not moved for balance: a member that has no other lanes
 * may have more than the bound allows. */
#ifndef HELIOSTAT_COORDINATOR_PLAN_H
#define HELIOSTAT_COORDINATOR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_NOBODY UINT32_MAX
#define PLAN_LANES_MAX 100000
#define PLAN_MEMBERS_MAX 10000

struct plan_member {
        const char *id;     /* borrowed, unique */
        uint32_t capacity;  /* relative, > 0 */
        bool draining;      /* keeps nothing, gets nothing */
};

struct plan_lane {
        const char *route;  /* borrowed; (route, lane) is unique */
        uint32_t lane;
        uint32_t weight;    /* > 0 */
        const char *owner;  /* borrowed, NULL: nobody.  Need not be alive */
        const char *pin;    /* borrowed, NULL: none.  Need not be alive */
};

struct plan_view {
        const struct plan_member *members;  /* any order */
        size_t member_count;
        const struct plan_lane *lanes;      /* any order */
        size_t lane_count;
        bool tight;                         /* also moves what the bound would leave: as long as one move
                                             * makes the fullest member less full than it is */
};

/* owner[i] is the index in view->members of lane i's owner, or PLAN_NOBODY
 * when no usable member lives. */
struct plan {
        uint32_t *owner;
        size_t lane_count;
        size_t move_count;  /* lanes that leave a live, undraining owner */
};

/* out is the caller's on success (plan_fini); untouched on failure.
 * 0 | ERR_NOMEM | ERR_TOO_MANY | ERR_INVALID (a member or lane twice, weight
 * or capacity 0) */
int plan_compute(const struct plan_view *view, struct plan *out);
void plan_fini(struct plan *plan);

#endif
