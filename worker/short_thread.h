/* Jobs that block, in threads that end.
 *
 * Not libuv's pool: glibc keeps for each thread some of what it frees, up to seven pieces of each size, and gives it
 * back when the thread ends.  A client is a thousand pieces of many sizes, and each of a pool's threads would come to
 * hold its share of what is made, asked and destroyed in it, each piece in a page that cannot be given back: the
 * memory of a worker whose lanes come and go grew for hours. */
#ifndef HELIOSTAT_WORKER_SHORT_THREAD_H
#define HELIOSTAT_WORKER_SHORT_THREAD_H

#include "common/mailbox.h"

/* Of all lanes, at once; what comes then waits, in the order queued. */
#define SHORT_THREADS_MAX 64

/* The caller's, until done. */
struct short_job {
        struct short_job *next;
        struct mailbox *home;
        void *data;
        void (*run)(void *data), (*done)(void *data);
};

/* On home's loop: run(data) in a thread that ends when no job waits, then done(data) on this loop again.  home must be
 * open until then.  Where there is no thread to be had, the others do it, or one of libuv's pool. */
void short_thread_queue(struct mailbox *home, struct short_job *job, void *data, void (*run)(void *data),
                        void (*done)(void *data));
/* Waits for the end of threads whose jobs are done. */
void short_threads_join(void);

#endif
