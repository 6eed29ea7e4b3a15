/* When memory that is free is given back to the system.  PURE.
 *
 * What clients take is bounded by the budget, but the allocator keeps what they
 * free: answers are opened and batches packed in buffers of many sizes, and what
 * lies between those in use adds up to as much again (zstd: 80 MiB in use, 180
 * resident).  Giving it back costs a walk through the heap, and its pages are
 * cleared when they are taken again: so not before the process comes near its
 * budget, and not again before that has grown somewhat.
 *
 * And when lanes have come or gone: what was taken to open them, and what their
 * clients had, lies between what others keep, and a worker that is given lanes and
 * gives them away again and again would grow towards that. */
#ifndef HELIOSTAT_WORKER_MEMORY_TRIM_H
#define HELIOSTAT_WORKER_MEMORY_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct memory_trim {
        uint64_t kept_bytes; /* resident after the last one; 0: there was none */
        int64_t done_ms;     /* boot clock: when it was done */
        int64_t changed_ms;  /* boot clock: when a lane has come or gone last; 0: none since */
        int64_t follow_ms;   /* boot clock: when it is done once more for those; 0: it was */
};

void memory_trim_lanes_changed(struct memory_trim *trim, int64_t now_ms);
bool memory_trim_due(const struct memory_trim *trim, uint64_t resident_bytes, uint64_t budget_bytes, int64_t now_ms);
/* A lane that comes or goes from now on is followed by the next one. */
void memory_trim_begun(struct memory_trim *trim, int64_t now_ms);
void memory_trim_done(struct memory_trim *trim, uint64_t resident_bytes, int64_t now_ms);

#endif
