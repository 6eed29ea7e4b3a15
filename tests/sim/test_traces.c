/* Lives of a small cluster; the expectation is the trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/unit/test.h"

/* The trace since the last EXPECT, line by line; shows both when they differ. */
static void expect(struct sim *sim, size_t *at, const char *text) {
        const char *got = sim->trace ? sim->trace + *at : "";
        if (strcmp(got, text) != 0) {
                print_error("expected:\n%s\ngot:\n%s\n", text, got);
                fail();
        }
        *at = sim->trace_bytes;
}
#define EXPECT(text) expect(&sim, &mark, text)

static void settled(struct sim *sim, int64_t at_ms) {
        const char *wrong = sim_run_until_settled(sim, at_ms);
        if (wrong) sim_fail(sim, "not settled: %s", wrong);
}

/* Two workers, four lanes of a partition each. */
static void start_two(struct sim *sim) {
        sim_init(sim, 1);
        sim_route(sim, 4, true);
        sim_topic(sim, "t", 4);
        sim_start(sim, "c1", true);
        sim_start(sim, "w1", false);
        sim_start(sim, "w2", false);
        sim_run_until(sim, 5000);
}
#define STARTED \
        "    2 w1 joined\n" \
        "    2 w2 joined\n" \
        "    8 c1 leads\n" \
        " 1015 c1: lane 0 FREE -> ASSIGNED w1 gen 1\n" \
        " 1015 c1: lane 1 FREE -> ASSIGNED w2 gen 1\n" \
        " 1015 c1: lane 2 FREE -> ASSIGNED w1 gen 1\n" \
        " 1015 c1: lane 3 FREE -> ASSIGNED w2 gen 1\n" \
        " 1031 w1: lane 0 ASSIGNED w1 -> OWNED w1 gen 1\n" \
        " 1031 w1: lane 2 ASSIGNED w1 -> OWNED w1 gen 1\n" \
        " 1031 w2: lane 1 ASSIGNED w2 -> OWNED w2 gen 1\n" \
        " 1031 w2: lane 3 ASSIGNED w2 -> OWNED w2 gen 1\n"

static void the_first_worker_does_not_get_everything(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        sim_init(&sim, 1);
        sim_route(&sim, 4, true);
        sim_topic(&sim, "t", 4);
        sim_start(&sim, "c1", true);
        sim_run_until(&sim, 1000);
        sim_start(&sim, "w1", false);
        sim_run_until(&sim, 1600);
        sim_start(&sim, "w2", false);
        settled(&sim, 5000);
        EXPECT("    8 c1 leads\n"
               " 1002 w1 joined\n"
               " 1602 w2 joined\n"
               " 2007 c1: lane 0 FREE -> ASSIGNED w1 gen 1\n"
               " 2007 c1: lane 1 FREE -> ASSIGNED w2 gen 1\n"
               " 2007 c1: lane 2 FREE -> ASSIGNED w1 gen 1\n"
               " 2007 c1: lane 3 FREE -> ASSIGNED w2 gen 1\n"
               " 2023 w1: lane 0 ASSIGNED w1 -> OWNED w1 gen 1\n"
               " 2023 w1: lane 2 ASSIGNED w1 -> OWNED w1 gen 1\n"
               " 2023 w2: lane 1 ASSIGNED w2 -> OWNED w2 gen 1\n"
               " 2023 w2: lane 3 ASSIGNED w2 -> OWNED w2 gen 1\n");
        sim_fini(&sim);
}

