/* What of one partition is under way, and up to where everything has arrived.
 * PURE.  One ledger per source partition.
 *
 * Records are entered in source order as they are sent and acknowledged in any
 * order.  The position is the next source offset to mirror: everything below
 * it was acknowledged or does not exist (compacted, aborted, control records).
 * It never moves backwards. */
#ifndef HELIOSTAT_WORKER_LEDGER_H
#define HELIOSTAT_WORKER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger {
        uint64_t *ring;       /* offset << 1 | acknowledged */
        uint32_t capacity;    /* power of two, 0 before the first record */
        uint32_t head;        /* index of the oldest entry */
        uint32_t count;
        int64_t next;         /* lowest offset that may be sent next */
};

#define LEDGER_ENTRIES_MAX (1u << 22)

void ledger_init(struct ledger *ledger, int64_t position);
void ledger_fini(struct ledger *ledger);

/* Enters a record.  0 | LEDGER_SEEN (below what was sent already: drop it) |
 * ERR_NOMEM | ERR_TOO_MANY (over LEDGER_ENTRIES_MAX: wait for acknowledgements) */
#define LEDGER_SEEN 1
int ledger_send(struct ledger *ledger, int64_t offset);
/* Takes back the newest entry, which was not sent after all. */
void ledger_unsend(struct ledger *ledger, int64_t offset);
/* 0 | LEDGER_UNKNOWN (not under way: a bug, or acknowledged twice) */
#define LEDGER_UNKNOWN 1
int ledger_ack(struct ledger *ledger, int64_t offset);
/* Nothing that must be mirrored exists in [next, offset). */
void ledger_skip(struct ledger *ledger, int64_t offset);

/* The lowest offset that may be sent next. */
static inline int64_t ledger_next(const struct ledger *ledger) { return ledger->next; }
int64_t ledger_position(const struct ledger *ledger);
static inline uint32_t ledger_in_flight(const struct ledger *ledger) { return ledger->count; }

#endif
