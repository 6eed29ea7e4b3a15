#include <stdlib.h>
#include <string.h>

#include "cli/offsets_plan.h"
#include "common/err.h"
#include "tests/unit/test.h"

#define FREE_ HELIOSTAT__PB__LANE_STATE__LANE_FREE
#define OWNED_ HELIOSTAT__PB__LANE_STATE__LANE_OWNED

/* A lane with partitions from..to-1 of a topic, started. */
static Heliostat__Pb__Lane *lane_of(const char *topic, uint32_t from, uint32_t to, int state) {
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        Heliostat__Pb__LaneTopic t = HELIOSTAT__PB__LANE_TOPIC__INIT, *topics[] = {&t};
        Heliostat__Pb__LanePartition p[16], *ps[16];
        lane.state = (Heliostat__Pb__LaneState)state;
        lane.spec = 4;
        lane.generation = 3;
        if (state != (int)FREE_) {
                lane.owner = (char *)"w1";
                lane.incarnation = (char *)"i";
        }
        lane.topics = topics;
        lane.n_topics = 1;
        t.topic = (char *)topic;
        t.partitions = ps;
        for (uint32_t i = from; i < to; i++) {
                heliostat__pb__lane_partition__init(&p[i - from]);
                p[i - from].partition = i;
                p[i - from].started = true;
                ps[t.n_partitions++] = &p[i - from];
        }
        Heliostat__Pb__Lane *copy = codec_copy_lane(&lane);
        assert_non_null(copy);
        return copy;
}

static void truth_is_that_of_a_lane_s_start(void **state) {
        (void)state;
        static const struct {
                int64_t group;
                const char *metadata;
                int64_t record; /* -1: none */
                uint64_t generation;
                int64_t truth;
        } table[] = {
                {10, "heliostat/1 g=3", -1, 0, 10},
                {-1, "", -1, 0, -1},
                {10, "", -1, 0, 10},                    /* another tool's */
                {10, "heliostat/1 g=3 tx", -1, 0, -1},  /* the record has gone: nobody knows */
                {10, "heliostat/1 g=3 eo", -1, 0, 10},  /* there was none yet */
                {10, "heliostat/1 g=3 tx", 12, 2, 12},  /* the group's lags behind */
                {10, "heliostat/1 g=3 eo", 12, 2, 12},
                {10, "heliostat/1 g=3", 12, 2, 10},     /* at-least-once since: the later generation */
                {10, "heliostat/1 g=2", 12, 3, 12},
                {10, "heliostat/1 g=2", 9, 2, 10},      /* within one, the higher */
                {10, "heliostat/1 g=2", 12, 2, 12},
                {-1, "", 12, 2, 12},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Position record = HELIOSTAT__PB__POSITION__INIT;
                struct codec_metadata metadata = codec_metadata_parse(table[i].metadata, strlen(table[i].metadata));
                record.next_offset = table[i].record;
                record.generation = table[i].generation;
                int64_t truth = offsets_truth(table[i].group, &metadata, table[i].record < 0 ? NULL : &record);
                if (truth != table[i].truth) print_error("row %zu\n", i);
                assert_int_equal(truth, table[i].truth);
        }
}

static void what_is_of_another_lane_is_outdated(void **state) {
        (void)state;
        static const struct {
                int64_t group, record; /* -1: none */
                uint64_t group_generation, record_generation;
                bool exactly_once;
                int64_t truth;
        } table[] = { /* it has left its last lane at 70, with generation 5 */
                {60, -1, 5, 0, false, 70}, /* its last lane's, or a straggler's */
                {60, 65, 5, 4, true, 70},  /* nor does this lane's record count, of an earlier stay */
                {40, -1, 6, 0, false, 40}, /* moved back since */
                {60, 90, 5, 6, true, 90},
                {80, 90, 7, 6, true, 90},
                {-1, -1, 0, 0, false, -1}, /* the group has lost it: not guessed */
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Position record = HELIOSTAT__PB__POSITION__INIT;
                const struct floor floor = {70, 5};
                struct codec_metadata metadata = {.generation = table[i].group_generation, .exactly_once = table[i].exactly_once};
                record.next_offset = table[i].record;
                record.generation = table[i].record_generation;
                int64_t truth = offsets_truth_above(&floor, table[i].group, &metadata, table[i].record < 0 ? NULL : &record);
                if (truth != table[i].truth) print_error("row %zu\n", i);
                assert_int_equal(truth, table[i].truth);
        }
}

