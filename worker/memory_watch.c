/* Looks at the process's memory and gives back what is free (memory_trim.h), in
 * a thread of its own: the walk through the heap takes milliseconds, and the short
 * threads may all be waiting for brokers.  Before, each loop hands over what is
 * kept for its thread (thread_cache.h).
 *
 *   on_look: control loop's own --> give, on each data loop --> arrived --> trim --> on_trimmed
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/process_stats.h"
#include "worker/arenas.h"
#include "worker/thread_cache.h"
#include "worker/worker_internal.h"

/* A worker at full speed grows by some 10 MiB meanwhile. */
#define LOOK_MS 50

/* A loop's. */
struct handover {
        struct trim_job *job;
        struct thread_cache cache;
};

struct trim_job {
        uv_thread_t thread;
        struct worker *worker;
        uint64_t before_bytes;
        unsigned awaited; /* handovers */
        unsigned count;
        struct handover handovers[]; /* the control loop's, then the data loops' */
};

static void free_handovers(void *arg) {
        struct trim_job *job = arg;
        for (unsigned i = 0; i < job->count; i++) thread_cache_free(&job->handovers[i].cache);
}

static void done(struct trim_job *job) {
        struct worker *worker = job->worker;
        uint64_t resident = process_resident_bytes();
        worker->memory.trimming = false;
        memory_trim_done(&worker->memory.trim, resident, clock_boot_ms());
        log_debug("memory.trim", "before=%" PRIu64 " after=%" PRIu64, job->before_bytes, resident);
        free(job);
}

static void on_trimmed(void *arg) {
        struct trim_job *job = arg;
        (void)uv_thread_join(&job->thread); /* fails for what is no thread */
        done(job);
}

/* In the job's thread.  What the pieces' own has kept of them is free at its end. */
static void trim(void *arg) {
        struct trim_job *job = arg;
        uv_thread_t thread;
        if (uv_thread_create(&thread, free_handovers, job)) free_handovers(job);
        else (void)uv_thread_join(&thread);
        arenas_trim();
        mailbox_post(&job->worker->home, on_trimmed, job);
}

static void arrived(void *arg) {
        struct trim_job *job = arg;
        if (--job->awaited > 0) return;
        int rc = uv_thread_create(&job->thread, trim, job);
        if (rc == 0) return;
        log_warn("worker.thread", "error=\"%s\" note=\"free memory is kept for now\"", uv_strerror(rc));
        free_handovers(job);
        done(job);
}

/* On a data loop. */
static void give(void *arg) {
        struct handover *handover = arg;
        thread_cache_take(&handover->cache);
        mailbox_post(&handover->job->worker->home, arrived, handover->job);
}

static void on_look(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        uint64_t resident = process_resident_bytes();
        if (worker->memory.trimming || worker->finishing ||
            !memory_trim_due(&worker->memory.trim, resident, worker->config->worker_memory_budget_bytes, clock_boot_ms()))
                return;
        unsigned count = 1 + worker->data_loop_count;
        struct trim_job *job = calloc(1, sizeof *job + count * sizeof *job->handovers);
        if (!job) return; /* the next look may have it */
        job->worker = worker;
        job->before_bytes = resident;
        job->count = count;
        job->awaited = worker->data_loop_count;
        worker->memory.trimming = true;
        memory_trim_begun(&worker->memory.trim, clock_boot_ms());
        thread_cache_take(&job->handovers[0].cache);
        for (unsigned i = 0; i < worker->data_loop_count; i++) {
                struct handover *handover = &job->handovers[1 + i];
                handover->job = job;
                mailbox_post(&worker->data_loops[i].mailbox, give, handover);
        }
}

void memory_watch_start(struct worker *worker) {
        worker->memory.timer.data = worker;
        (void)uv_timer_init(&worker->loop, &worker->memory.timer); /* neither can fail */
        (void)uv_timer_start(&worker->memory.timer, on_look, LOOK_MS, LOOK_MS);
}
