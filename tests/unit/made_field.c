#include "tests/unit/made_field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"

#define TEXT(s) ((char *)(uintptr_t)(s)) /* protobuf-c has no const strings */
#define ROUTE "east->west"
#define PER_TOPIC 20

static void check(int rc) {
        if (rc) abort();
}

/* As from the wire, so that it is freed as such. */
static void add(const struct made_field *field, struct facts *facts, enum fact_kind kind, const char *name,
                uint32_t number, void *message, int64_t age_ms) {
        void *data = NULL, *copy = NULL;
        size_t bytes;
        char path[256];
        check(codec_pack(message, &data, &bytes));
        switch (kind) {
        case FACT_META: check(codec_unpack_meta(data, bytes, (Heliostat__Pb__Meta **)&copy)); break;
        case FACT_LEADER: check(codec_unpack_leader(data, bytes, (Heliostat__Pb__Leader **)&copy)); break;
        case FACT_CANDIDATE: check(codec_unpack_candidate(data, bytes, (Heliostat__Pb__Candidate **)&copy)); break;
        case FACT_ROUTE: check(codec_unpack_route(data, bytes, (Heliostat__Pb__Route **)&copy)); break;
        case FACT_WORKER: check(codec_unpack_worker(data, bytes, (Heliostat__Pb__Worker **)&copy)); break;
        case FACT_LANE: check(codec_unpack_lane(data, bytes, (Heliostat__Pb__Lane **)&copy)); break;
        case FACT_REPORT: check(codec_unpack_report(data, bytes, (Heliostat__Pb__Report **)&copy)); break;
        case FACT_EVENTS: check(codec_unpack_events(data, bytes, (Heliostat__Pb__Events **)&copy)); break;
        default: abort();
        }
        free(data);
        (void)snprintf(path, sizeof path, "/%s/%u", name, number);
        struct fact fact = {.kind = kind, .path = path, .name = TEXT(name), .number = number, .message = copy,
                            .created_ms = field->now_ms - 3600000 - age_ms, .modified_ms = field->now_ms - age_ms};
        check(facts_add(facts, &fact));
}

static void add_route(const struct made_field *field, struct facts *facts, const char *source, const char *destination,
                      bool enabled, uint32_t lanes) {
        Heliostat__Pb__Route route = HELIOSTAT__PB__ROUTE__INIT;
        Heliostat__Pb__PauseRule pause = HELIOSTAT__PB__PAUSE_RULE__INIT, *pauses[] = {&pause};
        char name[64], group[80];
        (void)snprintf(name, sizeof name, "%s->%s", source, destination);
        (void)snprintf(group, sizeof group, "heliostat.%s", name);
        route.name = name;
        route.source = TEXT(source);
        route.destination = TEXT(destination);
        route.enabled = enabled;
        route.topics = TEXT(".*");
        route.lanes = lanes;
        route.group_id = group;
        route.delivery_guarantee = TEXT("exactly-once");
        route.offset_commit_interval_ms = 1000;
        route.refresh_topics_interval_s = 30;
        route.replication_factor = -1;
        pause.topics = TEXT("orders");
        pause.at_ms = field->now_ms - 600000;
        route.pauses = pauses;
        route.n_pauses = field->paused && enabled;
        add(field, facts, FACT_ROUTE, name, 0, &route, 86400000);
}

static const char *topic_name(size_t index, char *buf, size_t size) {
        static const char *const names[] = {"orders", "payments.settled", "inventory.stock-levels", "customers.profile",
                                            "shipments.tracking", "billing.invoices", "web.clickstream", "fraud.signals"};
        size_t count = sizeof names / sizeof *names;
        if (index < count) (void)snprintf(buf, size, "%s", names[index]);
        else (void)snprintf(buf, size, "%s.%03zu", names[index % count], index / count);
        return buf;
}

/* Many small lags and a few large ones. */
static double noise(size_t i) {
        uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
        x ^= x >> 29;
        x *= 0xbf58476d1ce4e5b9u;
        x ^= x >> 32;
        return (double)(x % 100000) / 100000;
}

