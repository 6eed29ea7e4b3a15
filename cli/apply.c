/* Rounds of: read everything, compare, write the difference as one multi whose
 * every operation carries the version that was read.  A conflict, or a result
 * that a lost connection left unknown, starts the next round: it then finds
 * either the change done or what somebody else made of it.  Writing routes one
 * by one could stop half way at a route that cannot be changed.
 *
 *   META -> NAMES -> ROUTES -> (compare) -> PARENTS -> MAKE_META -> WRITE -> end
 *   any -> WAITING -> META     connection lost or conflict
 *
 * With --dry-run the comparison is the end. */
#include "cli/apply.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/route_cycle.h"
#include "cli/route_diff.h"
#include "cli/start_files.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/text.h"
#include "common/zk.h"
#include "common/znode_path.h"

#define RETRY_MS 100
#define TIMEOUT_S 15
#define CONFLICTS_MAX 20

/* A route of the file, and what ZooKeeper has of it. */
struct wanted {
        const struct config_route *route;
        Heliostat__Pb__Route *old; /* NULL: not there */
        int32_t version;
        int outcome;
};

struct apply {
        const struct config *config;
        bool dry_run;
        bool one; /* of the file's routes: nothing is said of others */
        unsigned timeout_s;

        uv_loop_t loop;
        uv_timer_t deadline, retry;
        struct zk *zk;

        struct wanted *wanted; /* one for each route of the file */
        struct start_files *files; /* so are these */
        char **others;         /* names of routes that are only in ZooKeeper */
        Heliostat__Pb__Route **other_specs; /* NULL: cannot be read, or gone meanwhile */
        size_t other_count;
        bool has_meta;
        size_t at;         /* in wanted and the others, or in the parents, by phase */
        unsigned conflicts;
        bool writing;      /* a write whose result is not known */
        char *written;     /* the difference that the last write was to make */
        char *text;        /* the difference of this round */

        bool ended;
        int exit_code;
};

static void read_meta(struct apply *a);

/* ---- the end ------------------------------------------------------------ */

static void on_zk_closed(void *ctx) {
        struct apply *a = ctx;
        uv_close((uv_handle_t *)&a->deadline, NULL);
        uv_close((uv_handle_t *)&a->retry, NULL);
}

static void end(struct apply *a, int exit_code) {
        if (a->ended) return;
        a->ended = true;
        a->exit_code = exit_code;
        (void)uv_timer_stop(&a->deadline); /* cannot fail on an initialized timer */
        (void)uv_timer_stop(&a->retry);
        zk_close(a->zk, on_zk_closed, a);
        a->zk = NULL;
}

static void on_deadline(uv_timer_t *timer) {
        struct apply *a = timer->data;
        const char *why = zk_last_error(a->zk);
        cli_error("ZooKeeper at %s cannot be reached within %u s%s%s%s",
                  a->config->zookeeper_connect, a->timeout_s, *why ? ": " : "", why,
                  a->writing ? "; whether the routes were written is not known, run apply again"
                             : "");
        end(a, CLI_UNREACHABLE);
}

static void on_retry(uv_timer_t *timer) {
        struct apply *a = timer->data;
        /* uv_timer_start fails for a closing handle only */
        if (zk_state(a->zk) == ZK_CONNECTED) read_meta(a);
        else (void)uv_timer_start(&a->retry, on_retry, RETRY_MS, 0);
}

/* The next round, when the connection is there. */
static void again(struct apply *a) {
        (void)uv_timer_start(&a->retry, on_retry, RETRY_MS, 0); /* as above */
}

/* A step did not work: try again where that helps, else end. */
static void trouble(struct apply *a, const char *what, int code) {
        if (code == ERR_CLOSING) return;
        if (code == ERR_CONNECTION || code == ERR_SESSION) {
                again(a);
                return;
        }
        cli_error("%s: %s%s", what, err_text(code),
                  code == ERR_TOO_BIG
                          ? "; the routes of this file do not fit into one change, apply them "
                            "in several files"
                          : "");
        end(a, CLI_FAILED);
}

static void conflict(struct apply *a) {
        a->writing = false;
        if (++a->conflicts < CONFLICTS_MAX) {
                again(a);
                return;
        }
        cli_error("somebody else keeps changing the same routes; nothing was written");
        end(a, CLI_FAILED);
}

