/* Leadership: an ephemeral sequential node per candidate, each watches only
 * its predecessor; the first in line takes /leader by a version-checked write
 * together with a check of its own node.  The version of /leader that it wrote
 * fences every later write of this leadership.
 *
 *   WAITING -> LEADING -> WAITING
 *
 * All connections and sessions lost in between are handled inside. */
#ifndef HELIOSTAT_COORDINATOR_ELECT_H
#define HELIOSTAT_COORDINATOR_ELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/zk.h"

struct elect;

struct elect_events {
        void (*lead)(void *ctx, uint64_t epoch, int32_t leader_version);
        /* The connection was back and /leader is still ours: read again. */
        void (*reconnected)(void *ctx);
        /* The connection is lost: plan nothing until reconnected or resign. */
        void (*suspended)(void *ctx);
        /* Somebody else leads, or the session ended. */
        void (*resign)(void *ctx, const char *reason);
};

/* id, host and http (a URL that may change, "" for none; the candidate's znode
 * has what it is then) are borrowed for its life.  NULL on no memory. */
struct elect *elect_new(struct zk *zk, const char *id, const char *host, const char *http,
                        const struct elect_events *events, void *ctx);
void elect_free(struct elect *elect);
/* To be called with each state of the session. */
void elect_on_state(struct elect *elect, enum zk_state state);
/* To be called every few seconds: goes on after an error that no event ends. */
void elect_retry(struct elect *elect);
/* The leader has written /leader itself (notes): its version now. */
void elect_leader_written(struct elect *elect, int32_t version);
/* A step was refused because /leader has changed. */
void elect_lost(struct elect *elect);

#endif
