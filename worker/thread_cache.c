#include "worker/thread_cache.h"

#include <stdlib.h>

/* glibc's sizes on 64 bits: 24 bytes and 16 from one to the next. */
static size_t usable(size_t class) { return 24 + 16 * class; }

static void take(void *pieces[THREAD_CACHE_DEPTH], size_t bytes) {
        for (size_t i = 0; i < THREAD_CACHE_DEPTH; i++) pieces[i] = malloc(bytes); /* NULL: none to be had */
}

static void give_back(void *pieces[THREAD_CACHE_DEPTH]) {
        for (size_t i = 0; i < THREAD_CACHE_DEPTH; i++) free(pieces[i]);
}

void thread_cache_take(struct thread_cache *cache) {
        for (size_t class = 0; class < THREAD_CACHE_SIZES; class++) {
                void **pieces = cache->pieces[class];
                take(pieces, usable(class));
                /* Whoever takes more of a size than its cache has gets some of what is free in the heap into it besides.  Full,
                 * it has all that is taken. */
                give_back(pieces);
                take(pieces, usable(class));
        }
}

void thread_cache_free(struct thread_cache *cache) {
        for (size_t class = 0; class < THREAD_CACHE_SIZES; class++) give_back(cache->pieces[class]);
}
