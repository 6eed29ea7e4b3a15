/* What follows the end of a worker's process, and when. */
#include "test.h"

#include <signal.h>

#include "worker/supervise.h"

/* As waitpid gives them on Linux. */
#define EXITED(code) ((code) << 8)
#define KILLED(number) (number)
#define DUMPED(number) ((number) | 0x80)

static struct supervise running(void) {
        struct supervise supervise;
        supervise_init(&supervise, 1000);
        supervise_started(&supervise, 1000);
        return supervise;
}

static void endings(void **state) {
        (void)state;
        static const struct {
                int told;   /* forwarded to the child before; 0: nothing */
                int status;
                int code;   /* DONE with it; -1: WAITING */
        } rows[] = {
                {0, EXITED(0), 0},
                {0, EXITED(1), 1},               /* refused */
                {0, EXITED(2), 2},
                {0, EXITED(3), -1},
                {0, EXITED(66), -1},             /* a sanitizer */
                {0, KILLED(SIGKILL), -1},
                {0, DUMPED(SIGABRT), -1},
                {0, DUMPED(SIGSEGV), -1},
                {0, KILLED(SIGTERM), -1},        /* nobody told us */
                {0, KILLED(SIGHUP), -1},
                {SIGTERM, EXITED(0), 0},
                {SIGINT, EXITED(0), 0},
                {SIGTERM, EXITED(66), 66},
                {SIGTERM, KILLED(SIGTERM), 0},   /* before it could handle it */
                {SIGINT, KILLED(SIGINT), 0},
                {SIGTERM, KILLED(SIGKILL), 137},
                {SIGTERM, DUMPED(SIGSEGV), 139},
                {SIGHUP, KILLED(SIGHUP), -1},    /* before it could handle it */
                {SIGHUP, DUMPED(SIGSEGV), -1},
                {SIGHUP, EXITED(0), 0},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct supervise supervise = running();
                if (rows[i].told) supervise_told(&supervise, rows[i].told);
                assert_int_equal(supervise.state, SUPERVISE_RUNNING);
                supervise_ended(&supervise, 2000, rows[i].status);
                enum supervise_state expected = rows[i].code < 0 ? SUPERVISE_WAITING : SUPERVISE_DONE;
                if (supervise.state != expected || (rows[i].code >= 0 && supervise.exit_code != rows[i].code))
                        fail_msg("row %zu: told %d, status 0x%x: state %d code %d", i, rows[i].told,
                                 (unsigned)rows[i].status, (int)supervise.state, supervise.exit_code);
        }
}

static void a_hang_up_ends_nothing(void **state) {
        (void)state;
        struct supervise supervise = running();
        supervise_told(&supervise, SIGHUP);
        assert_int_equal(supervise.state, SUPERVISE_RUNNING);
        supervise_ended(&supervise, 2000, DUMPED(SIGSEGV));
        supervise_told(&supervise, SIGHUP);
        assert_int_equal(supervise.state, SUPERVISE_WAITING);
}

static void pauses_double_up_to_the_bound(void **state) {
        (void)state;
        static const int pauses_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000};
        struct supervise supervise;
        int64_t now_ms = 5;
        supervise_init(&supervise, now_ms);
        assert_int_equal(supervise.due_ms, now_ms);
        for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
                if (i % 3 == 2) {       /* as if the child had died at once */
                        supervise_not_started(&supervise, now_ms);
                } else {
                        supervise_started(&supervise, now_ms);
                        now_ms += SUPERVISE_LONG_LIFE_MS - 1;
                        supervise_ended(&supervise, now_ms, KILLED(SIGKILL));
                }
                assert_int_equal(supervise.pause_ms, pauses_ms[i]);
                assert_int_equal(supervise.due_ms, now_ms + pauses_ms[i]);
                now_ms = supervise.due_ms;
        }
        supervise_started(&supervise, now_ms);
        supervise_ended(&supervise, now_ms + SUPERVISE_LONG_LIFE_MS, KILLED(SIGKILL));
        assert_int_equal(supervise.pause_ms, 100);
}

static void told_while_waiting(void **state) {
        (void)state;
        static const struct {
                int told, code;
        } rows[] = {{SIGTERM, 0}, {SIGINT, 0}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct supervise supervise = running();
                supervise_ended(&supervise, 2000, KILLED(SIGKILL));
                supervise_told(&supervise, rows[i].told);
                assert_int_equal(supervise.state, SUPERVISE_DONE);
                assert_int_equal(supervise.exit_code, rows[i].code);
                supervise_told(&supervise, SIGTERM); /* once more changes nothing */
                assert_int_equal(supervise.exit_code, rows[i].code);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(endings),
                cmocka_unit_test(a_hang_up_ends_nothing),
                cmocka_unit_test(pauses_double_up_to_the_bound),
                cmocka_unit_test(told_while_waiting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