struct lane {
        Heliostat__Pb__Lane record;
        Heliostat__Pb__LaneReport report;
};

static void fill_lanes(const struct made_field *field, struct facts *facts, struct lane *lanes, char (*ids)[32],
                       char (*incarnations)[32]) {
        static Heliostat__Pb__Halt halt = HELIOSTAT__PB__HALT__INIT;
        static Heliostat__Pb__Halt *halts[] = {&halt};
        size_t topics = (field->partitions + PER_TOPIC - 1) / PER_TOPIC;
        char name[64];

        for (uint32_t k = 0; k < field->lanes; k++) {
                size_t mine = 0, owner = field->workers ? k % field->workers : 0;
                struct lane *lane = &lanes[k];
                heliostat__pb__lane__init(&lane->record);
                heliostat__pb__lane_report__init(&lane->report);
                lane->record.state = field->workers ? HELIOSTAT__PB__LANE_STATE__LANE_OWNED : HELIOSTAT__PB__LANE_STATE__LANE_FREE;
                lane->record.owner = ids[owner];
                lane->record.incarnation = incarnations[owner];
                lane->record.generation = lane->report.generation = 3 + k % 4;
                lane->record.spec = 2;
                lane->report.route = TEXT(ROUTE);
                lane->report.lane = k;
                lane->report.state = TEXT("FLOWING");
                for (size_t i = k; i < field->partitions; i += field->lanes) mine++;
                lane->report.partitions = calloc(mine + 1, sizeof *lane->report.partitions);
                lane->record.topics = calloc(topics + 1, sizeof *lane->record.topics);
                for (size_t t = 0; t < topics; t++) {
                        Heliostat__Pb__LaneTopic *topic = calloc(1, sizeof *topic);
                        heliostat__pb__lane_topic__init(topic);
                        topic->topic = strdup(topic_name(t, name, sizeof name));
                        topic->partitions = calloc(PER_TOPIC, sizeof *topic->partitions);
                        for (size_t i = t * PER_TOPIC; i < (t + 1) * PER_TOPIC && i < field->partitions; i++) {
                                if (i % field->lanes != k) continue;
                                Heliostat__Pb__LanePartition *p = calloc(1, sizeof *p);
                                heliostat__pb__lane_partition__init(p);
                                p->partition = (uint32_t)(i % PER_TOPIC);
                                p->started = true;
                                topic->partitions[topic->n_partitions++] = p;

                                Heliostat__Pb__PartitionReport *r = calloc(1, sizeof *r);
                                double size = pow(noise(i), 12) * 400000 * (0.3 + field->wave);
                                heliostat__pb__partition_report__init(r);
                                r->topic = topic->topic;
                                r->partition = p->partition;
                                r->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING;
                                r->end_offset = 1000000 + (int64_t)(noise(i + 7) * 90000000);
                                r->position = r->end_offset - (int64_t)size;
                                r->lag_seconds = size < 1 ? 0 : size / 9000 + noise(i) / 5;
                                r->rate = noise(i + 3) * 40 * (0.5 + field->wave);
                                r->error = TEXT("");
                                if (field->paused && t == 0) r->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PAUSED;
                                if (field->halted && i == 3) {
                                        r->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED;
                                        r->error = TEXT(field->hostile ? MADE_FIELD_HOSTILE : MADE_FIELD_REASON);
                                        r->rate = 0;
                                        r->position = 100;
                                        r->end_offset = 84120;
                                        r->lag_seconds = 754;
                                        halt.topic = topic->topic;
                                        halt.partition = p->partition;
                                        halt.kind = HELIOSTAT__PB__HALT_KIND__HALT_GAP;
                                        halt.from = 100;
                                        halt.to = 120;
                                        halt.reason = TEXT(field->hostile ? MADE_FIELD_HOSTILE : MADE_FIELD_REASON);
                                        halt.since_ms = field->now_ms - 754000;
                                        lane->record.halts = halts;
                                        lane->record.n_halts = 1;
                                }
                                lane->report.partitions[lane->report.n_partitions++] = r;
                        }
                        if (topic->n_partitions) {
                                lane->record.topics[lane->record.n_topics++] = topic;
                        } else {
                                free(topic->topic);
                                free(topic->partitions);
                                free(topic);
                        }
                }
                add(field, facts, FACT_LANE, ROUTE, k, &lane->record, 60000);
        }
}

