/* The worker's report: asks the pumps for snapshots, and writes what they told
 * the last time.  Advisory: nothing but `status` and the planner's weights
 * depends on it, so a failed write is only tried again the next time.
 *
 * In a large field it is written less often (report_pace.h), by the number of
 * reports that ZooKeeper has; a change of state, such as a lane that came or a
 * partition that halted, is told at once, but no more often than that either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/report_join.h"
#include "common/znode_path.h"
#include "worker/report_cut.h"
#include "worker/report_pace.h"
#include "worker/stall.h"
#include "worker/worker_internal.h"

#define ANSWER_MS 100     /* the pumps' snapshots are there by then, or count the next time */
#define REFRESH_MS 10000  /* an unchanged report is written again after this */
#define COUNT_MS 30000    /* the reports of all are counted again after this */

void report_take(struct lane_pump_link *link, struct pump_snapshot *snapshot) {
        if (!link->lane) return pump_snapshot_free(snapshot);
        worker_note_snapshot(link->lane, snapshot);
        lane_rate_note(&link->lane->rate, snapshot->taken_ms, snapshot->records, snapshot->bytes);
        pump_snapshot_free(link->lane->snapshot);
        link->lane->snapshot = snapshot;
}

static void on_snapshot(void *ctx, struct pump_snapshot *snapshot) { report_take(ctx, snapshot); }

/* A data loop that answers nothing must not look like one that runs: its last
 * figures are told again and again. */
static void mark_silent(struct worker *worker, int64_t now) {
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                struct pump_snapshot *snapshot = l->snapshot;
                if (!snapshot || !l->link) continue;
                enum stall stall = stall_silent(now - snapshot->taken_ms, worker->config->report_interval_ms);
                for (size_t i = 0; stall != STALL_NONE && i < snapshot->count; i++) {
                        struct pump_row *row = &snapshot->rows[i];
                        if (row->state != HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING) continue;
                        row->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
                        free(row->error);
                        row->error = strdup(stall_text(stall)); /* NULL: none */
                }
        }
}

static Heliostat__Pb__LaneReport *lane_report(const struct worker_lane *lane) {
        static char empty[] = "", idle[] = "WAITING";
        const struct pump_snapshot *snapshot = lane->snapshot;
        size_t count = snapshot ? snapshot->count : 0;
        Heliostat__Pb__LaneReport *report = malloc(sizeof *report);
        if (!report) abort();
        heliostat__pb__lane_report__init(report);
        report->route = lane->route;
        report->lane = lane->lane;
        report->generation = lane->core.held_generation;
        report->route_version = lane->link ? lane->link->route_version : 0;
        report->bytes_rate = lane_rate_bytes(&lane->rate);
        report->records_rate = lane_rate_records(&lane->rate);
        report->measured = lane_rate_measured(&lane->rate);
        report->state = snapshot ? (char *)snapshot->state : idle;
        report->error = snapshot ? (char *)snapshot->error : empty;
        report->partitions = calloc(count ? count : 1, sizeof *report->partitions);
        if (!report->partitions) abort();
        for (size_t i = 0; i < count; i++) {
                const struct pump_row *row = &snapshot->rows[i];
                Heliostat__Pb__PartitionReport *p = malloc(sizeof *p);
                if (!p) abort();
                heliostat__pb__partition_report__init(p);
                p->topic = row->topic;
                p->partition = (uint32_t)row->partition;
                p->state = (Heliostat__Pb__PartitionState)row->state;
                p->position = row->position;
                p->end_offset = row->end_offset;
                p->lag_seconds = row->lag_seconds;
                p->rate = row->rate;
                p->error = row->error ? row->error : empty;
                report->partitions[report->n_partitions++] = p;
        }
        return report;
}

static void lane_report_free(Heliostat__Pb__LaneReport *report) {
        for (size_t i = 0; i < report->n_partitions; i++) free(report->partitions[i]);
        free(report->partitions);
        free(report);
}

static uint64_t hash_bytes(uint64_t hash, const unsigned char *data, size_t bytes) {
        for (size_t i = 0; i < bytes; i++) hash = (hash ^ data[i]) * 0x100000001b3u; /* FNV-1a */
        return hash;
}

/* Of what is told at once; positions and rates are not. */
static uint64_t hash_state(uint64_t hash, const Heliostat__Pb__LaneReport *report) {
        hash = hash_bytes(hash, (const unsigned char *)report->route, strlen(report->route));
        hash = hash_bytes(hash, (const unsigned char *)&report->lane, sizeof report->lane);
        hash = hash_bytes(hash, (const unsigned char *)&report->generation, sizeof report->generation);
        hash = hash_bytes(hash, (const unsigned char *)report->state, strlen(report->state));
        for (size_t i = 0; i < report->n_partitions; i++) {
                unsigned char state = (unsigned char)report->partitions[i]->state;
                hash = hash_bytes(hash, &state, 1);
        }
        return hash;
}

