/* How often something took how long: counts between fixed bounds, the same for
 * every histogram, so that they can be added up.  PURE. */
#ifndef HELIOSTAT_COMMON_HISTOGRAM_H
#define HELIOSTAT_COMMON_HISTOGRAM_H

#include <stdint.h>

/* Upper bounds in seconds as Prometheus shows them, and in microseconds. */
#define HISTOGRAM_BOUNDS(X) \
        X("0.001", 1000) X("0.002", 2000) X("0.005", 5000) \
        X("0.01", 10000) X("0.02", 20000) X("0.05", 50000) \
        X("0.1", 100000) X("0.2", 200000) X("0.5", 500000) \
        X("1", 1000000) X("2", 2000000) X("5", 5000000) \
        X("10", 10000000) X("30", 30000000) X("60", 60000000) \
        X("300", 300000000) X("3600", 3600000000) X("86400", 86400000000)

#define HISTOGRAM_ONE(text, us) +1
enum { HISTOGRAM_BUCKETS = HISTOGRAM_BOUNDS(HISTOGRAM_ONE) + 1 }; /* the last: beyond all bounds */

struct histogram {
        uint64_t counts[HISTOGRAM_BUCKETS]; /* each between its bounds, not added up */
        uint64_t sum_us;
        unsigned last;                      /* the bucket of the value before: the next is often its neighbour */
};

extern const int64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1];
extern const char *const histogram_bounds_text[HISTOGRAM_BUCKETS - 1];

/* So many of one value.  A value below 0 (two clocks differ) counts as 0. */
static inline void histogram_add_many(struct histogram *histogram, int64_t us, uint64_t count) {
        unsigned i = histogram->last;
        if (us < 0) us = 0;
        if ((i < HISTOGRAM_BUCKETS - 1 && us > histogram_bounds_us[i]) || (i > 0 && us <= histogram_bounds_us[i - 1])) {
                i = 0;
                while (i < HISTOGRAM_BUCKETS - 1 && us > histogram_bounds_us[i]) i++;
                histogram->last = i;
        }
        histogram->counts[i] += count;
        histogram->sum_us += (uint64_t)us * count;
}

static inline void histogram_add(struct histogram *histogram, int64_t us) { histogram_add_many(histogram, us, 1); }

void histogram_merge(struct histogram *into, const struct histogram *from);
uint64_t histogram_count(const struct histogram *histogram);

#endif
