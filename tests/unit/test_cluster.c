/* The leader's decisions, one cause at a time, against znodes in memory that
 * answer at once.  What several processes do to each other is in tests/sim. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"
#include "coordinator/cluster_internal.h"
#include "tests/sim/znodes.h"
#include "tests/unit/test.h"

#define ROUTE "e->w"

struct rig {
        struct znodes zk;
        struct cluster *cluster;
        struct cluster_options options;
        int64_t now_ms;
        struct cluster_ref watched[4096];
        size_t watched_count;
        size_t heard_from;        /* watches set before this are not told of, as after a reconnection */
        char notices[4096], decisions[65536];
        size_t steps, refused, writes, bytes_max;
        bool workers_claim;       /* model workers claim and release at once */
        const char *idler;        /* but for this one, which claims nothing */
        uint32_t closed;          /* lane of which its owner's report has no partitions, from 1; 0: none */
        const char *fail_path;    /* reads of it fail */
        bool always_refuse;
};

static void on_fired(void *ctx, int64_t session, uint64_t tag) {
        struct rig *rig = ctx;
        (void)session;
        if (rig->cluster && tag >= rig->heard_from) cluster_on_changed(rig->cluster, &rig->watched[tag]);
}

static void on_written(void *ctx, int64_t session, const struct znode *before, const char *path,
                       const void *data, size_t bytes) {
        (void)ctx, (void)session, (void)before, (void)path, (void)data, (void)bytes;
}

/* ---- znodes of others ---- */

static void put(struct rig *rig, const char *path, ProtobufCMessage *message) { znodes_put_message(&rig->zk, path, message); }

static void put_garbage(struct rig *rig, const char *path) { znodes_put(&rig->zk, path, "\xff\xff", 2); }

static void put_limited_route(struct rig *rig, const char *name, uint32_t lanes, bool enabled, uint64_t limit) {
        znodes_put_route(&rig->zk, name, lanes, enabled, limit);
}

static void put_route(struct rig *rig, const char *name, uint32_t lanes, bool enabled) {
        put_limited_route(rig, name, lanes, enabled, 0);
}

static void put_worker(struct rig *rig, const char *id, const char *incarnation, bool draining) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Worker worker = HELIOSTAT__PB__WORKER__INIT;
        worker.id = (char *)id;
        worker.incarnation = (char *)incarnation;
        worker.capacity = 100;
        worker.draining = draining;
        worker.gives_partitions = strcmp(incarnation, "old") != 0;
        assert_int_equal(znode_path_worker(path, id), 0);
        put(rig, path, &worker.base);
}

static void drop(struct rig *rig, const char *path) {
        struct znode_write write = {.op = ZNODE_DELETE, .version = -1};
        int32_t version;
        int failed;
        (void)snprintf(write.path, sizeof write.path, "%s", path);
        assert_int_equal(znodes_multi(&rig->zk, 0, &write, 1, &version, &failed), 0);
}

static Heliostat__Pb__Lane *read_lane(struct rig *rig, uint32_t number) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Lane *lane = NULL;
        (void)znode_path_lane(path, ROUTE, number);
        const struct znode *node = znodes_find(&rig->zk, path);
        if (node) (void)codec_unpack_lane(node->data, node->bytes, &lane);
        return lane;
}

static void write_lane(struct rig *rig, uint32_t number, Heliostat__Pb__Lane *lane) {
        char path[ZNODE_PATH_MAX];
        (void)znode_path_lane(path, ROUTE, number);
        put(rig, path, &lane->base);
}

/* A worker's own write. */
static void set_lane(struct rig *rig, uint32_t number, int state, uint64_t generation) {
        Heliostat__Pb__Lane *lane = read_lane(rig, number);
        assert_non_null(lane);
        lane->state = (Heliostat__Pb__LaneState)state;
        if (generation) lane->generation = generation;
        if (state == (int)FREE && *lane->owner) *lane->owner = *lane->incarnation = '\0';
        write_lane(rig, number, lane);
        codec_free(lane);
}

/* `heliostat resume`: an answer in the lane's record, told to its owner, both
 * behind the leader's back. */
static void resume_lane(struct rig *rig, uint32_t number) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Assignment *assign = NULL;
        Heliostat__Pb__Lane *lane = read_lane(rig, number);
        assert_non_null(lane);
        lane->spec++;
        write_lane(rig, number, lane);
        (void)znode_path_assign(path, lane->owner);
        const struct znode *node = znodes_find(&rig->zk, path);
        assert_non_null(node);
        assert_int_equal(codec_unpack_assignment(node->data, node->bytes, &assign), 0);
        for (size_t i = 0; i < assign->n_lanes; i++)
                if (assign->lanes[i]->lane == number) assign->lanes[i]->spec = lane->spec;
        put(rig, path, &assign->base);
        codec_free(assign);
        codec_free(lane);
}

/* A lane as an earlier leader left it. */
static void put_lane(struct rig *rig, uint32_t number, int state, const char *owner,
                     const char *incarnation, uint64_t generation, uint32_t partition) {
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        Heliostat__Pb__LaneTopic topic = HELIOSTAT__PB__LANE_TOPIC__INIT, *topics[] = {&topic};
        Heliostat__Pb__LanePartition one = HELIOSTAT__PB__LANE_PARTITION__INIT, *ones[] = {&one};
        if (!znodes_find(&rig->zk, ZNODE_LANES "/" ROUTE))
                znodes_put(&rig->zk, ZNODE_LANES "/" ROUTE, "", 0);
        lane.state = (Heliostat__Pb__LaneState)state;
        lane.owner = (char *)owner;
        lane.incarnation = (char *)incarnation;
        lane.generation = generation;
        lane.spec = 1;
        lane.n_topics = 1;
        lane.topics = topics;
        topic.topic = (char *)"t";
        topic.n_partitions = 1;
        topic.partitions = ones;
        one.partition = partition;
        write_lane(rig, number, &lane);
}

/* "OWNED w1/a g1 s1 t0 t3", "" for no lane */
static const char *lane_text(struct rig *rig, uint32_t number) {
        static char text[1024];
        static const char *const names[] = {"FREE", "ASSIGNED", "OWNED", "REVOKING"};
        Heliostat__Pb__Lane *lane = read_lane(rig, number);
        if (!lane) return "";
        int n = snprintf(text, sizeof text, "%s %s/%s g%llu s%u", names[lane->state], lane->owner,
                         lane->incarnation, (unsigned long long)lane->generation, lane->spec);
        for (size_t i = 0; i < lane->n_topics; i++)
                for (size_t p = 0; p < lane->topics[i]->n_partitions && n < 900; p++)
                        n += snprintf(text + n, sizeof text - (size_t)n, " %.20s%u",
                                      lane->topics[i]->topic,
                                      lane->topics[i]->partitions[p]->partition);
        codec_free(lane);
        return text;
}

/* "0:g1s1 2:g1s1r", "-" for no node, "?" for garbage */
static const char *assign_text(struct rig *rig, const char *id) {
        static char text[1024];
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Assignment *assign = NULL;
        (void)znode_path_assign(path, id);
        const struct znode *node = znodes_find(&rig->zk, path);
        if (!node) return "-";
        if (codec_unpack_assignment(node->data, node->bytes, &assign)) return "?";
        int n = 0;
        *text = '\0';
        for (size_t i = 0; i < assign->n_lanes && n < 900; i++)
                n += snprintf(text + n, sizeof text - (size_t)n, "%s%u:g%llus%u%s%.*s%.*u", i ? " " : "",
                              assign->lanes[i]->lane,
                              (unsigned long long)assign->lanes[i]->generation,
                              assign->lanes[i]->spec, assign->lanes[i]->revoke ? "r" : "",
                              assign->lanes[i]->lanes ? 1 : 0, "/", 0, assign->lanes[i]->lanes);
        codec_free(assign);
        return text;
}

static size_t count_state(struct rig *rig, uint32_t lanes, int state) {
        size_t count = 0;
        for (uint32_t k = 0; k < lanes; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                if (lane && (int)lane->state == state) count++;
                codec_free(lane);
        }
        return count;
}

/* ---- the shell ---- */

static void answer(struct rig *rig, const struct cluster_read *read) {
        char path[ZNODE_PATH_MAX];
        cluster_path(&read->ref, path);
        if (rig->fail_path && strcmp(rig->fail_path, path) == 0) {
                cluster_on_read_failed(rig->cluster, rig->now_ms, &read->ref);
                return;
        }
        const struct znode *node = znodes_find(&rig->zk, path);
        int code = node ? 0 : ERR_NOT_FOUND;
        if (read->watch && node) {
                size_t at = rig->watched_count++ % 4096;
                rig->watched[at] = read->ref;
                znodes_watch(&rig->zk, path, read->children, 1, at);
        }
        if (read->children) {
                char **names;
                size_t count = znodes_children(&rig->zk, path, &names);
                assert_int_equal(cluster_on_children(rig->cluster, rig->now_ms, &read->ref, code,
                                                     (const char *const *)names, count), 0);
                for (size_t i = 0; i < count; i++) free(names[i]);
                free(names);
        } else {
                assert_int_equal(cluster_on_data(rig->cluster, rig->now_ms, &read->ref, code,
                                                 node ? node->data : NULL, node ? node->bytes : 0,
                                                 node ? node->version : -1), 0);
        }
}

