/* Where the records went: the offset maps of a lane's partitions.
 *
 *   OFF
 *   WAITING -> LOADING -> READY        LOADING -> WAITING on failure
 *
 *   LOADING  reads what an earlier owner has written, in a short thread, while
 *            records flow: a takeover never waits for it
 *   READY    every few seconds what has changed is sent by the lane's producer,
 *            in exactly-once within a transaction that ends
 *
 * A map holds what was acknowledged.  In exactly-once that may be of the open
 * transaction: the map's own record is in it too, so both are there or neither;
 * and after an abort the partition starts below, which cuts the map.
 *
 * A record's key has the generation: an earlier owner that does not know yet
 * that it is one may write a map once more, of copies that a later owner's
 * records precede.  It cannot replace the later owner's.  Keys of earlier
 * generations are deleted once ours is written.
 *
 * What is not worth a failure of the lane: maps.  They are only sent after the
 * topic was read, and not for a while after anything has failed with them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/offset_maps.h"
#include "worker/pump_internal.h"

#define WRITE_MS 5000
#define RELOAD_MS 15000       /* after a failed reading */
#define FAILED_MS 60000       /* after a failed writing; it doubles, for it may cost the lane new clients */
#define FAILED_DOUBLED_MAX 6
#define LOAD_LIMIT_MS 5000
/* At once, of all lanes: their threads have more to do, and more urgent things. */
#define LOADS_MAX 4
static atomic_int loads;

struct map_job {
        struct short_job work;
        struct pump *pump;
        atomic_bool stop;
        struct offset_maps *maps;
        char topic[NAMES_TOPIC_SIZE];
        int rc;
        char err[320];
};

void map_part_fini(struct part *part) {
        offset_map_fini(&part->map);
        offset_map_fini(&part->map_older);
}

/* ---- keeping ---- */

static void join(const struct pump *pump, struct part *part) {
        if (!part->flowed || part->map_older.begin < 0) return;
        /* What an earlier owner had not written may have come from the destination. */
        if (pump->settings.provenance && part->map_older_next < part->map.begin)
                offset_map_returned(&part->map, part->map.begin - 1);
        offset_map_continue(&part->map, &part->map_older, part->map_older_next);
        part->map_next = -1;
}

void map_on_flow(struct pump *pump, struct part *part) {
        if (!pump->settings.offset_map) return;
        offset_map_restart(&part->map, part->position);
        join(pump, part);
}

/* ---- reading ---- */

static void load_maps(void *arg) {
        struct map_job *job = arg;
        const struct pump_settings *settings = &job->pump->settings; /* what does not change */
        names_offsets_topic(job->topic, settings->group_id);
        job->rc = offset_maps_new(settings->config, settings->destination, settings->route, job->topic,
                                  (int32_t)settings->lane, &job->maps, job->err, sizeof job->err);
        if (!job->rc)
                job->rc = offset_maps_refresh(job->maps, LOAD_LIMIT_MS, &job->stop, job->err, sizeof job->err);
        if (job->maps) offset_maps_close(job->maps); /* what is left is free of waiting, for the loop */
}

static void stale_add(struct part *part, uint64_t generation) {
        for (int i = 0; i < PUMP_MAP_STALE; i++)
                if (part->map_stale[i] == generation) return;
        for (int i = 0; i < PUMP_MAP_STALE; i++)
                if (!part->map_stale[i]) {
                        part->map_stale[i] = generation;
                        return;
                }
        /* The next owner finds it. */
}

