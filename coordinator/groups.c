/* Two jobs for each route: GROUPS reads what is new of the offset maps, then
 * goes through the source's groups one by one; HEARTBEAT sends one record.  A job
 * keeps its clients from run to run, and ends them when there is no more to do.
 *
 *   idle -> running -> idle        due_ms says when next
 *   running, changed or paused -> (stop) -> idle, without clients
 *   running, suspended -> (stop) -> idle, due when it is resumed
 *
 * Rejected: the lanes' workers doing it.  A group spans lanes, so each worker
 * would ask for all groups, and write their offsets in pieces. */
#include "coordinator/groups.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/group_sync.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/mm2_records.h"
#include "common/names.h"

#define REQUEST_MS 10000
#define REFRESH_MS 30000
#define FLUSH_MS 10000
#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS 60000
#define RUNNING_MAX 3 /* of the pool's threads, which discovery needs too */

enum job_kind { JOB_GROUPS, JOB_HEARTBEAT, JOB_KINDS };

/* What a job does, copied from the route. */
struct job_spec {
        char *source, *destination, *group_id, *groups, *exclude, *separator;
        bool sync, emit;
        uint64_t interval_ms;
};

struct job_counts { size_t groups, forwarded, unknown, active, failed, checkpoints; };

struct job {
        struct groups *owner;
        enum job_kind kind;
        char *route;
        int32_t version;
        struct job_spec spec, next;  /* next: takes effect when the job is idle */
        bool wanted, next_wanted, changed;
        bool running;
        unsigned failures;
        int64_t due_ms;
        uv_work_t work;
        /* of the pool's thread while it runs */
        atomic_bool stop;
        struct offset_maps *maps;
        rd_kafka_t *producer;
        struct config_shared *shared; /* while it runs */
        unsigned config_number, clients_number; /* that it runs with; that its clients were made from */
        struct job_counts counts;
        int rc;
        char err[400];
        struct job *following;
};

struct groups {
        uv_loop_t *loop;
        struct config_shared *shared;
        unsigned config_number; /* grows with each new configuration */
        uv_timer_t timer;
        struct job *jobs;
        unsigned running;
        bool suspended;
};

static void arm(struct groups *groups);

/* ---- on the pool ---- */

static void clients_end(struct job *job) {
        offset_maps_free(job->maps);
        if (job->producer) rd_kafka_destroy(job->producer);
        job->maps = NULL;
        job->producer = NULL;
}

static int producer_new(struct job *job) {
        static const struct kafka_setting settings[] = {{"message.timeout.ms", "10000"}, {NULL, NULL}};
        if (job->producer) return 0;
        return kafka_client_new(config_shared_get(job->shared), job->spec.destination, job->route, CLIENT_PRODUCER, settings, NULL,
                                NULL, &job->producer, job->err, sizeof job->err);
}

static int record_send(struct job *job, const char *topic, const struct mm2_record *record) {
        for (;;) {
                if (atomic_load(&job->stop)) return ERR_CLOSING;
                rd_kafka_resp_err_t e = rd_kafka_producev(
                        job->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                        RD_KAFKA_V_KEY(record->key, record->key_bytes),
                        RD_KAFKA_V_VALUE(record->value, record->value_bytes),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
                if (!e) return 0;
                if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                        (void)snprintf(job->err, sizeof job->err, "%s: %s", topic, rd_kafka_err2str(e));
                        return ERR_KAFKA;
                }
                (void)rd_kafka_poll(job->producer, 100);
        }
}

/* Delivery reports are not looked at one by one: what fails is written again at
 * the next run, and a queue that does not empty is told. */
