/* One batch under way per partition: decides which record may follow the
 * partition's last one at once, and which waits for the acknowledgement.  PURE.
 *
 * librdkafka's idempotent producer sends the next batch of a partition when the
 * last one is acknowledged.  While it waits, its broker thread spins as soon as
 * the oldest queued record is older than linger.ms (2.0.2: the wake-up time of
 * a ready batch is in the past).  So nothing is queued behind a batch: records
 * that come within one linger form a burst, which goes out as one batch, and
 * what comes later is the next burst.  Batches thus grow with the load.
 *
 * A full burst that is all there is goes at once, and so does what a lane at its limit of
 * memory holds.  A lane that has been read to its end need not wait for the linger: what little
 * it has handed over is sent at once (expedite.h), and its bursts are closed. */
#ifndef HELIOSTAT_WORKER_BURST_H
#define HELIOSTAT_WORKER_BURST_H

#include <stdbool.h>
#include <stdint.h>

struct burst_limits {
        int64_t window_us;  /* from the first record, in which others may follow */
        uint64_t bytes;     /* of a batch */
        uint32_t records;   /* of a batch */
        uint32_t sent_records; /* that librdkafka sends before the linger's end */
};

/* From the producer's linger.ms, batch.size (bytes) and batch.num.messages. */
struct burst_limits burst_limits(double linger_ms, uint64_t batch_bytes, uint32_t batch_records);

struct burst {
        int64_t opened_us;
        uint64_t bytes;
        uint32_t records;
        bool full;          /* a record was too much for it */
};

/* Whether a record of so many bytes (key and value) may be sent now; takes it
 * into the burst if so.  under_way: the partition's records at the producer;
 * with none, a new burst begins.  now_us: any steady clock.  closed_us: bursts
 * that were opened until then are sent already. */
bool burst_admit(struct burst *burst, const struct burst_limits *limits, uint64_t under_way,
                 uint64_t bytes, int64_t now_us, int64_t closed_us);

/* Whether all that the producer holds, which is this burst, is sent at once: it waits for the
 * linger and cannot grow meanwhile.  librdkafka sends before the linger's end what fills
 * batch.size, and a burst stays below, for what that has no room for would be a batch of its own.
 * blocked: the lane takes nothing more before an acknowledgement. */
bool burst_is_due(const struct burst *burst, const struct burst_limits *limits, bool blocked, int64_t now_us, int64_t closed_us);

/* What was handed over since the lane was last read to its end. */
struct burst_handed {
        uint32_t records;
        uint64_t bytes;
};
void burst_handed_add(struct burst_handed *handed, uint64_t bytes);

/* The lane has been read to its end: whether that is sent at once.  More would
 * be sent in smaller batches than it could be, and is worth the linger's wait.
 * Begins to count anew. */
bool burst_hurries(struct burst_handed *handed);

#endif
