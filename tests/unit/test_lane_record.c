/* What facts make of a lane's record. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "worker/lane_record.h"

/* One topic `t` with one partition 0. */
static Heliostat__Pb__Lane *record_new(void) {
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        Heliostat__Pb__LaneTopic topic = HELIOSTAT__PB__LANE_TOPIC__INIT, *topics = &topic;
        Heliostat__Pb__LanePartition partition = HELIOSTAT__PB__LANE_PARTITION__INIT, *partitions = &partition;
        topic.topic = (char[]){"t"};
        topic.partitions = &partitions;
        topic.n_partitions = 1;
        lane.topics = &topics;
        lane.n_topics = 1;
        Heliostat__Pb__Lane *copy = codec_copy_lane(&lane);
        assert_non_null(copy);
        return copy;
}

static struct pump_fact fact(enum pump_fact_kind kind, enum halt_kind halt, int64_t from, int64_t to,
                             enum halt_answer answer) {
        return (struct pump_fact){
                .kind = kind, .topic = "t", .halt = {.kind = halt, .answer = answer, .from = from, .to = to}};
}

/* A refused record at `from` that goes to the dead letters: found and behind us. */
static void dead_letter(Heliostat__Pb__Lane *record, int64_t from, int64_t now_ms) {
        struct pump_fact f = fact(PUMP_FACT_HALTED, HALT_REFUSED, from, -1, ANSWER_DEAD_LETTER);
        lane_record_mark(record, &f, now_ms);
        assert_true(lane_record_has(record, &f));
        f = fact(PUMP_FACT_RESUMED, HALT_REFUSED, from, from + 1, ANSWER_DEAD_LETTER);
        assert_false(lane_record_has(record, &f));
        lane_record_mark(record, &f, now_ms);
        assert_true(lane_record_has(record, &f));
}

static void a_halt_that_is_left_becomes_a_skip(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        dead_letter(record, 40, 1000);
        assert_int_equal(record->n_halts, 0);
        assert_int_equal(record->n_skips, 1);
        assert_int_equal(record->skips[0]->from, 40);
        assert_int_equal(record->skips[0]->to, 41);
        assert_int_equal(record->skips[0]->at_ms, 1000);
        codec_free(record);
}

static void what_was_not_committed_before_the_halt_is_passed_with_it(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        struct pump_fact f = fact(PUMP_FACT_HALTED, HALT_CORRUPT, 100, 101, ANSWER_OFFSET);
        lane_record_mark(record, &f, 1000);
        f = fact(PUMP_FACT_RESUMED, HALT_CORRUPT, 100, 150, ANSWER_OFFSET);
        f.below = 20;
        lane_record_mark(record, &f, 2000);
        assert_int_equal(record->n_skips, 1);
        assert_int_equal(record->skips[0]->from, 80);
        assert_int_equal(record->skips[0]->to, 150);
        codec_free(record);
}

static void what_a_lost_position_passes_is_all_below(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        struct pump_fact f = fact(PUMP_FACT_HALTED, HALT_NO_POSITION, 50, -1, ANSWER_OFFSET);
        lane_record_mark(record, &f, 1000);
        f = fact(PUMP_FACT_RESUMED, HALT_NO_POSITION, 50, 30, ANSWER_OFFSET); /* below where it stood in a log that is gone */
        assert_false(lane_record_has(record, &f));
        lane_record_mark(record, &f, 2000);
        assert_true(lane_record_has(record, &f));
        assert_int_equal(record->n_skips, 1);
        assert_int_equal(record->skips[0]->from, -1);
        assert_int_equal(record->skips[0]->to, 30);
        lane_record_mark(record, &f, 3000);
        assert_int_equal(record->n_skips, 1);
        codec_free(record);
}

static void skips_side_by_side_are_one_row(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        dead_letter(record, 40, 1000);
        dead_letter(record, 41, 2000);
        assert_int_equal(record->n_skips, 1);
        assert_int_equal(record->skips[0]->from, 40);
        assert_int_equal(record->skips[0]->to, 42);
        assert_int_equal(record->skips[0]->at_ms, 2000);
        codec_free(record);
}

/* A transaction that ended otherwise takes the dead letter with it: the record
 * is met, and passed over, a second time. */
static void what_is_passed_over_twice_is_one_row(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        dead_letter(record, 40, 1000);
        dead_letter(record, 81, 2000);
        dead_letter(record, 40, 3000);
        dead_letter(record, 81, 4000);
        assert_int_equal(record->n_skips, 2);
        assert_int_equal(record->skips[0]->from, 40);
        assert_int_equal(record->skips[0]->at_ms, 3000);
        assert_int_equal(record->skips[1]->from, 81);
        assert_int_equal(record->skips[1]->at_ms, 4000);
        codec_free(record);
}

