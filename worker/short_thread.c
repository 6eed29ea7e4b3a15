#include "worker/short_thread.h"

struct call {
        uv_work_cb job;
        uv_work_t *work;
};

static void run(void *arg) {
        const struct call *call = arg;
        call->job(call->work);
}

void short_thread_run(uv_work_cb job, uv_work_t *work) {
        struct call call = {job, work};
        uv_thread_t thread;
        if (uv_thread_create(&thread, run, &call)) return job(work);
        (void)uv_thread_join(&thread); /* fails for what is no thread */
}
