#include "worker/limit.h"

#include <math.h>

static double burst(double rate) {
        double tokens = rate * LIMIT_BURST_US / 1e6;
        return tokens < 1 ? 1 : tokens;
}

static void fill(struct limit_bucket *bucket, int64_t now_us) {
        int64_t passed_us = now_us - bucket->filled_us;
        bucket->filled_us = now_us;
        if (passed_us <= 0) return;
        double tokens = bucket->tokens + bucket->rate * (double)passed_us / 1e6, most = burst(bucket->rate);
        bucket->tokens = tokens < most ? tokens : most;
}

/* What was taken stays owed: shares go up and down each second, and a debt that was cut
 * would be a gift each time. */
void limit_set(struct limit_bucket *bucket, double rate, int64_t now_us) {
        if (bucket->rate > 0) fill(bucket, now_us);
        else *bucket = (struct limit_bucket){.tokens = 0};
        double owed_us = bucket->tokens < 0 ? -bucket->tokens / bucket->rate * 1e6 : 0;
        if (owed_us < LIMIT_DEBT_US) owed_us = LIMIT_DEBT_US;
        bucket->rate = rate;
        bucket->filled_us = now_us;
        double most = burst(rate), least = -rate * owed_us / 1e6;
        if (bucket->tokens > most) bucket->tokens = most;
        if (bucket->tokens < least) bucket->tokens = least;
}

double limit_room(struct limit_bucket *bucket, int64_t now_us) {
        if (bucket->rate <= 0) return INFINITY;
        fill(bucket, now_us);
        return bucket->tokens >= 1 ? bucket->tokens : 0;
}

void limit_take(struct limit_bucket *bucket, double amount) {
        if (bucket->rate > 0) bucket->tokens -= amount;
}

int64_t limit_wait_us(struct limit_bucket *bucket, int64_t now_us) {
        if (limit_room(bucket, now_us) > 0) return 0;
        double step = bucket->rate * LIMIT_STEP_US / 1e6;
        if (step < 1) step = 1;
        double wait_us = (step - bucket->tokens) / bucket->rate * 1e6;
        return wait_us < 1 ? 1 : (int64_t)wait_us;
}

/* Kept for those that use nothing, so that they can begin. */
#define FLOOR 0.03

/* Max-min: those that ask for less than an even share of what is left get what
 * they ask for, until all who remain ask for more. */
void limit_divide(double total, struct limit_demand *demands, size_t count) {
        double all = 0, rest = total * (1 - FLOOR);
        size_t open = 0;
        for (size_t i = 0; i < count; i++) {
                demands[i].share = -1;
                all += demands[i].weight;
        }
        double weights = all;
        for (bool again = true; again;) {
                again = false;
                for (size_t i = 0; i < count; i++) {
                        struct limit_demand *d = &demands[i];
                        double wanted = d->rate * 1.25;
                        if (d->share >= 0 || d->limited || wanted * weights > rest * d->weight) continue;
                        d->share = wanted;
                        rest -= wanted;
                        weights -= d->weight;
                        again = true;
                }
        }
        if (rest < 0) rest = 0; /* of rounding */
        for (size_t i = 0; i < count; i++) open += demands[i].share < 0;
        for (size_t i = 0; i < count; i++) {
                struct limit_demand *d = &demands[i];
                if (d->share < 0) d->share = rest * d->weight / weights;
                else if (!open) d->share += rest * d->weight / all;
                d->share += total * FLOOR * d->weight / all;
        }
}

bool limit_share_differs(double told, double share) { return fabs(told - share) > 0.01 * (told > share ? told : share); }
