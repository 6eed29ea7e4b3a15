/* The planner's laws: over seeded random histories (HELIOSTAT_SEED replays one
 * run, HELIOSTAT_HISTORIES changes their number), by enumeration of all small
 * placements, and in time.
 *
 * Kept small per history, so that the sanitized build runs them all too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "coordinator/plan.h"
#include "tests/unit/test.h"

#define MEMBERS 8
#define LANES 16
#define HISTORIES 100000
#define STEPS 6

static uint64_t rng_state;

static uint64_t rng(void) {
        uint64_t z = (rng_state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static uint32_t below(uint32_t n) { return (uint32_t)(rng() % n); }

static const char *const member_names[MEMBERS] = {"w3", "w1", "w10", "w2", "a", "z", "w0", "b"};
static const char *const route_names[2] = {"east->west", "north->south"};

static const char *const zone_names[3] = {"north", "south", ""};

struct world {
        bool tight;
        uint32_t tolerance;
        struct plan_member members[MEMBERS];
        size_t member_count;
        struct plan_lane lanes[LANES];
        size_t lane_count;
};

static struct plan_view view_of(const struct world *world) {
        return (struct plan_view){world->members, world->member_count, world->lanes,
                                  world->lane_count, world->tight, world->tolerance};
}

static const struct plan_member *find(const struct world *world, const char *id) {
        for (size_t i = 0; id && i < world->member_count; i++)
                if (strcmp(world->members[i].id, id) == 0) return &world->members[i];
        return NULL;
}

static bool usable(const struct world *world, const char *id) {
        const struct plan_member *member = find(world, id);
        return member && !member->draining;
}

static size_t usable_count(const struct world *world) {
        size_t count = 0;
        for (size_t i = 0; i < world->member_count; i++) count += !world->members[i].draining;
        return count;
}

static uint64_t weight_on(const struct world *world, const char *id) {
        uint64_t sum = 0;
        for (size_t i = 0; i < world->lane_count; i++)
                if (world->lanes[i].owner && strcmp(world->lanes[i].owner, id) == 0)
                        sum += world->lanes[i].weight;
        return sum;
}

static uint64_t heaviest(const struct world *world) {
        uint64_t max = 0;
        for (size_t i = 0; i < world->lane_count; i++)
                if (world->lanes[i].weight > max) max = world->lanes[i].weight;
        return max;
}

static bool pinned(const struct world *world, size_t i) { return usable(world, world->lanes[i].pin); }

/* Not moved for balance. */
static bool fixed(const struct world *world, size_t i) { return pinned(world, i) || world->lanes[i].avoid; }

/* Gets nothing. */
static bool closed(const struct world *world, const struct plan_member *member) {
        bool open = false;
        for (size_t i = 0; i < world->member_count; i++)
                open = open || (!world->members[i].draining && !world->members[i].ailing);
        return open && member->ailing;
}

static bool must_leave(const struct world *world, size_t i) {
        const struct plan_lane *lane = &world->lanes[i];
        if (pinned(world, i) || !lane->avoid || !lane->owner || strcmp(lane->avoid, lane->owner) != 0) return false;
        for (size_t m = 0; m < world->member_count; m++) {
                const struct plan_member *member = &world->members[m];
                if (!member->draining && !closed(world, member) && strcmp(member->id, lane->avoid) != 0) return true;
        }
        return false;
}

/* ---- zones, as the header defines them ---- */

static const char *zone_at(const struct world *world, const char *id) {
        const struct plan_member *member = find(world, id);
        return member->zone ? member->zone : "";
}

static long over_share(const struct world *world, const char *route, const char *zone) {
        uint64_t in_zone = 0, all = 0, total = 0;
        long count = 0;
        for (size_t i = 0; i < world->member_count; i++) {
                const struct plan_member *member = &world->members[i];
                if (member->draining) continue;
                all += member->capacity;
                if (strcmp(zone_at(world, member->id), zone) == 0) in_zone += member->capacity;
        }
        for (size_t i = 0; i < world->lane_count; i++) {
                if (world->lanes[i].route != route) continue;
                total++;
                count += strcmp(zone_at(world, world->lanes[i].owner), zone) == 0;
        }
        return count - (long)((total * in_zone + all - 1) / all);
}

