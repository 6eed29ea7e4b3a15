/* Threads take partitions from one list, the largest first.  A thread works on
 * its partition alone; what others may see of it (progress, what the state file
 * holds) is copied under the lock at its checkpoints.
 *
 * The state file holds the ranges as they were fixed at the first start, and of
 * each partition what was found up to its checkpoint; it is replaced as a whole
 * (write, sync, rename), so that a kill at any moment leaves an old one or a new
 * one. */
#include "cli/verify_route.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/verify_bounds.h"
#include "cli/verify_run.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/provenance.h"

#define STATE_FORMAT 1
#define STATE_MS 2000
#define LINE_MS 10000      /* progress, off a terminal */
#define TERMINAL_MS 500
#define TICK_MS 100
#define OPEN_MS 15000      /* an open transaction is waited for */
#define AGAIN_MAX 3        /* looks at a partition whose log's start moves */
#define THREADS_MAX 64

static atomic_bool stop_flag;
static void on_signal(int number) {
        (void)number;
        stop_flag = true;
}

struct job {
        struct verify_partition *partition;
        int64_t from, at;    /* source offsets, for progress */
        json_t *saved;       /* as of its checkpoint; NULL without a state file */
};

struct run {
        const struct verify_request *request;
        struct verify_report *report;
        uint64_t key[2];     /* of the hashes */
        char source_id[PROVENANCE_ID_SIZE], destination_id[PROVENANCE_ID_SIZE]; /* of the clusters */
        struct verify_clients clients;
        pthread_mutex_t lock; /* of what follows, and of jobs' `at` and `saved` */
        struct job *jobs;    /* of the report's partitions, in its order */
        size_t *order;       /* largest first */
        size_t next, done;
        bool changed;        /* since the state was written */
        int rc;              /* of the first thread that failed */
        char err[320];
        unsigned threads, running;
};

/* ---- state -------------------------------------------------------------- */

static void cluster_id(rd_kafka_t *client, char out[static PROVENANCE_ID_SIZE]) {
        char *id = rd_kafka_clusterid(client, 1000); /* known since the first answer */
        (void)snprintf(out, PROVENANCE_ID_SIZE, "%s", id ? id : "");
        rd_kafka_mem_free(client, id);
}

/* What must be alike for a state to be gone on with. */
static json_t *fingerprint(const struct run *run) {
        const struct verify_request *request = run->request;
        return json_pack("{s:s,s:s,s:s,s:s,s:i,s:I,s:f,s:I}", "route", request->spec->name, "source_cluster", run->source_id,
                         "destination_cluster", run->destination_id, "topics", request->topics ? request->topics : "",
                         "until", (int)request->until, "until_ms", (json_int_t)request->until_ms, "sample", request->sample,
                         "seed", (json_int_t)request->seed);
}

/* The caller holds the lock.  0 | ERR_IO | ERR_NOMEM */
static int state_write(struct run *run) {
        char path[4096], hex[40];
        json_t *partitions = json_array();
        for (size_t i = 0; i < run->report->partition_count; i++) (void)json_array_append(partitions, run->jobs[i].saved);
        (void)snprintf(hex, sizeof hex, "%016" PRIx64 "%016" PRIx64, run->key[0], run->key[1]);
        json_t *state = json_pack("{s:i,s:o,s:s,s:o}", "format", STATE_FORMAT, "comparison", fingerprint(run), "key", hex,
                                  "partitions", partitions);
        if (!state) return ERR_NOMEM;
        (void)snprintf(path, sizeof path, "%s.new", run->request->state);
        FILE *out = fopen(path, "w");
        bool ok = out && json_dumpf(state, out, JSON_COMPACT) == 0 && fflush(out) == 0 && fsync(fileno(out)) == 0;
        if (out && fclose(out) != 0) ok = false;
        json_decref(state);
        if (ok && rename(path, run->request->state) == 0) return 0;
        (void)unlink(path); /* half written */
        return ERR_IO;
}

