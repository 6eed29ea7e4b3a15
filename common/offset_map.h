/* Where the records of one source partition lie in the destination partition:
 * runs of (source offset -> destination offset), for translating the offsets of
 * consumer groups.  PURE.
 *
 * A translated offset is never ahead: every mirrored record at or above the
 * source offset lies at or above it.  It is exact for the newest
 * OFFSET_MAP_EXACT runs; older runs are merged, the older the more, and an
 * offset inside a merged run translates to a little earlier, by a stated bound.
 *
 * The map tells of the newest copy by a rightful owner of the lane.  Such an
 * owner sends in source order, and its successor begins at or below what it had
 * acknowledged; so whatever follows in the source has a copy behind it.  The
 * first copy would do too, and would repeat what was sent twice. */
#ifndef HELIOSTAT_COMMON_OFFSET_MAP_H
#define HELIOSTAT_COMMON_OFFSET_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

#define OFFSET_MAP_EXACT 128      /* newest runs that are never merged */
#define OFFSET_MAP_EXACT_MAX 256  /* at so many, merging begins */
#define OFFSET_MAP_PER_LEVEL 8    /* merged runs of about the same length */
#define OFFSET_MAP_LEVELS 24
#define OFFSET_MAP_RUNS_MAX (OFFSET_MAP_EXACT_MAX + (OFFSET_MAP_PER_LEVEL + 1) * OFFSET_MAP_LEVELS)

/* `count` records, the first at source_from and destination_from (of a run
 * without records: the place before which nothing of it lies).  Gaps are offsets
 * without a record of ours, anywhere between the first record and the last. */
struct offset_run {
        int64_t source_from, destination_from;
        int64_t count;
        int64_t source_gap, destination_gap;
        uint8_t level;            /* 0: not merged */
};

struct offset_map {
        int64_t begin;            /* source; the map knows nothing below; -1: it is empty and new */
        int64_t returned;         /* source; some below came from the destination; 0: none */
        int64_t next_source, next_destination; /* continues the newest run; -1: there is none */
        struct offset_run *runs;  /* oldest first; the newest one's count is kept in next_* */
        uint32_t count, capacity;
};

/* An empty map; it allocates nothing. */
void offset_map_init(struct offset_map *map);
void offset_map_fini(struct offset_map *map);

/* Records at or above this source offset are about to be sent, for the first
 * time or again: what the map has of them goes. */
void offset_map_restart(struct offset_map *map, int64_t source);

void offset_map_jump(struct offset_map *map, int64_t source, int64_t destination);
/* The record at `source` was acknowledged at `destination` (negative: not
 * known).  In the order in which they lie in the destination. */
static inline void offset_map_add(struct offset_map *map, int64_t source, int64_t destination) {
        if (source == map->next_source && destination == map->next_destination) {
                map->next_source++;
                map->next_destination++;
        } else {
                offset_map_jump(map, source, destination);
        }
}

/* The record at `source` came from the destination and is not sent back.  Its
 * place there may lie before that of any record of ours, so a group that has not
 * read it must not be carried over by the map. */
static inline void offset_map_returned(struct offset_map *map, int64_t source) {
        if (source >= map->returned) map->returned = source + 1;
}

/* `older` was complete below source offset `next`; `map` has what was sent since
 * map->begin, by us.  Makes one map of both, in `map`; older is empty then. */
void offset_map_continue(struct offset_map *map, struct offset_map *older, int64_t next);

enum offset_translation_kind {
        /* Below the map's begin, or there is no map (by 0); or up to `by` source
         * offsets on lie records that came from the destination. */
        OFFSET_UNKNOWN,
        OFFSET_EXACT,   /* the record at the source offset, or the first behind it */
        OFFSET_EARLIER, /* before that by up to `by` records (-1: not known how many) */
        OFFSET_BEYOND,  /* not mirrored yet: the end of what was, `by` source offsets before */
};
struct offset_translation {
        enum offset_translation_kind kind;
        int64_t offset; /* at the destination; -1: UNKNOWN */
        int64_t by;
};
/* next: everything below was mirrored. */
struct offset_translation offset_map_translate(const struct offset_map *map, int64_t next, int64_t source);

/* The map's message, in malloc'd bytes.  0 | as codec_pack */
struct offset_map_name {
        const char *topic, *destination_topic;
        int32_t partition;
        uint64_t generation;
};
int offset_map_pack(const struct offset_map *map, const struct offset_map_name *name, int64_t next,
                    void **out_data, size_t *out_bytes);
/* From a message that the codec has accepted.  0 | ERR_NOMEM */
int offset_map_unpack(const Heliostat__Pb__OffsetMap *message, struct offset_map *out);

#endif