static bool an_exchange_would_help(const struct world *world) {
        for (size_t a = 0; a < world->lane_count; a++) {
                const struct plan_lane *x = &world->lanes[a];
                const char *from = zone_at(world, x->owner);
                if (fixed(world, a) || closed(world, find(world, x->owner)) || over_share(world, x->route, from) <= 0) continue;
                for (size_t b = 0; b < world->lane_count; b++) {
                        const struct plan_lane *y = &world->lanes[b];
                        const char *to = zone_at(world, y->owner);
                        if (fixed(world, b) || closed(world, find(world, y->owner)) || x->weight != y->weight ||
                            x->route == y->route || strcmp(from, to) == 0)
                                continue;
                        if (over_share(world, x->route, to) < 0 && over_share(world, y->route, from) < 0) return true;
                }
        }
        return false;
}

static bool has_free_lanes(const struct world *world, const char *id) {
        for (size_t i = 0; i < world->lane_count; i++)
                if (!fixed(world, i) && world->lanes[i].owner && strcmp(world->lanes[i].owner, id) == 0)
                        return true;
        return false;
}

/* load(m) <= load(n) + heaviest / capacity(n), cross-multiplied; a member with
 * pinned lanes only may have more */
static bool balanced(const struct world *world) {
        uint64_t h = heaviest(world);
        for (size_t m = 0; m < world->member_count; m++) {
                if (!has_free_lanes(world, world->members[m].id)) continue;
                for (size_t n = 0; n < world->member_count; n++) {
                        const struct plan_member *a = &world->members[m], *b = &world->members[n];
                        if (a->draining || b->draining || closed(world, b)) continue;
                        if (weight_on(world, a->id) * b->capacity >
                            (weight_on(world, b->id) + h) * a->capacity)
                                return false;
                }
        }
        return true;
}

static bool pins_hold(const struct world *world) {
        for (size_t i = 0; i < world->lane_count; i++)
                if (pinned(world, i) && !(world->lanes[i].owner &&
                                          strcmp(world->lanes[i].owner, world->lanes[i].pin) == 0))
                        return false;
        return true;
}

static void shuffle(struct world *world) {
        for (size_t i = world->member_count; i > 1; i--) {
                size_t k = below((uint32_t)i);
                struct plan_member t = world->members[i - 1];
                world->members[i - 1] = world->members[k];
                world->members[k] = t;
        }
        for (size_t i = world->lane_count; i > 1; i--) {
                size_t k = below((uint32_t)i);
                struct plan_lane t = world->lanes[i - 1];
                world->lanes[i - 1] = world->lanes[k];
                world->lanes[k] = t;
        }
}

static const struct plan_lane *lane_of(const struct world *world, const struct plan_lane *like) {
        for (size_t i = 0; i < world->lane_count; i++)
                if (world->lanes[i].lane == like->lane && world->lanes[i].route == like->route)
                        return &world->lanes[i];
        return NULL;
}