static void state_keep(struct run *run) {
        if (!run->request->state || !run->changed) return;
        run->changed = false;
        int rc = state_write(run);
        if (rc && !run->rc) {
                run->rc = rc;
                (void)snprintf(run->err, sizeof run->err, "%s: cannot be written: %s", run->request->state, strerror(errno));
                stop_flag = true;
        }
}

/* 0, with the partitions | 1: there is no file | ERR_INVALID, said why */
static int state_read(struct run *run, struct verify_partition *partitions, size_t count) {
        json_error_t error;
        const char *hex;
        json_t *comparison, *list, *one;
        size_t i;
        int format;
        if (access(run->request->state, F_OK) != 0 && errno == ENOENT) return 1;
        json_t *state = json_load_file(run->request->state, 0, &error);
        if (!state || json_unpack(state, "{s:i,s:o,s:s,s:o}", "format", &format, "comparison", &comparison, "key", &hex,
                                  "partitions", &list) != 0 ||
            format != STATE_FORMAT || sscanf(hex, "%16" SCNx64 "%16" SCNx64, &run->key[0], &run->key[1]) != 2) {
                cli_error("verify: %s is no state of a comparison%s%s; remove it to begin anew", run->request->state,
                          state ? "" : ": ", state ? "" : error.text);
                json_decref(state);
                return ERR_INVALID;
        }
        json_t *ours = fingerprint(run);
        int rc = 0;
        const char *key;
        json_t *value;
        json_object_foreach(ours, key, value)
                if (!rc && !json_equal(value, json_object_get(comparison, key))) {
                        cli_error("verify: %s is of another comparison ('%s' differs); give the same arguments, or another "
                                  "--state", run->request->state, key);
                        rc = ERR_INVALID;
                }
        json_decref(ours);
        for (i = 0; !rc && i < count; i++) partitions[i].state = VERIFY_RUNNING; /* not known to the state */
        json_array_foreach(list, i, one) {
                const char *topic = json_string_value(json_object_get(one, "topic"));
                json_int_t number = json_integer_value(json_object_get(one, "partition"));
                for (size_t k = 0; topic && !rc && k < count; k++)
                        if (partitions[k].partition == number && strcmp(partitions[k].topic, topic) == 0 &&
                            verify_partition_load(&partitions[k], one) != 0) {
                                cli_error("verify: %s: %s-%lld cannot be read; remove the file to begin anew",
                                          run->request->state, topic, (long long)number);
                                rc = ERR_INVALID;
                        }
        }
        /* Partitions that are new since are compared as they are now. */
        for (i = 0; !rc && i < count; i++)
                if (partitions[i].state == VERIFY_RUNNING) partitions[i].state = VERIFY_PENDING;
        json_decref(state);
        return rc;
}

/* ---- threads ------------------------------------------------------------ */

static struct job *job_of(struct run *run, const struct verify_partition *partition) {
        return &run->jobs[partition - run->report->partitions];
}

static void on_checkpoint(void *ctx, struct verify_partition *partition) {
        struct run *run = ctx;
        if (!run->request->state) return;
        json_t *saved = verify_partition_save(partition);
        (void)pthread_mutex_lock(&run->lock);
        json_decref(job_of(run, partition)->saved);
        job_of(run, partition)->saved = saved;
        run->changed = true;
        (void)pthread_mutex_unlock(&run->lock);
}

static void on_progress(void *ctx, struct verify_partition *partition, uint64_t source_offset) {
        struct run *run = ctx;
        (void)pthread_mutex_lock(&run->lock);
        job_of(run, partition)->at = (int64_t)source_offset;
        (void)pthread_mutex_unlock(&run->lock);
}

static struct verify_partition *take_next(struct run *run) {
        struct verify_partition *partition = NULL;
        (void)pthread_mutex_lock(&run->lock);
        while (!partition && !stop_flag && run->next < run->report->partition_count) {
                partition = &run->report->partitions[run->order[run->next++]];
                if (partition->state == VERIFY_DONE) partition = NULL;
        }
        (void)pthread_mutex_unlock(&run->lock);
        return partition;
}

