/* The command line of `heliostat mirror`, and the configuration made of it. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "cli/mirror_args.h"
#include "cli/mirror_config.h"
#include "common/config.h"
#include "common/err.h"

#define ROW(...) {(const char *[]){"mirror", __VA_ARGS__, NULL}}
#define FILES "--consumer.config", "c", "--producer.config", "p", "--whitelist", "t"
#define SERVERS "--from", "a:1", "--to", "b:2", "--topics", "t"

static int parse(const char *const *argv, struct mirror_args *out, char *err, size_t size) {
        struct verb_args args;
        int argc = 0;
        while (argv[argc]) argc++;
        int rc = verb_parse(verb_find("mirror"), argc, argv, &args, err, size);
        if (rc || args.help) return rc;
        return mirror_args_take(&args, out, err, size);
}

/* The table and what reads it know the same options. */
static void test_every_option(void **state) {
        (void)state;
        for (const struct verb_option *o = verb_find("mirror")->options; o->text; o++) {
                char word[64], err[256] = "";
                const char *argv[] = {"mirror", word, o->kind == VERB_FLAG ? NULL : "x", NULL};
                struct mirror_args args;
                if (!o->name || o->kind == VERB_REFUSED) continue;
                (void)snprintf(word, sizeof word, "--%s", o->name);
                (void)parse(argv, &args, err, sizeof err); /* must come back, whatever it says */
        }
}

static void test_accepted(void **state) {
        const struct { const char *const *argv; } rows[] = {
                ROW(FILES),
                ROW(FILES, "--num.streams", "4", "--offset.commit.interval.ms", "60000", "--abort.on.send.failure",
                    "true", "--new.consumer"),
                ROW("--include=t", "--consumer.config=c", "--producer.config=p"),
                ROW(SERVERS, "--exclude", "x", "--group", "g", "--consumer.property", "a=b", "--producer.property", "c="),
                ROW("--config", "f"),
                ROW("-c", "f", "a->b", "-v", "-o", "json"),
                ROW(SERVERS, "--until", "2026-01-31T13:45:00Z"),
                ROW(SERVERS, "--until-lag", "0", "--compare"),
                ROW("--help"),
                ROW("-V"),
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct mirror_args args;
                char err[256] = "";
                int rc = parse(rows[i].argv, &args, err, sizeof err);
                if (rc) print_error("row %zu: %s\n", i, err);
                assert_int_equal(rc, 0);
        }
}

static void test_values(void **state) {
        struct mirror_args args;
        char err[256];
        (void)state;
        assert_int_equal(parse((const char *[]){"mirror", FILES, "--num.streams=4", "--abort.on.send.failure", "false",
                                          "--until-end", NULL}, &args, err, sizeof err), 0);
        assert_int_equal(args.form, MIRROR_BY_FILES);
        assert_string_equal(args.consumer_config, "c");
        assert_string_equal(args.producer_config, "p");
        assert_string_equal(args.topics, "t");
        assert_int_equal(args.streams, 4);
        assert_int_equal(args.abort_on_send_failure, MIRROR_FALSE);
        assert_int_equal(args.until, MIRROR_UNTIL_END);
        assert_int_equal(parse((const char *[]){"mirror", "--config", "f", "a->b", "--until", "1970-01-01T00:00:01Z", NULL},
                               &args, err, sizeof err), 0);
        assert_int_equal(args.form, MIRROR_BY_CONFIG);
        assert_string_equal(args.route, "a->b");
        assert_int_equal(args.until_ms, 1000);
        assert_int_equal(args.abort_on_send_failure, MIRROR_UNSAID);
}

