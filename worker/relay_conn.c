/* resolve -> connect, one address after the other -> ApiVersions -> open.
 *
 * What is read goes into a small stage first; an answer that is larger than
 * what is there gets a buffer of its own, and the rest of it is read into that.
 *
 * A broker writes the records of an answer partition by partition, so that it comes in
 * as many pieces: the system wakes us when the rest of it is there, or a good part (SO_RCVLOWAT). */
#include "worker/relay_conn.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/err.h"

#define OPEN_MS 4000    /* a list of servers may begin with one that is gone: the next is asked before its partitions count as away */
#define ADDRESS_MS 3000 /* of each but the last */
#define STAGE_BYTES 16384
#define SPARE_MAX 2
/* Of more than this, so much at a time is read while it comes: the sender would wait for the room in the receive buffer. */
#define AWAIT_MAX 131072
/* Read beyond an answer's end: a read that gets less than it asked for is known to be the last. */
#define SLACK_BYTES 64
/* Smaller buffers are malloc's business. */
#define SPARE_MIN_BYTES ((size_t)64 << 10)

/* ---- buffers ---- */

struct relay_buffer *relay_buffer_new(struct relay_pool *pool, size_t bytes) {
        struct relay_buffer *buffer = malloc(sizeof *buffer + bytes);
        if (!buffer) return NULL;
        *buffer = (struct relay_buffer){.pool = pool, .refs = 1, .capacity = bytes};
        pool->bytes += bytes;
        return buffer;
}

static struct relay_buffer *answer_buffer_new(struct relay_pool *pool, size_t bytes) {
        if (bytes < SPARE_MIN_BYTES) return relay_buffer_new(pool, bytes);
        for (struct relay_buffer **at = &pool->spare; *at; at = &(*at)->next) {
                struct relay_buffer *spare = *at;
                if (spare->capacity < bytes) continue;
                *at = spare->next;
                pool->spare_count--;
                pool->spare_bytes -= spare->capacity;
                spare->refs = 1;
                spare->next = NULL;
                pool->bytes += spare->capacity;
                return spare;
        }
        /* Rounded up, so that answers of about one size find each other's. */
        struct relay_buffer *buffer = relay_buffer_new(pool, (bytes + bytes / 8 + 4095) / 4096 * 4096);
        if (buffer) buffer->keep = true;
        return buffer;
}

void relay_buffer_ref(struct relay_buffer *buffer) { buffer->refs++; }

void relay_buffer_unref(struct relay_buffer *buffer) {
        if (!buffer || --buffer->refs) return;
        struct relay_pool *pool = buffer->pool;
        pool->bytes -= buffer->capacity;
        if (!buffer->keep || buffer->capacity > pool->spare_max_bytes || pool->spare_count == SPARE_MAX) {
                free(buffer);
                return;
        }
        buffer->next = pool->spare;
        pool->spare = buffer;
        pool->spare_count++;
        pool->spare_bytes += buffer->capacity;
}

void relay_pool_fini(struct relay_pool *pool) {
        assert(pool->bytes == 0);
        while (pool->spare) {
                struct relay_buffer *next = pool->spare->next;
                free(pool->spare);
                pool->spare = next;
        }
        pool->spare_count = pool->spare_bytes = 0;
}

/* ---- the connection ---- */

enum conn_state { CONN_CONNECTING, CONN_GREETING, CONN_OPEN, CONN_CLOSED };

struct request {
        struct request *next;
        void *of;                 /* the owner's; NULL: ours */
        int32_t correlation;
        uint32_t timeout_ms;
        uint64_t deadline_ms;     /* the loop's clock */
};

/* What one write needs until it is done. */
struct writing {
        uv_write_t write;
        struct relay_conn *conn;
        int32_t correlation;      /* of its request */
        struct wire_out out;
        size_t count;
        struct relay_buffer *buffers[];
};

struct relay_conn {
        uv_loop_t *loop;
        struct relay_pool *pool;
        const struct relay_conn_events *events;
        void *ctx;
        char *host;
        uint16_t port;
        const char *client_id;
        enum conn_state state;
        bool closing;             /* by the owner */
        unsigned busy;            /* handles and calls that refer to it */

        uv_getaddrinfo_t resolve;
        struct addrinfo *addresses, *address;
        uv_connect_t connect;
        uv_tcp_t tcp;
        bool tcp_there;
        uv_timer_t timer;

