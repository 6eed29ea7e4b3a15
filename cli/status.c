/* Reads every znode once, with a bounded number of requests under way, and
 * hands the facts to the pure parts.  It takes no watches and writes nothing.
 *
 *     connect -> chroot there? -> lists -> nodes -> close -> show
 *
 * A connection that breaks in between starts the reading over: a half-read
 * picture would show partitions as missing.  A node that vanishes between its
 * list and its turn is left out, as if it had vanished before. */
#include "cli/status.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/health.h"
#include "cli/render.h"
#include "cli/snapshot.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/log.h"
#include "common/zk.h"
#include "common/znode_path.h"

#define REQUESTS_MAX 128 /* under way at once; the others wait in the list */
#define TIMEOUT_S 10
#define TIMEOUT_MAX_S 3600
#define SESSION_TIMEOUT_MS 6000
#define REPORT_REFRESH_MS 10000 /* a worker writes an unchanged report after this */
#define REPORT_INTERVAL_MS 2000 /* the default, when there is no configuration */
#define STALE_SLACK_MS 1000

/* A node to read, or a list of nodes. */
struct task {
        struct status *status;
        bool list;
        unsigned attempt;      /* of the reading; an answer to an earlier one is ignored */
        enum fact_kind kind;   /* of the node, or of the list's nodes */
        uint32_t number;
        char *name;
        char path[ZNODE_PATH_MAX];
};

struct status {
        uv_loop_t loop;
        uv_timer_t deadline;
        struct zk *zk;
        const char *connect;
        unsigned timeout_s;

        struct facts facts;
        struct task **tasks;   /* waiting, last in first out */
        size_t task_count, task_room;
        size_t under_way;      /* of this attempt */
        unsigned attempt;

        bool ended;
        int exit_code;
};

static void pump(struct status *s);

/* ---- the end ---- */

static void on_zk_closed(void *ctx) {
        struct status *s = ctx;
        uv_close((uv_handle_t *)&s->deadline, NULL);
}

static void end(struct status *s, int exit_code) {
        if (s->ended) return;
        s->ended = true;
        s->exit_code = exit_code;
        (void)uv_timer_stop(&s->deadline); /* cannot fail on an initialized timer */
        zk_close(s->zk, on_zk_closed, s);
        s->zk = NULL;
}

static void nomem(struct status *s) {
        cli_error("%s", err_text(ERR_NOMEM));
        end(s, CLI_FAILED);
}

static void on_deadline(uv_timer_t *timer) {
        struct status *s = timer->data;
        const char *why = zk_last_error(s->zk);
        bool reading = zk_state(s->zk) == ZK_CONNECTED;
        cli_error("ZooKeeper at %s %s within %u s%s%s", s->connect,
                  reading ? "did not answer everything" : "cannot be reached", s->timeout_s,
                  *why ? ": " : "", why);
        end(s, CLI_UNREACHABLE);
}

/* ---- tasks ---- */

static void task_free(struct task *task) {
        if (!task) return;
        free(task->name);
        free(task);
}

static void tasks_drop(struct status *s) {
        while (s->task_count) task_free(s->tasks[--s->task_count]);
}

static void task_add(struct status *s, bool list, enum fact_kind kind, const char *path,
                     const char *name, uint32_t number) {
        struct task *task;

        if (s->ended) return;
        task = calloc(1, sizeof *task);
        if (!task || !(task->name = strdup(name))) goto fail;
        if (s->task_count == s->task_room) {
                size_t room = s->task_room ? s->task_room * 2 : 64;
                struct task **tasks = realloc(s->tasks, room * sizeof(struct task *));
                if (!tasks) goto fail;
                s->tasks = tasks;
                s->task_room = room;
        }
        task->status = s;
        task->list = list;
        task->attempt = s->attempt;
        task->kind = kind;
        task->number = number;
        (void)snprintf(task->path, sizeof task->path, "%s", path);
        s->tasks[s->task_count++] = task;
        return;
fail:
        task_free(task);
        nomem(s);
}

