/* Steps out.  One call evaluates the whole model and packs what is due first
 * into one step; what does not fit, or comes later, follows after its answer:
 *
 *   1. missing lane nodes are created
 *   2. lanes change hands: those that nobody runs first, then planned moves
 *   3. partitions that have left a lane are put into their new one; then discovered
 *      ones are placed; then a lane that is too hot gives some away
 *   4. assign nodes that do not say what the lanes say are written, those of
 *      ended workers deleted
 *
 * /assign/<id> is always derived from the lanes, never edited, so that
 * whatever went wrong with it is repaired by the next step.  Rejected: sending
 * many steps at once; their expected versions would build on results that are
 * not known yet. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/cluster_internal.h"
#include "coordinator/plan.h"

/* ---- steps --------------------------------------------------------------- */

void cluster_step_fini(struct cluster_step *step) {
        for (size_t i = 0; i < step->write_count; i++) free(step->writes[i].data);
        for (size_t i = 0; i < step->decision_count; i++) {
                free(step->decisions[i].text);
                free(step->decisions[i].topic);
        }
        free(step->writes);
        free(step->decisions);
        *step = (struct cluster_step){0};
}

/* A step under construction. */
struct draft {
        struct cluster *cluster;
        int64_t now_ms, wall_ms;
        size_t ops;      /* writes that the choices so far need at most */
        size_t bytes;
        size_t lanes_max; /* lanes to write, less after an attempt that was too big */
        size_t lanes;
        struct cluster_step step;
};

static struct cluster_write *draft_write(struct draft *draft, enum cluster_op op,
                                         enum cluster_kind kind, const char *name, uint32_t lane,
                                         int32_t version) {
        struct cluster_step *step = &draft->step;
        struct cluster_write *writes =
                reallocarray(step->writes, step->write_count + 1, sizeof *writes);
        if (!writes) return NULL;
        step->writes = writes;
        struct cluster_write *write = &writes[step->write_count++];
        *write = (struct cluster_write){.op = op, .version = version};
        write->ref.kind = kind;
        write->ref.lane = lane;
        (void)snprintf(write->ref.name, sizeof write->ref.name, "%s", name);
        return write;
}

static int draft_pack(struct draft *draft, struct cluster_write *write, ProtobufCMessage *message) {
        int rc = codec_pack(message, &write->data, &write->bytes);
        draft->bytes += write->bytes;
        return rc;
}

__attribute__((format(printf, 3, 4)))
static int decide(struct draft *draft, const char *event, const char *format, ...) {
        struct cluster_step *step = &draft->step;
        struct cluster_decision *decisions =
                reallocarray(step->decisions, step->decision_count + 1, sizeof *decisions);
        if (!decisions) return ERR_NOMEM;
        step->decisions = decisions;
        va_list args;
        va_start(args, format);
        int rc = vasprintf(&decisions[step->decision_count].text, format, args);
        va_end(args);
        if (rc < 0) return ERR_NOMEM;
        decisions[step->decision_count].reason = NULL;
        decisions[step->decision_count].topic = NULL;
        decisions[step->decision_count++].event = event;
        return 0;
}

#define TIGHT_MS 60000 /* so long a rebalancing may take; what is left then stays */

/* ---- plan ---------------------------------------------------------------- */

static bool route_wanted(const struct route *route) { return route->spec && codec_route_runs(route->spec); }

static bool lane_wanted(const struct lane *lane) {
        return route_wanted(lane->route) && lane->weight > 0;
}