static void append(char *text, size_t room, const char *event, const char *line) {
        size_t n = strlen(text);
        (void)snprintf(text + n, room - n, "%s %s\n", event, line);
}

static bool step_once(struct rig *rig) {
        struct cluster_step step;
        struct znode_write writes[CLUSTER_WRITES_MAX];
        int32_t versions[CLUSTER_WRITES_MAX];
        size_t bytes = 0;
        int failed;
        int rc = cluster_step(rig->cluster, rig->now_ms, 0, &step);
        assert_true(rc >= 0);
        if (rc == 0) return false;
        assert_true(step.write_count > 0 && step.write_count <= CLUSTER_WRITES_MAX);
        for (size_t i = 0; i < step.write_count; i++) {
                const struct cluster_write *from = &step.writes[i];
                writes[i] = (struct znode_write){
                        .op = from->op == CLUSTER_CREATE ? ZNODE_CREATE
                              : from->op == CLUSTER_SET  ? ZNODE_SET
                                                         : ZNODE_DELETE,
                        .data = from->data, .bytes = from->bytes, .version = from->version};
                cluster_path(&from->ref, writes[i].path);
                bytes += from->bytes;
        }
        if (bytes > rig->bytes_max) rig->bytes_max = bytes;
        rig->steps++;
        rig->writes += step.write_count;
        if (!rig->always_refuse &&
            znodes_multi(&rig->zk, 1, writes, step.write_count, versions, &failed) == 0) {
                for (size_t i = 0; i < step.decision_count; i++)
                        append(rig->decisions, sizeof rig->decisions, step.decisions[i].event,
                               step.decisions[i].text);
                assert_int_equal(cluster_on_step_done(rig->cluster, rig->now_ms, &step, versions), 0);
        } else {
                rig->refused++;
                cluster_on_step_refused(rig->cluster, rig->now_ms, &step);
        }
        cluster_step_fini(&step);
        return true;
}

static bool claim_all(struct rig *rig) {
        bool any = false;
        for (uint32_t k = 0; k < ROUTE_LANES_MAX; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                if (!lane) continue;
                bool assigned = lane->state == (int)ASSIGNED && !(rig->idler && strcmp(lane->owner, rig->idler) == 0);
                if (assigned) set_lane(rig, k, OWNED, 0);
                if (lane->state == (int)REVOKING) set_lane(rig, k, FREE, 0);
                any |= assigned || lane->state == (int)REVOKING;
                codec_free(lane);
        }
        return any;
}

/* Reads and steps until there is nothing more to do now. */
static void turn(struct rig *rig) {
        struct cluster_read read;
        const char *event;
        char *text;
        for (int i = 0; i < 5000; i++) {
                bool busy = false;
                if (step_once(rig)) busy = true; /* which may ask for reads */
                while (cluster_next_read(rig->cluster, &read)) {
                        answer(rig, &read);
                        busy = true;
                }
                if (busy) continue;
                if (rig->workers_claim && claim_all(rig)) continue;
                while (cluster_next_notice(rig->cluster, &event, &text)) {
                        append(rig->notices, sizeof rig->notices, event, text);
                        free(text);
                }
                return;
        }
        fail_msg("it never comes to rest");
}

static void run_until(struct rig *rig, int64_t at_ms) {
        turn(rig);
        while (cluster_deadline_ms(rig->cluster) <= at_ms) {
                int64_t deadline = cluster_deadline_ms(rig->cluster);
                assert_true(deadline > rig->now_ms || rig->now_ms == 0);
                if (deadline > rig->now_ms) rig->now_ms = deadline;
                turn(rig);
        }
        rig->now_ms = at_ms;
        turn(rig);
}

static void discovered(struct rig *rig, const char *topic, uint32_t partitions) {
        struct cluster_topic topics[] = {{topic, partitions}};
        assert_int_equal(cluster_on_discovered(rig->cluster, ROUTE, topics, 1), 0);
        turn(rig);
}

static struct rig *rig_new(void) {
        struct rig *rig = calloc(1, sizeof *rig);
        assert_non_null(rig);
        rig->zk.fired = on_fired;
        rig->zk.written = on_written;
        rig->zk.ctx = rig;
        rig->options = CLUSTER_OPTIONS_DEFAULT;
        rig->options.partitions_max = 2;
        for (size_t i = 0; i < znode_parent_count; i++) znodes_put(&rig->zk, znode_parents[i], "", 0);
        return rig;
}

static void lead(struct rig *rig) {
        rig->cluster = cluster_new(&rig->options, rig->now_ms);
        assert_non_null(rig->cluster);
        turn(rig);
}

static void rig_free(struct rig *rig) {
        cluster_free(rig->cluster);
        rig->cluster = NULL;
        znodes_fini(&rig->zk);
        free(rig);
}

/* Two workers, `lanes` lanes with a partition each, all claimed, at 5 s. */
static struct rig *started(uint32_t lanes) {
        struct rig *rig = rig_new();
        rig->workers_claim = true;
        put_route(rig, ROUTE, lanes, true);
        put_worker(rig, "w1", "a", false);
        put_worker(rig, "w2", "a", false);
        lead(rig);
        discovered(rig, "t", lanes);
        run_until(rig, 5000);
        assert_int_equal(count_state(rig, lanes, OWNED), lanes);
        *rig->decisions = '\0';
        rig->steps = rig->writes = 0;
        return rig;
}

/* ---- placement ---- */

static void partitions_go_to_the_lightest_lane_and_stay(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 3, true);
        lead(rig);
        assert_string_equal(lane_text(rig, 0), "FREE / g0 s0");
        discovered(rig, "t", 4);
        assert_string_equal(lane_text(rig, 0), "FREE / g0 s1 t0 t3");
        assert_string_equal(lane_text(rig, 1), "FREE / g0 s1 t1");
        assert_string_equal(lane_text(rig, 2), "FREE / g0 s1 t2");
        discovered(rig, "t", 4); /* nothing new, nothing written */
        size_t writes = rig->writes;
        discovered(rig, "t", 2); /* fewer than before: what is placed stays */
        assert_int_equal(rig->writes, writes);
        struct cluster_topic both[] = {{"t", 4}, {"u", 3}};
        assert_int_equal(cluster_on_discovered(rig->cluster, ROUTE, both, 2), 0);
        turn(rig);
        assert_string_equal(lane_text(rig, 0), "FREE / g0 s2 t0 t3 u2");
        assert_string_equal(lane_text(rig, 1), "FREE / g0 s2 t1 u0");
        assert_string_equal(lane_text(rig, 2), "FREE / g0 s2 t2 u1");
        /* no worker: placed, not assigned */
        run_until(rig, 100000);
        assert_string_equal(lane_text(rig, 1), "FREE / g0 s2 t1 u0");
        rig_free(rig);
}

/* "t0 t3 u2+": + for what was not there at the first look; "!" in front: settled */
static const char *first_text(struct rig *rig, uint32_t number) {
        static char text[1024];
        Heliostat__Pb__Lane *lane = read_lane(rig, number);
        assert_non_null(lane);
        int n = snprintf(text, sizeof text, "%s", lane->settled ? "!" : "");
        for (size_t i = 0; i < lane->n_topics; i++)
                for (size_t p = 0; p < lane->topics[i]->n_partitions && n < 900; p++)
                        n += snprintf(text + n, sizeof text - (size_t)n, "%s%.20s%u%s", n > 1 ? " " : "",
                                      lane->topics[i]->topic, lane->topics[i]->partitions[p]->partition,
                                      lane->topics[i]->partitions[p]->existed ? "" : "+");
        codec_free(lane);
        return text;
}