static void take_loaded(struct pump *pump, const struct offset_maps *maps) {
        for (size_t i = 0; i < offset_maps_count(maps); i++) {
                struct offset_maps_entry *entry = offset_maps_at(maps, i);
                for (size_t k = 0; k < pump->part_count; k++) {
                        struct part *part = pump->parts[k];
                        if (part->partition != entry->partition || strcmp(part->topic->name, entry->topic) != 0)
                                continue;
                        /* Our own, when they are read once more, are ours anyway. */
                        if (entry->generation != part->map_generation) stale_add(part, entry->generation);
                        /* Of a topic that the route named otherwise it tells nothing. */
                        if (!entry->superseded && entry->generation <= pump->settings.generation &&
                            strcmp(entry->destination_topic, part->topic->target) == 0) {
                                offset_map_fini(&part->map_older);
                                part->map_older = entry->map;
                                part->map_older_next = entry->next;
                                offset_map_init(&entry->map);
                                join(pump, part);
                        }
                }
        }
}

static void load_done(void *arg) {
        struct map_job *job = arg;
        struct pump *pump = job->pump;
        data_loop_tick(pump->loop);
        pump->map_job = NULL;
        atomic_fetch_sub(&loads, 1);
        if (job->rc) {
                if (job->rc != ERR_CLOSING)
                        log_info("lane.map.wait", "route=%s lane=%u reason=\"%s\" note=\"records flow; their offsets are not written yet\"",
                                 pump->settings.route, pump->settings.lane, job->err);
                pump->map_state = MAP_WAITING;
                pump->map_due_ms = clock_boot_ms() + RELOAD_MS;
        } else {
                take_loaded(pump, job->maps);
                pump->map_state = MAP_READY;
                pump->map_due_ms = 0; /* under our generation, as soon as possible */
        }
        offset_maps_free(job->maps);
        free(job);
        pump_advance(pump);
}

static void load(struct pump *pump) {
        if (atomic_fetch_add(&loads, 1) >= LOADS_MAX) {
                atomic_fetch_sub(&loads, 1);
                return; /* at the next tick */
        }
        struct map_job *job = calloc(1, sizeof *job);
        if (!job) abort();
        job->pump = pump;
        pump->map_job = job;
        pump->map_state = MAP_LOADING;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, load_maps, load_done);
}

void map_stop(struct pump *pump) {
        if (pump->map_job) atomic_store(&pump->map_job->stop, true);
}

/* ---- writing ---- */

static bool part_changed(const struct pump *pump, const struct part *part) {
        if (!part->flowed || part->left || part->map.begin < 0) return false;
        /* What was acknowledged behind what was not is not told. */
        if (part->map.next_source > ledger_position(&part->ledger)) return false;
        return part->map_next != ledger_position(&part->ledger) ||
               part->map_generation != pump->settings.generation;
}

bool map_changed(const struct pump *pump) {
        if (pump->map_state != MAP_READY || clock_boot_ms() < pump->map_due_ms - WRITE_MS) return false;
        for (size_t i = 0; i < pump->part_count; i++)
                if (part_changed(pump, pump->parts[i])) return true;
        return false;
}

bool map_due(const struct pump *pump) {
        return pump->map_state == MAP_READY && clock_boot_ms() >= pump->map_due_ms && map_changed(pump);
}

/* Takes data (NULL: a tombstone). */
static rd_kafka_resp_err_t record_send(struct pump *pump, const char *topic, const struct part *part, uint64_t generation,
                                void *data, size_t bytes) {
        char key[OFFSET_MAP_KEY_SIZE];
        offset_map_key(key, part->topic->name, part->partition, generation);
        rd_kafka_resp_err_t err = rd_kafka_producev(
                pump->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)pump->settings.lane),
                RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(data, bytes),
                RD_KAFKA_V_MSGFLAGS(data ? RD_KAFKA_MSG_F_FREE : 0), RD_KAFKA_V_OPAQUE(MAP_OPAQUE(pump)),
                RD_KAFKA_V_END);
        if (err) {
                free(data);
                return err;
        }
        pump->map_under_way++;
        pump->map_in_txn = pump->txn != TXN_NONE;
        return err;
}

