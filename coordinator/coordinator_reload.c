/* SIGHUP: the configuration is read again on the pool; what it says of clients
 * holds for the next look at the clusters.  A file with an error changes nothing. */
#include <stdlib.h>

#include "common/config_change.h"
#include "common/log.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/discover.h"
#include "coordinator/groups.h"

struct coordinator_reload {
        struct coordinator *c;
        uv_work_t work;
        struct config_shared *now, *fresh;
        int rc;
        char err[CONFIG_ERROR_MAX];
};

static void run(uv_work_t *work) {
        struct coordinator_reload *reload = work->data;
        reload->rc = config_reload(config_shared_get(reload->now), &reload->fresh, reload->err, sizeof reload->err);
}

void coordinator_take_rebalance(struct coordinator *c) {
        struct cluster_options options = CLUSTER_OPTIONS_DEFAULT;
        options.moves_max = c->config->rebalance_moves_max;
        options.partitions_max = c->config->rebalance_partitions_max;
        options.rebalance_settle_ms = c->config->rebalance_settle_s * 1000;
        options.rebalance_percent = c->config->rebalance_imbalance_percent;
        store_options(c->store, &options);
        loads_every(c->loads, c->config->rebalance_interval_s);
}

static void on_done(uv_work_t *work, int status) {
        struct coordinator_reload *reload = work->data;
        struct coordinator *c = reload->c;
        char version[CONFIG_VERSION_SIZE];
        (void)status; /* it is never cancelled */
        c->reload = NULL;
        if (c->closing) {
                config_shared_unref(reload->fresh);
        } else if (reload->rc) {
                log_error("config.reload", "id=%s error=\"%s\" note=\"the configuration stays as it was\"", c->id, reload->err);
        } else {
                config_reload_took(c->config, config_shared_get(reload->fresh));
                config_shared_unref(c->shared);
                c->shared = reload->fresh;
                c->config = config_shared_get(c->shared);
                config_version(c->config, version);
                log_info("config.reload", "id=%s config=%s", c->id, version);
                discover_config(c->discover, c->shared);
                groups_config(c->groups, c->shared);
                coordinator_take_rebalance(c);
        }
        config_shared_unref(reload->now);
        free(reload);
        bool again = c->reload_again;
        c->reload_again = false;
        if (again) coordinator_reload_begin(c);
}

void coordinator_reload_begin(struct coordinator *c) {
        if (c->closing) return;
        if (c->reload) {
                c->reload_again = true;
                return;
        }
        struct coordinator_reload *reload = calloc(1, sizeof *reload);
        if (!reload) abort();
        reload->c = c;
        reload->now = config_shared_ref(c->shared);
        reload->work.data = reload;
        c->reload = reload;
        (void)uv_queue_work(&c->loop, &reload->work, run, on_done); /* cannot fail */
}
