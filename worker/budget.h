/* How a worker's memory budget is divided: over its lanes, and within a lane
 * over the consumer's queue and what has left it.  PURE.
 *
 * Counted is what a record really takes, so that the sum may be compared with
 * the process's memory: its bytes, librdkafka's structures at both clients, and
 * the copy in a produce request.
 *
 *   budget = process + lanes * (clients + fetched + held)
 *
 *   clients   both clients of a lane at rest: threads, tables, buffers
 *   fetched   in the consumer's queue: what stops its fetcher, and one answer
 *             to a fetch beyond that, which is under way when it is stopped
 *   held      taken from the queue and not yet acknowledged
 *
 * The consumer's two limits are fixed when it is made, and count records and
 * the bytes of values; what its queue takes in truth follows from the records
 * that come, so `held` gets the rest of the lane's share as it is found.
 *
 * A record of 10 B takes 18 times its bytes, one of 1 KB hardly more than them:
 * the answers to fetches are small as long as the records are not known, and a
 * lane that is behind then gets a consumer with larger ones.  */
#ifndef HELIOSTAT_WORKER_BUDGET_H
#define HELIOSTAT_WORKER_BUDGET_H

#include <stdint.h>

/* Smaller shares do not work well: two records of 1 MiB, Kafka's default
 * limit, beside the clients and the copy that a compressing producer makes. */
#define BUDGET_LANE_FLOOR_BYTES ((uint64_t)4 << 20)

/* Producers' batches are mostly of a power of two up to this, and nearly full: an
 * answer of such a size ends with a whole one.  What is cut off is sent again. */
#define BUDGET_BATCH_BYTES ((uint64_t)256 << 10)

/* The share of one lane; below the floor the floor, and then the lanes take
 * together more than the budget. */
uint64_t budget_share(uint64_t budget_bytes, uint64_t lanes);
/* The budget that so many lanes need. */
uint64_t budget_needed(uint64_t lanes);

struct budget_sizes {
        uint64_t share_bytes;    /* for which the others were chosen */
        uint64_t fetch_bytes;    /* of one answer to a fetch */
        uint64_t queue_bytes;    /* of values, and */
        uint64_t queue_records;  /* records that stop the fetcher */
};
/* What records take on average, of those that came last. */
struct budget_mean {
        double value_bytes;      /* the value alone */
        double fetched_bytes;    /* in the consumer's queue, all of it; 0: not known yet */
        double unpacked;         /* bytes of records for one of an answer; 1 and less: not compressed */
};
/* Records that came. */
struct budget_seen {
        uint64_t records, value_bytes, fetched_bytes;
};
/* answered_bytes: of the answers that they came in. */
struct budget_mean budget_seen_mean(const struct budget_seen *seen, uint64_t answered_bytes);

/* For a consumer that is made while its lane has this share and such records. */
struct budget_sizes budget_sizes(uint64_t share_bytes, struct budget_mean mean);
/* So many records of this value fill the queue; at least 1. */
uint64_t budget_queue_fill(const struct budget_sizes *sizes, double value_bytes);
/* Whether such records, and a share that has become smaller since, would be worth a new
 * consumer: a larger one, or one that keeps within the share.  Of a share that has become
 * larger it is not said: no lane stops because others go. */
enum budget_change { BUDGET_KEEP, BUDGET_GROW, BUDGET_SHRINK };
enum budget_change budget_resize(const struct budget_sizes *sizes, uint64_t share_bytes, struct budget_mean mean);

/* What may leave the consumer's queue and wait for its acknowledgement.  At
 * least a quarter of the share: a lane goes on, whatever comes. */
uint64_t budget_held(uint64_t share_bytes, const struct budget_sizes *sizes, struct budget_mean mean);

/* For a second consumer of a lane, of whose answer and queues each of `seats`
 * partitions has its part; small, since it takes from what may be held. */
struct budget_sizes budget_seats(const struct budget_sizes *sizes, unsigned seats);
/* What that takes, at the most. */
uint64_t budget_seats_bytes(const struct budget_sizes *sizes, struct budget_mean mean, unsigned seats);

/* What a record takes.  Sizes of structures are those of librdkafka 2.0.2 on a
 * 64-bit machine, with what malloc adds. */
/* In the consumer's queue and until it is destroyed.  header_bytes: see below. */
uint64_t budget_fetched_record(uint64_t key_bytes, uint64_t value_bytes, uint64_t header_bytes);
/* What the producer takes besides, from the send to the report. */
uint64_t budget_sent_record(uint64_t key_bytes, uint64_t value_bytes, uint64_t header_bytes);
/* One header, of these lengths: as it came and parsed. */
uint64_t budget_header(uint64_t name_bytes, uint64_t value_bytes);

#endif
