/* What `heliostat mirror` and `heliostat migrate` know of the partitions: where
 * they are, where they shall come, and whether the run is over.  PURE. */
#ifndef HELIOSTAT_CLI_MIRROR_TABLE_H
#define HELIOSTAT_CLI_MIRROR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

/* A partition that is parked, or has no owner, may go on any moment: so long is
 * that waited for when nothing else is left to do. */
#define MIRROR_PARKED_LIMIT_MS 30000

struct mirror_part {
        char *topic;
        char *destination; /* its name there; NULL: not known */
        int32_t partition;
        uint32_t lane;
        bool in_lane;      /* given to it; else its topic is not ready */
        Heliostat__Pb__PartitionState state;
        int64_t begin;     /* position when it was first known; -1: not yet */
        int64_t position;  /* next offset to mirror, all below is acknowledged; -1: not known */
        int64_t end;       /* of the source's log; -1: not known */
        int64_t target;    /* to come to; -1: none */
        uint64_t records, bytes; /* acknowledged in this run */
        char error[160];   /* why it stands still; "" */
};

struct mirror_table {
        struct mirror_part *parts; /* sorted by topic and partition */
        size_t count, room;
        int64_t stuck_since_ms;    /* nothing flows any more; -1: something does */
};

void mirror_table_fini(struct mirror_table *table);
/* NULL: not there. */
struct mirror_part *mirror_table_find(const struct mirror_table *table, const char *topic, int32_t partition);
/* The partition, which is added when it is not there.  Pointers to others are
 * void then.  Aborts without memory. */
struct mirror_part *mirror_table_add(struct mirror_table *table, const char *topic, int32_t partition);
/* A position was told.  The first is where it began. */
void mirror_part_at(struct mirror_part *part, int64_t position);

/* The lane of a partition: the same for as long as the number of lanes is, so
 * that the position record of a lane is found again after a restart; a topic's
 * partitions are spread over all lanes. */
uint32_t mirror_lane_of(const char *topic, int32_t partition, uint32_t lanes);

/* A generation above `highest`, the highest that is committed.  Two processes
 * that start in the same moment should not choose the same: random decides. */
uint64_t mirror_generation(uint64_t highest, uint32_t random);

/* Has come to its target, or has none. */
bool mirror_part_arrived(const struct mirror_part *part);

enum mirror_verdict { MIRROR_GOING, MIRROR_ARRIVED, MIRROR_STUCK };
/* MIRROR_STUCK: all that have not arrived are halted, or have been parked or
 * unowned for MIRROR_PARKED_LIMIT_MS while nothing else was left. */
enum mirror_verdict mirror_table_verdict(struct mirror_table *table, int64_t now_ms);

struct mirror_sums {
        size_t partitions, targets, arrived, halted, parked;
        uint64_t records, bytes;
        int64_t done, total; /* offsets from where they began to their targets */
        int64_t lag;         /* offsets behind the ends; -1: of none known */
};
struct mirror_sums mirror_table_sums(const struct mirror_table *table);

#endif
