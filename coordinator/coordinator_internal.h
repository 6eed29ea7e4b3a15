/* Shared by coordinator.c and coordinator_http.c. */
#ifndef HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H
#define HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H

#include <uv.h>

#include "common/config.h"
#include "common/http.h"
#include "common/zk.h"
#include "coordinator/discover.h"
#include "coordinator/elect.h"
#include "coordinator/groups.h"
#include "coordinator/observe.h"
#include "coordinator/store.h"

struct coordinator {
        uv_loop_t loop;
        const struct config *config;
        const char *id;
        char host[256];
        struct http *http;    /* NULL: none */
        struct zk *zk;
        struct elect *elect;
        struct store *store;
        struct discover *discover;
        struct groups *groups;
        struct observe *observe; /* NULL: nobody is served */
        uv_signal_t sigterm, sigint;
        uv_timer_t retry;
        bool closing;
        int exit_code;
};

/* coordinator_http.c */
void coordinator_http_start(struct coordinator *c);

#endif
