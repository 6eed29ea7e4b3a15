/* What `resume` makes of a lane's record, and what it says about it. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/halt_text.h"
#include "cli/resume_plan.h"
#include "common/codec.h"
#include "common/err.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

enum { GAP = HELIOSTAT__PB__HALT_KIND__HALT_GAP,
       ABOVE_END = HELIOSTAT__PB__HALT_KIND__HALT_ABOVE_END,
       NO_POSITION = HELIOSTAT__PB__HALT_KIND__HALT_NO_POSITION,
       REFUSED = HELIOSTAT__PB__HALT_KIND__HALT_REFUSED,
       CORRUPT = HELIOSTAT__PB__HALT_KIND__HALT_CORRUPT };
enum { NONE = HELIOSTAT__PB__HALT_ANSWER__ANSWER_NONE,
       RETRY = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RETRY,
       SKIP = HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP,
       RESTART = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RESTART,
       DEAD_LETTER = HELIOSTAT__PB__HALT_ANSWER__ANSWER_DEAD_LETTER,
       OFFSET = HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET };

struct halt_row {
        const char *topic;
        uint32_t partition;
        int kind;
        int64_t from, to;
        int answer;
};

/* A lane with t-0 to t-3 and u-0, as from ZooKeeper; a topic of a halt is among them. */
static Heliostat__Pb__Lane *lane_of(int state, const struct halt_row *rows, size_t count) {
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT, *out = NULL;
        Heliostat__Pb__LaneTopic t = HELIOSTAT__PB__LANE_TOPIC__INIT, u = HELIOSTAT__PB__LANE_TOPIC__INIT;
        Heliostat__Pb__LaneTopic *topics[] = {&t, &u};
        Heliostat__Pb__LanePartition parts[4], *list[4];
        Heliostat__Pb__Halt halts[8], *halt_list[8];
        void *data;
        size_t bytes;
        lane.state = (Heliostat__Pb__LaneState)state;
        lane.owner = TEXT("w1");
        lane.incarnation = TEXT("i");
        lane.generation = 5;
        lane.spec = 7;
        for (uint32_t i = 0; i < 4; i++) {
                heliostat__pb__lane_partition__init(&parts[i]);
                parts[i].partition = i;
                list[i] = &parts[i];
        }
        t.topic = TEXT("t");
        t.partitions = list;
        t.n_partitions = 4;
        u.topic = TEXT("orders.eu");
        u.partitions = list;
        u.n_partitions = 1;
        lane.topics = topics;
        lane.n_topics = 2;
        for (size_t i = 0; i < count; i++) {
                heliostat__pb__halt__init(&halts[i]);
                halts[i].topic = TEXT(rows[i].topic);
                halts[i].partition = rows[i].partition;
                halts[i].kind = (Heliostat__Pb__HaltKind)rows[i].kind;
                halts[i].from = rows[i].from;
                halts[i].to = rows[i].to;
                halts[i].answer = (Heliostat__Pb__HaltAnswer)rows[i].answer;
                halt_list[i] = &halts[i];
        }
        lane.halts = halt_list;
        lane.n_halts = count;
        assert_int_equal(codec_pack(&lane.base, &data, &bytes), 0);
        assert_int_equal(codec_unpack_lane(data, bytes, &out), 0);
        free(data);
        return out;
}

static struct resume_request ask(int answer, const char *topic, int64_t partition, int64_t to) {
        return (struct resume_request){topic, partition, (Heliostat__Pb__HaltAnswer)answer, to};
}