/* Plans, checks the laws that hold for any input, and makes the plan true. */
static size_t plan_and_apply(struct world *world) {
        struct plan_view view = view_of(world);
        struct plan plan;
        assert_int_equal(plan_compute(&view, &plan), 0);
        assert_int_equal(plan.lane_count, world->lane_count);

        struct world after = *world;
        size_t moves = 0;
        for (size_t i = 0; i < world->lane_count; i++) {
                if (usable_count(world) == 0) {
                        assert_int_equal(plan.owner[i], PLAN_NOBODY);
                        after.lanes[i].owner = NULL;
                        continue;
                }
                assert_true(plan.owner[i] < world->member_count);
                assert_false(world->members[plan.owner[i]].draining);
                after.lanes[i].owner = world->members[plan.owner[i]].id;
                moves += usable(world, world->lanes[i].owner) &&
                         strcmp(world->lanes[i].owner, after.lanes[i].owner) != 0;
        }
        assert_int_equal(plan.move_count, moves);
        plan_fini(&plan);
        assert_true(balanced(&after));
        assert_true(pins_hold(&after));
        bool leaves = false;
        for (size_t i = 0; i < world->lane_count; i++) {
                leaves = leaves || must_leave(world, i) || (world->lanes[i].avoid && !usable(world, world->lanes[i].owner));
                if (usable_count(world)) assert_false(must_leave(&after, i));
                /* whoever is closed gets nothing */
                const struct plan_member *to = find(world, after.lanes[i].owner);
                if (to && closed(world, to) && !pinned(world, i)) assert_string_equal(world->lanes[i].owner, to->id);
        }
        if (balanced(world) && pins_hold(world) && !leaves && !world->tight) {
                /* what is balanced stays: no move unless the orphans force one */
                assert_int_equal(moves, 0);
        }
        if (world->tight && usable_count(world)) assert_false(an_exchange_would_help(&after));

        /* the order of the input is irrelevant */
        struct world shuffled = *world;
        shuffle(&shuffled);
        view = view_of(&shuffled);
        assert_int_equal(plan_compute(&view, &plan), 0);
        for (size_t i = 0; i < shuffled.lane_count; i++) {
                const char *owner = lane_of(&after, &shuffled.lanes[i])->owner;
                if (plan.owner[i] == PLAN_NOBODY)
                        assert_null(owner);
                else
                        assert_string_equal(shuffled.members[plan.owner[i]].id, owner);
        }
        plan_fini(&plan);

        /* planning again changes nothing */
        view = view_of(&after);
        assert_int_equal(plan_compute(&view, &plan), 0);
        assert_int_equal(plan.move_count, 0);
        for (size_t i = 0; i < after.lane_count; i++) {
                if (plan.owner[i] == PLAN_NOBODY)
                        assert_null(after.lanes[i].owner);
                else
                        assert_string_equal(after.members[plan.owner[i]].id,
                                            after.lanes[i].owner);
        }
        plan_fini(&plan);
        *world = after;
        return moves;
}

static void lose(struct world *world, size_t at, bool drain) {
        const char *lost = world->members[at].id;
        struct world before = *world;
        if (drain)
                world->members[at].draining = true;
        else
                world->members[at] = world->members[--world->member_count];
        (void)plan_and_apply(world);
        if (usable_count(world) == 0) return;
        /* who is the last healthy one, or where one lane must not be, may force others to move */
        for (size_t i = 0; i < before.lane_count; i++)
                if (before.lanes[i].avoid) return;
        for (size_t i = 0; i < before.member_count; i++)
                if (before.members[i].ailing) return;
        /* only its lanes moved */
        for (size_t i = 0; i < world->lane_count; i++) {
                const char *was = before.lanes[i].owner;
                if (was && strcmp(was, lost) != 0)
                        assert_string_equal(world->lanes[i].owner, was);
        }
}

static void join(struct world *world, uint32_t capacity) {
        const char *id = NULL;
        size_t start = below(MEMBERS);
        for (size_t i = 0; i < MEMBERS && !id; i++)
                if (!find(world, member_names[(start + i) % MEMBERS]))
                        id = member_names[(start + i) % MEMBERS];
        if (!id) return;
        struct world before = *world;
        bool zoned = world->member_count && world->members[0].zone;
        world->members[world->member_count++] =
                (struct plan_member){.id = id, .capacity = capacity, .zone = zoned ? zone_names[below(3)] : NULL};
        (void)plan_and_apply(world);
        if (usable_count(&before) == 0) return;
        for (size_t i = 0; i < world->lane_count; i++)
                if (fixed(world, i)) return; /* its pinned lanes may be any number, and leave holes */
        for (size_t i = 0; i < world->member_count; i++)
                if (world->members[i].ailing) return; /* they get no share */

        uint64_t total = 0, capacities = 0, h = heaviest(world);
        uint32_t smallest = UINT32_MAX;
        bool uniform = true;
        for (size_t i = 0; i < world->lane_count; i++) {
                total += world->lanes[i].weight;
                uniform = uniform && world->lanes[i].weight == h;
                /* lanes moved to the newcomer or not at all */
                const char *was = before.lanes[i].owner, *is = world->lanes[i].owner;
                assert_true(strcmp(was, is) == 0 || strcmp(is, id) == 0 ||
                            !usable(&before, was) || capacity != 100);
        }
        for (size_t i = 0; i < world->member_count; i++) {
                if (world->members[i].draining) continue;
                capacities += world->members[i].capacity;
                uniform = uniform && world->members[i].capacity == capacity;
                if (world->members[i].capacity < smallest) smallest = world->members[i].capacity;
        }
        /* its share and at most one lane (of the smallest member) more */
        uint64_t has = weight_on(world, id);
        assert_true(has * capacities * smallest <=
                    total * capacity * smallest + h * capacity * capacities);
        if (uniform) assert_true(has * usable_count(world) <= total); /* not even a lane more */
}

