/* The server on a loop, with real sockets. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/http.h"
#include "tests/unit/loop.h"

#define LARGE_BYTES (24 * 1024 * 1024)
#define PIECES 1000

static int freed;

static void answer_hello(void *ctx, const struct http_request *request, struct http_answer *answer) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s %s", (const char *)ctx, http_arg(request, "name") ? http_arg(request, "name") : "-");
        http_answer_text(answer, 200, text);
}

static void answer_large(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        (void)request;
        answer->body = calloc(1, LARGE_BYTES);
        answer->bytes = LARGE_BYTES;
}

static ssize_t read_piece(void *ctx, char *out, size_t max) {
        int *left = ctx;
        assert_true(max >= 10);
        if (*left == 0) return 0;
        (*left)--;
        memcpy(out, "0123456789", 10);
        return 10;
}

static void free_pieces(void *ctx) {
        freed++;
        free(ctx);
}

static void answer_pieces(void *ctx, const struct http_request *request, struct http_answer *answer) {
        int *left = malloc(sizeof *left);
        (void)ctx;
        (void)request;
        *left = PIECES;
        answer->read = read_piece;
        answer->read_free = free_pieces;
        answer->read_ctx = left;
        answer->headers[0] = (struct http_header){"Cache-Control", "max-age=5"};
}

static size_t held_bytes;

/* In pieces, of something that holds memory meanwhile. */
static void answer_held(void *ctx, const struct http_request *request, struct http_answer *answer) {
        answer_pieces(ctx, request, answer);
        *(int *)answer->read_ctx = 10 * 1000 * 1000;
        answer->read_bytes = held_bytes;
}

static const struct http_path paths[] = {
        {"/held", answer_held, false},
        {"/hello", answer_hello, false},
        {"/open", answer_hello, true},
        {"/large", answer_large, false},
        {"/pieces", answer_pieces, false},
};

struct client {
        int fd;
        char *text;      /* all that was read */
        size_t bytes, room;
        bool ended;
};

static int port_of(const struct http *http) { return atoi(strrchr(http_url(http), ':') + 1); }

static struct client client_open(const struct http *http, const char *request) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(http)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct client client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .room = 65536};
        assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
        if (request) assert_int_equal(send(client.fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        client.text = calloc(1, client.room);
        return client;
}

static bool client_done(void *ctx) {
        struct client *client = ctx;
        for (;;) {
                if (client->bytes + 1 >= client->room) client->text = realloc(client->text, client->room *= 2);
                ssize_t n = recv(client->fd, client->text + client->bytes, client->room - client->bytes - 1, 0);
                if (n < 0 && errno == EAGAIN) return false;
                if (n <= 0) return client->ended = true;
                client->bytes += (size_t)n;
                client->text[client->bytes] = '\0';
        }
}

static void client_close(struct client *client) {
        close(client->fd);
        free(client->text);
}

/* What one request gets; the caller frees it. */
static char *ask(uv_loop_t *loop, const struct http *http, const char *request) {
        struct client client = client_open(http, request);
        assert_true(loop_until(loop, client_done, &client, 10000));
        close(client.fd);
        return client.text;
}

static void expect(uv_loop_t *loop, const struct http *http, const char *request, const char *status, const char *contains) {
        char *text = ask(loop, http, request);
        if (strncmp(text, status, strlen(status)) != 0 || !strstr(text, contains)) fail_msg("%s -> %s", request, text);
        free(text);
}

#define END " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static struct http *start(uv_loop_t *loop, struct http_settings settings) {
        static char word[] = "hello";
        struct http *http;
        char err[256] = "";
        if (!settings.listen) settings.listen = "127.0.0.1:0";
        assert_int_equal(uv_loop_init(loop), 0);
        int rc = http_open(loop, &settings, paths, sizeof paths / sizeof *paths, word, &http, err, sizeof err);
        if (rc) fail_msg("%s", err);
        return http;
}

static void stop(uv_loop_t *loop, struct http *http) {
        http_close(http);
        (void)uv_run(loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(loop), 0);
}

