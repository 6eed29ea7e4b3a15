#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/znode_path.h"
#include "tests/sim/sim.h"

enum { FREE = HELIOSTAT__PB__LANE_STATE__LANE_FREE,
       ASSIGNED = HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED,
       OWNED = HELIOSTAT__PB__LANE_STATE__LANE_OWNED,
       REVOKING = HELIOSTAT__PB__LANE_STATE__LANE_REVOKING };
static const char *const state_names[] = {"FREE", "ASSIGNED", "OWNED", "REVOKING"};

void sim_fail(struct sim *sim, const char *format, ...) {
        va_list args;
        va_start(args, format);
        fprintf(stderr, "%s\nat %lld: ", sim->trace ? sim->trace : "", (long long)sim->now_ms);
        (void)vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
        abort();
}

static bool is_live(const struct sim *sim, const char *id, const char *incarnation, bool *out_draining) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Worker *worker = NULL;
        if (znode_path_worker(path, id)) return false;
        const struct znode *node = znodes_find(&sim->zk, path);
        if (!node || codec_unpack_worker(node->data, node->bytes, &worker)) return false;
        bool live = !incarnation || strcmp(worker->incarnation, incarnation) == 0;
        if (out_draining) *out_draining = worker->draining;
        codec_free(worker);
        return live;
}

static bool lane_number(const char *path, uint32_t *out) {
        static const char prefix[] = ZNODE_LANES "/" SIM_ROUTE "/";
        if (strncmp(path, prefix, sizeof prefix - 1) != 0) return false;
        *out = (uint32_t)strtoul(path + sizeof prefix - 1, NULL, 10);
        return true;
}

static Heliostat__Pb__Lane *lane_read(const struct sim *sim, uint32_t number) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Lane *lane = NULL;
        (void)znode_path_lane(path, SIM_ROUTE, number);
        const struct znode *node = znodes_find(&sim->zk, path);
        if (node) (void)codec_unpack_lane(node->data, node->bytes, &lane);
        return lane;
}

static const Heliostat__Pb__LanePartition *entry_of(const Heliostat__Pb__Lane *lane, const char *topic, uint32_t partition) {
        for (size_t i = 0; i < lane->n_topics; i++)
                for (size_t p = 0; p < lane->topics[i]->n_partitions; p++)
                        if (lane->topics[i]->partitions[p]->partition == partition &&
                            strcmp(lane->topics[i]->topic, topic) == 0)
                                return lane->topics[i]->partitions[p];
        return NULL;
}

static bool holds(const Heliostat__Pb__Lane *lane, const char *topic, uint32_t partition) {
        return entry_of(lane, topic, partition) != NULL;
}

/* In how many lanes. */
static size_t held(const struct sim *sim, const char *topic, uint32_t partition) {
        size_t count = 0;
        for (uint32_t k = 0; k < 64; k++) {
                Heliostat__Pb__Lane *lane = lane_read(sim, k);
                count += lane && holds(lane, topic, partition);
                codec_free(lane);
        }
        return count;
}

/* One that its owner has taken out may go, and is in one lane all the same. */
static void check_gone(struct sim *sim, uint32_t number, const Heliostat__Pb__Lane *old, const char *topic, uint32_t partition) {
        if (!entry_of(old, topic, partition)->left) sim_fail(sim, "lane %u lost %s-%u", number, topic, partition);
        (void)snprintf(sim->moved_topic, sizeof sim->moved_topic, "%s", topic);
        sim->moved_partition = partition;
        sim->partition_moves++;
        sim_trace(sim, "%s-%u leaves lane %u", topic, partition, number);
}

/* Its generation here must be above that it has left with. */
static void check_came(struct sim *sim, uint32_t number, const Heliostat__Pb__Lane *lane, const char *topic, uint32_t partition) {
        const Heliostat__Pb__LanePartition *entry = entry_of(lane, topic, partition);
        if (!entry->floor_generation) return;
        if (entry->to || entry->left || lane->generation <= entry->floor_generation)
                sim_fail(sim, "%s-%u came into lane %u with generation %llu, from %llu", topic, partition, number,
                         (unsigned long long)lane->generation, (unsigned long long)entry->floor_generation);
        sim_trace(sim, "%s-%u comes to lane %u gen %llu", topic, partition, number, (unsigned long long)lane->generation);
}

