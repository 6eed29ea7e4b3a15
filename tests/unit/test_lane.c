/* Lives of one lane as traces: events in, actions out. */
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"
#include "worker/lane.h"

static char trace[1024];

/* One event, and all actions that follow from it. */
static void feed(struct lane *lane, struct lane_event event) {
        enum lane_action action = lane_step(lane, &event);
        for (int i = 0; action != LANE_NOTHING; action = lane_step(lane, NULL)) {
                assert_true(i++ < 10); /* it comes to rest */
                size_t n = strlen(trace);
                (void)snprintf(trace + n, sizeof trace - n, "%s%s", n ? " " : "", lane_action_name(action));
                if (action == LANE_FORGET) return;
        }
}

#define EXPECT(text) \
        do { \
                assert_string_equal(trace, text); \
                *trace = '\0'; \
        } while (0)

static struct lane_event assigned(uint64_t generation, uint32_t spec) {
        return (struct lane_event){.type = LANE_ON_ASSIGNED, .generation = generation, .spec = spec};
}
static struct lane_event simple(enum lane_event_type type) { return (struct lane_event){.type = type}; }
static struct lane_event read_as(enum lane_record_state state, bool me, bool incarnation,
                                 uint64_t generation, uint32_t spec, int32_t version) {
        return (struct lane_event){.type = LANE_ON_READ,
                                   .record = {state, me, incarnation, generation, spec, version}};
}
static struct lane_event written(int32_t version) {
        return (struct lane_event){.type = LANE_ON_WRITTEN, .version = version};
}
static struct lane_event session(bool connected) {
        return (struct lane_event){.type = LANE_ON_SESSION, .connected = connected};
}

static struct lane running(void) {
        struct lane lane;
        *trace = '\0';
        lane_init(&lane, true);
        feed(&lane, assigned(3, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 1, 7));
        feed(&lane, simple(LANE_ON_READY));
        feed(&lane, written(8));
        feed(&lane, simple(LANE_ON_FACTS));
        feed(&lane, written(9));
        feed(&lane, simple(LANE_ON_RUNNING));
        EXPECT("read pump-open claim pump-start mark pump-go");
        return lane;
}

static void claimed_marked_and_run(void **state) {
        (void)state;
        struct lane lane = running();
        assert_int_equal(lane.held_generation, 3);
        assert_int_equal(lane.record.version, 9);
}

static void revoked_drained_released_forgotten(void **state) {
        (void)state;
        struct lane lane = running();
        struct lane_event revoke = assigned(3, 1);
        revoke.revoke = true;
        feed(&lane, revoke);
        feed(&lane, read_as(LANE_RECORD_REVOKING, true, true, 3, 1, 10));
        EXPECT("read pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        EXPECT("release");
        feed(&lane, written(11));
        EXPECT("");
        feed(&lane, simple(LANE_ON_UNASSIGNED));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, false, false, 4, 1, 12));
        EXPECT("read forget");
}

static void a_refused_claim_reads_again_and_runs_nothing(void **state) {
        (void)state;
        struct lane lane;
        lane_init(&lane, true);
        feed(&lane, assigned(3, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 1, 7));
        feed(&lane, simple(LANE_ON_READY));
        feed(&lane, simple(LANE_ON_REFUSED));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, false, false, 4, 1, 8));
        EXPECT("read pump-open claim read pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        feed(&lane, simple(LANE_ON_UNASSIGNED));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, false, false, 4, 1, 8));
        EXPECT("read forget");
}

static void an_unknown_claim_is_read_never_assumed(void **state) {
        (void)state;
        struct lane lane;
        lane_init(&lane, true);
        feed(&lane, assigned(3, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 1, 7));
        feed(&lane, simple(LANE_ON_READY));
        feed(&lane, session(false));
        feed(&lane, simple(LANE_ON_UNKNOWN));
        EXPECT("read pump-open claim");
        feed(&lane, session(true));
        EXPECT("read");
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 1, 8)); /* it had been done */
        EXPECT("pump-start");
}

