/* Approach: pinned lanes go where their pins say, lanes whose owner lives stay;
 * orphans go, heaviest first, to a member that the bound below allows; then
 * lanes leave the fullest member that has any to give as long as the balance
 * bound is broken.
 *
 * The bound: for all members m, n, where m has lanes that are not pinned,
 *
 *     load(m) <= load(n) + heaviest / capacity(n)
 *
 * with `heaviest` the weight of the heaviest lane.  It is the tightest bound
 * that the first two steps cannot break by themselves: an orphan of weight w
 * goes to an n whose load becomes at most the smallest load(k) + heaviest /
 * capacity(k), and the k of that smallest one is always such an n.  So a balanced
 * plan that loses a member is balanced again without moving any other lane.
 * Rejected: moving as long as any move lowers the maximum, which is tighter for
 * uneven lanes but moves lanes of bystanders after a loss; that is the tight plan,
 * which is asked for in quiet times.
 *
 * Zones choose among what the loads leave open: the n of an orphan, and which of
 * equally heavy lanes moves.  Lanes of equal weight that are exchanged leave the
 * loads as they are, so zones and loads never pull in opposite directions.
 * Rejected: a fixed quota for each zone, which makes a joining zone move lanes
 * that the loads would leave.
 *
 * A move brings the receiver below the giver's old load, so the sorted loads
 * shrink and the loops end; an exchange brings two routes nearer to their shares.
 * Loads are compared as fractions, exactly: the result does not depend on
 * rounding. */
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
        uint32_t zone;
        bool closed;      /* ailing, while others are not */
        bool tried;       /* gives nothing that would help, see tighten */
        uint32_t *ranks;  /* of the lanes that may move */
        size_t count;
        size_t room;
};

struct sorted_lane {
        const struct plan_lane *lane;
        uint32_t index; /* in the view */
        uint32_t bin;   /* PLAN_NOBODY: orphan */
        uint32_t route;
        bool fixed;     /* there: pinned, or it avoids a member */
};

/* How each route's lanes are spread over the zones; nothing in it when there is
 * one zone. */
struct spread {
        size_t zones;        /* 0: no care is taken */
        uint64_t *capacity;  /* of each zone */
        uint64_t capacities; /* of all */
        uint32_t *total;     /* lanes of each route */
        uint32_t *count;     /* [route * zones + zone] */
};
#define SPREAD_CELLS_MAX (4u << 20) /* beyond, all is taken for one zone */

