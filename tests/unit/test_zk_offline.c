/* The ZooKeeper adapter without a ZooKeeper: connect strings, dead, mute and
 * malicious servers.  None of them may crash it, make it spin or keep it from
 * closing. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/zk.h"
#include "common/zk_connect.h"
#include "common/zk_frame.h"
#include "common/znode_path.h"
#include "loop.h"

/* ---- text ---- */

static void connect_strings(void **state) {
        (void)state;
        static const struct {
                const char *text;
                size_t servers;     /* 0: refused */
                const char *first;  /* host of the first server */
                int port;
                const char *chroot; /* or a part of the reason */
        } rows[] = {
                {"h:2181", 1, "h", 2181, ""},
                {"h", 1, "h", 2181, ""},
                {" h1:1 , h2:2,h3:3/a/b ", 3, "h1", 1, "/a/b"},
                {"h:2181/", 1, "h", 2181, ""},
                {"127.0.0.1:65535/x", 1, "127.0.0.1", 65535, "/x"},
                {"[::1]:2182/x", 1, "::1", 2182, "/x"},
                {"[fe80::1]", 1, "fe80::1", 2181, ""},
                {"zk_1.example-x.org:2181", 1, "zk_1.example-x.org", 2181, ""},
                {"", 0, NULL, 0, "no server"},
                {"   ", 0, NULL, 0, "no server"},
                {"/only/chroot", 0, NULL, 0, "no server"},
                {"h1:2181,", 0, NULL, 0, "empty server name"},
                {",h1:2181", 0, NULL, 0, "empty server name"},
                {"h1:2181,,h2:2181", 0, NULL, 0, "empty server name"},
                {"h:", 0, NULL, 0, "port"},
                {"h:0", 0, NULL, 0, "port"},
                {"h:65536", 0, NULL, 0, "port"},
                {"h:2181x", 0, NULL, 0, "port"},
                {"h:-1", 0, NULL, 0, "port"},
                {"h:999999999999", 0, NULL, 0, "port"},
                {"::1:2181", 0, NULL, 0, "brackets"},
                {"[::1", 0, NULL, 0, "missing ']'"},
                {"[::1]2181", 0, NULL, 0, "after ']'"},
                {"[nonsense]:1", 0, NULL, 0, "IPv6"},
                {"h h:2181", 0, NULL, 0, "host name"},
                {"h\n:2181", 0, NULL, 0, "host name"},
                {"zookeeper://h:2181", 0, NULL, 0, "chroot"},
                {"h:2181//x", 0, NULL, 0, "chroot"},
                {"h:2181/x/", 0, NULL, 0, "chroot"},
                {"h:2181/../x", 0, NULL, 0, "chroot"},
                {"h:2181/a\x01", 0, NULL, 0, "chroot"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct zk_connect connect;
                char err[256] = "";
                int rc = zk_connect_parse(rows[i].text, &connect, err, sizeof err);
                if (rows[i].servers == 0) {
                        if (rc != ERR_INVALID || !strstr(err, rows[i].chroot))
                                fail_msg("'%s': rc %d, '%s'", rows[i].text, rc, err);
                        assert_int_equal(zk_connect_string_check(rows[i].text, err, sizeof err),
                                         ERR_INVALID);
                        continue;
                }
                if (rc) fail_msg("'%s': %s", rows[i].text, err);
                assert_int_equal(connect.server_count, rows[i].servers);
                assert_string_equal(connect.servers[0].host, rows[i].first);
                assert_int_equal(connect.servers[0].port, rows[i].port);
                assert_string_equal(connect.chroot, rows[i].chroot);
                zk_connect_fini(&connect);
                assert_int_equal(zk_connect_string_check(rows[i].text, NULL, 0), 0);
        }
        assert_int_equal(zk_connect_string_check(NULL, NULL, 0), ERR_INVALID);

        char many[ZK_SERVERS_MAX * 2 + 4];
        for (int i = 0; i <= ZK_SERVERS_MAX; i++) memcpy(many + 2 * i, "h,", 2);
        many[2 * ZK_SERVERS_MAX + 1] = '\0';
        assert_int_equal(zk_connect_string_check(many, NULL, 0), ERR_INVALID);
}

static void paths(void **state) {
        (void)state;
        static const char *const good[] = {"/", "/a", "/a/b", "/...", "/a..b", "/route/east->west",
                                           "/.hidden", "/\xc3\xa4"};
        static const char *const bad[] = {"", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/./b",
                                          "/a/..", "/a\n", "/a\x7f"};
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(zk_path_valid(good[i]));
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(zk_path_valid(bad[i]));
        assert_false(zk_path_valid(NULL));
        char longest[ZNODE_PATH_MAX + 1];
        memset(longest, 'x', sizeof longest);
        longest[0] = '/';
        longest[ZNODE_PATH_MAX] = '\0';
        assert_false(zk_path_valid(longest));
        longest[ZNODE_PATH_MAX - 1] = '\0';
        assert_true(zk_path_valid(longest));
}

static void multis(void **state) {
        (void)state;
        struct zk_multi *multi = zk_multi_new();
        assert_non_null(multi);
        assert_int_equal(zk_multi_check(multi, "bad", 1), ERR_INVALID);
        assert_int_equal(zk_multi_set(multi, "/a", "x", ZNODE_DATA_MAX + 1, 1), ERR_TOO_BIG);
        for (int i = 0; i < 100; i++)
                assert_int_equal(zk_multi_create(multi, "/a", "xy", 2, ZK_EPHEMERAL), 0);
        assert_int_equal(zk_multi_delete(multi, "/a", -1), 0);
        assert_int_equal(zk_multi_count(multi), 101);
        assert_true(zk_multi_bytes(multi) > 100 * 4);
        zk_multi_free(multi);
        zk_multi_free(NULL);
}

static void frames(void **state) {
        (void)state;
        static const struct {
                const char *head;
                size_t n;
                bool outstanding;
                size_t want;
                const char *bad; /* part of the reason */
        } rows[] = {
                {"\0", 1, false, 8, NULL},
                {"\0\0\0\x10\0\0\0", 7, true, 8, NULL},
                {"\0\0\0\x10\0\0\0\1", 8, true, 0, NULL},
                {"\0\0\0\x10\0\0\0\1", 8, false, 0, "no request"},
                {"\0\0\0\x0f", 4, true, 0, "length"},
                {"\0\0\0\0", 4, true, 0, "length"},
                {"\xff\xff\xff\xff", 4, true, 0, "length"},
                {"\x80\0\0\0", 4, true, 0, "length"},
                {"\x7f\xff\xff\xff", 4, true, 0, "length"},
                {"\1\0\0\0", 4, true, 8, NULL},                      /* 16 MiB */
                {"\1\0\0\1", 4, true, 0, "length"},
                {"\0\0\0\x10\xff\xff\xff\xfe", 8, false, 0, NULL}, /* ping */
                {"\0\0\0\x10\xff\xff\xff\xfc", 8, false, 0, NULL}, /* authentication */
                {"\0\0\0\x10\xff\xff\xff\xf8", 8, false, 0, NULL}, /* watches set again */
                {"\0\0\0\x10\xff\xff\xff\xff", 8, true, 0, "watch"},
                {"\0\0\0\x1d\xff\xff\xff\xff", 8, false, 32, NULL},
                {"\0\0\0\x1d\xff\xff\xff\xff" "zxidzxid" "erro" "type" "stat" "\0\0\0\1", 32,
                 false, 0, NULL},
                {"\0\0\0\x1d\xff\xff\xff\xff" "zxidzxid" "erro" "type" "stat" "\0\0\0\2", 32,
                 false, 0, "watch"},
                {"\0\0\0\x1d\xff\xff\xff\xff" "zxidzxid" "erro" "type" "stat" "\xff\xff\xff\xff",
                 32, false, 0, "watch"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct zk_frame frame = zk_frame_check((const unsigned char *)rows[i].head,
                                                       rows[i].n, rows[i].outstanding);
                if (frame.want_bytes != rows[i].want || !frame.bad != !rows[i].bad ||
                    (frame.bad && !strstr(frame.bad, rows[i].bad)))
                        fail_msg("row %zu: want %zu, bad '%s'", i, frame.want_bytes,
                                 frame.bad ? frame.bad : "");
        }
        /* Never asks for more than is looked at, nor for what is there already. */
        unsigned random = 20260131;
        for (int i = 0; i < 200000; i++) {
                unsigned char head[ZK_FRAME_HEAD_BYTES];
                for (size_t k = 0; k < sizeof head; k++) {
                        random = random * 1103515245u + 12345u;
                        head[k] = (random >> 16) % 3 ? (unsigned char)((random >> 20) % 2 * 255)
                                                     : (unsigned char)(random >> 24);
                }
                size_t n = 1 + (random >> 8) % sizeof head;
                struct zk_frame frame = zk_frame_check(head, n, random >> 31);
                assert_true(frame.want_bytes == 0 ||
                            (frame.want_bytes > n && frame.want_bytes <= sizeof head));
                assert_true(!frame.bad || frame.want_bytes == 0);
        }
}

/* ---- a client under test ---- */

struct client {
        uv_loop_t loop;
        struct zk *zk;
        bool closed;
        int state_changes;
        bool connected;
        bool close_in_state;
        int answers;
        bool ask;            /* sends a request with each CONNECTED */
        bool watch_fired;
};

static void on_closed(void *ctx) { ((struct client *)ctx)->closed = true; }

static void on_data(void *ctx, int code, const void *data, size_t bytes,
                    const struct zk_stat *stat) {
        (void)code;
        (void)data;
        (void)bytes;
        (void)stat;
        ((struct client *)ctx)->answers++;
}

static void on_watch(void *ctx, const char *path) {
        (void)path;
        ((struct client *)ctx)->watch_fired = true;
}

static void on_state(void *ctx, enum zk_state s) {
        struct client *client = ctx;
        client->state_changes++;
        if (s == ZK_CONNECTED) {
                client->connected = true;
                if (client->ask)
                        assert_int_equal(
                                zk_get(client->zk, "/a", on_watch, client, on_data, client), 0);
        }
        if (client->close_in_state) {
                zk_close(client->zk, on_closed, client);
                client->close_in_state = false;
        }
}

static void client_open(struct client *client, const char *connect) {
        memset(client, 0, sizeof *client);
        assert_int_equal(uv_loop_init(&client->loop), 0);
        assert_int_equal(zk_open(&client->loop, connect, 1000, on_state, client, &client->zk), 0);
        assert_int_equal(zk_state(client->zk), ZK_CONNECTING);
}

static void client_close(struct client *client, int limit_ms) {
        if (zk_state(client->zk) != ZK_CLOSED) zk_close(client->zk, on_closed, client);
        assert_true(loop_until(&client->loop, loop_flag, &client->closed, limit_ms));
}

static void client_end(struct client *client) {
        while (uv_loop_close(&client->loop) == UV_EBUSY) (void)uv_run(&client->loop, UV_RUN_ONCE);
}

static void open_refuses(void **state) {
        (void)state;
        uv_loop_t loop;
        struct zk *zk = NULL;
        (void)uv_loop_init(&loop);
        assert_int_equal(zk_open(&loop, "h:x", 6000, on_state, NULL, &zk), ERR_INVALID);
        assert_int_equal(zk_open(&loop, "h:1", 999, on_state, NULL, &zk), ERR_INVALID);
        assert_int_equal(zk_open(&loop, "h:1", 120001, on_state, NULL, &zk), ERR_INVALID);
        assert_null(zk);
        assert_int_equal(uv_loop_close(&loop), 0);
}

/* A port that nobody listens on: bound, so that nobody else gets it. */
static int dead_port(int *out_fd) {
        struct sockaddr_in address;
        socklen_t bytes = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)uv_ip4_addr("127.0.0.1", 0, &address);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
        *out_fd = fd;
        return ntohs(address.sin_port);
}

static void unreachable(void **state) {
        (void)state;
        struct client client;
        char connect[64];
        int fd;
        (void)snprintf(connect, sizeof connect, "127.0.0.1:%d/x", dead_port(&fd));
        client_open(&client, connect);
        assert_string_equal(zk_chroot(client.zk), "/x");
        int before = cpu_ms();
        (void)loop_until(&client.loop, NULL, NULL, 1500);
        assert_true(cpu_ms() - before < 300);
        assert_int_equal(zk_state(client.zk), ZK_CONNECTING);
        assert_int_equal(client.state_changes, 0);
        assert_non_null(strstr(zk_last_error(client.zk), "refused"));
        assert_string_equal(zk_server(client.zk), "-");
        assert_int_equal(zk_session_id(client.zk), 0);
        assert_int_equal(zk_get(client.zk, "/a", NULL, NULL, on_data, &client), ERR_CONNECTION);
        assert_int_equal(zk_get(client.zk, "a", NULL, NULL, on_data, &client), ERR_INVALID);
        client_close(&client, 1000);
        assert_int_equal(client.answers, 0);
        client_end(&client);
        (void)close(fd);
}

static void name_that_does_not_resolve(void **state) {
        (void)state;
        struct client client;
        client_open(&client, "no-such-host.invalid:2181");
        (void)loop_until(&client.loop, NULL, NULL, 300);
        assert_int_equal(zk_state(client.zk), ZK_CONNECTING);
        client_close(&client, 60000); /* waits for the name service */
        client_end(&client);
}

static void close_before_first_turn(void **state) {
        (void)state;
        struct client client;
        client_open(&client, "127.0.0.1:1,localhost:1");
        zk_close(client.zk, on_closed, &client);
        assert_false(client.closed); /* never from inside */
        client_close(&client, 10000);
        client_end(&client);
}

/* ---- fake servers ---- */

enum fake_mode {
        CLOSE_AT_ONCE,
        RESET_AT_ONCE,
        MUTE,
        SHORT_HANDSHAKE,    /* 20 bytes, then the end */
        TIMEOUT_HUGE,
        TIMEOUT_ZERO,
        TIMEOUT_NEGATIVE,
        GARBAGE_HANDSHAKE,
        READ_ONLY,
        THEN_MUTE,          /* good handshake, then nothing */
        THEN_CLOSE,
        THEN_LENGTH_MINUS_1,
        THEN_LENGTH_HUGE,
        THEN_LENGTH_0,
        THEN_LENGTH_MIN,
        THEN_LENGTH_SPLIT,  /* 0xffffffff in two halves */
        THEN_HALF_HEADER_CLOSE,
        THEN_HALF_FRAME_MUTE,
        THEN_ORPHAN_ANSWER,
        THEN_BAD_WATCH,
        THEN_WRONG_XID,     /* answers the request with another's number */
        THEN_SHORT_WATCH,   /* a watch frame without its path */
        THEN_RANDOM,
        FAKE_MODES,
};

static const char *const mode_names[FAKE_MODES] = {
        "close at once", "reset at once", "mute", "short handshake", "timeout huge",
        "timeout zero", "timeout negative", "garbage handshake", "read-only", "then mute", "then close",
        "length -1", "length huge", "length 0", "length min", "length split",
        "half header, close", "half frame, mute", "orphan answer", "bad watch", "wrong xid",
        "short watch", "random"};

struct fake {
        uv_tcp_t listener;
        enum fake_mode mode;
        int connections;
        unsigned seed;
        int port;
};

struct peer {
        uv_tcp_t tcp;
        struct fake *fake;
        bool greeted;
        uv_timer_t later;
        int open;
        char buffer[4096];
};

static void put32(unsigned char *p, uint32_t v) {
        p[0] = (unsigned char)(v >> 24);
        p[1] = (unsigned char)(v >> 16);
        p[2] = (unsigned char)(v >> 8);
        p[3] = (unsigned char)v;
}

static void peer_on_close(uv_handle_t *handle) {
        struct peer *peer = handle->data;
        if (--peer->open == 0) free(peer);
}

static void peer_close(struct peer *peer) {
        if (uv_is_closing((uv_handle_t *)&peer->tcp)) return;
        uv_close((uv_handle_t *)&peer->tcp, peer_on_close);
        uv_close((uv_handle_t *)&peer->later, peer_on_close);
}

static void peer_send(struct peer *peer, const void *data, size_t bytes) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)bytes);
        (void)uv_try_write((uv_stream_t *)&peer->tcp, &buf, 1);
}

