/* Reads a range of one partition as records of the matcher: hashed where they
 * lie, never copied.  Blocks; one thread at a time. */
#ifndef HELIOSTAT_CLI_VERIFY_READ_H
#define HELIOSTAT_CLI_VERIFY_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <librdkafka/rdkafka.h>

#include "cli/verify_match.h"
#include "common/config.h"

#define VERIFY_BATCH 512

struct verify_reader {
        rd_kafka_t *client;
        rd_kafka_queue_t *queue;
        enum verify_side side;
        uint64_t key[2];       /* of the hashes */
        bool timestamps;       /* whether they count */
        const char *leave_out; /* name of a header that does not count; NULL: none */
        /* By their provenance: records that were in this cluster are passed over,
         * those that were not in that one as well; NULL: none */
        const char *not_from, *only_from;

        /* of the range being read */
        const char *topic;
        int32_t partition;
        int64_t next, end;     /* next offset to come; [.., end) is wanted */
        int64_t optional_from; /* records from here on are optional */
        bool ended;
        bool heard;            /* something came since the start */
        bool at_end_of_log;    /* the log's readable end lies before `end` for now */
        rd_kafka_message_t *messages[VERIFY_BATCH];
        size_t message_next, message_count;
        struct verify_record record; /* what verify_reader_peek showed */
        bool has_record;
        uint64_t fetch_bytes, queue_records;
        uint64_t since_wake_bytes, since_wake_records;
};

/* A client for one end of the route; fetch_bytes bounds what it has fetched and
 * not yet read.  isolation: NULL leaves it to the configuration.
 * 0 | as kafka_client_new */
int verify_reader_open(struct verify_reader *reader, const struct config *config, const char *alias, const char *route,
                       enum verify_side side, const char *isolation, uint64_t fetch_bytes, char *err, size_t err_size);
void verify_reader_close(struct verify_reader *reader);

/* Begins to read [from, end).  topic is borrowed while it is read.
 * 0 | ERR_KAFKA (err: one line) */
int verify_reader_start(struct verify_reader *reader, const char *topic, int32_t partition, int64_t from, int64_t end,
                        char *err, size_t err_size);
void verify_reader_stop(struct verify_reader *reader);

enum verify_read {
        VERIFY_READ_RECORD = 1, /* reader->record is the next one */
        VERIFY_READ_END,        /* the range has no more */
        VERIFY_READ_WAIT,       /* nothing yet */
        VERIFY_READ_GONE,       /* the log now begins behind `next` */
};
/* Waits for up to limit_ms.  A record stays until verify_reader_take.
 * An outcome | ERR_KAFKA (err: one line) */
int verify_reader_peek(struct verify_reader *reader, int limit_ms, char *err, size_t err_size);
void verify_reader_take(struct verify_reader *reader);

/* Where a record ends that the reader has shown: the offset to go on at. */
int64_t verify_reader_next(const struct verify_reader *reader);

#endif
