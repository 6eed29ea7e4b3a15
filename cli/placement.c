/* Rounds of: read what there is, decide, write /op at the version that was
 * read; then the same round again until the wish has come true.
 *
 *   OP -> WORKERS -> [ROUTE -> LANE | ASSIGN] -> decide -> WRITE -> again
 *                                                       -> end
 *   any -> again       connection lost, conflict, not there yet
 *
 * A result that a lost connection left unknown needs no care: the next round
 * reads what became of it. */
#include "cli/placement.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/placement_plan.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/log.h"
#include "common/text.h"
#include "common/zk.h"
#include "common/znode_path.h"

#define RETRY_MS 100
#define REACH_S 15
#define TIMEOUT_S 60

struct arguments {
        struct placement_request request;
        const char *config;
        bool dry_run, no_wait;
        unsigned timeout_s;
};

struct placement {
        const struct config *config;
        const struct arguments *arguments;
        const struct placement_request *request;

        uv_loop_t loop;
        uv_timer_t deadline, retry;
        struct zk *zk;

        /* of this round */
        Heliostat__Pb__Placement *op;
        int32_t op_version; /* -1: there is no /op */
        char **workers;
        size_t worker_count;
        uint32_t route_lanes;
        Heliostat__Pb__Lane *lane; /* NULL: not there yet, or unreadable */
        size_t held;               /* lanes in the worker's assign node */

        char *text;   /* what is wanted, in words; NULL: nothing, or it was printed */
        bool written; /* it is what /op says */
        bool ended;
        int exit_code;
};

static void read_op(struct placement *p);

/* ---- the end ------------------------------------------------------------- */

static void on_zk_closed(void *ctx) {
        struct placement *p = ctx;
        uv_close((uv_handle_t *)&p->deadline, NULL);
        uv_close((uv_handle_t *)&p->retry, NULL);
}

static void end(struct placement *p, int exit_code) {
        if (p->ended) return;
        p->ended = true;
        p->exit_code = exit_code;
        (void)uv_timer_stop(&p->deadline); /* cannot fail on an initialized timer */
        (void)uv_timer_stop(&p->retry);
        zk_close(p->zk, on_zk_closed, p);
        p->zk = NULL;
}

static void on_deadline(uv_timer_t *timer) {
        struct placement *p = timer->data;
        const char *why = zk_last_error(p->zk);
        if (!p->written || zk_state(p->zk) != ZK_CONNECTED) {
                cli_error("ZooKeeper at %s cannot be reached%s%s; %s", p->config->zookeeper_connect, *why ? ": " : "",
                          why, p->written ? "what is wanted was written" : "run it again");
                end(p, CLI_UNREACHABLE);
                return;
        }
        if (p->request->verb == PLACEMENT_MOVE)
                cli_error("lane %u of %s is not at %s after %u s (it is %s%s); what is wanted stays written; does a "
                          "coordinator lead? 'heliostat status' tells",
                          p->request->lane, p->request->route, p->request->worker, p->arguments->timeout_s,
                          p->lane && *p->lane->owner ? "at " : "nobody's",
                          p->lane && *p->lane->owner ? p->lane->owner : "");
        else
                cli_error("worker %s still has %zu lane%s after %u s; what is wanted stays written; does a coordinator "
                          "lead? 'heliostat status' tells",
                          p->request->worker, p->held, p->held == 1 ? "" : "s", p->arguments->timeout_s);
        end(p, CLI_FAILED);
}

static void on_retry(uv_timer_t *timer) {
        struct placement *p = timer->data;
        /* uv_timer_start fails for a closing handle only */
        if (zk_state(p->zk) == ZK_CONNECTED) read_op(p);
        else (void)uv_timer_start(&p->retry, on_retry, RETRY_MS, 0);
}

static void again(struct placement *p) { (void)uv_timer_start(&p->retry, on_retry, RETRY_MS, 0); /* as above */ }

/* A step did not work: the next round where that helps, else the end. */
static void trouble(struct placement *p, const char *what, int code) {
        if (code == ERR_CLOSING) return;
        if (code == ERR_CONNECTION || code == ERR_SESSION) {
                again(p);
                return;
        }
        cli_error("%s: %s", what, err_text(code));
        end(p, CLI_FAILED);
}

/* ---- writing and waiting ------------------------------------------------- */

/* Once: not before it is so. */
static void say(struct placement *p) {
        if (!p->text) return;
        printf("%s\n", p->text);
        (void)fflush(stdout); /* its end is checked */
        free(p->text);
        p->text = NULL;
}

static void wait_on(struct placement *p) {
        say(p);
        if (!p->written) /* from here on the time is the leader's */
                (void)uv_timer_start(&p->deadline, on_deadline, (uint64_t)p->arguments->timeout_s * 1000, 0);
        p->written = true;
        bool moves = p->request->verb == PLACEMENT_MOVE;
        if (p->arguments->no_wait || (!moves && p->request->verb != PLACEMENT_DRAIN)) {
                end(p, CLI_OK);
        } else if (moves && p->lane && p->lane->n_topics == 0) {
                printf("it has no partitions yet, so nobody runs it\n");
                end(p, CLI_OK);
        } else if (moves ? placement_there(p->lane, p->request->worker) : p->held == 0) {
                if (moves) printf("lane %u of %s runs at %s\n", p->request->lane, p->request->route, p->request->worker);
                else printf("worker %s has no lanes\n", p->request->worker);
                end(p, CLI_OK);
        } else {
                again(p);
        }
}

