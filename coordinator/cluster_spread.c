/* Partitions that change their lane (docs/design.md, "A partition changes its
 * lane"): what the leader knows of hot lanes, and the edits of lane records.  The
 * choice is spread.c's, the steps are cluster_step.c's. */
#include "coordinator/spread.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/cluster_internal.h"

/* Both records, which are written in one step, must stay well below its bound: one
 * that has left waits for that step. */
#define SPREAD_RECORD_BYTES (150 * 1024)

/* ---- what flows in a hot lane -------------------------------------------- */

void lane_flows_free(struct lane *lane) {
        for (size_t i = 0; i < lane->flow_count; i++) free(lane->flows[i].topic);
        free(lane->flows);
        lane->flows = NULL;
        lane->flow_count = 0;
}

static bool flows_of(const struct lane *lane, const Heliostat__Pb__LaneReport *report) {
        bool same = lane->flow_count == report->n_partitions;
        for (size_t i = 0; same && i < lane->flow_count; i++)
                same = lane->flows[i].partition == report->partitions[i]->partition &&
                       strcmp(lane->flows[i].topic, report->partitions[i]->topic) == 0;
        return same;
}

void cluster_spread_note(const struct cluster *cluster, struct lane *lane, const Heliostat__Pb__LaneReport *report) {
        if (!cluster->options.partitions_max || !spread_hot(lane->told.weight, cluster->share, cluster->options.rebalance_percent))
                return lane_flows_free(lane);
        bool again = flows_of(lane, report);
        if (!again) {
                lane_flows_free(lane);
                lane->flows = calloc(report->n_partitions + 1, sizeof *lane->flows);
                if (!lane->flows) return;
        }
        for (size_t i = 0; i < report->n_partitions; i++) {
                const Heliostat__Pb__PartitionReport *p = report->partitions[i];
                /* One that is not well takes its trouble along, and has other things to wait for. */
                bool moves = p->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                double rate = p->rate > 0 ? p->rate : 0;
                if (!again) {
                        if (!(lane->flows[i].topic = strdup(p->topic))) return lane_flows_free(lane);
                        lane->flow_count = i + 1;
                        lane->flows[i].partition = p->partition;
                }
                lane->flows[i].rate = again && lane->flows[i].moves ? (lane->flows[i].rate + rate) / 2 : rate;
                lane->flows[i].moves = moves;
        }
}

/* ---- the records --------------------------------------------------------- */

static Heliostat__Pb__LanePartition *entry_find(const Heliostat__Pb__Lane *record, const char *topic, uint32_t partition) {
        for (size_t i = 0; i < record->n_topics; i++) {
                if (strcmp(record->topics[i]->topic, topic) != 0) continue;
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++)
                        if (record->topics[i]->partitions[k]->partition == partition) return record->topics[i]->partitions[k];
        }
        return NULL;
}

size_t lane_record_leaving(const Heliostat__Pb__Lane *record, size_t *out_left) {
        size_t leaving = 0;
        *out_left = 0;
        for (size_t i = 0; record && i < record->n_topics; i++)
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++) {
                        const Heliostat__Pb__LanePartition *p = record->topics[i]->partitions[k];
                        leaving += p->to != 0;
                        *out_left += p->left;
                }
        return leaving;
}

bool lane_record_left(const Heliostat__Pb__Lane *record, size_t *topic, size_t *partition) {
        for (; *topic < record->n_topics; ++*topic, *partition = 0)
                for (; *partition < record->topics[*topic]->n_partitions; ++*partition)
                        if (record->topics[*topic]->partitions[*partition]->left) return true;
        return false;
}

/* Halts and skips of the partition go where it goes. */
static int notes_move(Heliostat__Pb__Lane *from, Heliostat__Pb__Lane *to, const char *topic, uint32_t partition) {
        Heliostat__Pb__Halt **halts = reallocarray(to->halts, to->n_halts + from->n_halts + 1, sizeof *halts);
        if (halts) to->halts = halts;
        Heliostat__Pb__Skip **skips = reallocarray(to->skips, to->n_skips + from->n_skips + 1, sizeof *skips);
        if (skips) to->skips = skips;
        if (!halts || !skips) return ERR_NOMEM;
        size_t kept = 0;
        for (size_t i = 0; i < from->n_halts; i++) {
                bool goes = from->halts[i]->partition == partition && strcmp(from->halts[i]->topic, topic) == 0;
                if (goes) to->halts[to->n_halts++] = from->halts[i];
                else from->halts[kept++] = from->halts[i];
        }
        from->n_halts = kept;
        kept = 0;
        for (size_t i = 0; i < from->n_skips; i++) {
                bool goes = from->skips[i]->partition == partition && strcmp(from->skips[i]->topic, topic) == 0;
                if (goes) to->skips[to->n_skips++] = from->skips[i];
                else from->skips[kept++] = from->skips[i];
        }
        from->n_skips = kept;
        while (to->n_skips > CODEC_SKIPS_MAX) {
                codec_free(to->skips[0]);
                memmove(to->skips, to->skips + 1, --to->n_skips * sizeof *to->skips);
        }
        return 0;
}

