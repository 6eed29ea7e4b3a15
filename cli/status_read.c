/* Reads every znode once, with a bounded number of requests under way.  It takes
 * no watches and writes nothing.
 *
 *     connect -> chroot there? -> lists -> nodes -> close
 *
 * A connection that breaks in between starts the reading over: a half-read
 * picture would show partitions as missing.  A node that vanishes between its
 * list and its turn is left out, as if it had vanished before. */
#include "cli/status_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/zk.h"
#include "common/znode_path.h"

#define REQUESTS_MAX 128 /* under way at once; the others wait in the list */
#define SESSION_TIMEOUT_MS 6000

/* A node to read, or a list of nodes. */
struct task {
        struct reading *reading;
        bool list;
        unsigned attempt;      /* of the reading; an answer to an earlier one is ignored */
        enum fact_kind kind;   /* of the node, or of the list's nodes */
        uint32_t number;
        char *name;
        char path[ZNODE_PATH_MAX];
};

struct reading {
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

static void pump(struct reading *s);

/* ---- the end ---- */

static void on_zk_closed(void *ctx) {
        struct reading *s = ctx;
        uv_close((uv_handle_t *)&s->deadline, NULL);
}

static void end(struct reading *s, int exit_code) {
        if (s->ended) return;
        s->ended = true;
        s->exit_code = exit_code;
        (void)uv_timer_stop(&s->deadline); /* cannot fail on an initialized timer */
        zk_close(s->zk, on_zk_closed, s);
        s->zk = NULL;
}

static void nomem(struct reading *s) {
        cli_error("%s", err_text(ERR_NOMEM));
        end(s, CLI_FAILED);
}

static void on_deadline(uv_timer_t *timer) {
        struct reading *s = timer->data;
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

static void tasks_drop(struct reading *s) {
        while (s->task_count) task_free(s->tasks[--s->task_count]);
}

static void task_add(struct reading *s, bool list, enum fact_kind kind, const char *path,
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
        task->reading = s;
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

static void fact_take(struct reading *s, const struct task *task, int code, void *message,
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
        struct reading *s = task->reading;

        if (task->attempt != s->attempt) return false;
        s->under_way--;
        /* The next CONNECTED starts over. */
        return !s->ended && code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING;
}

static void on_node(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        struct task *task = ctx;
        struct reading *s = task->reading;
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

/* A child of a list: what to read, or a fact that it is not one of ours. */
static void child_add(struct reading *s, const struct task *list, const char *child) {
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
                        ours = cli_number(child, ROUTE_LANES_MAX - 1, &number);
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
                        ours = cli_number(tilde + 1, 1024, &number) && number > 0;
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
        struct reading *s = task->reading;

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
static void pump(struct reading *s) {
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
        struct reading *s = ctx;

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
        struct reading *s = ctx;

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

int status_read(const char *connect, unsigned timeout_s, struct facts *out) {
        struct reading reading = {.connect = connect, .timeout_s = timeout_s}, *s = &reading;
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
        if (s->exit_code) facts_fini(&s->facts);
        else *out = s->facts;
        return s->exit_code;
}
