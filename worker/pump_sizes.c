/* How much one fetch brings, by the records that come (budget.h).  What an
 * answer had on the wire is told by an interceptor, what its records take is
 * counted by the intake; the two are compared when the queue is empty, so that
 * they are of the same records.  A consumer's sizes are fixed when it is made:
 * a lane that is behind gets new clients, once, when nothing is under way.
 *
 * Fetching little at first and more later, without new clients, cannot be had:
 * librdkafka reads these settings from the configuration that it was made with. */
#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/pump_internal.h"

/* So many full answers, within so long, show that a lane is behind, and what
 * its records are like. */
#define FULL_ANSWERS 8
#define SEEN_MS 10000
#define RESIZE_MS 60000 /* between two changes */

#define FETCH_KEY 1 /* Kafka's API key */

/* On a broker's thread; the pump outlives its clients. */
static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int sockfd, const char *brokername, int32_t brokerid, int16_t key,
                                       int16_t version, int32_t id, size_t bytes, int64_t rtt, rd_kafka_resp_err_t err,
                                       void *opaque) {
        struct pump *pump = opaque;
        (void)rk, (void)sockfd, (void)brokername, (void)brokerid, (void)version, (void)id, (void)rtt;
        if (key != FETCH_KEY || err) return RD_KAFKA_RESP_ERR_NO_ERROR;
        atomic_fetch_add(&pump->answered.bytes, bytes);
        if (bytes * 2 >= atomic_load(&pump->answered.fetch_bytes)) atomic_fetch_add(&pump->answered.full, 1);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *err, size_t err_size) {
        (void)conf, (void)err, (void)err_size;
        return rd_kafka_interceptor_add_on_response_received(rk, "heliostat", on_response, opaque);
}

void sizes_configure(struct pump *pump, rd_kafka_conf_t *conf) {
        (void)rd_kafka_conf_interceptor_add_on_new(conf, "heliostat", on_new, pump); /* fails for a second only */
}

static void begin(struct pump *pump) {
        pump->seen = (struct budget_seen){0};
        pump->seen_ms = clock_boot_ms();
        atomic_store(&pump->answered.bytes, 0);
        atomic_store(&pump->answered.full, 0);
}

struct budget_sizes sizes_open(struct pump *pump) {
        struct budget_sizes sizes = budget_sizes(pump->budget_bytes, pump->seen_mean);
        begin(pump);
        atomic_store(&pump->answered.fetch_bytes, sizes.fetch_bytes);
        return sizes;
}

void sizes_note(struct pump *pump, uint64_t records, uint64_t value_bytes, uint64_t fetched_bytes) {
        pump->seen.records += records;
        pump->seen.value_bytes += value_bytes;
        pump->seen.fetched_bytes += fetched_bytes;
}

bool sizes_look(struct pump *pump) {
        bool behind = atomic_load(&pump->answered.full) >= FULL_ANSWERS && pump->seen.records;
        int64_t now = clock_boot_ms();
        if (behind) {
                pump->seen_mean = budget_seen_mean(&pump->seen, atomic_load(&pump->answered.bytes));
                pump->mean.unpacked = pump->seen_mean.unpacked;
        }
        if (behind || now - pump->seen_ms > SEEN_MS) begin(pump);
        if (!behind || (pump->resized_ms && now - pump->resized_ms < RESIZE_MS)) return false;
        return budget_resize(&pump->sizes, pump->budget_bytes, pump->seen_mean) != BUDGET_KEEP;
}

void sizes_change(struct pump *pump) {
        struct budget_sizes sizes = budget_sizes(pump->budget_bytes, pump->seen_mean);
        log_info("lane.resize", "route=%s lane=%u fetch_bytes=%" PRIu64 " before=%" PRIu64 " queue_bytes=%" PRIu64 " record_bytes=%.0f unpacked=%.1f",
                 pump->settings.route, pump->settings.lane, sizes.fetch_bytes, pump->sizes.fetch_bytes,
                 sizes.queue_bytes, pump->seen_mean.value_bytes, pump->seen_mean.unpacked);
        pump->resized_ms = clock_boot_ms();
        pump_renew(pump);
}