static void lane_topic_remove(Heliostat__Pb__Lane *record, size_t topic, size_t partition) {
        Heliostat__Pb__LaneTopic *in = record->topics[topic];
        memmove(&in->partitions[partition], &in->partitions[partition + 1],
                (in->n_partitions - partition - 1) * sizeof *in->partitions);
        if (--in->n_partitions) return;
        codec_free(in);
        memmove(&record->topics[topic], &record->topics[topic + 1], (record->n_topics - topic - 1) * sizeof *record->topics);
        record->n_topics--;
}

/* What it was committed with in its last lane must be lower than any generation
 * that it has in this one: else its new owner would think itself fenced, and an
 * earlier one would not be. */
static void generation_rise(Heliostat__Pb__Lane *record, uint64_t above) {
        if (record->generation > above) return;
        record->raised_from = record->state == (int)OWNED ? record->generation : 0;
        record->generation = above + 1;
}

int lane_record_move(Heliostat__Pb__Lane *from, Heliostat__Pb__Lane *to, size_t topic, size_t partition) {
        Heliostat__Pb__LanePartition *entry = from->topics[topic]->partitions[partition];
        if (to != from) {
                Heliostat__Pb__LaneTopic *in = lane_record_topic(to, from->topics[topic]->topic);
                if (!in) return ERR_NOMEM;
                Heliostat__Pb__LanePartition **partitions =
                        reallocarray(in->partitions, in->n_partitions + 1, sizeof *partitions);
                if (!partitions) return ERR_NOMEM;
                in->partitions = partitions;
                int rc = notes_move(from, to, in->topic, entry->partition);
                if (rc) return rc;
                partitions[in->n_partitions++] = entry;
                lane_topic_remove(from, topic, partition);
                from->spec++;
        }
        entry->to = 0;
        entry->left = false;
        generation_rise(to, entry->floor_generation);
        to->spec++;
        return 0;
}

/* ---- which ---------------------------------------------------------------- */

static uint64_t worker_load(const struct cluster *cluster, const struct worker *worker) {
        uint64_t load = 0;
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++)
                        if (cluster->routes[i]->lanes[k]->owner == worker) load += lane_plan_weight(cluster->routes[i]->lanes[k]);
        return load;
}

static uint64_t least_load(const struct cluster *cluster) {
        uint64_t least = UINT64_MAX;
        for (size_t i = 0; i < cluster->worker_count; i++) {
                if (!worker_usable(cluster->workers[i])) continue;
                uint64_t load = worker_load(cluster, cluster->workers[i]);
                if (load < least) least = load;
        }
        return least;
}

void cluster_spread_share(struct cluster *cluster) {
        uint64_t total = 0, capacity = 0, most = 0;
        size_t usable = 0;
        for (size_t i = 0; i < cluster->worker_count; i++) {
                const struct worker *worker = cluster->workers[i];
                if (!worker_usable(worker)) continue;
                usable++;
                capacity += worker->capacity;
                if (worker->capacity > most) most = worker->capacity;
        }
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        const struct lane *lane = cluster->routes[i]->lanes[k];
                        if (lane->record && lane->owner) total += lane_plan_weight(lane);
                }
        cluster->share = usable > 1 && capacity ? total * most / capacity : 0;
}

static bool workers_can(const struct cluster *cluster) {
        for (size_t i = 0; i < cluster->worker_count; i++)
                if (cluster->workers[i]->opaque || (cluster->workers[i]->alive && !cluster->workers[i]->gives)) return false;
        return true;
}

static bool lane_small(const struct lane *lane) {
        return protobuf_c_message_get_packed_size(&lane->record->base) < SPREAD_RECORD_BYTES &&
               lane->weight < LANE_PARTITIONS_FULL;
}

