/* Limits of records and bytes per second: a bucket of tokens for each lane, and
 * how a limit that several lanes share is divided among them.  PURE: time comes
 * with the call, microseconds of any steady clock. */
#ifndef HELIOSTAT_WORKER_LIMIT_H
#define HELIOSTAT_WORKER_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a bucket holds at most: so long a time of its rate, at least 1. */
#define LIMIT_BURST_US 250000
/* What it holds when it opens again after it was found empty. */
#define LIMIT_STEP_US 25000
/* A debt of a fast time shuts the bucket of a slower one for so long at most, or for as long as it would have. */
#define LIMIT_DEBT_US 10000000

struct limit_bucket {
        double rate;      /* per second; 0: no limit */
        double tokens;    /* below 0: a debt, of a batch that was larger than what was there */
        int64_t filled_us;
};

/* From now on this rate; what the bucket holds, or owes, it keeps as far as the
 * new rate's burst goes. */
void limit_set(struct limit_bucket *bucket, double rate, int64_t now_us);
/* How much may be taken: 0 for nothing now, INFINITY without a limit. */
double limit_room(struct limit_bucket *bucket, int64_t now_us);
/* May be more than the room was: the bucket then stays shut for longer. */
void limit_take(struct limit_bucket *bucket, double amount);
/* Until a shut bucket has a step's worth; 0: it need not be waited for. */
int64_t limit_wait_us(struct limit_bucket *bucket, int64_t now_us);

struct limit_demand {
        double weight;    /* > 0: shares of those that want more than there is go by it */
        double rate;      /* that was used lately, per second */
        bool limited;     /* and more was there: it takes what it gets */
        double share;     /* out */
};
/* Divides a total: whoever uses less than their share keeps a quarter above what
 * they use, and the rest goes to those that were limited, by weight; what nobody
 * asks for is spread over all, so that a demand that grows finds room at once.
 * The shares' sum is the total. */
void limit_divide(double total, struct limit_demand *demands, size_t count);
/* By more than a hundredth: worth telling. */
bool limit_share_differs(double told, double share);

#endif
