/* Everything is sorted first and found by binary search: a field has up to
 * 100,000 partitions, and `status` may run every second. */
#include "common/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/halt_text.h"
#include "common/lane_weight.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/report_join.h"

const char *status_state_name(enum status_state state) {
        static const char *const names[] = {"UNASSIGNED", "ASSIGNED", "RUNNING", "PAUSED",
                                            "DRAINING",   "HALTED",   "PARKED",  "STALLED"};
        return (size_t)state < sizeof names / sizeof *names ? names[state] : "?";
}

/* ---- facts ---- */

int facts_add(struct facts *facts, const struct fact *fact) {
        struct fact copy = *fact;

        if (facts->count == facts->room) {
                size_t room = facts->room ? facts->room * 2 : 64;
                struct fact *items = realloc(facts->items, room * sizeof *items);
                if (!items) goto nomem;
                facts->items = items;
                facts->room = room;
        }
        copy.path = strdup(fact->path);
        copy.name = strdup(fact->name);
        if (!copy.path || !copy.name) {
                free(copy.path);
                free(copy.name);
                goto nomem;
        }
        facts->items[facts->count++] = copy;
        return 0;
nomem:
        codec_free(fact->message);
        return ERR_NOMEM;
}

void facts_fini(struct facts *facts) {
        for (size_t i = 0; i < facts->count; i++) {
                free(facts->items[i].path);
                free(facts->items[i].name);
                codec_free(facts->items[i].message);
        }
        free(facts->items);
        memset(facts, 0, sizeof *facts);
}

/* Kind, name, number: one run per kind, in the order in which it is shown. */
static int fact_compare(const void *x, const void *y) {
        const struct fact *a = x, *b = y;
        if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
        int c = strcmp(a->name, b->name);
        if (c) return c;
        return a->number < b->number ? -1 : a->number > b->number;
}

static const struct fact *fact_find(const struct facts *facts, enum fact_kind kind,
                                    const char *name, uint32_t number) {
        struct fact key = {.kind = kind, .name = (char *)(uintptr_t)name, .number = number};
        return facts->count ? bsearch(&key, facts->items, facts->count, sizeof key, fact_compare)
                            : NULL;
}

static size_t count_of(const struct facts *facts, enum fact_kind kind) {
        size_t n = 0;
        for (size_t i = 0; i < facts->count; i++) n += facts->items[i].kind == kind;
        return n;
}

/* ---- reports ---- */

/* Rows of all usable reports, to be found by lane. */
struct reported_lane {
        const char *worker;
        const Heliostat__Pb__LaneReport *lane;
        int64_t age_ms;
        bool stale;
};

struct reports {
        struct reported_lane *lanes;
        size_t count;
};

static int reported_compare(const void *x, const void *y) {
        const struct reported_lane *a = x, *b = y;
        int c = strcmp(a->lane->route, b->lane->route);
        if (c) return c;
        if (a->lane->lane != b->lane->lane) return a->lane->lane < b->lane->lane ? -1 : 1;
        return strcmp(a->worker, b->worker);
}

static const struct reported_lane *reported_find(const struct reports *reports, const char *route,
                                                 uint32_t lane, const char *worker) {
        Heliostat__Pb__LaneReport row = HELIOSTAT__PB__LANE_REPORT__INIT;
        struct reported_lane key = {.worker = worker, .lane = &row};
        row.route = (char *)(uintptr_t)route;
        row.lane = lane;
        return reports->count ? bsearch(&key, reports->lanes, reports->count, sizeof key,
                                        reported_compare)
                              : NULL;
}

static const Heliostat__Pb__PartitionReport *reported_partition(
        const Heliostat__Pb__LaneReport *lane, const char *topic, uint32_t partition,
        size_t *hint) {
        /* A report lists them in the order of the record, mostly: start where
         * the last one was found. */
        for (size_t i = 0; i < lane->n_partitions; i++) {
                size_t at = (*hint + i) % lane->n_partitions;
                const Heliostat__Pb__PartitionReport *p = lane->partitions[at];
                if (p->partition == partition && strcmp(p->topic, topic) == 0) {
                        *hint = at + 1;
                        return p;
                }
        }
        return NULL;
}