/* One halt each: outcome, the line, the record afterwards. */
static void rows(void **state) {
        (void)state;
        static const struct {
                int state;
                struct halt_row halt;
                int answer;
                int64_t to;
                int outcome;
                const char *text;
                int64_t to_after;
        } table[] = {
                {2, {"t", 0, GAP, 100, 120, NONE}, RETRY, 0, RESUME_CHANGED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): is tried again\n", 120},
                {2, {"t", 0, GAP, 100, 120, NONE}, SKIP, 0, RESUME_CHANGED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): goes on at the first offset "
                 "that there is\n", 120},
                {0, {"t", 0, GAP, 100, 120, NONE}, RESTART, 0, RESUME_CHANGED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): goes on at the log's start, "
                 "once lane 9 has an owner\n", 120},
                {2, {"t", 0, GAP, 100, 120, NONE}, OFFSET, 130, RESUME_CHANGED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): goes on at offset 130\n", 130},
                {2, {"t", 0, GAP, 100, 120, NONE}, DEAD_LETTER, 0, RESUME_REFUSED,
                 "t-0: --dead-letter is for records that the destination refuses; here the source no longer has "
                 "what comes next\n", 120},
                {2, {"t", 0, GAP, 100, 120, SKIP}, SKIP, 0, RESUME_ANSWERED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): goes on at the first offset "
                 "that there is, as answered before\n", 120},
                {2, {"t", 0, GAP, 100, 120, SKIP}, RESTART, 0, RESUME_CHANGED,
                 "t-0: the source no longer has what comes next (offsets 100 to 119): goes on at the log's start, "
                 "instead of 'skip'\n", 120},
                {2, {"t", 3, ABOVE_END, 100, 90, NONE}, SKIP, 0, RESUME_CHANGED,
                 "t-3: the source's log ends before the position (position 100, end 90): goes on at the log's end\n",
                 90},
                {2, {"t", 3, NO_POSITION, -1, -1, NONE}, SKIP, 0, RESUME_CHANGED,
                 "t-3: its position is nowhere: goes on at the log's end, without what the log holds now\n", -1},
                {2, {"t", 3, NO_POSITION, -1, -1, NONE}, RESTART, 0, RESUME_CHANGED,
                 "t-3: its position is nowhere: goes on at the log's start\n", -1},
                {2, {"t", 1, REFUSED, 7, 8, NONE}, SKIP, 0, RESUME_CHANGED,
                 "t-1: the destination refuses the record (offset 7): goes on behind it\n", 8},
                {2, {"t", 1, REFUSED, 7, 8, NONE}, DEAD_LETTER, 0, RESUME_CHANGED,
                 "t-1: the destination refuses the record (offset 7): is sent to the topic of dead letters\n", 8},
                {2, {"t", 1, REFUSED, 7, 8, NONE}, RESTART, 0, RESUME_REFUSED,
                 "t-1: --restart does not get past a single record, --skip does; here the destination refuses the "
                 "record\n", 8},
                {2, {"t", 1, CORRUPT, 7, 8, NONE}, DEAD_LETTER, 0, RESUME_REFUSED,
                 "t-1: --dead-letter is for records that the destination refuses; here the source's record cannot "
                 "be read\n", 8},
                {2, {"t", 1, CORRUPT, 7, 8, NONE}, OFFSET, 0, RESUME_CHANGED,
                 "t-1: the source's record cannot be read (offset 7): goes on at offset 0\n", 0},
                /* `to` was the offset to go on at: no other answer may take it for the range's end */
                {2, {"t", 1, REFUSED, 7, 900, OFFSET}, SKIP, 0, RESUME_CHANGED,
                 "t-1: the destination refuses the record (from offset 7): goes on behind it, instead of 'offset'\n",
                 8},
                {2, {"t", 1, REFUSED, INT64_MAX, 900, OFFSET}, SKIP, 0, RESUME_CHANGED,
                 "t-1: the destination refuses the record (from offset 9223372036854775807): goes on behind it, "
                 "instead of 'offset'\n", -1},
                {2, {"t", 1, GAP, 7, 900, OFFSET}, SKIP, 0, RESUME_CHANGED,
                 "t-1: the source no longer has what comes next (from offset 7): goes on at the first offset that "
                 "there is, instead of 'offset'\n", -1},
                {2, {"t", 1, GAP, 7, 900, OFFSET}, OFFSET, 900, RESUME_ANSWERED,
                 "t-1: the source no longer has what comes next (from offset 7): goes on at offset 900, as answered "
                 "before\n", 900},
                {2, {"t", 1, GAP, 7, 900, OFFSET}, OFFSET, 901, RESUME_CHANGED,
                 "t-1: the source no longer has what comes next (from offset 7): goes on at offset 901, instead of "
                 "'offset'\n", 901},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Lane *lane = lane_of(table[i].state, &table[i].halt, 1);
                struct resume_request request = ask(table[i].answer, NULL, -1, table[i].to);
                char *text = NULL;
                int outcome = resume_plan(lane, 9, &request, &text);
                if (outcome != table[i].outcome || strcmp(text, table[i].text) != 0)
                        fail_msg("row %zu: %d: %s", i, outcome, text);
                bool changed = outcome == RESUME_CHANGED;
                assert_int_equal(lane->spec, changed ? 8 : 7);
                assert_int_equal(lane->halts[0]->answer, changed ? table[i].answer : table[i].halt.answer);
                assert_int_equal(lane->halts[0]->to, table[i].to_after);
                assert_int_equal(lane->halts[0]->from, table[i].halt.from);
                assert_int_equal(lane->halts[0]->kind, table[i].halt.kind);
                free(text);
                codec_free(lane);
        }
}