/* Pins to members, to the dead, and to nobody. */
static void pin_some(struct world *world) {
        for (size_t i = 0; i < world->lane_count; i++)
                if (below(4) == 0) world->lanes[i].pin = below(3) ? member_names[below(MEMBERS)] : NULL;
}

static void random_history(void) {
        struct world world = {0};
        bool even = below(2) == 0, pins = below(3) == 0, zones = below(2) == 0, ills = below(4) == 0;
        size_t members = below(5), lanes = below(LANES + 1);
        for (size_t i = 0; i < lanes; i++)
                world.lanes[world.lane_count++] = (struct plan_lane){
                        route_names[i % 2], (uint32_t)i / 2, even ? 1 : 1 + below(20), NULL, NULL, NULL};
        for (size_t i = 0; i < members; i++)
                world.members[world.member_count++] =
                        (struct plan_member){.id = member_names[i], .capacity = even ? 100 : 1 + below(300),
                                             .zone = zones ? zone_names[below(3)] : NULL};
        (void)plan_and_apply(&world);
        for (int step = 0; step < STEPS; step++) {
                switch (below(pins ? 9 : ills ? 8 : 7)) {
                case 6: /* a quiet time */
                        world.tight = true;
                        world.tolerance = below(2) ? 0 : below(30);
                        (void)plan_and_apply(&world);
                        world.tight = false;
                        break;
                case 7:
                        if (!ills) break;
                        for (size_t i = 0; i < world.member_count; i++) world.members[i].ailing = below(3) == 0;
                        for (size_t i = 0; i < world.lane_count; i++)
                                world.lanes[i].avoid = below(4) ? NULL : member_names[below(MEMBERS)];
                        (void)plan_and_apply(&world);
                        break;
                case 8:
                        pin_some(&world);
                        (void)plan_and_apply(&world);
                        break;
                case 0:
                        join(&world, even ? 100 : 1 + below(300));
                        break;
                case 1:
                        if (world.member_count)
                                lose(&world, below((uint32_t)world.member_count), false);
                        break;
                case 2:
                        if (world.member_count)
                                lose(&world, below((uint32_t)world.member_count), true);
                        break;
                case 3: /* a drained member is back */
                        for (size_t i = 0; i < world.member_count; i++)
                                world.members[i].draining = false;
                        (void)plan_and_apply(&world);
                        break;
                case 4:
                        if (world.lane_count)
                                world.lanes[below((uint32_t)world.lane_count)].weight =
                                        even ? 1 : 1 + below(40);
                        (void)plan_and_apply(&world);
                        break;
                default:
                        if (world.lane_count < LANES) {
                                uint32_t i = (uint32_t)world.lane_count++;
                                world.lanes[i] = (struct plan_lane){
                                        route_names[i % 2], i / 2, even ? 1 : 1 + below(20), NULL, NULL, NULL};
                        }
                        (void)plan_and_apply(&world);
                }
        }
}

static void laws_hold_over_random_histories(void **state) {
        (void)state;
        const char *seed_text = getenv("HELIOSTAT_SEED");
        const char *count_text = getenv("HELIOSTAT_HISTORIES");
        uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 20261;
        long count = count_text ? strtol(count_text, NULL, 0) : HISTORIES;
        print_message("plan histories: %ld, HELIOSTAT_SEED=%llu\n", count,
                      (unsigned long long)seed);
        rng_state = seed;
        for (long i = 0; i < count; i++) random_history();
}

/* Fewest lanes that must leave a living owner to come within the bound. */
static size_t fewest_moves(const struct world *world, size_t members, size_t lanes) {
        size_t best = SIZE_MAX, total = 1;
        for (size_t i = 0; i < lanes; i++) total *= members;
        for (size_t code = 0; code < total; code++) {
                struct world candidate = *world;
                size_t moves = 0, rest = code;
                for (size_t i = 0; i < lanes; i++, rest /= members) {
                        candidate.lanes[i].owner = world->members[rest % members].id;
                        moves += usable(world, world->lanes[i].owner) &&
                                 strcmp(world->lanes[i].owner, candidate.lanes[i].owner) != 0;
                }
                if (moves < best && pins_hold(&candidate) && balanced(&candidate)) best = moves;
        }
        return best;
}

