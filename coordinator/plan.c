/* Approach: pinned lanes go where their pins say, lanes whose owner lives stay;
 * orphans go, heaviest first, to the member whose load would be lowest; then
 * lanes leave the fullest member that has any to give as long as the balance
 * bound is broken.
 *
 * The bound: for all members m, n, where m has lanes that are not pinned,
 *
 *     load(m) <= load(n) + heaviest / capacity(n)
 *
 * with `heaviest` the weight of the heaviest lane.  It is the tightest bound
 * that the first two steps cannot break by themselves: an orphan of weight w
 * goes to the n with the lowest load(n) + w / capacity(n), which is at most
 * load(k) + heaviest / capacity(k) for every k.  So a balanced plan that loses
 * a member is balanced again without moving any other lane.  Rejected: moving
 * as long as any move lowers the maximum, which is tighter for uneven lanes
 * but moves lanes of bystanders after a loss.
 *
 * A move brings the receiver below the giver's old load, so the sorted loads
 * shrink and the loop ends.  Loads are compared as fractions, exactly: the
 * result does not depend on rounding. */
#include "coordinator/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

typedef unsigned __int128 wide;

/* A member that may own lanes.  Its lanes are ranks (indexes in the sorted
 * lanes), ascending, hence by weight. */
struct bin {
        uint32_t member;
        uint64_t capacity;
        uint64_t weight;  /* pinned lanes too */
        uint32_t *ranks;  /* of the lanes that may move */
        size_t count;
        size_t room;
};

struct sorted_lane {
        const struct plan_lane *lane;
        uint32_t index; /* in the view */
        uint32_t bin;   /* PLAN_NOBODY: orphan */
        bool pinned;    /* there */
};

static int member_compare(const void *a, const void *b) {
        const struct plan_member *const *x = a, *const *y = b;
        return strcmp((*x)->id, (*y)->id);
}

static int name_compare(const struct plan_lane *x, const struct plan_lane *y) {
        int order = strcmp(x->route, y->route);
        if (order) return order;
        return (x->lane > y->lane) - (x->lane < y->lane);
}

static int lane_compare(const void *a, const void *b) {
        const struct sorted_lane *x = a, *y = b;
        if (x->lane->weight != y->lane->weight)
                return x->lane->weight < y->lane->weight ? -1 : 1;
        return name_compare(y->lane, x->lane); /* orphans are taken from the end */
}

static int lane_name_compare(const void *a, const void *b) {
        const struct plan_lane *const *x = a, *const *y = b;
        return name_compare(*x, *y);
}

/* Would a hold less load than b, each with some weight added? */
static bool less_loaded(const struct bin *a, uint64_t a_added, const struct bin *b,
                        uint64_t b_added) {
        return (wide)(a->weight + a_added) * b->capacity <
               (wide)(b->weight + b_added) * a->capacity;
}

/* First position in the bin whose rank is >= rank. */
static size_t bin_find(const struct bin *bin, uint32_t rank) {
        size_t low = 0, high = bin->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (bin->ranks[middle] < rank)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int bin_add(struct bin *bin, const struct sorted_lane *lanes, uint32_t rank) {
        if (bin->count == bin->room) {
                size_t room = bin->room ? bin->room * 2 : 8;
                uint32_t *ranks = realloc(bin->ranks, room * sizeof *ranks);
                if (!ranks) return ERR_NOMEM;
                bin->ranks = ranks;
                bin->room = room;
        }
        size_t at = bin_find(bin, rank);
        memmove(bin->ranks + at + 1, bin->ranks + at, (bin->count - at) * sizeof *bin->ranks);
        bin->ranks[at] = rank;
        bin->count++;
        bin->weight += lanes[rank].lane->weight;
        return 0;
}

static void bin_remove(struct bin *bin, const struct sorted_lane *lanes, size_t at) {
        bin->weight -= lanes[bin->ranks[at]].lane->weight;
        bin->count--;
        memmove(bin->ranks + at, bin->ranks + at + 1, (bin->count - at) * sizeof *bin->ranks);
}

/* The bin whose load is lowest once weight is added; ties go to the lower id. */
static size_t lightest_with(const struct bin *bins, size_t count, uint64_t weight) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
                if (less_loaded(&bins[i], weight, &bins[best], weight)) best = i;
        return best;
}