static void free_lanes(const struct made_field *field, struct lane *lanes) {
        for (uint32_t k = 0; k < field->lanes; k++) {
                struct lane *lane = &lanes[k];
                for (size_t i = 0; i < lane->report.n_partitions; i++) free(lane->report.partitions[i]);
                for (size_t t = 0; t < lane->record.n_topics; t++) {
                        Heliostat__Pb__LaneTopic *topic = lane->record.topics[t];
                        for (size_t i = 0; i < topic->n_partitions; i++) free(topic->partitions[i]);
                        free(topic->partitions);
                        free(topic->topic);
                        free(topic);
                }
                free(lane->report.partitions);
                free(lane->record.topics);
        }
        free(lanes);
}

/* In chunks, as a worker writes it. */
static void add_report(const struct made_field *field, struct facts *facts, struct lane *lanes, size_t worker,
                       const char *id, const char *incarnation) {
        enum { PER_CHUNK = 4 };
        Heliostat__Pb__LaneReport *mine[PER_CHUNK];
        int64_t age_ms = field->stale && worker + 1 == field->workers ? 61000 : 1200;
        uint32_t chunks = 0, chunk = 0, count = 0, all = 0;
        double rate = 0;

        for (uint32_t k = (uint32_t)worker; k < field->lanes; k += (uint32_t)field->workers) {
                all++;
                for (size_t i = 0; i < lanes[k].report.n_partitions; i++) rate += lanes[k].report.partitions[i]->rate;
        }
        chunks = all ? (all + PER_CHUNK - 1) / PER_CHUNK : 1;
        for (uint32_t k = (uint32_t)worker, n = 0; n < all || !chunk; k += (uint32_t)field->workers, n++) {
                if (n < all) mine[count++] = &lanes[k].report;
                if (count < PER_CHUNK && n + 1 < all) continue;
                Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT;
                report.worker = TEXT(id);
                report.incarnation = TEXT(incarnation);
                report.sent_ms = field->now_ms - age_ms;
                report.chunks = chunks;
                report.config_version = TEXT("9f2c41d07b6e3a55");
                report.records_rate = rate;
                report.bytes_rate = rate * 512;
                report.records_total = (uint64_t)(rate * 86400);
                report.lanes = mine;
                report.n_lanes = count;
                add(field, facts, FACT_REPORT, id, chunk++, &report, age_ms);
                count = 0;
        }
}

static void add_events(const struct made_field *field, struct facts *facts) {
        static const struct {
                enum event_kind kind;
                int64_t ago_ms, duration_ms;
                uint32_t count;
                const char *route, *subject, *reason, *detail;
        } rows[] = {
                {EVENT_APPLY, 9100000, -1, 1, ROUTE, ROUTE, "", "added"},
                {EVENT_LEADER, 7900000, -1, 1, "", "c1", "", "epoch 4"},
                {EVENT_JOIN, 5400000, -1, 1, "", "w2", "", "mirror-2.example"},
                {EVENT_MOVE, 5398000, 1240, 3, ROUTE, ROUTE " lanes 1 4 7", "balance", "w1 -> w2"},
                {EVENT_LEAVE, 1530000, -1, 1, "", "w3", "lost", ""},
                {EVENT_MOVE, 1529000, 870, 2, ROUTE, ROUTE " lanes 2 5", "owner-lost", "w3 -> w1"},
                {EVENT_JOIN, 1490000, -1, 1, "", "w3", "", "mirror-3.example"},
                {EVENT_HALT, 754000, -1, 1, ROUTE, ROUTE " orders-3", MADE_FIELD_REASON, "gap"},
        };
        enum { COUNT = sizeof rows / sizeof *rows };
        Heliostat__Pb__Events chunk = HELIOSTAT__PB__EVENTS__INIT;
        Heliostat__Pb__Event events[COUNT], *list[COUNT];

        for (size_t i = 0; i < COUNT; i++) {
                heliostat__pb__event__init(&events[i]);
                list[i] = &events[i];
                events[i].kind = (uint32_t)rows[i].kind;
                events[i].at_ms = field->now_ms - rows[i].ago_ms;
                events[i].duration_ms = rows[i].duration_ms;
                events[i].count = rows[i].count;
                events[i].of_route = TEXT(rows[i].route);
                events[i].subject = TEXT(rows[i].subject);
                events[i].reason = TEXT(rows[i].kind == EVENT_HALT && field->hostile ? MADE_FIELD_HOSTILE : rows[i].reason);
                events[i].detail = TEXT(rows[i].detail);
        }
        chunk.events = list;
        chunk.n_events = field->halted ? COUNT : COUNT - 1;
        add(field, facts, FACT_EVENTS, "0", 0, &chunk, 754000);
}

