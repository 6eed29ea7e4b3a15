#include <stdlib.h>

#include "tests/unit/test.h"
#include "worker/burst.h"
#include "worker/fifo.h"

static const struct burst_limits limits = {.window_us = 750, .bytes = 10000, .records = 5, .sent_records = 6};

static void a_burst_begins_when_nothing_is_under_way(void **state) {
        (void)state;
        struct burst b = {.opened_us = 1, .bytes = 1u << 30, .records = 1000};
        assert_true(burst_admit(&b, &limits, 0, 100, 5000, -1));
        assert_int_equal(b.records, 1);
        assert_int_equal(b.opened_us, 5000);
}

static void a_record_larger_than_a_batch_goes_by_itself(void **state) {
        (void)state;
        struct burst b = {0};
        assert_true(burst_admit(&b, &limits, 0, 1000000, 0, -1));
        assert_false(burst_admit(&b, &limits, 1, 0, 0, -1));
}

static void records_follow_within_the_window(void **state) {
        (void)state;
        struct burst b = {0};
        assert_true(burst_admit(&b, &limits, 0, 100, 1000, -1));
        assert_true(burst_admit(&b, &limits, 1, 100, 1750, -1));
        assert_false(burst_admit(&b, &limits, 2, 100, 1751, -1));
        /* Once closed it stays closed until the acknowledgement. */
        assert_false(burst_admit(&b, &limits, 1, 100, 9000, -1));
        assert_true(burst_admit(&b, &limits, 0, 100, 9000, -1));
}

static void a_batch_bounds_the_records_and_the_bytes(void **state) {
        (void)state;
        struct burst b = {0};
        for (unsigned i = 0; i < limits.records; i++) assert_true(burst_admit(&b, &limits, i, 10, 0, -1));
        assert_false(burst_admit(&b, &limits, limits.records, 10, 0, -1));
        assert_true(burst_admit(&b, &limits, 0, 5000, 0, -1));
        assert_false(burst_admit(&b, &limits, 1, 5000, 0, -1)); /* with what each record adds */
        assert_false(burst_admit(&b, &limits, 1, 10, 0, -1)); /* it would come before that one */
        assert_true(burst_admit(&b, &limits, 0, 10, 0, -1));
        assert_true(burst_admit(&b, &limits, 1, 10, 0, -1));
}

static void what_cannot_grow_is_due(void **state) {
        (void)state;
        struct burst b = {0};
        assert_true(burst_admit(&b, &limits, 0, 100, 1000, 0));
        assert_false(burst_is_due(&b, &limits, false, 1100, 0));
        assert_true(burst_is_due(&b, &limits, true, 1100, 0));
        for (unsigned i = 1; i < limits.records; i++) assert_true(burst_admit(&b, &limits, i, 100, 1100, 0));
        assert_false(burst_is_due(&b, &limits, false, 1100, 0)); /* not known yet */
        assert_false(burst_admit(&b, &limits, limits.records, 100, 1100, 0));
        assert_true(burst_is_due(&b, &limits, false, 1200, 0));
        assert_false(burst_is_due(&b, &limits, true, 1200, 1200)); /* it was sent */
        assert_false(burst_is_due(&b, &limits, true, 2000, 0));    /* the linger is over */
        assert_true(burst_admit(&b, &limits, 0, 100, 3000, 1200));
        assert_false(burst_is_due(&b, &limits, false, 3000, 1200));
        /* What fills librdkafka's batch it has sent by itself. */
        const struct burst_limits reached = {.window_us = 750, .bytes = 10000, .records = 5, .sent_records = 5};
        b.records = 5;
        assert_false(burst_is_due(&b, &reached, true, 3000, 1200));
        assert_true(burst_admit(&b, &limits, 0, 20000, 4000, 1200));
        assert_false(burst_is_due(&b, &limits, true, 4000, 1200));
}

static void what_was_sent_at_once_is_not_added_to(void **state) {
        (void)state;
        struct burst b = {0};
        assert_true(burst_admit(&b, &limits, 0, 100, 1000, 0));
        assert_true(burst_admit(&b, &limits, 1, 100, 1100, 999));
        assert_false(burst_admit(&b, &limits, 2, 100, 1100, 1000));
        assert_true(burst_admit(&b, &limits, 0, 100, 1200, 1000)); /* acknowledged */
        assert_true(burst_admit(&b, &limits, 1, 100, 1300, 1000));
}

static void little_is_sent_at_once_and_much_is_not(void **state) {
        (void)state;
        struct burst_handed h = {0};
        assert_false(burst_hurries(&h)); /* there is nothing */
        burst_handed_add(&h, 100);
        assert_true(burst_hurries(&h));
        assert_false(burst_hurries(&h));
        for (int i = 0; i < 64; i++) burst_handed_add(&h, 100);
        assert_true(burst_hurries(&h));
        for (int i = 0; i < 65; i++) burst_handed_add(&h, 100);
        assert_false(burst_hurries(&h));
        burst_handed_add(&h, 100000);
        assert_false(burst_hurries(&h));
        burst_handed_add(&h, 0);
        assert_true(burst_hurries(&h));
}

static void limits_follow_the_producers_settings(void **state) {
        (void)state;
        struct burst_limits l = burst_limits(5, 1000000, 10000);
        assert_int_equal(l.window_us, 3750);
        assert_int_equal(l.bytes, 900000);
        assert_int_equal(l.records, 10000);
        l = burst_limits(1, 1000000, 10000);
        assert_int_equal(l.window_us, 750);
        assert_int_equal(l.records, 2000);
        l = burst_limits(0, 1000000, 10000);
        assert_int_equal(l.window_us, 0);
        assert_int_equal(l.records, 100); /* what is handed over in one go still makes one batch */
        l = burst_limits(5, 1000000, 1);
        assert_int_equal(l.records, 1);
}

static void a_fifo_keeps_order_while_it_grows_and_wraps(void **state) {
        (void)state;
        static int items[1000];
        struct fifo f = {0};
        size_t in = 0, out = 0;
        unsigned seed = 20261124;
        print_message("seed %u\n", seed);
        srand(seed);
        assert_null(fifo_first(&f));
        fifo_pop(&f); /* of an empty one: nothing */
        while (out < 1000) {
                if (in < 1000 && rand() % 5 < 3) {
                        assert_true(fifo_push(&f, &items[in++]));
                } else if (fifo_first(&f)) {
                        assert_ptr_equal(fifo_first(&f), &items[out++]);
                        fifo_pop(&f);
                }
                assert_int_equal(f.count, in - out);
        }
        assert_null(fifo_first(&f));
        fifo_fini(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_burst_begins_when_nothing_is_under_way),
                cmocka_unit_test(a_record_larger_than_a_batch_goes_by_itself),
                cmocka_unit_test(records_follow_within_the_window),
                cmocka_unit_test(a_batch_bounds_the_records_and_the_bytes),
                cmocka_unit_test(what_cannot_grow_is_due),
                cmocka_unit_test(what_was_sent_at_once_is_not_added_to),
                cmocka_unit_test(little_is_sent_at_once_and_much_is_not),
                cmocka_unit_test(limits_follow_the_producers_settings),
                cmocka_unit_test(a_fifo_keeps_order_while_it_grows_and_wraps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