static void check_topics(struct sim *sim, uint32_t number, const Heliostat__Pb__Lane *old,
                         const Heliostat__Pb__Lane *lane) {
        for (size_t i = 0; i < old->n_topics; i++)
                for (size_t p = 0; p < old->topics[i]->n_partitions; p++)
                        if (!holds(lane, old->topics[i]->topic, old->topics[i]->partitions[p]->partition))
                                check_gone(sim, number, old, old->topics[i]->topic, old->topics[i]->partitions[p]->partition);
        for (size_t i = 0; i < lane->n_topics; i++)
                for (size_t p = 0; p < lane->topics[i]->n_partitions; p++) {
                        const char *topic = lane->topics[i]->topic;
                        uint32_t partition = lane->topics[i]->partitions[p]->partition;
                        if (holds(old, topic, partition)) continue;
                        if (lane->spec <= old->spec)
                                sim_fail(sim, "lane %u grew, its spec did not", number);
                        check_came(sim, number, lane, topic, partition);
                        for (uint32_t k = 0; k < 64; k++) {
                                Heliostat__Pb__Lane *other = k == number ? NULL : lane_read(sim, k);
                                if (other && holds(other, topic, partition) && !entry_of(other, topic, partition)->left)
                                        sim_fail(sim, "%s-%u is in lanes %u and %u", topic, partition,
                                                 number, k);
                                codec_free(other);
                        }
                }
}

void sim_on_written(void *ctx, int64_t session, const struct znode *before, const char *path,
                    const void *data, size_t bytes) {
        struct sim *sim = ctx;
        uint32_t number;
        Heliostat__Pb__Lane *old = NULL, *lane = NULL;
        if (!lane_number(path, &number) || !before || session == 0) return;
        if (!data) sim_fail(sim, "lane %u deleted", number);
        if (codec_unpack_lane(before->data, before->bytes, &old)) return; /* garbage made by the test */
        if (codec_unpack_lane(data, bytes, &lane)) sim_fail(sim, "lane %u: garbage written", number);

        const char *writer = sim->current_writer;
        bool same_owner = strcmp(old->owner, lane->owner) == 0 &&
                          strcmp(old->incarnation, lane->incarnation) == 0;
        bool by_owner = strcmp(writer, old->owner) == 0;
        bool was_live = old->state != (int)FREE && is_live(sim, old->owner, old->incarnation, NULL);
        bool ok = true;
        if (lane->generation < old->generation) sim_fail(sim, "lane %u: generation shrinks", number);
        if (lane->state != old->state || !same_owner) {
                switch ((int)lane->state) {
                case ASSIGNED:
                        ok = lane->generation == old->generation + 1 &&
                             (old->state == (int)FREE || old->state == (int)ASSIGNED || !was_live);
                        sim->assigned_count++;
                        break;
                case OWNED:
                        ok = old->state == (int)ASSIGNED && same_owner && by_owner;
                        break;
                case REVOKING:
                        ok = old->state == (int)OWNED && same_owner; /* it may have ended just now */
                        sim->moved_count++;
                        break;
                default: /* FREE */
                        ok = by_owner ? old->state == (int)OWNED || old->state == (int)REVOKING
                                      : old->state == (int)ASSIGNED || !was_live;
                }
                sim_trace(sim, "%s: lane %u %s%s%s -> %s%s%s gen %llu", writer, number,
                          state_names[old->state], *old->owner ? " " : "", old->owner,
                          state_names[lane->state], *lane->owner ? " " : "", lane->owner,
                          (unsigned long long)lane->generation);
                if (!ok) sim_fail(sim, "lane %u: not an allowed change", number);
        }
        check_topics(sim, number, old, lane);
        codec_free(old);
        codec_free(lane);
}

