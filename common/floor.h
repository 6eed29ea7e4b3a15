/* Where a partition has left its last lane.  What is found of it counts by
 * generation and not by offset: a position of that generation or an earlier one is
 * of that lane, whose word is the floor, and one of a later generation is of the
 * lane that it is in, also when it lies below (a restart, a move by an operator).
 * PURE. */
#ifndef HELIOSTAT_COMMON_FLOOR_H
#define HELIOSTAT_COMMON_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

struct floor {
        int64_t offset;      /* next to mirror */
        uint64_t generation; /* 0: it was in no other lane */
};

/* The floor counts against a position of this generation. */
static inline bool floor_counts(const struct floor *floor, uint64_t generation) {
        return floor->generation && generation <= floor->generation;
}

#endif
