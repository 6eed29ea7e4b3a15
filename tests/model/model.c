/* Walks through every order of the protocol's actions, breadth first, with a
 * bounded number of faults at any moments: each reachable state is visited
 * once, so the first violation found has a shortest trace.  Afterwards the law
 * of progress: from every state some way without a fault leads to the goal,
 * found by walking the fault-free steps backwards from the goals.
 *
 *   model                      all rows: the protocol must hold, each rule
 *                              taken away must be missed
 *   model --faults N --records N   the same with other bounds (2 and 2; faults for
 *                              the rows that are to hold)
 *   model --row NAME           one row
 *   model --actions            the actions and what they stand for
 *
 * The protocol is linked in: protocol.c, or move.c. */
#include MODEL_PROTOCOL

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NONE UINT32_MAX

/* ---- states seen ---- */

struct origin { uint32_t parent; uint8_t action, who, target; };

/* A state in half its bytes: each field is below 16. */
#define PACKED_WORDS ((sizeof(struct state) + 15) / 16)
struct packed { uint64_t words[PACKED_WORDS]; };

struct search {
        const struct rules *rules;
        struct packed *states;      /* in the order of their discovery */
        struct origin *origins;
        uint32_t count, room;
        uint32_t *slots;            /* open addressing; a power of two */
        uint64_t slot_count;
        /* Fault-free steps: those from state i are to[first[i]] and on, up to
         * first[i + 1]. */
        uint32_t *first, *to;
        size_t step_count, step_room;
        bool keep_steps;
};

static struct packed pack(const struct state *s) {
        const uint8_t *bytes = (const void *)s;
        struct packed packed = {0};
        for (size_t i = 0; i < sizeof *s; i++) {
                if (bytes[i] > 15) abort(); /* the bounds are too high for this form */
                packed.words[i / 16] |= (uint64_t)bytes[i] << i % 16 * 4;
        }
        return packed;
}

static struct state unpack(const struct packed *packed) {
        struct state s;
        uint8_t *bytes = (void *)&s;
        for (size_t i = 0; i < sizeof s; i++) bytes[i] = (uint8_t)(packed->words[i / 16] >> i % 16 * 4 & 15);
        return s;
}

static void *grow(void *old, size_t count, size_t size) {
        void *memory = reallocarray(old, count, size);
        if (!memory) {
                (void)fprintf(stderr, "model: out of memory\n");
                exit(2);
        }
        return memory;
}

static uint64_t slot_of(const struct search *search, const struct packed *state) {
        uint64_t at = 0;
        for (size_t i = 0; i < PACKED_WORDS; i++) {
                at = (at ^ state->words[i]) * 0x9e3779b97f4a7c15u;
                at ^= at >> 32;
        }
        at &= search->slot_count - 1;
        while (search->slots[at] != NONE && memcmp(&search->states[search->slots[at]], state, sizeof *state) != 0)
                at = (at + 1) & (search->slot_count - 1);
        return at;
}

static void make_room(struct search *search) {
        search->room = search->room ? search->room * 2 : 1u << 12;
        search->states = grow(search->states, search->room, sizeof *search->states);
        search->origins = grow(search->origins, search->room, sizeof *search->origins);
        search->first = grow(search->first, (size_t)search->room + 1, sizeof *search->first);
        search->slot_count = (uint64_t)search->room * 2;
        search->slots = grow(search->slots, search->slot_count, sizeof *search->slots);
        memset(search->slots, 0xff, search->slot_count * sizeof *search->slots);
        for (uint32_t i = 0; i < search->count; i++) search->slots[slot_of(search, &search->states[i])] = i;
}

static uint32_t add(struct search *search, const struct state *s, struct origin origin) {
        struct packed packed = pack(s);
        if (search->count == search->room) make_room(search);
        uint64_t at = slot_of(search, &packed);
        if (search->slots[at] != NONE) return search->slots[at];
        search->slots[at] = search->count;
        search->states[search->count] = packed;
        search->origins[search->count] = origin;
        return search->count++;
}

