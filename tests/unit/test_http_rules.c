#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/http_rules.h"

static void test_addresses(void **state) {
        static const struct { const char *text, *host; int port; bool loopback, any, ipv6; } rows[] = {
                {"127.0.0.1:9180", "127.0.0.1", 9180, true, false, false},
                {"127.9.9.9:0", "127.9.9.9", 0, true, false, false},
                {"localhost:1", "127.0.0.1", 1, true, false, false},
                {"[::1]:65535", "::1", 65535, true, false, true},
                {"[::]:80", "::", 80, false, true, true},
                {":9180", "0.0.0.0", 9180, false, true, false},
                {"0.0.0.0:9180", "0.0.0.0", 9180, false, true, false},
                {"10.0.0.7:9180", "10.0.0.7", 9180, false, false, false},
        };
        static const char *const wrong[] = {"", "9180", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                "127.0.0.1:9180x", "::1:9180", "[::1]", "[::1:9180", "[]:1", "worker-1:9180", "127.0.0.1:+1",
                "127.0.0.1:000000001", "1.2.3.4.5:1", "http://127.0.0.1:1",
                "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:1"};
        char err[256];
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct http_listen listen;
                assert_int_equal(http_listen_parse(rows[i].text, &listen, err, sizeof err), 0);
                assert_string_equal(listen.host, rows[i].host);
                assert_int_equal(listen.port, rows[i].port);
                assert_int_equal(listen.loopback, rows[i].loopback);
                assert_int_equal(listen.any, rows[i].any);
                assert_int_equal(listen.ipv6, rows[i].ipv6);
        }
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct http_listen listen = {.port = 7};
                assert_int_equal(http_listen_parse(wrong[i], &listen, err, sizeof err), ERR_INVALID);
                assert_non_null(strstr(err, "expected <IP address>:<port>"));
                assert_int_equal(listen.port, 7);
        }
}

static void test_what_other_machines_reach_is_guarded(void **state) {
        struct http_listen loopback = {.loopback = true}, open = {.any = true};
        (void)state;
        assert_null(http_listen_refusal(&loopback, false, false, false));
        assert_non_null(strstr(http_listen_refusal(&open, false, false, false), "http.token"));
        assert_non_null(strstr(http_listen_refusal(&open, false, true, true), "http.token"));
        assert_non_null(strstr(http_listen_refusal(&open, true, false, false), "http.tls.certificate"));
        assert_null(http_listen_refusal(&open, true, true, false));
        assert_null(http_listen_refusal(&open, true, false, true));
}

static void test_tokens(void **state) {
        (void)state;
        assert_true(http_bearer_is("s3cret", "Bearer s3cret"));
        assert_true(http_bearer_is("s3cret", "bearer   s3cret"));
        static const char *const wrong[] = {"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer s3cretx",
                "Bearer s3cret ", "Bearers3cret", "Basic s3cret", "s3cret", "Bearer s3crets3cret", "Bearer S3CRET"};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(http_bearer_is("s3cret", wrong[i]));
        assert_false(http_bearer_is("s3cret", NULL));
        assert_false(http_bearer_is(NULL, "Bearer "));
        assert_false(http_bearer_is("", "Bearer "));
}

static void test_hosts(void **state) {
        static const char *const good[] = {"127.0.0.1", "127.0.0.1:9180", "localhost:1", "LocalHost", "[::1]:9", "[::1]", "127.1.2.3:4"};
        static const char *const wrong[] = {"", "evil.example", "127.0.0.1.evil.example:80", "localhost.evil:1", "[::2]:1",
                "10.0.0.1", "[::1]x", ":80"};
        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(http_host_is_loopback(good[i]));
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(http_host_is_loopback(wrong[i]));
        assert_true(http_host_is_loopback(NULL));
}

static void test_refusals(void **state) {
        static const char token[] = "t", good[] = "Bearer t", bad[] = "Bearer x";
        static const struct { const char *token; bool loopback; struct http_question q; unsigned status; } rows[] = {
                {NULL, true, {.method = "GET", .known = true}, 0},
                {NULL, true, {.method = "HEAD", .known = true}, 0},
                {NULL, true, {.method = "get", .known = true}, 405},
                {NULL, true, {.method = "POST", .known = true}, 405},
                {NULL, true, {.method = "OPTIONS"}, 405},
                {NULL, true, {.method = "GET", .known = true, .has_body = true}, 413},
                {NULL, true, {.method = "GET"}, 404},
                {NULL, true, {.method = "GET", .known = true, .host = "evil.example"}, 403},
                {NULL, true, {.method = "GET", .known = true, .open = true, .host = "evil.example"}, 403},
                {token, true, {.method = "GET", .known = true, .host = "proxy.example", .authorization = good}, 0},
                {token, false, {.method = "GET", .known = true}, 401},
                {token, false, {.method = "GET", .known = true, .authorization = bad}, 401},
                {token, false, {.method = "GET", .known = true, .authorization = good}, 0},
                {token, false, {.method = "GET", .known = true, .open = true}, 0},
                {token, false, {.method = "GET", .known = true, .open = true, .host = "pod.example"}, 0},
                {token, false, {.method = "GET"}, 401}, /* which paths there are is not told */
                {token, false, {.method = "GET", .authorization = good}, 404},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct http_guard guard = {rows[i].token, rows[i].loopback};
                if (http_refusal(&guard, &rows[i].q) != rows[i].status) print_message("row %zu\n", i);
                assert_int_equal(http_refusal(&guard, &rows[i].q), rows[i].status);
        }
}

static void test_paths_and_arguments(void **state) {
        struct http_request request = {.args = {{"a", "1"}, {"flag", NULL}, {"a", "2"}}, .arg_count = 3};
        (void)state;
        assert_true(http_path_matches("/metrics", "/metrics"));
        assert_false(http_path_matches("/metrics", "/metrics/"));
        assert_false(http_path_matches("/metrics", "/metric"));
        assert_true(http_path_matches("/api/v1/*", "/api/v1/status"));
        assert_false(http_path_matches("/api/v1/*", "/api/v1"));
        assert_string_equal(http_arg(&request, "a"), "1");
        assert_string_equal(http_arg(&request, "flag"), "");
        assert_null(http_arg(&request, "b"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_what_other_machines_reach_is_guarded),
                cmocka_unit_test(test_tokens),
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_paths_and_arguments),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