static void fact_take(struct status *s, const struct task *task, int code, void *message,
                      const struct zk_stat *stat) {
        struct fact fact = {.kind = task->list ? FACT_OTHER : task->kind, .path = (char *)(uintptr_t)task->path,
                            .name = task->name, .number = task->number, .code = code,
                            .message = message};
        if (stat) {
                fact.created_ms = stat->created_ms;
                fact.modified_ms = stat->modified_ms;
        }
        if (facts_add(&s->facts, &fact) != 0) nomem(s);
}

static int unpack(enum fact_kind kind, const void *data, size_t bytes, void **out) {
        switch (kind) {
        case FACT_META: return codec_unpack_meta(data, bytes, (Heliostat__Pb__Meta **)out);
        case FACT_LEADER: return codec_unpack_leader(data, bytes, (Heliostat__Pb__Leader **)out);
        case FACT_CANDIDATE:
                return codec_unpack_candidate(data, bytes, (Heliostat__Pb__Candidate **)out);
        case FACT_ROUTE: return codec_unpack_route(data, bytes, (Heliostat__Pb__Route **)out);
        case FACT_WORKER: return codec_unpack_worker(data, bytes, (Heliostat__Pb__Worker **)out);
        case FACT_LANE: return codec_unpack_lane(data, bytes, (Heliostat__Pb__Lane **)out);
        case FACT_REPORT: return codec_unpack_report(data, bytes, (Heliostat__Pb__Report **)out);
        case FACT_PLACEMENT:
                return codec_unpack_placement(data, bytes, (Heliostat__Pb__Placement **)out);
        case FACT_OTHER: break;
        }
        return ERR_INVALID;
}

/* A message that says it is another's is as wrong as garbage. */
static bool names_match(const struct task *task, const void *message) {
        switch (task->kind) {
        case FACT_ROUTE: return strcmp(((const Heliostat__Pb__Route *)message)->name, task->name) == 0;
        case FACT_WORKER: return strcmp(((const Heliostat__Pb__Worker *)message)->id, task->name) == 0;
        case FACT_REPORT:
                return strcmp(((const Heliostat__Pb__Report *)message)->worker, task->name) == 0;
        default: return true;
        }
}

/* True when the answer belongs to the reading of now and is one: else it is
 * dealt with. */
static bool answer_wanted(struct task *task, int code) {
        struct status *s = task->status;

        if (task->attempt != s->attempt) return false;
        s->under_way--;
        /* The next CONNECTED starts over. */
        return !s->ended && code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING;
}

static void on_node(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        struct task *task = ctx;
        struct status *s = task->status;
        void *message = NULL;

        if (answer_wanted(task, code)) {
                /* created empty: nobody wants anything yet */
                if (code == 0 && task->kind == FACT_PLACEMENT && bytes == 0) code = ERR_NOT_FOUND;
                if (code == 0) code = unpack(task->kind, data, bytes, &message);
                if (code == 0 && !names_match(task, message)) {
                        codec_free(message);
                        message = NULL;
                        code = ERR_INVALID;
                }
                if (code != ERR_NOT_FOUND) fact_take(s, task, code, message, stat);
                pump(s);
        }
        task_free(task);
}

/* "12" without sign, blanks or leading zeros. */
static bool number_parse(const char *text, uint32_t max, uint32_t *out) {
        uint32_t number = 0;

        if (!*text || strlen(text) > 9 || (*text == '0' && text[1])) return false;
        for (; *text; text++) {
                if (*text < '0' || *text > '9') return false;
                number = number * 10 + (uint32_t)(*text - '0');
        }
        if (number > max) return false;
        *out = number;
        return true;
}

