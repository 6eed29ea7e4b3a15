/* What `move`, `drain` and `undrain` make of /op, and what they say. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/placement_plan.h"
#include "common/codec.h"
#include "common/err.h"

#define TEXT(s) ((char *)(uintptr_t)(s))
#define ROUTE "east->west"

static const char *const workers[] = {"w1", "w2", "worker-3"};

static Heliostat__Pb__Placement *empty(void) {
        Heliostat__Pb__Placement *placement = malloc(sizeof *placement);
        assert_non_null(placement);
        heliostat__pb__placement__init(placement);
        return placement;
}

/* "3@w1 !w2": pins and drained workers */
static const char *text_of(const Heliostat__Pb__Placement *placement) {
        static char text[512];
        *text = '\0';
        for (size_t i = 0; i < placement->n_pins; i++) {
                size_t n = strlen(text);
                (void)snprintf(text + n, sizeof text - n, "%u@%s ", placement->pins[i]->lane, placement->pins[i]->worker);
        }
        for (size_t i = 0; i < placement->n_drained; i++) {
                size_t n = strlen(text);
                (void)snprintf(text + n, sizeof text - n, "!%s ", placement->drained[i]->worker);
        }
        return text;
}

static void rows(void **state) {
        static const struct {
                enum placement_verb verb;
                uint32_t lane;
                const char *worker;
                int outcome;
                const char *after, *text;
        } rows[] = {
                /* one after the other, on one record */
                {PLACEMENT_MOVE, 3, "w1", PLACEMENT_CHANGED, "3@w1 ", "lane 3 of east->west: w2 -> w1"},
                {PLACEMENT_MOVE, 3, "w1", PLACEMENT_SAME, "3@w1 ", "lane 3 of east->west: w2 -> w1, as said before"},
                {PLACEMENT_MOVE, 3, "w2", PLACEMENT_CHANGED, "3@w2 ", "lane 3 of east->west is at w2, and stays there"},
                {PLACEMENT_MOVE, 4, "w2", PLACEMENT_CHANGED, "3@w2 4@w2 ", "is at w2"},
                {PLACEMENT_MOVE, 24, "w1", PLACEMENT_REFUSED, "3@w2 4@w2 ", "has no lane 24; it has the lanes 0 to 23"},
                {PLACEMENT_MOVE, 3, "w4", PLACEMENT_REFUSED, "3@w2 4@w2 ", "no worker 'w4' lives"},
                {PLACEMENT_MOVE, 3, "worker-4", PLACEMENT_REFUSED, "3@w2 4@w2 ", "did you mean 'worker-3'?"},
                {PLACEMENT_UNPIN, 24, NULL, PLACEMENT_REFUSED, "3@w2 4@w2 ", "has no lane 24"},
                {PLACEMENT_UNPIN, 5, NULL, PLACEMENT_SAME, "3@w2 4@w2 ", "lane 5 of east->west is not pinned"},
                {PLACEMENT_UNPIN, 3, NULL, PLACEMENT_CHANGED, "4@w2 ", "lane 3 of east->west is no longer pinned to w2"},
                {PLACEMENT_DRAIN, 0, "w1", PLACEMENT_CHANGED, "4@w2 !w1 ", "worker w1 is drained"},
                {PLACEMENT_DRAIN, 0, "w1", PLACEMENT_SAME, "4@w2 !w1 ", "as said before"},
                {PLACEMENT_MOVE, 3, "w1", PLACEMENT_REFUSED, "4@w2 !w1 ", "'heliostat undrain w1' first"},
                {PLACEMENT_DRAIN, 0, "w9", PLACEMENT_REFUSED, "4@w2 !w1 ", "no worker 'w9' lives"},
                {PLACEMENT_DRAIN, 0, "w2", PLACEMENT_CHANGED, "4@w2 !w1 !w2 ", "worker w2 is drained"},
                {PLACEMENT_DRAIN, 0, "worker-3", PLACEMENT_REFUSED, "4@w2 !w1 !w2 ", "no other worker is left"},
                {PLACEMENT_UNDRAIN, 0, "w1", PLACEMENT_CHANGED, "4@w2 !w2 ", "worker w1 is no longer drained"},
                {PLACEMENT_UNDRAIN, 0, "w1", PLACEMENT_SAME, "4@w2 !w2 ", "worker w1 is not drained"},
                {PLACEMENT_UNDRAIN, 0, "w9", PLACEMENT_REFUSED, "4@w2 !w2 ", "no worker 'w9' lives"},
                {PLACEMENT_UNDRAIN, 0, "w2", PLACEMENT_CHANGED, "4@w2 ", "worker w2 is no longer drained"},
        };
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        Heliostat__Pb__Placement *placement = empty();
        struct placement_facts facts = {workers, 3, 24, &lane};
        (void)state;
        lane.state = HELIOSTAT__PB__LANE_STATE__LANE_OWNED;
        lane.owner = TEXT("w2");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct placement_request request = {rows[i].verb, ROUTE, rows[i].lane, rows[i].worker};
                Heliostat__Pb__Placement *back = NULL;
                char *text = NULL;
                void *data;
                size_t bytes;
                assert_int_equal(placement_plan(placement, &request, &facts, &text), rows[i].outcome);
                assert_string_equal(text_of(placement), rows[i].after);
                if (!strstr(text, rows[i].text)) fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].text, text);
                free(text);
                /* by the codec, as it comes from ZooKeeper */
                assert_int_equal(codec_pack(&placement->base, &data, &bytes), 0);
                assert_int_equal(codec_unpack_placement(data, bytes, &back), 0);
                assert_string_equal(text_of(back), rows[i].after);
                free(data);
                codec_free(placement);
                placement = back;
        }
        codec_free(placement);
}

