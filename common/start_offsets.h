/* A file of offsets as a part of the published route.  PURE. */
#ifndef HELIOSTAT_COMMON_START_OFFSETS_H
#define HELIOSTAT_COMMON_START_OFFSETS_H

#include <stdbool.h>

#include "common/offsets_file.h"
#include "heliostat.pb-c.h"

/* A file's offsets as a message: malloc'd in all its parts, for codec_free.
 * rows are sorted.  NULL on no memory. */
Heliostat__Pb__StartOffsets *start_offsets_message(const char *file, const struct offset_rows *rows);
/* Partitions in it. */
size_t start_offsets_count(const Heliostat__Pb__StartOffsets *offsets);
bool start_offsets_same(const Heliostat__Pb__StartOffsets *a, const Heliostat__Pb__StartOffsets *b);

#endif
