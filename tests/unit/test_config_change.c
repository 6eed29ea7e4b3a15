#include "tests/unit/test.h"

#include <string.h>

#include "common/config_change.h"

#define HEAD "zookeeper.connect = z:1/h\nclusters = a, b\na.bootstrap.servers = a:1\nb.bootstrap.servers = b:1\n"
#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct config parse(const char *text) {
        struct config config;
        char err[CONFIG_ERROR_MAX];
        if (config_parse("f", text, strlen(text), &config, err, sizeof err) != 0) fail_msg("%s", err);
        return config;
}

static void version_of_what_is_shared(void **state) {
        static const struct {
                const char *text;
                int same; /* as HEAD alone, plus a.linger.ms = 5 and a password */
        } rows[] = {
                {HEAD "a.linger.ms = 5\na.sasl.password = x\n", 1},
                {"# other order\na.sasl.password = x\na.linger.ms : 5\n" HEAD, 1},
                {HEAD "a.linger.ms = 5\na.sasl.password = y\n", 1}, /* a secret is left out: it is published */
                {HEAD "a.linger.ms = 5\na.sasl.password = x\nworker.capacity = 7\nlog.level = debug\n", 1}, /* each worker's own */
                {HEAD "a.linger.ms = 5\na.sasl.password = x\na->b.topics = t\n", 1}, /* has a version of its own */
                {HEAD "a.linger.ms = 6\na.sasl.password = x\n", 0},
                {HEAD "b.linger.ms = 5\na.sasl.password = x\n", 0},
                {HEAD "a.linger.ms = 5\n", 0},
                {HEAD "a.linger.ms = 5\na.sasl.password = x\nb.linger.ms = 1\n", 0},
        };
        char first[CONFIG_VERSION_SIZE], version[CONFIG_VERSION_SIZE];
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct config config = parse(rows[i].text);
                config_version(&config, version);
                assert_int_equal(strlen(version), 16);
                if (i == 0) memcpy(first, version, sizeof first);
                if ((strcmp(first, version) == 0) != rows[i].same) fail_msg("row %zu: %s", i, version);
                config_fini(&config);
        }
}

static void what_needs_a_restart(void **state) {
        struct config a = parse(HEAD "worker.capacity = 5\nlog.level = info\n"),
                      b = parse(HEAD "worker.capacity = 6\nlog.level = debug\nworker.zone = z\nlog.format = json\n");
        const char *names[16];
        (void)state;
        assert_int_equal(config_changes_at_start(&a, &a, names, 16), 0);
        assert_int_equal(config_changes_at_start(&a, &b, names, 16), 2);
        assert_string_equal(names[0], "worker.capacity");
        assert_string_equal(names[1], "worker.zone");
        assert_int_equal(config_changes_at_start(&a, &b, names, 1), 1);
        config_fini(&a);
        config_fini(&b);
}

static void what_needs_apply(void **state) {
        struct config a = parse(HEAD "a->b.topics = t\nb->a.topics = t\n"),
                      b = parse(HEAD "a->b.topics = t\nb->a.topics = u\n"), c = parse(HEAD "a->b.topics = t\n");
        (void)state;
        assert_false(config_route_differs(&a, &b, "a->b"));
        assert_true(config_route_differs(&a, &b, "b->a"));
        assert_true(config_route_differs(&a, &c, "b->a"));
        assert_true(config_route_differs(&c, &a, "b->a"));
        assert_false(config_route_differs(&a, &b, "a->c"));
        config_fini(&a);
        config_fini(&b);
        config_fini(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(version_of_what_is_shared),
                cmocka_unit_test(what_needs_a_restart),
                cmocka_unit_test(what_needs_apply),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