/* The difference goes to standard output once, when it is final. */
static void report(struct apply *a, const char *text) {
        fputs(text, stdout);
        for (size_t i = 0; !a->one && i < a->other_count; i++)
                printf("  %s is not in %s: untouched\n", a->others[i], a->config->path);
        if (a->dry_run) puts("dry run: nothing was written");
}

/* ---- writing ------------------------------------------------------------ */

static void on_written(void *ctx, int code, int failed, const struct zk_multi_result *results,
                       size_t count) {
        struct apply *a = ctx;
        (void)failed;
        (void)results;
        (void)count;
        if (a->ended) return;
        if (code == ERR_VERSION || code == ERR_EXISTS || code == ERR_NOT_FOUND) {
                conflict(a);
                return;
        }
        if (code) {
                trouble(a, "writing the routes", code);
                return;
        }
        report(a, a->written);
        end(a, CLI_OK);
}

/* The message of a route of the file; borrows. */
static void wanted_message(const struct apply *a, size_t i, Heliostat__Pb__Route *out) {
        route_to_message(a->wanted[i].route, out);
        out->start_offsets = a->files[i].items;
        out->n_start_offsets = a->files[i].count;
}

static int add_route(struct apply *a, struct zk_multi *multi, size_t i) {
        const struct wanted *w = &a->wanted[i];
        Heliostat__Pb__Route message;
        char path[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;

        wanted_message(a, i, &message);
        if (w->old) { /* not of the configuration: a failover is not undone by a file */
                message.intake = w->old->intake;
                message.intake_ms = w->old->intake_ms;
                message.pauses = w->old->pauses;
                message.n_pauses = w->old->n_pauses;
        }
        int rc = znode_path_route(path, w->route->name);
        if (!rc) rc = codec_pack(&message.base, &data, &bytes);
        if (rc) return rc;
        rc = w->outcome == ROUTE_ADDED ? zk_multi_create(multi, path, data, bytes, ZK_PERSISTENT)
                                       : zk_multi_set(multi, path, data, bytes, w->version);
        free(data);
        return rc;
}

static void write_routes(struct apply *a) {
        struct zk_multi *multi = zk_multi_new();
        int rc = multi ? 0 : ERR_NOMEM;

        for (size_t i = 0; !rc && i < a->config->route_count; i++)
                if (a->wanted[i].outcome != ROUTE_UNCHANGED) rc = add_route(a, multi, i);
        if (!rc && zk_multi_count(multi) == 0) {
                zk_multi_free(multi);
                /* after a write with an unknown result: it was done */
                report(a, a->writing ? a->written : a->text);
                end(a, CLI_OK);
                return;
        }
        if (!rc) {
                free(a->written);
                a->written = a->text;
                a->text = NULL;
                interrupt_say("apply", "all of its routes were written, or none: apply again finds out");
                rc = zk_multi_run(a->zk, multi, on_written, a);
        }
        if (!rc) {
                a->writing = true;
                return;
        }
        zk_multi_free(multi);
        trouble(a, "writing the routes", rc);
}

static void on_meta_made(void *ctx, int code, const char *path) {
        struct apply *a = ctx;
        (void)path;
        if (a->ended) return;
        if (code && code != ERR_EXISTS) trouble(a, "creating " ZNODE_META, code);
        else write_routes(a);
}

/* A random UUID: two clusters must never share a name. */
static bool make_uuid(char buf[37]) {
        unsigned char r[16];
        if (getrandom(r, sizeof r, 0) != sizeof r) return false;
        r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
        r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
        for (size_t i = 0, n = 0; i < sizeof r; i++)
                n += (size_t)sprintf(
                        buf + n, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", r[i]);
        return true;
}

static void make_meta(struct apply *a) {
        Heliostat__Pb__Meta meta = HELIOSTAT__PB__META__INIT;
        char uuid[37];
        void *data = NULL;
        size_t bytes;

        if (a->has_meta) {
                write_routes(a);
                return;
        }
        int rc = make_uuid(uuid) ? 0 : ERR_SYSTEM;
        meta.cluster_uuid = uuid;
        meta.created_ms = clock_wall_ms();
        if (!rc) rc = codec_pack(&meta.base, &data, &bytes);
        if (!rc) rc = zk_create(a->zk, ZNODE_META, data, bytes, ZK_PERSISTENT, on_meta_made, a);
        free(data);
        if (rc) trouble(a, "creating " ZNODE_META, rc);
}

static void on_ensured(void *ctx, int code);

static void ensure_next(struct apply *a) {
        if (a->at == znode_parent_count) {
                make_meta(a);
                return;
        }
        int rc = zk_ensure(a->zk, znode_parents[a->at], on_ensured, a);
        if (rc) trouble(a, znode_parents[a->at], rc);
}

static void on_ensured(void *ctx, int code) {
        struct apply *a = ctx;
        if (a->ended) return;
        if (code) {
                trouble(a, znode_parents[a->at], code);
                return;
        }
        a->at++;
        ensure_next(a);
}

/* ---- comparing ---------------------------------------------------------- */

/* All routes, before anything is written.  0, or has ended. */
static int compare(struct apply *a) {
        char *text = NULL;
        size_t size;
        bool refused = false;
        FILE *out = open_memstream(&text, &size);
        int rc = out ? 0 : ERR_NOMEM;

        for (size_t i = 0; !rc && i < a->config->route_count; i++) {
                struct wanted *w = &a->wanted[i];
                Heliostat__Pb__Route message;
                char *lines;
                wanted_message(a, i, &message);
                w->outcome = route_diff(w->old, &message, &lines);
                if (w->outcome < 0) {
                        rc = w->outcome;
                        break;
                }
                if (w->outcome == ROUTE_REFUSED) {
                        lines[strcspn(lines, "\n")] = '\0';
                        cli_error("%s: %s", a->config->path, lines);
                        refused = true;
                } else {
                        fputs(lines, out);
                }
                free(lines);
        }
        if (out && fclose(out) != 0 && !rc) rc = ERR_NOMEM;
        free(a->text);
        a->text = text;
        if (rc) {
                trouble(a, "comparing the routes", rc);
                return rc;
        }
        if (refused) {
                cli_error("nothing was written");
                end(a, CLI_USAGE);
                return ERR_INVALID;
        }
        return 0;
}

/* A record that comes back to where it began would go round for ever.  0, or has
 * ended. */
static int look_for_cycle(struct apply *a) {
        size_t count = a->config->route_count + a->other_count, n = 0;
        Heliostat__Pb__Route *messages = calloc(a->config->route_count, sizeof *messages);
        const Heliostat__Pb__Route **routes = calloc(count, sizeof *routes);
        bool *ours = calloc(count, sizeof *ours);
        char names[1024];
        if (!messages || !routes || !ours) abort();
        for (size_t i = 0; i < a->config->route_count; i++) {
                route_to_message(a->wanted[i].route, &messages[i]);
                ours[n] = true;
                routes[n++] = &messages[i];
        }
        for (size_t i = 0; i < a->other_count; i++)
                if (a->other_specs[i]) routes[n++] = a->other_specs[i];
        bool found = route_cycle_find(routes, ours, n, names, sizeof names);
        free(messages);
        free(routes);
        free(ours);
        if (!found) return 0;
        cli_error("%s: the routes %s close a cycle: a record would go round for ever. Give all of them "
                  "topic.naming = prefix, or provenance = header, or topics that cannot meet; nothing was "
                  "written",
                  a->config->path, names);
        end(a, CLI_USAGE);
        return ERR_INVALID;
}

static void decide(struct apply *a) {
        if (compare(a) || look_for_cycle(a)) return;
        if (a->dry_run) {
                report(a, a->text);
                end(a, CLI_OK);
                return;
        }
        a->at = 0;
        ensure_next(a);
}

/* ---- reading ------------------------------------------------------------ */

static void get_next(struct apply *a);

static void on_route(void *ctx, int code, const void *data, size_t bytes,
                     const struct zk_stat *stat) {
        struct apply *a = ctx;
        struct wanted *w = &a->wanted[a->at];
        if (a->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(a, w->route->name, code);
                return;
        }
        if (!code) {
                int rc = codec_unpack_route(data, bytes, &w->old);
                if (rc) {
                        cli_error("the route %s in ZooKeeper cannot be read (%s); nothing was "
                                  "written",
                                  w->route->name, err_text(rc));
                        end(a, CLI_FAILED);
                        return;
                }
                w->version = stat->version;
        }
        a->at++;
        get_next(a);
}

static void on_other(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct apply *a = ctx;
        size_t i = a->at - a->config->route_count;
        (void)stat;
        if (a->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(a, a->others[i], code);
                return;
        }
        if (!code) (void)codec_unpack_route(data, bytes, &a->other_specs[i]); /* NULL then: not ours to judge */
        a->at++;
        get_next(a);
}

static void get_next(struct apply *a) {
        char path[ZNODE_PATH_MAX];
        if (a->at == a->config->route_count + a->other_count) {
                decide(a);
                return;
        }
        if (a->at >= a->config->route_count) {
                const char *other = a->others[a->at - a->config->route_count];
                int rc = znode_path_route(path, other);
                if (rc) { /* no name of a route: nothing that mirrors */
                        a->at++;
                        get_next(a);
                        return;
                }
                rc = zk_get(a->zk, path, NULL, NULL, on_other, a);
                if (rc) trouble(a, other, rc);
                return;
        }
        const char *name = a->wanted[a->at].route->name;
        int rc = znode_path_route(path, name);
        if (!rc) rc = zk_get(a->zk, path, NULL, NULL, on_route, a);
        if (rc) trouble(a, name, rc);
}

static void on_names(void *ctx, int code, const char *const *names, size_t count,
                     const struct zk_stat *stat) {
        struct apply *a = ctx;
        (void)stat;
        if (a->ended) return;
        if (code && code != ERR_NOT_FOUND) { /* not found: nothing was ever applied */
                trouble(a, ZNODE_ROUTES, code);
                return;
        }
        if (!code && count) {
                a->others = calloc(count, sizeof *a->others);
                a->other_specs = calloc(count, sizeof *a->other_specs);
                if (!a->others || !a->other_specs) {
                        trouble(a, ZNODE_ROUTES, ERR_NOMEM);
                        return;
                }
        }
        for (size_t i = 0; !code && i < count; i++) {
                if (config_route(a->config, names[i])) continue;
                a->others[a->other_count] = strdup(names[i]);
                if (!a->others[a->other_count]) {
                        trouble(a, ZNODE_ROUTES, ERR_NOMEM);
                        return;
                }
                text_one_line(a->others[a->other_count++]);
        }
        a->at = 0;
        get_next(a);
}

static void on_meta(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        struct apply *a = ctx;
        Heliostat__Pb__Meta *meta;
        (void)stat;
        if (a->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(a, ZNODE_META, code);
                return;
        }
        if (!code) {
                int rc = codec_unpack_meta(data, bytes, &meta);
                if (rc) {
                        cli_error("%s in ZooKeeper cannot be read (%s); is %s the right path?",
                                  ZNODE_META, err_text(rc), a->config->zookeeper_connect);
                        end(a, CLI_FAILED);
                        return;
                }
                codec_free(meta);
                a->has_meta = true;
        }
        int rc = zk_children(a->zk, ZNODE_ROUTES, NULL, NULL, on_names, a);
        if (rc) trouble(a, ZNODE_ROUTES, rc);
}

static void forget_round(struct apply *a) {
        for (size_t i = 0; i < a->config->route_count; i++) {
                codec_free(a->wanted[i].old);
                a->wanted[i] = (struct wanted){.route = &a->config->routes[i]};
        }
        for (size_t i = 0; i < a->other_count; i++) {
                free(a->others[i]);
                codec_free(a->other_specs[i]);
        }
        free(a->others);
        free(a->other_specs);
        a->others = NULL;
        a->other_specs = NULL;
        a->other_count = 0;
        a->has_meta = false;
}

static void read_meta(struct apply *a) {
        forget_round(a);
        int rc = zk_get(a->zk, ZNODE_META, NULL, NULL, on_meta, a);
        if (rc) trouble(a, ZNODE_META, rc);
}

/* ---- start -------------------------------------------------------------- */

/* The retry timer looks for the connection; only a refusal needs an answer. */
static void on_state(void *ctx, enum zk_state state) {
        struct apply *a = ctx;
        if (state != ZK_REFUSED || a->ended) return;
        cli_error("ZooKeeper at %s refuses: %s", a->config->zookeeper_connect,
                  zk_last_error(a->zk));
        end(a, CLI_FAILED);
}

static void free_files(struct apply *a) {
        for (size_t i = 0; a->files && i < a->config->route_count; i++) start_files_fini(&a->files[i]);
        free(a->files);
}

static int read_files(struct apply *a) {
        char err[2 * CONFIG_ERROR_MAX];
        for (size_t i = 0; i < a->config->route_count; i++)
                if (start_files_load(a->config, &a->config->routes[i], &a->files[i], err, sizeof err)) {
                        cli_error("%s", err);
                        return CLI_USAGE;
                }
        return CLI_OK;
}

static int run(const struct config *config, bool dry_run, unsigned timeout_s, bool one) {
        struct apply a = {.config = config, .dry_run = dry_run, .timeout_s = timeout_s, .one = one};

        a.wanted = calloc(config->route_count, sizeof *a.wanted);
        a.files = calloc(config->route_count, sizeof *a.files);
        if (a.wanted && a.files && read_files(&a) != CLI_OK) {
                free_files(&a);
                free(a.wanted);
                return CLI_USAGE;
        }
        if (!a.wanted || !a.files || uv_loop_init(&a.loop) != 0) {
                free_files(&a);
                free(a.wanted);
                cli_error("%s", err_text(ERR_SYSTEM));
                return CLI_FAILED;
        }
        (void)uv_timer_init(&a.loop, &a.deadline); /* always 0 */
        (void)uv_timer_init(&a.loop, &a.retry);
        a.deadline.data = a.retry.data = &a;
        interrupt_say("apply", "nothing was written");
        int rc = zk_open(&a.loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms,
                         on_state, &a, &a.zk);
        if (rc) {
                cli_error("ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                a.exit_code = rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
                on_zk_closed(&a);
        } else {
                (void)uv_timer_start(&a.deadline, on_deadline, (uint64_t)timeout_s * 1000, 0);
                (void)uv_timer_start(&a.retry, on_retry, 1, 0);
        }
        (void)uv_run(&a.loop, UV_RUN_DEFAULT); /* returns when all handles are closed */
        (void)uv_loop_close(&a.loop);
        forget_round(&a);
        free(a.wanted);
        free(a.written);
        free(a.text);
        free_files(&a);
        return a.exit_code;
}

int apply_config(struct config *config, const char *only, bool dry_run, unsigned timeout_s) {
        char err[CONFIG_ERROR_MAX];
        const struct config_route *one = only ? config_route(config, only) : NULL;
        if (only && !one) {
                const char **names = calloc(config->route_count + 1, sizeof *names);
                for (size_t i = 0; names && i < config->route_count; i++) names[i] = config->routes[i].name;
                const char *nearest = names ? text_nearest(only, names, config->route_count) : NULL;
                if (nearest) cli_error("%s: has no route '%.140s'; did you mean '%s'?", config->path, only, nearest);
                else cli_error("%s: has no route '%.140s'", config->path, only);
                free(names);
                return CLI_USAGE;
        }
        if (config->route_count == 0) {
                cli_error("%s: has no routes; expected settings such as "
                          "'<source>-><destination>.enabled'",
                          config->path);
                return CLI_USAGE;
        }
        if (kafka_config_check_names(config, err, sizeof err) != 0) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        if (!one) return run(config, dry_run, timeout_s, false);
        /* As if the file had this one alone. */
        struct config_route first = config->routes[0], chosen = *one;
        size_t count = config->route_count, at = (size_t)(one - config->routes);
        config->routes[at] = first;
        config->routes[0] = chosen;
        config->route_count = 1;
        int exit_code = run(config, dry_run, timeout_s, true);
        config->route_count = count;
        return exit_code;
}

int cli_apply(const struct verb_args *args) {
        struct config config;
        int exit_code = cli_load(args->operands[0], &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() == LOG_INFO) log_set_level(LOG_ERROR);
        if (!exit_code)
                exit_code = apply_config(&config, NULL, verb_has(args, "dry-run"), cli_seconds(args, "timeout", TIMEOUT_S));
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