static void peer_on_later(uv_timer_t *timer) {
        struct peer *peer = timer->data;
        peer_send(peer, "\xff\xff", 2);
}

static void peer_greet(struct peer *peer) {
        unsigned char hello[41] = {0};
        enum fake_mode mode = peer->fake->mode;

        put32(hello, 37);
        put32(hello + 8, mode == TIMEOUT_HUGE       ? 84215045u
                         : mode == TIMEOUT_ZERO     ? 0
                         : mode == TIMEOUT_NEGATIVE ? 0x80000000u
                                                    : 1000);
        hello[19] = 7; /* session id 7 */
        put32(hello + 20, 16);
        if (mode == READ_ONLY) hello[40] = 1;
        if (mode == GARBAGE_HANDSHAKE) memset(hello, 0xa5, sizeof hello);
        if (mode == SHORT_HANDSHAKE) {
                peer_send(peer, hello, 20);
                peer_close(peer);
                return;
        }
        if (mode == MUTE) return;
        peer_send(peer, hello, sizeof hello);
        if (mode == THEN_CLOSE) peer_close(peer);
}

static void peer_answer(struct peer *peer, const unsigned char *request, size_t bytes) {
        unsigned char frame[64] = {0};
        uint32_t xid = 0;

        if (bytes >= 8) memcpy(&xid, request + 4, 4); /* as it came: big-endian */
        switch (peer->fake->mode) {
        case THEN_LENGTH_MINUS_1: peer_send(peer, "\xff\xff\xff\xff\x01\x02\x03\x04\x05", 9); break;
        case THEN_LENGTH_HUGE: peer_send(peer, "\x7f\xff\xff\xff\x01\x02\x03\x04\x05", 9); break;
        case THEN_LENGTH_0: peer_send(peer, "\0\0\0\0\0\0\0\0\0\0\0\0", 12); break;
        case THEN_LENGTH_MIN: peer_send(peer, "\x80\0\0\0\0\0\0\0\0\0\0\0", 12); break;
        case THEN_LENGTH_SPLIT:
                peer_send(peer, "\xff\xff", 2);
                (void)uv_timer_start(&peer->later, peer_on_later, 20, 0);
                break;
        case THEN_HALF_HEADER_CLOSE:
                peer_send(peer, "\0\0\0\x20\0", 5);
                peer_close(peer);
                break;
        case THEN_HALF_FRAME_MUTE:
                put32(frame, 100);
                memcpy(frame + 4, &xid, 4);
                peer_send(peer, frame, 30);
                break;
        case THEN_ORPHAN_ANSWER:
                for (int i = 0; i < 3; i++) { /* the first may match, the others cannot */
                        put32(frame, 16);
                        memcpy(frame + 4, &xid, 4);
                        put32(frame + 16, (uint32_t)-101);
                        peer_send(peer, frame, 20);
                }
                break;
        case THEN_WRONG_XID:
                put32(frame, 16);
                put32(frame + 4, 12345);
                peer_send(peer, frame, 20);
                break;
        case THEN_BAD_WATCH:
        case THEN_SHORT_WATCH: {
                bool is_short = peer->fake->mode == THEN_SHORT_WATCH;
                put32(frame, is_short ? 20 : 40);
                put32(frame + 4, (uint32_t)-1);
                put32(frame + 20, 3);
                put32(frame + 24, 3);
                put32(frame + 28, 0x7fffff00);
                peer_send(peer, frame, is_short ? 24 : 44);
                break;
        }
        case THEN_RANDOM:
                for (size_t i = 0; i < sizeof frame; i++) {
                        peer->fake->seed = peer->fake->seed * 1103515245u + 12345u;
                        frame[i] = (unsigned char)(peer->fake->seed >> 24);
                }
                if (peer->fake->seed & 0x10000) put32(frame, sizeof frame - 4);
                if (peer->fake->seed & 0x20000) put32(frame + 4, (uint32_t)-1);
                peer_send(peer, frame, sizeof frame);
                break;
        default: break;
        }
}

