/*     chroot there? -> lists -> nodes -> callback
 *
 * A node that vanishes between its list and its turn is left out, as if it had
 * vanished before.  The first failure of the connection ends the reading; it
 * is freed when the last request that is under way has been answered. */
#include "common/facts_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/config.h"
#include "common/err.h"
#include "common/text.h"
#include "common/znode_path.h"

/* A node to read, or a list of nodes. */
struct task {
        struct facts_read *reading;
        bool list;
        enum fact_kind kind; /* of the node, or of the list's nodes */
        uint32_t number;
        char *name;
        char path[ZNODE_PATH_MAX];
};

struct facts_read {
        struct zk *zk;
        facts_read_cb cb; /* NULL: told already, or cancelled */
        void *ctx;
        unsigned requests_max;
        struct facts facts;
        struct task **tasks; /* waiting, last in first out */
        size_t task_count, task_room;
        size_t under_way;
        int code; /* the first failure */
};

/* ---- tasks ---- */

static void task_free(struct task *task) {
        if (!task) return;
        free(task->name);
        free(task);
}

static void fail(struct facts_read *r, int code) {
        if (!r->code) r->code = code;
}

static void task_add(struct facts_read *r, bool list, enum fact_kind kind, const char *path,
                     const char *name, uint32_t number) {
        struct task *task = calloc(1, sizeof *task);

        if (!task || !(task->name = strdup(name))) goto nomem;
        if (r->task_count == r->task_room) {
                size_t room = r->task_room ? r->task_room * 2 : 64;
                struct task **tasks = realloc(r->tasks, room * sizeof(struct task *));
                if (!tasks) goto nomem;
                r->tasks = tasks;
                r->task_room = room;
        }
        task->reading = r;
        task->list = list;
        task->kind = kind;
        task->number = number;
        (void)snprintf(task->path, sizeof task->path, "%s", path);
        r->tasks[r->task_count++] = task;
        return;
nomem:
        task_free(task);
        fail(r, ERR_NOMEM);
}

static void fact_take(struct facts_read *r, const struct task *task, int code, void *message,
                      const struct zk_stat *stat) {
        struct fact fact = {.kind = task->list ? FACT_OTHER : task->kind,
                            .path = (char *)(uintptr_t)task->path, .name = task->name,
                            .number = task->number, .code = code, .message = message};
        if (stat) {
                fact.created_ms = stat->created_ms;
                fact.modified_ms = stat->modified_ms;
                fact.version = stat->version;
        }
        if (facts_add(&r->facts, &fact) != 0) fail(r, ERR_NOMEM);
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
        case FACT_EVENTS: return codec_unpack_events(data, bytes, (Heliostat__Pb__Events **)out);
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

/* A child of a list: what to read, or a fact that it is not one of ours. */
static void child_add(struct facts_read *r, const struct task *list, const char *child) {
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
                        ours = text_number(child, ROUTE_LANES_MAX - 1, &number);
                        (void)snprintf(name, sizeof name, "%s", list->name);
                } else {
                        ours = znode_route_valid(child);
                        is_list = ours;
                }
                break;
        case FACT_EVENTS: ours = text_number(child, EVENTS_CHUNKS - 1, &number); break;
        case FACT_REPORT: {
                char *tilde = strchr(name, '~');
                if (tilde) {
                        *tilde = '\0';
                        ours = text_number(tilde + 1, 1024, &number) && number > 0;
                }
                ours = ours && znode_id_valid(name);
                break;
        }
        default: break;
        }
        if (n >= ZNODE_PATH_MAX) ours = false;
        if (ours) {
                task_add(r, is_list, kind, path, name, number);
        } else {
                struct fact fact = {.kind = FACT_OTHER, .path = path, .name = name};
                if (facts_add(&r->facts, &fact) != 0) fail(r, ERR_NOMEM);
        }
}

/* ---- answers ---- */

static void go_on(struct facts_read *r);

/* True when there is something to make of the answer. */
static bool answered(struct facts_read *r, int code) {
        r->under_way--;
        if (code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING) fail(r, code);
        return !r->code;
}

