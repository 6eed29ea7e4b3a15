#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_print.h"
#include "common/kafka_settings.h"
#include "common/kafka_token.h"
#include "common/log.h"
#include "tests/unit/test.h"

#define NO_OIDC "the linked librdkafka was built without OIDC; use sasl.oauthbearer.token.file or sasl.oauthbearer.token.command"
#define STORES SOURCE_ROOT "/tests/unit/stores/"
#define BASE \
        "clusters = east, west\n" \
        "east.bootstrap.servers = e1:9092\n" \
        "west.bootstrap.servers = w1:9092\n" \
        "east->west.enabled = true\n"

static void load(const char *text, struct config *config) {
        char err[CONFIG_ERROR_MAX] = "";
        int rc = config_parse("f", text, strlen(text), config, err, sizeof err);
        if (rc) print_error("%s\n", err);
        assert_int_equal(rc, 0);
}

static void check_value(const rd_kafka_conf_t *conf, const char *name, const char *expect) {
        char value[256] = "";
        size_t size = sizeof value;
        if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK) {
                /* of a topic: in the default topic configuration */
                rd_kafka_topic_conf_t *topic =
                        rd_kafka_conf_get_default_topic_conf((rd_kafka_conf_t *)(uintptr_t)conf);
                assert_non_null(topic);
                size = sizeof value;
                assert_int_equal(rd_kafka_topic_conf_get(topic, name, value, &size), RD_KAFKA_CONF_OK);
        }
        if (strcmp(value, expect) != 0) print_error("%s\n", name);
        assert_string_equal(value, expect);
}

static rd_kafka_conf_t *fill(const struct config *c, const char *alias, const char *route,
                             enum client_role role, const struct kafka_setting *extra) {
        char err[CONFIG_ERROR_MAX] = "";
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        int rc = kafka_settings_fill(c, alias, route, role, extra, conf, err, sizeof err);
        if (rc) print_error("%s\n", err);
        assert_int_equal(rc, 0);
        return conf;
}