struct write {
        struct worker *worker;
        char path[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
};

static void write_free(struct write *write) {
        free(write->data);
        free(write);
}

static void on_created(void *ctx, int code, const char *path) {
        struct write *write = ctx;
        (void)path;
        if (code && code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING &&
            code != ERR_EXISTS)
                log_warn("report.write", "path=%s error=\"%s\"", write->path, err_text(code));
        write_free(write);
}

static void on_set(void *ctx, int code, const struct zk_stat *stat) {
        struct write *write = ctx;
        (void)stat;
        if (code == ERR_NOT_FOUND &&
            zk_create(write->worker->zk, write->path, write->data, write->bytes, ZK_EPHEMERAL,
                      on_created, write) == 0)
                return;
        write_free(write);
}

static void on_counted(void *ctx, int code, const struct zk_stat *stat) {
        struct worker *worker = ctx;
        if (code == 0) worker->report_znodes = (uint64_t)stat->child_count;
}

/* Whether to write now. */
static bool report_due(struct worker *worker, int64_t now, uint64_t hash, uint64_t state_hash) {
        uint32_t interval_ms = worker->config->report_interval_ms;
        struct report_pace pace = {interval_ms, worker->report_znodes, worker->report_own_znodes, worker->report_own_bytes};
        worker->report_pace_ms = report_pace_ms(&pace);
        /* the timer's beat may come a little early */
        int64_t since_ms = now - worker->report_written_ms + interval_ms / 2;
        if (since_ms >= worker->report_pace_ms) return hash != worker->report_hash || since_ms >= REFRESH_MS;
        if (state_hash == worker->report_state_hash || now - worker->report_told_ms < worker->report_pace_ms) return false;
        worker->report_told_ms = now;
        return true;
}

static void write_chunk(struct worker *worker, uint32_t chunk, Heliostat__Pb__Report *report) {
        struct write *write = calloc(1, sizeof *write);
        if (!write) abort();
        write->worker = worker;
        (void)znode_path_report(write->path, worker->id, chunk);
        int rc = codec_pack(&report->base, &write->data, &write->bytes);
        if (rc) log_error("report.write", "path=%s error=\"%s\"", write->path, err_text(rc));
        worker->report_own_znodes++;
        worker->report_own_bytes += write->bytes;
        if (rc || zk_set(worker->zk, write->path, write->data, write->bytes, -1, on_set, write) != 0)
                write_free(write);
}

static void report_write(struct worker *worker) {
        Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
        int64_t now = clock_boot_ms();
        uint64_t records = worker->retired_records, bytes = worker->retired_bytes, hash = 0xcbf29ce484222325u, state_hash = hash;
        size_t lanes = 0, n = 0;
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                lanes++;
                if (l->snapshot) {
                        records += l->snapshot->records;
                        bytes += l->snapshot->bytes;
                }
        }
        double seconds = (double)(now - worker->last_report_ms) / 1000;
        report.worker = (char *)worker->id;
        report.incarnation = worker->incarnation;
        report.config_version = worker->config_version;
        report.config_read_ms = worker->config_read_ms;
        report.config_error = worker->config_error;
        report.records_total = records;
        if (worker->last_report_ms && seconds > 0) {
                report.records_rate = records > worker->last_records ? (double)(records - worker->last_records) / seconds : 0;
                report.bytes_rate = bytes > worker->last_bytes ? (double)(bytes - worker->last_bytes) / seconds : 0;
        }
        worker->last_records = records;
        worker->last_bytes = bytes;
        worker->last_report_ms = now;

        Heliostat__Pb__LaneReport **all = calloc(lanes ? lanes : 1, sizeof(Heliostat__Pb__LaneReport *));
        report.lanes = calloc(lanes ? lanes : 1, sizeof *report.lanes);
        if (!all || !report.lanes) abort();
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                all[n] = lane_report(l);
                size_t size = protobuf_c_message_get_packed_size(&all[n]->base);
                uint8_t *packed = malloc(size ? size : 1);
                if (!packed) abort();
                protobuf_c_message_pack(&all[n]->base, packed);
                hash = hash_bytes(hash, packed, size);
                free(packed);
                state_hash = hash_state(state_hash, all[n++]);
        }
        if (report_due(worker, now, hash, state_hash)) {
                worker->report_hash = hash;
                worker->report_state_hash = state_hash;
                worker->report_written_ms = now;
                worker->report_own_znodes = worker->report_own_bytes = 0;
                report.next_ms = (worker->report_pace_ms > REFRESH_MS ? worker->report_pace_ms : REFRESH_MS) +
                                 worker->config->report_interval_ms;
                report.sent_ms = clock_wall_ms();
                struct report_cut count = {0}, cut = {0};
                do {
                        (void)report_cut_next(&count, all, n, report.lanes); /* only counted: each chunk says how many there are */
                        report.chunks++;
                } while (count.lane < n && report.chunks < REPORT_CHUNKS_MAX);
                for (uint32_t chunk = 0; chunk < report.chunks; chunk++) {
                        report.n_lanes = report_cut_next(&cut, all, n, report.lanes);
                        write_chunk(worker, chunk, &report);
                }
        }
        for (size_t i = 0; i < n; i++) lane_report_free(all[i]);
        free(all);
        free(report.lanes);
}

static void on_write_timer(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        int64_t now = clock_boot_ms();
        mark_silent(worker, now);
        if (!worker->registered || !worker->connected) return;
        if (now - worker->report_counted_ms >= COUNT_MS &&
            zk_exists(worker->zk, ZNODE_REPORTS, NULL, NULL, on_counted, worker) == 0)
                worker->report_counted_ms = now;
        report_write(worker);
}

static void on_report_timer(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        (void)uv_timer_start(&worker->report_write_timer, on_write_timer, ANSWER_MS, 0);
        for (struct worker_lane *l = worker->lanes; l; l = l->next)
                if (l->link) pump_snapshot(l->link->pump, on_snapshot);
}

void report_start(struct worker *worker) {
        (void)uv_timer_init(&worker->loop, &worker->report_timer); /* cannot fail */
        (void)uv_timer_init(&worker->loop, &worker->report_write_timer);
        worker->report_timer.data = worker->report_write_timer.data = worker;
        (void)uv_timer_start(&worker->report_timer, on_report_timer, 200,
                             worker->config->report_interval_ms);
}

void report_session(struct worker *worker) { worker->report_written_ms = worker->report_counted_ms = 0; }
