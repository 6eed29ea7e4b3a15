/* Shared by coordinator.c and coordinator_http.c. */
#ifndef HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H
#define HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H

#include <uv.h>

#include "common/config.h"
#include "common/config_shared.h"
#include "common/http.h"
#include "common/metrics_page.h"
#include "common/zk.h"
#include "coordinator/discover.h"
#include "coordinator/elect.h"
#include "coordinator/groups.h"
#include "coordinator/loads.h"
#include "coordinator/observe.h"
#include "coordinator/store.h"

struct coordinator {
        uv_loop_t loop;
        const struct config *config;  /* of shared */
        struct config_shared *shared; /* as it was read last */
        struct coordinator_reload *reload; /* under way, or NULL */
        bool reload_again;            /* SIGHUP came meanwhile */
        const char *id;
        char host[256];
        struct http *http;    /* NULL: none */
        struct zk *zk;
        struct elect *elect;
        struct store *store;
        struct loads *loads;
        struct discover *discover;
        struct groups *groups;
        struct observe *observe; /* NULL: nobody is served */
        uv_signal_t sigterm, sigint, sighup;
        uv_timer_t retry, house;
        bool closing;
        int exit_code;

        /* what the metrics tell */
        struct loop_lag lag;
        struct zk_counts zk_counts;
        int64_t session_seen;    /* 0: none yet */
        bool candidate;          /* it has taken part in an election */
        uint64_t leader_epoch, leaderships; /* epoch 0: it does not lead */
        bool suspended;          /* it has led last, and may have been followed */
        uint64_t moves[CLUSTER_REASON_COUNT];
        struct histogram move_times[CLUSTER_REASON_COUNT];
        uint64_t moves_open;
        struct discovery_count { char *route; uint64_t good, failed; struct discovery_count *next; } *discoveries;
};

static inline bool coordinator_leads(const struct coordinator *c) { return c->leader_epoch && !c->suspended; }

/* coordinator_metrics.c */
#define COORDINATOR_HOUSE_MS 500
void coordinator_note_move(struct coordinator *c, const struct cluster_move *move);
void coordinator_note_discovery(struct coordinator *c, const char *route, bool good);
void coordinator_on_metrics(void *ctx, const struct http_request *request, struct http_answer *answer);
void coordinator_on_livez(void *ctx, const struct http_request *request, struct http_answer *answer);
void coordinator_on_readyz(void *ctx, const struct http_request *request, struct http_answer *answer);
void coordinator_on_healthz(void *ctx, const struct http_request *request, struct http_answer *answer);

/* coordinator_reload.c: what the configuration says of rebalancing holds from now on. */
void coordinator_take_rebalance(struct coordinator *c);

/* coordinator_http.c */
void coordinator_http_start(struct coordinator *c);

/* coordinator_reload.c.  SIGHUP: reads the file again. */
void coordinator_reload_begin(struct coordinator *c);

#endif