static int plan_lanes(struct cluster *cluster, int64_t now_ms) {
        size_t lane_room = 0, lane_count = 0, member_count = 0;
        for (size_t i = 0; i < cluster->route_count; i++) lane_room += cluster->routes[i]->lane_count;
        struct plan_member *members = calloc(cluster->worker_count + 1, sizeof *members);
        struct worker **who = calloc(cluster->worker_count + 1, sizeof *who);
        struct plan_lane *views = calloc(lane_room + 1, sizeof *views);
        struct lane **lanes = calloc(lane_room + 1, sizeof *lanes);
        int rc = ERR_NOMEM;
        if (!members || !who || !views || !lanes) goto out;

        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                if (!worker->alive) continue;
                who[member_count] = worker;
                members[member_count++] =
                        (struct plan_member){.id = worker->id, .capacity = worker->capacity, .zone = worker->zone,
                                             .draining = worker->draining || worker->drained, .ailing = worker->ailing};
        }
        cluster_pin_lanes(cluster);
        if (cluster->tight_due && cluster->options.rebalance_percent) cluster_weigh(cluster, now_ms);
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        lane->planned = NULL;
                        if (!lane->record || !lane_wanted(lane) || lane_waits(lane, now_ms))
                                continue;
                        bool held = lane->owner && lane->owner->alive &&
                                    !(lane->record->state == (int)REVOKING &&
                                      lane_owner_present(lane));
                        lanes[lane_count] = lane;
                        views[lane_count++] = (struct plan_lane){
                                .route = route->name, .lane = lane->number, .weight = lane_plan_weight(lane),
                                .owner = held ? lane->owner->id : NULL, .pin = lane->pin, .avoid = lane->avoid};
                }
        }
        struct plan plan;
        if (cluster->tight_due || (cluster->ease_due && now_ms >= cluster->tight_until_ms)) {
                cluster->tight_until_ms = now_ms + TIGHT_MS;
                cluster->tight_tolerance = cluster->tight_due ? 0 : cluster->options.rebalance_percent;
        }
        cluster->tight_due = cluster->ease_due = false;
        bool tight = now_ms < cluster->tight_until_ms;
        struct plan_view view = {.members = members, .member_count = member_count, .lanes = views,
                                 .lane_count = lane_count, .tight = tight, .tolerance_percent = cluster->tight_tolerance};
        rc = plan_compute(&view, &plan);
        if (rc) goto out;
        for (size_t i = 0; i < lane_count; i++)
                if (plan.owner[i] != PLAN_NOBODY) lanes[i]->planned = who[plan.owner[i]];
        bool settled = plan.move_count == 0;
        for (size_t i = 0; settled && i < lane_count; i++) settled = views[i].owner != NULL;
        if (settled) cluster->tight_until_ms = INT64_MIN;
        plan_fini(&plan);
        cluster->plan_dirty = false;
out:
        free(members);
        free(who);
        free(views);
        free(lanes);
        return rc;
}

/* ---- lanes change hands -------------------------------------------------- */

static void text_replace(char **field, char *text) {
        if (*field != protobuf_c_empty_string) free(*field);
        *field = text;
}

/* Room for a lane's write and those of the assign nodes of two workers? */
static bool draft_reserve(struct draft *draft, struct worker *from, struct worker *to) {
        size_t ops = 1 + (from && !from->touched) + (to && to != from && !to->touched);
        if (draft->ops + ops > CLUSTER_WRITES_MAX || draft->lanes == draft->lanes_max) return false;
        draft->ops += ops;
        draft->lanes++;
        if (from) from->touched = true;
        if (to) to->touched = true;
        return true;
}

static int lane_next(struct draft *draft, struct lane *lane) {
        if (!lane->next) lane->next = codec_copy_lane(lane->record);
        if (!lane->next) return ERR_NOMEM;
        lane->next->changed_ms = draft->wall_ms;
        return 0;
}

/* The decision just made is about this lane. */
static int of_lane(struct draft *draft, const struct lane *lane, const char *reason, int rc) {
        if (rc) return rc;
        struct cluster_decision *decision = &draft->step.decisions[draft->step.decision_count - 1];
        decision->reason = reason;
        decision->ref = (struct cluster_ref){.kind = CLUSTER_LANE, .lane = lane->number};
        (void)snprintf(decision->ref.name, sizeof decision->ref.name, "%s", lane->route->name);
        return 0;
}

static int lane_assign(struct draft *draft, struct lane *lane, struct worker *to,
                       const char *event, const char *reason) {
        struct worker *from = lane->owner;
        if (!draft_reserve(draft, from, to)) return 0;
        /* one that was taken away for a reason goes on for that reason */
        if (!*lane->left || !lane->why) lane->why = reason;
        int rc = lane_next(draft, lane);
        if (rc) return rc;
        char *owner = strdup(to->id), *incarnation = strdup(to->incarnation);
        if (!owner || !incarnation) {
                free(owner);
                free(incarnation);
                return ERR_NOMEM;
        }
        lane->next->state = (Heliostat__Pb__LaneState)ASSIGNED;
        text_replace(&lane->next->owner, owner);
        text_replace(&lane->next->incarnation, incarnation);
        lane->next->generation++;
        lane->next->raised_from = 0;
        return of_lane(draft, lane, reason,
                       decide(draft, event, "route=%s lane=%u worker=%s gen=%llu partitions=%u from=%s reason=%s",
                              lane->route->name, lane->number, to->id, (unsigned long long)lane->next->generation,
                              lane->weight, from ? from->id : "-", reason));
}

