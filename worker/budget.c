#include "worker/budget.h"

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

#define FETCH_MIN_BYTES (256 * KIB)
#define FETCH_MAX_BYTES (1 * MIB) /* as KAFKA_FETCH_MAX_BYTES */
#define QUEUE_RECORDS_MIN 1000

uint64_t budget_share(uint64_t budget_bytes, uint64_t lanes) {
        if (lanes == 0) lanes = 1;
        uint64_t share = budget_bytes > PROCESS_BYTES ? (budget_bytes - PROCESS_BYTES) / lanes : 0;
        return share < BUDGET_LANE_FLOOR_BYTES ? BUDGET_LANE_FLOOR_BYTES : share;
}

uint64_t budget_needed(uint64_t lanes) { return PROCESS_BYTES + lanes * BUDGET_LANE_FLOOR_BYTES; }

/* A sixteenth for an answer: of records of 100 B, with librdkafka's structures,
 * a queue that is full and the answer beyond take a third of the share.  A lane
 * that was opened with a large share keeps its sizes when others join; the
 * upper bound keeps small what it then takes beyond its new share. */
struct budget_sizes budget_sizes(uint64_t share_bytes) {
        uint64_t fetch = share_bytes / 16;
        if (fetch < FETCH_MIN_BYTES) fetch = FETCH_MIN_BYTES;
        if (fetch > FETCH_MAX_BYTES) fetch = FETCH_MAX_BYTES;
        uint64_t records = fetch / FETCHED_RECORD_BYTES;
        return (struct budget_sizes){
                .fetch_bytes = fetch,
                .queue_bytes = fetch,
                .queue_records = records < QUEUE_RECORDS_MIN ? QUEUE_RECORDS_MIN : records,
        };
}

uint64_t budget_held(uint64_t share_bytes, const struct budget_sizes *sizes, struct budget_mean mean) {
        double value = mean.value_bytes < 1 ? 1 : mean.value_bytes;
        double fetched = mean.fetched_bytes < FETCHED_RECORD_BYTES ? FETCHED_RECORD_BYTES : mean.fetched_bytes;
        double queued = (double)sizes->queue_bytes / value;
        if (queued > (double)sizes->queue_records) queued = (double)sizes->queue_records;
        double wire = fetched - FETCHED_RECORD_BYTES + 10;
        /* A record that is larger than an answer comes by itself. */
        double answered = (double)sizes->fetch_bytes / wire;
        if (answered < 1) answered = 1;
        /* An answer is one buffer, which its last record frees: one is only half in use. */
        double rest = (double)share_bytes - CLIENTS_BYTES - (queued + answered) * fetched - (double)sizes->fetch_bytes;
        uint64_t least = share_bytes / 4;
        return rest < (double)least ? least : (uint64_t)rest;
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