static void a_killed_worker_loses_its_lanes_after_its_session(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_kill(&sim.clients[2]);
        sim_run_until(&sim, 17000);
        EXPECT("10000 w2 killed\n"
               "16000 w2 gone\n"
               "16304 c1: lane 1 OWNED w2 -> ASSIGNED w1 gen 2\n"
               "16304 c1: lane 3 OWNED w2 -> ASSIGNED w1 gen 2\n"
               "16320 w1: lane 1 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "16320 w1: lane 3 ASSIGNED w1 -> OWNED w1 gen 2\n");
        settled(&sim, 20000);
        sim_fini(&sim);
}

static void a_stopping_worker_hands_over_lane_by_lane(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_stop(&sim.clients[2]);
        sim_run_until(&sim, 11000);
        EXPECT("10000 w2 stops\n"
               "10027 w2: lane 1 OWNED w2 -> FREE gen 1\n"
               "10027 w2: lane 3 OWNED w2 -> FREE gen 1\n"
               "10031 c1: lane 1 FREE -> ASSIGNED w1 gen 2\n"
               "10033 c1: lane 3 FREE -> ASSIGNED w1 gen 2\n"
               "10036 w2 gone\n"
               "10047 w1: lane 1 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "10049 w1: lane 3 ASSIGNED w1 -> OWNED w1 gen 2\n");
        settled(&sim, 13000);
        EXPECT("");
        sim_fini(&sim);
}

static void a_joining_worker_takes_its_share_and_no_more(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_start(&sim, "w3", false);
        settled(&sim, 15000);
        EXPECT("10002 w3 joined\n"
               "11007 c1: lane 2 OWNED w1 -> REVOKING w1 gen 1\n"
               "11033 w1: lane 2 REVOKING w1 -> FREE gen 1\n"
               "11037 c1: lane 2 FREE -> ASSIGNED w3 gen 2\n"
               "11053 w3: lane 2 ASSIGNED w3 -> OWNED w3 gen 2\n");
        sim_fini(&sim);
}

static void a_worker_that_comes_back_keeps_its_lanes(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_kill(&sim.clients[2]);
        sim_run_until(&sim, 10200);
        sim_restart(&sim.clients[2]); /* waits for the end of its old session */
        sim_run_until(&sim, 20000);
        settled(&sim, 25000);
        EXPECT("10000 w2 killed\n"
               "16208 w2 joined\n"
               "16213 c1: lane 1 OWNED w2 -> ASSIGNED w2 gen 2\n"
               "16213 c1: lane 3 OWNED w2 -> ASSIGNED w2 gen 2\n"
               "16229 w2: lane 1 ASSIGNED w2 -> OWNED w2 gen 2\n"
               "16229 w2: lane 3 ASSIGNED w2 -> OWNED w2 gen 2\n");
        sim_fini(&sim);
}

static void an_outage_moves_nothing(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        for (size_t i = 0; i < 3; i++) sim_cut(&sim.clients[i]);
        sim_run_until(&sim, 70000); /* long enough to end all sessions */
        sim_mend(&sim.clients[0]);
        sim_run_until(&sim, 73000);
        sim_mend(&sim.clients[1]);
        sim_run_until(&sim, 78000);
        sim_mend(&sim.clients[2]);
        sim_run_until(&sim, 95000);
        settled(&sim, 96000);
        EXPECT("10000 c1 cut off\n"
               "10000 w1 cut off\n"
               "10000 w2 cut off\n"
               "16000 w1 gone\n"
               "16000 w2 gone\n"
               "70000 c1 connected\n"
               "70000 c1 resigns\n"
               "70008 c1 leads\n"
               "73000 w1 connected\n"
               "73002 w1 joined\n"
               "73007 c1: lane 0 OWNED w1 -> ASSIGNED w1 gen 2\n"
               "73007 c1: lane 2 OWNED w1 -> ASSIGNED w1 gen 2\n"
               "73023 w1: lane 0 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "73023 w1: lane 2 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "78000 w2 connected\n"
               "78002 w2 joined\n"
               "78007 c1: lane 1 OWNED w2 -> ASSIGNED w2 gen 2\n"
               "78007 c1: lane 3 OWNED w2 -> ASSIGNED w2 gen 2\n"
               "78023 w2: lane 1 ASSIGNED w2 -> OWNED w2 gen 2\n"
               "78023 w2: lane 3 ASSIGNED w2 -> OWNED w2 gen 2\n");
        sim_fini(&sim);
}

static void another_coordinator_leads_and_nothing_moves(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_start(&sim, "c2", true);
        sim_run_until(&sim, 10000);
        sim_stop(&sim.clients[0]);
        sim_run_until(&sim, 11000);
        settled(&sim, 12000);
        EXPECT("10000 c1 stops\n"
               "10000 c1 resigns\n"
               "10007 c2 leads\n");
        /* a loss right after is answered at once: the new leader has seen the
         * worker alive */
        sim_kill(&sim.clients[1]);
        sim_run_until(&sim, 19000);
        settled(&sim, 21000);
        EXPECT("12000 w1 killed\n"
               "18000 w1 gone\n"
               "18304 c2: lane 0 OWNED w1 -> ASSIGNED w2 gen 2\n"
               "18304 c2: lane 2 OWNED w1 -> ASSIGNED w2 gen 2\n"
               "18320 w2: lane 0 ASSIGNED w2 -> OWNED w2 gen 2\n"
               "18320 w2: lane 2 ASSIGNED w2 -> OWNED w2 gen 2\n");
        sim_fini(&sim);
}

static void a_fenced_leader_stops_at_once(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_usurp(&sim);
        sim_topic(&sim, "t", 5);
        settled(&sim, 15000);
        EXPECT("10003 c1 resigns\n"
               "10009 c1 leads\n");
        sim_fini(&sim);
}

static void a_disabled_route_is_given_back(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_route(&sim, 4, false);
        sim_run_until(&sim, 11000);
        EXPECT("10006 c1: lane 0 OWNED w1 -> REVOKING w1 gen 1\n"
               "10006 c1: lane 1 OWNED w2 -> REVOKING w2 gen 1\n"
               "10006 c1: lane 2 OWNED w1 -> REVOKING w1 gen 1\n"
               "10006 c1: lane 3 OWNED w2 -> REVOKING w2 gen 1\n"
               "10032 w1: lane 0 REVOKING w1 -> FREE gen 1\n"
               "10032 w1: lane 2 REVOKING w1 -> FREE gen 1\n"
               "10032 w2: lane 1 REVOKING w2 -> FREE gen 1\n"
               "10032 w2: lane 3 REVOKING w2 -> FREE gen 1\n");
        sim_route(&sim, 4, true);
        settled(&sim, 15000);
        EXPECT("11006 c1: lane 0 FREE -> ASSIGNED w1 gen 2\n"
               "11006 c1: lane 1 FREE -> ASSIGNED w2 gen 2\n"
               "11006 c1: lane 2 FREE -> ASSIGNED w1 gen 2\n"
               "11006 c1: lane 3 FREE -> ASSIGNED w2 gen 2\n"
               "11022 w1: lane 0 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "11022 w1: lane 2 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "11022 w2: lane 1 ASSIGNED w2 -> OWNED w2 gen 2\n"
               "11022 w2: lane 3 ASSIGNED w2 -> OWNED w2 gen 2\n");
        sim_fini(&sim);
}

static void an_answer_from_outside_reaches_the_owner(void **state) {
        (void)state;
        struct sim sim;
        size_t mark = 0;
        start_two(&sim);
        EXPECT(STARTED);
        sim_run_until(&sim, 10000);
        sim_answer(&sim, 0);
        /* the leader's next step lists lane 0 again, and knows nothing of it yet */
        sim_kill(&sim.clients[2]);
        sim_run_until(&sim, 17000);
        EXPECT("10000 lane 0 answered, spec 2\n"
               "10000 w2 killed\n"
               "16000 w2 gone\n"
               "16310 c1: lane 1 OWNED w2 -> ASSIGNED w1 gen 2\n"
               "16310 c1: lane 3 OWNED w2 -> ASSIGNED w1 gen 2\n"
               "16326 w1: lane 1 ASSIGNED w1 -> OWNED w1 gen 2\n"
               "16326 w1: lane 3 ASSIGNED w1 -> OWNED w1 gen 2\n");
        settled(&sim, 20000);
        sim_fini(&sim);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_worker_does_not_get_everything),
                cmocka_unit_test(a_killed_worker_loses_its_lanes_after_its_session),
                cmocka_unit_test(a_stopping_worker_hands_over_lane_by_lane),
                cmocka_unit_test(a_joining_worker_takes_its_share_and_no_more),
                cmocka_unit_test(a_worker_that_comes_back_keeps_its_lanes),
                cmocka_unit_test(an_outage_moves_nothing),
                cmocka_unit_test(another_coordinator_leads_and_nothing_moves),
                cmocka_unit_test(a_fenced_leader_stops_at_once),
                cmocka_unit_test(a_disabled_route_is_given_back),
                cmocka_unit_test(an_answer_from_outside_reaches_the_owner),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
