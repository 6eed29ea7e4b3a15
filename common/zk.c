/* The single-threaded ZooKeeper client on a libuv loop.
 *
 * Approach.  The client library is entered from one place only, zk_turn(),
 * which runs on a clean stack from the poll or the timer callback:
 *
 *     frames in -> queued requests out -> zookeeper_interest -> verdict -> timer
 *
 * Requests are queued and sent in the next turn, so no user call can run a
 * completion of its own.  Callbacks of users do run inside the library, but
 * nothing they may call here enters it again.  What cannot be done inside it
 * (dropping the handle, closing) is noted as a verdict and done at the end of
 * the turn.
 *
 * The library closes and replaces its socket inside nearly every call, and the
 * number may be in use elsewhere by the time the call returns.  So libuv never
 * sees that socket: it polls an epoll set of ours which holds the socket.  The
 * kernel drops a closed socket from the set by itself, and a number is only
 * added right after zookeeper_interest named it.  Rejected: a uv_poll_t on the
 * socket.  Stopping it before each call is not enough, since even the later
 * uv_close() of a stopped handle removes whatever stands under its old number
 * from the loop's epoll set.
 *
 * The library believes its server.  Before it reads a frame the header is
 * peeked at (frame_guard): a length of 0xffffffff makes it spin, an answer that
 * nobody asked for makes it abort.  A server that claims to be read-only makes
 * it block, so such a connection is dropped at once.
 *
 * Bad paths:
 *   connection lost   the library reports it, fails its requests, reconnects
 *                     by itself and sets its watches again
 *   failed send       the library (3.8) closes the socket but keeps the
 *                     half-sent stream: the handle is rebuilt, same session
 *   spin, bad frame   the handle is rebuilt, same session, after a pause
 *   session expired   the handle is dropped; a new session begins */
#include "common/zk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_version.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/zk_connect.h"
#include "common/zk_frame.h"
#include "common/zk_multi.h"
#include "common/zk_resolve.h"
#include "common/zk_verify.h"
#include "common/znode_path.h"

#define SESSION_TIMEOUT_MIN_MS 1000
#define SESSION_TIMEOUT_MAX_MS 120000
#define FRAMES_PER_TURN 64
#define STUCK_TURNS_PER_S 2000   /* turns without progress in one second: a spin */
#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 1000
#define REBUILD_MIN_MS 50
#define REBUILD_MAX_MS 5000
#define LOG_BURST 4              /* library warnings: this many at once, then */
#define LOG_REFILL_MS 30000      /* one per this time; the rest are counted */

enum request_kind {
        REQUEST_GET,
        REQUEST_CHILDREN,
        REQUEST_EXISTS,
        REQUEST_CREATE,
        REQUEST_SET,
        REQUEST_DELETE,
        REQUEST_SYNC,
        REQUEST_MULTI,
        REQUEST_ACL,
};

struct link {
        struct link *next, *previous;
};

struct watch {
        struct link link;
        struct zk *zk;
        char *path; /* relative to the chroot */
        zk_watch_cb cb;
        void *ctx;
};

struct request {
        struct link link;
        struct zk *zk;
        enum request_kind kind;
        char *path;           /* with the chroot */
        void *data;
        size_t bytes;
        int32_t version;
        int flags;
        struct watch *watch;  /* owned until the answer says whether it is set */
        struct zk_multi *multi;
        zoo_op_t *ops;
        zoo_op_result_t *op_results;
        struct Stat *op_stats;
        struct zk_multi_result *results;
        char **op_paths;
        union {
                zk_data_cb data;
                zk_children_cb children;
                zk_stat_cb stat;
                zk_create_cb create;
                zk_done_cb done;
                zk_multi_cb multi;
                zk_acl_cb acl;
        } cb;
        void *ctx;
};

/* What a turn must do once the library has returned. */
enum verdict { VERDICT_NONE, VERDICT_REBUILD, VERDICT_EXPIRED, VERDICT_REFUSED };

struct zk {
        uv_loop_t *loop;
        uv_poll_t poll;          /* on epoll_fd */
        uv_timer_t timer;
        int open_handles;        /* of the two above */
        int epoll_fd;

        struct zk_connect connect;
        bool literal;            /* no name in it */
        char *addresses;         /* what the library was given, or NULL */
        char *next_addresses;    /* resolved meanwhile, given when not connected */
        struct zk_resolve *resolve;
        int64_t resolved_ms;
        int64_t resolve_retry_ms;

        zhandle_t *handle;
        int fd;                  /* as of the last zookeeper_interest; -1 none */
        int interest;
        bool mid_frame;          /* the library has read a part of a frame */
        int low_water;           /* SO_RCVLOWAT of fd */
        clientid_t session;      /* to resume; zeros: none */
        int asked_timeout_ms;
        int timeout_ms;

        const struct zk_access *access; /* NULL: nobody's */
        struct ACL acl_entries[1 + ZK_READERS_MAX];
        struct ACL_vector acl;   /* of what we create */
        bool verified;           /* existing nodes have been looked at */
        enum { VERIFY_NO, VERIFY_WANTED, VERIFY_RUNS } verify; /* RUNS: requests pass although not CONNECTED yet */
        bool denied_told, plain_told;

        enum zk_state state;
        enum verdict verdict;
        zk_state_cb on_state;
        void *ctx;
        bool in_turn;
        bool closing;
        bool finished;
        void (*on_closed)(void *ctx);
        void *closed_ctx;

        struct link queued;      /* requests not yet given to the library */
        struct link sent;        /* requests the library has */
        size_t request_count;    /* of both */
        struct link watches;     /* set on the server */

        int64_t retry_at_ms;     /* no handle before this */
        int rebuild_ms;          /* last pause before a rebuild; 0 after a good session */
        int retry_ms;            /* last pause between rounds of servers */
        int error_streak;        /* of zookeeper_interest */
        int64_t stuck_since_ms;
        int stuck_turns;
        unsigned random;

        char server[160];
        char last_error[500];
        int log_tokens;
        int64_t log_refilled_ms;
        uint64_t log_suppressed;
        char log_last[500];      /* the last trouble that was logged, and when */
        int64_t log_last_ms;
        int64_t lost_ms;         /* when the connection was lost, or zk_open */
};

static const struct zk_access *process_access;

void zk_use_access(const struct zk_access *access) {
        process_access = access && access->secret ? access : NULL;
}

/* The library's log callback takes no context. */
static _Thread_local struct zk *log_owner;

/* ---- lists ---- */

static void list_init(struct link *list) { list->next = list->previous = list; }

static bool list_empty(const struct link *list) { return list->next == list; }

static void list_append(struct link *list, struct link *item) {
        item->previous = list->previous;
        item->next = list;
        list->previous->next = item;
        list->previous = item;
}

static void list_remove(struct link *item) {
        item->previous->next = item->next;
        item->next->previous = item->previous;
        item->next = item->previous = item;
}

/* ---- states ---- */

