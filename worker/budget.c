#include "worker/budget.h"

#include <stdbool.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

#define PROCESS_BYTES (12 * MIB)
#define CLIENTS_BYTES (1 * MIB)

/* rd_kafka_op_t with its rd_kafka_msg_t (296 B), and the record's own framing
 * in the answer. */
#define FETCHED_RECORD_BYTES 320
/* rd_kafka_msg_t (168 B, its key follows), the entries in ledger and backlog,
 * framing in the request. */
#define SENT_RECORD_BYTES 224
/* rd_kafka_header_t and its place in a list. */
#define HEADER_BYTES 64
/* message.copy.max.bytes: a longer value is not copied into the request. */
#define COPIED_VALUE_BYTES 65535

/* A record's framing in a batch, at least. */
#define FRAMING_BYTES 7
/* Records that are not known yet. */
#define TINY_VALUE_BYTES 10

/* zstd's while it packs a batch, at its usual level. */
#define CODEC_BYTES (3584 * KIB)

#define FETCH_MIN_BYTES (64 * KIB)
#define FETCH_MAX_BYTES (1 * MIB) /* as KAFKA_FETCH_MAX_BYTES */
#define QUEUE_RECORDS_MIN 1000
/* What a share has beyond this lets the queue grow: fetchers need not stop while records are sent. */
#define QUEUE_SPARE_BYTES (4 * MIB)
#define QUEUE_MAX_BYTES (2 * MIB)

uint64_t budget_share(uint64_t budget_bytes, uint64_t lanes) {
        if (lanes == 0) lanes = 1;
        uint64_t share = budget_bytes > PROCESS_BYTES ? (budget_bytes - PROCESS_BYTES) / lanes : 0;
        return share < BUDGET_LANE_FLOOR_BYTES ? BUDGET_LANE_FLOOR_BYTES : share;
}

uint64_t budget_needed(uint64_t lanes) { return PROCESS_BYTES + lanes * BUDGET_LANE_FLOOR_BYTES; }

/* As they lie in an answer, unpacked. */
static double wire_bytes(double fetched) { return fetched - FETCHED_RECORD_BYTES + FRAMING_BYTES; }

struct budget_mean budget_seen_mean(const struct budget_seen *seen, uint64_t answered_bytes) {
        double count = seen->records ? (double)seen->records : 1;
        struct budget_mean mean = {(double)seen->value_bytes / count, (double)seen->fetched_bytes / count, 1};
        if (mean.fetched_bytes < FETCHED_RECORD_BYTES) mean.fetched_bytes = FETCHED_RECORD_BYTES;
        if (answered_bytes) mean.unpacked = wire_bytes(mean.fetched_bytes) * (double)seen->records / (double)answered_bytes;
        return mean;
}

/* Compressed, more than was seen: a batch that is cut off counts in the answer
 * and gives no records, so larger answers give more for each byte; and
 * librdkafka opens batches of zstd and lz4 in buffers that it makes larger by
 * guess, up to three times what is needed. */
static bool packed(struct budget_mean mean) { return mean.unpacked > 1.1; }

static double unpacked_most(struct budget_mean mean) { return packed(mean) ? mean.unpacked * 2.5 : 1; }

static uint64_t whole_batches(uint64_t bytes) {
        if (bytes >= BUDGET_BATCH_BYTES) return bytes / BUDGET_BATCH_BYTES * BUDGET_BATCH_BYTES;
        uint64_t whole = FETCH_MIN_BYTES;
        while (whole * 2 <= bytes) whole *= 2;
        return whole;
}

/* A quarter of the share is left for what is held, and a quarter of what is beyond both
 * goes to the queue: with one that an answer fills, the fetcher stops after each. */
struct budget_sizes budget_sizes(uint64_t share_bytes, struct budget_mean mean) {
        bool known = mean.fetched_bytes > 0;
        double value = known ? mean.value_bytes : TINY_VALUE_BYTES;
        double fetched = known ? mean.fetched_bytes : FETCHED_RECORD_BYTES + TINY_VALUE_BYTES;
        double unpacked = known ? unpacked_most(mean) : 1;
        double queued = value > FETCHED_RECORD_BYTES ? value : FETCHED_RECORD_BYTES;
        /* For one byte of an answer: its buffer, its records, and those of half as much that wait in the queue. */
        double cost = 1 + unpacked * fetched / wire_bytes(fetched) + fetched / queued / 2;
        double room = (double)share_bytes * 3 / 4 - CLIENTS_BYTES;
        if (value < FETCHED_RECORD_BYTES) room -= QUEUE_RECORDS_MIN * fetched;
        uint64_t fetch = whole_batches(room > 0 ? (uint64_t)(room / cost) : 0);
        if (fetch > FETCH_MAX_BYTES) fetch = FETCH_MAX_BYTES;
        double spare = room - (double)fetch * cost - (double)QUEUE_SPARE_BYTES;
        uint64_t queue = fetch / 2 + (spare > 0 ? (uint64_t)(spare / 4 * queued / fetched) : 0);
        if (queue > QUEUE_MAX_BYTES) queue = QUEUE_MAX_BYTES;
        uint64_t records = queue / FETCHED_RECORD_BYTES;
        return (struct budget_sizes){
                .share_bytes = share_bytes,
                .fetch_bytes = fetch,
                .queue_bytes = queue,
                .queue_records = records < QUEUE_RECORDS_MIN ? QUEUE_RECORDS_MIN : records,
        };
}

