/* Reads backwards in growing steps: the newest record is the last but for
 * transaction markers and aborted records, and the log before it may be long
 * until it is compacted. */
#include "worker/positions.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"

#define FIRST_STEP 16
#define STEP_FACTOR 16

/* Takes the last record of [from, high).  0, *out NULL when there is none | as
 * positions_read.  A replica that lags behind the leader ends earlier than
 * `high`: that end is not believed. */
static int read_from(rd_kafka_t *consumer, const char *topic, int32_t lane, int64_t from, int64_t high,
                     int64_t deadline_ms, Heliostat__Pb__Positions **out, char *err, size_t err_size) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, lane)->offset = from;
        rd_kafka_resp_err_t e = rd_kafka_assign(consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        Heliostat__Pb__Positions *newest = NULL;
        int rc = 0;
        while (!e) {
                int64_t left = deadline_ms - clock_boot_ms();
                if (left <= 0) e = RD_KAFKA_RESP_ERR__TIMED_OUT;
                rd_kafka_message_t *m = e ? NULL : rd_kafka_consumer_poll(consumer, (int)left);
                if (!m) continue;
                bool end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, ended = end && m->offset >= high;
                if (m->err && !end) e = m->err;
                if (!m->err) {
                        codec_free(newest);
                        newest = NULL;
                        rc = codec_unpack_positions(m->payload, m->len, &newest);
                        if (rc)
                                (void)snprintf(err, err_size, "%s [%d] offset %lld: position record: %s", topic,
                                               lane, (long long)m->offset, err_text(rc));
                }
                rd_kafka_message_destroy(m);
                if (ended) break;
        }
        (void)rd_kafka_assign(consumer, NULL); /* of an assignment that is replaced or ends */
        if (e) {
                (void)snprintf(err, err_size, "%s [%d]: %s", topic, lane, rd_kafka_err2str(e));
                rc = ERR_KAFKA;
        } else if (rc) {
                rc = rc == ERR_NOMEM ? ERR_NOMEM : ERR_INVALID;
        }
        if (rc) {
                codec_free(newest);
                return rc;
        }
        *out = newest;
        return 0;
}

int positions_read(const struct config *config, const char *alias, const char *route,
                   const char *topic, uint32_t lane, uint32_t limit_ms,
                   Heliostat__Pb__Positions **out, char *err, size_t err_size) {
        static const struct kafka_setting settings[] = {
                {"group.id", "heliostat.positions"}, /* asked for, and not used */
                {"isolation.level", "read_committed"},
                {"fetch.wait.max.ms", "10"},
                {"client.rack", ""}, /* the leader, no nearer replica */
                {NULL, NULL},
        };
        int64_t deadline_ms = clock_boot_ms() + limit_ms, low = 0, high = 0;
        rd_kafka_t *consumer = NULL;
        int rc = kafka_client_new(config, alias, route, CLIENT_CONSUMER, settings, NULL, NULL,
                                  &consumer, err, err_size);
        if (rc) return rc;
        (void)rd_kafka_poll_set_consumer(consumer);
        rd_kafka_resp_err_t e =
                kafka_log_range(consumer, topic, (int32_t)lane, (int)limit_ms, &low, &high);
        if (e) {
                (void)snprintf(err, err_size, "%s [%u]: %s", topic, lane, rd_kafka_err2str(e));
                rc = ERR_KAFKA;
        }
        Heliostat__Pb__Positions *found = NULL;
        int64_t step = FIRST_STEP, from = high;
        while (!rc && !found && from > low) {
                from = high - low > step ? high - step : low;
                rc = read_from(consumer, topic, (int32_t)lane, from, high, deadline_ms, &found, err, err_size);
                step *= STEP_FACTOR;
        }
        rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        if (rc) return rc;
        *out = found;
        return 0;
}
