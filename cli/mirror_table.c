#include "cli/mirror_table.h"

#include <stdlib.h>
#include <string.h>

void mirror_table_fini(struct mirror_table *table) {
        for (size_t i = 0; i < table->count; i++) {
                free(table->parts[i].topic);
                free(table->parts[i].destination);
        }
        free(table->parts);
        *table = (struct mirror_table){.stuck_since_ms = -1};
}

/* Where it is, or would be. */
static size_t place(const struct mirror_table *table, const char *topic, int32_t partition, bool *there) {
        size_t low = 0, high = table->count;
        *there = false;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                const struct mirror_part *part = &table->parts[mid];
                int order = strcmp(part->topic, topic);
                if (!order) order = part->partition < partition ? -1 : part->partition > partition;
                if (!order) {
                        *there = true;
                        return mid;
                }
                if (order < 0) low = mid + 1;
                else high = mid;
        }
        return low;
}

struct mirror_part *mirror_table_find(const struct mirror_table *table, const char *topic, int32_t partition) {
        bool there;
        size_t at = place(table, topic, partition, &there);
        return there ? &table->parts[at] : NULL;
}

struct mirror_part *mirror_table_add(struct mirror_table *table, const char *topic, int32_t partition) {
        bool there;
        size_t at = place(table, topic, partition, &there);
        if (there) return &table->parts[at];
        if (table->count == table->room) {
                size_t room = table->room ? table->room * 2 : 64;
                struct mirror_part *parts = realloc(table->parts, room * sizeof *parts);
                if (!parts) abort();
                table->parts = parts;
                table->room = room;
        }
        memmove(&table->parts[at + 1], &table->parts[at], (table->count - at) * sizeof *table->parts);
        table->count++;
        struct mirror_part *part = &table->parts[at];
        *part = (struct mirror_part){.topic = strdup(topic), .partition = partition, .begin = -1,
                                     .position = -1, .end = -1, .target = -1};
        if (!part->topic) abort();
        return part;
}

void mirror_part_at(struct mirror_part *part, int64_t position) {
        if (position < 0) return;
        if (part->begin < 0) part->begin = position;
        part->position = position;
}

uint32_t mirror_lane_of(const char *topic, int32_t partition, uint32_t lanes) {
        uint32_t hash = 2166136261u; /* FNV-1a */
        for (const unsigned char *c = (const unsigned char *)topic; *c; c++) hash = (hash ^ *c) * 16777619u;
        return (uint32_t)(((uint64_t)hash + (uint32_t)partition) % lanes);
}

uint64_t mirror_generation(uint64_t highest, uint32_t random) { return highest + 1 + random % 1000; }

bool mirror_part_arrived(const struct mirror_part *part) {
        return part->target < 0 || part->position >= part->target;
}

/* Nothing but a person, or another process, moves it. */
static bool halted(const struct mirror_part *part) {
        return part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED;
}

static bool parked(const struct mirror_part *part) {
        return part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED ||
               part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED;
}

enum mirror_verdict mirror_table_verdict(struct mirror_table *table, int64_t now_ms) {
        size_t waiting = 0, halts = 0, parks = 0;
        for (size_t i = 0; i < table->count; i++) {
                const struct mirror_part *part = &table->parts[i];
                if (mirror_part_arrived(part)) continue;
                waiting++;
                halts += halted(part);
                parks += parked(part);
        }
        if (waiting == 0) return MIRROR_ARRIVED;
        if (halts == waiting) return MIRROR_STUCK;
        if (halts + parks < waiting) {
                table->stuck_since_ms = -1;
                return MIRROR_GOING;
        }
        if (table->stuck_since_ms < 0) table->stuck_since_ms = now_ms;
        return now_ms - table->stuck_since_ms >= MIRROR_PARKED_LIMIT_MS ? MIRROR_STUCK : MIRROR_GOING;
}

struct mirror_sums mirror_table_sums(const struct mirror_table *table) {
        struct mirror_sums sums = {.partitions = table->count, .lag = -1};
        for (size_t i = 0; i < table->count; i++) {
                const struct mirror_part *part = &table->parts[i];
                sums.records += part->records;
                sums.bytes += part->bytes;
                sums.halted += halted(part);
                sums.parked += parked(part);
                if (part->end >= 0 && part->position >= 0) {
                        if (sums.lag < 0) sums.lag = 0;
                        if (part->end > part->position) sums.lag += part->end - part->position;
                }
                if (part->target < 0) continue;
                sums.targets++;
                sums.arrived += mirror_part_arrived(part);
                int64_t from = part->begin >= 0 ? part->begin : 0;
                if (part->target <= from) continue;
                sums.total += part->target - from;
                if (part->position > from)
                        sums.done += (part->position < part->target ? part->position : part->target) - from;
        }
        return sums;
}