static const struct {
        const char *name;
        unsigned next; /* allowed successors, a bit each */
} states[] = {
        [ZK_CONNECTING] = {"CONNECTING", 1u << ZK_CONNECTED | 1u << ZK_REFUSED | 1u << ZK_CLOSED |
                                                 1u << ZK_EXPIRED},
        [ZK_CONNECTED] = {"CONNECTED", 1u << ZK_SUSPENDED | 1u << ZK_EXPIRED | 1u << ZK_REFUSED |
                                               1u << ZK_CLOSED},
        [ZK_SUSPENDED] = {"SUSPENDED", 1u << ZK_CONNECTED | 1u << ZK_EXPIRED | 1u << ZK_REFUSED |
                                               1u << ZK_CLOSED},
        [ZK_EXPIRED] = {"EXPIRED", 1u << ZK_CONNECTING | 1u << ZK_CLOSED},
        [ZK_REFUSED] = {"REFUSED", 1u << ZK_CLOSED},
        [ZK_CLOSED] = {"CLOSED", 0},
};

const char *zk_state_name(enum zk_state state) {
        return (size_t)state < sizeof states / sizeof *states ? states[state].name : "?";
}

static void zk_move(struct zk *zk, enum zk_state state) {
        if (zk->state == state || zk->closing) return;
        if (!(states[zk->state].next & 1u << state)) {
                log_error("zk.bug", "from=%s to=%s", zk_state_name(zk->state),
                          zk_state_name(state));
                abort();
        }
        enum zk_state from = zk->state;
        zk->state = state;
        switch (state) {
        case ZK_CONNECTED:
                log_info("zk.connected", "server=%s session=0x%llx timeout_ms=%d after_ms=%lld identity=%s",
                         zk->server, (unsigned long long)zk->session.client_id, zk->timeout_ms,
                         (long long)(clock_boot_ms() - zk->lost_ms), zk->access ? zk->access->name : "none");
                break;
        case ZK_SUSPENDED:
                zk->lost_ms = clock_boot_ms();
                log_warn("zk.suspended", "server=%s session=0x%llx error=\"%s\" note=\"reconnecting\"",
                         zk->server, (unsigned long long)zk->session.client_id, zk->last_error);
                break;
        case ZK_EXPIRED:
                log_warn("zk.expired", "session=0x%llx note=\"starting a new one\"",
                         (unsigned long long)zk->session.client_id);
                break;
        case ZK_REFUSED:
                log_error("zk.refused", "server=%s error=\"%s\" note=\"not trying again\"", zk->server,
                          zk->last_error);
                break;
        default:
                log_debug("zk.state", "from=%s to=%s", zk_state_name(from), zk_state_name(state));
        }
        zk->on_state(zk->ctx, state);
}

enum zk_state zk_state(const struct zk *zk) { return zk->state; }

int64_t zk_session_id(const struct zk *zk) { return zk->session.client_id; }

int zk_session_timeout_ms(const struct zk *zk) { return zk->timeout_ms; }

int zk_session_ticket(const struct zk *zk, struct zk_ticket *out) {
        struct zk_ticket ticket = {.session_id = zk->session.client_id, .timeout_ms = zk->timeout_ms};
        socklen_t bytes = sizeof ticket.server;

        _Static_assert(sizeof ticket.password == sizeof zk->session.passwd, "the library's size");
        if (zk->state != ZK_CONNECTED || !zk->handle ||
            !zookeeper_get_connected_host(zk->handle, (struct sockaddr *)&ticket.server, &bytes))
                return ERR_CONNECTION;
        memcpy(ticket.password, zk->session.passwd, sizeof ticket.password);
        ticket.server_bytes = bytes;
        *out = ticket;
        return 0;
}

const char *zk_server(struct zk *zk) { return zk->state == ZK_CONNECTED ? zk->server : "-"; }

const char *zk_last_error(const struct zk *zk) { return zk->last_error; }

const char *zk_chroot(const struct zk *zk) { return zk->connect.chroot; }

const char *zk_library_version(void) { return ZOO_VERSION; }

int zk_connect_string_check(const char *connect, char *err, size_t err_size) {
        struct zk_connect parsed;
        int rc = zk_connect_parse(connect, &parsed, err, err_size);
        if (rc == 0) zk_connect_fini(&parsed);
        return rc;
}

/* ---- the library's log ---- */

/* A dead server is tried ten times a second: the same trouble is told once in
 * 30 s, and of different ones a burst, then one per 30 s. */
static bool log_allowed(struct zk *zk) {
        int64_t now = clock_boot_ms();
        int64_t earned = (now - zk->log_refilled_ms) / LOG_REFILL_MS;

        if (earned > 0) {
                zk->log_refilled_ms = now;
                zk->log_tokens = earned > LOG_BURST ? LOG_BURST : zk->log_tokens + (int)earned;
                if (zk->log_tokens > LOG_BURST) zk->log_tokens = LOG_BURST;
        }
        if (zk->log_tokens == 0) {
                zk->log_suppressed++;
                return false;
        }
        zk->log_tokens--;
        return true;
}

static void trouble(struct zk *zk, const char *server, const char *error) {
        (void)snprintf(zk->last_error, sizeof zk->last_error, "%s%s%s", server,
                       server[0] ? ": " : "", error);
        if (strcmp(zk->last_error, zk->log_last) == 0 &&
            clock_boot_ms() - zk->log_last_ms < LOG_REFILL_MS) {
                zk->log_suppressed++;
                return;
        }
        if (!log_allowed(zk)) return;
        (void)snprintf(zk->log_last, sizeof zk->log_last, "%s", zk->last_error);
        zk->log_last_ms = clock_boot_ms();
        log_write_counted(LOG_WARN, "zk.connection", zk->log_suppressed,
                          "server=%s error=\"%s\" note=\"retrying\"", server[0] ? server : "?", error);
        zk->log_suppressed = 0;
}

/* "…:ZOO_ERROR@function@line: Socket 127.0.0.1:2181 zk retcode=-4,
 * errno=111(Connection refused): server refused to accept the client" */
static void on_library_log(const char *message) {
        struct zk *zk = log_owner;
        const char *mark = strstr(message, ":ZOO_");
        const char *text = mark ? strchr(mark, ' ') : NULL;
        const char *error = strstr(message, "errno="), *open;
        char server[80] = "", reason[120];

        if (!zk || zk->closing) return;
        text = text ? text + 1 : message;
        if (strncmp(text, "Delaying connection", 19) == 0) return; /* our pace, not news */
        if (strncmp(text, "Socket ", 7) == 0 && error && (open = strchr(error, '('))) {
                (void)sscanf(text + 7, "%79s", server);
                int number = atoi(error + 6);
                (void)snprintf(reason, sizeof reason, "%s",
                               number == EHOSTDOWN   ? "server closed the connection"
                               : number == ESTALE    ? "session expired"
                               : number == ETIMEDOUT ? "server does not answer"
                               : number > 0          ? strerror(number)
                                                     : "connection failed");
                trouble(zk, server, reason);
                return;
        }
        if (!log_allowed(zk)) return;
        log_write_counted(LOG_WARN, "zk.library", zk->log_suppressed, "text=\"%s\"", text);
        zk->log_suppressed = 0;
}

/* ---- answers ---- */

