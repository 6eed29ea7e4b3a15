#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "test.h"
#include "worker/short_thread.h"

#define JOBS (3 * SHORT_THREADS_MAX)

struct job {
        struct short_job work;
        unsigned done;
};

static uv_loop_t loop;
static struct mailbox home;
static struct job jobs[JOBS];
static pthread_t loop_thread;
static atomic_uint running, most, begun;
static unsigned done_count;

static unsigned threads_of_the_process(void) {
        unsigned count = 0;
        DIR *tasks = opendir("/proc/self/task");
        assert_non_null(tasks);
        for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
        closedir(tasks);
        return count;
}

static void rest(void) { (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

/* The first ones wait for each other. */
static void run(void *arg) {
        unsigned now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
        (void)arg;
        while (seen < now && !atomic_compare_exchange_weak(&most, &seen, now)) {}
        atomic_fetch_add(&begun, 1);
        while (atomic_load(&begun) < SHORT_THREADS_MAX) rest();
        atomic_fetch_sub(&running, 1);
}

static void nothing(void *arg) { (void)arg; }

static void done(void *arg) {
        struct job *job = arg;
        assert_true(pthread_equal(pthread_self(), loop_thread));
        job->done++;
        if (++done_count == JOBS) mailbox_close(&home, NULL, NULL);
}

static void jobs_run_side_by_side_and_leave_no_thread(void **state) {
        (void)state;
        uv_thread_t first; /* ThreadSanitizer begins one of its own with it */
        assert_int_equal(uv_thread_create(&first, nothing, NULL), 0);
        assert_int_equal(uv_thread_join(&first), 0);
        const unsigned before = threads_of_the_process();
        loop_thread = pthread_self();
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(mailbox_init(&home, &loop), 0);
        for (size_t i = 0; i < JOBS; i++) short_thread_queue(&home, &jobs[i].work, &jobs[i], run, done);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        for (size_t i = 0; i < JOBS; i++) assert_int_equal(jobs[i].done, 1);
        assert_int_equal(atomic_load(&most), SHORT_THREADS_MAX);
        short_threads_join();
        while (threads_of_the_process() > before) rest(); /* the runner's limit ends a test that waits for ever */
        short_threads_join(); /* with none */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_run_side_by_side_and_leave_no_thread),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