static void what_came_later_is_known_from_what_was_there(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 2, true);
        lead(rig);
        assert_string_equal(first_text(rig, 0), "");
        discovered(rig, "t", 3);
        assert_string_equal(first_text(rig, 0), "!t0 t2");
        assert_string_equal(first_text(rig, 1), "t1");
        assert_int_equal(rig->steps, 2); /* lanes made, partitions placed: no step of its own */
        struct cluster_topic both[] = {{"t", 4}, {"u", 2}};
        assert_int_equal(cluster_on_discovered(rig->cluster, ROUTE, both, 2), 0);
        turn(rig);
        assert_string_equal(first_text(rig, 0), "!t0 t2 u0+");
        assert_string_equal(first_text(rig, 1), "t1 t3+ u1+");
        rig_free(rig);

        /* nothing matched at first */
        rig = rig_new();
        put_route(rig, ROUTE, 2, true);
        lead(rig);
        cluster_on_nothing_discovered(rig->cluster, ROUTE);
        turn(rig);
        assert_string_equal(first_text(rig, 0), "!");
        discovered(rig, "t", 2);
        assert_string_equal(first_text(rig, 0), "!t0+");
        assert_string_equal(first_text(rig, 1), "t1+");
        rig_free(rig);

        /* lanes that a leader without this knowledge has filled */
        rig = rig_new();
        put_route(rig, ROUTE, 2, true);
        put_lane(rig, 0, FREE, "", "", 3, 0);
        lead(rig);
        discovered(rig, "t", 2);
        assert_string_equal(first_text(rig, 0), "t0+");
        assert_string_equal(first_text(rig, 1), "t1+");
        rig_free(rig);

        /* many steps, and the leader changes in the middle of them */
        rig = rig_new();
        put_route(rig, ROUTE, 250, true);
        lead(rig);
        discovered(rig, "t", 500);
        size_t existed = 0;
        for (uint32_t k = 0; k < 250; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                assert_int_equal(lane->settled, k == 0);
                for (size_t i = 0; i < lane->n_topics; i++)
                        for (size_t p = 0; p < lane->topics[i]->n_partitions; p++)
                                existed += lane->topics[i]->partitions[p]->existed;
                codec_free(lane);
        }
        assert_int_equal(existed, 500);
        rig_free(rig);
}

static void a_lane_that_grows_tells_its_owner(void **state) {
        (void)state;
        struct rig *rig = started(2);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1");
        discovered(rig, "t", 3);
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g1 s2 t0 t2");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s2");
        assert_int_equal(rig->steps, 1); /* lane and assign node in one multi */
        rig_free(rig);
}

static void empty_lanes_are_not_assigned(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 4, true);
        put_worker(rig, "w1", "a", false);
        lead(rig);
        discovered(rig, "t", 2);
        run_until(rig, 5000);
        assert_string_equal(lane_text(rig, 1), "ASSIGNED w1/a g1 s1 t1");
        assert_string_equal(lane_text(rig, 2), "FREE / g0 s0");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 1:g1s1");
        rig_free(rig);
}

static void workers_know_by_how_many_lanes_a_limit_is_divided(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_limited_route(rig, ROUTE, 4, true, 1000);
        put_worker(rig, "w1", "a", false);
        lead(rig);
        discovered(rig, "t", 2);
        run_until(rig, 5000);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1/2 1:g1s1/2");
        discovered(rig, "t", 3);
        run_until(rig, 10000);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1/3 1:g1s1/3 2:g1s1/3");
        put_limited_route(rig, ROUTE, 4, true, 0); /* nothing to divide any more */
        run_until(rig, 15000);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 1:g1s1 2:g1s1");
        rig_free(rig);
}

/* ---- owners ---- */

static void a_lost_worker_is_replaced_after_the_settle_time(void **state) {
        (void)state;
        struct rig *rig = started(4);
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 5299);
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g1 s1 t1");
        run_until(rig, 5300);
        assert_string_equal(lane_text(rig, 1), "OWNED w1/a g2 s1 t1");
        assert_string_equal(assign_text(rig, "w2"), "-");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 1:g2s1 2:g1s1 3:g2s1");
        assert_string_equal(rig->decisions,
                            "coordinator.takeover route=e->w lane=1 worker=w1 gen=2 partitions=1 from=w2 reason=lost\n"
                            "coordinator.takeover route=e->w lane=3 worker=w1 gen=2 partitions=1 from=w2 reason=lost\n");
        rig_free(rig);
}

static void another_incarnation_gets_its_lanes_at_once(void **state) {
        (void)state;
        struct rig *rig = started(4);
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 5100);
        put_worker(rig, "w2", "b", false);
        turn(rig);
        assert_string_equal(lane_text(rig, 1), "OWNED w2/b g2 s1 t1");
        assert_string_equal(assign_text(rig, "w2"), "1:g2s1 3:g2s1");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 2:g1s1");
        rig_free(rig);
}

static void a_new_leader_waits_for_missing_owners_but_not_with_free_lanes(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 4, true);
        put_worker(rig, "w1", "a", false);
        put_lane(rig, 0, OWNED, "w1", "a", 7, 0);
        put_lane(rig, 1, OWNED, "gone", "x", 9, 1);
        put_lane(rig, 2, FREE, "", "", 3, 2);
        put_lane(rig, 3, OWNED, "w1", "older", 5, 3);
        rig->now_ms = 1000;
        lead(rig);
        /* lanes run already, so the free one does not wait for more workers */
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g7 s1 t0");
        assert_string_equal(lane_text(rig, 2), "ASSIGNED w1/a g4 s1 t2");
        assert_string_equal(lane_text(rig, 3), "ASSIGNED w1/a g6 s1 t3");
        run_until(rig, 1000 + 2 * 6000 - 1);
        assert_string_equal(lane_text(rig, 1), "OWNED gone/x g9 s1 t1");
        run_until(rig, 1000 + 2 * 6000);
        assert_string_equal(lane_text(rig, 1), "ASSIGNED w1/a g10 s1 t1");
        rig_free(rig);
}

static void after_a_lost_connection_the_missing_have_time_to_come_back(void **state) {
        (void)state;
        struct rig *rig = started(4);
        drop(rig, ZNODE_WORKERS "/w2");
        rig->now_ms = 70000;
        cluster_on_reconnected(rig->cluster, rig->now_ms);
        run_until(rig, 70000 + 11999);
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g1 s1 t1");
        drop(rig, ZNODE_WORKERS "/w1"); /* seen since then, but within the grace */
        run_until(rig, 70000 + 11999);
        put_worker(rig, "w1", "b", false);
        run_until(rig, 70000 + 12000);
        assert_string_equal(lane_text(rig, 0), "OWNED w1/b g2 s1 t0");
        assert_string_equal(lane_text(rig, 1), "OWNED w1/b g2 s1 t1");
        rig_free(rig);
}

static void after_a_lost_connection_watches_are_set_anew(void **state) {
        (void)state;
        struct rig *rig = started(4);
        int64_t back_ms = rig->now_ms;
        cluster_on_reconnected(rig->cluster, back_ms);
        rig->heard_from = rig->watched_count;
        run_until(rig, back_ms + 13000); /* the grace is over, the next full reading is far */
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, back_ms + 14000);
        assert_string_equal(lane_text(rig, 1), "OWNED w1/a g2 s1 t1");
        rig_free(rig);
}

static void a_raised_generation_is_followed(void **state) {
        (void)state;
        struct rig *rig = started(2);
        set_lane(rig, 0, OWNED, 41); /* the worker found a higher one committed */
        run_until(rig, 60000);       /* the full re-read sees it */
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1"); /* no reason to wake the worker */
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 61000);
        assert_string_equal(lane_text(rig, 0), "OWNED w2/a g42 s1 t0");
        rig_free(rig);
}

static void a_draining_worker_keeps_what_it_runs_until_it_releases_it(void **state) {
        (void)state;
        struct rig *rig = started(4);
        rig->workers_claim = false;
        put_worker(rig, "w2", "a", true);
        run_until(rig, 6000);
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g1 s1 t1"); /* not REVOKING */
        assert_string_equal(lane_text(rig, 3), "OWNED w2/a g1 s1 t3");
        set_lane(rig, 3, FREE, 0);
        turn(rig); /* the watch tells; no time passes */
        assert_string_equal(lane_text(rig, 3), "ASSIGNED w1/a g2 s1 t3");
        assert_string_equal(assign_text(rig, "w2"), "1:g1s1");
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g1 s1 t1");
        rig_free(rig);
}

static void unclaimed_lanes_of_a_draining_worker_move_directly(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 2, true);
        put_worker(rig, "w1", "a", false);
        put_worker(rig, "w2", "a", false);
        lead(rig);
        discovered(rig, "t", 2);
        run_until(rig, 5000);
        assert_string_equal(lane_text(rig, 1), "ASSIGNED w2/a g1 s1 t1");
        put_worker(rig, "w2", "a", true);
        turn(rig);
        assert_string_equal(lane_text(rig, 1), "ASSIGNED w1/a g2 s1 t1");
        rig_free(rig);
}

