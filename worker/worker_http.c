/* What a worker serves: its metrics and its health.  All of it is made from what
 * the control loop knows already; the pumps' figures are those of the last
 * report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/halt_text.h"
#include "common/log.h"
#include "common/metrics_page.h"
#include "common/process_stats.h"
#include "common/snapshot.h"
#include "worker/health.h"
#include "worker/worker_internal.h"

/* ---- figures ---- */

void worker_note_snapshot(struct worker_lane *lane, const struct pump_snapshot *snapshot) {
        struct route_totals *route = totals_route(&lane->worker->totals, lane->route);
        pump_stats_merge(&route->stats, &snapshot->stats);
        for (size_t i = 0; i < snapshot->count; i++) {
                const struct pump_row *row = &snapshot->rows[i];
                if (!row->new_records) continue;
                struct topic_totals *topic = totals_topic(route, row->topic);
                topic->records += row->new_records;
                topic->bytes += row->new_bytes;
        }
}

static int64_t lag_of(const struct pump_row *row) {
        if (row->position < 0 || row->end_offset < 0) return -1;
        return row->end_offset > row->position ? row->end_offset - row->position : 0;
}

/* What a route's lanes have now. */
struct sums {
        size_t states[STATUS_STATES], lag_unknown, errors, blocked, limited;
        size_t lanes[8]; /* as lane_states */
        uint64_t lag_records, held_bytes, in_flight, queued, relayed;
        double lag_seconds;
};
static const char *const lane_states[] = {"WAITING", "OPENING", "READY", "RUNNING", "RECYCLING", "DRAINING", "STOPPING", "STOPPED"};

static void add_partition(struct metrics *m, uint32_t route, const struct pump_row *row) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", row->partition);
        uint32_t labels = metrics_labels_more(m, route, "topic", row->topic, "partition", number, NULL);
        int64_t lag = lag_of(row);
        metrics_add(m, METRIC_RECORDS, labels, (double)row->records);
        metrics_add(m, METRIC_BYTES, labels, (double)row->bytes);
        if (lag >= 0) metrics_add(m, METRIC_LAG_RECORDS, labels, (double)lag);
        if (row->lag_seconds >= 0) metrics_add(m, METRIC_LAG_SECONDS, labels, row->lag_seconds);
}

static void add_mm2(struct metrics *m, const Heliostat__Pb__Route *spec, const struct pump_row *row) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", row->partition);
        uint32_t labels = metrics_labels(m, "source", spec->source, "target", spec->destination, "topic",
                                         *row->target ? row->target : row->topic, "partition", number, NULL);
        metrics_add(m, METRIC_MM2_RECORD_COUNT, labels, (double)row->records);
        metrics_add(m, METRIC_MM2_RECORD_RATE, labels, row->rate);
        metrics_add(m, METRIC_MM2_BYTE_COUNT, labels, (double)row->bytes);
        metrics_add(m, METRIC_MM2_BYTE_RATE, labels, row->bytes_rate);
        if (!row->records) return;
        metrics_add(m, METRIC_MM2_LATENCY, labels, (double)row->latency.last);
        metrics_add(m, METRIC_MM2_LATENCY_MIN, labels, (double)row->latency.min);
        metrics_add(m, METRIC_MM2_LATENCY_MAX, labels, (double)row->latency.max);
        metrics_add(m, METRIC_MM2_LATENCY_AVG, labels, row->latency_avg_ms);
}

static void sum_lane(struct sums *sums, const struct worker_lane *lane) {
        const struct pump_snapshot *snapshot = lane->snapshot;
        const char *state = snapshot ? snapshot->state : lane_states[0];
        for (size_t i = 0; i < sizeof lane_states / sizeof *lane_states; i++)
                sums->lanes[i] += strcmp(lane_states[i], state) == 0;
        if (!snapshot) return;
        sums->errors += *snapshot->error != '\0';
        sums->blocked += snapshot->blocked;
        sums->limited += snapshot->limited;
        sums->relayed += snapshot->relayed;
        sums->held_bytes += snapshot->held_bytes;
        sums->in_flight += snapshot->in_flight_records;
        sums->queued += snapshot->queued_records;
        for (size_t i = 0; i < snapshot->count; i++) {
                const struct pump_row *row = &snapshot->rows[i];
                int64_t lag = lag_of(row);
                if (row->state >= 0 && row->state < STATUS_STATES) sums->states[row->state]++;
                if (lag < 0) sums->lag_unknown++;
                else sums->lag_records += (uint64_t)lag;
                if (row->lag_seconds > sums->lag_seconds) sums->lag_seconds = row->lag_seconds;
        }
}