static int lane_clear(struct draft *draft, struct lane *lane, const char *cause, const char *reason) {
        struct worker *from = lane->owner;
        if (!draft_reserve(draft, from, NULL)) return 0;
        lane->why = reason;
        int rc = lane_next(draft, lane);
        if (rc) return rc;
        lane->next->state = (Heliostat__Pb__LaneState)FREE;
        text_replace(&lane->next->owner, (char *)protobuf_c_empty_string);
        text_replace(&lane->next->incarnation, (char *)protobuf_c_empty_string);
        return of_lane(draft, lane, cause,
                       decide(draft, "coordinator.free", "route=%s lane=%u gen=%llu from=%s reason=%s",
                              lane->route->name, lane->number, (unsigned long long)lane->next->generation, from->id,
                              reason));
}

static int lane_revoke(struct draft *draft, struct lane *lane, const char *to, const char *reason) {
        if (!draft_reserve(draft, lane->owner, NULL)) return 0;
        lane->why = reason;
        int rc = lane_next(draft, lane);
        if (rc) return rc;
        lane->next->state = (Heliostat__Pb__LaneState)REVOKING;
        return of_lane(draft, lane, reason,
                       decide(draft, "coordinator.revoke", "route=%s lane=%u worker=%s gen=%llu to=%s reason=%s",
                              lane->route->name, lane->number, lane->owner->id,
                              (unsigned long long)lane->next->generation, to, reason));
}

/* A lane that nobody is to run: its route rests, or it has lost its partitions. */
static int retire_lane(struct draft *draft, struct lane *lane) {
        const char *cause = route_wanted(lane->route) ? CLUSTER_REASON_EMPTY : CLUSTER_REASON_DISABLED;
        if (!lane->owner) return 0;
        if (!lane->owner->alive) return lane_clear(draft, lane, cause, "lost");
        if (!lane_owner_present(lane)) return lane_clear(draft, lane, cause, "incarnation");
        if (lane->record->state == (int)ASSIGNED) return lane_clear(draft, lane, cause, cause);
        if (lane->record->state == (int)OWNED && !lane->owner->draining)
                return lane_revoke(draft, lane, "-", cause);
        return 0; /* the worker releases it */
}

/* A lane that nobody runs: with its worker gone, or not yet taken. */
static int hand_out_lane(struct draft *draft, struct lane *lane) {
        struct worker *owner = lane->owner, *to = lane->planned;
        if (!owner) {
                if (!to || draft->now_ms < draft->cluster->free_after_ms) return 0;
                return lane_assign(draft, lane, to, "coordinator.assign", "free");
        }
        if (!owner->alive) return to ? lane_assign(draft, lane, to, "coordinator.takeover", "lost") : 0;
        if (!lane_owner_present(lane)) {
                /* Its process may have lost its session only, and run the lane
                 * all the time: it stays there, and moves in peace later. */
                if (!owner->draining)
                        return lane_assign(draft, lane, owner, "coordinator.takeover", "incarnation");
                return to ? lane_assign(draft, lane, to, "coordinator.takeover", "incarnation") : 0;
        }
        if (lane->record->state == (int)ASSIGNED && owner->draining && to)
                return lane_assign(draft, lane, to, "coordinator.assign", "draining");
        return 0;
}

static const char *move_reason(const struct lane *lane, const struct worker *to) {
        if (lane->owner->drained) return "drained";
        if (lane->pin && strcmp(lane->pin, to->id) == 0) return "pinned";
        return lane->avoid && strcmp(lane->avoid, lane->owner->id) == 0 ? "stuck" : "move";
}

static bool lane_late(const struct draft *draft, const struct lane *lane) {
        return lane_awaited(lane) && draft->now_ms - lane->since_ms >= (int64_t)draft->cluster->options.release_patience_ms;
}

/* A worker that opens none of a route's lanes gets no more of them from those who mirror it. */
static void look_for_late(struct draft *draft, const struct route *route) {
        for (size_t k = 0; k < route->lane_count; k++) {
                const struct lane *lane = route->lanes[k];
                if (!lane->record || !lane->owner) continue;
                if (lane_late(draft, lane)) lane->owner->late = route;
                if (lane_moves(lane, draft->now_ms)) lane->owner->moves = route;
        }
}