void made_field(const struct made_field *field, struct facts *out) {
        Heliostat__Pb__Meta meta = HELIOSTAT__PB__META__INIT;
        struct lane *lanes = calloc(field->lanes + 1, sizeof *lanes);
        char(*ids)[32] = calloc(field->workers + 1, sizeof *ids);
        char(*incarnations)[32] = calloc(field->workers + 1, sizeof *incarnations);

        if (!lanes || !ids || !incarnations) abort();
        meta.cluster_uuid = TEXT("00000000-0000-4000-8000-000000000001");
        add(field, out, FACT_META, "meta", 0, &meta, 86400000);
        if (field->led) {
                Heliostat__Pb__Leader leader = HELIOSTAT__PB__LEADER__INIT;
                Heliostat__Pb__Candidate candidate = HELIOSTAT__PB__CANDIDATE__INIT;
                Heliostat__Pb__RouteNote note = HELIOSTAT__PB__ROUTE_NOTE__INIT, *notes[] = {&note};
                leader.epoch = 4;
                leader.candidate = TEXT("c1");
                leader.host = TEXT("coordinator-1.example");
                leader.pid = 4242;
                leader.since_ms = field->now_ms - 8000000;
                note.route = TEXT(ROUTE);
                note.discovered_ms = field->now_ms - 9000;
                leader.notes = notes;
                leader.n_notes = field->lanes > 0;
                add(field, out, FACT_LEADER, "leader", 0, &leader, 0);
                candidate.id = TEXT("c1");
                candidate.host = TEXT("coordinator-1.example");
                add(field, out, FACT_CANDIDATE, "c-0000000001", 0, &candidate, 0);
        }
        if (field->lanes) add_events(field, out);
        if (field->lanes) add_route(field, out, "east", "west", true, field->lanes);
        if (field->disabled_route) add_route(field, out, "west", "archive", false, 4);
        for (size_t w = 0; w < field->workers; w++) {
                (void)snprintf(ids[w], sizeof *ids, "w%zu", w + 1);
                (void)snprintf(incarnations[w], sizeof *incarnations, "i%zu", w + 1);
        }
        fill_lanes(field, out, lanes, ids, incarnations);
        for (size_t w = 0; w < field->workers; w++) {
                Heliostat__Pb__Worker worker = HELIOSTAT__PB__WORKER__INIT;
                char host[40];
                if (field->lost && w + 1 == field->workers) continue;
                (void)snprintf(host, sizeof host, "mirror-%zu.example", w + 1);
                worker.id = ids[w];
                worker.incarnation = incarnations[w];
                worker.host = host;
                worker.pid = 1000 + (uint32_t)w;
                worker.capacity = 100;
                worker.version = TEXT("0.1.0");
                worker.zone = TEXT(w % 2 ? "b" : "a");
                add(field, out, FACT_WORKER, ids[w], 0, &worker, 7000000);
                add_report(field, out, lanes, w, ids[w], incarnations[w]);
        }
        free_lanes(field, lanes);
        free(ids);
        free(incarnations);
}
