#include "coordinator/discover.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/mm2_records.h"
#include "common/names.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 15000
/* Fewer than the pool has threads: host names of ZooKeeper are resolved there
 * too, and must not wait until dead brokers have timed out. */
#define RUNNING_MAX 10
/* A client keeps a copy of all that it has seen of its cluster, 100 bytes a
 * partition: beyond so many it is made anew for each look. */
#define KEPT_PARTITIONS_MAX 20000

struct route_job {
        struct discover *discover; /* NULL: it was freed meanwhile */
        char *name;
        Heliostat__Pb__Route *spec; /* a copy; the pool reads it */
        char own[TOPICS_OWN_COUNT][NAMES_TOPIC_SIZE]; /* "": not needed */
        uint64_t refresh_ms;
        int32_t version;
        bool active, again;
        bool ending;               /* the job under way only ends the clients */
        unsigned failures;
        int64_t due_ms;
        int64_t upkeep_due_ms;     /* configurations and ACLs, together */
        bool settings_follow;      /* a topic waits for its settings */
        struct topic_memory memory; /* of the pool thread while the job runs */
        char *warning;             /* of the last look at the configurations, or NULL */
        rd_kafka_t *from, *to;     /* of the pool thread while the job runs */
        struct config_shared *shared; /* while the job runs */
        unsigned config_number, clients_number; /* that it runs with; that the clients were made from */
        uv_work_t work;
        bool running;
        atomic_bool stop;          /* what the job under way has found may be acted on no more */
        struct topics_found found;
        int rc;
        char err[TOPIC_NAME_ERROR_MAX]; /* the longest of its writers' */
        struct route_job *next;
};

struct discover {
        uv_loop_t *loop;
        struct config_shared *shared;
        unsigned config_number;    /* grows with each new configuration */
        struct discover_events events;
        void *ctx;
        uv_timer_t timer;
        struct route_job *jobs;
        unsigned running;
        bool suspended;
};

static void arm(struct discover *discover);

static void clients_end(struct route_job *job) {
        if (job->from) rd_kafka_destroy(job->from);
        if (job->to) rd_kafka_destroy(job->to);
        job->from = job->to = NULL;
}

static void job_free(struct route_job *job) {
        clients_end(job);
        codec_free(job->spec);
        topics_found_fini(&job->found);
        topic_memory_fini(&job->memory);
        free(job->warning);
        free(job->name);
        free(job);
}

static int64_t upkeep_interval_ms(const Heliostat__Pb__Route *spec) {
        uint32_t seconds = 86400;
        if (spec->sync_topic_configs_enabled && spec->sync_topic_configs_interval_s < seconds)
                seconds = spec->sync_topic_configs_interval_s;
        if (spec->sync_topic_acls_enabled && spec->sync_topic_acls_interval_s < seconds)
                seconds = spec->sync_topic_acls_interval_s;
        return (int64_t)seconds * 1000;
}

static void run(uv_work_t *work) {
        struct route_job *job = work->data;
        const struct config *config = config_shared_get(job->shared);
        static const struct kafka_setting none[] = {{NULL, NULL}};
        struct topics_wanted wanted = {.merge = job->spec->topic_merge,
                                       .any_count = strcmp(job->spec->partitioning, "key") == 0,
                                       .replication_factor = job->spec->replication_factor,
                                       .lanes = job->spec->lanes,
                                       .stop = &job->stop};
        for (int i = 0; i < TOPICS_OWN_COUNT; i++) wanted.own[i] = *job->own[i] ? job->own[i] : NULL;
        if (job->ending) return clients_end(job);
        if (job->clients_number != job->config_number) clients_end(job);
        job->clients_number = job->config_number;
        if (!job->spec->sync_topic_deletes) topic_memory_fini(&job->memory);
        else wanted.memory = &job->memory;
        wanted.configs_needed = job->spec->sync_topic_configs_enabled;
        bool due = clock_boot_ms() >= job->upkeep_due_ms;
        wanted.configs_due = (wanted.configs_needed && due) || job->settings_follow;
        wanted.acls_due = job->spec->sync_topic_acls_enabled && due;
        struct topic_naming naming = TOPIC_NAMING_OF(job->spec);
        job->rc = topic_rules_new(job->spec->topics, job->spec->topics_exclude, &wanted.rules, job->err,
                                  sizeof job->err);
        if (!job->rc)
                job->rc = topic_rules_new(job->spec->config_properties_exclude, "", &wanted.exclude, job->err,
                                          sizeof job->err);
        if (!job->rc) job->rc = topic_namer_new(&naming, &wanted.namer, job->err);
        if (!job->rc && !job->from)
                job->rc = kafka_client_new(config, job->spec->source, NULL, CLIENT_ADMIN, none, NULL, NULL,
                                           &job->from, job->err, sizeof job->err);
        if (!job->rc && !job->to)
                job->rc = kafka_client_new(config, job->spec->destination, NULL, CLIENT_ADMIN, none, NULL,
                                           NULL, &job->to, job->err, sizeof job->err);
        if (!job->rc)
                job->rc = topics_find(job->from, job->to, &wanted, &job->found, job->err, sizeof job->err);
        topic_namer_free(wanted.namer);
        topic_rules_free(wanted.exclude);
        topic_rules_free(wanted.rules);
        if (job->rc == ERR_CLOSING) job->settings_follow |= job->found.settings_follow;
        else if (!job->rc) job->settings_follow = job->found.settings_follow;
        if (!job->rc && due) {
                free(job->warning);
                job->warning = job->found.warning ? strdup(job->found.warning) : NULL;
                job->upkeep_due_ms = clock_boot_ms() + upkeep_interval_ms(job->spec);
        } else if (!job->rc && job->warning && !job->found.warning) {
                job->found.warning = strdup(job->warning); /* it stands until the next look */
        }
        if (job->from) (void)rd_kafka_poll(job->from, 0); /* its error events */
        if (job->to) (void)rd_kafka_poll(job->to, 0);
        if (job->found.seen > KEPT_PARTITIONS_MAX) clients_end(job);
}