static int move_lane(struct draft *draft, struct lane *lane, size_t *moving) {
        struct worker *to = lane->planned;
        if (!to || to == lane->owner || !lane->owner || lane->owner->draining ||
            !lane_owner_present(lane))
                return 0;
        if (lane->record->state == (int)ASSIGNED) /* the version decides against the claim */
                return lane_assign(draft, lane, to, "coordinator.assign", move_reason(lane, to));
        if (lane->record->state != (int)OWNED || *moving >= draft->cluster->options.moves_max ||
            (to->late == lane->route && to->moves != lane->route))
                return 0;
        ++*moving;
        return lane_revoke(draft, lane, to->id, move_reason(lane, to));
}

/* Its record may be old: decide once it is read. */
static bool lane_busy(struct lane *lane) {
        if (!lane->object.queued && !lane->object.reading && !lane->object.failed) return false;
        lane->skipped = true;
        return true;
}

static int change_hands(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        size_t moving = 0;
        bool waiting = false;
        int rc = 0;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (!route->spec) continue;
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        if (!lane->record) continue;
                        if (lane_waits(lane, draft->now_ms)) {
                                waiting = waiting || !lane->owner->opaque;
                                continue;
                        }
                        moving += cluster_move_counts(cluster, lane, draft->now_ms);
                        if (lane_busy(lane)) continue;
                        rc = lane_wanted(lane) ? hand_out_lane(draft, lane)
                                               : retire_lane(draft, lane);
                        if (rc) return rc;
                }
        }
        if (waiting || draft->now_ms < cluster->move_after_ms) return 0;
        for (size_t i = 0; i < cluster->worker_count; i++) cluster->workers[i]->late = cluster->workers[i]->moves = NULL;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                look_for_late(draft, route);
                for (size_t k = 0; route_wanted(route) && k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        if (!lane->record || lane->next || lane_waits(lane, draft->now_ms) ||
                            !lane_wanted(lane) || lane_busy(lane))
                                continue;
                        if ((rc = move_lane(draft, lane, &moving))) return rc;
                }
        }
        return 0;
}

/* ---- lane nodes ---------------------------------------------------------- */

static int create_lanes(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (!route->spec) continue;
                if (!route->parent_exists &&
                    !draft_write(draft, CLUSTER_CREATE, CLUSTER_LANES, route->name, 0, 0))
                        return ERR_NOMEM;
                uint32_t created = 0;
                for (uint32_t k = 0; k < route->spec->lanes; k++) {
                        if (route->lanes[k]->exists) continue;
                        if (draft->step.write_count == CLUSTER_WRITES_MAX) break;
                        Heliostat__Pb__Lane record = HELIOSTAT__PB__LANE__INIT;
                        record.changed_ms = draft->wall_ms;
                        struct cluster_write *write = draft_write(
                                draft, CLUSTER_CREATE, CLUSTER_LANE, route->name, k, 0);
                        if (!write) return ERR_NOMEM;
                        int rc = draft_pack(draft, write, &record.base);
                        if (rc) return rc;
                        created++;
                }
                if (created) {
                        int rc = decide(draft, "coordinator.create", "route=%s lanes=%u",
                                        route->name, created);
                        if (rc) return rc;
                }
                /* one route at a time keeps the parent in front of its lanes */
                if (draft->step.write_count) return 0;
        }
        return 0;
}

/* ---- placement ----------------------------------------------------------- */

/* All that the first look found is placed with this step: noted in lane 0. */
static int settle_route(struct draft *draft, struct route *route) {
        struct lane *lane = route->lanes[0];
        if (!lane->next) {
                if (lane_busy(lane) || !draft_reserve(draft, lane->owner, NULL)) return 0; /* with the next step */
                int rc = lane_next(draft, lane);
                if (rc) return rc;
        }
        lane->next->settled = true;
        return 0;
}

