/* The entries are kept by key in an open hash table and, for the caller, in a
 * sorted list of the same pointers. */
#include "common/offset_maps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"

#define POLL_MS 100

struct offset_maps {
        rd_kafka_t *consumer;
        char *topic;
        int32_t lane;
        int64_t *next;            /* offset to be read next, by partition */
        int partitions;
        struct offset_maps_entry **slots; /* by key; a power of two, half full at most */
        size_t slot_count;
        struct offset_maps_entry **sorted;
        size_t count;
        size_t unreadable;
};

void offset_map_key(char out[static OFFSET_MAP_KEY_SIZE], const char *topic, int32_t partition, uint64_t generation) {
        (void)snprintf(out, OFFSET_MAP_KEY_SIZE, "%.249s/%d/%" PRIu64, topic, (int)partition, generation);
}

static void entry_free(struct offset_maps_entry *entry) {
        if (!entry) return;
        offset_map_fini(&entry->map);
        free(entry->key);
        free(entry->topic);
        free(entry->destination_topic);
        free(entry);
}

int offset_maps_new(const struct config *config, const char *alias, const char *route, const char *topic,
                    int32_t lane, struct offset_maps **out, char *err, size_t err_size) {
        static const struct kafka_setting settings[] = {
                {"group.id", "heliostat.offsets"}, /* asked for, and not used */
                {"isolation.level", "read_committed"},
                {"fetch.wait.max.ms", "10"},
                {"client.rack", ""}, /* the leader, no nearer replica */
                {NULL, NULL},
        };
        struct offset_maps *maps = calloc(1, sizeof *maps);
        if (!maps || !(maps->topic = strdup(topic))) {
                free(maps);
                return ERR_NOMEM;
        }
        maps->lane = lane;
        int rc = kafka_client_new(config, alias, route, CLIENT_CONSUMER, settings, NULL, NULL, &maps->consumer, err,
                                  err_size);
        if (rc) {
                offset_maps_free(maps);
                return rc;
        }
        (void)rd_kafka_poll_set_consumer(maps->consumer);
        *out = maps;
        return 0;
}

