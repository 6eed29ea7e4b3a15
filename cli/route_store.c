#include "cli/route_store.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/text.h"
#include "common/znode_path.h"

static int unknown(struct zk_sync *sync, const char *verb, const char *name) {
        char **names = NULL;
        size_t count = 0;
        int rc = zk_sync_children(sync, ZNODE_ROUTES, &names, &count);
        if (rc && rc != ERR_NOT_FOUND) return zk_sync_explain(sync, ZNODE_ROUTES, rc);
        const char *nearest = text_nearest(name, (const char *const *)names, count);
        if (!count) cli_error("%s: ZooKeeper has no routes; was 'heliostat apply' run?", verb);
        else if (nearest && znode_route_valid(nearest))
                cli_error("%s: unknown route '%s'; did you mean '%s'?", verb, name, nearest);
        else cli_error("%s: unknown route '%s'; 'heliostat status' lists them", verb, name);
        zk_sync_names_free(names, count);
        return CLI_USAGE;
}

int route_store_read(struct zk_sync *sync, const char *verb, const char *name, Heliostat__Pb__Route **out,
                     int32_t *out_version) {
        char path[ZNODE_PATH_MAX];
        struct zk_stat stat;
        size_t bytes = 0;
        void *data = NULL;
        int rc = znode_path_route(path, name);
        if (!rc) rc = zk_sync_get(sync, path, &data, &bytes, &stat);
        if (rc == ERR_NOT_FOUND) return unknown(sync, verb, name);
        if (rc) return zk_sync_explain(sync, name, rc);
        rc = codec_unpack_route(data, bytes, out);
        free(data);
        if (rc) {
                cli_error("%s: the route %s in ZooKeeper cannot be read (%s)", verb, name, err_text(rc));
                return CLI_FAILED;
        }
        *out_version = stat.version;
        return CLI_OK;
}

int route_store_get(const struct config *config, const char *verb, const char *name, unsigned timeout_s,
                    Heliostat__Pb__Route **out) {
        struct zk_sync *sync;
        int32_t version;
        int exit_code = cli_check_zookeeper(config);
        if (exit_code) return exit_code;
        int rc = zk_sync_open(config, verb, timeout_s, &sync);
        if (rc) {
                cli_error("%s: ZooKeeper at %s: %s", verb, config->zookeeper_connect, err_text(rc));
                return CLI_FAILED;
        }
        exit_code = route_store_read(sync, verb, name, out, &version);
        zk_sync_close(sync);
        return exit_code;
}