/* A claim before the clients are made would let a slow owner end the
 * transactions of a later one. */
static void nothing_is_claimed_before_the_clients_are_made(void **state) {
        (void)state;
        struct lane lane;
        *trace = '\0';
        lane_init(&lane, true);
        feed(&lane, assigned(3, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 1, 7));
        feed(&lane, assigned(3, 2));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 2, 8));
        EXPECT("read pump-open read");
        feed(&lane, simple(LANE_ON_READY));
        EXPECT("claim");
}

static void stopping_before_the_claim_leaves_the_record_alone(void **state) {
        (void)state;
        struct lane lane;
        lane_init(&lane, true);
        feed(&lane, assigned(3, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 3, 1, 7));
        feed(&lane, simple(LANE_ON_STOP));
        EXPECT("read pump-open pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        EXPECT("forget");
}

/* Exactly-once: another producer of the lane began; the record says whose the
 * lane is. */
static void refused_by_the_destination_the_owner_starts_again_at_init(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, simple(LANE_ON_FENCED));
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 1, 9));
        EXPECT("read pump-open");
        feed(&lane, simple(LANE_ON_READY));
        EXPECT("pump-start");
        assert_int_equal(lane.held_generation, 3);
}

static void zookeeper_away_changes_nothing_that_runs(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, session(false));
        EXPECT("");
        feed(&lane, session(true));
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 1, 9));
        EXPECT("read");
        assert_int_equal(lane.pump, LANE_PUMP_RUNNING);
}

static void a_new_session_adopts_the_same_lane_without_a_stop(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, session(false));
        feed(&lane, session(true)); /* new incarnation */
        feed(&lane, read_as(LANE_RECORD_OWNED, true, false, 3, 1, 9));
        EXPECT("read");
        feed(&lane, assigned(4, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 4, 1, 10));
        feed(&lane, written(11));
        EXPECT("read claim pump-adopt");
        assert_int_equal(lane.held_generation, 4);
}

/* While we were cut off and went on, its route was disabled, a position was moved, and the route enabled again. */
static void a_position_that_was_moved_is_not_adopted(void **state) {
        (void)state;
        struct lane lane = running();
        struct lane_event read = read_as(LANE_RECORD_ASSIGNED, true, true, 4, 1, 10);
        read.record.moved = true;
        feed(&lane, session(false));
        feed(&lane, session(true)); /* new incarnation */
        feed(&lane, read_as(LANE_RECORD_OWNED, true, false, 3, 1, 9));
        EXPECT("read");
        feed(&lane, assigned(4, 1));
        feed(&lane, read);
        feed(&lane, written(11));
        EXPECT("read claim pump-drain");
}

static void a_lane_that_others_have_is_stopped_and_not_released(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, simple(LANE_ON_UNASSIGNED));
        feed(&lane, read_as(LANE_RECORD_OWNED, false, false, 4, 1, 12));
        EXPECT("read pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        EXPECT("forget");
}

static void fenced_zombie_forgets(void **state) {
        (void)state;
        struct lane lane = running();
        struct lane_event fenced = {.type = LANE_ON_FENCED, .generation = 4};
        feed(&lane, fenced);
        feed(&lane, read_as(LANE_RECORD_OWNED, false, false, 4, 1, 12));
        EXPECT("read");
        feed(&lane, simple(LANE_ON_UNASSIGNED));
        feed(&lane, read_as(LANE_RECORD_OWNED, false, false, 4, 1, 12));
        EXPECT("read forget");
}

static void the_owner_by_record_claims_above_a_foreign_generation(void **state) {
        (void)state;
        struct lane lane = running();
        struct lane_event fenced = {.type = LANE_ON_FENCED, .generation = 50};
        feed(&lane, fenced);
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 1, 9));
        EXPECT("read pump-open");
        feed(&lane, simple(LANE_ON_READY));
        EXPECT("claim");
        assert_int_equal(lane.claim_generation, 51);
        feed(&lane, written(10));
        EXPECT("pump-start");
        assert_int_equal(lane.held_generation, 51);
}