static rd_kafka_resp_err_t part_write(struct pump *pump, const char *topic, struct part *part, uint64_t *sent_bytes) {
        const struct offset_map_name name = {part->topic->name, part->topic->target, part->partition,
                                             pump->settings.generation};
        int64_t next = ledger_position(&part->ledger);
        void *data;
        size_t bytes;
        int rc = offset_map_pack(&part->map, &name, next, &data, &bytes);
        if (rc) {
                log_warn("lane.map", "route=%s lane=%u topic=%s partition=%d error=\"%s\"", pump->settings.route,
                         pump->settings.lane, part->topic->name, part->partition, err_text(rc));
                return RD_KAFKA_RESP_ERR_NO_ERROR; /* at the next change again */
        }
        rd_kafka_resp_err_t err = record_send(pump, topic, part, name.generation, data, bytes);
        if (err) return err;
        *sent_bytes += bytes;
        if (part->map_generation && part->map_generation != name.generation) stale_add(part, part->map_generation);
        part->map_next = next;
        part->map_generation = name.generation;
        for (int i = 0; i < PUMP_MAP_STALE && !err; i++) {
                if (part->map_stale[i] && part->map_stale[i] != name.generation)
                        err = record_send(pump, topic, part, part->map_stale[i], NULL, 0);
                if (!err) part->map_stale[i] = 0;
        }
        return err;
}

void map_write(struct pump *pump, uint64_t limit_bytes) {
        char topic[NAMES_TOPIC_SIZE];
        uint64_t bytes = 0;
        if (pump->map_state != MAP_READY || !pump->producer) return;
        if (clock_boot_ms() < pump->map_due_ms - WRITE_MS) return; /* failed not long ago */
        pump->map_due_ms = clock_boot_ms() + WRITE_MS;
        names_offsets_topic(topic, pump->settings.group_id);
        for (size_t n = 0; n < pump->part_count && bytes < limit_bytes; n++) {
                struct part *part = pump->parts[pump->map_at++ % pump->part_count];
                if (!part_changed(pump, part)) continue;
                rd_kafka_resp_err_t err = part_write(pump, topic, part, &bytes);
                if (!err) continue;
                if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) map_failed(pump);
                return;
        }
}

void map_failed(struct pump *pump) {
        int64_t wait_ms = (int64_t)FAILED_MS << (pump->map_failures < FAILED_DOUBLED_MAX ? pump->map_failures : FAILED_DOUBLED_MAX);
        pump->map_failures++;
        log_warn("lane.map", "route=%s lane=%u note=\"the offset maps could not be written; again in %lld s\"",
                 pump->settings.route, pump->settings.lane, (long long)wait_ms / 1000);
        for (size_t i = 0; i < pump->part_count; i++) pump->parts[i]->map_next = -1;
        pump->map_in_txn = false;
        /* Also what was read may be older than what is there: a tombstone's
         * fate is not known either. */
        if (pump->map_state == MAP_READY) pump->map_due_ms = clock_boot_ms() + wait_ms;
}

void map_on_delivery(struct pump *pump, rd_kafka_resp_err_t err) {
        if (pump->map_under_way) pump->map_under_way--;
        if (!err) pump->map_failures = 0;
        /* Purged: the lane has other trouble, and what it had of maps is written anew. */
        if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
        if (err && pump->state != PUMP_STOPPING && pump->map_due_ms - clock_boot_ms() <= WRITE_MS) map_failed(pump);
}

void map_on_clients_close(struct pump *pump) {
        pump->map_under_way = 0;
        pump->map_in_txn = false;
        for (size_t i = 0; i < pump->part_count; i++) pump->parts[i]->map_next = -1; /* what became of it is not known */
}

void map_tick(struct pump *pump) {
        if (pump->state != PUMP_RUNNING || pump->held) return;
        if (pump->map_state == MAP_WAITING && clock_boot_ms() >= pump->map_due_ms) load(pump);
        if (pump->txn == TXN_NONE && map_due(pump)) map_write(pump, MAP_WRITE_BYTES);
}
