/* What the allocator keeps for the thread that calls, in the hands of another.
 *
 * glibc keeps for each thread some of what it frees: up to seven pieces of each of 64 sizes, until the thread ends.
 * malloc_trim does not touch them, and each holds a page that could be given back.  A thread that lives as long as
 * the process comes to hold up to 448 pages so, more of them with each lane that comes and goes.  Memory that is taken
 * comes from there first; freed by a thread that ends soon after (short_thread.h), it goes back to all. */
#ifndef HELIOSTAT_WORKER_THREAD_CACHE_H
#define HELIOSTAT_WORKER_THREAD_CACHE_H

#include <stddef.h>

#define THREAD_CACHE_SIZES 64
#define THREAD_CACHE_DEPTH 7

struct thread_cache {
        void *pieces[THREAD_CACHE_SIZES][THREAD_CACHE_DEPTH];
};

/* Takes as many as can be there, and leaves none: some 240 KB. */
void thread_cache_take(struct thread_cache *cache);
/* In a thread that is about to end. */
void thread_cache_free(struct thread_cache *cache);

#endif