static void peer_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
        struct peer *peer = handle->data;
        (void)suggested;
        *buf = uv_buf_init(peer->buffer, sizeof peer->buffer);
}

static void peer_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct peer *peer = stream->data;
        (void)buf;
        if (n < 0) {
                peer_close(peer);
                return;
        }
        if (!peer->greeted && n > 0) {
                peer->greeted = true;
                peer_greet(peer);
                return;
        }
        if (n > 0) peer_answer(peer, (unsigned char *)peer->buffer, (size_t)n);
}

static void fake_on_connection(uv_stream_t *listener, int status) {
        struct fake *fake = listener->data;
        struct peer *peer = calloc(1, sizeof *peer);

        assert_int_equal(status, 0);
        fake->connections++;
        peer->fake = fake;
        peer->open = 2;
        (void)uv_tcp_init(listener->loop, &peer->tcp);
        (void)uv_timer_init(listener->loop, &peer->later);
        peer->tcp.data = peer->later.data = peer;
        assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->tcp), 0);
        if (fake->mode == RESET_AT_ONCE) {
                (void)uv_tcp_close_reset(&peer->tcp, peer_on_close);
                uv_close((uv_handle_t *)&peer->later, peer_on_close);
                return;
        }
        if (fake->mode == CLOSE_AT_ONCE) {
                peer_close(peer);
                return;
        }
        (void)uv_read_start((uv_stream_t *)&peer->tcp, peer_on_alloc, peer_on_read);
}