static void on_done(uv_work_t *work, int status) {
        struct route_job *job = work->data;
        struct discover *discover = job->discover;
        (void)status;
        job->running = job->ending = false;
        discover->running--;
        config_shared_unref(job->shared);
        job->shared = NULL;
        bool again = job->again;
        struct topics_found found = job->found; /* an event may start the job anew */
        job->found = (struct topics_found){0};
        job->again = false;
        if (!discover->loop) { /* freed meanwhile: the last one takes it along */
                struct route_job **at = &discover->jobs;
                while (*at != job) at = &(*at)->next;
                *at = job->next;
                topics_found_fini(&found);
                job_free(job);
                if (!discover->jobs) free(discover);
                return;
        }
        if (job->active && !again) {
                if (job->rc == ERR_CLOSING) {
                        job->due_ms = 0; /* as soon as it may */
                } else if (job->rc) {
                        uint64_t wait = (uint64_t)RETRY_MIN_MS << (job->failures < 4 ? job->failures : 4);
                        if (wait > RETRY_MAX_MS) wait = RETRY_MAX_MS;
                        job->failures++;
                        log_warn("discover.retry", "route=%s error=\"%s\" retry_ms=%llu", job->name,
                                 job->err, (unsigned long long)wait);
                        job->due_ms = clock_boot_ms() + (int64_t)wait;
                        discover->events.failed(discover->ctx, job->name, job->err);
                } else {
                        bool parked = false;
                        for (size_t i = 0; i < found.count; i++) parked |= found.topics[i].reason != NULL;
                        job->failures = 0;
                        job->due_ms = clock_boot_ms() + (int64_t)(parked && job->refresh_ms > 5000 ? 5000 : job->refresh_ms);
                        discover->events.found(discover->ctx, job->name, &found);
                }
        }
        topics_found_fini(&found);
        if (again) {
                job->active = false; /* what was asked is no longer the question */
                discover->events.stale(discover->ctx);
        }
        arm(discover);
}

static void on_timer(uv_timer_t *timer) { arm(timer->data); }

static void start(struct route_job *job) {
        job->running = true;
        atomic_store(&job->stop, false);
        job->discover->running++;
        job->shared = config_shared_ref(job->discover->shared);
        job->config_number = job->discover->config_number;
        job->work.data = job;
        (void)uv_queue_work(job->discover->loop, &job->work, run, on_done); /* cannot fail */
}

/* What has waited longest, among those that wait: a few dead sources never keep
 * the others from their turn. */
static struct route_job *next_job(struct discover *discover) {
        struct route_job *first = NULL;
        for (struct route_job *job = discover->jobs; job; job = job->next)
                if (job->active && !job->running && (!first || job->due_ms < first->due_ms)) first = job;
        return first;
}

static void arm(struct discover *discover) {
        int64_t now = clock_boot_ms();
        struct route_job *job;
        for (job = discover->jobs; job && discover->running < RUNNING_MAX; job = job->next) {
                /* Whoever does not look keeps no connection. */
                if (job->active || job->running || (!job->from && !job->to)) continue;
                job->ending = true;
                start(job);
        }
        job = NULL;
        while (!discover->suspended && (job = next_job(discover)) && job->due_ms <= now && discover->running < RUNNING_MAX)
                start(job);
        if (!job || discover->running >= RUNNING_MAX) /* the end of a job calls here again */
                (void)uv_timer_stop(&discover->timer);
        else
                (void)uv_timer_start(&discover->timer, on_timer, (uint64_t)(job->due_ms - now), 0);
}

