#include "cli/migrate_take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct status_route *migrate_route(const struct snapshot *snapshot, const char *route) {
        for (size_t i = 0; i < snapshot->route_count; i++)
                if (strcmp(snapshot->routes[i].name, route) == 0) return &snapshot->routes[i];
        return NULL;
}

static void take(struct mirror_part *part, const struct status_partition *from) {
        part->in_lane = true;
        part->lane = from->lane;
        part->state = (Heliostat__Pb__PartitionState)from->state; /* the same numbers */
        if (from->position != SNAPSHOT_UNKNOWN) mirror_part_at(part, from->position);
        if (from->end_offset != SNAPSHOT_UNKNOWN) part->end = from->end_offset;
        /* Reports count what a worker did, not what this run saw: offsets it is. */
        if (part->position > part->begin) part->records = (uint64_t)(part->position - part->begin);
        const char *reason = from->halt.kind && from->halt.reason && *from->halt.reason ? from->halt.reason : from->error;
        (void)snprintf(part->error, sizeof part->error, "%s", reason ? reason : "");
}

void migrate_take(const struct snapshot *snapshot, const char *route, struct mirror_table *table) {
        const struct status_route *row = migrate_route(snapshot, route);
        for (size_t i = 0; i < table->count; i++) {
                table->parts[i].in_lane = false;
                table->parts[i].state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED;
                (void)snprintf(table->parts[i].error, sizeof table->parts[i].error, "no lane has it");
        }
        for (size_t i = 0; row && i < row->parked_count; i++)
                for (size_t k = 0; k < table->count; k++) {
                        if (strcmp(table->parts[k].topic, row->parked[i].topic) != 0) continue;
                        table->parts[k].state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED;
                        (void)snprintf(table->parts[k].error, sizeof table->parts[k].error, "%s", row->parked[i].reason);
                }
        for (size_t i = 0; i < snapshot->partition_count; i++) {
                const struct status_partition *from = &snapshot->partitions[i];
                if (strcmp(from->route, route) != 0) continue;
                struct mirror_part *part = mirror_table_find(table, from->topic, (int32_t)from->partition);
                if (part) take(part, from);
        }
}

size_t migrate_passed(const struct snapshot *snapshot, const char *route, int64_t since_ms,
                      struct mirror_passed **out) {
        const struct status_route *row = migrate_route(snapshot, route);
        size_t count = row ? row->skip_count : 0, n = 0;
        *out = calloc(count + 1, sizeof **out);
        if (!*out) abort();
        for (size_t i = 0; i < count; i++) {
                const struct status_skip *skip = &row->skips[i];
                if (skip->at_ms < since_ms) continue;
                (*out)[n++] = (struct mirror_passed){skip->topic, (int32_t)skip->partition,
                                                     skip->from == SNAPSHOT_UNKNOWN ? -1 : skip->from, skip->to, skip->kind,
                                                     skip->answer};
        }
        return n;
}