static void failed(struct run *run, int rc, const char *err) {
        (void)pthread_mutex_lock(&run->lock);
        if (!run->rc) {
                run->rc = rc;
                (void)snprintf(run->err, sizeof run->err, "%s", err);
        }
        (void)pthread_mutex_unlock(&run->lock);
        stop_flag = true;
}

static int compare_one(struct run *run, struct verify_comparer *comparer, struct verify_partition *partition) {
        for (int look = 0;; look++) {
                int rc = verify_run(comparer, partition);
                if (rc != VERIFY_RUN_GONE) return rc;
                if (look == AGAIN_MAX) {
                        partition->why = strdup("records are deleted faster than they can be compared");
                        partition->state = VERIFY_DONE;
                        return partition->why ? 0 : ERR_NOMEM;
                }
                rc = verify_bounds_again(run->request, &run->clients, partition, comparer->err, sizeof comparer->err);
                if (rc || partition->state == VERIFY_DONE) return rc == ERR_KAFKA ? ERR_TIMEOUT : rc;
        }
}

static size_t window_entries(uint64_t memory_bytes, unsigned threads) {
        return verify_match_entries((size_t)(memory_bytes / 2 / threads));
}

static void *thread_main(void *arg) {
        struct run *run = arg;
        const struct verify_request *request = run->request;
        struct verify_comparer comparer = {.entries = window_entries(request->memory_bytes, run->threads),
                                           .sample = request->sample, .seed = request->seed,
                                           .silence_ms = request->timeout_s * 1000 * 2, .open_ms = OPEN_MS,
                                           .stop = &stop_flag, .on_checkpoint = on_checkpoint,
                                           .on_progress = on_progress, .ctx = run};
        uint64_t fetch_bytes = request->memory_bytes / 4 / run->threads;
        /* The source as the mirror reads it; the destination as a careful reader does. */
        int rc = verify_reader_open(&comparer.reader[VERIFY_SOURCE], request->config, request->spec->source,
                                    request->spec->name, VERIFY_SOURCE, NULL, fetch_bytes, comparer.err, sizeof comparer.err);
        if (!rc)
                rc = verify_reader_open(&comparer.reader[VERIFY_DESTINATION], request->config, request->spec->destination,
                                        NULL, VERIFY_DESTINATION, "read_committed", fetch_bytes, comparer.err,
                                        sizeof comparer.err);
        /* Each hop adds a header; what came from the destination is not sent back
         * there, and what the destination's own producers write is not the route's. */
        if (strcmp(request->spec->provenance, "header") == 0) {
                comparer.reader[0].leave_out = comparer.reader[1].leave_out = PROVENANCE_HEADER;
                comparer.reader[VERIFY_SOURCE].not_from = run->destination_id;
                comparer.reader[VERIFY_DESTINATION].only_from = run->source_id;
        }
        for (int s = 0; s < 2; s++) memcpy(comparer.reader[s].key, run->key, sizeof run->key);
        struct verify_partition *partition;
        while (!rc && (partition = take_next(run))) {
                rc = compare_one(run, &comparer, partition);
                if (rc) break;
                on_checkpoint(run, partition);
                on_progress(run, partition, (uint64_t)partition->source_position);
                (void)pthread_mutex_lock(&run->lock);
                run->done++;
                (void)pthread_mutex_unlock(&run->lock);
        }
        if (rc && rc != VERIFY_RUN_STOPPED) failed(run, rc, *comparer.err ? comparer.err : err_text(rc));
        verify_reader_close(&comparer.reader[VERIFY_SOURCE]);
        verify_reader_close(&comparer.reader[VERIFY_DESTINATION]);
        (void)pthread_mutex_lock(&run->lock);
        run->running--;
        (void)pthread_mutex_unlock(&run->lock);
        return NULL;
}

