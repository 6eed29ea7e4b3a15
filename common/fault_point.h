/* Named points at which a test stops or kills the process: meson's
 * -Dfault_points=true, tests/chaos/fault-points.  In every other build
 * FAULT_POINT is nothing, and no variable of the environment is looked at.
 * The version of a build with fault points says so.
 *
 * HELIOSTAT_FAULT=kill:PART.WHEN or stop:PART.WHEN, with :N behind it for the
 * Nth passage instead of the first:
 *
 *   elect.won, elect.leader    first in line; the write of /leader
 *   step.WHAT                  a step of the leader: create, place, assign,
 *                              takeover, free, revoke, tell (assign nodes only)
 *   topics.create, topics.grow at the destination
 *   worker.init                a lane's clients are ready, it is not claimed
 *   lane.claim, lane.mark, lane.release
 *   endtxn                     a transaction's end
 *
 * WHEN is before, sent (and not answered yet) or answered. */
#ifndef HELIOSTAT_COMMON_FAULT_POINT_H
#define HELIOSTAT_COMMON_FAULT_POINT_H

/* From any thread.  Comes back when the point is not the wanted one, or once
 * the process goes on after a stop. */
void fault_point(const char *part, const char *when);

#ifdef HELIOSTAT_FAULT_POINTS
#define FAULT_POINT(part, when) fault_point(part, when)
#else
#define FAULT_POINT(part, when) \
        do { \
                if (0) fault_point(part, when); \
        } while (0)
#endif

#endif
