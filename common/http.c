#include "common/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"

#define BLOCK_BYTES (32 * 1024)
#define LISTEN_BACKLOG 64
#define RETRY_MS 2000
#define TLS_FILE_BYTES_MAX (1024 * 1024)
/* GnuTLS's own choice in Debian 12 has 1.0 and 1.1 as well (RFC 8996 forbids them). */
#define TLS_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http {
        uv_loop_t *loop;
        struct http_listen listen;
        char *token;              /* NULL: none */
        char *certificate, *key;  /* PEM; NULL: no TLS */
        char host[256];
        char url[320];            /* "": not listening */
        const struct http_path *paths;
        size_t path_count;
        void *ctx;

        struct MHD_Daemon *daemon;
        uv_poll_t poll;
        bool polling;             /* poll is a handle of the loop */
        uv_timer_t timer;         /* MHD's next deadline, or the next attempt to listen */
        int open_handles;
        bool closing, taken_told;
        unsigned idle_s;
        size_t bodies_bytes;      /* of answers on their way */
};

/* One answer on its way. */
struct stream {
        struct http *http;
        void *body;               /* owned; NULL: static, or pieces */
        const char *from;
        size_t bytes;             /* 0: pieces */
        size_t counted_bytes;
        ssize_t (*read)(void *ctx, char *out, size_t max);
        void (*read_free)(void *ctx);
        void *read_ctx;
};

/* ---- answers ---- */

static ssize_t on_stream_read(void *cls, uint64_t at, char *out, size_t max) {
        struct stream *stream = cls;
        if (stream->read) {
                ssize_t n = stream->read(stream->read_ctx, out, max);
                if (n < 0) return MHD_CONTENT_READER_END_WITH_ERROR;
                return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
        }
        if (at >= stream->bytes) return MHD_CONTENT_READER_END_OF_STREAM;
        size_t n = stream->bytes - at < max ? stream->bytes - at : max;
        memcpy(out, stream->from + at, n);
        return (ssize_t)n;
}

static void on_stream_free(void *cls) {
        struct stream *stream = cls;
        stream->http->bodies_bytes -= stream->counted_bytes;
        free(stream->body);
        if (stream->read_free) stream->read_free(stream->read_ctx);
        free(stream);
}

static void answer_drop(struct http_answer *answer) {
        if (!answer->body_is_static) free((void *)answer->body);
        if (answer->read_free) answer->read_free(answer->read_ctx);
        *answer = (struct http_answer){.status = 200, .type = HTTP_TEXT};
}

void http_answer_text(struct http_answer *answer, unsigned status, const char *text) {
        answer->status = status;
        answer->type = HTTP_TEXT;
        answer->body = strdup(text);
        answer->bytes = answer->body ? strlen(text) : 0;
        answer->body_is_static = false;
}

static void refuse(struct http_answer *answer, unsigned status) {
        static const struct { unsigned status; const char *text; } texts[] = {
                {400, "too many arguments\n"},
                {401, "expected a header 'Authorization: Bearer <token>' with the token of 'http.token'\n"},
                {403, "the Host header names another machine: use 127.0.0.1 or localhost\n"},
                {404, "no such path\n"},
                {405, "only GET and HEAD\n"},
                {413, "a request with a body\n"},
                {503, "too many answers are on their way\n"},
        };
        answer_drop(answer);
        answer->status = status;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (texts[i].status == status) {
                        answer->body = texts[i].text;
                        answer->bytes = strlen(texts[i].text);
                        answer->body_is_static = true;
                }
        if (status == 401) answer->headers[0] = (struct http_header){"WWW-Authenticate", "Bearer realm=\"heliostat\""};
        if (status == 405) answer->headers[0] = (struct http_header){"Allow", "GET, HEAD"};
}