static void planned_moves_are_few_at_a_time(void **state) {
        (void)state;
        struct rig *rig = started(40);
        rig->workers_claim = false;
        put_worker(rig, "w3", "a", false);
        run_until(rig, 5999);
        assert_int_equal(count_state(rig, 40, REVOKING), 0); /* others may join as well */
        run_until(rig, 6000);
        assert_int_equal(count_state(rig, 40, REVOKING), 8);
        run_until(rig, 20000);
        assert_int_equal(count_state(rig, 40, REVOKING), 8);
        run_until(rig, 21000); /* whoever does not release holds up the others no longer */
        assert_true(count_state(rig, 40, REVOKING) > 8);
        rig->workers_claim = true;
        run_until(rig, 30000);
        assert_int_equal(count_state(rig, 40, OWNED), 40);
        size_t moved = 0;
        for (uint32_t k = 0; k < 40; k++) moved += strstr(lane_text(rig, k), "w3/a") != NULL;
        assert_int_equal(moved, 13); /* a third of 40, rounded down */
        rig_free(rig);
}

static void a_disabled_route_gives_all_lanes_back(void **state) {
        (void)state;
        struct rig *rig = started(40);
        rig->workers_claim = false;
        put_route(rig, ROUTE, 40, false);
        turn(rig);
        assert_int_equal(count_state(rig, 40, REVOKING), 40);
        rig->workers_claim = true;
        turn(rig);
        run_until(rig, 50000);
        assert_int_equal(count_state(rig, 40, FREE), 40);
        assert_string_equal(assign_text(rig, "w1"), "");
        rig_free(rig);
}

/* NULL: none */
static void put_placement(struct rig *rig, const char *drained, int lane, const char *worker) {
        Heliostat__Pb__Placement placement = HELIOSTAT__PB__PLACEMENT__INIT;
        Heliostat__Pb__Pin pin = HELIOSTAT__PB__PIN__INIT, *pins[] = {&pin};
        Heliostat__Pb__DrainedWorker out = HELIOSTAT__PB__DRAINED_WORKER__INIT, *outs[] = {&out};
        out.worker = (char *)drained;
        pin.route = (char *)ROUTE;
        pin.lane = (uint32_t)lane;
        pin.worker = (char *)worker;
        placement.n_pins = worker != NULL;
        placement.pins = pins;
        placement.n_drained = drained != NULL;
        placement.drained = outs;
        put(rig, ZNODE_OPS, &placement.base);
}

/* "begun move 1 w2" "done move 1 w1 1000", one a line; what was told before is forgotten. */
static const char *moves_text(struct rig *rig) {
        static char text[8192];
        struct cluster_move move;
        *text = '\0';
        while (cluster_next_move(rig->cluster, &move)) {
                size_t used = strlen(text);
                (void)snprintf(text + used, sizeof text - used, "%s %s %u %s %lld\n", move.done ? "done" : "begun",
                               move.reason, move.lane, *move.worker ? move.worker : "-", (long long)move.duration_ms);
                free(move.route);
                free(move.worker);
        }
        return text;
}

static void a_change_of_hands_is_told_when_decided_and_when_done(void **state) {
        (void)state;
        struct rig *rig = started(4);
        const char *text = moves_text(rig);
        assert_non_null(strstr(text, "begun free 3 w2 0\n"));
        assert_non_null(strstr(text, "done free 3 w2 0\n"));

        /* The worker takes 700 ms to release it: one move, from the revocation to the claim. */
        rig->workers_claim = false;
        put_placement(rig, NULL, 1, "w1");
        run_until(rig, 6000);
        text = moves_text(rig);
        assert_non_null(strstr(text, "begun pinned 1 w2 0\n"));
        assert_null(strstr(text, "done"));
        rig->now_ms = 6700;
        rig->workers_claim = true;
        turn(rig);
        text = moves_text(rig);
        assert_non_null(strstr(text, "done pinned 1 w1 "));
        assert_null(strstr(text, "begun free"));

        run_until(rig, 9000);
        (void)moves_text(rig);
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 20000);
        text = moves_text(rig);
        assert_non_null(strstr(text, "begun lost 1 w2 0\n"));
        assert_non_null(strstr(text, "done lost 1 w2 0\n"));

        put_route(rig, ROUTE, 4, false);
        run_until(rig, 30000);
        text = moves_text(rig);
        assert_non_null(strstr(text, "begun route-disabled 1 w2 0\n"));
        assert_non_null(strstr(text, "done route-disabled 1 - "));
        rig_free(rig);
}

/* Its last partition has gone to another lane. */
static void a_lane_without_partitions_is_taken_back(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        rig->workers_claim = true;
        put_route(rig, ROUTE, 4, true);
        put_worker(rig, "w1", "a", false);
        for (uint32_t k = 0; k < 4; k++) put_lane(rig, k, OWNED, "w1", "a", 1, k);
        lane.owner = (char *)"w1";
        lane.incarnation = (char *)"a";
        lane.state = (Heliostat__Pb__LaneState)OWNED;
        lane.generation = 1;
        write_lane(rig, 2, &lane);
        lead(rig);
        run_until(rig, 9000);
        assert_string_equal(lane_text(rig, 2), "FREE / g1 s0");
        assert_int_equal(count_state(rig, 4, OWNED), 3);
        assert_non_null(strstr(rig->decisions, "lane=2 worker=w1 gen=1 to=- reason=empty"));
        const char *text = moves_text(rig);
        assert_non_null(strstr(text, "begun empty 2 w1 0\n"));
        assert_non_null(strstr(text, "done empty 2 - "));
        rig_free(rig);
}

/* ---- what operators want ---- */


/* One more partition. */
static void lane_add(Heliostat__Pb__Lane *lane, uint32_t partition) {
        Heliostat__Pb__LaneTopic *topic = lane->topics[0];
        Heliostat__Pb__LanePartition *one = malloc(sizeof *one);
        topic->partitions = realloc(topic->partitions, (topic->n_partitions + 1) * sizeof *topic->partitions);
        assert_true(one && topic->partitions);
        heliostat__pb__lane_partition__init(one);
        one->partition = partition;
        topic->partitions[topic->n_partitions++] = one;
}

static size_t count_at(struct rig *rig, uint32_t lanes, const char *owner) {
        size_t count = 0;
        for (uint32_t k = 0; k < lanes; k++) count += strstr(lane_text(rig, k), owner) != NULL;
        return count;
}

static void a_pinned_lane_moves_in_peace_and_stays(void **state) {
        (void)state;
        struct rig *rig = started(4);
        rig->workers_claim = false;
        put_placement(rig, NULL, 1, "w1");
        run_until(rig, 6000);
        assert_string_equal(lane_text(rig, 1), "REVOKING w2/a g1 s1 t1"); /* told to release, not taken */
        rig->workers_claim = true;
        run_until(rig, 7000);
        assert_string_equal(lane_text(rig, 1), "OWNED w1/a g2 s1 t1");
        run_until(rig, 9000);
        assert_int_equal(count_at(rig, 4, "OWNED w1/a"), 2); /* another one left for it */
        assert_non_null(strstr(rig->decisions, "to=w1 reason=pinned"));

        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 20000);
        assert_int_equal(count_at(rig, 4, "OWNED w2/a"), 4); /* any worker rather than none */
        put_worker(rig, "w1", "b", false);
        run_until(rig, 25000);
        assert_non_null(strstr(lane_text(rig, 1), "OWNED w1/b"));
        put_placement(rig, NULL, 0, NULL);
        *rig->decisions = '\0';
        run_until(rig, 30000);
        assert_string_equal(rig->decisions, ""); /* without a pin it may move; nothing asks for it */
        rig_free(rig);
}

/* Lanes of 3, 1 and 1 partitions, the first two with w1: within the bound, and not even. */
static void a_rebalance_moves_what_the_bound_leaves_once(void **state) {
        (void)state;
        struct rig *rig = started(3);
        Heliostat__Pb__Placement placement = HELIOSTAT__PB__PLACEMENT__INIT;
        bool first = strstr(lane_text(rig, 0), "w1/a") != NULL;
        assert_true(first);
        assert_int_equal(count_at(rig, 3, "OWNED w1/a"), 2);
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        for (uint32_t p = 10; p < 12; p++) lane_add(lane, p);
        lane->spec++;
        write_lane(rig, 0, lane);
        codec_free(lane);
        run_until(rig, 40000); /* read again */
        assert_int_equal(count_at(rig, 3, "OWNED w1/a"), 2);
        placement.rebalance = 1;
        put(rig, ZNODE_OPS, &placement.base);
        run_until(rig, 50000);
        assert_int_equal(count_at(rig, 3, "OWNED w1/a"), 1);
        assert_int_equal(count_at(rig, 3, "OWNED w2/a"), 2);
        assert_non_null(strstr(lane_text(rig, 0), "OWNED w1/a g1"));
        *rig->decisions = '\0';
        run_until(rig, 90000);
        assert_string_equal(rig->decisions, "");
        rig_free(rig);
}

/* ---- load ---- */

