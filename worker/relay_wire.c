/* Fields are put and taken one by one, in the order of the protocol guide, by
 * code that reads like its tables.  A writer and a reader that have failed stay
 * so, and only the end asks: what is between needs no branches of its own. */
#include "worker/relay_wire.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum api {
        API_PRODUCE = 0,
        API_FETCH = 1,
        API_METADATA = 3,
        API_FIND_COORDINATOR = 10,
        API_VERSIONS = 18,
        API_INIT_PRODUCER_ID = 22,
        API_ADD_PARTITIONS = 24,
};

/* ---- writing ---- */

void wire_out_fini(struct wire_out *out) {
        free(out->data);
        *out = (struct wire_out){0};
}

/* Where so many bytes more belong, or NULL. */
static uint8_t *room(struct wire_out *out, size_t bytes) {
        if (out->failed) return NULL;
        if (bytes > INT32_MAX - out->count) {
                out->failed = ERR_TOO_MANY;
                return NULL;
        }
        if (out->count + bytes > out->capacity) {
                size_t capacity = out->capacity ? out->capacity : 256;
                while (capacity < out->count + bytes) capacity *= 2;
                uint8_t *data = realloc(out->data, capacity);
                if (!data) {
                        out->failed = ERR_NOMEM;
                        return NULL;
                }
                out->data = data;
                out->capacity = capacity;
        }
        uint8_t *at = out->data + out->count;
        out->count += bytes;
        return at;
}