static void defaults_and_fixed_settings(void **state) {
        (void)state;
        struct config c;
        load(BASE, &c);
        rd_kafka_conf_t *conf = fill(&c, "east", "east->west", CLIENT_CONSUMER, NULL);
        static const char *const consumer[][2] = {
                {"bootstrap.servers", "e1:9092"},      {"enable.auto.commit", "false"},
                {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
                {"check.crcs", "true"},                {"enable.partition.eof", "true"},
                {"allow.auto.create.topics", "false"}, {"isolation.level", "read_committed"},
                {"fetch.wait.max.ms", "500"},
                {"client.id", "heliostat"},            {"socket.nagle.disable", "true"},
                {"socket.receive.buffer.bytes", "0"},
        };
        for (size_t i = 0; i < sizeof consumer / sizeof *consumer; i++)
                check_value(conf, consumer[i][0], consumer[i][1]);
        rd_kafka_conf_destroy(conf);
        conf = fill(&c, "west", "east->west", CLIENT_PRODUCER, NULL);
        static const char *const producer[][2] = {
                {"bootstrap.servers", "w1:9092"},     {"acks", "-1"},
                {"enable.idempotence", "true"},       {"max.in.flight.requests.per.connection", "5"},
                {"message.max.bytes", "104857600"},   {"linger.ms", "5"},
                {"batch.num.messages", "10000"},      {"queue.buffering.max.messages", "10000000"},
                {"queue.buffering.max.kbytes", "2097151"}, {"delivery.report.only.error", "false"},
                {"topic.metadata.refresh.interval.ms", "30000"}, {"reconnect.backoff.max.ms", "2000"},
                {"socket.send.buffer.bytes", "0"},
        };
        for (size_t i = 0; i < sizeof producer / sizeof *producer; i++)
                check_value(conf, producer[i][0], producer[i][1]);
        rd_kafka_conf_destroy(conf);
        config_fini(&c);
}

static void settings_are_translated_and_overridden(void **state) {
        (void)state;
        static const struct {
                const char *line; /* of the file */
                enum client_role role;
                const char *name, *value;
        } rows[] = {
                {"east.fetch.max.wait.ms = 100", CLIENT_CONSUMER, "fetch.wait.max.ms", "100"},
                {"east.consumer.fetch.wait.max.ms = 100", CLIENT_CONSUMER, "fetch.wait.max.ms", "100"},
                {"east.request.timeout.ms = 7000", CLIENT_CONSUMER, "socket.timeout.ms", "7000"},
                {"east.request.timeout.ms = 7000", CLIENT_ADMIN, "socket.timeout.ms", "7000"},
                {"east.request.timeout.ms = 7000", CLIENT_PRODUCER, "request.timeout.ms", "7000"},
                {"east.metadata.max.age.ms = 5000", CLIENT_PRODUCER, "topic.metadata.refresh.interval.ms", "5000"},
                {"east.buffer.memory = 33554432", CLIENT_PRODUCER, "queue.buffering.max.kbytes", "32768"},
                {"east.max.request.size = 2000000", CLIENT_PRODUCER, "message.max.bytes", "2000000"},
                {"east.send.buffer.bytes = -1", CLIENT_PRODUCER, "socket.send.buffer.bytes", "0"},
                {"east.receive.buffer.bytes = 65536", CLIENT_CONSUMER, "socket.receive.buffer.bytes", "65536"},
                {"east.isolation.level = read_uncommitted", CLIENT_CONSUMER, "isolation.level", "read_uncommitted"},
                {"east.max.partition.fetch.bytes = 5000", CLIENT_CONSUMER, "fetch.message.max.bytes", "1048576"},
                {"east.message.max.bytes = 2000000", CLIENT_CONSUMER, "message.max.bytes", "1000000"},
                {"east.message.max.bytes = 2000000", CLIENT_PRODUCER, "message.max.bytes", "2000000"},
                {"east.producer.compression.type = zstd", CLIENT_PRODUCER, "compression.codec", "zstd"},
                {"east.producer.linger.ms = 0", CLIENT_PRODUCER, "queue.buffering.max.ms", "0"},
                {"east.ssl.endpoint.identification.algorithm =", CLIENT_CONSUMER, "ssl.endpoint.identification.algorithm", "none"},
                {"east.client.id = x", CLIENT_ADMIN, "client.id", "x"},
                /* placeholders, put in when the client is made */
                {"east.client.id = a-${env:HELIOSTAT_TEST_SET}", CLIENT_ADMIN, "client.id", "a-many-canaries"},
                {"east.sasl.password = ${env:HELIOSTAT_TEST_SET}", CLIENT_ADMIN, "sasl.password", "many-canaries"},
                /* stores and login modules */
                {"east.ssl.truststore.location = " STORES "root.pem\neast.ssl.truststore.type = JKS", CLIENT_ADMIN, "ssl.ca.location", STORES "root.pem"},
                {"east.ssl.keystore.location = " STORES "chain.pem\neast.ssl.keystore.type = PEM", CLIENT_ADMIN, "ssl.key.location", STORES "chain.pem"},
                {"east.ssl.keystore.location = " STORES "chain.pem", CLIENT_ADMIN, "ssl.certificate.location", STORES "chain.pem"},
                {"east.sasl.mechanism = SCRAM-SHA-512\neast.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" \\\n password=\"${env:HELIOSTAT_TEST_SET}\";", CLIENT_ADMIN, "sasl.password", "many-canaries"},
                {"east.security.protocol = SASL_SSL\neast.sasl.mechanism = OAUTHBEARER\neast.sasl.oauthbearer.token.file = /t", CLIENT_ADMIN, "sasl.oauthbearer.config", "file:/t"},
                {"east.security.protocol = SASL_SSL\neast.sasl.mechanism = OAUTHBEARER\neast.sasl.oauthbearer.token.command = a b", CLIENT_CONSUMER, "sasl.oauthbearer.config", "command:a b"},
                /* settings of the other kind of client, for all: left out */
                {"east.linger.ms = 7", CLIENT_CONSUMER, "fetch.wait.max.ms", "500"},
                {"east.fetch.min.bytes = 7", CLIENT_PRODUCER, "linger.ms", "5"},
                {"east.linger.ms = 7", CLIENT_ADMIN, "socket.nagle.disable", "true"},
                /* ignored */
                {"east.metrics.num.samples = 3", CLIENT_CONSUMER, "client.id", "heliostat"},
                {"east.consumer.max.poll.records = 3", CLIENT_CONSUMER, "client.id", "heliostat"},
                {"east.consumer.session.timeout.ms = 3", CLIENT_CONSUMER, "client.id", "heliostat"},
                {"east.client.dns.lookup = use_all_dns_ips", CLIENT_CONSUMER, "client.id", "heliostat"},
                {"east.consumer.key.deserializer = org.apache.kafka.common.serialization.ByteArrayDeserializer",
                 CLIENT_CONSUMER, "client.id", "heliostat"},
                /* a fixed setting given as it is */
                {"east.producer.acks = all", CLIENT_PRODUCER, "acks", "-1"},
                {"east.acks = -1", CLIENT_PRODUCER, "acks", "-1"},
                {"east.consumer.auto.offset.reset = none", CLIENT_CONSUMER, "auto.offset.reset", "error"},
                {"east.enable.auto.commit = false", CLIENT_CONSUMER, "enable.auto.commit", "false"},
                /* the more specific wins, whichever name it uses */
                {"east.fetch.wait.max.ms = 1\neast.consumer.fetch.max.wait.ms = 2", CLIENT_CONSUMER, "fetch.wait.max.ms", "2"},
                {"east.consumer.fetch.max.wait.ms = 2\neast.fetch.wait.max.ms = 1", CLIENT_CONSUMER, "fetch.wait.max.ms", "2"},
                {"east->west.consumer.fetch.max.wait.ms = 3\neast.consumer.fetch.wait.max.ms = 2", CLIENT_CONSUMER, "fetch.wait.max.ms", "3"},
        };
        assert_int_equal(setenv("HELIOSTAT_TEST_SET", "many-canaries", 1), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[1024];
                struct config c;
                (void)snprintf(text, sizeof text, BASE "%s\n", rows[i].line);
                load(text, &c);
                rd_kafka_conf_t *conf = fill(&c, "east", "east->west", rows[i].role, NULL);
                check_value(conf, rows[i].name, rows[i].value);
                rd_kafka_conf_destroy(conf);
                config_fini(&c);
        }
}

static void computed_values_come_before_fixed_ones(void **state) {
        (void)state;
        struct config c;
        load(BASE "east.consumer.queued.max.messages.kbytes = 5\n", &c);
        const struct kafka_setting extra[] = {
                {"group.id", "g"}, {"queued.max.messages.kbytes", "1000"}, {"enable.auto.commit", "true"}, {NULL, NULL}};
        rd_kafka_conf_t *conf = fill(&c, "east", "east->west", CLIENT_CONSUMER, extra);
        check_value(conf, "group.id", "g");
        check_value(conf, "queued.max.messages.kbytes", "1000");
        check_value(conf, "enable.auto.commit", "false");
        rd_kafka_conf_destroy(conf);
        config_fini(&c);
}

static void bad_settings(void **state) {
        (void)state;
        static const struct {
                const char *line, *message;
        } rows[] = {
                {"east.fetch.min.byte = 1", "f:5: east.fetch.min.byte: unknown client setting; did you mean 'east.fetch.min.bytes'?"},
                {"east.consumer.fetch.min.byte = 1", "f:5: east.consumer.fetch.min.byte: unknown client setting; did you mean 'east.consumer.fetch.min.bytes'?"},
                {"east->west.producer.liger.ms = 1", "f:5: east->west.producer.liger.ms: unknown client setting; did you mean 'east->west.producer.linger.ms'?"},
                {"east.fetch.max.wait.m = 1", "f:5: east.fetch.max.wait.m: unknown client setting; did you mean 'east.fetch.max.wait.ms'?"},
                {"east.qwertyuiop = 1", "f:5: east.qwertyuiop: unknown client setting"},
                {"east.dr_msg_cb = 1", "f:5: east.dr_msg_cb: unknown client setting"},
                {"east.consumer.linger.ms = 1", "f:5: east.consumer.linger.ms: a setting of producers only; expected one of consumers"},
                {"east.producer.fetch.min.bytes = 1", "f:5: east.producer.fetch.min.bytes: a setting of consumers only; expected one of producers"},
                {"east.producer.max.poll.records = 1", "f:5: east.producer.max.poll.records: a setting of consumers only; expected one of producers"},
                {"east.admin.linger.ms = 1", "f:5: east.admin.linger.ms: a setting of producers only; expected one of other clients"},
                {"east.enable.auto.commit = true", "f:5: east.enable.auto.commit: is always 'false' here and cannot be changed: only positions whose records were acknowledged are committed"},
                {"west.producer.acks = 1", "f:5: west.producer.acks: is always 'all' here and cannot be changed: no record is lost when a broker is"},
                {"west.producer.request.required.acks = 0", "f:5: west.producer.request.required.acks: is always 'all' here and cannot be changed: no record is lost when a broker is"},
                {"west.enable.idempotence = false", "f:5: west.enable.idempotence: is always 'true' here and cannot be changed: order is kept when a request is repeated"},
                {"east.group.id = g", "f:5: east.group.id: set the route's group.id"},
                {"east.consumer.zookeeper.connect = a:1", "f:5: east.consumer.zookeeper.connect: a setting of Kafka's old consumer; use bootstrap.servers"},
                {"east.interceptor.classes = a", "f:5: east.interceptor.classes: Java classes cannot run here"},
                {"east.sasl.login.class = a", "f:5: east.sasl.login.class: Java classes cannot run here"},
                {"east.sasl.jaas.config = top secret", "f:5: east.sasl.jaas.config: unknown login module; expected Kafka's PlainLoginModule, ScramLoginModule or OAuthBearerLoginModule, or Krb5LoginModule"},
                {"east.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username=u password=p;",
                 "f:5: east.sasl.jaas.config: PlainLoginModule goes with sasl.mechanism = PLAIN, not GSSAPI"},
                {"east.ssl.truststore.location = /nowhere/a", "f:5: east.ssl.truststore.location: cannot read /nowhere/a: No such file or directory"},
                {"east.ssl.truststore.location = " STORES "trust.jks\neast.ssl.truststore.password = x", "f:6: east.ssl.truststore.password: " STORES "trust.jks: the password is wrong, or the store is damaged"},
                {"east.ssl.truststore.location = " STORES "make", "f:5: east.ssl.truststore.location: " STORES "make: expected a PKCS12, JKS or PEM store"},
                {"east.ssl.keystore.location = " STORES "identity.jks", "f:5: east.ssl.keystore.location: a JKS key store, whose keys only Java can read; convert it once: keytool -importkeystore -srckeystore " STORES "identity.jks -destkeystore " STORES "identity.p12 -deststoretype PKCS12"},
                {"east.security.protocol = sasl_ssl\neast.sasl.mechanism = OAUTHBEARER", "f: client settings of 'east': OAUTHBEARER needs sasl.oauthbearer.token.file, sasl.oauthbearer.token.command or, where librdkafka has it, sasl.oauthbearer.method = oidc"},
                {"east.sasl.oauthbearer.method = oidc", "f:5: east.sasl.oauthbearer.method: " NO_OIDC},
                {"east.sasl.oauthbearer.client.secret = hush", "f:5: east.sasl.oauthbearer.client.secret: " NO_OIDC},
                {"east.sasl.mechanism = OAUTHBEARER\neast.sasl.jaas.config = org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId=i clientSecret=hush;",
                 "f:6: east.sasl.jaas.config: clientId and clientSecret: " NO_OIDC},
                {"east.sasl.oauthbearer.token.file = a\neast.sasl.oauthbearer.token.command = b", "f:6: east.sasl.oauthbearer.token.command: expected this or sasl.oauthbearer.token.file, not both"},
                {"east.key.deserializer = org.apache.kafka.common.serialization.StringDeserializer",
                 "f:5: east.key.deserializer: records are mirrored byte by byte; expected ByteArraySerializer or ByteArrayDeserializer, or nothing"},
                {"east.fetch.min.bytes = x", "f:5: east.fetch.min.bytes: expected 1 .. 100000000, not 'x'"},
                {"east.fetch.min.bytes = 0", "f:5: east.fetch.min.bytes: expected 1 .. 100000000, not '0'"},
                {"east.consumer.fetch.max.wait.ms = long", "f:5: east.consumer.fetch.max.wait.ms: expected 0 .. 300000, as fetch.wait.max.ms has it, not 'long'"},
                {"east.consumer.request.timeout.ms = 5", "f:5: east.consumer.request.timeout.ms: expected 10 .. 300000, as socket.timeout.ms has it, not '5'"},
                {"east.socket.keepalive.enable = perhaps", "f:5: east.socket.keepalive.enable: expected true or false, not 'perhaps'"},
                {"west.transaction.two.phase.commit.enable = true", "f:5: west.transaction.two.phase.commit.enable: expected false: no other system takes part in transactions"},
                {"west.sasl.oauthbearer.assertion.file = a", "f:5: west.sasl.oauthbearer.assertion.file: not in the linked librdkafka"},
                {"east.buffer.memory = much", "f:5: east.buffer.memory: expected a number of bytes, at least 1024, not 'much'"},
                {"east.security.protocol = tls", "f:5: east.security.protocol: expected plaintext, ssl, sasl_plaintext, sasl_ssl, not 'tls'"},
                /* found only when a client is made */
                {"west.max.in.flight = 6", "f: client settings of 'west': `max.in.flight` must be set <= 5 when `enable.idempotence` is true"},
                {"west.producer.linger.ms = 6000", "f: client settings of 'west': `message.timeout.ms` must be greater than `linger.ms`"},
                {"east.consumer.receive.message.max.bytes = 1000000", "f: client settings of 'east': "},
                {"east.security.protocol = ssl\neast.ssl.ca.location = /nowhere/ca.pem", "f: client settings of 'east': "},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (kafka_token_oidc() && strstr(rows[i].message, NO_OIDC)) continue;
                char text[1024], err[CONFIG_ERROR_MAX] = "";
                struct config c;
                (void)snprintf(text, sizeof text, BASE "%s\n", rows[i].line);
                load(text, &c);
                int rc = kafka_config_check(&c, err, sizeof err);
                if (rc != ERR_INVALID || strncmp(err, rows[i].message, strlen(rows[i].message)))
                        print_error("row %zu: %d\n  %s\n  %s\n", i, rc, err, rows[i].message);
                assert_int_equal(rc, ERR_INVALID);
                assert_int_equal(strncmp(err, rows[i].message, strlen(rows[i].message)), 0);
                assert_null(strstr(err, "top secret"));
                config_fini(&c);
        }
}

static void secrets_stay_out_of_messages(void **state) {
        (void)state;
        struct config c;
        char err[CONFIG_ERROR_MAX] = "";
        load(BASE "east.ssl.key.pem = hush-hush\neast.security.protocol = ssl\n", &c);
        assert_int_equal(kafka_config_check(&c, err, sizeof err), ERR_INVALID);
        assert_null(strstr(err, "hush"));
        config_fini(&c);
}

/* An alias may sound like a secret: what its numbers may be is said all the same. */
static void an_alias_that_sounds_like_a_secret(void **state) {
        (void)state;
        struct config c;
        char err[CONFIG_ERROR_MAX] = "";
        load("clusters = tokens, west\ntokens.bootstrap.servers = e1:9092\nwest.bootstrap.servers = w1:9092\n"
             "tokens->west.enabled = true\ntokens.fetch.min.bytes = many\n", &c);
        assert_int_equal(kafka_config_check(&c, err, sizeof err), ERR_INVALID);
        assert_string_equal(err, "f:5: tokens.fetch.min.bytes: invalid value");
        config_fini(&c);
}

/* A password where a path belongs. */
static void a_secret_in_place_of_a_path(void **state) {
        (void)state;
        static const char *const names[] = {"ssl.truststore.location", "ssl.keystore.location"};
        assert_int_equal(setenv("HELIOSTAT_TEST_SECRET", "hush-hush", 1), 0);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct config c;
                char text[512], err[CONFIG_ERROR_MAX] = "", expect[200];
                (void)snprintf(text, sizeof text, BASE "east.%s = ${env:HELIOSTAT_TEST_SECRET}\n", names[i]);
                (void)snprintf(expect, sizeof expect, "f:5: east.%s: cannot read what the placeholder stands for: No such file or directory", names[i]);
                load(text, &c);
                assert_int_equal(kafka_config_check(&c, err, sizeof err), ERR_INVALID);
                assert_string_equal(err, expect);
                config_fini(&c);
        }
        assert_int_equal(unsetenv("HELIOSTAT_TEST_SECRET"), 0);
}

