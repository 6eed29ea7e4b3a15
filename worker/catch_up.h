/* Which partitions of a lane read beside the others, and from whom the lane takes
 * next.  PURE: time comes with the call, microseconds of any steady clock.
 *
 * The partitions of a lane share one consumer, whose queue is bounded.  librdkafka
 * (2.0.2) asks a broker for all of them in one request, and when the queue has been
 * full it makes the list anew, in the same order: the first one with a backlog then
 * takes every answer whole, until it has caught up, and a live one behind it gets
 * nothing.  So while partitions that keep up and others that are far behind are in
 * one lane, those behind get a client of their own with a few *seats*: each seat
 * has a queue of its own, a full one is left out of the next request, and an answer
 * has room for all seats.  They take turns when there are more than seats.
 *
 * The same holds for partitions whose topic has a limit of its own and has reached
 * it: what is not taken of them must not fill a queue that others need.
 *
 * A queue for each at the lane's consumer was rejected: a request that leaves out
 * those with a full queue waits at the broker for the others' next record, for up to
 * fetch.wait.max.ms, and nothing can be asked meanwhile.  At a client whose
 * partitions all have something to give none waits. */
#ifndef HELIOSTAT_WORKER_CATCH_UP_H
#define HELIOSTAT_WORKER_CATCH_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATCH_UP_SEATS 8

/* MAIN: with the lane's consumer.  WAITING: for a seat, and reads nothing. */
enum catch_up_place { PLACE_MAIN, PLACE_WAITING, PLACE_SEAT };

/* Of one partition; all zero at first. */
struct catch_up_part {
        /* facts of this look */
        int64_t lag;            /* records; -1: not known */
        uint64_t taken;         /* records since the last look */
        bool shut;              /* its topic's own limit has kept it back lately */
        int priority;           /* of its topic: any numbers */
        /* between looks */
        bool behind;
        unsigned looks;         /* with a lag that is long, in a row */
        unsigned rests;         /* looks at the end of its log, in a row */
        int64_t taken_us;       /* when it got records last; 0: never */
        int64_t missed_us;      /* since when it got none though it has some; 0: not so */
        int64_t since_us;       /* in this place */
        enum catch_up_place place;
};

struct catch_up {
        struct catch_up_part **parts; /* caller's */
        size_t count;
        uint64_t queue_records; /* that fill the consumer's queue */
        bool on;                /* partitions read apart */
};

/* Looks at all, and gives each its place.  Returns how many have another one. */
size_t catch_up_look(struct catch_up *all, int64_t now_us);

/* Whose turn it is.  Each queue has a clock that goes on by the bytes that are
 * taken over its weight; the one that is earliest is next, so that none waits for
 * longer than the others' weights say. */
#define CATCH_UP_QUEUES (CATCH_UP_SEATS + 1)
struct catch_up_turns { double clock[CATCH_UP_QUEUES], now; };
/* Of the queues in `has`, a set of bits, which must not be empty. */
unsigned catch_up_next(struct catch_up_turns *turns, unsigned has);
void catch_up_took(struct catch_up_turns *turns, unsigned queue, uint64_t bytes, double weight);
/* Where a queue is not asked for while it is the only one: before it takes, the others are at most so far behind it. */
void catch_up_bound(struct catch_up_turns *turns, unsigned queue, double behind);

#endif