static int code_of(const struct zk *zk, int rc) {
        switch (rc) {
        case ZOK: return 0;
        case ZNONODE: return ERR_NOT_FOUND;
        case ZNODEEXISTS: return ERR_EXISTS;
        case ZBADVERSION: return ERR_VERSION;
        case ZNOTEMPTY: return ERR_NOT_EMPTY;
        case ZNOAUTH:
        case ZINVALIDACL:
        case ZAUTHFAILED:
        case ZSESSIONCLOSEDREQUIRESASLAUTH: return ERR_AUTH;
        case ZSESSIONEXPIRED: return ERR_SESSION;
        case ZBADARGUMENTS:
        case ZNOCHILDRENFOREPHEMERALS: return ERR_INVALID;
        case ZCONNECTIONLOSS:
        case ZOPERATIONTIMEOUT:
        case ZRUNTIMEINCONSISTENCY:
        case ZINVALIDSTATE:
        case ZSESSIONMOVED:
        case ZTHROTTLEDOP:
        case ZCLOSING:
                return zk->state == ZK_EXPIRED ? ERR_SESSION : ERR_CONNECTION;
        default: return ERR_IO;
        }
}

static void watch_free(struct watch *watch) {
        if (!watch) return;
        free(watch->path);
        free(watch);
}

static void request_free(struct request *request) {
        if (!request) return;
        watch_free(request->watch);
        free(request->path);
        free(request->data);
        zk_multi_free(request->multi);
        if (request->op_paths)
                for (size_t i = 0; request->op_paths[i]; i++) free(request->op_paths[i]);
        free(request->op_paths);
        free(request->ops);
        free(request->op_results);
        free(request->op_stats);
        free(request->results);
        free(request);
}

static void stat_copy(struct zk_stat *out, const struct Stat *in) {
        out->version = in->version;
        out->ephemeral_owner = in->ephemeralOwner;
        out->created_ms = in->ctime;
        out->modified_ms = in->mtime;
        out->modified_zxid = in->mzxid;
        out->data_bytes = in->dataLength;
        out->child_count = in->numChildren;
}

/* Everything an answer may carry; the kind says what is set. */
struct answer {
        const void *data;
        size_t bytes;
        const char *const *names;
        size_t name_count;
        const struct Stat *stat;
        const char *path;
        const struct zk_acl_entry *entries;
        size_t entry_count;
};

static void multi_results(struct request *request, int rc, int *out_failed) {
        *out_failed = -1;
        for (size_t i = 0; i < request->multi->op_count; i++) {
                int op_rc = request->op_results[i].err;
                struct zk_multi_result *result = &request->results[i];
                if (rc == ZOK) {
                        if (request->multi->ops[i].kind == ZK_MULTI_SET)
                                stat_copy(&result->stat, &request->op_stats[i]);
                } else if (*out_failed < 0 && op_rc != ZOK && op_rc != ZRUNTIMEINCONSISTENCY &&
                           op_rc < ZAPIERROR) {
                        /* The server marks those behind the failing one with
                         * RUNTIMEINCONSISTENCY.  A lost connection marks all
                         * with a system error: none of them is to blame. */
                        *out_failed = (int)i;
                        result->code = code_of(request->zk, op_rc);
                }
        }
}

/* Told once: a wrong identity is denied everything. */
static void denied(struct zk *zk, const char *path) {
        if (zk->denied_told) return;
        zk->denied_told = true;
        log_warn("zk.denied", "path=%s identity=%s; see zookeeper.auth and the ACLs of the node", path ? path : "(several)",
                 zk->access ? zk->access->name : "none");
}

/* Ends a request: unlinks, calls back, frees.  rc is the library's code, or
 * use code_forced for one of ours. */
static void request_end(struct request *request, int rc, int code_forced,
                        const struct answer *answer) {
        struct zk *zk = request->zk;
        int code = code_forced ? code_forced : code_of(zk, rc);
        struct zk_stat stat = {0}, *stat_or_null = NULL;

        list_remove(&request->link);
        zk->request_count--;
        if (zk->closing) code = ERR_CLOSING;
        if (rc == ZSESSIONCLOSEDREQUIRESASLAUTH && zk->verdict == VERDICT_NONE) {
                (void)snprintf(zk->last_error, sizeof zk->last_error,
                               "the server demands authentication");
                zk->verdict = VERDICT_REFUSED;
        }
        if (code == ERR_AUTH) denied(zk, request->path);
        if (code == 0 && answer && answer->stat) {
                stat_copy(&stat, answer->stat);
                stat_or_null = &stat;
        }
        /* The same rule by which the library has kept or dropped the watch. */
        bool set = rc == ZOK || (rc == ZNONODE && request->kind == REQUEST_EXISTS);
        if (request->watch && set && !code_forced && !zk->closing) {
                list_append(&zk->watches, &request->watch->link);
                request->watch = NULL;
        }

        switch (request->kind) {
        case REQUEST_GET:
                request->cb.data(request->ctx, code, code ? NULL : answer->data,
                                 code ? 0 : answer->bytes, stat_or_null);
                break;
        case REQUEST_CHILDREN:
                request->cb.children(request->ctx, code, code ? NULL : answer->names,
                                     code ? 0 : answer->name_count, stat_or_null);
                break;
        case REQUEST_EXISTS:
        case REQUEST_SET:
                request->cb.stat(request->ctx, code, stat_or_null);
                break;
        case REQUEST_CREATE: {
                const char *path = code ? NULL : answer->path;
                size_t prefix = strlen(zk->connect.chroot);
                if (path && strncmp(path, zk->connect.chroot, prefix) == 0) path += prefix;
                if (code == 0 && !path) code = ERR_IO;
                request->cb.create(request->ctx, code, path);
                break;
        }
        case REQUEST_DELETE:
        case REQUEST_SYNC:
                request->cb.done(request->ctx, code);
                break;
        case REQUEST_ACL:
                request->cb.acl(request->ctx, code, code ? NULL : answer->entries, code ? 0 : answer->entry_count);
                break;
        case REQUEST_MULTI: {
                int failed = -1;
                if (!code_forced) multi_results(request, rc, &failed);
                request->cb.multi(request->ctx, code, failed, request->results,
                                  request->multi->op_count);
                break;
        }
        }
        request_free(request);
}

static void on_data(int rc, const char *value, int bytes, const struct Stat *stat,
                    const void *data) {
        /* A node without data is told as length -1. */
        struct answer answer = {
                .data = bytes > 0 ? value : "", .bytes = bytes > 0 ? (size_t)bytes : 0,
                .stat = stat};
        request_end((struct request *)data, rc, 0, &answer);
}

static void on_children(int rc, const struct String_vector *names, const struct Stat *stat,
                        const void *data) {
        struct answer answer = {.stat = stat};
        if (names && names->count > 0) {
                answer.names = (const char *const *)names->data;
                answer.name_count = (size_t)names->count;
        }
        request_end((struct request *)data, rc, 0, &answer);
}

static void on_stat(int rc, const struct Stat *stat, const void *data) {
        struct answer answer = {.stat = stat};
        request_end((struct request *)data, rc, 0, &answer);
}

static void on_string(int rc, const char *path, const void *data) {
        struct answer answer = {.path = path};
        request_end((struct request *)data, rc, 0, &answer);
}