static void fake_open(struct fake *fake, uv_loop_t *loop, enum fake_mode mode) {
        struct sockaddr_storage address;
        int bytes = sizeof address;

        memset(fake, 0, sizeof *fake);
        fake->mode = mode;
        fake->seed = 20260131;
        (void)uv_tcp_init(loop, &fake->listener);
        fake->listener.data = fake;
        (void)uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address);
        assert_int_equal(uv_tcp_bind(&fake->listener, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&fake->listener, 16, fake_on_connection), 0);
        (void)uv_tcp_getsockname(&fake->listener, (struct sockaddr *)&address, &bytes);
        fake->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* What a server and its client are to come to. */
struct course {
        const struct client *client;
        const struct fake *fake;
        bool usable;
        int connections;
};

static bool course_done(void *ctx) {
        const struct course *course = ctx;
        return course->client->connected == course->usable && course->fake->connections >= course->connections;
}

static void bad_servers(void **state) {
        (void)state;
        for (int mode = 0; mode < FAKE_MODES; mode++) {
                struct client client = {0};
                struct fake fake;
                char connect[64];

                assert_int_equal(uv_loop_init(&client.loop), 0);
                fake_open(&fake, &client.loop, mode);
                client.ask = true;
                (void)snprintf(connect, sizeof connect, "127.0.0.1:%d", fake.port);
                assert_int_equal(
                        zk_open(&client.loop, connect, 1000, on_state, &client, &client.zk), 0);
                int before = cpu_ms();
                (void)loop_until(&client.loop, NULL, NULL, 700);
                int used = cpu_ms() - before;
                if (used > 500) fail_msg("%s: %d ms of CPU", mode_names[mode], used);
                /* Not one that gave a bad handshake may count as connected. */
                bool mute = mode == THEN_MUTE || mode == MUTE || mode == THEN_HALF_FRAME_MUTE;
                struct course course = {&client, &fake, mode >= THEN_MUTE, mute ? 1 : 2};
                if (!loop_until(&client.loop, course_done, &course, 10000))
                        fail_msg("%s: %d connections, connected is %d", mode_names[mode], fake.connections, client.connected);
                client_close(&client, 3000);
                uv_close((uv_handle_t *)&fake.listener, NULL);
                client_end(&client);
        }
}

