/* What relaying record batches unopened takes of Kafka's wire protocol: seven
 * requests, their answers, and the head of a record batch (format 2).  PURE.
 *
 * Sources: Kafka's protocol guide; KIP-98 (batches, producer ids), KIP-110
 * (Fetch 10, Produce 7: zstd), KIP-896 (the versions used are those that
 * brokers from 0.11 to 4.x take).  Versions: ApiVersions 0, Metadata 4,
 * InitProducerId 0, FindCoordinator 1, AddPartitionsToTxn 0, Fetch 4 or 11,
 * Produce 3 or 7; none of them is "flexible".
 *
 * Answers come from outside: every length is checked, counts are bounded by
 * the bytes that are there, and ERR_INVALID says that one cannot be read.
 * Strings that are handed out are not terminated. */
#ifndef HELIOSTAT_WORKER_RELAY_WIRE_H
#define HELIOSTAT_WORKER_RELAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- requests ---- */

/* What a request is written into; it grows, and is used again and again. */
struct wire_out {
        uint8_t *data;
        size_t count, capacity;
        int failed;               /* 0 | what the call returned: what was written is of no use */
};
void wire_out_fini(struct wire_out *out);

/* Each begins `out` anew and writes a whole request, its length in front.
 * 0 | ERR_NOMEM | ERR_TOO_MANY (over 2 GiB, or a string over 32767 bytes) */
int wire_api_versions(struct wire_out *out, int32_t correlation, const char *client_id);
/* Topics are not created by it.  Without topics: of the brokers alone. */
int wire_metadata(struct wire_out *out, int32_t correlation, const char *client_id, const char *const *topics,
                  size_t count);
/* Of an idempotent producer, without transactions. */
int wire_init_producer_id(struct wire_out *out, int32_t correlation, const char *client_id);

struct wire_fetch_row {
        const char *topic;        /* borrowed; rows of a topic stand together */
        int32_t partition;
        int64_t offset;
        int32_t max_bytes;
};
struct wire_fetch {
        int16_t version;          /* 4 | 11 */
        int32_t max_wait_ms, min_bytes, max_bytes;
        bool committed;           /* isolation: read_committed */
        const struct wire_fetch_row *rows; /* borrowed */
        size_t count;
};
/* Without a fetch session: all rows in each request. */
int wire_fetch(struct wire_out *out, int32_t correlation, const char *client_id, const struct wire_fetch *fetch);

struct wire_produce_row {
        const char *topic;        /* borrowed; rows of a topic stand together */
        int32_t partition;
        size_t batch_bytes;       /* of the one batch, which is not written into out */
        size_t cut;               /* OUT: it belongs behind so many bytes of out */
};
/* acks: all.  transactional_id: NULL for none.  The length in front counts the batches. */
int wire_produce(struct wire_out *out, int16_t version, int32_t correlation, const char *client_id,
                 const char *transactional_id, int32_t timeout_ms, struct wire_produce_row *rows, size_t count);

/* Of a transaction's id. */
int wire_find_coordinator(struct wire_out *out, int32_t correlation, const char *client_id, const char *transactional_id);
struct wire_add_row {
        const char *topic;        /* borrowed; rows of a topic stand together */
        int32_t partition;
};
/* To the producer's transaction, which begins with it. */
int wire_add_partitions(struct wire_out *out, int32_t correlation, const char *client_id, const char *transactional_id,
                        int64_t producer_id, int16_t epoch, const struct wire_add_row *rows, size_t count);

/* ---- answers: without the length in front, with the correlation ---- */

/* 0 | ERR_INVALID */
int wire_correlation(const uint8_t *data, size_t bytes, int32_t *out);

struct wire_text {
        const char *text;         /* borrowed from the answer */
        size_t bytes;
};
bool wire_text_is(struct wire_text text, const char *string);

struct wire_versions {
        int16_t error;
        int16_t fetch;            /* to be used; -1: none that is known here */
        int16_t produce;
        bool metadata, init_producer_id, find_coordinator, add_partitions;
};
int wire_take_api_versions(const uint8_t *data, size_t bytes, struct wire_versions *out);

struct wire_metadata_sink {
        void (*broker)(void *ctx, int32_t id, struct wire_text host, int32_t port);
        /* Of a topic with an error of its own: one call, partition and leader -1. */
        void (*partition)(void *ctx, struct wire_text topic, int32_t partition, int16_t error, int32_t leader);
        void *ctx;
};
/* Brokers come before partitions.  After ERR_INVALID some calls may have been made. */
int wire_take_metadata(const uint8_t *data, size_t bytes, const struct wire_metadata_sink *sink);

int wire_take_init_producer_id(const uint8_t *data, size_t bytes, int16_t *out_error, int64_t *out_id,
                               int16_t *out_epoch);

