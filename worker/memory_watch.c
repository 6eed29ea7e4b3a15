/* Looks at the process's memory and gives back what is free (memory_trim.h), on
 * a thread of the pool: the walk through the heap takes milliseconds. */
#include <inttypes.h>
#include <malloc.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/process_stats.h"
#include "worker/worker_internal.h"

/* A worker at full speed grows by some 10 MiB meanwhile. */
#define LOOK_MS 50

static void trim(uv_work_t *work) {
        (void)work;
#ifdef __GLIBC__
        (void)malloc_trim(0); /* 0: nothing was free */
#endif
}

static void on_trimmed(uv_work_t *work, int status) {
        struct worker *worker = work->data;
        uint64_t resident = process_resident_bytes(), before = worker->memory.before_bytes;
        (void)status;
        worker->memory.trimming = false;
        memory_trim_done(&worker->memory.trim, resident, clock_boot_ms());
        log_debug("memory.trim", "before=%" PRIu64 " after=%" PRIu64, before, resident);
}

static void on_look(uv_timer_t *timer) {
        struct worker *worker = timer->data;
        uint64_t resident = process_resident_bytes();
        if (worker->memory.trimming || worker->finishing ||
            !memory_trim_due(&worker->memory.trim, resident, worker->config->worker_memory_budget_bytes, clock_boot_ms()))
                return;
        worker->memory.before_bytes = resident;
        worker->memory.trimming = uv_queue_work(&worker->loop, &worker->memory.work, trim, on_trimmed) == 0;
}

void memory_watch_start(struct worker *worker) {
        worker->memory.work.data = worker->memory.timer.data = worker;
        (void)uv_timer_init(&worker->loop, &worker->memory.timer); /* neither can fail */
        (void)uv_timer_start(&worker->memory.timer, on_look, LOOK_MS, LOOK_MS);
}