static struct MHD_Response *make_response(struct http *http, struct http_answer *answer) {
        struct MHD_Response *response;
        if (!answer->read && answer->bytes == 0) {
                answer_drop(answer);
                return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        }
        struct stream *stream = calloc(1, sizeof *stream);
        if (!stream) {
                answer_drop(answer);
                return NULL;
        }
        *stream = (struct stream){.http = http, .from = answer->body, .bytes = answer->read ? 0 : answer->bytes,
                                  .read = answer->read, .read_free = answer->read_free, .read_ctx = answer->read_ctx};
        if (!answer->body_is_static) stream->body = (void *)answer->body;
        stream->counted_bytes = (stream->body ? answer->bytes : answer->read ? answer->read_bytes : 0) + BLOCK_BYTES;
        http->bodies_bytes += stream->counted_bytes;
        response = MHD_create_response_from_callback(answer->read ? MHD_SIZE_UNKNOWN : answer->bytes, BLOCK_BYTES,
                                                     on_stream_read, stream, on_stream_free);
        if (!response) on_stream_free(stream);
        return response;
}

static enum MHD_Result send_answer(struct http *http, struct MHD_Connection *connection, struct http_answer *answer) {
        static const struct http_header ours[] = {
                {"Cache-Control", "no-store"},
                {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
                {"X-Content-Type-Options", "nosniff"},
                {"X-Frame-Options", "DENY"},
                {"Referrer-Policy", "no-referrer"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
        };
        struct http_header headers[HTTP_ANSWER_HEADERS_MAX];
        unsigned status = answer->status;
        const char *type = answer->type;
        memcpy(headers, answer->headers, sizeof headers);
        struct MHD_Response *response = make_response(http, answer);
        if (!response) return MHD_NO; /* no memory: the connection is cut */

        enum MHD_Result good = status == 304 ? MHD_YES : MHD_add_response_header(response, "Content-Type", type);
        for (size_t i = 0; i < HTTP_ANSWER_HEADERS_MAX; i++)
                if (headers[i].name && good) good = MHD_add_response_header(response, headers[i].name, headers[i].value);
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                if (good && !MHD_get_response_header(response, ours[i].name))
                        good = MHD_add_response_header(response, ours[i].name, ours[i].value);
        if (good) good = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return good;
}

/* ---- requests ---- */

struct args {
        struct http_request *request;
        bool too_many;
};

static enum MHD_Result on_arg(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
        struct args *args = cls;
        (void)kind;
        if (args->request->arg_count == HTTP_ARGS_MAX) {
                args->too_many = true;
                return MHD_NO;
        }
        args->request->args[args->request->arg_count].name = name;
        args->request->args[args->request->arg_count++].value = value;
        return MHD_YES;
}

static const char *header(struct MHD_Connection *connection, const char *name) {
        return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state) {
        static int seen;
        struct http *http = cls;
        (void)version;
        (void)upload;
        const char *length = header(connection, "Content-Length");
        const struct http_path *path = NULL;
        for (size_t i = 0; i < http->path_count && !path; i++)
                if (http_path_matches(http->paths[i].path, url)) path = &http->paths[i];
        struct http_guard guard = {.token = http->token, .loopback = http->listen.loopback};
        struct http_question question = {
                .method = method, .known = path, .open = path && path->open,
                .authorization = header(connection, "Authorization"), .host = header(connection, "Host"),
                .has_body = *upload_size || (length && strcmp(length, "0") != 0) || header(connection, "Transfer-Encoding"),
        };
        struct http_answer answer = {.status = 200, .type = HTTP_TEXT};
        unsigned refusal = http_refusal(&guard, &question);
        /* A refusal goes out with the headers, before any body; an answer at
         * the second call, as libmicrohttpd wants it. */
        if (!refusal && !*state) {
                *state = &seen;
                return MHD_YES;
        }
        struct http_request request = {.path = url, .trusted = !guard.token || http_bearer_is(guard.token, question.authorization),
                                       .if_none_match = header(connection, "If-None-Match"),
                                       .accept_encoding = header(connection, "Accept-Encoding")};
        struct args args = {.request = &request};
        (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_arg, &args);
        if (refusal) {
                refuse(&answer, refusal);
        } else if (args.too_many) {
                refuse(&answer, 400);
        } else if (http->bodies_bytes >= HTTP_BODIES_BYTES_MAX) {
                refuse(&answer, 503);
        } else {
                path->handle(http->ctx, &request, &answer);
                size_t bytes = answer.read ? answer.read_bytes : answer.body_is_static ? 0 : answer.bytes;
                /* A page of metrics has a bound of its own, above this one: alone it may go out. */
                if (bytes > HTTP_BODIES_BYTES_MAX - http->bodies_bytes && (!answer.read || http->bodies_bytes))
                        refuse(&answer, 503);
        }
        return send_answer(http, connection, &answer);
}

static void on_mhd_log(void *cls, const char *format, va_list list) {
        char text[256];
        (void)cls;
        (void)vsnprintf(text, sizeof text, format, list);
        text[strcspn(text, "\r\n")] = '\0';
        log_debug("http.note", "text=\"%s\"", text);
}

/* ---- loop ---- */

/* Not left in freed memory for a core dump to show. */
static void secret_free(char *secret) {
        if (secret) explicit_bzero(secret, strlen(secret));
        free(secret);
}

static void http_free(struct http *http) {
        secret_free(http->token);
        secret_free(http->key);
        free(http->certificate);
        free(http);
}

static void on_handle_closed(uv_handle_t *handle) {
        struct http *http = handle->data;
        if (--http->open_handles == 0) http_free(http);
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http) {
        MHD_UNSIGNED_LONG_LONG wait_ms;
        (void)MHD_run(http->daemon); /* fails only for a daemon with threads */
        if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES) (void)uv_timer_start(&http->timer, on_timer, wait_ms, 0);
        else (void)uv_timer_stop(&http->timer);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
        (void)status; /* MHD finds out what is wrong with its descriptors */
        (void)events;
        run(poll->data);
}

/* 0, or an errno */
static int listen_socket(struct http *http, int *out) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(http->listen.port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(http->listen.port)};
        struct sockaddr *address = http->listen.ipv6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
        socklen_t size = http->listen.ipv6 ? sizeof v6 : sizeof v4;
        int on = 1;

        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) return errno;
        (void)inet_pton(address->sa_family, http->listen.host,
                        http->listen.ipv6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr); /* was checked */
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(fd, address, size) ||
            listen(fd, LISTEN_BACKLOG) || getsockname(fd, address, &size)) {
                int error = errno;
                (void)close(fd);
                return error;
        }
        const char *host = http->listen.any && http->host[0] ? http->host : http->listen.host;
        unsigned port = ntohs(http->listen.ipv6 ? v6.sin6_port : v4.sin_port);
        bool brackets = strchr(host, ':');
        (void)snprintf(http->url, sizeof http->url, "%s://%s%s%s:%u", http->certificate ? "https" : "http",
                       brackets ? "[" : "", host, brackets ? "]" : "", port);
        *out = fd;
        return 0;
}