static void test_requests(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){0});
        char long_url[HTTP_HEADER_BYTES_MAX + 200];
        (void)state;
        expect(&loop, http, "GET /hello?name=a%20b&x" END, "HTTP/1.1 200", "\r\n\r\nhello a b");
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "X-Content-Type-Options: nosniff\r\n");
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "Cache-Control: no-store\r\n");
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "Content-Type: text/plain; charset=utf-8\r\n");
        expect(&loop, http, "GET /none" END, "HTTP/1.1 404", "no such path");
        expect(&loop, http, "POST /hello" END, "HTTP/1.1 405", "Allow: GET, HEAD\r\n");
        expect(&loop, http, "DELETE /hello" END, "HTTP/1.1 405", "");
        expect(&loop, http, "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n", "HTTP/1.1 405", "");
        expect(&loop, http, "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 413", "");
        expect(&loop, http, "GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 403", "");
        expect(&loop, http, "GET /hello?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17" END, "HTTP/1.1 400", "too many");
        expect(&loop, http, "nonsense\r\n\r\n", "", "");
        memset(long_url, 'a', sizeof long_url);
        memcpy(long_url, "GET /", 5);
        strcpy(long_url + sizeof long_url - sizeof END, END);
        expect(&loop, http, long_url, "HTTP/1.1 4", "");

        char *text = ask(&loop, http, "HEAD /hello" END);
        assert_non_null(strstr(text, "Content-Length: 7\r\n"));
        assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
        free(text);
        stop(&loop, http);
}

static void test_a_token_is_asked_for(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){.token = "s3cret"});
        (void)state;
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 401", "WWW-Authenticate: Bearer");
        expect(&loop, http, "GET /none" END, "HTTP/1.1 401", "");
        expect(&loop, http, "GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", "hello");
        expect(&loop, http, "GET /open" END, "HTTP/1.1 200", "hello");
        stop(&loop, http);
}

static void test_pieces(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){0});
        (void)state;
        freed = 0;
        char *text = ask(&loop, http, "GET /pieces HTTP/1.0\r\n\r\n");
        assert_non_null(strstr(text, "Cache-Control: max-age=5\r\n"));
        assert_null(strstr(text, "no-store"));
        assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 10 * PIECES);
        assert_int_equal(freed, 1);
        free(text);
        text = ask(&loop, http, "HEAD /pieces" END);
        free(text);
        assert_int_equal(freed, 2);
        stop(&loop, http);
}

struct ticks { uint64_t last_ns, worst_ns; };

/* Without the time for which this thread could run and other programs had the
 * processors. */
static uint64_t own_ns(void) {
        unsigned long long ran = 0, waited = 0;
        FILE *file = fopen("/proc/thread-self/schedstat", "r");
        if (file) {
                if (fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
                (void)fclose(file);
        }
        return uv_hrtime() - waited;
}

static void on_tick(uv_timer_t *timer) {
        struct ticks *ticks = timer->data;
        uint64_t now = own_ns();
        if (ticks->last_ns && now > ticks->last_ns && now - ticks->last_ns > ticks->worst_ns) ticks->worst_ns = now - ticks->last_ns;
        ticks->last_ns = now;
}

static bool is_answered(void *ctx) {
        char byte;
        return recv(((struct client *)ctx)->fd, &byte, 1, MSG_PEEK) == 1;
}

/* Without reading: what is sent to a closed connection is answered by a reset. */
static bool is_gone(void *ctx) {
        struct client *client = ctx;
        return send(client->fd, "x", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN;
}

/* A large answer to a client that reads nothing neither holds the loop up, nor
 * others, nor memory for good. */
static void test_a_client_that_reads_nothing(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){.idle_s = 3});
        struct ticks ticks = {0};
        uv_timer_t timer;
        (void)state;
        (void)uv_timer_init(&loop, &timer);
        timer.data = &ticks;
        (void)uv_timer_start(&timer, on_tick, 1, 1);
        struct client deaf = client_open(http, "GET /large" END);
        assert_true(loop_until(&loop, is_answered, &deaf, 10000));
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "hello");
        /* Its bytes count: a second one of that size does not fit any more. */
        expect(&loop, http, "GET /large" END, "HTTP/1.1 503", "too many answers");
        assert_true(loop_until(&loop, is_gone, &deaf, 60000));
        client_close(&deaf);
        char *text = ask(&loop, http, "GET /large" END);
        assert_int_equal(strncmp(text, "HTTP/1.1 200", 12), 0);
        free(text);
        /* Copying and clearing 24 MB is in it. */
        if (ticks.worst_ns > 500000000u) fail_msg("the loop stood still for %llu ms", (unsigned long long)ticks.worst_ns / 1000000);
        uv_close((uv_handle_t *)&timer, NULL);
        stop(&loop, http);
}