/* A child of a list: what to read, or a fact that it is not one of ours. */
static void child_add(struct status *s, const struct task *list, const char *child) {
        char path[ZNODE_PATH_MAX * 2], name[ZNODE_PATH_MAX];
        enum fact_kind kind = list->kind;
        uint32_t number = 0;
        bool ours = true, is_list = false;

        int n = snprintf(path, sizeof path, "%s/%s", list->path, child);
        (void)snprintf(name, sizeof name, "%s", child);
        switch (list->kind) {
        case FACT_ROUTE: ours = znode_route_valid(child); break;
        case FACT_WORKER: ours = znode_id_valid(child); break;
        case FACT_LANE:
                if (*list->name) { /* below one route */
                        ours = number_parse(child, ROUTE_LANES_MAX - 1, &number);
                        (void)snprintf(name, sizeof name, "%s", list->name);
                } else {
                        ours = znode_route_valid(child);
                        is_list = ours;
                }
                break;
        case FACT_REPORT: {
                char *tilde = strchr(name, '~');
                if (tilde) {
                        *tilde = '\0';
                        ours = number_parse(tilde + 1, 1024, &number) && number > 0;
                }
                ours = ours && znode_id_valid(name);
                break;
        }
        default: break;
        }
        if (n >= ZNODE_PATH_MAX) ours = false;
        if (ours) {
                task_add(s, is_list, kind, path, name, number);
        } else {
                struct fact fact = {.kind = FACT_OTHER, .path = path, .name = name};
                if (facts_add(&s->facts, &fact) != 0) nomem(s);
        }
}

static void on_list(void *ctx, int code, const char *const *names, size_t count,
                    const struct zk_stat *stat) {
        struct task *task = ctx;
        struct status *s = task->status;

        (void)stat;
        if (answer_wanted(task, code)) {
                for (size_t i = 0; code == 0 && i < count; i++) child_add(s, task, names[i]);
                /* Not there: nothing was applied yet, or it is gone. */
                if (code != 0 && code != ERR_NOT_FOUND) fact_take(s, task, code, NULL, NULL);
                pump(s);
        }
        task_free(task);
}

/* Sends what may be sent; ends when nothing is left. */
static void pump(struct status *s) {
        while (!s->ended && s->task_count && s->under_way < REQUESTS_MAX) {
                struct task *task = s->tasks[--s->task_count];
                int rc = task->list ? zk_children(s->zk, task->path, NULL, NULL, on_list, task)
                                    : zk_get(s->zk, task->path, NULL, NULL, on_node, task);
                if (rc == 0) {
                        s->under_way++;
                        continue;
                }
                if (rc == ERR_INVALID) { /* a name that ZooKeeper takes and we do not */
                        fact_take(s, task, rc, NULL, NULL);
                        task_free(task);
                        continue;
                }
                task_free(task);
                if (rc == ERR_CONNECTION) return; /* CONNECTED starts over */
                cli_error("%s", err_text(rc));
                end(s, CLI_FAILED);
        }
        if (!s->ended && s->task_count == 0 && s->under_way == 0) end(s, CLI_OK);
}

/* ---- connection ---- */

static void on_chroot(void *ctx, int code, const struct zk_stat *stat) {
        struct status *s = ctx;

        (void)stat;
        if (s->ended || code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING)
                return;
        if (code == ERR_NOT_FOUND) {
                cli_error("%s: ZooKeeper has no %s; is the path right, was 'heliostat apply' run?",
                          s->connect, *zk_chroot(s->zk) ? zk_chroot(s->zk) : "/");
                end(s, CLI_FAILED);
                return;
        }
        if (code) {
                cli_error("%s: %s", s->connect, err_text(code));
                end(s, CLI_FAILED);
                return;
        }
        task_add(s, true, FACT_LANE, ZNODE_LANES, "", 0);
        task_add(s, true, FACT_REPORT, ZNODE_REPORTS, "", 0);
        task_add(s, true, FACT_WORKER, ZNODE_WORKERS, "", 0);
        task_add(s, true, FACT_ROUTE, ZNODE_ROUTES, "", 0);
        task_add(s, true, FACT_CANDIDATE, ZNODE_ELECTION, "", 0);
        task_add(s, false, FACT_LEADER, ZNODE_LEADER, "leader", 0);
        task_add(s, false, FACT_PLACEMENT, ZNODE_OPS, "op", 0);
        task_add(s, false, FACT_META, ZNODE_META, "meta", 0);
        pump(s);
}

