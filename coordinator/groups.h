/* What the leader does for consumer groups: carries their offsets over to the
 * destination (sync.group.offsets.enabled), and writes the checkpoints and
 * heartbeats that MirrorMaker 2's clients read.  Kafka is asked on the thread
 * pool.  A leader that was replaced may finish the request it is at: the same
 * offsets, and never back, so two at once do no harm. */
#ifndef HELIOSTAT_COORDINATOR_GROUPS_H
#define HELIOSTAT_COORDINATOR_GROUPS_H

#include <uv.h>

#include "common/config_shared.h"
#include "heliostat.pb-c.h"

struct groups;

/* NULL on no memory.  Takes a reference. */
struct groups *groups_new(uv_loop_t *loop, struct config_shared *shared);
/* A route as it is now; begun anew when version is new.  NULL spec or
 * enabled=false: no longer.  0 | ERR_NOMEM */
int groups_route(struct groups *groups, const char *name, const Heliostat__Pb__Route *spec, int32_t version);
/* The configuration was read again: clients are made anew, each job is due.  Takes
 * a reference. */
void groups_config(struct groups *groups, struct config_shared *shared);
/* Nothing is read and nothing written from now on, as nobody knows who leads; all
 * is known as before when it is resumed. */
void groups_suspend(struct groups *groups);
void groups_resume(struct groups *groups);
/* Forgets all routes: another leader does it now. */
void groups_pause(struct groups *groups);

#endif
