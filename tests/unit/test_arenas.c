#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include "test.h"
#include "pages_held.h"
#include "worker/arenas.h"

#define THREADS 3           /* as many arenas besides the first */
#define PIECES 500
#define PIECE_BYTES 20000

static uintptr_t places[THREADS * PIECES]; /* a thread's behind the other's */
static uv_sem_t freed, over[THREADS];

static void use_and_free(void *arg) {
        size_t number = *(const size_t *)arg;
        uintptr_t *pieces = &places[number * PIECES];
        for (size_t i = 0; i < PIECES; i++) {
                pieces[i] = (uintptr_t)calloc(1, PIECE_BYTES);
                assert_true(pieces[i]);
        }
        for (size_t i = 0; i < PIECES; i++) free((void *)pieces[i]);
        uv_sem_post(&freed);
        uv_sem_wait(&over[number]);
}

/* ended: so many of the threads, the last ones first; their heaps are nobody's. */
static void assert_ends_go_back(size_t ended) {
        static const size_t numbers[THREADS] = {0, 1, 2};
        uv_thread_t threads[THREADS];
        for (size_t t = 0; t < THREADS; t++) {
                assert_int_equal(uv_thread_create(&threads[t], use_and_free, (void *)&numbers[t]), 0);
                uv_sem_wait(&freed);
                if (t < THREADS - ended) continue;
                uv_sem_post(&over[t]);
                assert_int_equal(uv_thread_join(&threads[t]), 0);
        }
        assert_in_range(pages_held(places, THREADS * PIECES), (THREADS - ended) * PIECES * 9 / 10, THREADS * PIECES); /* it is kept */
        arenas_trim();
        assert_in_range(pages_held(places, THREADS * PIECES), 0, THREADS * PIECES / 20);
        for (size_t t = 0; t < THREADS - ended; t++) uv_sem_post(&over[t]);
        for (size_t t = 0; t < THREADS - ended; t++) assert_int_equal(uv_thread_join(&threads[t]), 0);
}

static void what_is_free_at_the_end_of_a_heap_goes_back_too(void **state) {
        (void)state;
#ifdef OTHER_ALLOCATOR
        skip();
#endif
        arenas_tune();
        assert_int_equal(uv_sem_init(&freed, 0), 0);
        for (size_t t = 0; t < THREADS; t++) assert_int_equal(uv_sem_init(&over[t], 0), 0);
        assert_ends_go_back(1); /* first: what follows depends on where it ends */
        assert_ends_go_back(0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_free_at_the_end_of_a_heap_goes_back_too),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