static int64_t age(int64_t now_ms, int64_t then_ms) {
        return now_ms > then_ms ? now_ms - then_ms : 0;
}

/* Of a live worker's present incarnation, and of the chunks that count, which become one message. */
static int reports_join(const struct facts *facts, struct snapshot *s, int64_t stale_ms,
                        struct reports *out) {
        size_t room = 0;

        for (size_t i = 0; i < facts->count; i++)
                if (facts->items[i].kind == FACT_REPORT && facts->items[i].message)
                        room += ((Heliostat__Pb__Report *)facts->items[i].message)->n_lanes;
        out->count = 0;
        out->lanes = calloc(room ? room : 1, sizeof *out->lanes);
        if (!out->lanes) return ERR_NOMEM;
        for (size_t w = 0; w < s->worker_count; w++) {
                struct status_worker *worker = &s->workers[w];
                const struct fact *first = fact_find(facts, FACT_REPORT, worker->id, 0);
                if (!first) continue;
                Heliostat__Pb__Report *head = first->message;
                if (!head) {
                        worker->error = err_text(first->code);
                        continue;
                }
                if (strcmp(head->incarnation, worker->incarnation) != 0) continue;
                worker->report_age_ms = age(s->now_ms, first->modified_ms);
                /* in a large field the next one may come later */
                worker->stale = worker->report_age_ms > stale_ms && worker->report_age_ms > (int64_t)head->next_ms + 1000;
                worker->rate = head->records_rate;
                worker->bytes_rate = head->bytes_rate;
                worker->records_total = head->records_total;
                worker->config_version = head->config_version;
                worker->config_error = head->config_error;
                worker->config_read_ms = head->config_read_ms;
                if (worker->report_age_ms > s->facts_age_ms)
                        s->facts_age_ms = worker->report_age_ms;
                for (uint32_t chunk = 1; chunk < head->chunks; chunk++) {
                        const struct fact *fact = fact_find(facts, FACT_REPORT, worker->id, chunk);
                        Heliostat__Pb__Report *report = fact ? fact->message : NULL;
                        if (!report || strcmp(report->incarnation, worker->incarnation) != 0)
                                continue;
                        if (report_join(head, report)) return ERR_NOMEM;
                }
                for (size_t i = 0; i < head->n_lanes; i++)
                        out->lanes[out->count++] = (struct reported_lane){
                                .worker = worker->id,
                                .lane = head->lanes[i],
                                .age_ms = worker->report_age_ms,
                                .stale = worker->stale};
        }
        if (out->count) qsort(out->lanes, out->count, sizeof *out->lanes, reported_compare);
        return 0;
}

/* ---- the parts ---- */

static void leader_join(const struct facts *facts, struct snapshot *s) {
        const struct fact *fact = fact_find(facts, FACT_LEADER, "leader", 0);
        const Heliostat__Pb__Leader *leader = fact ? fact->message : NULL;

        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                if (f->kind != FACT_CANDIDATE) continue;
                s->candidates++;
                const Heliostat__Pb__Candidate *c = f->message;
                /* /leader stays when its writer dies: only a candidate that is
                 * alive leads. */
                if (!c || !leader || strcmp(c->id, leader->candidate) != 0) continue;
                s->leader = (struct status_leader){
                        .id = leader->candidate, .host = leader->host, .http = c->http, .pid = leader->pid,
                        .epoch = leader->epoch, .since_ms = leader->since_ms,
                        .age_ms = age(s->now_ms, leader->since_ms)};
        }
}

static const Heliostat__Pb__RouteNote *note_of(const struct facts *facts, const char *route) {
        const struct fact *fact = fact_find(facts, FACT_LEADER, "leader", 0);
        const Heliostat__Pb__Leader *leader = fact ? fact->message : NULL;
        for (size_t i = 0; leader && i < leader->n_notes; i++)
                if (strcmp(leader->notes[i]->route, route) == 0) return leader->notes[i];
        return NULL;
}

