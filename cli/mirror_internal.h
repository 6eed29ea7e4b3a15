/* Shared by mirror_run.c (phases, lanes) and mirror_jobs.c (questions to the
 * clusters, on the thread pool). */
#ifndef HELIOSTAT_CLI_MIRROR_INTERNAL_H
#define HELIOSTAT_CLI_MIRROR_INTERNAL_H

#include <uv.h>

#include "cli/mirror_kafka.h"
#include "cli/mirror_progress.h"
#include "cli/mirror_run.h"
#include "cli/mirror_table.h"
#include "common/start_from.h"
#include "common/mailbox.h"
#include "coordinator/discover.h"
#include "worker/data_loop.h"
#include "worker/pump.h"

/* LOOKING -> FINDING -> AIMING -> OPENING -> CLAIMING -> RUNNING -> DRAINING
 *   -> CHECKING -> ENDED       any before OPENING -> ENDED
 *
 *   LOOKING    both clusters are reached, nobody else consumes with the group
 *   FINDING    topics are looked for and made at the destination
 *   AIMING     the offsets to come to, and the destination's ends, are asked for
 *   OPENING    the lanes' clients are made; with exactly-once this ends what
 *              another process of the group does
 *   CLAIMING   the committed generations are read; ours is higher
 *   RUNNING    records flow
 *   DRAINING   acknowledgements and the last commits are waited for
 *   CHECKING   the destination's ends are asked for again
 *
 * A dry run ends after FINDING, which only lists then. */
enum mirror_phase { LOOKING, FINDING, AIMING, OPENING, CLAIMING, RUNNING, DRAINING, CHECKING, ENDED };

enum mirror_job_kind { JOB_LOOK, JOB_LIST, JOB_AIM, JOB_CLAIM, JOB_ENDS, JOB_CHECK };

struct mirror_run;

struct mirror_lane {
        struct mirror_run *run;
        uint32_t number;
        /* As a lane's znode would be: partitions, which are started, halts and
         * what was passed over.  It lives as long as the process. */
        Heliostat__Pb__Lane *record;
        struct pump *pump;          /* NULL: ended */
        bool ready, draining, closed;
        bool asked;                 /* a snapshot is under way */
        struct pump_flow flow;      /* at the last division of the limits */
        double told_records, told_bytes; /* its shares; 0: no limit */
};

struct mirror_run {
        uv_loop_t loop;
        struct mailbox home;
        uv_timer_t tick, limit;
        uv_signal_t sigint, sigterm;
        const struct mirror_args *args;
        const struct config *config;
        Heliostat__Pb__Route spec;  /* borrows the route; group_id is ours */
        struct start_rules *start_rules;
        char *group;                /* NULL: not known yet */
        struct data_loop *data_loops;
        unsigned data_loop_count;
        struct discover *discover;
        struct mirror_lane *lanes;  /* spec.lanes of them, once made */
        struct mirror_table table;
        rd_kafka_topic_partition_list_t *there;          /* partitions of the topics at the destination */
        rd_kafka_topic_partition_list_t *before, *after; /* their ends */

        enum mirror_phase phase;
        struct mirror_look look;
        uint64_t generation;
        bool aimed;                 /* the targets are known */
        bool bounded;               /* it is to come to targets */
        bool tty;
        unsigned signals;
        int64_t started_ms, running_ms, said_ms, limits_ms; /* boot clock */
        uint64_t said_records;
        struct mirror_rate rate;
        char stopped[400];          /* why it ended early; "" */
        char failing[MIRROR_KAFKA_ERROR_SIZE]; /* what keeps it from beginning; "" */
        int exit_code;              /* of an early end; 0: the report decides */

        /* the job on the pool, at most one */
        uv_work_t work;
        bool job_running;
        enum mirror_job_kind job;
        int job_rc;
        int64_t job_time_ms;
        char job_err[MIRROR_KAFKA_ERROR_SIZE];
        rd_kafka_topic_partition_list_t *job_rows;
        rd_kafka_topic_partition_list_t *job_ends; /* of JOB_LIST, beside the positions */
        uint64_t job_generation;
        rd_kafka_t *consumer, *destination; /* made and used by jobs */
};

/* mirror_run.c */
/* The job is done: the next phase, or again. */
void mirror_job_done(struct mirror_run *run);
/* A line to standard error, above the bar. */
void mirror_say(struct mirror_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* mirror_jobs.c */
/* One at a time; ends in mirror_job_done. */
void mirror_job_start(struct mirror_run *run, enum mirror_job_kind job);
/* Takes the answers of a job that was done without error into the table. */
void mirror_job_take(struct mirror_run *run);
/* Blocks while clients end. */
void mirror_jobs_fini(struct mirror_run *run);
/* Of the topics at the destination, one that has not grown by what was
 * acknowledged for it; NULL: none. */
const char *mirror_short_of(const struct mirror_run *run, uint64_t *out_records, int64_t *out_grown);

/* mirror_limits.c.  To be called once, with all pumps open. */
void mirror_flow_rules(struct mirror_run *run);
/* passed_ms: since it was done last; 0: before anything flows. */
void mirror_divide_limits(struct mirror_run *run, int64_t passed_ms);

#endif
