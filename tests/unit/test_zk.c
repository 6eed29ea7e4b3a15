/* The ZooKeeper adapter against a real server.
 *
 *     HELIOSTAT_TEST_ZOOKEEPER=127.0.0.1:2181 zk_adapter_test
 *
 * Most faults are made by a proxy inside the test, which cuts, freezes and
 * corrupts the connection.  Those of the server itself need
 * HELIOSTAT_TEST_ZOOKEEPER_CONTROL, a command that is called with one of stop,
 * start, kill, pause, resume and returns when that is done; they are skipped
 * without it. */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/zk.h"
#include "common/znode_path.h"
#include "loop.h"

#define SESSION_MS 3000
#define LONG_SESSION_MS 20000 /* of those that must not end */
#define LIMIT_MS 20000

static const char *server;  /* "127.0.0.1:2181" */
static const char *control; /* or NULL */
static char chroot_of_run[64];

/* ---- proxy ---- */

/* Forwards bytes between clients and the server, on the test's own loop. */
struct proxy {
        uv_tcp_t listener;
        uv_loop_t *loop;
        int port;
        bool refuse;          /* accepts and closes */
        bool frozen;          /* accepts, forwards nothing */
        unsigned char hello[41]; /* the last handshake answer: session id, password */
        struct pipe *pipes;
        int pipe_count;
};

struct end {
        uv_tcp_t tcp;
        struct pipe *pipe;
        char buffer[65536];
};

struct pipe {
        struct pipe *next;
        struct proxy *proxy;
        struct end client, server;
        uv_connect_t connect;
        size_t from_server;
        int open;
        bool closing;
        bool reading;
};

struct chunk {
        uv_write_t request;
        char data[];
};

static void pipe_on_close(uv_handle_t *handle) {
        struct pipe *pipe = ((struct end *)handle->data)->pipe;
        if (--pipe->open > 0) return;
        for (struct pipe **p = &pipe->proxy->pipes; *p; p = &(*p)->next)
                if (*p == pipe) {
                        *p = pipe->next;
                        break;
                }
        pipe->proxy->pipe_count--;
        free(pipe);
}

static void pipe_close(struct pipe *pipe, bool reset) {
        if (pipe->closing) return;
        pipe->closing = true;
        if (!reset || uv_tcp_close_reset(&pipe->client.tcp, pipe_on_close) != 0)
                uv_close((uv_handle_t *)&pipe->client.tcp, pipe_on_close);
        uv_close((uv_handle_t *)&pipe->server.tcp, pipe_on_close);
}

static void on_chunk_written(uv_write_t *request, int status) {
        (void)status;
        free(request->data);
}

static void end_write(struct end *end, const void *data, size_t bytes) {
        struct chunk *chunk = malloc(sizeof *chunk + bytes);
        memcpy(chunk->data, data, bytes);
        uv_buf_t buf = uv_buf_init(chunk->data, (unsigned)bytes);
        chunk->request.data = chunk;
        if (uv_write(&chunk->request, (uv_stream_t *)&end->tcp, &buf, 1, on_chunk_written) != 0)
                free(chunk);
}

static void end_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
        struct end *end = handle->data;
        (void)suggested;
        *buf = uv_buf_init(end->buffer, sizeof end->buffer);
}

static void end_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct end *end = stream->data;
        struct pipe *pipe = end->pipe;
        bool from_server = end == &pipe->server;

        if (n < 0) {
                pipe_close(pipe, false);
                return;
        }
        if (pipe->closing || n == 0) return;
        if (from_server) {
                for (ssize_t i = 0; i < n && pipe->from_server + (size_t)i < 41; i++)
                        pipe->proxy->hello[pipe->from_server + (size_t)i] =
                                (unsigned char)buf->base[i];
                pipe->from_server += (size_t)n;
        }
        end_write(from_server ? &pipe->client : &pipe->server, buf->base, (size_t)n);
}

static void pipe_read(struct pipe *pipe, bool on) {
        if (pipe->closing || pipe->reading == on) return;
        pipe->reading = on;
        if (on) {
                (void)uv_read_start((uv_stream_t *)&pipe->client.tcp, end_on_alloc, end_on_read);
                (void)uv_read_start((uv_stream_t *)&pipe->server.tcp, end_on_alloc, end_on_read);
        } else {
                (void)uv_read_stop((uv_stream_t *)&pipe->client.tcp);
                (void)uv_read_stop((uv_stream_t *)&pipe->server.tcp);
        }
}

static void pipe_on_connect(uv_connect_t *connect, int status) {
        struct pipe *pipe = connect->data;
        if (pipe->closing) return;
        if (status < 0) pipe_close(pipe, false);
        else if (!pipe->proxy->frozen) pipe_read(pipe, true);
}

static void split_server(struct sockaddr_in *out) {
        char host[64];
        const char *colon = strchr(server, ':');
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - server), server);
        assert_int_equal(uv_ip4_addr(host, atoi(colon + 1), out), 0);
}

static void proxy_on_connection(uv_stream_t *listener, int status) {
        struct proxy *proxy = listener->data;
        struct pipe *pipe = calloc(1, sizeof *pipe);
        struct sockaddr_in address;

        assert_int_equal(status, 0);
        pipe->proxy = proxy;
        pipe->client.pipe = pipe->server.pipe = pipe;
        pipe->open = 2;
        pipe->next = proxy->pipes;
        proxy->pipes = pipe;
        proxy->pipe_count++;
        (void)uv_tcp_init(proxy->loop, &pipe->client.tcp);
        (void)uv_tcp_init(proxy->loop, &pipe->server.tcp);
        pipe->client.tcp.data = &pipe->client;
        pipe->server.tcp.data = &pipe->server;
        pipe->connect.data = pipe;
        assert_int_equal(uv_accept(listener, (uv_stream_t *)&pipe->client.tcp), 0);
        (void)uv_tcp_nodelay(&pipe->client.tcp, 1);
        (void)uv_tcp_nodelay(&pipe->server.tcp, 1);
        split_server(&address);
        if (proxy->refuse || uv_tcp_connect(&pipe->connect, &pipe->server.tcp,
                                            (struct sockaddr *)&address, pipe_on_connect) != 0)
                pipe_close(pipe, false);
}

