/* A connection of a relay to one broker: requests out, answers in, on a data
 * loop.  PLAINTEXT only.
 *
 *   CONNECTING -> GREETING -> OPEN -> CLOSED      GREETING: waits for the versions
 *   any -> CLOSED                                  lost, or closed by the owner
 *
 * A broker answers in the order of the requests (KIP-226, "at most one request of
 * a connection is processed").  One request is written at a time: what was
 * stopped in the middle of a request must not send another when it wakes up. */
#ifndef HELIOSTAT_WORKER_RELAY_CONN_H
#define HELIOSTAT_WORKER_RELAY_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "worker/relay_wire.h"

/* Answers lie in buffers that are counted, and kept for the next answer; so does what is made of them, but for the latter. */
struct relay_pool {
        struct relay_buffer *spare;
        size_t spare_count, spare_bytes;
        size_t spare_max_bytes;   /* larger ones are not kept */
        size_t bytes;             /* of the buffers that are in use */
};
struct relay_buffer {
        struct relay_pool *pool;
        struct relay_buffer *next;
        size_t refs;
        size_t capacity;
        bool keep;
        uint8_t data[];
};
/* Of just so many bytes, with one reference; not kept.  NULL: no memory. */
struct relay_buffer *relay_buffer_new(struct relay_pool *pool, size_t bytes);
void relay_buffer_ref(struct relay_buffer *buffer);
void relay_buffer_unref(struct relay_buffer *buffer); /* takes NULL */
/* Frees what is spare; needs: none in use. */
void relay_pool_fini(struct relay_pool *pool);

/* An answer may take so much; more is a broker that is none. */
#define RELAY_ANSWER_MAX ((size_t)512 << 20)

struct relay_conn;
struct relay_conn_events {
        /* Requests may be sent. */
        void (*open)(void *ctx, const struct wire_versions *versions);
        /* The last request is written: another may be sent.  Only for one that was not written at once. */
        void (*written)(void *ctx);
        /* Of the oldest request without one.  data: the body, inside buffer; what is to be kept takes a
         * reference.  bytes includes the correlation. */
        void (*answer)(void *ctx, void *request, uint8_t *data, size_t bytes, struct relay_buffer *buffer);
        /* No answer comes for it. */
        void (*drop)(void *ctx, void *request);
        /* To be closed: nothing is sent or answered any more.  why NULL: the broker has closed it, at rest. */
        void (*lost)(void *ctx, const char *why);
        /* The last event, after relay_conn_close. */
        void (*closed)(void *ctx);
};

/* Connects at once.  host is copied; pool, events' functions and ctx are borrowed.
 * NULL: no memory.  `lost` comes for a broker that cannot be reached, never from
 * inside this call. */
struct relay_conn *relay_conn_new(uv_loop_t *loop, struct relay_pool *pool, const char *host, uint16_t port,
                                  const char *client_id, const struct relay_conn_events *events, void *ctx);
/* OPEN, and nothing is being written. */
bool relay_conn_writable(const struct relay_conn *conn);

struct relay_piece {
        struct relay_buffer *buffer; /* referenced until it is written */
        const uint8_t *data;
        size_t bytes;
        size_t cut;               /* it goes behind so many bytes of the request, in ascending order */
};
/* Needs: writable, and is so afterwards if the system took all of it.  Takes out's contents, or is done
 * with them; out may be used for another.  request comes back with `answer` or `drop`.  timeout_ms:
 * without an answer until then the connection is lost. */
void relay_conn_send(struct relay_conn *conn, struct wire_out *out, const struct relay_piece *pieces, size_t count,
                     void *request, uint32_t timeout_ms);
int32_t relay_conn_next_correlation(const struct relay_conn *conn);
/* Calls `drop` for each request that has no answer, and later `closed`, which
 * never comes from inside this call. */
void relay_conn_close(struct relay_conn *conn);

#endif