/* What the workers report of lanes 0 to count - 1: bytes per second, and which stand still. */
static void tell(struct rig *rig, uint32_t count, const uint64_t *rates, const bool *stalled) {
        for (uint32_t k = 0; k < count; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                Heliostat__Pb__PartitionReport part = HELIOSTAT__PB__PARTITION_REPORT__INIT, *parts[] = {&part};
                Heliostat__Pb__LaneReport one = HELIOSTAT__PB__LANE_REPORT__INIT, *lanes[] = {&one};
                Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
                part.state = stalled && stalled[k] ? HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED
                                                   : HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                part.position = 10;
                part.end_offset = 20;
                part.rate = stalled && stalled[k] ? 0 : 5;
                one.route = (char *)ROUTE;
                one.lane = k;
                one.generation = lane->generation;
                one.partitions = parts;
                one.n_partitions = rig->closed != k + 1;
                one.bytes_rate = rates[k];
                one.measured = true;
                report.worker = lane->owner;
                report.incarnation = lane->incarnation;
                report.lanes = lanes;
                report.n_lanes = 1;
                cluster_on_report(rig->cluster, rig->now_ms, &report);
                codec_free(lane);
        }
        cluster_on_reports_read(rig->cluster, rig->now_ms);
        turn(rig);
}

#define MIB UINT64_C(1048576)

static void the_load_moves_lanes_in_quiet_times(void **state) {
        (void)state;
        struct rig *rig = started(8);
        uint64_t rates[8];
        for (uint32_t k = 0; k < 8; k++) rates[k] = strstr(lane_text(rig, k), "w1/a") ? 4 * MIB : MIB;
        tell(rig, 8, rates, NULL);
        assert_string_equal(rig->decisions, ""); /* it has just begun */
        run_until(rig, 66000);
        tell(rig, 8, rates, NULL);
        run_until(rig, 80000);
        /* 16 and 4: one lane of 4 makes it 12 and 8, which one of 1 betters no more than to 11 and 9 */
        uint64_t w1 = 0, moved = 0;
        for (uint32_t k = 0; k < 8; k++) {
                bool there = strstr(lane_text(rig, k), "OWNED w1/a") != NULL;
                w1 += there ? rates[k] / MIB : 0;
                moved += strstr(lane_text(rig, k), " g2 ") != NULL;
        }
        assert_in_range(w1, 9, 12);
        assert_in_range(moved, 1, 3);
        /* noise, and time, move nothing more */
        *rig->decisions = '\0';
        for (int i = 0; i < 40; i++) {
                for (uint32_t k = 0; k < 8; k++) rates[k] = rates[k] / 100 * (uint64_t)(i % 2 ? 110 : 91);
                run_until(rig, 110000 + i * 30000);
                tell(rig, 8, rates, NULL);
        }
        assert_string_equal(rig->decisions, "");
        /* a lost worker's lanes move, and no others, whatever the load is by now */
        for (uint32_t k = 0; k < 8; k++) rates[k] = (k + 1) * MIB;
        put_worker(rig, "w3", "a", false);
        run_until(rig, 1400000);
        *rig->decisions = '\0';
        drop(rig, "/worker/w3");
        run_until(rig, 1401000);
        tell(rig, 8, rates, NULL);
        assert_null(strstr(rig->decisions, "coordinator.revoke"));
        rig_free(rig);
}

/* Lane 0 has all the load: its partitions t0, t2, t4 have these records per second. */
static void tell_hot(struct rig *rig, double t0, double t2, double t4) {
        const double rates[2][3] = {{t0, t2, t4}, {1, 1, 1}};
        for (uint32_t k = 0; k < 2; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                Heliostat__Pb__PartitionReport parts[3], *pointers[3];
                Heliostat__Pb__LaneReport one = HELIOSTAT__PB__LANE_REPORT__INIT, *lanes[] = {&one};
                Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
                for (uint32_t p = 0; p < 3; p++) {
                        heliostat__pb__partition_report__init(&parts[p]);
                        parts[p].topic = (char *)"t";
                        parts[p].partition = 2 * p + k;
                        parts[p].state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                        parts[p].rate = rates[k][p];
                        pointers[p] = &parts[p];
                }
                one.route = (char *)ROUTE;
                one.lane = k;
                one.generation = lane->generation;
                one.partitions = pointers;
                one.n_partitions = 3;
                one.bytes_rate = k ? MIB / 100 : 10 * MIB;
                one.measured = true;
                report.worker = lane->owner;
                report.incarnation = lane->incarnation;
                report.lanes = lanes;
                report.n_lanes = 1;
                cluster_on_report(rig->cluster, rig->now_ms, &report);
                codec_free(lane);
        }
        cluster_on_reports_read(rig->cluster, rig->now_ms);
        turn(rig);
}

static struct rig *hot_field(void) {
        struct rig *rig = started(2);
        discovered(rig, "t", 6);
        for (uint32_t k = 0; k < 2; k++) {
                Heliostat__Pb__Lane *lane = read_lane(rig, k);
                for (size_t p = 0; p < lane->topics[0]->n_partitions; p++) lane->topics[0]->partitions[p]->started = true;
                write_lane(rig, k, lane);
                codec_free(lane);
        }
        run_until(rig, 120000);
        *rig->decisions = '\0';
        return rig;
}

/* What the owner of lane 0 writes once a partition is out; and a halt that came since. */
static void owner_takes_out(struct rig *rig, uint32_t partition, bool halted) {
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        Heliostat__Pb__Halt *halt = malloc(sizeof *halt);
        for (size_t p = 0; p < lane->topics[0]->n_partitions; p++) {
                Heliostat__Pb__LanePartition *entry = lane->topics[0]->partitions[p];
                if (entry->partition != partition) continue;
                assert_int_equal(entry->to, 2);
                entry->left = true;
                entry->floor = 1234;
                entry->floor_generation = lane->generation;
        }
        heliostat__pb__halt__init(halt);
        halt->topic = strdup("t");
        halt->partition = partition;
        halt->kind = HELIOSTAT__PB__HALT_KIND__HALT_MOVED;
        lane->halts = malloc(sizeof *lane->halts);
        lane->halts[0] = halt;
        lane->n_halts = 1;
        if (!halted) {
                codec_free(halt);
                lane->n_halts = 0;
        }
        write_lane(rig, 0, lane);
        codec_free(lane);
        turn(rig);
}

static void a_hot_lane_gives_a_partition_away(void **state) {
        (void)state;
        struct rig *rig = hot_field();
        for (int i = 0; i < 3; i++) {
                run_until(rig, 130000 + i * 30000);
                tell_hot(rig, 60, 30, 10);
        }
        /* t0 would leave 40 behind, and bring 60 there: so would t2 and t4, and t0 alone comes nearest */
        assert_non_null(strstr(rig->decisions, "coordinator.partition.leave route=e->w topic=t partition=0 from=0 to=1"));
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g1 s3 t0 t2 t4");
        assert_null(strstr(rig->decisions, "partition.move"));
        set_lane(rig, 0, OWNED, 4); /* its owner has taken a higher generation meanwhile */
        owner_takes_out(rig, 0, true);
        assert_non_null(strstr(rig->decisions, "coordinator.partition.move route=e->w topic=t partition=0 from=0 to=1 position=1234 gen=5"));
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g4 s4 t2 t4");
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g5 s3 t1 t3 t5 t0");
        assert_string_equal(assign_text(rig, "w2"), "1:g5s3");
        Heliostat__Pb__Lane *lane = read_lane(rig, 1);
        const Heliostat__Pb__LanePartition *entry = lane->topics[0]->partitions[3];
        assert_int_equal(lane->raised_from, 1);
        assert_true(entry->started && !entry->to && !entry->left);
        assert_int_equal(entry->floor, 1234);
        assert_int_equal(entry->floor_generation, 4);
        assert_int_equal(lane->n_halts, 1); /* what was to be said of it goes along */
        codec_free(lane);
        struct event event;
        bool told = false;
        while (cluster_next_event(rig->cluster, &event))
                told |= event.kind == EVENT_LANE && strcmp(event.detail, "lane 0 -> lane 1") == 0;
        assert_true(told);
        /* not the next one at once: what was measured is of before */
        *rig->decisions = '\0';
        for (int i = 0; i < 4; i++) {
                run_until(rig, 200000 + i * 30000);
                tell_hot(rig, 0, 75, 25);
        }
        assert_null(strstr(rig->decisions, "partition.leave"));
        rig_free(rig);
}

static void partitions_stay_where_they_are_well(void **state) {
        (void)state;
        struct rig *rig = hot_field();
        for (int i = 0; i < 3; i++) { /* one is as hot as its lane */
                run_until(rig, 130000 + i * 30000);
                tell_hot(rig, 1000, 1, 1);
        }
        assert_null(strstr(rig->decisions, "partition.leave"));
        put_worker(rig, "w2", "old", false); /* of a version that cannot */
        run_until(rig, 400000);
        for (int i = 0; i < 3; i++) {
                run_until(rig, 410000 + i * 30000);
                tell_hot(rig, 60, 30, 10);
        }
        assert_null(strstr(rig->decisions, "partition.leave"));
        rig_free(rig);
}

