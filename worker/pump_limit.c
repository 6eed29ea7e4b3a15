/* A lane's limits.  They are looked at before records are taken: what is not taken
 * stops its fetcher, so that a limited lane holds no more than any other, ends its
 * transactions as ever, and drains at once.  Nothing turns meanwhile; a timer goes
 * on when the buckets open. */
#include <math.h>

#include "worker/pump_internal.h"

#define SHOWN_MS 3000

static void on_flow_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        data_loop_tick(pump->loop);
        if (pump->state == PUMP_RUNNING) data_loop_ready(pump->loop, &pump->member);
}

void limits_begin(struct pump *pump) {
        (void)uv_timer_init(&pump->loop->loop, &pump->flow_timer); /* cannot fail */
        pump->flow_timer.data = pump;
}

static void waits_since(struct pump *pump, int64_t since_us) {
        int64_t before = atomic_load_explicit(&pump->flow.since_us, memory_order_relaxed);
        if (before && pump->loop->last_us > before)
                atomic_fetch_add_explicit(&pump->flow.limited_us, pump->loop->last_us - before, memory_order_relaxed);
        if (before != since_us) atomic_store_explicit(&pump->flow.since_us, since_us, memory_order_relaxed);
}

double limits_room(struct pump *pump) {
        int64_t now = pump->loop->last_us;
        if (pump->limit_records.rate <= 0 && pump->limit_bytes.rate <= 0) {
                waits_since(pump, 0);
                return INFINITY;
        }
        int64_t records_us = limit_wait_us(&pump->limit_records, now), bytes_us = limit_wait_us(&pump->limit_bytes, now);
        int64_t wait_us = records_us > bytes_us ? records_us : bytes_us;
        bool wanted = rd_kafka_queue_length(pump->consumer_queue) + seats_queued(pump) > 0 || (pump->relay && relay_waits(pump->relay));
        waits_since(pump, wait_us && wanted ? now : 0);
        if (wait_us) {
                if (wanted) pump->limited_ms = now / 1000;
                uv_update_time(&pump->loop->loop);
                (void)uv_timer_start(&pump->flow_timer, on_flow_timer, (uint64_t)(wait_us + 999) / 1000, 0);
                return 0;
        }
        double records = limit_room(&pump->limit_records, now), value = pump->mean.value_bytes < 1 ? 1 : pump->mean.value_bytes;
        double by_bytes = limit_room(&pump->limit_bytes, now) / value;
        if (by_bytes < records) records = by_bytes;
        return records < 1 ? 1 : records;
}

void limits_note_taken(struct pump *pump, uint64_t records, uint64_t bytes) {
        limit_take(&pump->limit_records, (double)records);
        limit_take(&pump->limit_bytes, (double)bytes);
        atomic_fetch_add_explicit(&pump->flow.records, records, memory_order_relaxed);
        atomic_fetch_add_explicit(&pump->flow.bytes, bytes, memory_order_relaxed);
}

void limits_set(struct pump *pump, double records, double bytes) {
        limit_set(&pump->limit_records, records, pump->loop->last_us);
        limit_set(&pump->limit_bytes, bytes, pump->loop->last_us);
        if (pump->state == PUMP_RUNNING) data_loop_ready(pump->loop, &pump->member);
}

bool limits_waited(const struct pump *pump) {
        return pump->limited_ms && pump->loop->last_us / 1000 - pump->limited_ms < SHOWN_MS;
}

struct pump_flow pump_flow(const struct pump *pump) {
        return (struct pump_flow){
                .records = atomic_load_explicit(&pump->flow.records, memory_order_relaxed),
                .bytes = atomic_load_explicit(&pump->flow.bytes, memory_order_relaxed),
                .limited_us = atomic_load_explicit(&pump->flow.limited_us, memory_order_relaxed),
                .limited = atomic_load_explicit(&pump->flow.since_us, memory_order_relaxed) != 0,
        };
}