static int place_partitions(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (!route->place) continue;
                if (!route_wanted(route)) continue;
                int rc = cluster_place(cluster, route, draft->lanes_max);
                if (rc < 0) return rc;
                bool any = false, whole = rc != CLUSTER_PLACE_MORE, first = route->looked && route_first_look(route);
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        if (!lane->next) continue;
                        any = true;
                        if (!draft_reserve(draft, lane->owner, NULL)) {
                                codec_free(lane->next);
                                lane->next = NULL;
                                whole = false;
                                continue;
                        }
                        lane->next->changed_ms = draft->wall_ms;
                        rc = decide(draft, "coordinator.place",
                                    "route=%s lane=%u partitions=%u added=%u spec=%u",
                                    route->name, lane->number, codec_lane_partitions(lane->next),
                                    codec_lane_partitions(lane->next) - lane->weight,
                                    lane->next->spec);
                        if (rc) return rc;
                }
                if (first && whole) {
                        rc = settle_route(draft, route);
                        if (rc) return rc;
                        any = true; /* or its read is waited for */
                }
                if (any) return 0;
                route->place = false;
        }
        return 0;
}

/* ---- partitions change their lane ---------------------------------------- */

/* Nobody is about to write it but for a fact, whose version then decides. */
static bool lane_rests(struct lane *lane) {
        if (!lane->record || lane->broken || lane_busy(lane)) return false;
        return lane->record->state == (int)FREE || (lane->record->state == (int)OWNED && lane_owner_present(lane));
}

/* Both lanes in one step: it is in one of them at any time. */
static int partition_arrives(struct draft *draft, struct lane *from, size_t topic, size_t partition) {
        const Heliostat__Pb__LaneTopic *in = from->record->topics[topic];
        Heliostat__Pb__LanePartition *entry = in->partitions[partition];
        struct route *route = from->route;
        /* The lane that was chosen is gone or unreadable: back. */
        bool there = entry->to <= route->lane_count && route->lanes[entry->to - 1]->record;
        struct lane *to = there ? route->lanes[entry->to - 1] : from;
        if (!lane_rests(from) || !lane_rests(to)) {
                from->skipped = to->skipped = true; /* what they are next decides: nothing else tells that they rest */
                return 0;
        }
        if (draft->lanes + 2 > draft->lanes_max || draft->ops + 4 > CLUSTER_WRITES_MAX) return 0;
        if (!draft_reserve(draft, from->owner, NULL) || (to != from && !draft_reserve(draft, to->owner, NULL))) return 0;
        char *name = strdup(in->topic);
        if (!name) return ERR_NOMEM;
        int rc = lane_next(draft, from);
        if (!rc) rc = lane_next(draft, to);
        if (!rc) rc = lane_record_move(from->next, to->next, topic, partition);
        if (!rc)
                rc = decide(draft, "coordinator.partition.move", "route=%s topic=%s partition=%u from=%u to=%u position=%lld gen=%llu",
                            route->name, name, entry->partition, from->number, to->number, (long long)entry->floor,
                            (unsigned long long)to->next->generation);
        if (rc) {
                free(name);
                return rc;
        }
        struct cluster_decision *decision = &draft->step.decisions[draft->step.decision_count - 1];
        decision->topic = name;
        decision->partition = entry->partition;
        decision->from = from->number;
        decision->ref = (struct cluster_ref){.kind = CLUSTER_LANE, .lane = to->number};
        (void)snprintf(decision->ref.name, sizeof decision->ref.name, "%s", route->name);
        draft->cluster->spread_after_ms = draft->now_ms + 3 * (int64_t)draft->cluster->options.rebalance_settle_ms;
        return 0;
}

/* One in a step: its own floor and both lanes' generations are then those that were read. */
static int arrive_partitions(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                if (!route->spec) continue;
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        size_t topic = 0, partition = 0;
                        if (!lane->leaving || !lane->record) continue;
                        for (; lane_record_left(lane->record, &topic, &partition); partition++) {
                                int rc = partition_arrives(draft, lane, topic, partition);
                                if (rc || draft->lanes) return rc;
                        }
                }
        }
        return 0;
}