static void good_files_pass(void **state) {
        (void)state;
        static const char *const rows[] = {
                "",
                "east.retries = 5\n",
                ("west.security.protocol = SASL_SSL\nwest.sasl.mechanism = PLAIN\n"
                 "west.sasl.username = u\nwest.sasl.password = p\n"),
                "west.security.protocol = SASL_PLAINTEXT\n", /* GSSAPI: must not call kinit here */
                "east.message.max.bytes = 200000000\n",
                "west.producer.batch.size = 100000\nwest.producer.delivery.timeout.ms = 2147483647\n",
                "east.consumer.partition.assignment.strategy = org.apache.kafka.clients.consumer.RangeAssignor\n",
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[1024], err[CONFIG_ERROR_MAX] = "";
                struct config c;
                (void)snprintf(text, sizeof text, BASE "%s", rows[i]);
                load(text, &c);
                int rc = kafka_config_check(&c, err, sizeof err);
                if (rc) print_error("%s\n", err);
                assert_int_equal(rc, 0);
                config_fini(&c);
        }
}

static void what_has_no_effect_is_said(void **state) {
        (void)state;
        static const struct {
                const char *line;
                bool ignored;
        } rows[] = {
                {"east.metrics.num.samples = 1", true},
                {"east.max.poll.records = 1", true},
                {"east.session.timeout.ms = 1", true},
                {"east.retries = 1", false},
                {"east.admin.retries = 1", true},
                {"east.producer.retries = 1", false},
                {"east.client.dns.lookup = x", true},
                {"east.message.max.bytes = 1000", false},
                {"east.consumer.message.max.bytes = 1000", true},
                {"east.fetch.max.bytes = 1000", true},
                {"east.delivery.timeout.ms = 1000", true},
                {"east.request.timeout.ms = 1000", false},
                {"east.linger.ms = 1000", false},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[1024];
                struct config c;
                (void)snprintf(text, sizeof text, BASE "%s\n", rows[i].line);
                load(text, &c);
                const struct config_property *p =
                        config_property_at(&c, config_property_count(&c) - 1);
                if (!kafka_settings_ignored(p) == rows[i].ignored) print_error("%s\n", rows[i].line);
                assert_int_equal(kafka_settings_ignored(p) != NULL, rows[i].ignored);
                config_fini(&c);
        }
}