static void a_lane_that_nobody_has_can_be_pinned(void **state) {
        Heliostat__Pb__Placement *placement = empty();
        struct placement_facts facts = {workers, 3, 24, NULL};
        struct placement_request request = {PLACEMENT_MOVE, ROUTE, 0, "w1"};
        char *text;
        (void)state;
        assert_int_equal(placement_plan(placement, &request, &facts, &text), PLACEMENT_CHANGED);
        assert_string_equal(text, "lane 0 of east->west: nobody -> w1");
        assert_false(placement_there(NULL, "w1"));
        free(text);
        codec_free(placement);
}

static void what_is_in_op_is_checked(void **state) {
        Heliostat__Pb__Pin pin = HELIOSTAT__PB__PIN__INIT, *pins[] = {&pin};
        Heliostat__Pb__DrainedWorker worker = HELIOSTAT__PB__DRAINED_WORKER__INIT, *drained[] = {&worker};
        Heliostat__Pb__Placement placement = HELIOSTAT__PB__PLACEMENT__INIT, *out;
        static const struct {
                const char *route, *pin, *drained;
                uint32_t lane;
                int rc;
        } cases[] = {
                {ROUTE, "w1", "w2", 4095, 0},
                {"east", "w1", "w2", 1, ERR_INVALID},
                {ROUTE, "a/b", "w2", 1, ERR_INVALID},
                {ROUTE, "w1", "", 1, ERR_INVALID},
                {ROUTE, "w1", "w2", 4096, ERR_INVALID},
        };
        (void)state;
        placement.n_pins = placement.n_drained = 1;
        placement.pins = pins;
        placement.drained = drained;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                void *data;
                size_t bytes;
                pin.route = TEXT(cases[i].route);
                pin.worker = TEXT(cases[i].pin);
                pin.lane = cases[i].lane;
                worker.worker = TEXT(cases[i].drained);
                assert_int_equal(codec_pack(&placement.base, &data, &bytes), 0);
                int rc = codec_unpack_placement(data, bytes, &out);
                assert_int_equal(rc, cases[i].rc);
                if (!rc) codec_free(out);
                free(data);
        }
        assert_int_equal(codec_unpack_placement("", 0, &out), ERR_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows),
                cmocka_unit_test(a_lane_that_nobody_has_can_be_pinned),
                cmocka_unit_test(what_is_in_op_is_checked),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
