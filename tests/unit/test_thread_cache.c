#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include "test.h"
#include "pages_held.h"
#include "worker/thread_cache.h"

#define PIECES (THREAD_CACHE_SIZES * THREAD_CACHE_DEPTH)
#define BETWEEN_BYTES 20000

static uintptr_t places[PIECES];
static struct thread_cache cache;
static uv_sem_t kept, asked, given, over;

/* As a thread does over hours: what it keeps lies far apart, each piece in a page of its own. */
static void live_long(void *arg) {
        static void *between[PIECES];
        (void)arg;
        for (size_t i = 0; i < PIECES; i++) {
                places[i] = (uintptr_t)malloc(24 + 16 * (i / THREAD_CACHE_DEPTH));
                between[i] = calloc(1, BETWEEN_BYTES);
                assert_true(places[i] && between[i]);
        }
        for (size_t i = 0; i < PIECES; i++) {
                free((void *)places[i]);
                free(between[i]);
        }
        uv_sem_post(&kept);
        uv_sem_wait(&asked);
        thread_cache_take(&cache);
        uv_sem_post(&given);
        uv_sem_wait(&over);
}

static void live_short(void *arg) { thread_cache_free(arg); }

static void what_a_thread_keeps_goes_back_without_its_end(void **state) {
        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        skip(); /* another allocator */
#endif
        uv_thread_t longer, shorter;
        assert_int_equal(uv_sem_init(&kept, 0) | uv_sem_init(&asked, 0) | uv_sem_init(&given, 0) | uv_sem_init(&over, 0), 0);
        assert_int_equal(uv_thread_create(&longer, live_long, NULL), 0);
        uv_sem_wait(&kept);
        (void)malloc_trim(0);
        assert_in_range(pages_held(places, PIECES), PIECES * 9 / 10, PIECES); /* what this is about */
        uv_sem_post(&asked);
        uv_sem_wait(&given);
        assert_int_equal(uv_thread_create(&shorter, live_short, &cache), 0);
        assert_int_equal(uv_thread_join(&shorter), 0);
        (void)malloc_trim(0);
        assert_in_range(pages_held(places, PIECES), 0, PIECES / 10);
        uv_sem_post(&over);
        assert_int_equal(uv_thread_join(&longer), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_thread_keeps_goes_back_without_its_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