/* Of those that have lanes to give; NULL: none has. */
static struct bin *fullest(struct bin *bins, size_t count) {
        struct bin *best = NULL;
        for (size_t i = 0; i < count; i++)
                if (bins[i].count && (!best || less_loaded(best, 0, &bins[i], 0))) best = &bins[i];
        return best;
}

/* The lane of `giver` whose move makes the greater of the two loads smallest:
 * its position in the bin. */
static size_t best_to_move(const struct bin *giver, const struct bin *receiver,
                           const struct sorted_lane *lanes) {
        /* first lane with which the receiver would be at least as loaded */
        size_t low = 0, high = giver->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                uint64_t w = lanes[giver->ranks[middle]].lane->weight;
                if ((wide)(receiver->weight + w) * giver->capacity <
                    (wide)(giver->weight - w) * receiver->capacity)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0) return 0;
        if (low < giver->count) {
                uint64_t over = lanes[giver->ranks[low]].lane->weight;
                uint64_t under = lanes[giver->ranks[low - 1]].lane->weight;
                /* load(receiver) + over against load(giver) - under */
                if ((wide)(receiver->weight + over) * giver->capacity <
                    (wide)(giver->weight - under) * receiver->capacity)
                        return low;
        }
        /* the last by name among those as heavy as the one below */
        uint32_t weight = lanes[giver->ranks[low - 1]].lane->weight;
        size_t first = 0, last = low - 1;
        while (first < last) {
                size_t middle = first + (last - first) / 2;
                if (lanes[giver->ranks[middle]].lane->weight < weight)
                        first = middle + 1;
                else
                        last = middle;
        }
        return first;
}

static int balance(struct bin *bins, size_t bin_count, struct sorted_lane *lanes,
                   uint64_t heaviest) {
        for (;;) {
                struct bin *giver = fullest(bins, bin_count);
                struct bin *receiver = &bins[lightest_with(bins, bin_count, heaviest)];
                if (!giver || !less_loaded(receiver, heaviest, giver, 0)) return 0;
                size_t at = best_to_move(giver, receiver, lanes);
                uint32_t rank = giver->ranks[at];
                int rc = bin_add(receiver, lanes, rank);
                if (rc) return rc;
                bin_remove(giver, lanes, at);
                lanes[rank].bin = (uint32_t)(receiver - bins);
        }
}

/* Beyond the bound.  The greater of two loads shrinks with each move, so this ends. */
static int tighten(struct bin *bins, size_t bin_count, struct sorted_lane *lanes) {
        for (;;) {
                struct bin *giver = fullest(bins, bin_count);
                struct bin *receiver = &bins[lightest_with(bins, bin_count, 0)];
                if (!giver || giver == receiver) return 0;
                size_t at = best_to_move(giver, receiver, lanes);
                uint32_t rank = giver->ranks[at];
                if (!less_loaded(receiver, lanes[rank].lane->weight, giver, 0)) return 0;
                int rc = bin_add(receiver, lanes, rank);
                if (rc) return rc;
                bin_remove(giver, lanes, at);
                lanes[rank].bin = (uint32_t)(receiver - bins);
        }
}

static int check_members(const struct plan_view *view, const struct plan_member **sorted) {
        for (size_t i = 0; i < view->member_count; i++) {
                if (!view->members[i].id || view->members[i].capacity == 0) return ERR_INVALID;
                sorted[i] = &view->members[i];
        }
        qsort(sorted, view->member_count, sizeof *sorted, member_compare);
        for (size_t i = 1; i < view->member_count; i++)
                if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0) return ERR_INVALID;
        return 0;
}

static int check_lanes(const struct plan_view *view, const struct plan_lane **names) {
        for (size_t i = 0; i < view->lane_count; i++) {
                if (!view->lanes[i].route || view->lanes[i].weight == 0) return ERR_INVALID;
                names[i] = &view->lanes[i];
        }
        qsort(names, view->lane_count, sizeof *names, lane_name_compare);
        for (size_t i = 1; i < view->lane_count; i++)
                if (name_compare(names[i - 1], names[i]) == 0) return ERR_INVALID;
        return 0;
}

/* The position of id in the sorted members, or -1. */
static long member_find(const struct plan_member *const *sorted, size_t count, const char *id) {
        size_t low = 0, high = count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(sorted[middle]->id, id);
                if (order == 0) return (long)middle;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return -1;
}