static int records_flush(struct job *job, const char *topic) {
        rd_kafka_resp_err_t e = rd_kafka_flush(job->producer, FLUSH_MS);
        if (!e) return 0;
        (void)snprintf(job->err, sizeof job->err, "%s: %s", topic, rd_kafka_err2str(e));
        (void)rd_kafka_purge(job->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        return ERR_KAFKA;
}

static int checkpoints(struct job *job, const char *topic, const char *group, const struct group_result *result) {
        unsigned char *buffer = malloc(MM2_RECORD_SIZE);
        int rc = buffer ? producer_new(job) : ERR_NOMEM;
        for (size_t i = 0; !rc && i < result->count; i++) {
                const struct group_row *row = &result->rows[i];
                struct mm2_record record;
                if (row->target < 0 ||
                    mm2_checkpoint(buffer, group, row->destination_topic, row->partition, row->source, row->target,
                                   result->metadata[i], &record))
                        continue;
                rc = record_send(job, topic, &record);
                if (!rc) job->counts.checkpoints++;
        }
        free(buffer);
        return rc;
}

static void one_group(struct job *job, const struct group_sync *sync, const char *topic, const char *group) {
        struct group_result result = {0};
        char err[400];
        int rc = group_sync_run(sync, job->maps, group, job->spec.sync, &result, err, sizeof err);
        if (rc == ERR_CLOSING) return;
        if (rc) {
                log_warn("group.sync", "route=%s group=%s error=\"%s\" note=\"it is tried again with the next round\"",
                         job->route, group, err);
                job->counts.failed++;
                return;
        }
        if (result.count) job->counts.groups++;
        if (result.state == GROUP_STATE_ACTIVE) job->counts.active++;
        for (size_t i = 0; i < result.count; i++) {
                if (result.rows[i].outcome == GROUP_UNKNOWN) job->counts.unknown++;
                if (result.rows[i].outcome == GROUP_FORWARD && result.written) job->counts.forwarded++;
        }
        if (job->spec.emit && checkpoints(job, topic, group, &result)) job->counts.failed++;
        group_result_fini(&result);
}

static int run_groups(struct job *job) {
        const struct config *config = config_shared_get(job->shared);
        struct group_sync sync = {config, job->route, job->spec.source, job->spec.destination, REQUEST_MS, &job->stop};
        char offsets[NAMES_TOPIC_SIZE], topic[NAMES_TOPIC_SIZE], **names = NULL;
        size_t count = 0;
        int rc = 0;
        names_offsets_topic(offsets, job->spec.group_id);
        mm2_checkpoints_topic(topic, sizeof topic, job->spec.source, job->spec.separator);
        if (!job->maps)
                rc = offset_maps_new(config, job->spec.destination, job->route, offsets, -1, &job->maps, job->err,
                                     sizeof job->err);
        if (!rc) rc = offset_maps_refresh(job->maps, REFRESH_MS, &job->stop, job->err, sizeof job->err);
        if (!rc) rc = group_sync_list(&sync, job->spec.groups, job->spec.exclude, &names, &count, job->err, sizeof job->err);
        for (size_t i = 0; i < count; i++) {
                if (!atomic_load(&job->stop)) one_group(job, &sync, topic, names[i]);
                free(names[i]);
        }
        free(names);
        return rc || !job->counts.checkpoints ? rc : records_flush(job, topic);
}

static int run_heartbeat(struct job *job) {
        unsigned char *buffer = malloc(MM2_RECORD_SIZE);
        struct mm2_record record;
        int rc = buffer ? producer_new(job) : ERR_NOMEM;
        if (!rc) rc = mm2_heartbeat(buffer, job->spec.source, job->spec.destination, clock_wall_ms(), &record);
        if (!rc) rc = record_send(job, MM2_HEARTBEATS_TOPIC, &record);
        free(buffer);
        return rc ? rc : records_flush(job, MM2_HEARTBEATS_TOPIC);
}

static void run(uv_work_t *work) {
        struct job *job = work->data;
        *job->err = '\0';
        job->counts = (struct job_counts){0};
        if (!job->wanted || job->clients_number != job->config_number) clients_end(job);
        job->clients_number = job->config_number;
        if (!job->wanted) return;
        job->rc = job->kind == JOB_GROUPS ? run_groups(job) : run_heartbeat(job);
}

/* ---- on the loop ---- */

static void spec_fini(struct job_spec *spec) {
        free(spec->source);
        free(spec->destination);
        free(spec->group_id);
        free(spec->groups);
        free(spec->exclude);
        free(spec->separator);
        *spec = (struct job_spec){0};
}

static bool has_clients(const struct job *job) { return job->maps || job->producer; }

/* The job is idle. */
static void take_change(struct job *job) {
        if (!job->changed) return;
        job->changed = false;
        spec_fini(&job->spec);
        job->spec = job->next;
        job->next = (struct job_spec){0};
        job->wanted = job->next_wanted;
        job->failures = 0;
        job->due_ms = 0;
}

static void told(struct job *job) {
        const struct job_counts *n = &job->counts;
        if (job->rc) {
                uint64_t wait = (uint64_t)RETRY_MIN_MS << (job->failures < 5 ? job->failures : 5);
                if (wait > RETRY_MAX_MS) wait = RETRY_MAX_MS;
                job->failures++;
                job->due_ms = clock_boot_ms() + (int64_t)wait;
                log_warn(job->kind == JOB_GROUPS ? "group.sync" : "heartbeat", "route=%s error=\"%s\" retry_ms=%llu",
                         job->route, *job->err ? job->err : err_text(job->rc), (unsigned long long)wait);
                return;
        }
        job->failures = 0;
        job->due_ms = clock_boot_ms() + (int64_t)job->spec.interval_ms;
        if (job->kind == JOB_HEARTBEAT) return;
        log_write(n->forwarded || n->failed ? LOG_INFO : LOG_DEBUG, "group.sync",
                  "route=%s groups=%zu forwarded=%zu unknown=%zu active=%zu failed=%zu checkpoints=%zu", job->route,
                  n->groups, n->forwarded, n->unknown, n->active, n->failed, n->checkpoints);
}

static void on_done(uv_work_t *work, int status) {
        struct job *job = work->data;
        (void)status;
        job->running = false;
        job->owner->running--;
        config_shared_unref(job->shared);
        job->shared = NULL;
        if (job->wanted && !job->changed) {
                if (atomic_load(&job->stop)) job->due_ms = 0; /* suspended meanwhile: all of it again */
                else told(job);
        }
        arm(job->owner);
}

static void on_timer(uv_timer_t *timer) { arm(timer->data); }

static void arm(struct groups *groups) {
        int64_t now = clock_boot_ms(), next = INT64_MAX;
        for (struct job *job = groups->jobs; job; job = job->following) {
                if (job->running) continue;
                bool ending = job->changed && has_clients(job);
                if (!ending) take_change(job);
                if (!ending && (!job->wanted || groups->suspended || job->due_ms > now)) {
                        if (job->wanted && !groups->suspended && job->due_ms < next) next = job->due_ms;
                        continue;
                }
                if (groups->running >= RUNNING_MAX) continue; /* the end of a job calls here again */
                if (ending) job->wanted = false; /* of the old kind: the next run begins with the change */
                atomic_store(&job->stop, false);
                job->running = true;
                job->shared = config_shared_ref(groups->shared);
                job->config_number = groups->config_number;
                groups->running++;
                job->work.data = job;
                (void)uv_queue_work(groups->loop, &job->work, run, on_done); /* cannot fail */
        }
        if (next == INT64_MAX) (void)uv_timer_stop(&groups->timer);
        else (void)uv_timer_start(&groups->timer, on_timer, (uint64_t)(next > now ? next - now : 0), 0);
}

struct groups *groups_new(uv_loop_t *loop, struct config_shared *shared) {
        struct groups *groups = calloc(1, sizeof *groups);
        if (!groups) return NULL;
        groups->loop = loop;
        groups->shared = config_shared_ref(shared);
        (void)uv_timer_init(loop, &groups->timer); /* cannot fail */
        groups->timer.data = groups;
        return groups;
}

void groups_config(struct groups *groups, struct config_shared *shared) {
        config_shared_unref(groups->shared);
        groups->shared = config_shared_ref(shared);
        groups->config_number++;
        for (struct job *job = groups->jobs; job; job = job->following) job->due_ms = 0;
        arm(groups);
}

static int spec_copy(const Heliostat__Pb__Route *route, enum job_kind kind, struct job_spec *out) {
        uint32_t seconds = route->emit_heartbeats_interval_s;
        *out = (struct job_spec){.source = strdup(route->source), .destination = strdup(route->destination),
                                 .group_id = strdup(route->group_id), .groups = strdup(route->groups),
                                 .exclude = strdup(route->groups_exclude),
                                 .separator = strdup(strcmp(route->topic_naming, "prefix") == 0
                                                             ? route->replication_policy_separator : ""),
                                 .sync = route->sync_group_offsets_enabled, .emit = route->emit_checkpoints_enabled};
        if (!out->source || !out->destination || !out->group_id || !out->groups || !out->exclude || !out->separator) {
                spec_fini(out);
                return ERR_NOMEM;
        }
        if (kind == JOB_GROUPS) {
                seconds = route->sync_group_offsets_interval_s;
                if (!out->sync || (out->emit && route->emit_checkpoints_interval_s < seconds))
                        seconds = route->emit_checkpoints_interval_s;
        }
        out->interval_ms = (uint64_t)(seconds ? seconds : 1) * 1000;
        return 0;
}

static int job_set(struct groups *groups, enum job_kind kind, const char *name, const Heliostat__Pb__Route *route,
                   int32_t version, bool wanted) {
        struct job *job = groups->jobs;
        while (job && (job->kind != kind || strcmp(job->route, name) != 0)) job = job->following;
        if (!job && !wanted) return 0;
        bool now = job && (job->changed ? job->next_wanted : job->wanted);
        if (job && now == wanted && (!wanted || job->version == version)) return 0;
        struct job_spec spec = {0};
        if (wanted && spec_copy(route, kind, &spec)) return ERR_NOMEM;
        if (!job) {
                job = calloc(1, sizeof *job);
                if (!job || !(job->route = strdup(name))) {
                        free(job);
                        spec_fini(&spec);
                        return ERR_NOMEM;
                }
                job->owner = groups;
                job->kind = kind;
                job->following = groups->jobs;
                groups->jobs = job;
        }
        spec_fini(&job->next);
        job->next = spec;
        job->next_wanted = wanted;
        job->changed = true;
        job->version = version;
        atomic_store(&job->stop, true);
        return 0;
}

int groups_route(struct groups *groups, const char *name, const Heliostat__Pb__Route *spec, int32_t version) {
        bool on = spec && codec_route_runs(spec);
        bool any = on && (spec->sync_group_offsets_enabled || spec->emit_checkpoints_enabled);
        int rc = job_set(groups, JOB_GROUPS, name, spec, version, any && spec->offset_map_enabled && strcmp(spec->partitioning, "key") != 0);
        if (!rc) rc = job_set(groups, JOB_HEARTBEAT, name, spec, version, on && spec->emit_heartbeats_enabled);
        arm(groups);
        return rc;
}

void groups_suspend(struct groups *groups) {
        groups->suspended = true;
        for (struct job *job = groups->jobs; job; job = job->following) atomic_store(&job->stop, true);
        arm(groups);
}

void groups_resume(struct groups *groups) {
        if (!groups->suspended) return;
        groups->suspended = false;
        arm(groups);
}

void groups_pause(struct groups *groups) {
        for (struct job *job = groups->jobs; job; job = job->following)
                (void)job_set(groups, job->kind, job->route, NULL, -1, false); /* needs no memory */
        arm(groups);
}