static void on_node(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        struct task *task = ctx;
        struct facts_read *r = task->reading;
        void *message = NULL;

        if (answered(r, code)) {
                /* created empty: nobody wants anything yet */
                if (code == 0 && task->kind == FACT_PLACEMENT && bytes == 0) code = ERR_NOT_FOUND;
                if (code == 0) code = unpack(task->kind, data, bytes, &message);
                if (code == 0 && !names_match(task, message)) {
                        codec_free(message);
                        message = NULL;
                        code = ERR_INVALID;
                }
                if (code != ERR_NOT_FOUND) fact_take(r, task, code, message, stat);
        }
        task_free(task);
        go_on(r);
}

static void on_list(void *ctx, int code, const char *const *names, size_t count,
                    const struct zk_stat *stat) {
        struct task *task = ctx;
        struct facts_read *r = task->reading;

        (void)stat;
        if (answered(r, code)) {
                for (size_t i = 0; code == 0 && i < count; i++) child_add(r, task, names[i]);
                /* Not there: nothing was applied yet, or it is gone. */
                if (code != 0 && code != ERR_NOT_FOUND) fact_take(r, task, code, NULL, NULL);
        }
        task_free(task);
        go_on(r);
}

static void on_chroot(void *ctx, int code, const struct zk_stat *stat) {
        struct facts_read *r = ctx;

        (void)stat;
        if (answered(r, code) && code) fail(r, code);
        if (!r->code) {
                task_add(r, true, FACT_LANE, ZNODE_LANES, "", 0);
                task_add(r, true, FACT_EVENTS, ZNODE_EVENTS, "", 0);
                task_add(r, true, FACT_REPORT, ZNODE_REPORTS, "", 0);
                task_add(r, true, FACT_WORKER, ZNODE_WORKERS, "", 0);
                task_add(r, true, FACT_ROUTE, ZNODE_ROUTES, "", 0);
                task_add(r, true, FACT_CANDIDATE, ZNODE_ELECTION, "", 0);
                task_add(r, false, FACT_LEADER, ZNODE_LEADER, "leader", 0);
                task_add(r, false, FACT_PLACEMENT, ZNODE_OPS, "op", 0);
                task_add(r, false, FACT_META, ZNODE_META, "meta", 0);
        }
        go_on(r);
}

static void reading_free(struct facts_read *r) {
        while (r->task_count) task_free(r->tasks[--r->task_count]);
        free(r->tasks);
        facts_fini(&r->facts);
        free(r);
}

/* Sends what may be sent; ends when nothing is left. */
static void go_on(struct facts_read *r) {
        while (!r->code && r->task_count && r->under_way < r->requests_max) {
                struct task *task = r->tasks[--r->task_count];
                int rc = task->list ? zk_children(r->zk, task->path, NULL, NULL, on_list, task)
                                    : zk_get(r->zk, task->path, NULL, NULL, on_node, task);
                if (rc == 0) {
                        r->under_way++;
                        continue;
                }
                if (rc == ERR_INVALID) /* a name that ZooKeeper takes and we do not */
                        fact_take(r, task, rc, NULL, NULL);
                else
                        fail(r, rc);
                task_free(task);
        }
        if (r->under_way || (!r->code && r->task_count)) return;
        facts_read_cb cb = r->cb;
        r->cb = NULL;
        struct facts facts = r->facts;
        int code = r->code;
        void *ctx = r->ctx;
        if (cb && !code) memset(&r->facts, 0, sizeof r->facts); /* the callback's */
        reading_free(r);
        if (cb) cb(ctx, code, code ? NULL : &facts);
}

int facts_read_start(struct zk *zk, unsigned requests_max, facts_read_cb cb, void *ctx,
                     struct facts_read **out) {
        struct facts_read *r = calloc(1, sizeof *r);
        if (!r) return ERR_NOMEM;
        *r = (struct facts_read){.zk = zk, .cb = cb, .ctx = ctx, .requests_max = requests_max};
        int rc = zk_exists(zk, "/", NULL, NULL, on_chroot, r);
        if (rc) {
                free(r);
                return rc;
        }
        r->under_way = 1;
        *out = r;
        return 0;
}

void facts_read_cancel(struct facts_read *r) {
        if (!r) return;
        r->cb = NULL;
        fail(r, ERR_CLOSING);
}
