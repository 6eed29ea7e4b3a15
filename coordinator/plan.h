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
 *   - of the places that the bound leaves open, a lane goes to the zone that has
 *     the smallest part of its route; a tight plan has no two lanes of equal
 *     weight whose exchange would bring a route nearer to its share in each zone
 *   - a lane is not where it must not be (`avoid`), and an ailing member gets
 *     none, as long as somebody else can take them
 *
 * Load is the sum of lane weights divided by the member's capacity.  Pinned
 * and avoiding lanes count, but are not moved for balance: a member that has no
 * other lanes may have more than the bound allows.
 *
 * A route's share in a zone is its lanes times the zone's part of all
 * capacity, rounded up. */
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
        bool ailing;        /* keeps what it has, gets nothing while there are others */
        const char *zone;   /* borrowed; NULL is "" */
};

struct plan_lane {
        const char *route;  /* borrowed; (route, lane) is unique */
        uint32_t lane;
        uint32_t weight;    /* > 0 */
        const char *owner;  /* borrowed, NULL: nobody.  Need not be alive */
        const char *pin;    /* borrowed, NULL: none.  Need not be alive */
        const char *avoid;  /* the same; weaker than pin */
};

struct plan_view {
        const struct plan_member *members;  /* any order */
        size_t member_count;
        const struct plan_lane *lanes;      /* any order */
        size_t lane_count;
        bool tight;                         /* also moves what the bound would leave: as long as one move
                                             * makes a full member less full than it is */
        uint32_t tolerance_percent;         /* of the mean load: no tight move between two that are nearer to
                                             * it, and none that helps by less than a quarter of this */
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