static void added_partitions_reach_the_running_pump(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, assigned(3, 2));
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 2, 10));
        EXPECT("read pump-update");
        feed(&lane, simple(LANE_ON_FACTS));
        feed(&lane, written(11));
        EXPECT("mark pump-go");
}

/* A partition has come from a lane with a higher generation: the lane's own rose, and
 * nobody else has run it. */
static void a_raised_generation_is_adopted_with_its_partition(void **state) {
        (void)state;
        struct lane lane = running();
        struct lane_event read = read_as(LANE_RECORD_OWNED, true, true, 9, 2, 10);
        read.record.raised_from = 3;
        feed(&lane, assigned(9, 2));
        feed(&lane, read);
        EXPECT("read pump-adopt pump-update");
        assert_int_equal(lane.held_generation, 9);
        /* Raised from another one than ours: somebody has run it in between. */
        read = read_as(LANE_RECORD_OWNED, true, true, 20, 3, 11);
        read.record.raised_from = 10;
        feed(&lane, assigned(20, 3));
        feed(&lane, read);
        EXPECT("read pump-drain");
}

static void stopping_drains_and_releases_without_waiting_for_anybody(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, simple(LANE_ON_STOP));
        EXPECT("pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        EXPECT("release");
        feed(&lane, written(10));
        EXPECT("forget");
}

static void a_changed_route_opens_the_pump_again(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, simple(LANE_ON_REOPEN));
        EXPECT("pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        EXPECT("pump-open");
        feed(&lane, simple(LANE_ON_READY));
        EXPECT("pump-start");
        feed(&lane, simple(LANE_ON_RUNNING));
        EXPECT("");
}

/* What was drained while ZooKeeper is away could not be opened again: it runs on. */
static void a_changed_route_waits_for_zookeeper(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, session(false));
        feed(&lane, simple(LANE_ON_REOPEN));
        EXPECT("");
        feed(&lane, session(true)); /* a new session */
        feed(&lane, read_as(LANE_RECORD_OWNED, true, false, 3, 1, 9));
        EXPECT("read");
        feed(&lane, assigned(4, 1));
        feed(&lane, read_as(LANE_RECORD_ASSIGNED, true, true, 4, 1, 10));
        EXPECT("read pump-drain");
        feed(&lane, simple(LANE_ON_DRAINED));
        feed(&lane, simple(LANE_ON_READY));
        feed(&lane, written(11));
        feed(&lane, simple(LANE_ON_RUNNING));
        EXPECT("pump-open claim pump-start");
}

static void opened_anew_it_is_not_opened_once_more(void **state) {
        (void)state;
        struct lane lane = running();
        feed(&lane, session(false));
        feed(&lane, simple(LANE_ON_REOPEN));
        feed(&lane, simple(LANE_ON_FENCED));
        feed(&lane, session(true));
        feed(&lane, read_as(LANE_RECORD_OWNED, true, true, 3, 1, 9));
        feed(&lane, simple(LANE_ON_READY));
        feed(&lane, simple(LANE_ON_RUNNING));
        EXPECT("read pump-open pump-start");
}

/* Random events in any order: it comes to rest, never runs what is not ours,
 * and never has two requests under way. */
