#include "common/config_shared.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/config_change.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/zk.h"

struct config_shared {
        const struct config *config;
        struct config own; /* unless borrowed */
        atomic_uint refs;
};

struct config_shared *config_shared_borrow(const struct config *config) {
        struct config_shared *shared = calloc(1, sizeof *shared);
        if (!shared) return NULL;
        shared->config = config;
        atomic_init(&shared->refs, 1);
        return shared;
}

const struct config *config_shared_get(const struct config_shared *shared) { return shared->config; }

struct config_shared *config_shared_ref(struct config_shared *shared) {
        atomic_fetch_add(&shared->refs, 1);
        return shared;
}

void config_shared_unref(struct config_shared *shared) {
        if (!shared || atomic_fetch_sub(&shared->refs, 1) > 1) return;
        if (shared->config == &shared->own) config_fini(&shared->own);
        free(shared);
}

int config_reload(const struct config *now, struct config_shared **out, char *err, size_t err_size) {
        char why[CONFIG_ERROR_MAX] = "";
        struct config_shared *shared = calloc(1, sizeof *shared);
        if (!shared) return ERR_NOMEM;
        atomic_init(&shared->refs, 1);
        int rc = config_load(now->path, &shared->own, err, err_size);
        if (rc) {
                free(shared);
                return rc;
        }
        shared->config = &shared->own;
        if (!shared->own.zookeeper_connect) {
                rc = ERR_INVALID;
                (void)snprintf(err, err_size, "%s: zookeeper.connect is not set; expected 'host:port,...[/path]'", now->path);
        } else if ((rc = zk_connect_string_check(shared->own.zookeeper_connect, why, sizeof why)) != 0) {
                (void)snprintf(err, err_size, "%s: zookeeper.connect: %.300s", now->path, why);
        } else {
                rc = kafka_config_check(&shared->own, err, err_size);
        }
        if (rc) config_shared_unref(shared);
        else *out = shared;
        return rc;
}

void config_reload_took(const struct config *before, const struct config *now) {
        const char *names[64];
        size_t count = before ? config_changes_at_start(before, now, names, sizeof names / sizeof *names) : 0;

        log_set_level((enum log_level)log_level_parse(now->log_level)); /* checked by the table */
        log_set_format((enum log_format)log_format_parse(now->log_format), false);
        if (!before) return;
        for (size_t i = 0; i < count; i++)
                log_warn("config.restart", "key=%s note=\"the old value holds until this process is started again\"", names[i]);
        for (size_t i = 0; i < before->route_count + now->route_count; i++) {
                bool old = i < before->route_count;
                const char *route = old ? before->routes[i].name : now->routes[i - before->route_count].name;
                if (!old && config_route(before, route)) continue; /* looked at */
                if (config_route_differs(before, now, route))
                        log_warn("config.apply", "route=%s note=\"its settings changed in the file; 'heliostat apply' publishes them\"",
                                 route);
        }
}