/* 0, or an errno.  out_tls: the files were not taken */
static int serve(struct http *http, bool *out_tls) {
        int fd = -1, error = listen_socket(http, &fd);
        *out_tls = false;
        if (error) return error;
        struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
                {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_VERSIONS},
                {MHD_OPTION_END, 0, NULL},
        };
        unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (http->certificate ? MHD_USE_TLS : 0u);
        http->daemon = MHD_start_daemon(
                flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, http,
                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                (size_t)HTTP_HEADER_BYTES_MAX, MHD_OPTION_CONNECTION_TIMEOUT, http->idle_s,
                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, http->certificate ? tls : &tls[3], MHD_OPTION_END);
        if (!http->daemon) {
                (void)close(fd);
                http->url[0] = '\0';
                *out_tls = http->certificate;
                return EINVAL;
        }
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info || uv_poll_init(http->loop, &http->poll, info->epoll_fd)) {
                MHD_stop_daemon(http->daemon); /* closes fd too */
                http->daemon = NULL;
                http->url[0] = '\0';
                return EMFILE;
        }
        secret_free(http->key); /* GnuTLS has its own */
        http->key = NULL;
        http->polling = true;
        http->open_handles++;
        http->poll.data = http;
        (void)uv_poll_start(&http->poll, UV_READABLE, on_poll); /* of an open descriptor */
        log_info("http.listen", "url=%s token=%s", http->url, http->token ? "yes" : "no");
        run(http);
        return 0;
}

