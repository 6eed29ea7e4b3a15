/* What a failover leaves behind: of each partition the mirror's position and the
 * source's end, from several witnesses of different age; and who may still mirror.
 * PURE. */
#ifndef HELIOSTAT_CLI_PROMOTE_REPORT_H
#define HELIOSTAT_CLI_PROMOTE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "heliostat.pb-c.h"

struct promote_partition {
        char *topic;          /* owned */
        uint32_t partition;
        int64_t position;     /* next source offset to mirror; -1: not known */
        bool committed;       /* read from where positions are committed, not from a report */
        int64_t end_offset;   /* of the source; -1: not known */
        int64_t end_ms;       /* wall clock: when the end was seen */
        bool asked;           /* the source said so just now */
        int64_t records;      /* above the position, counted; -1: not counted */
};

/* A worker without ZooKeeper mirrors on until another follows it in its lanes, which
 * nobody does on a stopped route. */
struct promote_lane {
        uint32_t number;
        char *owner;          /* owned; had it, with a session, at the last look; NULL: nobody */
        char *lost;           /* owned; its session ended and it was not seen to release the lane; NULL: nobody's */
};

struct promote_report {
        const char *route, *source;   /* borrowed */
        const char *state;            /* "stopping", "stopped", "" */
        bool dry_run;
        bool source_reachable;
        char why[300];                /* it is not */
        int64_t now_ms;               /* wall clock */
        struct promote_partition *partitions; /* sorted by topic and number */
        size_t count, room;
        struct promote_lane *lanes;   /* sorted by number */
        size_t lane_count;
        size_t running;               /* lanes that still run */
        const char *groups;           /* what became of the consumer groups */
};

/* The partition, added where it is new.  NULL on no memory. */
struct promote_partition *promote_at(struct promote_report *report, const char *topic, uint32_t partition);
/* A witness: a later position and a younger end count.  -1: says nothing. */
void promote_witness(struct promote_partition *partition, int64_t position, int64_t end_offset, int64_t seen_ms);
/* A look at a lane, and the workers that had a session before it.  What was lost is
 * found when another has claimed the lane, or the worker is there again.
 * 0 | PROMOTE_LANE_RUNS | ERR_NOMEM */
enum { PROMOTE_LANE_RUNS = 1 };
int promote_lane_look(struct promote_report *report, uint32_t number, const Heliostat__Pb__Lane *record,
                      char *const *workers, size_t worker_count);
size_t promote_lost_count(const struct promote_report *report);
void promote_report_fini(struct promote_report *report);

struct promote_sum {
        int64_t unmirrored;  /* records where counted, else offsets; of the partitions that are known */
        bool exact;          /* every one was counted */
        size_t unknown;      /* partitions of which that cannot be said */
        int64_t oldest_ms;   /* age of the oldest end that it rests on; 0: all were just asked */
};
struct promote_sum promote_sum(const struct promote_report *report);

/* malloc'd; NULL on no memory */
char *promote_text(const struct promote_report *report);
json_t *promote_json(const struct promote_report *report);

/* For the znode, and back (as witnesses).  The message is freed by codec_free;
 * NULL on no memory.  goes_on: the route has not mirrored again since, so that lost
 * lanes count. */
Heliostat__Pb__Promotion *promote_save(const struct promote_report *report);
int promote_load(struct promote_report *report, const Heliostat__Pb__Promotion *promotion, bool goes_on);

#endif