static void number_at(uint8_t *at, uint64_t number, size_t bytes) {
        for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

static void put(struct wire_out *out, int64_t number, size_t bytes) {
        uint8_t *at = room(out, bytes);
        if (at) number_at(at, (uint64_t)number, bytes);
}

static void put_8(struct wire_out *out, int8_t number) { put(out, number, 1); }
static void put_16(struct wire_out *out, int16_t number) { put(out, number, 2); }
static void put_32(struct wire_out *out, int32_t number) { put(out, number, 4); }
static void put_64(struct wire_out *out, int64_t number) { put(out, number, 8); }

/* NULL: as the protocol's null. */
static void put_text(struct wire_out *out, const char *text) {
        if (!text) {
                put_16(out, -1);
                return;
        }
        size_t bytes = strlen(text);
        if (bytes > INT16_MAX) {
                if (!out->failed) out->failed = ERR_TOO_MANY;
                return;
        }
        put_16(out, (int16_t)bytes);
        uint8_t *at = room(out, bytes);
        if (at && bytes) memcpy(at, text, bytes);
}

static void put_count(struct wire_out *out, size_t count) {
        if (count > INT32_MAX && !out->failed) out->failed = ERR_TOO_MANY;
        put_32(out, (int32_t)count);
}

/* Header version 1, behind room for the length. */
static void begin(struct wire_out *out, enum api api, int16_t version, int32_t correlation, const char *client_id) {
        out->count = 0;
        out->failed = 0;
        put_32(out, 0);
        put_16(out, (int16_t)api);
        put_16(out, version);
        put_32(out, correlation);
        put_text(out, client_id);
}

/* beyond: bytes that belong to the request and are not in out */
static int end(struct wire_out *out, size_t beyond) {
        if (!out->failed && beyond > INT32_MAX - out->count) out->failed = ERR_TOO_MANY;
        if (!out->failed) number_at(out->data, out->count - 4 + beyond, 4);
        return out->failed;
}

int wire_api_versions(struct wire_out *out, int32_t correlation, const char *client_id) {
        begin(out, API_VERSIONS, 0, correlation, client_id);
        return end(out, 0);
}

int wire_metadata(struct wire_out *out, int32_t correlation, const char *client_id, const char *const *topics,
                  size_t count) {
        begin(out, API_METADATA, 4, correlation, client_id);
        put_count(out, count);
        for (size_t i = 0; i < count; i++) put_text(out, topics[i]);
        put_8(out, 0); /* allow_auto_topic_creation */
        return end(out, 0);
}

int wire_init_producer_id(struct wire_out *out, int32_t correlation, const char *client_id) {
        begin(out, API_INIT_PRODUCER_ID, 0, correlation, client_id);
        put_text(out, NULL); /* transactional_id */
        put_32(out, 0);      /* transaction_timeout_ms: of transactions alone */
        return end(out, 0);
}

int wire_find_coordinator(struct wire_out *out, int32_t correlation, const char *client_id, const char *transactional_id) {
        begin(out, API_FIND_COORDINATOR, 1, correlation, client_id);
        put_text(out, transactional_id);
        put_8(out, 1); /* key_type: of a transaction */
        return end(out, 0);
}

/* Rows of each kind begin with their topic, and those of one stand together. */
static const char *topic_at(const void *rows, size_t row_bytes, size_t at) {
        return *(const char *const *)((const char *)rows + at * row_bytes);
}
_Static_assert(offsetof(struct wire_fetch_row, topic) == 0 && offsetof(struct wire_produce_row, topic) == 0 &&
                       offsetof(struct wire_add_row, topic) == 0,
               "topic_at");

static bool topic_begins(const void *rows, size_t row_bytes, size_t at) {
        if (at == 0) return true;
        const char *topic = topic_at(rows, row_bytes, at), *before = topic_at(rows, row_bytes, at - 1);
        return topic != before && strcmp(topic, before) != 0;
}

static void put_topic_count(struct wire_out *out, const void *rows, size_t row_bytes, size_t count) {
        size_t topics = 0;
        for (size_t i = 0; i < count; i++) topics += topic_begins(rows, row_bytes, i);
        put_count(out, topics);
}

/* The topic of the rows that begin there, and how many these are.  Returns the first row behind them. */
static size_t put_topic(struct wire_out *out, const void *rows, size_t row_bytes, size_t count, size_t from) {
        size_t next = from + 1;
        while (next < count && !topic_begins(rows, row_bytes, next)) next++;
        put_text(out, topic_at(rows, row_bytes, from));
        put_count(out, next - from);
        return next;
}

int wire_add_partitions(struct wire_out *out, int32_t correlation, const char *client_id, const char *transactional_id,
                        int64_t producer_id, int16_t epoch, const struct wire_add_row *rows, size_t count) {
        begin(out, API_ADD_PARTITIONS, 0, correlation, client_id);
        put_text(out, transactional_id);
        put_64(out, producer_id);
        put_16(out, epoch);
        put_topic_count(out, rows, sizeof *rows, count);
        for (size_t i = 0, next; i < count; i = next) {
                next = put_topic(out, rows, sizeof *rows, count, i);
                for (size_t k = i; k < next; k++) put_32(out, rows[k].partition);
        }
        return end(out, 0);
}

int wire_fetch(struct wire_out *out, int32_t correlation, const char *client_id, const struct wire_fetch *fetch) {
        const struct wire_fetch_row *rows = fetch->rows;
        const int16_t version = fetch->version;
        assert(version == 4 || version == 11);
        begin(out, API_FETCH, version, correlation, client_id);
        put_32(out, -1); /* replica_id: a consumer */
        put_32(out, fetch->max_wait_ms);
        put_32(out, fetch->min_bytes);
        put_32(out, fetch->max_bytes);
        put_8(out, fetch->committed); /* isolation_level */
        if (version >= 7) {
                put_32(out, 0);  /* session_id */
                put_32(out, -1); /* session_epoch: none, and none is to begin */
        }
        put_topic_count(out, rows, sizeof *rows, fetch->count);
        for (size_t i = 0, next; i < fetch->count; i = next) {
                next = put_topic(out, rows, sizeof *rows, fetch->count, i);
                for (size_t k = i; k < next; k++) {
                        put_32(out, rows[k].partition);
                        if (version >= 9) put_32(out, -1); /* current_leader_epoch */
                        put_64(out, rows[k].offset);
                        if (version >= 5) put_64(out, -1); /* log_start_offset: of followers */
                        put_32(out, rows[k].max_bytes);
                }
        }
        if (version >= 7) put_count(out, 0); /* forgotten_topics_data */
        if (version >= 11) put_text(out, ""); /* rack_id */
        return end(out, 0);
}

int wire_produce(struct wire_out *out, int16_t version, int32_t correlation, const char *client_id,
                 const char *transactional_id, int32_t timeout_ms, struct wire_produce_row *rows, size_t count) {
        size_t batches = 0;
        assert(version == 3 || version == 7);
        begin(out, API_PRODUCE, version, correlation, client_id);
        put_text(out, transactional_id);
        put_16(out, -1);     /* acks: all */
        put_32(out, timeout_ms);
        put_topic_count(out, rows, sizeof *rows, count);
        for (size_t i = 0, next; i < count; i = next) {
                next = put_topic(out, rows, sizeof *rows, count, i);
                for (size_t k = i; k < next; k++) {
                        put_32(out, rows[k].partition);
                        put_count(out, rows[k].batch_bytes);
                        rows[k].cut = out->count;
                        if (rows[k].batch_bytes > INT32_MAX - batches)
                                out->failed = out->failed ? out->failed : ERR_TOO_MANY;
                        else
                                batches += rows[k].batch_bytes;
                }
        }
        return end(out, batches);
}

/* ---- reading ---- */

struct in {
        const uint8_t *data;
        size_t bytes, at;
        bool bad;
};

/* Where so many bytes are that are now behind, or NULL. */
static const uint8_t *take(struct in *in, size_t bytes) {
        if (in->bad || bytes > in->bytes - in->at) {
                in->bad = true;
                return NULL;
        }
        const uint8_t *at = in->data + in->at;
        in->at += bytes;
        return at;
}

/* 0 where there is none */
static uint64_t take_number(struct in *in, size_t bytes) {
        const uint8_t *at = take(in, bytes);
        uint64_t number = 0;
        for (size_t i = 0; at && i < bytes; i++) number = number << 8 | at[i];
        return number;
}

static int16_t take_16(struct in *in) { return (int16_t)take_number(in, 2); }
static int32_t take_32(struct in *in) { return (int32_t)take_number(in, 4); }
static int64_t take_64(struct in *in) { return (int64_t)take_number(in, 8); }

static struct wire_text take_text(struct in *in) {
        int16_t bytes = take_16(in);
        if (bytes < 0) in->bad = true;
        const uint8_t *at = take(in, bytes < 0 ? 0 : (size_t)bytes);
        return at ? (struct wire_text){(const char *)at, (size_t)bytes} : (struct wire_text){"", 0};
}

static void pass_nullable_text(struct in *in) {
        int16_t bytes = take_16(in);
        if (bytes < -1) in->bad = true;
        if (bytes > 0) (void)take(in, (size_t)bytes); /* a failure stays in `in` */
}

/* How many rows follow, of row_bytes or more each: what cannot be there is not
 * walked through. */
static size_t take_count(struct in *in, size_t row_bytes) {
        int32_t count = take_32(in);
        if (count < 0 || (size_t)count > (in->bytes - in->at) / row_bytes) in->bad = true;
        return in->bad ? 0 : (size_t)count;
}

static void pass_ids(struct in *in) {
        size_t count = take_count(in, 4);
        (void)take(in, 4 * count); /* a failure stays in `in` */
}

static struct in answer(const uint8_t *data, size_t bytes) {
        struct in in = {.data = data, .bytes = bytes};
        (void)take_32(&in); /* correlation: wire_correlation's */
        return in;
}

/* Bytes left over: it is not the answer that it was taken for. */
static int taken(const struct in *in) { return in->bad || in->at != in->bytes ? ERR_INVALID : 0; }

int wire_correlation(const uint8_t *data, size_t bytes, int32_t *out) {
        struct in in = {.data = data, .bytes = bytes};
        int32_t correlation = take_32(&in);
        if (in.bad) return ERR_INVALID;
        *out = correlation;
        return 0;
}

bool wire_text_is(struct wire_text text, const char *string) {
        return strlen(string) == text.bytes && memcmp(text.text, string, text.bytes) == 0;
}

int wire_take_api_versions(const uint8_t *data, size_t bytes, struct wire_versions *out) {
        struct in in = answer(data, bytes);
        struct wire_versions versions = {.fetch = -1, .produce = -1};
        versions.error = take_16(&in);
        for (size_t count = take_count(&in, 6); count > 0; count--) {
                const int16_t api = take_16(&in), min = take_16(&in), max = take_16(&in);
#define KNOWN(version) (min <= (version) && (version) <= max)
                switch (api) {
                case API_PRODUCE: versions.produce = KNOWN(7) ? 7 : KNOWN(3) ? 3 : -1; break;
                case API_FETCH: versions.fetch = KNOWN(11) ? 11 : KNOWN(4) ? 4 : -1; break;
                case API_METADATA: versions.metadata = KNOWN(4); break;
                case API_FIND_COORDINATOR: versions.find_coordinator = KNOWN(1); break;
                case API_ADD_PARTITIONS: versions.add_partitions = KNOWN(0); break;
                case API_INIT_PRODUCER_ID: versions.init_producer_id = KNOWN(0); break;
                default: break;
                }
#undef KNOWN
        }
        if (taken(&in)) return ERR_INVALID;
        *out = versions;
        return 0;
}

static void take_metadata_topic(struct in *in, const struct wire_metadata_sink *sink) {
        const int16_t topic_error = take_16(in);
        const struct wire_text topic = take_text(in);
        (void)take(in, 1); /* is_internal */
        size_t count = take_count(in, 18);
        if (topic_error && !in->bad) sink->partition(sink->ctx, topic, -1, topic_error, -1);
        for (; count > 0 && !in->bad; count--) {
                const int16_t error = take_16(in);
                const int32_t partition = take_32(in), leader = take_32(in);
                pass_ids(in); /* replica_nodes */
                pass_ids(in); /* isr_nodes */
                if (partition < 0) in->bad = true;
                if (!topic_error && !in->bad) sink->partition(sink->ctx, topic, partition, error, leader);
        }
}

int wire_take_metadata(const uint8_t *data, size_t bytes, const struct wire_metadata_sink *sink) {
        struct in in = answer(data, bytes);
        (void)take_32(&in); /* throttle_time_ms */
        for (size_t count = take_count(&in, 12); count > 0 && !in.bad; count--) {
                const int32_t id = take_32(&in);
                const struct wire_text host = take_text(&in);
                const int32_t port = take_32(&in);
                pass_nullable_text(&in); /* rack */
                if (!in.bad) sink->broker(sink->ctx, id, host, port);
        }
        pass_nullable_text(&in); /* cluster_id */
        (void)take_32(&in);      /* controller_id */
        for (size_t count = take_count(&in, 9); count > 0 && !in.bad; count--) take_metadata_topic(&in, sink);
        return taken(&in);
}

int wire_take_init_producer_id(const uint8_t *data, size_t bytes, int16_t *out_error, int64_t *out_id,
                               int16_t *out_epoch) {
        struct in in = answer(data, bytes);
        (void)take_32(&in); /* throttle_time_ms */
        const int16_t error = take_16(&in);
        const int64_t id = take_64(&in);
        const int16_t epoch = take_16(&in);
        if (taken(&in)) return ERR_INVALID;
        *out_error = error;
        *out_id = id;
        *out_epoch = epoch;
        return 0;
}

int wire_take_find_coordinator(const uint8_t *data, size_t bytes, int16_t *out_error, int32_t *out_id,
                               struct wire_text *out_host, int32_t *out_port) {
        struct in in = answer(data, bytes);
        (void)take_32(&in); /* throttle_time_ms */
        const int16_t error = take_16(&in);
        pass_nullable_text(&in); /* error_message */
        const int32_t id = take_32(&in);
        const struct wire_text host = take_text(&in);
        const int32_t port = take_32(&in);
        if (taken(&in)) return ERR_INVALID;
        *out_error = error;
        *out_id = id;
        *out_host = host;
        *out_port = port;
        return 0;
}

int wire_take_add_partitions(const uint8_t *data, size_t bytes,
                             void (*each)(void *ctx, struct wire_text topic, int32_t partition, int16_t error), void *ctx) {
        struct in in = answer(data, bytes);
        (void)take_32(&in); /* throttle_time_ms */
        for (size_t topics = take_count(&in, 6); topics > 0 && !in.bad; topics--) {
                const struct wire_text topic = take_text(&in);
                for (size_t count = take_count(&in, 6); count > 0 && !in.bad; count--) {
                        const int32_t partition = take_32(&in);
                        const int16_t error = take_16(&in);
                        if (partition < 0) in.bad = true;
                        if (!in.bad) each(ctx, topic, partition, error);
                }
        }
        return taken(&in);
}

/* data: as in->data, to be changed */
static struct wire_fetched take_fetched(struct in *in, int16_t version, uint8_t *data) {
        struct wire_fetched fetched = {0};
        fetched.partition = take_32(in);
        fetched.error = take_16(in);
        fetched.high_watermark = take_64(in);
        fetched.last_stable = take_64(in);
        if (version >= 5) (void)take_64(in); /* log_start_offset */
        const int32_t aborted = take_32(in); /* -1: null */
        if (aborted < -1) in->bad = true;
        if (aborted > 0) (void)take(in, 16 * (size_t)aborted);
        if (version >= 11) (void)take_32(in); /* preferred_read_replica: of those that tell their rack */
        const int32_t records = take_32(in);
        if (records < -1 || fetched.partition < 0) in->bad = true;
        const size_t at = in->at;
        if (records > 0 && take(in, (size_t)records)) {
                fetched.records = data + at;
                fetched.records_bytes = (size_t)records;
        }
        return fetched;
}

int wire_take_fetch(int16_t version, uint8_t *data, size_t bytes, int16_t *out_error,
                    void (*each)(void *ctx, const struct wire_fetched *fetched), void *ctx) {
        struct in in = answer(data, bytes);
        int16_t error = 0;
        assert(version == 4 || version == 11);
        (void)take_32(&in); /* throttle_time_ms */
        if (version >= 7) {
                error = take_16(&in);
                (void)take_32(&in); /* session_id */
        }
        for (size_t topics = take_count(&in, 6); topics > 0 && !in.bad; topics--) {
                const struct wire_text topic = take_text(&in);
                for (size_t count = take_count(&in, 30); count > 0 && !in.bad; count--) {
                        struct wire_fetched fetched = take_fetched(&in, version, data);
                        fetched.topic = topic;
                        if (!in.bad) each(ctx, &fetched);
                }
        }
        if (taken(&in)) return ERR_INVALID;
        *out_error = error;
        return 0;
}

int wire_take_produce(int16_t version, const uint8_t *data, size_t bytes,
                      void (*each)(void *ctx, const struct wire_produced *produced), void *ctx) {
        struct in in = answer(data, bytes);
        assert(version == 3 || version == 7);
        for (size_t topics = take_count(&in, 6); topics > 0 && !in.bad; topics--) {
                const struct wire_text topic = take_text(&in);
                for (size_t count = take_count(&in, 22); count > 0 && !in.bad; count--) {
                        struct wire_produced produced = {.topic = topic};
                        produced.partition = take_32(&in);
                        produced.error = take_16(&in);
                        produced.base_offset = take_64(&in);
                        (void)take_64(&in); /* log_append_time_ms */
                        if (version >= 5) (void)take_64(&in); /* log_start_offset */
                        if (produced.partition < 0) in.bad = true;
                        if (!in.bad) each(ctx, &produced);
                }
        }
        (void)take_32(&in); /* throttle_time_ms */
        return taken(&in);
}

/* ---- errors ---- */

/* Those that brokers give to these requests.  Produce and fetch differ where
 * sequences are meant. */
/*      code name                                 produce   fetch */
#define ERRORS(X) \
        X(-1, UNKNOWN_SERVER_ERROR,                REFUSED,  REFUSED) \
        X(0,  NONE,                                DONE,     DONE) \
        X(1,  OFFSET_OUT_OF_RANGE,                 REFUSED,  REFUSED) \
        X(2,  CORRUPT_MESSAGE,                     REFUSED,  REFUSED) \
        X(3,  UNKNOWN_TOPIC_OR_PARTITION,          AGAIN,    AGAIN) \
        X(5,  LEADER_NOT_AVAILABLE,                AGAIN,    AGAIN) \
        X(6,  NOT_LEADER_OR_FOLLOWER,              AGAIN,    AGAIN) \
        X(7,  REQUEST_TIMED_OUT,                   AGAIN,    AGAIN) \
        X(8,  BROKER_NOT_AVAILABLE,                AGAIN,    AGAIN) \
        X(9,  REPLICA_NOT_AVAILABLE,               AGAIN,    AGAIN) \
        X(10, MESSAGE_TOO_LARGE,                   REFUSED,  REFUSED) \
        X(13, NETWORK_EXCEPTION,                   AGAIN,    AGAIN) \
        X(14, COORDINATOR_LOAD_IN_PROGRESS,        AGAIN,    AGAIN) \
        X(15, COORDINATOR_NOT_AVAILABLE,           AGAIN,    AGAIN) \
        X(16, NOT_COORDINATOR,                     AGAIN,    AGAIN) \
        X(17, INVALID_TOPIC_EXCEPTION,             REFUSED,  REFUSED) \
        X(18, RECORD_LIST_TOO_LARGE,               REFUSED,  REFUSED) \
        X(19, NOT_ENOUGH_REPLICAS,                 AGAIN,    AGAIN) \
        X(20, NOT_ENOUGH_REPLICAS_AFTER_APPEND,    AGAIN,    AGAIN) \
        X(21, INVALID_REQUIRED_ACKS,               REFUSED,  REFUSED) \
        X(29, TOPIC_AUTHORIZATION_FAILED,          REFUSED,  REFUSED) \
        X(31, CLUSTER_AUTHORIZATION_FAILED,        REFUSED,  REFUSED) \
        X(32, INVALID_TIMESTAMP,                   REFUSED,  REFUSED) \
        X(35, UNSUPPORTED_VERSION,                 REFUSED,  REFUSED) \
        X(42, INVALID_REQUEST,                     REFUSED,  REFUSED) \
        X(43, UNSUPPORTED_FOR_MESSAGE_FORMAT,      REFUSED,  REFUSED) \
        X(44, POLICY_VIOLATION,                    REFUSED,  REFUSED) \
        X(45, OUT_OF_ORDER_SEQUENCE_NUMBER,        SEQUENCE, REFUSED) \
        X(46, DUPLICATE_SEQUENCE_NUMBER,           DONE,     REFUSED) \
        X(47, INVALID_PRODUCER_EPOCH,              SEQUENCE, REFUSED) \
        X(48, INVALID_TXN_STATE,                   SEQUENCE, REFUSED) \
        X(49, INVALID_PRODUCER_ID_MAPPING,         SEQUENCE, REFUSED) \
        X(51, CONCURRENT_TRANSACTIONS,             AGAIN,    REFUSED) \
        X(53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, REFUSED, REFUSED) \
        X(55, OPERATION_NOT_ATTEMPTED,             AGAIN,    REFUSED) \
        X(56, KAFKA_STORAGE_ERROR,                 AGAIN,    AGAIN) \
        X(59, UNKNOWN_PRODUCER_ID,                 SEQUENCE, REFUSED) \
        X(72, LISTENER_NOT_FOUND,                  AGAIN,    AGAIN) \
        X(74, FENCED_LEADER_EPOCH,                 AGAIN,    AGAIN) \
        X(75, UNKNOWN_LEADER_EPOCH,                AGAIN,    AGAIN) \
        X(76, UNSUPPORTED_COMPRESSION_TYPE,        REFUSED,  REFUSED) \
        X(78, OFFSET_NOT_AVAILABLE,                AGAIN,    AGAIN) \
        X(87, INVALID_RECORD,                      REFUSED,  REFUSED) \
        X(90, PRODUCER_FENCED,                     SEQUENCE, REFUSED)

enum wire_verdict wire_produce_verdict(int16_t error) {
        switch (error) {
#define X(code, name, produce, fetch) case code: return WIRE_##produce;
                ERRORS(X)
#undef X
        default: return WIRE_REFUSED;
        }
}

enum wire_verdict wire_fetch_verdict(int16_t error) {
        switch (error) {
#define X(code, name, produce, fetch) case code: return WIRE_##fetch;
                ERRORS(X)
#undef X
        default: return WIRE_REFUSED;
        }
}

bool wire_error_fences(int16_t error) { return error == 47 || error == 90; }

bool wire_error_too_large(int16_t error) { return error == 10 || error == 18; }

const char *wire_error_name(int16_t error) {
        static _Thread_local char other[sizeof "error -32768"];
        switch (error) {
#define X(code, name, produce, fetch) case code: return #name;
                ERRORS(X)
#undef X
        default: break;
        }
        (void)snprintf(other, sizeof other, "error %d", error); /* fits */
        return other;
}