static void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data) {
        struct zk_acl_entry entries[64];
        struct answer answer = {.entries = entries};
        (void)stat;
        for (int i = 0; rc == ZOK && acl && i < acl->count && answer.entry_count < 64; i++)
                entries[answer.entry_count++] =
                        (struct zk_acl_entry){acl->data[i].perms, acl->data[i].id.scheme, acl->data[i].id.id};
        request_end((struct request *)data, rc, 0, &answer);
}

static void on_void(int rc, const void *data) {
        struct answer answer = {0};
        request_end((struct request *)data, rc, 0, &answer);
}

/* Answers all of a list, also what the callbacks might add meanwhile. */
static void requests_fail(struct link *list, int code) {
        while (!list_empty(list)) request_end((struct request *)list->next, ZCLOSING, code, NULL);
}

/* ---- watches ---- */

static void watch_fire(struct watch *watch) {
        list_remove(&watch->link);
        if (!watch->zk->closing) watch->cb(watch->ctx, watch->path);
        watch_free(watch);
}

static void on_watch(zhandle_t *handle, int type, int state, const char *path, void *ctx) {
        (void)handle;
        (void)state;
        (void)path; /* ours is the same without the chroot */
        /* Session events are told to each watch as well, and leave it set. */
        if (type == ZOO_SESSION_EVENT) return;
        watch_fire(ctx);
}

static void watches_end(struct zk *zk) {
        while (!list_empty(&zk->watches)) watch_fire((struct watch *)zk->watches.next);
}

static void on_session(zhandle_t *handle, int type, int library_state, const char *path,
                       void *ctx) {
        struct zk *zk = ctx;

        (void)path;
        if (type != ZOO_SESSION_EVENT || zk->closing) return;
        if (library_state == ZOO_READONLY_STATE) {
                /* Not asked for.  The library would now look for a better server
                 * with a blocking connect and read. */
                trouble(zk, zoo_get_current_server(handle), "server is read-only");
                zk->verdict = VERDICT_REBUILD;
        } else if (library_state == ZOO_CONNECTED_STATE) {
                int timeout_ms = zoo_recv_timeout(handle);
                const char *server = zoo_get_current_server(handle);
                (void)snprintf(zk->server, sizeof zk->server, "%s", server ? server : "?");
                zk->mid_frame = false;
                zk->low_water = 1;
                if (timeout_ms < SESSION_TIMEOUT_MIN_MS || timeout_ms > SESSION_TIMEOUT_MAX_MS) {
                        char error[80];
                        (void)snprintf(error, sizeof error,
                                       "session timeout of %d ms is outside 1 s to 120 s",
                                       timeout_ms);
                        trouble(zk, zk->server, error);
                        zk->verdict = VERDICT_REBUILD;
                        return;
                }
                zk->session = *zoo_client_id(handle);
                zk->timeout_ms = timeout_ms;
                zk->last_error[0] = zk->log_last[0] = '\0';
                zk->error_streak = 0;
                zk->retry_ms = 0;
                if (zk->access && !zk->verified && zk->connect.chroot[0]) zk->verify = VERIFY_WANTED;
                else zk_move(zk, ZK_CONNECTED);
        } else if (library_state == ZOO_EXPIRED_SESSION_STATE) {
                zk->verify = VERIFY_NO;
                zk->verdict = VERDICT_EXPIRED;
                zk_move(zk, ZK_EXPIRED);
        } else if (library_state == ZOO_AUTH_FAILED_STATE) {
                (void)snprintf(zk->last_error, sizeof zk->last_error, "authentication failed");
                zk->verdict = VERDICT_REFUSED;
                zk_move(zk, ZK_REFUSED);
        } else {
                zk->verify = VERIFY_NO;
                if (zk->state == ZK_CONNECTED) zk_move(zk, ZK_SUSPENDED);
        }
}

/* ---- identity ---- */

/* A password that anybody on the way can read. */
static void plain_told(struct zk *zk) {
        struct sockaddr_storage server;
        socklen_t bytes = sizeof server;
        if (zk->plain_told || !zookeeper_get_connected_host(zk->handle, (struct sockaddr *)&server, &bytes)) return;
        zk->plain_told = true;
        if (!zk_access_loopback((const struct sockaddr *)&server))
                log_warn("zk.plain", "server=%s identity=%s; its password goes over the network in the clear: see docs/security.md",
                         zk->server, zk->access->name);
}

static void on_verified(void *ctx, int code, const char *why) {
        struct zk *zk = ctx;
        if (zk->verify != VERIFY_RUNS || zk->closing) return; /* the connection went: again with the next */
        zk->verify = VERIFY_NO;
        if (code == 0) {
                zk->verified = true;
                plain_told(zk);
                zk_move(zk, ZK_CONNECTED);
        } else if (code == ERR_AUTH) {
                (void)snprintf(zk->last_error, sizeof zk->last_error, "%s", why);
                zk->verdict = VERDICT_REFUSED;
        } else {
                zk->verdict = VERDICT_REBUILD;
        }
}

static void verify_begin(struct zk *zk) {
        zk->verify = VERIFY_RUNS;
        if (zk_verify_start(zk, zk->access->name, zk->access->allow_open, on_verified, zk) != 0) {
                zk->verify = VERIFY_NO;
                zk->verdict = VERDICT_REBUILD;
        }
}

/* What we create: all rights to us, read to the readers. */
static void acl_init(struct zk *zk) {
        if (!zk->access) {
                zk->acl = ZOO_OPEN_ACL_UNSAFE;
                return;
        }
        /* "auth": whoever the session is. */
        zk->acl_entries[0] = (struct ACL){ZK_ALL_RIGHTS, {(char *)"auth", (char *)""}};
        for (size_t i = 0; i < zk->access->reader_count; i++)
                zk->acl_entries[1 + i] = (struct ACL){ZK_READ, {(char *)"digest", zk->access->readers[i]}};
        zk->acl = (struct ACL_vector){(int32_t)(1 + zk->access->reader_count), zk->acl_entries};
}

/* ---- the handle ---- */

/* Full jitter in the upper half, so that a fleet does not come back in step. */
static int jitter(struct zk *zk, int ms) {
        zk->random = zk->random * 1103515245u + 12345u;
        return ms - (int)((zk->random >> 16) % (unsigned)(ms / 2 + 1));
}

static int grow(int ms, int min_ms, int max_ms) {
        if (ms < min_ms) return min_ms;
        return ms * 2 > max_ms ? max_ms : ms * 2;
}

static void handle_close(struct zk *zk, int code);

static int handle_open(struct zk *zk) {
        bool resume = zk->session.client_id != 0;

        zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
        zk->verdict = VERDICT_NONE;
        zk->fd = -1;
        zk->mid_frame = false;
        zk->stuck_turns = 0;
        zk->handle = zookeeper_init2(zk->addresses, on_session, zk->asked_timeout_ms,
                                     resume ? &zk->session : NULL, zk, ZOO_NO_LOG_CLIENTENV,
                                     on_library_log);
        if (!zk->handle) {
                trouble(zk, "", strerror(errno));
                return ERR_SYSTEM;
        }
        /* Sent with each connection. */
        if (zk->access && zoo_add_auth(zk->handle, "digest", zk->access->secret, (int)strlen(zk->access->secret), NULL, NULL) != ZOK) {
                handle_close(zk, ERR_CONNECTION);
                return ERR_NOMEM;
        }
        /* Addresses only from us, by zoo_set_servers. */
        (void)zoo_set_servers_resolution_delay(zk->handle, -1);
        return 0;
}

