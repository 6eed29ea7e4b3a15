/* C11's threads by pthreads, linked into builds with ThreadSanitizer.
 *
 * librdkafka uses <threads.h>.  The sanitizer knows pthreads only: a thread
 * that glibc's thrd_create starts is unknown to it, and ends in a segmentation
 * fault at its first intercepted call; and a mutex or condition that it does
 * not see orders nothing.  The executable's symbols come before glibc's. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex fits");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a condition fits");

static pthread_mutex_t *mutex_of(mtx_t *mutex) { return (pthread_mutex_t *)(void *)mutex; }
static pthread_cond_t *cond_of(cnd_t *cond) { return (pthread_cond_t *)(void *)cond; }

static int result(int rc) {
        switch (rc) {
        case 0: return thrd_success;
        case ENOMEM: return thrd_nomem;
        case ETIMEDOUT: return thrd_timedout;
        case EBUSY: return thrd_busy;
        default: return thrd_error;
        }
}

struct start {
        thrd_start_t function;
        void *argument;
};

static void *run(void *arg) {
        struct start start = *(struct start *)arg;
        free(arg);
        return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument) {
        struct start *start = malloc(sizeof *start);
        if (!start) return thrd_nomem;
        *start = (struct start){function, argument};
        int rc = pthread_create(thread, NULL, run, start);
        if (rc) free(start);
        return result(rc);
}

int thrd_join(thrd_t thread, int *out) {
        void *value = NULL;
        int rc = pthread_join(thread, &value);
        if (out) *out = (int)(intptr_t)value;
        return result(rc);
}

int thrd_detach(thrd_t thread) { return result(pthread_detach(thread)); }

void call_once(once_flag *flag, void (*function)(void)) { (void)pthread_once((pthread_once_t *)flag, function); }

int mtx_init(mtx_t *mutex, int type) {
        pthread_mutexattr_t attributes;
        (void)pthread_mutexattr_init(&attributes); /* cannot fail on Linux */
        (void)pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
        int rc = pthread_mutex_init(mutex_of(mutex), &attributes);
        (void)pthread_mutexattr_destroy(&attributes);
        return result(rc);
}

void mtx_destroy(mtx_t *mutex) { (void)pthread_mutex_destroy(mutex_of(mutex)); }
int mtx_lock(mtx_t *mutex) { return result(pthread_mutex_lock(mutex_of(mutex))); }
int mtx_trylock(mtx_t *mutex) { return result(pthread_mutex_trylock(mutex_of(mutex))); }
int mtx_unlock(mtx_t *mutex) { return result(pthread_mutex_unlock(mutex_of(mutex))); }

int cnd_init(cnd_t *cond) { return result(pthread_cond_init(cond_of(cond), NULL)); }
void cnd_destroy(cnd_t *cond) { (void)pthread_cond_destroy(cond_of(cond)); }
int cnd_signal(cnd_t *cond) { return result(pthread_cond_signal(cond_of(cond))); }
int cnd_broadcast(cnd_t *cond) { return result(pthread_cond_broadcast(cond_of(cond))); }
int cnd_wait(cnd_t *cond, mtx_t *mutex) { return result(pthread_cond_wait(cond_of(cond), mutex_of(mutex))); }
int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until) {
        return result(pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), until));
}