static struct status_route *route_find(struct snapshot *s, const char *name) {
        size_t low = 0, high = s->route_count;
        while (low < high) {
                size_t middle = (low + high) / 2;
                int c = strcmp(s->routes[middle].name, name);
                if (c == 0) return &s->routes[middle];
                if (c < 0) low = middle + 1;
                else high = middle;
        }
        return NULL;
}

static struct status_worker *worker_find(struct snapshot *s, const char *id) {
        size_t low = 0, high = s->worker_count;
        while (low < high) {
                size_t middle = (low + high) / 2;
                int c = strcmp(s->workers[middle].id, id);
                if (c == 0) return &s->workers[middle];
                if (c < 0) low = middle + 1;
                else high = middle;
        }
        return NULL;
}

static int route_compare(const void *x, const void *y) {
        return strcmp(((const struct status_route *)x)->name,
                      ((const struct status_route *)y)->name);
}

static int routes_join(const struct facts *facts, struct snapshot *s) {
        size_t parked = 0, room = count_of(facts, FACT_ROUTE);
        const char *last = "";

        /* Lanes of a route that was removed still show. */
        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                if (f->kind != FACT_LANE || strcmp(f->name, last) == 0) continue;
                last = f->name;
                room++;
        }
        s->routes = calloc(room ? room : 1, sizeof *s->routes);
        if (!s->routes) return ERR_NOMEM;
        last = "";
        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                bool orphan = f->kind == FACT_LANE && strcmp(f->name, last) != 0 &&
                              !fact_find(facts, FACT_ROUTE, f->name, 0);
                if (f->kind == FACT_LANE) last = f->name;
                if (f->kind != FACT_ROUTE && !orphan) continue;
                const Heliostat__Pb__Route *spec = orphan ? NULL : f->message;
                struct status_route *route = &s->routes[s->route_count++];
                const Heliostat__Pb__RouteNote *note = note_of(facts, f->name);
                *route = (struct status_route){
                        .name = f->name, .source = "", .destination = "",
                        .delivery_guarantee = "", .group_id = "", .error = "", .warning = "", .intake = "",
                        .lag = 0, .lag_seconds = SNAPSHOT_UNKNOWN,
                        .discovered_age_ms = SNAPSHOT_UNKNOWN, .removed = orphan};
                if (spec) {
                        route->source = spec->source;
                        route->destination = spec->destination;
                        route->enabled = codec_route_runs(spec);
                        route->intake = spec->intake;
                        route->pauses = spec->pauses;
                        route->pause_count = spec->n_pauses;
                        route->delivery_guarantee = spec->delivery_guarantee;
                        route->group_id = spec->group_id;
                        route->version = (uint32_t)f->version + 1;
                        route->changed_age_ms = age(s->now_ms, f->modified_ms);
                        route->lanes = spec->lanes;
                        struct topic_naming naming = TOPIC_NAMING_OF(spec);
                        char why[TOPIC_NAME_ERROR_MAX];
                        if (topic_namer_new(&naming, &route->namer, why) == ERR_NOMEM) return ERR_NOMEM;
                } else {
                        route->unreadable = !orphan;
                        route->error = orphan ? "the route was removed" : err_text(f->code);
                }
                if (!note) continue;
                if (!*route->error) route->error = note->error;
                route->warning = note->warning;
                if (note->discovered_ms > 0)
                        route->discovered_age_ms = age(s->now_ms, note->discovered_ms);
                route->parked_count = note->n_parked;
                route->parked_more = note->parked_more;
                parked += note->n_parked;
        }
        if (s->route_count)
                qsort(s->routes, s->route_count, sizeof *s->routes, route_compare);
        s->parked = calloc(parked ? parked : 1, sizeof *s->parked);
        if (!s->parked) return ERR_NOMEM;
        parked = 0;
        for (size_t r = 0; r < s->route_count; r++) {
                struct status_route *route = &s->routes[r];
                const Heliostat__Pb__RouteNote *note = note_of(facts, route->name);
                route->parked = s->parked + parked;
                for (size_t i = 0; i < route->parked_count; i++) {
                        s->parked[parked++] = (struct status_parked){note->parked[i]->topic,
                                                                     note->parked[i]->partitions,
                                                                     note->parked[i]->reason};
                        route->in_state[STATUS_PARKED] += note->parked[i]->partitions;
                }
        }
        return 0;
}