/* Makes the next use of the socket fail at once.  zookeeper_close would tell
 * the server to end the session, and wait for up to 4.5 s for its answer. */
static void socket_cut(struct zk *zk) {
        int state = zoo_state(zk->handle);

        if ((state != ZOO_CONNECTED_STATE && state != ZOO_READONLY_STATE) || zk->fd < 0) return;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return; /* then the close is a polite one: slow, not wrong */
        (void)dup2(fd, zk->fd);
        (void)close(fd);
}

/* Fails what the library holds, and frees it. */
static void handle_close(struct zk *zk, int code) {
        zhandle_t *handle = zk->handle;

        if (!handle) return;
        zk->handle = NULL;
        zk->fd = -1;
        (void)zookeeper_close(handle); /* frees it whatever it returns */
        requests_fail(&zk->sent, code);
}

static void verdict_execute(struct zk *zk) {
        enum verdict verdict = zk->verdict;

        zk->verdict = VERDICT_NONE;
        if (verdict == VERDICT_NONE) return;
        if (verdict == VERDICT_REFUSED) zk_move(zk, ZK_REFUSED);
        if (verdict == VERDICT_REBUILD && zk->state == ZK_CONNECTED) zk_move(zk, ZK_SUSPENDED);
        if (verdict == VERDICT_REBUILD || zk->state == ZK_REFUSED) socket_cut(zk);
        int code = verdict == VERDICT_EXPIRED ? ERR_SESSION : ERR_CONNECTION;
        zk->verify = VERIFY_NO;
        handle_close(zk, code);
        requests_fail(&zk->queued, code);
        if (verdict != VERDICT_REBUILD) memset(&zk->session, 0, sizeof zk->session);
        /* After a rebuild as well: the library's table went with the handle. */
        watches_end(zk);
        if (verdict == VERDICT_REFUSED || zk->closing) return;

        zk->rebuild_ms = grow(zk->rebuild_ms, REBUILD_MIN_MS, REBUILD_MAX_MS);
        zk->retry_at_ms = clock_boot_ms() +
                          (verdict == VERDICT_EXPIRED ? 0 : jitter(zk, zk->rebuild_ms));
        if (verdict == VERDICT_EXPIRED) {
                zk->timeout_ms = zk->asked_timeout_ms;
                zk_move(zk, ZK_CONNECTING);
        }
}

/* ---- names ---- */

static void zk_kick(struct zk *zk);

static void on_resolved(void *ctx, const char *addresses, const char *error);

static void resolve_begin(struct zk *zk) {
        int rc = zk_resolve_start(zk->loop, &zk->connect, on_resolved, zk, &zk->resolve);

        zk->resolved_ms = clock_boot_ms();
        if (rc) trouble(zk, "", err_text(rc));
}

static void zk_free_when_idle(struct zk *zk);

static void on_resolved(void *ctx, const char *addresses, const char *error) {
        struct zk *zk = ctx;

        zk->resolve = NULL;
        if (zk->closing) {
                zk_free_when_idle(zk);
                return;
        }
        zk->resolved_ms = clock_boot_ms();
        if (error[0]) trouble(zk, "", error);
        /* A half answer must not take away servers that are known. */
        if (addresses[0] && !(error[0] && zk->addresses) &&
            !(zk->addresses && strcmp(zk->addresses, addresses) == 0)) {
                free(zk->next_addresses);
                zk->next_addresses = strdup(addresses);
        }
        zk_kick(zk);
}

/* Called when not connected.  Returns true when there is something to try. */
static bool addresses_ready(struct zk *zk) {
        if (zk->next_addresses) {
                free(zk->addresses);
                zk->addresses = zk->next_addresses;
                zk->next_addresses = NULL;
                if (zk->handle && zoo_set_servers(zk->handle, zk->addresses) != ZOK)
                        zk->verdict = VERDICT_REBUILD;
        }
        if (!zk->addresses && zk->literal) {
                zk->addresses = zk_resolve_literals(&zk->connect);
        } else if (!zk->literal && !zk->resolve) {
                int64_t now = clock_boot_ms();
                bool never = zk->resolved_ms == 0;
                int64_t every = zk->addresses ? zk->asked_timeout_ms : 1000;
                bool lost = now - zk->lost_ms >= zk->asked_timeout_ms || !zk->addresses;
                if (never || (lost && now - zk->resolved_ms >= every)) resolve_begin(zk);
        }
        return zk->addresses != NULL;
}

/* ---- requests out ---- */

static zoo_op_t op_build(const struct zk *zk, const struct zk_multi_op *op, const char *path, struct Stat *stat) {
        zoo_op_t out;
        const char *data = op->data ? op->data : "";

        switch (op->kind) {
        case ZK_MULTI_CHECK:
                zoo_check_op_init(&out, path, op->version);
                break;
        case ZK_MULTI_SET:
                zoo_set_op_init(&out, path, data, (int)op->bytes, op->version, stat);
                break;
        case ZK_MULTI_CREATE:
                zoo_create_op_init(&out, path, data, (int)op->bytes, &zk->acl, op->flags, NULL, 0);
                break;
        case ZK_MULTI_DELETE:
                zoo_delete_op_init(&out, path, op->version);
                break;
        }
        return out;
}

static int request_send(struct request *r) {
        zhandle_t *handle = r->zk->handle;
        watcher_fn watcher = r->watch ? on_watch : NULL;
        const char *data = r->data ? r->data : "";

        switch (r->kind) {
        case REQUEST_GET: return zoo_awget(handle, r->path, watcher, r->watch, on_data, r);
        case REQUEST_CHILDREN:
                return zoo_awget_children2(handle, r->path, watcher, r->watch, on_children, r);
        case REQUEST_EXISTS: return zoo_awexists(handle, r->path, watcher, r->watch, on_stat, r);
        case REQUEST_CREATE:
                return zoo_acreate(handle, r->path, data, (int)r->bytes, &r->zk->acl, r->flags,
                                   on_string, r);
        case REQUEST_SET:
                return zoo_aset(handle, r->path, data, (int)r->bytes, r->version, on_stat, r);
        case REQUEST_DELETE: return zoo_adelete(handle, r->path, r->version, on_void, r);
        case REQUEST_SYNC: return zoo_async(handle, r->path, on_string, r);
        case REQUEST_ACL: return zoo_aget_acl(handle, r->path, on_acl, r);
        case REQUEST_MULTI:
                return zoo_amulti(handle, (int)r->multi->op_count, r->ops, r->op_results, on_void,
                                  r);
        }
        return ZUNIMPLEMENTED;
}

