/* `status` from facts to text: how a partition's state is found, what counts
 * as unwell, what the reader sees. */
#include "test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/snapshot_health.h"
#include "cli/render.h"
#include "common/snapshot.h"
#include "cli/table.h"
#include "common/codec.h"
#include "common/err.h"

#define NOW 1700000000000
#define STALE_MS 13000
#define ROUTE "east->west"
/* protobuf-c has no const strings. */
#define TEXT(s) ((char *)(uintptr_t)(s))

/* ---- facts ---- */

/* As from the wire, so that it is freed as such. */
static void *copy(enum fact_kind kind, void *message) {
        void *data = NULL, *out = NULL;
        size_t bytes;
        int rc = codec_pack(message, &data, &bytes);
        assert_int_equal(rc, 0);
        switch (kind) {
        case FACT_META: rc = codec_unpack_meta(data, bytes, (Heliostat__Pb__Meta **)&out); break;
        case FACT_LEADER:
                rc = codec_unpack_leader(data, bytes, (Heliostat__Pb__Leader **)&out);
                break;
        case FACT_CANDIDATE:
                rc = codec_unpack_candidate(data, bytes, (Heliostat__Pb__Candidate **)&out);
                break;
        case FACT_ROUTE: rc = codec_unpack_route(data, bytes, (Heliostat__Pb__Route **)&out); break;
        case FACT_WORKER:
                rc = codec_unpack_worker(data, bytes, (Heliostat__Pb__Worker **)&out);
                break;
        case FACT_LANE: rc = codec_unpack_lane(data, bytes, (Heliostat__Pb__Lane **)&out); break;
        case FACT_REPORT:
                rc = codec_unpack_report(data, bytes, (Heliostat__Pb__Report **)&out);
                break;
        case FACT_PLACEMENT:
                rc = codec_unpack_placement(data, bytes, (Heliostat__Pb__Placement **)&out);
                break;
        case FACT_EVENTS: rc = codec_unpack_events(data, bytes, (Heliostat__Pb__Events **)&out); break;
        case FACT_OTHER: fail();
        }
        if (rc) fail_msg("kind %d: %s", (int)kind, err_text(rc));
        free(data);
        return out;
}

static void add(struct facts *facts, enum fact_kind kind, const char *name, uint32_t number,
                void *message, int64_t created_age_ms, int64_t modified_age_ms) {
        char path[256];
        (void)snprintf(path, sizeof path, "/x/%s/%u", name, number);
        struct fact fact = {.kind = kind, .path = path, .name = TEXT(name),
                            .number = number, .message = message ? copy(kind, message) : NULL,
                            .code = message ? 0 : ERR_INVALID,
                            .created_ms = NOW - created_age_ms,
                            .modified_ms = NOW - modified_age_ms};
        assert_int_equal(facts_add(facts, &fact), 0);
}

static void add_meta(struct facts *facts) {
        Heliostat__Pb__Meta meta = HELIOSTAT__PB__META__INIT;
        meta.cluster_uuid = TEXT("u");
        add(facts, FACT_META, "meta", 0, &meta, 0, 0);
}

static void add_route(struct facts *facts, const char *name, bool enabled, uint32_t lanes) {
        Heliostat__Pb__Route route = HELIOSTAT__PB__ROUTE__INIT;
        route.name = TEXT(name);
        route.source = TEXT("east");
        route.destination = TEXT("west");
        route.enabled = enabled;
        route.topics = TEXT("orders");
        route.lanes = lanes;
        route.group_id = TEXT("heliostat.east->west");
        route.delivery_guarantee = TEXT("at-least-once");
        route.offset_commit_interval_ms = 1000;
        route.refresh_topics_interval_s = 30;
        route.replication_factor = -1;
        route.topic_naming = TEXT("prefix");
        if (strcmp(name, ROUTE) != 0) {
                static char source[32], destination[32];
                const char *arrow = strstr(name, "->");
                (void)snprintf(source, sizeof source, "%.*s", (int)(arrow - name), name);
                (void)snprintf(destination, sizeof destination, "%s", arrow + 2);
                route.source = source;
                route.destination = destination;
        }
        add(facts, FACT_ROUTE, name, 0, &route, 0, 0);
}

static void add_candidate(struct facts *facts, const char *znode, const char *id) {
        Heliostat__Pb__Candidate candidate = HELIOSTAT__PB__CANDIDATE__INIT;
        candidate.id = TEXT(id);
        candidate.host = TEXT("host-c");
        add(facts, FACT_CANDIDATE, znode, 0, &candidate, 0, 0);
}

static void add_leader(struct facts *facts, const char *id, const char *error,
                       const char *parked) {
        Heliostat__Pb__Leader leader = HELIOSTAT__PB__LEADER__INIT;
        Heliostat__Pb__RouteNote note = HELIOSTAT__PB__ROUTE_NOTE__INIT, *notes[] = {&note};
        Heliostat__Pb__ParkedTopic topic = HELIOSTAT__PB__PARKED_TOPIC__INIT, *topics[] = {&topic};
        leader.epoch = 3;
        leader.candidate = TEXT(id);
        leader.host = TEXT("host-c");
        leader.pid = 7;
        leader.since_ms = NOW - 7260000;
        note.route = TEXT(ROUTE);
        note.error = TEXT(error);
        note.discovered_ms = NOW - 5000;
        topic.topic = TEXT(parked);
        topic.partitions = 4;
        topic.reason = TEXT("too few partitions at the destination");
        note.parked = topics;
        note.n_parked = parked ? 1 : 0;
        leader.notes = notes;
        leader.n_notes = 1;
        add(facts, FACT_LEADER, "leader", 0, &leader, 0, 0);
}

static void add_worker(struct facts *facts, const char *id, const char *incarnation,
                       const char *host) {
        Heliostat__Pb__Worker worker = HELIOSTAT__PB__WORKER__INIT;
        worker.id = TEXT(id);
        worker.incarnation = TEXT(incarnation);
        worker.host = TEXT(host);
        worker.pid = 100;
        worker.capacity = 100;
        worker.version = TEXT("0.1.0");
        add(facts, FACT_WORKER, id, 0, &worker, 65000, 65000);
}

/* One topic, `orders`, with partitions first .. first + count - 1. */
static void add_lane(struct facts *facts, const char *route, uint32_t number,
                     Heliostat__Pb__LaneState state, const char *owner, const char *incarnation,
                     uint64_t generation, uint32_t first, size_t count) {
        Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT;
        Heliostat__Pb__LaneTopic topic = HELIOSTAT__PB__LANE_TOPIC__INIT, *topics[] = {&topic};
        Heliostat__Pb__LanePartition parts[16], *list[16];
        lane.state = state;
        lane.owner = TEXT(owner);
        lane.incarnation = TEXT(incarnation);
        lane.generation = generation;
        lane.spec = 2;
        for (size_t i = 0; i < count; i++) {
                heliostat__pb__lane_partition__init(&parts[i]);
                parts[i].partition = first + (uint32_t)i;
                list[i] = &parts[i];
        }
        topic.topic = TEXT("orders");
        topic.partitions = list;
        topic.n_partitions = count;
        lane.topics = topics;
        lane.n_topics = count ? 1 : 0;
        add(facts, FACT_LANE, route, number, &lane, 0, 0);
}