int wire_take_find_coordinator(const uint8_t *data, size_t bytes, int16_t *out_error, int32_t *out_id,
                               struct wire_text *out_host, int32_t *out_port);
int wire_take_add_partitions(const uint8_t *data, size_t bytes,
                             void (*each)(void *ctx, struct wire_text topic, int32_t partition, int16_t error), void *ctx);

struct wire_fetched {
        struct wire_text topic;
        int32_t partition;
        int16_t error;
        int64_t high_watermark, last_stable; /* -1: not told */
        uint8_t *records;         /* in the answer; NULL: none */
        size_t records_bytes;
};
/* error: of the whole answer (version 11).  Here and below: after ERR_INVALID
 * some calls may have been made. */
int wire_take_fetch(int16_t version, uint8_t *data, size_t bytes, int16_t *out_error,
                    void (*each)(void *ctx, const struct wire_fetched *fetched), void *ctx);

struct wire_produced {
        struct wire_text topic;
        int32_t partition;
        int16_t error;
        int64_t base_offset;      /* -1: not told */
};
int wire_take_produce(int16_t version, const uint8_t *data, size_t bytes,
                      void (*each)(void *ctx, const struct wire_produced *produced), void *ctx);

/* ---- record batches ---- */

#define WIRE_BATCH_HEAD 61        /* bytes before the first record */

struct wire_batch {
        uint8_t *data;            /* all of it */
        size_t bytes;
        int64_t base_offset, last_offset;
        int32_t records;
        int8_t magic;
        int8_t codec;             /* 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; others are to come */
        bool control, transactional, append_time; /* append_time: the broker set the timestamps */
        int64_t max_timestamp;    /* ms; -1: none */
};
/* The batch that begins at data.  Of older formats only magic, bytes and base_offset are told.
 * 0 | WIRE_CUT (the answer ends in it) | ERR_INVALID (lengths that cannot be) */
#define WIRE_CUT 1
int wire_batch(uint8_t *data, size_t bytes, struct wire_batch *out);
/* Whether its checksum is right (CRC-32C, format 2). */
bool wire_batch_sound(const struct wire_batch *batch);
/* Whether a broker takes it from a producer unopened, and keeps what it says:
 * format 2 with a known codec, of data, of no transaction, with its producer's
 * timestamps, offsets without holes (compaction leaves some), at least one
 * record, and no attribute that is not known here (of the log cleaner's). */
bool wire_batch_adoptable(const struct wire_batch *batch);
/* Makes it this producer's: id, epoch, sequence of its first record, part of a
 * transaction or not; offsets
 * from 0, no leader epoch; the checksum follows, and is right if it was: the
 * records are not summed again.  Only these bytes of the head are changed.  Only of
 * format 2; one that is not adoptable is refused by the broker, or stored changed. */
void wire_batch_adopt(const struct wire_batch *batch, int64_t producer_id, int16_t epoch, int32_t sequence,
                      bool transactional);

/* Joins batches that lie behind each other, whole and to the last byte of data: adoptable, not compressed,
 * offsets without holes between them either.  Records keep all but the two numbers that count from the batch's first;
 * producers' ids are not kept.  The checksums of all are looked at, for they end here.
 * 0 | ERR_INVALID (such a batch cannot be read, or has a wrong checksum) | ERR_TOO_MANY (more than capacity) */
int wire_join(uint8_t *data, size_t bytes, uint8_t *out, size_t capacity, struct wire_batch *joined);
/* A capacity that is enough, unless a timestamp lies further from the first batch's than the greatest of each batch does. */
size_t wire_join_capacity(uint8_t *data, size_t bytes, int32_t records);

/* RFC 3720 B.4; of data that begins with crc 0. */
uint32_t wire_crc32c(const uint8_t *data, size_t bytes);
/* The same by a table: where the processor has no instruction for it. */
uint32_t wire_crc32c_plain(const uint8_t *data, size_t bytes);

/* What error codes mean to a relay. */
enum wire_verdict {
        WIRE_DONE,                /* also: the broker has it already */
        WIRE_AGAIN,               /* a leader elsewhere, a broker that is not ready: look for it, try again.  Also
                                   * UNKNOWN_TOPIC_OR_PARTITION: so a broker answers for a moment of a topic that
                                   * has just been made or moved, and for good of one that is gone */
        WIRE_SEQUENCE,            /* what is between this producer and the broker no longer fits */
        WIRE_REFUSED,             /* not like this: to be opened, or to be halted */
};
enum wire_verdict wire_produce_verdict(int16_t error);
enum wire_verdict wire_fetch_verdict(int16_t error); /* never SEQUENCE */
/* Another producer has the transactional id. */
bool wire_error_fences(int16_t error);
/* A batch is larger than the topic takes. */
bool wire_error_too_large(int16_t error);
/* "NOT_LEADER_OR_FOLLOWER", or "error 77": valid until this thread's next call. */
const char *wire_error_name(int16_t error);

#endif
