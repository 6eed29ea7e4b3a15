/* What `heliostat offsets` makes of the lanes of a route.  PURE: records and
 * positions in, a table, changed records and lines for people out.
 *
 * A position is moved through the lane's record, as an answered halt of the
 * kind MOVED: the lane's next owner begins there, commits it where its
 * guarantee keeps positions, and takes the halt out.  Nothing but the record is
 * written, so a change is there or it is not, whoever dies meanwhile.  Only a
 * lane that nobody owns is changed: its version decides against a claim. */
#ifndef HELIOSTAT_CLI_OFFSETS_PLAN_H
#define HELIOSTAT_CLI_OFFSETS_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "common/codec.h"
#include "common/floor.h"
#include "common/offsets_file.h"
#include "heliostat.pb-c.h"

struct offsets_lane {
        uint32_t number;
        Heliostat__Pb__Lane *record;
        int32_t version;                   /* of the znode */
        Heliostat__Pb__Positions *recorded; /* at the destination; NULL: none, or not asked for */
        bool asks_record;                  /* a position of the group says that the record counts */
        bool changed;
};

struct offsets_row {
        const char *topic;   /* borrows the lane's record */
        int32_t partition;
        size_t lane;         /* index */
        bool started;
        int64_t group_offset; /* -1: none */
        struct codec_metadata metadata;
        struct floor floor;  /* of its last lane */
        int64_t now;         /* the position; -1: none */
        int64_t asked;       /* a move that waits to be carried out; -1: none */
        int64_t wanted;      /* -1: is not to be changed */
        int64_t low, high;   /* the source's log; -1: not known */
};
struct offsets_table {
        struct offsets_row *items; /* sorted by topic, then partition */
        size_t count;
};

/* All partitions of the lanes, or of one topic, or one.  topic NULL: all;
 * partition -1: all.  The caller frees items.  0 | ERR_NOMEM */
int offsets_table_new(const struct offsets_lane *lanes, size_t count, const char *topic, int64_t partition,
                      struct offsets_table *out);
struct offsets_row *offsets_find(const struct offsets_table *table, const char *topic, int32_t partition);

/* Which of the two is the position, by the rule of a lane's start: where the
 * group's is an exactly-once lane's, the record counts; else the later
 * generation, then the higher offset.  recorded NULL: none.  -1: no position. */
int64_t offsets_truth(int64_t group_offset, const struct codec_metadata *metadata,
                      const Heliostat__Pb__Position *recorded);
/* The same of a partition that was in another lane: what is of that one is outdated. */
int64_t offsets_truth_above(const struct floor *floor, int64_t group_offset, const struct codec_metadata *metadata,
                            const Heliostat__Pb__Position *recorded);
/* Fills in `now` from the group's offsets and the lane's position records. */
void offsets_positions(struct offsets_table *table, const struct offsets_lane *lanes);

/* Takes a file's rows as wanted.  err: one line about the first that is not in
 * the table; rows of other topics and partitions than selected (topic,
 * partition, as above) are passed over.  0 | ERR_NOT_FOUND */
int offsets_want(struct offsets_table *table, const struct offset_rows *rows, const char *topic, int64_t partition,
                 char *err, size_t err_size);

enum offsets_verdict {
        OFFSETS_SAME,    /* is there already */
        OFFSETS_ASKED,   /* was asked for already, and waits for an owner */
        OFFSETS_MOVES,
        OFFSETS_OWNED,   /* the lane has an owner: refused */
        OFFSETS_BELOW,   /* below the log's start: refused unless forced */
        OFFSETS_ABOVE,   /* above its end: so is this */
};
enum offsets_verdict offsets_judge(const struct offsets_row *row, const struct offsets_lane *lanes, bool force);
/* A line with its newline: "orders-0: 120 -> 50, once lane 3 has an owner". */
void offsets_print(FILE *out, const struct offsets_row *row, const struct offsets_lane *lanes,
                   enum offsets_verdict verdict);

/* Enters a move into the record, in place; spec grows with the first of a lane.
 * 0 | ERR_NOMEM */
int offsets_move(struct offsets_lane *lane, const struct offsets_row *row, int64_t now_ms);

/* The positions, with those that are asked for in their place. */
int offsets_rows(const struct offsets_table *table, struct offset_rows *out);

#endif