static void all_small_placements(void **state) {
        (void)state;
        for (size_t members = 0; members <= 3; members++) {
                for (size_t lanes = 0; lanes <= 5; lanes++) {
                        /* owner of each lane: a member, a dead one, nobody */
                        size_t choices = members + 2, total = 1;
                        for (size_t i = 0; i < lanes; i++) total *= choices;
                        for (size_t code = 0; code < total; code++) {
                                struct world world = {.member_count = members,
                                                      .lane_count = lanes};
                                for (size_t i = 0; i < members; i++)
                                        world.members[i] = (struct plan_member){.id = member_names[i], .capacity = 100};
                                size_t rest = code;
                                for (size_t i = 0; i < lanes; i++, rest /= choices) {
                                        size_t c = rest % choices;
                                        world.lanes[i] = (struct plan_lane){
                                                route_names[0], (uint32_t)i, 3,
                                                c < members    ? member_names[c]
                                                : c == members ? "dead"
                                                               : NULL,
                                                NULL, NULL};
                                }
                                size_t fewest =
                                        members ? fewest_moves(&world, members, lanes) : 0;
                                assert_int_equal(plan_and_apply(&world), fewest);
                        }
                }
        }
}

/* Every owner and every pin of up to three lanes: a member, a dead one, nobody. */
static void all_small_placements_with_pins(void **state) {
        (void)state;
        for (size_t members = 1; members <= 3; members++) {
                for (size_t lanes = 1; lanes <= 3; lanes++) {
                        size_t choices = members + 2, total = 1;
                        for (size_t i = 0; i < 2 * lanes; i++) total *= choices;
                        for (size_t code = 0; code < total; code++) {
                                struct world world = {.member_count = members, .lane_count = lanes};
                                const char *names[5] = {0};
                                for (size_t i = 0; i < members; i++) {
                                        world.members[i] = (struct plan_member){.id = member_names[i], .capacity = 100};
                                        names[i] = member_names[i];
                                }
                                names[members] = "dead";
                                size_t rest = code;
                                for (size_t i = 0; i < lanes; i++) {
                                        world.lanes[i] = (struct plan_lane){
                                                route_names[0], (uint32_t)i, 3, names[rest % choices],
                                                names[rest / choices % choices], NULL};
                                        rest /= choices * choices;
                                }
                                size_t fewest = fewest_moves(&world, members, lanes);
                                assert_int_equal(plan_and_apply(&world), fewest);
                        }
                }
        }
}

