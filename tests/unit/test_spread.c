/* Which partition leaves a hot lane. */
#include <stdlib.h>

#include "tests/unit/test.h"

#include "coordinator/spread.h"

static const struct spread_lane others[] = {{.number = 3, .load = 20, .weight = 15}, {.number = 1, .load = 20, .weight = 5},
                                            {.number = 2, .load = 30, .weight = 2}};

static int chosen(uint64_t weight, uint64_t share, const double *rates, size_t count, struct spread_choice *out) {
        struct spread_view view = {.weight = weight, .share = share, .tolerance_percent = 15, .rates = rates, .rate_count = count,
                                   .lanes = others, .lane_count = 3};
        return spread_choose(&view, out) ? (int)out->partition : -1;
}

static void rows(void **state) {
        (void)state;
        static const struct {
                uint64_t weight, share;
                double rates[5];
                int chosen;
        } table[] = {
                {100, 60, {50, 50}, 0},             /* half of it: 50 and 70 */
                {100, 60, {60, 40}, 1},             /* 60 and 60, rather than 40 and 80 */
                {100, 60, {10, 20, 30, 40}, 3},     /* 60 and 60 */
                {100, 60, {97, 1, 1, 1}, -1},       /* one is as hot as the lane, the others do not help */
                {100, 60, {100}, -1},               /* it is one */
                {100, 95, {50, 50}, -1},            /* not hot: within the tolerance */
                {100, 0, {50, 50}, -1},             /* no two workers */
                {100, 60, {-1, -1}, -1},            /* none may go */
                {100, 60, {-1, 40, 60}, 1},         /* of those that may */
                {100, 60, {0, 0}, -1},              /* nothing is known to flow */
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                size_t count = 0;
                struct spread_choice choice = {0};
                while (count < 5 && table[i].rates[count] != 0) count++;
                int got = chosen(table[i].weight, table[i].share, table[i].rates, count, &choice);
                if (got != table[i].chosen) fail_msg("row %zu: %d", i, got);
                if (got >= 0) assert_int_equal(choice.to, 1); /* the least loaded worker's lightest */
        }
}

/* Whatever the rates: what it chooses makes the heavier of the two lighter, and
 * doing so again and again ends. */
static void it_helps_and_ends(void **state) {
        (void)state;
        for (unsigned seed = 1; seed <= 2000; seed++) {
                unsigned s = seed;
                double rates[12];
                size_t count = 1 + (size_t)rand_r(&s) % 12;
                uint64_t weight = 0, load = (uint64_t)rand_r(&s) % 400;
                for (size_t i = 0; i < count; i++) weight += (uint64_t)(rates[i] = 1 + rand_r(&s) % 100);
                uint64_t total = weight + load;
                for (int round = 0;; round++) {
                        struct spread_lane to = {.number = 7, .load = load};
                        struct spread_view view = {.weight = weight, .share = total / 2, .tolerance_percent = 15, .rates = rates,
                                                   .rate_count = count, .lanes = &to, .lane_count = 1};
                        struct spread_choice choice;
                        if (!spread_choose(&view, &choice)) break;
                        assert_in_range(round, 0, 12);
                        assert_true(weight - choice.weight < weight && load + choice.weight < weight);
                        weight -= choice.weight;
                        load += choice.weight;
                        rates[choice.partition] = -1;
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(it_helps_and_ends)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
