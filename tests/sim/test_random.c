/* Seeded random histories of a whole cluster, and one history with a fault at
 * each of its step boundaries.  Laws are checked at each write (sim_check.c);
 * at the end of the faults everything must come to rest as it should be, and
 * the loss of one more worker must move its lanes alone.
 *
 * HELIOSTAT_SEED replays one history, HELIOSTAT_HISTORIES changes their number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/unit/test.h"

#define HISTORIES 2000
#define SETTLE_MS 200000

static uint64_t partition_moves; /* in all histories so far */

static uint32_t below(struct sim *sim, uint32_t n) { return (uint32_t)(sim_random(sim) % n); }

static struct sim_client *any(struct sim *sim) {
        return &sim->clients[below(sim, (uint32_t)sim->client_count)];
}

static struct sim_client *any_worker(struct sim *sim) {
        for (;;) {
                struct sim_client *client = any(sim);
                if (!client->coordinator) return client;
        }
}

static void act(struct sim *sim, uint32_t lanes) {
        static const char *const topics[] = {"a", "b", "c", "d"};
        switch (below(sim, 20)) {
        case 0:
        case 1:
                sim_kill(any(sim));
                break;
        case 2:
        case 3:
        case 4:
                sim_restart(any(sim));
                break;
        case 5:
                sim_stop(any_worker(sim));
                break;
        case 6:
                sim_pause(any(sim));
                break;
        case 7:
        case 8:
                sim_resume(any(sim));
                break;
        case 9:
                sim_cut(any(sim));
                break;
        case 10:
        case 11:
                sim_mend(any(sim));
                break;
        case 12:
                sim_usurp(sim);
                break;
        case 13: {
                const char *topic = topics[below(sim, 4)];
                uint32_t had = 0;
                for (size_t i = 0; i < sim->topic_count; i++)
                        if (strcmp(sim->topics[i].topic, topic) == 0) had = sim->topics[i].partitions;
                sim_topic(sim, topic, had + 1 + below(sim, 4));
                break;
        }
        case 14:
                sim_route(sim, lanes, below(sim, 3) != 0);
                break;
        case 15:
        case 16:
                sim_answer(sim, below(sim, lanes));
                break;
        case 17:
        case 18:
                sim_leave(sim, below(sim, lanes), below(sim, lanes + 1)); /* also to itself, and to one that is not there */
                break;
        default: /* the whole ensemble is away, then back */
                for (size_t i = 0; i < sim->client_count; i++) sim_cut(&sim->clients[i]);
                sim_run_until(sim, sim->now_ms + below(sim, 20000));
                for (size_t i = 0; i < sim->client_count; i++) sim_mend(&sim->clients[i]);
        }
}

static void heal(struct sim *sim, uint32_t lanes) {
        sim_route(sim, lanes, true);
        for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < sim->client_count; i++) {
                        sim_resume(&sim->clients[i]);
                        sim_mend(&sim->clients[i]);
                        sim_restart(&sim->clients[i]);
                }
                sim_run_until(sim, sim->now_ms + 10000); /* those that were stopping end */
        }
}

static void settle(struct sim *sim, const char *what) {
        const char *wrong = sim_run_until_settled(sim, sim->now_ms + SETTLE_MS);
        if (wrong) sim_fail(sim, "%s: not settled: %s", what, wrong);
}

/* Kills a worker: only its lanes move. */
static void lose_one(struct sim *sim) {
        struct sim_client *lost = any_worker(sim);
        char owners[32][40];
        uint64_t generations[32];
        size_t workers = 0;
        for (size_t i = 0; i < sim->client_count; i++) workers += !sim->clients[i].coordinator;
        if (workers < 2) return;
        for (uint32_t k = 0; k < 32; k++) {
                (void)snprintf(owners[k], sizeof owners[k], "%s", sim_owner(sim, k));
                generations[k] = sim_generation(sim, k);
        }
        sim_kill(lost);
        sim_run_until(sim, sim->now_ms + sim->options.session_timeout_ms + 500);
        settle(sim, "after a loss");
        for (uint32_t k = 0; k < 32; k++) {
                if (!*owners[k] || strcmp(owners[k], lost->id) == 0) continue;
                if (strcmp(sim_owner(sim, k), owners[k]) != 0 || sim_generation(sim, k) != generations[k])
                        sim_fail(sim, "lane %u of %s moved when %s was lost", k, owners[k], lost->id);
        }
}