static void requests_send(struct zk *zk) {
        while (!list_empty(&zk->queued) && (zk->state == ZK_CONNECTED || zk->verify == VERIFY_RUNS) && !zk->closing &&
               zk->verdict == VERDICT_NONE) {
                struct request *request = (struct request *)zk->queued.next;
                list_remove(&request->link);
                list_append(&zk->sent, &request->link);
                int rc = request_send(request);
                /* The send inside may have failed: the library has then closed
                 * its socket, kept half a request and told nobody.  Whether a
                 * refused request stays in its queue depends on where it
                 * failed.  Either way a new handle is the clean start. */
                if (rc != ZOK || zoo_state(zk->handle) != ZOO_CONNECTED_STATE) {
                        if (rc != ZOK) log_warn("zk.request", "rc=%d note=\"it failed; reconnecting\"", rc);
                        if (!zk->last_error[0])
                                (void)snprintf(zk->last_error, sizeof zk->last_error,
                                               "%s: connection broken", zk->server);
                        zk->verdict = VERDICT_REBUILD;
                        break;
                }
        }
}

/* ---- frames in ---- */

enum guard { GUARD_READ, GUARD_WAIT, GUARD_BAD };

static void low_water_set(struct zk *zk, int bytes) {
        if (zk->low_water == bytes) return;
        (void)setsockopt(zk->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
        zk->low_water = bytes;
}

/* Looks at the next frame before the library reads it.  hup: no more bytes
 * will come, so do not wait for them. */
static enum guard frame_guard(struct zk *zk, bool hup, const char **out_reason) {
        unsigned char head[ZK_FRAME_HEAD_BYTES];
        ssize_t n;

        if (zk->mid_frame) return GUARD_READ;
        n = recv(zk->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
        if (n == 0) return GUARD_READ; /* end: the library notices */
        if (n < 0) return errno == EAGAIN || errno == EINTR ? GUARD_WAIT : GUARD_READ;
        struct zk_frame frame = zk_frame_check(head, (size_t)n, !list_empty(&zk->sent));
        if (frame.bad) {
                *out_reason = frame.bad;
                return GUARD_BAD;
        }
        if (frame.want_bytes == 0 || hup) return GUARD_READ;
        low_water_set(zk, (int)frame.want_bytes);
        return GUARD_WAIT;
}

/* Counts calls that got nowhere.  The library has states in which it is told
 * of data and reads none, at full speed, for ever. */
static void stuck_count(struct zk *zk) {
        int64_t now = clock_boot_ms();

        if (now - zk->stuck_since_ms >= 1000) {
                zk->stuck_since_ms = now;
                zk->stuck_turns = 0;
        }
        if (++zk->stuck_turns < STUCK_TURNS_PER_S) return;
        zk->stuck_turns = 0;
        trouble(zk, zk->server, "client library makes no progress");
        zk->verdict = VERDICT_REBUILD;
}

static int unread_bytes(int fd) {
        int bytes = 0;
        return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}

static void frames_read(struct zk *zk, int events, bool hup) {
        for (int i = 0; i < FRAMES_PER_TURN; i++) {
                bool established = zoo_state(zk->handle) == ZOO_CONNECTED_STATE;
                if (established && (events & ZOOKEEPER_READ)) {
                        const char *reason = "";
                        enum guard guard = frame_guard(zk, hup, &reason);
                        if (guard == GUARD_BAD) {
                                trouble(zk, zk->server, reason);
                                zk->verdict = VERDICT_REBUILD;
                                return;
                        }
                        if (guard == GUARD_WAIT) events &= ~ZOOKEEPER_READ;
                        if (events == 0) return;
                }
                int fd = zk->fd;
                int before = unread_bytes(fd);
                int rc = zookeeper_process(zk->handle, events);
                if (zk->verdict != VERDICT_NONE || zk->closing) return;
                if (rc == ZNOTHING) {
                        int after = unread_bytes(fd);
                        if (after >= before) stuck_count(zk);
                        if (established && after < before) {
                                zk->mid_frame = true;
                                low_water_set(zk, 1);
                        }
                        return;
                }
                if (rc != ZOK) return; /* told by on_session and the log; interest goes on */
                if (events & ZOOKEEPER_READ) zk->mid_frame = false;
                if (zoo_state(zk->handle) != ZOO_CONNECTED_STATE) return;
                if (zk->rebuild_ms && established) zk->rebuild_ms = 0;
                if (unread_bytes(zk->fd) == 0) return;
                events = ZOOKEEPER_READ;
        }
}

/* ---- the turn ---- */

static void zk_finish(struct zk *zk);

/* Asks the library what it waits for, and watches that.  Returns the
 * milliseconds until the next turn. */
static int64_t interest_update(struct zk *zk) {
        struct timeval tv = {0};
        int fd = -1, interest = 0;
        int rc = zookeeper_interest(zk->handle, &fd, &interest, &tv);

        zk->fd = -1;
        if (zk->verdict != VERDICT_NONE || zk->closing) {
                /* What ends now is cut by socket_cut, which needs the socket. */
                if (rc == ZOK) zk->fd = fd;
                return 0;
        }
        if (rc != ZOK) {
                /* fd may be closed already.  The library goes on with the next
                 * server, when called; soon at first, then not so soon. */
                int shift = zk->error_streak < 8 ? zk->error_streak++ : 8;
                if (is_unrecoverable(zk->handle)) zk->verdict = VERDICT_REBUILD;
                return 4 << shift;
        }
        int64_t delay = (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
        if (fd < 0) {
                /* A round over all servers is over.  The library would pause for a
                 * sixtieth of the session timeout; we are kinder after a while. */
                zk->retry_ms = grow(zk->retry_ms, RETRY_MIN_MS, RETRY_MAX_MS);
                int64_t ours = jitter(zk, zk->retry_ms);
                return delay > ours ? delay : ours;
        }
        zk->fd = fd;
        zk->interest = interest;
        struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = fd};
        if (interest & ZOOKEEPER_READ) event.events |= EPOLLIN;
        if (interest & ZOOKEEPER_WRITE) event.events |= EPOLLOUT;
        if (epoll_ctl(zk->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 &&
            (errno != EEXIST || epoll_ctl(zk->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)) {
                trouble(zk, "", strerror(errno));
                zk->verdict = VERDICT_REBUILD;
        }
        return delay > 0 ? delay : 1;
}

static void zk_turn(struct zk *zk, int events, bool hup) {
        int64_t delay = 1000;

        log_owner = zk;
        zk->in_turn = true;
        if (zk->closing || zk->state == ZK_REFUSED) goto end;
        if (zk->state != ZK_CONNECTED && zk->verify == VERIFY_NO && !addresses_ready(zk)) {
                delay = 200;
                goto end;
        }
        if (!zk->handle) {
                int64_t wait = zk->retry_at_ms - clock_boot_ms();
                if (wait > 0) {
                        delay = wait;
                        goto end;
                }
                if (handle_open(zk) != 0) {
                        zk->rebuild_ms = grow(zk->rebuild_ms, REBUILD_MIN_MS, REBUILD_MAX_MS);
                        zk->retry_at_ms = clock_boot_ms() + zk->rebuild_ms;
                        delay = zk->rebuild_ms;
                        goto end;
                }
                events = 0;
        }
        if (events && zk->verdict == VERDICT_NONE) frames_read(zk, events, hup);
        if (zk->verify == VERIFY_WANTED && zk->verdict == VERDICT_NONE && !zk->closing) verify_begin(zk);
        if (zk->verdict == VERDICT_NONE && !zk->closing) requests_send(zk);
        if (zk->verdict == VERDICT_NONE && !zk->closing) delay = interest_update(zk);
        if (zk->verdict != VERDICT_NONE && !zk->closing) {
                verdict_execute(zk);
                delay = 0;
        }
        /* What was queued on a connection that is gone. */
        if (zk->state != ZK_CONNECTED && zk->verify != VERIFY_RUNS && !zk->closing)
                requests_fail(&zk->queued,
                              zk->state == ZK_EXPIRED ? ERR_SESSION : ERR_CONNECTION);
end:
        zk->in_turn = false;
        if (zk->closing) {
                zk_finish(zk);
        } else if (zk->state != ZK_REFUSED) {
                if (!list_empty(&zk->queued)) delay = 0;
                if (!zk->literal && zk->state != ZK_CONNECTED && delay > 500) delay = 500;
                (void)uv_timer_start(&zk->timer, zk->timer.timer_cb, (uint64_t)delay, 0);
        }
        log_owner = NULL;
}

static void on_timer(uv_timer_t *timer) { zk_turn(timer->data, 0, false); }

static void on_poll(uv_poll_t *poll, int status, int uv_events) {
        struct zk *zk = poll->data;
        struct epoll_event event;
        int events = 0;

        (void)status; /* the set itself cannot fail; the socket's errors are in the event */
        (void)uv_events;
        int n = epoll_wait(zk->epoll_fd, &event, 1, 0);
        if (n == 1 && event.data.fd == zk->fd) {
                if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                        events |= ZOOKEEPER_READ;
                if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) events |= ZOOKEEPER_WRITE;
                events &= zk->interest;
        } else if (n == 1) {
                /* A socket that lives on in a child process: not ours any more. */
                (void)epoll_ctl(zk->epoll_fd, EPOLL_CTL_DEL, event.data.fd, NULL);
        }
        if (n == 1 && events == 0 && zk->handle) stuck_count(zk);
        zk_turn(zk, events, n == 1 && (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)));
}

/* Before the end of the loop's present iteration, with a clean stack. */
static void zk_kick(struct zk *zk) {
        if (!zk->in_turn) (void)uv_timer_start(&zk->timer, on_timer, 0, 0);
}

/* ---- life ---- */

int zk_open(uv_loop_t *loop, const char *connect, int session_timeout_ms, zk_state_cb on_state,
            void *ctx, struct zk **out) {
        struct zk *zk;
        int rc;

        if (session_timeout_ms < SESSION_TIMEOUT_MIN_MS ||
            session_timeout_ms > SESSION_TIMEOUT_MAX_MS)
                return ERR_INVALID;
        zk = calloc(1, sizeof *zk);
        if (!zk) return ERR_NOMEM;
        rc = zk_connect_parse(connect, &zk->connect, NULL, 0);
        if (rc) {
                free(zk);
                return rc;
        }
        zk->loop = loop;
        zk->access = process_access;
        acl_init(zk);
        zk->literal = zk_connect_all_literal(&zk->connect);
        zk->asked_timeout_ms = zk->timeout_ms = session_timeout_ms;
        zk->state = ZK_CONNECTING;
        zk->on_state = on_state;
        zk->ctx = ctx;
        zk->fd = -1;
        zk->lost_ms = zk->log_refilled_ms = clock_boot_ms();
        zk->log_tokens = LOG_BURST;
        zk->random = (unsigned)getpid() ^ (unsigned)clock_boot_ms();
        list_init(&zk->queued);
        list_init(&zk->sent);
        list_init(&zk->watches);
        zk->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (zk->epoll_fd < 0 || uv_poll_init(loop, &zk->poll, zk->epoll_fd) != 0) {
                if (zk->epoll_fd >= 0) (void)close(zk->epoll_fd);
                zk_connect_fini(&zk->connect);
                free(zk);
                return ERR_SYSTEM;
        }
        (void)uv_timer_init(loop, &zk->timer); /* cannot fail */
        zk->poll.data = zk->timer.data = zk;
        zk->open_handles = 2;
        /* Starting an initialized handle cannot fail. */
        (void)uv_poll_start(&zk->poll, UV_READABLE, on_poll);
        (void)uv_timer_start(&zk->timer, on_timer, 0, 0);
        *out = zk;
        return 0;
}

static void zk_free_when_idle(struct zk *zk) {
        if (zk->open_handles > 0 || zk->resolve) return;
        void (*on_closed)(void *ctx) = zk->on_closed;
        void *ctx = zk->closed_ctx;
        (void)close(zk->epoll_fd);
        zk_connect_fini(&zk->connect);
        free(zk->addresses);
        free(zk->next_addresses);
        free(zk);
        if (on_closed) on_closed(ctx);
}

static void on_uv_closed(uv_handle_t *handle) {
        struct zk *zk = handle->data;
        zk->open_handles--;
        zk_free_when_idle(zk);
}

static void zk_finish(struct zk *zk) {
        if (zk->finished) return;
        zk->finished = true;
        requests_fail(&zk->queued, ERR_CLOSING);
        if (zk->verdict != VERDICT_NONE && zk->handle) socket_cut(zk);
        handle_close(zk, ERR_CLOSING);
        while (!list_empty(&zk->watches)) {
                struct watch *watch = (struct watch *)zk->watches.next;
                list_remove(&watch->link);
                watch_free(watch);
        }
        if (zk->resolve) zk_resolve_cancel(zk->resolve);
        uv_close((uv_handle_t *)&zk->poll, on_uv_closed);
        uv_close((uv_handle_t *)&zk->timer, on_uv_closed);
}

void zk_close(struct zk *zk, void (*on_closed)(void *ctx), void *ctx) {
        if (zk->closing) return;
        zk->closing = true;
        zk->state = ZK_CLOSED;
        zk->on_closed = on_closed;
        zk->closed_ctx = ctx;
        zk_kick(zk);
}

/* ---- starting requests ---- */

static char *path_full(const struct zk *zk, const char *path) {
        size_t chroot = strlen(zk->connect.chroot), length = strlen(path);
        char *full = malloc(chroot + length + 1);

        if (!full) return NULL;
        memcpy(full, zk->connect.chroot, chroot);
        memcpy(full + chroot, path, length + 1);
        if (chroot > 0 && length == 1) full[chroot] = '\0'; /* "/": the chroot itself */
        return full;
}

/* A request that is not started yet; the caller sets the rest. */
static int request_new(struct zk *zk, enum request_kind kind, const char *path,
                       const void *data, size_t bytes, zk_watch_cb watch, void *watch_ctx,
                       struct request **out) {
        struct request *request;

        if (path && !zk_path_valid(path)) return ERR_INVALID;
        if (bytes > ZNODE_DATA_MAX) return ERR_TOO_BIG;
        if (zk->closing || (zk->state != ZK_CONNECTED && zk->verify != VERIFY_RUNS)) return ERR_CONNECTION;
        if (zk->request_count >= ZK_REQUESTS_MAX) return ERR_TOO_MANY;
        request = calloc(1, sizeof *request);
        if (!request) return ERR_NOMEM;
        request->zk = zk;
        request->kind = kind;
        request->bytes = bytes;
        list_init(&request->link);
        if (path && !(request->path = path_full(zk, path))) goto nomem;
        if (bytes) {
                if (!(request->data = malloc(bytes))) goto nomem;
                memcpy(request->data, data, bytes);
        }
        if (watch) {
                struct watch *w = calloc(1, sizeof *w);
                if (!(request->watch = w)) goto nomem;
                w->zk = zk;
                w->cb = watch;
                w->ctx = watch_ctx;
                list_init(&w->link);
                if (!(w->path = strdup(path))) goto nomem;
        }
        *out = request;
        return 0;
nomem:
        request_free(request);
        return ERR_NOMEM;
}

static int request_start(struct request *request, void *ctx) {
        struct zk *zk = request->zk;
        request->ctx = ctx;
        list_append(&zk->queued, &request->link);
        zk->request_count++;
        zk_kick(zk);
        return 0;
}

int zk_get(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx, zk_data_cb cb,
           void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_GET, path, NULL, 0, watch, watch_ctx, &request);
        if (rc) return rc;
        request->cb.data = cb;
        return request_start(request, ctx);
}

int zk_children(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx,
                zk_children_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_CHILDREN, path, NULL, 0, watch, watch_ctx, &request);
        if (rc) return rc;
        request->cb.children = cb;
        return request_start(request, ctx);
}

