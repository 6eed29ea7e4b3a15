#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include "test.h"
#include "pages_held.h"
#include "worker/thread_cache.h"

#define MOST 20                /* of a size */
#define USED 4
#define BETWEEN_BYTES 20000

static uintptr_t places[MOST * THREAD_CACHE_SIZES];
static struct thread_cache cache;
static uv_sem_t kept, asked, given, over;

static size_t size_of(size_t piece, size_t of_each) { return 24 + 16 * (piece / of_each); }

/* As a thread does over hours: what it keeps lies far apart, each piece in a page of its own.  So many of each size are
 * freed; of the sizes of which more are than a cache takes, some are taken again. */
static void live_long(void *arg) {
        static void *between[MOST * THREAD_CACHE_SIZES], *used[USED * THREAD_CACHE_SIZES];
        const size_t of_each = *(const size_t *)arg, count = of_each * THREAD_CACHE_SIZES;
        bool more = of_each > THREAD_CACHE_DEPTH;
        for (size_t i = 0; i < count; i++) {
                places[i] = (uintptr_t)malloc(size_of(i, of_each));
                between[i] = calloc(1, BETWEEN_BYTES);
                assert_true(places[i] && between[i]);
        }
        for (size_t i = 0; i < count; i++) free((void *)places[i]);
        for (size_t i = 0; more && i < USED * THREAD_CACHE_SIZES; i++) used[i] = malloc(size_of(i, USED));
        uv_sem_post(&kept);
        uv_sem_wait(&asked);
        thread_cache_take(&cache);
        for (size_t i = 0; i < count; i++) free(between[i]);
        uv_sem_post(&given);
        uv_sem_wait(&over);
        for (size_t i = 0; more && i < USED * THREAD_CACHE_SIZES; i++) free(used[i]);
}

static void live_short(void *arg) { thread_cache_free(arg); }

static void what_a_thread_keeps_goes_back_without_its_end(void **state) {
        static const size_t of_each[] = {THREAD_CACHE_DEPTH, MOST};
        (void)state;
#ifdef OTHER_ALLOCATOR
        skip();
#endif
        assert_int_equal(uv_sem_init(&kept, 0) | uv_sem_init(&asked, 0) | uv_sem_init(&given, 0) | uv_sem_init(&over, 0), 0);
        for (size_t row = 0; row < sizeof of_each / sizeof of_each[0]; row++) {
                size_t count = of_each[row] * THREAD_CACHE_SIZES, used = row ? USED * THREAD_CACHE_SIZES : 0;
                uv_thread_t longer, shorter;
                assert_int_equal(uv_thread_create(&longer, live_long, (void *)&of_each[row]), 0);
                uv_sem_wait(&kept);
                assert_in_range(pages_held(places, count), count * 9 / 10, count); /* what this is about */
                uv_sem_post(&asked);
                uv_sem_wait(&given);
                assert_int_equal(uv_thread_create(&shorter, live_short, &cache), 0);
                assert_int_equal(uv_thread_join(&shorter), 0);
                (void)malloc_trim(0);
                assert_in_range(pages_held(places, count), used, used + count / 10);
                uv_sem_post(&over);
                assert_int_equal(uv_thread_join(&longer), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_thread_keeps_goes_back_without_its_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