static int workers_join(const struct facts *facts, struct snapshot *s) {
        size_t room = count_of(facts, FACT_WORKER);

        s->workers = calloc(room ? room : 1, sizeof *s->workers);
        if (!s->workers) return ERR_NOMEM;
        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                if (f->kind != FACT_WORKER) continue;
                const Heliostat__Pb__Worker *spec = f->message;
                struct status_worker *worker = &s->workers[s->worker_count++];
                *worker = (struct status_worker){
                        .id = f->name, .incarnation = "", .host = "", .version = "", .http = "",
                        .zone = "", .error = "", .config_version = "", .config_error = "", .report_age_ms = SNAPSHOT_UNKNOWN,
                        .session_age_ms = age(s->now_ms, f->created_ms)};
                if (!spec) {
                        worker->unreadable = true;
                        worker->error = err_text(f->code);
                        continue;
                }
                worker->incarnation = spec->incarnation;
                worker->host = spec->host;
                worker->pid = spec->pid;
                worker->version = spec->version;
                worker->http = spec->http;
                worker->zone = spec->zone;
                worker->capacity = spec->capacity;
                worker->draining = spec->draining;
        }
        return 0;
}

static const char *record_state_name(Heliostat__Pb__LaneState state) {
        static const char *const names[] = {"FREE", "ASSIGNED", "OWNED", "REVOKING"};
        return (size_t)state < sizeof names / sizeof *names ? names[state] : "?";
}

static int partition_compare(const void *x, const void *y) {
        const struct status_partition *a = x, *b = y;
        int c = strcmp(a->route, b->route);
        if (!c) c = strcmp(a->topic, b->topic);
        if (c) return c;
        return a->partition < b->partition ? -1 : a->partition > b->partition;
}

static const char *halt_error(const Heliostat__Pb__Halt *halt) {
        if (halt->answer) return halt_answered_text(halt->answer);
        return *halt->reason ? halt->reason : halt_kind_text(halt->kind);
}

/* row: the owner's word, which says more than the record; NULL: there is none. */
static void halt_join(struct status_partition *p, const Heliostat__Pb__Lane *record,
                      const Heliostat__Pb__PartitionReport *row) {
        const Heliostat__Pb__Halt *halt = codec_lane_halt(record, p->topic, p->partition);
        if (!halt) return;
        p->halt = (struct status_halt){.kind = halt_kind_name(halt->kind),
                                       .answer = halt_answer_name(halt->answer),
                                       .reason = halt->reason, .from = halt->from, .to = halt->to,
                                       .since_ms = halt->since_ms};
        if (row) return;
        if (!halt->answer) p->state = STATUS_HALTED;
        p->error = halt_error(halt);
}

static void partition_join(struct snapshot *s, const struct status_lane *lane, const Heliostat__Pb__Lane *record,
                           struct status_worker *owner, const struct reported_lane *reported,
                           const char *topic, uint32_t number, size_t *hint) {
        struct status_partition *p = &s->partitions[s->partition_count++];
        const Heliostat__Pb__PartitionReport *row =
                reported ? reported_partition(reported->lane, topic, number, hint) : NULL;

        *p = (struct status_partition){
                .route = lane->route, .topic = topic, .partition = number, .lane = lane->lane,
                .worker = owner ? owner->id : NULL,
                .state = owner ? STATUS_ASSIGNED : STATUS_UNASSIGNED,
                .position = SNAPSHOT_UNKNOWN, .end_offset = SNAPSHOT_UNKNOWN,
                .lag = SNAPSHOT_UNKNOWN, .lag_seconds = SNAPSHOT_UNKNOWN, .error = "",
                .report_age_ms = SNAPSHOT_UNKNOWN};
        halt_join(p, record, row);
        if (!row) return;
        p->report_age_ms = reported->age_ms;
        p->stale = reported->stale;
        /* The codec has checked the range; the numbers are the same. */
        p->state = (enum status_state)row->state;
        p->position = row->position;
        p->end_offset = row->end_offset;
        if (row->position >= 0 && row->end_offset >= 0)
                p->lag = row->end_offset > row->position ? row->end_offset - row->position : 0;
        p->lag_seconds = row->lag_seconds >= 0 ? row->lag_seconds : SNAPSHOT_UNKNOWN;
        p->rate = row->rate > 0 ? row->rate : 0;
        p->error = row->error;
}

