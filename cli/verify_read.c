#include "cli/verify_read.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/kafka.h"
#include "common/provenance.h"
#include "common/siphash.h"

#define ANSWER_MAX (1024 * 1024)
#define ANSWER_MIN (64 * 1024)
#define RECORD_OVERHEAD 400 /* bytes of a fetched record besides what it holds */
#define FIRST_POLLS 10 /* as short as this before the first answer */

/* ---- hashing ------------------------------------------------------------ */

/* Of a part that is absent; an empty one has the hash of no bytes. */
static const uint64_t absent[2] = {0x6162736e74000001ULL, 0x6162736e74000002ULL};

static void hash_bytes(const uint64_t key[2], const void *data, size_t bytes, uint64_t out[2]) {
        if (!data) {
                memcpy(out, absent, sizeof absent);
                return;
        }
        struct siphash hash;
        siphash_init(&hash, key);
        siphash_add(&hash, data, bytes);
        siphash_end(&hash, out);
}

#define PASSED_OVER 1

/* Names, values and their order; lengths keep the borders.  0 | PASSED_OVER |
 * ERR_INVALID */
static int hash_headers(const struct verify_reader *reader, const rd_kafka_message_t *message, uint64_t out[2]) {
        rd_kafka_headers_t *headers;
        const char *name;
        const void *value;
        size_t bytes;
        rd_kafka_resp_err_t e = rd_kafka_message_headers(message, &headers);
        memcpy(out, absent, sizeof absent);
        if (e == RD_KAFKA_RESP_ERR__NOENT) return reader->only_from ? PASSED_OVER : 0;
        if (e) return ERR_INVALID;
        if (reader->only_from && !provenance_carries(headers, reader->only_from)) return PASSED_OVER;
        if (reader->not_from && provenance_carries(headers, reader->not_from)) return PASSED_OVER;
        struct siphash hash;
        size_t counted = 0;
        siphash_init(&hash, reader->key);
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &bytes) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
                if (reader->leave_out && strcmp(name, reader->leave_out) == 0) continue;
                counted++;
                siphash_add_u64(&hash, strlen(name));
                siphash_add(&hash, name, strlen(name));
                siphash_add_u64(&hash, value ? bytes : UINT64_MAX);
                if (value) siphash_add(&hash, value, bytes);
        }
        if (counted) siphash_end(&hash, out);
        return 0;
}

static int hash_message(const struct verify_reader *reader, const rd_kafka_message_t *message,
                        struct verify_record *record) {
        uint64_t name[2], body[2], headers[2];
        rd_kafka_timestamp_type_t type;
        /* librdkafka has no null value but a NULL payload, and an empty one points somewhere */
        hash_bytes(reader->key, message->key, message->key_len, name);
        hash_bytes(reader->key, message->payload, message->len, body);
        int rc = hash_headers(reader, message, headers);
        if (rc) return rc;
        record->timestamp = rd_kafka_message_timestamp(message, &type);
        record->offset = message->offset;
        record->key = (uint32_t)name[0];
        record->value = (uint32_t)body[0];
        record->headers = (uint32_t)headers[0];
        record->optional = reader->side == VERIFY_SOURCE && message->offset >= reader->optional_from;
        if (!reader->timestamps) record->timestamp = 0;
        struct siphash hash;
        siphash_init(&hash, reader->key);
        siphash_add(&hash, name, sizeof name);
        siphash_add(&hash, body, sizeof body);
        siphash_add(&hash, headers, sizeof headers);
        siphash_add_u64(&hash, (uint64_t)record->timestamp);
        siphash_end(&hash, record->content);
        return 0;
}

/* ---- clients ------------------------------------------------------------ */