static void test_refused(void **state) {
        const struct {
                const char *const *argv;
                const char *text;
        } rows[] = {
                {(const char *[]){"mirror", NULL}, "what is to be mirrored is missing"},
                {(const char *[]){"mirror", "--consumer.config", "c", "--whitelist", "t", NULL}, "--producer.config FILE is missing"},
                {(const char *[]){"mirror", "--consumer.config", "c", "--producer.config", "p", NULL}, "--whitelist RE is missing"},
                {(const char *[]){"mirror", "--from", "a:1", "--topics", "t", NULL}, "--to SERVERS is missing"},
                {(const char *[]){"mirror", FILES, "--from", "a:1", NULL}, "--consumer.config and --from do not go together"},
                {(const char *[]){"mirror", FILES, "--message.handler", "com.X", NULL}, "--message.handler names a Java class"},
                {(const char *[]){"mirror", FILES, "--message.handler.args", NULL}, "names a Java class"},
                {(const char *[]){"mirror", FILES, "--rebalance.listener", "com.X", NULL}, "names a Java class"},
                {(const char *[]){"mirror", FILES, "--consumer.rebalance.listener=com.X", NULL}, "names a Java class"},
                {(const char *[]){"mirror", FILES, "--num.stream", "4", NULL}, "did you mean '--num.streams'?"},
                {(const char *[]){"mirror", FILES, "--blacklist", "x", NULL}, "use --exclude"},
                {(const char *[]){"mirror", FILES, "--num.streams", "0", NULL}, "expected a number from 1 to 64, not '0'"},
                {(const char *[]){"mirror", FILES, "--num.streams", "four", NULL}, "not 'four'"},
                {(const char *[]){"mirror", FILES, "--num.streams", NULL}, "its value is missing"},
                {(const char *[]){"mirror", FILES, "--abort.on.send.failure", "yes", NULL}, "expected true or false"},
                {(const char *[]){"mirror", FILES, "--include", "u", NULL}, "given twice"},
                {(const char *[]){"mirror", FILES, "more", NULL}, "unexpected argument 'more'"},
                {(const char *[]){"mirror", FILES, "--until-end=1", NULL}, "--until-end takes no value"},
                {(const char *[]){"mirror", FILES, "--until-end", "--until-lag", "0", NULL}, "one of them, not both"},
                {(const char *[]){"mirror", FILES, "--until", "soon", NULL}, "--until: "},
                {(const char *[]){"mirror", SERVERS, "--consumer.property", "novalue", NULL}, "expected KEY=VALUE"},
                {(const char *[]){"mirror", "--config", "f", "--group", "g", NULL}, "--group does not go with --config"},
                {(const char *[]){"mirror", "--config", "f", "a->b", "c->d", NULL}, "unexpected argument 'c->d'"},
                {(const char *[]){"mirror", SERVERS, "--topics=", NULL}, "given twice"},
                {(const char *[]){"mirror", SERVERS, "--compare", NULL}, "--compare goes with --until-end"},
                {(const char *[]){"mirror", SERVERS, "--until-end", "--compare", "--no-verify", NULL}, "one of them, not both"},
                {(const char *[]){"mirror", SERVERS, "-x", NULL}, "unknown option"},
                {(const char *[]){"mirror", SERVERS, "-o", "yaml", NULL}, "expected table or json"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct mirror_args args = {.streams = 77};
                char err[256] = "";
                assert_int_equal(parse(rows[i].argv, &args, err, sizeof err), ERR_INVALID);
                if (!strstr(err, rows[i].text)) print_error("row %zu: '%s' is not in '%s'\n", i, rows[i].text, err);
                assert_non_null(strstr(err, rows[i].text));
                assert_int_equal(args.streams, 77); /* untouched on failure */
        }
}

/* ---- files ---- */

static int build(const char *consumer, const char *producer, struct mirror_config *out, char *err, size_t size) {
        struct mirror_args args;
        char why[256];
        struct mirror_file c = {"consumer.properties", consumer, strlen(consumer)};
        struct mirror_file p = {"producer.properties", producer, strlen(producer)};
        assert_int_equal(parse((const char *[]){"mirror", FILES, NULL}, &args, why, sizeof why), 0);
        return mirror_config_build(&args, &c, &p, out, err, size);
}

static void test_files_become_a_route(void **state) {
        struct mirror_config built;
        struct config config;
        char err[512];
        (void)state;
        assert_int_equal(build("# the source\nbootstrap.servers = a:1,b:1\ngroup.id=mirrorgroup\n"
                               "auto.offset.reset=earliest\nfetch.min.bytes=7\nssl.key.password=a\\\\b c\n",
                               "bootstrap.servers=c:2\nacks=all\ncompression.type=none\n",
                               &built, err, sizeof err), 0);
        assert_true(built.has_group);
        assert_int_equal(built.note_count, 0);
        assert_int_equal(config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, err, sizeof err), 0);
        assert_int_equal(config.route_count, 1);
        assert_string_equal(config.routes[0].name, MIRROR_ROUTE);
        assert_string_equal(config.routes[0].group_id, "mirrorgroup");
        assert_string_equal(config.routes[0].topics, "t");
        assert_true(config.routes[0].enabled);
        assert_true(built.has_start);
        assert_string_equal(config.routes[0].start_from, "earliest");
        assert_string_equal(config_cluster(&config, "source")->bootstrap_servers, "a:1,b:1");
        assert_string_equal(config_cluster(&config, "destination")->bootstrap_servers, "c:2");
        bool password = false;
        for (size_t i = 0; i < config_property_count(&config); i++) {
                const struct config_property *at = config_property_at(&config, i);
                if (strcmp(at->name, "ssl.key.password") != 0) continue;
                password = true;
                assert_string_equal(at->value, "a\\b c");
                assert_string_equal(mirror_config_where(&built, at->line)->file, "consumer.properties");
                assert_int_equal(mirror_config_where(&built, at->line)->line, 6);
        }
        assert_true(password);
        config_fini(&config);
        mirror_config_fini(&built);
}