static void on_state(void *ctx, enum zk_state state) {
        struct status *s = ctx;

        if (s->ended) return;
        if (state == ZK_REFUSED) {
                cli_error("ZooKeeper at %s refused the connection: %s", s->connect,
                          zk_last_error(s->zk));
                end(s, CLI_UNREACHABLE);
        }
        if (state != ZK_CONNECTED) return;
        s->attempt++;
        s->under_way = 0;
        tasks_drop(s);
        facts_fini(&s->facts);
        /* Fails only when the connection is lost again: then we are called again. */
        (void)zk_exists(s->zk, "/", NULL, NULL, on_chroot, s);
}

/* The facts are in s on CLI_OK. */
static int facts_read(struct status *s) {
        if (uv_loop_init(&s->loop) != 0) {
                cli_error("%s", err_text(ERR_SYSTEM));
                return CLI_FAILED;
        }
        (void)uv_timer_init(&s->loop, &s->deadline); /* cannot fail */
        s->deadline.data = s;
        int rc = zk_open(&s->loop, s->connect, SESSION_TIMEOUT_MS, on_state, s, &s->zk);
        if (rc) {
                cli_error("%s: %s", s->connect, err_text(rc));
                s->exit_code = CLI_FAILED;
                uv_close((uv_handle_t *)&s->deadline, NULL);
        } else {
                (void)uv_timer_start(&s->deadline, on_deadline, (uint64_t)s->timeout_s * 1000, 0);
        }
        (void)uv_run(&s->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&s->loop); /* everything in it is closed */
        tasks_drop(s);
        free(s->tasks);
        return s->exit_code;
}

/* ---- options ---- */

static void usage(FILE *out) {
        fputs("usage: heliostat status (--config FILE | --zookeeper CONNECT) [-o FORMAT]\n"
              "                        [--check] [--timeout SECONDS]\n"
              "\n"
              "Shows routes, workers, partitions and lag, as ZooKeeper knows them.\n"
              "\n"
              "  -c, --config FILE        take zookeeper.connect from this file\n"
              "  -z, --zookeeper CONNECT  host:port,...[/path]\n"
              "  -o, --output FORMAT      table (default), wide (every partition), json\n"
              "      --check              exit with 5 unless all is well\n"
              "      --timeout SECONDS    for everything together (default 10)\n"
              "  -h, --help               this text\n"
              "\n"
              "Exit code: 0 done, 1 failed, 2 wrong use, 3 ZooKeeper cannot be reached,\n"
              "5 unhealthy (with --check).  docs/status.md explains the columns.\n",
              out);
}

struct arguments {
        const char *config, *zookeeper;
        enum render_format format;
        bool check;
        unsigned timeout_s;
};