static const Heliostat__Pb__AssignedLane *find_entry(const Heliostat__Pb__Assignment *assign, uint32_t lane) {
        for (size_t i = 0; assign && i < assign->n_lanes; i++)
                if (assign->lanes[i]->lane == lane) return assign->lanes[i];
        return NULL;
}

static Heliostat__Pb__Assignment *assign_read(const struct sim *sim, const char *id) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Assignment *assign = NULL;
        (void)znode_path_assign(path, id);
        const struct znode *node = znodes_find(&sim->zk, path);
        if (node) (void)codec_unpack_assignment(node->data, node->bytes, &assign);
        return assign;
}

/* Of lanes that this multi does not write, too. */
static void check_specs(struct sim *sim, const char *id) {
        Heliostat__Pb__Assignment *assign = assign_read(sim, id);
        for (size_t i = 0; assign && i < assign->n_lanes; i++) {
                Heliostat__Pb__Lane *lane = lane_read(sim, assign->lanes[i]->lane);
                if (lane && strcmp(lane->owner, id) == 0 && assign->lanes[i]->spec != lane->spec)
                        sim_fail(sim, "assign node of %s has spec %u of lane %u, which has %u", id,
                                 assign->lanes[i]->spec, assign->lanes[i]->lane, lane->spec);
                codec_free(lane);
        }
        codec_free(assign);
}

void sim_check_multi(struct sim *sim, const struct znode_write *writes, size_t count) {
        size_t bytes = 0;
        if (count == 0 || writes[0].op != ZNODE_CHECK || strcmp(writes[0].path, ZNODE_LEADER) != 0) return;
        if (count > 100) sim_fail(sim, "a multi of %zu operations", count);
        for (size_t i = 0; i < count; i++) {
                uint32_t number;
                bytes += writes[i].bytes;
                if (strncmp(writes[i].path, ZNODE_ASSIGNS "/", sizeof ZNODE_ASSIGNS) == 0)
                        check_specs(sim, writes[i].path + sizeof ZNODE_ASSIGNS);
                if (!lane_number(writes[i].path, &number)) continue;
                Heliostat__Pb__Lane *lane = lane_read(sim, number);
                /* what an earlier incarnation had is not listed for the present one */
                if (lane && (lane->state == (int)ASSIGNED || lane->state == (int)REVOKING) &&
                    (is_live(sim, lane->owner, lane->incarnation, NULL) ||
                     !is_live(sim, lane->owner, NULL, NULL))) {
                        Heliostat__Pb__Assignment *assign = assign_read(sim, lane->owner);
                        const Heliostat__Pb__AssignedLane *entry = find_entry(assign, number);
                        if (!entry || entry->spec != lane->spec ||
                            entry->revoke != (lane->state == (int)REVOKING) ||
                            (lane->state == (int)ASSIGNED && entry->generation != lane->generation))
                                sim_fail(sim, "assign node of %s does not say what lane %u says",
                                         lane->owner, number);
                        codec_free(assign);
                }
                codec_free(lane);
        }
        if (*sim->moved_topic && held(sim, sim->moved_topic, sim->moved_partition) != 1)
                sim_fail(sim, "%s-%u is in %zu lanes", sim->moved_topic, sim->moved_partition,
                         held(sim, sim->moved_topic, sim->moved_partition));
        *sim->moved_topic = '\0';
        if (bytes > 512 * 1024) sim_fail(sim, "a multi of %zu bytes", bytes);
}

/* ---- the end state ------------------------------------------------------- */

static const char *check_assigns(struct sim *sim) {
        char **names;
        const char *wrong = NULL;
        size_t count = znodes_children(&sim->zk, ZNODE_ASSIGNS, &names);
        for (size_t i = 0; i < count; i++) {
                size_t lanes = 0;
                Heliostat__Pb__Assignment *assign = assign_read(sim, names[i]);
                for (uint32_t k = 0; k < 64; k++) {
                        Heliostat__Pb__Lane *lane = lane_read(sim, k);
                        if (lane && strcmp(lane->owner, names[i]) == 0) {
                                const Heliostat__Pb__AssignedLane *entry = find_entry(assign, k);
                                lanes++;
                                if (!entry || entry->spec != lane->spec || entry->revoke ||
                                    entry->generation > lane->generation)
                                        wrong = "an assign node does not say what a lane says";
                        }
                        codec_free(lane);
                }
                if (!is_live(sim, names[i], NULL, NULL)) wrong = "an assign node of a worker that is gone";
                else if (!assign) wrong = "an unreadable assign node";
                else if (assign->n_lanes != lanes) wrong = "an assign node lists too much";
                codec_free(assign);
                free(names[i]);
        }
        free(names);
        return wrong;
}

