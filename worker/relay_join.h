/* Which batches that lie behind each other at the source are sent as one.  PURE.
 *
 * A destination's broker takes a request for each batch of a partition, and five of
 * them at a time: a default producer's batches of 16 KiB cost it, and the mirror, many
 * times what the same records cost in large ones, and over a long way five of them
 * are all that is under way.  Uncompressed ones are therefore joined (wire_join)
 * where they come in one answer.
 *
 * A broker knows a batch again by the sequences of its first and its last record alone.  What
 * was sent, and got no answer, is thus joined again just as it was (relay_queue_end). */
#ifndef HELIOSTAT_WORKER_RELAY_JOIN_H
#define HELIOSTAT_WORKER_RELAY_JOIN_H

#include <stddef.h>
#include <stdint.h>

#define RELAY_JOINABLE_BYTES ((size_t)32 << 10) /* smaller ones are: a batch costs as much as the copying of 64 KiB, about */
#define RELAY_JOINED_BYTES ((size_t)256 << 10) /* as they come; a record takes some bytes more then */

struct relay_span {
        size_t bytes;
        int32_t records;
};
enum relay_join {
        RELAY_JOIN,               /* the batches of the span are one */
        RELAY_JOIN_NONE,          /* the first batch goes by itself */
        RELAY_JOIN_LATER,         /* what was joined with it is not all in these bytes */
        RELAY_JOIN_CHANGED,       /* it cannot be what it was: no batch ends there, or one has to be opened or is missing */
};
/* Both: data begins with a whole batch, of records. */
/* As much as fits, with so many records at most: JOIN or NONE. */
enum relay_join relay_join_fit(uint8_t *data, size_t bytes, int32_t records_max, struct relay_span *out);
/* What was one batch, with `end` as the offset of its last record. */
enum relay_join relay_join_again(uint8_t *data, size_t bytes, int64_t end, struct relay_span *out);

#endif