int verify_reader_open(struct verify_reader *reader, const struct config *config, const char *alias, const char *route,
                       enum verify_side side, const char *isolation, uint64_t fetch_bytes, char *err, size_t err_size) {
        char kib[24], records[24], answer[24];
        /* A half waits to be read, counted in bytes and, because a fetched record
         * takes several times what it holds, in records; the other is for answers
         * that arrive while the queue is nearly full. */
        uint64_t answer_bytes = fetch_bytes / 8 < ANSWER_MAX ? fetch_bytes / 8 : ANSWER_MAX;
        if (answer_bytes < ANSWER_MIN) answer_bytes = ANSWER_MIN;
        uint64_t queue_kib = fetch_bytes / 2 / 1024 < 64 ? 64 : fetch_bytes / 2 / 1024;
        reader->queue_records = fetch_bytes / 2 / RECORD_OVERHEAD;
        (void)snprintf(kib, sizeof kib, "%llu", (unsigned long long)queue_kib);
        (void)snprintf(records, sizeof records, "%llu", (unsigned long long)reader->queue_records);
        (void)snprintf(answer, sizeof answer, "%llu", (unsigned long long)answer_bytes);
        struct kafka_setting settings[] = {
                {"group.id", "heliostat.verify"}, /* asked for, and not used */
                {"queued.max.messages.kbytes", kib},
                {"queued.min.messages", records},
                {"message.max.bytes", answer},
                {"fetch.max.bytes", answer},
                {"max.partition.fetch.bytes", answer},
                {"fetch.wait.max.ms", "100"},
                {isolation ? "isolation.level" : NULL, isolation},
                {NULL, NULL},
        };
        int rc = kafka_client_new(config, alias, route, CLIENT_CONSUMER, settings, NULL, NULL, &reader->client, err, err_size);
        if (rc) return rc;
        (void)rd_kafka_poll_set_consumer(reader->client); /* cannot fail on a consumer */
        reader->queue = rd_kafka_queue_get_consumer(reader->client);
        reader->fetch_bytes = fetch_bytes;
        reader->side = side;
        reader->timestamps = true;
        reader->optional_from = INT64_MAX;
        return 0;
}

static void messages_drop(struct verify_reader *reader) {
        for (size_t i = reader->message_next; i < reader->message_count; i++) rd_kafka_message_destroy(reader->messages[i]);
        reader->message_next = reader->message_count = 0;
        reader->has_record = false;
}