static void written(struct placement *p, int code) {
        if (p->ended) return;
        /* somebody else wrote, or made it: decide from what is there now */
        if (code == ERR_VERSION || code == ERR_EXISTS || code == ERR_NOT_FOUND) again(p);
        else if (code) trouble(p, ZNODE_OPS, code);
        else wait_on(p);
}

static void on_set(void *ctx, int code, const struct zk_stat *stat) {
        (void)stat;
        written(ctx, code);
}

static void on_created(void *ctx, int code, const char *path) {
        (void)path;
        written(ctx, code);
}

static void decide(struct placement *p) {
        struct placement_facts facts = {(const char *const *)p->workers, p->worker_count, p->route_lanes, p->lane};
        char *text = NULL;
        void *data = NULL;
        size_t bytes = 0;

        int outcome = p->written ? (int)PLACEMENT_SAME : placement_plan(p->op, p->request, &facts, &text);
        if (outcome < 0) {
                trouble(p, ZNODE_OPS, outcome);
                return;
        }
        if (outcome == PLACEMENT_REFUSED) {
                cli_error("%s", text);
                free(text);
                end(p, CLI_USAGE);
                return;
        }
        if (!p->written) {
                free(p->text); /* of a round that somebody else was faster than */
                p->text = text;
        }
        if (p->arguments->dry_run) {
                say(p);
                end(p, CLI_OK);
                return;
        }
        if (outcome == PLACEMENT_SAME) {
                wait_on(p);
                return;
        }
        int rc = codec_pack(&p->op->base, &data, &bytes);
        if (!rc && p->op_version < 0) rc = zk_create(p->zk, ZNODE_OPS, data, bytes, ZK_PERSISTENT, on_created, p);
        else if (!rc) rc = zk_set(p->zk, ZNODE_OPS, data, bytes, p->op_version, on_set, p);
        free(data);
        if (rc) trouble(p, ZNODE_OPS, rc);
}

/* ---- reading ------------------------------------------------------------- */

static void on_assign(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct placement *p = ctx;
        Heliostat__Pb__Assignment *assign = NULL;
        (void)stat;
        if (p->ended) return;
        if (!code) code = codec_unpack_assignment(data, bytes, &assign);
        if (code && code != ERR_NOT_FOUND) {
                trouble(p, ZNODE_ASSIGNS, code);
                return;
        }
        p->held = assign ? assign->n_lanes : 0;
        codec_free(assign);
        decide(p);
}

static void on_lane(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct placement *p = ctx;
        (void)stat;
        if (p->ended) return;
        if (!code) code = codec_unpack_lane(data, bytes, &p->lane);
        if (code && code != ERR_NOT_FOUND) trouble(p, ZNODE_LANES, code);
        else decide(p);
}

static void on_routes(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct placement *p = ctx;
        (void)stat;
        if (p->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(p, ZNODE_ROUTES, code);
                return;
        }
        const char *nearest = code ? NULL : text_nearest(p->request->route, names, count);
        if (nearest) cli_error("unknown route '%s'; did you mean '%s'?", p->request->route, nearest);
        else cli_error("unknown route '%s'; 'heliostat status' lists them", p->request->route);
        end(p, CLI_USAGE);
}

static void on_route(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct placement *p = ctx;
        Heliostat__Pb__Route *route = NULL;
        char path[ZNODE_PATH_MAX];
        (void)stat;
        if (p->ended) return;
        if (code == ERR_NOT_FOUND) {
                code = zk_children(p->zk, ZNODE_ROUTES, NULL, NULL, on_routes, p);
                if (code) trouble(p, ZNODE_ROUTES, code);
                return;
        }
        if (!code) code = codec_unpack_route(data, bytes, &route);
        p->route_lanes = route ? route->lanes : 0;
        codec_free(route);
        if (!code) code = znode_path_lane(path, p->request->route, p->request->lane);
        if (!code) code = zk_get(p->zk, path, NULL, NULL, on_lane, p);
        if (code) trouble(p, p->request->route, code);
}

static void workers_forget(struct placement *p) {
        for (size_t i = 0; i < p->worker_count; i++) free(p->workers[i]);
        free(p->workers);
        p->workers = NULL;
        p->worker_count = 0;
}

static int workers_take(struct placement *p, const char *const *names, size_t count) {
        p->workers = calloc(count + 1, sizeof *p->workers);
        if (!p->workers) return ERR_NOMEM;
        for (size_t i = 0; i < count; i++) {
                if (!znode_id_valid(names[i])) continue;
                if (!(p->workers[p->worker_count] = strdup(names[i]))) return ERR_NOMEM;
                p->worker_count++;
        }
        return 0;
}

