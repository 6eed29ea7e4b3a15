/* add is `apply` of one route of a file.
 *
 * remove: disabled = true   the leader takes the lanes away, after their last commit
 *         wait              until nobody has a lane
 *         delete            the route alone, at the version that was read
 *
 * A lane's record stays: its generation must never shrink, or an owner of before could come
 * back, and it knows which partitions were started.  With the positions, which stay too, a
 * route that is added again goes on where it stood.  Interrupted, it is run again. */
#include "cli/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/field.h"
#include "cli/route_store.h"
#include "cli/view.h"
#include "cli/zk_sync.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/config.h"
#include "common/err.h"
#include "common/log.h"
#include "common/names.h"
#include "common/znode_path.h"

#define TIMEOUT_S 60
#define CONFLICTS_MAX 20
#define LOOK_MS 300
#define SAY_MS 5000

/* ---- remove ---- */

struct remove {
        struct zk_sync *sync;
        const char *route;
        bool dry_run;
        unsigned timeout_s;
        size_t lanes, owned, partitions; /* of look_at_lanes */
        char owner[132];                 /* one of them */
};

/* false in *out_exists: the route has no lanes at all. */
static int look_at_lanes(struct remove *r, bool *out_exists) {
        char path[ZNODE_PATH_MAX], **names = NULL;
        size_t count = 0;
        r->lanes = r->owned = r->partitions = 0;
        *r->owner = '\0';
        int rc = znode_path_lanes(path, r->route);
        if (!rc) rc = zk_sync_children(r->sync, path, &names, &count);
        *out_exists = rc == 0 && count > 0;
        if (rc == ERR_NOT_FOUND) return CLI_OK;
        for (size_t i = 0; !rc && i < count; i++) {
                Heliostat__Pb__Lane *lane = NULL;
                void *data = NULL;
                size_t bytes = 0;
                rc = znode_path_lane(path, r->route, (uint32_t)strtoul(names[i], NULL, 10));
                if (!rc) rc = zk_sync_get(r->sync, path, &data, &bytes, NULL);
                if (rc == ERR_NOT_FOUND) {
                        rc = 0;
                        continue;
                }
                if (!rc && codec_unpack_lane(data, bytes, &lane) == 0) { /* garbage: nobody runs it */
                        r->lanes++;
                        for (size_t k = 0; k < lane->n_topics; k++) r->partitions += lane->topics[k]->n_partitions;
                        if (lane->state != HELIOSTAT__PB__LANE_STATE__LANE_FREE) {
                                r->owned++;
                                (void)snprintf(r->owner, sizeof r->owner, "%s", lane->owner);
                        }
                }
                codec_free(lane);
                free(data);
        }
        zk_sync_names_free(names, count);
        return rc ? zk_sync_explain(r->sync, "the lanes", rc) : CLI_OK;
}

/* The route is disabled after it.  *out_group is malloc'd: of its positions.  *out_there false: it
 * has been removed already. */
static int disable(struct remove *r, bool *out_there, char **out_group, bool *out_exactly_once) {
        char path[ZNODE_PATH_MAX];
        bool lanes;
        int rc = znode_path_route(path, r->route);
        for (int attempt = 0; !rc && attempt < CONFLICTS_MAX; attempt++) {
                Heliostat__Pb__Route *route = NULL;
                void *data = NULL;
                size_t bytes = 0;
                struct zk_stat stat;
                int exit_code = look_at_lanes(r, &lanes);
                if (exit_code) return exit_code;
                rc = zk_sync_get(r->sync, path, &data, &bytes, &stat);
                free(data);
                if (rc == ERR_NOT_FOUND && lanes) { /* removed before, perhaps by a run that was interrupted */
                        *out_there = false;
                        return CLI_OK;
                }
                if (rc && rc != ERR_NOT_FOUND) break;
                int32_t version;
                exit_code = route_store_read(r->sync, "routes remove", r->route, &route, &version); /* says the nearest name */
                if (exit_code) return exit_code;
                *out_there = true;
                free(*out_group);
                *out_group = strdup(route->group_id);
                *out_exactly_once = strcmp(route->delivery_guarantee, "exactly-once") == 0;
                bool done = !route->enabled || r->dry_run;
                if (!done) {
                        route->enabled = false;
                        rc = codec_pack(&route->base, &data, &bytes);
                        if (!rc) {
                                rc = zk_sync_set(r->sync, path, data, bytes, version);
                                free(data);
                        }
                        if (rc == ERR_VERSION || rc == ERR_CONNECTION) rc = 0; /* read again: done, or another's */
                }
                codec_free(route);
                if (done) return *out_group ? CLI_OK : CLI_FAILED;
        }
        if (rc) return zk_sync_explain(r->sync, r->route, rc);
        cli_error("routes remove: somebody else keeps changing the route %s", r->route);
        return CLI_FAILED;
}

