/* Partitions that read beside the lane's consumer (catch_up.h says who and why).
 *
 * Their client is made when the first one needs it and ends with the lane's, or
 * when it has not been used for a while.  It reads by librdkafka's simple
 * interface: a partition is started at an offset into the seat's queue, and stopped,
 * and nothing else decides about it.  An assignment was rejected: it is carried
 * out later than the call, and then directs the partition to the consumer's queue,
 * whatever rd_kafka_queue_forward said in between; a partition whose late stop undid
 * what its start had set was lost to everybody.
 *
 * A change of place goes on behind what was taken of the partition; what its old
 * queue has of it is outdated there, and dropped by librdkafka. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/kafka.h"
#include "common/log.h"
#include "worker/pump_internal.h"

#define LOOK_MS 200
#define LIMIT_LOOK_MS 10
#define PRESSED_US 5000000 /* looks go on for so long after a full queue */
#define UNUSED_US 30000000 /* until the client goes */
#define BEHIND_RECORDS_MIN 16 /* a few large records are no backlog */
#define FAILED_US 30000000 /* until it is tried again */

static void on_timer(uv_timer_t *timer);

static void look_soon(struct pump *pump) {
        if (!uv_is_active((uv_handle_t *)&pump->seats.timer))
                (void)uv_timer_start(&pump->seats.timer, on_timer, LOOK_MS + pump->part_count / 4, 0);
}

void seats_begin(struct pump *pump) {
        (void)uv_timer_init(&pump->loop->loop, &pump->seats.timer); /* cannot fail */
        pump->seats.timer.data = pump;
}

void seats_press(struct pump *pump) {
        pump->seats.pressed_us = pump->loop->last_us;
        if (pump->part_count > 1) look_soon(pump);
}

void seats_look_now(struct pump *pump) {
        pump->seats.pressed_us = pump->loop->last_us;
        if (uv_is_active((uv_handle_t *)&pump->seats.timer) && uv_timer_get_due_in(&pump->seats.timer) <= LIMIT_LOOK_MS) return;
        (void)uv_timer_start(&pump->seats.timer, on_timer, LIMIT_LOOK_MS, 0);
}

rd_kafka_t *seats_client(const struct pump *pump, const struct part *part) {
        return part->seat == SEAT_NONE ? pump->consumer : pump->seats.client;
}

size_t seats_queued(const struct pump *pump) {
        size_t records = 0;
        for (size_t i = 0; pump->seats.taken && i < CATCH_UP_SEATS; i++)
                if (pump->seats.seat[i].part) records += rd_kafka_queue_length(pump->seats.seat[i].queue);
        return records;
}

uint64_t seats_bytes(const struct pump *pump) {
        return pump->seats.client ? budget_seats_bytes(&pump->seats.sizes, pump->mean, CATCH_UP_SEATS) : 0;
}

uint64_t seats_held(const struct pump *pump) {
        double bytes = 0;
        for (size_t i = 0; pump->seats.apart && i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (part->apart.place == PLACE_MAIN) continue;
                bytes += (double)part->under_way * pump->mean_bytes + (double)part->backlog.count * pump->mean.fetched_bytes;
        }
        return (uint64_t)bytes;
}

static void wake(struct pump *pump, const struct seat *seat) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, seat->part->topic->name, seat->part->partition)->offset = RD_KAFKA_OFFSET_END;
        pump_wake_fetchers(pump->seats.client, list);
        rd_kafka_topic_partition_list_destroy(list);
}

void seats_found_empty(struct pump *pump, struct seat *seat) {
        if (seat->fetcher_stopped || seat->drained_bytes >= pump->seats.sizes.queue_bytes / 1024 * 1000) wake(pump, seat);
        seat->fetcher_stopped = false;
        seat->drained_bytes = 0;
}

void seats_wake_empty(struct pump *pump) {
        for (size_t i = 0; pump->seats.apart && i < CATCH_UP_SEATS; i++) {
                struct seat *seat = &pump->seats.seat[i];
                if (seat->part && rd_kafka_queue_length(seat->queue) == 0) seats_found_empty(pump, seat);
        }
}

/* ---- one partition ---- */