static int spread_partitions(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        struct lane *lane;
        Heliostat__Pb__LanePartition *entry;
        const char *topic;
        uint32_t to;
        if (!cluster->spread_due) return 0;
        cluster->spread_due = false;
        if (!cluster_quiet(cluster, draft->now_ms)) return 0; /* lanes move first */
        if (cluster_spread_under_way(cluster) >= cluster->options.partitions_max) return 0;
        int rc = cluster_spread_choose(cluster, &lane, &entry, &topic, &to);
        if (rc != CLUSTER_SPREAD_CHOSEN) return rc;
        if (lane_busy(lane) || !draft_reserve(draft, lane->owner, NULL)) return 0;
        Heliostat__Pb__Lane *record = lane->record;
        rc = lane_next(draft, lane);
        if (rc) return rc;
        for (size_t i = 0; i < record->n_topics; i++)
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++)
                        if (record->topics[i]->partitions[k] == entry) lane->next->topics[i]->partitions[k]->to = to + 1;
        lane->next->spec++;
        return decide(draft, "coordinator.partition.leave", "route=%s topic=%s partition=%u from=%u to=%u weight=%u share=%llu",
                      lane->route->name, topic, entry->partition, lane->number, to, lane_plan_weight(lane),
                      (unsigned long long)cluster->share);
}

/* ---- assign nodes -------------------------------------------------------- */

static const Heliostat__Pb__Lane *lane_effective(const struct lane *lane) {
        return lane->next ? lane->next : lane->record;
}

/* Whose assign node lists the lane, once the step is done. */
static struct worker *lane_listed_at(struct cluster *cluster, const struct lane *lane) {
        const Heliostat__Pb__Lane *record = lane_effective(lane);
        if (!lane->route->spec || !record || record->state == (int)FREE) return NULL;
        struct worker *worker =
                lane->next ? cluster_find_worker(cluster, record->owner) : lane->owner;
        /* what an earlier incarnation had is not listed for the present one */
        if (worker && worker->alive && strcmp(worker->incarnation, record->incarnation) != 0)
                return NULL;
        return worker;
}

/* An entry for a lane that is left alone (garbage, unknown route) is carried
 * over as it is. */
static bool entry_carried(const struct cluster *cluster, const Heliostat__Pb__AssignedLane *entry) {
        const struct route *route = cluster_find_route(cluster, entry->route);
        if (!route || !route->spec) return true;
        return entry->lane < route->lane_count && route->lanes[entry->lane]->broken;
}

static bool entry_equal(const Heliostat__Pb__AssignedLane *has,
                        const Heliostat__Pb__AssignedLane *want, bool claimed) {
        /* The worker may have raised the generation of a lane that it owns. */
        return has->lane == want->lane && has->spec == want->spec &&
               !has->revoke == !want->revoke && has->lanes == want->lanes && strcmp(has->route, want->route) == 0 &&
               (has->generation == want->generation ||
                (claimed && has->generation < want->generation));
}

struct entries {
        Heliostat__Pb__AssignedLane *items;
        Heliostat__Pb__AssignedLane **pointers;
        bool *claimed;
};

static void entry_add(struct entries *entries, struct worker *worker,
                      const Heliostat__Pb__AssignedLane *entry, bool claimed) {
        size_t at = worker->entry_first + worker->entry_count++;
        entries->items[at] = *entry;
        entries->pointers[at] = &entries->items[at];
        entries->claimed[at] = claimed;
}

/* By how many lanes the route's workers divide its limits; 0: it has none. */
static uint32_t limit_lanes(const struct route *route) {
        uint32_t lanes = 0;
        if (!route->spec || (!route->spec->limit_bytes_per_second && !route->spec->limit_records_per_second)) return 0;
        for (size_t k = 0; k < route->lane_count; k++) lanes += lane_wanted(route->lanes[k]);
        return lanes;
}

/* Fills entries of all workers, or only counts them (items NULL). */
static void collect_entries(struct cluster *cluster, struct entries *entries) {
        for (size_t i = 0; i < cluster->worker_count; i++) cluster->workers[i]->entry_count = 0;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                uint32_t lanes = limit_lanes(route);
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        struct worker *worker = lane_listed_at(cluster, lane);
                        if (!worker) continue;
                        if (!entries->items) {
                                worker->entry_count++;
                                continue;
                        }
                        const Heliostat__Pb__Lane *record = lane_effective(lane);
                        Heliostat__Pb__AssignedLane entry = HELIOSTAT__PB__ASSIGNED_LANE__INIT;
                        entry.route = route->name;
                        entry.lane = lane->number;
                        entry.generation = record->generation;
                        entry.spec = record->spec;
                        entry.revoke = record->state == (int)REVOKING;
                        entry.lanes = lanes;
                        entry_add(entries, worker, &entry, record->state != (int)ASSIGNED);
                }
        }
        for (size_t i = 0; i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                for (size_t k = 0; worker->assign && k < worker->assign->n_lanes; k++) {
                        if (!entry_carried(cluster, worker->assign->lanes[k])) continue;
                        if (entries->items)
                                entry_add(entries, worker, worker->assign->lanes[k], false);
                        else
                                worker->entry_count++;
                }
        }
}