static void test_latest(void **state) {
        struct mirror_config built;
        struct config config;
        char err[512];
        (void)state;
        assert_int_equal(build("bootstrap.servers=a:1\nauto.offset.reset=largest\n", "bootstrap.servers=c:2\n", &built, err,
                               sizeof err), 0);
        assert_int_equal(config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, err, sizeof err), 0);
        assert_string_equal(config.routes[0].start_from, "latest");
        config_fini(&config);
        mirror_config_fini(&built);
}

static void test_notes(void **state) {
        static const struct {
                const char *consumer, *producer, *key, *text;
        } rows[] = {
                {"enable.auto.commit=true", "", "enable.auto.commit", "always 'false'"},
                {"auto.commit.enable=true", "", "auto.commit.enable", "acknowledged"},
                {"zookeeper.connect=zk:2181", "", "zookeeper.connect", "directly"},
                {"zookeeper.session.timeout.ms=1", "", "zookeeper.session.timeout.ms", "no ZooKeeper"},
                {"check.crcs=false", "", "check.crcs", "corrupt"},
                {"", "acks=1", "acks", "always 'all'"},
                {"", "enable.idempotence=false", "enable.idempotence", "always 'true'"},
                {"", "request.required.acks=1", "request.required.acks", "all"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct mirror_config built;
                char consumer[256], producer[256], err[512] = "";
                (void)snprintf(consumer, sizeof consumer, "bootstrap.servers=a:1\n%s\n", rows[i].consumer);
                (void)snprintf(producer, sizeof producer, "bootstrap.servers=b:1\n%s\n", rows[i].producer);
                if (build(consumer, producer, &built, err, sizeof err)) fail_msg("row %zu: %s", i, err);
                assert_int_equal(built.note_count, 1);
                assert_string_equal(built.notes[0].where.key, rows[i].key);
                assert_int_equal(built.notes[0].where.line, 2);
                assert_non_null(strstr(built.notes[0].text, rows[i].text));
                assert_false(built.has_group);
                mirror_config_fini(&built);
        }
}

static void test_files_refused(void **state) {
        static const struct {
                const char *consumer, *producer, *text;
        } rows[] = {
                {"group.id=g", "bootstrap.servers=b:1", "consumer.properties: bootstrap.servers is missing"},
                {"bootstrap.servers=a:1", "", "producer.properties: bootstrap.servers is missing"},
                {"zookeeper.connect=zk:2181\ngroup.id=g", "bootstrap.servers=b:1",
                 "consumer.properties:1: zookeeper.connect: a setting of Kafka's old consumer"},
                {"bootstrap.servers=a:1\nauto.offset.reset=none", "bootstrap.servers=b:1",
                 "consumer.properties:2: auto.offset.reset: expected earliest or latest"},
                {"bootstrap.servers=a:1\nbootstrap.servers=a:2", "bootstrap.servers=b:1", "consumer.properties:2: "},
                {"bootstrap.servers=a:1\nx=\\u12", "bootstrap.servers=b:1", "consumer.properties:2: "},
                {"bootstrap.servers=a:1\nmirror.topics.whitelist=x", "bootstrap.servers=b:1", "use --whitelist"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct mirror_config built;
                char err[512] = "";
                assert_int_equal(build(rows[i].consumer, rows[i].producer, &built, err, sizeof err), ERR_INVALID);
                if (!strstr(err, rows[i].text)) print_error("row %zu: '%s' is not in '%s'\n", i, rows[i].text, err);
                assert_non_null(strstr(err, rows[i].text));
        }
}

/* A message about the text names what the user wrote. */
static void test_messages_are_told_of_the_files(void **state) {
        struct mirror_config built;
        struct config config;
        char err[512], told[512];
        (void)state;
        assert_int_equal(build("bootstrap.servers=a:1\n\ngroup.id=g\n", "x=1\nbootstrap.servers=nonsense\n", &built, err,
                               sizeof err), 0);
        assert_int_equal(config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, err, sizeof err), ERR_INVALID);
        mirror_config_explain(&built, err, told, sizeof told);
        assert_string_equal(told, "producer.properties:2: bootstrap.servers: expected 'host:port,host:port', not 'nonsense'");
        mirror_config_explain(&built, "mirror: client settings of 'source': bad", told, sizeof told);
        assert_string_equal(told, "client settings of 'source': bad");
        mirror_config_explain(&built, "mirror:4: source.x: did you mean 'source.y'?", told, sizeof told);
        assert_string_equal(told, "consumer.properties:3: group.id: did you mean 'y'?");
        mirror_config_explain(&built, "mirror:999: x: bad", told, sizeof told);
        assert_string_equal(told, "mirror:999: x: bad");
        mirror_config_fini(&built);
}

static void test_servers_become_a_route(void **state) {
        struct mirror_args args;
        struct mirror_config built;
        struct config config;
        char err[512], told[512];
        (void)state;
        assert_int_equal(parse((const char *[]){"mirror", "--from", "a:1", "--to", "b:2", "--topics", "\"a.*, b\\.c\"",
                                          "--exclude", ".*x", "--consumer.property", "fetch.min.bytes=9",
                                          "--producer.property", "linger.ms=1", "--exactly-once",
                                          "--offset.commit.interval.ms", "600000", NULL}, &args, err, sizeof err), 0);
        assert_int_equal(mirror_config_build(&args, NULL, NULL, &built, err, sizeof err), 0);
        assert_false(built.has_group);
        assert_int_equal(built.note_count, 1); /* the interval */
        assert_int_equal(config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, err, sizeof err), 0);
        assert_string_equal(config.routes[0].topics, "a.*, b\\.c");
        assert_string_equal(config.routes[0].topics_exclude, ".*x");
        assert_string_equal(config.routes[0].delivery_guarantee, "exactly-once");
        assert_int_equal(config.routes[0].offset_commit_interval_ms, MIRROR_COMMIT_INTERVAL_MAX_MS);
        config_fini(&config);
        mirror_config_fini(&built);

        assert_int_equal(parse((const char *[]){"mirror", "--from", "a", "--to", "b:2", "--topics", "t", NULL}, &args, err,
                               sizeof err), 0);
        assert_int_equal(mirror_config_build(&args, NULL, NULL, &built, err, sizeof err), 0);
        assert_int_equal(config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, err, sizeof err), ERR_INVALID);
        mirror_config_explain(&built, err, told, sizeof told);
        assert_string_equal(told, "--from: expected 'host:port,host:port', not 'a'");
        mirror_config_fini(&built);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_option),
                cmocka_unit_test(test_accepted),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_files_become_a_route),
                cmocka_unit_test(test_latest),
                cmocka_unit_test(test_notes),
                cmocka_unit_test(test_files_refused),
                cmocka_unit_test(test_messages_are_told_of_the_files),
                cmocka_unit_test(test_servers_become_a_route),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
