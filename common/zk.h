/* A ZooKeeper session on a libuv loop.  Wraps the single-threaded C client
 * (zookeeper_st) and is the only file that includes its header.  Everything
 * here runs on the loop's thread.
 *
 * Paths are relative to the chroot of the connect string; the adapter adds and
 * strips it, so that a missing chroot can be created (zk_ensure).
 *
 * Life: zk_open -> CONNECTING -> CONNECTED <-> SUSPENDED
 *                     any but CLOSED -> EXPIRED -> CONNECTING (a new session)
 *                     any -> CLOSED (zk_close)
 *
 *   CONNECTING  first connection of a session is being made, forever; with an
 *               identity, also while existing nodes are looked at (zk_verify.h)
 *   CONNECTED   requests are answered
 *   SUSPENDED   connection lost; the session may or may not live on
 *   EXPIRED     the server ended the session: ephemerals and watches are gone.
 *               Reported once; a new session is then started by itself
 *   REFUSED     authentication failed, or existing nodes are open to everyone
 *               where that is not allowed: nothing will work, tell the operator
 *
 * After each CONNECTED re-read everything that is watched: a watch only says
 * "look again", and one may have been lost with its session.
 *
 * Callbacks of requests come exactly once, never from inside the call that
 * started them, and may start further requests or call zk_close.  A request
 * whose connection breaks ends with ERR_CONNECTION: it may or may not have
 * been done.  Re-read, never assume. */
#ifndef HELIOSTAT_COMMON_ZK_H
#define HELIOSTAT_COMMON_ZK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/zk_access.h"
#include "common/zk_wire.h"

enum zk_state {
        ZK_CONNECTING,
        ZK_CONNECTED,
        ZK_SUSPENDED,
        ZK_EXPIRED,
        ZK_REFUSED,
        ZK_CLOSED,
};
const char *zk_state_name(enum zk_state state);

struct zk;

#define ZK_REQUESTS_MAX 65536           /* unanswered ones; over it ERR_TOO_MANY */
#define ZK_MULTI_BYTES_MAX (900 * 1024) /* ZooKeeper drops the client at 1 MiB */

/* What a read tells besides the data. */
struct zk_stat {
        int32_t version;          /* of the data; the one to pass to zk_set */
        int64_t ephemeral_owner;  /* session id; 0: persistent */
        int64_t created_ms;       /* server's wall clock */
        int64_t modified_ms;      /* server's wall clock */
        int64_t modified_zxid;
        int32_t data_bytes;
        int32_t child_count;
};

typedef void (*zk_state_cb)(void *ctx, enum zk_state state);
/* code: 0, or ERR_NOT_FOUND, ERR_EXISTS, ERR_VERSION, ERR_NOT_EMPTY, ERR_AUTH,
 * ERR_CONNECTION (unknown result), ERR_SESSION (session ended, unknown result),
 * ERR_CLOSING (zk_close), ERR_INVALID, ERR_IO.  Pointers are borrowed for the
 * length of the callback. */
typedef void (*zk_data_cb)(void *ctx, int code, const void *data, size_t bytes,
                           const struct zk_stat *stat);
typedef void (*zk_children_cb)(void *ctx, int code, const char *const *names, size_t count,
                               const struct zk_stat *stat);
typedef void (*zk_stat_cb)(void *ctx, int code, const struct zk_stat *stat);
typedef void (*zk_acl_cb)(void *ctx, int code, const struct zk_acl_entry *entries, size_t count);
typedef void (*zk_create_cb)(void *ctx, int code, const char *path);
typedef void (*zk_done_cb)(void *ctx, int code);
/* One-shot: "look again".  Set when its request succeeded, or zk_exists ended
 * with ERR_NOT_FOUND.  Also called when the session ends (the watch is gone)
 * and, rarely, when the connection had to be built up anew; not called on a
 * mere disconnection, and not after zk_close. */
typedef void (*zk_watch_cb)(void *ctx, const char *path);

/* Checks a connect string ("h1:2181,h2:2181/chroot") without connecting:
 * 0 or ERR_INVALID with the reason in err. */
int zk_connect_string_check(const char *connect, char *err, size_t err_size);

/* Who all sessions of this process are that begin later, and for whom they
 * create nodes; NULL for nobody and everyone (the default).  Borrows access for
 * as long as there is a session. */
void zk_use_access(const struct zk_access *access);

/* Starts connecting.  connect is copied; loop and ctx are borrowed until
 * zk_close's callback.  Host names are resolved with uv_getaddrinfo, and again
 * when no server answers; a name that does not resolve is logged and retried.
 * session_timeout_ms (1000 to 120000) is what is asked for; the server may
 * choose another, and one outside these limits counts as a bad server.
 * on_state tells every change but the first CONNECTING and CLOSED.
 * 0 | ERR_INVALID | ERR_NOMEM | ERR_SYSTEM */