static bool assign_differs(const struct worker *worker, const struct entries *entries) {
        if (!worker->assign) return worker->entry_count > 0 || worker->assign_exists;
        if (worker->assign->n_lanes != worker->entry_count) return true;
        for (size_t i = 0; i < worker->entry_count; i++) {
                size_t at = worker->entry_first + i;
                if (!entry_equal(worker->assign->lanes[i], entries->pointers[at],
                                 entries->claimed[at]))
                        return true;
        }
        return false;
}

static int write_assign(struct draft *draft, struct worker *worker, struct entries *entries) {
        Heliostat__Pb__Assignment assign = HELIOSTAT__PB__ASSIGNMENT__INIT;
        assign.leader_epoch = draft->cluster->options.epoch;
        assign.n_lanes = worker->entry_count;
        assign.lanes = entries->pointers + worker->entry_first;
        struct cluster_write *write =
                draft_write(draft, worker->assign_exists ? CLUSTER_SET : CLUSTER_CREATE,
                            CLUSTER_ASSIGN, worker->id, 0, worker->assign_version);
        return write ? draft_pack(draft, write, &assign.base) : ERR_NOMEM;
}

/* Writes the assign nodes of touched workers, and as room is left those that
 * do not say what the lanes say. */
static int write_assigns(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        struct entries entries = {0};
        size_t total = 0;
        int rc = 0;
        collect_entries(cluster, &entries);
        for (size_t i = 0; i < cluster->worker_count; i++) {
                cluster->workers[i]->entry_first = total;
                total += cluster->workers[i]->entry_count;
        }
        entries.items = calloc(total + 1, sizeof *entries.items);
        entries.pointers = calloc(total + 1, sizeof(Heliostat__Pb__AssignedLane *));
        entries.claimed = calloc(total + 1, sizeof *entries.claimed);
        if (!entries.items || !entries.pointers || !entries.claimed) rc = ERR_NOMEM;
        if (!rc) collect_entries(cluster, &entries);

        for (size_t i = 0; !rc && i < cluster->worker_count; i++) {
                struct worker *worker = cluster->workers[i];
                if (worker->opaque) continue;
                if (!worker->touched) {
                        /* the lanes of the missing are decided about first */
                        if (!worker->alive &&
                            (worker->entry_count || draft->now_ms < worker->takeover_ms))
                                continue;
                        if (draft->step.write_count >= CLUSTER_WRITES_MAX ||
                            draft->ops >= CLUSTER_WRITES_MAX)
                                continue;
                        if (worker->alive ? !assign_differs(worker, &entries)
                                          : !worker->assign_exists)
                                continue;
                        draft->ops++;
                }
                if (!worker->alive && !worker->entry_count) {
                        if (worker->assign_exists &&
                            !draft_write(draft, CLUSTER_DELETE, CLUSTER_ASSIGN, worker->id, 0,
                                         worker->assign_version))
                                rc = ERR_NOMEM;
                        continue;
                }
                if (assign_differs(worker, &entries)) rc = write_assign(draft, worker, &entries);
        }
        free(entries.items);
        free(entries.pointers);
        free(entries.claimed);
        return rc;
}

static int write_lanes(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        for (size_t i = 0; i < cluster->route_count; i++) {
                struct route *route = cluster->routes[i];
                for (size_t k = 0; k < route->lane_count; k++) {
                        struct lane *lane = route->lanes[k];
                        if (!lane->next) continue;
                        struct cluster_write *write =
                                draft_write(draft, CLUSTER_SET, CLUSTER_LANE, route->name,
                                            lane->number, lane->version);
                        int rc = write ? draft_pack(draft, write, &lane->next->base) : ERR_NOMEM;
                        if (rc) return rc;
                }
        }
        return 0;
}

/* ---- evaluation ---------------------------------------------------------- */

static void draft_reset(struct draft *draft) {
        struct cluster *cluster = draft->cluster;
        for (size_t i = 0; i < cluster->worker_count; i++) cluster->workers[i]->touched = false;
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        codec_free(cluster->routes[i]->lanes[k]->next);
                        cluster->routes[i]->lanes[k]->next = NULL;
                }
        cluster_step_fini(&draft->step);
        draft->ops = draft->bytes = draft->lanes = 0;
}

