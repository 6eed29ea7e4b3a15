/* Running a libuv loop until something holds: tests wait for conditions, with
 * a limit, never for durations. */
#ifndef HELIOSTAT_TESTS_UNIT_LOOP_H
#define HELIOSTAT_TESTS_UNIT_LOOP_H

#include <stdbool.h>
#include <sys/resource.h>
#include <uv.h>

typedef bool (*loop_condition)(void *ctx);

static inline void loop_on_tick(uv_timer_t *timer) { (void)timer; }

/* True when the condition held within the limit.  NULL: run for the limit. */
static inline bool loop_until(uv_loop_t *loop, loop_condition condition, void *ctx, int limit_ms) {
        uv_timer_t tick;
        uint64_t end = uv_hrtime() + (uint64_t)limit_ms * 1000000u;
        bool held = false;

        (void)uv_timer_init(loop, &tick);
        (void)uv_timer_start(&tick, loop_on_tick, 5, 5);
        while (!(held = condition && condition(ctx)) && uv_hrtime() < end)
                (void)uv_run(loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&tick, NULL);
        (void)uv_run(loop, UV_RUN_NOWAIT);
        return held;
}

static inline bool loop_flag(void *ctx) { return *(bool *)ctx; }

static inline int cpu_ms(void) {
        struct rusage usage;
        (void)getrusage(RUSAGE_SELF, &usage);
        return (int)((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

#endif
