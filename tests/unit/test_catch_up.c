#include "tests/unit/test.h"
#include "worker/catch_up.h"

#define SECOND ((int64_t)1000000)
#define PARTS 12

struct lane {
        struct catch_up_part parts[PARTS], *list[PARTS];
        struct catch_up all;
        int64_t now_us;
};

static void begin(struct lane *lane, size_t count) {
        *lane = (struct lane){.all = {.parts = lane->list, .count = count, .queue_records = 1000}, .now_us = SECOND};
        for (size_t i = 0; i < count; i++) lane->list[i] = &lane->parts[i];
}

/* A look a fifth of a second later; lag and taken of each. */
static size_t look(struct lane *lane, const int64_t *lags, const uint64_t *taken) {
        lane->now_us += SECOND / 5;
        for (size_t i = 0; i < lane->all.count; i++) {
                lane->parts[i].lag = lags[i];
                lane->parts[i].taken = taken[i];
        }
        return catch_up_look(&lane->all, lane->now_us);
}

static size_t in_place(const struct lane *lane, enum catch_up_place place) {
        size_t n = 0;
        for (size_t i = 0; i < lane->all.count; i++) n += lane->parts[i].place == place;
        return n;
}

static void nobody_moves_while_all_keep_up_or_all_are_behind(void **state) {
        (void)state;
        struct lane lane;
        begin(&lane, 2);
        for (int i = 0; i < 20; i++) assert_int_equal(look(&lane, (int64_t[]){10, 900}, (uint64_t[]){100, 5000}), 0);
        begin(&lane, 2);
        for (int i = 0; i < 20; i++) assert_int_equal(look(&lane, (int64_t[]){50000, 90000}, (uint64_t[]){100, 100}), 0);
        /* One that has nothing to get waits for nobody. */
        begin(&lane, 2);
        for (int i = 0; i < 20; i++) assert_int_equal(look(&lane, (int64_t[]){50000, 0}, (uint64_t[]){100, 0}), 0);
        /* Not known is not behind. */
        begin(&lane, 2);
        for (int i = 0; i < 20; i++) assert_int_equal(look(&lane, (int64_t[]){-1, 5}, (uint64_t[]){100, 5}), 0);
}

static void who_is_behind_beside_a_live_one_reads_apart_until_little_is_left(void **state) {
        (void)state;
        struct lane lane;
        begin(&lane, 2);
        assert_int_equal(look(&lane, (int64_t[]){5000, 3}, (uint64_t[]){100, 7}), 0); /* a burst, perhaps */
        assert_int_equal(look(&lane, (int64_t[]){5000, 3}, (uint64_t[]){100, 7}), 2); /* to wait, and to a seat */
        assert_int_equal(lane.parts[0].place, PLACE_SEAT);
        assert_int_equal(lane.parts[1].place, PLACE_MAIN);
        /* Whether or not the live one goes on. */
        for (int i = 0; i < 100; i++) assert_int_equal(look(&lane, (int64_t[]){200, 0}, (uint64_t[]){100, 0}), 0);
        assert_int_equal(look(&lane, (int64_t[]){125, 0}, (uint64_t[]){100, 0}), 1);
        assert_int_equal(lane.parts[0].place, PLACE_MAIN);
        assert_false(lane.all.on);
}

static void one_that_gets_nothing_though_it_has_some_is_missed(void **state) {
        (void)state;
        struct lane lane;
        begin(&lane, 2);
        for (int i = 0; i < 5; i++) assert_int_equal(look(&lane, (int64_t[]){50000, 60000}, (uint64_t[]){100, 0}), 0);
        assert_true(look(&lane, (int64_t[]){50000, 60000}, (uint64_t[]){100, 0}) > 0);
        assert_int_equal(in_place(&lane, PLACE_SEAT), 2);
}

static void other_priorities_read_apart_too(void **state) {
        (void)state;
        struct lane lane;
        begin(&lane, 2);
        lane.parts[1].priority = 1;
        for (int i = 0; i < 2; i++) (void)look(&lane, (int64_t[]){50000, 90000}, (uint64_t[]){100, 100});
        assert_int_equal(in_place(&lane, PLACE_SEAT), 2);
}