static void proxy_open(struct proxy *proxy, uv_loop_t *loop) {
        struct sockaddr_storage address;
        int bytes = sizeof address;

        memset(proxy, 0, sizeof *proxy);
        proxy->loop = loop;
        (void)uv_tcp_init(loop, &proxy->listener);
        proxy->listener.data = proxy;
        (void)uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address);
        assert_int_equal(uv_tcp_bind(&proxy->listener, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&proxy->listener, 64, proxy_on_connection), 0);
        (void)uv_tcp_getsockname(&proxy->listener, (struct sockaddr *)&address, &bytes);
        proxy->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void proxy_cut(struct proxy *proxy, bool reset) {
        for (struct pipe *pipe = proxy->pipes; pipe; pipe = pipe->next) pipe_close(pipe, reset);
}

static void proxy_freeze(struct proxy *proxy, bool frozen) {
        proxy->frozen = frozen;
        for (struct pipe *pipe = proxy->pipes; pipe; pipe = pipe->next) pipe_read(pipe, !frozen);
}

static void proxy_inject(struct proxy *proxy, const void *data, size_t bytes) {
        for (struct pipe *pipe = proxy->pipes; pipe; pipe = pipe->next)
                if (!pipe->closing) end_write(&pipe->client, data, bytes);
}

static bool proxy_idle(void *ctx) { return ((struct proxy *)ctx)->pipe_count == 0; }

static void proxy_close(struct proxy *proxy) {
        uv_close((uv_handle_t *)&proxy->listener, NULL);
        proxy_cut(proxy, false);
        assert_true(loop_until(proxy->loop, proxy_idle, proxy, 20000));
}

/* ---- fixture ---- */

enum { HISTORY_MAX = 256 };

struct fixture {
        uv_loop_t loop;
        struct proxy proxy;
        struct zk *zk;       /* through the proxy */
        struct zk *other;    /* a second client, straight to the server */
        bool closed, other_closed;
        enum zk_state history[HISTORY_MAX];
        int history_count;
        int count_of[8];
        bool close_on_state;
};

static void fixture_on_closed(void *ctx) { *(bool *)ctx = true; }

static void fixture_on_state(void *ctx, enum zk_state state) {
        struct fixture *f = ctx;
        if (f->history_count < HISTORY_MAX) f->history[f->history_count++] = state;
        f->count_of[state]++;
        assert_int_equal(zk_state(f->zk), state);
        if (f->close_on_state) {
                f->close_on_state = false;
                zk_close(f->zk, fixture_on_closed, &f->closed);
        }
}

static void other_on_state(void *ctx, enum zk_state state) {
        (void)ctx;
        (void)state;
}

struct result {
        bool done;
        int calls;
        int code;
        char text[256];
        size_t bytes;
        size_t count;
        int failed;
        struct zk_stat stat;
        struct zk_multi_result results[8];
};

static void result_set(struct result *r, int code, const struct zk_stat *stat) {
        r->done = true;
        r->calls++;
        r->code = code;
        if (stat) r->stat = *stat;
}

static void on_data(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        struct result *r = ctx;
        result_set(r, code, stat);
        r->bytes = bytes;
        (void)snprintf(r->text, sizeof r->text, "%.*s", bytes > 200 ? 200 : (int)bytes,
                       data ? (const char *)data : "");
}

static void on_children(void *ctx, int code, const char *const *names, size_t count,
                        const struct zk_stat *stat) {
        struct result *r = ctx;
        result_set(r, code, stat);
        r->count = count;
        if (count) (void)snprintf(r->text, sizeof r->text, "%s", names[0]);
}

static void on_stat(void *ctx, int code, const struct zk_stat *stat) {
        result_set(ctx, code, stat);
}

static void on_created(void *ctx, int code, const char *path) {
        struct result *r = ctx;
        result_set(r, code, NULL);
        (void)snprintf(r->text, sizeof r->text, "%s", path ? path : "");
}

static void on_done(void *ctx, int code) { result_set(ctx, code, NULL); }

static void on_multi(void *ctx, int code, int failed, const struct zk_multi_result *results,
                     size_t count) {
        struct result *r = ctx;
        result_set(r, code, NULL);
        r->failed = failed;
        r->count = count;
        for (size_t i = 0; i < count && i < 8; i++) r->results[i] = results[i];
}

struct watched {
        int fired;
        char path[128];
};

static void on_watch(void *ctx, const char *path) {
        struct watched *w = ctx;
        w->fired++;
        (void)snprintf(w->path, sizeof w->path, "%s", path);
}

static bool watch_fired(void *ctx) { return ((struct watched *)ctx)->fired > 0; }

static bool is_connected(void *ctx) { return zk_state(((struct fixture *)ctx)->zk) == ZK_CONNECTED; }

static bool is_not_connected(void *ctx) { return !is_connected(ctx); }

static bool other_connected(void *ctx) {
        return zk_state(((struct fixture *)ctx)->other) == ZK_CONNECTED;
}

static bool has_expired(void *ctx) { return ((struct fixture *)ctx)->count_of[ZK_EXPIRED] > 0; }

#define WAIT(f, condition, ctx) assert_true(loop_until(&(f)->loop, condition, ctx, LIMIT_MS))

/* Starts a request, checks that it does not answer from inside, waits. */
#define ASK(f, r, call) \
        do { \
                memset(&(r), 0, sizeof(r)); \
                assert_int_equal(call, 0); \
                assert_false((r).done); \
                WAIT(f, loop_flag, &(r).done); \
                assert_int_equal((r).calls, 1); \
        } while (0)

static void fixture_open_for(struct fixture *f, int session_ms) {
        char connect[128];
        struct result r;

        memset(f, 0, sizeof *f);
        assert_int_equal(uv_loop_init(&f->loop), 0);
        proxy_open(&f->proxy, &f->loop);
        (void)snprintf(connect, sizeof connect, "127.0.0.1:%d%s", f->proxy.port, chroot_of_run);
        assert_int_equal(zk_open(&f->loop, connect, session_ms, fixture_on_state, f, &f->zk), 0);
        (void)snprintf(connect, sizeof connect, "%s%s", server, chroot_of_run);
        assert_int_equal(zk_open(&f->loop, connect, session_ms, other_on_state, f, &f->other), 0);
        WAIT(f, is_connected, f);
        WAIT(f, other_connected, f);
        ASK(f, r, zk_ensure(f->zk, "", on_done, &r));
        assert_int_equal(r.code, 0);
}