static void on_workers(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct placement *p = ctx;
        char path[ZNODE_PATH_MAX];
        (void)stat;
        if (p->ended) return;
        if (code == ERR_NOT_FOUND) {
                code = 0;
                count = 0;
        }
        if (!code) code = workers_take(p, names, count);
        bool of_lane = p->request->verb == PLACEMENT_MOVE || p->request->verb == PLACEMENT_UNPIN;
        if (!code)
                code = of_lane ? znode_path_route(path, p->request->route) : znode_path_assign(path, p->request->worker);
        if (!code) code = zk_get(p->zk, path, NULL, NULL, of_lane ? on_route : on_assign, p);
        if (code) trouble(p, ZNODE_WORKERS, code);
}

static void on_op(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct placement *p = ctx;
        if (p->ended) return;
        p->op_version = code ? -1 : stat->version;
        if (code == ERR_NOT_FOUND || (!code && bytes == 0)) {
                p->op = malloc(sizeof *p->op);
                code = p->op ? 0 : ERR_NOMEM;
                if (p->op) heliostat__pb__placement__init(p->op);
        } else if (!code) {
                code = codec_unpack_placement(data, bytes, &p->op);
        }
        if (!code) code = zk_children(p->zk, ZNODE_WORKERS, NULL, NULL, on_workers, p);
        if (code) trouble(p, ZNODE_OPS, code);
}

static void forget_round(struct placement *p) {
        codec_free(p->op);
        codec_free(p->lane);
        p->op = NULL;
        p->lane = NULL;
        workers_forget(p);
}

static void read_op(struct placement *p) {
        forget_round(p);
        int rc = zk_get(p->zk, ZNODE_OPS, NULL, NULL, on_op, p);
        if (rc) trouble(p, ZNODE_OPS, rc);
}

/* ---- start --------------------------------------------------------------- */

/* The retry timer looks for the connection; only a refusal needs an answer. */
static void on_state(void *ctx, enum zk_state state) {
        struct placement *p = ctx;
        if (state != ZK_REFUSED || p->ended) return;
        cli_error("ZooKeeper at %s refuses: %s", p->config->zookeeper_connect, zk_last_error(p->zk));
        end(p, CLI_FAILED);
}

static int run(const struct config *config, const struct arguments *arguments) {
        struct placement *p = calloc(1, sizeof *p);
        if (!p || uv_loop_init(&p->loop) != 0) {
                free(p);
                cli_error("%s", err_text(ERR_SYSTEM));
                return CLI_FAILED;
        }
        p->config = config;
        p->arguments = arguments;
        p->request = &arguments->request;
        (void)uv_timer_init(&p->loop, &p->deadline); /* always 0 */
        (void)uv_timer_init(&p->loop, &p->retry);
        p->deadline.data = p->retry.data = p;
        int rc = zk_open(&p->loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms, on_state, p, &p->zk);
        if (rc) {
                cli_error("ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                p->exit_code = rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
                on_zk_closed(p);
        } else {
                (void)uv_timer_start(&p->deadline, on_deadline,
                                     (arguments->timeout_s < REACH_S ? arguments->timeout_s : REACH_S) * 1000, 0);
                (void)uv_timer_start(&p->retry, on_retry, 1, 0);
        }
        (void)uv_run(&p->loop, UV_RUN_DEFAULT); /* returns when all handles are closed */
        (void)uv_loop_close(&p->loop);
        forget_round(p);
        int exit_code = p->exit_code;
        free(p->text);
        free(p);
        return exit_code;
}

static int arguments_take(const struct verb_args *args, enum placement_verb verb, struct arguments *out) {
        bool of_lane = verb == PLACEMENT_MOVE, anywhere = of_lane && verb_has(args, "anywhere");
        *out = (struct arguments){.request.verb = anywhere ? PLACEMENT_UNPIN : verb,
                                  .config = verb_text(args, "config", NULL),
                                  .dry_run = verb_has(args, "dry-run"),
                                  .no_wait = verb_has(args, "no-wait"),
                                  .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        out->request.worker = args->operands[of_lane ? 2 : 0];
        if (!of_lane) return CLI_OK;
        out->request.route = args->operands[0];
        out->request.lane = (uint32_t)strtoul(args->operands[1], NULL, 10); /* checked by the table */
        if (!anywhere == (out->request.worker != NULL)) return CLI_OK;
        if (anywhere) cli_error("move: unexpected argument '%.100s'", out->request.worker);
        else cli_error("move: expected a route, a lane and a worker");
        return CLI_USAGE;
}

static int placement_verb(const struct verb_args *args, enum placement_verb verb) {
        struct arguments arguments;
        struct config config;
        int exit_code = arguments_take(args, verb, &arguments);

        if (exit_code) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() == LOG_INFO) log_set_level(LOG_ERROR);
        if (!exit_code) exit_code = run(&config, &arguments);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}

int cli_move(const struct verb_args *args) { return placement_verb(args, PLACEMENT_MOVE); }

int cli_drain(const struct verb_args *args) { return placement_verb(args, PLACEMENT_DRAIN); }

int cli_undrain(const struct verb_args *args) { return placement_verb(args, PLACEMENT_UNDRAIN); }