static char *line(const struct offsets_row *row, const struct offsets_lane *lanes, enum offsets_verdict verdict) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        offsets_print(out, row, lanes, verdict);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void moves_are_judged(void **state) {
        (void)state;
        static const struct {
                bool owned, started, force;
                int64_t now, asked, wanted;
                enum offsets_verdict verdict;
                const char *line;
        } table[] = { /* the log holds 20 to 100 */
                {false, true, false, 50, -1, 30, OFFSETS_MOVES, "t-0: 50 -> 30, once lane 7 has an owner\n"},
                {false, true, false, 50, -1, 50, OFFSETS_SAME, "t-0: 50 already\n"},
                {true, true, false, 50, -1, 50, OFFSETS_SAME, "t-0: 50 already\n"},
                {false, false, false, -1, -1, 50, OFFSETS_MOVES, "t-0: none -> 50, once lane 7 has an owner\n"},
                {false, false, false, 50, -1, 50, OFFSETS_MOVES, "t-0: 50 -> 50, once lane 7 has an owner\n"},
                {false, true, false, 50, 30, 30, OFFSETS_ASKED, "t-0: 50 -> 30 as asked before, once lane 7 has an owner\n"},
                {false, true, false, 50, 30, 40, OFFSETS_MOVES, "t-0: 50 (asked for: 30) -> 40, once lane 7 has an owner\n"},
                {false, true, false, 50, 30, 50, OFFSETS_MOVES, "t-0: 50 (asked for: 30) -> 50, once lane 7 has an owner\n"},
                {true, true, true, 50, -1, 30, OFFSETS_OWNED, "t-0: lane 7 is with worker w1; set"},
                {false, true, false, 50, -1, 19, OFFSETS_BELOW, "t-0: offset 19 lies below the source's log, which holds 20 to 100"},
                {false, true, false, 50, -1, 20, OFFSETS_MOVES, NULL},
                {false, true, false, 50, -1, 100, OFFSETS_MOVES, NULL},
                {false, true, false, 50, -1, 101, OFFSETS_ABOVE, "t-0: offset 101 lies above"},
                {false, true, true, 50, -1, 101, OFFSETS_MOVES, NULL},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct offsets_lane lane = {.number = 7, .record = lane_of("t", 0, 1, table[i].owned ? (int)OWNED_ : (int)FREE_)};
                struct offsets_row row = {.topic = "t", .started = table[i].started, .now = table[i].now,
                                          .asked = table[i].asked, .wanted = table[i].wanted, .low = 20, .high = 100};
                enum offsets_verdict verdict = offsets_judge(&row, &lane, table[i].force);
                if (verdict != table[i].verdict) print_error("row %zu\n", i);
                assert_int_equal(verdict, table[i].verdict);
                char *text = line(&row, &lane, verdict);
                if (table[i].line && strncmp(text, table[i].line, strlen(table[i].line)) != 0)
                        fail_msg("row %zu: %s", i, text);
                free(text);
                codec_free(lane.record);
        }
}