/* What an answer in pieces holds counts too; one that is larger than the bound goes out alone. */
static void test_memory_behind_pieces_is_bounded(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){.idle_s = 3});
        (void)state;
        for (int i = 0; i < 2; i++) {
                held_bytes = i ? HTTP_BODIES_BYTES_MAX + 1 : LARGE_BYTES;
                struct client deaf = client_open(http, "GET /held" END);
                assert_true(loop_until(&loop, is_answered, &deaf, 10000));
                expect(&loop, http, "GET /held" END, "HTTP/1.1 503", "too many answers");
                if (!i) expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "hello");
                (void)loop_until(&loop, NULL, NULL, 200); /* its sockets fill: slowly once it sends as well */
                assert_true(loop_until(&loop, is_gone, &deaf, 60000));
                client_close(&deaf);
        }
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "hello");
        stop(&loop, http);
}

#define REFUSED 8
static struct client idle[HTTP_PER_ADDRESS_MAX + REFUSED];

static size_t idle_ended(void) {
        size_t count = 0;
        for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) count += client_done(&idle[i]);
        return count;
}

static bool are_refused(void *ctx) {
        (void)ctx;
        return idle_ended() >= REFUSED;
}

static void test_connections_are_bounded(void **state) {
        uv_loop_t loop;
        struct http *http = start(&loop, (struct http_settings){.idle_s = 3});
        size_t count = sizeof idle / sizeof *idle;
        (void)state;
        for (size_t i = 0; i < count; i++) idle[i] = client_open(http, NULL);
        assert_true(loop_until(&loop, are_refused, NULL, 60000));
        (void)loop_until(&loop, NULL, NULL, 100);
        assert_int_equal(idle_ended(), REFUSED);
        /* Those that say nothing are gone after a while. */
        for (size_t i = 0; i < count; i++) assert_true(loop_until(&loop, client_done, &idle[i], 60000));
        for (size_t i = 0; i < count; i++) client_close(&idle[i]);
        expect(&loop, http, "GET /hello" END, "HTTP/1.1 200", "hello");
        stop(&loop, http);
}

/* ---- TLS ---- */

static void write_identity(const char *certificate, const char *key) {
        EVP_PKEY *pair = EVP_RSA_gen(2048);
        X509 *x509 = X509_new();
        FILE *out = fopen(key, "w");
        assert_non_null(pair);
        assert_int_equal(PEM_write_PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL), 1);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(X509_set_version(x509, 2), 1);
        assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
        assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), -3600));
        assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
        assert_int_equal(X509_set_pubkey(x509, pair), 1);
        assert_true(X509_sign(x509, pair, EVP_sha256()) > 0);
        out = fopen(certificate, "w");
        assert_int_equal(PEM_write_X509(out, x509), 1);
        assert_int_equal(fclose(out), 0);
        X509_free(x509);
        EVP_PKEY_free(pair);
}

static bool has_answer(void *ctx) {
        struct client *client = ctx;
        return client_done(client) || client->bytes >= 7;
}

/* Versions are what a client of TLS 1.2 or older says (a record, the hello): TLS
 * 1.x is 3, 1 + x. */