static void hook(rd_kafka_conf_t *conf, void *ctx) {
        (void)conf;
        ++*(int *)ctx;
}

static void a_client_is_made(void **state) {
        (void)state;
        struct config c;
        char err[CONFIG_ERROR_MAX] = "";
        rd_kafka_t *client = NULL;
        int called = 0;
        const struct kafka_setting extra[] = {{"group.id", "g"}, {NULL, NULL}};
        load("clusters = east\neast.bootstrap.servers = 127.0.0.1:1\n", &c);
        assert_int_equal(kafka_client_new(&c, "east", NULL, CLIENT_CONSUMER, extra, hook, &called, &client, err,
                                          sizeof err), 0);
        assert_int_equal(called, 1);
        assert_int_equal(rd_kafka_type(client), RD_KAFKA_CONSUMER);
        rd_kafka_destroy(client);
        client = (void *)1;
        assert_int_equal(kafka_client_new(&c, "north", NULL, CLIENT_ADMIN, NULL, NULL, NULL, &client, err,
                                          sizeof err), ERR_NOT_FOUND);
        assert_string_equal(err, "f: unknown alias 'north', not in 'clusters'");
        const struct kafka_setting wrong[] = {{"no.such.thing", "g"}, {NULL, NULL}};
        assert_int_equal(kafka_client_new(&c, "east", NULL, CLIENT_ADMIN, wrong, NULL, NULL, &client, err,
                                          sizeof err), ERR_INVALID);
        assert_ptr_equal(client, (void *)1);
        config_fini(&c);
}