static void a_move_is_an_answered_halt(void **state) {
        (void)state;
        struct offsets_lane lanes[] = {{.number = 0, .record = lane_of("b", 0, 3, FREE_)},
                                       {.number = 1, .record = lane_of("a", 9, 11, FREE_)}};
        struct offsets_table table;
        struct offset_rows file = {0}, again = {0};
        char err[256] = "";
        assert_int_equal(offsets_table_new(lanes, 2, NULL, -1, &table), 0);
        assert_int_equal(table.count, 5);
        assert_string_equal(table.items[0].topic, "a");
        assert_int_equal(table.items[1].partition, 10);
        for (size_t i = 0; i < table.count; i++) table.items[i].group_offset = 50;
        offsets_positions(&table, lanes);
        assert_int_equal(offset_rows_add(&file, "b", 1, 30), 0);
        assert_int_equal(offset_rows_add(&file, "b", 2, 40), 0);
        assert_int_equal(offsets_want(&table, &file, NULL, -1, err, sizeof err), 0);
        struct offsets_row *first = offsets_find(&table, "b", 1), *second = offsets_find(&table, "b", 2);
        assert_int_equal(first->wanted, 30);
        assert_int_equal(offsets_find(&table, "b", 0)->wanted, -1);
        assert_int_equal(offsets_move(&lanes[0], first, 1), 0);
        assert_int_equal(offsets_move(&lanes[0], second, 1), 0);
        assert_true(lanes[0].changed && !lanes[1].changed);
        assert_int_equal(lanes[0].record->spec, 5); /* once */

        /* The record is one that the codec takes, and is read back as asked for. */
        void *data = NULL;
        size_t bytes;
        Heliostat__Pb__Lane *back = NULL;
        assert_int_equal(codec_pack(&lanes[0].record->base, &data, &bytes), 0);
        assert_int_equal(codec_unpack_lane(data, bytes, &back), 0);
        free(data);
        codec_free(lanes[0].record);
        lanes[0].record = back;
        lanes[0].changed = false;
        const Heliostat__Pb__Halt *halt = codec_lane_halt(back, "b", 1);
        assert_int_equal(halt->kind, HELIOSTAT__PB__HALT_KIND__HALT_MOVED);
        assert_int_equal(halt->answer, HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET);
        assert_int_equal(halt->to, 30);
        assert_string_equal(halt->reason, "heliostat offsets: moved from 50 to 30");
        free(table.items);
        assert_int_equal(offsets_table_new(lanes, 2, "b", -1, &table), 0);
        assert_int_equal(table.count, 3);
        assert_int_equal(offsets_find(&table, "b", 1)->asked, 30);
        assert_int_equal(offsets_find(&table, "b", 0)->asked, -1);

        /* Another move of the same partition takes its place. */
        first = offsets_find(&table, "b", 1);
        first->wanted = 45;
        assert_int_equal(offsets_move(&lanes[0], first, 2), 0);
        assert_int_equal(back->n_halts, 2);
        assert_int_equal(codec_lane_halt(back, "b", 1)->to, 45);

        /* What is exported is what will be. */
        for (size_t i = 0; i < table.count; i++) table.items[i].now = 50;
        assert_int_equal(offsets_rows(&table, &again), 0);
        char *csv = offsets_csv(&again);
        assert_string_equal(csv, "topic,partition,offset\nb,0,50\nb,1,30\nb,2,40\n");
        free(csv);
        free(table.items);
        for (int k = 0; k < 2; k++) codec_free(lanes[k].record);
        offset_rows_fini(&file);
        offset_rows_fini(&again);
}

static void a_file_names_what_the_route_has(void **state) {
        (void)state;
        struct offsets_lane lane = {.record = lane_of("t", 0, 2, FREE_)};
        struct offsets_table table;
        struct offset_rows file = {0};
        char err[256] = "";
        assert_int_equal(offset_rows_add(&file, "t", 0, 1), 0);
        assert_int_equal(offset_rows_add(&file, "t", 2, 1), 0);
        assert_int_equal(offset_rows_add(&file, "u", 0, 1), 0);
        assert_int_equal(offsets_table_new(&lane, 1, NULL, -1, &table), 0);
        assert_int_equal(offsets_want(&table, &file, NULL, -1, err, sizeof err), ERR_NOT_FOUND);
        assert_string_equal(err, "the route has no partition 2 of t, nor 1 more of the file");
        err[0] = '\0';
        assert_int_equal(offsets_want(&table, &file, "t", 0, err, sizeof err), 0);
        assert_int_equal(offsets_want(&table, &file, "u", -1, err, sizeof err), ERR_NOT_FOUND);
        free(table.items);
        codec_free(lane.record);
        offset_rows_fini(&file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(truth_is_that_of_a_lane_s_start),
                cmocka_unit_test(what_is_of_another_lane_is_outdated),
                cmocka_unit_test(moves_are_judged),
                cmocka_unit_test(a_move_is_an_answered_halt),
                cmocka_unit_test(a_file_names_what_the_route_has),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