static const Heliostat__Pb__Route *spec_of(const struct worker *worker, const char *route) {
        for (const struct worker_route *r = worker->routes; r; r = r->next)
                if (strcmp(r->name, route) == 0) return r->spec;
        return NULL;
}

static void add_topics(struct metrics *m, struct worker *worker, struct route_totals *route, uint32_t labels) {
        for (size_t i = 0; i < route->topic_capacity; i++) {
                struct topic_totals *topic = &route->topics[i];
                topic->lag_records = topic->partitions = 0;
                topic->lag_seconds = 0;
        }
        for (struct worker_lane *l = worker->lanes; l; l = l->next) {
                if (!l->snapshot || strcmp(l->route, route->name) != 0) continue;
                for (size_t i = 0; i < l->snapshot->count; i++) {
                        const struct pump_row *row = &l->snapshot->rows[i];
                        struct topic_totals *topic = totals_topic(route, row->topic);
                        int64_t lag = lag_of(row);
                        topic->partitions++;
                        if (lag > 0) topic->lag_records += (uint64_t)lag;
                        if (row->lag_seconds > topic->lag_seconds) topic->lag_seconds = row->lag_seconds;
                }
        }
        for (size_t i = 0; i < route->topic_capacity; i++) {
                const struct topic_totals *topic = &route->topics[i];
                if (!topic->name) continue;
                uint32_t more = metrics_labels_more(m, labels, "topic", topic->name, NULL);
                metrics_add(m, METRIC_RECORDS, more, (double)topic->records);
                metrics_add(m, METRIC_BYTES, more, (double)topic->bytes);
                if (!topic->partitions) continue;
                metrics_add(m, METRIC_LAG_RECORDS, more, (double)topic->lag_records);
                metrics_add(m, METRIC_LAG_SECONDS, more, topic->lag_seconds);
        }
}

