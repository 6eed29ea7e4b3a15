/* The HTTP server of a worker and of a coordinator, on their control loop.
 *
 * Read-only: GET and HEAD.  Handlers are pure: they get the request and give
 * an answer at once, from what they know already; nothing here waits for
 * anybody, and a client that reads slowly or not at all only loses its
 * connection.
 *
 * Approach: libmicrohttpd without threads; its epoll descriptor is polled by
 * the loop, and MHD_get_timeout arms one timer.  A server with threads of its
 * own would need locks around all that the handlers read.
 *
 * Bounds: HTTP_CONNECTIONS_MAX connections, HTTP_PER_ADDRESS_MAX of one client
 * address, HTTP_HEADER_BYTES_MAX for what a connection sends before its answer,
 * HTTP_IDLE_S without a byte, HTTP_BODIES_BYTES_MAX of bodies at one time (503
 * beyond). */
#ifndef HELIOSTAT_COMMON_HTTP_H
#define HELIOSTAT_COMMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "common/http_rules.h"

#define HTTP_CONNECTIONS_MAX 64
#define HTTP_PER_ADDRESS_MAX 32
#define HTTP_HEADER_BYTES_MAX (16 * 1024)
#define HTTP_IDLE_S 15
#define HTTP_BODIES_BYTES_MAX (32 * 1024 * 1024)
#define HTTP_ANSWER_HEADERS_MAX 6

#define HTTP_TEXT "text/plain; charset=utf-8"
#define HTTP_JSON "application/json"

/* What a handler answers.  Comes zeroed, but for status 200 and type HTTP_TEXT.
 * Either a body, or `read`, which is asked for one piece after the other. */
struct http_answer {
        unsigned status;
        const char *type;          /* static */
        const void *body;
        size_t bytes;
        bool body_is_static;       /* else body is taken and freed */
        /* Writes at most max bytes: how many; 0: the end; < 0: the connection
         * is cut, so that the client sees that something is missing. */
        ssize_t (*read)(void *ctx, char *out, size_t max);
        void (*read_free)(void *ctx); /* once, at the end or when the client goes */
        void *read_ctx;
        size_t read_bytes;         /* of memory that read_ctx holds: they count as a body's do */
        /* Static names and values, or ones that outlive the handler's call;
         * they replace ours of the same name (Cache-Control,
         * Content-Security-Policy). */
        struct http_header { const char *name, *value; } headers[HTTP_ANSWER_HEADERS_MAX];
};

/* request is borrowed for the call. */
typedef void (*http_handler)(void *ctx, const struct http_request *request, struct http_answer *answer);

struct http_path {
        const char *path;          /* "/metrics", or "/api/v1/'*'" (without the quotes) for all below */
        http_handler handle;
        bool open;                 /* needs no token: health, and what shows nothing of the cluster */
};

struct http;

/* Serves the paths, the first that matches.  settings are copied; paths and ctx
 * are borrowed.  An address that is taken is tried again every 2 s, with one
 * line in the log: a mirror does not stop for it.  *out is NULL when there is
 * nothing to serve.  0 | ERR_INVALID | ERR_IO (the TLS files), with err */
int http_open(uv_loop_t *loop, const struct http_settings *settings, const struct http_path *paths, size_t path_count,
              void *ctx, struct http **out, char *err, size_t err_size);
/* "http://127.0.0.1:9180", with the real port; "" while the address is taken,
 * and of NULL. */
const char *http_url(const struct http *http);
/* Cuts all connections.  The loop must run once more, for the handles' ends. */
void http_close(struct http *http);

/* Ready-made answers. */
void http_answer_text(struct http_answer *answer, unsigned status, const char *text); /* text is copied */

#endif
