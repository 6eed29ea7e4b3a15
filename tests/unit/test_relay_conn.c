/* A relay's connection over a slow way: whoever still takes or gives bytes is not away, and whoever has stopped
 * is.  How often it is woken for an answer that comes in many pieces.  And names of hosts that cannot even be asked for. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "tests/unit/loop.h"
#include "tests/unit/test.h"
#include "worker/relay_conn.h"

#define TIMEOUT_MS 4000 /* of the request */
#define STEP_MS 2100    /* two are longer than that */
#define SMALL 100
#define LARGE (16 << 20) /* more than what a system keeps for a socket */
#define REQUEST 1        /* its correlation: behind the one that asks for versions */

static const struct row {
        const char *name;
        size_t request;      /* bytes */
        size_t quota;        /* so many are read in a step */
        int answer_step;     /* the first that may answer; -1: none does */
        int pieces;          /* of the answer, each in a step */
        int given;           /* of these */
        bool lost;
} rows[] = {
        {"an answer trickles in", SMALL, SMALL, 1, 3, 3, false},
        {"an answer stops", SMALL, SMALL, 1, 3, 1, true},
        {"a request trickles out", LARGE, LARGE / 4, 4, 1, 1, false},
        {"a request stops", LARGE, 0, -1, 1, 1, true},
        {"an answer comes in time after a request that was written slowly", LARGE, LARGE, 2, 1, 1, false},
};
#define ROWS (sizeof rows / sizeof rows[0])

static uv_loop_t loop;
static struct relay_pool pool;

static struct way {
        const struct row *row;
        struct relay_conn *conn;
        bool sent, answered, lost, closed;
        uint64_t begun_ms, ended_ms;
        char why[256];
        uv_tcp_t listener, peer; /* the broker */
        uv_timer_t timer;
        bool accepted, greeted;
        size_t got, may;         /* bytes of the request */
        int step, given;
} ways[ROWS];

/* The C library's, counted: libuv's calls come here. */
static unsigned reads;
ssize_t read(int fd, void *data, size_t bytes) {
        reads++;
        return syscall(SYS_read, fd, data, bytes);
}

/* ---- the broker ---- */

static const uint8_t versions[] = {0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t answer[] = {0, 0, 0, 11, 0, 0, 0, REQUEST, 'a', 'n', 's', 'w', 'e', 'r', '.'};

static void give(struct way *way, const uint8_t *data, size_t bytes) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)bytes);
        assert_int_equal(uv_try_write((uv_stream_t *)&way->peer, &buf, 1), (int)bytes);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
        static char anything[1 << 18];
        const struct way *way = handle->data;
        size_t most = way->greeted ? way->may - way->got : sizeof anything;
        (void)suggested;
        *buf = uv_buf_init(anything, (unsigned)(most < sizeof anything ? most : sizeof anything));
}

static void on_read(uv_stream_t *peer, ssize_t n, const uv_buf_t *buf) {
        struct way *way = peer->data;
        (void)buf;
        if (n < 0) return (void)uv_read_stop(peer);
        if (!way->greeted) {
                way->greeted = true;
                (void)uv_read_stop(peer);
                return give(way, versions, sizeof versions);
        }
        way->got += (size_t)n;
        if (way->got == way->may) (void)uv_read_stop(peer);
}

static void on_step(uv_timer_t *timer) {
        struct way *way = timer->data;
        const struct row *row = way->row;
        way->step++;
        if (way->may < row->request && row->quota) {
                way->may += row->quota;
                (void)uv_read_start((uv_stream_t *)&way->peer, on_alloc, on_read);
        }
        if (row->answer_step < 0 || way->step < row->answer_step || way->given == row->given) return;
        size_t from = sizeof answer * (size_t)way->given / (size_t)row->pieces;
        size_t to = sizeof answer * (size_t)++way->given / (size_t)row->pieces;
        give(way, answer + from, to - from);
}

static void on_connection(uv_stream_t *listener, int status) {
        struct way *way = listener->data;
        assert_int_equal(status, 0);
        assert_int_equal(uv_accept(listener, (uv_stream_t *)&way->peer), 0);
        way->accepted = true;
        (void)uv_read_start((uv_stream_t *)&way->peer, on_alloc, on_read);
}

/* ---- the connection's owner ---- */

static void send_request(struct way *way) {
        if (way->sent || !relay_conn_writable(way->conn)) return;
        struct wire_out out = {.data = calloc(1, way->row->request), .count = way->row->request, .capacity = way->row->request};
        assert_non_null(out.data);
        assert_int_equal(relay_conn_next_correlation(way->conn), REQUEST);
        way->sent = true;
        way->begun_ms = uv_now(&loop);
        relay_conn_send(way->conn, &out, NULL, 0, way, TIMEOUT_MS);
        wire_out_fini(&out);
        (void)uv_timer_start(&way->timer, on_step, STEP_MS, STEP_MS);
}

