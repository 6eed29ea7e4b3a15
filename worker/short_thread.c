#include "worker/short_thread.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static struct {
        pthread_mutex_t lock;
        pthread_cond_t none;            /* threads became 0 */
        struct short_job *head, **tail; /* that wait for a thread */
        unsigned threads;               /* that look for jobs */
        bool ending;                    /* `last` is one */
        pthread_t last;                 /* that has ended, or is about to */
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .none = PTHREAD_COND_INITIALIZER, .tail = &queue.head};

static void lock(void) { (void)pthread_mutex_lock(&queue.lock); } /* neither fails for a mutex that is one */
static void unlock(void) { (void)pthread_mutex_unlock(&queue.lock); }

/* NULL: there is none, and the thread that asks does not count any more. */
static struct short_job *next_job(void) {
        struct short_job *job = queue.head;
        if (job) queue.head = job->next;
        else if (--queue.threads == 0) (void)pthread_cond_broadcast(&queue.none);
        if (!queue.head) queue.tail = &queue.head;
        return job;
}

static void tell_done(void *arg) {
        struct short_job *job = arg;
        job->done(job->data);
}

static void run_job(struct short_job *job) {
        job->run(job->data);
        mailbox_post(job->home, tell_done, job);
}

/* All that wait; returns locked. */
static void run_jobs(void) {
        lock();
        for (struct short_job *job; (job = next_job()); lock()) {
                unlock();
                run_job(job);
        }
}

/* Each waits for the end of the one before. */
static void *serve(void *arg) {
        (void)arg;
        run_jobs();
        pthread_t before = queue.last;
        bool join = queue.ending;
        queue.last = pthread_self();
        queue.ending = true;
        unlock();
        if (join) (void)pthread_join(before, NULL); /* nobody else does */
        return NULL;
}

static void serve_on_pool(uv_work_t *work) {
        (void)work;
        run_jobs();
        unlock();
}

static void on_served(uv_work_t *work, int status) {
        (void)status;
        free(work);
}

/* It is counted. */
static void start_thread(uv_loop_t *loop) {
        pthread_t thread;
        int rc = pthread_create(&thread, NULL, serve, NULL);
        if (rc == 0) return;
        lock();
        bool others = queue.threads > 1 || !queue.head;
        queue.threads -= others;
        unlock();
        log_warn("worker.thread", "error=\"%s\" note=\"%s\"", strerror(rc),
                 others ? "others do its work" : "a thread of the pool does its work");
        if (others) return;
        uv_work_t *work = malloc(sizeof *work);
        if (!work || uv_queue_work(loop, work, serve_on_pool, on_served)) abort(); /* no memory: a restart is the cure */
}

void short_thread_queue(struct mailbox *home, struct short_job *job, void *data, void (*run)(void *data),
                        void (*done)(void *data)) {
        *job = (struct short_job){.home = home, .data = data, .run = run, .done = done};
        lock();
        *queue.tail = job;
        queue.tail = &job->next;
        bool another = queue.threads < SHORT_THREADS_MAX;
        queue.threads += another;
        unlock();
        if (another) start_thread(home->async.loop);
}

void short_threads_join(void) {
        lock();
        while (queue.threads > 0) (void)pthread_cond_wait(&queue.none, &queue.lock);
        pthread_t last = queue.last;
        bool join = queue.ending;
        queue.ending = false;
        unlock();
        if (join) (void)pthread_join(last, NULL);
}