static void random_frames(void **state) {
        (void)state;
        struct client client = {0};
        struct fake fake;
        char connect[64];

        assert_int_equal(uv_loop_init(&client.loop), 0);
        fake_open(&fake, &client.loop, THEN_RANDOM);
        client.ask = true;
        (void)snprintf(connect, sizeof connect, "127.0.0.1:%d", fake.port);
        assert_int_equal(zk_open(&client.loop, connect, 1000, on_state, &client, &client.zk), 0);
        (void)loop_until(&client.loop, NULL, NULL, 1500);
        client_close(&client, 3000);
        uv_close((uv_handle_t *)&fake.listener, NULL);
        client_end(&client);
}

static void close_in_state_callback(void **state) {
        (void)state;
        struct client client = {0};
        struct fake fake;
        char connect[64];

        assert_int_equal(uv_loop_init(&client.loop), 0);
        fake_open(&fake, &client.loop, THEN_MUTE);
        client.ask = true;
        client.close_in_state = true;
        /* By name as well: resolved on the loop. */
        (void)snprintf(connect, sizeof connect, "localhost:%d", fake.port);
        assert_int_equal(zk_open(&client.loop, connect, 1000, on_state, &client, &client.zk), 0);
        assert_true(loop_until(&client.loop, loop_flag, &client.closed, 10000));
        assert_true(client.connected);
        assert_int_equal(client.answers, 1);
        assert_false(client.watch_fired);
        uv_close((uv_handle_t *)&fake.listener, NULL);
        client_end(&client);
}