/* ---- progress ----------------------------------------------------------- */

struct progress {
        int64_t started_ms, shown_ms;
        int64_t total, begun;  /* source offsets in all, and those that an earlier process did */
        bool terminal, any;
};

static int64_t offsets_done(const struct run *run) {
        int64_t sum = 0;
        for (size_t i = 0; i < run->report->partition_count; i++) {
                const struct job *job = &run->jobs[i];
                int64_t at = job->at < job->partition->source_position ? job->at : job->partition->source_position;
                if (at > job->from) sum += at - job->from;
        }
        return sum;
}

/* The caller holds the lock. */
static void progress_show(struct run *run, struct progress *progress) {
        int64_t now_ms = clock_boot_ms(), every_ms = progress->terminal ? TERMINAL_MS : LINE_MS;
        if (!run->request->progress || now_ms - progress->shown_ms < every_ms) return;
        progress->shown_ms = now_ms;
        int64_t done = offsets_done(run);
        double seconds = (double)(now_ms - progress->started_ms) / 1000;
        double rate = seconds > 0 ? (double)(done - progress->begun) / seconds : 0;
        double left = rate > 0 ? (double)(progress->total - done) / rate : -1;
        fprintf(stderr, "%sverify %s: %zu of %zu partitions, %.1f%%, %.0f records/s", progress->terminal ? "\r" : "",
                run->report->route, run->done, run->report->partition_count,
                progress->total ? 100.0 * (double)done / (double)progress->total : 100.0, rate);
        if (left >= 0) fprintf(stderr, ", ETA %.0f s", left);
        fputs(progress->terminal ? "   " : "\n", stderr);
        progress->any = true;
        (void)fflush(stderr); /* nowhere to report it */
}

/* ---- all ---------------------------------------------------------------- */

static struct run *sorting; /* qsort has no context */
static int by_size(const void *a, const void *b) {
        const struct verify_partition *x = &sorting->report->partitions[*(const size_t *)a];
        const struct verify_partition *y = &sorting->report->partitions[*(const size_t *)b];
        int64_t size_x = x->source_position - x->source_from, size_y = y->source_position - y->source_from;
        return size_x > size_y ? -1 : size_x < size_y;
}

static unsigned thread_count(const struct run *run) {
        size_t left = 0;
        for (size_t i = 0; i < run->report->partition_count; i++) left += run->report->partitions[i].state != VERIFY_DONE;
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        size_t threads = run->request->threads ? run->request->threads : cores > 4 ? 4 : cores < 1 ? 1 : (size_t)cores;
        if (threads > THREADS_MAX) threads = THREADS_MAX;
        return (unsigned)(threads < left ? threads : left);
}

static int compare_all(struct run *run) {
        pthread_t threads[THREADS_MAX];
        struct progress progress = {.started_ms = clock_boot_ms(), .terminal = isatty(STDERR_FILENO)};
        size_t count = run->report->partition_count;
        for (size_t i = 0; i < count; i++) {
                struct verify_partition *p = &run->report->partitions[i];
                run->jobs[i] = (struct job){.partition = p, .from = p->source_from,
                                            .at = p->state == VERIFY_DONE ? p->source_position
                                                  : p->resume             ? p->source_next
                                                                          : p->source_from};
                if (run->request->state && !(run->jobs[i].saved = verify_partition_save(p))) return ERR_NOMEM;
                run->order[i] = i;
                run->done += p->state == VERIFY_DONE;
                progress.total += p->source_position - p->source_from;
        }
        sorting = run;
        if (count) qsort(run->order, count, sizeof *run->order, by_size);
        progress.begun = offsets_done(run);
        progress.shown_ms = progress.started_ms;
        unsigned started = 0, wanted = run->threads = run->running = thread_count(run);
        run->changed = true;
        while (started < wanted && pthread_create(&threads[started], NULL, thread_main, run) == 0) started++;
        (void)pthread_mutex_lock(&run->lock);
        run->running -= wanted - started;
        if (started < wanted && !started) run->rc = ERR_SYSTEM;
        int64_t saved_ms = 0;
        while (run->running) {
                if (clock_boot_ms() - saved_ms >= STATE_MS) {
                        state_keep(run);
                        saved_ms = clock_boot_ms();
                }
                progress_show(run, &progress);
                (void)pthread_mutex_unlock(&run->lock);
                (void)usleep(TICK_MS * 1000);
                (void)pthread_mutex_lock(&run->lock);
        }
        (void)pthread_mutex_unlock(&run->lock);
        for (unsigned i = 0; i < started; i++) (void)pthread_join(threads[i], NULL);
        state_keep(run);
        if (progress.any && progress.terminal) fputc('\n', stderr);
        run->report->seconds = (double)(clock_boot_ms() - progress.started_ms) / 1000;
        return run->rc;
}

