#include "worker/report_cut.h"

#include <stdbool.h>

#define FRAME_BYTES 4 /* field and length of a message in another, below 2 MiB */

/* So many of the lane's rows, from this one on, as an empty chunk has room for. */
static size_t rows_that_fit(const Heliostat__Pb__LaneReport *lane, size_t from, size_t *out_bytes) {
        Heliostat__Pb__LaneReport head = *lane;
        head.n_partitions = 0;
        size_t bytes = protobuf_c_message_get_packed_size(&head.base) + FRAME_BYTES, rows = 0;
        for (; from + rows < lane->n_partitions; rows++) {
                size_t row = protobuf_c_message_get_packed_size(&lane->partitions[from + rows]->base) + FRAME_BYTES;
                if (rows && bytes + row > REPORT_CHUNK_BYTES) break; /* the codec's bounds let one fit */
                bytes += row;
        }
        *out_bytes = bytes;
        return rows;
}

size_t report_cut_next(struct report_cut *cut, Heliostat__Pb__LaneReport *const *lanes, size_t count,
                       Heliostat__Pb__LaneReport **out) {
        size_t n = 0, used = 0;
        while (cut->lane < count) {
                Heliostat__Pb__LaneReport *lane = lanes[cut->lane];
                size_t bytes, rows = rows_that_fit(lane, cut->row, &bytes);
                bool ends = cut->row + rows == lane->n_partitions;
                if (n && (!ends || used + bytes > REPORT_CHUNK_BYTES)) break;
                used += bytes;
                if (cut->row == 0 && ends) {
                        out[n++] = lane;
                } else { /* the first in its chunk: there is no other part in it */
                        cut->part = *lane;
                        cut->part.partitions += cut->row;
                        cut->part.n_partitions = rows;
                        out[n++] = &cut->part;
                }
                cut->row += rows;
                if (!ends) break;
                cut->lane++;
                cut->row = 0;
        }
        return n;
}
