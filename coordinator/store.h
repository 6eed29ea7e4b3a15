/* Carries the leader's core (cluster.h) to ZooKeeper and back: the reads it
 * asks for, the watches, the steps as multis with a check of /leader. */
#ifndef HELIOSTAT_COORDINATOR_STORE_H
#define HELIOSTAT_COORDINATOR_STORE_H

#include <uv.h>

#include "common/zk.h"
#include "coordinator/cluster.h"
#include "coordinator/topics.h"

struct store;

struct store_events {
        /* Routes may have changed: look at store_cluster. */
        void (*changed)(void *ctx);
        /* A write was refused because /leader has another version. */
        void (*fenced)(void *ctx);
        /* /leader was written (notes). */
        void (*leader_written)(void *ctx, int32_t version);
        /* A lane changes hands; borrowed for the call. */
        void (*moved)(void *ctx, const struct cluster_move *move);
};

struct store *store_new(uv_loop_t *loop, struct zk *zk, const char *id, const char *host,
                        const struct store_events *events, void *ctx);
/* Before the loop ends; no events come afterwards. */
void store_free(struct store *store);

/* A leadership begins: everything is read. */
void store_lead(struct store *store, uint64_t epoch, int32_t leader_version, int session_timeout_ms);
void store_suspend(struct store *store);
void store_reconnected(struct store *store);
void store_resign(struct store *store);
/* moves_max, rebalance_settle_ms and rebalance_percent count (cluster.h), now and for later leaderships. */
void store_options(struct store *store, const struct cluster_options *options);
/* Something was told to the core: it may have a step. */
void store_wake(struct store *store);
/* NULL while not leading. */
struct cluster *store_cluster(struct store *store);

/* What discovery found, or why it failed (found NULL), for the core and for
 * the notes in /leader. */
void store_discovered(struct store *store, const char *route, const struct topics_found *found,
                      const char *error);

#endif