static void write_text(const char *path, const char *text) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) != EOF && fclose(file) == 0);
}

static uint64_t print_of(const char *text, const char *route, const char *source, const char *destination) {
        struct config c;
        load(text, &c);
        uint64_t print = kafka_route_print(&c, route, source, destination);
        config_fini(&c);
        return print;
}

static void prints_tell_clients_apart(void **state) {
        (void)state;
        static const struct {
                const char *change;
                bool east_west, west_north; /* differ */
        } rows[] = {
                {"", false, false},
                {"log.level = debug\n", false, false},
                {"east->west.topics = other\n", false, false},
                {"west.linger.ms = 9\n", true, false},          /* of a producer: west->north only reads there */
                {"west.consumer.fetch.wait.max.ms = 9\n", false, true},
                {"west.socket.keepalive.enable = true\n", true, true},
                {"east->west.producer.linger.ms = 9\n", true, false},
                {"west->north.producer.linger.ms = 9\n", false, true},
                {"east.admin.socket.timeout.ms = 9000\n", false, false}, /* no lane has one */
                {"north.bootstrap.servers = n2:9092\n", false, true},
        };
#define THREE "clusters = east, west, north\neast.bootstrap.servers = e:1\nwest.bootstrap.servers = w:1\n"
#define NORTH "north.bootstrap.servers = n:1\n"
        uint64_t first = print_of(THREE NORTH, "east->west", "east", "west"),
                 second = print_of(THREE NORTH, "west->north", "west", "north");
        assert_true(first && second && first != second);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[1000];
                (void)snprintf(text, sizeof text, THREE "%s%s", strstr(rows[i].change, "north.boot") ? "" : NORTH, rows[i].change);
                if ((print_of(text, "east->west", "east", "west") != first) != rows[i].east_west ||
                    (print_of(text, "west->north", "west", "north") != second) != rows[i].west_north)
                        fail_msg("%s", rows[i].change);
        }
        /* what placeholders and files stand for, though the text is the same */
        char path[] = "/tmp/heliostat-print-XXXXXX", text[500];
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        (void)close(fd);
        (void)snprintf(text, sizeof text,
                       THREE NORTH "west.security.protocol = SASL_PLAINTEXT\nwest.sasl.mechanism = PLAIN\n"
                                   "west.sasl.username = u\nwest.sasl.password = ${file:%s:pw}\n", path);
        write_text(path, "pw = one\n");
        uint64_t one = print_of(text, "east->west", "east", "west");
        assert_true(one && one == print_of(text, "east->west", "east", "west"));
        write_text(path, "pw = two\n");
        uint64_t two = print_of(text, "east->west", "east", "west");
        assert_true(two && two != one);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(print_of(text, "east->west", "east", "west"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_and_fixed_settings),
                cmocka_unit_test(settings_are_translated_and_overridden),
                cmocka_unit_test(computed_values_come_before_fixed_ones),
                cmocka_unit_test(bad_settings),
                cmocka_unit_test(secrets_stay_out_of_messages),
                cmocka_unit_test(an_alias_that_sounds_like_a_secret),
                cmocka_unit_test(a_secret_in_place_of_a_path),
                cmocka_unit_test(good_files_pass),
                cmocka_unit_test(what_has_no_effect_is_said),
                cmocka_unit_test(a_client_is_made),
                cmocka_unit_test(prints_tell_clients_apart),
        };
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
