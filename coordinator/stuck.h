/* When does a lane leave an owner that gets it nowhere?  PURE.
 *
 * The owner is at fault when the lane's partitions are STALLED, or it does not
 * open the lane at all, while other workers mirror other lanes of the same route:
 * the clusters are there, and somebody reaches them.  A lane that stands still
 * everywhere is not helped by moving: it is tried elsewhere three times, after
 * one, four and sixteen minutes, and then stays until it has gone well for ten. */
#ifndef HELIOSTAT_COORDINATOR_STUCK_H
#define HELIOSTAT_COORDINATOR_STUCK_H

#include <stdbool.h>
#include <stdint.h>

#define STUCK_PATIENCE_MS 60000
#define STUCK_TRIES_MAX 3
#define STUCK_FORGET_MS 600000
#define STUCK_AILING_MS 600000    /* a worker with nothing but such lanes gets none for so long, */
#define STUCK_AILINGS_MAX 4       /* twice as long each time, at most so often */

struct stuck {
        int64_t since_ms;      /* stands still since; 0: it does not */
        int64_t well_since_ms; /* after a try: goes well since; 0: it does not */
        uint32_t tries;        /* moves so far */
};

struct stuck_facts {
        bool stalled;          /* not opened; or STALLED partitions, and none behind that moves on */
        bool others_move;      /* lanes of its route that other workers have do move on */
};

/* To be called with each report of the lane, or of others while it is not opened.  true: it is to be moved, once. */
bool stuck_look(struct stuck *stuck, const struct stuck_facts *facts, int64_t now_ms);
/* Moving does not help it. */
bool stuck_given_up(const struct stuck *stuck);
/* It has been moved for this lately: it stays away from that owner. */
bool stuck_remembers(const struct stuck *stuck);
/* How long its worker gets no lanes, the count-th time (from 0). */
int64_t stuck_ailing_ms(uint32_t count);

#endif