/* As the leader computes it. */
static uint32_t reported_weight(const Heliostat__Pb__LaneReport *report) {
        struct lane_load load = {report->n_partitions, report->bytes_rate, report->records_rate, 0};
        for (size_t i = 0; i < report->n_partitions; i++) {
                const Heliostat__Pb__PartitionReport *p = report->partitions[i];
                if ((p->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING ||
                     p->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED) && p->position >= 0 && p->end_offset > p->position)
                        load.lag += (uint64_t)(p->end_offset - p->position);
        }
        return lane_weight(&load);
}

static void lane_join(struct snapshot *s, const struct reports *reports, const struct fact *fact) {
        const Heliostat__Pb__Lane *record = fact->message;
        struct status_lane *lane = &s->lanes[s->lane_count++];
        struct status_worker *owner = NULL;
        const struct reported_lane *reported = NULL;

        *lane = (struct status_lane){.route = fact->name, .lane = fact->number,
                                     .record_state = "FREE", .error = ""};
        if (!record) {
                lane->unreadable = true;
                lane->record_state = "UNKNOWN";
                lane->error = err_text(fact->code);
                return;
        }
        lane->record_state = record_state_name(record->state);
        lane->generation = record->generation;
        lane->spec = record->spec;
        if (record->state != HELIOSTAT__PB__LANE_STATE__LANE_FREE) {
                lane->worker = record->owner;
                owner = worker_find(s, record->owner);
                if (owner && strcmp(owner->incarnation, record->incarnation) != 0) owner = NULL;
                lane->worker_live = owner != NULL;
        }
        if (owner) {
                owner->lanes++;
                reported = reported_find(reports, fact->name, fact->number, owner->id);
                /* Of an earlier ownership: says nothing about this one. */
                if (reported && reported->lane->generation != record->generation) reported = NULL;
        }
        if (reported) {
                lane->report_state = reported->lane->state;
                lane->route_version = reported->lane->route_version;
                struct status_route *route = route_find(s, fact->name);
                if (route && !reported->stale && lane->route_version && lane->route_version < route->version)
                        route->lanes_behind++;
                lane->error = reported->lane->error;
                lane->bytes_rate = reported->lane->bytes_rate;
                lane->records_rate = reported->lane->records_rate;
                if (reported->lane->measured && !reported->stale) lane->weight = reported_weight(reported->lane);
        }
        size_t hint = 0;
        for (size_t t = 0; t < record->n_topics; t++) {
                const Heliostat__Pb__LaneTopic *topic = record->topics[t];
                for (size_t i = 0; i < topic->n_partitions; i++)
                        partition_join(s, lane, record, owner, reported, topic->topic,
                                       topic->partitions[i]->partition, &hint);
                lane->partitions += topic->n_partitions;
        }
        if (owner) owner->partitions += lane->partitions;
        if (owner) owner->weight += lane->weight ? lane->weight : lane->partitions;
}