static void add_route(struct metrics *m, struct worker *worker, struct route_totals *route,
                      const struct metrics_query *query) {
        const struct pump_stats *stats = &route->stats;
        const Heliostat__Pb__Route *spec = spec_of(worker, route->name);
        uint32_t labels = metrics_labels(m, "route", route->name, NULL);
        struct sums sums = {0};
        for (const struct worker_lane *l = worker->lanes; l; l = l->next)
                if (strcmp(l->route, route->name) == 0) sum_lane(&sums, l);

        if (query->granularity == GRANULARITY_ROUTE) {
                metrics_add(m, METRIC_RECORDS, labels, (double)stats->records);
                metrics_add(m, METRIC_BYTES, labels, (double)stats->bytes);
                metrics_add(m, METRIC_LAG_RECORDS, labels, (double)sums.lag_records);
                metrics_add(m, METRIC_LAG_SECONDS, labels, sums.lag_seconds);
        } else if (query->granularity == GRANULARITY_TOPIC) {
                add_topics(m, worker, route, labels);
        }
        for (const struct worker_lane *l = worker->lanes; l; l = l->next) {
                if (!l->snapshot || strcmp(l->route, route->name) != 0) continue;
                for (size_t i = 0; i < l->snapshot->count; i++) {
                        if (query->granularity == GRANULARITY_PARTITION) add_partition(m, labels, &l->snapshot->rows[i]);
                        if (query->mm2 && spec) add_mm2(m, spec, &l->snapshot->rows[i]);
                }
        }
        metrics_add(m, METRIC_LAG_UNKNOWN, labels, (double)sums.lag_unknown);
        for (int i = 0; i < STATUS_STATES; i++)
                metrics_add(m, METRIC_PARTITIONS, metrics_labels_more(m, labels, "state", status_state_name((enum status_state)i), NULL),
                            (double)sums.states[i]);
        for (size_t i = 0; i < sizeof lane_states / sizeof *lane_states; i++)
                metrics_add(m, METRIC_LANES, metrics_labels_more(m, labels, "state", lane_states[i], NULL), (double)sums.lanes[i]);
        metrics_add_histogram(m, METRIC_LATENCY, labels, &stats->latency);
        metrics_add_histogram(m, METRIC_COMMIT, labels, &stats->commit);
        metrics_add(m, METRIC_COMMIT_FAILURES, labels, (double)stats->commit_failures);
        metrics_add_histogram(m, METRIC_TXN, labels, &stats->txn);
        metrics_add_histogram(m, METRIC_TXN_COMMIT, labels, &stats->txn_commit);
        metrics_add(m, METRIC_TXN_FAILURES, labels, (double)stats->txn_failures);
        metrics_add(m, METRIC_RECYCLES, labels, (double)stats->recycles);
        for (int i = HALT_GAP; i <= HALT_CORRUPT; i++)
                metrics_add(m, METRIC_HALTS, metrics_labels_more(m, labels, "kind", halt_kind_name((Heliostat__Pb__HaltKind)i), NULL),
                            (double)stats->halts[i]);
        metrics_add(m, METRIC_DEAD_LETTERS, labels, (double)stats->dead_letters);
        for (int i = ANSWER_RETRY; i <= ANSWER_OFFSET; i++)
                metrics_add(m, METRIC_SKIPS, metrics_labels_more(m, labels, "answer", halt_answer_name((Heliostat__Pb__HaltAnswer)i), NULL),
                            (double)stats->answers[i]);
        metrics_add(m, METRIC_LANE_ERRORS, labels, (double)sums.errors);
        metrics_add(m, METRIC_MEMORY_HELD, labels, (double)sums.held_bytes);
        metrics_add(m, METRIC_IN_FLIGHT, labels, (double)sums.in_flight);
        metrics_add(m, METRIC_QUEUED, labels, (double)sums.queued);
        metrics_add(m, METRIC_BLOCKED, labels, (double)sums.blocked);
        metrics_add(m, METRIC_THROTTLED, labels, (double)stats->limited_us / 1e6);
        metrics_add(m, METRIC_RELAYED_PARTITIONS, labels, (double)sums.relayed);
        metrics_add(m, METRIC_LIMITED_LANES, labels, (double)sums.limited);
        if (spec)
                metrics_add(m, METRIC_ROUTE_INFO, metrics_labels_more(m, labels, "source", spec->source, "destination", spec->destination,
                                                                      "guarantee", spec->delivery_guarantee, NULL), 1);
}

static void fill(struct metrics *m, struct worker *worker, const struct metrics_query *query) {
        int64_t now = clock_boot_ms(), oldest = now;
        char name[24];
        for (struct route_totals *r = worker->totals.routes; r; r = r->next) add_route(m, worker, r, query);
        for (const struct worker_lane *l = worker->lanes; l; l = l->next)
                if (l->snapshot && l->snapshot->taken_ms < oldest) oldest = l->snapshot->taken_ms;
        metrics_add(m, METRIC_SNAPSHOT_AGE, METRICS_NO_LABELS, (double)(now - oldest) / 1000);
        metrics_add(m, METRIC_MEMORY_BUDGET, METRICS_NO_LABELS, (double)worker->config->worker_memory_budget_bytes);
        metrics_add(m, METRIC_REGISTERED, METRICS_NO_LABELS, worker->registered && worker->connected);
        metrics_add(m, METRIC_DRAINING, METRICS_NO_LABELS, worker->stopping);
        metrics_loop(m, "control", &worker->lag, now, WORKER_HOUSE_MS);
        for (unsigned i = 0; i < worker->data_loop_count; i++) {
                (void)snprintf(name, sizeof name, "data-%u", i);
                metrics_loop(m, name, &worker->data_loops[i].lag, now, DATA_LOOP_BEAT_MS);
        }
        metrics_zookeeper(m, &worker->zk_counts, worker->connected && !worker->finishing,
                          worker->zk && !worker->finishing ? zk_session_timeout_ms(worker->zk) : 0);
        process_metrics(m, "worker", worker->id);
}