/* To a lane that cannot be read: it stays, under a generation above that it had. */
static void a_partition_without_its_new_lane_comes_back(void **state) {
        (void)state;
        struct rig *rig = hot_field();
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        lane->topics[0]->partitions[1]->to = 9;
        lane->topics[0]->partitions[1]->left = true;
        lane->topics[0]->partitions[1]->floor_generation = 1;
        write_lane(rig, 0, lane);
        codec_free(lane);
        run_until(rig, 200000);
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g2 s3 t0 t2 t4");
        lane = read_lane(rig, 0);
        assert_true(!lane->topics[0]->partitions[1]->left && lane->raised_from == 1);
        codec_free(lane);
        rig_free(rig);
}

/* Partition 0 is told to leave lane 0 for lane 1. */
static struct rig *leaving_field(void) {
        struct rig *rig = hot_field();
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        lane->topics[0]->partitions[0]->to = 2;
        write_lane(rig, 0, lane);
        codec_free(lane);
        run_until(rig, 160000); /* the full re-read sees it */
        return rig;
}

static void a_partition_arrives_as_soon_as_its_lane_is_opened(void **state) {
        (void)state;
        struct rig *rig = leaving_field();
        rig->workers_claim = false;
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, rig->now_ms + 1000);
        assert_string_equal(lane_text(rig, 1), "ASSIGNED w1/a g2 s2 t1 t3 t5");
        owner_takes_out(rig, 0, false);
        assert_null(strstr(rig->decisions, "partition.move"));
        set_lane(rig, 1, OWNED, 0);
        turn(rig); /* no time passes */
        assert_non_null(strstr(rig->decisions, "coordinator.partition.move route=e->w topic=t partition=0 from=0 to=1"));
        rig_free(rig);
}

static void partitions_of_a_route_at_rest_keep_no_others_from_moving(void **state) {
        (void)state;
        struct rig *rig = leaving_field();
        assert_int_equal(cluster_spread_under_way(rig->cluster), 1);
        put_route(rig, ROUTE, 2, false);
        turn(rig);
        assert_int_equal(cluster_spread_under_way(rig->cluster), 0);
        rig_free(rig);
}

static void a_partition_that_has_halted_before_it_left_keeps_no_others_from_moving(void **state) {
        (void)state;
        struct rig *rig = leaving_field();
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        Heliostat__Pb__Halt halt = HELIOSTAT__PB__HALT__INIT, *halts[] = {&halt};
        halt.topic = lane->topics[0]->topic;
        halt.partition = lane->topics[0]->partitions[0]->partition;
        halt.kind = HELIOSTAT__PB__HALT_KIND__HALT_GAP;
        lane->halts = halts;
        lane->n_halts = 1;
        write_lane(rig, 0, lane);
        lane->halts = NULL;
        lane->n_halts = 0;
        codec_free(lane);
        run_until(rig, rig->now_ms + 40000);
        assert_int_equal(cluster_spread_under_way(rig->cluster), 0);
        rig_free(rig);
}

/* Nobody gets anywhere: the clusters are away. */
static void stand_still(struct rig *rig) {
        static const uint64_t rates[4] = {MIB, MIB, MIB, MIB};
        static const bool all[4] = {true, true, true, true};
        for (int i = 0; i < 10; i++) {
                run_until(rig, 20000 + i * 30000);
                tell(rig, 4, rates, all);
        }
}

/* w3 cannot reach the destination, or may not write there: one of four lanes is given to it. */
static struct rig *idle_field(void) {
        struct rig *rig = started(4);
        rig->idler = "w3";
        put_worker(rig, "w3", "a", false);
        run_until(rig, 10000);
        assert_int_equal(count_at(rig, 4, "ASSIGNED w3/a"), 1);
        return rig;
}

static void a_lane_that_its_worker_does_not_open_goes_elsewhere(void **state) {
        (void)state;
        struct rig *rig = idle_field();
        uint64_t rates[4] = {MIB, MIB, MIB, MIB};
        uint32_t victim = 0;
        while (victim < 4 && !strstr(lane_text(rig, victim), "ASSIGNED w3/a")) victim++;
        assert_true(victim < 4);
        stand_still(rig);
        assert_non_null(strstr(lane_text(rig, victim), "ASSIGNED w3/a"));
        *rig->decisions = '\0';
        for (int i = 0; i < 3; i++) {
                run_until(rig, 310000 + i * 30000);
                assert_non_null(strstr(lane_text(rig, victim), "ASSIGNED w3/a"));
                tell(rig, 4, rates, NULL);
        }
        assert_non_null(strstr(rig->decisions, "reason=stuck"));
        assert_non_null(strstr(rig->notices, "it is not opened"));
        assert_non_null(strstr(rig->notices, "ailing=true"));
        for (uint32_t k = 0; k < 4; k++) assert_null(strstr(lane_text(rig, k), "w3/a"));
        rig_free(rig);
}

static void a_worker_that_opens_nothing_gets_no_more_than_a_few(void **state) {
        (void)state;
        struct rig *rig = started(40);
        rig->idler = "w2";
        put_placement(rig, "w1", 0, NULL);
        run_until(rig, 120000);
        assert_int_equal(count_at(rig, 40, "ASSIGNED w2/a"), 8);
        assert_int_equal(count_at(rig, 40, "OWNED w1/a"), 12); /* those run on */
        rig->idler = NULL;
        run_until(rig, 180000);
        assert_int_equal(count_at(rig, 40, "OWNED w2/a"), 40);
        rig_free(rig);
}

static void a_lane_that_nobody_opens_keeps_no_others_from_rest(void **state) {
        (void)state;
        struct rig *rig = idle_field();
        stand_still(rig); /* so that it is nobody's fault */
        assert_int_equal(count_at(rig, 4, "ASSIGNED w3/a"), 1);
        assert_true(cluster_quiet(rig->cluster, rig->now_ms));
        rig_free(rig);
}

/* The flow of lanes that stand still fades from their reports. */
static void a_worker_whose_lanes_stand_still_gets_no_others(void **state) {
        (void)state;
        struct rig *rig = started(8);
        uint64_t rates[8];
        bool stalled[8] = {false};
        for (uint32_t k = 0; k < 8; k++) rates[k] = 8 * MIB;
        for (int i = 0; i < 4; i++) {
                run_until(rig, 20000 + i * 30000);
                tell(rig, 8, rates, NULL);
        }
        for (uint32_t k = 0; k < 8; k++) {
                stalled[k] = strstr(lane_text(rig, k), "w2/a") != NULL;
                if (stalled[k]) rates[k] = MIB / 1024;
        }
        *rig->decisions = '\0';
        run_until(rig, 140000);
        tell(rig, 8, rates, stalled);
        run_until(rig, 165000); /* before they leave it as stuck */
        assert_string_equal(rig->decisions, "");
        rig_free(rig);
}

static void a_lane_that_its_owner_does_not_open_again_goes_elsewhere(void **state) {
        (void)state;
        struct rig *rig = started(4);
        uint64_t rates[4] = {MIB, MIB, MIB, MIB};
        rig->closed = 1;
        run_until(rig, 10000);
        for (int i = 0; i < 3; i++) {
                run_until(rig, 20000 + i * 30000);
                assert_non_null(strstr(lane_text(rig, 0), "OWNED w1/a g1"));
                tell(rig, 4, rates, NULL);
        }
        assert_non_null(strstr(rig->decisions, "reason=stuck"));
        assert_non_null(strstr(lane_text(rig, 0), "OWNED w2/a g2"));
        rig_free(rig);
}

static void a_stuck_lane_leaves_its_owner(void **state) {
        (void)state;
        struct rig *rig = started(4);
        uint64_t rates[4] = {MIB, MIB, MIB, MIB};
        bool stalled[4] = {false};
        put_worker(rig, "w3", "a", false);
        run_until(rig, 10000);
        stand_still(rig);
        assert_null(strstr(rig->decisions, "stuck"));
        uint32_t victim = 0;
        while (!strstr(lane_text(rig, victim), "w3/a")) victim++;
        stalled[victim] = true;
        run_until(rig, 300000);
        *rig->decisions = '\0';
        for (int i = 0; i < 3; i++) {
                run_until(rig, 310000 + i * 30000);
                tell(rig, 4, rates, stalled);
        }
        assert_non_null(strstr(rig->decisions, "reason=stuck"));
        assert_null(strstr(lane_text(rig, victim), "w3/a"));
        assert_non_null(strstr(rig->notices, "coordinator.stuck"));
        assert_non_null(strstr(rig->notices, "ailing=true")); /* it had nothing else: it gets nothing */
        *rig->decisions = '\0';
        memset(stalled, 0, sizeof stalled);
        for (int i = 0; i < 15; i++) {
                run_until(rig, 400000 + i * 30000);
                tell(rig, 4, rates, stalled);
        }
        assert_null(strstr(rig->decisions, "to=w3"));
        for (int i = 0; i < 15; i++) { /* and after a while is tried again */
                run_until(rig, 900000 + i * 30000);
                tell(rig, 4, rates, stalled);
        }
        assert_non_null(strstr(rig->decisions, "to=w3"));
        rig_free(rig);
}