/* Every lane of a route, also one whose znode is not there yet. */
static int lanes_join(const struct facts *facts, const struct reports *reports,
                      struct snapshot *s) {
        size_t lanes = count_of(facts, FACT_LANE), partitions = 0;

        for (size_t r = 0; r < s->route_count; r++) lanes += s->routes[r].lanes;
        for (size_t i = 0; i < facts->count; i++) {
                const Heliostat__Pb__Lane *record = facts->items[i].message;
                if (facts->items[i].kind != FACT_LANE || !record) continue;
                for (size_t t = 0; t < record->n_topics; t++)
                        partitions += record->topics[t]->n_partitions;
        }
        s->lanes = calloc(lanes ? lanes : 1, sizeof *s->lanes);
        s->partitions = calloc(partitions ? partitions : 1, sizeof *s->partitions);
        if (!s->lanes || !s->partitions) return ERR_NOMEM;
        for (size_t r = 0; r < s->route_count; r++) {
                const struct status_route *route = &s->routes[r];
                size_t i = 0;
                uint32_t expected = 0;
                while (i < facts->count && !(facts->items[i].kind == FACT_LANE &&
                                             strcmp(facts->items[i].name, route->name) == 0))
                        i++;
                for (;;) {
                        bool here = i < facts->count && facts->items[i].kind == FACT_LANE &&
                                    strcmp(facts->items[i].name, route->name) == 0;
                        if (!here && expected >= route->lanes) break;
                        if (here && (facts->items[i].number <= expected ||
                                     expected >= route->lanes)) {
                                expected = facts->items[i].number + 1;
                                lane_join(s, reports, &facts->items[i++]);
                        } else {
                                s->lanes[s->lane_count++] = (struct status_lane){
                                        .route = route->name, .lane = expected++,
                                        .record_state = "FREE", .error = ""};
                        }
                }
        }
        if (s->partition_count)
                qsort(s->partitions, s->partition_count, sizeof *s->partitions,
                      partition_compare);
        return 0;
}

static int skip_compare(const void *x, const void *y) {
        const struct status_skip *a = x, *b = y;
        int c = strcmp(a->route, b->route);
        if (c) return c;
        if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms ? -1 : 1;
        c = strcmp(a->topic, b->topic);
        if (c) return c;
        if (a->partition != b->partition) return a->partition < b->partition ? -1 : 1;
        return a->from < b->from ? -1 : a->from > b->from;
}

static int skips_join(const struct facts *facts, struct snapshot *s) {
        size_t room = 0;

        for (size_t i = 0; i < facts->count; i++) {
                const Heliostat__Pb__Lane *record = facts->items[i].message;
                if (facts->items[i].kind == FACT_LANE && record) room += record->n_skips;
        }
        s->skips = calloc(room ? room : 1, sizeof *s->skips);
        if (!s->skips) return ERR_NOMEM;
        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                const Heliostat__Pb__Lane *record = f->message;
                if (f->kind != FACT_LANE || !record) continue;
                for (size_t k = 0; k < record->n_skips; k++) {
                        const Heliostat__Pb__Skip *skip = record->skips[k];
                        s->skips[s->skip_count++] = (struct status_skip){
                                .route = f->name, .lane = f->number, .topic = skip->topic,
                                .partition = skip->partition, .kind = halt_kind_name(skip->kind),
                                .answer = halt_answer_name(skip->answer), .from = skip->from,
                                .to = skip->to, .at_ms = skip->at_ms};
                }
        }
        if (s->skip_count) qsort(s->skips, s->skip_count, sizeof *s->skips, skip_compare);
        for (size_t i = 0; i < s->skip_count; i++) {
                struct status_route *route = route_find(s, s->skips[i].route); /* each lane's is there */
                if (!route->skip_count++) route->skips = &s->skips[i];
        }
        return 0;
}

static void routes_sum(struct snapshot *s) {
        const char *topic = NULL;
        struct status_route *route = NULL;

        for (size_t i = 0; i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                if (!route || strcmp(route->name, p->route) != 0) {
                        route = route_find(s, p->route); /* each lane's route is there */
                        topic = NULL;
                }
                if (!topic || strcmp(topic, p->topic) != 0) route->topics++;
                topic = p->topic;
                route->partitions++;
                route->in_state[p->state]++;
                if (p->lag >= 0) {
                        /* Each is below 2^63, their sum need not be. */
                        if (__builtin_add_overflow(route->lag, p->lag, &route->lag))
                                route->lag = INT64_MAX;
                        route->lag_known++;
                }
                if (p->lag_seconds > route->lag_seconds) route->lag_seconds = p->lag_seconds;
                route->rate += p->rate;
        }
}