static int wait_for_lanes(struct remove *r) {
        int64_t begun = clock_boot_ms(), said = begun;
        bool exists;
        for (;;) {
                int exit_code = look_at_lanes(r, &exists);
                if (exit_code || !r->owned) return exit_code;
                int64_t now = clock_boot_ms();
                if (now - begun > (int64_t)r->timeout_s * 1000) {
                        cli_error("routes remove: %zu lanes of %s are still with workers (one with %s) after %u s; the route is disabled, and "
                                  "was not removed; does a coordinator lead? 'heliostat status' tells; run it again",
                                  r->owned, r->route, r->owner, r->timeout_s);
                        return CLI_FAILED;
                }
                if (now - said >= SAY_MS) {
                        fprintf(stderr, "heliostat: %zu lanes are still with workers\n", r->owned);
                        said = now;
                }
                zk_sync_sleep(r->sync, LOOK_MS);
        }
}

static int delete_route(struct remove *r) {
        char path[ZNODE_PATH_MAX];
        void *data = NULL;
        size_t bytes;
        struct zk_stat stat;
        int rc = znode_path_route(path, r->route);
        if (!rc) rc = zk_sync_get(r->sync, path, &data, &bytes, &stat);
        Heliostat__Pb__Route *route = NULL;
        if (!rc) rc = codec_unpack_route(data, bytes, &route);
        bool enabled = route && route->enabled;
        codec_free(route);
        free(data);
        if (rc == ERR_NOT_FOUND) return CLI_OK; /* done */
        if (!rc && enabled) {
                cli_error("routes remove: somebody has enabled %s again; nothing was removed", r->route);
                return CLI_FAILED;
        }
        struct zk_multi *multi = rc ? NULL : zk_multi_new();
        if (!rc && !multi) rc = ERR_NOMEM;
        if (!rc) rc = zk_multi_delete(multi, path, stat.version);
        if (!rc) rc = zk_sync_multi(r->sync, multi);
        else if (multi) zk_multi_free(multi);
        if (rc == ERR_CONNECTION) return delete_route(r); /* it may have been done: look */
        if (rc == ERR_VERSION) {
                cli_error("routes remove: somebody has changed %s meanwhile; run it again", r->route);
                return CLI_FAILED;
        }
        return rc && rc != ERR_NOT_FOUND ? zk_sync_explain(r->sync, r->route, rc) : CLI_OK;
}

static void say_left_over(const struct remove *r, const char *group, bool exactly_once) {
        char topic[NAMES_TOPIC_SIZE];
        printf("left over:\n"
               "  in ZooKeeper, the records of %zu lanes with %zu partitions: they keep the generations that fence owners of before\n",
               r->lanes, r->partitions);
        if (!group) return;
        printf("  at the source, the positions: consumer group %s\n", group);
        names_positions_topic(topic, group);
        if (exactly_once) printf("  at the destination, the position records: topic %s\n", topic);
        printf("  at the destination, all that was mirrored\n"
               "added again, with the same group, the route goes on where it stood\n");
}

static int remove_route(const struct config *config, const char *route, bool dry_run, unsigned timeout_s) {
        struct remove r = {.route = route, .dry_run = dry_run, .timeout_s = timeout_s};
        bool there = false, exactly_once = false, exists;
        char *group = NULL;
        int rc = zk_sync_open(config, "routes remove", timeout_s, &r.sync);
        if (rc) {
                cli_error("routes remove: ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                return CLI_FAILED;
        }
        int exit_code = disable(&r, &there, &group, &exactly_once);
        if (!exit_code && !there) printf("%s was removed before\n", route);
        if (!exit_code && there && !dry_run) exit_code = wait_for_lanes(&r);
        if (!exit_code && there && !dry_run) exit_code = delete_route(&r);
        if (!exit_code) exit_code = look_at_lanes(&r, &exists);
        if (!exit_code && there && dry_run)
                printf("- %s: %zu lanes would be taken from their workers, after their last commit\ndry run: nothing was written\n", route,
                       r.owned);
        else if (!exit_code && there) printf("- %s\n", route);
        if (!exit_code) say_left_over(&r, group, exactly_once);
        if (!exit_code && there && config_route(config, route))
                printf("%s still has it: 'heliostat apply' of that file adds it again\n", config->path);
        free(group);
        zk_sync_close(r.sync);
        return exit_code;
}

/* ---- list ---- */

static int list(const struct verb_args *args) {
        struct field field;
        struct text text = {0};
        int exit_code = field_open_config(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        exit_code = field_read(&field);
        if (!exit_code) {
                view_list(&field.snapshot, VIEW_ROUTES, NULL, verb_chose(args, "output", "json") ? VIEW_JSON : VIEW_TABLE,
                          field_colours(), &text);
                exit_code = cli_print(&text);
        }
        field_close(&field);
        return exit_code;
}

int cli_routes(const struct verb_args *args) {
        const char *action = args->operands[0], *route = args->operands[1];
        struct config config;
        if (strcmp(action, "list") == 0) {
                if (!route) return list(args);
                cli_error("routes list: unexpected argument '%.140s'", route);
                return CLI_USAGE;
        }
        if (!route) {
                cli_error("routes %s: a route is missing", action);
                return CLI_USAGE;
        }
        int exit_code = cli_load(verb_text(args, "config", NULL), &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() <= LOG_WARN) log_set_level(LOG_ERROR);
        unsigned timeout_s = cli_seconds(args, "timeout", TIMEOUT_S);
        if (!exit_code)
                exit_code = strcmp(action, "add") == 0 ? apply_config(&config, route, verb_has(args, "dry-run"), timeout_s)
                                                       : remove_route(&config, route, verb_has(args, "dry-run"), timeout_s);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