static void on_open(void *ctx, const struct wire_versions *known) {
        (void)known;
        send_request(ctx);
}
static void on_written(void *ctx) { send_request(ctx); }

static void end(struct way *way) {
        way->ended_ms = uv_now(&loop);
        relay_conn_close(way->conn);
        (void)uv_timer_stop(&way->timer);
}
static void on_answer(void *ctx, void *request, uint8_t *data, size_t bytes, struct relay_buffer *buffer) {
        struct way *way = ctx;
        (void)buffer;
        assert_ptr_equal(request, way);
        assert_int_equal(bytes, sizeof answer - 4);
        assert_memory_equal(data, answer + 4, bytes);
        way->answered = true;
        end(way);
}
static void on_drop(void *ctx, void *request) { assert_ptr_equal(request, ctx); }
static void on_lost(void *ctx, const char *why) {
        struct way *way = ctx;
        way->lost = true;
        (void)snprintf(way->why, sizeof way->why, "%s", why ? why : "at rest"); /* cut at the bound */
        if (way->conn) end(way);
}
static void on_closed(void *ctx) { ((struct way *)ctx)->closed = true; }

static const struct relay_conn_events events = {on_open, on_written, on_answer, on_drop, on_lost, on_closed};

/* ---- an answer in many pieces, with the next answer in the last of them ---- */

#define PIECES 50
#define PIECE 400
#define PIECES_BYTES ((size_t)PIECES * PIECE)

static uint8_t pieces[PIECES_BYTES];
static int pieces_given, pieces_answered;
static unsigned pieces_reads;

/* What is there can be read before the next piece comes. */
static void on_piece_due(uv_timer_t *timer) {
        struct way *way = timer->data;
        give(way, pieces + pieces_given * PIECE, PIECE);
        if (++pieces_given == PIECES) (void)uv_timer_stop(timer);
}

static void on_pieces_open(void *ctx, const struct wire_versions *known) {
        struct way *way = ctx;
        (void)known;
        for (int i = 0; i < 2; i++) {
                struct wire_out out = {.data = calloc(1, SMALL), .count = SMALL, .capacity = SMALL};
                assert_non_null(out.data);
                assert_true(relay_conn_writable(way->conn));
                relay_conn_send(way->conn, &out, NULL, 0, way, 20000);
                wire_out_fini(&out);
        }
        /* Small, so that it was written at once. */
        assert_true(relay_conn_writable(way->conn));
        pieces_reads = reads;
        (void)uv_timer_start(&way->timer, on_piece_due, 2, 2);
}

static void on_pieces_answer(void *ctx, void *request, uint8_t *data, size_t bytes, struct relay_buffer *buffer) {
        struct way *way = ctx;
        (void)request;
        (void)buffer;
        size_t second = sizeof answer;
        assert_int_equal(bytes, (pieces_answered ? second : PIECES_BYTES - second) - 4);
        assert_memory_equal(data, pieces + (pieces_answered ? PIECES_BYTES - second : 0) + 4, bytes);
        if (++pieces_answered == 2) end(way);
}

static const struct relay_conn_events pieces_events = {on_pieces_open, on_written, on_pieces_answer, on_drop, on_lost, on_closed};

/* ---- the tests ---- */

static void listen_at(struct way *way, uint16_t *out_port) {
        struct sockaddr_in at;
        int n = sizeof at, bytes = 1 << 18;
        assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
        (void)uv_tcp_init(&loop, &way->listener);
        (void)uv_tcp_init(&loop, &way->peer);
        (void)uv_timer_init(&loop, &way->timer);
        way->listener.data = way->peer.data = way->timer.data = way;
        assert_int_equal(uv_tcp_bind(&way->listener, (const struct sockaddr *)&at, 0), 0);
        assert_int_equal(uv_recv_buffer_size((uv_handle_t *)&way->listener, &bytes), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&way->listener, 1, on_connection), 0);
        assert_int_equal(uv_tcp_getsockname(&way->listener, (struct sockaddr *)&at, &n), 0);
        *out_port = ntohs(at.sin_port);
}

static bool all_closed(void *ctx) {
        (void)ctx;
        for (size_t i = 0; i < ROWS; i++)
                if (!ways[i].closed) return false;
        return true;
}

