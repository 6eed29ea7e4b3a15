/* Ending a foreign session: the frames, and servers that do not play along. */
#include "test.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/zk_end.h"

static struct zk_ticket ticket(void) {
        struct zk_ticket made = {.session_id = 0x0102030405060708, .timeout_ms = 6000};
        for (int i = 0; i < 16; i++) made.password[i] = (unsigned char)(0xa0 + i);
        return made;
}

/* Expected bytes written down from the protocol, not from the code. */
static const unsigned char connect_frame[] = {
        0, 0, 0, 45,                                       /* length */
        0, 0, 0, 0,                                        /* version */
        0, 0, 0, 0, 0, 0, 0, 0,                            /* last zxid seen */
        0, 0, 0x17, 0x70,                                  /* 6000 ms */
        1, 2, 3, 4, 5, 6, 7, 8,                            /* session */
        0, 0, 0, 16,                                       /* password */
        0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
        0,                                                 /* read-only */
};
static const unsigned char close_frame[] = {0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5};
static const unsigned char joined[] = {
        0, 0, 0, 37, 0, 0, 0, 0, 0, 0, 0x17, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 16,
        0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0,
};
static const unsigned char closed[] = {0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0};

static void requests(void **state) {
        (void)state;
        unsigned char out[ZK_WIRE_CONNECT_BYTES];
        struct zk_ticket of = ticket();
        zk_wire_connect(&of, out);
        assert_int_equal(sizeof connect_frame, ZK_WIRE_CONNECT_BYTES);
        assert_memory_equal(out, connect_frame, sizeof connect_frame);
        zk_wire_close(out);
        assert_int_equal(sizeof close_frame, ZK_WIRE_CLOSE_BYTES);
        assert_memory_equal(out, close_frame, sizeof close_frame);
}

static void answers(void **state) {
        (void)state;
        unsigned char bytes[sizeof joined];
        size_t want = 0;
        int64_t id = ticket().session_id;

        for (size_t n = 0; n < sizeof joined; n++) {
                assert_int_equal(zk_wire_connected(joined, n, id, &want), ZK_WIRE_MORE);
                assert_int_equal(want, n < 4 ? 4 : sizeof joined);
        }
        assert_int_equal(zk_wire_connected(joined, sizeof joined, id, &want), 0);
        assert_int_equal(zk_wire_connected(joined, sizeof joined, id + 1, &want), ERR_INVALID);
        memcpy(bytes, joined, sizeof joined);
        memset(bytes + 8, 0, 4);        /* timeout 0: refused */
        assert_int_equal(zk_wire_connected(bytes, sizeof joined, id, &want), ZK_WIRE_GONE);
        memset(bytes + 12, 0, 8);       /* and session 0 */
        assert_int_equal(zk_wire_connected(bytes, sizeof joined, id, &want), ZK_WIRE_GONE);

        for (size_t n = 0; n < sizeof closed; n++)
                assert_int_equal(zk_wire_closed(closed, n, &want), ZK_WIRE_MORE);
        assert_int_equal(zk_wire_closed(closed, sizeof closed, &want), 0);
        memcpy(bytes, closed, sizeof closed);
        bytes[7] = 2;                   /* the answer to another request */
        assert_int_equal(zk_wire_closed(bytes, sizeof closed, &want), ERR_INVALID);

        static const unsigned char lengths[][4] = {
                {0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, {0, 0, 0, 15}, {0, 0, 1, 0},
                {'H', 'T', 'T', 'P'},
        };
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                assert_int_equal(zk_wire_connected(lengths[i], 4, id, &want), ERR_INVALID);
                assert_int_equal(zk_wire_closed(lengths[i], 4, &want), ERR_INVALID);
        }
}

/* ---- servers ---- */

struct server {
        int fd;
        const unsigned char *first, *second; /* answers; NULL: hang up */
        size_t first_bytes, second_bytes;
        bool mute;
        unsigned char got[ZK_WIRE_CONNECT_BYTES + ZK_WIRE_CLOSE_BYTES];
        ssize_t got_bytes;
};