void verify_reader_close(struct verify_reader *reader) {
        messages_drop(reader);
        if (reader->queue) rd_kafka_queue_destroy(reader->queue);
        if (reader->client) rd_kafka_destroy_flags(reader->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        reader->queue = NULL;
        reader->client = NULL;
}

/* ---- reading ------------------------------------------------------------ */

int verify_reader_start(struct verify_reader *reader, const char *topic, int32_t partition, int64_t from, int64_t end,
                        char *err, size_t err_size) {
        messages_drop(reader);
        reader->topic = topic;
        reader->partition = partition;
        reader->next = from;
        reader->end = end;
        reader->ended = from >= end;
        reader->at_end_of_log = reader->heard = false;
        if (reader->ended) return 0;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = from;
        rd_kafka_resp_err_t e = rd_kafka_assign(reader->client, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (!e) return 0;
        (void)snprintf(err, err_size, "%s-%d: %s", topic, partition, rd_kafka_err2str(e));
        return ERR_KAFKA;
}

void verify_reader_stop(struct verify_reader *reader) {
        messages_drop(reader);
        (void)rd_kafka_assign(reader->client, NULL); /* of an assignment that is replaced or ends */
        reader->ended = true;
}

int64_t verify_reader_next(const struct verify_reader *reader) {
        return reader->has_record ? reader->record.offset : reader->next;
}

void verify_reader_take(struct verify_reader *reader) {
        reader->next = reader->record.offset + 1;
        reader->has_record = false;
        if (reader->next >= reader->end) reader->ended = true;
}

/* An outcome; 0: look at the next message. */
static int on_message(struct verify_reader *reader, rd_kafka_message_t *message, char *err, size_t err_size) {
        if (message->rkt && (message->partition != reader->partition ||
                             strcmp(rd_kafka_topic_name(message->rkt), reader->topic) != 0))
                return 0; /* of an earlier range */
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                reader->at_end_of_log = message->offset < reader->end;
                if (message->offset > reader->next) reader->next = message->offset;
                if (reader->at_end_of_log) return 0;
                reader->ended = true;
                return VERIFY_READ_END;
        }
        if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
                return VERIFY_READ_GONE;
        /* The partition was there a moment ago: its leader moves, and the client looks for it. */
        if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
            message->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
                return 0;
        if (message->err) {
                (void)snprintf(err, err_size, "%s-%d, offset %lld: %s", reader->topic, reader->partition,
                               (long long)(message->offset >= 0 ? message->offset : reader->next),
                               rd_kafka_message_errstr(message));
                return ERR_KAFKA;
        }
        if (message->offset < reader->next) return 0; /* before the offset that was asked for: a batch comes whole */
        reader->at_end_of_log = false;
        if (message->offset >= reader->end) {
                reader->ended = true;
                reader->next = reader->end;
                return VERIFY_READ_END;
        }
        reader->since_wake_records++;
        reader->since_wake_bytes += message->len + message->key_len;
        int rc = hash_message(reader, message, &reader->record);
        if (rc == PASSED_OVER) {
                reader->next = message->offset + 1;
                reader->ended = reader->next >= reader->end;
                return reader->ended ? VERIFY_READ_END : 0;
        }
        if (rc) {
                (void)snprintf(err, err_size, "%s-%d, offset %lld: its headers cannot be read", reader->topic,
                               reader->partition, (long long)message->offset);
                return ERR_KAFKA;
        }
        reader->has_record = true;
        return VERIFY_READ_RECORD;
}

/* A fetcher that found its queue full sleeps for up to a second, whatever is
 * read meanwhile, and one that gets its first partition may sleep then; any
 * request to its broker ends the sleep.  From 2.2 on a
 * setting says how long it sleeps, and the default will do here. */
static void wake_fetcher(struct verify_reader *reader) {
        if (reader->heard && reader->since_wake_bytes < reader->fetch_bytes / 4 &&
            reader->since_wake_records < reader->queue_records / 2)
                return;
        reader->since_wake_bytes = reader->since_wake_records = 0;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, reader->topic, reader->partition)->offset = RD_KAFKA_OFFSET_END;
        (void)rd_kafka_offsets_for_times(reader->client, list, 0); /* without a timeout it only sends */
        rd_kafka_topic_partition_list_destroy(list);
}

int verify_reader_peek(struct verify_reader *reader, int limit_ms, char *err, size_t err_size) {
        if (reader->has_record) return VERIFY_READ_RECORD;
        if (reader->ended) return VERIFY_READ_END;
        for (;;) {
                while (reader->message_next < reader->message_count) {
                        rd_kafka_message_t *message = reader->messages[reader->message_next++];
                        int rc = on_message(reader, message, err, err_size);
                        rd_kafka_message_destroy(message);
                        if (rc) return rc;
                }
                reader->message_next = reader->message_count = 0;
                if (reader->heard) wake_fetcher(reader);
                ssize_t n = rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages, VERIFY_BATCH);
                if (n <= 0 && limit_ms > 0) {
                        if (!reader->heard) wake_fetcher(reader);
                        /* A batch call waits for its whole time; one message ends the wait here. */
                        rd_kafka_message_t *one =
                                rd_kafka_consume_queue(reader->queue, reader->heard ? limit_ms : limit_ms / FIRST_POLLS + 1);
                        limit_ms = 0;
                        reader->messages[0] = one;
                        n = one ? 1 : 0;
                }
                if (n <= 0) return VERIFY_READ_WAIT;
                reader->heard = true;
                reader->message_count = (size_t)n;
        }
}