        bool writing;
        int32_t correlation;      /* of the next request */
        struct request *oldest, **newest;
        uint64_t opening_deadline_ms;
        int unresolved;           /* why, if the host's name cannot even be asked for */
        size_t write_left;        /* of what is being written, at first and whenever its time was over */

        uint8_t stage[STAGE_BYTES];
        size_t staged;
        struct relay_buffer *frame;  /* an answer that is being read; NULL: the stage */
        size_t frame_bytes, frame_have;
        int awaited;              /* bytes that wake us; as the system has it */
};

static void conn_release(struct relay_conn *conn) {
        if (--conn->busy) return;
        assert(conn->closing);
        const struct relay_conn_events *events = conn->events;
        void *ctx = conn->ctx;
        if (conn->addresses) uv_freeaddrinfo(conn->addresses);
        free(conn->host);
        free(conn);
        events->closed(ctx);
}

static void conn_lost(struct relay_conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void conn_lost(struct relay_conn *conn, const char *format, ...) {
        char why[200];
        va_list ap;
        if (conn->state == CONN_CLOSED) return;
        int n = snprintf(why, sizeof why, "%.80s:%u: ", conn->host, conn->port);
        va_start(ap, format);
        (void)vsnprintf(why + n, sizeof why - (size_t)n, format, ap); /* cut at the bound */
        va_end(ap);
        conn->state = CONN_CLOSED;
        conn->events->lost(conn->ctx, why);
}

static void on_closed(uv_handle_t *handle) { conn_release(handle->data); }
static void on_tcp_closed(uv_handle_t *handle);

static void tcp_close(struct relay_conn *conn) {
        if (!conn->tcp_there) return;
        conn->tcp_there = false;
        uv_close((uv_handle_t *)&conn->tcp, on_tcp_closed);
}

void relay_conn_close(struct relay_conn *conn) {
        if (conn->closing) return;
        conn->closing = true;
        conn->state = CONN_CLOSED;
        while (conn->oldest) {
                struct request *request = conn->oldest;
                conn->oldest = request->next;
                if (request->of) conn->events->drop(conn->ctx, request->of);
                free(request);
        }
        relay_buffer_unref(conn->frame);
        conn->frame = NULL;
        (void)uv_cancel((uv_req_t *)&conn->resolve); /* fails when it is done, or runs: on_resolved comes */
        tcp_close(conn);
        uv_close((uv_handle_t *)&conn->timer, on_closed);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer);

static uint64_t conn_deadline_ms(const struct relay_conn *conn) {
        if (conn->state != CONN_OPEN) return conn->opening_deadline_ms;
        return conn->oldest ? conn->oldest->deadline_ms : 0;
}

static void timer_arm(struct relay_conn *conn) {
        uint64_t deadline = conn_deadline_ms(conn), now = uv_now(conn->loop);
        if (!deadline || conn->closing || uv_is_active((uv_handle_t *)&conn->timer)) return;
        (void)uv_timer_start(&conn->timer, on_timer, deadline > now ? deadline - now : 0, 0);
}

/* Bytes move: whoever has the oldest request is not away, however slow the way is. */
static void put_off(struct relay_conn *conn) {
        if (conn->oldest) conn->oldest->deadline_ms = uv_now(conn->loop) + conn->oldest->timeout_ms;
}

static bool write_goes_on(struct relay_conn *conn) {
        size_t left = conn->state == CONN_OPEN && conn->writing ? uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp) : 0;
        if (left == 0 || left >= conn->write_left) return false;
        conn->write_left = left;
        put_off(conn);
        return true;
}

static void await_bytes(struct relay_conn *conn, size_t bytes) {
        int fd, wanted = bytes < AWAIT_MAX ? (int)bytes : AWAIT_MAX;
        if (wanted == conn->awaited || uv_fileno((uv_handle_t *)&conn->tcp, &fd)) return;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) == 0) conn->awaited = wanted;
}

/* Of an answer, bytes that have not woken us: they are read now. */
static bool read_goes_on(struct relay_conn *conn) {
        int fd, there;
        if (!conn->frame || uv_fileno((uv_handle_t *)&conn->tcp, &fd) || ioctl(fd, FIONREAD, &there) || there == 0) return false;
        put_off(conn);
        await_bytes(conn, 1);
        return true;
}