/* In pieces, so that an answer never comes as a whole. */
static void send_pieces(int fd, const unsigned char *bytes, size_t n) {
        for (size_t i = 0; i < n; i += 7) {
                (void)send(fd, bytes + i, n - i < 7 ? n - i : 7, MSG_NOSIGNAL);
                (void)usleep(2000);
        }
}

static void *serve(void *arg) {
        struct server *server = arg;
        int fd = accept(server->fd, NULL, NULL);
        server->got_bytes = recv(fd, server->got, ZK_WIRE_CONNECT_BYTES, MSG_WAITALL);
        if (server->first) {
                send_pieces(fd, server->first, server->first_bytes);
                ssize_t n = recv(fd, server->got + ZK_WIRE_CONNECT_BYTES, ZK_WIRE_CLOSE_BYTES, MSG_WAITALL);
                if (n > 0) server->got_bytes += n;
                if (server->second) send_pieces(fd, server->second, server->second_bytes);
        }
        if (server->mute) { /* until the client gives up */
                char byte;
                (void)recv(fd, &byte, 1, 0);
        }
        (void)close(fd);
        return NULL;
}

static int end_at(struct server *server, int limit_ms) {
        struct zk_ticket of = ticket();
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t bytes = sizeof address;
        pthread_t thread;

        server->fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(server->fd, 1), 0);
        assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &bytes), 0);
        memcpy(&of.server, &address, bytes);
        of.server_bytes = bytes;
        assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
        int rc = zk_end(&of, limit_ms);
        (void)pthread_join(thread, NULL);
        (void)close(server->fd);
        return rc;
}

static void servers(void **state) {
        (void)state;
        static unsigned char refused[sizeof joined];
        memcpy(refused, joined, sizeof joined);
        memset(refused + 8, 0, 12);

        struct server good = {.first = joined, .first_bytes = sizeof joined,
                              .second = closed, .second_bytes = sizeof closed};
        assert_int_equal(end_at(&good, 20000), 0);
        assert_int_equal(good.got_bytes, sizeof good.got);
        assert_memory_equal(good.got, connect_frame, sizeof connect_frame);
        assert_memory_equal(good.got + sizeof connect_frame, close_frame, sizeof close_frame);

        struct server hangs_up = {.first = joined, .first_bytes = sizeof joined};
        assert_int_equal(end_at(&hangs_up, 20000), 0);
        struct server gone = {.first = refused, .first_bytes = sizeof refused};
        assert_int_equal(end_at(&gone, 20000), ZK_END_GONE);
        struct server ends_at_once = {0};
        assert_int_equal(end_at(&ends_at_once, 20000), ERR_CONNECTION);
        struct server other = {.first = (const unsigned char *)"HTTP/1.1 400 Bad Request", .first_bytes = 24};
        assert_int_equal(end_at(&other, 20000), ERR_INVALID);

        int64_t begin_ms = clock_boot_ms();
        struct server mute = {.mute = true};
        assert_int_equal(end_at(&mute, 100), ERR_TIMEOUT);
        struct server mute_later = {.first = joined, .first_bytes = sizeof joined, .mute = true};
        assert_int_equal(end_at(&mute_later, 200), ERR_TIMEOUT);
        assert_in_range(clock_boot_ms() - begin_ms, 300, 20000);
}

static void nobody_there(void **state) {
        (void)state;
        struct zk_ticket of = ticket();
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t bytes = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but nobody listens */
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
        memcpy(&of.server, &address, bytes);
        of.server_bytes = bytes;
        assert_int_equal(zk_end(&of, 20000), ERR_CONNECTION);
        (void)close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests),
                cmocka_unit_test(answers),
                cmocka_unit_test(servers),
                cmocka_unit_test(nobody_there),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
