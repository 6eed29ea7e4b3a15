#include "common/group_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

const char *group_outcome_name(enum group_outcome outcome) {
        static const char *const names[] = {"unknown", "kept", "forward"};
        return names[outcome];
}

static void describe(struct group_row *row) {
        const struct offset_translation *t = &row->translation;
        switch (t->kind) {
        case OFFSET_UNKNOWN:
                if (t->by > 0)
                        (void)snprintf(row->text, sizeof row->text,
                                       "unknown: records that came from the destination are among the next %" PRId64, t->by);
                else
                        (void)snprintf(row->text, sizeof row->text,
                                       "unknown: the offset map begins later, or has no record yet");
                break;
        case OFFSET_EXACT: (void)snprintf(row->text, sizeof row->text, "exact"); break;
        case OFFSET_EARLIER:
                if (t->by < 0) (void)snprintf(row->text, sizeof row->text, "earlier, by how much is not known");
                else (void)snprintf(row->text, sizeof row->text, "earlier by up to %" PRId64, t->by);
                break;
        case OFFSET_BEYOND:
                (void)snprintf(row->text, sizeof row->text,
                               "end of what was mirrored, %" PRId64 " source offsets before", t->by);
                break;
        }
}

void group_plan(struct group_row *row) {
        row->outcome = GROUP_UNKNOWN;
        row->target = -1;
        describe(row);
        if (row->translation.kind == OFFSET_UNKNOWN) return;
        int64_t target = row->translation.offset;
        if (row->high >= 0 && target > row->high) {
                /* The map tells of a log that is gone. */
                (void)snprintf(row->text, sizeof row->text,
                               "unknown: the destination's log ends at %" PRId64 ", before %" PRId64
                               "; truncated, or created anew", row->high, target);
                return;
        }
        if (target < row->low) {
                (void)snprintf(row->text, sizeof row->text,
                               "start of the destination's log; %" PRId64 " is no longer there", target);
                target = row->low;
        }
        row->target = target;
        row->outcome = row->before >= target ? GROUP_KEPT : GROUP_FORWARD;
}

static int by_destination(const void *a, const void *b) {
        const struct group_row *x = *(struct group_row *const *)a, *y = *(struct group_row *const *)b;
        int topic = strcmp(x->destination_topic, y->destination_topic);
        if (topic) return topic;
        return x->partition < y->partition ? -1 : x->partition > y->partition;
}

int group_plan_merge(struct group_row *rows, size_t count) {
        struct group_row **sorted = calloc(count + 1, sizeof(struct group_row *));
        if (!sorted) return ERR_NOMEM;
        for (size_t i = 0; i < count; i++) sorted[i] = &rows[i];
        qsort(sorted, count, sizeof *sorted, by_destination);
        for (size_t from = 0, to; from < count; from = to) {
                int64_t lowest = sorted[from]->target;
                for (to = from + 1; to < count && by_destination(&sorted[from], &sorted[to]) == 0; to++)
                        if (sorted[to]->target < lowest) lowest = sorted[to]->target; /* -1: unknown */
                for (size_t i = from; i < to; i++) {
                        struct group_row *row = sorted[i];
                        if (row->target == lowest) continue;
                        row->target = lowest;
                        row->outcome = lowest < 0 ? GROUP_UNKNOWN : row->before >= lowest ? GROUP_KEPT : GROUP_FORWARD;
                        (void)snprintf(row->text, sizeof row->text, "%s",
                                       lowest < 0 ? "unknown: another topic that is mirrored into the same is unknown"
                                                  : "earlier: where another topic that is mirrored into the same goes on");
                }
        }
        free(sorted);
        return 0;
}