static void history(uint64_t seed, bool tracing) {
        struct sim *sim = malloc(sizeof *sim);
        char id[16];
        assert_non_null(sim);
        sim_init(sim, seed);
        sim->tracing = tracing;
        sim->jittery = true;
        sim->delay_max_ms = 1 + below(sim, 60);
        sim->options.session_timeout_ms = 2000 + (int)below(sim, 6000);
        uint32_t lanes = 1 + below(sim, 8);
        uint32_t coordinators = 1 + below(sim, 3), workers = 1 + below(sim, 5);
        if (below(sim, 2)) sim_route(sim, lanes, true);
        for (uint32_t i = 0; i < coordinators; i++) {
                (void)snprintf(id, sizeof id, "c%u", i + 1);
                sim_start(sim, id, true);
        }
        for (uint32_t i = 0; i < workers; i++) {
                (void)snprintf(id, sizeof id, "w%u", i + 1);
                sim_start(sim, id, false);
        }
        for (uint32_t i = 5 + below(sim, 30); i > 0; i--) {
                act(sim, lanes);
                sim_run_until(sim, sim->now_ms + (below(sim, 3) ? below(sim, 400) : below(sim, 9000)));
        }
        heal(sim, lanes);
        settle(sim, "after all faults");
        lose_one(sim);
        partition_moves += sim->partition_moves;
        sim_fini(sim);
        free(sim);
}

static void random_histories(void **state) {
        (void)state;
        const char *seed_text = getenv("HELIOSTAT_SEED");
        const char *count_text = getenv("HELIOSTAT_HISTORIES");
        uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 1;
        long count = seed_text ? 1 : HISTORIES;
        if (count_text) count = strtol(count_text, NULL, 0);
        print_message("cluster histories: %ld from HELIOSTAT_SEED=%llu\n", count,
                      (unsigned long long)seed);
        for (long i = 0; i < count; i++) {
                /* an abort prints no seed, so it is said before */
                if (getenv("HELIOSTAT_VERBOSE"))
                        print_message("HELIOSTAT_SEED=%llu\n", (unsigned long long)(seed + (uint64_t)i));
                history(seed + (uint64_t)i, true);
        }
        print_message("partitions that changed their lane: %llu\n", (unsigned long long)partition_moves);
        assert_true(count < HISTORIES || partition_moves > 100);
}

/* ---- a fault at each step boundary --------------------------------------- */

static void kill_leader(struct sim *sim) {
        for (size_t i = 0; i < sim->client_count; i++)
                if (sim->clients[i].cluster) return sim_kill(&sim->clients[i]);
}

static void pause_leader(struct sim *sim) {
        for (size_t i = 0; i < sim->client_count; i++)
                if (sim->clients[i].cluster) return sim_pause(&sim->clients[i]);
}

static void cut_leader(struct sim *sim) {
        for (size_t i = 0; i < sim->client_count; i++)
                if (sim->clients[i].cluster) return sim_cut(&sim->clients[i]);
}

static void kill_worker(struct sim *sim) { sim_kill(&sim->clients[3]); }
static void pause_worker(struct sim *sim) { sim_pause(&sim->clients[3]); }
static void cut_worker(struct sim *sim) { sim_cut(&sim->clients[3]); }
static void no_fault(struct sim *sim) { (void)sim; }

/* Start, join, growth, stop: returns how many requests the server took. */
static uint64_t fixed_history(void (*fault)(struct sim *sim), uint64_t fault_at) {
        struct sim *sim = malloc(sizeof *sim);
        assert_non_null(sim);
        sim_init(sim, 7);
        sim->fault = fault;
        sim->fault_at = fault_at;
        sim->options.session_timeout_ms = 4000;
        sim_route(sim, 6, true);
        sim_topic(sim, "a", 9);
        sim_start(sim, "c1", true);
        sim_start(sim, "c2", true);
        sim_start(sim, "w1", false);
        sim_start(sim, "w2", false);
        sim_run_until(sim, 3000);
        sim_start(sim, "w3", false);
        sim_run_until(sim, 5000);
        sim_topic(sim, "b", 5);
        sim_run_until(sim, 5500);
        sim_leave(sim, 1, 4);
        sim_run_until(sim, 5900);
        sim_leave(sim, 4, 1);
        sim_stop(&sim->clients[2]);
        sim_run_until(sim, 12000);
        uint64_t executed = sim->executed_count;
        heal(sim, 6);
        settle(sim, "after the fault");
        if (fault == no_fault) assert_int_equal(sim->partition_moves, 2);
        sim_fini(sim);
        free(sim);
        return executed;
}

static void a_fault_at_each_boundary(void **state) {
        (void)state;
        static const struct {
                const char *name;
                void (*fault)(struct sim *sim);
        } faults[] = {{"kill the leader", kill_leader}, {"pause the leader", pause_leader},
                      {"cut the leader off", cut_leader}, {"kill a worker", kill_worker},
                      {"pause a worker", pause_worker}, {"cut a worker off", cut_worker}};
        uint64_t boundaries = fixed_history(no_fault, 0);
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
                print_message("%s at each of %llu boundaries\n", faults[i].name,
                              (unsigned long long)boundaries);
                for (uint64_t at = 1; at <= boundaries; at++) (void)fixed_history(faults[i].fault, at);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_fault_at_each_boundary),
                cmocka_unit_test(random_histories),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
