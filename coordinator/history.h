/* An hour of lag and throughput per route, for the page: a ring of slots of
 * five seconds.  PURE: no clock, no I/O.
 *
 * Times are of a clock that does not jump (clock_boot_ms).  Memory is bounded:
 * 17 KiB for each series, HISTORY_SERIES_MAX of them.  A series that got no
 * sample for an hour gives its place away; over the bound a new route gets
 * none, and only the total has its numbers. */
#ifndef HELIOSTAT_COORDINATOR_HISTORY_H
#define HELIOSTAT_COORDINATOR_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_STEP_MS 5000
#define HISTORY_SLOTS 720      /* an hour */
#define HISTORY_SERIES_MAX 65
#define HISTORY_HOLD_MS 20000  /* a later sample fills the slots since the last one, if it was so short ago */
#define HISTORY_TOTAL ""       /* name of the series of everything */
#define HISTORY_UNKNOWN (-1)

struct history_sample {
        int64_t lag;        /* records, or HISTORY_UNKNOWN; so the next one */
        double lag_seconds;
        double rate;        /* records per second */
        double bytes_rate;  /* HISTORY_UNKNOWN where it is not known */
};

struct history_point {
        int64_t time_ms;              /* begin of its time */
        size_t slots;                 /* with a sample; 0: nothing is known of this time */
        struct history_sample sample; /* the highest lags, the mean rates */
};

struct history;

struct history *history_new(void); /* NULL on no memory */
void history_free(struct history *history);

/* Adds the state at now_ms, which must not be below that of the sample before.
 * Within a slot the last one counts.  0 | ERR_NOMEM | ERR_TOO_MANY */
int history_add(struct history *history, const char *series, int64_t now_ms,
                const struct history_sample *sample);

/* The hour up to now_ms in at most points_max (10 to HISTORY_SLOTS) points of
 * equal length, oldest first; the last one may be under way.  Their borders do
 * not move as time goes on.  Gives how many were written, 0 for an unknown
 * series; *out_step_ms is the length of each. */
size_t history_points(const struct history *history, const char *series, int64_t now_ms,
                      size_t points_max, struct history_point *out, int64_t *out_step_ms);

#endif
