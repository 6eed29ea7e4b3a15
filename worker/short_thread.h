/* A pool thread's job in a thread of its own, for what calls librdkafka.
 *
 * glibc keeps for each thread some of what it frees, up to seven pieces of each size, and gives it back when the
 * thread ends.  A client is a thousand pieces of many sizes, and each of the pool's 64 threads would come to hold its
 * share of what is made, asked and destroyed in it, each piece in a page that cannot be given back: the memory of a
 * worker whose lanes come and go grew for hours. */
#ifndef HELIOSTAT_WORKER_SHORT_THREAD_H
#define HELIOSTAT_WORKER_SHORT_THREAD_H

#include <uv.h>

/* The caller's, until done. */
struct short_job {
        uv_work_t work;
        uv_work_cb run;
};

/* As uv_queue_work: run in a thread, then done on the loop.  Both get a work whose data is this one.  Where there is
 * no thread to be had, the pool's runs it itself. */
void short_thread_queue(uv_loop_t *loop, struct short_job *job, void *data, uv_work_cb run, uv_after_work_cb done);

#endif