static void the_oldest_skips_go_first(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        for (int i = 0; i < CODEC_SKIPS_MAX + 3; i++) dead_letter(record, 10 * i, i);
        assert_int_equal(record->n_skips, CODEC_SKIPS_MAX);
        assert_int_equal(record->skips[0]->from, 30);
        codec_free(record);
}

static void an_answer_that_came_meanwhile_stays(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        struct pump_fact found = fact(PUMP_FACT_HALTED, HALT_GAP, 5, 9, ANSWER_NONE);
        lane_record_mark(record, &found, 1000);
        record->halts[0]->answer = HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP;
        found.halt.to = 12;
        lane_record_mark(record, &found, 2000);
        assert_int_equal(record->halts[0]->answer, HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP);
        assert_int_equal(record->halts[0]->to, 12);
        assert_int_equal(record->halts[0]->since_ms, 1000);
        codec_free(record);
}

static void a_dead_letter_that_was_refused_is_no_answer_any_more(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        struct pump_fact found = fact(PUMP_FACT_HALTED, HALT_REFUSED, 5, 6, ANSWER_DEAD_LETTER);
        lane_record_mark(record, &found, 1000);
        found.halt.answer = ANSWER_NONE;
        found.letter_refused = true;
        assert_false(lane_record_has(record, &found));
        lane_record_mark(record, &found, 2000);
        assert_int_equal(record->halts[0]->answer, HELIOSTAT__PB__HALT_ANSWER__ANSWER_NONE);
        assert_true(lane_record_has(record, &found));
        record->halts[0]->answer = HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP; /* another one that came meanwhile */
        lane_record_mark(record, &found, 3000);
        assert_int_equal(record->halts[0]->answer, HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP);
        codec_free(record);
}

static void facts_of_partitions_that_are_elsewhere_change_nothing(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        struct pump_fact found = fact(PUMP_FACT_HALTED, HALT_GAP, 5, 9, ANSWER_NONE);
        found.partition = 1;
        lane_record_mark(record, &found, 1000);
        assert_int_equal(record->n_halts, 0);
        codec_free(record);
}

static void a_partition_that_leaves_is_entered_once(void **state) {
        (void)state;
        Heliostat__Pb__Lane *record = record_new();
        Heliostat__Pb__LanePartition *entry = record->topics[0]->partitions[0];
        struct pump_fact left = fact(PUMP_FACT_LEFT, HALT_NONE, 0, 0, ANSWER_NONE);
        size_t count;
        left.position = 77;
        record->generation = 5;
        lane_record_mark(record, &left, 1000); /* it was not asked to */
        assert_false(entry->left);
        entry->to = 3;
        struct pump_partition *partitions = lane_record_partitions(record, &count);
        assert_int_equal(count, 1);
        assert_true(partitions[0].leaving);
        free(partitions);
        assert_false(lane_record_has(record, &left));
        lane_record_mark(record, &left, 1000);
        assert_true(entry->left && lane_record_has(record, &left));
        assert_int_equal(entry->floor, 77);
        assert_int_equal(entry->floor_generation, 5);
        left.position = 99; /* the answer was lost: again changes nothing */
        lane_record_mark(record, &left, 1000);
        assert_int_equal(entry->floor, 77);
        free(lane_record_partitions(record, &count));
        assert_int_equal(count, 0); /* nobody runs it */
        /* It was elsewhere, came back, and is to leave again: what was said before is of its earlier stay. */
        entry->left = false;
        entry->floor_generation = 8;
        lane_record_mark(record, &left, 1000);
        assert_false(entry->left);
        assert_true(lane_record_has(record, &left));
        partitions = lane_record_partitions(record, &count);
        assert_int_equal(partitions[0].floor.offset, 77);
        assert_int_equal(partitions[0].floor.generation, 8);
        free(partitions);
        codec_free(record);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_halt_that_is_left_becomes_a_skip),
                cmocka_unit_test(what_was_not_committed_before_the_halt_is_passed_with_it),
                cmocka_unit_test(what_a_lost_position_passes_is_all_below),
                cmocka_unit_test(skips_side_by_side_are_one_row),
                cmocka_unit_test(what_is_passed_over_twice_is_one_row),
                cmocka_unit_test(the_oldest_skips_go_first),
                cmocka_unit_test(an_answer_that_came_meanwhile_stays),
                cmocka_unit_test(a_dead_letter_that_was_refused_is_no_answer_any_more),
                cmocka_unit_test(facts_of_partitions_that_are_elsewhere_change_nothing),
                cmocka_unit_test(a_partition_that_leaves_is_entered_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