void offset_maps_close(struct offset_maps *maps) {
        if (maps->consumer) rd_kafka_destroy_flags(maps->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        maps->consumer = NULL;
}

void offset_maps_free(struct offset_maps *maps) {
        if (!maps) return;
        offset_maps_close(maps);
        for (size_t i = 0; i < maps->slot_count; i++) entry_free(maps->slots[i]);
        free(maps->slots);
        free(maps->sorted);
        free(maps->next);
        free(maps->topic);
        free(maps);
}

/* ---- the table ---- */

static size_t hash(const char *key) {
        uint64_t h = 1469598103934665603u;
        for (; *key; key++) h = (h ^ (unsigned char)*key) * 1099511628211u;
        return (size_t)(h ^ h >> 32);
}

static size_t slot_of(const struct offset_maps *maps, const char *key) {
        size_t at = hash(key) & (maps->slot_count - 1);
        while (maps->slots[at] && strcmp(maps->slots[at]->key, key) != 0) at = (at + 1) & (maps->slot_count - 1);
        return at;
}

static int table_grow(struct offset_maps *maps) {
        if ((maps->count + 1) * 2 <= maps->slot_count) return 0;
        size_t old_count = maps->slot_count, count = old_count ? old_count * 2 : 64;
        struct offset_maps_entry **old = maps->slots, **slots = calloc(count, sizeof(struct offset_maps_entry *));
        if (!slots) return ERR_NOMEM;
        maps->slots = slots;
        maps->slot_count = count;
        for (size_t i = 0; i < old_count; i++)
                if (old[i]) slots[slot_of(maps, old[i]->key)] = old[i];
        free(old);
        return 0;
}

static void table_remove(struct offset_maps *maps, const char *key) {
        if (!maps->slot_count) return;
        size_t at = slot_of(maps, key), mask = maps->slot_count - 1;
        if (!maps->slots[at]) return;
        entry_free(maps->slots[at]);
        maps->slots[at] = NULL;
        maps->count--;
        for (size_t next = (at + 1) & mask; maps->slots[next]; next = (next + 1) & mask) {
                struct offset_maps_entry *moved = maps->slots[next];
                maps->slots[next] = NULL;
                maps->slots[slot_of(maps, moved->key)] = moved;
        }
}

static int table_put(struct offset_maps *maps, const char *key, const Heliostat__Pb__OffsetMap *message) {
        int rc = table_grow(maps);
        if (rc) return rc;
        struct offset_maps_entry *entry = calloc(1, sizeof *entry);
        if (!entry) return ERR_NOMEM;
        offset_map_init(&entry->map);
        entry->key = strdup(key);
        entry->topic = strdup(message->topic);
        entry->destination_topic = strdup(message->destination_topic);
        entry->partition = (int32_t)message->partition;
        entry->generation = message->generation;
        entry->next = message->next;
        if (!entry->key || !entry->topic || !entry->destination_topic || offset_map_unpack(message, &entry->map)) {
                entry_free(entry);
                return ERR_NOMEM;
        }
        size_t at = slot_of(maps, key);
        if (maps->slots[at]) entry_free(maps->slots[at]);
        else maps->count++;
        maps->slots[at] = entry;
        return 0;
}

static int by_partition(const void *a, const void *b) {
        const struct offset_maps_entry *x = *(struct offset_maps_entry *const *)a,
                                       *y = *(struct offset_maps_entry *const *)b;
        int topic = strcmp(x->topic, y->topic);
        if (topic) return topic;
        if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
        return x->generation > y->generation ? -1 : x->generation < y->generation;
}

static int sort(struct offset_maps *maps) {
        free(maps->sorted);
        maps->sorted = calloc(maps->count + 1, sizeof(struct offset_maps_entry *));
        if (!maps->sorted) return ERR_NOMEM;
        size_t n = 0;
        for (size_t i = 0; i < maps->slot_count; i++)
                if (maps->slots[i]) maps->sorted[n++] = maps->slots[i];
        qsort(maps->sorted, n, sizeof *maps->sorted, by_partition);
        for (size_t i = 0; i < n; i++)
                maps->sorted[i]->superseded = i > 0 && maps->sorted[i]->partition == maps->sorted[i - 1]->partition &&
                                              strcmp(maps->sorted[i]->topic, maps->sorted[i - 1]->topic) == 0;
        return 0;
}

/* ---- reading ---- */

static int take(struct offset_maps *maps, const rd_kafka_message_t *m) {
        char key[OFFSET_MAP_KEY_SIZE], own[OFFSET_MAP_KEY_SIZE];
        Heliostat__Pb__OffsetMap *message = NULL;
        if (!m->key || m->key_len >= sizeof key) {
                maps->unreadable++;
                return 0;
        }
        memcpy(key, m->key, m->key_len);
        key[m->key_len] = '\0';
        if (!m->payload) {
                table_remove(maps, key);
                return 0;
        }
        int rc = codec_unpack_offset_map(m->payload, m->len, &message);
        if (rc == ERR_NOMEM) return rc;
        if (!rc) offset_map_key(own, message->topic, (int32_t)message->partition, message->generation);
        if (rc || strcmp(own, key) != 0) {
                maps->unreadable++;
                rc = 0;
        } else {
                rc = table_put(maps, key, message);
        }
        codec_free(message);
        return rc;
}

static int fail(const struct offset_maps *maps, rd_kafka_resp_err_t e, char *err, size_t err_size) {
        (void)snprintf(err, err_size, "topic %s: %s", maps->topic, rd_kafka_err2str(e));
        return e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || e == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ? ERR_NOT_FOUND
                                                                                                     : ERR_KAFKA;
}

static int count_partitions(struct offset_maps *maps, unsigned limit_ms, char *err, size_t err_size) {
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_topic_t *topic = rd_kafka_topic_new(maps->consumer, maps->topic, NULL);
        rd_kafka_resp_err_t e = topic ? rd_kafka_metadata(maps->consumer, 0, topic, &metadata, (int)limit_ms)
                                      : rd_kafka_last_error();
        int partitions = 0;
        if (!e) {
                e = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                if (!e) partitions = metadata->topics[0].partition_cnt;
                rd_kafka_metadata_destroy(metadata);
        }
        if (topic) rd_kafka_topic_destroy(topic);
        if (e) return fail(maps, e, err, err_size);
        if (partitions <= maps->partitions) return 0;
        int64_t *next = realloc(maps->next, (size_t)partitions * sizeof *next);
        if (!next) return ERR_NOMEM;
        for (int i = maps->partitions; i < partitions; i++) next[i] = -1;
        maps->next = next;
        maps->partitions = partitions;
        return 0;
}

/* Partitions with something new, in list; ends: where to read to (-1: not). */
static rd_kafka_resp_err_t look_for_new(struct offset_maps *maps, int64_t *ends, rd_kafka_topic_partition_list_t *list,
                                        int64_t deadline_ms, const atomic_bool *stop) {
        for (int p = 0; p < maps->partitions; p++) {
                int64_t low = 0, high = 0, left = deadline_ms - clock_boot_ms();
                ends[p] = -1;
                if (maps->lane >= 0 && p != maps->lane) continue;
                if (stop && atomic_load(stop)) return RD_KAFKA_RESP_ERR_NO_ERROR;
                if (left <= 0) return RD_KAFKA_RESP_ERR__TIMED_OUT;
                rd_kafka_resp_err_t e =
                        kafka_log_range(maps->consumer, maps->topic, p, (int)left, &low, &high);
                if (e) return e;
                if (maps->next[p] > high) maps->next[p] = -1; /* created anew */
                if (maps->next[p] < low) maps->next[p] = low;
                if (maps->next[p] >= high) continue;
                ends[p] = high;
                rd_kafka_topic_partition_list_add(list, maps->topic, p)->offset = maps->next[p];
        }
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int offset_maps_refresh(struct offset_maps *maps, unsigned limit_ms, const atomic_bool *stop, char *err,
                        size_t err_size) {
        int64_t deadline_ms = clock_boot_ms() + limit_ms;
        free(maps->sorted); /* what it names may go */
        maps->sorted = NULL;
        int rc = count_partitions(maps, limit_ms, err, err_size);
        if (rc) return rc;
        if (maps->lane >= maps->partitions) {
                (void)snprintf(err, err_size, "topic %s has %d partitions, none for lane %d", maps->topic,
                               maps->partitions, (int)maps->lane);
                return ERR_NOT_FOUND;
        }
        int64_t *ends = calloc((size_t)maps->partitions + 1, sizeof *ends);
        if (!ends) return ERR_NOMEM;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(maps->partitions);
        rd_kafka_resp_err_t e = look_for_new(maps, ends, list, deadline_ms, stop);
        int left = list->cnt;
        if (!e && left) e = rd_kafka_assign(maps->consumer, list);
        while (!e && !rc && left > 0) {
                if (stop && atomic_load(stop)) rc = ERR_CLOSING;
                if (clock_boot_ms() > deadline_ms) e = RD_KAFKA_RESP_ERR__TIMED_OUT;
                rd_kafka_message_t *m = rc || e ? NULL : rd_kafka_consumer_poll(maps->consumer, POLL_MS);
                if (!m) continue;
                bool eof = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
                if (m->err && !eof) {
                        e = m->err;
                } else if (m->partition >= 0 && m->partition < maps->partitions) {
                        int64_t next = eof ? m->offset : m->offset + 1;
                        if (!eof) rc = take(maps, m);
                        maps->next[m->partition] = next;
                        /* A replica that lags behind ends earlier: that end is not believed. */
                        if (ends[m->partition] >= 0 && next >= ends[m->partition]) {
                                ends[m->partition] = -1;
                                left--;
                        }
                }
                rd_kafka_message_destroy(m);
        }
        (void)rd_kafka_assign(maps->consumer, NULL); /* of an assignment that ends */
        rd_kafka_topic_partition_list_destroy(list);
        free(ends);
        if (e) return fail(maps, e, err, err_size);
        if (rc == ERR_NOMEM || rc == ERR_CLOSING) (void)snprintf(err, err_size, "%s", err_text(rc));
        return rc ? rc : sort(maps);
}

size_t offset_maps_count(const struct offset_maps *maps) { return maps->sorted ? maps->count : 0; }

struct offset_maps_entry *offset_maps_at(const struct offset_maps *maps, size_t index) { return maps->sorted[index]; }

size_t offset_maps_unreadable(const struct offset_maps *maps) { return maps->unreadable; }