static void bad_input_is_an_error_value(void **state) {
        (void)state;
        struct plan plan = {.move_count = 77};
        struct plan_member two[] = {{.id = "a", .capacity = 1}, {.id = "a", .capacity = 1}};
        struct plan_member zero[] = {{.id = "a", .capacity = 0}};
        struct plan_lane twice[] = {{"e->w", 1, 1, NULL, NULL, NULL}, {"e->w", 1, 2, NULL, NULL, NULL}};
        struct plan_lane empty[] = {{"e->w", 1, 0, NULL, NULL, NULL}};
        struct plan_view rows[] = {
                {two, 2, NULL, 0, false, 0}, {zero, 1, NULL, 0, false, 0}, {two, 1, twice, 2, false, 0}, {two, 1, empty, 1, false, 0}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(plan_compute(&rows[i], &plan), ERR_INVALID);
        struct plan_view big = {two, 1, twice, PLAN_LANES_MAX + 1, false, 0};
        assert_int_equal(plan_compute(&big, &plan), ERR_TOO_MANY);
        assert_int_equal(plan.move_count, 77);
}

/* What `rebalance` asks for: no move of one lane makes the fullest member less full; pins stay, and
 * asking again changes nothing. */
static void a_tight_plan_is_as_even_as_single_moves_make_it(void **state) {
        (void)state;
        struct plan_member members[] = {{.id = "a", .capacity = 1}, {.id = "b", .capacity = 1}, {.id = "c", .capacity = 2}};
        rng_state = 9;
        for (int round = 0; round < 2000; round++) {
                struct plan_lane lanes[12];
                const size_t count = 1 + (size_t)(rng_state % 12);
                for (uint32_t i = 0; i < count; i++) {
                        rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
                        uint32_t r = (uint32_t)(rng_state >> 33);
                        lanes[i] = (struct plan_lane){"e->w", i, 1 + r % 7, members[r / 7 % 3].id, r / 21 % 5 ? NULL : members[r / 105 % 3].id, NULL};
                }
                struct plan_view view = {members, 3, lanes, count, true, 0};
                struct plan plan;
                assert_int_equal(plan_compute(&view, &plan), 0);
                double load[3] = {0}, most = 0, least = 1e9;
                for (size_t i = 0; i < count; i++) {
                        load[plan.owner[i]] += (double)lanes[i].weight / members[plan.owner[i]].capacity;
                        if (lanes[i].pin) assert_string_equal(members[plan.owner[i]].id, lanes[i].pin);
                }
                size_t receiver = 0;
                for (size_t k = 0; k < 3; k++) {
                        if (load[k] < least) least = load[receiver = k];
                        if (load[k] > most) most = load[k];
                }
                size_t fullest = 0; /* of two that are equally full, moving from one helps nobody */
                for (size_t k = 0; k < 3; k++) fullest += load[k] > most - 1e-9;
                for (size_t i = 0; fullest == 1 && i < count; i++) {
                        uint32_t owner = plan.owner[i];
                        if (lanes[i].pin || owner == receiver || load[owner] < most) continue;
                        assert_true(least + (double)lanes[i].weight / members[receiver].capacity >= most - 1e-9);
                }
                for (size_t i = 0; i < count; i++) lanes[i].owner = members[plan.owner[i]].id;
                plan_fini(&plan);
                assert_int_equal(plan_compute(&view, &plan), 0);
                assert_int_equal(plan.move_count, 0);
                plan_fini(&plan);
                view.tight = false; /* and the ordinary plan leaves it so */
                assert_int_equal(plan_compute(&view, &plan), 0);
                assert_int_equal(plan.move_count, 0);
                plan_fini(&plan);
        }
}

/* From nothing, and after the zone's members came last: each route has its share in every zone. */
static void routes_are_spread_over_zones(void **state) {
        (void)state;
        rng_state = 11;
        for (int round = 0; round < 3000; round++) {
                struct world world = {.tight = true};
                size_t zones = 2 + below(2), each = 1 + below(2);
                for (size_t i = 0; i < zones * each; i++)
                        world.members[world.member_count++] = (struct plan_member){
                                .id = member_names[i], .capacity = 100, .zone = zone_names[i % zones]};
                world.lane_count = 1 + below(LANES);
                for (uint32_t i = 0; i < world.lane_count; i++)
                        world.lanes[i] = (struct plan_lane){route_names[i % 2], i / 2, 5, NULL, NULL, NULL};
                size_t late = below(2) ? each : 0; /* the first zone's members come last */
                for (size_t i = 0; i < world.member_count && late; i++) world.members[i].draining = i % zones == 0;
                (void)plan_and_apply(&world);
                for (size_t i = 0; i < world.member_count; i++) world.members[i].draining = false;
                (void)plan_and_apply(&world);
                for (size_t r = 0; r < 2; r++)
                        for (size_t z = 0; z < zones; z++) assert_true(over_share(&world, route_names[r], zone_names[z]) <= 0);
        }
}

/* One lane that is heavier than a worker's share: the others are evened out all the same, and no
 * crumbs are carried about. */
static void a_hot_lane_does_not_stop_the_rest(void **state) {
        (void)state;
        struct plan_member members[] = {{.id = "a", .capacity = 1}, {.id = "b", .capacity = 1}, {.id = "c", .capacity = 1}};
        struct plan_lane lanes[] = {
                {"e->w", 0, 900, "a", NULL, NULL}, {"e->w", 1, 1, "a", NULL, NULL}, {"e->w", 2, 100, "b", NULL, NULL},
                {"e->w", 3, 100, "b", NULL, NULL}, {"e->w", 4, 100, "b", NULL, NULL}, {"e->w", 5, 100, "b", NULL, NULL},
                {"e->w", 6, 5, "c", NULL, NULL},
        };
        struct plan_view view = {members, 3, lanes, 7, true, 10};
        struct plan plan;
        assert_int_equal(plan_compute(&view, &plan), 0);
        assert_int_equal(plan.move_count, 2);
        assert_int_equal(plan.owner[0], 0);
        assert_int_equal(plan.owner[1], 0);
        size_t on_c = 0;
        for (size_t i = 2; i < 6; i++) on_c += plan.owner[i] == 2;
        assert_int_equal(on_c, 2);
        plan_fini(&plan);
        view.tight = false; /* the bound is the heaviest lane: nothing has to move */
        assert_int_equal(plan_compute(&view, &plan), 0);
        assert_int_equal(plan.move_count, 0);
        plan_fini(&plan);
}

static void extreme_numbers_do_not_overflow(void **state) {
        (void)state;
        struct plan_member members[] = {{.id = "a", .capacity = UINT32_MAX}, {.id = "b", .capacity = 1}};
        struct plan_lane lanes[64];
        for (uint32_t i = 0; i < 64; i++)
                lanes[i] = (struct plan_lane){"e->w", i, UINT32_MAX, "b", NULL, NULL};
        struct plan_view view = {members, 2, lanes, 64, false, 0};
        struct plan plan;
        assert_int_equal(plan_compute(&view, &plan), 0);
        for (size_t i = 0, on_b = 0; i < 64; i++) {
                on_b += plan.owner[i] == 1;
                assert_true(on_b <= 1);
        }
        plan_fini(&plan);
}

static double cpu_ms(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAN_LIMIT_MS 500 /* instrumented code is not what runs */
#else
#define PLAN_LIMIT_MS 200
#endif

static void ten_thousand_lanes_on_200_workers(void **state) {
        (void)state;
        enum { workers = 200, lanes_count = 10000 };
        static struct plan_member members[workers];
        static struct plan_lane lanes[lanes_count];
        static char ids[workers][16];
        for (size_t i = 0; i < workers; i++) {
                (void)snprintf(ids[i], sizeof ids[i], "worker-%zu", i);
                members[i] = (struct plan_member){.id = ids[i], .capacity = 100};
        }
        static const char *const names[] = {"nobody", "one owner", "one lost", "half lost"};
        rng_state = 5;
        for (int scenario = 0; scenario < 4; scenario++) {
                struct plan_view view = {members, workers, lanes, lanes_count, false, 0};
                struct plan plan;
                if (scenario < 2)
                        for (uint32_t i = 0; i < lanes_count; i++)
                                lanes[i] = (struct plan_lane){route_names[i % 2], i / 2,
                                                              1 + below(100),
                                                              scenario ? ids[7] : NULL, NULL, NULL};
                if (scenario >= 2) view.member_count = scenario == 2 ? 199 : 100;
                /* the best of three: another process's cache misses are not ours */
                double best = 1e9;
                for (int i = 0; i < 3; i++) {
                        double start = cpu_ms();
                        assert_int_equal(plan_compute(&view, &plan), 0);
                        double took = cpu_ms() - start;
                        if (took < best) best = took;
                        if (i < 2) plan_fini(&plan);
                }
                print_message("plan 10000 lanes on %zu workers, %s: %.1f ms, %zu moves\n",
                              view.member_count, names[scenario], best, plan.move_count);
                assert_true(best < PLAN_LIMIT_MS);
                for (size_t i = 0; i < lanes_count; i++) lanes[i].owner = ids[plan.owner[i]];
                plan_fini(&plan);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_small_placements),
                cmocka_unit_test(all_small_placements_with_pins),
                cmocka_unit_test(laws_hold_over_random_histories),
                cmocka_unit_test(bad_input_is_an_error_value),
                cmocka_unit_test(a_tight_plan_is_as_even_as_single_moves_make_it),
                cmocka_unit_test(routes_are_spread_over_zones),
                cmocka_unit_test(a_hot_lane_does_not_stop_the_rest),
                cmocka_unit_test(extreme_numbers_do_not_overflow),
                cmocka_unit_test(ten_thousand_lanes_on_200_workers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
