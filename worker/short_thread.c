#include "worker/short_thread.h"

static void run_job(void *arg) {
        struct short_job *job = arg;
        job->run(&job->work);
}

/* On the pool. */
static void run_apart(uv_work_t *work) {
        struct short_job *job = (struct short_job *)work; /* its first member */
        uv_thread_t thread;
        if (uv_thread_create(&thread, run_job, job)) return run_job(job);
        (void)uv_thread_join(&thread); /* fails for what is no thread */
}

void short_thread_queue(uv_loop_t *loop, struct short_job *job, void *data, uv_work_cb run, uv_after_work_cb done) {
        job->work.data = data;
        job->run = run;
        (void)uv_queue_work(loop, &job->work, run_apart, done); /* fails only without a callback */
}