int zk_open(uv_loop_t *loop, const char *connect, int session_timeout_ms,
            zk_state_cb on_state, void *ctx, struct zk **out);

/* Ends the session (its ephemerals vanish at once when connected), answers
 * what is pending with ERR_CLOSING, frees zk, then calls on_closed (may be
 * NULL) from the loop.  Takes zk.  May be called from any callback.  Blocks
 * for up to 4.5 s when the connected server does not answer; on_closed waits
 * for a name look-up that is under way. */
void zk_close(struct zk *zk, void (*on_closed)(void *ctx), void *ctx);

enum zk_state zk_state(const struct zk *zk);
/* Of the present session; 0 before the first connection. */
int64_t zk_session_id(const struct zk *zk);
/* As negotiated; the asked one before the first connection. */
int zk_session_timeout_ms(const struct zk *zk);
/* What another process needs to end the session should this one die: see
 * zk_end.h.  0 | ERR_CONNECTION when not connected */
int zk_session_ticket(const struct zk *zk, struct zk_ticket *out);
/* "host:port" of the connected server, or "-".  Borrowed until the next call. */
const char *zk_server(struct zk *zk);
/* The last connection problem as text for people ("connection refused"), or "". */
const char *zk_last_error(const struct zk *zk);
/* "/heliostat", or "" for none. */
const char *zk_chroot(const struct zk *zk);

/* Requests: 0 when started (the callback will come), ERR_CONNECTION when there
 * is no usable session (no callback), ERR_INVALID for a bad path, ERR_TOO_BIG
 * for data over ZNODE_DATA_MAX, ERR_TOO_MANY, ERR_NOMEM.  A session is usable
 * in state CONNECTED only.  watch may be NULL. */
int zk_get(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx,
           zk_data_cb cb, void *ctx);
int zk_children(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx,
                zk_children_cb cb, void *ctx);
/* A watch on a missing node fires when it is created. */
int zk_exists(struct zk *zk, const char *path, zk_watch_cb watch, void *watch_ctx,
              zk_stat_cb cb, void *ctx);
enum zk_create_flags { ZK_PERSISTENT = 0, ZK_EPHEMERAL = 1, ZK_SEQUENCE = 2 };
/* cb's path is relative to the chroot, with the sequence number. */
int zk_create(struct zk *zk, const char *path, const void *data, size_t bytes, int flags,
              zk_create_cb cb, void *ctx);
int zk_set(struct zk *zk, const char *path, const void *data, size_t bytes, int32_t version,
           zk_stat_cb cb, void *ctx);
int zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_cb cb, void *ctx);
/* Who may do what with a node.  Needs a right to read or to administer it. */
int zk_get_acl(struct zk *zk, const char *path, zk_acl_cb cb, void *ctx);
/* A round trip to the leader: later reads see everything written before it. */
int zk_sync(struct zk *zk, const char *path, zk_done_cb cb, void *ctx);

/* Creates the chroot and each parent of path and path itself as empty
 * persistent nodes where missing ("" for the chroot alone). */
int zk_ensure(struct zk *zk, const char *path, zk_done_cb cb, void *ctx);

/* A multi: all or nothing.  Build, add, run.  Data and paths are copied. */
struct zk_multi;
struct zk_multi *zk_multi_new(void);
void zk_multi_free(struct zk_multi *multi); /* only when not run */
/* Each: 0 | ERR_NOMEM | ERR_INVALID | ERR_TOO_BIG */
int zk_multi_check(struct zk_multi *multi, const char *path, int32_t version);
int zk_multi_set(struct zk_multi *multi, const char *path, const void *data, size_t bytes,
                 int32_t version);
int zk_multi_create(struct zk_multi *multi, const char *path, const void *data, size_t bytes,
                    int flags);
int zk_multi_delete(struct zk_multi *multi, const char *path, int32_t version);
size_t zk_multi_count(const struct zk_multi *multi);
size_t zk_multi_bytes(const struct zk_multi *multi);

struct zk_multi_result {
        int code;             /* of the operation that failed; 0 for all others */
        struct zk_stat stat;  /* set operations: the new version */
};
/* code: of the whole; failed: index of the first operation that failed, or -1.
 * results has one entry per operation, borrowed for the callback. */
typedef void (*zk_multi_cb)(void *ctx, int code, int failed,
                            const struct zk_multi_result *results, size_t count);
/* Takes multi on success; on failure it stays the caller's.  ERR_INVALID for
 * an empty one, ERR_TOO_BIG over ZK_MULTI_BYTES_MAX. */
int zk_multi_run(struct zk *zk, struct zk_multi *multi, zk_multi_cb cb, void *ctx);

/* The client library's version, "3.8.0". */
const char *zk_library_version(void);

#endif