/* All that the core told since the last call, a line each. */
static const char *events_text(struct rig *rig) {
        static char out[8192];
        struct event event;
        char words[1200];
        *out = '\0';
        while (cluster_next_event(rig->cluster, &event)) {
                size_t at = strlen(out);
                event_text(&event, words, sizeof words);
                (void)snprintf(out + at, sizeof out - at, "%s %s\n", event_kind_name(event.kind), words);
        }
        return out;
}

static void what_happens_is_told(void **state) {
        (void)state;
        struct rig *rig = started(2);
        (void)events_text(rig); /* the first placement */
        run_until(rig, 40000);  /* everything is read again */
        assert_string_equal(events_text(rig), "");

        put_placement(rig, "w2", 0, NULL);
        run_until(rig, 50000);
        const char *told = events_text(rig);
        assert_non_null(strstr(told, "drain w2\n"));
        assert_non_null(strstr(told, "move e->w lane 1: w2 -> w1 (drained), "));
        assert_null(strstr(told, "lane 0"));

        put_placement(rig, NULL, 0, NULL);
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 70000);
        told = events_text(rig);
        assert_non_null(strstr(told, "undrain w2\n"));
        assert_non_null(strstr(told, "worker-left w1 (it ended, or its session did)\n"));
        assert_non_null(strstr(told, "move e->w lane 0: w1 -> w2 (lost), "));
        assert_non_null(strstr(told, "move e->w lane 1: w1 -> w2 (lost), "));

        put_worker(rig, "w1", "b", false);
        put_route(rig, ROUTE, 2, false);
        run_until(rig, 80000);
        told = events_text(rig);
        assert_non_null(strstr(told, "worker-joined w1"));
        assert_non_null(strstr(told, "apply e->w: changed: enabled\n"));
        rig_free(rig);
}

static void a_drained_worker_is_relieved_a_few_lanes_at_a_time(void **state) {
        (void)state;
        struct rig *rig = started(40);
        rig->workers_claim = false;
        put_placement(rig, "w2", 0, NULL);
        run_until(rig, 6000);
        assert_int_equal(count_state(rig, 40, REVOKING), 8);
        rig->workers_claim = true;
        run_until(rig, 10000);
        assert_int_equal(count_at(rig, 40, "OWNED w1/a"), 40);
        put_worker(rig, "w2", "b", false); /* restarted: still drained */
        run_until(rig, 20000);
        assert_int_equal(count_at(rig, 40, "w1/a"), 40);
        put_placement(rig, NULL, 0, NULL);
        run_until(rig, 30000);
        assert_int_equal(count_at(rig, 40, "OWNED w2/b"), 20);
        rig_free(rig);
}

static void the_last_worker_keeps_its_lanes_though_it_is_drained(void **state) {
        (void)state;
        struct rig *rig = started(4);
        put_placement(rig, "w2", 0, NULL);
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 20000);
        assert_int_equal(count_at(rig, 4, "OWNED w2/a"), 2); /* and those of w1 wait for another */
        put_worker(rig, "w3", "a", false);
        run_until(rig, 25000);
        assert_int_equal(count_at(rig, 4, "OWNED w3/a"), 4);
        rig_free(rig);
}

static void a_new_leader_knows_the_wishes_and_garbage_changes_none(void **state) {
        (void)state;
        struct rig *rig = started(4);
        put_placement(rig, NULL, 1, "w1");
        run_until(rig, 7000);
        cluster_free(rig->cluster);
        rig->watched_count = 0;
        *rig->decisions = '\0';
        lead(rig);
        run_until(rig, 20000);
        assert_string_equal(rig->decisions, "");
        put_garbage(rig, ZNODE_OPS);
        run_until(rig, 25000);
        assert_string_equal(rig->decisions, "");
        assert_non_null(strstr(rig->notices, "znode=/op"));
        assert_non_null(strstr(lane_text(rig, 1), "OWNED w1/a"));
        rig_free(rig);
}

/* ---- trouble ---- */

static void a_refused_step_is_read_and_decided_again(void **state) {
        (void)state;
        struct rig *rig = started(2);
        rig->workers_claim = false;
        /* the worker writes (a mark) where the leader does not watch */
        set_lane(rig, 0, OWNED, 0);
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 5300);
        assert_int_equal(rig->refused, 1);
        assert_string_equal(lane_text(rig, 0), "ASSIGNED w2/a g2 s1 t0");
        rig_free(rig);
}

/* The lane that was answered has no part in the step: only the assign node
 * tells that what the model has of it is old. */
static void an_answer_from_outside_is_not_taken_back(void **state) {
        (void)state;
        struct rig *rig = started(4);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 2:g1s1");
        resume_lane(rig, 0);
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 5300);
        assert_int_equal(rig->refused, 1);
        assert_string_equal(lane_text(rig, 0), "OWNED w1/a g1 s2 t0");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s2 1:g2s1 2:g1s1 3:g2s1");
        /* read again before the leader had a reason to write: nothing to write */
        size_t writes = rig->writes;
        resume_lane(rig, 1);
        run_until(rig, 60000);
        assert_int_equal(rig->writes, writes);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s2 1:g2s2 2:g1s1 3:g2s1");
        /* an entry that the lane does not bear out is written anew, once */
        Heliostat__Pb__Lane *lane = read_lane(rig, 0);
        resume_lane(rig, 0);
        write_lane(rig, 0, lane);
        codec_free(lane);
        run_until(rig, 120000);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s2 1:g2s2 2:g1s1 3:g2s1");
        assert_int_equal(rig->writes, writes + 1);
        rig_free(rig);
}

static void a_node_that_always_refuses_does_not_make_it_spin(void **state) {
        (void)state;
        struct rig *rig = started(2);
        rig->always_refuse = true;
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 15000);
        assert_in_range(rig->refused, 5, 20);
        rig->always_refuse = false;
        run_until(rig, 25000);
        assert_string_equal(lane_text(rig, 0), "OWNED w2/a g2 s1 t0");
        rig_free(rig);
}

/* A step was to make it, and was refused: whether it is there is unknown, and the first to ask for that got no answer. */
static void a_failed_read_of_a_node_that_is_not_there_is_repeated(void **state) {
        for (int reconnects = 0; reconnects < 2; reconnects++) {
                struct rig *rig = started(2);
                put_worker(rig, "w3", "c", false);
                drop(rig, ZNODE_WORKERS "/w1");
                drop(rig, ZNODE_WORKERS "/w2");
                rig->always_refuse = true;
                rig->fail_path = ZNODE_ASSIGNS "/w3";
                while (rig->refused == 0 && rig->now_ms < 60000) run_until(rig, rig->now_ms + 100);
                assert_true(rig->refused > 0);
                assert_string_equal(assign_text(rig, "w3"), "-");
                rig->always_refuse = false;
                rig->fail_path = NULL;
                if (reconnects) cluster_on_reconnected(rig->cluster, rig->now_ms);
                run_until(rig, rig->now_ms + 60000);
                assert_string_equal(lane_text(rig, 0), "OWNED w3/c g2 s1 t0");
                rig_free(rig);
        }
        (void)state;
}

static void a_failed_read_is_repeated(void **state) {
        (void)state;
        struct rig *rig = started(2);
        rig->fail_path = ZNODE_WORKERS "/w3";
        put_worker(rig, "w3", "a", false);
        run_until(rig, 9000);
        rig->fail_path = NULL;
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 11000);
        assert_string_equal(lane_text(rig, 1), "OWNED w3/a g2 s1 t1");
        rig_free(rig);
}