struct field {
        struct bin *bins;
        size_t bin_count;
        struct sorted_lane *lanes;
        size_t lane_count;
        uint64_t heaviest;
        struct spread spread;
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

/* ---- zones --------------------------------------------------------------- */

static uint32_t *spread_cell(const struct spread *spread, uint32_t route, uint32_t zone) {
        return &spread->count[route * spread->zones + zone];
}

static void spread_put(struct field *f, uint32_t rank, const struct bin *from, const struct bin *to) {
        if (!f->spread.zones) return;
        if (from) --*spread_cell(&f->spread, f->lanes[rank].route, from->zone);
        if (to) ++*spread_cell(&f->spread, f->lanes[rank].route, to->zone);
}

/* Has the route a smaller part of zone a's capacity than of zone b's? */
static bool spread_thinner(const struct spread *spread, uint32_t route, uint32_t a, uint32_t b) {
        return (wide)*spread_cell(spread, route, a) * spread->capacity[b] <
               (wide)*spread_cell(spread, route, b) * spread->capacity[a];
}

/* Lanes of the route beyond its share in the zone, negative: that it lacks. */
static int64_t spread_over(const struct spread *spread, uint32_t route, uint32_t zone) {
        wide share = ((wide)spread->total[route] * spread->capacity[zone] + spread->capacities - 1) / spread->capacities;
        return (int64_t)*spread_cell(spread, route, zone) - (int64_t)share;
}

/* ---- places -------------------------------------------------------------- */

/* The open bin whose load is lowest once weight is added; ties go to the lower id. */
static struct bin *lightest_with(const struct field *f, uint64_t weight) {
        struct bin *best = NULL;
        for (size_t i = 0; i < f->bin_count; i++)
                if (!f->bins[i].closed && (!best || less_loaded(&f->bins[i], weight, best, weight))) best = &f->bins[i];
        return best;
}

/* Where an orphan goes: within the bound, to the zone with the smallest part of its
 * route, to the lightest there.  `not`: not there; NULL: anywhere. */
static struct bin *place_for(const struct field *f, uint32_t rank, const struct bin *not) {
        const struct sorted_lane *lane = &f->lanes[rank];
        uint64_t weight = lane->lane->weight;
        const struct bin *limit = lightest_with(f, f->heaviest);
        struct bin *best = NULL, *other = NULL;
        for (size_t i = 0; i < f->bin_count; i++) {
                struct bin *bin = &f->bins[i];
                if (bin->closed || bin == not) continue;
                if (!other || less_loaded(bin, weight, other, weight)) other = bin;
                if (less_loaded(limit, f->heaviest, bin, weight)) continue;
                bool better = !best || less_loaded(bin, weight, best, weight);
                if (best && f->spread.zones && bin->zone != best->zone) {
                        if (spread_thinner(&f->spread, lane->route, bin->zone, best->zone)) better = true;
                        else if (spread_thinner(&f->spread, lane->route, best->zone, bin->zone)) better = false;
                }
                if (better) best = bin;
        }
        return best ? best : other;
}

/* Of those that have lanes to give; NULL: none has. */
static struct bin *fullest(const struct field *f, bool untried) {
        struct bin *best = NULL;
        for (size_t i = 0; i < f->bin_count; i++) {
                struct bin *bin = &f->bins[i];
                if (!bin->count || (untried && bin->tried)) continue;
                if (!best || less_loaded(best, 0, bin, 0)) best = bin;
        }
        return best;
}

/* Of the lanes in the giver's bin that are as heavy as the one at `at`, the first of
 * them: the one whose route gains most by the move, by name among equals. */
static size_t best_of_equals(const struct field *f, const struct bin *giver, const struct bin *receiver, size_t at) {
        const struct spread *spread = &f->spread;
        uint32_t weight = f->lanes[giver->ranks[at]].lane->weight;
        int64_t most = INT64_MIN;
        size_t best = at;
        if (!spread->zones || giver->zone == receiver->zone) return at;
        for (; at < giver->count; at++) {
                const struct sorted_lane *lane = &f->lanes[giver->ranks[at]];
                if (lane->lane->weight != weight) break;
                int64_t gain = spread_over(spread, lane->route, giver->zone) - spread_over(spread, lane->route, receiver->zone);
                if (gain <= most) continue;
                most = gain;
                best = at;
        }
        return best;
}

/* The lane of `giver` whose move makes the greater of the two loads smallest:
 * its position in the bin. */
static size_t best_to_move(const struct field *f, const struct bin *giver, const struct bin *receiver) {
        const struct sorted_lane *lanes = f->lanes;
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
        if (low == 0) return best_of_equals(f, giver, receiver, 0);
        if (low < giver->count) {
                uint64_t over = lanes[giver->ranks[low]].lane->weight;
                uint64_t under = lanes[giver->ranks[low - 1]].lane->weight;
                /* load(receiver) + over against load(giver) - under */
                if ((wide)(receiver->weight + over) * giver->capacity <
                    (wide)(giver->weight - under) * receiver->capacity)
                        return best_of_equals(f, giver, receiver, low);
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
        return best_of_equals(f, giver, receiver, first);
}

static int move(struct field *f, struct bin *giver, struct bin *receiver, size_t at) {
        uint32_t rank = giver->ranks[at];
        int rc = bin_add(receiver, f->lanes, rank);
        if (rc) return rc;
        bin_remove(giver, f->lanes, at);
        f->lanes[rank].bin = (uint32_t)(receiver - f->bins);
        spread_put(f, rank, giver, receiver);
        return 0;
}

/* ---- balance ------------------------------------------------------------- */

static int balance(struct field *f, bool *out_moved) {
        for (;;) {
                struct bin *giver = fullest(f, false);
                struct bin *receiver = lightest_with(f, f->heaviest);
                if (!giver || giver == receiver || !less_loaded(receiver, f->heaviest, giver, 0)) return 0;
                int rc = move(f, giver, receiver, best_to_move(f, giver, receiver));
                if (rc) return rc;
                *out_moved = true;
        }
}

/* Is the bin's load beyond so many percent of the mean? */
static bool beyond(const struct bin *bin, uint64_t weight, uint64_t capacity, uint32_t percent, bool above) {
        wide load = (wide)bin->weight * capacity * 100, bound = (wide)weight * bin->capacity * percent;
        return above ? load > bound : load < bound;
}

/* Beyond the bound, the fullest first; one that can give nothing that helps is
 * passed over until something has moved. */
static int tighten(struct field *f, uint32_t tolerance, bool *out_moved) {
        uint64_t weight = 0, capacity = 0;
        for (size_t i = 0; i < f->bin_count; i++) {
                weight += f->bins[i].weight;
                capacity += f->bins[i].capacity;
                f->bins[i].tried = false;
        }
        for (;;) {
                struct bin *giver = fullest(f, true);
                struct bin *receiver = lightest_with(f, 0);
                if (!giver) return 0;
                uint32_t under = tolerance < 100 ? 100 - tolerance : 0;
                if (tolerance && !beyond(giver, weight, capacity, 100 + tolerance, true) &&
                    !beyond(receiver, weight, capacity, under, false))
                        return 0;
                giver->tried = true;
                if (giver == receiver) continue;
                size_t at = best_to_move(f, giver, receiver);
                uint64_t w = f->lanes[giver->ranks[at]].lane->weight;
                if (!less_loaded(receiver, w, giver, 0)) continue;
                /* a crumb: it is not worth the stop of its partitions */
                if ((wide)w * capacity * 400 < (wide)weight * giver->capacity * tolerance) continue;
                int rc = move(f, giver, receiver, at);
                if (rc) return rc;
                *out_moved = true;
                for (size_t i = 0; i < f->bin_count; i++) f->bins[i].tried = false;
        }
}

/* Lane a's route has too much in a's zone and too little in b's, and b's route can
 * do with the exchange. */
static bool exchange_helps(const struct field *f, const struct sorted_lane *a, const struct sorted_lane *b) {
        const struct bin *from = &f->bins[a->bin], *to = &f->bins[b->bin];
        if (b->fixed || from->zone == to->zone || from->closed || to->closed || a->route == b->route) return false;
        return spread_over(&f->spread, a->route, to->zone) < 0 && spread_over(&f->spread, b->route, from->zone) < 0;
}

static int exchange(struct field *f, uint32_t a, uint32_t b) {
        struct bin *from = &f->bins[f->lanes[a].bin], *to = &f->bins[f->lanes[b].bin];
        int rc = move(f, from, to, bin_find(from, a));
        return rc ? rc : move(f, to, from, bin_find(to, b));
}

static int spread_routes(struct field *f) {
        for (uint32_t a = 0; a < f->lane_count; a++) {
                const struct sorted_lane *lane = &f->lanes[a];
                if (lane->fixed || spread_over(&f->spread, lane->route, f->bins[lane->bin].zone) <= 0) continue;
                uint32_t first = a;
                while (first > 0 && f->lanes[first - 1].lane->weight == lane->lane->weight) first--;
                for (uint32_t b = first; b < f->lane_count && f->lanes[b].lane->weight == lane->lane->weight; b++) {
                        if (!exchange_helps(f, lane, &f->lanes[b])) continue;
                        int rc = exchange(f, a, b);
                        if (rc) return rc;
                        a = UINT32_MAX; /* from the start: what it changed may open another */
                        break;
                }
        }
        return 0;
}

/* ---- input --------------------------------------------------------------- */

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

static const char *zone_of(const struct plan_member *member) { return member->zone ? member->zone : ""; }

static int zone_compare(const void *a, const void *b) {
        const struct plan_member *const *x = a, *const *y = b;
        return strcmp(zone_of(*x), zone_of(*y));
}

/* Numbers the zones of the bins, and allocates what is counted of them. */
static int spread_open(struct field *f, const struct plan_view *view, size_t route_count) {
        struct spread *spread = &f->spread;
        const struct plan_member **by_zone = calloc(f->bin_count + 1, sizeof *by_zone);
        size_t zones = 0;
        if (!by_zone) return ERR_NOMEM;
        for (size_t i = 0; i < f->bin_count; i++) by_zone[i] = &view->members[f->bins[i].member];
        qsort(by_zone, f->bin_count, sizeof *by_zone, zone_compare);
        for (size_t i = 0; i < f->bin_count; i++) /* the first of each zone */
                if (!zones || strcmp(zone_of(by_zone[zones - 1]), zone_of(by_zone[i])) != 0) by_zone[zones++] = by_zone[i];
        if (zones < 2 || zones * route_count > SPREAD_CELLS_MAX) {
                free(by_zone);
                return 0;
        }
        spread->capacity = calloc(zones, sizeof *spread->capacity);
        spread->total = calloc(route_count, sizeof *spread->total);
        spread->count = calloc(zones * route_count, sizeof *spread->count);
        if (!spread->capacity || !spread->total || !spread->count) {
                free(by_zone);
                return ERR_NOMEM;
        }
        spread->zones = zones;
        for (size_t i = 0; i < f->bin_count; i++) {
                struct bin *bin = &f->bins[i];
                const struct plan_member *key = &view->members[bin->member];
                const struct plan_member **at = bsearch(&key, by_zone, zones, sizeof *by_zone, zone_compare);
                bin->zone = (uint32_t)(at - by_zone);
                spread->capacity[bin->zone] += bin->capacity;
                spread->capacities += bin->capacity;
        }
        for (size_t i = 0; i < f->lane_count; i++) spread->total[f->lanes[i].route]++;
        free(by_zone);
        return 0;
}

static int lanes_place(struct field *f, const struct plan_member *const *sorted, size_t member_count,
                       const uint32_t *bin_of) {
        int rc;
        for (size_t rank = 0; rank < f->lane_count; rank++) {
                struct sorted_lane *lane = &f->lanes[rank];
                long at = lane->lane->pin ? member_find(sorted, member_count, lane->lane->pin) : -1;
                if (at < 0 || bin_of[at] == PLAN_NOBODY) continue;
                lane->bin = bin_of[at];
                lane->fixed = true;
        }
        for (size_t rank = 0; rank < f->lane_count; rank++) {
                struct sorted_lane *lane = &f->lanes[rank];
                if (!lane->fixed) {
                        long at = lane->lane->owner ? member_find(sorted, member_count, lane->lane->owner) : -1;
                        lane->fixed = lane->lane->avoid != NULL;
                        if (lane->fixed && at >= 0 && strcmp(lane->lane->owner, lane->lane->avoid) == 0) at = -1;
                        if (at < 0 || bin_of[at] == PLAN_NOBODY) continue;
                        lane->bin = bin_of[at];
                }
                struct bin *bin = &f->bins[lane->bin];
                if (lane->fixed) bin->weight += lane->lane->weight;
                else if ((rc = bin_add(bin, f->lanes, (uint32_t)rank))) return rc;
                spread_put(f, (uint32_t)rank, NULL, bin);
        }
        for (size_t rank = f->lane_count; rank-- > 0;) {
                struct sorted_lane *lane = &f->lanes[rank];
                if (lane->bin != PLAN_NOBODY) continue;
                long not = lane->lane->avoid ? member_find(sorted, member_count, lane->lane->avoid) : -1;
                struct bin *there = not >= 0 && bin_of[not] != PLAN_NOBODY ? &f->bins[bin_of[not]] : NULL;
                struct bin *to = place_for(f, (uint32_t)rank, there);
                if (!to) to = there; /* nobody else can */
                lane->bin = (uint32_t)(to - f->bins);
                if (lane->fixed) to->weight += lane->lane->weight;
                else if ((rc = bin_add(to, f->lanes, (uint32_t)rank))) return rc;
                spread_put(f, (uint32_t)rank, NULL, to);
        }
        return 0;
}

static int lanes_even(struct field *f, const struct plan_view *view) {
        bool moved;
        do {
                moved = false;
                int rc = balance(f, &moved);
                if (!rc && view->tight) rc = tighten(f, view->tolerance_percent, &moved);
                if (rc) return rc;
        } while (moved && view->tight);
        return view->tight && f->spread.zones ? spread_routes(f) : 0;
}

int plan_compute(const struct plan_view *view, struct plan *out) {
        size_t member_count = view->member_count, lane_count = view->lane_count;
        if (member_count > PLAN_MEMBERS_MAX || lane_count > PLAN_LANES_MAX) return ERR_TOO_MANY;

        int rc = ERR_NOMEM;
        const struct plan_member **sorted = calloc(member_count + 1, sizeof *sorted);
        const struct plan_lane **names = calloc(lane_count + 1, sizeof *names);
        struct field f = {.bins = calloc(member_count + 1, sizeof *f.bins),
                          .lanes = calloc(lane_count + 1, sizeof *f.lanes), .lane_count = lane_count};
        uint32_t *bin_of = calloc(member_count + 1, sizeof *bin_of);
        uint32_t *owner = calloc(lane_count + 1, sizeof *owner);
        uint32_t *route_of = calloc(lane_count + 1, sizeof *route_of);
        if (!sorted || !names || !f.lanes || !f.bins || !bin_of || !owner || !route_of) goto out;
        if ((rc = check_members(view, sorted)) || (rc = check_lanes(view, names))) goto out;

        bool open = false;
        for (size_t i = 0; i < member_count; i++) {
                bin_of[i] = PLAN_NOBODY;
                if (sorted[i]->draining) continue;
                bin_of[i] = (uint32_t)f.bin_count;
                f.bins[f.bin_count++] = (struct bin){.member = (uint32_t)(sorted[i] - view->members),
                                                     .capacity = sorted[i]->capacity, .closed = sorted[i]->ailing};
                open = open || !sorted[i]->ailing;
        }
        for (size_t i = 0; i < f.bin_count && !open; i++) f.bins[i].closed = false;
        size_t route_count = 0;
        for (size_t i = 0; i < lane_count; i++) {
                if (i == 0 || strcmp(names[i]->route, names[i - 1]->route) != 0) route_count++;
                route_of[names[i] - view->lanes] = (uint32_t)route_count - 1;
        }
        for (size_t i = 0; i < lane_count; i++)
                f.lanes[i] = (struct sorted_lane){.lane = &view->lanes[i], .index = (uint32_t)i, .bin = PLAN_NOBODY,
                                                  .route = route_of[i]};
        qsort(f.lanes, lane_count, sizeof *f.lanes, lane_compare);

        if (f.bin_count > 0 && lane_count > 0) {
                f.heaviest = f.lanes[lane_count - 1].lane->weight;
                rc = spread_open(&f, view, route_count);
                if (!rc) rc = lanes_place(&f, sorted, member_count, bin_of);
                if (!rc) rc = lanes_even(&f, view);
                if (rc) goto out;
        }

        size_t move_count = 0;
        for (size_t rank = 0; rank < lane_count; rank++) {
                const struct sorted_lane *lane = &f.lanes[rank];
                if (lane->bin == PLAN_NOBODY) {
                        owner[lane->index] = PLAN_NOBODY;
                        continue;
                }
                owner[lane->index] = f.bins[lane->bin].member;
                const char *id = lane->lane->owner;
                long at = id ? member_find(sorted, member_count, id) : -1;
                if (at >= 0 && bin_of[at] != PLAN_NOBODY && bin_of[at] != lane->bin) move_count++;
        }
        *out = (struct plan){owner, lane_count, move_count};
        owner = NULL;
        rc = 0;
out:
        for (size_t i = 0; f.bins && i < f.bin_count; i++) free(f.bins[i].ranks);
        free(f.spread.capacity);
        free(f.spread.total);
        free(f.spread.count);
        free(owner);
        free(route_of);
        free(bin_of);
        free(f.bins);
        free(f.lanes);
        free(names);
        free(sorted);
        return rc;
}

void plan_fini(struct plan *plan) {
        free(plan->owner);
        *plan = (struct plan){0};
}
