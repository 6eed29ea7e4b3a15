#include "cli/offsets_plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum { FREE = HELIOSTAT__PB__LANE_STATE__LANE_FREE,
       MOVED = HELIOSTAT__PB__HALT_KIND__HALT_MOVED,
       OFFSET = HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET };

static bool selected(const char *topic, int64_t partition, const char *of, int32_t number) {
        return (!topic || strcmp(topic, of) == 0) && (partition < 0 || partition == number);
}

static int by_partition(const void *a, const void *b) {
        const struct offsets_row *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int64_t asked(const Heliostat__Pb__Lane *record, const char *topic, uint32_t partition) {
        const Heliostat__Pb__Halt *halt = codec_lane_halt(record, topic, partition);
        return halt && halt->answer == (int)OFFSET ? halt->to : -1;
}

int offsets_table_new(const struct offsets_lane *lanes, size_t count, const char *topic, int64_t partition,
                      struct offsets_table *out) {
        struct offsets_table table = {0};
        size_t room = 1;
        for (size_t k = 0; k < count; k++)
                for (size_t t = 0; t < lanes[k].record->n_topics; t++) room += lanes[k].record->topics[t]->n_partitions;
        table.items = calloc(room, sizeof *table.items);
        if (!table.items) return ERR_NOMEM;
        for (size_t k = 0; k < count; k++)
                for (size_t t = 0; t < lanes[k].record->n_topics; t++) {
                        const Heliostat__Pb__LaneTopic *in = lanes[k].record->topics[t];
                        for (size_t p = 0; p < in->n_partitions; p++) {
                                const Heliostat__Pb__LanePartition *one = in->partitions[p];
                                if (!selected(topic, partition, in->topic, (int32_t)one->partition)) continue;
                                table.items[table.count++] = (struct offsets_row){
                                        .topic = in->topic, .partition = (int32_t)one->partition, .lane = k,
                                        .started = one->started, .floor = {one->floor, one->floor_generation}, .group_offset = -1, .now = -1, .wanted = -1,
                                        .asked = asked(lanes[k].record, in->topic, one->partition),
                                        .low = -1, .high = -1};
                        }
                }
        qsort(table.items, table.count, sizeof *table.items, by_partition);
        *out = table;
        return 0;
}

struct offsets_row *offsets_find(const struct offsets_table *table, const char *topic, int32_t partition) {
        struct offsets_row key = {.topic = topic, .partition = partition};
        return bsearch(&key, table->items, table->count, sizeof key, by_partition);
}

int64_t offsets_truth(int64_t group_offset, const struct codec_metadata *metadata,
                      const Heliostat__Pb__Position *recorded) {
        if (!recorded) return metadata->transactional ? -1 : group_offset;
        if (group_offset < 0 || metadata->exactly_once) return recorded->next_offset;
        bool group = metadata->generation > recorded->generation ||
                     (metadata->generation == recorded->generation && group_offset > recorded->next_offset);
        return group ? group_offset : recorded->next_offset;
}

int64_t offsets_truth_above(const struct floor *floor, int64_t group_offset, const struct codec_metadata *metadata,
                            const Heliostat__Pb__Position *recorded) {
        const struct codec_metadata at_floor = {.generation = floor->generation};
        if (recorded && floor_counts(floor, recorded->generation)) recorded = NULL;
        if (group_offset >= 0 && floor_counts(floor, metadata->generation)) return offsets_truth(floor->offset, &at_floor, recorded);
        return offsets_truth(group_offset, metadata, recorded);
}

static const Heliostat__Pb__Position *recorded_of(const Heliostat__Pb__Positions *record, const struct offsets_row *row) {
        for (size_t t = 0; record && t < record->n_topics; t++) {
                if (strcmp(record->topics[t]->topic, row->topic) != 0) continue;
                for (size_t p = 0; p < record->topics[t]->n_positions; p++)
                        if ((int32_t)record->topics[t]->positions[p]->partition == row->partition)
                                return record->topics[t]->positions[p];
        }
        return NULL;
}

void offsets_positions(struct offsets_table *table, const struct offsets_lane *lanes) {
        for (size_t i = 0; i < table->count; i++) {
                struct offsets_row *row = &table->items[i];
                row->now = offsets_truth_above(&row->floor, row->group_offset, &row->metadata,
                                               recorded_of(lanes[row->lane].recorded, row));
        }
}

int offsets_want(struct offsets_table *table, const struct offset_rows *rows, const char *topic, int64_t partition,
                 char *err, size_t err_size) {
        size_t unknown = 0;
        for (size_t i = 0; i < rows->count; i++) {
                const struct offset_row *from = &rows->items[i];
                if (!selected(topic, partition, from->topic, from->partition)) continue;
                struct offsets_row *row = offsets_find(table, from->topic, from->partition);
                if (row) row->wanted = from->offset;
                else if (unknown++ == 0)
                        (void)snprintf(err, err_size, "the route has no partition %d of %.249s", from->partition,
                                       from->topic);
        }
        if (!unknown) return 0;
        size_t n = strlen(err);
        if (unknown > 1) (void)snprintf(err + n, err_size - n, ", nor %zu more of the file", unknown - 1);
        return ERR_NOT_FOUND;
}

enum offsets_verdict offsets_judge(const struct offsets_row *row, const struct offsets_lane *lanes, bool force) {
        if (row->asked == row->wanted) return OFFSETS_ASKED;
        if (row->asked < 0 && row->started && row->now == row->wanted) return OFFSETS_SAME;
        if (lanes[row->lane].record->state != (int)FREE) return OFFSETS_OWNED;
        if (!force && row->low >= 0 && row->wanted < row->low) return OFFSETS_BELOW;
        if (!force && row->high >= 0 && row->wanted > row->high) return OFFSETS_ABOVE;
        return OFFSETS_MOVES;
}

static void print_position(FILE *out, int64_t position) {
        if (position < 0) fputs("none", out);
        else fprintf(out, "%lld", (long long)position);
}

void offsets_print(FILE *out, const struct offsets_row *row, const struct offsets_lane *lanes,
                   enum offsets_verdict verdict) {
        const struct offsets_lane *lane = &lanes[row->lane];
        fprintf(out, "%s-%d: ", row->topic, row->partition);
        switch (verdict) {
        case OFFSETS_SAME: fprintf(out, "%lld already\n", (long long)row->wanted); return;
        case OFFSETS_OWNED:
                fprintf(out, "lane %u is with worker %s; set the route's enabled to false, apply, and wait until its "
                             "lanes are free\n", lane->number, lane->record->owner);
                return;
        case OFFSETS_BELOW:
        case OFFSETS_ABOVE:
                fprintf(out, "offset %lld lies %s the source's log, which holds %lld to %lld; --force takes it all the "
                             "same\n", (long long)row->wanted, verdict == OFFSETS_BELOW ? "below" : "above",
                        (long long)row->low, (long long)row->high);
                return;
        case OFFSETS_ASKED:
        case OFFSETS_MOVES: break;
        }
        print_position(out, row->now);
        if (verdict == OFFSETS_MOVES && row->asked >= 0) fprintf(out, " (asked for: %lld)", (long long)row->asked);
        fprintf(out, " -> %lld%s, once lane %u has an owner\n", (long long)row->wanted,
                verdict == OFFSETS_ASKED ? " as asked before" : "", lane->number);
}

int offsets_move(struct offsets_lane *lane, const struct offsets_row *row, int64_t now_ms) {
        Heliostat__Pb__Lane *record = lane->record;
        Heliostat__Pb__Halt *halt = codec_lane_halt(record, row->topic, (uint32_t)row->partition);
        char reason[CODEC_HALT_REASON_MAX + 1] = "heliostat offsets: moved";
        if (row->now >= 0)
                (void)snprintf(reason, sizeof reason, "heliostat offsets: moved from %lld to %lld", (long long)row->now,
                               (long long)row->wanted);
        char *copy = strdup(reason);
        if (!copy) return ERR_NOMEM;
        if (!halt) {
                Heliostat__Pb__Halt **halts = reallocarray(record->halts, record->n_halts + 1, sizeof *halts);
                if (halts) record->halts = halts;
                halt = malloc(sizeof *halt);
                char *topic = strdup(row->topic);
                if (!halts || !halt || !topic) {
                        free(halt);
                        free(topic);
                        free(copy);
                        return ERR_NOMEM;
                }
                heliostat__pb__halt__init(halt);
                halt->topic = topic;
                halt->partition = (uint32_t)row->partition;
                record->halts[record->n_halts++] = halt;
        }
        if (halt->reason != protobuf_c_empty_string) free(halt->reason);
        halt->reason = copy;
        halt->kind = (Heliostat__Pb__HaltKind)MOVED;
        halt->answer = (Heliostat__Pb__HaltAnswer)OFFSET;
        halt->from = -1;
        halt->to = row->wanted;
        halt->since_ms = now_ms;
        if (!lane->changed) record->spec++;
        lane->changed = true;
        return 0;
}

int offsets_rows(const struct offsets_table *table, struct offset_rows *out) {
        for (size_t i = 0; i < table->count; i++) {
                const struct offsets_row *row = &table->items[i];
                int64_t offset = row->asked >= 0 ? row->asked : row->now;
                int rc = offset < 0 ? 0 : offset_rows_add(out, row->topic, row->partition, offset);
                if (rc) return rc;
        }
        return 0; /* sorted, as the table is */
}
