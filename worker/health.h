/* Is this worker well, and may others rely on it?  PURE: facts in, checks out.
 * The levels are those of `heliostat status` (snapshot_health.h). */
#ifndef HELIOSTAT_WORKER_HEALTH_H
#define HELIOSTAT_WORKER_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/checks.h"

/* A data loop that has not turned for so long will not turn again. */
#define HEALTH_LOOP_STUCK_MS 60000

struct worker_example {
        size_t count;
        const char *route, *topic, *error; /* of the first; error may be NULL */
        int32_t partition;
};

struct worker_facts {
        bool registered_once;      /* this process has had its registration */
        bool connected;            /* to ZooKeeper */
        bool refused;              /* by ZooKeeper: its credentials */
        int64_t away_ms;           /* since the connection was lost, or since the start */
        bool stopping;
        bool lanes_ran;            /* all lanes that it was given had come to run once */
        size_t lanes, lanes_running;
        unsigned loop_count, stuck_loop;
        int64_t stuck_ms;          /* of the loop that has stood still longest */
        struct worker_example waiting, parked, halted, stalled, lane_errors;
};

/* Depends on nothing outside. */
void worker_live(const struct worker_facts *facts, struct checks *checks);
/* It has begun, and is not about to end.  ZooKeeper may go away afterwards: the
 * worker mirrors on. */
void worker_ready(const struct worker_facts *facts, struct checks *checks);
void worker_health(const struct worker_facts *facts, struct checks *checks);

#endif
