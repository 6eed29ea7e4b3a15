#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/zk_access.h"
#include "tests/unit/test.h"

#define DIGEST "u53OoA8hprX59uwFsvQBS3QuI00="

static void identities(void **state) {
        (void)state;
        static const struct {
                const char *auth, *readers;
                const char *secret, *name, *first; /* of the readers */
                size_t readers_count;
        } rows[] = {
                {NULL, NULL, NULL, NULL, NULL, 0},
                {"", "", NULL, NULL, NULL, 0},
                {"digest:mirror:hush", NULL, "mirror:hush", "digest:mirror", NULL, 0},
                {"digest:mirror:hu:sh ", "", "mirror:hu:sh ", "digest:mirror", NULL, 0},
                {"digest:m:h", "watcher:" DIGEST, "m:h", "digest:m", "watcher:" DIGEST, 1},
                {"digest:m:h", " a:" DIGEST " , b:" DIGEST, "m:h", "digest:m", "a:" DIGEST, 2},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct zk_access access;
                const char *key = NULL;
                char why[200] = "";
                assert_int_equal(zk_access_parse(rows[i].auth, rows[i].readers, i == 0, &access, &key, why, sizeof why), 0);
                if (rows[i].secret) {
                        assert_string_equal(access.secret, rows[i].secret);
                        assert_string_equal(access.name, rows[i].name);
                } else {
                        assert_null(access.secret);
                        assert_null(access.name);
                }
                assert_int_equal(access.allow_open, i == 0);
                assert_int_equal(access.reader_count, rows[i].readers_count);
                if (rows[i].first) assert_string_equal(access.readers[0], rows[i].first);
                zk_access_fini(&access);
        }
}

static void wrong_ones(void **state) {
        (void)state;
#define FORM "expected 'USER:DIGEST, ...', DIGEST as of: printf USER:PASSWORD | openssl dgst -binary -sha1 | base64"
        static const struct {
                const char *auth, *readers, *key, *why;
        } rows[] = {
                {"mirror:hush", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {"sasl:mirror:hush", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {"digest:mirror", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {"digest:mirror:", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {"digest::hush", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {"digest:a b:hush", NULL, "zookeeper.auth", "expected 'digest:USER:PASSWORD'"},
                {NULL, "a:" DIGEST, "zookeeper.acl.readers", "has a meaning only with zookeeper.auth: without it everyone may do all"},
                {"digest:m:hush", "a:hush", "zookeeper.acl.readers", FORM},
                {"digest:m:hush", "a:" DIGEST ",", "zookeeper.acl.readers", FORM},
                {"digest:m:hush", "a:" DIGEST "x", "zookeeper.acl.readers", FORM},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct zk_access access = {.reader_count = 3};
                const char *key = "";
                char why[200] = "";
                assert_int_equal(zk_access_parse(rows[i].auth, rows[i].readers, false, &access, &key, why, sizeof why), ERR_INVALID);
                assert_string_equal(key, rows[i].key);
                assert_string_equal(why, rows[i].why);
                assert_int_equal(access.reader_count, 3); /* untouched */
                assert_null(strstr(why, "hush"));
        }
}

static void open_to_everyone(void **state) {
        (void)state;
        static const struct {
                struct zk_acl_entry entries[2];
                size_t count;
                bool open;
                const char *text;
        } rows[] = {
                {{{ZK_ALL_RIGHTS, "world", "anyone"}}, 1, true, "world:anyone cdrwa"},
                {{{ZK_READ, "world", "anyone"}}, 1, false, "world:anyone r"},
                {{{ZK_READ | ZK_DELETE, "world", "anyone"}}, 1, true, "world:anyone dr"},
                {{{ZK_ALL_RIGHTS, "digest", "m:" DIGEST}, {ZK_READ, "digest", "w:" DIGEST}}, 2, false, "digest:m cdrwa, digest:w r"},
                {{{ZK_ALL_RIGHTS, "digest", "m:" DIGEST}, {ZK_CREATE, "world", "anyone"}}, 2, true, "digest:m cdrwa, world:anyone c"},
                {{{ZK_ALL_RIGHTS, "ip", "10.0.0.0/8"}}, 1, false, "ip:10.0.0.0/8 cdrwa"},
                {{{0, "", ""}}, 0, false, ""},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[200];
                assert_int_equal(zk_access_open(rows[i].entries, rows[i].count), rows[i].open);
                zk_access_text(rows[i].entries, rows[i].count, text, sizeof text);
                assert_string_equal(text, rows[i].text);
        }
}

static void loopback(void **state) {
        (void)state;
        static const struct {
                const char *address;
                bool here;
        } rows[] = {
                {"127.0.0.1", true}, {"127.9.8.7", true},        {"10.0.0.1", false},        {"128.0.0.1", false},
                {"::1", true},       {"::ffff:127.0.0.1", true}, {"::ffff:10.0.0.1", false}, {"fe80::1", false},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct sockaddr_in v4 = {.sin_family = AF_INET};
                struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
                bool four = inet_pton(AF_INET, rows[i].address, &v4.sin_addr) == 1;
                if (!four) assert_int_equal(inet_pton(AF_INET6, rows[i].address, &v6.sin6_addr), 1);
                assert_int_equal(zk_access_loopback(four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6), rows[i].here);
        }
        struct sockaddr other = {.sa_family = AF_UNIX};
        assert_false(zk_access_loopback(&other));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(identities),
                cmocka_unit_test(wrong_ones),
                cmocka_unit_test(open_to_everyone),
                cmocka_unit_test(loopback),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