static void add_step(struct search *search, uint32_t to) {
        if (search->step_count == search->step_room) {
                search->step_room = search->step_room ? search->step_room * 2 : 1u << 14;
                search->to = grow(search->to, search->step_room, sizeof *search->to);
        }
        search->to[search->step_count++] = to;
}

static void search_free(struct search *search) {
        free(search->states);
        free(search->origins);
        free(search->slots);
        free(search->first);
        free(search->to);
}

/* ---- the walk ---- */

struct result {
        enum law law;
        uint32_t state;     /* where it was broken */
        uint32_t count, depth;
};

static bool taken[64]; /* by action: in any row; one that never is proves nothing */

/* All that can happen next in the state; false when a law was broken. */
static bool expand(struct search *search, uint32_t from, struct result *result) {
        const struct rules *rules = search->rules;
        const struct state here = unpack(&search->states[from]);
        search->first[from] = (uint32_t)search->step_count;
        for (size_t a = 0; a < action_count; a++) {
                const struct action *action = &actions[a];
                if (action->fault && here.faults == rules->faults) continue;
                for (unsigned who = 0; who < 2; who++)
                        for (unsigned target = 0; target < (action->target ? 2u : 1u); target++) {
                                struct state next = here;
                                if (!action_step(rules, action, &next, who, target)) continue;
                                taken[a] = true;
                                next.faults = (uint8_t)(next.faults + action->fault);
                                struct origin origin = {from, (uint8_t)a, (uint8_t)who, (uint8_t)target};
                                uint32_t to = add(search, &next, origin);
                                if (next.law) {
                                        result->law = (enum law)next.law;
                                        result->state = to;
                                        return false;
                                }
                                if (!action->fault && search->keep_steps) add_step(search, to);
                        }
        }
        search->first[from + 1] = (uint32_t)search->step_count;
        return true;
}

/* Marks what leads to a goal, backwards.  The first state that does not, or NONE. */
static uint32_t without_progress(const struct search *search) {
        uint32_t n = search->count, *first = grow(NULL, (size_t)n + 2, sizeof *first);
        uint32_t *before = grow(NULL, search->step_count + 1, sizeof *before);
        uint32_t *queue = grow(NULL, n, sizeof *queue), head = 0, tail = 0, stuck = NONE;
        bool *good = grow(NULL, n, sizeof *good);
        memset(first, 0, ((size_t)n + 2) * sizeof *first);
        for (size_t e = 0; e < search->step_count; e++) first[search->to[e] + 2]++;
        for (uint32_t i = 2; i <= n; i++) first[i] += first[i - 1];
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t e = search->first[i]; e < search->first[i + 1]; e++)
                        before[first[search->to[e] + 1]++] = i;
        for (uint32_t i = 0; i < n; i++) {
                struct state s = unpack(&search->states[i]);
                good[i] = state_is_goal(search->rules, &s);
                if (good[i]) queue[tail++] = i;
        }
        while (head < tail) {
                uint32_t to = queue[head++];
                for (uint32_t e = first[to]; e < first[to + 1]; e++)
                        if (!good[before[e]]) {
                                good[before[e]] = true;
                                queue[tail++] = before[e];
                        }
        }
        for (uint32_t i = 0; i < n && stuck == NONE; i++)
                if (!good[i]) stuck = i;
        free(first);
        free(before);
        free(queue);
        free(good);
        return stuck;
}

static struct result walk(struct search *search) {
        struct result result = {.state = NONE};
        struct state start;
        uint32_t level_end = 1;
        state_init(search->rules, &start);
        (void)add(search, &start, (struct origin){NONE, 0, 0, 0});
        for (uint32_t i = 0; i < search->count; i++) {
                if (i == level_end) {
                        result.depth++;
                        level_end = search->count;
                }
                if (!expand(search, i, &result)) break;
        }
        result.count = search->count;
        if (result.law == LAW_HOLDS && search->keep_steps) {
                result.state = without_progress(search);
                if (result.state != NONE) result.law = LAW_PROGRESS;
        }
        return result;
}

