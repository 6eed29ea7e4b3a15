#include <stdbool.h>

#include "tests/unit/test.h"
#include "worker/expedite.h"

/* Longer than any test may take: what arrives was not waited for. */
#define LINGER_MS "600000"

static rd_kafka_t *mocked_producer(void) {
        static const char *const settings[][2] = {
                {"test.mock.num.brokers", "1"}, {"linger.ms", LINGER_MS}, {"message.timeout.ms", "700000"}, {"enable.idempotence", "true"}};
        char err[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
                assert_int_equal(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], err, sizeof err), RD_KAFKA_CONF_OK);
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
        rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
        assert_non_null(producer);
        return producer;
}

static void send_one(rd_kafka_t *producer) {
        char value[] = "v";
        assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, 1),
                                           RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Asks again and again, as a lane does: the topic's leader may not be known at first. */
static bool delivered(rd_kafka_t *producer, struct expedite *expedite, int limit_ms) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer);
        bool there = false;
        for (int ms = 0; ms < limit_ms && !there; ms += 20) {
                expedite_ask(expedite);
                rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20);
                there = event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR;
                if (event) rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
        return there;
}

static void what_is_asked_for_does_not_wait_for_the_linger(void **state) {
        (void)state;
        rd_kafka_t *producer = mocked_producer();
        struct expedite *expedite = expedite_new(producer);
        assert_non_null(expedite);
        for (int i = 0; i < 20; i++) {
                send_one(producer);
                assert_true(delivered(producer, expedite, 30000));
        }
        expedite_free(expedite);
        send_one(producer);
        assert_false(delivered(producer, NULL, 200)); /* unasked, it waits */
        assert_int_equal(rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT), RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_destroy(producer);
}

static void it_ends_whatever_is_under_way(void **state) {
        (void)state;
        rd_kafka_t *producer = mocked_producer();
        for (int i = 0; i < 20; i++) {
                struct expedite *expedite = expedite_new(producer);
                send_one(producer);
                if (i % 2) expedite_ask(expedite);
                expedite_free(expedite);
        }
        expedite_free(NULL);
        assert_int_equal(rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT), RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_destroy(producer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_asked_for_does_not_wait_for_the_linger),
                cmocka_unit_test(it_ends_whatever_is_under_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
