/* What the pump and the lane's znode tell each other.  PURE.
 *
 * The pump tells facts; they are written into the record and, once they are
 * there, told back (pump_recorded).  The answer to a write can be lost: a fact
 * that is marked again changes nothing. */
#ifndef HELIOSTAT_WORKER_LANE_RECORD_H
#define HELIOSTAT_WORKER_LANE_RECORD_H

#include "common/codec.h"
#include "common/floor.h"
#include "worker/halt.h"

struct pump_partition {
        const char *topic;  /* borrowed for the call */
        int32_t partition;
        bool started;       /* a position was committed once: never start afresh */
        bool existed;       /* it was there when the route was first looked at */
        bool leaving;       /* for another lane: to be taken out after its last commit */
        struct floor floor; /* where it has left its last lane */
        struct halt halt;   /* as the lane's record has it; HALT_NONE: none */
};

/* What the lane's record must hold before the pump goes on. */
enum pump_fact_kind {
        PUMP_FACT_POSITIONED, /* an unstarted partition has a committed position: it is started now */
        PUMP_FACT_HALTED,     /* halt, with the answer that the route's policy gives */
        PUMP_FACT_RESUMED,    /* the answer of `halt` was carried out: [halt.from, halt.to) was
                               * passed over, and what follows is committed */
        PUMP_FACT_LEFT,       /* the partition is taken out: nothing above `position` was mirrored */
};
struct pump_fact {
        enum pump_fact_kind kind;
        const char *topic;    /* borrowed for the call */
        int32_t partition;
        struct halt halt;
        bool letter_refused;  /* HALTED: the topic of dead letters does not take the record either, and that answer is void */
        int64_t below;        /* RESUMED: so many offsets before the halt had not been committed either, and were passed over with it */
        int64_t position;     /* LEFT */
        uint64_t came_with;   /* LEFT: generation of the floor it was given with: it may have been
                               * elsewhere since */
};

/* An operator moves a position of its. */
bool lane_record_moved(const Heliostat__Pb__Lane *record);

/* The record's partitions, but those that have left, with their halts.  *out_count of them; the caller
 * frees the array, which borrows the topics from the record.  Aborts without
 * memory. */
struct pump_partition *lane_record_partitions(const Heliostat__Pb__Lane *record, size_t *out_count);

/* Enters the fact.  A fact about a partition that is not the lane's, and a
 * RESUMED whose halt is not there (it was entered before), change nothing.
 * now_ms: since 1970, for people. */
void lane_record_mark(Heliostat__Pb__Lane *record, const struct pump_fact *fact, int64_t now_ms);

/* The record holds the fact already. */
bool lane_record_has(const Heliostat__Pb__Lane *record, const struct pump_fact *fact);

#endif
