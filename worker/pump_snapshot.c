/* What a pump is doing, at one moment: for the reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/pump_internal.h"
#include "worker/stall.h"

void part_look_end(struct pump *pump, struct part *part) {
        int64_t low = -1, high = -1;
        if (pump->consumer && part->state == PART_FLOWING && !part->relayed &&
            rd_kafka_get_watermark_offsets(seats_client(pump, part), part->topic->name, part->partition, &low,
                                           &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high >= 0)
                part->end_seen = high;
}

static void part_row(struct pump *pump, struct part *part, double seconds, struct pump_row *row) {
        int64_t now = clock_boot_ms();
        bool flowing = part->state == PART_FLOWING;
        *row = (struct pump_row){.partition = part->partition, .end_offset = -1, .lag_seconds = -1};
        row->topic = strdup(part->topic->name);
        row->target = strdup(part->topic->target);
        if (!row->topic || !row->target) abort();
        row->position = part_position(part);
        part_look_end(pump, part);
        /* While it cannot flow, what was last known says how far behind it is at least. */
        if (part->state != PART_HALTED && part->end_seen >= 0)
                row->end_offset = part->end_seen > row->position ? part->end_seen : row->position;
        row->new_records = part->records - part->reported_records;
        row->new_bytes = part->bytes - part->reported_bytes;
        row->rate = seconds > 0 ? (double)row->new_records / seconds : 0;
        row->bytes_rate = seconds > 0 ? (double)row->new_bytes / seconds : 0;
        part->reported_records = part->records;
        part->reported_bytes = part->bytes;
        row->latency = part->latency;
        if (part->latency.count) part->latency_avg_ms = (double)part->latency.sum / (double)part->latency.count;
        row->latency_avg_ms = part->latency_avg_ms;
        part->latency.count = 0;
        part->latency.sum = 0;
        row->records = part->records;
        row->bytes = part->bytes;
        bool behind = row->end_offset > row->position;
        if (row->end_offset >= 0) {
                row->lag_seconds = 0;
                if (behind) {
                        int64_t age = part->record_ms >= 0 ? clock_wall_ms() - part->record_ms : -1;
                        row->lag_seconds = age < 0 ? -1 : (double)age / 1000;
                }
        }
        bool wanted = !part->paused && part->apart.place != PLACE_WAITING && part->state != PART_HALTED && (part->state != PART_PARKED || part->broker_away);
        bool starts = part->state == PART_NEW || part->state == PART_WAITING; /* for the first time, or with new clients */
        bool unstarted = starts || (!part->flowed && part->end_seen < 0);
        bool still = wanted && (unstarted || (behind && row->position == part->progress_position));
        if (!still) {
                part->progress_position = row->position;
                part->progress_ms = now;
        }
        bool limited = limits_waited(pump, part);
        bool waits = part->relayed ? relay_part_waits(part->relayed) : part->backlog.count > 0 || limits_topic_shut(pump, part->topic);
        struct stall_facts facts = {.wanted = wanted, .flowing = flowing, .behind = behind, .unstarted = unstarted, .waits = waits, .still_ms = now - part->progress_ms,
                                    .at_readable_end = part->eof, .blocked = pump->blocked || (part->relayed && part->under_way), .held = pump->held, .limited = limited,
                                    .has_error = *pump->error};
        enum stall stall = stall_of(&facts);
        switch (part->state) {
        case PART_NEW:
        case PART_WAITING: row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_ASSIGNED; break;
        case PART_PARKED:
                row->state = part->paused && part->flowed ? HELIOSTAT__PB__PARTITION_STATE__PARTITION_PAUSED
                                                          : HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED;
                break;
        case PART_HALTED: row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED; break;
        case PART_FLOWING:
                row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                if (stall == STALL_NONE)
                        (void)snprintf(part->error, sizeof part->error, "%s", limited && behind ? PUMP_LIMITED_TEXT : ""); /* it fits */
                break;
        }
        if (stall != STALL_NONE) row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
        if (pump->state == PUMP_DRAINING || (part->leaving && part->state == PART_PARKED)) row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_DRAINING;
        if (row->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED &&
            (!*part->error || strcmp(part->error, PUMP_LIMITED_TEXT) == 0))
                (void)snprintf(part->error, sizeof part->error, "%.159s", stall == STALL_ERROR ? pump->error : stall_text(stall));
        if (*part->error) row->error = strdup(part->error);
}

struct pump_snapshot *snapshot_take(struct pump *pump) {
        struct pump_snapshot *snapshot = calloc(1, sizeof *snapshot);
        int64_t now = clock_boot_ms();
        double seconds = (double)(now - pump->snapshot_ms) / 1000;
        if (!snapshot) abort();
        pump->snapshot_ms = now;
        /* Clients tell errors, never that they have passed: one that goes on is
         * told again. */
        if (*pump->error && now - pump->error_ms > PUMP_ERROR_MS) pump_set_error(pump, "");
        snapshot->rows = calloc(pump->part_count ? pump->part_count : 1, sizeof *snapshot->rows);
        if (!snapshot->rows) abort();
        for (size_t i = 0; i < pump->part_count; i++)
                if (!pump->parts[i]->left) part_row(pump, pump->parts[i], seconds, &snapshot->rows[snapshot->count++]);
        for (size_t i = 0; i < pump->part_count; i++) snapshot->relayed += pump->parts[i]->relayed != NULL;
        (void)snprintf(snapshot->error, sizeof snapshot->error, "%s", pump->error);
        snapshot->state = pump_state_name(pump);
        snapshot->records = pump->records;
        snapshot->bytes = pump->bytes;
        snapshot->stats = pump->stats;
        for (size_t i = 0; i < snapshot->count; i++) {
                snapshot->stats.records += snapshot->rows[i].new_records;
                snapshot->stats.bytes += snapshot->rows[i].new_bytes;
        }
        pump->stats = (struct pump_stats){0};
        int64_t limited_us = atomic_load_explicit(&pump->flow.limited_us, memory_order_relaxed);
        snapshot->stats.limited_us = (uint64_t)(limited_us - pump->told_limited_us);
        pump->told_limited_us = limited_us;
        snapshot->limited = limits_waited(pump, NULL);
        snapshot->held_bytes = pump->held_bytes + (pump->relay ? relay_held_bytes(pump->relay) : 0);
        snapshot->in_flight_records = pump->in_flight_count;
        snapshot->queued_records = pump->consumer_queue ? rd_kafka_queue_length(pump->consumer_queue) + seats_queued(pump) : 0;
        snapshot->blocked = pump->blocked;
        snapshot->taken_ms = now;
        return snapshot;
}

void pump_snapshot_free(struct pump_snapshot *snapshot) {
        if (!snapshot) return;
        for (size_t i = 0; i < snapshot->count; i++) {
                free(snapshot->rows[i].topic);
                free(snapshot->rows[i].target);
                free(snapshot->rows[i].error);
        }
        free(snapshot->rows);
        free(snapshot);
}