int plan_compute(const struct plan_view *view, struct plan *out) {
        size_t member_count = view->member_count, lane_count = view->lane_count;
        if (member_count > PLAN_MEMBERS_MAX || lane_count > PLAN_LANES_MAX) return ERR_TOO_MANY;

        int rc = ERR_NOMEM;
        size_t bin_count = 0;
        const struct plan_member **sorted = calloc(member_count + 1, sizeof *sorted);
        const struct plan_lane **names = calloc(lane_count + 1, sizeof *names);
        struct sorted_lane *lanes = calloc(lane_count + 1, sizeof *lanes);
        struct bin *bins = calloc(member_count + 1, sizeof *bins);
        uint32_t *bin_of = calloc(member_count + 1, sizeof *bin_of);
        uint32_t *owner = calloc(lane_count + 1, sizeof *owner);
        if (!sorted || !names || !lanes || !bins || !bin_of || !owner) goto out;
        if ((rc = check_members(view, sorted)) || (rc = check_lanes(view, names))) goto out;

        for (size_t i = 0; i < member_count; i++) {
                bin_of[i] = PLAN_NOBODY;
                if (sorted[i]->draining) continue;
                bin_of[i] = (uint32_t)bin_count;
                bins[bin_count].member = (uint32_t)(sorted[i] - view->members);
                bins[bin_count++].capacity = sorted[i]->capacity;
        }
        for (size_t i = 0; i < lane_count; i++)
                lanes[i] = (struct sorted_lane){&view->lanes[i], (uint32_t)i, PLAN_NOBODY, false};
        qsort(lanes, lane_count, sizeof *lanes, lane_compare);

        if (bin_count > 0 && lane_count > 0) {
                for (size_t rank = 0; rank < lane_count; rank++) {
                        const char *id = lanes[rank].lane->pin;
                        long at = id ? member_find(sorted, member_count, id) : -1;
                        if (at < 0 || bin_of[at] == PLAN_NOBODY) continue;
                        lanes[rank].bin = bin_of[at];
                        lanes[rank].pinned = true;
                        bins[bin_of[at]].weight += lanes[rank].lane->weight;
                }
                for (size_t rank = 0; rank < lane_count; rank++) {
                        const char *id = lanes[rank].lane->owner;
                        long at = id && !lanes[rank].pinned ? member_find(sorted, member_count, id) : -1;
                        if (at < 0 || bin_of[at] == PLAN_NOBODY) continue;
                        lanes[rank].bin = bin_of[at];
                        if ((rc = bin_add(&bins[bin_of[at]], lanes, (uint32_t)rank))) goto out;
                }
                for (size_t rank = lane_count; rank-- > 0;) {
                        if (lanes[rank].bin != PLAN_NOBODY) continue;
                        size_t to = lightest_with(bins, bin_count, lanes[rank].lane->weight);
                        lanes[rank].bin = (uint32_t)to;
                        if ((rc = bin_add(&bins[to], lanes, (uint32_t)rank))) goto out;
                }
                rc = balance(bins, bin_count, lanes, lanes[lane_count - 1].lane->weight);
                if (!rc && view->tight) rc = tighten(bins, bin_count, lanes);
                if (rc) goto out;
        }

        size_t move_count = 0;
        for (size_t rank = 0; rank < lane_count; rank++) {
                const struct sorted_lane *lane = &lanes[rank];
                if (lane->bin == PLAN_NOBODY) {
                        owner[lane->index] = PLAN_NOBODY;
                        continue;
                }
                owner[lane->index] = bins[lane->bin].member;
                const char *id = lane->lane->owner;
                long at = id ? member_find(sorted, member_count, id) : -1;
                if (at >= 0 && bin_of[at] != PLAN_NOBODY && bin_of[at] != lane->bin) move_count++;
        }
        *out = (struct plan){owner, lane_count, move_count};
        owner = NULL;
        rc = 0;
out:
        for (size_t i = 0; bins && i < bin_count; i++) free(bins[i].ranks);
        free(owner);
        free(bin_of);
        free(bins);
        free(lanes);
        free(names);
        free(sorted);
        return rc;
}

void plan_fini(struct plan *plan) {
        free(plan->owner);
        *plan = (struct plan){0};
}
