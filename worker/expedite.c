#include "worker/expedite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

/* The broker's thread has to run once within it, or linger.ms decides. */
#define FLUSH_MS 1

struct expedite {
        rd_kafka_t *producer;
        uv_thread_t thread;
        uv_mutex_t lock;
        uv_cond_t asked;
        bool wanted, ended;         /* under lock */
};

static void run(void *arg) {
        struct expedite *expedite = arg;
        uv_mutex_lock(&expedite->lock);
        while (!expedite->ended) {
                if (!expedite->wanted) {
                        uv_cond_wait(&expedite->asked, &expedite->lock);
                        continue;
                }
                expedite->wanted = false;
                uv_mutex_unlock(&expedite->lock);
                (void)rd_kafka_flush(expedite->producer, FLUSH_MS); /* "timed out": it went, or goes after linger.ms */
                uv_mutex_lock(&expedite->lock);
        }
        uv_mutex_unlock(&expedite->lock);
}

struct expedite *expedite_new(rd_kafka_t *producer) {
        struct expedite *expedite = calloc(1, sizeof *expedite);
        if (!expedite) return NULL;
        expedite->producer = producer;
        if (uv_mutex_init(&expedite->lock)) goto no_lock;
        if (uv_cond_init(&expedite->asked)) goto no_cond;
        const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = 256 << 10};
        if (uv_thread_create_ex(&expedite->thread, &options, run, expedite)) goto no_thread;
        return expedite;
no_thread:
        uv_cond_destroy(&expedite->asked);
no_cond:
        uv_mutex_destroy(&expedite->lock);
no_lock:
        free(expedite);
        return NULL;
}

void expedite_ask(struct expedite *expedite) {
        if (!expedite) return;
        uv_mutex_lock(&expedite->lock);
        expedite->wanted = true;
        uv_cond_signal(&expedite->asked);
        uv_mutex_unlock(&expedite->lock);
}

void expedite_free(struct expedite *expedite) {
        if (!expedite) return;
        uv_mutex_lock(&expedite->lock);
        expedite->ended = true;
        uv_cond_signal(&expedite->asked);
        uv_mutex_unlock(&expedite->lock);
        (void)uv_thread_join(&expedite->thread);
        uv_cond_destroy(&expedite->asked);
        uv_mutex_destroy(&expedite->lock);
        free(expedite);
}