static int explain(const struct run *run, int rc, const char *err) {
        cli_error("verify: %s%s", *err ? err : err_text(rc),
                  run->request->state && run->report->partition_count ? "; run it again with the same --state to go on" : "");
        return rc == ERR_KAFKA || rc == ERR_TIMEOUT ? CLI_UNREACHABLE : rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
}

int verify_route(const struct verify_request *request, struct verify_report *report) {
        struct run run = {.request = request, .report = report};
        char err[CONFIG_ERROR_MAX] = "";
        *report = (struct verify_report){.route = request->spec->name, .source = request->spec->source,
                                         .destination = request->spec->destination, .sample = request->sample,
                                         .seed = request->seed};
        stop_flag = false;
        struct sigaction action = {.sa_handler = on_signal}, before[2];
        (void)sigaction(SIGINT, &action, &before[0]); /* cannot fail for these */
        (void)sigaction(SIGTERM, &action, &before[1]);
        (void)pthread_mutex_init(&run.lock, NULL);
        int exit_code = CLI_OK, rc = getrandom(run.key, sizeof run.key, 0) == sizeof run.key ? 0 : ERR_SYSTEM;
        if (!rc) rc = verify_clients_open(request, &run.clients, err, sizeof err);
        if (!rc) rc = verify_bounds(request, &run.clients, &report->partitions, &report->partition_count, err, sizeof err);
        if (rc) exit_code = explain(&run, rc, err);
        if (!exit_code) cluster_id(run.clients.source, run.source_id);
        if (!exit_code) cluster_id(run.clients.destination, run.destination_id);
        if (!exit_code && !report->partition_count) {
                cli_error("verify: the route %s mirrors no topic%s%s", request->spec->name,
                          request->topics ? " that matches --topics " : " that is at the source",
                          request->topics ? request->topics : "");
                exit_code = CLI_USAGE;
        }
        if (!exit_code && request->state && state_read(&run, report->partitions, report->partition_count) < 0)
                exit_code = CLI_USAGE;
        run.jobs = calloc(report->partition_count + 1, sizeof *run.jobs);
        run.order = calloc(report->partition_count + 1, sizeof *run.order);
        if (!exit_code) {
                rc = run.jobs && run.order ? compare_all(&run) : ERR_NOMEM;
                if (rc) exit_code = explain(&run, rc, run.err);
        }
        for (size_t i = 0; run.jobs && i < report->partition_count; i++) {
                json_decref(run.jobs[i].saved);
                report->interrupted |= report->partitions[i].state != VERIFY_DONE;
        }
        free(run.jobs);
        free(run.order);
        verify_clients_close(&run.clients);
        (void)pthread_mutex_destroy(&run.lock);
        (void)sigaction(SIGINT, &before[0], NULL);
        (void)sigaction(SIGTERM, &before[1], NULL);
        return exit_code;
}

void verify_report_fini(struct verify_report *report) {
        for (size_t i = 0; i < report->partition_count; i++) verify_partition_fini(&report->partitions[i]);
        free(report->partitions);
        report->partitions = NULL;
        report->partition_count = 0;
}