static void fixture_open(struct fixture *f) { fixture_open_for(f, SESSION_MS); }

static void fixture_close(struct fixture *f) {
        if (!f->closed && zk_state(f->zk) != ZK_CLOSED)
                zk_close(f->zk, fixture_on_closed, &f->closed);
        WAIT(f, loop_flag, &f->closed);
        zk_close(f->other, fixture_on_closed, &f->other_closed);
        WAIT(f, loop_flag, &f->other_closed);
        proxy_close(&f->proxy);
        while (uv_loop_close(&f->loop) == UV_EBUSY) (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* ---- requests ---- */

static void requests(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        int64_t session;

        fixture_open(&f);
        assert_int_equal(f.history_count, 1);
        assert_non_null(strstr(zk_server(f.zk), "127.0.0.1:"));
        assert_int_equal(zk_session_timeout_ms(f.zk), SESSION_MS);
        assert_string_equal(zk_last_error(f.zk), "");
        session = zk_session_id(f.zk);
        assert_true(session != 0);

        ASK(&f, r, zk_ensure(f.zk, "/req/a/b", on_done, &r));
        assert_int_equal(r.code, 0);
        ASK(&f, r, zk_ensure(f.zk, "/req/a/b", on_done, &r));
        assert_int_equal(r.code, 0);

        ASK(&f, r, zk_create(f.zk, "/req/n", "one", 3, ZK_PERSISTENT, on_created, &r));
        assert_int_equal(r.code, 0);
        assert_string_equal(r.text, "/req/n");
        ASK(&f, r, zk_create(f.zk, "/req/n", "one", 3, ZK_PERSISTENT, on_created, &r));
        assert_int_equal(r.code, ERR_EXISTS);
        ASK(&f, r, zk_create(f.zk, "/req/none/n", NULL, 0, ZK_PERSISTENT, on_created, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND);
        ASK(&f, r, zk_create(f.zk, "/req/s-", "x", 1, ZK_EPHEMERAL | ZK_SEQUENCE, on_created, &r));
        assert_int_equal(r.code, 0);
        assert_string_equal(r.text, "/req/s-0000000002");
        char sequence[64];
        (void)snprintf(sequence, sizeof sequence, "%.60s", r.text);
        ASK(&f, r, zk_create(f.zk, "/req/s-0000000002/child", NULL, 0, 0, on_created, &r));
        assert_int_equal(r.code, ERR_INVALID); /* ephemerals have no children */
        ASK(&f, r, zk_exists(f.zk, sequence, NULL, NULL, on_stat, &r));
        assert_int_equal(r.code, 0);
        assert_true(r.stat.ephemeral_owner == session);

        ASK(&f, r, zk_get(f.zk, "/req/n", NULL, NULL, on_data, &r));
        assert_int_equal(r.code, 0);
        assert_string_equal(r.text, "one");
        assert_int_equal(r.stat.version, 0);
        assert_int_equal(r.stat.data_bytes, 3);
        assert_true(r.stat.modified_ms > 1600000000000);
        ASK(&f, r, zk_get(f.zk, "/req/none", NULL, NULL, on_data, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND);
        ASK(&f, r, zk_set(f.zk, "/req/n", "two", 3, 0, on_stat, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.stat.version, 1);
        ASK(&f, r, zk_set(f.zk, "/req/n", "three", 5, 0, on_stat, &r));
        assert_int_equal(r.code, ERR_VERSION);
        ASK(&f, r, zk_set(f.zk, "/req/n", NULL, 0, -1, on_stat, &r));
        assert_int_equal(r.code, 0);
        ASK(&f, r, zk_get(f.zk, "/req/n", NULL, NULL, on_data, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.bytes, 0);

        static char big[ZNODE_DATA_MAX + 1];
        memset(big, 'b', sizeof big);
        ASK(&f, r, zk_set(f.zk, "/req/n", big, ZNODE_DATA_MAX, -1, on_stat, &r));
        assert_int_equal(r.code, 0);
        ASK(&f, r, zk_get(f.zk, "/req/n", NULL, NULL, on_data, &r));
        assert_int_equal(r.bytes, ZNODE_DATA_MAX);
        assert_int_equal(zk_set(f.zk, "/req/n", big, sizeof big, -1, on_stat, &r), ERR_TOO_BIG);
        assert_int_equal(zk_get(f.zk, "req", NULL, NULL, on_data, &r), ERR_INVALID);
        assert_int_equal(zk_get(f.zk, "", NULL, NULL, on_data, &r), ERR_INVALID);

        ASK(&f, r, zk_children(f.zk, "/req/a", NULL, NULL, on_children, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.count, 1);
        assert_string_equal(r.text, "b");
        ASK(&f, r, zk_children(f.zk, "/req/a/b", NULL, NULL, on_children, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.count, 0);
        ASK(&f, r, zk_children(f.zk, "/", NULL, NULL, on_children, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.count, 1);
        ASK(&f, r, zk_delete(f.zk, "/req/a", -1, on_done, &r));
        assert_int_equal(r.code, ERR_NOT_EMPTY);
        ASK(&f, r, zk_delete(f.zk, "/req/a/b", 7, on_done, &r));
        assert_int_equal(r.code, ERR_VERSION);
        ASK(&f, r, zk_delete(f.zk, "/req/a/b", -1, on_done, &r));
        assert_int_equal(r.code, 0);
        ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
        assert_int_equal(r.code, 0);
        fixture_close(&f);
}

static void multis(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct zk_multi *multi;

        fixture_open(&f);
        ASK(&f, r, zk_ensure(f.zk, "/multi", on_done, &r));
        assert_int_equal(r.code, 0);

        multi = zk_multi_new();
        assert_int_equal(zk_multi_create(multi, "/multi/a", "1", 1, ZK_PERSISTENT), 0);
        assert_int_equal(zk_multi_set(multi, "/multi/a", "2", 1, 0), 0);
        assert_int_equal(zk_multi_set(multi, "/multi/a", "3", 1, 1), 0);
        assert_int_equal(zk_multi_check(multi, "/multi/a", 2), 0);
        assert_int_equal(zk_multi_create(multi, "/multi/b", NULL, 0, ZK_EPHEMERAL), 0);
        assert_int_equal(zk_multi_delete(multi, "/multi/b", 0), 0);
        ASK(&f, r, zk_multi_run(f.zk, multi, on_multi, &r));
        assert_int_equal(r.code, 0);
        assert_int_equal(r.failed, -1);
        assert_int_equal(r.count, 6);
        assert_int_equal(r.results[1].stat.version, 1);
        assert_int_equal(r.results[2].stat.version, 2);

        multi = zk_multi_new();
        (void)zk_multi_set(multi, "/multi/a", "4", 1, 2);
        (void)zk_multi_check(multi, "/multi/a", 99);
        (void)zk_multi_delete(multi, "/multi/none", -1);
        ASK(&f, r, zk_multi_run(f.zk, multi, on_multi, &r));
        assert_int_equal(r.code, ERR_VERSION);
        assert_int_equal(r.failed, 1);
        assert_int_equal(r.results[0].code, 0);
        assert_int_equal(r.results[1].code, ERR_VERSION);
        assert_int_equal(r.results[2].code, 0);
        ASK(&f, r, zk_get(f.zk, "/multi/a", NULL, NULL, on_data, &r));
        assert_string_equal(r.text, "3");

        multi = zk_multi_new();
        (void)zk_multi_delete(multi, "/multi/none", -1);
        ASK(&f, r, zk_multi_run(f.zk, multi, on_multi, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND);
        assert_int_equal(r.failed, 0);

        /* What fails to start stays the caller's. */
        multi = zk_multi_new();
        assert_int_equal(zk_multi_run(f.zk, multi, on_multi, &r), ERR_INVALID);
        static char big[ZNODE_DATA_MAX];
        (void)zk_multi_set(multi, "/multi/a", big, sizeof big, -1);
        (void)zk_multi_set(multi, "/multi/a", big, sizeof big, -1);
        assert_int_equal(zk_multi_run(f.zk, multi, on_multi, &r), ERR_TOO_BIG);
        zk_multi_free(multi);

        /* A lost connection: nobody is to blame, the result is unknown. */
        multi = zk_multi_new();
        (void)zk_multi_set(multi, "/multi/a", "5", 1, -1);
        (void)zk_multi_create(multi, "/multi/c", "5", 1, ZK_EPHEMERAL);
        proxy_freeze(&f.proxy, true);
        memset(&r, 0, sizeof r);
        assert_int_equal(zk_multi_run(f.zk, multi, on_multi, &r), 0);
        (void)loop_until(&f.loop, NULL, NULL, 50);
        proxy_cut(&f.proxy, false);
        proxy_freeze(&f.proxy, false);
        WAIT(&f, loop_flag, &r.done);
        assert_int_equal(r.code, ERR_CONNECTION);
        assert_int_equal(r.failed, -1);
        WAIT(&f, is_connected, &f);
        fixture_close(&f);
}

static void watches(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct watched data = {0}, children = {0}, missing = {0}, gone = {0}, failed = {0};

        fixture_open(&f);
        ASK(&f, r, zk_ensure(f.zk, "/watch/n", on_done, &r));
        ASK(&f, r, zk_get(f.zk, "/watch/n", on_watch, &data, on_data, &r));
        ASK(&f, r, zk_children(f.zk, "/watch", on_watch, &children, on_children, &r));
        ASK(&f, r, zk_exists(f.zk, "/watch/later", on_watch, &missing, on_stat, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND);
        ASK(&f, r, zk_get(f.zk, "/watch/later", on_watch, &failed, on_data, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND); /* so it sets no watch */
        ASK(&f, r, zk_exists(f.zk, "/watch/n", on_watch, &gone, on_stat, &r));

        ASK(&f, r, zk_create(f.other, "/watch/later", NULL, 0, 0, on_created, &r));
        WAIT(&f, watch_fired, &missing);
        WAIT(&f, watch_fired, &children);
        assert_string_equal(missing.path, "/watch/later");
        assert_string_equal(children.path, "/watch");
        assert_int_equal(data.fired, 0);
        ASK(&f, r, zk_delete(f.other, "/watch/n", -1, on_done, &r));
        WAIT(&f, watch_fired, &data);
        WAIT(&f, watch_fired, &gone);
        ASK(&f, r, zk_delete(f.other, "/watch/later", -1, on_done, &r));
        ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
        /* One-shot. */
        assert_int_equal(data.fired, 1);
        assert_int_equal(children.fired, 1);
        assert_int_equal(missing.fired, 1);
        assert_int_equal(gone.fired, 1);
        assert_int_equal(failed.fired, 0);
        fixture_close(&f);
}

/* ---- connection and session ---- */

static void reconnect_keeps_session(void **state) {
        (void)state;
        struct fixture f;
        struct result r, pending = {0};
        struct watched w = {0};
        int64_t session;

        for (int reset = 0; reset <= 1; reset++) {
                fixture_open_for(&f, LONG_SESSION_MS);
                session = zk_session_id(f.zk);
                memset(&w, 0, sizeof w);
                memset(&pending, 0, sizeof pending);
                ASK(&f, r, zk_ensure(f.zk, "/re", on_done, &r));
                ASK(&f, r, zk_create(f.zk, "/re/e", NULL, 0, ZK_EPHEMERAL, on_created, &r));
                ASK(&f, r, zk_children(f.zk, "/re", on_watch, &w, on_children, &r));
                proxy_freeze(&f.proxy, true);
                assert_int_equal(zk_sync(f.zk, "/", on_done, &pending), 0);
                (void)loop_until(&f.loop, NULL, NULL, 50);
                proxy_cut(&f.proxy, reset);
                proxy_freeze(&f.proxy, false);
                WAIT(&f, is_not_connected, &f);
                assert_int_equal(zk_state(f.zk), ZK_SUSPENDED);
                assert_string_not_equal(zk_last_error(f.zk), "");
                assert_true(pending.done);
                assert_int_equal(pending.calls, 1);
                assert_int_equal(pending.code, ERR_CONNECTION);
                assert_int_equal(zk_sync(f.zk, "/", on_done, &r), ERR_CONNECTION);
                WAIT(&f, is_connected, &f);
                assert_true(zk_session_id(f.zk) == session);
                ASK(&f, r, zk_exists(f.zk, "/re/e", NULL, NULL, on_stat, &r));
                assert_int_equal(r.code, 0);
                assert_int_equal(w.fired, 0);
                ASK(&f, r, zk_create(f.other, "/re/x", NULL, 0, ZK_EPHEMERAL, on_created, &r));
                WAIT(&f, watch_fired, &w);
                fixture_close(&f);
        }
}

/* What changed while the connection was down is told after the reconnect. */
static void watch_catches_up(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct watched w = {0};

        fixture_open_for(&f, LONG_SESSION_MS);
        ASK(&f, r, zk_ensure(f.zk, "/up", on_done, &r));
        ASK(&f, r, zk_get(f.zk, "/up", on_watch, &w, on_data, &r));
        f.proxy.refuse = true;
        proxy_cut(&f.proxy, false);
        WAIT(&f, is_not_connected, &f);
        ASK(&f, r, zk_set(f.other, "/up", "x", 1, -1, on_stat, &r));
        f.proxy.refuse = false;
        WAIT(&f, watch_fired, &w);
        assert_int_equal(w.fired, 1);
        assert_int_equal(f.count_of[ZK_EXPIRED], 0);
        fixture_close(&f);
}

static void check_new_session(struct fixture *f, int64_t old, struct watched *w) {
        WAIT(f, has_expired, f);
        WAIT(f, watch_fired, w);
        WAIT(f, is_connected, f);
        assert_true(zk_session_id(f->zk) != old);
        assert_int_equal(f->count_of[ZK_EXPIRED], 1);
        assert_int_equal(w->fired, 1);
        assert_int_equal(f->history[f->history_count - 3], ZK_EXPIRED);
        assert_int_equal(f->history[f->history_count - 2], ZK_CONNECTING);
        assert_int_equal(f->history[f->history_count - 1], ZK_CONNECTED);
        struct result r;
        ASK(f, r, zk_sync(f->zk, "/", on_done, &r));
        assert_int_equal(r.code, 0);
}

static void expiry_by_silence(void **state) {
        (void)state;
        struct fixture f;
        struct result r, pending = {0};
        struct watched w = {0};
        int64_t session;

        fixture_open(&f);
        session = zk_session_id(f.zk);
        ASK(&f, r, zk_exists(f.zk, "/none", on_watch, &w, on_stat, &r));
        proxy_freeze(&f.proxy, true);
        assert_int_equal(zk_sync(f.zk, "/", on_done, &pending), 0);
        (void)loop_until(&f.loop, NULL, NULL, SESSION_MS * 2);
        assert_int_equal(zk_state(f.zk), ZK_SUSPENDED); /* only the server says EXPIRED */
        assert_int_equal(pending.calls, 1);
        assert_int_equal(pending.code, ERR_CONNECTION);
        assert_int_equal(w.fired, 0);
        proxy_freeze(&f.proxy, false);
        check_new_session(&f, session, &w);
        fixture_close(&f);
}

/* Somebody else ends the session: with its id and password, as the server
 * cannot tell apart. */
static bool session_end(struct fixture *f) {
        unsigned char hello[49] = {0}, answer[41];
        const unsigned char close_op[12] = {0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5};
        struct sockaddr_in address;
        size_t got = 0;
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        split_server(&address);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        hello[3] = 45; /* length, version, zxid, timeout, session id, password, read-only */
        hello[18] = 0x0b;
        hello[19] = 0xb8;
        memcpy(hello + 20, f->proxy.hello + 12, 8);
        hello[31] = 16;
        memcpy(hello + 32, f->proxy.hello + 24, 16);
        assert_int_equal(send(fd, hello, sizeof hello, 0), sizeof hello);
        while (got < sizeof answer) {
                ssize_t n = recv(fd, answer + got, sizeof answer - got, 0);
                if (n <= 0) { /* the client came at the same moment with the session's id, and the server keeps the last */
                        (void)close(fd);
                        return false;
                }
                got += (size_t)n;
        }
        bool alive = memcmp(answer + 12, f->proxy.hello + 12, 8) == 0;
        assert_int_equal(send(fd, close_op, sizeof close_op, MSG_NOSIGNAL), sizeof close_op);
        while (recv(fd, answer, sizeof answer, 0) > 0) continue;
        (void)close(fd);
        return alive;
}

static void expiry_by_force(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct watched w = {0};
        int64_t session;

        fixture_open(&f);
        session = zk_session_id(f.zk);
        ASK(&f, r, zk_exists(f.zk, "/none", on_watch, &w, on_stat, &r));
        assert_true(session_end(&f));
        check_new_session(&f, session, &w);
        fixture_close(&f);
}

/* ---- broken streams ---- */

static void corrupt_frames(void **state) {
        (void)state;
        static const struct {
                const char *bytes;
                size_t count;
        } rows[] = {
                {"\xff\xff\xff\xff\x01\x02\x03\x04\x05", 9},
                {"\x7f\xff\xff\xff\x01\x02\x03\x04\x05", 9},
                {"\0\0\0\x10\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0", 20},
        };
        struct fixture f;
        struct result r;
        struct watched w;
        int64_t session;

        fixture_open_for(&f, LONG_SESSION_MS);
        session = zk_session_id(f.zk);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                memset(&w, 0, sizeof w);
                ASK(&f, r, zk_exists(f.zk, "/none", on_watch, &w, on_stat, &r));
                int before = cpu_ms();
                proxy_inject(&f.proxy, rows[i].bytes, rows[i].count);
                WAIT(&f, is_not_connected, &f);
                WAIT(&f, is_connected, &f);
                assert_true(cpu_ms() - before < 500);
                assert_true(zk_session_id(f.zk) == session);
                assert_int_equal(w.fired, 1); /* its table went with the handle: look again */
                ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
                assert_int_equal(r.code, 0);
        }
        assert_int_equal(f.count_of[ZK_EXPIRED], 0);
        fixture_close(&f);
}

/* Requests by the thousand while the connection breaks again and again, also
 * in the middle of a send.  Each gets exactly one answer, each watch ends. */
struct storm {
        struct fixture *f;
        int started, answered, refused, watches_set, watches_fired, bad;
        bool stop;
        uv_timer_t timer;
        unsigned random;
        bool malice;
        bool idle;
};

static unsigned storm_random(struct storm *s, unsigned below) {
        s->random = s->random * 1103515245u + 12345u;
        return (s->random >> 16) % below;
}

static void storm_on_watch(void *ctx, const char *path) {
        struct storm *s = ctx;
        (void)path;
        s->watches_fired++;
}

static void storm_answer(struct storm *s, int code) {
        s->answered++;
        if (code != 0 && code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_NOT_FOUND &&
            code != ERR_EXISTS && code != ERR_VERSION && code != ERR_CLOSING) {
                print_message("code %s\n", err_name(code));
                s->bad++;
        }
}

static void storm_on_data(void *ctx, int code, const void *data, size_t bytes,
                          const struct zk_stat *stat) {
        struct storm *s = ctx;
        (void)data;
        (void)bytes;
        (void)stat;
        if (code == 0) s->watches_set++;
        storm_answer(s, code);
        /* From inside a callback, the next one. */
        if (!s->stop && storm_random(s, 4) == 0 &&
            zk_get(s->f->zk, "/storm", storm_on_watch, s, storm_on_data, s) == 0)
                s->started++;
}

static void storm_on_stat(void *ctx, int code, const struct zk_stat *stat) {
        (void)stat;
        storm_answer(ctx, code);
}

static void storm_on_multi(void *ctx, int code, int failed, const struct zk_multi_result *results,
                           size_t count) {
        (void)failed;
        (void)results;
        (void)count;
        storm_answer(ctx, code);
}

static void storm_on_timer(uv_timer_t *timer) {
        struct storm *s = timer->data;
        static char big[100000];
        struct fixture *f = s->f;

        for (int i = 0; i < 20; i++) {
                int rc;
                switch (storm_random(s, 4)) {
                case 0:
                        rc = zk_get(f->zk, "/storm", storm_on_watch, s, storm_on_data, s);
                        break;
                case 1:
                        rc = zk_set(f->zk, "/storm", big, storm_random(s, sizeof big), -1,
                                    storm_on_stat, s);
                        break;
                case 2: rc = zk_exists(f->zk, "/none", NULL, NULL, storm_on_stat, s); break;
                default: {
                        struct zk_multi *multi = zk_multi_new();
                        (void)zk_multi_set(multi, "/storm", big, 1000, -1);
                        (void)zk_multi_check(multi, "/storm", (int32_t)storm_random(s, 50));
                        rc = zk_multi_run(f->zk, multi, storm_on_multi, s);
                        if (rc) zk_multi_free(multi);
                        break;
                }
                }
                if (rc == 0) s->started++;
                else s->refused++;
        }
        switch (storm_random(s, 40)) {
        case 0: proxy_cut(&f->proxy, true); break;
        case 1: proxy_cut(&f->proxy, false); break;
        case 2: proxy_freeze(&f->proxy, true); break;
        case 3:
        case 4: proxy_freeze(&f->proxy, false); break;
        case 5:
                if (s->malice) proxy_inject(&f->proxy, "\xff\xff\xff\xff\xff", 5);
                break;
        case 6:
                if (s->malice && f->proxy.pipes) (void)session_end(f); /* may have ended */
                break;
        default: break;
        }
}

static bool storm_all_answered(void *ctx) {
        struct storm *s = ctx;
        return s->started == s->answered;
}

static void storm(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        unsigned seed = (unsigned)time(NULL);

        for (int malice = 0; malice <= 1; malice++) {
                fixture_open(&f);
                ASK(&f, r, zk_ensure(f.zk, "/storm", on_done, &r));
                struct storm s = {.f = &f, .random = seed, .malice = malice};
                (void)uv_timer_init(&f.loop, &s.timer);
                s.timer.data = &s;
                (void)uv_timer_start(&s.timer, storm_on_timer, 1, 5);
                (void)loop_until(&f.loop, NULL, NULL, 5000);
                (void)uv_timer_stop(&s.timer);
                proxy_freeze(&f.proxy, false);
                s.stop = true;
                WAIT(&f, storm_all_answered, &s);
                WAIT(&f, is_connected, &f);
                uv_close((uv_handle_t *)&s.timer, NULL);
                print_message("storm: seed=%u malice=%d started=%d refused=%d suspended=%d "
                              "expired=%d watches=%d/%d\n",
                              seed, malice, s.started, s.refused, f.count_of[ZK_SUSPENDED],
                              f.count_of[ZK_EXPIRED], s.watches_fired, s.watches_set);
                assert_int_equal(s.bad, 0);
                assert_true(s.started > 500);
                assert_true(f.count_of[ZK_SUSPENDED] > 0);
                /* All but those still set, which one more change flushes. */
                ASK(&f, r, zk_set(f.zk, "/storm", NULL, 0, -1, on_stat, &r));
                ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
                assert_int_equal(s.watches_fired, s.watches_set);
                fixture_close(&f);
        }
}

/* ---- closing ---- */

static void close_answers_pending(void **state) {
        (void)state;
        struct fixture f;
        struct result r, sent = {0}, queued = {0};
        struct watched w = {0};

        fixture_open(&f);
        ASK(&f, r, zk_ensure(f.zk, "/close", on_done, &r));
        ASK(&f, r, zk_create(f.zk, "/close/e", NULL, 0, ZK_EPHEMERAL, on_created, &r));
        ASK(&f, r, zk_get(f.zk, "/close", on_watch, &w, on_data, &r));
        proxy_freeze(&f.proxy, true);
        assert_int_equal(zk_sync(f.zk, "/", on_done, &sent), 0);
        (void)loop_until(&f.loop, NULL, NULL, 30);
        assert_int_equal(zk_get(f.zk, "/close", on_watch, &w, on_data, &queued), 0);
        proxy_freeze(&f.proxy, false);
        zk_close(f.zk, fixture_on_closed, &f.closed);
        assert_false(sent.done || queued.done || f.closed);
        WAIT(&f, loop_flag, &f.closed);
        assert_int_equal(sent.code, ERR_CLOSING);
        assert_int_equal(sent.calls, 1);
        assert_int_equal(queued.code, ERR_CLOSING);
        assert_int_equal(queued.calls, 1);
        assert_int_equal(w.fired, 0);
        fixture_close(&f);
}

static void close_ends_ephemerals(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        uint64_t start;
        char connect[128];

        fixture_open(&f);
        ASK(&f, r, zk_ensure(f.zk, "/gone", on_done, &r));
        /* A client of its own, straight to the server: the close waits for the
         * server's answer, which the proxy on this loop could not forward. */
        struct fixture own = {0};
        own.loop = f.loop;
        (void)snprintf(connect, sizeof connect, "%s%s", server, chroot_of_run);
        assert_int_equal(zk_open(&f.loop, connect, LONG_SESSION_MS, fixture_on_state, &own, &own.zk), 0);
        WAIT(&f, is_connected, &own);
        ASK(&f, r, zk_create(own.zk, "/gone/e", NULL, 0, ZK_EPHEMERAL, on_created, &r));
        start = uv_hrtime();
        zk_close(own.zk, fixture_on_closed, &own.closed);
        WAIT(&f, loop_flag, &own.closed);
        assert_true(uv_hrtime() - start < 10000000000u);
        ASK(&f, r, zk_sync(f.other, "/", on_done, &r));
        ASK(&f, r, zk_exists(f.other, "/gone/e", NULL, NULL, on_stat, &r));
        assert_int_equal(r.code, ERR_NOT_FOUND);
        fixture_close(&f);
}

struct closer {
        struct fixture *f;
        int calls;
};

static void close_now(struct closer *c) {
        c->calls++;
        zk_close(c->f->zk, fixture_on_closed, &c->f->closed);
        assert_false(c->f->closed);
        assert_int_equal(zk_state(c->f->zk), ZK_CLOSED);
        struct result none;
        assert_int_equal(zk_sync(c->f->zk, "/", on_done, &none), ERR_CONNECTION);
}

static void closer_on_done(void *ctx, int code) {
        (void)code;
        close_now(ctx);
}

static void closer_on_data(void *ctx, int code, const void *data, size_t bytes,
                           const struct zk_stat *stat) {
        char copy[16];
        assert_int_equal(code, 0);
        (void)stat;
        close_now(ctx);
        memcpy(copy, data, bytes); /* still there */
}

static void closer_on_multi(void *ctx, int code, int failed, const struct zk_multi_result *results,
                            size_t count) {
        (void)code;
        (void)failed;
        close_now(ctx);
        assert_int_equal(count, 1);
        assert_int_equal(results[0].code, ERR_NOT_FOUND);
}

static void closer_on_watch(void *ctx, const char *path) {
        close_now(ctx);
        assert_string_equal(path, "/closer");
}

static void close_in_callbacks(void **state) {
        (void)state;
        for (int where = 0; where < 8; where++) {
                struct fixture f;
                struct result r;
                fixture_open(&f);
                struct closer c = {.f = &f};
                struct watched w = {0};
                ASK(&f, r, zk_ensure(f.zk, "/closer", on_done, &r));
                ASK(&f, r, zk_set(f.zk, "/closer", "data", 4, -1, on_stat, &r));
                ASK(&f, r, zk_exists(f.zk, "/none", on_watch, &w, on_stat, &r));
                struct result later = {0};
                switch (where) {
                case 0: (void)zk_sync(f.zk, "/", closer_on_done, &c); break;
                case 1: (void)zk_get(f.zk, "/closer", on_watch, &w, closer_on_data, &c); break;
                case 2: {
                        struct zk_multi *multi = zk_multi_new();
                        (void)zk_multi_delete(multi, "/missing", -1);
                        assert_int_equal(zk_multi_run(f.zk, multi, closer_on_multi, &c), 0);
                        break;
                }
                case 3:
                        ASK(&f, r, zk_get(f.zk, "/closer", closer_on_watch, &c, on_data, &r));
                        ASK(&f, r, zk_set(f.zk, "/closer", "new", 3, -1, on_stat, &r));
                        break;
                case 4: /* in the answer to a lost connection */
                        proxy_freeze(&f.proxy, true);
                        (void)zk_sync(f.zk, "/", closer_on_done, &c);
                        (void)loop_until(&f.loop, NULL, NULL, 50);
                        proxy_cut(&f.proxy, false);
                        break;
                case 5: /* in SUSPENDED */
                        f.close_on_state = true;
                        proxy_cut(&f.proxy, false);
                        break;
                case 6: /* in EXPIRED */
                        proxy_freeze(&f.proxy, true);
                        (void)loop_until(&f.loop, NULL, NULL, SESSION_MS * 2);
                        f.close_on_state = true;
                        proxy_freeze(&f.proxy, false);
                        break;
                case 7: /* in a watch that ends with its session */
                        ASK(&f, r, zk_get(f.zk, "/closer", closer_on_watch, &c, on_data, &r));
                        assert_true(session_end(&f));
                        break;
                }
                if (where < 3 && zk_state(f.zk) == ZK_CONNECTED)
                        assert_int_equal(zk_sync(f.zk, "/", on_done, &later), 0);
                if (where == 6) {
                        /* SUSPENDED again, or EXPIRED: the first change after the thaw. */
                        assert_true(f.count_of[ZK_SUSPENDED] > 0);
                }
                WAIT(&f, loop_flag, &f.closed);
                if (where != 5 && where != 6) assert_int_equal(c.calls, 1);
                if (where < 3) {
                        assert_int_equal(later.calls, 1);
                        assert_int_equal(later.code, ERR_CLOSING);
                }
                if (where != 7) assert_int_equal(w.fired, 0);
                fixture_close(&f);
        }
}

/* ---- the server itself ---- */

static void server_do(const char *what) {
        char command[512];
        (void)snprintf(command, sizeof command, "%s %s", control, what);
        assert_int_equal(system(command), 0);
}

/* Directly at the server: the proxy would hide how its end looks. */
static void direct(struct fixture *f, int session_ms) {
        char connect[128];
        memset(f, 0, sizeof *f);
        assert_int_equal(uv_loop_init(&f->loop), 0);
        (void)snprintf(connect, sizeof connect, "%s%s", server, chroot_of_run);
        assert_int_equal(zk_open(&f->loop, connect, session_ms, fixture_on_state, f, &f->zk), 0);
        WAIT(f, is_connected, f);
}

static void direct_close(struct fixture *f) {
        zk_close(f->zk, fixture_on_closed, &f->closed);
        WAIT(f, loop_flag, &f->closed);
        assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void server_restart(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct watched w = {0};

        if (!control) skip();
        direct(&f, LONG_SESSION_MS);
        int64_t session = zk_session_id(f.zk);
        ASK(&f, r, zk_ensure(f.zk, "/restart", on_done, &r));
        ASK(&f, r, zk_get(f.zk, "/restart", on_watch, &w, on_data, &r));
        ASK(&f, r, zk_create(f.zk, "/restart/e", NULL, 0, ZK_EPHEMERAL, on_created, &r));
        server_do("stop");
        WAIT(&f, is_not_connected, &f);
        int before = cpu_ms();
        (void)loop_until(&f.loop, NULL, NULL, 1000);
        assert_true(cpu_ms() - before < 200);
        assert_non_null(strstr(zk_last_error(f.zk), "refused"));
        server_do("start");
        WAIT(&f, is_connected, &f);
        assert_true(zk_session_id(f.zk) == session);
        assert_int_equal(f.count_of[ZK_EXPIRED], 0);
        assert_int_equal(w.fired, 0);
        ASK(&f, r, zk_exists(f.zk, "/restart/e", NULL, NULL, on_stat, &r));
        assert_int_equal(r.code, 0);
        ASK(&f, r, zk_set(f.zk, "/restart", "x", 1, -1, on_stat, &r));
        WAIT(&f, watch_fired, &w);
        direct_close(&f);
}

static void server_paused(void **state) {
        (void)state;
        struct fixture f;
        struct result r;
        struct watched w = {0};

        if (!control) skip();
        direct(&f, SESSION_MS);
        int64_t session = zk_session_id(f.zk);
        ASK(&f, r, zk_exists(f.zk, "/none", on_watch, &w, on_stat, &r));
        server_do("pause");
        int before = cpu_ms();
        (void)loop_until(&f.loop, NULL, NULL, SESSION_MS * 3);
        assert_true(cpu_ms() - before < 500);
        assert_int_equal(zk_state(f.zk), ZK_SUSPENDED);
        server_do("resume");
        WAIT(&f, is_connected, &f);
        /* A server that slept as well may give the session its whole time
         * again, or not: both are its right. */
        if (zk_session_id(f.zk) != session) {
                assert_int_equal(f.count_of[ZK_EXPIRED], 1);
                assert_int_equal(w.fired, 1);
        } else {
                assert_int_equal(f.count_of[ZK_EXPIRED], 0);
        }
        ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
        assert_int_equal(r.code, 0);
        print_message("paused server: %s\n", f.count_of[ZK_EXPIRED] ? "expired" : "same session");
        direct_close(&f);
}

static void server_killed(void **state) {
        (void)state;
        struct fixture f;
        struct result r, pending = {0};

        if (!control) skip();
        direct(&f, SESSION_MS);
        assert_int_equal(zk_sync(f.zk, "/", on_done, &pending), 0);
        server_do("kill");
        int before = cpu_ms();
        (void)loop_until(&f.loop, NULL, NULL, 20000);
        assert_true(cpu_ms() - before < 1500);
        assert_int_equal(pending.calls, 1);
        assert_int_equal(zk_state(f.zk), ZK_SUSPENDED);
        server_do("start");
        WAIT(&f, is_connected, &f);
        ASK(&f, r, zk_sync(f.zk, "/", on_done, &r));
        assert_int_equal(r.code, 0);
        direct_close(&f);
}

/* Closing while the server is dead, and while it is mute. */
static void close_without_server(void **state) {
        (void)state;
        struct fixture f;

        if (!control) skip();
        direct(&f, LONG_SESSION_MS);
        server_do("kill");
        WAIT(&f, is_not_connected, &f);
        uint64_t start = uv_hrtime();
        direct_close(&f);
        assert_true(uv_hrtime() - start < 10000000000u);
        server_do("start");

        direct(&f, SESSION_MS);
        server_do("pause");
        start = uv_hrtime();
        direct_close(&f);
        assert_true(uv_hrtime() - start < 5000000000u); /* the documented block */
        server_do("resume");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests),
                cmocka_unit_test(multis),
                cmocka_unit_test(watches),
                cmocka_unit_test(reconnect_keeps_session),
                cmocka_unit_test(watch_catches_up),
                cmocka_unit_test(expiry_by_silence),
                cmocka_unit_test(expiry_by_force),
                cmocka_unit_test(corrupt_frames),
                cmocka_unit_test(storm),
                cmocka_unit_test(close_answers_pending),
                cmocka_unit_test(close_ends_ephemerals),
                cmocka_unit_test(close_in_callbacks),
                cmocka_unit_test(server_restart),
                cmocka_unit_test(server_paused),
                cmocka_unit_test(server_killed),
                cmocka_unit_test(close_without_server),
        };
        server = getenv("HELIOSTAT_TEST_ZOOKEEPER");
        control = getenv("HELIOSTAT_TEST_ZOOKEEPER_CONTROL");
        if (!server || strchr(server, ',') || !strchr(server, ':')) {
                (void)fprintf(stderr, "set HELIOSTAT_TEST_ZOOKEEPER to one address, host:port\n");
                return 2;
        }
        (void)snprintf(chroot_of_run, sizeof chroot_of_run, "/zk-adapter-%ld-%d", (long)time(NULL),
                       (int)getpid());
        (void)signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
        if (!getenv("HELIOSTAT_TEST_VERBOSE")) log_set_level(LOG_ERROR);
        if (getenv("HELIOSTAT_TEST_FILTER")) cmocka_set_test_filter(getenv("HELIOSTAT_TEST_FILTER"));
        return cmocka_run_group_tests(tests, NULL, NULL);
}