/* It is armed for a request that may be answered by now. */
static void on_timer(uv_timer_t *timer) {
        struct relay_conn *conn = timer->data;
        uint64_t deadline = conn_deadline_ms(conn);
        if (conn->state == CONN_CLOSED) return;
        if (conn->state == CONN_CONNECTING && conn->tcp_there && conn->address->ai_next && deadline <= uv_now(conn->loop)) {
                conn->address = conn->address->ai_next;
                conn->opening_deadline_ms = uv_now(conn->loop) + OPEN_MS;
                timer_arm(conn);
                return tcp_close(conn); /* on_tcp_closed goes on */
        }
        if (conn->unresolved) return conn_lost(conn, "%s", uv_strerror(conn->unresolved));
        if (deadline && deadline <= uv_now(conn->loop) && !write_goes_on(conn) && !read_goes_on(conn))
                conn_lost(conn, conn->state == CONN_OPEN ? "no answer in time" : "cannot be reached in time");
        else
                timer_arm(conn);
}

/* ---- answers ---- */

static void take_answer(struct relay_conn *conn, uint8_t *data, size_t bytes, struct relay_buffer *buffer) {
        struct request *request = conn->oldest;
        int32_t correlation;
        if (!request || wire_correlation(data, bytes, &correlation) || correlation != request->correlation)
                return conn_lost(conn, "an answer that belongs to no request");
        conn->oldest = request->next;
        if (!conn->oldest) conn->newest = &conn->oldest;
        else conn->oldest->deadline_ms = uv_now(conn->loop) + conn->oldest->timeout_ms; /* it was not its turn before */
        void *of = request->of;
        free(request);
        if (of) return conn->events->answer(conn->ctx, of, data, bytes, buffer);
        struct wire_versions versions;
        if (wire_take_api_versions(data, bytes, &versions)) return conn_lost(conn, "an answer that cannot be read");
        if (versions.error) return conn_lost(conn, "no versions of the protocol: %s", wire_error_name(versions.error));
        conn->state = CONN_OPEN;
        (void)uv_timer_stop(&conn->timer);
        conn->events->open(conn->ctx, &versions);
}