static void random_lives(void **state) {
        (void)state;
        unsigned seed = 11;
        for (int round = 0; round < 100000; round++) {
                struct lane lane;
                lane_init(&lane, rand_r(&seed) % 2);
                for (int step = 0; step < 30; step++) {
                        struct lane_event event = {.type = (enum lane_event_type)((unsigned)rand_r(&seed) %
                                                                                 (LANE_ON_STOP + 1))};
                        bool answer = event.type >= LANE_ON_READ && event.type <= LANE_ON_UNKNOWN;
                        if (answer && lane.request == LANE_REQUEST_NONE) continue;
                        if (event.type == LANE_ON_READ && lane.request != LANE_REQUEST_READ) continue;
                        if (event.type == LANE_ON_WRITTEN && lane.request == LANE_REQUEST_READ) continue;
                        if (event.type == LANE_ON_FENCED &&
                            (lane.pump < LANE_PUMP_OPENING || lane.pump > LANE_PUMP_DRAINING))
                                continue;
                        if (event.type == LANE_ON_DRAINED && lane.pump != LANE_PUMP_DRAINING) continue;
                        event.generation = (uint64_t)(1 + rand_r(&seed) % 4);
                        event.spec = (uint32_t)(1 + rand_r(&seed) % 2);
                        event.connected = rand_r(&seed) % 4 != 0;
                        event.missing = rand_r(&seed) % 16 == 0;
                        event.record = (struct lane_record){(enum lane_record_state)(rand_r(&seed) % 4),
                                                            rand_r(&seed) % 3 != 0, rand_r(&seed) % 2,
                                                            event.generation, event.spec, step,
                                                            (uint64_t)(rand_r(&seed) % 3), rand_r(&seed) % 8 == 0};
                        enum lane_request before = lane.request;
                        enum lane_action action = lane_step(&lane, &event);
                        int turns = 0;
                        for (; action != LANE_NOTHING && action != LANE_FORGET; action = lane_step(&lane, NULL)) {
                                assert_true(++turns < 10);
                                bool request = action == LANE_READ || action == LANE_CLAIM ||
                                               action == LANE_MARK || action == LANE_RELEASE;
                                if (request && !answer) assert_int_equal(before, LANE_REQUEST_NONE);
                                if (action == LANE_CLAIM)
                                        assert_true(lane.pump >= LANE_PUMP_READY && lane.pump <= LANE_PUMP_RUNNING);
                                if (action == LANE_PUMP_OPEN || action == LANE_PUMP_START) {
                                        assert_true(lane.record.state == LANE_RECORD_OWNED ||
                                                    (action == LANE_PUMP_OPEN &&
                                                     lane.record.state == LANE_RECORD_ASSIGNED));
                                        assert_true(lane.record.owner_is_me && lane.record.incarnation_is_me);
                                }
                                if (action == LANE_RELEASE)
                                        assert_true(lane.pump == LANE_PUMP_DRAINED || lane.pump == LANE_PUMP_IDLE);
                        }
                        if (action == LANE_FORGET) break;
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(claimed_marked_and_run),
                cmocka_unit_test(revoked_drained_released_forgotten),
                cmocka_unit_test(a_refused_claim_reads_again_and_runs_nothing),
                cmocka_unit_test(an_unknown_claim_is_read_never_assumed),
                cmocka_unit_test(nothing_is_claimed_before_the_clients_are_made),
                cmocka_unit_test(stopping_before_the_claim_leaves_the_record_alone),
                cmocka_unit_test(refused_by_the_destination_the_owner_starts_again_at_init),
                cmocka_unit_test(zookeeper_away_changes_nothing_that_runs),
                cmocka_unit_test(a_new_session_adopts_the_same_lane_without_a_stop),
                cmocka_unit_test(a_position_that_was_moved_is_not_adopted),
                cmocka_unit_test(a_lane_that_others_have_is_stopped_and_not_released),
                cmocka_unit_test(fenced_zombie_forgets),
                cmocka_unit_test(the_owner_by_record_claims_above_a_foreign_generation),
                cmocka_unit_test(added_partitions_reach_the_running_pump),
                cmocka_unit_test(a_raised_generation_is_adopted_with_its_partition),
                cmocka_unit_test(stopping_drains_and_releases_without_waiting_for_anybody),
                cmocka_unit_test(a_changed_route_opens_the_pump_again),
                cmocka_unit_test(a_changed_route_waits_for_zookeeper),
                cmocka_unit_test(opened_anew_it_is_not_opened_once_more),
                cmocka_unit_test(random_lives),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
