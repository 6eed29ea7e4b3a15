/* A lane's limits.  They are looked at before records are taken: what is not taken
 * stops its fetcher, so that a limited lane holds no more than any other, ends its
 * transactions as ever, and drains at once.  Nothing turns meanwhile; a timer goes
 * on when the buckets open. */
#include <math.h>

#include "worker/pump_internal.h"

#define SHOWN_MS 3000
#define CREDIT_US 1e6   /* of the limit: what one of relayed and opened may be behind the other, which had it to itself */
#define SHUT_US 2000000 /* a topic's partitions read apart for so long after its limit was reached */

static void on_flow_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        data_loop_tick(pump->loop);
        if (pump->state == PUMP_RUNNING) data_loop_ready(pump->loop, &pump->member);
}

void limits_begin(struct pump *pump) {
        (void)uv_timer_init(&pump->loop->loop, &pump->flow_timer); /* cannot fail */
        pump->flow_timer.data = pump;
}

/* Keeps an earlier date that is nearer. */
static void wait_for(struct pump *pump, int64_t wait_us) {
        uint64_t wait_ms = (uint64_t)(wait_us + 999) / 1000;
        uv_update_time(&pump->loop->loop);
        if (uv_is_active((uv_handle_t *)&pump->flow_timer) && uv_timer_get_due_in(&pump->flow_timer) <= wait_ms) return;
        (void)uv_timer_start(&pump->flow_timer, on_flow_timer, wait_ms, 0);
}

static void waits_since(struct pump *pump, int64_t since_us) {
        int64_t before = atomic_load_explicit(&pump->flow.since_us, memory_order_relaxed);
        if (before && pump->loop->last_us > before)
                atomic_fetch_add_explicit(&pump->flow.limited_us, pump->loop->last_us - before, memory_order_relaxed);
        if (before != since_us) atomic_store_explicit(&pump->flow.since_us, since_us, memory_order_relaxed);
}

void limits_rest(struct pump *pump) { waits_since(pump, 0); }

static int64_t wait_us_of(struct limit_bucket *records, struct limit_bucket *bytes, int64_t now) {
        int64_t records_us = limit_wait_us(records, now), bytes_us = limit_wait_us(bytes, now);
        return records_us > bytes_us ? records_us : bytes_us;
}

/* In records of that size; at least one. */
static double room_of(struct limit_bucket *records, struct limit_bucket *bytes, double record_bytes, int64_t now) {
        double room = limit_room(records, now), by_bytes = limit_room(bytes, now) / (record_bytes < 1 ? 1 : record_bytes);
        if (by_bytes < room) room = by_bytes;
        return room < 1 ? 1 : room;
}

double limits_room(struct pump *pump, bool relayed) {
        int64_t now = pump->loop->last_us;
        if (pump->limit_records.rate <= 0 && pump->limit_bytes.rate <= 0) {
                waits_since(pump, 0);
                return INFINITY;
        }
        int64_t wait_us = wait_us_of(&pump->limit_records, &pump->limit_bytes, now);
        bool wanted = rd_kafka_queue_length(pump->consumer_queue) + seats_queued(pump) > 0 || (pump->relay && relay_waits(pump->relay));
        waits_since(pump, wait_us && wanted ? now : 0);
        if (wait_us && wanted)
                atomic_store_explicit(&pump->flow.by_bytes, limit_wait_us(&pump->limit_bytes, now) == wait_us, memory_order_relaxed);
        if (wait_us) {
                if (wanted) pump->limited_ms = now / 1000;
                wait_for(pump, wait_us);
                return 0;
        }
        return room_of(&pump->limit_records, &pump->limit_bytes, relayed ? pump->relayed_bytes : pump->mean.value_bytes, now);
}

/* ---- relayed beside opened ---- */

enum way { OPENED, RELAYED };

/* Has more, as far as is known. */
static bool has_more(const struct part *part) {
        return part->state == PART_FLOWING && (part->relayed ? part_relay_more(part) : !part->eof);
}

/* What they take of the limit that is the tighter one for them, each way by its number of partitions that have more. */
static void note_way(struct pump *pump, enum way way, uint64_t records, uint64_t bytes) {
        double taken_us = 0, of_bytes_us = 0, parts = 0;
        if (pump->limit_records.rate > 0) taken_us = (double)records / pump->limit_records.rate * 1e6;
        if (pump->limit_bytes.rate > 0) of_bytes_us = (double)bytes / pump->limit_bytes.rate * 1e6;
        if (of_bytes_us > taken_us) taken_us = of_bytes_us;
        if (taken_us <= 0) return;
        for (size_t i = 0; i < pump->part_count; i++)
                parts += has_more(pump->parts[i]) && (way == RELAYED) == (pump->parts[i]->relayed != NULL);
        catch_up_bound(&pump->ways, way, CREDIT_US);
        catch_up_took(&pump->ways, way, (uint64_t)taken_us, parts < 1 ? 1 : parts);
}

bool limits_opened_first(struct pump *pump, double room) {
        if (room <= 0 || isinf(room) || !relay_waits(pump->relay) || !pump_opened_waits(pump)) return false;
        return catch_up_next(&pump->ways, 1u << OPENED | 1u << RELAYED) == OPENED;
}

