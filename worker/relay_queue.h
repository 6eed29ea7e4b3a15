/* The batches of one partition between the source and the destination: which
 * may be sent, what an answer means, and from where to go on after a failure.
 * PURE.
 *
 * The oldest `sent` batches are at the destination's leader, in order, over
 * one connection, whose answers come in that order.  An idempotent producer's
 * sequence lets several be under way and still keeps their order: a broker that
 * has not taken one takes none that follow.  But one that knows nothing of the
 * producer takes any as the first (KIP-360), so that one goes by itself at
 * first, after a failure, and after a pause.
 *
 *   push -> waiting -> sent -> acknowledged: gone, and the position moves
 *                        \-> failed: the answers of those behind it are of no
 *                            interest; when all have come, all are taken back
 *
 * The first that failed is then fetched again and sent under the
 * sequence that it had, so that a broker which has it after all says so.  The
 * batches are therefore not kept while a broker is away. */
#ifndef HELIOSTAT_WORKER_RELAY_QUEUE_H
#define HELIOSTAT_WORKER_RELAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a broker remembers of a producer's batches (KAFKA-5494). */
#define RELAY_IN_FLIGHT_MAX 5

/* Where batches ended that were sent and taken back: source offsets of their last records, ascending. */
struct relay_ends {
        int64_t last[RELAY_IN_FLIGHT_MAX];
        uint32_t count;
};

struct relay_slot {
        int64_t base, last;       /* source offsets of its first and last record */
        int64_t next;             /* above: what follows and holds no record is passed with it */
        int64_t max_timestamp;    /* ms; -1: none */
        int32_t records;
        int32_t sequence;         /* of its first record; set by push */
        uint8_t *data;
        size_t bytes;
        void *buffer;             /* the caller's: keeps data alive */
        bool joined;              /* of several of the source's */
};

struct relay_queue {
        struct relay_slot *ring;
        uint32_t capacity;        /* power of two, 0 before the first batch */
        uint32_t head, count;
        uint32_t sent;            /* of these, the oldest */
        uint32_t in_flight;       /* answers that are to come; as many, unless it has failed */
        bool failed;
        bool known;               /* the broker has taken the batch before these */
        struct relay_ends ends;
        int64_t fetch_offset;     /* the next to be fetched */
        int32_t sequence;         /* of the next record that is pushed */
        size_t waiting_bytes;     /* of those that are not under way */
};

/* So many of less than 4 KiB each that wait are a backlog of small batches. */
#define RELAY_SMALL_BATCHES 100

void relay_queue_init(struct relay_queue *queue, int64_t offset);
/* Needs: nothing in it. */
void relay_queue_fini(struct relay_queue *queue);

/* Takes a batch that begins at or above fetch_offset.  0 | ERR_NOMEM */
int relay_queue_push(struct relay_queue *queue, struct relay_slot slot);
/* [fetch_offset, next) holds nothing.  true: nothing is before it, so the
 * position is `next` now; else it will be with the newest batch. */
bool relay_queue_pass(struct relay_queue *queue, int64_t next);

/* Whether so many small batches wait that they are better opened: a broker takes a request for each. */
bool relay_queue_small(const struct relay_queue *queue);
/* Whether so many of those that could be larger wait as go in two rounds. */
bool relay_queue_crowded(const struct relay_queue *queue);

/* The next to be sent; NULL: none, or it has to wait for answers. */
struct relay_slot *relay_queue_unsent(struct relay_queue *queue);
/* Where a batch has to end that begins at an offset, or behind it, since it was sent so and may be there; -1: anywhere. */
int64_t relay_queue_end(const struct relay_queue *queue, int64_t offset);

/* NULL: none. */
const struct relay_slot *relay_queue_oldest(const struct relay_queue *queue);
/* It is under way. */
void relay_queue_sent(struct relay_queue *queue);

enum relay_answer {
        RELAY_ACKED,              /* the oldest is done: *out, for the caller to let go of */
        RELAY_FAILED,             /* the oldest was not taken */
        RELAY_IGNORED,            /* one behind it */
};
/* An answer for the oldest that has none yet; outcomes: see above. */
enum relay_answer relay_queue_answer(struct relay_queue *queue, bool taken, struct relay_slot *out);
/* Whether everything that was sent is answered. */
static inline bool relay_queue_settled(const struct relay_queue *queue) { return queue->in_flight == 0; }
/* All that is under way gets no answer any more. */
void relay_queue_lost(struct relay_queue *queue);

/* Takes back the newest batch: one that waits, or, when the queue has failed and is settled, one that was
 * sent (*out_sent).  The queue then goes on at its base, under its sequence.  false: there is none.
 * With the last one taken back, the failure is over. */
bool relay_queue_take_back(struct relay_queue *queue, struct relay_slot *out, bool *out_sent);

#endif