struct row {
        uint32_t lane;
        uint64_t generation;
        uint32_t partition;
        enum status_state state;
        int64_t position, end_offset;
        double lag_seconds;
        const char *error;
};

static void add_report(struct facts *facts, const char *worker, const char *incarnation,
                       uint32_t chunk, uint32_t chunks, int64_t age_ms, const struct row *rows,
                       size_t count) {
        Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
        Heliostat__Pb__LaneReport lanes[16], *lane_list[16];
        Heliostat__Pb__PartitionReport parts[16], *part_list[16];
        report.worker = TEXT(worker);
        report.incarnation = TEXT(incarnation);
        report.chunks = chunks;
        report.records_rate = 1234.5;
        report.bytes_rate = 99;
        report.records_total = 1000;
        for (size_t i = 0; i < count; i++) {
                heliostat__pb__lane_report__init(&lanes[i]);
                heliostat__pb__partition_report__init(&parts[i]);
                lanes[i].route = TEXT(ROUTE);
                lanes[i].lane = rows[i].lane;
                lanes[i].generation = rows[i].generation;
                lanes[i].state = TEXT("FLOWING");
                parts[i].topic = TEXT("orders");
                parts[i].partition = rows[i].partition;
                parts[i].state = (Heliostat__Pb__PartitionState)rows[i].state;
                parts[i].position = rows[i].position;
                parts[i].end_offset = rows[i].end_offset;
                parts[i].lag_seconds = rows[i].lag_seconds;
                parts[i].rate = 10;
                parts[i].error = TEXT(rows[i].error ? rows[i].error : "");
                part_list[i] = &parts[i];
                lanes[i].partitions = &part_list[i];
                lanes[i].n_partitions = 1;
                lane_list[i] = &lanes[i];
        }
        report.lanes = lane_list;
        report.n_lanes = count;
        add(facts, FACT_REPORT, worker, chunk, &report, age_ms, age_ms);
}

/* A field in which all is well: one route, two workers, four partitions. */
static void add_good(struct facts *facts) {
        const struct row rows1[] = {{0, 5, 0, STATUS_RUNNING, 100, 100, 0, NULL},
                                    {0, 5, 1, STATUS_RUNNING, 50, 1250, 1.25, NULL}};
        const struct row rows2[] = {{1, 6, 2, STATUS_RUNNING, 7, 7, 0, NULL},
                                    {1, 6, 3, STATUS_RUNNING, 0, 0, 0, NULL}};
        add_meta(facts);
        add_route(facts, ROUTE, true, 2);
        add_candidate(facts, "c-0000000001", "c1");
        add_leader(facts, "c1", "", NULL);
        add_worker(facts, "w1", "i1", "host-a");
        add_worker(facts, "w2", "i2", "host-b");
        add_lane(facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 2);
        add_lane(facts, ROUTE, 1, 2, "w2", "i2", 6, 2, 2);
        /* One row per lane: join them, as a worker does. */
        for (int w = 0; w < 2; w++) {
                const struct row *rows = w ? rows2 : rows1;
                Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
                Heliostat__Pb__LaneReport lane = HELIOSTAT__PB__LANE_REPORT__INIT, *lanes[] = {&lane};
                Heliostat__Pb__PartitionReport parts[2], *list[2];
                report.worker = TEXT(w ? "w2" : "w1");
                report.incarnation = TEXT(w ? "i2" : "i1");
                report.chunks = 1;
                report.records_rate = w ? 0 : 1234.5;
                lane.route = TEXT(ROUTE);
                lane.lane = rows[0].lane;
                lane.generation = rows[0].generation;
                lane.state = TEXT("FLOWING");
                for (int i = 0; i < 2; i++) {
                        heliostat__pb__partition_report__init(&parts[i]);
                        parts[i].topic = TEXT("orders");
                        parts[i].partition = rows[i].partition;
                        parts[i].state = (Heliostat__Pb__PartitionState)rows[i].state;
                        parts[i].position = rows[i].position;
                        parts[i].end_offset = rows[i].end_offset;
                        parts[i].lag_seconds = rows[i].lag_seconds;
                        parts[i].rate = w ? 0 : 617.25;
                        list[i] = &parts[i];
                }
                lane.partitions = list;
                lane.n_partitions = 2;
                report.lanes = lanes;
                report.n_lanes = 1;
                add(facts, FACT_REPORT, report.worker, 0, &report, 60000, w ? 1000 : 3200);
        }
}

static struct status_partition *partition(struct snapshot *s, const char *topic, uint32_t number) {
        for (size_t i = 0; i < s->partition_count; i++)
                if (s->partitions[i].partition == number &&
                    strcmp(s->partitions[i].topic, topic) == 0)
                        return &s->partitions[i];
        fail_msg("no %s-%u", topic, number);
        return NULL;
}

/* ---- joining ---- */

