/* Files of offsets, as `heliostat offsets export` writes them and
 * `start.from = offsets:FILE` and `heliostat offsets import` read them.  PURE
 * but for offsets_file_read.
 *
 *   CSV    topic,partition,offset        (the header line is optional: what
 *          orders,0,1200                  kafka-consumer-groups exports is read too)
 *   JSON   {"partitions": [{"topic": "orders", "partition": 0, "offset": 1200}, ...]}
 *          or the array alone; other members are ignored
 *
 * The offset is the next one to mirror. */
#ifndef HELIOSTAT_COMMON_OFFSETS_FILE_H
#define HELIOSTAT_COMMON_OFFSETS_FILE_H

#include <stddef.h>
#include <stdint.h>

#define OFFSETS_FILE_BYTES_MAX (16 * 1024 * 1024)
#define OFFSETS_ROWS_MAX 100000

struct offset_row {
        char *topic;
        int32_t partition;
        int64_t offset;
};
/* Sorted by topic, then partition; each partition once. */
struct offset_rows {
        struct offset_row *items;
        size_t count;
};

/* Which of the two is seen from the first character.  err: one line that names
 * the line or the entry.  0 | ERR_INVALID | ERR_TOO_MANY | ERR_NOMEM */
int offsets_parse(const char *text, size_t bytes, struct offset_rows *out, char *err, size_t err_size);
/* The file at path; a relative one is looked up where `beside` lies (NULL:
 * where the process is).  As above | ERR_IO | ERR_TOO_BIG */
int offsets_file_read(const char *path, const char *beside, struct offset_rows *out, char *err, size_t err_size);
void offset_rows_fini(struct offset_rows *rows);

/* Adds one; sort before anything else is asked.  0 | ERR_NOMEM */
int offset_rows_add(struct offset_rows *rows, const char *topic, int32_t partition, int64_t offset);
void offset_rows_sort(struct offset_rows *rows);
/* NULL: not there. */
const struct offset_row *offset_rows_find(const struct offset_rows *rows, const char *topic, int32_t partition);

/* Both malloc'd; NULL on no memory. */
char *offsets_csv(const struct offset_rows *rows);
char *offsets_json(const struct offset_rows *rows, const char *route);

#endif