struct discover *discover_new(uv_loop_t *loop, struct config_shared *shared,
                              const struct discover_events *events, void *ctx) {
        struct discover *discover = calloc(1, sizeof *discover);
        if (!discover) return NULL;
        *discover = (struct discover){.loop = loop, .shared = config_shared_ref(shared), .events = *events, .ctx = ctx};
        (void)uv_timer_init(loop, &discover->timer); /* cannot fail */
        discover->timer.data = discover;
        return discover;
}

int discover_route(struct discover *discover, const char *name, const Heliostat__Pb__Route *spec,
                   int32_t version) {
        struct route_job *job = discover->jobs;
        while (job && strcmp(job->name, name) != 0) job = job->next;
        if (!spec || !codec_route_runs(spec)) {
                if (job && job->active) {
                        job->active = false;
                        atomic_store(&job->stop, true);
                        arm(discover);
                }
                return 0;
        }
        if (job && job->active && job->version == version) return 0;
        if (job && job->running) {
                /* The pool reads the old text: again when it is done. */
                job->again = true;
                atomic_store(&job->stop, true);
                return 0;
        }
        if (!job) {
                job = calloc(1, sizeof *job);
                if (!job || !(job->name = strdup(name))) {
                        free(job);
                        return ERR_NOMEM;
                }
                job->discover = discover;
                job->next = discover->jobs;
                discover->jobs = job;
        }
        Heliostat__Pb__Route *copy = codec_copy_route(spec);
        if (!copy) {
                job->active = false;
                return ERR_NOMEM;
        }
        codec_free(job->spec);
        job->spec = copy;
        topic_memory_fini(&job->memory); /* of what was the route's under other rules */
        memset(job->own, 0, sizeof job->own);
        if (strcmp(spec->delivery_guarantee, "exactly-once") == 0)
                names_positions_topic(job->own[TOPICS_POSITIONS], spec->group_id);
        if (strcmp(spec->poison_record_policy, "dead-letter") == 0)
                names_dead_letters_topic(job->own[TOPICS_DEAD_LETTERS], spec->group_id);
        if (spec->offset_map_enabled && strcmp(spec->partitioning, "key") != 0)
                names_offsets_topic(job->own[TOPICS_OFFSETS], spec->group_id);
        if (spec->emit_checkpoints_enabled)
                mm2_checkpoints_topic(job->own[TOPICS_CHECKPOINTS], NAMES_TOPIC_SIZE, spec->source,
                                      strcmp(spec->topic_naming, "prefix") == 0 ? spec->replication_policy_separator : "");
        if (spec->emit_heartbeats_enabled)
                (void)snprintf(job->own[TOPICS_HEARTBEATS], NAMES_TOPIC_SIZE, "%s", MM2_HEARTBEATS_TOPIC);
        job->refresh_ms = (uint64_t)spec->refresh_topics_interval_s * 1000;
        job->version = version;
        job->active = true;
        job->failures = 0;
        job->due_ms = job->upkeep_due_ms = 0;
        arm(discover);
        return 0;
}

void discover_config(struct discover *discover, struct config_shared *shared) {
        config_shared_unref(discover->shared);
        discover->shared = config_shared_ref(shared);
        discover->config_number++;
        for (struct route_job *job = discover->jobs; job; job = job->next) {
                job->due_ms = 0;
                job->failures = 0;
        }
        arm(discover);
}

static void stop_all(struct discover *discover) {
        for (struct route_job *job = discover->jobs; job; job = job->next) atomic_store(&job->stop, true);
}

void discover_suspend(struct discover *discover) {
        discover->suspended = true;
        stop_all(discover);
        arm(discover);
}

void discover_resume(struct discover *discover) {
        if (!discover->suspended) return;
        discover->suspended = false;
        arm(discover);
}

void discover_pause(struct discover *discover) {
        for (struct route_job *job = discover->jobs; job; job = job->next) job->active = false;
        stop_all(discover);
        arm(discover);
}

void discover_free(struct discover *discover) {
        if (!discover) return;
        if (!uv_is_closing((uv_handle_t *)&discover->timer)) uv_timer_stop(&discover->timer);
        struct route_job **at = &discover->jobs;
        while (*at) {
                struct route_job *job = *at;
                if (job->running) {
                        at = &job->next;
                        continue;
                }
                *at = job->next;
                job_free(job);
        }
        discover->loop = NULL;
        config_shared_unref(discover->shared);
        discover->shared = NULL;
}