static void who_has_reached_a_limit_reads_apart_while_there_is_some(void **state) {
        (void)state;
        struct lane lane;
        begin(&lane, 2);
        lane.parts[0].shut = true;
        assert_int_equal(look(&lane, (int64_t[]){10, 5}, (uint64_t[]){1, 1}), 2);
        assert_int_equal(lane.parts[0].place, PLACE_SEAT);
        assert_int_equal(lane.parts[1].place, PLACE_MAIN);
        assert_int_equal(look(&lane, (int64_t[]){0, 5}, (uint64_t[]){0, 1}), 0); /* between two records, perhaps */
        assert_int_equal(look(&lane, (int64_t[]){0, 5}, (uint64_t[]){0, 1}), 1);
        assert_int_equal(lane.parts[0].place, PLACE_MAIN);
        assert_true(look(&lane, (int64_t[]){10, 5}, (uint64_t[]){1, 1}) > 0);
        lane.parts[0].shut = false;
        assert_int_equal(look(&lane, (int64_t[]){10, 5}, (uint64_t[]){1, 1}), 1);
        assert_false(lane.all.on);
}

static void more_than_there_are_seats_take_turns(void **state) {
        (void)state;
        struct lane lane;
        unsigned seated[PARTS] = {0};
        int64_t lags[PARTS];
        uint64_t taken[PARTS];
        begin(&lane, PARTS);
        for (size_t i = 0; i < PARTS; i++) {
                lags[i] = i ? 50000 : 1;
                taken[i] = 10;
        }
        for (int n = 0; n < 200; n++) {
                (void)look(&lane, lags, taken);
                if (n < 2) continue;
                assert_int_equal(in_place(&lane, PLACE_SEAT), CATCH_UP_SEATS);
                assert_int_equal(in_place(&lane, PLACE_MAIN), 1);
                for (size_t i = 0; i < PARTS; i++) seated[i] += lane.parts[i].place == PLACE_SEAT;
        }
        for (size_t i = 1; i < PARTS; i++)
                if (seated[i] < 198 * 8 / 11 * 3 / 4 || seated[i] > 198 * 8 / 11 * 5 / 4) fail_msg("%zu: %u", i, seated[i]);
}

static void queues_get_what_their_weights_say(void **state) {
        (void)state;
        struct catch_up_turns turns = {0};
        uint64_t got[CATCH_UP_QUEUES] = {0};
        for (int i = 0; i < 3000; i++) {
                unsigned queue = catch_up_next(&turns, 7);
                got[queue] += 100;
                catch_up_took(&turns, queue, 100, queue ? 4 : 16);
        }
        assert_in_range(got[0], 199000, 201000);
        assert_in_range(got[1], 49000, 51000);
        /* Who comes back after a rest makes up for nothing. */
        for (int i = 0; i < 1000; i++) catch_up_took(&turns, catch_up_next(&turns, 2), 100, 4);
        got[0] = got[1] = 0;
        for (int i = 0; i < 50; i++) {
                unsigned queue = catch_up_next(&turns, 3);
                got[queue] += 100;
                catch_up_took(&turns, queue, 100, queue ? 4 : 16);
        }
        assert_in_range(got[1], 900, 1100);
}

static void a_long_time_alone_is_made_up_for_by_little(void **state) {
        struct catch_up_turns turns = {0};
        unsigned got[2] = {0};
        (void)state;
        for (int i = 0; i < 3600; i++) {
                catch_up_bound(&turns, 0, 10);
                catch_up_took(&turns, 0, 1, 1);
        }
        for (int i = 0; i < 100; i++) {
                unsigned queue = catch_up_next(&turns, 3);
                got[queue]++;
                catch_up_bound(&turns, queue, 10);
                catch_up_took(&turns, queue, 1, 1);
        }
        assert_in_range(got[0], 43, 50);
        assert_in_range(got[1], 50, 57);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nobody_moves_while_all_keep_up_or_all_are_behind),
                cmocka_unit_test(who_is_behind_beside_a_live_one_reads_apart_until_little_is_left),
                cmocka_unit_test(one_that_gets_nothing_though_it_has_some_is_missed),
                cmocka_unit_test(other_priorities_read_apart_too),
                cmocka_unit_test(who_has_reached_a_limit_reads_apart_while_there_is_some),
                cmocka_unit_test(more_than_there_are_seats_take_turns),
                cmocka_unit_test(queues_get_what_their_weights_say),
                cmocka_unit_test(a_long_time_alone_is_made_up_for_by_little),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
