/* Relays record batches unopened: fetched from the leaders of source partitions,
 * made this producer's own (its id, sequence, checksum: relay_wire.h), and
 * produced to the leaders of destination partitions.  Nothing is copied between
 * the sockets, decompressed or compressed, so that a record costs a fraction of
 * what it costs by way of librdkafka (pump.c); but for small batches that are not
 * compressed, which are joined into large ones (relay_join.h).
 *
 * A fast path for what is ordinary: PLAINTEXT at both ends, the same partition
 * number, batches of format 2 that are whole.  Whatever else it
 * meets - a batch that a position lies in the middle of, of a transaction, with
 * holes from compaction, one that the destination refuses, an error that says
 * more than "look for the leader" - it does not deal with: it gives the partition
 * back, with nothing under way, and the pump opens the records one by one.  So it
 * does with a backlog of small batches that cannot be joined: a request for each would be slow.
 *
 * With transactions it is a second hand of the lane's transactional producer: under
 * that one's id and epoch it adds partitions to the open transaction and sends
 * batches into it; the client begins and ends transactions.  Sequences are counted
 * by each of the two, so that within one producer's life a partition is sent to
 * by one of them alone.
 *
 * A partition
 *   LOOKING -> FLOWING             LOOKING: for the leaders of both ends
 *   FLOWING -> SETTLING -> LOOKING    after a failure that passes: waits for the
 *                                     answers, then goes on at the first batch without one
 *   any -> GIVEN                   when nothing of it is under way; the last event
 *
 * All calls and events on the data loop's thread. */
#ifndef HELIOSTAT_WORKER_RELAY_H
#define HELIOSTAT_WORKER_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "worker/relay_queue.h"

struct relay;
struct relay_part;

/* Where a partition stands with this producer.  A broker knows a batch again by its sequence alone: one
 * that may be there already must be followed under its sequence by itself, never by another. */
struct relay_place {
        int32_t sequence;         /* of the next record; 0 at first */
        int64_t offset;           /* source: of the next record then */
        int64_t sent_next;        /* above it: what was sent under these sequences may be there, and only it may follow */
        struct relay_ends ends;   /* of that */
        bool unjoined;            /* the destination takes no joined batch of it */
};

struct relay_batch {
        int64_t base, last, next; /* source offsets: first record, last record, where the position is after it */
        int64_t max_timestamp;    /* ms; -1: none */
        uint32_t records;
        size_t bytes;             /* as it is stored */
};

enum relay_reason {
        RELAY_PARTIAL,            /* the position is inside a batch: `until` */
        RELAY_UNUSUAL,            /* a batch that has to be opened, or an error that has to be looked into */
        RELAY_AWAY,               /* its leaders are not found for long, or take nothing */
        RELAY_SMALL,              /* many small batches wait, which are better opened */
        RELAY_REFUSED,            /* the destination does not take its next batch; maybe for a wrong checksum */
        RELAY_CORRUPT,            /* a batch that would be left out has a wrong checksum */
        RELAY_REMOVED,            /* relay_remove */
};

/* Of these, `given_back` and `failed` alone may call back into the relay. */
struct relay_events {
        /* Something can be done by relay_turn. */
        void (*ready)(void *ctx);
        /* part: the caller's.  The batch is sent with the return of this call; it follows the last one. */
        void (*sent)(void *ctx, void *part, const struct relay_batch *batch);
        /* The oldest that was sent.  destination: offset of its first record; -1: not known. */
        void (*acked)(void *ctx, void *part, const struct relay_batch *batch, int64_t destination);
        /* One that was sent, and is not known to be there: taken back, the newest first.  It comes again. */
        void (*taken_back)(void *ctx, void *part, const struct relay_batch *batch);
        /* Nothing that must be mirrored lies below `next`, and nothing is under way. */
        void (*passed)(void *ctx, void *part, int64_t next);
        /* The source's log ends there, as far as it can be read; at_end: it is read that far. */
        void (*end)(void *ctx, void *part, int64_t end_offset, bool at_end);
        /* The last of this partition.  until: the first offset behind the batch, or -1. */
        void (*given_back)(void *ctx, void *part, enum relay_reason reason, int64_t until, struct relay_place place,
                           const char *why);
        /* The producer and the broker no longer agree: nothing can be sent but with a new producer and relay.
         * fenced: another producer has the transactional id.  Never from inside a call. */
        void (*failed)(void *ctx, bool fenced, const char *why);
        /* One of its joined batches was too large for the destination: they go as they come, from now on. */
        void (*unjoined)(void *ctx, void *part);
        /* Something is away: it is tried again.  One line. */
        void (*trouble)(void *ctx, const char *why);
        /* After relay_close: the last event. */
        void (*closed)(void *ctx);
};

struct relay_settings {
        const char *source, *destination; /* bootstrap.servers; copied, as the next */
        const char *client_id;
        uint64_t budget_bytes;    /* for answers that are not let go of yet */
        int codec;                /* only batches with this one are relayed; -1: with any */
        const char *transactional_id; /* NULL: none, and an idempotent producer of the relay's own */
};

/* NULL: no memory, or a list of servers that cannot be read. */
struct relay *relay_new(uv_loop_t *loop, const struct relay_settings *settings, const struct relay_events *events,
                        void *ctx);
/* Mirrors a partition from this offset on.  place: as it was given back last, by this relay.  The names are
 * copied.  NULL: no memory. */
struct relay_part *relay_add(struct relay *relay, void *part, const char *topic, int32_t partition,
                             const char *target, int64_t offset, struct relay_place place);
/* Whether it may be: see relay_place. */
static inline bool relay_fits(struct relay_place place, int64_t offset) { return place.sent_next <= place.offset || place.offset == offset; }
/* Nothing more of it is sent; given_back (REMOVED) comes when the answers have come, maybe from inside. */
void relay_remove(struct relay_part *part);
/* Sends and fetches what can be, at most so many records more or less.  An event says when there is more to do. */
void relay_turn(struct relay *relay, double records_allowed);
/* The caller's limit holds back what waits, which says nothing of the way. */
void relay_note_limited(struct relay *relay);
/* Transactions: the client's producer.  Nothing is sent before. */
void relay_set_producer(struct relay *relay, int64_t id, int16_t epoch);
/* The transaction has ended, with nothing of the relay's under way. */
void relay_next_transaction(struct relay *relay);
/* Batches wait to be sent. */
bool relay_waits(const struct relay *relay);
bool relay_has_parts(const struct relay *relay);
/* One of its batches waits to be sent. */
bool relay_part_waits(const struct relay_part *part);
/* In buffers. */
uint64_t relay_held_bytes(const struct relay *relay);
void relay_set_budget(struct relay *relay, uint64_t budget_bytes);
/* Lets go of the destination's connections: what is under way is taken back, from inside this call. */
void relay_drop_sends(struct relay *relay);
/* The same, soon: may be called from inside an event.  Nothing is sent any more. */
void relay_purge(struct relay *relay);
/* Takes back what is under way, closes everything; no other event than taken_back (from inside) and `closed`. */
void relay_close(struct relay *relay);

#endif