/* What of the backlog would come once more is dropped as seen; it goes out first. */
static int64_t next_to_take(const struct part *part) {
        const rd_kafka_message_t *last = fifo_last(&part->backlog);
        return last && !last->err ? last->offset + 1 : ledger_next(&part->ledger);
}

static void seat_free(struct pump *pump, struct part *part) {
        struct seat *seat = &pump->seats.seat[part->seat];
        rd_kafka_message_t *none[1];
        /* Waits for librdkafka's thread, which does not wait for a broker. */
        if (rd_kafka_consume_stop(seat->topic, part->partition))
                log_warn("partition.stop", "topic=%s partition=%d error=\"%s\"", part->topic->name, part->partition,
                         rd_kafka_err2str(rd_kafka_last_error()));
        while (rd_kafka_consume_batch_queue(seat->queue, 0, none, 1) > 0) rd_kafka_message_destroy(none[0]);
        rd_kafka_topic_destroy(seat->topic);
        *seat = (struct seat){.queue = seat->queue};
        part->seat = SEAT_NONE;
        pump->seats.taken--;
}

static bool seat_take(struct pump *pump, struct part *part) {
        int free_seat = 0;
        while (pump->seats.seat[free_seat].part) free_seat++;
        struct seat *seat = &pump->seats.seat[free_seat];
        seat->topic = rd_kafka_topic_new(pump->seats.client, part->topic->name, NULL);
        if (!seat->topic) return false;
        if (rd_kafka_consume_start_queue(seat->topic, part->partition, next_to_take(part), seat->queue)) {
                rd_kafka_topic_destroy(seat->topic);
                seat->topic = NULL;
                return false;
        }
        seat->part = part;
        part->seat = free_seat;
        pump->seats.taken++;
        return true;
}

bool seats_stop(struct pump *pump, struct part *part) {
        bool apart = part->apart.place != PLACE_MAIN;
        if (part->seat != SEAT_NONE) seat_free(pump, part);
        if (apart) pump->seats.apart--;
        part->apart = (struct catch_up_part){0};
        return apart;
}

void part_on_assigned(struct pump *pump, struct part *part) {
        if (!part->own_held) own_queues_hold(&pump->own_queues, pump->consumer, part->topic->name, part->partition);
        part->own_held = true;
}

void part_assign(struct pump *pump, struct part *part, bool in) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, part->topic->name, part->partition)->offset = next_to_take(part);
        rd_kafka_error_t *error = in ? rd_kafka_incremental_assign(pump->consumer, list)
                                     : rd_kafka_incremental_unassign(pump->consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (!error && in) part_on_assigned(pump, part);
        if (!error) return;
        pump_recycle(pump, "assign: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
}

/* ---- the client ---- */

struct seats_job {
        struct short_job work;
        struct pump *pump;
        rd_kafka_t *client;
        struct budget_sizes sizes;
        char err[256];
        int rc;
};

static void new_client(void *arg) {
        struct seats_job *job = arg;
        struct pump *pump = job->pump; /* settings only: they do not change while this runs */
        char queue_kb[24], queue_records[24], fetch[24], one[24];
        (void)snprintf(queue_kb, sizeof queue_kb, "%" PRIu64, job->sizes.queue_bytes / 1024);
        (void)snprintf(queue_records, sizeof queue_records, "%" PRIu64, job->sizes.queue_records);
        (void)snprintf(fetch, sizeof fetch, "%" PRIu64, job->sizes.fetch_bytes);
        (void)snprintf(one, sizeof one, "%" PRIu64, job->sizes.fetch_bytes / CATCH_UP_SEATS);
        const struct kafka_setting consumer[] = {
                {"queued.max.messages.kbytes", queue_kb},
                {"queued.min.messages", queue_records},
                {"message.max.bytes", fetch},
                {"fetch.max.bytes", fetch},
                {"fetch.message.max.bytes", one}, /* an answer has room for all */
                {rd_kafka_version() >= PUMP_QUEUE_BACKOFF_VERSION ? "fetch.queue.backoff.ms" : NULL, "20"},
                {NULL, NULL},
        };
        job->rc = kafka_client_new(pump->settings.config, pump->settings.source, pump->settings.route, CLIENT_CONSUMER,
                                   consumer, pump_configure_consumer, pump, &job->client, job->err, sizeof job->err);
}

static void open_done(void *arg) {
        struct seats_job *job = arg;
        struct pump *pump = job->pump;
        static const uint64_t event = 1;
        pump->jobs--;
        pump->seats.opening = false;
        pump->seats.client = job->client;
        pump->seats.failed_us = job->client ? 0 : pump->loop->last_us;
        if (job->client) {
                pump->seats.sizes = job->sizes;
                for (size_t i = 0; i < CATCH_UP_SEATS; i++) {
                        pump->seats.seat[i].queue = rd_kafka_queue_new(job->client);
                        rd_kafka_queue_io_event_enable(pump->seats.seat[i].queue, pump->eventfd, &event, sizeof event);
                }
                pump_limit(pump);
        } else {
                log_warn("lane.seats", "route=%s lane=%u reason=\"%s\" note=\"partitions that are far behind go on beside the others\"",
                         pump->settings.route, pump->settings.lane, job->err);
        }
        free(job);
        if (pump->state == PUMP_RUNNING) (void)uv_timer_start(&pump->seats.timer, on_timer, 0, 0);
        pump_advance(pump);
}

static void open_client(struct pump *pump) {
        struct seats_job *job = calloc(1, sizeof *job);
        if (!job) return; /* at the next look */
        job->pump = pump;
        job->sizes = budget_seats(&pump->sizes, CATCH_UP_SEATS);
        pump->jobs++;
        pump->seats.opening = true;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, new_client, open_done);
}

