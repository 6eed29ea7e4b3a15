/* A pool thread's job in a thread of its own, for what makes or destroys a client of librdkafka.
 *
 * glibc keeps for each thread some of what it frees, up to seven pieces of each size, and gives it back when the
 * thread ends.  A client is a thousand pieces of many sizes, and each of the pool's 64 threads would come to hold its
 * share: the memory of a worker whose lanes come and go grew for hours. */
#ifndef HELIOSTAT_WORKER_SHORT_THREAD_H
#define HELIOSTAT_WORKER_SHORT_THREAD_H

#include <uv.h>

/* Returns when job(work) has; runs it itself when there is no thread to be had. */
void short_thread_run(uv_work_cb job, uv_work_t *work);

#endif
