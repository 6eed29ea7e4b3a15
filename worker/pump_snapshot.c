/* What a pump is doing, at one moment: for the reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/pump_internal.h"

static void part_row(struct pump *pump, struct part *part, double seconds, struct pump_row *row) {
        int64_t low = -1, high = -1, now = clock_boot_ms();
        bool flowing = part->state == PART_FLOWING;
        *row = (struct pump_row){.partition = part->partition, .end_offset = -1, .lag_seconds = -1};
        row->topic = strdup(part->topic->name);
        row->position = part_position(part);
        if (pump->consumer && flowing &&
            rd_kafka_get_watermark_offsets(pump->consumer, part->topic->name, part->partition, &low,
                                           &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high >= 0)
                row->end_offset = high > row->position ? high : row->position;
        row->rate = seconds > 0 ? (double)(part->records - part->reported_records) / seconds : 0;
        part->reported_records = part->records;
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
        if (row->position != part->progress_position || !behind) {
                part->progress_position = row->position;
                part->progress_ms = now;
        }
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
                /* At the last stable offset of an open transaction nothing can
                 * be read: that is not a stall. */
                if (behind && now - part->progress_ms > PUMP_STALL_MS &&
                    !(part->eof && !pump->blocked && !pump->held))
                        row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
                else
                        *part->error = '\0';
                break;
        }
        if (pump->state == PUMP_DRAINING) row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_DRAINING;
        if (row->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED && !*part->error)
                (void)snprintf(part->error, sizeof part->error, "%.159s",
                               *pump->error ? pump->error
                               : pump->blocked ? "waits for the destination's acknowledgements"
                               : pump->held ? "waits for the check of its generation"
                                            : "no record arrives from the source");
        if (*part->error) row->error = strdup(part->error);
}

struct pump_snapshot *snapshot_take(struct pump *pump) {
        struct pump_snapshot *snapshot = calloc(1, sizeof *snapshot);
        int64_t now = clock_boot_ms();
        double seconds = (double)(now - pump->snapshot_ms) / 1000;
        if (!snapshot) abort();
        pump->snapshot_ms = now;
        snapshot->rows = calloc(pump->part_count ? pump->part_count : 1, sizeof *snapshot->rows);
        if (!snapshot->rows) abort();
        snapshot->count = pump->part_count;
        for (size_t i = 0; i < pump->part_count; i++)
                part_row(pump, pump->parts[i], seconds, &snapshot->rows[i]);
        (void)snprintf(snapshot->error, sizeof snapshot->error, "%s", pump->error);
        snapshot->state = pump_state_name(pump);
        snapshot->records = pump->records;
        snapshot->bytes = pump->bytes;
        return snapshot;
}

void pump_snapshot_free(struct pump_snapshot *snapshot) {
        if (!snapshot) return;
        for (size_t i = 0; i < snapshot->count; i++) {
                free(snapshot->rows[i].topic);
                free(snapshot->rows[i].error);
        }
        free(snapshot->rows);
        free(snapshot);
}