static const char *check_partitions(struct sim *sim) {
        for (size_t t = 0; t < sim->topic_count; t++)
                for (uint32_t p = 0; p < sim->topics[t].partitions; p++) {
                        int lanes = 0;
                        for (uint32_t k = 0; k < 64; k++) {
                                Heliostat__Pb__Lane *lane = lane_read(sim, k);
                                if (lane && holds(lane, sim->topics[t].topic, p)) lanes++;
                                codec_free(lane);
                        }
                        if (lanes != 1) return "a partition is not in one lane";
                }
        return NULL;
}

const char *sim_unsettled(struct sim *sim) {
        uint32_t loads[SIM_COORDINATORS_MAX + SIM_WORKERS_MAX] = {0}, heaviest = 0, max = 0, min = UINT32_MAX;
        const char *wrong = NULL;
        for (size_t i = 0; i < sim->client_count; i++) {
                char path[ZNODE_PATH_MAX];
                (void)znode_path_worker(path, sim->clients[i].id);
                const struct znode *node = znodes_find(&sim->zk, path);
                if (node && node->session != sim->clients[i].session) return "an old session lives on";
                if (node && !sim->clients[i].up) return "the session of a dead process lives on";
                if (!sim->clients[i].coordinator && sim->clients[i].up && !node)
                        return "a worker is not registered";
        }
        for (uint32_t k = 0; !wrong && k < 64; k++) {
                Heliostat__Pb__Lane *lane = lane_read(sim, k);
                if (!lane) continue;
                uint32_t weight = 0;
                for (size_t i = 0; i < lane->n_topics; i++) {
                        weight += (uint32_t)lane->topics[i]->n_partitions;
                        for (size_t p = 0; p < lane->topics[i]->n_partitions; p++)
                                if (lane->topics[i]->partitions[p]->to) wrong = "a partition is between two lanes";
                }
                if (weight > heaviest) heaviest = weight;
                if (weight == 0 && lane->state != (int)FREE) wrong = "an empty lane is assigned";
                if (weight > 0 && lane->state != (int)OWNED) wrong = "a lane is not owned";
                else if (weight > 0 && !is_live(sim, lane->owner, lane->incarnation, NULL))
                        wrong = "a lane is owned by a worker that is gone";
                for (size_t i = 0; i < sim->client_count; i++)
                        if (strcmp(sim->clients[i].id, lane->owner) == 0) loads[i] += weight;
                codec_free(lane);
        }
        for (size_t i = 0; !wrong && i < sim->client_count; i++) {
                bool draining = false;
                if (sim->clients[i].coordinator || !is_live(sim, sim->clients[i].id, NULL, &draining)) continue;
                if (draining) return "a worker is draining";
                if (loads[i] > max) max = loads[i];
                if (loads[i] < min) min = loads[i];
        }
        if (!wrong && min != UINT32_MAX && max > min + heaviest) wrong = "loads are uneven";
        if (!wrong) wrong = check_partitions(sim);
        return wrong ? wrong : check_assigns(sim);
}

const char *sim_owner(struct sim *sim, uint32_t number) {
        static char owner[130];
        Heliostat__Pb__Lane *lane = lane_read(sim, number);
        (void)snprintf(owner, sizeof owner, "%s", lane && lane->state == (int)OWNED ? lane->owner : "");
        codec_free(lane);
        return owner;
}

uint64_t sim_generation(struct sim *sim, uint32_t number) {
        Heliostat__Pb__Lane *lane = lane_read(sim, number);
        uint64_t generation = lane ? lane->generation : 0;
        codec_free(lane);
        return generation;
}