static int lane_order(const void *x, const void *y) {
        const struct status_lane *a = x, *b = y;
        int c = strcmp(a->route, b->route);
        if (c) return c;
        return a->lane < b->lane ? -1 : a->lane > b->lane;
}

static void placement_join(const struct facts *facts, struct snapshot *s) {
        const struct fact *fact = fact_find(facts, FACT_PLACEMENT, "op", 0);
        const Heliostat__Pb__Placement *placement = fact ? fact->message : NULL;

        for (size_t i = 0; placement && i < placement->n_drained; i++) {
                struct status_worker *worker = worker_find(s, placement->drained[i]->worker);
                if (worker) worker->drained = true;
        }
        for (size_t i = 0; placement && i < placement->n_pins && s->lane_count; i++) {
                struct status_lane key = {.route = placement->pins[i]->route, .lane = placement->pins[i]->lane};
                struct status_lane *lane = bsearch(&key, s->lanes, s->lane_count, sizeof key, lane_order);
                if (lane) lane->pin = placement->pins[i]->worker;
        }
}

static int problems_join(const struct facts *facts, struct snapshot *s) {
        s->problems = calloc(facts->count ? facts->count : 1, sizeof *s->problems);
        if (!s->problems) return ERR_NOMEM;
        for (size_t i = 0; i < facts->count; i++) {
                const struct fact *f = &facts->items[i];
                if (f->code == 0 && f->kind != FACT_OTHER) continue;
                s->problems[s->problem_count++] = (struct status_problem){
                        f->path, f->code ? err_text(f->code) : "not one of Heliostat's"};
        }
        return 0;
}

static int events_join(const struct facts *facts, struct snapshot *s) {
        int rc = 0;
        for (size_t i = 0; i < facts->count && !rc; i++)
                if (facts->items[i].kind == FACT_EVENTS && facts->items[i].message)
                        rc = events_collect(facts->items[i].message, &s->events, &s->event_count);
        events_sort(s->events, &s->event_count);
        return rc;
}

int snapshot_build(struct facts *facts, int64_t now_ms, int64_t stale_ms, struct snapshot *out) {
        struct snapshot s = {.now_ms = now_ms, .facts_age_ms = SNAPSHOT_UNKNOWN};
        struct reports reports = {0};
        int rc;

        /* Ages are between ZooKeeper's clock and ours.  When ours is behind,
         * the newest fact was written now. */
        for (size_t i = 0; i < facts->count; i++)
                if (facts->items[i].modified_ms > s.now_ms) s.now_ms = facts->items[i].modified_ms;
        if (facts->count) qsort(facts->items, facts->count, sizeof *facts->items, fact_compare);
        s.initialized = fact_find(facts, FACT_META, "meta", 0) != NULL;
        leader_join(facts, &s);
        rc = routes_join(facts, &s);
        if (!rc) rc = workers_join(facts, &s);
        if (!rc) rc = reports_join(facts, &s, stale_ms, &reports);
        if (!rc) rc = lanes_join(facts, &reports, &s);
        if (!rc) rc = skips_join(facts, &s);
        if (!rc) placement_join(facts, &s);
        if (!rc) rc = events_join(facts, &s);
        if (!rc) rc = problems_join(facts, &s);
        free(reports.lanes);
        if (rc) {
                snapshot_fini(&s);
                return rc;
        }
        routes_sum(&s);
        *out = s;
        return 0;
}

void snapshot_fini(struct snapshot *snapshot) {
        for (size_t i = 0; i < snapshot->route_count; i++) topic_namer_free(snapshot->routes[i].namer);
        free(snapshot->routes);
        free(snapshot->workers);
        free(snapshot->lanes);
        free(snapshot->partitions);
        free(snapshot->events);
        free(snapshot->problems);
        free(snapshot->parked);
        free(snapshot->skips);
        memset(snapshot, 0, sizeof *snapshot);
}