static uint32_t frame_size(const uint8_t *at) {
        return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_stage(struct relay_conn *conn) {
        size_t at = 0;
        while (conn->state != CONN_CLOSED && conn->staged - at >= 4) {
                size_t bytes = frame_size(conn->stage + at), there = conn->staged - at - 4;
                if (bytes < 4 || bytes > RELAY_ANSWER_MAX) return conn_lost(conn, "an answer of %zu bytes", bytes);
                struct relay_buffer *buffer = answer_buffer_new(conn->pool, there < bytes ? bytes + SLACK_BYTES : bytes);
                if (!buffer) return conn_lost(conn, "no memory for an answer of %zu bytes", bytes);
                memcpy(buffer->data, conn->stage + at + 4, there < bytes ? there : bytes);
                if (there < bytes) {
                        conn->frame = buffer;
                        conn->frame_bytes = bytes;
                        conn->frame_have = there;
                        conn->staged = 0;
                        return;
                }
                at += 4 + bytes;
                take_answer(conn, buffer->data, bytes, buffer);
                relay_buffer_unref(buffer);
        }
        memmove(conn->stage, conn->stage + at, conn->staged - at);
        conn->staged -= at;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
        struct relay_conn *conn = handle->data;
        (void)suggested;
        if (conn->frame)
                *buf = uv_buf_init((char *)conn->frame->data + conn->frame_have,
                                   (unsigned)(conn->frame_bytes + SLACK_BYTES - conn->frame_have));
        else
                *buf = uv_buf_init((char *)conn->stage + conn->staged, (unsigned)(STAGE_BYTES - conn->staged));
}

static void take_frame(struct relay_conn *conn) {
        struct relay_buffer *frame = conn->frame;
        conn->frame = NULL;
        conn->staged = conn->frame_have - conn->frame_bytes; /* of the next answer */
        memcpy(conn->stage, frame->data + conn->frame_bytes, conn->staged);
        take_answer(conn, frame->data, conn->frame_bytes, frame);
        relay_buffer_unref(frame);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct relay_conn *conn = stream->data;
        (void)buf;
        if (conn->state == CONN_CLOSED || n == 0) return;
        if (n == UV_EOF && conn->state == CONN_OPEN && !conn->oldest) {
                conn->state = CONN_CLOSED;
                return conn->events->lost(conn->ctx, NULL);
        }
        if (n < 0) return conn_lost(conn, "%s", n == UV_EOF ? "closed by the broker" : uv_strerror((int)n));
        put_off(conn);
        if (conn->frame) conn->frame_have += (size_t)n;
        else conn->staged += (size_t)n;
        if (conn->frame && conn->frame_have >= conn->frame_bytes) take_frame(conn);
        if (!conn->frame) take_stage(conn);
        if (conn->state != CONN_CLOSED) await_bytes(conn, conn->frame ? conn->frame_bytes - conn->frame_have : 1);
}

/* ---- requests ---- */

static void on_written(uv_write_t *write, int status) {
        struct writing *writing = write->data;
        struct relay_conn *conn = writing->conn;
        int32_t correlation = writing->correlation;
        for (size_t i = 0; i < writing->count; i++) relay_buffer_unref(writing->buffers[i]);
        wire_out_fini(&writing->out);
        free(writing);
        conn->writing = false;
        /* Not for later ones: the system takes them also where nobody reads. */
        if (conn->oldest && conn->oldest->correlation == correlation) put_off(conn);
        if (status && conn->state != CONN_CLOSED)
                conn_lost(conn, "%s", uv_strerror(status));
        else if (conn->state == CONN_OPEN)
                conn->events->written(conn->ctx);
        conn_release(conn);
}

int32_t relay_conn_next_correlation(const struct relay_conn *conn) { return conn->correlation; }

bool relay_conn_writable(const struct relay_conn *conn) { return conn->state == CONN_OPEN && !conn->writing; }

static void add_buf(uv_buf_t *bufs, unsigned *count, const uint8_t *data, size_t bytes) {
        if (bytes) bufs[(*count)++] = uv_buf_init((char *)(uintptr_t)data, (unsigned)bytes);
}

/* Without the first bytes. */
static uv_buf_t *skip(uv_buf_t *bufs, unsigned *count, size_t bytes) {
        for (; *count && bytes >= bufs->len; bufs++, (*count)--) bytes -= bufs->len;
        if (bytes) *bufs = uv_buf_init(bufs->base + bytes, (unsigned)(bufs->len - bytes));
        return bufs;
}

/* What the system does not take at once. */
static void write_rest(struct relay_conn *conn, struct wire_out *out, const struct relay_piece *pieces, size_t count,
                       const uv_buf_t *bufs, unsigned buf_count, int32_t correlation) {
        struct writing *writing = malloc(sizeof *writing + count * sizeof writing->buffers[0]);
        if (!writing) abort(); /* a request that is half sent is worse */
        *writing = (struct writing){.conn = conn, .correlation = correlation, .out = *out, .count = count};
        *out = (struct wire_out){0};
        for (size_t i = 0; i < count; i++) {
                relay_buffer_ref(pieces[i].buffer);
                writing->buffers[i] = pieces[i].buffer;
        }
        writing->write.data = writing;
        conn->writing = true;
        conn->busy++;
        int rc = uv_write(&writing->write, (uv_stream_t *)&conn->tcp, bufs, buf_count, on_written);
        conn->write_left = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp);
        if (rc) on_written(&writing->write, rc); /* it was not taken */
}

static void conn_write(struct relay_conn *conn, struct wire_out *out, const struct relay_piece *pieces, size_t count,
                       void *of, uint32_t timeout_ms) {
        struct request *request = malloc(sizeof *request);
        uv_buf_t *bufs = malloc((2 * count + 1) * sizeof *bufs);
        if (!request || !bufs) abort(); /* a request that is half sent is worse */
        *request = (struct request){.of = of, .correlation = conn->correlation, .timeout_ms = timeout_ms,
                                     .deadline_ms = uv_now(conn->loop) + timeout_ms};
        conn->correlation = conn->correlation == INT32_MAX ? 0 : conn->correlation + 1;
        *conn->newest = request;
        conn->newest = &request->next;
        unsigned n = 0;
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
                add_buf(bufs, &n, out->data + at, pieces[i].cut - at);
                add_buf(bufs, &n, pieces[i].data, pieces[i].bytes);
                at = pieces[i].cut;
        }
        add_buf(bufs, &n, out->data + at, out->count - at);
        /* An error is met again by what follows, and told by it. */
        int taken = uv_try_write((uv_stream_t *)&conn->tcp, bufs, n);
        uv_buf_t *rest = skip(bufs, &n, taken > 0 ? (size_t)taken : 0);
        if (n) write_rest(conn, out, pieces, count, rest, n, request->correlation);
        free(bufs);
        if (conn->state != CONN_CLOSED) timer_arm(conn);
}