static void on_metrics(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct metrics_query query;
        if (!metrics_query(request, &query, answer)) return;
        struct metrics *m = metrics_new();
        if (m) fill(m, ctx, &query);
        metrics_answer(m, answer);
}

/* ---- health ---- */

static void note_example(struct worker_example *example, const struct worker_lane *lane, const struct pump_row *row) {
        if (example->count++ && (example->error || !row->error)) return;
        *example = (struct worker_example){example->count, lane->route, row->topic, row->error, row->partition};
}

static void gather(struct worker *worker, struct worker_facts *facts) {
        int64_t now = clock_boot_ms();
        *facts = (struct worker_facts){
                .registered_once = worker->registered_once, .connected = worker->connected,
                .refused = worker->zk && !worker->finishing && zk_state(worker->zk) == ZK_REFUSED,
                .away_ms = now - worker->zk_lost_ms, .stopping = worker->stopping, .lanes_ran = worker->lanes_ran,
                .loop_count = worker->data_loop_count,
        };
        for (unsigned i = 0; i < worker->data_loop_count; i++) {
                int64_t still = now - atomic_load_explicit(&worker->data_loops[i].lag.beat_ms, memory_order_relaxed);
                if (still <= facts->stuck_ms) continue;
                facts->stuck_ms = still;
                facts->stuck_loop = i;
        }
        for (const struct worker_lane *l = worker->lanes; l; l = l->next) {
                facts->lanes++;
                facts->lanes_running += l->core.pump == LANE_PUMP_RUNNING;
                if (!l->snapshot) continue;
                if (*l->snapshot->error && facts->lane_errors.count++ == 0) {
                        facts->lane_errors.route = l->route;
                        facts->lane_errors.error = l->snapshot->error;
                }
                for (size_t i = 0; i < l->snapshot->count; i++) {
                        const struct pump_row *row = &l->snapshot->rows[i];
                        switch (row->state) {
                        case STATUS_ASSIGNED: note_example(&facts->waiting, l, row); break;
                        case STATUS_PARKED: note_example(&facts->parked, l, row); break;
                        case STATUS_HALTED: note_example(&facts->halted, l, row); break;
                        case STATUS_STALLED: note_example(&facts->stalled, l, row); break;
                        default: break;
                        }
                }
        }
}

void worker_note_lanes(struct worker *worker) {
        bool ran = worker->registered_once && worker->assign_read_ms;
        for (const struct worker_lane *l = worker->lanes; l; l = l->next) ran &= l->core.pump == LANE_PUMP_RUNNING;
        worker->lanes_ran |= ran;
}

static void on_livez(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct worker_facts facts;
        struct checks checks = {0};
        gather(ctx, &facts);
        worker_live(&facts, &checks);
        checks_answer(&checks, "livez", request, answer);
}

static void on_readyz(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct worker_facts facts;
        struct checks checks = {0};
        gather(ctx, &facts);
        worker_ready(&facts, &checks);
        checks_answer(&checks, "readyz", request, answer);
}

static void on_healthz(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct worker_facts facts;
        struct checks checks = {0};
        gather(ctx, &facts);
        worker_health(&facts, &checks);
        checks_answer(&checks, "healthz", request, answer);
}

/* ---- start ---- */

/* The first that matches. */
static const struct http_path paths[] = {
        {"/metrics", on_metrics, false},
        {"/livez", on_livez, true},
        {"/readyz", on_readyz, true},
        {"/healthz", on_healthz, true},
};

void worker_http_start(struct worker *worker) {
        char err[512];
        struct http_settings settings = {
                .listen = worker->config->worker_http_listen, .token = worker->config->http_token,
                .certificate = worker->config->http_tls_certificate, .key = worker->config->http_tls_key,
                .insecure = worker->config->http_insecure, .host = worker->host,
        };
        if (http_open(&worker->loop, &settings, paths, sizeof paths / sizeof *paths, worker, &worker->http, err, sizeof err))
                log_error("http.listen", "error=\"%s\" note=\"no metrics and no health; mirroring goes on\"", err);
}