/* CLI_OK: go on.  Anything else was said; *done: --help. */
static int arguments_parse(int argc, char **argv, struct arguments *out, bool *done) {
        enum { OPT_CHECK = 256, OPT_TIMEOUT };
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"zookeeper", required_argument, NULL, 'z'},
                {"output", required_argument, NULL, 'o'},
                {"check", no_argument, NULL, OPT_CHECK},
                {"timeout", required_argument, NULL, OPT_TIMEOUT},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        static const char *const formats[] = {"table", "wide", "json"};
        uint32_t number;
        int c;

        *out = (struct arguments){.timeout_s = TIMEOUT_S};
        while ((c = getopt_long(argc, argv, "c:z:o:h", options, NULL)) != -1) {
                switch (c) {
                case 'c': out->config = optarg; break;
                case 'z': out->zookeeper = optarg; break;
                case 'o': {
                        int format = 0;
                        while (format < 3 && strcmp(formats[format], optarg) != 0) format++;
                        if (format == 3) {
                                cli_error("status: unknown format '%.100s'; expected table, wide "
                                          "or json", optarg);
                                return CLI_USAGE;
                        }
                        out->format = (enum render_format)format;
                        break;
                }
                case OPT_CHECK: out->check = true; break;
                case OPT_TIMEOUT:
                        if (!number_parse(optarg, TIMEOUT_MAX_S, &number) || number == 0) {
                                cli_error("status: --timeout '%.100s'; expected 1 to %d seconds",
                                          optarg, TIMEOUT_MAX_S);
                                return CLI_USAGE;
                        }
                        out->timeout_s = number;
                        break;
                case 'h':
                        usage(stdout);
                        *done = true;
                        return CLI_OK;
                default: /* getopt has said what is wrong */
                        usage(stderr);
                        return CLI_USAGE;
                }
        }
        if (optind < argc) {
                cli_error("status: unexpected argument '%.100s'", argv[optind]);
                return CLI_USAGE;
        }
        if (!out->config == !out->zookeeper) {
                cli_error("status: one of --config FILE and --zookeeper CONNECT is needed");
                if (!out->config) usage(stderr);
                return CLI_USAGE;
        }
        return CLI_OK;
}

/* https://no-color.org: any value but the empty one. */
static bool colours_wanted(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int show(struct status *s, const struct arguments *arguments, int64_t report_interval_ms) {
        struct snapshot snapshot;
        struct health health;
        int64_t stale_ms = REPORT_REFRESH_MS + report_interval_ms + STALE_SLACK_MS;
        int exit_code = CLI_FAILED;

        if (snapshot_build(&s->facts, clock_wall_ms(), stale_ms, &snapshot) != 0) {
                cli_error("%s", err_text(ERR_NOMEM));
                return CLI_FAILED;
        }
        snapshot.zookeeper = s->connect;
        if (health_compute(&snapshot, &health) == 0) {
                char *text = render(&snapshot, &health, arguments->format, colours_wanted());
                if (!text)
                        cli_error("%s", err_text(ERR_NOMEM));
                else if (fputs(text, stdout) == EOF || fflush(stdout) != 0)
                        cli_error("cannot write to standard output: %s", strerror(errno));
                else
                        exit_code = arguments->check && health.level != HEALTH_OK ? CLI_UNHEALTHY
                                                                                  : CLI_OK;
                free(text);
                health_fini(&health);
        } else {
                cli_error("%s", err_text(ERR_NOMEM));
        }
        snapshot_fini(&snapshot);
        return exit_code;
}

int cli_status(int argc, char **argv) {
        struct arguments arguments;
        struct config config;
        struct status status = {0};
        int64_t report_interval_ms = REPORT_INTERVAL_MS;
        char err[256];
        bool done = false;
        int exit_code = arguments_parse(argc, argv, &arguments, &done);

        if (exit_code || done) return exit_code;
        if (arguments.config) {
                exit_code = cli_load(arguments.config, &config);
                if (exit_code) return exit_code;
                exit_code = cli_check_zookeeper(&config);
                report_interval_ms = config.report_interval_ms;
        } else if (zk_connect_string_check(arguments.zookeeper, err, sizeof err) != 0) {
                cli_error("status: --zookeeper: %s", err);
                return CLI_USAGE;
        }
        if (!exit_code) {
                /* What goes wrong is told once, at the end. */
                if (log_get_level() != LOG_DEBUG) log_set_level(LOG_ERROR);
                (void)signal(SIGPIPE, SIG_IGN); /* `status | head`: an error code, not the end */
                status.connect = arguments.config ? config.zookeeper_connect : arguments.zookeeper;
                status.timeout_s = arguments.timeout_s;
                exit_code = facts_read(&status);
                if (!exit_code) exit_code = show(&status, &arguments, report_interval_ms);
                facts_fini(&status.facts);
        }
        if (arguments.config) config_fini(&config);
        return exit_code;
}