int zk_exists(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx,
              zk_stat_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_EXISTS, path, NULL, 0, watch, watch_ctx, &request);
        if (rc) return rc;
        request->cb.stat = cb;
        return request_start(request, ctx);
}

int zk_create(struct zk *zk, const char *path, const void *data, size_t bytes, int flags,
              zk_create_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_CREATE, path, data, bytes, NULL, NULL, &request);
        if (rc) return rc;
        request->flags = flags;
        request->cb.create = cb;
        return request_start(request, ctx);
}

int zk_set(struct zk *zk, const char *path, const void *data, size_t bytes, int32_t version,
           zk_stat_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_SET, path, data, bytes, NULL, NULL, &request);
        if (rc) return rc;
        request->version = version;
        request->cb.stat = cb;
        return request_start(request, ctx);
}

int zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_DELETE, path, NULL, 0, NULL, NULL, &request);
        if (rc) return rc;
        request->version = version;
        request->cb.done = cb;
        return request_start(request, ctx);
}

int zk_get_acl(struct zk *zk, const char *path, zk_acl_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_ACL, path, NULL, 0, NULL, NULL, &request);
        if (rc) return rc;
        request->cb.acl = cb;
        return request_start(request, ctx);
}

int zk_sync(struct zk *zk, const char *path, zk_done_cb cb, void *ctx) {
        struct request *request;
        int rc = request_new(zk, REQUEST_SYNC, path, NULL, 0, NULL, NULL, &request);
        if (rc) return rc;
        request->cb.done = cb;
        return request_start(request, ctx);
}