static void partition_states(void **state) {
        (void)state;
        enum { NO_REPORT = -1 };
        static const struct {
                const char *what;
                int record;             /* state of the lane's record */
                const char *owner, *incarnation;
                int reported;           /* or NO_REPORT */
                uint64_t reported_generation;
                const char *report_incarnation;
                enum status_state expect;
                const char *worker;
                int64_t position;
        } rows[] = {
                {"free", 0, "", "", NO_REPORT, 0, "i1", STATUS_UNASSIGNED, NULL, -1},
                {"free, old report", 0, "", "", STATUS_RUNNING, 5, "i1", STATUS_UNASSIGNED, NULL, -1},
                {"owner is gone", 2, "w9", "i9", NO_REPORT, 0, "i1", STATUS_UNASSIGNED, NULL, -1},
                {"owner lives again", 2, "w1", "i0", STATUS_RUNNING, 5, "i1", STATUS_UNASSIGNED,
                 NULL, -1},
                {"assigned", 1, "w1", "i1", NO_REPORT, 0, "i1", STATUS_ASSIGNED, "w1", -1},
                {"owned, no report", 2, "w1", "i1", NO_REPORT, 0, "i1", STATUS_ASSIGNED, "w1", -1},
                {"report of before", 2, "w1", "i1", STATUS_RUNNING, 4, "i1", STATUS_ASSIGNED, "w1",
                 -1},
                {"report of an earlier life", 2, "w1", "i1", STATUS_RUNNING, 5, "i0",
                 STATUS_ASSIGNED, "w1", -1},
                {"running", 2, "w1", "i1", STATUS_RUNNING, 5, "i1", STATUS_RUNNING, "w1", 42},
                {"paused", 2, "w1", "i1", STATUS_PAUSED, 5, "i1", STATUS_PAUSED, "w1", 42},
                {"draining", 3, "w1", "i1", STATUS_DRAINING, 5, "i1", STATUS_DRAINING, "w1", 42},
                {"halted", 2, "w1", "i1", STATUS_HALTED, 5, "i1", STATUS_HALTED, "w1", 42},
                {"parked", 2, "w1", "i1", STATUS_PARKED, 5, "i1", STATUS_PARKED, "w1", 42},
                {"stalled", 2, "w1", "i1", STATUS_STALLED, 5, "i1", STATUS_STALLED, "w1", 42},
                {"report before record", 1, "w1", "i1", STATUS_RUNNING, 5, "i1", STATUS_RUNNING,
                 "w1", 42},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", "host");
                add_lane(&facts, ROUTE, 0, (Heliostat__Pb__LaneState)rows[i].record, rows[i].owner,
                         rows[i].incarnation, 5, 0, 1);
                if (rows[i].reported != NO_REPORT) {
                        struct row row = {0, rows[i].reported_generation, 0,
                                          (enum status_state)rows[i].reported, 42, 50, 0.5, NULL};
                        add_report(&facts, "w1", rows[i].report_incarnation, 0, 1, 1000, &row, 1);
                }
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                assert_int_equal(s.partition_count, 1);
                const struct status_partition *p = &s.partitions[0];
                if (p->state != rows[i].expect || p->position != rows[i].position ||
                    !p->worker != !rows[i].worker)
                        fail_msg("%s: %s, worker %s, position %lld", rows[i].what,
                                 status_state_name(p->state), p->worker ? p->worker : "none",
                                 (long long)p->position);
                assert_int_equal(p->lag, p->position < 0 ? -1 : 8);
                assert_int_equal(s.routes[0].in_state[rows[i].expect], 1);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

/* Lane 0 with orders-0 and orders-1; the first is halted. */
static void add_halted_lane(struct facts *facts, int state, uint64_t generation, int kind, int answer,
                            int64_t from, int64_t to, const char *reason) {
        add_lane(facts, ROUTE, 0, (Heliostat__Pb__LaneState)state, state ? "w1" : "", state ? "i1" : "",
                 generation, 0, 2);
        Heliostat__Pb__Lane *lane = facts->items[facts->count - 1].message;
        Heliostat__Pb__Halt halt = HELIOSTAT__PB__HALT__INIT, other = halt, *halts[] = {&other, &halt};
        Heliostat__Pb__Skip old = HELIOSTAT__PB__SKIP__INIT, new = old, *skips[] = {&new, &old};
        other.topic = TEXT("payments"); /* the same number of another topic */
        other.kind = HELIOSTAT__PB__HALT_KIND__HALT_CORRUPT;
        halt.topic = TEXT("orders");
        halt.kind = (Heliostat__Pb__HaltKind)kind;
        halt.answer = (Heliostat__Pb__HaltAnswer)answer;
        halt.from = from;
        halt.to = to;
        halt.reason = TEXT(reason);
        halt.since_ms = NOW - 9000;
        old.topic = new.topic = TEXT("orders");
        old.kind = HELIOSTAT__PB__HALT_KIND__HALT_GAP;
        old.answer = HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP;
        old.from = 5;
        old.to = 10;
        old.at_ms = NOW - 3600000;
        new.partition = 1;
        new.kind = HELIOSTAT__PB__HALT_KIND__HALT_NO_POSITION;
        new.answer = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RESTART;
        new.from = -1;
        new.to = 700;
        new.at_ms = NOW - 60000;
        lane->halts = halts;
        lane->n_halts = 2;
        lane->skips = skips;
        lane->n_skips = 2;
        void *with = copy(FACT_LANE, lane);
        lane->halts = NULL;
        lane->skips = NULL;
        lane->n_halts = lane->n_skips = 0;
        codec_free(lane);
        facts->items[facts->count - 1].message = with;
}

static void halts_show_without_an_owner(void **state) {
        (void)state;
        enum { NO_REPORT = -1, GAP = HELIOSTAT__PB__HALT_KIND__HALT_GAP };
        static const struct {
                int record, reported, answer;
                const char *reason;
                enum status_state expect;
                const char *error;
        } rows[] = {
                {0, NO_REPORT, 0, "offsets 100 to 119 are gone", STATUS_HALTED, "offsets 100 to 119 are gone"},
                {0, NO_REPORT, 0, "", STATUS_HALTED, "the source no longer has what comes next"},
                {0, NO_REPORT, 2, "gone", STATUS_UNASSIGNED, "halt is answered: skip"},
                {1, NO_REPORT, 0, "gone", STATUS_HALTED, "gone"},
                {2, NO_REPORT, 0, "gone", STATUS_HALTED, "gone"},
                {2, NO_REPORT, 5, "gone", STATUS_ASSIGNED, "halt is answered: offset"},
                /* the owner knows better */
                {2, STATUS_HALTED, 0, "gone", STATUS_HALTED, "the owner's word"},
                {2, STATUS_RUNNING, 2, "gone", STATUS_RUNNING, "the owner's word"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", "host");
                add_halted_lane(&facts, rows[i].record, 5, GAP, rows[i].answer, 100, 120, rows[i].reason);
                if (rows[i].reported != NO_REPORT) {
                        struct row row = {0, 5, 0, (enum status_state)rows[i].reported, 42, 50, 0.5,
                                          "the owner's word"};
                        add_report(&facts, "w1", "i1", 0, 1, 1000, &row, 1);
                }
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                const struct status_partition *p = partition(&s, "orders", 0), *other = partition(&s, "orders", 1);
                if (p->state != rows[i].expect || strcmp(p->error, rows[i].error) != 0)
                        fail_msg("row %zu: %s, %s", i, status_state_name(p->state), p->error);
                assert_string_equal(p->halt.kind, "gap");
                assert_int_equal(p->halt.from, 100);
                assert_int_equal(p->halt.to, 120);
                assert_int_equal(p->halt.since_ms, NOW - 9000);
                assert_null(other->halt.kind);
                assert_string_equal(other->error, "");
                assert_int_not_equal(other->state, STATUS_HALTED);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

static void unknown_offsets(void **state) {
        (void)state;
        static const struct {
                int64_t position, end_offset, lag;
        } rows[] = {{-1, -1, -1}, {-1, 5, -1}, {5, -1, -1}, {5, 5, 0}, {9, 5, 0}, {0, 7, 7}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                struct row row = {0, 5, 0, STATUS_RUNNING, rows[i].position, rows[i].end_offset,
                                  -1, NULL};
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", "host");
                add_lane(&facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 1);
                add_report(&facts, "w1", "i1", 0, 1, 0, &row, 1);
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                assert_int_equal(s.partitions[0].lag, rows[i].lag);
                assert_true(s.partitions[0].lag_seconds == SNAPSHOT_UNKNOWN);
                assert_int_equal(s.routes[0].lag_known, rows[i].lag >= 0);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

static void chunks(void **state) {
        (void)state;
        struct facts facts = {0};
        struct snapshot s;
        const struct row rows[] = {{0, 5, 0, STATUS_RUNNING, 1, 1, 0, NULL},
                                   {1, 5, 1, STATUS_RUNNING, 1, 1, 0, NULL},
                                   {2, 5, 2, STATUS_RUNNING, 1, 1, 0, NULL},
                                   {3, 5, 3, STATUS_RUNNING, 1, 1, 0, NULL}};
        add_route(&facts, ROUTE, true, 4);
        add_worker(&facts, "w1", "i1", "host");
        for (uint32_t i = 0; i < 4; i++) add_lane(&facts, ROUTE, i, 2, "w1", "i1", 5, i, 1);
        add_report(&facts, "w1", "i1", 0, 3, 0, &rows[0], 1);
        add_report(&facts, "w1", "i1", 1, 3, 0, &rows[1], 1);
        add_report(&facts, "w1", "i0", 2, 3, 0, &rows[2], 1); /* of an earlier life */
        add_report(&facts, "w1", "i1", 3, 3, 0, &rows[3], 1); /* left over: there are 3 now */
        assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
        assert_int_equal(partition(&s, "orders", 0)->state, STATUS_RUNNING);
        assert_int_equal(partition(&s, "orders", 1)->state, STATUS_RUNNING);
        assert_int_equal(partition(&s, "orders", 2)->state, STATUS_ASSIGNED);
        assert_int_equal(partition(&s, "orders", 3)->state, STATUS_ASSIGNED);
        assert_int_equal(s.workers[0].lanes, 4);
        snapshot_fini(&s);
        facts_fini(&facts);
}

static void a_lane_in_several_chunks(void **state) {
        (void)state;
        struct facts facts = {0};
        struct snapshot s;
        const struct row rows[] = {{0, 5, 0, STATUS_RUNNING, 1, 1, 0, NULL},
                                   {0, 5, 1, STATUS_STALLED, 1, 9, 0, "stands still"},
                                   {0, 5, 2, STATUS_RUNNING, 1, 1, 0, NULL},
                                   {1, 5, 3, STATUS_RUNNING, 1, 1, 0, NULL}};
        add_route(&facts, ROUTE, true, 2);
        add_worker(&facts, "w1", "i1", "host");
        add_lane(&facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 3);
        add_lane(&facts, ROUTE, 1, 2, "w1", "i1", 5, 3, 1);
        add_report(&facts, "w1", "i1", 2, 3, 0, &rows[2], 2); /* its end, and another lane */
        add_report(&facts, "w1", "i1", 0, 3, 0, &rows[0], 1);
        add_report(&facts, "w1", "i1", 1, 3, 0, &rows[1], 1);
        for (int i = 0; i < 2; i++) { /* what is in one message stays there */
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                for (uint32_t k = 0; k < 4; k++)
                        assert_int_equal(partition(&s, "orders", k)->state, k == 1 ? STATUS_STALLED : STATUS_RUNNING);
                assert_int_equal(partition(&s, "orders", 1)->lag, 8);
                assert_string_equal(partition(&s, "orders", 1)->error, "stands still");
                snapshot_fini(&s);
        }
        facts_fini(&facts);
}

static void lanes_are_complete(void **state) {
        (void)state;
        struct facts facts = {0};
        struct snapshot s;
        add_route(&facts, "a->b", true, 5);
        add_lane(&facts, "a->b", 1, 0, "", "", 0, 0, 1);
        add_lane(&facts, "a->b", 3, 0, "", "", 0, 1, 1);
        add(&facts, FACT_LANE, "a->b", 4, NULL, 0, 0);
        add_lane(&facts, "a->b", 9, 0, "", "", 0, 2, 1); /* beyond the route's lanes */
        add_lane(&facts, "gone->away", 2, 0, "", "", 0, 0, 3);
        assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
        static const uint32_t expect[] = {0, 1, 2, 3, 4, 9, 2};
        assert_int_equal(s.lane_count, 7);
        for (size_t i = 0; i < 7; i++) assert_int_equal(s.lanes[i].lane, expect[i]);
        assert_true(s.lanes[4].unreadable);
        assert_string_equal(s.lanes[4].error, err_text(ERR_INVALID));
        assert_int_equal(s.route_count, 2);
        assert_true(s.routes[1].removed);
        assert_int_equal(s.routes[1].partitions, 3);
        assert_int_equal(s.problem_count, 1);
        snapshot_fini(&s);
        facts_fini(&facts);
}

static void who_leads(void **state) {
        (void)state;
        static const struct {
                const char *leader;      /* of /leader, or NULL */
                const char *candidates[2];
                const char *expect;
        } rows[] = {
                {"c1", {"c1", NULL}, "c1"}, {"c2", {"c1", "c2"}, "c2"}, {"c1", {NULL, NULL}, NULL},
                {"c1", {"c2", NULL}, NULL}, {NULL, {"c1", NULL}, NULL}, {NULL, {NULL, NULL}, NULL},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                size_t n = 0;
                if (rows[i].leader) add_leader(&facts, rows[i].leader, "", NULL);
                for (int k = 0; k < 2; k++) {
                        char name[16];
                        (void)snprintf(name, sizeof name, "c-%d", k);
                        if (!rows[i].candidates[k]) continue;
                        add_candidate(&facts, name, rows[i].candidates[k]);
                        n++;
                }
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                assert_int_equal(s.candidates, n);
                if (rows[i].expect) assert_string_equal(s.leader.id, rows[i].expect);
                else assert_null(s.leader.id);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

static void ages(void **state) {
        (void)state;
        static const struct {
                int64_t report_age_ms;
                int64_t our_clock; /* ahead of ZooKeeper's */
                bool stale;
                int64_t facts_age_ms;
                uint32_t next_ms; /* as the report says */
        } rows[] = {
                {0, 0, false, 0, 0},
                {STALE_MS, 0, false, STALE_MS, 0},
                {STALE_MS + 1, 0, true, STALE_MS + 1, 0},
                {STALE_MS + 1, 0, true, STALE_MS + 1, 2000},
                {40000, 0, false, 40000, 39000}, /* a large field */
                {40001, 0, true, 40001, 39000},
                {1000, -3600000, false, 1000, 0}, /* behind: the newest fact is now */
                {1000, 3600000, true, 3601000, 0},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                struct row row = {0, 5, 0, STATUS_RUNNING, 1, 1, 0, NULL};
                add_meta(&facts); /* modified now */
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", "host");
                add_lane(&facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 1);
                add_report(&facts, "w1", "i1", 0, 1, rows[i].report_age_ms, &row, 1);
                ((Heliostat__Pb__Report *)facts.items[facts.count - 1].message)->next_ms = rows[i].next_ms;
                assert_int_equal(snapshot_build(&facts, NOW + rows[i].our_clock, STALE_MS, &s), 0);
                assert_int_equal(s.workers[0].stale, rows[i].stale);
                assert_int_equal(s.partitions[0].stale, rows[i].stale);
                assert_int_equal(s.partitions[0].state, STATUS_RUNNING); /* kept, with its age */
                assert_int_equal(s.facts_age_ms, rows[i].facts_age_ms);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

/* Any order of the facts gives the same picture. */
static void order_is_irrelevant(void **state) {
        (void)state;
        char *first = NULL;
        unsigned random = 1;
        for (int round = 0; round < 50; round++) {
                struct facts facts = {0};
                struct snapshot s;
                struct health health;
                add_good(&facts);
                add_route(&facts, "a->b", false, 3);
                for (size_t i = facts.count - 1; i > 0; i--) {
                        random = random * 1103515245u + 12345u;
                        size_t k = (random >> 16) % (i + 1);
                        struct fact swap = facts.items[i];
                        facts.items[i] = facts.items[k];
                        facts.items[k] = swap;
                }
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                assert_int_equal(health_compute(&s, &health), 0);
                char *text = render(&s, &health, RENDER_JSON, false);
                if (!first) first = text;
                else {
                        assert_string_equal(text, first);
                        free(text);
                }
                health_fini(&health);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
        free(first);
}

/* ---- health ---- */

static void break_nothing(struct facts *facts) { (void)facts; }

static struct fact *find(struct facts *facts, enum fact_kind kind, size_t nth) {
        for (size_t i = 0; i < facts->count; i++)
                if (facts->items[i].kind == kind && nth-- == 0) return &facts->items[i];
        fail();
        return NULL;
}

static void drop(struct facts *facts, enum fact_kind kind) {
        for (size_t i = 0; i < facts->count;) {
                struct fact *f = &facts->items[i];
                if (f->kind != kind) {
                        i++;
                        continue;
                }
                codec_free(f->message);
                free(f->path);
                free(f->name);
                *f = facts->items[--facts->count];
        }
}

static void corrupt(struct facts *facts, enum fact_kind kind) {
        struct fact *f = find(facts, kind, 0);
        codec_free(f->message);
        f->message = NULL;
        f->code = ERR_INVALID;
}

static Heliostat__Pb__PartitionReport *first_row(struct facts *facts) {
        Heliostat__Pb__Report *report = find(facts, FACT_REPORT, 0)->message;
        return report->lanes[0]->partitions[0];
}

static void say(char **field, const char *text) {
        free(*field);
        *field = strdup(text);
}

/* protobuf-c points empty strings at a constant of its own. */
static void say_error(Heliostat__Pb__PartitionReport *row, const char *text) {
        if (*row->error) free(row->error);
        row->error = strdup(text);
}

static void no_coordinator(struct facts *f) { drop(f, FACT_CANDIDATE); }
static void leader_died(struct facts *f) {
        drop(f, FACT_CANDIDATE);
        add_candidate(f, "c-0000000002", "c2");
}
static void no_worker(struct facts *f) { drop(f, FACT_WORKER); }
static void no_route(struct facts *f) {
        drop(f, FACT_ROUTE);
        drop(f, FACT_LANE);
}
static void halted(struct facts *f) {
        first_row(f)->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED;
        say_error(first_row(f), "records 5 to 9 are gone");
}
static void stalled(struct facts *f) {
        first_row(f)->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
}
static void parked(struct facts *f) {
        first_row(f)->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED;
}
static void paused(struct facts *f) {
        first_row(f)->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PAUSED;
}
static void owner_died(struct facts *f) {
        say(&((Heliostat__Pb__Lane *)find(f, FACT_LANE, 0)->message)->owner, "w7");
}
static void never_reported(struct facts *f) {
        drop(f, FACT_REPORT);
}
static void old_report(struct facts *f) { find(f, FACT_REPORT, 0)->modified_ms = NOW - 60000; }
static void topic_parked(struct facts *f) {
        drop(f, FACT_LEADER);
        add_leader(f, "c1", "", "orders.eu");
}
static void topics_not_named(struct facts *f) {
        ((Heliostat__Pb__Leader *)find(f, FACT_LEADER, 0)->message)->notes[0]->parked_more = 12;
}
static void only_topics_not_named(struct facts *f) {
        drop(f, FACT_LANE);
        topics_not_named(f);
}
static void discovery_fails(struct facts *f) {
        drop(f, FACT_LEADER);
        add_leader(f, "c1", "no broker of east answers", NULL);
}
static void bad_lane(struct facts *f) { corrupt(f, FACT_LANE); }
static void bad_route(struct facts *f) { corrupt(f, FACT_ROUTE); }
static void bad_worker(struct facts *f) { corrupt(f, FACT_WORKER); }
static void bad_report(struct facts *f) { corrupt(f, FACT_REPORT); }
static void bad_leader(struct facts *f) { corrupt(f, FACT_LEADER); }
static void stranger(struct facts *f) {
        struct fact fact = {.kind = FACT_OTHER, .path = TEXT("/lane/x"), .name = TEXT("x")};
        assert_int_equal(facts_add(f, &fact), 0);
}
static void many_strangers(struct facts *f) {
        for (int i = 0; i < 20; i++) stranger(f);
}
static void disabled_unassigned(struct facts *f) {
        ((Heliostat__Pb__Route *)find(f, FACT_ROUTE, 0)->message)->enabled = false;
        drop(f, FACT_WORKER);
}
static void empty_route(struct facts *f) { add_route(f, "a->b", true, 3); }

/* The good field's w1 and w2 with these configurations. */
static void configured(struct facts *f, const char *one, const char *other, const char *error) {
        for (size_t i = 0; i < f->count; i++) {
                if (f->items[i].kind != FACT_REPORT) continue;
                Heliostat__Pb__Report *report = f->items[i].message;
                bool first = strcmp(report->worker, "w1") == 0;
                report->config_version = strdup(first ? one : other);
                if (!first) continue;
                report->config_error = strdup(error);
        }
}
static void same_configuration(struct facts *f) { configured(f, "0123456789abcdef", "0123456789abcdef", ""); }
static void older_worker(struct facts *f) { configured(f, "0123456789abcdef", "", ""); }
static void other_configuration(struct facts *f) { configured(f, "0123456789abcdef", "fedcba9876543210", ""); }
static void configuration_refused(struct facts *f) { configured(f, "0123456789abcdef", "0123456789abcdef", "f:7: x.y: unknown"); }
/* The route's fourth version was published so long ago, and lane 0 runs the third. */
static void lane_behind(struct facts *f, int64_t ago_ms) {
        for (size_t i = 0; i < f->count; i++) {
                if (f->items[i].kind == FACT_ROUTE) {
                        f->items[i].version = 3;
                        f->items[i].modified_ms = NOW - ago_ms;
                }
                Heliostat__Pb__Report *report = f->items[i].message;
                if (f->items[i].kind != FACT_REPORT) continue;
                for (size_t k = 0; k < report->n_lanes; k++) report->lanes[k]->route_version = report->lanes[k]->lane == 0 ? 3 : 4;
        }
}
static void lane_behind_just_now(struct facts *f) { lane_behind(f, 3000); }
static void lane_behind_for_long(struct facts *f) { lane_behind(f, 60000); }

static void health_rows(void **state) {
        (void)state;
        static const struct {
                void (*change)(struct facts *facts);
                enum health_level level;
                const char *reason; /* part of the first one, or NULL */
        } rows[] = {
                {break_nothing, HEALTH_OK, NULL},
                {paused, HEALTH_OK, NULL},
                {disabled_unassigned, HEALTH_OK, NULL},
                {no_coordinator, HEALTH_ERR, "no coordinator is alive"},
                {leader_died, HEALTH_WARN, "no coordinator leads yet, 1 is alive"},
                {no_worker, HEALTH_ERR, "no worker is alive"},
                {no_route, HEALTH_WARN, "no route is defined"},
                {halted, HEALTH_ERR,
                 "1 partition of east->west is HALTED (orders-0: records 5 to 9 are gone)"},
                {stalled, HEALTH_ERR, "1 partition of east->west is STALLED (orders-0)"},
                {parked, HEALTH_WARN, "1 partition of east->west is PARKED (orders-0)"},
                {owner_died, HEALTH_WARN, "2 partitions of east->west are not mirrored yet"},
                {never_reported, HEALTH_WARN, "4 partitions of east->west are not mirrored yet"},
                {old_report, HEALTH_WARN, "1 worker has not reported for up to 60 s (w1)"},
                {topic_parked, HEALTH_WARN, "topic orders.eu of east->west is PARKED: too few"},
                {topics_not_named, HEALTH_WARN, "12 more topics of east->west are PARKED"},
                {only_topics_not_named, HEALTH_WARN, "12 more topics of east->west are PARKED"},
                {discovery_fails, HEALTH_WARN,
                 "discovery of east->west fails: no broker of east answers"},
                {bad_lane, HEALTH_ERR, "znode /x/east->west/0: invalid input"},
                {bad_route, HEALTH_ERR, "znode /x/east->west/0: invalid input"},
                {bad_worker, HEALTH_ERR, "znode /x/w1/0: invalid input"},
                {bad_report, HEALTH_ERR, "znode /x/w1/0: invalid input"},
                {bad_leader, HEALTH_ERR, "znode /x/leader/0: invalid input"},
                {stranger, HEALTH_ERR, "znode /lane/x: not one of Heliostat's"},
                {many_strangers, HEALTH_ERR, "znode /lane/x"},
                {same_configuration, HEALTH_OK, NULL},
                {older_worker, HEALTH_OK, NULL},
                {other_configuration, HEALTH_WARN, "workers run with different configurations: 01234567 (w1), fedcba98 (w2)"},
                {configuration_refused, HEALTH_WARN, "worker w1 runs on with its old configuration: f:7: x.y: unknown"},
                {lane_behind_just_now, HEALTH_OK, NULL},
                {lane_behind_for_long, HEALTH_WARN, "1 lane of east->west runs with an older version of it than 4"},
                {empty_route, HEALTH_WARN, "a->b mirrors nothing: its topics are not discovered"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct snapshot s;
                struct health health;
                add_good(&facts);
                rows[i].change(&facts);
                assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
                assert_int_equal(health_compute(&s, &health), 0);
                const char *reason = health.count ? health.reasons[0].text : NULL;
                if (health.level != rows[i].level || !reason != !rows[i].reason ||
                    (reason && !strstr(reason, rows[i].reason)))
                        fail_msg("row %zu: %s, '%s'", i, health_level_name(health.level),
                                 reason ? reason : "");
                for (size_t k = 1; k < health.count; k++)
                        assert_true(health.reasons[k].level <= health.reasons[k - 1].level);
                /* Nothing of it breaks the output. */
                for (int format = RENDER_TABLE; format <= RENDER_JSON; format++) {
                        char *text = render(&s, &health, (enum render_format)format, true);
                        assert_non_null(text);
                        assert_true(text[strlen(text) - 1] == '\n');
                        free(text);
                }
                health_fini(&health);
                snapshot_fini(&s);
                facts_fini(&facts);
        }
}

static void reasons_are_bounded(void **state) {
        (void)state;
        struct facts facts = {0};
        struct snapshot s;
        struct health health;
        for (int i = 0; i < 1000; i++) {
                char name[32];
                (void)snprintf(name, sizeof name, "a%d->b", i);
                add_route(&facts, name, true, 1);
        }
        assert_int_equal(snapshot_build(&facts, NOW, STALE_MS, &s), 0);
        assert_int_equal(health_compute(&s, &health), 0);
        assert_int_equal(health.count, HEALTH_REASONS_MAX);
        assert_string_equal(health.reasons[health.count - 1].text, "803 more reasons");
        health_fini(&health);
        snapshot_fini(&s);
        facts_fini(&facts);
}

/* Routes with 50 parked topics each, and behind them some with a HALTED partition. */
static void severe_reasons_have_their_place(void **state) {
        (void)state;
        static const struct {
                size_t parked, halted;
                size_t errors;               /* among the reasons */
                enum health_level last;      /* of the reason that tells of more */
                const char *text;
        } rows[] = {
                {3, 1, 1, HEALTH_WARN, "topic t of r is PARKED: too few partitions"},
                {4, 1, 1, HEALTH_WARN, "2 more reasons"},
                {5, 3, 3, HEALTH_WARN, "54 more reasons"},
                {1, 199, 199, HEALTH_WARN, "50 more reasons"},
                {1, 201, 200, HEALTH_ERR, "52 more reasons"}, /* of two of them too */
        };
        static struct status_route routes[210];
        static struct status_partition halted[210];
        static struct status_parked parked[50];
        for (size_t i = 0; i < 50; i++) parked[i] = (struct status_parked){"t", 1, "too few partitions"};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct snapshot s = {.leader = {.id = "c1"}, .routes = routes, .route_count = rows[i].parked + rows[i].halted,
                                     .partitions = halted, .partition_count = rows[i].halted};
                struct status_worker worker = {.id = "w1", .config_version = "", .config_error = ""};
                struct health health;
                s.workers = &worker;
                s.worker_count = 1;
                for (size_t k = 0; k < s.route_count; k++) {
                        bool parks = k < rows[i].parked;
                        routes[k] = (struct status_route){.name = parks ? "r" : "h", .enabled = true, .error = "", .warning = "",
                                                          .partitions = 1, .parked = parked, .parked_count = parks ? 50 : 0};
                        routes[k].in_state[STATUS_PARKED] = routes[k].parked_count;
                        routes[k].in_state[STATUS_HALTED] = !parks;
                }
                for (size_t k = 0; k < rows[i].halted; k++)
                        halted[k] = (struct status_partition){.route = "h", .topic = "t", .state = STATUS_HALTED, .error = "gone"};
                assert_int_equal(health_compute(&s, &health), 0);
                assert_int_equal(health.level, HEALTH_ERR);
                size_t errors = 0;
                for (size_t k = 0; k < health.count; k++) errors += health.reasons[k].level == HEALTH_ERR;
                assert_int_equal(errors, rows[i].errors);
                assert_string_equal(health.reasons[0].text, "1 partition of h is HALTED (t-0: gone)");
                assert_string_equal(health.reasons[health.count - 1].text, rows[i].text);
                assert_int_equal(health.reasons[health.count - 1].level, rows[i].last);
                health_fini(&health);
        }
}

/* ---- showing ---- */

static char *shown(struct facts *facts, enum render_format format, bool colours) {
        struct snapshot s;
        struct health health;
        assert_int_equal(snapshot_build(facts, NOW, STALE_MS, &s), 0);
        s.zookeeper = "zk:2181/heliostat";
        assert_int_equal(health_compute(&s, &health), 0);
        char *text = render(&s, &health, format, colours);
        assert_non_null(text);
        health_fini(&health);
        snapshot_fini(&s);
        return text;
}

static void text_table(void **state) {
        (void)state;
        struct facts facts = {0};
        add_good(&facts);
        char *text = shown(&facts, RENDER_TABLE, false);
        assert_string_equal(
                text,
                "OK | leader c1 at host-c for 2 h 01 min | facts up to 3.2 s old\n"
                "\n"
                "ROUTE       ENABLED  TOPICS  PARTITIONS    LAG  LAG TIME  RECORDS/S  STATES\n"
                "east->west  yes           1           4  1,200     1.2 s      1,235  4 RUNNING\n"
                "\n"
                "WORKER  HOST    LANES  PARTITIONS  RECORDS/S  SESSION  REPORTED\n"
                "w1      host-a      1           2      1,235     65 s     3.2 s\n"
                "w2      host-b      1           2          0     65 s     1.0 s\n");
        free(text);
        halted(&facts);
        no_coordinator(&facts);
        text = shown(&facts, RENDER_WIDE, false);
        const char *line = text;
        static const char *const expect[] = {
                ("ERR: no coordinator is alive: nothing new is assigned (+1 more) | leader none | "
                 "facts up to 3.2 s old"),
                "  ERR  no coordinator is alive: nothing new is assigned",
                "  ERR  1 partition of east->west is HALTED (orders-0: records 5 to 9 are gone)",
                "",
        };
        for (size_t i = 0; i < sizeof expect / sizeof *expect; i++) {
                size_t n = strcspn(line, "\n");
                if (n != strlen(expect[i]) || strncmp(line, expect[i], n) != 0)
                        fail_msg("line %zu: '%.*s'", i, (int)n, line);
                line += n + 1;
        }
        assert_non_null(strstr(
                text,
                "ROUTE       TOPIC   PARTITION  LANE  WORKER  STATE    POSITION   END    LAG  "
                "LAG TIME  ERROR\n"
                "east->west  orders          0     0  w1      HALTED        100   100      0     "
                "0.0 s  records 5 to 9 are gone\n"
                "east->west  orders          1     0  w1      RUNNING        50  1250  1,200     "
                "1.2 s  -\n"));
        free(text);
        facts_fini(&facts);
}

/* A halt of a lane that nobody owns, and what its lanes passed over. */
static void halts_and_skips(void **state) {
        (void)state;
        struct facts facts = {0};
        add_meta(&facts);
        add_route(&facts, ROUTE, true, 1);
        add_halted_lane(&facts, 0, 5, HELIOSTAT__PB__HALT_KIND__HALT_REFUSED, 0, 100, 101, "too large");
        char *text = shown(&facts, RENDER_TABLE, false);
        assert_null(strstr(text, "SKIPPED"));
        assert_non_null(strstr(text, "ERR  1 partition of east->west is HALTED (orders-0: too large)"));
        free(text);
        text = shown(&facts, RENDER_WIDE, false);
        assert_non_null(strstr(
                text,
                "SKIPPED IN  TOPIC   PARTITION  LANE  FROM   TO  WHY          ANSWER          AGO\n"
                "east->west  orders          0     0     5   10  gap          skip     1 h 00 min\n"
                "east->west  orders          1     0     -  700  no-position  restart        60 s\n"));
        free(text);
        text = shown(&facts, RENDER_JSON, false);
        json_t *root = json_loads(text, 0, NULL);
        json_t *skips = json_object_get(json_array_get(json_object_get(root, "routes"), 0), "skips");
        assert_int_equal(json_array_size(skips), 2);
        json_t *skip = json_array_get(skips, 1);
        assert_string_equal(json_string_value(json_object_get(skip, "topic")), "orders");
        assert_string_equal(json_string_value(json_object_get(skip, "kind")), "no-position");
        assert_string_equal(json_string_value(json_object_get(skip, "answer")), "restart");
        assert_true(json_is_null(json_object_get(skip, "from")));
        assert_int_equal(json_integer_value(json_object_get(skip, "to")), 700);
        assert_int_equal(json_integer_value(json_object_get(skip, "at_ms")), NOW - 60000);
        json_t *halted_one = json_array_get(json_object_get(root, "partitions"), 0);
        assert_string_equal(json_string_value(json_object_get(halted_one, "destination_topic")), "east.orders");
        json_t *halts = json_object_get(halted_one, "halts");
        assert_int_equal(json_array_size(halts), 1);
        json_t *halt = json_array_get(halts, 0);
        assert_string_equal(json_string_value(json_object_get(halt, "kind")), "refused");
        assert_string_equal(json_string_value(json_object_get(halt, "reason")), "too large");
        assert_true(json_is_null(json_object_get(halt, "answer")));
        assert_int_equal(json_integer_value(json_object_get(halt, "from")), 100);
        assert_int_equal(json_integer_value(json_object_get(halt, "to")), 101);
        assert_int_equal(json_integer_value(json_object_get(halt, "since_ms")), NOW - 9000);
        assert_int_equal(
                json_array_size(json_object_get(json_array_get(json_object_get(root, "partitions"), 1), "halts")), 0);
        json_decref(root);
        free(text);
        facts_fini(&facts);
}

static void pins_and_drained_workers(void **state) {
        (void)state;
        struct facts facts = {0};
        Heliostat__Pb__Placement placement = HELIOSTAT__PB__PLACEMENT__INIT;
        Heliostat__Pb__Pin pin = HELIOSTAT__PB__PIN__INIT, gone = HELIOSTAT__PB__PIN__INIT, *pins[] = {&gone, &pin};
        Heliostat__Pb__DrainedWorker w1 = HELIOSTAT__PB__DRAINED_WORKER__INIT, dead = w1, *drained[] = {&dead, &w1};
        add_good(&facts);
        pin.route = gone.route = TEXT(ROUTE);
        pin.lane = 1;
        gone.lane = 77;
        pin.worker = gone.worker = TEXT("w2");
        w1.worker = TEXT("w1");
        dead.worker = TEXT("w9");
        placement.n_pins = placement.n_drained = 2;
        placement.pins = pins;
        placement.drained = drained;
        add(&facts, FACT_PLACEMENT, "op", 0, &placement, 60000, 1000);
        char *text = shown(&facts, RENDER_TABLE, false);
        assert_non_null(strstr(text, "drained"));
        free(text);
        text = shown(&facts, RENDER_JSON, false);
        json_t *root = json_loads(text, 0, NULL), *lanes = json_object_get(root, "lanes");
        json_t *workers = json_object_get(root, "workers");
        assert_true(json_is_null(json_object_get(json_array_get(lanes, 0), "pin")));
        assert_string_equal(json_string_value(json_object_get(json_array_get(lanes, 1), "pin")), "w2");
        assert_true(json_is_true(json_object_get(json_array_get(workers, 0), "drained")));
        assert_true(json_is_false(json_object_get(json_array_get(workers, 1), "drained")));
        json_decref(root);
        free(text);
        facts_fini(&facts);
}

static void nothing_at_all(void **state) {
        (void)state;
        struct facts facts = {0};
        char *text = shown(&facts, RENDER_WIDE, false);
        assert_non_null(strstr(text, "ERR: no coordinator is alive"));
        assert_non_null(strstr(text, "no route is defined"));
        free(text);
        text = shown(&facts, RENDER_JSON, false);
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(root);
        assert_true(json_is_null(json_object_get(root, "leader")));
        assert_true(json_is_null(json_object_get(root, "facts_age_seconds")));
        json_decref(root);
        free(text);
}

/* What a peer wrote can neither move the cursor nor break a line nor make the
 * JSON invalid. */
static void hostile_text(void **state) {
        (void)state;
        static const char *const hostile[] = {"\x1b[2J\x1b[1;1Hall is well", "a\nb\rc\td", "\xff\xfe",
                                              ("\xc2\x9b" "31m"), "\"quoted\\", ("\xe2\x80\xae" "rtl")};
        for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
                struct facts facts = {0};
                struct row row = {0, 5, 0, STATUS_HALTED, 1, 1, 0, hostile[i]};
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", hostile[i]);
                add_lane(&facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 1);
                add_report(&facts, "w1", "i1", 0, 1, 0, &row, 1);
                for (int format = RENDER_TABLE; format <= RENDER_WIDE; format++) {
                        char *text = shown(&facts, (enum render_format)format, false);
                        for (const char *c = text; *c; c++)
                                if (*c != '\n' && (*c < 0x20 || *c > 0x7e))
                                        fail_msg("hostile %zu: byte %02x", i, (unsigned char)*c);
                        free(text);
                }
                char *text = shown(&facts, RENDER_JSON, false);
                json_error_t error;
                json_t *root = json_loads(text, 0, &error);
                if (!root) fail_msg("hostile %zu: %s", i, error.text);
                assert_null(strchr(text, '\x1b'));
                json_decref(root);
                free(text);
                facts_fini(&facts);
        }
}

static void colours(void **state) {
        (void)state;
        struct facts facts = {0};
        add_good(&facts);
        halted(&facts);
        char *plain = shown(&facts, RENDER_WIDE, false), *coloured = shown(&facts, RENDER_WIDE, true);
        assert_null(strchr(plain, '\x1b'));
        assert_non_null(strstr(coloured, "\x1b[31mERR\x1b[0m"));
        assert_non_null(strstr(coloured, "\x1b[31mHALTED\x1b[0m"));
        assert_non_null(strstr(coloured, "\x1b[32mRUNNING\x1b[0m"));
        /* Without the colours it is the same text: alignment does not suffer. */
        char *to = coloured;
        for (const char *from = coloured; *from;)
                if (*from == '\x1b') from = strchr(from, 'm') + 1;
                else *to++ = *from++;
        *to = '\0';
        assert_string_equal(coloured, plain);
        free(plain);
        free(coloured);
        char *json = shown(&facts, RENDER_JSON, true);
        assert_null(strchr(json, '\x1b'));
        free(json);
        facts_fini(&facts);
}

static void json_schema(void **state) {
        (void)state;
        struct facts facts = {0};
        add_good(&facts);
        topic_parked(&facts);
        owner_died(&facts);
        char *text = shown(&facts, RENDER_JSON, false);
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "schema")), RENDER_SCHEMA);
        json_t *health = json_object_get(root, "health");
        assert_string_equal(json_string_value(json_object_get(health, "level")), "WARN");
        assert_int_equal(json_array_size(json_object_get(health, "reasons")), 2);
        assert_string_equal(
                json_string_value(json_object_get(json_object_get(root, "leader"), "id")), "c1");
        assert_int_equal(json_array_size(json_object_get(root, "lanes")), 2);
        assert_int_equal(json_array_size(json_object_get(root, "workers")), 2);
        json_t *route = json_array_get(json_object_get(root, "routes"), 0);
        assert_int_equal(
                json_integer_value(json_object_get(json_object_get(route, "states"), "PARKED")), 4);
        assert_int_equal(json_integer_value(json_object_get(route, "lag")), 0);

        static const char *const fields[] = {"route", "topic", "partition", "lane", "worker",
                                             "state", "position", "end_offset", "lag",
                                             "lag_seconds", "rate", "error"};
        json_t *partitions = json_object_get(root, "partitions");
        assert_int_equal(json_array_size(partitions), 4);
        for (size_t i = 0; i < 4; i++)
                for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
                        assert_non_null(json_object_get(json_array_get(partitions, i), fields[k]));
        json_t *lost = json_array_get(partitions, 0), *running = json_array_get(partitions, 2);
        assert_string_equal(json_string_value(json_object_get(lost, "state")), "UNASSIGNED");
        static const char *const unknown[] = {"worker", "position", "end_offset", "lag",
                                              "lag_seconds", "error"};
        for (size_t k = 0; k < sizeof unknown / sizeof *unknown; k++)
                assert_true(json_is_null(json_object_get(lost, unknown[k])));
        assert_string_equal(json_string_value(json_object_get(running, "worker")), "w2");
        assert_true(json_is_integer(json_object_get(running, "position")));
        assert_int_equal(json_integer_value(json_object_get(running, "position")), 7);
        assert_true(json_is_real(json_object_get(running, "lag_seconds")));
        json_decref(root);
        free(text);
        facts_fini(&facts);
}

static void numbers(void **state) {
        (void)state;
        static const struct {
                int64_t lag;
                double seconds;
                const char *lag_text, *seconds_text;
        } rows[] = {
                {0, 0, " 0 ", " 0.0 s "},
                {999, 9.94, " 999 ", " 9.9 s "},
                {1000, 59.9, " 1,000 ", " 59 s "},
                {1234567, 100, " 1,234,567 ", " 1 min 40 s "},
                {1, 3599, " 1 ", " 59 min 59 s "},
                {1, 3600, " 1 ", " 1 h 00 min "},
                {1, 172800, " 1 ", " 2 d 00 h "},
                {INT64_MAX, 0, " 9,223,372,036,854,775,807 ", " 0.0 s "},
                {1, -1, " 1 ", " - "},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct facts facts = {0};
                struct row row = {0, 5, 0, STATUS_RUNNING, 0, rows[i].lag, rows[i].seconds, NULL};
                add_route(&facts, ROUTE, true, 1);
                add_worker(&facts, "w1", "i1", "host");
                add_lane(&facts, ROUTE, 0, 2, "w1", "i1", 5, 0, 1);
                add_report(&facts, "w1", "i1", 0, 1, 0, &row, 1);
                char *text = shown(&facts, RENDER_TABLE, false);
                char *line = strstr(text, "\neast->west");
                assert_non_null(line);
                line[1 + strcspn(line + 1, "\n")] = '\0';
                if (!strstr(line, rows[i].lag_text) || !strstr(line, rows[i].seconds_text))
                        fail_msg("row %zu: '%s'", i, line);
                free(text);
                facts_fini(&facts);
        }
}

static void tables(void **state) {
        (void)state;
        static const char *const headings[] = {"NAME", ">N", "LAST"};
        struct table *table = table_new(headings, 3);
        struct text out = {0};
        table_cell(table, TABLE_PLAIN, "%s", "a-long-name");
        table_cell(table, TABLE_RED, "%d", 5);
        table_cell(table, TABLE_PLAIN, "%s", "");
        table_cell(table, TABLE_PLAIN, "%s", "b");
        table_cell(table, TABLE_PLAIN, "%d", 12345);
        table_cell(table, TABLE_PLAIN, "%s", "x y");
        table_render(table, false, &out);
        assert_string_equal(out.data, "NAME             N  LAST\n"
                                      "a-long-name      5  -\n"
                                      "b            12345  x y\n");
        free(out.data);
        table_free(table);
        table_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(partition_states),
                cmocka_unit_test(halts_show_without_an_owner),
                cmocka_unit_test(unknown_offsets),
                cmocka_unit_test(chunks),
                cmocka_unit_test(a_lane_in_several_chunks),
                cmocka_unit_test(lanes_are_complete),
                cmocka_unit_test(who_leads),
                cmocka_unit_test(ages),
                cmocka_unit_test(order_is_irrelevant),
                cmocka_unit_test(health_rows),
                cmocka_unit_test(reasons_are_bounded),
                cmocka_unit_test(severe_reasons_have_their_place),
                cmocka_unit_test(text_table),
                cmocka_unit_test(halts_and_skips),
                cmocka_unit_test(pins_and_drained_workers),
                cmocka_unit_test(nothing_at_all),
                cmocka_unit_test(hostile_text),
                cmocka_unit_test(colours),
                cmocka_unit_test(json_schema),
                cmocka_unit_test(numbers),
                cmocka_unit_test(tables),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
