/* Which batches that lie behind each other at the source are sent as one.  PURE.
 *
 * A destination's broker takes a request for each batch of a partition, and five of
 * them at a time: a default producer's batches of 16 KiB cost it, and the mirror, many
 * times what the same records cost in large ones, and over a long way five of them
 * are all that is under way.  Uncompressed ones are therefore joined (wire_join)
 * where they come in one answer.
 *
 * A broker knows a batch again by the sequences of its first and its last record alone.  What
 * was sent, and got no answer, is thus joined again just as it was. */
#ifndef HELIOSTAT_WORKER_RELAY_JOIN_H
#define HELIOSTAT_WORKER_RELAY_JOIN_H

#include <stddef.h>
#include <stdint.h>

/* What a broker remembers of a producer's batches (KAFKA-5494). */
#define RELAY_IN_FLIGHT_MAX 5

/* Where batches ended that were sent and taken back: source offsets of their last records, ascending. */
struct relay_ends {
        int64_t last[RELAY_IN_FLIGHT_MAX];
        uint32_t count;
};
/* More than there is room for: the greatest is forgotten. */
void relay_ends_add(struct relay_ends *ends, int64_t last);
/* All up to this one are there. */
void relay_ends_pass(struct relay_ends *ends, int64_t last);
/* The first one at or behind an offset; -1: none. */
int64_t relay_ends_from(const struct relay_ends *ends, int64_t offset);

enum relay_join {
        RELAY_JOIN_NONE,          /* the first batch goes by itself */
        RELAY_JOIN,               /* those of the span */
        RELAY_JOIN_LATER,         /* what was joined with it is not all in these bytes */
        RELAY_JOIN_CHANGED,       /* no batch ends where it ended */
};
struct relay_span {
        size_t bytes;
        int32_t records;
};
/* data: begins with a whole batch.  end: where the one that begins so has to end; -1: anywhere.
 * records_max: that may be in one, if it may end anywhere. */
enum relay_join relay_join_look(uint8_t *data, size_t bytes, int64_t end, int32_t records_max, struct relay_span *out);

#endif
