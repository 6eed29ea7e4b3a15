#include <math.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "worker/limit.h"

#define S 1000000

static void a_bucket_without_a_rate_limits_nothing(void **state) {
        struct limit_bucket b = {0};
        (void)state;
        assert_true(isinf(limit_room(&b, 5)));
        limit_take(&b, 1e12);
        assert_true(isinf(limit_room(&b, 6)));
        assert_int_equal(limit_wait_us(&b, 7), 0);
}

/* Whoever takes what there is whenever it may gets the rate, whatever the batch. */
static void a_rate_is_held(void **state) {
        static const double rates[] = {3, 100, 5000, 1e6, 1e9}, batches[] = {1, 7, 500, 100000};
        (void)state;
        for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
                for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
                        struct limit_bucket b = {0};
                        double taken = 0, most = rates[r] * 20;
                        int64_t now = 12345, end = now + (int64_t)20 * S;
                        /* a debt of minutes says nothing; nor does a taker that is slower than the rate */
                        if (batches[k] * 20 > most || batches[k] * 300000 < rates[r]) continue;
                        limit_set(&b, rates[r], now);
                        for (uint64_t turns = 0; now < end; turns++) {
                                int64_t wait = limit_wait_us(&b, now);
                                if (wait) {
                                        now += wait;
                                        continue;
                                }
                                double amount = fmin(batches[k] < 1e5 ? batches[k] : limit_room(&b, now), most);
                                limit_take(&b, amount);
                                taken += amount;
                                now += 3;
                                assert_true(turns < 1000000000);
                        }
                        if (fabs(taken - most) > most * 0.06 + 2) fail_msg("rate %g batch %g: %g of %g", rates[r], batches[k], taken, most);
                }
}

static void a_long_rest_is_not_made_up_for(void **state) {
        struct limit_bucket b = {0};
        (void)state;
        limit_set(&b, 1000, 0);
        assert_true(limit_room(&b, (int64_t)3600 * S) <= 250);
        limit_set(&b, 2, 0);
        assert_true(limit_room(&b, (int64_t)3600 * S) <= 1);
}

static void another_rate_holds_at_once(void **state) {
        struct limit_bucket b = {0};
        (void)state;
        limit_set(&b, 1000, 0);
        assert_true(limit_room(&b, S) == 250);
        limit_take(&b, 2250);
        limit_set(&b, 10, S); /* the debt of two seconds is of the other rate */
        assert_in_range(limit_wait_us(&b, S), LIMIT_DEBT_US, LIMIT_DEBT_US + 100000);
        limit_set(&b, 1000, S); /* and passes with a higher one */
        assert_in_range(limit_wait_us(&b, S), 100000, 100000 + LIMIT_STEP_US);
        limit_set(&b, 0, S);
        assert_int_equal(limit_wait_us(&b, S), 0);
        assert_true(isinf(limit_room(&b, S)));
        limit_set(&b, 10, 9 * S); /* nothing is saved up from the time without */
        assert_true(limit_room(&b, 9 * S) == 0);
        assert_true(limit_wait_us(&b, 9 * S) == 100000);
}

/* A batch is taken whole: three seconds of the rate, each time. */
static void a_share_that_goes_up_and_down_holds_as_a_mean(void **state) {
        const double lower = 87e3, upper = 95e3, batch = 260e3;
        const int seconds = 600;
        struct limit_bucket b = {0};
        double taken = 0;
        (void)state;
        for (int64_t ms = 0; ms < seconds * 1000; ms++) {
                if (ms % 1000 == 0) limit_set(&b, ms / 1000 % 2 ? upper : lower, ms * 1000);
                if (limit_room(&b, ms * 1000) <= 0) continue;
                limit_take(&b, batch);
                taken += batch;
        }
        assert_true(taken <= upper * seconds + batch);
        assert_true(taken >= lower * seconds * 0.9);
}

static void a_wait_is_long_enough_and_not_longer(void **state) {
        struct limit_bucket b = {0};
        (void)state;
        limit_set(&b, 1000, 0);
        int64_t wait = limit_wait_us(&b, 0);
        assert_int_equal(wait, LIMIT_STEP_US);
        assert_true(limit_room(&b, wait) >= 24.9);
        limit_take(&b, 125);
        assert_true(limit_room(&b, wait) == 0);
        assert_int_equal(limit_wait_us(&b, wait), 125000);
        /* a clock that stands still or goes back gives nothing */
        assert_int_equal(limit_wait_us(&b, wait - 50), 125000);
}

static void shares_add_up_and_nobody_starves(void **state) {
        struct limit_demand d[40];
        (void)state;
        srand(7);
        for (unsigned round = 0; round < 20000; round++) {
                size_t n = 1 + (size_t)rand() % 40;
                double total = 1 + rand() % 1000000, sum = 0, weights = 0;
                for (size_t i = 0; i < n; i++) {
                        d[i] = (struct limit_demand){.weight = 1 + rand() % 5, .rate = rand() % 3 ? rand() % 100000 : 0,
                                                     .limited = rand() % 3 == 0};
                        weights += d[i].weight;
                }
                limit_divide(total, d, n);
                for (size_t i = 0; i < n; i++) {
                        sum += d[i].share;
                        assert_true(d[i].share > total * 0.029 * d[i].weight / weights);
                        /* who wants more has at least an even share */
                        if (d[i].limited) assert_true(d[i].share > total * 0.969 * d[i].weight / weights);
                }
                assert_true(fabs(sum - total) < total * 1e-6);
        }
}

static void what_one_leaves_the_others_get(void **state) {
        struct limit_demand d[3] = {{1, 10, false, 0}, {1, 400, true, 0}, {1, 300, true, 0}};
        (void)state;
        limit_divide(1000, d, 3);
        assert_true(d[0].share > 20 && d[0].share < 25);
        assert_true(d[1].share == d[2].share && d[1].share > 485);
        struct limit_demand idle[2] = {{3, 0, false, 0}, {1, 0, false, 0}};
        limit_divide(1000, idle, 2);
        assert_true(fabs(idle[0].share - 750) < 1 && fabs(idle[1].share - 250) < 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_bucket_without_a_rate_limits_nothing),
                cmocka_unit_test(a_rate_is_held),
                cmocka_unit_test(a_long_rest_is_not_made_up_for),
                cmocka_unit_test(another_rate_holds_at_once),
                cmocka_unit_test(a_share_that_goes_up_and_down_holds_as_a_mean),
                cmocka_unit_test(a_wait_is_long_enough_and_not_longer),
                cmocka_unit_test(shares_add_up_and_nobody_starves),
                cmocka_unit_test(what_one_leaves_the_others_get),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
