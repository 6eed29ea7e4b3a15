#include <stdio.h>
#include <string.h>

#include "common/kafka_trouble.h"
#include "tests/unit/test.h"

/* Lines as librdkafka 2.0.2 writes them. */
static void lines_become_texts_for_people(void **state) {
        (void)state;
        static const struct {
                const char *facility, *line;
                int weight;
                const char *text;
        } rows[] = {
                {"FAIL", "[thrd:sasl_ssl://h:1/bootstrap]: sasl_ssl://h:1/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 311ms in state AUTH_REQ)",
                 2, "h:1: SASL authentication error: Authentication failed: Invalid username or password"},
                {"FAIL", "[thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 0ms in state APIVERSION_QUERY)",
                 2, "h:1: the broker refuses the client's certificate, or wants one: ssl.keystore.location (Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number)"},
                {"FAIL", "[thrd:h:1/bootstrap]: h:1/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10 (see api.version.request) (after 1ms in state APIVERSION_QUERY)",
                 2, "h:1: the listener speaks TLS, or is no Kafka: see security.protocol (Disconnected while requesting ApiVersion: might be caused by incorrect security.protocol c)"},
                {"FAIL", "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
                 1, "h:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused"},
                {"FAIL", "[thrd:h:1/1]: h:1/1: Disconnected\n", 1, "h:1: Disconnected?"},
                {"FAIL", "", 1, ": "},
                {"ERROR", "[thrd:background]: Failed to acquire SASL OAUTHBEARER token: no OAUTHBEARER token from the command: the command ended with exit code 3",
                 2, "no OAUTHBEARER token from the command: the command ended with exit code 3"},
                {"ERROR", "[thrd:h:1/bootstrap]: 1/1 brokers are down", 0, NULL},
                {"TERM", "[thrd:app]: Terminating", 0, NULL},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[KAFKA_TROUBLE_MAX] = "";
                assert_int_equal(kafka_trouble_text(rows[i].facility, rows[i].line, text, sizeof text), rows[i].weight);
                if (rows[i].text) assert_string_equal(text, rows[i].text);
        }
}

/* What a client has logged belongs to its address list. */
static void kept_by_address(void **state) {
        (void)state;
        char text[300], err[200];
        static const char file[] = "clusters = a, b\na.bootstrap.servers = 127.0.0.1:1\nb.bootstrap.servers = 127.0.0.1:1\n"
                                   "b.sasl.username = u\nb.sasl.mechanism = PLAIN\n";
        struct config config;
        assert_int_equal(config_parse("f", file, sizeof file - 1, &config, err, sizeof err), 0);
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", err, sizeof err);
        (void)rd_kafka_conf_set(conf, "log_level", "0", err, sizeof err);
        rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
        assert_non_null(client);
        assert_string_equal(kafka_trouble_of(client, RD_KAFKA_RESP_ERR__TRANSPORT, text, sizeof text), "Local: Broker transport failure");
        kafka_trouble_note(client, "FAIL", "[thrd:x]: ssl://h:1/1: SSL handshake failed: a");
        kafka_trouble_note(client, "FAIL", "[thrd:x]: ssl://h:1/1: Connect failed"); /* of less weight, and later */
        kafka_trouble_note(NULL, "FAIL", "[thrd:x]: ssl://h:1/1: nobody's");
        assert_string_equal(kafka_trouble_of(client, RD_KAFKA_RESP_ERR__TRANSPORT, text, sizeof text),
                            "Local: Broker transport failure (h:1: SSL handshake failed: a)");
        assert_string_equal(kafka_trouble_of(client, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, text, sizeof text), "Broker: Invalid topic");
        assert_string_equal(kafka_trouble_at(&config, "a", RD_KAFKA_RESP_ERR__TIMED_OUT, text, sizeof text),
                            "Local: Timed out (h:1: SSL handshake failed: a)");
        assert_string_equal(kafka_trouble_at(&config, "b", RD_KAFKA_RESP_ERR__TIMED_OUT, text, sizeof text), "Local: Timed out");
        rd_kafka_destroy(client);
        config_fini(&config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_become_texts_for_people),
                cmocka_unit_test(kept_by_address),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