static void test_old_versions_of_tls_are_refused(void **state) {
        static const struct { unsigned char minor; bool good; } rows[] = {{1, false}, {2, false}, {3, true}};
        char folder[] = "/tmp/test_http.XXXXXX", certificate[64], key[64];
        uv_loop_t loop;
        (void)state;
        assert_non_null(mkdtemp(folder));
        (void)snprintf(certificate, sizeof certificate, "%s/c", folder);
        (void)snprintf(key, sizeof key, "%s/k", folder);
        write_identity(certificate, key);
        struct http *http = start(&loop, (struct http_settings){.certificate = certificate, .key = key});
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                /* ECDHE with RSA and plain RSA, AES and SHA-1: suites of all versions */
                unsigned char hello[] = {22, 3, 1, 0, 63, 1, 0, 0, 59, 3, rows[i].minor, [43] = 0, [44] = 0, 8, 0xc0, 0x13, 0xc0, 0x14, 0, 0x2f, 0, 0x35,
                                         1, 0, /* extensions: groups */ 0, 8, 0, 10, 0, 4, 0, 2, 0, 23};
                hello[4] = (unsigned char)(sizeof hello - 5);
                hello[8] = (unsigned char)(sizeof hello - 9);
                struct client client = client_open(http, NULL);
                assert_int_equal(send(client.fd, hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
                assert_true(loop_until(&loop, has_answer, &client, 10000));
                /* a handshake; or an alert, or the end without one */
                bool handshake = client.bytes && client.text[0] == 22;
                if (handshake != rows[i].good) fail_msg("TLS 1.%d: %zu bytes, %d", rows[i].minor - 1, client.bytes, client.text[0]);
                client_close(&client);
        }
        stop(&loop, http);
        assert_int_equal(unlink(certificate) | unlink(key) | rmdir(folder), 0);
}

static bool is_listening(void *ctx) { return http_url(ctx)[0]; }

static void test_an_address_that_is_taken(void **state) {
        uv_loop_t loop, loop2;
        struct http *first = start(&loop, (struct http_settings){0});
        char listen[64];
        (void)state;
        (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", port_of(first));
        struct http *second = start(&loop2, (struct http_settings){.listen = listen});
        assert_string_equal(http_url(second), "");
        (void)loop_until(&loop2, NULL, NULL, 20);
        stop(&loop, first);
        assert_true(loop_until(&loop2, is_listening, second, 10000));
        expect(&loop2, second, "GET /hello" END, "HTTP/1.1 200", "hello");
        stop(&loop2, second);
}

static void test_settings(void **state) {
        static const struct { struct http_settings settings; int rc; const char *says; } rows[] = {
                {{.listen = NULL}, 0, ""},
                {{.listen = ""}, 0, ""},
                {{.listen = "x"}, ERR_INVALID, "'x' is not an address"},
                {{.listen = "0.0.0.0:0"}, ERR_INVALID, "http.token"},
                {{.listen = "0.0.0.0:0", .token = ""}, ERR_INVALID, "http.token"},
                {{.listen = "0.0.0.0:0", .token = "t"}, ERR_INVALID, "http.tls.certificate"},
                {{.listen = "127.0.0.1:0", .certificate = "a"}, ERR_INVALID, "belong together"},
                {{.listen = "127.0.0.1:0", .certificate = "/nowhere", .key = "/nowhere"}, ERR_IO, "/nowhere"},
                {{.listen = "127.0.0.1:0", .certificate = "/dev/null", .key = "/dev/null"}, ERR_IO, "/dev/null: cannot read a PEM file: it is empty"},
                {{.listen = "127.0.0.1:0", .certificate = "/etc/passwd", .key = "/etc/passwd"}, ERR_INVALID, "not a certificate"},
                /* a key where its path belongs: none of it is shown */
                {{.listen = "127.0.0.1:0", .certificate = "/etc/passwd", .key = "-----BEGIN PRIVATE KEY-----\nMIGHhush\n-----END PRIVATE KEY-----"},
                 ERR_INVALID, "http.tls.key: expected the path of a PEM file, not its text"},
                {{.listen = "127.0.0.1:0", .certificate = "/etc/passwd", .key = "MIGHhush\nhush"}, ERR_INVALID, "http.tls.key: expected the path"},
                {{.listen = "127.0.0.1:0", .certificate = "-----BEGIN CERTIFICATE----- MIGHhush", .key = "/etc/passwd"}, ERR_INVALID,
                 "http.tls.certificate: expected the path"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uv_loop_t loop;
                struct http *http = (void *)1;
                char err[512] = "";
                assert_int_equal(uv_loop_init(&loop), 0);
                int rc = http_open(&loop, &rows[i].settings, paths, 1, NULL, &http, err, sizeof err);
                if (rc != rows[i].rc || !strstr(err, rows[i].says)) fail_msg("row %zu: %d %s", i, rc, err);
                assert_null(strstr(err, "hush"));
                assert_null(http);
                (void)uv_run(&loop, UV_RUN_DEFAULT);
                assert_int_equal(uv_loop_close(&loop), 0);
        }
        assert_string_equal(http_url(NULL), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_a_token_is_asked_for),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_a_client_that_reads_nothing),
                cmocka_unit_test(test_memory_behind_pieces_is_bounded),
                cmocka_unit_test(test_connections_are_bounded),
                cmocka_unit_test(test_old_versions_of_tls_are_refused),
                cmocka_unit_test(test_an_address_that_is_taken),
                cmocka_unit_test(test_settings),
        };
        (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
