/* Partitions into lanes.  A partition is placed once, in the lane of its route
 * with the fewest partitions (then the lowest number), and stays there: its
 * position belongs to the lane.  Rejected: hashing, which needs no list but
 * leaves lanes uneven, and would move partitions if lanes were ever added. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/cluster_internal.h"

struct placed {
        const char *topic; /* borrows a lane's record */
        uint32_t partition;
};

static int placed_compare(const void *a, const void *b) {
        const struct placed *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);
        if (order) return order;
        return (x->partition > y->partition) - (x->partition < y->partition);
}

/* Sorted; every partition of every lane of the route. */
static int collect_placed(const struct route *route, struct placed **out, size_t *out_count) {
        size_t total = 0, n = 0;
        for (size_t k = 0; k < route->lane_count; k++) total += route->lanes[k]->weight;
        struct placed *placed = calloc(total + 1, sizeof *placed);
        if (!placed) return ERR_NOMEM;
        for (size_t k = 0; k < route->lane_count; k++) {
                const Heliostat__Pb__Lane *record = route->lanes[k]->record;
                for (size_t i = 0; record && i < record->n_topics; i++)
                        for (size_t p = 0; p < record->topics[i]->n_partitions; p++)
                                placed[n++] = (struct placed){
                                        record->topics[i]->topic,
                                        record->topics[i]->partitions[p]->partition};
        }
        if (n) qsort(placed, n, sizeof *placed, placed_compare);
        *out = placed;
        *out_count = n;
        return 0;
}

/* Lanes that can take partitions, as a heap: the lightest in front. */
struct slot {
        struct lane *lane;
        uint32_t weight;
        size_t bytes; /* of the packed record, at most */
};

static bool slot_lighter(const struct slot *a, const struct slot *b) {
        if (a->weight != b->weight) return a->weight < b->weight;
        return a->lane->number < b->lane->number;
}

static void slots_sink(struct slot *slots, size_t count, size_t at) {
        for (;;) {
                size_t least = at, left = 2 * at + 1;
                for (size_t child = left; child < left + 2 && child < count; child++)
                        if (slot_lighter(&slots[child], &slots[least])) least = child;
                if (least == at) return;
                struct slot t = slots[at];
                slots[at] = slots[least];
                slots[least] = t;
                at = least;
        }
}

static Heliostat__Pb__LaneTopic *lane_topic(Heliostat__Pb__Lane *record, const char *topic) {
        /* topics come one after the other, so the last is nearly always it */
        for (size_t i = record->n_topics; i-- > 0;)
                if (strcmp(record->topics[i]->topic, topic) == 0) return record->topics[i];
        Heliostat__Pb__LaneTopic **topics =
                reallocarray(record->topics, record->n_topics + 1, sizeof *topics);
        if (topics) record->topics = topics;
        Heliostat__Pb__LaneTopic *added = malloc(sizeof *added);
        if (!topics || !added) {
                free(added);
                return NULL;
        }
        heliostat__pb__lane_topic__init(added);
        if (!(added->topic = strdup(topic))) {
                free(added);
                return NULL;
        }
        topics[record->n_topics++] = added;
        return added;
}

bool route_first_look(const struct route *route) {
        if (!route->lane_count || !route->lanes[0]->record || route->lanes[0]->record->settled) return false;
        for (size_t k = 0; k < route->lane_count; k++) {
                const Heliostat__Pb__Lane *record = route->lanes[k]->record;
                for (size_t i = 0; record && i < record->n_topics; i++)
                        for (size_t p = 0; p < record->topics[i]->n_partitions; p++)
                                if (!record->topics[i]->partitions[p]->existed) return false; /* an older leader's */
        }
        return true;
}

static int lane_add(struct lane *lane, const char *topic, uint32_t partition, bool existed) {
        if (!lane->next) {
                if (!(lane->next = codec_copy_lane(lane->record))) return ERR_NOMEM;
                lane->next->spec++;
        }
        Heliostat__Pb__LaneTopic *in = lane_topic(lane->next, topic);
        if (!in) return ERR_NOMEM;
        Heliostat__Pb__LanePartition **partitions =
                reallocarray(in->partitions, in->n_partitions + 1, sizeof *partitions);
        if (partitions) in->partitions = partitions;
        Heliostat__Pb__LanePartition *added = malloc(sizeof *added);
        if (!partitions || !added) {
                free(added);
                return ERR_NOMEM;
        }
        heliostat__pb__lane_partition__init(added);
        added->partition = partition;
        added->existed = existed;
        partitions[in->n_partitions++] = added;
        return 0;
}

static int fill_slots(struct route *route, struct slot **out, size_t *out_count) {
        size_t count = 0;
        struct slot *slots = calloc(route->spec->lanes + 1, sizeof *slots);
        if (!slots) return ERR_NOMEM;
        for (size_t k = 0; k < route->spec->lanes; k++) {
                struct lane *lane = route->lanes[k];
                if (!lane->record) continue;
                slots[count++] = (struct slot){
                        lane, lane->weight,
                        protobuf_c_message_get_packed_size(&lane->record->base)};
        }
        for (size_t i = count / 2; i-- > 0;) slots_sink(slots, count, i);
        *out = slots;
        *out_count = count;
        return 0;
}

int cluster_place(struct cluster *cluster, struct route *route) {
        char problem[sizeof route->problem] = "";
        struct placed *placed = NULL;
        struct slot *slots = NULL;
        size_t placed_count = 0, slot_count = 0, left_out = 0;
        bool first = route_first_look(route);
        int rc = 0;

        /* An unreadable lane may hold any partition: placing one again would
         * give it two owners. */
        for (size_t k = 0; k < route->lane_count; k++)
                if (route->lanes[k]->broken)
                        (void)snprintf(problem, sizeof problem,
                                       "lane %zu is unreadable: new partitions wait", k);
        if (!*problem) {
                rc = collect_placed(route, &placed, &placed_count);
                if (!rc) rc = fill_slots(route, &slots, &slot_count);
        }
        for (size_t i = 0; !rc && !*problem && i < route->topic_count; i++) {
                const struct cluster_topic *topic = &route->topics[i];
                for (uint32_t p = 0; !rc && p < topic->partitions; p++) {
                        struct placed key = {topic->topic, p};
                        if (placed_count &&
                            bsearch(&key, placed, placed_count, sizeof *placed, placed_compare))
                                continue;
                        size_t bytes = strlen(topic->topic) + 24;
                        while (slot_count && (slots[0].weight >= LANE_PARTITIONS_FULL ||
                                              slots[0].bytes + bytes > LANE_BYTES_FULL)) {
                                slots[0] = slots[--slot_count];
                                slots_sink(slots, slot_count, 0);
                        }
                        if (!slot_count) {
                                left_out++;
                                continue;
                        }
                        rc = lane_add(slots[0].lane, topic->topic, p, first);
                        slots[0].weight++;
                        slots[0].bytes += bytes;
                        slots_sink(slots, slot_count, 0);
                }
        }
        if (left_out)
                (void)snprintf(problem, sizeof problem,
                               "all lanes are full: %zu partitions have no place", left_out);
        if (strcmp(problem, route->problem) != 0) {
                if (*problem)
                        cluster_notice(cluster, "coordinator.unplaced", "route=%s reason=\"%s\"",
                                       route->name, problem);
                memcpy(route->problem, problem, sizeof problem);
        }
        free(placed);
        free(slots);
        return rc;
}
