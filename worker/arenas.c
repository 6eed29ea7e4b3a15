#include "worker/arenas.h"

#include <malloc.h>
#include <stdlib.h>
#include <uv.h>

/* Each keeps memory of its own: few. */
#define ARENAS 4
#define KEPT_BYTES (256 << 20)
/* From this size on, freeing a piece looks whether its arena's top can be given back. */
#define LARGE_BYTES (128 << 10)

/* Every fetch is a buffer of up to a few MiB, made by one thread and freed by
 * another.  By default glibc takes most of them from the kernel and gives them
 * back, and a fifth of the worker's CPU goes into clearing their pages.  What is
 * held is bounded by the memory budget, so it may as well be kept. */
void arenas_tune(void) {
#ifdef __GLIBC__
        (void)mallopt(M_MMAP_THRESHOLD, 32 << 20); /* these fail for bad values only */
        (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
        (void)mallopt(M_ARENA_MAX, ARENAS);
#endif
}

#ifdef __GLIBC__
struct visitor {
        uv_thread_t thread;
        uv_sem_t *there, *go;
        void *piece;
};

static void visit(void *arg) {
        struct visitor *visitor = arg;
        visitor->piece = malloc(LARGE_BYTES);
        uv_sem_post(visitor->there);
        uv_sem_wait(visitor->go);
        free(visitor->piece);
}

/* malloc_trim gives back what is free between pieces in use, and the end of the first heap, but not of the others:
 * that is done by whoever frees something large there, if it is more than what is to be kept.  Threads that live at the
 * same time get the heaps that no thread has, of which there are less than ARENAS, and then all of them in turn. */
static void trim_ends(void) {
        struct visitor visitors[2 * ARENAS];
        uv_sem_t there, go;
        int count = 0;
        if (uv_sem_init(&there, 0)) return;
        if (uv_sem_init(&go, 0)) return uv_sem_destroy(&there);
        for (; count < 2 * ARENAS; count++) {
                visitors[count] = (struct visitor){.there = &there, .go = &go};
                if (uv_thread_create(&visitors[count].thread, visit, &visitors[count])) break;
                uv_sem_wait(&there);
        }
        for (int i = 0; i < count; i++) uv_sem_post(&go);
        for (int i = 0; i < count; i++) (void)uv_thread_join(&visitors[i].thread); /* fails for what is no thread */
        uv_sem_destroy(&there);
        uv_sem_destroy(&go);
}
#endif

void arenas_trim(void) {
#ifdef __GLIBC__
        (void)malloc_trim(0); /* 0: nothing was free */
        (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES); /* one word: others read the old one, or the new one */
        trim_ends();
        (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}
