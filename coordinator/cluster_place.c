/* Partitions into lanes.  A partition is placed once, in the lane of its route
 * with the fewest partitions (then the lowest number), and stays there, for its
 * position belongs to the lane, unless the lane is too hot (cluster_spread.c).  Rejected: hashing, which needs no list but
 * leaves lanes uneven, and would move partitions if lanes were ever added. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/cluster_internal.h"

/* A discovered topic, sorted by name, and which of its partitions lanes have:
 * taken[first] to taken[first + partitions - 1]. */
struct seat {
        const struct cluster_topic *topic;
        size_t first;
};

static int seat_compare(const void *a, const void *b) {
        return strcmp(((const struct seat *)a)->topic->topic, ((const struct seat *)b)->topic->topic);
}

static int seat_find(const void *key, const void *seat) {
        return strcmp(key, ((const struct seat *)seat)->topic->topic);
}

static void seats_take(const struct route *route, const struct seat *seats, unsigned char *taken) {
        for (size_t k = 0; k < route->lane_count; k++) {
                const Heliostat__Pb__Lane *record = route->lanes[k]->record;
                for (size_t i = 0; record && i < record->n_topics; i++) {
                        const Heliostat__Pb__LaneTopic *has = record->topics[i];
                        const struct seat *seat =
                                bsearch(has->topic, seats, route->topic_count, sizeof *seats, seat_find);
                        for (size_t p = 0; seat && p < has->n_partitions; p++)
                                if (has->partitions[p]->partition < seat->topic->partitions)
                                        taken[seat->first + has->partitions[p]->partition] = 1;
                }
        }
}

/* Both are the caller's to free. */
static int seats_fill(const struct route *route, struct seat **out_seats, unsigned char **out_taken) {
        size_t total = 0;
        struct seat *seats = calloc(route->topic_count + 1, sizeof *seats);
        if (!seats) return ERR_NOMEM;
        for (size_t i = 0; i < route->topic_count; i++) {
                seats[i] = (struct seat){&route->topics[i], total};
                total += route->topics[i].partitions;
        }
        unsigned char *taken = calloc(total + 1, 1);
        if (!taken) {
                free(seats);
                return ERR_NOMEM;
        }
        if (route->topic_count) {
                qsort(seats, route->topic_count, sizeof *seats, seat_compare);
                seats_take(route, seats, taken);
        }
        *out_seats = seats;
        *out_taken = taken;
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

Heliostat__Pb__LaneTopic *lane_record_topic(Heliostat__Pb__Lane *record, const char *topic) {
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
        Heliostat__Pb__LaneTopic *in = lane_record_topic(lane->next, topic);
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

int cluster_place(struct cluster *cluster, struct route *route, size_t lanes_max) {
        char problem[sizeof route->problem] = "";
        struct seat *seats = NULL;
        unsigned char *taken = NULL;
        struct slot *slots = NULL;
        size_t slot_count = 0, left_out = 0, lanes = 0;
        bool first = route_first_look(route), more = false;
        int rc = 0;

        /* An unreadable lane may hold any partition: placing one again would
         * give it two owners. */
        for (size_t k = 0; k < route->lane_count; k++)
                if (route->lanes[k]->broken)
                        (void)snprintf(problem, sizeof problem,
                                       "lane %zu is unreadable: new partitions wait", k);
        if (!*problem) {
                rc = seats_fill(route, &seats, &taken);
                if (!rc) rc = fill_slots(route, &slots, &slot_count);
        }
        for (size_t i = 0; !rc && !*problem && i < route->topic_count; i++) {
                const struct cluster_topic *topic = seats[i].topic;
                for (uint32_t p = 0; !rc && p < topic->partitions; p++) {
                        if (taken[seats[i].first + p]) continue;
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
                        struct lane *lane = slots[0].lane;
                        if (lane->next || lanes < lanes_max) {
                                lanes += !lane->next;
                                rc = lane_add(lane, topic->topic, p, first);
                        } else {
                                more = true;
                        }
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
        free(seats);
        free(taken);
        free(slots);
        return rc ? rc : more ? CLUSTER_PLACE_MORE : 0;
}