static void try_to_serve(struct http *http) {
        bool tls;
        int error = serve(http, &tls);
        if (!error) return;
        if (!http->taken_told)
                log_warn("http.listen", "address=%s port=%u error=\"%s\" note=\"no metrics and no health; it is tried again\"",
                         http->listen.host, http->listen.port, strerror(error));
        http->taken_told = true;
        (void)uv_timer_start(&http->timer, on_timer, RETRY_MS, 0);
}

static void on_timer(uv_timer_t *timer) {
        struct http *http = timer->data;
        if (http->closing) return;
        if (http->daemon) run(http);
        else try_to_serve(http);
}

/* ---- start and end ---- */

static bool given(const char *text) { return text && *text; }

static int read_pem(const char *path, char **out, char *err, size_t err_size) {
        FILE *file = fopen(path, "re");
        char *text = file ? malloc(TLS_FILE_BYTES_MAX + 1) : NULL;
        size_t n = text ? fread(text, 1, TLS_FILE_BYTES_MAX + 1, file) : 0;
        if (!file || !text || ferror(file) || n == 0 || n > TLS_FILE_BYTES_MAX || memchr(text, 0, n)) {
                (void)snprintf(err, err_size, "%s: cannot read a PEM file: %s", path,
                               !file ? strerror(errno) : !text ? err_text(ERR_NOMEM) : n == 0 ? "it is empty"
                               : n > TLS_FILE_BYTES_MAX ? "it is larger than 1 MiB" : "it is not text");
                if (text) explicit_bzero(text, n);
                free(text);
                if (file) (void)fclose(file); /* only read from */
                return ERR_IO;
        }
        text[n] = '\0';
        (void)fclose(file);
        *out = text;
        return 0;
}

int http_open(uv_loop_t *loop, const struct http_settings *settings, const struct http_path *paths, size_t path_count,
              void *ctx, struct http **out, char *err, size_t err_size) {
        bool tls;
        int rc = http_check(settings, err, err_size);
        *out = NULL;
        if (rc || !given(settings->listen)) return rc;
        struct http *http = calloc(1, sizeof *http);
        if (!http) abort();
        http->loop = loop;
        http->paths = paths;
        http->path_count = path_count;
        http->ctx = ctx;
        http->idle_s = settings->idle_s ? settings->idle_s : HTTP_IDLE_S;
        (void)http_listen_parse(settings->listen, &http->listen, err, err_size); /* as http_check */
        (void)snprintf(http->host, sizeof http->host, "%s", settings->host ? settings->host : "");
        if (given(settings->token) && !(http->token = strdup(settings->token))) abort();
        if (given(settings->certificate)) {
                rc = read_pem(settings->certificate, &http->certificate, err, err_size);
                if (!rc) rc = read_pem(settings->key, &http->key, err, err_size);
        }
        if (rc) goto failed;
        (void)uv_timer_init(loop, &http->timer); /* cannot fail */
        http->timer.data = http;
        http->open_handles = 1;
        /* A certificate that is not one shows now; a taken address may wait. */
        int error = serve(http, &tls);
        if (error && tls) {
                (void)snprintf(err, err_size, "%s, %s: not a certificate and its key in PEM", settings->certificate, settings->key);
                http_close(http);
                return ERR_INVALID;
        }
        if (error) try_to_serve(http);
        *out = http;
        return 0;
failed:
        http_free(http);
        return rc;
}

const char *http_url(const struct http *http) { return http ? http->url : ""; }

void http_close(struct http *http) {
        if (!http || http->closing) return;
        http->closing = true;
        if (http->polling) {
                (void)uv_poll_stop(&http->poll);
                uv_close((uv_handle_t *)&http->poll, on_handle_closed);
        }
        if (http->daemon) MHD_stop_daemon(http->daemon); /* frees every answer on its way */
        uv_close((uv_handle_t *)&http->timer, on_handle_closed);
}