/* Other users of the loop take the numbers of the sockets that the library
 * closes; they must neither lose their events nor meet ours. */
struct churn {
        uv_poll_t poll;
        int fds[2];
        int *heard;
        bool closed;
};

static void churn_on_readable(uv_poll_t *poll, int status, int events) {
        struct churn *churn = poll->data;
        char byte;
        assert_int_equal(status, 0);
        (void)events;
        if (read(churn->fds[0], &byte, 1) == 1) ++*churn->heard;
        (void)uv_poll_stop(poll);
}

static void churn_on_close(uv_handle_t *handle) {
        struct churn *churn = handle->data;
        (void)close(churn->fds[0]);
        (void)close(churn->fds[1]);
        churn->closed = true;
}

static void fd_numbers_are_reused(void **state) {
        (void)state;
        struct client client = {0};
        struct fake fake;
        char connect[64];
        enum { ROUNDS = 60, LIVE = 4 };
        struct churn churns[LIVE];
        int heard = 0;

        assert_int_equal(uv_loop_init(&client.loop), 0);
        fake_open(&fake, &client.loop, CLOSE_AT_ONCE);
        (void)snprintf(connect, sizeof connect, "127.0.0.1:%d", fake.port);
        assert_int_equal(zk_open(&client.loop, connect, 1000, on_state, &client, &client.zk), 0);
        for (int round = 0; round < ROUNDS; round++) {
                fake.mode = round % 2 ? CLOSE_AT_ONCE : RESET_AT_ONCE;
                for (int i = 0; i < LIVE; i++) {
                        struct churn *churn = &churns[i];
                        memset(churn, 0, sizeof *churn);
                        churn->heard = &heard;
                        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, churn->fds), 0);
                        assert_int_equal(uv_poll_init(&client.loop, &churn->poll, churn->fds[0]),
                                         0);
                        churn->poll.data = churn;
                        (void)uv_poll_start(&churn->poll, UV_READABLE, churn_on_readable);
                }
                (void)loop_until(&client.loop, NULL, NULL, 8);
                for (int i = 0; i < LIVE; i++)
                        assert_int_equal(write(churns[i].fds[1], "x", 1), 1);
                for (int i = 0; i < 200 && heard < (round + 1) * LIVE; i++)
                        (void)loop_until(&client.loop, NULL, NULL, 5);
                assert_int_equal(heard, (round + 1) * LIVE);
                for (int i = 0; i < LIVE; i++)
                        uv_close((uv_handle_t *)&churns[i].poll, churn_on_close);
                (void)loop_until(&client.loop, loop_flag, &churns[LIVE - 1].closed, 1000);
        }
        assert_true(fake.connections > 5);
        client_close(&client, 3000);
        uv_close((uv_handle_t *)&fake.listener, NULL);
        client_end(&client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(connect_strings),
                cmocka_unit_test(paths),
                cmocka_unit_test(multis),
                cmocka_unit_test(frames),
                cmocka_unit_test(open_refuses),
                cmocka_unit_test(unreachable),
                cmocka_unit_test(name_that_does_not_resolve),
                cmocka_unit_test(close_before_first_turn),
                cmocka_unit_test(bad_servers),
                cmocka_unit_test(random_frames),
                cmocka_unit_test(close_in_state_callback),
                cmocka_unit_test(fd_numbers_are_reused),
        };
        (void)signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
