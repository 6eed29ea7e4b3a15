/* Looks at topics that threads share. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "tests/unit/test.h"
#include "worker/topic_look.h"

#define THREADS 12

static struct {
        uv_mutex_t lock;
        int asked;
        bool fails, quick;
        struct topic_looks *looks;
        const char *topics[2];
        size_t count;
        const struct topic_look *got[THREADS];
        uv_barrier_t begin;
} w;

/* It takes longer than the threads to come here. */
static bool ask(const struct config *config, const char *alias, const char *const *topics, size_t count, const rd_kafka_metadata_t **out,
                char **out_cluster_id) {
        (void)config;
        (void)alias;
        (void)topics;
        uv_mutex_lock(&w.lock);
        w.asked++;
        uv_mutex_unlock(&w.lock);
        if (!w.quick) uv_sleep(50);
        if (w.fails) return false;
        rd_kafka_metadata_t *metadata = calloc(1, sizeof *metadata);
        assert_non_null(metadata);
        metadata->topic_cnt = (int)count;
        *out = metadata;
        *out_cluster_id = strdup("id");
        return true;
}

static void get(void *arg) {
        const struct topic_look **out = arg;
        (void)uv_barrier_wait(&w.begin);
        *out = topic_looks_get(w.looks, NULL, "east", w.topics, w.count);
}

static void get_together(void) {
        uv_thread_t threads[THREADS];
        assert_int_equal(uv_barrier_init(&w.begin, THREADS), 0);
        for (int i = 0; i < THREADS; i++) assert_int_equal(uv_thread_create(&threads[i], get, &w.got[i]), 0);
        for (int i = 0; i < THREADS; i++) assert_int_equal(uv_thread_join(&threads[i]), 0);
        uv_barrier_destroy(&w.begin);
}

static void begin(void) {
        memset(&w, 0, sizeof w);
        assert_int_equal(uv_mutex_init(&w.lock), 0);
        w.looks = topic_looks_new(ask);
        assert_non_null(w.looks);
        w.topics[0] = "a";
        w.topics[1] = "b";
        w.count = 2;
}
static void end(void) {
        topic_looks_free(w.looks);
        uv_mutex_destroy(&w.lock);
}

static void who_asks_the_same_at_the_same_time_shares_the_answer(void **state) {
        (void)state;
        begin();
        get_together();
        assert_int_equal(w.asked, 1);
        for (int i = 0; i < THREADS; i++) {
                assert_non_null(w.got[i]);
                assert_int_equal(w.got[i]->metadata->topic_cnt, 2);
                assert_string_equal(w.got[i]->cluster_id, "id");
        }
        /* What is still in use stays, and what is too old is asked for again. */
        for (int i = 1; i < THREADS; i++) topic_looks_put_back(w.looks, w.got[i]);
        uv_sleep(TOPIC_LOOK_SHARED_MS);
        const struct topic_look *again = topic_looks_get(w.looks, NULL, "east", w.topics, 2);
        assert_int_equal(w.asked, 2);
        assert_ptr_not_equal(again, w.got[0]);
        assert_string_equal(w.got[0]->cluster_id, "id");
        topic_looks_put_back(w.looks, w.got[0]);
        topic_looks_put_back(w.looks, again);
        end();
}

static void another_question_is_asked_by_itself(void **state) {
        static const char *const other[] = {"a", "c"};
        (void)state;
        begin();
        w.quick = true; /* the first is to be young still when it is asked again */
        const struct topic_look *looks[] = {
                topic_looks_get(w.looks, NULL, "east", w.topics, 2), topic_looks_get(w.looks, NULL, "west", w.topics, 2),
                topic_looks_get(w.looks, NULL, "east", w.topics, 1), topic_looks_get(w.looks, NULL, "east", other, 2),
                topic_looks_get(w.looks, (const struct config *)(const void *)&w, "east", w.topics, 2),
                topic_looks_get(w.looks, NULL, "east", w.topics, 2), /* the first again */
        };
        assert_int_equal(w.asked, 5);
        assert_ptr_equal(looks[5], looks[0]);
        for (int i = 0; i < 6; i++) topic_looks_put_back(w.looks, looks[i]);
        end();
}

static void a_cluster_that_cannot_be_asked_is_told_to_all(void **state) {
        (void)state;
        begin();
        w.fails = true;
        get_together();
        assert_int_equal(w.asked, 1);
        for (int i = 0; i < THREADS; i++) assert_null(w.got[i]);
        end();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_asks_the_same_at_the_same_time_shares_the_answer),
                cmocka_unit_test(another_question_is_asked_by_itself),
                cmocka_unit_test(a_cluster_that_cannot_be_asked_is_told_to_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