struct seats_remains seats_leave(struct pump *pump) {
        struct seats_remains remains = {.client = pump->seats.client};
        for (size_t i = 0; i < CATCH_UP_SEATS; i++) {
                struct seat *seat = &pump->seats.seat[i];
                if (seat->queue) rd_kafka_queue_io_event_enable(seat->queue, -1, NULL, 0);
                remains.queues[i] = seat->queue;
                remains.topics[i] = seat->topic;
                *seat = (struct seat){0};
        }
        for (size_t i = 0; i < pump->part_count; i++) {
                pump->parts[i]->seat = SEAT_NONE;
                pump->parts[i]->apart = (struct catch_up_part){0};
        }
        pump->seats.client = NULL;
        pump->seats.taken = pump->seats.apart = 0;
        pump->seats.core.on = false;
        pump->batch_seat = SEAT_NONE;
        pump_limit(pump);
        return remains;
}

void seats_destroy(struct seats_remains *remains) {
        for (size_t i = 0; i < CATCH_UP_SEATS; i++) {
                if (remains->topics[i]) rd_kafka_topic_destroy(remains->topics[i]);
                if (remains->queues[i]) rd_kafka_queue_destroy(remains->queues[i]);
        }
        if (remains->client) rd_kafka_destroy_flags(remains->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

struct close_job {
        struct short_job work;
        struct pump *pump;
        struct seats_remains remains;
};

static void close_client(void *arg) {
        struct close_job *job = arg;
        seats_destroy(&job->remains);
}

static void close_done(void *arg) {
        struct close_job *job = arg;
        struct pump *pump = job->pump;
        pump->jobs--;
        free(job);
        pump_advance(pump);
}

/* A message that the producer holds keeps its client: only with nothing under way. */
static void close_unused(struct pump *pump) {
        bool rests = pump->in_flight_count == 0 && pump->batch_next == pump->batch_count && !pump->backlogged;
        if (!pump->seats.client || pump->seats.apart || pump->loop->last_us - pump->seats.used_us < UNUSED_US || !rests) return;
        struct close_job *job = calloc(1, sizeof *job);
        if (!job) return;
        job->pump = pump;
        pump_forget_slots(pump);
        job->remains = seats_leave(pump);
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, close_client, close_done);
}

/* ---- looks ---- */

static void note_facts(struct pump *pump, struct part *part) {
        int64_t next = next_to_take(part), low = -1, high = -1;
        part->apart.taken = next > part->looked ? (uint64_t)(next - part->looked) : 0;
        part->looked = next;
        part->apart.shut = limits_topic_shut(pump, part->topic);
        part->apart.priority = (int)part->topic->flow.priority;
        part->apart.lag = -1;
        if (part->eof) part->apart.lag = 0;
        else if (!rd_kafka_get_watermark_offsets(seats_client(pump, part), part->topic->name, part->partition, &low, &high) && high >= 0)
                part->apart.lag = high > next ? high - next : 0;
}

/* From what it has to what the look wants. */
static void carry_out(struct pump *pump, struct part *part, enum catch_up_place before) {
        enum catch_up_place to = part->apart.place;
        if (before == to && (to != PLACE_SEAT || part->seat != SEAT_NONE)) return;
        if (before != to) {
                log_debug("partition.place", "route=%s lane=%u topic=%s partition=%d from=%d to=%d lag=%" PRId64, pump->settings.route,
                          pump->settings.lane, part->topic->name, part->partition, (int)before, (int)to, part->apart.lag);
                pump_drop_batch_part(pump, part);
                if (part->seat != SEAT_NONE) seat_free(pump, part);
                if (before == PLACE_MAIN) {
                        part_assign(pump, part, false);
                        pump->seats.apart++;
                }
                if (to == PLACE_MAIN) {
                        pump->seats.apart--;
                        part_assign(pump, part, true);
                }
                part->eof = false;
        }
        if (to == PLACE_SEAT && pump->seats.client && !seat_take(pump, part))
                pump_recycle(pump, "start of %s [%d]: %s", part->topic->name, part->partition, rd_kafka_err2str(rd_kafka_last_error()));
}

static void look(struct pump *pump) {
        struct catch_up *core = &pump->seats.core;
        struct part **parts = malloc(pump->part_count * sizeof(struct part *));
        enum catch_up_place *before = malloc(pump->part_count * sizeof *before);
        core->parts = malloc(pump->part_count * sizeof(struct catch_up_part *));
        core->count = 0;
        core->queue_records = budget_queue_fill(&pump->sizes, pump->mean.value_bytes);
        if (core->queue_records < BEHIND_RECORDS_MIN) core->queue_records = BEHIND_RECORDS_MIN;
        for (size_t i = 0; parts && before && core->parts && i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (part->state != PART_FLOWING || part->relayed) continue;
                note_facts(pump, part);
                parts[core->count] = part;
                before[core->count] = part->apart.place;
                core->parts[core->count++] = &part->apart;
        }
        bool was = core->on, failed = pump->seats.failed_us && pump->loop->last_us - pump->seats.failed_us < FAILED_US;
        if (failed) {
                core->on = false;
                for (size_t i = 0; i < core->count; i++) *core->parts[i] = (struct catch_up_part){0};
        } else if (catch_up_look(core, pump->loop->last_us) && pump->slot_count > 4 * pump->part_count) {
                pump_forget_slots(pump); /* of topic handles that are gone */
        }
        if (core->on != was)
                log_info("lane.catch_up", "route=%s lane=%u apart=%s", pump->settings.route, pump->settings.lane, core->on ? "true" : "false");
        /* Seats are left before they are taken. */
        for (size_t i = 0; i < core->count && pump->state == PUMP_RUNNING; i++)
                if (parts[i]->apart.place != PLACE_SEAT) carry_out(pump, parts[i], before[i]);
        for (size_t i = 0; i < core->count && pump->state == PUMP_RUNNING; i++)
                if (parts[i]->apart.place == PLACE_SEAT) carry_out(pump, parts[i], before[i]);
        free(parts);
        free(before);
        free(core->parts);
        core->parts = NULL;
}

static void on_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        struct seats *seats = &pump->seats;
        data_loop_tick(pump->loop);
        if (pump->state != PUMP_RUNNING) return;
        if (seats->client) (void)rd_kafka_poll(seats->client, 0); /* its errors */
        bool pressed = seats->apart || pump->loop->last_us - seats->pressed_us < PRESSED_US;
        if (pressed && !pump->held) look(pump);
        if (pump->state != PUMP_RUNNING) return;
        if (seats->apart) seats->used_us = pump->loop->last_us;
        if (seats->apart && !seats->client && !seats->opening) open_client(pump);
        /* A fetcher that rests does not see that a partition was given to it. */
        for (size_t i = 0; i < CATCH_UP_SEATS; i++)
                if (seats->seat[i].part && !seats->seat[i].begun) wake(pump, &seats->seat[i]);
        close_unused(pump);
        if (pressed || seats->client) look_soon(pump);
        data_loop_ready(pump->loop, &pump->member);
}
