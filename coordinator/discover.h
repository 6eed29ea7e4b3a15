/* Looks at the topics of each route again and again: at once when the route is
 * new or changed, then every refresh.topics.interval.seconds; after a failure
 * with back-off.  Kafka is asked on the thread pool.
 *
 * A look whose route has changed or goes, and one at the time of a suspension,
 * sends no further request that changes something. */
#ifndef HELIOSTAT_COORDINATOR_DISCOVER_H
#define HELIOSTAT_COORDINATOR_DISCOVER_H

#include <uv.h>

#include "common/config_shared.h"
#include "coordinator/topics.h"
#include "heliostat.pb-c.h"

struct discover;

struct discover_events {
        /* Borrowed for the call. */
        void (*found)(void *ctx, const char *route, const struct topics_found *found);
        /* What was found before stays valid. */
        void (*failed)(void *ctx, const char *route, const char *error);
        /* A route changed while it was looked at: call discover_route again. */
        void (*stale)(void *ctx);
};

/* NULL on no memory.  Takes a reference. */
struct discover *discover_new(uv_loop_t *loop, struct config_shared *shared,
                              const struct discover_events *events, void *ctx);
/* A route as it is now; looked at at once when version is new.  NULL spec or
 * enabled=false: no longer looked at.  0 | ERR_NOMEM */
int discover_route(struct discover *discover, const char *name, const Heliostat__Pb__Route *spec,
                   int32_t version);
/* The configuration was read again: clients are made anew, each route is looked
 * at now.  Takes a reference. */
void discover_config(struct discover *discover, struct config_shared *shared);
/* Nothing is looked at and nothing changed from now on, as nobody knows who leads;
 * all is known as before when it is resumed. */
void discover_suspend(struct discover *discover);
void discover_resume(struct discover *discover);
/* Forgets all routes: another leader does it now. */
void discover_pause(struct discover *discover);
/* Takes discover; running requests end in their own time, without events. */
void discover_free(struct discover *discover);

#endif
