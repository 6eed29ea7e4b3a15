#include "common/report_join.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"

static bool same_lane(const Heliostat__Pb__LaneReport *a, const Heliostat__Pb__LaneReport *b) {
        return a->lane == b->lane && a->generation == b->generation && strcmp(a->route, b->route) == 0;
}

/* Takes next's partitions. */
static int rows_join(Heliostat__Pb__LaneReport *lane, Heliostat__Pb__LaneReport *next) {
        size_t count = lane->n_partitions + next->n_partitions;
        Heliostat__Pb__PartitionReport **rows = reallocarray(lane->partitions, count + 1, sizeof *rows);
        if (!rows) return ERR_NOMEM;
        lane->partitions = rows;
        for (size_t i = 0; i < next->n_partitions; i++) rows[lane->n_partitions++] = next->partitions[i];
        next->n_partitions = 0;
        return 0;
}

int report_join(Heliostat__Pb__Report *report, Heliostat__Pb__Report *chunk) {
        Heliostat__Pb__LaneReport *last = report->n_lanes ? report->lanes[report->n_lanes - 1] : NULL;
        size_t joined = chunk->n_lanes && last && same_lane(last, chunk->lanes[0]);
        Heliostat__Pb__LaneReport **lanes = reallocarray(report->lanes, report->n_lanes + chunk->n_lanes + 1, sizeof *lanes);
        if (!lanes) return ERR_NOMEM;
        report->lanes = lanes;
        if (joined) {
                if (rows_join(last, chunk->lanes[0])) return ERR_NOMEM;
                codec_free(chunk->lanes[0]);
        }
        for (size_t i = joined; i < chunk->n_lanes; i++) lanes[report->n_lanes++] = chunk->lanes[i];
        chunk->n_lanes = 0;
        return 0;
}