/* It can take a partition: run by another worker, or by nobody because it is empty. */
static bool lane_takes(const struct lane *lane, const struct lane *hot) {
        if (lane == hot || !lane->record || lane->broken || lane->leaving || !lane_small(lane) ||
            lane->number >= lane->route->spec->lanes)
                return false;
        if (lane->record->state == (int)FREE) return lane->weight == 0;
        return lane->record->state == (int)OWNED && lane->owner != hot->owner && lane_owner_present(lane) &&
               worker_usable(lane->owner) && !lane->told.stalled;
}

static bool lane_choose(const struct cluster *cluster, const struct lane *lane, struct spread_lane *lanes, double *rates,
                        struct spread_choice *out) {
        const struct route *route = lane->route;
        struct spread_view view = {.weight = lane_plan_weight(lane), .share = cluster->share, .lanes = lanes, .rates = rates,
                                   .tolerance_percent = cluster->options.rebalance_percent, .rate_count = lane->flow_count};
        uint64_t least = least_load(cluster);
        for (size_t i = 0; i < lane->flow_count; i++) {
                const struct flow *flow = &lane->flows[i];
                const Heliostat__Pb__LanePartition *entry = entry_find(lane->record, flow->topic, flow->partition);
                bool goes = flow->moves && entry && entry->started && !entry->to &&
                            !codec_lane_halt(lane->record, flow->topic, flow->partition);
                rates[i] = goes ? flow->rate : -1;
        }
        for (size_t k = 0; k < route->lane_count; k++) {
                const struct lane *other = route->lanes[k];
                if (!lane_takes(other, lane)) continue;
                lanes[view.lane_count++] = (struct spread_lane){
                        .number = other->number, .weight = other->weight ? lane_plan_weight(other) : 0,
                        .load = other->owner ? worker_load(cluster, other->owner) : least};
        }
        return spread_choose(&view, out);
}

int cluster_spread_choose(struct cluster *cluster, struct lane **out_lane, Heliostat__Pb__LanePartition **out_entry,
                          const char **out_topic, uint32_t *out_to) {
        if (!cluster->options.partitions_max || !cluster->share || !workers_can(cluster)) return 0;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (!route->spec || !codec_route_runs(route->spec)) continue;
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        struct spread_choice choice;
                        if (!lane->record || lane->record->state != (int)OWNED || !lane_owner_present(lane) || lane->leaving ||
                            lane->next || !lane->flow_count || !lane_small(lane) ||
                            !spread_hot(lane_plan_weight(lane), cluster->share, cluster->options.rebalance_percent))
                                continue;
                        struct spread_lane *lanes = calloc(route->lane_count + 1, sizeof *lanes);
                        double *rates = calloc(lane->flow_count + 1, sizeof *rates);
                        bool found = lanes && rates && lane_choose(cluster, lane, lanes, rates, &choice);
                        bool memory = lanes && rates;
                        free(lanes);
                        free(rates);
                        if (!memory) return ERR_NOMEM;
                        if (!found) continue;
                        *out_lane = lane;
                        *out_topic = lane->flows[choice.partition].topic;
                        *out_entry = entry_find(lane->record, *out_topic, lane->flows[choice.partition].partition);
                        *out_to = choice.to;
                        return CLUSTER_SPREAD_CHOSEN;
                }
        }
        return 0;
}

/* Those that leave, but for what has halted: that waits for a person, and others need not wait with it. */
static size_t leaving_by_itself(const struct lane *lane) {
        size_t count = lane->leaving;
        for (size_t i = 0; count && lane->record && i < lane->record->n_topics; i++) {
                const Heliostat__Pb__LaneTopic *topic = lane->record->topics[i];
                for (size_t k = 0; k < topic->n_partitions; k++) {
                        const Heliostat__Pb__LanePartition *p = topic->partitions[k];
                        count -= count && p->to && !p->left && codec_lane_halt(lane->record, topic->topic, p->partition);
                }
        }
        return count;
}

size_t cluster_spread_under_way(const struct cluster *cluster) {
        size_t count = 0;
        for (size_t i = 0; i < cluster->route_count; i++) {
                const struct route *route = cluster->routes[i];
                if (!route->spec || !codec_route_runs(route->spec)) continue; /* nothing of it goes on, and others need not wait */
                for (size_t k = 0; k < route->lane_count; k++) count += leaving_by_itself(route->lanes[k]);
        }
        return count;
}