static void garbage_lane_is_left_alone(void **state) {
        (void)state;
        struct rig *rig = started(4);
        put_garbage(rig, ZNODE_LANES "/" ROUTE "/1");
        run_until(rig, 45000);
        assert_string_equal(rig->notices,
                            "coordinator.unreadable znode=/lane/e->w/1 error=\"invalid input\" note=\"the lane is left alone\"\n"
                            "coordinator.unplaced route=e->w reason=\"lane 1 is unreadable: new partitions wait\"\n");
        assert_string_equal(assign_text(rig, "w2"), "3:g1s1 1:g1s1"); /* whoever runs it goes on */
        /* its partitions are unknown: nothing is placed, and the reason is told once */
        discovered(rig, "t", 5);
        run_until(rig, 100000);
        assert_string_equal(cluster_route_at(rig->cluster, 0).problem,
                            "lane 1 is unreadable: new partitions wait");
        assert_string_equal(strstr(rig->notices, "coordinator.unplaced"),
                            "coordinator.unplaced route=e->w reason=\"lane 1 is unreadable: new partitions wait\"\n");
        /* the others go on */
        drop(rig, ZNODE_WORKERS "/w1");
        run_until(rig, 101000);
        assert_string_equal(lane_text(rig, 0), "OWNED w2/a g2 s1 t0");
        /* repaired by hand */
        put_lane(rig, 1, OWNED, "w2", "a", 1, 1);
        run_until(rig, 160000);
        assert_string_equal(cluster_route_at(rig->cluster, 0).problem, "");
        size_t placed = 0;
        for (uint32_t k = 0; k < 4; k++) placed += strstr(lane_text(rig, k), " t4") != NULL;
        assert_int_equal(placed, 1);
        rig_free(rig);
}

static void garbage_route_is_left_alone(void **state) {
        (void)state;
        struct rig *rig = started(2);
        put_garbage(rig, ZNODE_ROUTES "/a->b");
        put_garbage(rig, ZNODE_ROUTES "/" ROUTE);
        znodes_put(&rig->zk, ZNODE_ROUTES "/no route", "", 0);
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 50000);
        assert_string_equal(lane_text(rig, 1), "OWNED w2/a g1 s1 t1");
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1");
        put_route(rig, ROUTE, 2, true);
        run_until(rig, 51000);
        assert_string_equal(lane_text(rig, 1), "OWNED w1/a g2 s1 t1");
        rig_free(rig);
}

static void garbage_worker_keeps_its_lanes_and_gets_none(void **state) {
        (void)state;
        struct rig *rig = started(4);
        put_garbage(rig, ZNODE_WORKERS "/w2"); /* of a newer version, say */
        put_garbage(rig, ZNODE_WORKERS "/w9");
        discovered(rig, "t", 6);
        run_until(rig, 50000);
        assert_string_equal(lane_text(rig, 3), "OWNED w2/a g1 s1 t3");
        assert_string_equal(assign_text(rig, "w9"), "-");
        drop(rig, ZNODE_WORKERS "/w2");
        run_until(rig, 51000);
        assert_string_equal(lane_text(rig, 3), "OWNED w1/a g2 s1 t3");
        rig_free(rig);
}

static void garbage_assign_node_is_written_anew(void **state) {
        (void)state;
        struct rig *rig = started(4);
        put_garbage(rig, ZNODE_ASSIGNS "/w2");
        put_garbage(rig, ZNODE_ASSIGNS "/stranger");
        run_until(rig, 50000);
        assert_string_equal(assign_text(rig, "w2"), "1:g1s1 3:g1s1");
        assert_string_equal(assign_text(rig, "stranger"), "-");
        drop(rig, ZNODE_ASSIGNS "/w1");
        run_until(rig, 100000);
        assert_string_equal(assign_text(rig, "w1"), "0:g1s1 2:g1s1");
        rig_free(rig);
}

static void foreign_lane_names_and_an_exhausted_generation(void **state) {
        (void)state;
        struct rig *rig = rig_new();
        put_route(rig, ROUTE, 2, true);
        put_worker(rig, "w1", "a", false);
        put_lane(rig, 0, FREE, "", "", UINT64_MAX, 0);
        put_garbage(rig, ZNODE_LANES "/" ROUTE "/01");
        put_garbage(rig, ZNODE_LANES "/" ROUTE "/x");
        put_garbage(rig, ZNODE_LANES "/" ROUTE "/99999999999999999999");
        put_lane(rig, 7, FREE, "", "", 1, 7); /* beyond the route's lanes, but it holds partitions */
        lead(rig);
        run_until(rig, 20000);
        assert_string_equal(lane_text(rig, 0), "FREE / g18446744073709551615 s1 t0");
        assert_string_equal(lane_text(rig, 7), "ASSIGNED w1/a g2 s1 t7");
        rig_free(rig);
}

/* ---- size ---- */

static void a_large_cluster_fits_into_steps(void **state) {
        (void)state;
        enum { lanes = 4096, workers = 60 };
        struct rig *rig = rig_new();
        struct timespec from, to;
        char id[32];
        put_route(rig, ROUTE, lanes, true);
        for (int i = 0; i < workers; i++) {
                (void)snprintf(id, sizeof id, "worker-%d", i);
                put_worker(rig, id, "a", false);
        }
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        lead(rig);
        discovered(rig, "t", 20000);
        rig->now_ms = 1000;
        turn(rig);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        print_message("%d lanes, 20000 partitions, %d workers: %zu steps, %zu writes, up to %zu bytes, %.0f ms\n",
                      lanes, workers, rig->steps, rig->writes, rig->bytes_max,
                      (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
        assert_int_equal(count_state(rig, lanes, ASSIGNED), lanes);
        assert_true(rig->bytes_max <= CLUSTER_STEP_BYTES_MAX);
        rig_free(rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(partitions_go_to_the_lightest_lane_and_stay),
                cmocka_unit_test(what_came_later_is_known_from_what_was_there),
                cmocka_unit_test(a_lane_that_grows_tells_its_owner),
                cmocka_unit_test(empty_lanes_are_not_assigned),
                cmocka_unit_test(workers_know_by_how_many_lanes_a_limit_is_divided),
                cmocka_unit_test(a_lost_worker_is_replaced_after_the_settle_time),
                cmocka_unit_test(another_incarnation_gets_its_lanes_at_once),
                cmocka_unit_test(a_new_leader_waits_for_missing_owners_but_not_with_free_lanes),
                cmocka_unit_test(after_a_lost_connection_the_missing_have_time_to_come_back),
                cmocka_unit_test(after_a_lost_connection_watches_are_set_anew),
                cmocka_unit_test(a_raised_generation_is_followed),
                cmocka_unit_test(a_draining_worker_keeps_what_it_runs_until_it_releases_it),
                cmocka_unit_test(unclaimed_lanes_of_a_draining_worker_move_directly),
                cmocka_unit_test(planned_moves_are_few_at_a_time),
                cmocka_unit_test(a_disabled_route_gives_all_lanes_back),
                cmocka_unit_test(a_change_of_hands_is_told_when_decided_and_when_done),
                cmocka_unit_test(a_lane_without_partitions_is_taken_back),
                cmocka_unit_test(a_pinned_lane_moves_in_peace_and_stays),
                cmocka_unit_test(a_rebalance_moves_what_the_bound_leaves_once),
                cmocka_unit_test(the_load_moves_lanes_in_quiet_times),
                cmocka_unit_test(a_hot_lane_gives_a_partition_away),
                cmocka_unit_test(partitions_stay_where_they_are_well),
                cmocka_unit_test(a_partition_without_its_new_lane_comes_back),
                cmocka_unit_test(a_worker_that_opens_nothing_gets_no_more_than_a_few),
                cmocka_unit_test(a_lane_that_nobody_opens_keeps_no_others_from_rest),
                cmocka_unit_test(a_worker_whose_lanes_stand_still_gets_no_others),
                cmocka_unit_test(a_stuck_lane_leaves_its_owner),
                cmocka_unit_test(a_lane_that_its_worker_does_not_open_goes_elsewhere),
                cmocka_unit_test(a_lane_that_its_owner_does_not_open_again_goes_elsewhere),
                cmocka_unit_test(a_partition_arrives_as_soon_as_its_lane_is_opened),
                cmocka_unit_test(partitions_of_a_route_at_rest_keep_no_others_from_moving),
                cmocka_unit_test(a_partition_that_has_halted_before_it_left_keeps_no_others_from_moving),
                cmocka_unit_test(what_happens_is_told),
                cmocka_unit_test(a_drained_worker_is_relieved_a_few_lanes_at_a_time),
                cmocka_unit_test(the_last_worker_keeps_its_lanes_though_it_is_drained),
                cmocka_unit_test(a_new_leader_knows_the_wishes_and_garbage_changes_none),
                cmocka_unit_test(a_refused_step_is_read_and_decided_again),
                cmocka_unit_test(an_answer_from_outside_is_not_taken_back),
                cmocka_unit_test(a_node_that_always_refuses_does_not_make_it_spin),
                cmocka_unit_test(a_failed_read_of_a_node_that_is_not_there_is_repeated),
                cmocka_unit_test(a_failed_read_is_repeated),
                cmocka_unit_test(garbage_lane_is_left_alone),
                cmocka_unit_test(garbage_route_is_left_alone),
                cmocka_unit_test(garbage_worker_keeps_its_lanes_and_gets_none),
                cmocka_unit_test(garbage_assign_node_is_written_anew),
                cmocka_unit_test(foreign_lane_names_and_an_exhausted_generation),
                cmocka_unit_test(a_large_cluster_fits_into_steps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