static void print_trace(const struct search *search, uint32_t at) {
        uint32_t path[1024], length = 0;
        for (; search->origins[at].parent != NONE && length < 1024; at = search->origins[at].parent)
                path[length++] = at;
        for (uint32_t n = 1; length > 0; n++) {
                uint32_t i = path[--length];
                const struct origin *o = &search->origins[i];
                const struct action *action = &actions[o->action];
                char who[2] = {(char)((action->coordinator ? '1' : 'A') + o->who), 0};
                char whom[2] = {(char)(action->target ? MODEL_TARGET + o->target : 'A' + o->who), 0};
                (void)printf("    %2u. %s", n, action->fault ? "FAULT " : "");
                (void)printf(action->text, who, whom);
                (void)printf("\n          ");
                struct state s = unpack(&search->states[i]);
                state_print(&s, stdout);
                (void)printf("\n");
        }
}

static double now_s(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define LAW(name) (1u << LAW_##name)

static bool run(const struct row *row, struct rules rules) {
        struct search search = {.rules = &rules};
        /* Progress is a question for rows in which nothing else is wrong. */
        search.keep_steps = row->broken == 0 || row->broken == LAW(PROGRESS);
        double start_s = now_s();
        struct result result = walk(&search);
        bool as_expected = result.law == LAW_HOLDS ? !row->broken : row->broken == 1u << result.law;
        (void)printf("%s  %s: %s\n    %u records, %u faults: %" PRIu32 " states, depth %" PRIu32 ", %.1f s\n",
                     as_expected ? "ok  " : "BAD ", row->name, row->says, rules.records, rules.faults,
                     result.count, result.depth, now_s() - start_s);
        if (result.law != LAW_HOLDS) {
                (void)printf("    found%s: %s\n", as_expected ? ", as it must be" : "", law_texts[result.law]);
                print_trace(&search, result.state);
        } else if (!as_expected) {
                (void)printf("    nothing found\n");
        }
        search_free(&search);
        return as_expected;
}

static unsigned number(const char *text) {
        char *end = NULL;
        unsigned long n = text ? strtoul(text, &end, 10) : 0;
        if (!text || !*text || *end || n > 9) {
                (void)fprintf(stderr, "model: a number up to 9 is needed\n");
                exit(2);
        }
        return (unsigned)n;
}

int main(int argc, char **argv) {
        unsigned records = 2, faults = 2;
        const char *only = NULL;
        size_t bad = 0, ran = 0;
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--records") == 0) {
                        records = number(argv[++i]);
                } else if (strcmp(argv[i], "--faults") == 0) {
                        faults = number(argv[++i]);
                } else if (strcmp(argv[i], "--row") == 0 && i + 1 < argc) {
                        only = argv[++i];
                } else if (strcmp(argv[i], "--actions") == 0) {
                        for (size_t a = 0; a < action_count; a++)
                                (void)printf("%-90s %s\n", actions[a].text, actions[a].stands_for);
                        return 0;
                } else {
                        (void)fprintf(stderr, "usage: model [--records N] [--faults N] [--row NAME] [--actions]\n");
                        return 2;
                }
        }
        for (size_t i = 0; i < row_count; i++) {
                if (only && strcmp(only, rows[i].name) != 0) continue;
                struct rules rules = rows[i].rules;
                rules.records = (uint8_t)records;
                if (!rules.faults) rules.faults = (uint8_t)faults;
                bad += !run(&rows[i], rules);
                ran++;
        }
        for (size_t a = 0; a < action_count && !only; a++) {
                if (taken[a]) continue;
                (void)printf("BAD   never taken: %s\n", actions[a].text);
                bad++;
        }
        (void)printf("%zu rows, %zu not as expected\n", ran, bad);
        return bad || !ran;
}