void relay_conn_send(struct relay_conn *conn, struct wire_out *out, const struct relay_piece *pieces, size_t count,
                     void *request, uint32_t timeout_ms) {
        assert(relay_conn_writable(conn) && !out->failed);
        conn_write(conn, out, pieces, count, request, timeout_ms);
}

/* ---- opening ---- */

static void on_connect(uv_connect_t *connect, int status) {
        struct relay_conn *conn = connect->data;
        struct wire_out out = {0};
        if (conn->state == CONN_CONNECTING && !conn->tcp_there) {
                /* Given up for the next address. */
        } else if (conn->state != CONN_CLOSED && status) {
                conn->address = conn->address->ai_next;
                tcp_close(conn); /* on_tcp_closed goes on with the next one */
                if (!conn->address) conn_lost(conn, "%s", uv_strerror(status));
        } else if (conn->state != CONN_CLOSED) {
                conn->state = CONN_GREETING;
                (void)uv_tcp_nodelay(&conn->tcp, 1);
                (void)uv_tcp_keepalive(&conn->tcp, 1, 60);
                if (uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) ||
                    wire_api_versions(&out, conn->correlation, conn->client_id))
                        conn_lost(conn, "no memory");
                else
                        conn_write(conn, &out, NULL, 0, NULL, OPEN_MS);
        }
        wire_out_fini(&out);
        conn_release(conn);
}

static void try_address(struct relay_conn *conn) {
        if (uv_tcp_init(conn->loop, &conn->tcp)) return conn_lost(conn, "no socket");
        conn->tcp.data = conn->connect.data = conn;
        conn->tcp_there = true;
        conn->busy += 2; /* the handle, and the call */
        if (conn->address->ai_next) {
                conn->opening_deadline_ms = uv_now(conn->loop) + ADDRESS_MS;
                (void)uv_timer_stop(&conn->timer);
                timer_arm(conn);
        }
        int rc = uv_tcp_connect(&conn->connect, &conn->tcp, conn->address->ai_addr, on_connect);
        if (rc) {
                conn->busy--;
                conn_lost(conn, "%s", uv_strerror(rc));
        }
}

static void on_tcp_closed(uv_handle_t *handle) {
        struct relay_conn *conn = handle->data;
        if (conn->state == CONN_CONNECTING && conn->address) try_address(conn);
        conn_release(conn);
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses) {
        struct relay_conn *conn = resolve->data;
        conn->addresses = conn->address = addresses;
        if (conn->state == CONN_CONNECTING) {
                if (status) conn_lost(conn, "%s", uv_strerror(status));
                else try_address(conn);
        }
        conn_release(conn);
}

struct relay_conn *relay_conn_new(uv_loop_t *loop, struct relay_pool *pool, const char *host, uint16_t port,
                                  const char *client_id, const struct relay_conn_events *events, void *ctx) {
        struct relay_conn *conn = calloc(1, sizeof *conn);
        char service[8];
        if (!conn || !(conn->host = strdup(host))) {
                free(conn);
                return NULL;
        }
        conn->loop = loop;
        conn->pool = pool;
        conn->events = events;
        conn->ctx = ctx;
        conn->port = port;
        conn->client_id = client_id;
        conn->newest = &conn->oldest;
        conn->awaited = 1;
        conn->resolve.data = conn->timer.data = conn;
        conn->opening_deadline_ms = uv_now(loop) + OPEN_MS;
        (void)uv_timer_init(loop, &conn->timer); /* cannot fail */
        conn->busy = 1;
        (void)snprintf(service, sizeof service, "%u", port);
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
        conn->unresolved = uv_getaddrinfo(loop, &conn->resolve, on_resolved, host, service, &hints);
        if (conn->unresolved) conn->opening_deadline_ms = uv_now(loop); /* such a name was told by a server, say: not from inside this call */
        else conn->busy++;
        timer_arm(conn);
        return conn;
}