static int draft_fill(struct draft *draft) {
        int rc = create_lanes(draft);
        if (rc || draft->step.write_count) return rc;
        rc = change_hands(draft);
        if (!rc && !draft->lanes) rc = arrive_partitions(draft);
        if (!rc && !draft->lanes) rc = place_partitions(draft);
        if (!rc && !draft->lanes) rc = spread_partitions(draft);
        if (!rc) rc = write_lanes(draft);
        if (!rc) rc = write_assigns(draft);
        return rc;
}

static int draft_build(struct draft *draft) {
        for (;;) {
                int rc = draft_fill(draft);
                bool too_big = rc == ERR_TOO_BIG || (!rc && draft->bytes > CLUSTER_STEP_BYTES_MAX);
                if (!too_big || draft->lanes <= 1) return rc;
                size_t lanes = draft->lanes;
                draft_reset(draft);
                draft->lanes_max = lanes / 2;
        }
}

static void earlier(int64_t *wake_ms, int64_t at_ms, int64_t now_ms) {
        if (at_ms > now_ms && at_ms < *wake_ms) *wake_ms = at_ms;
}

static void compute_wake(struct cluster *cluster, int64_t now_ms) {
        int64_t wake_ms = INT64_MAX;
        earlier(&wake_ms, cluster->refresh_at_ms, now_ms);
        earlier(&wake_ms, cluster->retry_at_ms, now_ms);
        earlier(&wake_ms, cluster->blocked_until_ms, now_ms);
        earlier(&wake_ms, cluster->free_after_ms, now_ms);
        earlier(&wake_ms, cluster->move_after_ms, now_ms);
        for (size_t i = 0; i < cluster->worker_count; i++)
                if (!cluster->workers[i]->alive)
                        earlier(&wake_ms, cluster->workers[i]->takeover_ms, now_ms);
        for (size_t i = 0; i < cluster->route_count; i++)
                for (size_t k = 0; k < cluster->routes[i]->lane_count; k++) {
                        const struct lane *lane = cluster->routes[i]->lanes[k];
                        if (lane->record && lane->record->state == (int)REVOKING)
                                earlier(&wake_ms,
                                        lane->since_ms +
                                                cluster->options.release_patience_ms,
                                        now_ms);
                }
        cluster->wake_ms = wake_ms;
}

/* The first usable worker of none is seldom the only one to come: what is FREE
 * waits a little, unless lanes are running already. */
static void notice_workers(struct cluster *cluster, int64_t now_ms) {
        bool usable = false, running = false;
        for (size_t i = 0; i < cluster->worker_count; i++)
                usable = usable || worker_usable(cluster->workers[i]);
        if (usable && !cluster->had_usable) {
                for (size_t i = 0; i < cluster->route_count; i++)
                        for (size_t k = 0; k < cluster->routes[i]->lane_count; k++)
                                running = running || lane_owner_present(cluster->routes[i]->lanes[k]);
                if (!running) cluster->free_after_ms = now_ms + cluster->options.cold_settle_ms;
        }
        cluster->had_usable = usable;
}

int cluster_step(struct cluster *cluster, int64_t now_ms, int64_t wall_ms,
                 struct cluster_step *out) {
        if (cluster->step_open) return 0;
        cluster_on_time(cluster, now_ms);
        if (cluster->unknown_count || cluster->pending_count ||
            now_ms < cluster->blocked_until_ms || !cluster->dirty) {
                compute_wake(cluster, now_ms);
                return 0;
        }
        cluster->narrates = true;
        notice_workers(cluster, now_ms);
        int rc = cluster->plan_dirty ? plan_lanes(cluster, now_ms) : 0;
        struct draft draft = {.cluster = cluster, .now_ms = now_ms, .wall_ms = wall_ms,
                              .lanes_max = CLUSTER_WRITES_MAX};
        if (!rc) rc = draft_build(&draft);
        if (rc || draft.step.write_count == 0) {
                draft_reset(&draft);
                if (!rc) cluster->dirty = false;
                compute_wake(cluster, now_ms);
                return rc;
        }
        *out = draft.step;
        draft.step = (struct cluster_step){0};
        draft_reset(&draft);
        cluster->step_open = true;
        compute_wake(cluster, now_ms);
        return CLUSTER_STEP;
}