int zk_multi_run(struct zk *zk, struct zk_multi *multi, zk_multi_cb cb, void *ctx) {
        struct request *request;
        size_t n = multi->op_count;
        int rc;

        if (n == 0) return ERR_INVALID;
        if (multi->bytes > ZK_MULTI_BYTES_MAX) return ERR_TOO_BIG;
        rc = request_new(zk, REQUEST_MULTI, NULL, NULL, 0, NULL, NULL, &request);
        if (rc) return rc;
        /* The library serializes the operations when sent, but writes into the
         * results and their stats until the answer: all live with the request. */
        request->ops = calloc(n, sizeof *request->ops);
        request->op_results = calloc(n, sizeof *request->op_results);
        request->op_stats = calloc(n, sizeof *request->op_stats);
        request->results = calloc(n, sizeof *request->results);
        request->op_paths = calloc(n + 1, sizeof *request->op_paths);
        if (!request->ops || !request->op_results || !request->op_stats || !request->results ||
            !request->op_paths)
                goto nomem;
        for (size_t i = 0; i < n; i++) {
                request->op_paths[i] = path_full(zk, multi->ops[i].path);
                if (!request->op_paths[i]) goto nomem;
                request->ops[i] = op_build(zk, &multi->ops[i], request->op_paths[i],
                                           &request->op_stats[i]);
        }
        request->multi = multi;
        request->cb.multi = cb;
        return request_start(request, ctx);
nomem:
        request_free(request); /* multi is not in it: it stays the caller's */
        return ERR_NOMEM;
}

/* ---- zk_ensure ---- */

/* Creates part after part of the full path, parents first.  EXISTS is what we
 * want; NOAUTH on a parent means only that it is not ours to create. */
struct ensure {
        struct zk *zk;
        char *path;    /* with the chroot */
        size_t upto;   /* bytes of path whose node is asked for now */
        int trouble;   /* first failure on a parent */
        zk_done_cb cb;
        void *ctx;
};

static int ensure_step(struct ensure *ensure);

static void ensure_end(struct ensure *ensure, int code) {
        ensure->cb(ensure->ctx, code);
        free(ensure->path);
        free(ensure);
}

static void ensure_on_created(void *ctx, int code, const char *path) {
        struct ensure *ensure = ctx;

        (void)path;
        bool last = ensure->path[ensure->upto] == '\0';
        if (code == ERR_EXISTS) code = 0;
        if (last) {
                ensure_end(ensure, code == ERR_NOT_FOUND && ensure->trouble ? ensure->trouble
                                                                             : code);
                return;
        }
        if (code && !ensure->trouble) ensure->trouble = code;
        if (code && code != ERR_AUTH) {
                ensure_end(ensure, code);
                return;
        }
        int rc = ensure_step(ensure);
        if (rc) ensure_end(ensure, rc);
}

static int ensure_step(struct ensure *ensure) {
        struct request *request;
        int rc = request_new(ensure->zk, REQUEST_CREATE, NULL, NULL, 0, NULL, NULL, &request);

        if (rc) return rc;
        ensure->upto += 1 + strcspn(ensure->path + ensure->upto + 1, "/");
        request->path = strndup(ensure->path, ensure->upto);
        if (!request->path) {
                request_free(request);
                return ERR_NOMEM;
        }
        request->flags = ZK_PERSISTENT;
        request->cb.create = ensure_on_created;
        return request_start(request, ensure);
}

static void ensure_on_exists(void *ctx, int code, const struct zk_stat *stat) {
        struct ensure *ensure = ctx;

        (void)stat;
        if (code == ERR_NOT_FOUND) code = ensure_step(ensure);
        else {
                ensure_end(ensure, code);
                return;
        }
        if (code) ensure_end(ensure, code);
}

int zk_ensure(struct zk *zk, const char *path, zk_done_cb cb, void *ctx) {
        struct ensure *ensure;
        struct request *request;
        int rc;

        if (path[0] && !zk_path_valid(path)) return ERR_INVALID;
        rc = request_new(zk, REQUEST_EXISTS, path[0] ? path : "/", NULL, 0, NULL, NULL, &request);
        if (rc) return rc;
        ensure = calloc(1, sizeof *ensure);
        if (!ensure || !(ensure->path = strdup(request->path))) {
                free(ensure);
                request_free(request);
                return ERR_NOMEM;
        }
        ensure->zk = zk;
        ensure->cb = cb;
        ensure->ctx = ctx;
        request->cb.stat = ensure_on_exists;
        return request_start(request, ensure);
}
