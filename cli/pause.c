/* The word is written into the route, at the version that was read; workers watch it.
 * Then the command waits until the workers' reports say that it is so. */
#include "cli/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/route_store.h"
#include "cli/status_read.h"
#include "cli/zk_sync.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/facts_read.h"
#include "common/log.h"
#include "common/pause.h"
#include "common/snapshot.h"
#include "common/topic_rules.h"
#include "common/znode_path.h"

#define TIMEOUT_S 30
#define CONFLICTS_MAX 20
#define LOOK_MS 300

static int write_rules(struct zk_sync *sync, const struct pause_order *order, const Heliostat__Pb__Route *route, int32_t version,
                       Heliostat__Pb__PauseRule **rules, size_t count) {
        Heliostat__Pb__Route changed = *route;
        char path[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
        changed.pauses = rules;
        changed.n_pauses = count;
        int rc = znode_path_route(path, order->route);
        if (!rc) rc = codec_pack(&changed.base, &data, &bytes);
        if (rc) return rc;
        rc = zk_sync_set(sync, path, data, bytes, version);
        free(data);
        return rc;
}

/* Changes the route until nothing is left to change. */
static int edit(struct zk_sync *sync, const struct pause_order *order, bool *out_changed) {
        const struct pause_request request = {order->resume, order->topics, order->partition, clock_wall_ms()};
        for (int attempt = 0; attempt < CONFLICTS_MAX; attempt++) {
                Heliostat__Pb__Route *route = NULL;
                Heliostat__Pb__PauseRule **rules = NULL;
                size_t count = 0;
                int32_t version;
                int exit_code = route_store_read(sync, order->verb, order->route, &route, &version);
                if (exit_code) return exit_code;
                int rc = pause_edit(route->pauses, route->n_pauses, &request, &rules, &count);
                if (rc == PAUSE_CHANGED) {
                        *out_changed = true;
                        rc = order->dry_run ? 0 : write_rules(sync, order, route, version, rules, count);
                        pause_list_free(rules, count);
                        codec_free(route);
                        if (!rc && order->dry_run) return CLI_OK;
                        if (!rc || rc == ERR_VERSION || rc == ERR_CONNECTION) continue; /* read again: done, or another's */
                } else {
                        codec_free(route);
                        if (!rc) return CLI_OK;
                }
                if (rc == ERR_TOO_MANY) {
                        cli_error("%s: %s has %d rules of pauses already; 'heliostat resume' without --topic clears them", order->verb,
                                  order->route, PAUSE_RULES_MAX);
                        return CLI_FAILED;
                }
                return zk_sync_explain(sync, order->route, rc);
        }
        cli_error("%s: somebody else keeps changing the route %s", order->verb, order->route);
        return CLI_FAILED;
}

/* Partitions that the order is about; of these, those that do not do as they are told yet. */
static int look(const struct config *config, const struct pause_order *order, size_t *out_all, size_t *out_left) {
        const struct pause_order *o = order;
        Heliostat__Pb__PauseRule rule = HELIOSTAT__PB__PAUSE_RULE__INIT, *list[] = {&rule};
        struct facts facts = {0};
        struct snapshot s;
        int exit_code = status_read(config->zookeeper_connect, o->timeout_s, &facts);
        if (exit_code) return exit_code;
        rule.topics = (char *)(uintptr_t)o->topics;
        rule.one = o->partition >= 0;
        rule.partition = rule.one ? (uint32_t)o->partition : 0;
        struct pause_rules *rules = pause_rules_new(list, 1);
        *out_all = *out_left = 0;
        if (!rules || snapshot_build(&facts, clock_wall_ms(), STATUS_STALE_MS(config->report_interval_ms), &s) != 0) {
                cli_error("%s", err_text(ERR_NOMEM));
                exit_code = CLI_FAILED;
        } else {
                for (size_t i = 0; i < s.partition_count; i++) {
                        const struct status_partition *p = &s.partitions[i];
                        if (strcmp(p->route, o->route) != 0 || !pause_rules_match(rules, p->topic, p->partition)) continue;
                        ++*out_all;
                        bool paused = p->state == STATUS_PAUSED;
                        if (o->resume ? paused : p->state == STATUS_RUNNING || p->state == STATUS_STALLED) ++*out_left;
                }
                snapshot_fini(&s);
        }
        pause_rules_free(rules);
        facts_fini(&facts);
        return exit_code;
}

int pause_order(const struct config *config, const struct pause_order *order, bool *out_changed) {
        struct zk_sync *sync;
        size_t all = 0, left = 0;
        *out_changed = false;
        int rc = zk_sync_open(config, order->verb, order->timeout_s, &sync);
        if (rc) {
                cli_error("%s: ZooKeeper at %s: %s", order->verb, config->zookeeper_connect, err_text(rc));
                return CLI_FAILED;
        }
        int64_t until_ms = clock_boot_ms() + (int64_t)order->timeout_s * 1000;
        int exit_code = edit(sync, order, out_changed);
        if (!exit_code) exit_code = look(config, order, &all, &left);
        while (!exit_code && !order->dry_run && !order->no_wait && *out_changed && left && clock_boot_ms() < until_ms) {
                zk_sync_sleep(sync, LOOK_MS);
                exit_code = look(config, order, &all, &left);
        }
        zk_sync_close(sync);
        if (exit_code) return exit_code;
        const char *what = order->resume ? "no longer paused" : "paused";
        const char *s = all == 1 ? "" : "s", *are = all == 1 ? "is" : "are";
        if (order->dry_run) {
                if (*out_changed || !order->resume)
                        printf("%s: %zu partition%s would be %s%s; nothing was written\n", order->route, all, s, what,
                               *out_changed ? "" : " (they are already)");
                return CLI_OK;
        }
        if (!*out_changed) {
                if (!order->resume) printf("%s: as said before: %zu partition%s %s paused\n", order->route, all, s, are);
                return CLI_OK;
        }
        if (left && !order->no_wait) {
                cli_error("%s: written, and %zu of %zu partitions of %s are not %s after %u s; 'heliostat describe' shows them",
                          order->verb, left, all, order->route, what, order->timeout_s);
                return CLI_FAILED;
        }
        if (!all) printf("%s: no partition matches yet; those that come later are %s\n", order->route, what);
        else printf("%s: %zu partition%s %s %s\n", order->route, all, s, are, what);
        return CLI_OK;
}

int pause_order_topics(const struct verb_args *args, char *buf, struct pause_order *order) {
        const char *topic = verb_text(args, "topic", NULL), *topics = verb_text(args, "topics", NULL);
        char err[256];
        order->partition = verb_number(args, "partition", -1);
        order->topics = topics ? topics : "";
        if (topic && topics) {
                cli_error("%s: --topic and --topics: one of them, not both", args->verb->name);
                return CLI_USAGE;
        }
        if (topics && (strlen(topics) >= PAUSE_TEXT_MAX || topic_rule_check(topics, err, sizeof err))) {
                cli_error("%s: --topics: %s", args->verb->name, strlen(topics) >= PAUSE_TEXT_MAX ? err_text(ERR_TOO_BIG) : err);
                return CLI_USAGE;
        }
        if (topic) order->topics = pause_topic_rule(buf, topic);
        if (order->partition >= 0 && !topic) {
                cli_error("%s: --partition needs --topic", args->verb->name);
                return CLI_USAGE;
        }
        return CLI_OK;
}

int cli_pause(const struct verb_args *args) {
        struct pause_order order = {.verb = "pause",
                                    .route = args->operands[0],
                                    .dry_run = verb_has(args, "dry-run"),
                                    .no_wait = verb_has(args, "no-wait"),
                                    .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        struct config config;
        char rule[PAUSE_TEXT_MAX];
        bool changed;
        int exit_code = pause_order_topics(args, rule, &order);
        if (exit_code) return exit_code;
        exit_code = cli_load(verb_text(args, "config", NULL), &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() <= LOG_WARN) log_set_level(LOG_ERROR);
        if (!exit_code) exit_code = pause_order(&config, &order, &changed);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
