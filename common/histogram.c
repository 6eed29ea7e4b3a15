#include "common/histogram.h"

const int64_t histogram_bounds_us[] = {
#define X(text, us) us,
        HISTOGRAM_BOUNDS(X)
#undef X
};

const char *const histogram_bounds_text[] = {
#define X(text, us) text,
        HISTOGRAM_BOUNDS(X)
#undef X
};

void histogram_merge(struct histogram *into, const struct histogram *from) {
        for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) into->counts[i] += from->counts[i];
        into->sum_us += from->sum_us;
}

uint64_t histogram_count(const struct histogram *histogram) {
        uint64_t count = 0;
        for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) count += histogram->counts[i];
        return count;
}