/* All at the same time: what they wait for is time. */
static void who_moves_bytes_is_not_away_and_who_stops_is(void **state) {
        (void)state;
        assert_int_equal(uv_loop_init(&loop), 0);
        for (size_t i = 0; i < ROWS; i++) {
                uint16_t port;
                ways[i] = (struct way){.row = &rows[i]};
                listen_at(&ways[i], &port);
                ways[i].conn = relay_conn_new(&loop, &pool, "127.0.0.1", port, "test", &events, &ways[i]);
                assert_non_null(ways[i].conn);
        }
        bool closed = loop_until(&loop, all_closed, NULL, 90000);
        for (size_t i = 0; i < ROWS; i++)
                print_message("%s: %s %s after %d ms\n", rows[i].name, ways[i].answered ? "answered" : "lost", ways[i].why,
                              (int)(ways[i].ended_ms - ways[i].begun_ms));
        assert_true(closed);
        for (size_t i = 0; i < ROWS; i++) {
                assert_true(ways[i].sent);
                assert_int_equal(ways[i].lost, rows[i].lost);
                assert_int_equal(ways[i].answered, !rows[i].lost);
                if (!rows[i].lost) continue;
                assert_non_null(strstr(ways[i].why, "no answer in time"));
                /* What moves last is in the first step. */
                uint64_t last_ms = ways[i].given ? STEP_MS : 0;
                assert_true(ways[i].ended_ms - ways[i].begun_ms < last_ms + 2 * TIMEOUT_MS);
        }
        for (size_t i = 0; i < ROWS; i++) {
                uv_close((uv_handle_t *)&ways[i].listener, NULL);
                uv_close((uv_handle_t *)&ways[i].peer, NULL);
                uv_close((uv_handle_t *)&ways[i].timer, NULL);
        }
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        relay_pool_fini(&pool);
}

static void an_answer_in_many_pieces_wakes_it_a_few_times(void **state) {
        struct way way = {0};
        size_t bytes = PIECES_BYTES - sizeof answer;
        uint16_t port;
        (void)state;
        memset(pieces, 'x', sizeof pieces);
        const uint8_t head[] = {0, (uint8_t)((bytes - 4) >> 16), (uint8_t)((bytes - 4) >> 8), (uint8_t)(bytes - 4), 0, 0, 0, REQUEST};
        memcpy(pieces, head, sizeof head);
        memcpy(pieces + bytes, answer, sizeof answer);
        pieces[bytes + 7] = REQUEST + 1;
        assert_int_equal(uv_loop_init(&loop), 0);
        listen_at(&way, &port);
        way.conn = relay_conn_new(&loop, &pool, "127.0.0.1", port, "test", &pieces_events, &way);
        assert_non_null(way.conn);
        assert_true(loop_until(&loop, loop_flag, &way.closed, 20000));
        print_message("%u reads for %d pieces\n", reads - pieces_reads, PIECES);
        assert_false(way.lost);
        assert_int_equal(pieces_answered, 2);
        assert_in_range(reads - pieces_reads, 1, PIECES / 5);
        uv_close((uv_handle_t *)&way.listener, NULL);
        uv_close((uv_handle_t *)&way.peer, NULL);
        uv_close((uv_handle_t *)&way.timer, NULL);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        relay_pool_fini(&pool);
}

static void a_name_that_cannot_be_asked_for_is_a_broker_that_is_lost(void **state) {
        static char longest[300];
        static const char *const names[] = {"\xff\xfe", "", longest};
        (void)state;
        memset(longest, 'a', sizeof longest - 1);
        assert_int_equal(uv_loop_init(&loop), 0);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                struct way way = {0};
                way.conn = relay_conn_new(&loop, &pool, names[i], 9092, "test", &events, &way);
                assert_non_null(way.conn);
                assert_false(way.lost); /* never from inside */
                (void)uv_timer_init(&loop, &way.timer);
                assert_true(loop_until(&loop, loop_flag, &way.closed, 10000));
                assert_true(way.lost);
                print_message("%s\n", way.why);
                uv_close((uv_handle_t *)&way.timer, NULL);
                (void)uv_run(&loop, UV_RUN_DEFAULT);
                /* Closed by its owner before it could be told. */
                way = (struct way){0};
                relay_conn_close(relay_conn_new(&loop, &pool, names[i], 9092, "test", &events, &way));
                assert_true(loop_until(&loop, loop_flag, &way.closed, 10000));
                assert_false(way.lost);
        }
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_moves_bytes_is_not_away_and_who_stops_is),
                cmocka_unit_test(an_answer_in_many_pieces_wakes_it_a_few_times),
                cmocka_unit_test(a_name_that_cannot_be_asked_for_is_a_broker_that_is_lost),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
