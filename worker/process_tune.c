#include "worker/process_tune.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

/* Every fetch is a buffer of up to a few MiB, made by one thread and freed by
 * another.  By default glibc takes most of them from the kernel and gives them
 * back, and a fifth of the worker's CPU goes into clearing their pages.  What is
 * held is bounded by the memory budget, so it may as well be kept.  Few arenas:
 * each keeps memory of its own. */
static void tune_allocator(void) {
#ifdef __GLIBC__
        (void)mallopt(M_MMAP_THRESHOLD, 32 << 20); /* these fail for bad values only */
        (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
        (void)mallopt(M_ARENA_MAX, 4);
#endif
}

void process_tune(void) {
        tune_allocator();
        /* The relay's connections look names up on the pool, in half of its
         * threads at once; libuv reads this at the first use of it.  What calls
         * librdkafka has threads of its own (short_thread.h). */
        (void)setenv("UV_THREADPOOL_SIZE", "32", 0);
        (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
}
