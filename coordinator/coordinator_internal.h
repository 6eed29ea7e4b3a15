/* Shared by coordinator.c and coordinator_http.c. */
#ifndef HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H
#define HELIOSTAT_COORDINATOR_COORDINATOR_INTERNAL_H

#include <uv.h>

#include "common/config.h"
#include "common/config_shared.h"
#include "common/http.h"
#include "common/zk.h"
#include "coordinator/discover.h"
#include "coordinator/elect.h"
#include "coordinator/groups.h"
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
        struct discover *discover;
        struct groups *groups;
        struct observe *observe; /* NULL: nobody is served */
        uv_signal_t sigterm, sigint, sighup;
        uv_timer_t retry;
        bool closing;
        int exit_code;
};

/* coordinator_http.c */
void coordinator_http_start(struct coordinator *c);

/* coordinator_reload.c.  SIGHUP: reads the file again. */
void coordinator_reload_begin(struct coordinator *c);

#endif
