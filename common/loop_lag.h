/* How late a loop's timer comes: the worst of the last 10 to 20 s, and how
 * often it was a second or more.  One thread beats, any thread may read. */
#ifndef HELIOSTAT_COMMON_LOOP_LAG_H
#define HELIOSTAT_COMMON_LOOP_LAG_H

#include <stdatomic.h>
#include <stdint.h>

#define LOOP_LAG_WINDOW_MS 10000
#define LOOP_GAP_MS 1000

struct loop_lag {
        _Atomic int64_t beat_ms;          /* boot clock, of the last beat; 0: none yet */
        _Atomic int64_t worst_ms, before_ms; /* of this window, and of the one before */
        _Atomic uint64_t gaps;
        int64_t window_ms;                /* the beating thread's: when this window began */
};

/* To be called each interval_ms. */
static inline void loop_lag_beat(struct loop_lag *lag, int64_t now_ms, int64_t interval_ms) {
        int64_t beat_ms = atomic_load_explicit(&lag->beat_ms, memory_order_relaxed);
        int64_t late_ms = beat_ms ? now_ms - beat_ms - interval_ms : 0;
        if (now_ms - lag->window_ms >= LOOP_LAG_WINDOW_MS) {
                atomic_store_explicit(&lag->before_ms, atomic_load_explicit(&lag->worst_ms, memory_order_relaxed),
                                      memory_order_relaxed);
                atomic_store_explicit(&lag->worst_ms, 0, memory_order_relaxed);
                lag->window_ms = now_ms;
        }
        if (late_ms > atomic_load_explicit(&lag->worst_ms, memory_order_relaxed))
                atomic_store_explicit(&lag->worst_ms, late_ms, memory_order_relaxed);
        if (late_ms >= LOOP_GAP_MS) atomic_fetch_add_explicit(&lag->gaps, 1, memory_order_relaxed);
        atomic_store_explicit(&lag->beat_ms, now_ms, memory_order_relaxed);
}

/* Milliseconds; a loop that stands still now is late as well. */
static inline int64_t loop_lag_worst(struct loop_lag *lag, int64_t now_ms, int64_t interval_ms) {
        int64_t beat_ms = atomic_load_explicit(&lag->beat_ms, memory_order_relaxed);
        int64_t worst = atomic_load_explicit(&lag->worst_ms, memory_order_relaxed);
        int64_t before = atomic_load_explicit(&lag->before_ms, memory_order_relaxed);
        int64_t now = beat_ms ? now_ms - beat_ms - interval_ms : 0;
        if (before > worst) worst = before;
        return now > worst ? now : worst;
}

#endif