void limits_note_taken(struct pump *pump, bool relayed, uint64_t records, uint64_t bytes) {
        if (pump->relay) note_way(pump, relayed ? RELAYED : OPENED, records, bytes);
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

bool limits_wait(const struct pump *pump) { return atomic_load_explicit(&pump->flow.since_us, memory_order_relaxed) != 0; }

bool limits_waited(const struct pump *pump, const struct part *part) {
        if (part && part->topic->shut_us && pump->loop->last_us - part->topic->shut_us < SHOWN_MS * 1000) return true;
        return limits_wait(pump) || (pump->limited_ms && pump->loop->last_us / 1000 - pump->limited_ms < SHOWN_MS);
}

/* ---- of topics ---- */

void limits_find_rules(struct pump *pump, struct dest_topic *topic) { topic->flow = flow_rules_find(pump->flow_rules, topic->name); }

/* A lane has so much of a topic's limit as it has of its partitions: that holds
 * without a word between workers. */
void limits_share_topics(struct pump *pump) {
        const struct dest_topic *first = NULL;
        pump->topic_limits = pump->priorities = false;
        for (struct dest_topic *t = pump->topics; t; t = t->next) t->parts = 0;
        for (size_t i = 0; i < pump->part_count; i++) pump->parts[i]->topic->parts += !pump->parts[i]->left;
        for (struct dest_topic *t = pump->topics; t; t = t->next) {
                if (!t->parts) continue;
                if (!first) first = t;
                double part = t->source_partitions > 0 && (size_t)t->source_partitions > t->parts
                                      ? (double)t->parts / t->source_partitions : 1;
                double records = (double)t->flow.records_per_second * part, bytes = (double)t->flow.bytes_per_second * part;
                if (records != t->limit_records.rate) limit_set(&t->limit_records, records, pump->loop->last_us);
                if (bytes != t->limit_bytes.rate) limit_set(&t->limit_bytes, bytes, pump->loop->last_us);
                pump->topic_limits |= records > 0 || bytes > 0;
                pump->priorities |= t->flow.priority != first->flow.priority;
        }
        if (pump->topic_limits || pump->priorities) pump_relay_rules(pump);
}

void limits_set_rules(struct pump *pump, struct flow_rules *rules) {
        flow_rules_free(pump->flow_rules);
        pump->flow_rules = rules;
        for (struct dest_topic *t = pump->topics; t; t = t->next) limits_find_rules(pump, t);
        limits_share_topics(pump);
        if (pump->state == PUMP_RUNNING) data_loop_ready(pump->loop, &pump->member);
}

static int64_t topic_wait_us(struct pump *pump, struct dest_topic *topic) {
        return wait_us_of(&topic->limit_records, &topic->limit_bytes, pump->loop->last_us);
}

/* What the lane's consumer brings of a topic whose limit is reached is a debt, until
 * its partitions read apart. */
void limits_charge_topics(struct pump *pump) {
        struct dest_topic *topic = NULL;
        const rd_kafka_topic_t *of = NULL;
        for (size_t i = 0; i < pump->batch_count; i++) {
                const rd_kafka_message_t *m = pump->batch[i];
                if (m->err || !m->rkt) continue;
                if (m->rkt != of) {
                        const struct part *part = pump_part_of(pump, m);
                        topic = part ? part->topic : NULL;
                        of = m->rkt;
                }
                if (!topic) continue;
                limit_take(&topic->limit_records, 1);
                limit_take(&topic->limit_bytes, (double)(m->len + m->key_len));
        }
        for (struct dest_topic *t = pump->topics; t && pump->batch_seat == SEAT_NONE; t = t->next) {
                if ((t->limit_records.rate <= 0 && t->limit_bytes.rate <= 0) || !topic_wait_us(pump, t)) continue;
                t->shut_us = pump->loop->last_us;
                seats_look_now(pump);
        }
}

double limits_topic_room(struct pump *pump, struct dest_topic *topic) {
        if (topic->limit_records.rate <= 0 && topic->limit_bytes.rate <= 0) return INFINITY;
        int64_t wait_us = topic_wait_us(pump, topic), now = pump->loop->last_us;
        if (wait_us) {
                topic->shut_us = now;
                wait_for(pump, wait_us);
                return 0;
        }
        return room_of(&topic->limit_records, &topic->limit_bytes, pump->mean.value_bytes, now);
}

bool limits_topic_shut(const struct pump *pump, const struct dest_topic *topic) {
        return topic->shut_us && pump->loop->last_us - topic->shut_us < SHUT_US;
}

struct pump_flow pump_flow(const struct pump *pump) {
        return (struct pump_flow){
                .records = atomic_load_explicit(&pump->flow.records, memory_order_relaxed),
                .bytes = atomic_load_explicit(&pump->flow.bytes, memory_order_relaxed),
                .limited_us = atomic_load_explicit(&pump->flow.limited_us, memory_order_relaxed),
                .limited = atomic_load_explicit(&pump->flow.since_us, memory_order_relaxed) != 0,
                .by_bytes = atomic_load_explicit(&pump->flow.by_bytes, memory_order_relaxed),
        };
}