static void only_the_selected_are_answered(void **state) {
        (void)state;
        static const struct halt_row halts[] = {{"t", 0, GAP, 1, 5, NONE},
                                                {"t", 2, REFUSED, 3, 4, NONE},
                                                {"orders.eu", 0, REFUSED, 9, 10, RETRY}};
        static const struct {
                int answer;
                const char *topic;
                int64_t partition;
                int outcome;
                int after[3];
        } table[] = {
                {SKIP, NULL, -1, RESUME_CHANGED, {SKIP, SKIP, SKIP}},
                {SKIP, "t", -1, RESUME_CHANGED, {SKIP, SKIP, RETRY}},
                {SKIP, "t", 2, RESUME_CHANGED, {NONE, SKIP, RETRY}},
                {SKIP, "t", 1, RESUME_NOTHING, {NONE, NONE, RETRY}},
                {SKIP, "orders.eu", -1, RESUME_CHANGED, {NONE, NONE, SKIP}},
                {RETRY, "orders.eu", -1, RESUME_ANSWERED, {NONE, NONE, RETRY}},
                {RETRY, NULL, -1, RESUME_CHANGED, {RETRY, RETRY, RETRY}},
                {DEAD_LETTER, "t", 2, RESUME_CHANGED, {NONE, DEAD_LETTER, RETRY}},
                /* one of the selected does not fit: nothing is answered */
                {DEAD_LETTER, "t", -1, RESUME_REFUSED, {NONE, NONE, RETRY}},
                {RESTART, NULL, -1, RESUME_REFUSED, {NONE, NONE, RETRY}},
                {RESTART, "t", 0, RESUME_CHANGED, {RESTART, NONE, RETRY}},
                {SKIP, "tt", -1, RESUME_NOTHING, {NONE, NONE, RETRY}},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Lane *lane = lane_of(2, halts, 3);
                struct resume_request request = ask(table[i].answer, table[i].topic, table[i].partition, 0);
                char *text = NULL;
                int outcome = resume_plan(lane, 9, &request, &text);
                assert_int_equal(outcome, table[i].outcome);
                assert_int_equal(lane->spec, outcome == RESUME_CHANGED ? 8 : 7);
                for (size_t k = 0; k < 3; k++) assert_int_equal(lane->halts[k]->answer, table[i].after[k]);
                if (outcome == RESUME_NOTHING) assert_string_equal(text, "");
                free(text);
                codec_free(lane);
        }
}

static void the_owner_is_told_of_its_lane_only(void **state) {
        (void)state;
        Heliostat__Pb__Assignment assign = HELIOSTAT__PB__ASSIGNMENT__INIT;
        Heliostat__Pb__AssignedLane a = HELIOSTAT__PB__ASSIGNED_LANE__INIT, b = a, c = a, *lanes[] = {&a, &b, &c};
        a.route = b.route = TEXT("e->w");
        c.route = TEXT("x->y");
        a.lane = 1;
        b.lane = c.lane = 2;
        a.spec = b.spec = c.spec = 4;
        assign.lanes = lanes;
        assign.n_lanes = 3;
        assert_false(resume_tell(&assign, "e->w", 3, 5));
        assert_false(resume_tell(&assign, "e->x", 2, 5));
        assert_true(resume_tell(&assign, "e->w", 2, 5));
        assert_int_equal(a.spec, 4);
        assert_int_equal(b.spec, 5);
        assert_int_equal(c.spec, 4);
}

static void names_are_checked(void **state) {
        (void)state;
        Heliostat__Pb__Lane *lane = lane_of(2, NULL, 0);
        const Heliostat__Pb__Lane *lanes[] = {NULL, lane};
        static const struct {
                const char *topic;
                int64_t partition;
                const char *err; /* NULL: known */
        } table[] = {
                {NULL, -1, NULL},
                {"t", -1, NULL},
                {"t", 3, NULL},
                {"t", 4, "has no partition 4 of t, which has 4 partitions"},
                {"orders.eu", 1, "has no partition 1 of orders.eu, which has 1 partition"},
                {"orders.ue", -1, "has no topic 'orders.ue'; did you mean 'orders.eu'?"},
                {"payments", 0, "has no topic 'payments'"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct resume_request request = ask(RETRY, table[i].topic, table[i].partition, 0);
                char err[640] = "";
                assert_int_equal(resume_check(lanes, 2, &request, err, sizeof err),
                                 table[i].err ? ERR_NOT_FOUND : 0);
                assert_string_equal(err, table[i].err ? table[i].err : "");
        }
        codec_free(lane);
}

static void every_kind_and_answer_has_words(void **state) {
        (void)state;
        for (int kind = GAP; kind <= CORRUPT; kind++) {
                assert_true(strlen(halt_kind_name((Heliostat__Pb__HaltKind)kind)) > 1);
                assert_true(strlen(halt_kind_text((Heliostat__Pb__HaltKind)kind)) > 1);
        }
        for (int answer = RETRY; answer <= OFFSET; answer++)
                assert_true(strlen(halt_answer_name((Heliostat__Pb__HaltAnswer)answer)) > 1);
        assert_string_equal(halt_kind_name((Heliostat__Pb__HaltKind)99), "?");
        assert_string_equal(halt_answer_name((Heliostat__Pb__HaltAnswer)NONE), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows),
                cmocka_unit_test(only_the_selected_are_answered),
                cmocka_unit_test(the_owner_is_told_of_its_lane_only),
                cmocka_unit_test(names_are_checked),
                cmocka_unit_test(every_kind_and_answer_has_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