/* Records in a full queue: either limit stops the fetcher. */
static double queue_fill(const struct budget_sizes *sizes, double value_bytes) {
        double records = (double)sizes->queue_bytes / (value_bytes < 1 ? 1 : value_bytes);
        return records > (double)sizes->queue_records ? (double)sizes->queue_records : records;
}

uint64_t budget_queue_fill(const struct budget_sizes *sizes, double value_bytes) {
        double records = queue_fill(sizes, value_bytes);
        return records < 1 ? 1 : (uint64_t)records;
}

enum budget_change budget_resize(const struct budget_sizes *sizes, uint64_t share_bytes, struct budget_mean mean) {
        struct budget_sizes wanted = budget_sizes(share_bytes < sizes->share_bytes ? share_bytes : sizes->share_bytes, mean);
        if (wanted.fetch_bytes >= sizes->fetch_bytes * 2) return BUDGET_GROW;
        if (wanted.fetch_bytes <= sizes->fetch_bytes / 2 || wanted.queue_bytes <= sizes->queue_bytes / 2) return BUDGET_SHRINK;
        return BUDGET_KEEP;
}

uint64_t budget_held(uint64_t share_bytes, const struct budget_sizes *sizes, struct budget_mean mean) {
        double fetched = mean.fetched_bytes < FETCHED_RECORD_BYTES ? FETCHED_RECORD_BYTES : mean.fetched_bytes;
        double queued = queue_fill(sizes, mean.value_bytes);
        /* A record that is larger than an answer comes by itself. */
        double answered = (double)sizes->fetch_bytes / wire_bytes(fetched) * unpacked_most(mean);
        if (answered < 1) answered = 1;
        /* An answer is one buffer, which its last record frees: one is only half in use. */
        double rest = (double)share_bytes - CLIENTS_BYTES - (queued + answered) * fetched - (double)sizes->fetch_bytes;
        /* What is held lies in such buffers too, and is packed again. */
        if (packed(mean)) rest = (rest - CODEC_BYTES) * 5 / 8;
        else rest = rest * 7 / 8; /* of many answers some are */
        uint64_t least = share_bytes / 4;
        return rest < (double)least ? least : (uint64_t)rest;
}

#define SEATS_FETCH_MIN_BYTES (128 * KIB)
#define SEAT_RECORDS_MIN 250
#define SEATS_CLIENT_BYTES (512 * KIB)

struct budget_sizes budget_seats(const struct budget_sizes *sizes, unsigned seats) {
        bool roomy = sizes->queue_bytes > sizes->fetch_bytes;
        uint64_t fetch = sizes->fetch_bytes / 2, records = sizes->queue_records / 2 / seats;
        if (fetch < SEATS_FETCH_MIN_BYTES) fetch = SEATS_FETCH_MIN_BYTES;
        return (struct budget_sizes){
                .fetch_bytes = fetch,
                .queue_bytes = (roomy ? sizes->queue_bytes : fetch) / seats,
                .queue_records = records < SEAT_RECORDS_MIN ? SEAT_RECORDS_MIN : records,
        };
}

uint64_t budget_seats_bytes(const struct budget_sizes *sizes, struct budget_mean mean, unsigned seats) {
        double fetched = mean.fetched_bytes < FETCHED_RECORD_BYTES ? FETCHED_RECORD_BYTES : mean.fetched_bytes;
        double queued = queue_fill(sizes, mean.value_bytes);
        double answered = (double)sizes->fetch_bytes / wire_bytes(fetched) * (mean.unpacked > 1 ? mean.unpacked : 1);
        return SEATS_CLIENT_BYTES + sizes->fetch_bytes + (uint64_t)((queued * seats + answered) * fetched);
}

uint64_t budget_fetched_record(uint64_t key_bytes, uint64_t value_bytes, uint64_t header_bytes) {
        return FETCHED_RECORD_BYTES + key_bytes + value_bytes + header_bytes;
}

uint64_t budget_sent_record(uint64_t key_bytes, uint64_t value_bytes, uint64_t header_bytes) {
        return SENT_RECORD_BYTES + 2 * key_bytes + header_bytes / 2 +
               (value_bytes <= COPIED_VALUE_BYTES ? value_bytes : 0);
}

uint64_t budget_header(uint64_t name_bytes, uint64_t value_bytes) {
        return HEADER_BYTES + 2 * (name_bytes + value_bytes);
}
