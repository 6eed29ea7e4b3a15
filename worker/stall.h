/* Does a partition stand still although there is something to mirror?  PURE.
 * The one place that decides it: status, /healthz and the metrics show what the
 * report says. */
#ifndef HELIOSTAT_WORKER_STALL_H
#define HELIOSTAT_WORKER_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* Without progress while the source is ahead. */
#define STALL_MS 10000
/* Though its lane is limited, with errors of its clients: others' turns may be long. */
#define STALL_LIMITED_MS 60000
/* Since it was to start, or to start again: many start together. */
#define STALL_START_MS 30000
/* At the end of what can be read, because a transaction of a producer at the
 * source is open: brokers end them after 15 minutes by default. */
#define STALL_TRANSACTION_MS (16 * 60 * 1000)
/* The lane's data loop answers nothing. */
#define STALL_SILENT_MS 15000

struct stall_facts {
        bool wanted;         /* it flows, or would if a broker answered; not halted, not paused, and not
                              * parked for want of a right or a topic: those say so themselves */
        bool flowing;
        bool behind;         /* the source's end lies beyond the position */
        bool unstarted;      /* it is to start, or has never flowed here and the source's end is not known */
        int64_t still_ms;    /* since the position moved, or was at the end */
        bool at_readable_end; /* the reader has seen the end of what it may read */
        bool blocked;        /* waits for the destination's acknowledgements */
        bool limited;        /* its lane waits for a limit that was configured, or its topic does */
        bool waits;          /* some of it was read, and waits here */
        bool held;           /* waits for the check of its generation */
        bool has_error;      /* the lane's clients have reported one: that is the reason then */
};

enum stall {
        STALL_NONE,
        STALL_ERROR,         /* see has_error */
        STALL_STARTING,
        STALL_DESTINATION,
        STALL_GENERATION,
        STALL_SOURCE,
        STALL_TRANSACTION,
        STALL_SILENT,        /* decided by stall_silent */
};
enum stall stall_of(const struct stall_facts *facts);
/* Since a lane's data loop was last heard; asked: something is asked of it every
 * so often. */
enum stall stall_silent(int64_t silent_ms, int64_t asked_ms);
/* One line for the operator; "" for NONE and ERROR. */
const char *stall_text(enum stall stall);

#endif
