#include "worker/thread_cache.h"

#include <stdlib.h>

/* glibc's sizes on 64 bits: 24 bytes and 16 from one to the next. */
static size_t usable(size_t class) { return 24 + 16 * class; }

void thread_cache_take(struct thread_cache *cache) {
        for (size_t class = 0; class < THREAD_CACHE_SIZES; class++)
                for (size_t i = 0; i < THREAD_CACHE_DEPTH; i++)
                        cache->pieces[class][i] = malloc(usable(class)); /* NULL: none to be had */
}

void thread_cache_free(struct thread_cache *cache) {
        for (size_t class = 0; class < THREAD_CACHE_SIZES; class++)
                for (size_t i = 0; i < THREAD_CACHE_DEPTH; i++) free(cache->pieces[class][i]);
}
